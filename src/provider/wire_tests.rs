//! The one send against gateways that fail in every way: what is claimed must be what happened.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::{Http, HttpSettings, SettingsError, Wire};
use crate::clock::{Clock, Sleep, SystemClock, Timestamp};
use crate::gate::Clearance;
use crate::id::{AccountId, Reference};
use crate::inbound::{Inbound, Pull};
use crate::message::rendition::{Rendition, TemplateBinding};
use crate::provider::aliyun::Aliyun;
use crate::provider::baidu::Baidu;
use crate::provider::cloud_tests::batch_for;
use crate::provider::yunpian::Yunpian;
use crate::provider::{Answer, Asked, Blame, Consequence, Found, Outcome, Provider};
use crate::secret::Secret;
use crate::testing::gateway::{Account, Gateway, Record, Script, Step, serve};
use crate::ticket::Batch;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) const TEXT: &str = "【测试签名】会员，新品8折。拒收请回复R";

/// The only place here that makes a clearance.
pub(crate) fn clearance() -> Clearance {
    // Through the real gate: nothing else can make one.
    let at = Timestamp::from_millis(1_796_954_400_000);
    let promise = crate::consent::Promise { max: 4, days: 30 };
    let grants = [crate::facts::Grant::new([crate::consent::Purpose::Promotion], at, Timestamp::FAR, promise)];
    let person = crate::facts::Person::default();
    let policy = crate::policy::Policy::china_default();
    let purpose = crate::consent::Purpose::Promotion;
    let case = crate::gate::Case { owners: &[], purpose, personalised: false, sensitive: false, policy: &policy };
    match crate::gate::judge(&crate::facts::Facts { person: &person, grants: &grants }, &case, at) {
        crate::gate::Decision::Go(clearance) => clearance,
        other => panic!("a consent in the window clears: {other:?}"),
    }
}

pub(crate) fn batch(clock: &dyn Clock, count: u64, personal: bool) -> Batch {
    let template = if personal { "SMS_000000001" } else { "SMS_000000002" };
    let rendition = Rendition {
        signature: "测试签名".into(),
        text: TEXT.into(),
        template: Some(TemplateBinding { code: template.into(), filed: String::new() }),
        extension: None,
        parts: 1,
        price: 0,
        hash: [0; 32],
    };
    let mut batch = Batch {
        reference: Reference::fresh(clock),
        account: AccountId::new("a").unwrap(),
        begun: clock.now(),
        deadline: clock.mono() + Duration::from_secs(5),
        rendition: Arc::new(rendition),
        tickets: Vec::new(),
    };
    for i in 0..count {
        let phone = super::phone_of(&(13_800_000_001 + i).to_string()).unwrap();
        let params = if personal { vec![("name".to_owned(), format!("第{i}位\"+&=%"))] } else { vec![] };
        let text = personal.then(|| format!("【测试签名】第{i}位会员，A&B=100%+,新品8折。拒收请回复R"));
        batch.push(phone, params, text, clearance());
    }
    batch
}

fn aliyun() -> Aliyun {
    Aliyun::new("testAccessKeyId000001", Secret::new("testAccessKeySecret000001"))
}

fn yunpian() -> Yunpian {
    Yunpian::new(Secret::new("FAKE0000yunpian0000apikey000dev")).uid(true)
}

pub(crate) fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

pub(crate) fn settings(address: &str) -> HttpSettings {
    HttpSettings::new()
        .endpoint(address)
        .loopback_only(true)
        .connect_timeout(Duration::from_millis(300))
        .timeout(Duration::from_millis(600))
}

pub(crate) async fn served(account: Account, script: Script) -> (Gateway, String) {
    let gateway = Gateway::new(account);
    gateway.script(script);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, gateway.clone(), system()));
    (gateway, address)
}

