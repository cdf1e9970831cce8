//! Qiniu (七牛云) SMS.
//!
//! Sources: developer.qiniu.com/sms 5897 (message), 5849, 5852 (query), 5910 (callbacks); requests as captured from the
//! official Python SDK 7.18, whose two forms are built: a list with every other character than ASCII escaped, a single
//! message with its characters as they are, both with `X-Qiniu-Date`.
//!
//! - A filed template of the kind `marketing` is needed; the signature is bound to it and the platform writes 【signature】
//!   in front. The unsubscribe words (拒收请回复R) stand in the template; that the platform adds none is unconfirmed.
//! - A list answers with one `job_id` for all; that it is taken as a whole is not documented. People with parameters of
//!   their own are sent to one by one. The page warns that Chinese values may not be taken.
//! - `seq` carries our reference into reports. `GET /v1/messages` tells what was sent to a number; it names no `seq`, so a
//!   message is ours by its text and time. How soon a row appears is not documented, so absence is never proof, and that
//!   `start` and `end` are Unix seconds is inferred from the answers.
//! - One marketing message per number and day (receipt 908). How many numbers a call takes is not documented: 100.
//! - Callbacks are not signed: a secret path is their only proof. Any 200 is taken for "received".

use super::filed::filled;
use super::rows::{Word, clipped, unix};
use super::wire::{
    Class, CodeRow, Incoming, Items, Method, Outgoing, Step, Wire, event_id, malformed, phone_of, received,
};
use super::{
    Asked, Back, Blame, Consequence, Documented, Door, Form, Found, Lookup, Outcome, Profile, Request, Verdict,
    Verdicts, Writer,
};
use super::{sign, wire};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Reply, Report};
use crate::secret::{MissingVariable, Secret};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Records a page; the documented maximum.
const PAGE_SIZE: usize = 200;
/// A number's record is looked for from this long before the begin, for clocks that differ …
const BEFORE: Duration = Duration::from_secs(2 * 60);
/// … until this long after it.
const AFTER: Duration = Duration::from_secs(15 * 60);

/// The settings of one Qiniu account.
///
/// ```
/// use optin106::provider::qiniu::Qiniu;
/// use optin106::secret::Secret;
/// let qiniu = Qiniu::new("access key", Secret::new("secret key"));
/// assert!(!format!("{qiniu:?}").contains("key"));
/// ```
#[derive(Clone)]
pub struct Qiniu {
    access_key: String,
    secret_key: Secret,
    door: Door,
    profile: Profile,
}

impl Qiniu {
    /// An account by its keys.
    pub fn new(access_key: impl Into<String>, secret_key: Secret) -> Self {
        Self { access_key: access_key.into(), secret_key, door: Door::default(), profile: PROFILE }
    }

    /// Reads `QINIU_ACCESS_KEY`, `QINIU_SECRET_KEY` and, where set, `QINIU_CALLBACK_PATH` and `QINIU_CALLBACK_SOURCES`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the two needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let key = Secret::from_env("QINIU_ACCESS_KEY")?;
        let mut this = Self::new(key.expose(), Secret::from_env("QINIU_SECRET_KEY")?);
        this.door = Door::from_env("QINIU_CALLBACK_PATH", "QINIU_CALLBACK_SOURCES");
        Ok(this)
    }

    /// The path of the push address, such as `/sms/` and 32 random digits. The platform signs nothing, so knowing this
    /// path is what proves a callback; without it every callback is refused.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call: `message`, `message/single` (a body) or `messages` (a query).
    pub(crate) fn call(&self, host: &str, operation: &str, query: String, body: String, stamp: &Stamp) -> Outgoing {
        let (method, path, content_type) = match operation {
            "message" => (Method::Post, "/v1/message", "application/json"),
            "message/single" => (Method::Post, "/v1/message/single", "application/json"),
            // The SDK names this type for a request without a body too, and signs it.
            _ => (Method::Get, "/v1/messages", "application/x-www-form-urlencoded"),
        };
        let date = date(stamp.at);
        let text = to_sign(method.as_str(), path, &query, host, content_type, Some(&date), &body);
        let authorization = format!("Qiniu {}:{}", self.access_key, token(self.secret_key.expose(), &text));
        let headers = vec![
            ("accept", "application/json".into()),
            ("authorization", authorization.into()),
            ("content-type", content_type.into()),
            ("x-qiniu-date", date.into()),
        ];
        Outgoing { method, path: path.into(), query, headers, body: body.into_bytes() }
    }
}

