//! Montnets (梦网) HTTP REST, V5.7.2.
//!
//! Sources: a copy of the vendor's document V5.7.2, whose printed MD5 example is reproduced; the public Go client reads
//! the answers the same way.
//!
//! - Free text. The full text is sent; where the platform puts the signature or the unsubscribe words itself, say so with
//!   [`Montnets::signature_by_platform`] and [`Montnets::words_by_platform`]. **Unconfirmed**: which of the two an account
//!   has, and the marketing hours; ask the platform for each account.
//! - Every customer has a gateway address of their own, so it is a setting. It must be https: the crate speaks plain http
//!   to loopback only.
//! - One code and one message id answer a whole request. That id is the first number's, the next number's is one more.
//!   Invalid numbers are not refused: they come back as failed reports. No page says that a request is refused as a
//!   whole, so the one code about numbers leaves a request of many in doubt.
//! - `custid` carries our reference and comes back in answers and reports. It makes no second send harmless, and the
//!   platform cannot be asked for it: a time-out waits for a report.
//! - Pushes carry the account's name, a time and the digest of both with the password; the digest does not cover what is
//!   pushed. A path in the [`Door`] is asked for too where there is one, and should be; name the platform's addresses there.
//! - The document's closing note spells some operations otherwise (`single_send`, `batch_send`): see [`Montnets::path`].
//! - Pulled reports and replies are forgotten by the platform (inferred). Whether pull works beside push is unconfirmed.

use super::rows::Word;
use super::sign;
use super::wire::{
    Class, CodeRow, Incoming, MAX_ITEMS, Method, Outgoing, Wire, admits_signed, event_id, malformed, phone_of, row,
};
use super::{
    Back, Blame, Consequence, Documented, Door, Form, Lookup, Outcome, Profile, PullError, Request, Verdict, Verdicts,
    Writer,
};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpAnswer, HttpCall, Inbound, InboundError, Pull, Pulled, Reply, Report};
use crate::message::UNSUBSCRIBE;
use crate::secret::{MissingVariable, Secret};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Rows of one pull; the documented maxima.
const REPORTS: u16 = 500;
const REPLIES: u16 = 200;
/// The most characters of a text, signature included.
const LONGEST: usize = 1000;
/// A push older than this delivers nothing. No page names a limit; what may be a stop counts at any age.
const STALE: Duration = Duration::from_secs(15 * 60);
/// What stands between name and password in the digest.
const FIXED: &str = "00000000";
/// The distance between the ids of a long message's parts.
const PART: i64 = 17_179_869_184;

/// The settings of one Montnets account.
///
/// ```
/// use optin106::provider::montnets::Montnets;
/// use optin106::secret::Secret;
/// let montnets = Montnets::new("https://203.0.113.7:8443", "J10003", Secret::new("password"));
/// assert!(!format!("{montnets:?}").contains("password"));
/// ```
#[derive(Clone)]
pub struct Montnets {
    gateway: String,
    userid: String,
    password: Secret,
    service: Option<String>,
    paths: Vec<(String, String)>,
    door: Door,
    profile: Profile,
}

impl Montnets {
    /// An account by its gateway (scheme, host and port, as the platform gave it), name and password.
    pub fn new(gateway: impl Into<String>, userid: impl AsRef<str>, password: Secret) -> Self {
        Self {
            gateway: gateway.into().trim_end_matches('/').to_owned(),
            // Signed in capitals, whatever was typed.
            userid: userid.as_ref().to_uppercase(),
            password,
            service: None,
            paths: Vec::new(),
            door: Door::default(),
            profile: PROFILE,
        }
    }