pub(crate) async fn send<W: Wire>(wire: W, address: &str, count: u64, personal: bool) -> (Answer, Batch) {
    let clock = system();
    let http = Http::new(wire, settings(address), clock.clone()).unwrap();
    let batch = batch(&*clock, count, personal);
    (http.submit(batch.request()).await, batch)
}

pub(crate) fn outcome(answer: &Answer) -> (Outcome, String) {
    let v = answer.verdicts.get(0);
    (v.outcome, v.code)
}

#[tokio::test]
async fn a_valid_send_is_taken_as_it_was_meant() {
    for (count, personal) in [(1, false), (1000, false), (1, true), (100, true)] {
        let (gateway, address) = served(Account::aliyun(), Script::new()).await;
        let (answer, batch) = send(aliyun(), &address, count, personal).await;
        assert_eq!(outcome(&answer).0, Outcome::Accepted, "{:?}", answer.verdicts.get(0));
        assert_eq!(answer.first_byte.is_some(), personal, "only a body tells its first byte");
        let taken = gateway.accepted();
        assert_eq!(taken.len() as u64, count);
        assert!(taken.iter().all(|m| *m.reference == *batch.reference.to_string()));

        let (gateway, address) = served(Account::yunpian(), Script::new()).await;
        let (answer, batch) = send(yunpian(), &address, count, personal).await;
        assert!(answer.first_byte.is_some());
        let taken = gateway.accepted();
        assert_eq!(taken.len() as u64, count);
        for (i, (ticket, m)) in batch.tickets.iter().zip(&taken).enumerate() {
            assert_eq!(answer.verdicts.get(i).id.as_deref(), Some(&*m.id));
            assert_eq!((ticket.text().unwrap_or(TEXT), ticket.phone().national()), (&*m.text, m.number.to_string()));
        }
    }
}

