//! Canary numbers, texts, keys and evidence through every path while every crate logs at TRACE; then the logs, everything
//! that was said by Debug, Display, errors and panics, and the raw bytes of every file beside the database are searched
//! for them, in every form that is likely. Controls that were planted on purpose must be found.
//!
//! Not secret, and so not canaries: a shop's signature, a notice, a template filed at a platform, event ids.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test that fails says so")]

mod common;

use base64::Engine;
use common::{SIGNATURE, at, envelope};
use futures_util::StreamExt;
use optin106::carrier::coding::{Coding, Reference};
use optin106::carrier::listen::{ListenSettings, Listener};
use optin106::carrier::pdu::{Octets, Sequence};
use optin106::carrier::split::split;
use optin106::carrier::{Link, LinkSettings, Protocol, cmpp, sgip, smgp};
use optin106::clock::{Clock, SystemClock};
use optin106::consent::{EvidenceRow, OptInRow};
use optin106::id::{AccountId, ShopId};
use optin106::inbound::{HttpCall, Inbound, Reply, Report};
use optin106::keyring::Keyring;
use optin106::message::Params;
use optin106::optin::{
    AccountSettings, AccountSignature, Complaint, Erasure, ImportReport, OptOut, PastSendRow, RetentionPolicy, StopRow,
    StopScope, Via,
};
use optin106::provider::Door;
use optin106::provider::aliyun::Aliyun;
use optin106::provider::wire::{Http, HttpSettings};
use optin106::provider::yunpian::Yunpian;
use optin106::secret::Secret;
use optin106::store::SqliteStore;
use optin106::testing::carrier::{
    ACCESS as CARRIER_ACCESS, CarrierGateway, Fault as LineFault, GatewaySettings, NAME as CARRIER_NAME, PROTOCOLS,
    account_with,
};
use optin106::testing::gateway::{FakeAliyun, FakeYunpian, Gateway, Script, Step};
use optin106::testing::mock::{Fault, MockProvider};
use optin106::testing::{ManualClock, ShiftedClock};
use optin106::{
    Audience, Campaign, Days, Evidence, Method, OptIn, Optin106, Owner, Phone, Policy, Purpose, Shop, ShopHandle,
    Timestamp,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Write as _};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

// ---- Canaries. ----

/// Every second one consents; tails that no counter, port or time shows by chance.
const NUMBERS: [&str; 8] = [
    "13870935521",
    "15968024417",
    "18683175092",
    "17790362845",
    "19165209738",
    "13352908164",
    "15071936680",
    "18940753126",
];
/// In no list of consents, only in lists that are refused, and in spellings that are refused.
const BAD: [&str; 2] = ["138709355215", "1386802441"];
const TEXT: &str = "金丝雀密语今晚开抢，凭票入场。";
const KEY_ID: &str = "LTAIcanarykeyidentity";
const KEY_SECRET: &str = "canarySecretZq7xWv3pLm9";
/// Of a carrier's account: as long as the papers allow.
const LINE_SECRET: &str = "Zk7canaryWq93xB";
const APIKEY: &str = "canaryapikey5f1d0c7b9e2a4838";
const CALLBACK: &str = "/hook/canarypath8c41d6";
const PARAM: &str = "欧阳戴胜云雀";
const CALLER_REF: &str = "canary-member-77Q41";
const REPLY: &str = "我是金丝雀住在梧桐路请退订";
const QUOTED: &str = "金丝雀投诉原文骚扰不止";
const EVIDENCE: &[u8] = b"canary evidence bytes: signed by hand";

fn canaries() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<(&str, &str)> = NUMBERS.iter().chain(&BAD).map(|n| ("number", *n)).collect();
    all.extend([
        ("text", TEXT),
        ("key secret", KEY_SECRET),
        ("line secret", LINE_SECRET),
        ("apikey", APIKEY),
        ("callback path", CALLBACK),
        ("parameter", PARAM),
        ("caller's reference", CALLER_REF),
        ("reply", REPLY),
        ("quoted text", QUOTED),
        ("evidence", std::str::from_utf8(EVIDENCE).unwrap()),
    ]);
    all
}

fn phone(i: usize) -> Phone {
    NUMBERS[i].parse().unwrap()
}

// ---- Forms in which a canary may show. ----