    /// Reads `MONTNETS_GATEWAY`, `MONTNETS_USERID`, `MONTNETS_PASSWORD` and, where set, `MONTNETS_SVRTYPE`,
    /// `MONTNETS_CALLBACK_PATH` and `MONTNETS_CALLBACK_SOURCES`; `MONTNETS_PLATFORM_SIGNS=1` and
    /// `MONTNETS_PLATFORM_ADDS_WORDS=1` say what the platform writes, `MONTNETS_PATHS` (`send_single=/…,send_batch=/…`) how
    /// it spells its operations.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the three needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let set = |name| Secret::from_env(name).is_ok_and(|v| v.expose() == "1");
        let (gateway, userid) = (Secret::from_env("MONTNETS_GATEWAY")?, Secret::from_env("MONTNETS_USERID")?);
        let mut this = Self::new(gateway.expose(), userid.expose(), Secret::from_env("MONTNETS_PASSWORD")?);
        this.service = Secret::from_env("MONTNETS_SVRTYPE").ok().map(|s| s.expose().to_owned());
        this.door = Door::from_env("MONTNETS_CALLBACK_PATH", "MONTNETS_CALLBACK_SOURCES");
        if let Ok(paths) = Secret::from_env("MONTNETS_PATHS") {
            let pairs = paths.expose().split(',').filter_map(|pair| pair.split_once('='));
            this = pairs.fold(this, |this, (operation, path)| this.path(operation.trim(), path.trim()));
        }
        if set("MONTNETS_PLATFORM_SIGNS") {
            this = this.signature_by_platform();
        }
        Ok(if set("MONTNETS_PLATFORM_ADDS_WORDS") { this.words_by_platform() } else { this })
    }

    /// The service type (`svrtype`) that the platform gave this account: at most 32 letters and digits.
    #[must_use]
    pub fn service(mut self, svrtype: impl Into<String>) -> Self {
        self.service = Some(svrtype.into());
        self
    }

    /// The path of an operation (`send_single`, `send_batch`, `send_multi`, `get_rpt`, `get_mo`) where the gateway does not
    /// have it at `/sms/v2/std/` and its name, such as `/sms/v2/std/single_send`.
    #[must_use]
    pub fn path(mut self, operation: impl Into<String>, path: impl AsRef<str>) -> Self {
        self.paths.push((operation.into(), format!("/{}", path.as_ref().trim_start_matches('/'))));
        self
    }

    /// The platform puts 【signature】 in front of what is sent; then it is left out.
    #[must_use]
    pub fn signature_by_platform(mut self) -> Self {
        self.profile.signature = Writer::Platform;
        self
    }

    /// The platform puts the unsubscribe words behind what is sent; then they are left out.
    #[must_use]
    pub fn words_by_platform(mut self) -> Self {
        self.profile.words = Writer::Platform;
        self
    }

    /// The path and sources of pushes. Their digest, which is checked in any case, does not cover what they say, so whoever
    /// has seen one could write others: a path that nobody else knows keeps them out.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call; `fields` without name, digest and time.
    pub(crate) fn call(&self, operation: &str, fields: &[(&str, Value)], stamp: &Stamp) -> Outgoing {
        let timestamp = stamp.at.civil().strftime("%m%d%H%M%S").to_string();
        let pwd = self.digest(&timestamp);
        let mut body = String::with_capacity(256 + fields.iter().map(|(_, v)| size(v)).sum::<usize>());
        let head = [("userid", self.userid.as_str()), ("pwd", &pwd), ("timestamp", &timestamp)];
        let all = head.map(|(name, value)| (name, Value::from(value)));
        for (i, (name, value)) in all.iter().chain(fields).enumerate() {
            body.push_str(if i == 0 { "{\"" } else { ",\"" });
            body.push_str(name);
            body.push_str("\":");
            body.push_str(&value.to_string());
        }
        body.push('}');
        Outgoing {
            method: Method::Post,
            path: self.path_of(operation).into(),
            query: String::new(),
            headers: vec![("content-type", "application/json".into()), ("accept", "application/json".into())],
            body: body.into_bytes(),
        }
    }

    fn path_of(&self, operation: &str) -> String {
        let own = self.paths.iter().rfind(|(name, _)| name == operation);
        own.map_or_else(|| format!("/sms/v2/std/{operation}"), |(_, path)| path.clone())
    }

    fn digest(&self, timestamp: &str) -> String {
        let signed = zeroize::Zeroizing::new(format!("{}{FIXED}{}{timestamp}", self.userid, self.password.expose()));
        sign::md5_hex(signed.as_bytes())
    }

    /// What is sent of a text as seen: less what the platform adds, encoded.
    fn content(&self, seen: &str, signature: &str) -> Result<Value, Verdict> {
        let differs = || Verdict::rejected(Blame::Account, Consequence::Hold, "text_differs");
        let mut text = seen;
        if self.profile.signature == Writer::Platform {
            text = text.strip_prefix(&format!("【{signature}】")).ok_or_else(differs)?;
        }
        if self.profile.words == Writer::Platform {
            text = text.strip_suffix(UNSUBSCRIBE).ok_or_else(differs)?;
        }
        if seen.chars().nth(LONGEST).is_some() {
            return Err(Verdict::rejected(Blame::Content, Consequence::None, "too_long"));
        }
        Ok(sign::form_value(text).into())
    }

    /// Whether a push carries our name and the digest of it; its time then.
    fn authentic(&self, push: &Push) -> Result<(), InboundError> {
        let expected = self.digest(&push.timestamp);
        let named = sign::same(push.userid.as_bytes(), self.userid.as_bytes());
        if named & sign::same(push.pwd.as_bytes(), expected.as_bytes()) { Ok(()) } else { Err(InboundError::Forged) }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(s) => s.len() + 16,
        Value::Array(rows) => rows.len() * 512,
        _ => 32,
    }
}

