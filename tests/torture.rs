//! kill -9 of real processes on a real database file, with refusals from another process all the while.
//!
//! `cargo test --all-features --test torture` kills 200 times. The release drill kills 1,000 times:
//! `OPTIN106_KILLS=1000 cargo test --all-features --test torture`. `OPTIN106_SEED=n` repeats a run's choices (not its
//! timing), `OPTIN106_KEEP=1` keeps the folder.
//!
//! The binary plays every part, told by `OPTIN106_ROLE`: the driver (none), the `gateway` that outlives everything and
//! writes down what it took before it answers, `worker`s that are killed and frozen, a `planner` that is killed, and the
//! `stopper` that records refusals and writes down when each was acknowledged and when effective.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test that fails says so")]

#[path = "support/draw.rs"]
mod draw;

use draw::Draw;
use futures_util::StreamExt;
use optin106::clock::{Clock, Sleep, SystemClock};
use optin106::entry::State;
use optin106::id::AccountId;
use optin106::keyring::Keyring;
use optin106::optin::{AccountSettings, AccountSignature, OptOut, StopScope, Via};
use optin106::provider::aliyun::Aliyun;
use optin106::provider::wire::{Http, HttpSettings};
use optin106::provider::yunpian::Yunpian;
use optin106::secret::Secret;
use optin106::store::{SqliteStore, Subject};
use optin106::testing::gateway::{Account, FakeAliyun, FakeYunpian, Gateway, Record, Script, Step, serve};
use optin106::{
    Audience, Campaign, Days, Envelope, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop,
    ShopHandle, Timestamp,
};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const TEXT: &str = "双12今晚开抢，满200减25。";
const SIGNATURE: &str = "示例旗舰店";
/// People of one campaign.
const PEOPLE: u64 = 8_000;
/// How long the platforms are asked about doubts at the end; what is left stays in doubt, and is counted so.
const ASKING: Duration = Duration::from_secs(15);
/// How long an accepted byte may take from the socket's write to the gateway's clock on a busy machine.
const TRANSIT_MS: i64 = 1_000;

/// The machine's wall clock, moved by the same amount in every process, so that it stands within the window.
#[derive(Debug)]
struct Shifted {
    inner: SystemClock,
    by_ms: i64,
}

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.inner.now().millis() + self.by_ms)
    }
    fn mono(&self) -> Duration {
        self.inner.mono()
    }
    fn sleep(&self, for_: Duration) -> Sleep {
        self.inner.sleep(for_)
    }
    fn fill(&self, out: &mut [u8]) {
        self.inner.fill(out);
    }
}

/// Waits for nobody: the budget of look-ups is another suite's matter.
#[derive(Debug)]
struct Hasty(Arc<dyn Clock>);

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn mono(&self) -> Duration {
        self.0.mono()
    }
    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(tokio::task::yield_now())
    }
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number_var(name: &str, default: u64) -> u64 {
    var(name).and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn clock() -> Arc<dyn Clock> {
    let by_ms = var("OPTIN106_SHIFT_MS").unwrap().parse().unwrap();
    Arc::new(Shifted { inner: SystemClock::new(), by_ms })
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|a| a == "--list") {
        // What nextest asks.
        if !args.iter().any(|a| a == "--ignored") {
            say("torture: test");
        }
        return;
    }
    let role = var("OPTIN106_ROLE");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match role.as_deref() {
        None => driver(&runtime),
        Some("gateway") => runtime.block_on(gateway()),
        Some("planner") => runtime.block_on(planner()),
        Some("stopper") => runtime.block_on(stopper()),
        Some("worker") => runtime.block_on(worker()),
        Some(other) => panic!("no such role: {other}"),
    }
}

/// A line on stdout, at once: the driver waits for it.
fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

// ---- What every process does alike. ----

fn folder() -> PathBuf {
    var("OPTIN106_FOLDER").unwrap().into()
}