fn forms(kind: &str, canary: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16 = |f: fn(u16) -> [u8; 2]| canary.encode_utf16().flat_map(f).collect::<Vec<u8>>();
    let percent = |upper: bool| {
        canary.bytes().fold(String::new(), |mut s, b| {
            let _ = if upper { write!(s, "%{b:02X}") } else { write!(s, "%{b:02x}") };
            s
        })
    };
    let hex = |upper: bool| {
        canary.bytes().fold(String::new(), |mut s, b| {
            let _ = if upper { write!(s, "{b:02X}") } else { write!(s, "{b:02x}") };
            s
        })
    };
    let chars: Vec<char> = canary.chars().collect();
    let escaped = chars.iter().fold(String::new(), |mut s, c| {
        let _ = if c.is_ascii() { write!(s, "{c}") } else { write!(s, "\\u{:04x}", *c as u32) };
        s
    });
    let mut all: Vec<(&str, Vec<u8>)> = vec![
        ("plain", canary.into()),
        ("utf-16le", utf16(u16::to_le_bytes)),
        ("utf-16be", utf16(u16::to_be_bytes)),
        ("reversed", chars.iter().rev().collect::<String>().into()),
        ("hex", hex(false).into()),
        ("HEX", hex(true).into()),
        ("bytes as a list", canary.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(", ").into()),
        ("json escapes", escaped.into()),
        ("gbk", encoding_rs::GBK.encode(canary).0.into_owned()),
        ("url", percent(true).into()),
        ("url lower", percent(false).into()),
        ("form", optin106::provider::sign::form_value(canary).into()),
    ];
    // Base64 shows the same bytes in three ways, by where they start; the edges depend on the neighbours.
    for shift in 0..3 {
        let padded: Vec<u8> = [vec![0; shift], canary.into()].concat();
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded);
        let from = (shift * 8).div_ceil(6);
        let to = padded.len() * 8 / 6;
        all.push(("base64", encoded[from..to].into()));
    }
    if kind == "number" {
        let (a, b, c) = (&canary[..3], &canary[3..7], &canary[7..]);
        all.push(("spaces", format!("{a} {b} {c}").into()));
        all.push(("dashes", format!("{a}-{b}-{c}").into()));
        all.push((
            "full width",
            canary.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect::<String>().into(),
        ));
        if canary.len() == 11 {
            all.push(("tail", canary[4..].into()));
            let n: u64 = canary.parse().unwrap();
            all.push(("integer", n.to_be_bytes()[3..].into()));
            all.push(("integer, other end", n.to_le_bytes()[..5].into()));
        }
    } else {
        let half = chars.len() / 2;
        all.push(("first half", chars[..half].iter().collect::<String>().into()));
        all.push(("second half", chars[half..].iter().collect::<String>().into()));
    }
    all
}

/// Which of `needles` are in `hay`, each at its first place: one pass, as places are megabytes and needles hundreds.
fn search(hay: &[u8], needles: &[Vec<u8>]) -> BTreeMap<usize, usize> {
    let mut by_start: HashMap<[u8; 2], Vec<usize>> = HashMap::new();
    let mut starts = vec![false; 1 << 16];
    for (i, needle) in needles.iter().enumerate() {
        by_start.entry([needle[0], needle[1]]).or_default().push(i);
        starts[usize::from(u16::from_be_bytes([needle[0], needle[1]]))] = true;
    }
    let mut found = BTreeMap::new();
    for (at, pair) in hay.windows(2).enumerate() {
        if starts[usize::from(pair[0]) << 8 | usize::from(pair[1])] {
            for i in &by_start[&[pair[0], pair[1]]] {
                if hay[at..].starts_with(&needles[*i]) && !inside_digest(hay, at, &needles[*i]) {
                    found.entry(*i).or_insert(at);
                }
            }
        }
    }
    found
}

/// Seven digits in the middle of a long run of hexadecimal (a TLS random, a digest) are chance, not a number's tail.
fn inside_digest(hay: &[u8], at: usize, needle: &[u8]) -> bool {
    let hex = |b: &&u8| b.is_ascii_hexdigit();
    let before = hay[..at].iter().rev().take(64).take_while(hex).count();
    let after = hay[at..].iter().take(64).take_while(hex).count();
    let run = &hay[at - before..at + after];
    needle.len() == 7
        && needle.iter().all(u8::is_ascii_digit)
        && run.len() >= 32
        && run.iter().any(u8::is_ascii_alphabetic)
}

// ---- What was logged and said. ----

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that a value says of itself.
#[derive(Clone, Default)]
struct Said(Buffer);

impl Said {
    fn debug(&self, value: &impl Debug) {
        let _ = write!(self.0.clone(), "{value:?}\n{value:#?}\n");
    }

    fn error(&self, e: &(dyn std::error::Error + 'static)) {
        self.debug(&e);
        let mut at = Some(e);
        while let Some(e) = at {
            let _ = write!(self.0.clone(), "{e}\n{e:?}\n");
            at = e.source();
        }
    }

    fn result<T: Debug, E: std::error::Error + 'static>(&self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.debug(&value);
                Some(value)
            }
            Err(e) => {
                self.error(&e);
                None
            }
        }
    }

    /// What must fail.
    fn refused<T: Debug, E: std::error::Error + 'static>(&self, what: &str, result: Result<T, E>) {
        assert!(result.is_err(), "{what} must be refused");
        self.result(result);
    }
}

// ---- A shop that keeps canaries only. ----

