//! The gateways' pushes over real HTTP: a listener hands what comes to `Optin106::intake`, as a shop's web server does.
//!
//! For each platform one report and one reply arrive in its own form and with its own signature. An answer that is not the
//! documented one makes it push the same bytes again; the exact bytes that `intake` gives end it; however often a push
//! comes, it has one effect.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{opt_in, phone};
use futures_util::TryStreamExt;
use optin106::clock::{Clock, SystemClock};
use optin106::entry::State;
use optin106::id::AccountId;
use optin106::inbound::{HttpCall, Pull};
use optin106::intake::{IntakeEvent, IntakeOutcome, PullOutcome};
use optin106::keyring::Keyring;
use optin106::message::UNSUBSCRIBE;
use optin106::optin::{AccountSettings, AccountSignature};
use optin106::provider::Back;
use optin106::provider::wire::HttpSettings;
use optin106::stop::Intent;
use optin106::store::SqliteStore;
use optin106::testing::ManualClock;
use optin106::testing::gateway::{
    Account, CALLBACK_PATH, FakeChuanglan, FakeCmccMas, FakeTencent, Gateway, PushError, Pushing, Record, serve,
};
use optin106::{Audience, Optin106, Owner, Purpose, Shop, Timestamp};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Platforms that read the answer's body; the others take any, if the status is right.
const READS_THE_ANSWER: [&str; 6] = ["aliyun", "chuanglan", "montnets", "tencent", "ucloud", "yunpian"];
/// Half a minute in all.
const PATIENCE: (u32, Duration) = (3000, Duration::from_millis(10));

/// A call as it came, and what taking it in did.
struct Came {
    call: HttpCall,
    events: Vec<IntakeEvent>,
}

/// A shop's web server, which answers wrongly at first: with 500, then with 200 and other words, then as it should.
struct Web {
    optin: Optin106,
    account: AccountId,
    came: Mutex<Vec<Came>>,
    reads_the_answer: bool,
    broken: bool,
}

impl Web {
    fn new(optin: Optin106, account: AccountId, name: &str) -> Self {
        let reads_the_answer = READS_THE_ANSWER.contains(&name);
        Self { optin, account, came: Mutex::default(), reads_the_answer, broken: false }
    }

    /// How often a push must come: once more for each wrong answer.
    fn tries(&self) -> u64 {
        if self.reads_the_answer { 3 } else { 2 }
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            self.answer(stream).await;
        }
    }

    async fn answer(&self, mut stream: TcpStream) {
        let call = request(&mut stream).await;
        // Every time it is recorded, whatever is answered: an answer may get lost, too.
        let IntakeOutcome { answer, events } = self.optin.intake(&self.account, &call).await.unwrap();
        let before = {
            let mut came = self.came.lock().unwrap();
            came.push(Came { call: call.clone(), events });
            came.iter().filter(|c| c.call.body == call.body && c.call.query == call.query).count() - 1
        };
        let (status, body) = match before {
            _ if self.broken => (500, &*answer.body),
            0 => (500, &*answer.body),
            1 if self.reads_the_answer => (200, "{\"code\":1,\"result\":1,\"clcode\":\"111111\"}"),
            _ => (answer.status, &*answer.body),
        };
        let head = format!("HTTP/1.1 {status} -\r\ncontent-type: {}\r\n", answer.content_type);
        let whole = format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        stream.write_all(whole.as_bytes()).await.unwrap();
    }

    fn came(&self) -> usize {
        self.came.lock().unwrap().len()
    }
}

/// Reads one request.
async fn request(stream: &mut TcpStream) -> HttpCall {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "a request was cut");
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let named = |l: &str| l.split_once(':').map(|(n, v)| (n.to_owned(), v.trim().to_owned()));
    let headers: Vec<_> = lines.filter_map(named).collect();
    let length = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, n)| n.parse().unwrap());
    while read.len() < end + length {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "a body was cut");
    }
    let call = HttpCall::new(method, path, query, &read[end..end + length]);
    headers.into_iter().fold(call, |call, (n, v)| call.with_header(n, v))
}