impl fmt::Debug for Montnets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Montnets")
            .field("gateway", &self.gateway)
            .field("signature", &self.profile.signature)
            .field("words", &self.profile.words)
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "montnets",
    form: Form::FreeText,
    // send_batch and send_multi.
    same_text_max: 1000,
    personal_max: 500,
    signature: Writer::Caller,
    words: Writer::Caller,
    // Unconfirmed; the policy's own stands.
    window: None,
    caps: &[],
    // Invalid numbers are taken and reported on later; nothing says that the rest of a refused request was refused.
    all_or_nothing: false,
    idempotent: false,
    // No query by number or custid is documented.
    lookup: Lookup::None,
    reports: Back::PushOrPull,
    replies: Back::PushOrPull,
    report_due: Duration::from_secs(72 * 3600),
    // 100 connections at a time are documented, no rate; code 100056 says when it is too much.
    calls_per_second: 50,
    documented: Documented::High,
    source: "the vendor's document HTTP REST V5.7.2",
};

impl Wire for Montnets {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        &self.gateway
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code.parse().ok()?)
    }

    fn request(&self, request: &Request<'_>, _: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let (rendition, tickets) = (request.rendition(), request.tickets());
        let reference = request.reference().to_string();
        let mut common: Vec<(&str, Value)> = Vec::with_capacity(3);
        if let Some(service) = &self.service {
            common.push(("svrtype", service.as_str().into()));
        }
        if let Some(extension) = rendition.extension() {
            if extension.len() > 6 || !extension.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Verdict::rejected(Blame::Account, Consequence::Hold, "extension").into());
            }
            common.push(("exno", extension.into()));
        }
        common.push(("custid", reference.into()));
        if request.is_personal() {
            let rows: Vec<Value> = Verdicts::parts(request, |t| {
                let content = self.content(t.text().unwrap_or(rendition.text()), rendition.signature())?;
                let own = [("mobile", t.phone().national().into()), ("content", content)];
                Ok(own.into_iter().chain(common.iter().cloned()).map(|(k, v)| (k.to_owned(), v)).collect())
            })?;
            return Ok(self.call("send_multi", &[("multimt", rows.into())], stamp));
        }
        let numbers: Vec<String> = tickets.iter().map(|t| t.phone().national()).collect();
        let content = self.content(rendition.text(), rendition.signature())?;
        let own = [("mobile", numbers.join(",").into()), ("content", content)];
        let operation = if tickets.len() == 1 { "send_single" } else { "send_batch" };
        Ok(self.call(operation, &own.into_iter().chain(common).collect::<Vec<_>>(), stamp))
    }

    fn reads_server_errors(&self) -> bool {
        true
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        let sent = match sent(answer) {
            Ok(sent) => sent,
            Err(verdict) => return Verdicts::Same(verdict),
        };
        // An answer to somebody else's request proves nothing about ours.
        if sent.custid.as_deref().is_some_and(|c| c != request.reference().to_string()) {
            return Verdicts::Same(Verdict::unknown("other_reference"));
        }
        let id = |i: usize| Verdict::accepted(sent.first.wrapping_add(i as i64).to_string());
        Verdicts::Each((0..request.tickets().len()).map(id).collect())
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        admits_signed(&self.door, call)?;
        let push = Push::read(call)?;
        self.authentic(&push)?;
        let rows = list(push.rows)?;
        let (events, count) = match push.kind {
            Pull::Replies => events(&rows, reply, call.received_at)?,
            Pull::Reports => events(&rows, report, call.received_at)?,
        };
        if events.is_empty() && count > 0 {
            return Err(broken("mobile in every row"));
        }
        let cmd = if push.kind == Pull::Reports { "RPT_RESP" } else { "MO_RESP" };
        let body = format!("{{\"cmd\":\"{cmd}\",\"seqid\":{},\"result\":0}}", push.seqid);
        let answer = HttpAnswer { status: 200, content_type: "application/json", body: Cow::Owned(body) };
        let is_old = |received| age(&push.timestamp, received).is_none_or(|age| age > STALE);
        Callback { events, answer }.if_stale(call.received_at.is_some_and(is_old))
    }

    fn pull(&self, what: Pull, _: &str, stamp: &Stamp) -> Option<Outgoing> {
        let (operation, most) = match what {
            Pull::Replies => ("get_mo", REPLIES),
            Pull::Reports => ("get_rpt", REPORTS),
        };
        Some(self.call(operation, &[("retsize", most.into())], stamp))
    }

    fn pulled(&self, what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
        let unreadable = |byte| PullError::Unreadable { at: byte };
        let page: Value = serde_json::from_slice(answer.body).map_err(|e| unreadable(e.column()))?;
        let result = page["result"].as_i64().ok_or(unreadable(0))?;
        if result != 0 {
            return Err(PullError::Refused { code: result.to_string() });
        }
        let rows = match what {
            Pull::Replies => &page["mos"],
            Pull::Reports => &page["rpts"],
        };
        let rows = match rows {
            // Written for an empty list.
            Value::String(s) if s.is_empty() => &[],
            Value::Array(rows) => rows.as_slice(),
            _ => return Err(unreadable(0)),
        };
        // Rows that cannot be read are left out: the platform has forgotten the others with them.
        let (events, count) = match what {
            Pull::Replies => events(rows, reply, Some(at)),
            Pull::Reports => events(rows, report, Some(at)),
        }
        .map_err(|_| unreadable(0))?;
        // When nothing of a page can be understood, that must be seen.
        if events.is_empty() && count > 0 {
            return Err(unreadable(0));
        }
        Ok(Pulled { events, more: count > 0 })
    }
}