struct World {
    folder: tempfile::TempDir,
    clock: ManualClock,
    optin: Optin106,
    shop: ShopHandle,
    aliyun: Gateway,
    yunpian: Gateway,
    said: Said,
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

const TEMPLATE: &str = "会员{name}，新品8折。";

impl World {
    async fn new(said: Said) -> Self {
        // Thousands of commits: in memory where there is such a file system.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let clock = common::clock();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let keyring = Keyring::create_file(folder.path().join("shop.key"), &SystemClock::new()).unwrap();
        said.debug(&keyring);
        let store = SqliteStore::open_with(folder.path().join("shop.db"), keyring, Arc::clone(&shared)).unwrap();
        said.debug(&store);
        let optin = Optin106::open(store).await.unwrap();
        let aliyun = Gateway::new(FakeAliyun {
            key_id: KEY_ID.into(),
            key_secret: KEY_SECRET.into(),
            signatures: vec![SIGNATURE.into()],
            templates: BTreeMap::from([("SMS_1".into(), "会员${name}，新品8折。拒收请回复R".into())]),
        });
        let yunpian = Gateway::new(FakeYunpian {
            apikey: APIKEY.into(),
            signatures: vec![SIGNATURE.into()],
            uid: true,
            ..FakeYunpian::default()
        });
        let settings = |url: String| {
            let t = Duration::from_millis(400);
            HttpSettings::new().endpoint(url).loopback_only(true).connect_timeout(t).timeout(t)
        };
        let a = Http::new(
            Aliyun::new(KEY_ID, Secret::new(KEY_SECRET)).callbacks(Door::at(Secret::new(CALLBACK))),
            settings(common::serve_gateway(&aliyun, &clock).await),
            Arc::clone(&shared),
        );
        let y = Http::new(
            Yunpian::new(Secret::new(APIKEY)).uid(true).callbacks(Door::at(Secret::new(CALLBACK))),
            settings(common::serve_gateway(&yunpian, &clock).await),
            Arc::clone(&shared),
        );
        // Nobody listens there, and nobody speaks TLS there.
        let dead = Http::new(
            Yunpian::new(Secret::new(APIKEY)).uid(true),
            settings("http://127.0.0.1:9".into()),
            Arc::clone(&shared),
        );
        let plain = common::serve_gateway(&yunpian, &clock).await.replace("http://", "https://");
        let tls = Http::new(Yunpian::new(Secret::new(APIKEY)).uid(true), settings(plain), shared);
        let (a, y, dead, tls) = (a.unwrap(), y.unwrap(), dead.unwrap(), tls.unwrap());
        said.debug(&(&a, &y, a.wire(), y.wire()));
        common::add(&optin, "aliyun", Arc::new(a)).await;
        common::add(&optin, "yunpian", Arc::new(y)).await;
        common::add(&optin, "dead", Arc::new(dead)).await;
        common::add(&optin, "tls", Arc::new(tls)).await;
        let filed = AccountSignature::new(SIGNATURE).unwrap().template("SMS_1", "会员${name}，新品8折。拒收请回复R");
        let shop = Shop::new("shop-a", Owner::new("owner-1").unwrap(), SIGNATURE).unwrap().contact("400-000-0000");
        let shop = optin.shop(shop.at_account(account("aliyun"), filed)).await.unwrap();
        optin
            .set_policy(&Policy { caps: vec!["9/1".parse().unwrap()], pressure: vec![], ..Policy::default() })
            .await
            .unwrap();
        said.debug(&(&optin, &shop, optin.policy().await, optin.store().account(&account("aliyun")).await));
        Self { folder, clock, optin, shop, aliyun, yunpian, said }
    }

    /// Twenty-four hours on: with windows and caps there is always something to send.
    fn tomorrow(&self) -> Timestamp {
        self.clock.now().plus(Duration::from_secs(86_400))
    }

    /// To ten in the morning three days later: platforms have caps of their own.
    fn days_pass(&self) {
        let ten: Timestamp = at("2026-12-11T10:00:00+08:00");
        let days = self.clock.now().since(ten).as_secs() / 86_400 + 3;
        self.clock.set(ten.plus(Duration::from_secs(days * 86_400)));
    }

    async fn campaign(&self, name: &str, text: &str, via: &str) -> Option<Campaign> {
        let people = NUMBERS
            .iter()
            .chain(&BAD)
            .map(|n| optin106::campaign::audience::Person::new(*n).param("name", PARAM).caller_ref(CALLER_REF));
        let builder = self.shop.campaign(name, Purpose::Promotion).text(text).ends(self.tomorrow()).via(account(via));
        self.said.debug(&builder);
        self.said.debug(&builder.warnings());
        self.said.result(builder.plan(Audience::iter(people)).await)
    }

