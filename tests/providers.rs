//! Every platform under every fault: whole campaigns over a line that fails, compared with what the platform took.
//!
//! `cargo test --all-features --test providers -- --nocapture` runs 20 rounds for each name of [`Account::names`]; the
//! release drill runs 200: `OPTIN106_ROUNDS=200 cargo test --release --all-features --test providers -- --nocapture`.
//! `OPTIN106_PLATFORM=name` runs one alone. Whoever has a line in the list of platforms is in it, by the public API alone.
//!
//! A round has three campaigns on a store of its own. The first meets a port that nobody listens on, then half of the
//! faults, one per call; the second the other half, over the connections that are left; the third a TLS handshake that
//! is cut. Afterwards the platform is asked about the doubts, and what is proven absent is sent. Each time:
//! **S3** nobody was taken twice; **S4** everybody stands in exactly one state and the states add up; whoever is reported
//! as taken was taken; whoever was taken is reported as taken or in doubt, never as refused, failed, expired or planned.
//! All of this is counted by message: where the same bytes are one message, a lost answer is asked for once more, so a
//! call may come twice there, and never three times.
//!
//! | fault of the reliability page | here |
//! |---|---|
//! | 1 accepted, then time-out | `TimesOut`: taken, no answer; the client's time-out ends it |
//! | 2 accepted, then 5xx | `ServerError`: [`Step::ServerError`], 500 to 504 |
//! | 3 accepted, then reset | `Reset`: RST instead of an answer |
//! | 4 half-close | `HalfClose`: half of the body, then FIN |
//! | 5 slow-loris, both ways | `SlowLoris`: a byte in 20 ms; or the request's body is never read |
//! | 6 wrong length | `WrongLength`: 64 bytes too many told, or half of them |
//! | 7 gzip bomb | `GzipBomb`: 66 KB that unpack to 10 MB, after taking |
//! | 8 answer of 10 MB | `Huge`: [`Step::Huge`] |
//! | 9 duplicate answers | `DuplicateAnswer`: the whole answer twice, or [`Step::DuplicateRows`] |
//! | 10 reordered answers | `Reordered`: every list in the answer turned round |
//! | 11 partial bulk | `PartialBulk`: [`Step::Partial`] with its rows turned round, or [`Step::Unnamed`] |
//! | 12 wrong ids | `WrongIds`: the answer of another request |
//! | 13 TLS cut | the third campaign: closed, reset, garbage or half a record after the client's hello |
//! | 14 307 redirect | `Redirect`: [`Step::Redirect`] to a port where nobody may ever call |
//! | 15 stale pooled socket | `StaleSocket`: a used connection ends under the next request, read or taken |
//! | and | `Garbage`, `UnknownCode`, `Throttle` ([`Step`]s), connection refused (the first campaign) |
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test tells what it covered, and fails by panicking")]

mod common;
#[path = "support/draw.rs"]
mod draw;
#[path = "providers/line.rs"]
mod line;

use common::{opt_in, phone};
use draw::Draw;
use futures_util::{StreamExt, TryStreamExt};
use line::{Kind, Line};
use optin106::campaign::audience::Person;
use optin106::clock::{Clock, SystemClock};
use optin106::entry::State;
use optin106::id::AccountId;
use optin106::keyring::Keyring;
use optin106::message::UNSUBSCRIBE;
use optin106::optin::{AccountSettings, AccountSignature};
use optin106::provider::wire::{HttpSettings, SettingsError};
use optin106::provider::{Form, Provider};
use optin106::store::{SqliteStore, Subject};
use optin106::testing::ManualClock;
#[allow(unused_imports, reason = "named in the documentation")]
use optin106::testing::gateway::Step;
use optin106::testing::gateway::{Account, Gateway};
use optin106::{Audience, Campaign, Optin106, Owner, Purpose, Shop, ShopHandle, Timestamp};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

/// Numbers in a call, where the platform takes as many.
const PER_CALL: u16 = 3;
/// People of the first, the second and the third campaign.
const FIRST: std::ops::Range<u64> = 0..30;
const SECOND: std::ops::Range<u64> = 30..72;
const THIRD: std::ops::Range<u64> = 72..78;
/// Platforms under way at a time: most of a round is waiting for time-outs.
const AT_A_TIME: usize = 4;

