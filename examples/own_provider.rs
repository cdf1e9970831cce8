//! A platform of one's own: `cargo run --features testing --example own_provider`
//!
//! "Acme" is a small HTTP platform: it runs below as a local server, and `impl Wire for Acme` is all that a plugin author
//! writes: the bytes of a send, what an answer proves, the bytes of a question, a callback. The sending itself (one
//! attempt, no redirect, no retry, deadline checked at the first byte) is [`Http`]'s. A campaign then runs over it, one
//! answer is lost on the way, the question settles it, and a reply comes back as a signed callback.
//!
//! A platform that does not speak HTTP implements `Provider` itself: four functions under the contract in its docs.

use optin106::clock::{Clock, Stamp, SystemClock};
use optin106::entry::State;
use optin106::id::AccountId;
use optin106::inbound::{Callback, HttpAnswer, HttpCall, Inbound, InboundError, Reply};
use optin106::keyring::Keyring;
use optin106::optin::AccountSettings;
use optin106::provider::wire::{
    Class, CodeRow, Http, HttpSettings, Incoming, Method as Verb, Outgoing, Step, Wire, row,
};
use optin106::provider::{
    Asked, Back, Blame, Consequence, Documented, Form, Found, Lookup, Outcome, Profile, Request, Verdict, Verdicts,
    Writer, sign,
};
use optin106::secret::Secret;
use optin106::store::SqliteStore;
use optin106::testing::ManualClock;
use optin106::{
    Audience, Days, Envelope, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop, Timestamp,
};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Error = Box<dyn std::error::Error + Send + Sync>;

// ---- What the plugin author writes. ----

/// Acme SMS, API v1. In a real adapter: which pages, of which day, say so.
#[derive(Clone, Debug)]
struct Acme {
    key: Secret,
    profile: Profile,
}

impl Acme {
    fn new(key: Secret) -> Self {
        let profile = Profile {
            name: "acme",
            form: Form::FreeText,
            same_text_max: 200,
            personal_max: 0,
            signature: Writer::Caller,
            words: Writer::Caller,
            window: Some((8 * 60, 21 * 60)), // the strictest of this and the store's policy holds
            caps: &[],
            all_or_nothing: false,
            lookup: Lookup::ByNumber { per_second: 20, absence_is_proof_after: None },
            idempotent: false,
            reports: Back::Push,
            replies: Back::Push,
            report_due: Duration::from_secs(72 * 3_600),
            calls_per_second: 50,
            documented: Documented::Medium,
            source: "the vendor's page of its API, v1",
        };
        Self { key, profile }
    }

    fn call(&self, method: Verb, query: String, body: Vec<u8>, stamp: &Stamp) -> Outgoing {
        let signed = [stamp.nonce.as_bytes(), query.as_bytes(), &body].concat();
        let signature = sign::hmac_sha256_hex(self.key.expose().as_bytes(), &signed);
        let headers = vec![
            ("content-type", Cow::Borrowed("application/json")),
            ("x-acme-nonce", Cow::Owned(stamp.nonce.clone())),
            ("x-acme-signature", Cow::Owned(signature)),
        ];
        Outgoing { method, path: "/v1/messages".into(), query, headers, body }
    }
}