    async fn run(&self, name: &str, text: &str, via: &str) {
        let campaign = self.campaign(name, text, via).await.unwrap();
        let said = &self.said;
        said.result(campaign.funnel().await);
        said.result(campaign.run().await);
        self.clock.advance(Duration::from_secs(120));
        said.result(campaign.settle_unknowns().await);
        let report = campaign.report().await.unwrap();
        let _ = write!(said.0.clone(), "{report}\n{}", report.to_json());
        let mut rows = Box::pin(campaign.report_rows());
        while let Some(row) = rows.next().await {
            said.result(row);
        }
        for i in 0..NUMBERS.len() {
            said.result(campaign.resolve(phone(i), false).await);
        }
        said.result(self.optin.lift(optin106::store::Subject::Account(account(via))).await);
    }
}

fn opt_in(i: usize) -> OptIn {
    // Evidence that is kept sealed, and a guardian's.
    common::opt_in(phone(i))
        .promise(99, Days(30))
        .evidence(Evidence::bytes("form", EVIDENCE))
        .age(13)
        .guardian(Evidence::bytes("id", EVIDENCE))
}

async fn consents(w: &World) {
    let said = &w.said;
    for i in (0..NUMBERS.len()).step_by(2) {
        let consent = opt_in(i).envelope(envelope(format!("order-{}", NUMBERS[i])));
        said.debug(&consent);
        assert!(said.result(w.shop.record(consent).await).is_some());
    }
    let row = |phone: &str| OptInRow {
        phone: phone.into(),
        purposes: vec!["promotion".into()],
        method: "unticked_checkbox".into(),
        at: Some(at("2026-11-01T10:00:00+08:00")),
        evidence: vec![EvidenceRow { kind: "page".into(), reference: "checkout".into(), sha256: "07".repeat(32) }],
        ..OptInRow::default()
    };
    let rows: Vec<OptInRow> = NUMBERS.iter().chain(&BAD).map(|n| row(n)).collect();
    said.debug(&rows);
    for row in &rows {
        said.result(row.read());
    }
    let mut outcomes = w.shop.record_all(futures_util::stream::iter(rows));
    while let Some((position, outcome)) = outcomes.next().await {
        said.debug(&position);
        said.result(outcome);
    }
    drop(outcomes);
    said.result(w.shop.record_ask(phone(1), [Purpose::Promotion], None, envelope("ask")).await);
    for bad in BAD.iter().copied().chain(["13870935521转8899", "+1 387 093 5521", "金丝雀"]) {
        said.refused("a bad number", bad.parse::<Phone>());
        said.result("unknown".parse::<Method>());
    }
}

async fn stops(w: &World) {
    let said = &w.said;
    let stop = OptOut::new(StopScope::Owner, Via::Page).envelope(envelope(format!("out-{}", NUMBERS[1])));
    said.debug(&stop);
    let stopped = said.result(w.shop.opt_out(phone(1), stop).await).unwrap();
    stopped.effective().await;
    let complaint = Complaint::new(phone(3), "12321")
        .external_number("case-1")
        .quoted_text(QUOTED)
        .shop(ShopId::new("shop-a").unwrap());
    said.debug(&complaint);
    said.result(w.optin.complaint(complaint).await);
    said.result(w.shop.reply(phone(5), REPLY, None, envelope("mo-1")).await);
    said.result(w.shop.reply(phone(6), QUOTED, None, envelope("mo-2")).await);
    let cases: Vec<_> = w.optin.cases().collect().await;
    said.debug(&cases);
    let csv = format!(
        "phone,scope,shop,at\n{},group,shop-a,\n{},,,\n{},nonsense,,\n\"{}",
        NUMBERS[7], BAD[0], NUMBERS[3], BAD[1]
    );
    said.debug(&ImportReport::of(w.optin.import_stops_csv("list", csv.as_bytes())).await);
    let row = StopRow {
        phone: BAD[0].into(),
        scope: NUMBERS[2].into(),
        shop: NUMBERS[2].into(),
        at: NUMBERS[2].into(),
        line: Some(1),
    };
    let past =
        PastSendRow { phone: BAD[0].into(), shop: NUMBERS[2].into(), at: NUMBERS[2].into(), ..PastSendRow::default() };
    let again = PastSendRow {
        phone: NUMBERS[4].into(),
        shop: "shop-a".into(),
        at: "2026-10-01 10:00:00".into(),
        campaign: "old".into(),
        line: None,
    };
    said.debug(&(&past.line, &again));
    let mut rows = w.optin.import_stops("list", futures_util::stream::iter([Ok(row)]));
    while let Some(row) = rows.next().await {
        said.debug(&row);
        said.result(row.outcome);
    }
    drop(rows);
    let mut rows = w.optin.import_past_sends(futures_util::stream::iter([Ok(past), Ok(again)]));
    while let Some(row) = rows.next().await {
        said.debug(&row);
    }
    drop(rows);
    let mut exported = w.optin.export_stops();
    while let Some(row) = exported.next().await {
        said.debug(&row);
    }
    drop(exported);
    said.result(w.shop.erase(phone(7), Erasure::new()).await);
}

async fn callbacks(w: &World) {
    let said = &w.said;
    let reference = "0123456789abcdef0123456789abcdef";
    let report = format!(
        r#"[{{"phone_number":"{}","send_time":"2026-12-11 10:00:00","report_time":"2026-12-11 10:00:01","success":false,
        "err_code":"MK:0001","err_msg":"{QUOTED}","biz_id":"b","out_id":"{reference}"}}]"#,
        NUMBERS[0]
    );
    let reply = format!(
        r#"[{{"phone_number":"{}","content":"{REPLY}","send_time":"2026-12-11 10:00:00","sequence_id":1}}]"#,
        NUMBERS[2]
    );
    let status = format!(
        r#"[{{"sid":1,"uid":"{reference}","mobile":"{}","report_status":"FAIL","error_msg":"UNDELIV","user_receive_time":"2026-12-11 10:00:00"}}]"#,
        NUMBERS[4]
    );
    let form = |name: &str, json: &str| format!("{name}={}", optin106::provider::sign::form_value(json));
    let mo = |sign: &str| {
        format!(
            r#"{{"id":"1","mobile":"{}","reply_time":"2026-12-11 10:00:00","text":"{REPLY}","extend":"","_sign":"{sign}"}}"#,
            NUMBERS[6]
        )
    };
    let signed = {
        use md5::Digest;
        let joined = format!(",1,{},2026-12-11 10:00:00,{REPLY},{APIKEY}", NUMBERS[6]);
        let digest = md5::Md5::digest(joined.as_bytes());
        digest.iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let bodies = [
        ("aliyun", report.clone()),
        ("aliyun", reply),
        ("aliyun", report.replace("\"success\"", REPLY)),
        ("aliyun", report[..report.len() / 2].to_owned()),
        ("yunpian", form("sms_status", &status)),
        ("yunpian", form("sms_status", &status[..status.len() / 2])),
        ("yunpian", form("sms_reply", &mo(&signed))),
        ("yunpian", form("sms_reply", &mo("0000"))),
        ("yunpian", form("sms_reply", &mo("0000")[..40])),
        ("yunpian", status),
        ("nobody", String::new()),
    ];
    let mut taken = 0;
    for (to, body) in bodies {
        for path in [CALLBACK, "/hook/wrong", &format!("/{}", NUMBERS[0])] {
            let call = HttpCall::new("POST", path, format!("mobile={}", NUMBERS[0]), body.clone())
                .with_header("Content-Type", "application/x-www-form-urlencoded");
            said.debug(&call);
            taken += usize::from(said.result(w.optin.intake(&account(to), &call).await).is_some());
        }
    }
    assert!(taken >= 4, "callbacks were taken in: {taken}");
    let at = at("2026-12-11T10:00:00+08:00");
    let reply =
        Reply { event_id: "1".into(), phone: phone(2), text: REPLY.into(), extension: None, signature: None, at };
    let report = Report {
        event_id: "1".into(),
        phone: phone(4),
        provider_id: None,
        reference: None,
        code: "DELIVRD".into(),
        delivered: Some(true),
        at,
    };
    said.debug(&(&reply, &report));
    for event in [Inbound::Reply(reply), Inbound::Report(report)] {
        said.debug(&event);
        said.result(w.optin.take_in(&account("yunpian"), "yunpian", event).await);
    }
}