/// An answer to a send that says "taken".
struct Sent {
    /// The first number's id.
    first: i64,
    custid: Option<String>,
}

#[derive(serde::Deserialize)]
struct SendAnswer<'a> {
    result: i64,
    #[serde(borrow, default)]
    msgid: Word<'a>,
    #[serde(borrow, default)]
    custid: Word<'a>,
}

/// Reads an answer to a send; else the verdict for everyone in it.
fn sent(answer: Incoming<'_>) -> Result<Sent, Verdict> {
    let parsed: SendAnswer<'_> = serde_json::from_slice(answer.body).map_err(|_| Verdict::unknown("unreadable"))?;
    // Through no float: ids take all 64 bits and may be negative. Refusals come with zero.
    let id = parsed.msgid.parse().ok().filter(|id: &i64| *id != 0);
    match code(parsed.result) {
        Some(row) if row.class == Class::Accepted => {
            if answer.status != 200 {
                return Err(Verdict::unknown("contradiction"));
            }
            let first = id.ok_or_else(|| Verdict::unknown("no_id"))?;
            Ok(Sent { first, custid: parsed.custid.filled() })
        }
        // What has an id may have been taken.
        Some(row) if id.is_some() && row.outcome != Outcome::Unknown => Err(Verdict::unknown("contradiction")),
        Some(row) => Err(row.verdict(None)),
        None => Err(Verdict::unknown(parsed.result.to_string())),
    }
}

/// The row of a code. The document lists codes without a sign, its samples are negative.
pub fn code(result: i64) -> Option<&'static CodeRow> {
    let written = result.unsigned_abs().to_string();
    CODES.iter().find(|r| r.code == written)
}

/// What an answer means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    let Ok(page) = serde_json::from_slice::<Value>(answer.body) else {
        return if answer.status >= 500 { Class::Transient } else { Class::Unknown };
    };
    match page["result"].as_i64() {
        Some(0) if page.get("rpts").is_some() => Class::Report,
        Some(0) if page.get("mos").is_some() => Class::Mo,
        Some(n) => code(n).map_or(Class::Unknown, |r| r.class),
        None => Class::Unknown,
    }
}

/// What an answer to a send proves about everyone in it.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> Outcome {
    match sent(answer) {
        Ok(_) => Outcome::Accepted,
        Err(verdict) => verdict.outcome,
    }
}

const fn broken(what: &'static str) -> InboundError {
    InboundError::Malformed { at: 0, what }
}

/// A push before its rows are read.
struct Push {
    userid: String,
    pwd: String,
    timestamp: String,
    kind: Pull,
    /// As it is to be echoed: digits, or JSON text.
    seqid: String,
    rows: Option<Value>,
}