fn start() -> Timestamp {
    "2026-12-11T10:00:00+08:00".parse().unwrap()
}

fn folder() -> TempDir {
    // Memory where there is some: what is on disk is another suite's matter.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

async fn open(folder: &Path, clock: &ManualClock) -> Optin106 {
    let keyring = Keyring::open_or_create_file(folder.join("shop.key"), &SystemClock::new()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Optin106::open(SqliteStore::open_with(folder.join("shop.db"), keyring, clock).unwrap()).await.unwrap()
}

fn shop(signature: &str) -> Shop {
    Shop::new("shop-a", Owner::new("owner-1").unwrap(), signature).unwrap().contact("400-000-0000")
}

/// A store with a shop and everybody's consent, made once and copied for each round.
async fn prepared() -> TempDir {
    let folder = folder();
    let optin = open(folder.path(), &ManualClock::new(start())).await;
    let shop = optin.shop(shop("测试签名")).await.unwrap();
    for i in 0..THIRD.end {
        shop.record(opt_in(phone(i))).await.unwrap();
    }
    folder
}

fn copied(prepared: &Path) -> TempDir {
    let to = folder();
    for name in ["shop.db", "shop.db-wal", "shop.key"] {
        if prepared.join(name).exists() {
            std::fs::copy(prepared.join(name), to.path().join(name)).unwrap();
        }
    }
    to
}

/// A body without signature and words whose placeholders, however the platform writes them, are ours.
fn body_of(filed: &str) -> String {
    let text = filed.strip_suffix(UNSUBSCRIBE).unwrap_or(filed);
    let mut rest = match text.strip_prefix('【').and_then(|t| t.split_once('】')) {
        Some((_, body)) => body,
        None => text,
    };
    let mut body = String::new();
    'text: while let Some(c) = rest.chars().next() {
        for (open, close) in [("${", "}"), ("#{", "}"), ("{", "}"), ("@var(", ")"), ("#", "#")] {
            if let Some(end) = rest.strip_prefix(open).and_then(|inner| inner.find(close)) {
                body.push_str("{name}");
                rest = &rest[open.len() + end + close.len()..];
                continue 'text;
            }
        }
        body.push(c);
        rest = &rest[c.len_utf8()..];
    }
    body
}

/// What a platform's account can be asked to carry: a text for all, and one with a hole where it has such a form.
struct Texts {
    same: String,
    personal: Option<String>,
}

fn texts(account: &Account, provider: &dyn Provider) -> Texts {
    let profile = provider.profile();
    let bodies: Vec<String> = match profile.form {
        Form::FreeText => vec!["会员，新品8折。".into(), "会员{name}，新品8折。".into()],
        Form::Template => account.templates().iter().map(|t| body_of(&t.filed)).collect(),
    };
    let with_holes = |n: usize| bodies.iter().find(|b| b.matches("{name}").count() == n).cloned();
    let name = account.name();
    Texts {
        same: with_holes(0).unwrap_or_else(|| panic!("{name}: its gateway has no approved template without variables")),
        personal: with_holes(1).filter(|_| profile.personal_max > 0),
    }
}

/// What was seen over all rounds of a platform.
#[derive(Default)]
struct Sum {
    states: BTreeMap<State, u64>,
    settled: u64,
    taken: u64,
    played: BTreeMap<Kind, u64>,
    refused: u64,
    cut: u64,
    personal: u64,
    /// Whether the platform makes the same bytes one message, and the sends that came again.
    idempotent: bool,
    again: u64,
}

impl Sum {
    fn of(&self, state: State) -> u64 {
        self.states.get(&state).copied().unwrap_or_default()
    }
}

/// What contradicts the promises; empty where all is well. `rows` are the report's, `taken` the platform's.
fn contradictions(people: &[u64], rows: &[(u64, State)], taken: &BTreeMap<u64, u64>) -> Vec<String> {
    let mut found = Vec::new();
    let mut states: BTreeMap<u64, Vec<State>> = people.iter().map(|p| (*p, Vec::new())).collect();
    for (who, state) in rows {
        match states.get_mut(who) {
            Some(of) => of.push(*state),
            None => found.push(format!("a row for a stranger: {state}")),
        }
    }
    for (i, (who, states)) in states.iter().enumerate() {
        let [state] = states[..] else {
            found.push(format!("person {i} stands in {states:?}"));
            continue;
        };
        let doubt = matches!(state, State::Unknown | State::Unresolved);
        match taken.get(who).copied().unwrap_or_default() {
            0 if state.is_taken() => found.push(format!("person {i} is reported as {state} and was not taken")),
            0 | 1 if matches!(state, State::Planned | State::Begun) => {
                found.push(format!("person {i} is left {state}"))
            }
            0 => {}
            1 if state.is_taken() || doubt => {}
            1 => found.push(format!("person {i} was taken and is reported as {state}")),
            n => found.push(format!("person {i} was taken {n} times and is reported as {state}")),
        }
    }
    found
}

/// S3 and S4 of one campaign, exactly; its rows.
async fn check(campaign: &Campaign, gateway: &Gateway, people: std::ops::Range<u64>, when: &str) -> Vec<(u64, State)> {
    let report = campaign.report().await.unwrap();
    report.check().unwrap();
    assert_eq!(report.planned, people.end - people.start, "{when}");
    let rows: Vec<_> = campaign.report_rows().try_collect().await.unwrap();
    let rows: Vec<(u64, State)> = rows.iter().map(|r| (r.phone.unwrap().to_u64(), r.state.unwrap())).collect();
    for state in State::ALL {
        let counted = rows.iter().filter(|(_, s)| *s == state).count() as u64;
        assert_eq!(report.figures.count(state), counted, "{when}: {state}");
    }
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    for m in gateway.accepted() {
        *taken.entry(m.number).or_default() += 1;
    }
    let people: Vec<u64> = people.map(|i| phone(i).to_u64()).collect();
    assert_eq!(contradictions(&people, &rows, &taken), Vec::<String>::new(), "{when}");
    rows
}

struct World {
    clock: ManualClock,
    shop: ShopHandle,
    texts: Texts,
    personal: bool,
    folder: TempDir,
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

impl World {
    async fn plan(&self, name: &str, via: &str, people: std::ops::Range<u64>) -> Campaign {
        let now = self.clock.now();
        let body = self.texts.personal.as_ref().filter(|_| self.personal).unwrap_or(&self.texts.same);
        let person = |i| Person::from(phone(i)).param("name", format!("第{i}位"));
        let bare = |i| Person::from(phone(i));
        let personal = self.personal;
        self.shop
            .campaign(name, Purpose::Promotion)
            .text(body.clone())
            // An account that is held is looked at every second until then.
            .ends(now.plus(Duration::from_secs(1800)))
            .numbers_per_call(PER_CALL)
            .via(account(via))
            .plan(Audience::iter(people.map(move |i| if personal { person(i) } else { bare(i) })))
            .await
            .unwrap()
    }
}

/// Runs a campaign, and does `then` as soon as rows have come back unsent; whether any did.
async fn run_and<F: Future<Output = ()>>(campaign: &Campaign, then: impl FnOnce() -> F) -> bool {
    let (mut progress, seen) = (Box::pin(campaign.progress()), AtomicBool::new(false));
    let watch = async {
        while let Some(p) = progress.next().await {
            if p.back > 0 {
                seen.store(true, Ordering::Relaxed);
                return then().await;
            }
        }
    };
    tokio::pin!(watch);
    let run = campaign.run();
    tokio::pin!(run);
    tokio::select! {
        done = &mut run => {
            done.unwrap();
            if seen.load(Ordering::Relaxed) {
                watch.await;
            }
        }
        () = &mut watch => drop(run.await.unwrap()),
    }
    seen.load(Ordering::Relaxed)
}

/// One round of one platform.
async fn round(name: &str, n: u64, prepared: &Path, roots: bool, sum: &mut Sum) {
    let clock = ManualClock::new(start()).auto().seeded(n + 1);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let of = Account::named(name).unwrap();
    let gateway = Gateway::new(of.clone());
    // A redirect that was followed would stand in this queue.
    let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let trapped = format!("http://{}/", trap.local_addr().unwrap());
    let mut draw = Draw(n.wrapping_mul(0x1234_5678_9abc_def1) ^ name.bytes().fold(7, |h, b| h * 31 + u64::from(b)));
    let line = Line::new(gateway.clone(), Arc::clone(&shared), trapped, draw.next());
    let mut kinds: Vec<Option<Kind>> = Kind::ALL.iter().copied().map(Some).collect();
    kinds.extend([None; 4]);
    draw.shuffle(&mut kinds);
    let later = kinds.split_off(kinds.len() / 2);
    // Only a connection that was used can go stale.
    let (stale, mut first): (Vec<_>, Vec<_>) = kinds.into_iter().partition(|k| *k == Some(Kind::StaleSocket));
    first.insert(0, None);

    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    let settings = |url: &str| {
        HttpSettings::new()
            .endpoint(url)
            .loopback_only(true)
            .connect_timeout(Duration::from_millis(150))
            .timeout(Duration::from_millis(300))
    };
    let provider = of.provider(settings(&address), Arc::clone(&shared)).unwrap();
    sum.idempotent = provider.profile().idempotent;
    let texts = texts(&of, &*provider);
    let folder = copied(prepared);
    let optin = open(folder.path(), &clock).await;
    optin
        .add_account(&account("main"), provider, AccountSettings::default().replies_by_hand().price(390))
        .await
        .unwrap();
    let signature = of.signatures().swap_remove(0);
    let filed = of
        .templates()
        .iter()
        .fold(AccountSignature::new(&signature).unwrap(), |filed, t| filed.template(t.code.clone(), t.filed.clone()));
    let shop = shop(&signature).at_account(account("main"), filed.clone()).at_account(account("tls"), filed);
    let shop = optin.shop(shop).await.unwrap();
    let personal = n % 4 == 3 && texts.personal.is_some();
    let world = World { clock, shop, texts, personal, folder };
    sum.personal += u64::from(personal);

    let one = world.plan("one", "main", FIRST).await;
    line.plan(first);
    let serving = Arc::clone(&line);
    let server = Arc::new(std::sync::Mutex::new(None));
    let started = Arc::clone(&server);
    let seen = run_and(&one, || async move {
        let listener = socket.listen(1024).unwrap();
        *started.lock().unwrap() = Some(tokio::spawn(serving.serve(listener)));
    });
    sum.refused += u64::from(seen.await);
    let when = |what: &str| format!("{name}, round {n}, {what}");
    check(&one, &gateway, FIRST, &when("first campaign")).await;

    // Doubts have opened the account's breaker; all calls of the second campaign shall leave together too.
    optin.lift(Subject::Account(account("main"))).await.unwrap();
    let two = world.plan("two", "main", SECOND).await;
    line.plan(stale.into_iter().chain(later));
    two.run().await.unwrap();
    check(&two, &gateway, SECOND, &when("second campaign")).await;

    // The platform is asked, more than once; what it surely has not is sent.
    line.plan([]);
    for (campaign, people) in [(&one, FIRST), (&two, SECOND)] {
        let mut rows = Vec::new();
        for minutes in [2, 10] {
            world.clock.advance(Duration::from_secs(60 * minutes));
            sum.settled += campaign.settle_unknowns().await.unwrap().accepted;
            campaign.run().await.unwrap();
            rows = check(campaign, &gateway, people.clone(), &when("after asking")).await;
        }
        for (_, state) in rows {
            *sum.states.entry(state).or_default() += 1;
        }
    }
    sum.taken += gateway.totals().messages;
    // Elsewhere the same bytes may be a question asked again, or a send that was told "later".
    if sum.idempotent {
        let (again, most) = line.again();
        assert!(most <= 2, "{}", when("the same bytes came more than twice"));
        sum.again += again;
    }
    for (kind, times) in line.played() {
        *sum.played.entry(kind).or_default() += times;
    }
    if let Some(server) = server.lock().unwrap().take() {
        server.abort();
    }
    assert_eq!(
        trap.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "{}",
        when("a redirect was followed")
    );
    if roots {
        let (cutter, listener) = (n, TcpListener::bind("127.0.0.1:0").await.unwrap());
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(cut_tls(listener, cutter));
        let tls = of.provider(settings(&url), shared).unwrap();
        optin.add_account(&account("tls"), tls, AccountSettings::default().replies_by_hand().price(390)).await.unwrap();
        let before = gateway.totals();
        let three = world.plan("three", "tls", THIRD).await;
        let cancel = three.clone();
        let seen = run_and(&three, || async move { cancel.cancel().await.unwrap() }).await;
        sum.cut += u64::from(seen);
        let rows = check(&three, &gateway, THIRD, &when("third campaign")).await;
        // Not a byte of a request has left, and that is known for certain.
        assert!(rows.iter().all(|(_, s)| *s == State::Expired), "{}: {rows:?}", when("TLS cut"));
        assert_eq!(before, gateway.totals());
        server.abort();
    }
    drop(world.folder);
}

/// Reads some of the client's hello, then cuts: closed, reset, answered without TLS, or with half a record.
async fn cut_tls(listener: TcpListener, how: u64) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let _ = stream.read(&mut [0; 64]).await;
        let _ = match how % 4 {
            0 => Ok(()),
            1 => stream.set_zero_linger(),
            2 => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await,
            _ => stream.write_all(&[0x16, 3, 3, 0, 0x7a, 2, 0, 0, 0x76, 3, 3, 1, 2, 3]).await,
        };
    }
}