#[tokio::test]
async fn what_was_taken_and_not_answered_is_unknown() {
    for step in [
        Step::Hold,
        Step::Reset,
        Step::HalfBody,
        Step::Garbage,
        Step::Huge(10 << 20),
        Step::ServerError(500),
        Step::ServerError(503),
        Step::UnknownCode,
        Step::Slow(Duration::from_secs(2)),
    ] {
        for personal in [false, true] {
            let (gateway, address) = served(Account::aliyun(), Script::new().then(step.clone())).await;
            let (answer, _) = send(aliyun(), &address, 2, personal).await;
            assert_eq!(outcome(&answer).0, Outcome::Unknown, "aliyun {step:?} {personal}");
            assert_eq!((gateway.totals().requests, gateway.totals().messages), (1, 2), "one attempt: {step:?}");

            let (gateway, address) = served(Account::yunpian(), Script::new().then(step.clone())).await;
            let (answer, _) = send(yunpian(), &address, 2, personal).await;
            assert_eq!(outcome(&answer).0, Outcome::Unknown, "yunpian {step:?} {personal}");
            assert_eq!((gateway.totals().requests, gateway.totals().messages), (1, 2), "one attempt: {step:?}");
        }
    }
    let (_, address) = served(Account::yunpian(), Script::new().then(Step::Hold)).await;
    assert_eq!(outcome(&send(yunpian(), &address, 1, false).await.0).1, "timeout");
    let (_, address) = served(Account::yunpian(), Script::new().then(Step::Reset)).await;
    assert_eq!(outcome(&send(yunpian(), &address, 1, false).await.0).1, "reset");
    let (_, address) = served(Account::yunpian(), Script::new().then(Step::Huge(10 << 20))).await;
    assert_eq!(outcome(&send(yunpian(), &address, 1, false).await.0).1, "answer_too_long");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicU64::new(0));
    let counted = sent.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat();
        while stream.write_all(&chunk).await.is_ok() {
            counted.fetch_add(0x10000, Ordering::Relaxed);
        }
    });
    let (answer, _) = send(yunpian(), &address, 1, false).await;
    assert_eq!(outcome(&answer), (Outcome::Unknown, "answer_too_long".into()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(sent.load(Ordering::Relaxed) < 32 << 20, "the connection was closed");
}

#[tokio::test]
async fn refusals_carry_their_blame() {
    let (gateway, address) = served(Account::aliyun(), Script::new().then(Step::Throttle)).await;
    let v = send(aliyun(), &address, 1, false).await.0.verdicts.get(0);
    assert_eq!((v.outcome, v.consequence), (Outcome::Unsent, Consequence::Rest(Duration::from_secs(1))));
    assert_eq!(gateway.totals().messages, 0);

    let script = Script::new().refuse_number(13_800_000_002, "isv.CUSTOMER_REFUSED");
    let (gateway, address) = served(Account::aliyun(), script).await;
    let v = send(aliyun(), &address, 3, false).await.0.verdicts.get(0);
    assert_eq!((v.outcome, v.consequence), (Outcome::Rejected(Blame::Person), Consequence::StopOwner));
    assert_eq!(gateway.totals().messages, 0, "all or nothing");

    let script = Script::new().refuse_number(13_800_000_002, "10");
    let (gateway, address) = served(Account::yunpian(), script).await;
    let answer = send(yunpian(), &address, 3, false).await.0;
    let outcomes: Vec<_> = (0..3).map(|i| answer.verdicts.get(i).outcome).collect();
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Rejected(Blame::Person), Outcome::Accepted]);
    assert_eq!(gateway.totals().messages, 2);

    for (wrong, code) in
        [("isv.AMOUNT_NOT_ENOUGH", Outcome::Rejected(Blame::Account)), ("isp.SYSTEM_ERROR", Outcome::Unknown)]
    {
        let (_, address) = served(Account::aliyun(), Script::new().then(Step::Refuse(wrong.into()))).await;
        assert_eq!(outcome(&send(aliyun(), &address, 1, false).await.0), (code, wrong.into()));
    }
    let (_, address) = served(Account::aliyun(), Script::new()).await;
    let bad = Aliyun::new("testAccessKeyId000001", Secret::new("wrong"));
    let v = send(bad, &address, 1, false).await.0.verdicts.get(0);
    assert_eq!((v.code.as_str(), v.consequence), ("SignatureDoesNotMatch", Consequence::Hold));
}

#[tokio::test]
async fn rows_left_out_or_doubled() {
    let (_, address) = served(Account::yunpian(), Script::new().then(Step::Unnamed)).await;
    let answer = send(yunpian(), &address, 4, false).await.0;
    let outcomes: Vec<_> = (0..4).map(|i| answer.verdicts.get(i).outcome).collect();
    assert_eq!(outcomes, [Outcome::Unknown, Outcome::Accepted, Outcome::Unknown, Outcome::Accepted]);
    let (_, address) = served(Account::yunpian(), Script::new().then(Step::DuplicateRows)).await;
    let answer = send(yunpian(), &address, 4, false).await.0;
    assert!((0..4).all(|i| answer.verdicts.get(i).outcome == Outcome::Accepted));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (target, there) = served(Account::yunpian(), Script::new()).await;
    let (gateway, address) = served(Account::yunpian(), Script::new().then(Step::Redirect(there))).await;
    assert_eq!(outcome(&send(yunpian(), &address, 1, false).await.0), (Outcome::Unknown, "redirect".into()));
    assert_eq!((target.totals().requests, gateway.totals().requests), (0, 1));
}