async fn campaigns(w: &World) {
    let said = &w.said;
    let faults = [
        Step::Accept,
        Step::Garbage,
        Step::HalfBody,
        Step::Hold,
        Step::Reset,
        Step::ServerError(503),
        Step::Throttle,
        Step::UnknownCode,
        Step::Unnamed,
        Step::DuplicateRows,
        Step::Refuse("isv.AMOUNT_NOT_ENOUGH".into()),
        Step::Redirect(format!("http://127.0.0.1:9/{}", NUMBERS[0])),
    ];
    for (i, step) in faults.into_iter().enumerate() {
        for (gateway, via, text) in [(&w.aliyun, "aliyun", TEMPLATE), (&w.yunpian, "yunpian", TEXT)] {
            gateway.script(Script::new().then(step.clone()));
            w.days_pass();
            w.run(&format!("{via}-{i}"), text, via).await;
        }
    }
    w.yunpian.script(Script::new().refuse_number(phone(0).to_u64(), "-1"));
    w.aliyun.script(Script::new().refuse_number(phone(2).to_u64(), "isv.MOBILE_NUMBER_ILLEGAL"));
    w.days_pass();
    w.run("personal", &format!("{TEXT}{{name}}"), "yunpian").await;
    w.days_pass();
    w.run("refused", TEMPLATE, "aliyun").await;
    said.debug(&(w.aliyun.totals(), &w.aliyun, &w.yunpian));
    said.debug(&w.yunpian.accepted());
    let taken = (w.aliyun.totals().messages, w.yunpian.totals().messages);
    assert!(taken.0 > 20 && taken.1 > 20, "campaigns sent: {taken:?}");
    // What cannot be planned, and why.
    for (name, text, via) in [
        ("x", "【假店】金丝雀密语", "yunpian"),
        ("x", "金丝雀密语\u{202e}今晚", "yunpian"),
        ("x", "金丝雀密语退订回T", "yunpian"),
        ("x", "金丝雀密语{", "yunpian"),
        ("x", TEXT, "aliyun"),
        ("x", TEXT, "nobody"),
        ("金丝雀 密语", TEXT, "yunpian"),
    ] {
        assert!(w.campaign(name, text, via).await.is_none(), "{text} {via}");
    }
    for value in ["【戴胜】欧阳戴胜云雀", "欧阳戴胜\n云雀", "欧阳戴胜云雀退订回T", NUMBERS[0]]
    {
        said.result(
            Params::default()
                .with("name", value)
                .and_then(|p| optin106::message::Template::parse(TEMPLATE).and_then(|t| t.render(&p)).map(drop)),
        );
    }
}

/// Calls whose end never comes in this process: a reset, no listener, no TLS.
async fn broken_lines(w: &World) {
    for via in ["dead", "tls"] {
        w.days_pass();
        let campaign = w.campaign(via, TEXT, via).await.unwrap();
        let run = campaign.run();
        // The account rests longer and longer; what was logged and said until then is enough.
        let _ = tokio::time::timeout(Duration::from_millis(1_500), run).await;
        w.said.result(campaign.cancel().await);
        w.said.debug(&campaign);
        w.said.result(campaign.report().await);
    }
}

async fn questions(w: &World) {
    let said = &w.said;
    let (from, to) = (Timestamp::EPOCH, Timestamp::FAR);
    for i in 0..NUMBERS.len() {
        said.debug(&phone(i));
        said.result(w.optin.find(phone(i), from, to).await);
        said.result(w.shop.find(phone(i), from, to).await);
        said.result(w.optin.lookup(phone(i)).await);
        said.result(w.optin.facts_at(phone(i), to).await);
        let rid = w.optin.store().keyring().rid(phone(i));
        said.result(w.optin.store().events(rid).await);
        said.result(w.optin.store().person(rid, vec![]).await);
        // The proof itself holds what it proves; its error does not.
        if let Err(e) = w.shop.export_proof(phone(i)).await {
            said.error(&e);
        }
    }
    said.result(w.optin.retain(RetentionPolicy::new()).await);
}