fn db() -> PathBuf {
    folder().join("shop.db")
}

fn phone(i: u64) -> Phone {
    format!("138{i:08}").parse().unwrap()
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

async fn open(clock: &Arc<dyn Clock>) -> Optin106 {
    let keyring = Keyring::open_file(folder().join("shop.key")).unwrap();
    Optin106::open(SqliteStore::open_with(db(), keyring, Arc::clone(clock)).unwrap()).await.unwrap()
}

/// Accounts and shop, as every process of a plugin registers them at its start.
async fn register(optin: &Optin106, clock: &Arc<dyn Clock>) -> ShopHandle {
    let settings = |name: &str| {
        HttpSettings::new()
            .endpoint(var(name).unwrap())
            .loopback_only(true)
            .connect_timeout(Duration::from_millis(300))
            .timeout(Duration::from_millis(600))
    };
    let wire = Aliyun::new("key", Secret::new("secret"));
    let aliyun = Http::new(wire, settings("OPTIN106_ALIYUN"), Arc::clone(clock)).unwrap();
    let wire = Yunpian::new(Secret::new("apikey")).uid(true);
    let yunpian = Http::new(wire, settings("OPTIN106_YUNPIAN"), Arc::clone(clock)).unwrap();
    let pace = AccountSettings::default().price(390).pace(number_var("OPTIN106_PACE", 1_000) as u32);
    optin.add_account(&account("aliyun"), Arc::new(aliyun), pace.clone()).await.unwrap();
    optin.add_account(&account("yunpian"), Arc::new(yunpian), pace).await.unwrap();
    let filed = AccountSignature::new(SIGNATURE).unwrap().template("SMS_1", format!("{TEXT}拒收请回复R"));
    let shop = Shop::new("shop-a", Owner::new("owner-1").unwrap(), SIGNATURE).unwrap();
    optin.shop(shop.at_account(account("aliyun"), filed)).await.unwrap()
}

fn people(campaign: u64) -> std::ops::Range<u64> {
    campaign * PEOPLE..(campaign + 1) * PEOPLE
}

fn name(campaign: u64) -> String {
    format!("c{campaign}")
}

/// Bulk, one by one, and in between, in turn.
fn per_call(campaign: u64) -> u16 {
    [100, 1, 20][(campaign % 3) as usize]
}

fn campaign_var() -> u64 {
    number_var("OPTIN106_CAMPAIGN", 0)
}

// ---- The parts. ----

async fn gateway() {
    let clock = clock();
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
    let faults = "accept=940,reset=12,half=8,garbage=6,http_503=10,hold=4,slow_150=10,throttle=10";
    let mut gateways = Vec::new();
    for (name, account) in [("aliyun", Account::from(aliyun)), ("yunpian", yunpian.into())] {
        let gateway = Gateway::new(account).record(Record::File(folder().join(format!("{name}.taken")))).unwrap();
        gateway.script(Script::parse(faults).unwrap().seed(number_var("OPTIN106_SEED", 1)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        say(format_args!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(serve(listener, gateway.clone(), Arc::clone(&clock)));
        gateways.push((name, gateway));
    }
    // Lives until the driver is done, and then tells when it took what.
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).is_ok_and(|n| n > 0) {
        if line.trim() == "well" {
            gateways.iter().for_each(|(_, g)| g.script(Script::new().then(Step::Accept)));
        }
        line.clear();
    }
    for (name, gateway) in gateways {
        let mut out = std::io::BufWriter::new(std::fs::File::create(folder().join(format!("{name}.when"))).unwrap());
        for m in gateway.accepted() {
            writeln!(out, "{},{},{}", m.number, m.reference, m.at.millis()).unwrap();
        }
        out.flush().unwrap();
    }
}

/// Consents and plan of one campaign; may be killed anywhere and done again.
async fn planner() {
    let clock = clock();
    let optin = open(&clock).await;
    let shop = register(&optin, &clock).await;
    say("run");
    let given = clock.now().minus(Duration::from_secs(86_400));
    // The moment is part of the event, and must be the same when it is told again.
    let given = Timestamp::from_millis(given.millis() / 86_400_000 * 86_400_000);
    let rows = people(campaign_var()).map(move |i| {
        OptIn::new(phone(i), [Purpose::Promotion], Method::UntickedCheckbox)
            .at(given)
            .notice(Notice::new("v1", "同意接收本店促销短信,每30天不超过4条,有效期12个月,回复R可随时拒收"))
            .promise(4, Days(30))
            .valid_until(given.plus_days(360))
            .evidence(Evidence::reference("page", "checkout#marketing-sms", [7; 32]))
            .envelope(Envelope { source: "page".into(), event_id: format!("agreed-{i}"), actor: "test".into() })
    });
    let mut outcomes = shop.record_all(futures_util::stream::iter(rows));
    while let Some((_, outcome)) = outcomes.next().await {
        outcome.unwrap();
    }
    plan(&shop, campaign_var()).await;
    say("done");
}

async fn plan(shop: &ShopHandle, campaign: u64) -> Campaign {
    shop.campaign(name(campaign), Purpose::Promotion)
        .text(TEXT)
        .starts(var("OPTIN106_STARTS").unwrap().parse().unwrap())
        .ends(var("OPTIN106_ENDS").unwrap().parse().unwrap())
        .numbers_per_call(per_call(campaign))
        .via(account("aliyun"))
        .or_via(account("yunpian"))
        .plan(Audience::iter(people(campaign).map(phone)))
        .await
        .unwrap()
}

async fn worker() {
    let clock = clock();
    let optin = open(&clock).await;
    let shop = register(&optin, &clock).await;
    let campaign = shop.open_campaign(name(campaign_var())).await.unwrap();
    say("run");
    campaign.run().await.unwrap();
    say("done");
}

/// Records refusals of people of the campaign that it is told, one after the other, and writes down each.
async fn stopper() {
    let clock = clock();
    let optin = open(&clock).await;
    let shop = register(&optin, &clock).await;
    let (tell, mut told) = tokio::sync::watch::channel(None);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let _ = tell.send(line.ok().and_then(|l| l.trim().parse::<u64>().ok()));
        }
    });
    let log = std::fs::File::create(folder().join("stopped")).unwrap();
    let log = Arc::new(std::sync::Mutex::new(log));
    let mut draw = Draw(number_var("OPTIN106_SEED", 1) ^ 0x57_0b);
    let mut waiting = tokio::task::JoinSet::new();
    say("run");
    // Ends when the driver closes its line.
    while told.has_changed().is_ok() {
        let campaign = *told.borrow_and_update();
        tokio::time::sleep(draw.between(5, 60)).await;
        let Some(campaign) = campaign else { continue };
        let range = people(campaign);
        let number = phone(range.start + draw.below(PEOPLE));
        let asked = clock.now();
        let opt_out = OptOut::new(StopScope::Owner, Via::Page);
        let stopped = shop.opt_out(number, opt_out).await.unwrap();
        let acknowledged = clock.now();
        let (log, clock) = (Arc::clone(&log), Arc::clone(&clock));
        waiting.spawn(async move {
            stopped.effective().await;
            let (number, recorded) = (number.to_u64(), stopped.recorded_at.millis());
            let effective = clock.now().millis();
            let line = format!("{number},{},{recorded},{},{effective}\n", asked.millis(), acknowledged.millis());
            log.lock().unwrap().write_all(line.as_bytes()).unwrap();
        });
        while waiting.try_join_next().is_some_and(|r| r.map(|()| true).unwrap()) {}
    }
    while let Some(done) = waiting.join_next().await {
        done.unwrap();
    }
}