/// Whether this machine has root certificates: without them no TLS client can be made, which is tested elsewhere.
fn has_roots() -> bool {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let settings = HttpSettings::new().endpoint("https://127.0.0.1:1").loopback_only(true);
    match Account::yunpian().provider(settings, clock) {
        Ok(_) => true,
        Err(SettingsError::Tls(_)) => false,
        Err(e) => panic!("{e}"),
    }
}

async fn platform(name: &'static str, rounds: u64, prepared: PathBuf, roots: bool) {
    let mut sum = Sum::default();
    for n in 0..rounds {
        round(name, n, &prepared, roots, &mut sum).await;
    }
    let calls: u64 = sum.played.values().sum();
    println!(
        "{name}: {rounds} rounds ({} personal), {calls} calls with a fault, {} refused connections, {} cut handshakes{}; \
         taken {}, reported as taken {} ({} by asking), in doubt {}, failed {}, expired {}",
        sum.personal,
        sum.refused,
        sum.cut,
        if sum.idempotent { format!(", {} sends again", sum.again) } else { String::new() },
        sum.taken,
        sum.of(State::Accepted),
        sum.settled,
        sum.of(State::Unknown) + sum.of(State::Unresolved),
        sum.of(State::Failed),
        sum.of(State::Expired),
    );
    // A suite that plays nothing proves nothing.
    if rounds >= 10 {
        let missing: Vec<_> = Kind::ALL.iter().filter(|k| !sum.played.contains_key(k)).collect();
        assert!(missing.is_empty(), "{name}: never played: {missing:?}");
        assert!(sum.of(State::Accepted) > rounds * 12, "{name}: hardly anybody was reached");
        assert_eq!(sum.again > rounds, sum.idempotent, "{name}: lost answers were not asked for once more");
        assert_eq!(sum.refused, rounds, "{name}: connections were not refused");
        assert_eq!(sum.cut, if roots { rounds } else { 0 }, "{name}: handshakes were not cut");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_twice_and_everybody_accounted_for_whatever_a_platform_does() {
    let rounds = std::env::var("OPTIN106_ROUNDS").map_or(20, |n| n.parse().unwrap());
    let only = std::env::var("OPTIN106_PLATFORM").ok();
    let (prepared, roots) = (prepared().await, has_roots());
    if !roots {
        println!("no root certificates on this machine: TLS is not cut");
    }
    let names: Vec<_> = Account::names().filter(|n| only.as_deref().is_none_or(|o| o == *n)).collect();
    assert!(!names.is_empty(), "no such platform");
    let started = std::time::Instant::now();
    let run = |name| tokio::spawn(platform(name, rounds, prepared.path().to_owned(), roots));
    let done: Vec<_> = futures_util::stream::iter(names.clone()).map(run).buffer_unordered(AT_A_TIME).collect().await;
    println!("{} platforms in {:.0?}", names.len(), started.elapsed());
    let failed: Vec<_> = done.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} of {} platforms failed", failed.len(), names.len());
}

#[test]
fn the_check_bites() {
    let people = [1, 2];
    let fine = [(1, State::Accepted), (2, State::Unknown)];
    let taken = |list: &[(u64, u64)]| list.iter().copied().collect::<BTreeMap<_, _>>();
    for ok in [taken(&[(1, 1)]), taken(&[(1, 1), (2, 1)])] {
        assert!(contradictions(&people, &fine, &ok).is_empty());
    }
    let one = |rows: &[(u64, State)], list: &[(u64, u64)]| contradictions(&people, rows, &taken(list)).len();
    assert_eq!(one(&fine, &[(1, 2)]), 1, "twice");
    assert_eq!(one(&fine, &[(1, 1), (2, 2)]), 1, "twice, in doubt");
    assert_eq!(one(&fine, &[]), 1, "claimed and not taken");
    for never in [State::Failed, State::Refused, State::Expired, State::Planned, State::Begun] {
        assert_eq!(one(&[(1, never), (2, State::Unknown)], &[(1, 1)]), 1, "{never}");
    }
    for open in [State::Planned, State::Begun] {
        assert_eq!(one(&[(1, open), (2, State::Unknown)], &[]), 1, "{open}");
    }
    assert_eq!(one(&fine[..1], &[(1, 1)]), 1, "no state");
    assert_eq!(one(&[fine[0], fine[1], fine[1]], &[(1, 1)]), 1, "two states");
    assert_eq!(one(&[fine[0], fine[1], (3, State::Failed)], &[(1, 1)]), 1, "a stranger");
}

/// A value that the platform would read as two keeps its own person out of the call, and nobody else.
#[tokio::test]
async fn one_persons_value_ends_nobody_elses_message() {
    let clock = ManualClock::new(start()).auto();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let prepared = prepared().await;
    let optin = open(prepared.path(), &clock).await;
    let gateway = Gateway::new(Account::named("chuanglan").unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(optin106::testing::gateway::serve(listener, gateway.clone(), Arc::clone(&shared)));
    let settings = HttpSettings::new().endpoint(url).loopback_only(true);
    let provider = Account::named("chuanglan").unwrap().provider(settings, shared).unwrap();
    optin
        .add_account(&account("main"), provider, AccountSettings::default().replies_by_hand().price(390))
        .await
        .unwrap();
    let filed = AccountSignature::new("测试签名").unwrap();
    let shop = optin.shop(shop("测试签名").at_account(account("main"), filed)).await.unwrap();
    let people = ["王", "张,三", "李"].into_iter().zip(0..).map(|(name, i)| Person::from(phone(i)).param("name", name));
    let campaign = shop.campaign("one", Purpose::Promotion).text("{name}您好，新品8折。").via(account("main"));
    let campaign = campaign.plan(Audience::iter(people)).await.unwrap();
    campaign.run().await.unwrap();
    let rows: Vec<_> = campaign.report_rows().try_collect().await.unwrap();
    let state = |i| rows.iter().find(|r| r.phone == Some(phone(i))).and_then(|r| r.state);
    assert_eq!([0, 1, 2].map(state), [State::Accepted, State::Failed, State::Accepted].map(Some));
    let mut taken: Vec<_> = gateway.accepted().iter().map(|m| m.number).collect();
    taken.sort_unstable();
    assert_eq!(taken, [phone(0).to_u64(), phone(2).to_u64()]);
    assert_eq!(gateway.totals().requests, 1, "what cannot be said is not sent");
}
