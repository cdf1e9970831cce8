//! Yunpian (云片) SMS, API v2.
//!
//! Sources: vendor pages domestic_batch_send, domestic_sms_record, domestic_push_report, domestic_push_reply; codes as
//! in the official Java SDK; requests as captured from the official Python SDK 1.0.0 (the test vectors).
//!
//! - The caller writes the whole text: 【signature】 in front and the unsubscribe words behind (that nothing is appended
//!   is inferred). It is matched against approved templates; new copy needs approval first (code 5).
//! - Each row of an answer has a code of its own; an error object refuses the whole request.
//! - `uid` carries our reference where the account has it opened ([`Yunpian::uid`]); it is an echo, not a guard.
//! - Pushed replies are signed (MD5 with the apikey); pushed reports are not, and need a secret path. Both can be pulled
//!   instead; what is pulled is forgotten by the platform (inferred).
//! - Marketing hours are enforced (code 13) but not printed: 08:00 to 21:00 is assumed.

use super::rows::{Rows, Word};
use super::wire::{
    Class, CodeRow, Incoming, Items, Method, Outgoing, Step, Wire, event_id, malformed, phone_of, received,
};
use super::{
    Asked, Back, Blame, Consequence, Documented, Door, Form, Found, Lookup, Outcome, Profile, PullError, Request,
    Verdict, Verdicts, Writer,
};
use super::{sign, wire};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Pull, Pulled, Reply, Report};
use crate::secret::{MissingVariable, Secret};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Records of a page, and rows of a pull; the documented maxima.
const PAGE_SIZE: usize = 100;
/// A number's record is looked for from this long before the begin, for clocks that differ …
const BEFORE: Duration = Duration::from_secs(2 * 60);
/// … until this long after it.
const AFTER: Duration = Duration::from_secs(15 * 60);

/// The settings of one Yunpian account.
///
/// ```
/// use optin106::provider::yunpian::Yunpian;
/// use optin106::provider::Door;
/// use optin106::secret::Secret;
/// let yunpian = Yunpian::new(Secret::new("apikey")).uid(true).callbacks(Door::at(Secret::new("/sms/7c1e…")));
/// assert!(!format!("{yunpian:?}").contains("apikey"));
/// ```
#[derive(Clone)]
pub struct Yunpian {
    apikey: Secret,
    uid: bool,
    door: Door,
    profile: Profile,
}

impl Yunpian {
    /// An account by its apikey.
    pub fn new(apikey: Secret) -> Self {
        Self { apikey, uid: false, door: Door::default(), profile: PROFILE }
    }

    /// Reads `YUNPIAN_APIKEY` and, where set, `YUNPIAN_CALLBACK_PATH` and `YUNPIAN_CALLBACK_SOURCES`; `YUNPIAN_UID=1` says
    /// that `uid` is opened.
    ///
    /// # Errors
    /// [`MissingVariable`] when the apikey is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let mut this = Self::new(Secret::from_env("YUNPIAN_APIKEY")?);
        this.door = Door::from_env("YUNPIAN_CALLBACK_PATH", "YUNPIAN_CALLBACK_SOURCES");
        this.uid = Secret::from_env("YUNPIAN_UID").is_ok_and(|v| v.expose() == "1");
        Ok(this)
    }

    /// Whether the platform has opened `uid` for this account, so that our reference comes back in reports and records.
    #[must_use]
    pub fn uid(mut self, opened: bool) -> Self {
        self.uid = opened;
        self
    }

    /// The path of the report push address, such as `/sms/` and 32 random digits. Reports are not signed, so knowing it
    /// is what proves one; without it reports are refused. Replies are proven by their signature.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call; `params` as in the documents, without the apikey.
    pub(crate) fn call(&self, operation: &str, params: &[(&str, &str)]) -> Outgoing {
        let pairs = [params, &[("apikey", self.apikey.expose())]].concat();
        Outgoing {
            method: Method::Post,
            path: match operation {
                "batch_send" => "/v2/sms/batch_send.json".into(),
                "multi_send" => "/v2/sms/multi_send.json".into(),
                other => format!("/v2/sms/{other}.json").into(),
            },
            query: String::new(),
            headers: vec![
                ("accept", "application/json;charset=utf-8".into()),
                ("content-type", "application/x-www-form-urlencoded;charset=utf-8".into()),
            ],
            body: sign::form(&pairs).into_bytes(),
        }
    }
}

impl fmt::Debug for Yunpian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yunpian").field("uid", &self.uid).field("door", &self.door).finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "yunpian",
    form: Form::FreeText,
    same_text_max: 1000,
    personal_max: 1000,
    signature: Writer::Caller,
    words: Writer::Caller,
    // Enforced by the platform (code 13); the hours themselves are assumed, and the policy's own are narrower.
    window: Some((8 * 60, 21 * 60)),
    caps: &[],
    // Rows of one answer differ (domestic_batch_send).
    all_or_nothing: false,
    idempotent: false,
    // No page says how soon a record becomes visible, nor how often one may ask.
    lookup: Lookup::ByNumber { per_second: 5, absence_is_proof_after: None },
    reports: Back::PushOrPull,
    replies: Back::PushOrPull,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented; codes -4 and -5 say when it is too much.
    calls_per_second: 50,
    documented: Documented::High,
    source: "the vendor's pages domestic_batch_send, domestic_sms_record",
};

