//! How fast a refusal counts while a campaign runs: `cargo run --release --features testing --example optout_latency`
//!
//! Three campaigns of 1,000 numbers a call, with the gateway in a process of its own: refusals recorded in the sending
//! process, refusals recorded by another process, and a platform that takes requests and never answers. The last line is
//! JSON, in milliseconds. `--recipients N` (300,000 each), `--every MS` between two refusals (2).

use futures_util::StreamExt;
use optin106::clock::Clock;
use optin106::entry::State;
use optin106::id::{AccountId, ShopId};
use optin106::keyring::Keyring;
use optin106::optin::{AccountSettings, AccountSignature, FIRST_BYTE_WITHIN, OptOut, StopScope, Via};
use optin106::provider::aliyun::Aliyun;
use optin106::provider::wire::{Http, HttpSettings};
use optin106::secret::Secret;
use optin106::store::SqliteStore;
use optin106::testing::ShiftedClock;
use optin106::testing::gateway::{FakeAliyun, Gateway, Record, Script, Step, serve};
use optin106::{
    Audience, Campaign, Days, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop, ShopHandle,
    Timestamp,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const TEXT: &str = "双12今晚0点开抢，满200减25，详情见店铺首页。";
const SIGNATURE: &str = "示例旗舰店";
const START: &str = "2026-12-12T10:00:00+08:00";
/// Refusals while the platform hangs: within its requests that are open then.
const HANGING: u64 = 50;

struct Options {
    recipients: u64,
    every: Duration,
    role: Option<String>,
    db: std::path::PathBuf,
    from: u64,
}

fn options() -> Result<Options> {
    let every = Duration::from_millis(2);
    let mut o = Options { recipients: 300_000, every, role: None, db: "shop.db".into(), from: 0 };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or(format!("{arg} needs a value"))?;
        match arg.as_str() {
            "--recipients" => o.recipients = value.parse()?,
            "--every" => o.every = Duration::from_millis(value.parse()?),
            "--role" => o.role = Some(value),
            "--db" => o.db = value.into(),
            "--from" => o.from = value.parse()?,
            other => return Err(format!("no such option: {other}; see the first lines of the example").into()),
        }
    }
    Ok(o)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let o = options()?;
    let clock: Arc<dyn Clock> = Arc::new(ShiftedClock::starting_at(START.parse()?));
    match o.role.as_deref() {
        Some("gateway") => gateway_process(clock, Script::new()).await,
        Some("hanging") => gateway_process(clock, Script::new().weighted(1, Step::Hold)).await,
        Some("stopper") => stopper(&o, clock).await,
        _ => measure(&o, clock).await,
    }
}

async fn gateway_process(clock: Arc<dyn Clock>, script: Script) -> Result<()> {
    let gateway = Gateway::new(FakeAliyun {
        key_id: "demo-key-id".into(),
        key_secret: "demo-key-secret".into(),
        signatures: vec![SIGNATURE.into()],
        templates: BTreeMap::from([("SMS_000000012".into(), format!("{TEXT}拒收请回复R"))]),
    })
    .record(Record::Counts)?;
    gateway.script(script);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    // Ends with the process that started it.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    serve(listener, gateway, clock).await?;
    Ok(())
}

async fn open(db: &Path, clock: &Arc<dyn Clock>) -> Result<Optin106> {
    let keyring = Keyring::open_or_create_file(db.with_extension("key"), &**clock)?;
    Ok(Optin106::open(SqliteStore::open_with(db, keyring, Arc::clone(clock))?).await?)
}

fn phone(i: u64) -> Result<Phone> {
    Ok(format!("138{i:08}").parse()?)
}

async fn consents(shop: &ShopHandle, people: std::ops::Range<u64>) -> Result<()> {
    let given: Timestamp = "2026-11-01T10:00:00+08:00".parse()?;
    let rows = people.filter_map(move |i| {
        let phone = phone(i).ok()?;
        let notice = Notice::new("v3", "同意接收本店促销短信，每30天不超过4条，有效期12个月，回复R可随时拒收");
        let agreed = OptIn::new(phone, [Purpose::Promotion], Method::UntickedCheckbox).at(given).notice(notice);
        let evidence = Evidence::reference("page", "checkout#marketing-sms", [7; 32]);
        Some(agreed.promise(4, Days(30)).valid_until(given.plus_days(365)).evidence(evidence))
    });
    let mut outcomes = shop.record_all(futures_util::stream::iter(rows));
    while let Some((_, outcome)) = outcomes.next().await {
        outcome?;
    }
    Ok(())
}

/// An account at a gateway in a process of its own; the process ends when its input is closed.
async fn account(optin: &Optin106, role: &str, clock: &Arc<dyn Clock>) -> Result<std::process::Child> {
    let piped = std::process::Stdio::piped;
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .args(["--role", role])
        .stdin(piped())
        .stdout(piped())
        .spawn()?;
    let mut url = String::new();
    std::io::BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut url)?;
    let wire = Aliyun::new("demo-key-id", Secret::new("demo-key-secret"));
    let settings = HttpSettings::new().endpoint(url.trim()).loopback_only(true);
    let provider = Arc::new(Http::new(wire, settings, Arc::clone(clock))?);
    optin.add_account(&AccountId::new(role)?, provider, AccountSettings::default().price(390)).await?;
    Ok(child)
}

async fn campaign(shop: &ShopHandle, name: &str, via: &str, people: std::ops::Range<u64>) -> Result<Campaign> {
    let people = people.filter_map(|i| phone(i).ok());
    let builder = shop.campaign(name, Purpose::Promotion).text(TEXT).starts(START.parse()?);
    let builder = builder.ends("2026-12-12T20:00:00+08:00".parse()?).via(AccountId::new(via)?);
    Ok(builder.plan(Audience::iter(people)).await?)
}

