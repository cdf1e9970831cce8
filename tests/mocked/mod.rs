//! A shop over the embedded store and the mock provider; prepared once, copied for each case.
#![allow(clippy::unwrap_used, dead_code, reason = "each suite uses its own part, and fails by panicking")]

use optin106::campaign::{Campaign, Report};
use optin106::clock::{Clock, SystemClock};
use optin106::id::{AccountId, ShopId};
use optin106::keyring::Keyring;
use optin106::optin::AccountSettings;
use optin106::store::{SqliteStore, Store};
use optin106::testing::{ManualClock, MockProvider};
use optin106::{Days, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop, ShopHandle, Timestamp};
use std::path::Path;
use std::sync::Arc;

pub(crate) const NAME: &str = "double12";

pub(crate) fn clock(seed: u64) -> ManualClock {
    let noon: Timestamp = "2026-12-11T10:00:00+08:00".parse().unwrap();
    ManualClock::new(noon).auto().seeded(seed)
}

pub(crate) fn phone(i: u64) -> Phone {
    Phone::from_u64(13_800_000_000 + i).unwrap()
}

pub(crate) fn account() -> AccountId {
    AccountId::new("mock-1").unwrap()
}

pub(crate) fn opt_in(phone: Phone) -> OptIn {
    let given: Timestamp = "2026-11-01T10:00:00+08:00".parse().unwrap();
    OptIn::new(phone, [Purpose::Promotion], Method::UntickedCheckbox)
        .at(given)
        .notice(Notice::new("v1", "同意接收本店促销短信,每30天不超过4条,回复R可随时拒收"))
        .promise(4, Days(30))
        .valid_until(given.plus_days(360))
        .evidence(Evidence::reference("page", "checkout", [7; 32]))
}

pub(crate) fn sqlite(folder: &Path, clock: &ManualClock) -> Arc<dyn Store> {
    let keyring = Keyring::open_or_create_file(folder.join("shop.key"), &SystemClock::new()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Arc::new(SqliteStore::open_with(folder.join("shop.db"), keyring, clock).unwrap())
}

/// A database with a shop and `people` that agreed.
pub(crate) async fn prepared(people: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let optin = Optin106::open_shared(sqlite(folder.path(), &clock(1)), None).await.unwrap();
    let shop = Shop::new("shop-a", Owner::new("owner-1").unwrap(), "示例旗舰店").unwrap();
    let shop = optin.shop(shop).await.unwrap();
    for i in 0..people {
        shop.record(opt_in(phone(i))).await.unwrap();
    }
    folder
}

/// The same once more.
pub(crate) fn copy(of: &tempfile::TempDir) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in ["shop.db", "shop.db-wal", "shop.key"] {
        if of.path().join(name).exists() {
            std::fs::copy(of.path().join(name), to.path().join(name)).unwrap();
        }
    }
    to
}

pub(crate) fn mock(clock: &ManualClock, per_request: u16) -> MockProvider {
    MockProvider::new("mock").profile(|p| p.same_text_max = per_request).clock(Arc::new(clock.clone()))
}

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

pub(crate) async fn enter(store: Arc<dyn Store>, mock: &MockProvider) -> Outcome<(Optin106, ShopHandle)> {
    let optin = Optin106::open_shared(store, None).await?;
    optin.add_account(&account(), Arc::new(mock.clone()), AccountSettings::default().price(390)).await?;
    let shop = optin.shop_by_id(&ShopId::new("shop-a")?).await?;
    Ok((optin, shop))
}

/// The campaign to people 0..n, one of them twice.
pub(crate) async fn plan(shop: &ShopHandle, people: u64) -> Outcome<Campaign> {
    let audience: Vec<Phone> = (0..people).chain([0]).map(phone).collect();
    let audience = optin106::Audience::iter(audience);
    Ok(shop.campaign(NAME, Purpose::Promotion).text("双12今晚开抢，满200减25。").via(account()).plan(audience).await?)
}

pub(crate) async fn plan_and_run(store: Arc<dyn Store>, mock: &MockProvider, people: u64) -> Outcome<Report> {
    let (_, shop) = enter(store, mock).await?;
    Ok(plan(&shop, people).await?.run().await?)
}
