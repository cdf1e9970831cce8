//! A store that fails at call k, for every k: nothing leaves afterwards, and a clean run goes on where it stood.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test tells what it covered, and fails by panicking")]

mod mocked;

use mocked::{clock, copy, mock, plan_and_run, prepared, sqlite};
use optin106::Optin106;
use optin106::entry::State;
use optin106::store::StoreError;
use optin106::testing::Faulty;
use std::sync::Arc;

const PEOPLE: u64 = 40;

fn backend() -> StoreError {
    StoreError::Backend("injected".into())
}

async fn fails_at_every_call(error: fn() -> StoreError, from_then_on: bool, strict: bool) -> u64 {
    let base = prepared(PEOPLE).await;
    for k in 0.. {
        let (folder, clock) = (copy(&base), clock(k + 2));
        let mock = mock(&clock, 7);
        let inner = sqlite(folder.path(), &clock);
        let faulty = Faulty::new(Arc::clone(&inner));
        let faulty = Arc::new(if from_then_on { faulty.fails_from(k, error) } else { faulty.fails_at(k, error) });
        let done = plan_and_run(faulty.clone(), &mock, PEOPLE).await;
        if faulty.failed() == 0 {
            assert!(done.is_ok());
            assert_eq!(mock.sent().len() as u64, PEOPLE);
            return k;
        }
        if strict {
            assert!(done.is_err(), "the failure of call {k} was not told");
            assert_eq!(faulty.left_after_failure(), 0, "a call left after the failure of call {k}");
        }
        drop(faulty);
        let report = plan_and_run(Arc::clone(&inner), &mock, PEOPLE).await.unwrap();
        report.check().unwrap();
        assert_eq!(report.planned, PEOPLE);
        assert_eq!(report.figures.total(), PEOPLE, "after a failure at call {k}");
        for open in [State::Planned, State::Begun, State::Expired, State::Refused] {
            assert_eq!(report.figures.count(open), 0, "{open} after a failure at call {k}");
        }
        mock.assert_nobody_twice();
        assert_eq!(mock.sent().len() as u64, PEOPLE);
        let optin = Optin106::open_shared(inner, None).await.unwrap();
        mock.assert_every_message_has_live_opt_in(&optin).await;
        assert_eq!(optin.store().rebuild().await.unwrap(), 0);
    }
    unreachable!("a campaign has an end")
}

#[tokio::test]
async fn nothing_leaves_after_any_call_failed() {
    println!("{} calls failed", fails_at_every_call(backend, false, true).await);
}

#[tokio::test]
async fn nothing_leaves_once_the_store_is_gone() {
    println!("{} calls failed", fails_at_every_call(|| StoreError::Closed, true, true).await);
}

#[tokio::test]
async fn a_busy_store_costs_time_and_nothing_else() {
    println!("{} calls were busy", fails_at_every_call(|| StoreError::Busy, false, false).await);
}

#[tokio::test]
async fn everyone_is_reached_once_though_commits_lose_their_answers() {
    let base = prepared(PEOPLE).await;
    for seed in 1..12 {
        let (folder, clock) = (copy(&base), clock(seed));
        let mock = mock(&clock, 4);
        let store = Arc::new(Faulty::new(sqlite(folder.path(), &clock)).loses_commits(seed * 7919, 4));
        let mut tries = 0;
        let report = loop {
            match plan_and_run(store.clone(), &mock, PEOPLE).await {
                Ok(report) => break report,
                Err(_) if tries < 200 => tries += 1,
                Err(e) => panic!("{e}"),
            }
        };
        report.check().unwrap();
        mock.assert_nobody_twice();
        assert_eq!(report.figures.count(State::Accepted), PEOPLE, "seed {seed}");
        let inner = Optin106::open_shared(sqlite(folder.path(), &clock), None).await.unwrap();
        mock.assert_every_message_has_live_opt_in(&inner).await;
        assert_eq!(inner.store().rebuild().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn everyone_has_one_outcome_whatever_the_platform_does() {
    let base = prepared(PEOPLE).await;
    for seed in 1..25 {
        let (folder, clock) = (copy(&base), clock(seed));
        let mock = mock(&clock, 3).random(seed);
        let report = plan_and_run(sqlite(folder.path(), &clock), &mock, PEOPLE).await.unwrap();
        report.check().unwrap();
        mock.assert_nobody_twice();
        mock.assert_every_text_ends_with_the_words();
        assert_eq!(report.figures.count(State::Planned) + report.figures.count(State::Begun), 0, "seed {seed}");
        // Whoever the platform took is told as taken, or in doubt.
        let doubt = report.figures.count(State::Unknown);
        let told = report.figures.count(State::Accepted);
        let sent = mock.sent().len() as u64;
        assert!(told <= sent && sent <= told + doubt, "seed {seed}: {told} of {sent}, {doubt} in doubt");
    }
}