/// Refusals one after the other until `stop` says so; milliseconds until each was recorded.
async fn refuse(
    shop: &ShopHandle,
    people: std::ops::Range<u64>,
    every: Duration,
    stop: impl Fn() -> bool,
) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    let n = people.end - people.start;
    // A stride that visits every person once, and never in the order of the campaign.
    let stride = 7_919;
    for i in 0..n {
        if stop() {
            break;
        }
        let one = phone(people.start + i * stride % n)?;
        let t = std::time::Instant::now();
        shop.opt_out(one, OptOut::new(StopScope::Owner, Via::Page)).await?;
        took.push(t.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(every).await;
    }
    Ok(took)
}

async fn stopper(o: &Options, clock: Arc<dyn Clock>) -> Result<()> {
    let optin = open(&o.db, &clock).await?;
    let shop = optin.shop_by_id(&ShopId::new("shop-42")?).await?;
    let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = Arc::clone(&ended);
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    out.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        told.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let people = o.from..o.from + o.recipients;
    let took = refuse(&shop, people, o.every, || ended.load(std::sync::atomic::Ordering::Relaxed)).await?;
    writeln!(out, "{}", serde_json::to_string(&took)?)?;
    Ok(())
}

fn figures(mut took: Vec<f64>) -> Value {
    took.sort_by(f64::total_cmp);
    let at = |p: usize| took.get((took.len() * p / 1_000).min(took.len().saturating_sub(1))).copied().unwrap_or(0.0);
    json!({ "n": took.len(), "p50": at(500), "p99": at(990), "p999": at(999), "max": at(1_000) })
}

async fn measure(o: &Options, clock: Arc<dyn Clock>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let db = folder.path().join("shop.db");
    let optin = open(&db, &clock).await?;
    let gateway = account(&optin, "gateway", &clock).await?;
    let hanging = account(&optin, "hanging", &clock).await?;
    let mut shop = Shop::new("shop-42", Owner::new("91330100MA00000001")?, SIGNATURE)?;
    for name in ["gateway", "hanging"] {
        let filed = AccountSignature::new(SIGNATURE)?.template("SMS_000000012", format!("{TEXT}拒收请回复R"));
        shop = shop.at_account(AccountId::new(name)?, filed);
    }
    let shop = optin.shop(shop).await?;
    let n = o.recipients;
    let last = 2 * n..2 * n + 4_000;
    consents(&shop, 0..last.end).await?;

    let same = campaign(&shop, "same", "gateway", 0..n).await?;
    let t = clock.mono();
    let run = tokio::spawn({
        let same = same.clone();
        async move { same.run().await }
    });
    let took = refuse(&shop, 0..n, o.every, || run.is_finished()).await?;
    let (report, same_s) = (run.await??, (clock.mono() - t).as_secs_f64());
    let same =
        json!({ "recorded_ms": figures(took), "run_s": same_s, "accepted": report.figures.count(State::Accepted) });

    let other = campaign(&shop, "other", "gateway", n..2 * n).await?;
    let (took, other_s) = by_another(o, &db, &other, &clock).await?;
    let other = json!({ "recorded_ms": figures(took), "run_s": other_s });

    let hung = campaign(&shop, "hung", "hanging", last.clone()).await?;
    let run = tokio::spawn(async move { hung.run().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut waits = futures_util::stream::FuturesUnordered::new();
    for i in 0..HANGING {
        let (clock, one) = (Arc::clone(&clock), phone(last.start + i * 79)?);
        let shop = shop.clone();
        waits.push(async move {
            let stopped = shop.opt_out(one, OptOut::new(StopScope::Owner, Via::Page)).await?;
            let t = clock.mono();
            stopped.effective().await;
            Ok::<_, Error>((clock.mono() - t).as_secs_f64() * 1_000.0)
        });
    }
    let mut effective = Vec::new();
    while let Some(took) = waits.next().await {
        effective.push(took?);
    }
    // What hangs is dropped: its requests may have left and are in doubt.
    run.abort();
    let limit = (FIRST_BYTE_WITHIN + Duration::from_secs(1)).as_millis();
    let hung = json!({ "effective_ms": figures(effective), "limit_ms": limit });
    for mut child in [gateway, hanging] {
        drop(child.stdin.take());
        child.wait()?;
    }
    let all = json!({ "recipients": n, "same_process": same, "other_process": other, "hanging_provider": hung });
    writeln!(std::io::stdout(), "{all}")?;
    Ok(())
}

/// The same by another process, while this one sends.
async fn by_another(o: &Options, db: &Path, campaign: &Campaign, clock: &Arc<dyn Clock>) -> Result<(Vec<f64>, f64)> {
    let piped = std::process::Stdio::piped;
    let (n, every) = (o.recipients.to_string(), o.every.as_millis().to_string());
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .args(["--role", "stopper", "--from", &n, "--recipients", &n, "--every", &every, "--db"])
        .arg(db)
        .stdin(piped())
        .stdout(piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no input")?;
    let mut lines = std::io::BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    lines.next().ok_or("the other process did not start")??;
    let t = clock.mono();
    writeln!(input, "go")?;
    campaign.run().await?;
    let took = (clock.mono() - t).as_secs_f64();
    writeln!(input, "stop")?;
    let told = lines.next().ok_or("the other process did not answer")??;
    child.wait()?;
    Ok((serde_json::from_str(&told)?, took))
}
