//! A shop with an account at a fake gateway, people with consent, and the steps of a campaign.
#![allow(dead_code, reason = "each suite uses its own part")]

use optin106::clock::Clock;
use optin106::id::AccountId;
use optin106::keyring::Keyring;
use optin106::optin::{AccountSettings, AccountSignature};
use optin106::provider::Provider;
use optin106::provider::aliyun::Aliyun;
use optin106::provider::wire::{Http, HttpSettings};
use optin106::provider::yunpian::Yunpian;
use optin106::secret::Secret;
use optin106::store::SqliteStore;
use optin106::testing::ManualClock;
use optin106::testing::gateway::{FakeAliyun, FakeYunpian, Gateway, serve};
use optin106::{
    Days, Envelope, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop, ShopHandle, Timestamp,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const TEXT: &str = "双12今晚开抢，满200减25。";
pub(crate) const SIGNATURE: &str = "示例旗舰店";

pub(crate) fn at(s: &str) -> Timestamp {
    s.parse().unwrap()
}

/// 2026-12-11 10:00 in Beijing; whoever sleeps moves it on.
pub(crate) fn clock() -> ManualClock {
    ManualClock::new(at("2026-12-11T10:00:00+08:00")).auto()
}

pub(crate) fn phone(i: u64) -> Phone {
    format!("138{i:08}").parse().unwrap()
}

pub(crate) fn opt_in(phone: Phone) -> OptIn {
    let given = at("2026-11-01T10:00:00+08:00");
    OptIn::new(phone, [Purpose::Promotion], Method::UntickedCheckbox)
        .at(given)
        .notice(Notice::new("v1", "同意接收本店促销短信,每30天不超过4条,有效期12个月,回复R可随时拒收"))
        .promise(4, Days(30))
        .valid_until(given.plus_days(360))
        .evidence(Evidence::reference("page", "checkout#marketing-sms", [7; 32]))
}

pub(crate) fn envelope(id: impl Into<String>) -> Envelope {
    Envelope { source: "test".into(), event_id: id.into(), actor: "test".into() }
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: ManualClock,
    pub(crate) optin: Optin106,
    pub(crate) shop: ShopHandle,
    pub(crate) aliyun: Gateway,
    pub(crate) yunpian: Gateway,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_clock(clock()).await
    }

    pub(crate) async fn with_clock(clock: ManualClock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (aliyun, yunpian) = gateways();
        let optin = open(&db(&folder), &clock, 1).await;
        let shop = register(&optin, &aliyun, &yunpian, &clock).await;
        Self { folder, clock, optin, shop, aliyun, yunpian }
    }

    pub(crate) fn db(&self) -> PathBuf {
        db(&self.folder)
    }

    /// Numbers 0..n agree to promotions.
    pub(crate) async fn consents(&self, n: u64) {
        for i in 0..n {
            self.shop.record(opt_in(phone(i))).await.unwrap();
        }
    }

    /// How often each number was taken, by both platforms together.
    pub(crate) fn taken(&self) -> BTreeMap<u64, u64> {
        let mut taken = BTreeMap::new();
        for m in self.aliyun.accepted().iter().chain(&self.yunpian.accepted()) {
            *taken.entry(m.number).or_default() += 1;
        }
        taken
    }
}

pub(crate) fn db(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("shop.db")
}

pub(crate) fn gateways() -> (Gateway, Gateway) {
    let aliyun = FakeAliyun {
        key_id: "key".into(),
        key_secret: "secret".into(),
        signatures: vec![SIGNATURE.into()],
        templates: BTreeMap::from([("SMS_1".into(), format!("{TEXT}拒收请回复R"))]),
    };
    let yunpian = FakeYunpian {
        apikey: "apikey".into(),
        signatures: vec![SIGNATURE.into()],
        uid: true,
        ..FakeYunpian::default()
    };
    (Gateway::new(aliyun), Gateway::new(yunpian))
}

/// Opens the store of a file; every worker has random numbers of its own.
pub(crate) async fn open(db: &Path, clock: &ManualClock, seed: u64) -> Optin106 {
    let key = db.with_extension("key");
    let keyring = Keyring::open_or_create_file(key, &optin106::clock::SystemClock::new()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(clock.clone().seeded(seed));
    Optin106::open(SqliteStore::open_with(db, keyring, clock).unwrap()).await.unwrap()
}

pub(crate) async fn serve_gateway(gateway: &Gateway, clock: &ManualClock) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, gateway.clone(), Arc::new(clock.clone())));
    url
}

pub(crate) async fn register(optin: &Optin106, aliyun: &Gateway, yunpian: &Gateway, clock: &ManualClock) -> ShopHandle {
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let settings = |url: String| {
        HttpSettings::new().endpoint(url).loopback_only(true).timeout(std::time::Duration::from_millis(800))
    };
    let a = Http::new(
        Aliyun::new("key", Secret::new("secret")),
        settings(serve_gateway(aliyun, clock).await).connect_timeout(std::time::Duration::from_millis(300)),
        Arc::clone(&shared),
    );
    let y = Http::new(
        Yunpian::new(Secret::new("apikey")).uid(true),
        settings(serve_gateway(yunpian, clock).await).connect_timeout(std::time::Duration::from_millis(300)),
        shared,
    );
    add(optin, "aliyun", Arc::new(a.unwrap())).await;
    add(optin, "yunpian", Arc::new(y.unwrap())).await;
    let filed = AccountSignature::new(SIGNATURE).unwrap().template("SMS_1", format!("{TEXT}拒收请回复R"));
    let shop = Shop::new("shop-a", Owner::new("owner-1").unwrap(), SIGNATURE)
        .unwrap()
        .contact("400-000-0000")
        .at_account(account("aliyun"), filed);
    optin.shop(shop).await.unwrap()
}

pub(crate) async fn add(optin: &Optin106, name: &str, provider: Arc<dyn Provider>) {
    optin.add_account(&account(name), provider, AccountSettings::default().price(390)).await.unwrap();
}

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}