impl fmt::Debug for Qiniu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Qiniu").field("door", &self.door).finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "qiniu",
    form: Form::Template,
    // Not documented; see above.
    same_text_max: 100,
    personal_max: 1,
    signature: Writer::Platform,
    words: Writer::Template,
    // No hours were found.
    window: None,
    // Receipt 908: one marketing message per number in 24 hours.
    caps: &[(1, 1)],
    // One job_id for all, yet no page says that one number's fault refuses the others.
    all_or_nothing: false,
    idempotent: false,
    lookup: Lookup::ByNumber { per_second: 5, absence_is_proof_after: None },
    reports: Back::Push,
    replies: Back::Push,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 20,
    documented: Documented::Medium,
    source: "developer.qiniu.com/sms 5897, 5852, 5910",
};

impl Wire for Qiniu {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://sms.qiniuapi.com"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, host: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let rendition = request.rendition();
        let refused = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let template = rendition.template().ok_or_else(|| refused("no_template"))?;
        if rendition.extension().is_some() {
            return Err(refused("no_extension").into());
        }
        let tickets = request.tickets();
        let numbers: Vec<String> = tickets.iter().map(|t| t.phone().national()).collect();
        let field = |name: &str, value: String| (name.to_owned(), value);
        let (id, seq) = (quoted(&template.code, false), quoted(&request.reference().to_string(), false));
        if !request.is_personal() {
            let mobiles = numbers.iter().map(|n| quoted(n, false)).collect::<Vec<_>>().join(", ");
            let fields = [
                field("template_id", id),
                field("mobiles", format!("[{mobiles}]")),
                field("parameters", "{}".into()),
                field("seq", seq),
            ];
            return Ok(self.call(host, "message", String::new(), object(&fields), stamp));
        }
        let ([ticket], [number]) = (tickets, &numbers[..]) else {
            return Err(refused("too_many_numbers").into());
        };
        let values: Vec<_> =
            filled(rendition, ticket.params())?.iter().map(|(k, v)| field(k, quoted(v, false))).collect();
        let fields = [
            field("template_id", id),
            field("mobile", quoted(number, false)),
            field("parameters", object(&values)),
            field("seq", seq),
        ];
        Ok(self.call(host, "message/single", String::new(), object(&fields), stamp))
    }

    fn outcome(&self, _: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        Verdicts::Same(verdict(answer))
    }

    fn lookup(&self, asked: &Asked<'_>, cursor: u16, host: &str, stamp: &Stamp) -> Option<Outgoing> {
        let seconds = |at: Timestamp| (at.millis() / 1000).to_string();
        let query = sign::form(&[
            ("mobile", &asked.phone.national()),
            ("start", &seconds(asked.begun_at.minus(BEFORE))),
            ("end", &seconds(asked.begun_at.plus(AFTER))),
            ("page", &(cursor + 1).to_string()),
            ("page_size", "200"),
        ]);
        Some(self.call(host, "messages", query, String::new(), stamp))
    }

    fn found(&self, asked: &Asked<'_>, cursor: u16, answer: Incoming<'_>) -> Step {
        let page = serde_json::from_slice::<Page>(answer.body).ok().filter(|_| answer.status == 200);
        let Some(Page { items: Items(records) }) = page else {
            return Step::Done(Found::Unclear);
        };
        let reference = asked.reference.to_string();
        let (from, until) = (asked.begun_at.minus(BEFORE), asked.begun_at.plus(AFTER));
        let near = |r: &&Record| {
            phone_of(&r.mobile) == Some(asked.phone) && unix(r.created_at).is_none_or(|t| t >= from && t <= until)
        };
        let mine = |r: &&Record| match r.seq.as_str() {
            "" => asked.text.is_some_and(|t| is_text(&r.content, t)),
            seq => seq == reference,
        };
        if let Some(hit) = records.iter().filter(near).find(mine) {
            let id = if hit.job_id.is_empty() { &hit.message_id } else { &hit.job_id };
            return Step::Done(if id.is_empty() { Found::Unclear } else { Found::Accepted { id: id.clone() } });
        }
        if records.len() >= PAGE_SIZE {
            return Step::More(cursor + 1);
        }
        // Without a text, a record that carries no reference may be ours.
        let blind = asked.text.is_none() && records.iter().filter(near).any(|r| r.seq.is_empty());
        Step::Done(if blind { Found::Unclear } else { Found::Absent })
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.door.admits(call)?;
        callback(&call.body, call.received_at)
    }
}

