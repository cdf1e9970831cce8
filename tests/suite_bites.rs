//! Stores that are broken on purpose: the suite must notice every one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use optin106::clock::{Clock, SystemClock};
use optin106::keyring::Keyring;
use optin106::store::{SqliteStore, Store};
use optin106::testing::store_suite::{ALL, run};
use optin106::testing::{Break, Faulty};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

fn broken(promise: Option<Break>) -> impl Fn(Arc<dyn Clock>) -> Arc<Faulty> + Send + Sync + 'static {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keyring::generate(&SystemClock::new()).to_text();
    let first: Mutex<Option<Arc<Faulty>>> = Mutex::new(None);
    move |clock| {
        let keyring = Keyring::from_text(keys.expose()).unwrap();
        let inner: Arc<dyn Store> =
            Arc::new(SqliteStore::open_with(dir.path().join("store.db"), keyring, clock).unwrap());
        let mut first = first.lock().unwrap();
        let store = match (&*first, promise) {
            (Some(first), _) => Arc::new(first.beside(inner)),
            (None, Some(promise)) => Arc::new(Faulty::new(inner).breaks(promise)),
            (None, None) => Arc::new(Faulty::new(inner)),
        };
        // The first store stays open: only later ones may die.
        first.get_or_insert_with(|| Arc::clone(&store));
        store
    }
}

/// The tests that must notice; others may.
fn noticed_by(promise: Break) -> &'static [&'static str] {
    match promise {
        Break::ForgetsCharges => &["caps_hold_over_two_shops_that_begin_at_once", "merged_owners_share_stops_and_caps"],
        Break::ForgetsRepeats => &["a_change_with_the_same_event_returns_the_first_answer"],
        Break::GivesNothingBack => &["a_begin_charges_once_and_what_was_not_sent_gives_it_back"],
        Break::IgnoresHolds => &["a_hold_on_anything_blocks_the_begin"],
        Break::IgnoresRest => &["an_extension_is_one_shops_until_it_has_rested"],
        Break::IgnoresStops => &["a_stop_after_planning_blocks_the_begin", "no_begin_commits_after_an_opt_out"],
        Break::Overspends => &["a_budget_is_never_exceeded"],
        Break::ResendsUnknown => &["a_doubt_keeps_its_charge_and_is_never_begun_again"],
        Break::SharesLeases => &["a_worker_that_lost_its_lease_begins_nothing"],
        Break::SharesPlaces => &["no_more_connections_are_open_than_the_carrier_allows"],
        Break::SkipsJournal => &[
            "what_a_dead_worker_left_goes_where_the_journal_puts_it",
            "what_nobody_drives_goes_where_the_journal_puts_it",
        ],
        Break::SwapsVerdicts => &["verdicts_by_position_reach_their_people"],
        other => panic!("{other:?} is not noticed by any test"),
    }
}

#[test]
fn every_broken_promise_is_noticed() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let passes = |name: &str, promise| catch_unwind(AssertUnwindSafe(|| run(name, broken(promise)))).is_ok();
    let mut wrong = Vec::new();
    for promise in Break::ALL {
        for name in noticed_by(promise) {
            assert!(ALL.iter().any(|(n, _)| n == name), "no test {name}");
            if !passes(name, None) {
                wrong.push(format!("{name} fails over a sound store"));
            }
            if passes(name, Some(promise)) {
                wrong.push(format!("{promise:?} passes {name}"));
            }
        }
    }
    std::panic::set_hook(hook);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