impl Wire for Yunpian {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://sms.yunpian.com"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code.parse().ok()?)
    }

    fn request(&self, request: &Request<'_>, _: &str, _: &Stamp) -> Result<Outgoing, Verdicts> {
        let rendition = request.rendition();
        let mut numbers = String::with_capacity(request.tickets().len() * 12);
        for ticket in request.tickets() {
            if !numbers.is_empty() {
                numbers.push(',');
            }
            numbers.push_str(&ticket.phone().national());
        }
        let reference = self.uid.then(|| request.reference().to_string());
        let joined = request
            .is_personal()
            .then(|| multi_text(request.tickets().iter().map(|t| t.text().unwrap_or(rendition.text()))));
        let mut params = vec![("mobile", numbers.as_str()), ("text", joined.as_deref().unwrap_or(rendition.text()))];
        if let Some(extension) = rendition.extension() {
            params.push(("extend", extension));
        }
        if let Some(uid) = &reference {
            params.push(("uid", uid));
        }
        Ok(self.call(if joined.is_some() { "multi_send" } else { "batch_send" }, &params))
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        match serde_json::from_slice::<SendAnswer<'_>>(answer.body) {
            Err(_) => Verdicts::Same(Verdict::unknown("unreadable")),
            Ok(parsed) => match rows(&parsed, answer.status) {
                Ok(rows) => rows.verdicts(request),
                Err(whole) => Verdicts::Same(whole),
            },
        }
    }

    fn lookup(&self, asked: &Asked<'_>, cursor: u16, _: &str, _: &Stamp) -> Option<Outgoing> {
        let (start, end) = (asked.begun_at.minus(BEFORE).to_beijing(), asked.begun_at.plus(AFTER).to_beijing());
        let (phone, page) = (asked.phone.national(), (cursor + 1).to_string());
        Some(self.call(
            "get_record",
            &[
                ("mobile", phone.as_str()),
                ("start_time", &start),
                ("end_time", &end),
                ("page_num", &page),
                ("page_size", "100"),
            ],
        ))
    }

    fn found(&self, asked: &Asked<'_>, cursor: u16, answer: Incoming<'_>) -> Step {
        let Some(records) = records(answer) else {
            return Step::Done(Found::Unclear);
        };
        let reference = asked.reference.to_string();
        let mine = |r: &&Record<'_>| {
            if phone_of(&r.mobile) != Some(asked.phone) {
                return false;
            }
            match r.uid.as_deref().filter(|u| !u.is_empty()) {
                // Someone's reference: it says more than a text, which may have gone to this number before.
                Some(uid) => uid == reference,
                None => asked.text.is_some_and(|t| r.text.as_deref().is_some_and(|s| s.trim() == t.trim())),
            }
        };
        if let Some(hit) = records.iter().find(mine) {
            return Step::Done(hit.sid.id().map_or(Found::Unclear, |id| Found::Accepted { id }));
        }
        if records.len() >= PAGE_SIZE {
            return Step::More(cursor + 1);
        }
        // Without a text and with records that carry no reference, one of them may be ours.
        let blind = asked.text.is_none() && records.iter().any(|r| r.uid.as_deref().is_none_or(str::is_empty));
        Step::Done(if blind { Found::Unclear } else { Found::Absent })
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        if call.body.len() > HttpCall::MAX_BODY {
            return Err(InboundError::TooLarge { bytes: call.body.len() });
        }
        let (field, json) = pushed(&call.body)?;
        match field {
            Field::Reply => {
                self.door.admits_peer(call)?;
                replies(&json, self.apikey.expose(), call.received_at)
            }
            Field::Status => {
                self.door.admits(call)?;
                reports(&json, call.received_at)
            }
        }
    }

    fn pull(&self, what: Pull, _: &str, _: &Stamp) -> Option<Outgoing> {
        let operation = match what {
            Pull::Replies => "pull_reply",
            Pull::Reports => "pull_status",
        };
        Some(self.call(operation, &[("page_size", "100")]))
    }

    fn pulled(&self, what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
        pulled(what, answer, at)
    }
}

/// The `text` of `multi_send`: each text encoded on its own, joined with commas.
pub(crate) fn multi_text<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(sign::form_value).collect::<Vec<_>>().join(",")
}

/// The `tpl_value` of the template operations: `#name#=value` pairs, each half encoded on its own.
#[cfg(feature = "testing")]
pub(crate) fn tpl_value(vars: &[(String, String)]) -> String {
    let pair = |(k, v): &(String, String)| format!("{}={}", sign::form_value(&format!("#{k}#")), sign::form_value(v));
    vars.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// A message id: 64 bits as a number, or the same as text. Kept as text, so nothing is rounded.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
enum Sid<'a> {
    Unsigned(u64),
    Signed(i64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Nothing(()),
}

impl Default for Sid<'_> {
    fn default() -> Self {
        Self::Nothing(())
    }
}