/// Asks a gateway by HTTP; status and body.
async fn ask(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    let whole = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(whole.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.0 {
        if done() {
            return;
        }
        tokio::time::sleep(PATIENCE.1).await;
    }
    panic!("{what}: did not happen");
}

async fn open(folder: &Path, clock: &ManualClock) -> Optin106 {
    let keyring = Keyring::open_or_create_file(folder.join("shop.key"), &SystemClock::new()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Optin106::open(SqliteStore::open_with(folder.join("shop.db"), keyring, clock).unwrap()).await.unwrap()
}

/// A fixed text as the shop writes it: without signature and words.
fn body_of(filed: &str) -> Option<String> {
    let text = filed.strip_suffix(UNSUBSCRIBE).unwrap_or(filed);
    let text = text.strip_prefix('【').and_then(|t| t.split_once('】')).map_or(text, |(_, body)| body);
    (!text.contains(['{', '#', '@'])).then(|| text.to_owned())
}

/// Pauses of a few milliseconds: how long real platforms wait is not the matter here.
fn pushing(address: &str) -> Pushing {
    let url = format!("http://{address}{CALLBACK_PATH}");
    Pushing::new().reports_to(&url).unwrap().replies_to(&url).unwrap().pause(Duration::from_millis(2))
}

/// A report and a reply of one platform, from the send to the stop.
async fn platform(name: &'static str) {
    let clock = ManualClock::new("2026-12-11T10:00:00+08:00".parse().unwrap()).auto();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let folder = tempfile::tempdir().unwrap();
    let optin = open(folder.path(), &clock).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let of = Account::named(name).unwrap();
    let gateway = Gateway::new(of.clone()).pushing(pushing(&listener.local_addr().unwrap().to_string())).unwrap();
    let platform = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = platform.local_addr().unwrap().to_string();
    tokio::spawn(serve(platform, gateway.clone(), Arc::clone(&shared)));

    let account = AccountId::new("main").unwrap();
    let settings = HttpSettings::new().endpoint(format!("http://{address}")).loopback_only(true);
    let provider = of.provider(settings, shared).unwrap();
    optin.add_account(&account, provider, AccountSettings::default().price(390)).await.unwrap();
    let signature = of.signatures().swap_remove(0);
    let filed = AccountSignature::new(&signature).unwrap();
    let filed = of.templates().iter().fold(filed, |f, t| f.template(t.code.clone(), t.filed.clone()));
    let shop = Shop::new("shop-a", Owner::new("owner-1").unwrap(), &signature).unwrap().contact("400-000-0000");
    let shop = optin.shop(shop.at_account(account.clone(), filed)).await.unwrap();
    shop.record(opt_in(phone(1))).await.unwrap();

    let web = Arc::new(Web::new(optin.clone(), account.clone(), name));
    let server = tokio::spawn(Arc::clone(&web).serve(listener));
    let text = of.templates().iter().find_map(|t| body_of(&t.filed)).unwrap_or_else(|| "会员，新品8折。".into());
    let campaign = shop.campaign("one", Purpose::Promotion).text(text).via(account);
    let campaign = campaign.plan(Audience::iter([phone(1)])).await.unwrap();
    campaign.run().await.unwrap();
    until(name, || gateway.pushes_made().received == 1).await;
    let rows: Vec<_> = campaign.report_rows().try_collect().await.unwrap();
    assert_eq!(rows.iter().map(|r| r.state).collect::<Vec<_>>(), [Some(State::Delivered)], "{name}");

    let said = format!("number={}&text=R&signature={}", phone(1).to_u64(), percent(&signature));
    let (status, told) = ask(&address, "POST", "/__gateway/reply", &said).await;
    assert_eq!((status, told), (200, format!("{{\"tries\":{}}}", web.tries())), "{name}");
    assert!(!optin.lookup(phone(1)).await.unwrap().stops.is_empty(), "{name}");

    // The exact answer has ended it: what was called is what was needed, and nothing is under way.
    let (calls, one) = (2 * web.tries(), web.tries() as usize);
    let made = format!("{{\"calls\":{calls},\"given_up\":0,\"received\":2}}");
    assert_eq!(ask(&address, "GET", "/__gateway/pushes", "").await, (200, made), "{name}");
    server.abort();
    let came = web.came.lock().unwrap();
    assert_eq!(came.len() as u64, calls, "{name}");
    for (of, offered) in [(&came[..one], "report"), (&came[one..], "reply")] {
        for (nth, Came { call, events }) in of.iter().enumerate() {
            assert!((&call.body, &call.query) == (&of[0].call.body, &of[0].call.query), "{name}: other bytes");
            let (kind, repeated) = match &events[..] {
                [IntakeEvent::Report(r)] => ("report", r.repeated),
                [IntakeEvent::Reply(r)] => {
                    assert_eq!((r.phone, r.reading.intent), (phone(1), Intent::Stop), "{name}");
                    ("reply", r.recorded.repeated)
                }
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!((kind, repeated), (offered, nth > 0), "{name}: one effect");
        }
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[tokio::test]
async fn a_report_and_a_reply_of_every_platform_that_pushes_arrive_once() {
    let mut pushed = 0;
    for name in Account::names() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let settings = HttpSettings::new().endpoint("http://127.0.0.1:9").loopback_only(true);
        let provider = Account::named(name).unwrap().provider(settings, clock).unwrap();
        let pushes = |back| matches!(back, Back::Push | Back::PushOrPull);
        let profile = provider.profile();
        let to = |p: Result<Pushing, PushError>| Gateway::new(Account::named(name).unwrap()).pushing(p.unwrap());
        // The gateway offers what the profile says.
        let url = "http://127.0.0.1:9/";
        assert_eq!(to(Pushing::new().reports_to(url)).is_ok(), pushes(profile.reports), "{name}");
        assert_eq!(to(Pushing::new().replies_to(url)).is_ok(), pushes(profile.replies), "{name}");
        if pushes(profile.reports) && pushes(profile.replies) {
            platform(name).await;
            pushed += 1;
        }
    }
    assert!(pushed > 0);
}

/// Platforms that are asked: a refusal that waits there is a stop after the pull, and is told once.
#[tokio::test]
async fn a_reply_that_waits_at_a_platform_is_pulled_and_stops() {
    let (cmcc, tencent, chuanglan) = (FakeCmccMas::default(), FakeTencent::default(), FakeChuanglan::default());
    let queues = [cmcc.replies.clone(), tencent.replies.clone(), chuanglan.replies.clone()];
    let platforms: [Account; 3] = [cmcc.into(), tencent.into(), chuanglan.into()];
    for (i, (of, queue)) in platforms.into_iter().zip(queues).enumerate() {
        let clock = ManualClock::new("2026-12-11T10:00:00+08:00".parse().unwrap()).auto();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let folder = tempfile::tempdir().unwrap();
        let optin = open(folder.path(), &clock).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, Gateway::new(of.clone()), Arc::clone(&shared)));
        let provider = of.provider(HttpSettings::new().endpoint(url).loopback_only(true), shared).unwrap();
        let account = AccountId::new("main").unwrap();
        optin.add_account(&account, provider, AccountSettings::default()).await.unwrap();
        queue.lock().unwrap().extend([(phone(1).to_u64(), "好看".into()), (phone(2).to_u64(), "R".into())]);
        let told = optin.pull(&account, Pull::Replies).await.unwrap();
        assert_eq!((told.replies, told.stops), (1, 1), "platform {i}");
        let stops = async |n| !optin.lookup(phone(n)).await.unwrap().stops.is_empty();
        assert!(stops(2).await && !stops(1).await, "platform {i}");
        assert_eq!(optin.pull(&account, Pull::Replies).await.unwrap(), PullOutcome::default(), "platform {i}");
    }
}

#[tokio::test]
async fn a_push_that_nobody_takes_is_given_up() {
    // Nobody listens, then somebody answers 500 for ever.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let now = SystemClock::new().now();
    let gateway = Gateway::new(Account::yunpian()).pushing(pushing(&closed).tries(3)).unwrap();
    let given_up = gateway.push_reply(13_800_000_001, "R", ("", ""), now).await;
    assert_eq!(given_up, Err(PushError::GivenUp { tries: 3, status: None }));
    assert_eq!((gateway.pushes_made().calls, gateway.pushes_made().given_up), (3, 1));

    let clock = ManualClock::new(now);
    let folder = tempfile::tempdir().unwrap();
    let optin = open(folder.path(), &clock).await;
    let account = AccountId::new("main").unwrap();
    let settings = HttpSettings::new().endpoint("http://127.0.0.1:9").loopback_only(true);
    let provider = Account::yunpian().provider(settings, Arc::new(clock.clone())).unwrap();
    optin.add_account(&account, provider, AccountSettings::default()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let web = Arc::new(Web { broken: true, ..Web::new(optin, account, "yunpian") });
    tokio::spawn(Arc::clone(&web).serve(listener));
    let gateway = Gateway::new(Account::yunpian()).pushing(pushing(&address).tries(4)).unwrap();
    let given_up = gateway.push_reply(13_800_000_001, "R", ("", ""), now).await;
    assert_eq!(given_up, Err(PushError::GivenUp { tries: 4, status: Some(500) }));
    assert_eq!(web.came(), 4);
}

#[tokio::test]
async fn only_addresses_that_can_be_called_are_taken() {
    for wrong in ["https://127.0.0.1/cb", "127.0.0.1:80/cb", "/cb", "http:///cb", "http://u@127.0.0.1/", "", "中"] {
        assert_eq!(Pushing::new().reports_to(wrong).unwrap_err(), PushError::Address, "{wrong}");
    }
    let gateway = Gateway::new(Account::yunpian()).record(Record::Counts).unwrap();
    let none = gateway.push_reply(13_800_000_001, "R", ("", ""), Timestamp::EPOCH).await;
    assert_eq!(none, Err(PushError::NoAddress));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(serve(listener, gateway, Arc::new(SystemClock::new())));
    for (path, body, status) in [
        ("/__gateway/reply", "number=1", 400),
        ("/__gateway/reply", "number=13800000001&text=R", 502),
        ("/__gateway/report", "number=13800000001&code=DELIVRD", 404),
        ("/__gateway/none", "", 404),
        ("/__gateway/totals", "", 200),
    ] {
        assert_eq!(ask(&address, "POST", path, body).await.0, status, "{path} {body}");
    }
}