#[tokio::test]
async fn no_connection_is_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(outcome(&send(yunpian(), &address, 1, false).await.0), (Outcome::Unsent, "connect".into()));
    assert_eq!(outcome(&send(aliyun(), &address, 1, false).await.0), (Outcome::Unsent, "connect".into()));
    // A server that speaks no TLS: the handshake fails before any byte of the request.
    let (gateway, plain) = served(Account::yunpian(), Script::new()).await;
    let tls = plain.replace("http://", "https://");
    let clock = system();
    match Http::new(yunpian(), settings(&tls), clock.clone()) {
        Ok(http) => {
            let batch = batch(&*clock, 1, false);
            assert_eq!(outcome(&http.submit(batch.request()).await), (Outcome::Unsent, "connect".into()));
            assert_eq!(gateway.totals().requests, 0);
        }
        // A machine without root certificates cannot make the client at all.
        Err(e) => assert!(matches!(e, SettingsError::Tls(_)), "{e}"),
    }
}

/// A clock that stands still, and from the `jump_at`th look on is an hour later; sleeping moves it at once.
#[derive(Debug)]
struct Jumping {
    looks: AtomicU64,
    jump_at: u64,
    slept: AtomicU64,
}

impl Jumping {
    fn at(jump_at: u64) -> Arc<Self> {
        Arc::new(Self { looks: AtomicU64::new(0), jump_at, slept: AtomicU64::new(0) })
    }
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        SystemClock::new().now()
    }

    fn mono(&self) -> Duration {
        let look = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        let slept = Duration::from_nanos(self.slept.load(Ordering::Relaxed));
        slept + Duration::from_secs(if look >= self.jump_at { 3600 } else { 0 })
    }

    fn sleep(&self, for_: Duration) -> Sleep {
        self.slept.fetch_add(for_.as_nanos() as u64, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }

    fn fill(&self, out: &mut [u8]) {
        SystemClock::new().fill(out);
    }
}

#[tokio::test]
async fn after_the_deadline_no_byte_leaves() {
    // Looks: one to make the batch, then time left, last look before handing over, first poll of the body.
    for (jump_at, has_body) in [(2, true), (3, true), (4, true), (2, false), (3, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = bytes.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    counted.fetch_add(n as u64, Ordering::Relaxed);
                }
            }
        });
        let clock = Jumping::at(jump_at);
        let batch = batch(&*clock, 1, has_body);
        let answer = if has_body {
            Http::new(yunpian(), settings(&address), clock.clone()).unwrap().submit(batch.request()).await
        } else {
            Http::new(aliyun(), settings(&address), clock.clone()).unwrap().submit(batch.request()).await
        };
        assert_eq!(outcome(&answer), (Outcome::Unsent, "late".into()), "look {jump_at}");
        assert_eq!(answer.first_byte, None);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(bytes.load(Ordering::Relaxed), 0, "look {jump_at}");
    }
}

fn baidu() -> Baidu {
    Baidu::new("testAccessKeyId000001", Secret::new("testSecretAccessKey000001"))
        .signature("测试签名", "sms-signTest00000001")
}

fn baidu_batch(clock: &dyn Clock) -> Batch {
    let mut batch = batch(clock, 1, false);
    Arc::make_mut(&mut batch.rendition).template =
        Some(TemplateBinding { code: "sms-tmpl-Test00000003".into(), filed: String::new() });
    batch
}

/// The three looks of the first attempt, then time left, last look, first poll of the body.
#[tokio::test]
async fn after_the_deadline_nothing_is_sent_again() {
    for (jump_at, calls) in [(5, 1), (6, 1), (7, 1), (8, 2)] {
        let (gateway, address) = served(Account::named("baidu").unwrap(), Script::new().then(Step::Reset)).await;
        let clock = Jumping::at(jump_at);
        let batch = baidu_batch(&*clock);
        let http = Http::new(baidu(), settings(&address), clock).unwrap();
        let answer = http.submit(batch.request()).await;
        let wanted = if calls == 1 { (Outcome::Unknown, "reset") } else { (Outcome::Accepted, "") };
        assert_eq!(outcome(&answer), (wanted.0, wanted.1.to_owned()), "look {jump_at}");
        assert!(answer.first_byte.is_some());
        assert_eq!((gateway.totals().requests, gateway.totals().messages), (calls, 1), "look {jump_at}");
    }
}