/// Whether a record's text is this text, with or without the signature in front.
fn is_text(recorded: &str, seen: &str) -> bool {
    let body = seen.strip_prefix('【').and_then(|s| s.split_once('】')).map_or(seen, |(_, body)| body);
    [seen.trim(), body.trim()].contains(&recorded.trim())
}

/// `20251124T160000Z`.
fn date(at: Timestamp) -> String {
    sign::utc(at, "%Y%m%dT%H%M%SZ")
}

/// What the "Qiniu" token covers.
///
/// # Source
/// The official SDKs; their requests are the test vectors.
pub(crate) fn to_sign(
    method: &str,
    path: &str,
    query: &str,
    host: &str,
    content_type: &str,
    date: Option<&str>,
    body: &str,
) -> String {
    let mark = if query.is_empty() { "" } else { "?" };
    let date = date.map(|d| format!("X-Qiniu-Date: {d}\n")).unwrap_or_default();
    format!("{method} {path}{mark}{query}\nHost: {host}\nContent-Type: {content_type}\n{date}\n{body}")
}

/// HMAC-SHA-1 in the URL's base64, padded.
pub(crate) fn token(secret: &str, text: &str) -> String {
    sign::hmac_sha1_base64(secret.as_bytes(), text.as_bytes()).replace('+', "-").replace('/', "_")
}

/// A JSON string; `ascii` escapes everything else, as the SDK's own methods do.
pub(crate) fn quoted(s: &str, ascii: bool) -> String {
    let plain = Value::from(s).to_string();
    if !ascii {
        return plain;
    }
    let mut out = String::with_capacity(plain.len() * 2);
    for c in plain.chars() {
        // As Python: the last of ASCII is escaped as well.
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

/// A JSON object of written values, spaced as the SDK does.
pub(crate) fn object(fields: &[(String, String)]) -> String {
    let field = |(name, value): &(String, String)| format!("{}: {value}", quoted(name, false));
    format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    job_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
}

/// What an answer proves about everyone in the request.
pub(crate) fn verdict(answer: Incoming<'_>) -> Verdict {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    let id = envelope.job_id.or(envelope.message_id).filter(|id| !id.is_empty());
    match (envelope.error.filter(|e| !e.is_empty()), id) {
        (None, Some(id)) if answer.status == 200 => Verdict::accepted(id),
        (None, None) => Verdict::unknown("no_id"),
        (_, Some(_)) => Verdict::unknown("contradiction"),
        (Some(word), None) if answer.status != 200 => match row_of(&word, answer.status) {
            Some(row) => row.verdict(None),
            None => Verdict::unknown(clipped(&word)),
        },
        (Some(_), None) => Verdict::unknown("contradiction"),
    }
}

/// The row of a word. An error with 401 is about the credentials whatever its word, which no page read gives.
fn row_of(word: &str, status: u16) -> Option<&'static CodeRow> {
    code(word).or_else(|| code("BadToken").filter(|_| status == 401))
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

/// What an answer or a pushed body means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    let value: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    match (&value["items"][0], value["error"].as_str()) {
        (Value::Object(item), _) if item.contains_key("status") => Class::Report,
        (Value::Object(item), _) if item.contains_key("content") => Class::Mo,
        (_, Some(word)) => row_of(word, answer.status).map_or(Class::Unknown, |r| r.class),
        (_, None) if answer.status >= 500 => Class::Transient,
        (_, None) if verdict(answer).outcome == Outcome::Accepted => Class::Accepted,
        (_, None) => Class::Unknown,
    }
}

#[derive(serde::Deserialize)]
struct Page {
    items: Items<Record>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Record {
    message_id: String,
    job_id: String,
    mobile: String,
    content: String,
    seq: String,
    created_at: i64,
}

#[derive(serde::Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    items: Items<Row<'a>>,
}

