//! Begin and settle of 1,000 people, and how soon an opt-out is recorded while a campaign runs:
//! `cargo bench --bench store --all-features`. Prints one line of JSON per figure.

use futures_util::StreamExt;
use optin106::clock::{Clock, SystemClock};
use optin106::id::AccountId;
use optin106::keyring::Keyring;
use optin106::optin::{AccountSettings, OptOut, StopScope, Via};
use optin106::store::SqliteStore;
use optin106::testing::mock::Fault;
use optin106::testing::{MockProvider, ShiftedClock};
use optin106::{
    Audience, Campaign, Days, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop, ShopHandle,
    Timestamp,
};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const START: &str = "2026-12-12T10:00:00+08:00";

fn phone(i: u64) -> Result<Phone> {
    Ok(format!("138{i:08}").parse()?)
}

fn consent(phone: Phone, at: Timestamp) -> OptIn {
    OptIn::new(phone, [Purpose::Promotion], Method::UntickedCheckbox)
        .at(at)
        .notice(Notice::new("v1", "同意接收本店促销短信，每30天不超过4条，有效期12个月，回复R可随时拒收"))
        .promise(4, Days(30))
        .valid_until(at.plus_days(365))
        .evidence(Evidence::reference("page", "checkout", [7; 32]))
}

async fn open(db: &Path) -> Result<(Optin106, Arc<MockProvider>)> {
    let clock: Arc<dyn Clock> = Arc::new(ShiftedClock::starting_at(START.parse()?));
    let keyring = Keyring::open_or_create_file(db.with_extension("key"), &SystemClock::new())?;
    let optin = Optin106::open(SqliteStore::open_with(db, keyring, Arc::clone(&clock))?).await?;
    let mock = Arc::new(MockProvider::new("mock").clock(clock));
    optin.add_account(&AccountId::new("mock")?, mock.clone(), AccountSettings::default().price(390)).await?;
    Ok((optin, mock))
}

async fn shop(optin: &Optin106, i: u64) -> Result<ShopHandle> {
    Ok(optin.shop(Shop::new(format!("shop-{i}"), Owner::new(format!("owner-{i}"))?, "示例旗舰店")?).await?)
}

async fn record(optin: &Optin106, shop: &ShopHandle, n: u64) -> Result<()> {
    let given: Timestamp = "2026-11-01T10:00:00+08:00".parse()?;
    let mut people = (0..n).map(phone).collect::<Result<Vec<_>>>()?;
    people.sort_by_key(|p| optin.store().keyring().rid(*p));
    let mut done = shop.record_all(futures_util::stream::iter(people.into_iter().map(|p| consent(p, given))));
    while let Some((_, outcome)) = done.next().await {
        outcome?;
    }
    Ok(())
}

async fn plan(shop: &ShopHandle, name: &str, n: u64) -> Result<Campaign> {
    let people = (0..n).map(phone).collect::<Result<Vec<_>>>()?;
    let builder =
        shop.campaign(name, Purpose::Promotion).text("双12今晚开抢，满200减25。").via(AccountId::new("mock")?);
    Ok(builder.ends("2026-12-12T20:00:00+08:00".parse()?).plan(Audience::iter(people)).await?)
}

fn figure(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |q: f64| times.get(((times.len() - 1) as f64 * q) as usize).map_or(0.0, |t| t.as_secs_f64() * 1e3);
    let line = serde_json::json!({"figure": name, "n": times.len(), "p50_ms": at(0.5), "p99_ms": at(0.99)});
    eprintln!("{line}");
}

/// A whole campaign of 1,000 people: claim, begin, submit to a mock, settle, count. An upper bound for begin and settle.
async fn begin_and_settle(consents: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (optin, _mock) = open(&folder.path().join("shop.db")).await?;
    for i in 1..consents {
        record(&optin, &shop(&optin, i).await?, 1_000).await?;
    }
    let mut times = Vec::new();
    // A fresh owner each time: caps count per owner; pressure is lifted.
    let policy = optin106::Policy { pressure: Vec::new(), ..optin106::Policy::china_default() };
    optin.set_policy(&policy).await?;
    for round in 0..30 {
        let shop = shop(&optin, 1_000 + round).await?;
        record(&optin, &shop, 1_000).await?;
        let campaign = plan(&shop, "c", 1_000).await?;
        let from = Instant::now();
        campaign.run().await?;
        times.push(from.elapsed());
    }
    figure(&format!("run of 1000 people, {consents} consents each"), times);
    Ok(())
}

async fn opt_outs(shop: &ShopHandle, from: u64, n: u64, name: &str) -> Result<()> {
    let mut times = Vec::new();
    for i in from..from + n {
        let t = Instant::now();
        shop.opt_out(phone(i)?, OptOut::new(StopScope::Owner, Via::Page)).await?;
        times.push(t.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    figure(name, times);
    Ok(())
}

async fn while_a_campaign_runs() -> Result<()> {
    let n = 400_000;
    let folder = tempfile::tempdir()?;
    let db = folder.path().join("shop.db");
    let (optin, mock) = open(&db).await?;
    let shop = shop(&optin, 1).await?;
    record(&optin, &shop, n).await?;
    let campaign = plan(&shop, "c", n).await?;
    let running = tokio::spawn(async move { campaign.run().await });
    opt_outs(&shop, n - 200, 200, "opt-out, same process").await?;
    let me = std::env::current_exe()?;
    let other = tokio::process::Command::new(me).env("OPTIN106_STOPPER", &db).status().await?;
    eprintln!("campaign still running: {}", !running.is_finished());
    running.await??;
    if !other.success() {
        return Err("the other process failed".into());
    }
    // A provider that hangs: the stop is effective within W + 1 s all the same.
    let hanging = shop_of_a_hanging_provider(&optin, &mock).await?;
    let t = Instant::now();
    let stopped = hanging.0.opt_out(phone(1)?, OptOut::new(StopScope::Owner, Via::Page)).await?;
    stopped.effective().await;
    figure("opt-out effective while the provider hangs", vec![t.elapsed()]);
    hanging.1.abort();
    Ok(())
}

type Hanging = (ShopHandle, tokio::task::JoinHandle<()>);

async fn shop_of_a_hanging_provider(optin: &Optin106, mock: &MockProvider) -> Result<Hanging> {
    let policy = optin106::Policy { pressure: Vec::new(), ..optin106::Policy::china_default() };
    optin.set_policy(&policy).await?;
    let shop = shop(optin, 2).await?;
    record(optin, &shop, 10).await?;
    mock.next(Fault::Hang(Duration::from_secs(30)));
    let campaign = plan(&shop, "hung", 10).await?;
    let running = tokio::spawn(async move { drop(campaign.run().await) });
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok((shop, running))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    if let Some(db) = std::env::var_os("OPTIN106_STOPPER") {
        let (optin, _) = open(Path::new(&db)).await?;
        return opt_outs(&shop(&optin, 1).await?, 300_000, 200, "opt-out, other process").await;
    }
    begin_and_settle(1).await?;
    begin_and_settle(60).await?;
    while_a_campaign_runs().await
}