/// The second call is the first to the byte, to the same address; a refused or closed connection is no reason for it.
#[tokio::test]
async fn the_second_call_is_the_first_to_the_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let calls = tokio::spawn(async move {
        let mut calls: Vec<Vec<u8>> = Vec::new();
        while calls.len() < 2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            // A whole request ends with its body.
            while !read.ends_with(b"\"}") {
                assert!(stream.read_buf(&mut read).await.unwrap() > 0);
            }
            calls.push(read);
        }
        (calls, tokio::time::timeout(Duration::from_millis(300), listener.accept()).await.is_err())
    });
    let clock = system();
    let batch = baidu_batch(&*clock);
    let http = Http::new(baidu(), settings(&address), clock).unwrap();
    let answer = http.submit(batch.request()).await;
    assert_eq!(outcome(&answer).0, Outcome::Unknown);
    let (calls, no_third) = calls.await.unwrap();
    assert!(no_third);
    assert_eq!(calls[0], calls[1]);
    let told = String::from_utf8(calls[0].clone()).unwrap();
    assert!(told.starts_with(&format!("POST /api/v3/sendSms?clientToken={} ", batch.reference)), "{told}");

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let http = Http::new(baidu(), settings(&address), system()).unwrap();
    assert_eq!(outcome(&http.submit(batch.request()).await), (Outcome::Unsent, "connect".into()));
}

#[tokio::test]
async fn too_little_time_to_connect_is_not_started() {
    let clock = system();
    let (gateway, address) = served(Account::yunpian(), Script::new()).await;
    let mut batch = batch(&*clock, 1, false);
    batch.deadline = clock.mono() + Duration::from_millis(250);
    let http = Http::new(yunpian(), settings(&address), clock).unwrap();
    assert_eq!(outcome(&http.submit(batch.request()).await), (Outcome::Unsent, "late".into()));
    assert_eq!(gateway.totals().requests, 0);
}

/// A pooled connection that dies under the second request: in doubt, and not tried again on a new connection.
#[tokio::test]
async fn a_stale_connection_is_not_tried_again() {
    for has_body in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicU64::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut buffer = [0; 8192];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                // The second request is read, then the connection goes without a word.
                let _ = stream.read(&mut buffer).await;
            }
        });
        let clock = system();
        let batch = batch(&*clock, 1, has_body);
        let answer = if has_body {
            let http = Http::new(yunpian(), settings(&address), clock).unwrap();
            http.submit(batch.request()).await;
            http.submit(batch.request()).await
        } else {
            let http = Http::new(aliyun(), settings(&address), clock).unwrap();
            http.submit(batch.request()).await;
            http.submit(batch.request()).await
        };
        assert_eq!(outcome(&answer).0, Outcome::Unknown);
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn addresses_are_checked_before_anything_is_sent() {
    let made = |address: &str, local: bool| {
        let s = HttpSettings::new().endpoint(address).loopback_only(local);
        Http::new(yunpian(), s, system()).map(|_| ())
    };
    for address in ["http://sms.yunpian.com", "http://10.0.0.1", "http://localhost.example.com", "http://128.0.0.1:80"]
    {
        assert!(matches!(made(address, false), Err(SettingsError::Insecure)), "{address}");
    }
    for address in ["https://sms.yunpian.com", "https://10.0.0.1:444"] {
        assert!(matches!(made(address, true), Err(SettingsError::NotLoopback)), "{address}");
    }
    for address in [
        "",
        "sms.yunpian.com",
        "ftp://127.0.0.1",
        "http://u:p@127.0.0.1",
        "http://127.0.0.1/x",
        "http://127.0.0.1/?a",
        "http://127.0.0.1/#a",
    ] {
        assert!(matches!(made(address, false), Err(SettingsError::Endpoint)), "{address}");
    }
    for address in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9", "http://127.9.9.9"] {
        assert!(made(address, true).is_ok(), "{address}");
    }
    let default = Http::new(yunpian(), HttpSettings::new().loopback_only(true), system());
    assert!(matches!(default, Err(SettingsError::NotLoopback)));
    let zero = HttpSettings::new().connect_timeout(Duration::ZERO);
    assert!(matches!(Http::new(yunpian(), zero, system()), Err(SettingsError::Timeouts)));
}