/// Mock, its records and its failed assertions.
async fn mocks(w: &World) {
    let said = &w.said;
    let mock = MockProvider::new("mock");
    w.optin.add_account(&account("mock"), Arc::new(mock.clone()), AccountSettings::default()).await.unwrap();
    let fault = Fault::RejectNumbers(vec![phone(0)], optin106::provider::Consequence::None, "x");
    said.debug(&fault);
    mock.next(fault).next(Fault::UnknownTaken);
    w.days_pass();
    w.run("mock", TEXT, "mock").await;
    said.debug(&(&mock, mock.submitted(), mock.sent(), mock.lookups()));
    assert!(!mock.sent().is_empty());
    let failing = mock.clone();
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| failing.assert_nothing_sent())).is_err());
    let other = common::World::new().await;
    let optin = other.optin.clone();
    let failed = tokio::spawn(async move { mock.assert_every_message_has_live_opt_in(&optin).await }).await;
    said.error(&failed.unwrap_err());
}

/// A carrier's line, in each protocol: accounts, settings, PDUs, links and listeners, under faults, wrong logins and
/// strangers. What its store keeps on disk is searched too.
async fn carriers(said: &Said) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    let clock: Arc<dyn Clock> = Arc::new(ShiftedClock::starting_at(at("2026-12-11T10:00:00+08:00")));
    for (name, protocol) in PROTOCOLS {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::create_file(folder.path().join("shop.key"), &SystemClock::new()).unwrap();
        let store = SqliteStore::open_with(folder.path().join("shop.db"), keyring, Arc::clone(&clock)).unwrap();
        let optin = Optin106::open(store).await.unwrap();
        let caps = vec!["9/1".parse().unwrap()];
        optin.set_policy(&Policy { caps, pressure: vec![], ..Policy::default() }).await.unwrap();
        let settings = GatewaySettings::new(protocol).secret(Secret::new(LINE_SECRET)).reports(true);
        let gateway = CarrierGateway::start(settings).await.unwrap();
        let own = account_with(protocol, Secret::new(LINE_SECRET));
        let quick = |gateway: &CarrierGateway| {
            LinkSettings::new(gateway.address())
                .window(2)
                .answer_within(Duration::from_millis(150))
                .reconnect(Duration::from_millis(5), Duration::from_millis(20))
                .people_per_request(2)
        };
        said.debug(&(&own, quick(&gateway), &gateway));
        let link = Arc::new(Link::open(own, quick(&gateway), Arc::clone(&clock)).unwrap());
        let login = ListenSettings::new(CARRIER_NAME, Secret::new(LINE_SECRET)).unwrap();
        said.debug(&login);
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), login, &link).await.unwrap();
        said.debug(&(&link, &listener));
        if protocol == Protocol::Sgip {
            gateway.push_to(listener.address());
            strangers(&listener).await;
        }
        let wrong = account_with(protocol, Secret::new(&KEY_SECRET[..15]));
        let wrong = Link::open(wrong, quick(&gateway), Arc::clone(&clock)).unwrap();
        if protocol != Protocol::Sgip {
            said.debug(&(wrong.settled().await, &wrong));
        }
        optin.add_account(&account("line"), Arc::clone(&link) as _, AccountSettings::default()).await.unwrap();
        let shop = Shop::new("shop-a", Owner::new("owner-1").unwrap(), SIGNATURE).unwrap().contact("400-000-0000");
        let shop = shop.at_account(account("line"), AccountSignature::new(SIGNATURE).unwrap());
        let shop = optin.shop(shop).await.unwrap();
        for i in 0..NUMBERS.len() {
            shop.record(opt_in(i)).await.unwrap();
        }
        let attending = tokio::spawn({
            let (optin, link, said) = (optin.clone(), Arc::clone(&link), said.clone());
            async move {
                while let Some(arrived) = link.arrived().await {
                    said.debug(&arrived);
                    said.result(optin.take_in(&account("line"), "line", arrived.event().clone()).await);
                    arrived.acknowledge();
                }
            }
        });
        gateway.script(LineFault::ALL.into_iter().flat_map(|f| [Some(f), None]));
        let lift = async {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                optin.lift(optin106::store::Subject::Account(account("line"))).await.unwrap();
            }
        };
        let play = async {
            for n in 0..8 {
                let text = TEXT.repeat(if n % 2 == 0 { 1 } else { 8 });
                let campaign = shop.campaign(format!("{name}-{n}"), Purpose::Promotion).text(text);
                let campaign = campaign.ends(at("2026-12-11T18:00:00+08:00")).via(account("line"));
                let campaign = campaign.plan(Audience::iter((0..NUMBERS.len()).map(phone))).await.unwrap();
                said.result(campaign.run().await);
                said.debug(&(&link, link.status(), campaign.report().await));
                let mut rows = Box::pin(campaign.report_rows());
                while let Some(row) = rows.next().await {
                    said.result(row);
                }
            }
        };
        tokio::select! {
            () = play => {}
            () = lift => {}
        }
        for taken in gateway.taken() {
            gateway.report(&taken, if protocol == Protocol::Sgip { "69" } else { "MBBLACK" });
        }
        gateway.reply(phone(2), CARRIER_ACCESS, REPLY);
        gateway.reply(phone(4), CARRIER_ACCESS, &REPLY.repeat(9));
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if gateway.again() == 0 {
                break;
            }
        }
        // What no dialect can read: a number where a length stands, and in the body of a deliver.
        let mut odd = vec![0, 0, 0, 31, 0, 0, 0, if protocol == Protocol::Sgip { 4 } else { 5 }];
        odd.extend([0, 0, 0, 1].iter().chain(NUMBERS[0].as_bytes()).chain(b"12345678"));
        gateway.send(odd);
        gateway.send(NUMBERS[0].into());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (counts, played) = (gateway.counts(), gateway.played().len());
        said.debug(&(gateway.taken(), counts, &link, &listener));
        assert!(played > 15 && counts.taken > 20 && counts.acknowledged > 20, "{name}: {played} {counts:?}");
        attending.abort();
        drop(attending.await);
        drop(optin);
        if let Some(link) = Arc::into_inner(link) {
            link.close().await;
        }
        places.extend(files(folder.path()).into_iter().map(|(n, bytes)| (format!("{name}: {n}"), bytes)));
    }
    pdus(said);
    places
}

