//! Death at every await: a job is dropped after its i-th wait, for every i, and done again on the same file by another
//! worker. At the platform, which lives on, nobody got two.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test tells what it covered, and fails by panicking")]

mod mocked;

use mocked::{Outcome, account, clock, copy, enter, mock, phone, plan, prepared, sqlite};
use optin106::clock::Clock;
use optin106::entry::State;
use optin106::inbound::{Inbound, Reply};
use optin106::optin::{OptOut, StopScope, Via};
use optin106::provider::{Blame, Consequence};
use optin106::store::Store;
use optin106::testing::mock::Fault;
use optin106::testing::{Faulty, ManualClock, MockProvider};
use optin106::{Envelope, Optin106};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

const PEOPLE: u64 = 12;
/// Refuses before the run; nothing may ever leave to this person.
const STOPPED: u64 = 3;
/// Replies R after the run.
const REPLIES: u64 = 5;

/// A future that is dropped after so many waits: `None` then.
struct Cut<F> {
    inner: Option<Pin<Box<F>>>,
    left: usize,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        match inner.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.left == 0 => {
                self.inner = None;
                Poll::Ready(None)
            }
            Poll::Pending => {
                self.left -= 1;
                Poll::Pending
            }
        }
    }
}

/// Everything that a campaign's life has: plan, a refusal, run, doubts, reports, a reply.
async fn life(store: Arc<dyn Store>, mock: &MockProvider, clock: &ManualClock) -> Outcome<()> {
    let (optin, shop) = enter(store, mock).await?;
    let campaign = plan(&shop, PEOPLE).await?;
    let envelope = Envelope { source: "page".into(), event_id: "stop-1".into(), actor: String::new() };
    let opt_out = OptOut::new(StopScope::Owner, Via::Page).envelope(envelope);
    shop.opt_out(phone(STOPPED), opt_out).await?.effective().await;
    campaign.run().await?;
    clock.advance(Duration::from_secs(61));
    campaign.settle_unknowns().await?;
    reports(&optin, mock, clock).await
}

async fn reports(optin: &Optin106, mock: &MockProvider, clock: &ManualClock) -> Outcome<()> {
    for sent in mock.sent() {
        let mut report = sent.report("DELIVRD", Some(true), clock.now());
        report.event_id = format!("{:x}", sent.phone.to_u64() ^ 0x5555);
        optin.take_in(&account(), "mock", Inbound::Report(report)).await?;
    }
    let reply = Reply {
        event_id: "reply-1".into(),
        phone: phone(REPLIES),
        text: "R".into(),
        extension: None,
        signature: Some("示例旗舰店".into()),
        at: clock.now(),
    };
    optin.take_in(&account(), "mock", Inbound::Reply(reply)).await?;
    Ok(())
}

fn script(mock: &MockProvider) {
    mock.next(Fault::Accept).next(Fault::UnknownTaken).next(Fault::Unsent).next(Fault::Partial(1)).next(Fault::Reject(
        Blame::Account,
        Consequence::None,
        "balance",
    ));
}

async fn dead(store: std::sync::Weak<Faulty>) {
    // What was handed to another task ends by itself.
    for _ in 0..2_000 {
        if store.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("somebody holds the store of a dead worker");
}

// Two halves, so that they run beside each other.
#[tokio::test]
async fn a_worker_may_die_at_any_even_wait() {
    println!("{} cut points", dies_at_every_second_wait(0).await);
}

#[tokio::test]
async fn a_worker_may_die_at_any_odd_wait() {
    println!("{} cut points", dies_at_every_second_wait(1).await);
}

async fn dies_at_every_second_wait(first: usize) -> usize {
    let base = prepared(PEOPLE).await;
    for i in (first..).step_by(2) {
        let (folder, clock) = (copy(&base), clock(i as u64 + 2));
        let mock = mock(&clock, 3);
        script(&mock);
        let store = Arc::new(Faulty::new(sqlite(folder.path(), &clock)).yields(1));
        let weak = Arc::downgrade(&store);
        let done = Cut { inner: Some(Box::pin(life(store, &mock, &clock))), left: i }.await;
        dead(weak).await;
        if let Some(done) = &done {
            done.as_ref().unwrap();
        }

        let store = sqlite(folder.path(), &clock);
        life(Arc::clone(&store), &mock, &clock).await.unwrap_or_else(|e| panic!("cut {i}: {e}"));
        let (optin, shop) = enter(Arc::clone(&store), &mock).await.unwrap();
        let campaign = plan(&shop, PEOPLE).await.unwrap();
        // Proof of absence comes after an hour; what it plans again is run.
        clock.advance(Duration::from_secs(3_700));
        campaign.settle_unknowns().await.unwrap();
        campaign.run().await.unwrap();
        reports(&optin, &mock, &clock).await.unwrap();

        let report = campaign.report().await.unwrap();
        report.check().unwrap();
        assert_eq!(report.figures.total(), PEOPLE, "cut {i}");
        mock.assert_nobody_twice();
        mock.assert_every_message_has_live_opt_in(&optin).await;
        assert!(mock.submitted().iter().all(|s| s.phone != phone(STOPPED)), "cut {i}: sent to who had refused");
        assert_eq!(report.figures.count(State::Delivered), mock.sent().len() as u64, "cut {i}: {:?}", report.figures);
        for state in [State::Planned, State::Begun, State::Accepted] {
            assert_eq!(report.figures.count(state), 0, "cut {i}: {state}");
        }
        assert_eq!(store.rebuild().await.unwrap(), 0, "cut {i}");
        if done.is_some() {
            assert!(i > 50, "only {i} waits");
            return i / 2;
        }
    }
    unreachable!("a life has an end")
}