impl Push {
    /// A form with the rows as JSON text, as in the document's sample; or JSON, as its wording hints.
    fn read(call: &HttpCall) -> Result<Self, InboundError> {
        let body = std::str::from_utf8(&call.body)
            .map_err(|e| InboundError::Malformed { at: e.valid_up_to(), what: "UTF-8" })?;
        let mut fields: serde_json::Map<String, Value> = if body.trim_start().starts_with('{') {
            serde_json::from_str(body).map_err(|e| malformed(body.as_bytes(), &e, "a JSON object"))?
        } else {
            let pairs = sign::form_pairs(body).ok_or(broken("UTF-8 behind the percent signs"))?;
            pairs.into_iter().map(|(k, v)| (k, v.into())).collect()
        };
        let text = |name: &str| match fields.get(name) {
            Some(Value::String(s)) => s.clone(),
            Some(Value::Number(n)) => n.to_string(),
            _ => String::new(),
        };
        let kind = match text("cmd").as_str() {
            "RPT_REQ" => Pull::Reports,
            "MO_REQ" => Pull::Replies,
            _ => return Err(broken("cmd RPT_REQ or MO_REQ")),
        };
        let seqid = text("seqid");
        if seqid.len() > 64 {
            return Err(broken("a seqid of at most 64 characters"));
        }
        let whole = seqid.parse::<u64>().is_ok_and(|n| n.to_string() == seqid);
        let seqid = if whole { seqid } else { Value::from(seqid).to_string() };
        let (userid, pwd, timestamp) = (text("userid"), text("pwd"), text("timestamp"));
        let rows = fields.remove(if kind == Pull::Reports { "rpts" } else { "mos" });
        Ok(Self { userid, pwd, timestamp, kind, seqid, rows })
    }
}

/// Rows as an array, as JSON text, or as the empty text that stands for none.
fn list(given: Option<Value>) -> Result<Vec<Value>, InboundError> {
    let rows = match given {
        Some(Value::Array(rows)) => rows,
        Some(Value::String(s)) if s.trim().is_empty() => Vec::new(),
        Some(Value::String(s)) => {
            serde_json::from_str(&s).map_err(|e| malformed(s.as_bytes(), &e, "rpts or mos as a JSON array"))?
        }
        _ => return Err(broken("rpts or mos")),
    };
    if rows.len() > MAX_ITEMS { Err(broken("at most 10000 rows")) } else { Ok(rows) }
}

/// Reads a row that came at the time given, which is the event's where it tells none.
type Read = fn(&Value, Option<Timestamp>) -> Option<Inbound>;

/// The events of rows, and how many rows there were. Rows about numbers that cannot be a mainland mobile are left out:
/// they can be nobody we know, and refusing all would lose the stops of others.
fn events(rows: &[Value], read: Read, came_at: Option<Timestamp>) -> Result<(Vec<Inbound>, usize), InboundError> {
    if rows.len() > MAX_ITEMS {
        return Err(broken("at most 10000 rows"));
    }
    let events: Vec<Inbound> = rows.iter().filter_map(|row| read(row, came_at)).collect();
    if events.len() < rows.len() {
        let (left_out, of) = (rows.len() - events.len(), rows.len());
        tracing::warn!(provider = "montnets", left_out, of, "rows that cannot be read or have no mainland number");
    }
    Ok((events, rows.len()))
}

#[derive(serde::Deserialize)]
struct ReportRow<'a> {
    #[serde(borrow, default)]
    msgid: Word<'a>,
    #[serde(borrow, default)]
    custid: Word<'a>,
    #[serde(borrow, default)]
    pknum: Word<'a>,
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    stime: Word<'a>,
    #[serde(borrow, default)]
    rtime: Word<'a>,
    #[serde(borrow, default)]
    status: Word<'a>,
    #[serde(borrow, default)]
    errcode: Word<'a>,
}

fn report(row: &Value, came_at: Option<Timestamp>) -> Option<Inbound> {
    let row: ReportRow<'_> = serde::Deserialize::deserialize(row).ok()?;
    let at = if row.rtime.is_empty() { &row.stime } else { &row.rtime };
    let code = if row.errcode.is_empty() { row.status.clipped() } else { row.errcode.clipped() };
    // Each part of a long message has an id of its own; the message goes by its first part's.
    let part: i64 = row.pknum.parse().ok().filter(|n| (1..=255).contains(n)).unwrap_or(1);
    let id = row.msgid.parse::<i64>().ok().filter(|id| *id != 0);
    Some(Inbound::Report(Report {
        event_id: event_id("report", &[&row.msgid, &row.custid, &row.pknum, &row.mobile, &row.status, &code, at]),
        phone: phone_of(&row.mobile)?,
        provider_id: id.map(|id| id.wrapping_sub((part - 1) * PART).to_string()),
        reference: Reference::parse(&row.custid),
        code,
        delivered: row.status.parse::<i64>().ok().map(|s| s == 0),
        at: Timestamp::parse_beijing(at).ok().or(came_at)?,
    }))
}