impl Sid<'_> {
    /// The id; zero and nothing are none.
    fn id(&self) -> Option<String> {
        match self {
            Self::Unsigned(n) => written_id(&n.to_string()),
            Self::Signed(n) => written_id(&n.to_string()),
            Self::Text(s) => written_id(s),
            Self::Nothing(()) => None,
        }
    }
}

fn written_id(word: &str) -> Option<String> {
    let id = word.trim();
    (!matches!(id, "" | "0")).then(|| id.to_owned())
}

#[derive(serde::Deserialize)]
struct SendAnswer<'a> {
    #[serde(borrow, default)]
    data: Option<Vec<Row<'a>>>,
    #[serde(default)]
    code: Option<i64>,
    #[serde(borrow, default)]
    mobile: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sid: Sid<'a>,
}

#[derive(serde::Deserialize)]
struct Row<'a> {
    code: i64,
    #[serde(borrow)]
    mobile: Cow<'a, str>,
    #[serde(borrow, default)]
    sid: Sid<'a>,
}

/// The verdicts by number, or the one for all when the whole request was refused.
fn rows(answer: &SendAnswer<'_>, status: u16) -> Result<Rows, Verdict> {
    let mut by_phone = Rows::default();
    if let Some(data) = answer.data.as_ref().filter(|d| !d.is_empty()) {
        for row in data {
            by_phone.add(&row.mobile, verdict(row.code, &row.sid, status, true));
        }
        return Ok(by_phone);
    }
    match (answer.code, &answer.mobile) {
        (Some(0), Some(mobile)) => {
            by_phone.add(mobile, verdict(0, &answer.sid, status, true));
            Ok(by_phone)
        }
        (Some(0), None) | (None, _) => Err(Verdict::unknown("unreadable")),
        (Some(code), _) => Err(verdict(code, &answer.sid, status, false)),
    }
}

fn verdict(number: i64, sid: &Sid<'_>, status: u16, is_row: bool) -> Verdict {
    match code(number) {
        Some(row) if row.outcome == Outcome::Accepted => {
            if (200..300).contains(&status) {
                row.verdict(sid.id())
            } else {
                Verdict::unknown("contradiction")
            }
        }
        // In a row, a bad format is the number's: all else in the request is shared by the rows that were taken.
        Some(row) if is_row && number == 2 => Verdict::rejected(Blame::Person, Consequence::None, row.code),
        Some(row) => row.verdict(None),
        None => Verdict::unknown(number.to_string()),
    }
}

/// The row of a code.
pub fn code(number: i64) -> Option<&'static CodeRow> {
    CODES.iter().find(|(n, _)| *n == number).map(|(_, row)| row)
}

/// What an answer or a pushed body means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    if let Ok(list) = serde_json::from_slice::<Vec<serde_json::Value>>(answer.body) {
        return match list.first() {
            Some(one) if one.get("send_status").is_some() => Class::Accepted,
            Some(one) if one.get("report_status").is_some() => Class::Report,
            Some(one) if one.get("reply_time").is_some() => Class::Mo,
            Some(_) | None => Class::Unknown,
        };
    }
    if let Ok((field, _)) = pushed(answer.body) {
        return match field {
            Field::Reply => Class::Mo,
            Field::Status => Class::Report,
        };
    }
    let Ok(parsed) = serde_json::from_slice::<SendAnswer<'_>>(answer.body) else {
        return if answer.status >= 500 { Class::Transient } else { Class::Unknown };
    };
    match (parsed.data.as_deref(), parsed.code) {
        (Some([first, rest @ ..]), _) => {
            let class = class_of(first.code);
            if rest.iter().all(|r| class_of(r.code) == class) { class } else { Class::Partial }
        }
        (_, Some(n)) => class_of(n),
        (_, None) => Class::Unknown,
    }
}

#[cfg(feature = "testing")]
fn class_of(number: i64) -> Class {
    code(number).map_or(Class::Unknown, |r| r.class)
}

/// The class and outcome of each row of a bulk answer, by number as written.
#[cfg(feature = "testing")]
pub(crate) fn settled_rows(answer: Incoming<'_>) -> Vec<(String, Class, Outcome)> {
    let Ok(parsed) = serde_json::from_slice::<SendAnswer<'_>>(answer.body) else {
        return Vec::new();
    };
    let row = |r: &Row<'_>| {
        (r.mobile.clone().into_owned(), class_of(r.code), verdict(r.code, &r.sid, answer.status, true).outcome)
    };
    parsed.data.iter().flatten().map(row).collect()
}

/// What an answer without rows proves about all.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> Option<Outcome> {
    if answer.status >= 500 {
        return Some(Outcome::Unknown);
    }
    let parsed = serde_json::from_slice::<SendAnswer<'_>>(answer.body).ok()?;
    rows(&parsed, answer.status).err().map(|v| v.outcome)
}

#[derive(serde::Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    sid: Sid<'a>,
    #[serde(borrow, default)]
    mobile: Cow<'a, str>,
    #[serde(default)]
    text: Option<Cow<'a, str>>,
    #[serde(default)]
    uid: Option<Cow<'a, str>>,
}

