//! The store suite: over the embedded store, over one behind a slow line, and over one that loses answers to COMMIT.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use optin106::clock::{Clock, SystemClock};
use optin106::keyring::Keyring;
use optin106::store::{SqliteStore, Store};
use optin106::store_suite;
use optin106::testing::Faulty;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Opens one fresh database again and again.
fn sqlite() -> impl Fn(Arc<dyn Clock>) -> Arc<SqliteStore> + Send + Sync + 'static {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keyring::generate(&SystemClock::new()).to_text();
    move |clock| {
        let keyring = Keyring::from_text(keys.expose()).unwrap();
        Arc::new(SqliteStore::open_with(dir.path().join("store.db"), keyring, clock).unwrap())
    }
}

store_suite!(plain, sqlite());

store_suite!(slow, {
    let open = sqlite();
    move |clock| Arc::new(Faulty::new(open(clock) as Arc<dyn Store>).delay(Duration::from_micros(200)))
});

store_suite!(lossy, {
    let open = sqlite();
    let seed = AtomicU64::new(11);
    move |clock| {
        let seed = seed.fetch_add(2, Ordering::Relaxed);
        Arc::new(Faulty::new(open(clock) as Arc<dyn Store>).loses_commits(seed, 5))
    }
});