// ---- The driver. ----

struct Player {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Player {
    fn line(&self, within: Duration) -> Option<String> {
        self.lines.recv_timeout(within).ok()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).stderr(Stdio::null()).status();
        assert!(sent.is_ok(), "the command kill is needed");
    }

    /// Dies by SIGKILL now; `false` when it had ended by itself.
    fn kill(mut self) -> bool {
        let ended = self.child.try_wait().unwrap();
        if let Some(status) = ended {
            assert!(status.success(), "a worker failed by itself: {status}");
            return false;
        }
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        // It may have ended between the look and the kill.
        assert!(status.code().is_none_or(|c| c == 0), "a worker failed by itself: {status}");
        status.code().is_none()
    }

    fn wait(mut self) {
        drop(self.stdin.take());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "a process failed: {status}");
    }
}

struct Stage {
    env: Vec<(&'static str, String)>,
}

impl Stage {
    fn play(&self, role: &str, campaign: u64) -> Player {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env("OPTIN106_ROLE", role)
            .env("OPTIN106_CAMPAIGN", campaign.to_string())
            .envs(self.env.iter().map(|(k, v)| (*k, v)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|l| tell.send(l)));
        let stdin = child.stdin.take();
        Player { child, stdin, lines }
    }
}

#[derive(Debug, Default)]
struct Figures {
    kills: u64,
    freezes: u64,
    planner_kills: u64,
    campaigns: u64,
}

fn driver(runtime: &tokio::runtime::Runtime) {
    let kills = number_var("OPTIN106_KILLS", 200);
    let seed = number_var("OPTIN106_SEED", SystemClock::new().now().millis() as u64);
    let folder = tempfile::tempdir().unwrap();
    say(format_args!("torture: {kills} kills, seed {seed}, folder {}", folder.path().display()));
    let began = Instant::now();
    let start: Timestamp = "2026-12-12T10:00:00+08:00".parse().unwrap();
    let by_ms = start.millis() - SystemClock::new().now().millis();
    let mut stage = Stage {
        env: vec![
            ("OPTIN106_FOLDER", folder.path().to_str().unwrap().to_owned()),
            ("OPTIN106_SHIFT_MS", by_ms.to_string()),
            ("OPTIN106_STARTS", start.to_string()),
            ("OPTIN106_ENDS", "2026-12-12T19:30:00+08:00".into()),
            ("OPTIN106_SEED", seed.to_string()),
        ],
    };
    Keyring::create_file(folder.path().join("shop.key"), &SystemClock::new()).unwrap();
    let mut gateway = stage.play("gateway", 0);
    for name in ["OPTIN106_ALIYUN", "OPTIN106_YUNPIAN"] {
        stage.env.push((name, gateway.line(Duration::from_secs(20)).expect("the gateway starts")));
    }
    // The driver's own part runs with the same settings.
    let env = stage.env.clone();
    let here = Arc::new(Shifted { inner: SystemClock::new(), by_ms }) as Arc<dyn Clock>;
    let mut draw = Draw(seed);
    let mut figures = Figures::default();
    let mut stopper = stage.play("stopper", 0);
    assert_eq!(stopper.line(Duration::from_secs(30)).as_deref(), Some("run"));
    let lifter = runtime.block_on(driver_store(folder.path(), &here));
    while figures.kills < kills {
        let campaign = figures.campaigns;
        prepare(&stage, campaign, &mut draw, &mut figures);
        tell(&mut stopper, campaign);
        while figures.kills < kills {
            lift(runtime, &lifter);
            if round(&stage, campaign, &mut draw, &mut figures) {
                break;
            }
        }
        figures.campaigns += 1;
        if figures.kills < kills {
            tell(&mut stopper, u64::MAX / PEOPLE);
        }
    }
    say(format_args!("killed after {:.1} s", began.elapsed().as_secs_f64()));
    // Everything ends well: what is planned goes out, what is in doubt is asked about when it is due.
    writeln!(gateway.stdin.as_mut().unwrap(), "well").unwrap();
    for campaign in 0..figures.campaigns {
        let mut worker = stage.play("worker", campaign);
        while worker.child.try_wait().unwrap().is_none() {
            lift(runtime, &lifter);
            std::thread::sleep(Duration::from_millis(200));
        }
        worker.wait();
    }
    stopper.wait();
    drop(lifter);
    let later = Arc::new(Shifted { inner: SystemClock::new(), by_ms: by_ms + 120_000 }) as Arc<dyn Clock>;
    say(format_args!("sent after {:.1} s", began.elapsed().as_secs_f64()));
    let ends = runtime.block_on(finish(folder.path(), &env, &later, figures.campaigns));
    gateway.wait();
    let verdict = check(folder.path(), &ends);
    let report = serde_json::json!({
        "kills": figures.kills, "freezes": figures.freezes, "planner_kills": figures.planner_kills,
        "campaigns": figures.campaigns, "recipients": ends.planned, "accepted": ends.of(State::is_taken),
        "refused": ends.of(|s| s == State::Refused), "unknown": ends.of(|s| s == State::Unknown),
        "unresolved": ends.of(|s| s == State::Unresolved), "failed": ends.of(|s| s == State::Failed),
        "settled_by_lookup": ends.looked_up, "taken_by_gateway": verdict.taken, "opt_outs": verdict.stops,
        "recorded_ms_p50_p99": verdict.recorded, "doubles": verdict.doubles, "after_ack": verdict.after_ack,
        "after_effective": verdict.after_effective, "without_outcome": ends.without,
        "contradictions": verdict.contradictions, "facts_differ": ends.differ,
        "seconds": began.elapsed().as_secs_f64(),
    });
    say(&report);
    if var("OPTIN106_KEEP").is_some() {
        say(format_args!("kept {}", folder.keep().display()));
    }
    for zero in ["doubles", "after_ack", "after_effective", "without_outcome", "contradictions", "facts_differ"] {
        assert_eq!(report[zero], 0, "{zero}");
    }
    assert!(verdict.stops > 0 && verdict.taken > 0, "the test tested nothing");
    say("torture: ok");
}

/// A person looks at an account that rests after too many doubts, or nothing would be left to kill.
fn lift(runtime: &tokio::runtime::Runtime, optin: &Optin106) {
    for name in ["aliyun", "yunpian"] {
        runtime.block_on(optin.lift(Subject::Account(account(name)))).unwrap();
    }
}

fn tell(stopper: &mut Player, campaign: u64) {
    let line = if campaign == u64::MAX / PEOPLE { "rest".to_owned() } else { campaign.to_string() };
    writeln!(stopper.stdin.as_mut().unwrap(), "{line}").unwrap();
}

async fn driver_store(folder: &Path, clock: &Arc<dyn Clock>) -> Optin106 {
    let keyring = Keyring::open_file(folder.join("shop.key")).unwrap();
    Optin106::open(SqliteStore::open_with(folder.join("shop.db"), keyring, Arc::clone(clock)).unwrap()).await.unwrap()
}

/// Records consents and plans, killed on the way a few times.
fn prepare(stage: &Stage, campaign: u64, draw: &mut Draw, figures: &mut Figures) {
    for _ in 0..2 {
        let planner = stage.play("planner", campaign);
        let _ = planner.line(Duration::from_secs(30));
        std::thread::sleep(draw.between(5, 250));
        figures.planner_kills += u64::from(planner.kill());
    }
    let planner = stage.play("planner", campaign);
    while let Some(line) = planner.line(Duration::from_secs(120)) {
        if line == "done" {
            return planner.wait();
        }
    }
    planner.wait();
    panic!("a plan that nobody kills ends");
}

/// One life of one or two workers; whether the campaign is done.
fn round(stage: &Stage, campaign: u64, draw: &mut Draw, figures: &mut Figures) -> bool {
    let first = stage.play("worker", campaign);
    let second = (draw.below(3) == 0).then(|| stage.play("worker", campaign));
    // Mostly from the moment that it sends; now and then at any moment of its start.
    if draw.below(5) > 0 {
        let _ = first.line(Duration::from_secs(30));
    }
    if draw.below(4) == 0 {
        std::thread::sleep(draw.between(5, 80));
        first.signal("-STOP");
        // Longer than a request may wait for its first byte, now and then.
        std::thread::sleep(if draw.below(12) == 0 { Duration::from_millis(6_500) } else { draw.between(20, 250) });
        first.signal("-CONT");
        figures.freezes += 1;
    }
    std::thread::sleep(draw.between(5, 150));
    let mut done = false;
    for worker in [Some(first), second].into_iter().flatten() {
        let killed = worker.kill();
        figures.kills += u64::from(killed);
        done |= !killed;
    }
    done
}

// ---- What became of everyone. ----

#[derive(Default)]
struct Ends {
    planned: u64,
    counts: BTreeMap<State, u64>,
    /// Per campaign and number.
    rows: HashMap<(u64, u64), State>,
    looked_up: u64,
    without: u64,
    differ: u64,
}

impl Ends {
    fn of(&self, f: impl Fn(State) -> bool) -> u64 {
        self.counts.iter().filter(|(s, _)| f(**s)).map(|(_, n)| n).sum()
    }
}

async fn finish(folder: &Path, env: &[(&'static str, String)], clock: &Arc<dyn Clock>, campaigns: u64) -> Ends {
    let optin = driver_store(folder, clock).await;
    let hasty: Arc<dyn Clock> = Arc::new(Hasty(Arc::clone(clock)));
    let of = |name: &str| env.iter().find(|(k, _)| *k == name).map(|(_, v)| v.clone()).unwrap();
    let settings = |name| HttpSettings::new().endpoint(of(name)).loopback_only(true);
    let wire = Aliyun::new("key", Secret::new("secret"));
    let aliyun = Http::new(wire, settings("OPTIN106_ALIYUN"), Arc::clone(&hasty)).unwrap();
    let wire = Yunpian::new(Secret::new("apikey")).uid(true);
    let yunpian = Http::new(wire, settings("OPTIN106_YUNPIAN"), hasty).unwrap();
    let price = AccountSettings::default().price(390);
    optin.add_account(&account("aliyun"), Arc::new(aliyun), price.clone()).await.unwrap();
    optin.add_account(&account("yunpian"), Arc::new(yunpian), price).await.unwrap();
    let shop = optin.shop_by_id(&optin106::id::ShopId::new("shop-a").unwrap()).await.unwrap();
    let mut ends = Ends::default();
    let asking = Instant::now();
    for campaign in 0..campaigns {
        let handle = shop.open_campaign(name(campaign)).await.unwrap();
        loop {
            let doubts = handle.settle_unknowns().await.unwrap();
            ends.looked_up += doubts.accepted;
            if doubts.accepted + doubts.absent == 0 || asking.elapsed() > ASKING {
                break;
            }
        }
        let report = handle.report().await.unwrap();
        report.check().unwrap();
        assert_eq!(report.planned, PEOPLE);
        assert_eq!(report.figures.total(), PEOPLE, "the sum of outcomes is the number planned");
        ends.planned += report.planned;
        let mut rows = Box::pin(handle.report_rows());
        while let Some(row) = rows.next().await {
            let row = row.unwrap();
            let (state, number) = (row.state.unwrap(), row.phone.unwrap().to_u64());
            *ends.counts.entry(state).or_default() += 1;
            ends.without += u64::from(matches!(state, State::Planned | State::Begun));
            assert!(ends.rows.insert((campaign, number), state).is_none(), "one row per person");
        }
    }
    // The persons' facts, charges included, are the fold of what is recorded.
    ends.differ = optin.store().rebuild().await.unwrap();
    ends
}

#[derive(Default)]
struct Verdict {
    taken: u64,
    stops: u64,
    recorded: (i64, i64),
    doubles: u64,
    after_ack: u64,
    after_effective: u64,
    contradictions: u64,
}

struct Request {
    begun: i64,
    first_byte: Option<i64>,
}

/// Joins the gateway's own list to the database and to the stopper's.
fn check(folder: &Path, ends: &Ends) -> Verdict {
    let conn = rusqlite::Connection::open(folder.join("shop.db")).unwrap();
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut requests: HashMap<String, Request> = HashMap::new();
    let mut statement = conn.prepare("SELECT lower(hex(reference)), begun, first_byte FROM request").unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(r) = rows.next().unwrap() {
        let request = Request { begun: r.get(1).unwrap(), first_byte: r.get(2).unwrap() };
        requests.insert(r.get(0).unwrap(), request);
    }
    let mut v = Verdict::default();
    let mut stops: HashMap<u64, (i64, i64)> = HashMap::new();
    let mut took = Vec::new();
    for line in std::fs::read_to_string(folder.join("stopped")).unwrap().lines() {
        let f: Vec<i64> = line.split(',').map(|n| n.parse().unwrap()).collect();
        let [number, asked, recorded, acknowledged, effective] = f[..] else { panic!("a line of five numbers") };
        assert!(asked <= recorded && recorded <= acknowledged && acknowledged <= effective);
        took.push(acknowledged - asked);
        // A person may refuse twice: the first counts.
        let known = stops.entry(number as u64).or_insert((recorded, effective));
        *known = (known.0.min(recorded), known.1.min(effective));
    }
    v.stops = stops.len() as u64;
    took.sort_unstable();
    v.recorded = (took[took.len() / 2], took[took.len() * 99 / 100]);
    let mut taken: HashMap<(u64, u64), u64> = HashMap::new();
    for name in ["aliyun", "yunpian"] {
        let when = std::fs::read_to_string(folder.join(format!("{name}.when"))).unwrap();
        let lines = std::fs::read_to_string(folder.join(format!("{name}.taken"))).unwrap();
        assert_eq!(when.lines().count(), lines.lines().count(), "the gateway's two lists agree");
        for line in when.lines() {
            let mut f = line.split(',');
            let number: u64 = f.next().unwrap().parse().unwrap();
            let request = requests.get(&f.next().unwrap().to_ascii_lowercase());
            let at: i64 = f.next().unwrap().parse().unwrap();
            v.taken += 1;
            // Numbers tell the campaign: nobody is in two.
            let campaign = (number - 13_800_000_000) / PEOPLE;
            *taken.entry((campaign, number)).or_default() += 1;
            let Some(request) = request else {
                say(format_args!("the gateway took a request that was never recorded: {line}"));
                v.contradictions += 1;
                continue;
            };
            if let Some((recorded, effective)) = stops.get(&number) {
                if request.begun > *recorded {
                    say(format_args!("begun {} ms after the refusal was recorded", request.begun - recorded));
                    v.after_ack += 1;
                }
                if request.first_byte.is_some_and(|t| t > *effective) || at > effective + TRANSIT_MS {
                    say(format_args!("left {:?}, came {at}, effective {effective}", request.first_byte));
                    v.after_effective += 1;
                }
            }
        }
    }
    v.doubles = taken.values().filter(|n| **n > 1).count() as u64;
    for (key, state) in &ends.rows {
        let was_taken = taken.contains_key(key);
        let wrong = if was_taken {
            !state.is_taken() && !matches!(state, State::Unknown | State::Unresolved)
        } else {
            state.is_taken()
        };
        if wrong {
            say(format_args!("campaign {}: {state} although taken: {was_taken}", key.0));
            v.contradictions += 1;
        }
    }
    v
}