fn records(answer: Incoming<'_>) -> Option<Vec<Record<'_>>> {
    if answer.status == 200
        && let Ok(Items(records)) = serde_json::from_slice(answer.body)
    {
        return Some(records);
    }
    // -55: there is no record, said as an error.
    let none = serde_json::from_slice::<SendAnswer<'_>>(answer.body).is_ok_and(|a| a.code == Some(-55));
    none.then(Vec::new)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Field {
    Reply,
    Status,
}

/// The pushed field and its JSON. Some stacks encode the value once more than the form does.
fn pushed(body: &[u8]) -> Result<(Field, String), InboundError> {
    let broken = |at, what| InboundError::Malformed { at, what };
    let body = std::str::from_utf8(body).map_err(|e| broken(e.valid_up_to(), "UTF-8"))?;
    let found = body.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        match name.trim() {
            "sms_reply" => Some((Field::Reply, value)),
            "sms_status" => Some((Field::Status, value)),
            _ => None,
        }
    });
    let (field, value) = found.ok_or(broken(0, "a form field sms_reply or sms_status"))?;
    let mut text = value.to_owned();
    for _ in 0..3 {
        text = sign::form_decode(&text).ok_or(broken(0, "UTF-8 behind the percent signs"))?;
        // Decoding a readable text again would eat its own + and %.
        if text.trim_start().starts_with(['{', '[']) {
            return Ok((field, text));
        }
    }
    Err(broken(0, "JSON behind the percent signs"))
}

const RECEIVED: crate::inbound::HttpAnswer = received("text/plain;charset=utf-8", "SUCCESS");

/// Whether `_sign` fits: the values in the order of their keys, joined with commas, then the apikey; MD5.
///
/// # Source
/// domestic_push_reply; the vendor's printed example is a test vector.
fn is_signed(reply: &serde_json::Map<String, serde_json::Value>, apikey: &str) -> bool {
    let mut fields: Vec<_> = reply.iter().filter(|(k, _)| *k != "_sign").collect();
    fields.sort_unstable_by_key(|(k, _)| k.as_str());
    let mut joined = String::new();
    for (_, value) in fields {
        joined.push_str(&plain(value));
        joined.push(',');
    }
    joined.push_str(apikey);
    let given = reply.get("_sign").and_then(|v| v.as_str()).unwrap_or_default();
    sign::same(sign::md5_hex(joined.as_bytes()).as_bytes(), given.as_bytes())
}

fn plain(value: &serde_json::Value) -> Cow<'_, str> {
    match value {
        serde_json::Value::String(s) => s.into(),
        serde_json::Value::Null => "".into(),
        other => other.to_string().into(),
    }
}

/// The fields of a pushed reply whose signature fits.
pub(crate) fn signed_reply(
    json: &str,
    apikey: &str,
) -> Result<serde_json::Map<String, serde_json::Value>, InboundError> {
    let reply: serde_json::Map<_, _> = serde_json::from_str(json)
        .map_err(|e| malformed(json.as_bytes(), &e, "one JSON object with the fields of a reply"))?;
    if is_signed(&reply, apikey) { Ok(reply) } else { Err(InboundError::Forged) }
}

fn replies(json: &str, apikey: &str, received_at: Option<Timestamp>) -> Result<Callback, InboundError> {
    let reply = signed_reply(json, apikey)?;
    // The signature covers the values and the order of the names, not the names: another name must not hide a refusal.
    if ["mobile", "text"].iter().any(|name| !reply.contains_key(*name)) {
        return Err(InboundError::Malformed { at: 0, what: "a reply with mobile and text" });
    }
    // A reply from a number that cannot be a mainland mobile is nobody's we know: received, and no more.
    Ok(Callback { events: said(&reply, received_at).into_iter().collect(), answer: RECEIVED })
}

/// A reply, pushed or pulled; it happened when it came where it tells no time.
fn said(reply: &serde_json::Map<String, serde_json::Value>, came_at: Option<Timestamp>) -> Option<Inbound> {
    let text = |k: &str| reply.get(k).map(plain).unwrap_or_default();
    let (phone, id) = (phone_of(&text("mobile"))?, text("id"));
    Some(Inbound::Reply(Reply {
        event_id: if id.is_empty() {
            event_id("reply", &[&text("mobile"), &text("reply_time"), &text("text"), &text("extend")])
        } else {
            id.into_owned()
        },
        phone,
        text: text("text").into_owned(),
        extension: Some(text("extend").into_owned()).filter(|e| !e.is_empty()),
        signature: None,
        at: Timestamp::parse_beijing(&text("reply_time")).ok().or(came_at)?,
    }))
}

fn pulled(what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
    let unreadable = |at: usize| PullError::Unreadable { at: at.min(answer.body.len()) };
    if let Ok(SendAnswer { code: Some(code), .. }) = serde_json::from_slice(answer.body) {
        return Err(PullError::Refused { code: code.to_string() });
    }
    let malformed = |e: serde_json::Error| unreadable(e.column().saturating_sub(1));
    let (events, count): (Vec<Inbound>, usize) = match what {
        Pull::Replies => {
            let Items(rows): Items<serde_json::Value> = serde_json::from_slice(answer.body).map_err(malformed)?;
            (rows.iter().filter_map(|row| said(row.as_object()?, Some(at))).collect(), rows.len())
        }
        Pull::Reports => {
            let Items(rows): Items<Status<'_>> = serde_json::from_slice(answer.body).map_err(malformed)?;
            (rows.iter().filter_map(|row| report(row, Some(at))).collect(), rows.len())
        }
    };
    if events.len() < count {
        let left_out = count - events.len();
        tracing::warn!(provider = "yunpian", left_out, of = count, "pulled rows without a mainland number");
    }
    // The platform has forgotten the page: when nothing of it can be understood, that must be seen.
    if answer.status != 200 || events.is_empty() && count > 0 {
        return Err(unreadable(0));
    }
    Ok(Pulled { events, more: count >= PAGE_SIZE })
}