/// Somebody else, and the gateway with a wrong password, at the listener of SGIP.
async fn strangers(listener: &Listener) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let bind = sgip::Bind {
        login_type: 2,
        login_name: Octets::new(NUMBERS[0]).unwrap(),
        login_password: sgip::Password::new(&Secret::new(&KEY_SECRET[..15])).unwrap(),
        reserve: Octets::new("").unwrap(),
    };
    let mut wire = Vec::new();
    let sequence = sgip::Number { node: 1, time: 2, counter: 3 };
    sgip::Pdu { sequence, body: sgip::Body::Bind(bind) }.encode(&mut wire);
    for bytes in
        [wire, NUMBERS[0].into(), [&[0, 0, 0, 31][..], b"12345678", NUMBERS[1].as_bytes(), b"12345678"].concat()]
    {
        let mut stream = tokio::net::TcpStream::connect(listener.address()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
}

/// PDUs with a number, a text and a password, read whole and cut, and what does not fit one.
fn pdus(said: &Said) {
    let (secret, long) = (Secret::new(LINE_SECRET), Secret::new(KEY_SECRET));
    let source = Octets::new(CARRIER_ACCESS).unwrap();
    let to = [phone(0), phone(1)];
    let segments = split(&TEXT.repeat(8), Coding::UCS2, Reference::Byte(1)).unwrap();
    said.debug(&(&segments, cmpp::Content::new(TEXT.as_bytes()).unwrap(), to.map(Octets::<21>::national)));
    said.debug(&(
        to.map(sgip::user_number),
        smgp::Report::read(&[b"id:1234567890 stat:", NUMBERS[0].as_bytes()].concat()),
    ));
    let mut wire = Vec::new();
    let submit = cmpp::Service::new("901234", "MKT").unwrap();
    let submit = submit.submit(cmpp::Version::V30, source, &to, &segments[0], None).unwrap();
    let pdu = cmpp::Pdu { sequence: Sequence(1), body: cmpp::Body::Submit(submit) };
    pdu.encode(&mut wire);
    said.debug(&pdu);
    said.refused("a cut PDU", cmpp::Pdu::decode(&wire[..wire.len() - 60], cmpp::Version::V30));
    said.refused("another layout", cmpp::Pdu::decode(&wire, cmpp::Version::V20));
    wire.clear();
    let submit = sgip::Service::new("12345", "MKT").unwrap().submit(source, &to, &segments[0], None).unwrap();
    let sequence = sgip::Number { node: 1, time: 2, counter: 3 };
    let pdu = sgip::Pdu { sequence, body: sgip::Body::Submit(submit) };
    pdu.encode(&mut wire);
    said.debug(&(&pdu, sgip::Password::new(&secret).unwrap()));
    said.refused("a cut PDU", sgip::Pdu::decode(&wire[..wire.len() - 60]));
    wire.clear();
    let submit = smgp::Service::new("MKT").unwrap().submit(source, &to, &segments[0], None).unwrap();
    let pdu = smgp::Pdu { sequence: Sequence(1), body: smgp::Body::Submit(submit) };
    pdu.encode(&mut wire);
    said.debug(&pdu);
    said.refused("a cut PDU", smgp::Pdu::decode(&wire[..wire.len() - 60]));
    said.refused("a report", smgp::Report::read(format!("id:{} {TEXT}", NUMBERS[0]).as_bytes()));
    said.refused("a name", cmpp::Account::new(NUMBERS[0], secret.clone(), "MKT", CARRIER_ACCESS));
    said.refused("a code", smgp::Account::new("901234", secret, TEXT, CARRIER_ACCESS));
    said.refused("a secret", smgp::Account::new("901234", long.clone(), "MKT", CARRIER_ACCESS));
    said.refused("a password", sgip::Account::new("901234", &long, 1, "12345", "MKT", CARRIER_ACCESS));
    said.refused("a login", ListenSettings::new(TEXT, Secret::new("word")));
    said.refused("a login", ListenSettings::new(CARRIER_NAME, long));
}

fn settings(said: &Said) {
    let secret = Secret::new(KEY_SECRET);
    said.debug(&secret);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    for url in [
        format!("http://user:{KEY_SECRET}@127.0.0.1"),
        format!("http://example.com/{APIKEY}"),
        format!("https://127.0.0.1/?{APIKEY}"),
        APIKEY.to_owned(),
    ] {
        let settings = HttpSettings::new().endpoint(url).loopback_only(true);
        said.refused("an endpoint", Http::new(Yunpian::new(Secret::new(APIKEY)), settings, Arc::clone(&clock)));
    }
    said.refused(
        "a key",
        Keyring::from_text(&format!(r#"{{"index":"{APIKEY}","seal":{{"1":"{KEY_SECRET}"}},"current":1}}"#)),
    );
    said.refused("a key", Keyring::from_text(KEY_SECRET));
    said.refused("a template", optin106::message::Template::parse(&format!("{TEXT}{{")));
}

// ---- The search. ----

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".key") {
            all.push((name, std::fs::read(path).unwrap()));
        }
    }
    all
}