impl Wire for Acme {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://api.acme.example"
    }

    fn request(&self, request: &Request<'_>, _host: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let to: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        let body = json!({ "ref": request.reference().to_string(), "text": request.rendition().text(), "to": to });
        Ok(self.call(Verb::Post, String::new(), body.to_string().into_bytes(), stamp))
    }

    /// Only what Acme's documents call a refusal before acceptance is one; all else is in doubt.
    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        let Ok(told) = serde_json::from_slice::<HashMap<String, Value>>(answer.body) else {
            return Verdicts::Same(Verdict::unknown("unreadable"));
        };
        let of = |phone: Phone| match told.get(&phone.national()) {
            Some(row) => verdict(row["code"].as_str().unwrap_or_default(), row["id"].as_str()),
            None => Verdict::unknown("not_named"),
        };
        Verdicts::Each(request.tickets().iter().map(|t| of(t.phone())).collect())
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        CODES.iter().find(|row| row.code == code)
    }

    fn lookup(&self, asked: &Asked<'_>, _cursor: u16, _host: &str, stamp: &Stamp) -> Option<Outgoing> {
        let query = format!("ref={}&to={}", asked.reference, asked.phone.national());
        Some(self.call(Verb::Get, query, Vec::new(), stamp))
    }

    fn found(&self, _asked: &Asked<'_>, _cursor: u16, answer: Incoming<'_>) -> Step {
        match serde_json::from_slice::<Value>(answer.body) {
            Ok(row) if row["id"].is_string() => {
                Step::Done(Found::Accepted { id: row["id"].as_str().unwrap_or_default().to_owned() })
            }
            Ok(Value::Null) => Step::Done(Found::Absent),
            Ok(_) | Err(_) => Step::Done(Found::Unclear),
        }
    }

    /// Authentic first, then parsed; the answer is given only after the event is recorded.
    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        if call.body.len() > HttpCall::MAX_BODY {
            return Err(InboundError::TooLarge { bytes: call.body.len() });
        }
        let signature = sign::hmac_sha256_hex(self.key.expose().as_bytes(), &call.body);
        let told = call.header("x-acme-signature").unwrap_or_default();
        if !sign::same(signature.as_bytes(), told.as_bytes()) {
            return Err(InboundError::Forged);
        }
        let bad = |what| InboundError::Malformed { at: 0, what };
        let body: Value = serde_json::from_slice(&call.body).map_err(|_| bad("JSON"))?;
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        let reply = Reply {
            event_id: text("id").ok_or(bad("an id"))?,
            phone: text("from").and_then(|s| s.parse().ok()).ok_or(bad("a mainland number"))?,
            text: text("text").ok_or(bad("a text"))?,
            extension: None,
            signature: text("signature"),
            at: text("at").and_then(|s| s.parse().ok()).ok_or(bad("a time"))?,
        };
        let answer = HttpAnswer { status: 200, content_type: "text/plain", body: "OK".into() };
        Ok(Callback { events: vec![Inbound::Reply(reply)], answer })
    }
}

/// Acme's table of codes: what each proves, and what a merchant reads. A code that is not listed proves nothing.
#[rustfmt::skip]
const CODES: &[CodeRow] = &[
    row("taken", Class::Accepted, Outcome::Accepted, Consequence::None, "Nothing to do."),
    row("black", Class::NumberUnsubscribed, Outcome::Rejected(Blame::Person), Consequence::StopOwner, "The stop is recorded."),
    row("balance", Class::InsufficientBalance, Outcome::Rejected(Blame::Account), Consequence::Hold, "Top up, then lift the hold."),
    row("busy", Class::Throttled, Outcome::Unsent, Consequence::Rest(Duration::from_secs(1)), "Sending goes on by itself."),
];

fn verdict(code: &str, id: Option<&str>) -> Verdict {
    match CODES.iter().find(|row| row.code == code) {
        Some(row) => row.verdict(id.map(str::to_owned)),
        None => Verdict::unknown(code),
    }
}

// ---- The platform, as a local server. ----

/// What it took: reference and number to id. It loses the answer of its first call.
#[derive(Clone, Default)]
struct Platform {
    taken: Arc<Mutex<HashMap<String, String>>>,
    calls: Arc<Mutex<u32>>,
}

impl Platform {
    async fn serve(self, listener: TcpListener) {
        while let Ok((socket, _)) = listener.accept().await {
            let platform = self.clone();
            tokio::spawn(async move { platform.talk(socket).await });
        }
    }

    /// One request a connection is enough here.
    async fn talk(self, mut socket: TcpStream) -> Option<()> {
        let mut read = Vec::new();
        let (head, body) = loop {
            let mut more = [0; 4096];
            let n = socket.read(&mut more).await.ok().filter(|n| *n > 0)?;
            read.extend_from_slice(&more[..n]);
            let text = String::from_utf8_lossy(&read).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let wanted = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if body.len() >= wanted {
                break (head.to_owned(), body.to_owned());
            }
        };
        // No answer at all: the connection is closed after the messages were taken.
        let answer = if head.starts_with("POST") { self.send(&body)? } else { self.question(&head) };
        let len = answer.len();
        let whole = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n{answer}");
        socket.write_all(whole.as_bytes()).await.ok()
    }

    fn send(&self, body: &str) -> Option<String> {
        let body: Value = serde_json::from_str(body).ok()?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls += 1;
        let reference = body["ref"].as_str()?;
        let mut answer = serde_json::Map::new();
        for to in body["to"].as_array()?.iter().filter_map(Value::as_str) {
            if to.ends_with('7') {
                answer.insert(to.to_owned(), json!({ "code": "black" }));
                continue;
            }
            let id = format!("acme-{}", taken.len());
            taken.insert(format!("{reference}/{to}"), id.clone());
            answer.insert(to.to_owned(), json!({ "code": "taken", "id": id }));
        }
        (*calls > 1).then(|| Value::from(answer).to_string())
    }