#[derive(serde::Deserialize)]
struct Row<'a> {
    #[serde(borrow, default)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    message_id: Word<'a>,
    #[serde(borrow, default)]
    job_id: Word<'a>,
    #[serde(borrow, default)]
    status: Option<Word<'a>>,
    #[serde(borrow, default)]
    delivrd_at: Word<'a>,
    #[serde(borrow, default)]
    error: Word<'a>,
    #[serde(borrow, default)]
    seq: Word<'a>,
    #[serde(borrow, default)]
    content: Option<Word<'a>>,
    #[serde(borrow, default)]
    time: Word<'a>,
    #[serde(borrow, default)]
    dest_code: Word<'a>,
}

/// Reads a push whose origin is proven; which kind a row is, its fields tell.
///
/// A row about a number that cannot be a mainland mobile is left out, and so is one that is neither kind: refusing the whole
/// push would lose the stops of others.
fn callback(body: &[u8], received_at: Option<Timestamp>) -> Result<Callback, InboundError> {
    let push: Push<'_> =
        serde_json::from_slice(body).map_err(|e| malformed(body, &e, "items with at most 10000 reports or replies"))?;
    let rows = push.items.0;
    let count = rows.len();
    if count > 0 && rows.iter().all(|r| r.status.is_none() && r.content.is_none()) {
        return Err(InboundError::Malformed { at: 0, what: "a status or a content in an item" });
    }
    let events: Vec<Inbound> = rows.into_iter().filter_map(|row| event(row, received_at)).collect();
    if events.len() < count {
        let left_out = count - events.len();
        tracing::warn!(provider = "qiniu", left_out, of = count, "callback rows without a mainland number or a kind");
    }
    Ok(Callback { events, answer: received("application/json;charset=utf-8", "{}") })
}

/// The event of a row, at the time of the push where its own is none.
fn event(row: Row<'_>, received_at: Option<Timestamp>) -> Option<Inbound> {
    let phone = phone_of(&row.mobile)?;
    let at = |seconds: &str| seconds.parse().ok().and_then(unix).or(received_at);
    let Some(status) = row.status else {
        let text = row.content?;
        return Some(Inbound::Reply(Reply {
            event_id: event_id("up", &[&row.mobile, &text, &row.dest_code, &row.time]),
            phone,
            text: text.to_string(),
            extension: row.dest_code.filled(),
            signature: None,
            at: at(&row.time)?,
        }));
    };
    let delivered = match &*status {
        "DELIVRD" => Some(true),
        "FAILED" => Some(false),
        _ => None,
    };
    let parts = [&*row.mobile, &row.message_id, &row.job_id, &status, &row.error, &row.seq, &row.delivrd_at];
    Some(Inbound::Report(Report {
        event_id: event_id("report", &parts),
        phone,
        reference: Reference::parse(&row.seq),
        // A list was answered with its job, a single message with itself.
        provider_id: row.job_id.filled().or(row.message_id.filled()),
        code: if row.error.is_empty() { status.clipped() } else { row.error.clipped() },
        delivered,
        at: at(&row.delivrd_at)?,
    }))
}

const fn row(code: &'static str, class: Class, outcome: Outcome, remedy: &'static str) -> CodeRow {
    let consequence = match outcome {
        Outcome::Rejected(Blame::Account) => Consequence::Hold,
        Outcome::Accepted | Outcome::Rejected(_) | Outcome::Unknown | Outcome::Unsent => Consequence::None,
    };
    wire::row(code, class, outcome, consequence, remedy)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);

/// Every word on the list (`error`); a success has an id and no word. What is not here is unknown. Codes of receipts are
/// read by the table of delivery codes.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Outcome::Unknown as Doubt;
    &[
        row("AccountBalanceNotEnough", InsufficientBalance, ACCOUNT, "Top up the balance, then lift the hold."),

        row("BadToken", Auth, ACCOUNT, "Check the access key, the secret key and this machine's clock."),
        row("FreezedUserError", Auth, ACCOUNT, "The account is frozen: ask the platform."),
        row("InactivatedUseError", Auth, ACCOUNT, "The account is not active: ask the platform."),
        row("AccountNeedCertified", Auth, ACCOUNT, "Certify the account (实名认证) in the console."),

        row("InvalidQueryValue", InvalidRequest, ACCOUNT, "A field is not as documented: check template and signature."),
        row("MalformedJSON", InvalidRequest, ACCOUNT, "The request was changed on its way: check proxies."),
        row("NotFoundError", InvalidRequest, ACCOUNT, "The template or the address is not known: check both."),

        row("ServerInternalError", Transient, Doubt, "The platform failed: wait for the lookup or the report."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "qiniu_tests.rs"]
mod tests;
