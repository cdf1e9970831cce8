//! The main job, end to end: `cargo run --release --features testing --example double12`
//!
//! A shop's 双12 campaign runs from a CSV audience through Aliyun, with Yunpian behind it, against local gateways that
//! check signatures like the platforms do. Kill it anywhere and run it again with `--db FILE`: nobody is texted twice.
//! The clock stands at 2026-12-12 10:00 Beijing time when it starts, so that it shows the same at any hour.
//!
//! Options: `--db FILE` (kept; a temporary one otherwise), `--recipients N` (2,000), `--single` (one number a call),
//! `--bench` (setup and gateway in processes of their own, figures as JSON on the last line), `--story` (only the 85
//! messages), `--report FILE` (every row as CSV).

use futures_util::StreamExt;
use optin106::campaign::report::{NumberStyle, ReportWriter};
use optin106::clock::{Clock, SystemClock};
use optin106::id::AccountId;
use optin106::keyring::Keyring;
use optin106::optin::{AccountSettings, AccountSignature};
use optin106::provider::aliyun::Aliyun;
use optin106::provider::wire::{Http, HttpSettings};
use optin106::provider::yunpian::Yunpian;
use optin106::secret::Secret;
use optin106::store::SqliteStore;
use optin106::testing::gateway::{FakeAliyun, FakeYunpian, Gateway, Record, Script, Step, serve};
use optin106::testing::{ManualClock, MockProvider, ShiftedClock};
use optin106::{
    Audience, Campaign, Days, Envelope, Evidence, Method, Money, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop,
    ShopHandle, Timestamp,
};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const TEXT: &str = "双12今晚0点开抢，满200减25，详情见店铺首页。";
const SIGNATURE: &str = "示例旗舰店";
const START: &str = "2026-12-12T10:00:00+08:00";

struct Options {
    db: Option<PathBuf>,
    recipients: u64,
    single: bool,
    bench: bool,
    story: bool,
    report: Option<PathBuf>,
    /// Runs as the gateway process, or as the setup process, of a bench.
    role: Option<String>,
}

fn options() -> Result<Options> {
    let mut o =
        Options { db: None, recipients: 2_000, single: false, bench: false, story: false, report: None, role: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--db" => o.db = Some(value()?.into()),
            "--recipients" => o.recipients = value()?.parse()?,
            "--single" => o.single = true,
            "--bench" => o.bench = true,
            "--story" => o.story = true,
            "--report" => o.report = Some(value()?.into()),
            "--role" => o.role = Some(value()?),
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
        Some("gateway") => return gateway_process(clock).await,
        Some("setup") => return setup(&o, clock).await,
        _ => {}
    }
    if o.story {
        return story().await;
    }
    let folder = tempfile::tempdir()?;
    let o = Options { db: Some(o.db.clone().unwrap_or_else(|| folder.path().join("shop.db"))), ..o };
    if o.bench { bench(&o, clock).await } else { demo(&o, clock).await }
}

/// What the fake platforms know: our keys, signature and template.
fn aliyun_account() -> FakeAliyun {
    FakeAliyun {
        key_id: "demo-key-id".into(),
        key_secret: "demo-key-secret".into(),
        signatures: vec![SIGNATURE.into()],
        templates: BTreeMap::from([("SMS_000000012".into(), format!("{TEXT}拒收请回复R"))]),
    }
}

fn yunpian_account() -> FakeYunpian {
    FakeYunpian {
        apikey: "demo-apikey".into(),
        signatures: vec![SIGNATURE.into()],
        uid: true,
        ..FakeYunpian::default()
    }
}

async fn serve_here(gateway: &Gateway, clock: &Arc<dyn Clock>) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener, gateway.clone(), Arc::clone(clock)));
    Ok(url)
}

async fn open(db: &Path, clock: &Arc<dyn Clock>) -> Result<Optin106> {
    let keyring = Keyring::open_or_create_file(db.with_extension("key"), &**clock)?;
    Ok(Optin106::open(SqliteStore::open_with(db, keyring, Arc::clone(clock))?).await?)
}