    fn question(&self, head: &str) -> String {
        let query = head.split_whitespace().nth(1).and_then(|target| target.split_once("?ref=")).map_or("", |(_, q)| q);
        let key = query.replacen("&to=", "/", 1);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.get(&key).map_or_else(|| "null".to_owned(), |id| json!({ "id": id }).to_string())
    }
}

// ---- A campaign over it. ----

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut out = std::io::stdout();
    let folder = tempfile::tempdir()?;
    let clock = ManualClock::new("2026-12-12T10:00:00+08:00".parse()?).auto();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let keyring = Keyring::generate(&SystemClock::new());
    let store = SqliteStore::open_with(folder.path().join("shop.db"), keyring, Arc::clone(&shared))?;
    let optin = Optin106::open(store).await?;

    let platform = Platform::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(platform.clone().serve(listener));

    let acme = AccountId::new("acme-1")?;
    let key = "acme-demo-key";
    let settings = HttpSettings::new().endpoint(url).loopback_only(true);
    let provider = Arc::new(Http::new(Acme::new(Secret::new(key)), settings, shared)?);
    optin.add_account(&acme, provider, AccountSettings::default().price(400)).await?;

    let shop = optin.shop(Shop::new("shop-42", Owner::new("91330100MA00000001")?, "示例旗舰店")?).await?;
    let people: Vec<Phone> = (0..20u64).map(|i| format!("138000000{i:02}").parse()).collect::<Result<_, _>>()?;
    for person in &people {
        shop.record(opt_in(*person, "2026-11-01T10:00:00+08:00".parse()?)).await?;
    }
    let campaign = shop
        .campaign("over-acme", Purpose::Promotion)
        .text("双12今晚0点开抢，满200减25")
        .via(acme.clone())
        .numbers_per_call(5)
        .plan(Audience::iter(people.clone()))
        .await?;
    let report = campaign.run().await?;
    writeln!(out, "{report}")?;

    // The first answer was lost: five people are in doubt. They are asked about, and never sent to again.
    clock.advance(Duration::from_secs(120));
    let doubts = campaign.settle_unknowns().await?;
    let report = campaign.report().await?;
    report.check()?;
    writeln!(out, "asked: {} were taken, {} not found\n", doubts.accepted, doubts.later + doubts.unresolved)?;
    writeln!(
        out,
        "accepted {}, refused by the platform {}",
        report.figures.count(State::Accepted),
        report.figures.count(State::Failed)
    )?;
    // Eighteen of twenty: two are on Acme's list. Each once, the five of the lost answer too.
    let taken: Vec<String> = platform.taken.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
    let people_reached: HashSet<_> = taken.iter().filter_map(|key| key.split_once('/')).map(|(_, to)| to).collect();
    assert_eq!((taken.len(), people_reached.len()), (18, 18));

    // A reply comes back: recorded, then answered; from now on nothing is sent to this person by this owner.
    let body = json!({ "id": "mo-1", "from": people[0].national(), "text": "退订", "signature": "示例旗舰店",
        "at": "2026-12-12T11:00:00+08:00" });
    let body = body.to_string().into_bytes();
    let signature = sign::hmac_sha256_hex(key.as_bytes(), &body);
    let call = HttpCall::new("POST", "/acme", "", body).with_header("X-Acme-Signature", signature);
    let outcome = optin.intake(&acme, &call).await?;
    writeln!(
        out,
        "callback answered {:?}; stops that stand: {}",
        outcome.answer.body,
        shop.lookup(people[0]).await?.stops.len()
    )?;
    let forged = HttpCall { headers: Vec::new(), ..call };
    writeln!(out, "forged: {}", optin.intake(&acme, &forged).await.err().map_or_else(String::new, |e| e.to_string()))?;
    Ok(())
}

fn opt_in(phone: Phone, at: Timestamp) -> OptIn {
    OptIn::new(phone, [Purpose::Promotion], Method::UntickedCheckbox)
        .at(at)
        .notice(Notice::new("v1", "同意接收本店促销短信，每30天不超过4条，回复R可随时拒收"))
        .promise(4, Days(30))
        .valid_until(at.plus_days(365))
        .evidence(Evidence::reference("page", "checkout#marketing-sms", [7; 32]))
        .envelope(Envelope { source: "checkout".into(), ..Envelope::default() })
}