#[tokio::test]
async fn without_a_template_nothing_is_sent() {
    let clock = system();
    let (gateway, address) = served(Account::aliyun(), Script::new()).await;
    let mut batch = batch(&*clock, 3, false);
    Arc::make_mut(&mut batch.rendition).template = None;
    let v = Http::new(aliyun(), settings(&address), clock).unwrap().submit(batch.request()).await.verdicts.get(2);
    assert_eq!(
        (v.outcome, v.consequence, v.code.as_str()),
        (Outcome::Rejected(Blame::Account), Consequence::Hold, "no_template")
    );
    assert_eq!(gateway.totals().requests, 0);
}

fn asked(batch: &Batch, i: usize) -> Asked<'_> {
    Asked {
        phone: batch.tickets[i].phone(),
        reference: batch.reference,
        provider_id: None,
        begun_at: batch.begun,
        text: Some(batch.tickets[i].text().unwrap_or(batch.rendition.text())),
    }
}

#[tokio::test]
async fn a_lookup_finds_what_was_taken_and_not_answered() {
    async fn run<W: Wire + Clone>(wire: W, account: Account) {
        let clock = system();
        let (gateway, address) = served(account, Script::new().then(Step::Reset)).await;
        let http = Http::new(wire, settings(&address), clock.clone()).unwrap();
        let (taken, never) = (batch(&*clock, 2, true), batch(&*clock, 2, true));
        assert_eq!(outcome(&http.submit(taken.request()).await).0, Outcome::Unknown);
        let found = http.lookup(&[asked(&taken, 0), asked(&taken, 1), asked(&never, 0)]).await;
        assert!(matches!(found[0], Found::Accepted { .. }), "{found:?}");
        assert!(matches!(found[1], Found::Accepted { .. }), "{found:?}");
        assert_eq!(found[2], Found::Absent);
        assert_eq!(gateway.totals().messages, 2, "asking sends nothing");
    }
    run(aliyun(), Account::aliyun()).await;
    run(yunpian(), Account::yunpian()).await;
}

#[tokio::test]
async fn a_lookup_that_is_not_answered_is_unclear_and_the_budget_holds() {
    let clock = Jumping::at(u64::MAX);
    let batch = batch(&*clock, 1, false);
    let http = Http::new(yunpian(), settings("http://127.0.0.1:1"), clock.clone()).unwrap();
    let questions: Vec<_> = (0..6).map(|_| asked(&batch, 0)).collect();
    assert_eq!(http.lookup(&questions).await, vec![Found::Unclear; 6]);
    assert_eq!(clock.slept.load(Ordering::Relaxed), 1_000_000_000, "five gaps of 200 ms");
}

#[tokio::test]
async fn lookups_page_and_stop() {
    // 120 messages of other campaigns stand before ours; Aliyun gives 50 a page.
    let clock = system();
    let (_, address) = served(Account::aliyun(), Script::new()).await;
    let http = Http::new(aliyun(), settings(&address), clock.clone()).unwrap();
    for _ in 0..120 {
        let other = batch(&*clock, 1, false);
        assert_eq!(outcome(&http.submit(other.request()).await).0, Outcome::Accepted);
    }
    let mine = batch(&*clock, 1, false);
    http.submit(mine.request()).await;
    assert!(matches!(http.lookup(&[asked(&mine, 0)]).await[0], Found::Accepted { .. }));
}