/// Accounts and shop, as a plugin would register them.
async fn register(optin: &Optin106, aliyun: &str, yunpian: Option<&str>, clock: &Arc<dyn Clock>) -> Result<ShopHandle> {
    let settings = |url: &str| HttpSettings::new().endpoint(url).loopback_only(true);
    let wire = Aliyun::new("demo-key-id", Secret::new("demo-key-secret"));
    let provider = Arc::new(Http::new(wire, settings(aliyun), Arc::clone(clock))?);
    optin.add_account(&AccountId::new("aliyun")?, provider, AccountSettings::default().price(390)).await?;
    if let Some(url) = yunpian {
        let wire = Yunpian::new(Secret::new("demo-apikey")).uid(true);
        let provider = Arc::new(Http::new(wire, settings(url), Arc::clone(clock))?);
        optin.add_account(&AccountId::new("yunpian")?, provider, AccountSettings::default().price(420)).await?;
    }
    let filed = AccountSignature::new(SIGNATURE)?.template("SMS_000000012", format!("{TEXT}拒收请回复R"));
    let shop = Shop::new("shop-42", Owner::new("91330100MA00000001")?, SIGNATURE)?
        .contact("400-000-0000")
        .at_account(AccountId::new("aliyun")?, filed);
    Ok(optin.shop(shop).await?)
}

fn number(i: u64) -> String {
    format!("138{:08}", i % 100_000_000)
}

fn consent(phone: Phone, at: Timestamp, event: u64) -> OptIn {
    OptIn::new(phone, [Purpose::Promotion], Method::UntickedCheckbox)
        .at(at)
        .notice(Notice::new("v3", "同意接收本店促销短信，每30天不超过4条，有效期12个月，回复R可随时拒收"))
        .promise(4, Days(30))
        .valid_until(at.plus_days(365))
        .evidence(Evidence::reference("page", "checkout#marketing-sms", [7; 32]))
        .envelope(Envelope { source: "checkout".into(), event_id: format!("order-{event}"), actor: "web".into() })
}

/// Records opt-ins of all but every `every`th person, in the order of recipient ids: sequential for the store.
async fn record(optin: &Optin106, shop: &ShopHandle, n: u64, every: u64) -> Result<u64> {
    let given: Timestamp = "2026-11-01T10:00:00+08:00".parse()?;
    let mut people = Vec::new();
    for i in (0..n).filter(|i| i % every != every - 1) {
        let phone: Phone = number(i).parse()?;
        people.push((optin.store().keyring().rid(phone), phone, i));
    }
    people.sort_unstable();
    let mut done =
        shop.record_all(futures_util::stream::iter(people.into_iter().map(|(_, p, i)| consent(p, given, i))));
    let mut recorded = 0;
    while let Some((_, outcome)) = done.next().await {
        outcome?;
        recorded += 1;
    }
    Ok(recorded)
}

fn write_csv(path: &Path, n: u64, demo: bool) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "手机号,会员号")?;
    for i in 0..n {
        writeln!(out, "{},M{i}", number(i))?;
    }
    if demo {
        for odd in ["+86 138-0000-0001", "1064900000000", "12345", "13800000002转8888", ""] {
            writeln!(out, "{odd},odd")?;
        }
    }
    Ok(out.flush()?)
}

async fn plan(shop: &ShopHandle, csv: &Path, o: &Options) -> Result<Campaign> {
    let mut builder = shop
        .campaign("2026-double12", Purpose::Promotion)
        .text(TEXT)
        .starts(START.parse()?)
        .ends("2026-12-12T20:00:00+08:00".parse()?)
        .via(AccountId::new("aliyun")?);
    if !o.bench {
        builder = builder.or_via(AccountId::new("yunpian")?).budget(Money::yuan_str("5000")?);
    }
    if o.single {
        builder = builder.numbers_per_call(1);
    }
    for (variant, warnings) in builder.warnings() {
        for w in warnings.iter().filter(|_| !o.bench) {
            writeln!(std::io::stderr(), "提示（文案 {variant}）：{}", w.message_zh())?;
        }
    }
    Ok(builder.plan(Audience::csv_path(csv)).await?)
}