#[derive(serde::Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    sid: Word<'a>,
    #[serde(borrow, default)]
    uid: Word<'a>,
    #[serde(borrow, default)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    report_status: Word<'a>,
    #[serde(borrow, default)]
    error_msg: Word<'a>,
    #[serde(borrow, default)]
    user_receive_time: Word<'a>,
}

fn reports(json: &str, received_at: Option<Timestamp>) -> Result<Callback, InboundError> {
    let Items(rows): Items<Status<'_>> = serde_json::from_str(json)
        .map_err(|e| malformed(json.as_bytes(), &e, "a JSON array of at most 10000 reports"))?;
    let count = rows.len();
    let events: Vec<Inbound> = rows.iter().filter_map(|row| report(row, received_at)).collect();
    if events.len() < count {
        tracing::warn!(
            provider = "yunpian",
            left_out = count - events.len(),
            of = count,
            "report rows without a number"
        );
    }
    if events.is_empty() && count > 0 {
        return Err(InboundError::Malformed { at: 0, what: "mobile in every row" });
    }
    Ok(Callback { events, answer: RECEIVED })
}

/// A report, pushed or pulled; it happened when it came where it tells no time.
fn report(row: &Status<'_>, came_at: Option<Timestamp>) -> Option<Inbound> {
    let phone = phone_of(&row.mobile)?;
    let word = if row.error_msg.is_empty() { &row.report_status } else { &row.error_msg };
    let (sid, time) = (written_id(&row.sid), &*row.user_receive_time);
    let parts = [sid.as_deref().unwrap_or_default(), &row.mobile, &row.report_status, word, time];
    Some(Inbound::Report(Report {
        event_id: event_id("report", &parts),
        phone,
        provider_id: sid,
        reference: Reference::parse(&row.uid),
        code: word.clipped(),
        delivered: match &*row.report_status {
            "SUCCESS" => Some(true),
            "FAIL" => Some(false),
            _ => None,
        },
        at: Timestamp::parse_beijing(time).ok().or(came_at)?,
    }))
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

const fn row(
    number: i64,
    code: &'static str,
    class: Class,
    outcome: Outcome,
    consequence: Consequence,
    remedy: &'static str,
) -> (i64, CodeRow) {
    (number, wire::row(code, class, outcome, consequence, remedy))
}

/// Every code on the list, with its number. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[(i64, CodeRow)] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest, StopEveryone};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    &[
        row(0, "0", Accepted, Taken, Nothing, "Nothing to do."),

        row(1, "1", InvalidRequest, ACCOUNT, Hold, "A field was lost on its way: check proxies."),
        row(2, "2", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check signature and extension. In a row: the number."),
        row(11, "11", InvalidRequest, ACCOUNT, Hold, "The method was changed on its way: check proxies."),
        row(12, "12", InvalidRequest, ACCOUNT, Hold, "The method was changed on its way: check proxies."),
        row(14, "14", InvalidRequest, ACCOUNT, Hold, "The body could not be decoded: check proxies."),
        row(25, "25", InvalidRequest, ACCOUNT, Hold, "Texts and numbers differ in count: update this library."),
        row(-6, "-6", InvalidRequest, ACCOUNT, Hold, "Batches are not allowed for this account: ask the platform to open them."),
        // An answer to a question; as the answer to a send it says nothing certain.
        row(-55, "-55", InvalidRequest, Doubt, Nothing, "No record was found: wait for the lookup or the report."),

        row(-1, "-1", Auth, ACCOUNT, Hold, "Check the apikey."),
        row(-2, "-2", Auth, ACCOUNT, Hold, "The apikey may not use this operation: ask the platform."),
        row(-3, "-3", Auth, ACCOUNT, Hold, "Allow this machine's address in the console."),
        row(18, "18", Auth, ACCOUNT, Hold, "Signed or encrypted calls are switched on for this account: switch them off."),
        row(19, "19", Auth, ACCOUNT, Hold, "Signed or encrypted calls are switched on for this account: switch them off."),
        row(21, "21", Auth, ACCOUNT, Hold, "Signed or encrypted calls are switched on for this account: switch them off."),

        row(3, "3", InsufficientBalance, ACCOUNT, Hold, "Top up the balance, then lift the hold."),
        row(27, "27", InsufficientBalance, ACCOUNT, Hold, "Billing in money is not opened: ask the platform."),

        row(5, "5", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "No approved template fits the text: have this text approved."),
        row(7, "7", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template cannot be used: see its state in the console."),
        row(15, "15", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature is not the approved one."),
        row(16, "16", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "More than one 【】 in the text: leave the signature only."),
        row(-57, "-57", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The fixed signature is not set: set it in the console."),

        row(4, "4", ContentRejected, CONTENT, Nothing, "The text holds a blocked word: change it."),
        row(10, "10", NumberBlacklisted, PERSON, StopEveryone, "The number is on the platform's blacklist: the stop is recorded."),
        row(20, "20", NumberInvalid, PERSON, Nothing, "The number's region is not served."),
        row(23, "23", NumberInvalid, PERSON, Nothing, "The number's region is not served."),

        row(8, "8", Throttled, PERSON, Nothing, "The same text went to this number within 30 s: nothing to do."),
        row(9, "9", Throttled, PERSON, Nothing, "The same text went to this number more than 3 times in 5 min: nothing to do."),
        row(17, "17", Throttled, PERSON, Nothing, "The number reached the platform's limit of 24 h: nothing to do."),
        row(22, "22", Throttled, PERSON, Nothing, "The number reached the platform's limit of an hour: nothing to do."),
        row(13, "13", Throttled, Unsent, Rest(Duration::from_secs(30 * 60)), "Marketing is paused at this hour: sending goes on by itself."),
        row(-4, "-4", Throttled, Unsent, Rest(Duration::from_secs(60)), "The account's call quota is used up: sending goes on by itself."),
        row(-5, "-5", Throttled, Unsent, Rest(Duration::from_secs(1)), "Too many calls: sending goes on by itself."),

        row(-50, "-50", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row(-51, "-51", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row(-53, "-53", Transient, Doubt, Nothing, "The submission failed half-way: wait for the lookup or the report."),
    ]
};

/// The JSON of a pushed form body, for the conformance suite.
#[cfg(feature = "testing")]
pub(crate) fn pushed_json(body: &[u8]) -> Result<String, InboundError> {
    pushed(body).map(|(_, json)| json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Phone;
    use std::collections::HashMap;

    fn of(body: &str, status: u16) -> Result<HashMap<Phone, Verdict>, Verdict> {
        match serde_json::from_str::<SendAnswer<'_>>(body) {
            Ok(a) => rows(&a, status).map(|rows| rows.0),
            Err(_) => Err(Verdict::unknown("unreadable")),
        }
    }

    fn p(s: &str) -> Phone {
        phone_of(s).unwrap()
    }

    #[test]
    fn rows_are_matched_by_number_and_ids_keep_64_bits() {
        let rows = of(
            r#"{"data":[
            {"code":10,"mobile":"13800000002","sid":0},
            {"code":0,"mobile":"+8613800000001","sid":9223372036854775806},
            {"code":0,"mobile":"13800000003","sid":"18446744073709551615"},
            {"code":2,"mobile":"13800000004","sid":null},
            {"code":777,"mobile":"13800000005"}]}"#,
            200,
        )
        .unwrap();
        assert_eq!(rows[&p("13800000001")], Verdict::accepted("9223372036854775806"));
        assert_eq!(rows[&p("13800000003")], Verdict::accepted("18446744073709551615"));
        let black = &rows[&p("13800000002")];
        assert_eq!((black.outcome, black.consequence), (PERSON, Consequence::StopEveryone));
        assert_eq!(rows[&p("13800000004")].outcome, PERSON);
        assert_eq!(rows[&p("13800000005")].outcome, Outcome::Unknown);
    }

    #[test]
    fn rows_that_disagree_prove_nothing() {
        let twice = r#"{"data":[{"code":0,"mobile":"13800000001","sid":1},{"code":0,"mobile":"13800000001","sid":2}]}"#;
        assert_eq!(of(twice, 200).unwrap()[&p("13800000001")], Verdict::accepted("1"));
        let split =
            r#"{"data":[{"code":0,"mobile":"13800000001","sid":1},{"code":10,"mobile":"13800000001","sid":0}]}"#;
        assert_eq!(of(split, 200).unwrap()[&p("13800000001")].outcome, Outcome::Unknown);
    }

    #[test]
    fn whole_answers() {
        assert_eq!(of(r#"{"http_status_code":400,"code":3}"#, 400).unwrap_err().consequence, Consequence::Hold);
        let rest = of(r#"{"code":13}"#, 400).unwrap_err();
        assert_eq!(rest.outcome, Outcome::Unsent);
        for (body, status) in [
            ("", 200),
            ("<html>", 200),
            ("{}", 200),
            (r#"{"data":[]}"#, 200),
            (r#"{"code":0}"#, 200),
            (r#"{"code":-9999}"#, 400),
            (r#"{"code":-50}"#, 400),
            (r#"{"data":[{"code":0}]}"#, 200),
            (r#"{"data":[{"code":0,"mobile":"13800000001","sid":1e30}]}"#, 200),
        ] {
            assert_eq!(of(body, status).unwrap_err().outcome, Outcome::Unknown, "{body}");
        }
        let contradiction = r#"{"data":[{"code":0,"mobile":"13800000001","sid":1}]}"#;
        assert_eq!(of(contradiction, 400).unwrap()[&p("13800000001")].outcome, Outcome::Unknown);
    }

    fn call(path: &str, body: &str) -> HttpCall {
        HttpCall::new("POST", path, "", body)
    }

    #[test]
    fn reports_need_the_path_and_decode_once_or_twice() {
        let json = r#"[{"error_detail":"空号","sid":9528,"uid":"00112233445566778899aabbccddeeff","user_receive_time":"2025-11-25 00:00:05","error_msg":"MK:0001","mobile":"13800000002","report_status":"FAIL"}]"#;
        let y = Yunpian::new(Secret::new("k")).callbacks(Door::at(Secret::new("/cb/secret")));
        let once = format!("sms_status={}", sign::form_value(json));
        let twice = format!("sms_status={}", sign::form_value(&sign::form_value(json)));
        for body in [&once, &twice] {
            let got = y.inbound(&call("/cb/secret", body)).unwrap();
            assert_eq!(got.answer.body, "SUCCESS");
            let [Inbound::Report(r)] = &got.events[..] else { panic!() };
            assert_eq!(
                (r.code.as_str(), r.delivered, r.provider_id.as_deref()),
                ("MK:0001", Some(false), Some("9528"))
            );
            assert!(r.reference.is_some());
        }
        assert_eq!(y.inbound(&call("/cb/secret2", &once)).unwrap_err(), InboundError::Forged);
        let bare = Yunpian::new(Secret::new("k"));
        assert_eq!(bare.inbound(&call("/cb/secret", &once)).unwrap_err(), InboundError::NotOffered);
    }

    #[test]
    fn a_refusal_without_a_readable_time_counts_from_when_it_came() {
        let received = Timestamp::from_millis(1_764_000_000_000);
        let y = Yunpian::new(Secret::new("key")).callbacks(Door::at(Secret::new("/cb")));
        let told = |field: &str, json: &str| {
            let call = call("/cb", &format!("{field}={}", sign::form_value(json)));
            y.inbound(&HttpCall { received_at: Some(received), ..call }).unwrap().events
        };
        for time in ["", "soon", "2025-13-01 00:00:00"] {
            let mut reply = serde_json::json!({"mobile":"13800000001","reply_time":time,"text":"TD","id":"i1"});
            reply["_sign"] = sign::md5_hex(format!("i1,13800000001,{time},TD,key").as_bytes()).into();
            let [Inbound::Reply(r)] = &told("sms_reply", &reply.to_string())[..] else { panic!() };
            assert_eq!((r.text.as_str(), r.at), ("TD", received));
        }
        let long = "X".repeat(100);
        for time in [r#"null"#, r#""""#, r#"{}"#, r#"1.5"#] {
            let row = format!(
                r#"[{{"sid":1,"mobile":13800000001,"report_status":"FAIL","error_msg":"{long}","user_receive_time":{time}}}]"#
            );
            let [Inbound::Report(r)] = &told("sms_status", &row)[..] else { panic!() };
            assert_eq!((r.code.as_str(), r.delivered, r.at), (&*"X".repeat(64), Some(false), received));
        }
    }

    #[test]
    fn every_bit_of_a_signed_reply_counts() {
        let vector = include_str!("../../tests/vectors/providers/yunpian/callback_reply.json");
        let vector: serde_json::Value = serde_json::from_str(vector).unwrap();
        let told = vector["expected"]["decoded"].as_object().unwrap();
        let read = |fields: &serde_json::Map<String, serde_json::Value>| {
            let json = serde_json::Value::from(fields.clone()).to_string();
            let body = format!("sms_reply={}", sign::form_value(&json));
            let call = HttpCall { received_at: Some(Timestamp::EPOCH), ..call("/", &body) };
            Yunpian::new(Secret::new("0000")).inbound(&call)
        };
        assert!(read(told).is_ok());
        let mut turned = 0;
        for (name, value) in told {
            let value = value.as_str().unwrap().as_bytes();
            for bit in 0..value.len() * 8 {
                let mut flipped = value.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                // What is no UTF-8 is no JSON.
                let Ok(flipped) = String::from_utf8(flipped) else { continue };
                let mut forged = told.clone();
                forged.insert(name.clone(), flipped.into());
                assert_eq!(read(&forged).unwrap_err(), InboundError::Forged, "{name} {bit}");
                turned += 1;
            }
        }
        assert!(turned > 500, "{turned}");
        // Names are not signed: what is turned there is refused, or hides neither person nor words.
        for name in told.keys().filter(|name| *name != "_sign") {
            for bit in 0..name.len() * 8 {
                let mut flipped = name.clone().into_bytes();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let Ok(flipped) = String::from_utf8(flipped) else { continue };
                let mut renamed = told.clone();
                let value = renamed.remove(name).unwrap();
                renamed.insert(flipped, value);
                let Ok(read) = read(&renamed) else { continue };
                let [Inbound::Reply(r)] = &read.events[..] else { panic!("{name} {bit} hides the reply") };
                assert_eq!((&*r.text, r.phone), (told["text"].as_str().unwrap(), p(told["mobile"].as_str().unwrap())));
            }
        }
    }

    #[test]
    fn the_recorded_pulls_are_read_and_an_error_is_no_empty_page() {
        let recorded = include_str!("../../tests/vectors/providers/yunpian/responses.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        let body = |name: &str| {
            let item = recorded["items"].as_array().unwrap().iter().find(|item| item["name"] == name);
            item.unwrap()["body"].as_str().unwrap().to_owned()
        };
        let at = Timestamp::from_millis(1_764_000_000_000);
        let of = |what, status, body: &str| pulled(what, Incoming { status, body: body.as_bytes() }, at);
        let page = of(Pull::Reports, 200, &body("pull_status")).unwrap();
        let told: Vec<_> = page.events.iter().map(|e| if let Inbound::Report(r) = e { r } else { panic!() }).collect();
        let told: Vec<_> = told.iter().map(|r| (r.provider_id.as_deref(), &*r.code, r.delivered)).collect();
        assert_eq!(told[0], (Some("9527"), "DELIVRD", Some(true)));
        assert_eq!((told[1].0, told[1].2, page.more), (Some("9528"), Some(false), false));
        let page = of(Pull::Replies, 200, &body("pull_reply")).unwrap();
        let [Inbound::Reply(r)] = &page.events[..] else { panic!() };
        assert_eq!((&*r.text, r.extension.as_deref(), r.phone), ("R", Some("01"), p("13800000001")));
        for what in [Pull::Replies, Pull::Reports] {
            assert!(of(what, 200, "[]").unwrap().events.is_empty());
            let one = of(what, 200, r#"[{},{"mobile":"13800000001","text":"TD"}]"#).unwrap();
            assert!(
                matches!(&one.events[..], [Inbound::Reply(Reply { at: t, .. }) | Inbound::Report(Report { at: t, .. })] if *t == at)
            );
            let whole = format!("[{}]", vec![r#"{"mobile":"13800000001"}"#; 100].join(","));
            assert!(of(what, 200, &whole).unwrap().more);
            assert_eq!(of(what, 400, &body("bad_apikey")).unwrap_err(), PullError::Refused { code: "-1".into() });
            for (status, body) in [(200, ""), (200, "{}"), (200, "null"), (200, "[{}]"), (400, "[]"), (200, "[] x")] {
                assert!(matches!(of(what, status, body), Err(PullError::Unreadable { .. })), "{body}");
            }
        }
    }

    #[test]
    fn a_reply_with_percent_and_plus_survives() {
        let mut reply = serde_json::json!({"mobile":"13800000001","reply_time":"2025-11-25 00:01:00","text":"100%+R %41","extend":"01","id":"i1"});
        reply["_sign"] = sign::md5_hex("01,i1,13800000001,2025-11-25 00:01:00,100%+R %41,key".as_bytes()).into();
        let json = reply.to_string();
        let y = Yunpian::new(Secret::new("key"));
        for body in [sign::form_value(&json), sign::form_value(&sign::form_value(&json))] {
            let got = y.inbound(&call("/any", &format!("sms_reply={body}"))).unwrap();
            let [Inbound::Reply(r)] = &got.events[..] else { panic!() };
            assert_eq!(
                (r.text.as_str(), r.event_id.as_str(), r.extension.as_deref()),
                ("100%+R %41", "i1", Some("01"))
            );
        }
        let other = Yunpian::new(Secret::new("kez"));
        let body = format!("sms_reply={}", sign::form_value(&json));
        assert_eq!(other.inbound(&call("/any", &body)).unwrap_err(), InboundError::Forged);
    }

    #[test]
    fn callbacks_never_panic() {
        let y = Yunpian::new(Secret::new("k")).callbacks(Door::at(Secret::new("/")));
        for body in [
            "",
            "=",
            "sms_reply",
            "sms_reply=",
            "sms_reply=%",
            "sms_reply=%ff",
            "sms_reply=[]",
            "sms_reply={}",
            "sms_status=[1]",
            "sms_status=%257B",
            "x=1&sms_status=[{}]",
        ] {
            assert!(y.inbound(&call("/", body)).is_err(), "{body}");
        }
    }

    #[cfg(all(feature = "testing", feature = "http"))]
    #[test]
    fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
        let codes: Vec<_> = CODES.iter().map(|(_, row)| *row).collect();
        let sheet = include_str!("../../tests/vectors/providers/yunpian/errors.json");
        crate::provider::cloud_tests::table(&codes, sheet);
    }

    #[cfg(all(feature = "testing", feature = "http"))]
    #[tokio::test]
    async fn what_waits_is_pulled_once() {
        use crate::provider::Provider;
        use crate::provider::wire::tests::{served, settings, system};
        use crate::testing::gateway::{FakeYunpian, Script};
        let waiting = FakeYunpian::default();
        let replies = std::sync::Arc::clone(&waiting.replies);
        let key = Secret::new(&waiting.apikey);
        let (_, address) = served(waiting.into(), Script::new()).await;
        let http = wire::Http::new(Yunpian::new(key).uid(true), settings(&address), system()).unwrap();
        crate::provider::wire::tests::what_waits_is_pulled_once(&http, &replies).await;
        let wrong = wire::Http::new(Yunpian::new(Secret::new("x")), settings(&address), system()).unwrap();
        assert_eq!(wrong.pull(Pull::Reports).await.unwrap_err(), PullError::Refused { code: "-1".into() });
    }

    #[test]
    fn codes_are_listed_once() {
        let mut numbers: Vec<_> = CODES.iter().map(|(n, row)| (*n, row.code)).collect();
        assert!(numbers.iter().all(|(n, code)| n.to_string() == *code));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len());
    }
}
