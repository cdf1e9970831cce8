//! NetEase Yunxin (网易云信) SMS.
//!
//! Sources: the vendor's SMS page (revision 2025-11) for sending, codes and the query; public clients that agree for the
//! headers of copies (抄送), one public client for their body. So **unconfirmed**: the shape of pushed reports and replies,
//! and that HTTP stays 200 for errors (the body is read first whatever the status).
//!
//! - A filed template is needed; signature and unsubscribe words stand in it. One set of values goes with a call, so
//!   personal texts go out one person a call. Only templates of the new kind (`#{name}`) take values here.
//! - One code and one `sendid` answer a whole request. No page says that a request is refused as a whole: a code about a
//!   person (412 unsubscribed, 416 too often) leaves a request of many in doubt. Where many have unsubscribed at the
//!   platform, send fewer numbers a call. That 416 is the number's limit and not the account's is **unconfirmed**: its
//!   message ends, and the account rests a minute.
//! - Nothing of ours is echoed, and the query needs the `sendid` that a time-out lost: such a request stays in doubt.
//!   Reports join by `sendid` and number. The sub-port cannot be chosen.
//! - Copies are signed (SHA-1 over secret, MD5 of the body and time) and checked to the bit.

use super::filed::filled;
use super::rows::{Word, clipped};
use super::wire::{Class, CodeRow, Incoming, Items, Method, Outgoing, Wire, event_id, malformed, phone_of, received};
use super::{
    Back, Blame, Consequence, Documented, Door, Form, Lookup, Outcome, Profile, Request, Verdict, Verdicts, Writer,
};
use super::{sign, wire};
use crate::clock::{Stamp, Timestamp};
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Reply, Report};
use crate::secret::{MissingVariable, Secret};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// A copy older than this delivers nothing. No page names a limit; what may be a stop counts at any age.
const STALE: Duration = Duration::from_secs(15 * 60);

/// The settings of one NetEase Yunxin application.
///
/// ```
/// use optin106::provider::netease::Netease;
/// use optin106::secret::Secret;
/// let netease = Netease::new("app key", Secret::new("app secret"));
/// assert!(!format!("{netease:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Netease {
    app_key: String,
    app_secret: Secret,
    need_up: bool,
    door: Door,
    profile: Profile,
}

impl Netease {
    /// An application by its AppKey and AppSecret.
    pub fn new(app_key: impl Into<String>, app_secret: Secret) -> Self {
        Self { app_key: app_key.into(), app_secret, need_up: false, door: Door::default(), profile: PROFILE }
    }

    /// Reads `NETEASE_APP_KEY`, `NETEASE_APP_SECRET` and, where set, `NETEASE_CALLBACK_PATH` and
    /// `NETEASE_CALLBACK_SOURCES`; `NETEASE_NEED_UP=1` asks for copies of replies to old templates.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the two needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let key = Secret::from_env("NETEASE_APP_KEY")?;
        let mut this = Self::new(key.expose(), Secret::from_env("NETEASE_APP_SECRET")?);
        this.door = Door::from_env("NETEASE_CALLBACK_PATH", "NETEASE_CALLBACK_SOURCES");
        this.need_up = Secret::from_env("NETEASE_NEED_UP").is_ok_and(|v| v.expose() == "1");
        Ok(this)
    }

    /// Whether to ask for copies of replies (`needUp`), which templates of the old kind need. Without copies nobody's
    /// reply stops anything here.
    #[must_use]
    pub fn need_up(mut self, yes: bool) -> Self {
        self.need_up = yes;
        self
    }

    /// Where copies may come from. Their signature is checked in any case; the path is not, as the signature stands for
    /// it.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call.
    pub(crate) fn call(&self, operation: &str, fields: &[(&str, &str)], stamp: &Stamp) -> Outgoing {
        let time = (stamp.at.millis() / 1000).to_string();
        let checksum = self.checksum(&stamp.nonce, &time);
        Outgoing {
            method: Method::Post,
            path: format!("/sms/{operation}").into(),
            query: String::new(),
            headers: vec![
                ("content-type", "application/x-www-form-urlencoded;charset=utf-8".into()),
                ("appkey", self.app_key.clone().into()),
                ("nonce", stamp.nonce.clone().into()),
                ("curtime", time.into()),
                ("checksum", checksum.into()),
            ],
            body: sign::form(fields).into_bytes(),
        }
    }

    /// Of a request: over nonce and time; of a copy: over the body's MD5 and time.
    fn checksum(&self, middle: &str, time: &str) -> String {
        checksum(self.app_secret.expose(), middle, time)
    }

    /// Whether a copy carries the digests of its own body under our secret; its time then.
    fn authentic(&self, call: &HttpCall) -> Result<Timestamp, InboundError> {
        let header = |name| call.header(name).ok_or(InboundError::Forged);
        let (time, md5, given) = (header("curtime")?, header("md5")?, header("checksum")?);
        let body = sign::md5_hex(&call.body);
        let same_body = sign::same(body.as_bytes(), md5.as_bytes());
        if !(same_body & sign::same(self.checksum(&body, time).as_bytes(), given.as_bytes())) {
            return Err(InboundError::Forged);
        }
        let at = time.parse().map_err(|_| InboundError::Malformed { at: 0, what: "CurTime in milliseconds" })?;
        Ok(Timestamp::from_millis(at))
    }
}