#[derive(serde::Deserialize)]
struct ReplyRow<'a> {
    #[serde(borrow, default)]
    msgid: Word<'a>,
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    pknum: Word<'a>,
    #[serde(borrow, default)]
    exno: Word<'a>,
    #[serde(borrow, default)]
    rtime: Word<'a>,
    #[serde(borrow)]
    content: Word<'a>,
}

fn reply(row: &Value, came_at: Option<Timestamp>) -> Option<Inbound> {
    let row: ReplyRow<'_> = serde::Deserialize::deserialize(row).ok()?;
    Some(Inbound::Reply(Reply {
        event_id: event_id("reply", &[&row.msgid, &row.mobile, &row.pknum, &row.exno, &row.rtime, &row.content]),
        phone: phone_of(&row.mobile)?,
        // Encoded like the content of a send; what cannot be decoded is kept as it came.
        text: sign::form_decode(&row.content).unwrap_or_else(|| row.content.to_string()),
        extension: row.exno.filled(),
        signature: None,
        at: Timestamp::parse_beijing(&row.rtime).ok().or(came_at)?,
    }))
}

/// How old a time without a year is; the year is that which brings it nearest. `None` when it is no time. What is signed
/// for a later moment has no age.
fn age(timestamp: &str, received: Timestamp) -> Option<Duration> {
    let digits = (timestamp.len() == 10 && timestamp.bytes().all(|b| b.is_ascii_digit())).then_some(timestamp)?;
    let of_year = |year: i16| {
        let (day, time) = digits.split_at(4);
        let (month, day) = day.split_at(2);
        let (hour, rest) = time.split_at(2);
        let (minute, second) = rest.split_at(2);
        Timestamp::parse_beijing(&format!("{year:04}-{month}-{day} {hour}:{minute}:{second}")).ok()
    };
    let year = received.day().year();
    let distance = |t: &Timestamp| t.since(received).max(received.since(*t));
    let nearest = [year - 1, year, year + 1].into_iter().filter_map(of_year).min_by_key(distance)?;
    Some(received.since(nearest))
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

/// Every code on the list, without its sign. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    const FIELD: &str = "A field is not as documented: look the code up in the platform's document, or ask its support.";
    &[
        row("0", Accepted, Taken, Nothing, "Nothing to do."),

        row("100001", Auth, ACCOUNT, Hold, "Name, password or this machine's clock is wrong: check all three."),
        row("100002", Auth, ACCOUNT, Hold, "The platform refused the credentials several times: check name, password and clock."),
        row("100057", Auth, ACCOUNT, Hold, "This machine's address is not allowed: have the platform add it."),
        row("100070", Auth, ACCOUNT, Hold, "The account may not do this: ask the platform."),
        row("100101", Auth, ACCOUNT, Hold, "The account may not do this: ask the platform."),

        row("100003", InsufficientBalance, ACCOUNT, Hold, "Top up the balance, then lift the hold."),

        row("100004", InvalidRequest, ACCOUNT, Hold, "custid or exdata is not as documented: update this library."),
        row("100011", InvalidRequest, CONTENT, Nothing, "The text is too long: shorten it."),
        row("100014", InvalidRequest, ACCOUNT, Hold, "More numbers than the platform takes in one call: update this library."),
        row("100060", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100091", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100092", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100093", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100094", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100095", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100096", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100097", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100098", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100099", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100100", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100106", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100252", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("100267", InvalidRequest, ACCOUNT, Hold, FIELD),

        row("100012", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed."),

        row("100056", Throttled, Unsent, Rest(Duration::from_secs(1)), "Too many connections at a time: sending goes on by itself."),

        row("100058", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "Signature or template is not approved: check it with the platform."),
        row("100059", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "Signature or template is not approved: check it with the platform."),
        row("100502", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "Signature or template is not approved: check it with the platform."),

        row("100029", Transient, Doubt, Nothing, "The platform failed: wait for the report."),
        row("100999", Transient, Doubt, Nothing, "The platform failed: wait for the report."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "montnets_tests.rs"]
mod tests;