async fn demo(o: &Options, clock: Arc<dyn Clock>) -> Result<()> {
    let mut out = std::io::stdout();
    let db = o.db.clone().unwrap_or_default();
    let aliyun = Gateway::new(aliyun_account());
    let yunpian = Gateway::new(yunpian_account());
    // The platform is not well today: it throttles, loses an answer, and at last runs out of balance.
    let refuse = |code: &str| Step::Refuse(code.into());
    aliyun.script(
        Script::new().then(Step::Accept).then(Step::Throttle).then(Step::Reset).then(refuse("isv.AMOUNT_NOT_ENOUGH")),
    );
    let optin = open(&db, &clock).await?;
    let (a, y) = (serve_here(&aliyun, &clock).await?, serve_here(&yunpian, &clock).await?);
    let shop = register(&optin, &a, Some(&y), &clock).await?;

    let recorded = record(&optin, &shop, o.recipients, 10).await?;
    for i in (0..o.recipients).step_by(97) {
        shop.reply(number(i).parse()?, "退订", None, Envelope { event_id: format!("mo-{i}"), ..Envelope::default() })
            .await?;
    }
    writeln!(out, "已记录同意 {recorded} 条，其中 {} 人已回复退订。\n", o.recipients.div_ceil(97))?;
    let csv = db.with_extension("csv");
    write_csv(&csv, o.recipients, true)?;
    let campaign = plan(&shop, &csv, o).await?;
    let funnel = campaign.funnel().await?;
    funnel.check()?;
    writeln!(out, "{funnel}")?;

    let bar = indicatif::ProgressBar::new(campaign.rows());
    let ticker = {
        let (bar, mut progress) = (bar.clone(), Box::pin(campaign.progress()));
        tokio::spawn(async move {
            while let Some(p) = progress.next().await {
                bar.set_position(p.done());
            }
        })
    };
    let report = campaign.run().await?;
    ticker.abort();
    bar.finish_and_clear();
    report.check()?;
    writeln!(out, "{report}")?;
    writeln!(
        out,
        "平台实收：aliyun {}，yunpian {}；同一人重复：{} 人。\n",
        aliyun.totals().messages,
        yunpian.totals().messages,
        twice(&aliyun, &yunpian)
    )?;
    if let Some(path) = &o.report {
        let mut writer = ReportWriter::new(std::fs::File::create(path)?, NumberStyle::Masked)?;
        let mut rows = Box::pin(campaign.report_rows());
        while let Some(row) = rows.next().await {
            writer.write(&row?)?;
        }
        writer.finish()?;
    }
    story().await
}

fn twice(a: &Gateway, b: &Gateway) -> usize {
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    for m in a.accepted().iter().chain(&b.accepted()) {
        *seen.entry(m.number).or_default() += 1;
    }
    seen.values().filter(|n| **n > 1).count()
}

/// One consumer with consent at 60 shops, in the two weeks around the festival: 85 messages without, and with the SDK.
async fn story() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first: Timestamp = "2026-12-01T10:00:00+08:00".parse()?;
    let clock = ManualClock::new("2026-11-01T10:00:00+08:00".parse()?).auto();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let store = SqliteStore::open_with(folder.path().join("story.db"), Keyring::generate(&SystemClock::new()), shared)?;
    let optin = Optin106::open(store).await?;
    let mock = Arc::new(MockProvider::new("mock"));
    let account = AccountId::new("mock")?;
    optin.add_account(&account, mock.clone(), AccountSettings::default().price(390)).await?;
    let consumer: Phone = "13800138000".parse()?;
    let mut shops = Vec::new();
    for i in 0..60 {
        // Some owners keep several shops: one refusal must reach all of them.
        let owner = Owner::new(format!("owner-{}", i / 3))?;
        let shop = optin.shop(Shop::new(format!("shop-{i}"), owner, format!("测试店铺{i}"))?).await?;
        shop.record(consent(consumer, "2026-11-01T10:00:00+08:00".parse()?, i)).await?;
        shops.push(shop);
    }
    // 42 in the first ten days, 43 in the last four.
    let days = (0..85u64).map(|i| if i < 42 { i * 10 / 42 } else { 10 + (i - 42) * 4 / 43 });
    let mut refusals: BTreeMap<String, u64> = BTreeMap::new();
    let mut replied = None;
    for (i, day) in days.enumerate() {
        let minute = Duration::from_secs(86_400 * day + (i as u64 * 7) % 540 * 60);
        clock.set(first.plus(minute));
        let shop = &shops[i % shops.len()];
        let campaign = shop
            .campaign(format!("festival-{i}"), Purpose::Promotion)
            .text(TEXT)
            .via(account.clone())
            .plan(Audience::iter([consumer]))
            .await?;
        let report = campaign.run().await?;
        for ((_, code), n) in report.reasons {
            *refusals.entry(code).or_default() += n;
        }
        if mock.sent().len() == 3 && replied.is_none() {
            shop.reply(consumer, "T", None, Envelope::default()).await?;
            replied = Some(i + 1);
        }
    }
    mock.assert_every_message_has_live_opt_in(&optin).await;
    mock.assert_every_text_ends_with_the_words();
    let mut out = std::io::stdout();
    writeln!(out, "一位消费者，在 60 家店（20 个主体）都同意过，两周内被计划群发 85 次：")?;
    writeln!(out, "  不用 optin106：收到 85 条，其中 43 条在最后四天；回复 T 无效。")?;
    writeln!(
        out,
        "  使用 optin106：收到 {} 条；第 {} 次后回复 T，该主体的三家店全部停发。",
        mock.sent().len(),
        replied.unwrap_or(0)
    )?;
    for (code, n) in refusals {
        writeln!(out, "    {n:>3} 次未发：{code}")?;
    }
    Ok(())
}

