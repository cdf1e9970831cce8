//! The store suite over a store of one's own: `cargo run --features testing --example own_store_suite`
//!
//! A store author writes `impl Store` and runs the suite over it; every sentence is a promise that the rest of this
//! crate rests on. Here the "own" store counts its calls and hands them to SQLite. In a test crate one line does it:
//! `optin106::store_suite!(mine, opener());` makes a `#[test]` of each sentence (`cargo test --features testing --example
//! own_store_suite` runs them). Give a part of a name to run some: `… --example own_store_suite -- budget`.

use optin106::campaign::audience::BoxError;
use optin106::clock::{Clock, SystemClock, Timestamp};
use optin106::entry::RequestState;
use optin106::facts::{OwnerKey, Person, ShopKey};
use optin106::id::{AccountId, CampaignName, Extension, OwnerId, Reference, Rid, ShopId};
use optin106::keyring::Keyring;
use optin106::policy::law::Code;
use optin106::store::*;
use optin106::testing::store_suite;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

static CALLS: AtomicU64 = AtomicU64::new(0);

/// The store under test.
#[derive(Debug)]
struct Counted(SqliteStore);

macro_rules! counted {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        #[async_trait::async_trait]
        impl Store for Counted {
            fn keyring(&self) -> &Arc<Keyring> {
                self.0.keyring()
            }

            fn clock(&self) -> &Arc<dyn Clock> {
                self.0.clock()
            }

            fn journal(&self, reference: Reference) -> Result<()> {
                self.0.journal(reference)
            }

            fn forget(&self, reference: Reference) {
                self.0.forget(reference);
            }

            $(async fn $name(&self, $($arg: $ty),*) -> Result<$out> {
                CALLS.fetch_add(1, Ordering::Relaxed);
                self.0.$name($($arg),*).await
            })*
        }
    };
}

counted! {
    put_shop(id: &ShopId, owner: &OwnerId, settings: String) -> ShopRow;
    shop(id: &ShopId) -> Option<ShopRow>;
    shop_by_key(key: ShopKey) -> Option<ShopRow>;
    shops() -> Vec<ShopRow>;
    merge_owners(from: &OwnerId, into: &OwnerId) -> ();
    put_account(id: &AccountId, settings: String, pace: u32) -> AccountRow;
    account(id: &AccountId) -> Option<AccountRow>;
    assign_extension(ask: ExtensionAsk) -> Assignment;
    release_extension(account: &AccountId, extension: &Extension, shop: ShopKey) -> Option<ExtensionRow>;
    extension(account: &AccountId, extension: &Extension) -> Option<ExtensionRow>;
    extensions(shop: ShopKey) -> Vec<ExtensionRow>;
    take_place(account: &AccountId, of: u16, holder: Reference) -> Option<Place>;
    keep_place(place: &Place) -> bool;
    leave_place(place: &Place) -> ();
    set_hold(on: Subject, reason: Option<String>) -> ();
    setting(name: &'static str) -> Option<String>;
    put_setting(name: &'static str, value: String) -> ();
    put_notice(hash: [u8; 32], version: String, text: String) -> ();
    notice(hash: [u8; 32]) -> Option<(String, String)>;
    change(lane: Lane, changes: Vec<Change>) -> Vec<Changed>;
    person(rid: Rid, shops: Vec<ShopKey>) -> Option<Loaded>;
    events(rid: Rid) -> Vec<EventRow>;
    events_of(kind: &'static str, after: i64, limit: usize) -> Vec<EventRow>;
    stopped_after(after: Option<Rid>, limit: usize) -> Vec<(Rid, Person)>;
    rebuild() -> u64;
    sends_of(rid: Rid) -> Vec<(OwnerKey, Timestamp)>;
    open_campaign(shop: ShopKey, name: &CampaignName, spec: Vec<u8>) -> CampaignRow;
    campaign(shop: ShopKey, name: &CampaignName) -> Option<CampaignRow>;
    campaign_by_key(key: CampaignKey) -> Option<CampaignRow>;
    plan(campaign: CampaignKey, rows: Vec<PlanRow>, refused: Vec<RefusedEntry>) -> ();
    plan_ready(campaign: CampaignKey, content: [u8; 32], entries: u64) -> CampaignRow;
    set_phase(campaign: CampaignKey, phase: Phase) -> Phase;
    scan(campaign: CampaignKey, after: Option<Rid>, limit: usize, facts_of: Option<ShopKey>) -> Vec<ScanRow>;
    refused_entries(campaign: CampaignKey, after: Option<u64>, limit: usize) -> Vec<RefusedEntry>;
    tally(campaign: CampaignKey) -> Vec<Tally>;
    tally_entries(campaign: CampaignKey) -> Vec<(Code, u64)>;
    claim(campaign: CampaignKey, most: usize) -> Vec<Lease>;
    beat(leases: Vec<Lease>) -> Vec<Lease>;
    release(leases: Vec<Lease>) -> ();
    begin(ask: BeginAsk) -> Begun;
    settle(done: Vec<Settlement>) -> Settled;
    recover() -> Recovered;
    planned(campaign: CampaignKey) -> (u64, Option<Timestamp>);
    open_requests(campaign: CampaignKey) -> u64;
    open_for(rid: Rid, owners: Vec<OwnerKey>) -> bool;
    expire(campaign: CampaignKey, code: Code) -> u64;
    close_unreported(now: Timestamp) -> u64;
    unknown_due(campaign: CampaignKey, limit: usize) -> Vec<UnknownRequest>;
    resolve(request: i64, rid: Option<Rid>, to: Resolution) -> u64;
    resolve_row(campaign: CampaignKey, rid: Rid, to: Resolution) -> u64;
    report(ask: ReportAsk) -> Joined;
    find(rid: Rid, from: Timestamp, to: Timestamp) -> Vec<(CampaignRow, ScanRow)>;
    senders(rid: Rid, account: Option<AccountId>, from: Timestamp) -> Vec<OwnerKey>;
    retain(messages_before: Timestamp) -> u64;
    destroy(rid: Rid, shops: Vec<ShopKey>, before: Timestamp) -> u64;
    request_state(reference: Reference) -> Option<RequestState>;
}

/// Opens one fresh database as often as a test asks: each call is another worker's store of it.
fn opener() -> std::result::Result<impl Fn(Arc<dyn Clock>) -> Arc<Counted> + Send + Sync + 'static, BoxError> {
    let folder = tempfile::tempdir()?;
    let keys = Keyring::generate(&SystemClock::new()).to_text();
    Ok(move |clock| {
        let keyring = Keyring::from_text(keys.expose()).expect("the keyring reads what it wrote");
        let store = SqliteStore::open_with(folder.path().join("store.db"), keyring, clock);
        Arc::new(Counted(store.expect("a fresh folder takes a database")))
    })
}

fn main() -> std::result::Result<(), BoxError> {
    let only = std::env::args().nth(1).unwrap_or_default();
    let mut out = std::io::stdout();
    let mut ran = 0;
    for (name, _) in store_suite::ALL.iter().filter(|(name, _)| name.contains(&only)) {
        // Panics, with what the store did, when it does not keep the promise.
        store_suite::run(name, opener()?);
        writeln!(out, "kept: {}", name.replace('_', " "))?;
        ran += 1;
    }
    if ran == 0 {
        return Err("no sentence of the suite has such a name".into());
    }
    writeln!(out, "\n{ran} promises kept, in {} calls of the store", CALLS.load(Ordering::Relaxed))?;
    Ok(())
}

#[cfg(test)]
optin106::store_suite!(counted_store, opener().unwrap());