#[tokio::test]
async fn the_gateway_refuses_what_the_platform_would() {
    let clock = system();
    let (gateway, address) = served(Account::aliyun(), Script::new()).await;
    let http = Http::new(aliyun(), settings(&address), clock.clone()).unwrap();
    let code = async |b: &Batch| outcome(&http.submit(b.request()).await).1;
    let mut wrong = batch(&*clock, 1, false);
    Arc::make_mut(&mut wrong.rendition).signature = "别家".into();
    assert_eq!(code(&wrong).await, "isv.SMS_SIGNATURE_ILLEGAL");
    let mut wrong = batch(&*clock, 1, false);
    Arc::make_mut(&mut wrong.rendition).template = Some(TemplateBinding { code: "SMS_9".into(), filed: String::new() });
    assert_eq!(code(&wrong).await, "isv.SMS_TEMPLATE_ILLEGAL");
    let mut wrong = batch(&*clock, 1, false);
    Arc::make_mut(&mut wrong.rendition).template =
        Some(TemplateBinding { code: "SMS_000000001".into(), filed: String::new() });
    assert_eq!(code(&wrong).await, "isv.TEMPLATE_MISSING_PARAMETERS");
    assert_eq!(code(&batch(&*clock, 1001, false)).await, "isv.MOBILE_COUNT_OVER_LIMIT");
    assert_eq!(code(&batch(&*clock, 101, true)).await, "isv.MOBILE_COUNT_OVER_LIMIT");
    assert_eq!(gateway.totals().messages, 0);
    // The same signed bytes twice, and a clock that is off.
    let stamp = crate::clock::Stamp::fresh(&*clock);
    let one = batch(&*clock, 1, false);
    let out = aliyun().request(&one.request(), "h", &stamp).unwrap();
    let mut headers: Vec<(&str, &str)> = out.headers.iter().map(|(n, v)| (*n, v.as_ref())).collect();
    headers.push(("host", "h"));
    let call = crate::testing::gateway::Call { method: "POST", path: "/", query: &out.query, headers, body: &out.body };
    let handled = |now| String::from_utf8(gateway.handle(&call, now).body).unwrap();
    assert!(handled(clock.now().plus(Duration::from_secs(901))).contains("InvalidTimeStamp.Expired"));
    assert!(handled(clock.now()).contains("\"OK\""));
    assert!(handled(clock.now()).contains("SignatureNonceUsed"));
}

#[tokio::test]
async fn wiremock_carries_a_gateway_too() {
    let clock = system();
    let server = wiremock::MockServer::start().await;
    let gateway = Gateway::new(Account::aliyun());
    gateway.mount_wiremock(&server, clock).await;
    let (answer, _) = send(aliyun(), &server.uri(), 3, true).await;
    assert_eq!(outcome(&answer).0, Outcome::Accepted);
    assert_eq!(gateway.totals().messages, 3);
}

#[tokio::test]
async fn the_record_file_has_a_line_per_message() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("taken");
    let gateway = Gateway::new(Account::yunpian()).record(Record::File(path.clone())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, gateway.clone(), system()));
    let (_, batch) = send(yunpian(), &address, 2, false).await;
    let reference = batch.reference;
    let lines = std::fs::read_to_string(path).unwrap();
    assert_eq!(lines, format!("13800000001,{reference}\n13800000002,{reference}\n"));
    let counting = Gateway::new(Account::yunpian()).record(Record::Counts).unwrap();
    assert!(counting.accepted().is_empty());
}

#[test]
fn nothing_secret_is_printed() {
    let http = Http::new(aliyun(), settings("http://127.0.0.1:9"), system()).unwrap();
    let shown = format!("{http:?}");
    assert!(!shown.contains("testAccessKey"), "{shown}");
}