fn hits(places: &[(String, Vec<u8>)], canaries: &[(&'static str, &'static str)]) -> Vec<String> {
    let mut needles = Vec::new();
    let mut names = Vec::new();
    for (kind, canary) in canaries {
        for (form, needle) in forms(kind, canary) {
            needles.push(needle);
            names.push(format!("{kind} ({canary}) as {form}"));
        }
    }
    let mut found = Vec::new();
    for (place, bytes) in places {
        for (i, at) in search(bytes, &needles) {
            let near = &bytes[at.saturating_sub(160)..(at + 80).min(bytes.len())];
            found.push(format!("{} in {place}: …{}…", names[i], String::from_utf8_lossy(near)));
        }
    }
    found
}

/// Controls: of each kind, planted in every form in each place; what is not found there shows a blind search.
const CONTROLS: [(&str, &str); 2] = [("number", "19870241365"), ("text", "渡渡鸟暗号plantedAt99")];

async fn plant(w: &World, logs: &Buffer) {
    for (kind, control) in CONTROLS {
        for (i, (_, bytes)) in forms(kind, control).into_iter().enumerate() {
            match std::str::from_utf8(&bytes) {
                Ok(text) if !text.contains(char::is_control) => tracing::trace!("planted {text}"),
                _ => logs.clone().write_all(&bytes).unwrap(),
            }
            w.said.0.clone().write_all(&bytes).unwrap();
            // A row of the database, in the write-ahead log first: settings are not sealed.
            let conn = rusqlite::Connection::open(w.folder.path().join("shop.db")).unwrap();
            conn.execute("INSERT INTO meta VALUES (?1, ?2)", (format!("planted-{kind}-{i}"), bytes)).unwrap();
        }
    }
}

fn missed(place: &str, bytes: &[u8]) -> Vec<String> {
    let all: Vec<_> = CONTROLS.iter().flat_map(|(k, c)| forms(k, c).into_iter().map(move |f| (*k, f))).collect();
    let needles: Vec<_> = all.iter().map(|(_, (_, needle))| needle.clone()).collect();
    let found = search(bytes, &needles);
    let missing = all.iter().enumerate().filter(|(i, _)| !found.contains_key(i));
    missing.map(|(_, (kind, (form, _)))| format!("{kind} as {form} in {place}")).collect()
}

#[test]
fn no_number_text_or_secret_is_said_logged_or_readable_on_disk() {
    let (logs, said) = (Buffer::default(), Said::default());
    let writer = logs.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .init();
    let panics = said.clone();
    std::panic::set_hook(Box::new(move |info| {
        let _ = writeln!(panics.0.clone(), "{info}");
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            let w = World::new(said.clone()).await;
            settings(&said);
            consents(&w).await;
            campaigns(&w).await;
            broken_lines(&w).await;
            mocks(&w).await;
            stops(&w).await;
            callbacks(&w).await;
            questions(&w).await;
            let lines = carriers(&said).await;
            // While it is open: the write-ahead log, the journal and the lane are there.
            let open = files(w.folder.path());
            for suffix in ["db", "db-wal", "lane"] {
                assert!(open.iter().any(|(name, _)| name.ends_with(suffix)), "{suffix}");
            }
            assert!(open.iter().any(|(name, bytes)| name.contains("journal") && bytes.len() > 16));
            plant(&w, &logs).await;
            let planted = files(w.folder.path());
            (w.folder, open.into_iter().chain(lines).collect::<Vec<_>>(), planted)
        })
    }));
    let _ = std::panic::take_hook();
    let (folder, mut places, planted) = match played {
        Ok(done) => done,
        Err(_) => panic!(
            "a step failed:\n{}",
            String::from_utf8_lossy(&said.0.bytes()).lines().rev().take(5).collect::<Vec<_>>().join("\n")
        ),
    };
    drop(runtime);
    let (logs, said) = (logs.bytes(), said.0.bytes());
    for (what, at_least) in [("hyper_util", 10), ("reqwest", 1), ("optin106", 10)] {
        let n = String::from_utf8_lossy(&logs).matches(what).count();
        assert!(n >= at_least, "{what} logged {n} times");
    }
    // Closed: the write-ahead log went into the database.
    places.extend(files(folder.path()).into_iter().map(|(n, b)| (format!("{n}, closed"), b)));
    let of_wal: Vec<u8> = planted.iter().filter(|(n, _)| n.ends_with("-wal")).flat_map(|(_, b)| b.clone()).collect();
    let of_db: Vec<u8> = places.iter().filter(|(n, _)| n == "shop.db, closed").flat_map(|(_, b)| b.clone()).collect();
    let mut blind = Vec::new();
    for (place, bytes) in [("logs", &logs), ("said", &said), ("write-ahead log", &of_wal), ("database", &of_db)] {
        blind.extend(missed(place, bytes));
    }
    assert!(blind.is_empty(), "planted and not found: {blind:#?}");
    let sizes: Vec<_> = places.iter().map(|(n, b)| format!("{n} {}", b.len())).collect();
    println!("searched logs {}, said {}, files {sizes:?}", logs.len(), said.len());
    places.extend([("logs".to_owned(), logs), ("said".to_owned(), said)]);
    let found = hits(&places, &canaries());
    assert!(found.is_empty(), "{} hits:\n{}", found.len(), found.join("\n"));
}
