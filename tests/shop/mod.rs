//! A store with three shops of two owners, on a clock that stands.
#![allow(dead_code, unreachable_pub, missing_debug_implementations, clippy::unwrap_used)]

use optin106::clock::SystemClock;
use optin106::consent::{EvidenceRow, OptInRow, Promise};
use optin106::gate::{Case, Decision, judge};
use optin106::id::Rid;
use optin106::keyring::Keyring;
use optin106::store::SqliteStore;
use optin106::testing::ManualClock;
use optin106::{
    Days, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Policy, Purpose, Shop, ShopHandle, Timestamp,
};
use std::sync::Arc;

pub const NOTICE: &str = "同意接收本店促销短信,每30天不超过4条,有效期12个月,回复R可随时拒收";

pub struct World {
    pub optin: Optin106,
    pub shop: ShopHandle,
    /// Another shop of the same owner.
    pub sibling: ShopHandle,
    /// A shop of another owner.
    pub other: ShopHandle,
    pub clock: ManualClock,
    pub dir: tempfile::TempDir,
}

/// `hour` o'clock, `days` days after 2026-11-01, Beijing time.
pub fn at(days: u64, hour: u64) -> Timestamp {
    let start: Timestamp = "2026-11-01T00:00:00+08:00".parse().unwrap();
    start.plus(std::time::Duration::from_secs(days * 86_400 + hour * 3_600))
}

pub fn phone(n: u32) -> Phone {
    format!("138{n:08}").parse().unwrap()
}

pub fn opt_in(n: u32) -> OptIn {
    OptIn::new(phone(n), [Purpose::Promotion], Method::UntickedCheckbox)
        .at(at(1, 9))
        .notice(Notice::new("v1", NOTICE))
        .promise(4, Days(30))
        .valid_until(at(2_000, 0))
        .evidence(Evidence::reference("page", "checkout#sms", [7; 32]))
}

pub fn row() -> OptInRow {
    OptInRow {
        purposes: vec!["promotion".into()],
        at: Some(at(1, 9)),
        notice: Some(Notice::new("v1", NOTICE)),
        promise: Some(Promise { max: 4, days: 30 }),
        valid_until: Some(at(300, 0)),
        evidence: vec![EvidenceRow { kind: "page".into(), reference: "checkout".into(), sha256: "07".repeat(32) }],
        ..OptInRow::default()
    }
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(at(1, 10)).auto();
        let keyring = Keyring::generate(&SystemClock::new());
        let store = SqliteStore::open_with(dir.path().join("shop.db"), keyring, Arc::new(clock.clone())).unwrap();
        let optin = Optin106::open(store).await.unwrap();
        let one = Owner::new("91330100MA00000001").unwrap();
        let two = Owner::new("91330100MA00000002").unwrap();
        let shop = optin.shop(Shop::new("shop-a", one.clone(), "示例旗舰店").unwrap().contact("400-000-0000"));
        let shop = shop.await.unwrap();
        let sibling = optin.shop(Shop::new("shop-a2", one, "示例专营店").unwrap()).await.unwrap();
        let other = optin.shop(Shop::new("shop-b", two, "样品小铺").unwrap()).await.unwrap();
        Self { optin, shop, sibling, other, clock, dir }
    }

    pub fn rid(&self, n: u32) -> Rid {
        self.optin.store().keyring().rid(phone(n))
    }

    pub fn clock_now(&self) -> Timestamp {
        use optin106::clock::Clock;
        self.clock.now()
    }

    /// What the gate says of a promotion of this shop to this person, now.
    pub async fn decide(&self, shop: &ShopHandle, n: u32) -> Result<(), String> {
        let policy = Policy::china_default();
        let row = self.optin.store().shop(shop.id()).await.unwrap().unwrap();
        let case = Case {
            owners: &row.owners,
            purpose: Purpose::Promotion,
            personalised: false,
            sensitive: false,
            policy: &policy,
        };
        let facts = self.optin.facts_at(phone(n), self.clock_now()).await.unwrap();
        match judge(&facts.of(shop), &case, self.clock_now()) {
            Decision::Go(_) => Ok(()),
            Decision::Later { code, .. } => Err(code.as_str().into()),
            Decision::Refused(r) => Err(r.code.as_str().into()),
        }
    }

    pub async fn clears(&self, shop: &ShopHandle, n: u32) -> bool {
        self.decide(shop, n).await.is_ok()
    }
}