/// SHA-1 of secret, the middle part and time, in lower-case hexadecimal.
pub(crate) fn checksum(secret: &str, middle: &str, time: &str) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in [secret, middle, time] {
        hash.update(part.as_bytes());
    }
    crate::id::hex(hash.finish().as_ref())
}

impl fmt::Debug for Netease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netease").field("need_up", &self.need_up).field("door", &self.door).finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "netease",
    form: Form::Template,
    same_text_max: 100,
    // One paramMap per call.
    personal_max: 1,
    signature: Writer::Template,
    words: Writer::Template,
    window: None,
    // An older page: no more than 5 identical messages to a number a day.
    caps: &[(5, 1)],
    // One code and one sendid per call, but no word on what became of the others.
    all_or_nothing: false,
    idempotent: false,
    // querystatus needs the sendid.
    lookup: Lookup::None,
    reports: Back::Push,
    replies: Back::Push,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 20,
    // High for sending, medium for copies.
    documented: Documented::Medium,
    source: "the vendor's SMS page, 2025-11",
};

impl Wire for Netease {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://sms.yunxinapi.com"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code.parse().ok()?)
    }

    fn request(&self, request: &Request<'_>, _: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let held = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let rendition = request.rendition();
        let template = rendition.template().ok_or_else(|| held("no_template"))?;
        if rendition.extension().is_some() {
            // A reply could not be told from other shops' by it: better said than dropped.
            return Err(held("extension").into());
        }
        let values = match (request.is_personal(), request.tickets()) {
            (false, _) => None,
            (true, [one]) => {
                Some(sign::json_object(filled(rendition, one.params())?.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
            }
            (true, _) => return Err(held("one_person_a_call").into()),
        };
        let numbers: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        let mobiles = Value::from(numbers).to_string();
        let mut fields = vec![("templateid", template.code.as_str()), ("mobiles", &mobiles)];
        if let Some(values) = &values {
            fields.push(("paramMap", values));
        }
        if self.need_up {
            fields.push(("needUp", "true"));
        }
        Ok(self.call("sendtemplate.action", &fields, stamp))
    }

    fn reads_server_errors(&self) -> bool {
        true
    }

    fn outcome(&self, _: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        Verdicts::Same(verdict(answer))
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.door.admits_peer(call)?;
        let signed_at = self.authentic(call)?;
        let copy: Copied<'_> = serde_json::from_slice(&call.body)
            .map_err(|e| malformed(&call.body, &e, "eventType and at most 10000 objects"))?;
        let read = match copy.event_type.trim() {
            "11" => report,
            "12" => reply,
            _ => return Err(InboundError::Malformed { at: 0, what: "eventType 11 or 12" }),
        };
        let Items(rows) = copy.objects;
        let count = rows.len();
        let events: Vec<Inbound> = rows.into_iter().filter_map(|row| read(row, signed_at)).collect();
        if events.len() < count {
            let left_out = count - events.len();
            tracing::warn!(provider = "netease", left_out, of = count, "rows without a number or a result");
        }
        if events.is_empty() && count > 0 {
            return Err(InboundError::Malformed { at: 0, what: "mobile in every object" });
        }
        // Only the status is documented.
        let stale = call.received_at.is_some_and(|now| now.since(signed_at) > STALE);
        Callback { events, answer: received("application/json", "{\"code\":200}") }.if_stale(stale)
    }
}

#[derive(serde::Deserialize)]
struct SendAnswer {
    code: i64,
    #[serde(default)]
    obj: Value,
}

/// An answer's own words; some answers call them `desc`.
#[cfg(feature = "testing")]
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Words<'a> {
    #[serde(borrow)]
    msg: Word<'a>,
    #[serde(borrow)]
    desc: Word<'a>,
}

impl SendAnswer {
    /// The `sendid`: 64 bits as a number, or digits.
    fn id(&self) -> Option<String> {
        match &self.obj {
            Value::Number(n) => n.as_u64().filter(|n| *n > 0).map(|n| n.to_string()),
            Value::String(s) => Some(s.trim().to_owned()).filter(|s| !s.is_empty() && s != "0"),
            _ => None,
        }
    }
}

/// The row of a code.
pub fn code(number: i64) -> Option<&'static CodeRow> {
    CODES.iter().find(|(n, _)| *n == number).map(|(_, row)| row)
}

