//! A shop plugin tested in its own CI, without a network: `cargo run --features testing --example ci_with_mocks`
//!
//! The plugin is one function. The four cases below are what its CI asserts; each would be a `#[tokio::test]` in the
//! plugin's repository. The mock platform remembers what it was handed, the clock moves only when it is told to.

use optin106::campaign::{Campaign, CampaignError};
use optin106::clock::{Clock, SystemClock};
use optin106::entry::State;
use optin106::id::AccountId;
use optin106::keyring::Keyring;
use optin106::optin::{AccountSettings, OptOut, StopScope, Via};
use optin106::store::SqliteStore;
use optin106::testing::mock::Fault;
use optin106::testing::{ManualClock, MockProvider};
use optin106::{
    Audience, Days, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop, ShopHandle, Timestamp,
};
use std::io::Write;
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The code under test: what the plugin does when the merchant presses the button.
async fn festival(shop: &ShopHandle, name: &str, members: Vec<Phone>) -> std::result::Result<Campaign, CampaignError> {
    shop.campaign(name, Purpose::Promotion)
        .text("双12今晚0点开抢，满200减25")
        .via(AccountId::new("mock-1")?)
        .plan(Audience::iter(members))
        .await
}

/// A fresh store, a shop, a mock platform; five members, of whom number 4 never agreed.
struct World {
    clock: ManualClock,
    optin: Optin106,
    shop: ShopHandle,
    mock: MockProvider,
    members: Vec<Phone>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn at(now: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Whoever sleeps moves the time on, so that nothing here waits for real.
        let clock = ManualClock::new(now.parse()?).auto();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let keyring = Keyring::generate(&SystemClock::new());
        let store = SqliteStore::open_with(folder.path().join("shop.db"), keyring, Arc::clone(&shared))?;
        let optin = Optin106::open(store).await?;
        let mock = MockProvider::new("mock").clock(shared);
        optin.add_account(&AccountId::new("mock-1")?, Arc::new(mock.clone()), AccountSettings::default()).await?;
        let shop = optin.shop(Shop::new("shop-42", Owner::new("91330100MA00000001")?, "示例旗舰店")?).await?;
        let members: Vec<Phone> =
            (0..5u64).map(|i| format!("1380000000{i}").parse()).collect::<std::result::Result<_, _>>()?;
        for member in &members[..4] {
            shop.record(opt_in(*member, "2026-11-01T10:00:00+08:00".parse()?)).await?;
        }
        Ok(Self { clock, optin, shop, mock, members, _folder: folder })
    }

    /// What must hold after every run, whatever happened in it.
    async fn lawful(&self) {
        self.mock.assert_every_message_has_live_opt_in(&self.optin).await;
        self.mock.assert_every_text_ends_with_the_words();
        self.mock.assert_nobody_twice();
    }
}

fn opt_in(phone: Phone, at: Timestamp) -> OptIn {
    OptIn::new(phone, [Purpose::Promotion], Method::UntickedCheckbox)
        .at(at)
        .notice(Notice::new("v1", "同意接收本店促销短信，每30天不超过4条，回复R可随时拒收"))
        .promise(4, Days(30))
        .valid_until(at.plus_days(365))
        .evidence(Evidence::reference("page", "checkout#marketing-sms", [7; 32]))
}

async fn only_members_who_agreed_are_sent_to() -> Result<()> {
    let w = World::at("2026-12-12T10:00:00+08:00").await?;
    let report = festival(&w.shop, "agreed", w.members.clone()).await?.run().await?;
    assert_eq!(w.mock.sent().len(), 4);
    assert_eq!(report.figures.count(State::Accepted), 4);
    assert_eq!(report.reasons.get(&(State::Refused, "no_consent".into())), Some(&1));
    w.lawful().await;
    Ok(())
}

async fn a_refusal_before_the_run_is_kept() -> Result<()> {
    let w = World::at("2026-12-12T10:00:00+08:00").await?;
    let campaign = festival(&w.shop, "refusal", w.members.clone()).await?;
    // After planning, before sending: the member presses the switch in the shop.
    let stopped = w.shop.opt_out(w.members[0], OptOut::new(StopScope::Owner, Via::Page)).await?;
    assert!(stopped.effective().await >= stopped.recorded_at);
    campaign.run().await?;
    assert!(w.mock.sent().iter().all(|s| s.phone != w.members[0]));
    w.lawful().await;
    Ok(())
}

async fn a_platform_that_times_out_is_not_asked_to_send_again() -> Result<()> {
    let w = World::at("2026-12-12T10:00:00+08:00").await?;
    w.mock.next(Fault::UnknownTaken); // it took the messages, and its answer was lost
    let campaign = festival(&w.shop, "timeout", w.members.clone()).await?;
    campaign.run().await?;
    assert_eq!(w.mock.sent().len(), 4, "sent once, whatever the answer");
    w.clock.advance(std::time::Duration::from_secs(120));
    let doubts = campaign.settle_unknowns().await?; // asks; does not send
    assert_eq!(doubts.accepted, 4);
    assert_eq!(w.mock.calls(), 1);
    w.lawful().await;
    Ok(())
}

async fn nothing_leaves_at_night() -> Result<()> {
    let w = World::at("2026-12-12T21:00:00+08:00").await?;
    let campaign = w
        .shop
        .campaign("night", Purpose::Promotion)
        .text("双12今晚0点开抢，满200减25")
        .ends("2026-12-12T23:00:00+08:00".parse()?)
        .via(AccountId::new("mock-1")?)
        .plan(Audience::iter(w.members.clone()))
        .await?;
    let report = campaign.run().await?;
    w.mock.assert_nothing_sent();
    assert_eq!(report.figures.count(State::Expired) + report.figures.count(State::Refused), 5);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut out = std::io::stdout();
    only_members_who_agreed_are_sent_to().await?;
    writeln!(out, "ok: only members who agreed are sent to")?;
    a_refusal_before_the_run_is_kept().await?;
    writeln!(out, "ok: a refusal before the run is kept")?;
    a_platform_that_times_out_is_not_asked_to_send_again().await?;
    writeln!(out, "ok: a platform that times out is not asked to send again")?;
    nothing_leaves_at_night().await?;
    writeln!(out, "ok: nothing leaves at night")?;
    Ok(())
}