/// The shared send against a bare reqwest loop: run with
/// `cargo test --release --features testing --lib send_costs -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement"]
async fn send_costs_little_more_than_bare_reqwest() {
    const FLIGHT: usize = 64;
    let gateway = Gateway::new(Account::yunpian()).record(Record::Counts).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let run = move || {
        let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        rt.block_on(async { serve(TcpListener::from_std(listener).unwrap(), gateway, system()).await })
    };
    std::thread::spawn(run);
    let clock = system();
    let slow = settings(&address).timeout(Duration::from_secs(20));
    for (numbers, calls) in [(1, 30_000), (1000, 2_000)] {
        let mut rates = [0.0f64; 2];
        for _ in 0..5 {
            let http = Arc::new(Http::new(yunpian(), slow.clone(), clock.clone()).unwrap());
            let mut b = batch(&*clock, numbers, false);
            b.deadline = Duration::MAX;
            let b = Arc::new(b);
            let started = Instant::now();
            let workers: Vec<_> = (0..FLIGHT)
                .map(|_| {
                    let (http, b) = (http.clone(), b.clone());
                    tokio::spawn(async move {
                        for _ in 0..calls / FLIGHT {
                            assert_eq!(outcome(&http.submit(b.request()).await).0, Outcome::Accepted);
                        }
                    })
                })
                .collect();
            for w in workers {
                w.await.unwrap();
            }
            rates[0] = rates[0].max(calls as f64 / started.elapsed().as_secs_f64());

            let bare = reqwest::Client::builder()
                .tls_backend_preconfigured(
                    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                        .with_safe_default_protocol_versions()
                        .unwrap()
                        .with_root_certificates(rustls::RootCertStore::empty())
                        .with_no_client_auth(),
                )
                .timeout(Duration::from_secs(20))
                .no_proxy()
                .build()
                .unwrap();
            let out = yunpian().request(&b.request(), "h", &crate::clock::Stamp::fresh(&*clock)).unwrap();
            let started = Instant::now();
            let workers: Vec<_> = (0..FLIGHT)
                .map(|_| {
                    let (bare, url, body) = (bare.clone(), format!("{address}{}", out.path), out.body.clone());
                    tokio::spawn(async move {
                        for _ in 0..calls / FLIGHT {
                            let sent = bare
                                .post(&url)
                                .header("content-type", "application/x-www-form-urlencoded;charset=utf-8")
                                .body(body.clone())
                                .send()
                                .await
                                .unwrap();
                            let _: serde_json::Value = serde_json::from_slice(&sent.bytes().await.unwrap()).unwrap();
                        }
                    })
                })
                .collect();
            for w in workers {
                w.await.unwrap();
            }
            rates[1] = rates[1].max(calls as f64 / started.elapsed().as_secs_f64());
        }
        eprintln!("{numbers} numbers: {:.0}/s, bare {:.0}/s, ratio {:.2}", rates[0], rates[1], rates[0] / rates[1]);
    }
}

/// 150 reports and a reply wait: each is told once, a page of 100 at a time.
pub(crate) async fn what_waits_is_pulled_once(http: &dyn Provider, replies: &Mutex<Vec<(u64, String)>>) {
    let batch = batch_for("", 150, false);
    http.submit(batch.request()).await;
    replies.lock().unwrap().push((13_800_000_001, "退订 100%+".into()));
    let first = http.pull(Pull::Reports).await.unwrap();
    let second = http.pull(Pull::Reports).await.unwrap();
    assert_eq!((first.events.len(), first.more, second.events.len(), second.more), (100, true, 50, false));
    let Inbound::Report(r) = &first.events[0] else { panic!() };
    assert_eq!((r.reference, r.delivered), (Some(batch.reference), Some(true)));
    let page = http.pull(Pull::Replies).await.unwrap();
    let [Inbound::Reply(r)] = &page.events[..] else { panic!("{:?}", page.events) };
    assert_eq!(r.text, "退订 100%+");
    assert!(http.pull(Pull::Replies).await.unwrap().events.is_empty());
}