/// What an answer to a send proves about every number in it.
pub(crate) fn verdict(answer: Incoming<'_>) -> Verdict {
    let Ok(parsed) = serde_json::from_slice::<SendAnswer>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    match code(parsed.code) {
        Some(row) if row.class == Class::Accepted && answer.status != 200 => Verdict::unknown("contradiction"),
        Some(row) => row.verdict(parsed.id()),
        None => Verdict::unknown(parsed.code.to_string()),
    }
}

/// What an answer or a copy means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    if let Ok(copy) = serde_json::from_slice::<Copied<'_>>(answer.body) {
        return match copy.event_type.trim() {
            "11" => Class::Report,
            "12" => Class::Mo,
            _ => Class::Unknown,
        };
    }
    let Ok(parsed) = serde_json::from_slice::<SendAnswer>(answer.body) else {
        return if answer.status >= 500 { Class::Transient } else { Class::Unknown };
    };
    // One code for wrong headers and other parameters; the words tell.
    let words: Words<'_> = serde_json::from_slice(answer.body).unwrap_or_default();
    let words = format!("{}{}", &*words.msg, &*words.desc).to_ascii_lowercase();
    match parsed.code {
        200 if parsed.obj.is_array() => Class::Report,
        414 if words.contains("header") || words.contains("checksum") => Class::Auth,
        n => code(n).map_or(Class::Unknown, |r| r.class),
    }
}

/// A copy: what kind, and its rows. Kinds, numbers and ids come as text or as numbers.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Copied<'a> {
    #[serde(borrow)]
    event_type: Word<'a>,
    #[serde(borrow)]
    objects: Items<Row<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow, default)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    sendid: Word<'a>,
    #[serde(borrow, default)]
    result: Word<'a>,
    #[serde(borrow, default)]
    send_time: Word<'a>,
    #[serde(borrow, default)]
    report_time: Word<'a>,
    #[serde(borrow, default)]
    content: Word<'a>,
    #[serde(borrow, default)]
    receive_time: Word<'a>,
}

/// A time as written, in Beijing's, or in milliseconds. Where it is neither, that of the copy stands.
fn moment(s: &str) -> Option<Timestamp> {
    match s.parse::<i64>() {
        Ok(ms) => Some(Timestamp::from_millis(ms)),
        Err(_) => Timestamp::parse_beijing(s).ok(),
    }
}

fn report(row: Row<'_>, signed_at: Timestamp) -> Option<Inbound> {
    let at = if row.report_time.is_empty() { &row.send_time } else { &row.report_time };
    let code = clipped(&row.result);
    if code.is_empty() {
        return None;
    }
    Some(Inbound::Report(Report {
        event_id: event_id("report", &[&row.sendid, &row.mobile, &code, at]),
        phone: phone_of(&row.mobile)?,
        provider_id: row.sendid.filled(),
        reference: None,
        delivered: Some(code == "DELIVRD"),
        code,
        at: moment(at).unwrap_or(signed_at),
    }))
}

fn reply(row: Row<'_>, signed_at: Timestamp) -> Option<Inbound> {
    Some(Inbound::Reply(Reply {
        event_id: event_id("reply", &[&row.mobile, &row.content, &row.receive_time]),
        phone: phone_of(&row.mobile)?,
        text: row.content.to_string(),
        extension: None,
        signature: None,
        at: moment(&row.receive_time).unwrap_or(signed_at),
    }))
}

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

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

/// Every code on the list, with its number. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[(i64, CodeRow)] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest, StopOwner};
    use Outcome::{Accepted as Taken, Unknown as Doubt};
    &[
        row(200, "200", Accepted, Taken, Nothing, "Nothing to do."),

        row(315, "315", Auth, ACCOUNT, Hold, "This machine's address is not allowed: add it in the console."),
        row(403, "403", Auth, ACCOUNT, Hold, "The application may not send: check AppKey, AppSecret and the SMS service."),

        row(400, "400", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check the template's code and kind."),
        row(414, "414", InvalidRequest, ACCOUNT, Hold, "AppKey, AppSecret, this machine's clock or a field is wrong: check all four."),
        row(426, "426", InvalidRequest, ACCOUNT, Hold, "Calls from abroad are not taken: send from mainland China."),

        row(404, "404", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is unknown or not approved: check its code and state."),
        row(413, "413", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template cannot be used: check its code and state."),

        row(412, "412", NumberUnsubscribed, PERSON, StopOwner, "The person answered TD: the stop is recorded."),
        // An older page counts identical messages by number; that it never counts the application is not written.
        row(416, "416", Throttled, PERSON, Rest(Duration::from_secs(60)), "A limit of the number or of the account is reached: sending goes on by itself."),

        row(601, "601", ContentRejected, CONTENT, Nothing, "The platform takes the text for spam: change it and file it anew."),

        row(500, "500", Transient, Doubt, Nothing, "The platform failed: wait for the report."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "netease_tests.rs"]
mod tests;