// ---- The same at scale, with figures. ----

async fn gateway_process(clock: Arc<dyn Clock>) -> Result<()> {
    let gateway = Gateway::new(aliyun_account()).record(Record::Counts)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    std::io::stdout().flush()?;
    // Tells at its end what it took, and whether anybody twice.
    let told = gateway.clone();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        let t = told.totals();
        let _ = writeln!(std::io::stdout(), "{} {}", t.messages, told.repeated().len());
        std::process::exit(0);
    });
    serve(listener, gateway, clock).await?;
    Ok(())
}

async fn setup(o: &Options, clock: Arc<dyn Clock>) -> Result<()> {
    let db = o.db.clone().ok_or("--db is needed")?;
    let optin = open(&db, &clock).await?;
    let shop = register(&optin, "http://127.0.0.1:9", None, &clock).await?;
    let t = clock.mono();
    let n = record(&optin, &shop, o.recipients, u64::MAX).await?;
    writeln!(std::io::stderr(), "{n} consents in {:?}", clock.mono() - t)?;
    write_csv(&db.with_extension("csv"), o.recipients, false)
}

fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with(field)).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

async fn bench(o: &Options, clock: Arc<dyn Clock>) -> Result<()> {
    use std::io::BufRead;
    let db = o.db.clone().ok_or("--db is needed")?;
    let me = std::env::current_exe()?;
    let n = o.recipients.to_string();
    if !db.exists() {
        let path = db.to_str().ok_or("the path is no text")?;
        let done =
            std::process::Command::new(&me).args(["--role", "setup", "--db", path, "--recipients", &n]).status()?;
        if !done.success() {
            return Err("setup failed".into());
        }
    }
    let start = memory("RssAnon");
    let mut gateway = std::process::Command::new(&me)
        .args(["--role", "gateway"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut lines = std::io::BufReader::new(gateway.stdout.take().ok_or("no output")?).lines();
    let url = lines.next().ok_or("the gateway did not start")??;
    let peak = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let watch = Arc::clone(&peak);
    std::thread::spawn(move || {
        loop {
            watch.fetch_max(memory("RssAnon"), std::sync::atomic::Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let optin = open(&db, &clock).await?;
    let shop = register(&optin, &url, None, &clock).await?;
    // The documented rate would be what is measured.
    let settings = AccountSettings::default().price(390).calls_per_second(0);
    optin.put_account(&AccountId::new("aliyun")?, settings).await?;
    let t0 = clock.mono();
    let campaign = plan(&shop, &db.with_extension("csv"), o).await?;
    let t1 = clock.mono();
    let funnel = campaign.funnel().await?;
    funnel.check()?;
    let t2 = clock.mono();
    let report = campaign.run().await?;
    report.check()?;
    let t3 = clock.mono();
    writeln!(gateway.stdin.take().ok_or("no input")?)?;
    let told = lines.next().ok_or("the gateway did not answer")??;
    let rate = |d: Duration| (o.recipients as f64 / d.as_secs_f64()) as u64;
    let figures = serde_json::json!({
        "recipients": o.recipients, "single": o.single, "plan_s": (t1 - t0).as_secs_f64(),
        "funnel_s": (t2 - t1).as_secs_f64(), "run_s": (t3 - t2).as_secs_f64(),
        "per_second_all": rate(t3 - t0), "per_second_run": rate(t3 - t2),
        "memory_mb_beyond_start": (peak.load(std::sync::atomic::Ordering::Relaxed).saturating_sub(start)) as f64 / 1024.0,
        "gateway_took_and_twice": told,
    });
    writeln!(std::io::stdout(), "{report}\n{figures}")?;
    Ok(())
}
