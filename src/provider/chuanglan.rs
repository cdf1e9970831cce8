//! Chuanglan (创蓝云智, 253).
//!
//! Sources: the vendor's "JSON interface" document of 2018-04 in its demo repositories, still the basis of v1; its pages on
//! access and on the push of reports; easy-sms and SMS4J. For templates (v2) public clients only: **medium**.
//!
//! - The host is the account's own: [`Chuanglan::endpoint_of_account`]. Marketing accounts are separate from those for
//!   codes (YZM) and notices (N).
//! - v1, the default, takes free text: the caller writes 【signature】 in front and 拒收请回复R at the very end. Text that is
//!   not approved may wait for a person's review, so an acceptance may be long before the report.
//! - Personal texts go out as one text with `{$var}` and the values of each number, joined with `,` and `;`: a value that
//!   holds one of the two is refused before anything leaves. That this form takes `uid`, as the plain one does, is inferred.
//! - v2 ([`Chuanglan::templates`]) takes a template's id. **Unconfirmed**: objects for several numbers (so personal texts go
//!   one a call), who owns a template's signature (it is sent with its brackets, as one client does), most of its codes,
//!   and whether its accounts can be pulled (they are not).
//! - One code answers a whole request, and nothing says that a request is refused as a whole: a person's fault told of many
//!   is in doubt. `failNum` counts rows that failed without naming them: then everyone's fate is in doubt until a report.
//! - `uid` carries our reference into reports. It makes no second send harmless and cannot be asked for.
//! - Pushes carry no signature, only the pair `receiver` and `pswd` that was registered: a secret path is needed as well.
//!   The expected answer to a reply is not documented; it gets the one for reports. What is pulled is forgotten by the
//!   platform. The marketing hours (code 110) are **unconfirmed**.

use super::filed::filled;
use super::rows::{Word, clipped};
use super::variables::{spelled, value};
use super::wire::{Class, CodeRow, Incoming, Items, Method, Outgoing, Wire, event_id, phone_of, received, row};
use super::{
    Back, Blame, Consequence, Documented, Door, Form, Lookup, Outcome, Profile, PullError, Request, Verdict, Verdicts,
    Writer, sign,
};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpAnswer, HttpCall, Inbound, InboundError, Pull, Pulled, Reply, Report};
use crate::secret::{MissingVariable, Secret};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Rows of one pull; the documented maximum.
const PAGE: usize = 100;
/// What stands for a value in a text with variables.
const VARIABLE: &str = "{$var}";
/// Values of one text; the documented maximum.
const MOST_VALUES: usize = 20;

/// The settings of one Chuanglan account.
///
/// ```
/// use optin106::provider::chuanglan::Chuanglan;
/// use optin106::secret::Secret;
/// let chuanglan = Chuanglan::new("M0000000", Secret::new("password")).callbacks(Door::at(Secret::new("/sms/5b7d…")));
/// assert!(!format!("{chuanglan:?}").contains("password"));
/// # use optin106::provider::Door;
/// ```
#[derive(Clone)]
pub struct Chuanglan {
    account: String,
    password: Secret,
    endpoint: String,
    receiver: Option<(Secret, Secret)>,
    door: Door,
    profile: Profile,
}

impl Chuanglan {
    /// An account for free text (v1) by its API account and password, at the common marketing host.
    pub fn new(account: impl Into<String>, password: Secret) -> Self {
        Self {
            account: account.into(),
            password,
            endpoint: "https://smssh1.253.com".into(),
            receiver: None,
            door: Door::default(),
            profile: PROFILE,
        }
    }

    /// Reads `CHUANGLAN_ACCOUNT`, `CHUANGLAN_PASSWORD` and, where set, `CHUANGLAN_ENDPOINT`, `CHUANGLAN_RECEIVER` with
    /// `CHUANGLAN_PSWD`, `CHUANGLAN_CALLBACK_PATH` and `CHUANGLAN_CALLBACK_SOURCES`; `CHUANGLAN_TEMPLATES=1` says that the
    /// account sends templates.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first that is unset: of the two needed ones, or `CHUANGLAN_PSWD` where a receiver is
    /// set.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let account = Secret::from_env("CHUANGLAN_ACCOUNT")?;
        let mut this = Self::new(account.expose(), Secret::from_env("CHUANGLAN_PASSWORD")?);
        if Secret::from_env("CHUANGLAN_TEMPLATES").is_ok_and(|v| v.expose() == "1") {
            this = this.templates();
        }
        if let Ok(endpoint) = Secret::from_env("CHUANGLAN_ENDPOINT") {
            this = this.endpoint_of_account(endpoint.expose());
        }
        if let Ok(receiver) = Secret::from_env("CHUANGLAN_RECEIVER") {
            this = this.receiver(receiver, Secret::from_env("CHUANGLAN_PSWD")?);
        }
        this.door = Door::from_env("CHUANGLAN_CALLBACK_PATH", "CHUANGLAN_CALLBACK_SOURCES");
        Ok(this)
    }

    /// The account sends filed templates (v2), at the common host for them.
    #[must_use]
    pub fn templates(mut self) -> Self {
        self.endpoint = "https://smssh.253.com".into();
        self.profile = TEMPLATES;
        self
    }

    /// The address that the platform gave this account: scheme and host.
    #[must_use]
    pub fn endpoint_of_account(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into().trim_end_matches('/').to_owned();
        self
    }

    /// The pair that was registered for pushes; a push without it is refused, on top of the door.
    #[must_use]
    pub fn receiver(mut self, receiver: Secret, pswd: Secret) -> Self {
        self.receiver = Some((receiver, pswd));
        self
    }

    /// The path of the push addresses, such as `/sms/` and 32 random digits. Pushes are not signed, so knowing it is what
    /// proves one; without it every push is refused.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one v1 call; `fields` without account and password.
    pub(crate) fn call(&self, path: &'static str, fields: &[(&str, &str)]) -> Outgoing {
        let head = [("account", self.account.as_str()), ("password", self.password.expose())];
        outgoing(path, "application/json;charset=utf-8", sign::json_object(head.iter().chain(fields).copied()))
    }

    /// The bytes of one v2 call; `fields` without account, timestamp and nonce.
    pub(crate) fn template_call(&self, fields: &[(&str, &str)], stamp: &Stamp) -> Outgoing {
        let timestamp = (stamp.at.millis() / 1000).to_string();
        let head = [("account", self.account.as_str()), ("timestamp", &timestamp), ("nonce", &stamp.nonce)];
        let body = sign::json_object(head.iter().chain(fields).copied());
        let mut out = outgoing("/msg/sms/v2/tpl/send", "application/json", body);
        let signature = signature(self.password.expose(), &timestamp, &stamp.nonce);
        out.headers.push(("x-qa-hmac-signature", signature.into()));
        out
    }

    fn free_text(&self, request: &Request<'_>) -> Result<Outgoing, Verdicts> {
        let reference = request.reference().to_string();
        let mut common = vec![("report", "true"), ("uid", reference.as_str())];
        common.extend(request.rendition().extension().map(|e| ("extend", e)));
        if request.is_personal() {
            let spelled = spelled(request, VARIABLE, |_| VARIABLE.to_owned())?;
            let groups = groups(request, &spelled.names)?;
            let own = [("msg", spelled.text.as_str()), ("params", &groups)];
            return Ok(self.call("/msg/variable/json", &[&own[..], &common].concat()));
        }
        let phones = phones(request);
        let own = [("msg", request.rendition().text()), ("phone", &phones)];
        Ok(self.call("/msg/v1/send/json", &[&own[..], &common].concat()))
    }

    fn by_template(&self, request: &Request<'_>, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let account = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let rendition = request.rendition();
        let template = rendition.template().ok_or_else(|| account("no_template"))?;
        let (reference, phones) = (request.reference().to_string(), phones(request));
        let signature = format!("【{}】", rendition.signature());
        let mut fields = vec![
            ("phoneNumbers", phones.as_str()),
            ("templateId", &template.code),
            ("signature", &signature),
            ("report", "true"),
            ("uid", &reference),
        ];
        let values = match request.tickets() {
            [one] if request.is_personal() => {
                let filled = filled(rendition, one.params())?;
                format!("[{}]", sign::json_object(filled.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
            }
            // Which object is whose is not documented: nobody gets another person's name.
            [_, _, ..] if request.is_personal() => return Err(account("one_at_a_time").into()),
            _ => String::new(),
        };
        if !values.is_empty() {
            fields.push(("templateParamJson", &values));
        }
        fields.extend(rendition.extension().map(|e| ("extend", e)));
        Ok(self.template_call(&fields, stamp))
    }

    /// Whether a push carries the pair that was registered; both are compared whatever the first says.
    fn is_ours(&self, push: &Push) -> bool {
        let same = |name, secret: &Secret| {
            sign::same(push.word(name).unwrap_or_default().as_bytes(), secret.expose().as_bytes())
        };
        self.receiver.as_ref().is_none_or(|(name, pswd)| same("receiver", name) & same("pswd", pswd))
    }
}

/// `X-QA-Hmac-Signature`: over the digest of the password, the time and the nonce, in ascending order, under that digest.
pub(crate) fn signature(password: &str, timestamp: &str, nonce: &str) -> String {
    let key = sign::md5_hex(password.as_bytes());
    let mut parts = [key.as_str(), timestamp, nonce];
    parts.sort_unstable();
    sign::hmac_sha256_hex(key.as_bytes(), parts.concat().as_bytes())
}

fn outgoing(path: &'static str, content_type: &'static str, body: String) -> Outgoing {
    Outgoing {
        method: Method::Post,
        path: path.into(),
        query: String::new(),
        headers: vec![("content-type", content_type.into())],
        body: body.into_bytes(),
    }
}

fn phones(request: &Request<'_>) -> String {
    request.tickets().iter().map(|t| t.phone().national()).collect::<Vec<_>>().join(",")
}

/// `number,value,value;number,value,value`: what the platform drops silently when it is malformed, so nothing malformed
/// leaves.
fn groups(request: &Request<'_>, names: &[&str]) -> Result<String, Verdicts> {
    let no = |code| Verdict::rejected(Blame::Content, Consequence::None, code);
    if names.len() > MOST_VALUES {
        return Err(no("too_many_values").into());
    }
    let groups = Verdicts::parts(request, |ticket| {
        let mut group = ticket.phone().national();
        for name in names {
            let value = value(ticket.params(), name).ok_or_else(|| no("missing_parameter"))?;
            if value.contains([',', ';']) {
                return Err(no("separator_in_value"));
            }
            group.push(',');
            group.push_str(value);
        }
        Ok(group)
    })?;
    Ok(groups.join(";"))
}

impl fmt::Debug for Chuanglan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chuanglan")
            .field("endpoint", &self.endpoint)
            .field("form", &self.profile.form)
            .field("receiver", &self.receiver.is_some())
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "chuanglan",
    form: Form::FreeText,
    // The document says 1000 although code 108 speaks of 50000; and 1000 groups of values.
    same_text_max: 1000,
    personal_max: 1000,
    signature: Writer::Caller,
    words: Writer::Caller,
    // Enforced (code 110); the hours were cut off in the stored page, the policy's own stand.
    window: None,
    caps: &[],
    // Nothing says so, and the form with variables drops single rows.
    all_or_nothing: false,
    idempotent: false,
    lookup: Lookup::None,
    reports: Back::PushOrPull,
    replies: Back::PushOrPull,
    // How long reports are kept for a pull.
    report_due: Duration::from_secs(72 * 3600),
    // Not documented; code 103 says when it is too much.
    calls_per_second: 50,
    documented: Documented::High,
    source: "the vendor's JSON interface document, 2018-04",
};

const TEMPLATES: Profile = Profile {
    form: Form::Template,
    // Several objects of values are inferred by one client and documented by none.
    personal_max: 1,
    signature: Writer::Platform,
    words: Writer::Template,
    // No pull is known at its host.
    reports: Back::Push,
    replies: Back::Push,
    documented: Documented::Medium,
    ..PROFILE
};

impl Wire for Chuanglan {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, _: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        match self.profile.form {
            Form::FreeText => self.free_text(request),
            Form::Template => self.by_template(request, stamp),
        }
    }

    fn reads_server_errors(&self) -> bool {
        true
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        let verdict = verdict(answer, Some(request.tickets().len()));
        if verdict.outcome == PERSON && request.tickets().len() > 1 {
            return Verdicts::Same(Verdict::unknown(verdict.code));
        }
        Verdicts::Same(verdict)
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.door.admits(call)?;
        let push = Push::read(call)?;
        if !self.is_ours(&push) {
            return Err(InboundError::Forged);
        }
        let event = push.event(call.received_at)?;
        Ok(Callback { events: event.into_iter().collect(), answer: RECEIVED })
    }

    fn pull(&self, what: Pull, _: &str, _: &Stamp) -> Option<Outgoing> {
        let (back, path) = match what {
            Pull::Replies => (self.profile.replies, "/msg/pull/mo"),
            Pull::Reports => (self.profile.reports, "/msg/pull/report"),
        };
        back.is_pulled().then(|| self.call(path, &[("count", &PAGE.to_string())]))
    }

    fn pulled(&self, what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
        pulled(what, answer, at)
    }
}

const RECEIVED: HttpAnswer = received("application/json", "{\"clcode\":\"000000\"}");

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    msg_id: Word<'a>,
    #[serde(borrow, default)]
    success_num: Word<'a>,
    #[serde(borrow, default)]
    fail_num: Word<'a>,
}

impl Sent<'_> {
    /// Whether every row was taken, as far as the answer counts them; `sent` is how many there were.
    fn is_whole(&self, sent: Option<usize>) -> bool {
        let (failed, taken) = (&*self.fail_num, &*self.success_num);
        matches!(failed, "" | "0") && (taken.is_empty() || sent.is_none_or(|n| taken == n.to_string()))
    }

    /// Whether something in the answer says that some were taken.
    fn took_some(&self) -> bool {
        !self.msg_id.is_empty() || !matches!(&*self.success_num, "" | "0")
    }
}

/// What an answer to a send proves about every number in it.
pub(crate) fn verdict(answer: Incoming<'_>, sent: Option<usize>) -> Verdict {
    let Ok(parsed) = serde_json::from_slice::<Sent<'_>>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    match code(&parsed.code) {
        Some(row) if row.class == Class::Accepted && answer.status != 200 => Verdict::unknown("contradiction"),
        // A report names the message and the number, so it ends a person's doubt.
        Some(row) if row.class == Class::Accepted && !parsed.is_whole(sent) => {
            Verdict { id: parsed.msg_id.filled(), ..Verdict::unknown("partial") }
        }
        Some(row) if !matches!(row.outcome, Outcome::Accepted | Outcome::Unknown) && parsed.took_some() => {
            Verdict::unknown("contradiction")
        }
        Some(row) => row.verdict(parsed.msg_id.filled()),
        None => Verdict::unknown(clipped(&parsed.code)),
    }
}

/// What an answer or a pushed query means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    if let Ok(parsed) = serde_json::from_slice::<Sent<'_>>(answer.body) {
        return match code(&parsed.code) {
            Some(row) if row.class == Class::Accepted && !parsed.is_whole(None) => Class::Partial,
            Some(row) => row.class,
            None => Class::Unknown,
        };
    }
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(answer.body) {
        return match &json["result"][0] {
            row if row["status"].is_string() => Class::Report,
            row if row["moTime"].is_string() => Class::Mo,
            _ if json["ret"].is_number() && json["ret"] != 0 => Class::InvalidRequest,
            _ => Class::Unknown,
        };
    }
    let call = HttpCall::new("GET", "/", String::from_utf8_lossy(answer.body), "");
    match Push::read(&call).map(|push| push.kind()) {
        Ok(Some(Pull::Replies)) => Class::Mo,
        Ok(Some(Pull::Reports)) => Class::Report,
        Ok(None) | Err(_) if answer.status >= 500 => Class::Transient,
        Ok(None) | Err(_) => Class::Unknown,
    }
}

/// The fields of a push: the query of a GET, or a form where a proxy turned it into one.
struct Push(Vec<(String, String)>);

impl Push {
    fn read(call: &HttpCall) -> Result<Self, InboundError> {
        let broken = |at| InboundError::Malformed { at, what: "a query of UTF-8" };
        let body = std::str::from_utf8(&call.body).map_err(|e| broken(e.valid_up_to()))?;
        let query = if call.query.is_empty() { body } else { &call.query };
        sign::form_pairs(query).map(Self).ok_or(broken(0))
    }

    fn word(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn kind(&self) -> Option<Pull> {
        match (self.word("moTime"), self.word("status")) {
            (Some(_), None) => Some(Pull::Replies),
            (None, Some(_)) => Some(Pull::Reports),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// The event; none when its number cannot be a mainland mobile, which is nobody's we know.
    fn event(&self, received_at: Option<Timestamp>) -> Result<Option<Inbound>, InboundError> {
        let word = |name| Word::from(self.word(name).unwrap_or_default());
        let kind = self.kind().ok_or(InboundError::Malformed { at: 0, what: "either status or moTime" })?;
        let row = Row {
            mobile: word("mobile"),
            notify_time: word("notifyTime"),
            uid: word("uid"),
            msg_id: word("msgid"),
            status: word("status"),
            report_time: word("reportTime"),
            mo_time: word("moTime"),
            message_content: word("msg"),
            dest_code: word("destcode"),
            sp_code: word("spCode"),
            part: word("emshead"),
        };
        if phone_of(&row.mobile).is_none() {
            tracing::warn!(provider = "chuanglan", "a push without a mainland number");
            return Ok(None);
        }
        row.event(kind, received_at).map(Some).ok_or(InboundError::Malformed { at: 0, what: "a time as yyMMddHHmm" })
    }
}

/// A report or a reply, pushed or pulled.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow)]
    notify_time: Word<'a>,
    #[serde(borrow)]
    uid: Word<'a>,
    #[serde(borrow)]
    msg_id: Word<'a>,
    #[serde(borrow)]
    status: Word<'a>,
    #[serde(borrow)]
    report_time: Word<'a>,
    #[serde(borrow)]
    mo_time: Word<'a>,
    #[serde(borrow)]
    message_content: Word<'a>,
    #[serde(borrow)]
    dest_code: Word<'a>,
    #[serde(borrow)]
    sp_code: Word<'a>,
    /// `emshead` of a long reply's parts: id, count, index. Each part is a reply of its own.
    #[serde(borrow, rename = "emshead")]
    part: Word<'a>,
}

impl Row<'_> {
    /// The event id leaves out when we were notified: a repeat differs in it. What tells no time happened when it came.
    fn event(&self, kind: Pull, came_at: Option<Timestamp>) -> Option<Inbound> {
        let phone = phone_of(&self.mobile)?;
        match kind {
            Pull::Replies => Some(Inbound::Reply(Reply {
                event_id: event_id(
                    "reply",
                    &[&phone.national(), &self.mo_time, &self.message_content, &self.dest_code, &self.part],
                ),
                phone,
                text: self.message_content.to_string(),
                // The port that was answered, behind the account's own: what was sent with `extend` (inferred).
                extension: self.dest_code.strip_prefix(&*self.sp_code).filter(|e| !e.is_empty()).map(str::to_owned),
                signature: None,
                at: moment(&self.mo_time, &self.notify_time).or(came_at)?,
            })),
            Pull::Reports => Some(Inbound::Report(Report {
                event_id: event_id(
                    "report",
                    &[&phone.national(), &self.msg_id, &self.uid, &self.status, &self.report_time],
                ),
                phone,
                provider_id: self.msg_id.filled(),
                reference: Reference::parse(&self.uid),
                code: self.status.clipped(),
                delivered: match &*self.status {
                    "DELIVRD" => Some(true),
                    "" | "UNKNOWN" => None,
                    _ => Some(false),
                },
                at: moment(&self.report_time, &self.notify_time).or(came_at)?,
            })),
        }
    }
}

/// The moment of an event that is told to the minute; the moment of the notice where that lies in the same minute, or
/// where the minute cannot be read.
fn moment(minute: &str, notified: &str) -> Option<Timestamp> {
    let notified = Timestamp::parse_compact(notified);
    let Some(to) = Timestamp::parse_compact(minute) else { return notified };
    if minute.trim().len() > 10 {
        return Some(to);
    }
    let from = to.minus(Duration::from_secs(59));
    Some(notified.filter(|n| (from..=to).contains(n)).unwrap_or(to))
}

#[derive(serde::Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    ret: Word<'a>,
    #[serde(borrow, default)]
    result: Option<Items<Row<'a>>>,
}

fn pulled(what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
    let unreadable = |at: usize| PullError::Unreadable { at: at.min(answer.body.len()) };
    let page: Page<'_> = serde_json::from_slice(answer.body).map_err(|e| unreadable(e.column().saturating_sub(1)))?;
    if &*page.ret != "0" {
        return Err(PullError::Refused { code: page.ret.clipped() });
    }
    let rows = page.result.map_or_else(Vec::new, |Items(rows)| rows);
    let events: Vec<Inbound> = rows.iter().filter_map(|row| row.event(what, Some(at))).collect();
    if events.len() < rows.len() {
        let (left_out, of) = (rows.len() - events.len(), rows.len());
        tracing::warn!(provider = "chuanglan", left_out, of, "pulled rows without a mainland number");
    }
    // The platform has forgotten the page: when nothing of it can be understood, that must be seen.
    if events.is_empty() && !rows.is_empty() {
        return Err(unreadable(0));
    }
    Ok(Pulled { events, more: rows.len() >= PAGE })
}

/// The row of a code, of v1 or v2.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

/// Every code on the list, v1 and v2. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    &[
        row("0", Accepted, Taken, Nothing, "Nothing to do."),
        row("000000", Accepted, Taken, Nothing, "Nothing to do."),

        row("101", Auth, ACCOUNT, Hold, "The platform does not know the account: check it, then lift the hold."),
        row("102", Auth, ACCOUNT, Hold, "Check the password, then lift the hold."),
        row("117", Auth, ACCOUNT, Hold, "Allow this machine's address in the console, then lift the hold."),
        row("118", Auth, ACCOUNT, Hold, "The account may not send: ask the platform, then lift the hold."),
        row("119", Auth, ACCOUNT, Hold, "The account has expired: renew it, then lift the hold."),
        row("101200", Auth, ACCOUNT, Hold, "Check account and password, then lift the hold."),
        row("101203", Auth, ACCOUNT, Hold, "Allow this machine's address in the console, then lift the hold."),

        row("109", InsufficientBalance, ACCOUNT, Hold, "Top up the balance, then lift the hold."),
        row("111", InsufficientBalance, ACCOUNT, Hold, "The account's quota is used up: raise it, then lift the hold."),
        row("101207", InsufficientBalance, ACCOUNT, Hold, "Top up the balance, then lift the hold."),

        row("103", Throttled, Unsent, Rest(Duration::from_secs(1)), "Too many calls: sending goes on by itself."),
        row("110", Throttled, ACCOUNT, Rest(Duration::from_secs(30 * 60)), "The platform's marketing hours are over: sending goes on by itself."),
        row("120", Throttled, Unsent, Rest(Duration::from_secs(3600)), "The account's daily limit is reached: raise it in the console, or sending goes on by itself tomorrow."),

        row("116", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature is not approved: file it, then lift the hold."),
        row("124", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The text fits no approved template: have it approved, then lift the hold."),

        row("105", ContentRejected, CONTENT, Nothing, "The text holds a blocked word: change it."),
        row("125", ContentRejected, CONTENT, Nothing, "The text fits a template that was turned down: change it."),
        row("101206", ContentRejected, CONTENT, Nothing, "The text holds a blocked word: change it."),

        row("107", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed."),

        row("106", InvalidRequest, CONTENT, Nothing, "The text is too long: shorten it."),
        row("108", InvalidRequest, ACCOUNT, Hold, "More numbers than the account may send in one call: lower the numbers per call, then lift the hold."),
        row("113", InvalidRequest, ACCOUNT, Hold, "The extension is not 1 to 3 digits: correct it, then lift the hold."),
        row("114", InvalidRequest, ACCOUNT, Hold, "The groups of values were not taken: lower the numbers per call, then lift the hold."),
        row("123", InvalidRequest, ACCOUNT, Hold, "The kind of message does not fit the account: ask the platform, then lift the hold."),
        row("127", InvalidRequest, ACCOUNT, Hold, "A time was changed on its way: check proxies, then lift the hold."),
        row("128", InvalidRequest, ACCOUNT, Hold, "The body is not taken as UTF-8: check proxies, then lift the hold."),
        row("129", InvalidRequest, ACCOUNT, Hold, "The body is not taken as JSON: check proxies, then lift the hold."),
        row("130", InvalidRequest, ACCOUNT, Hold, "A field was lost on its way: check proxies, then lift the hold."),

        row("104", Transient, Doubt, Nothing, "The platform was busy and may have taken it: wait for the report."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "chuanglan_tests.rs"]
mod tests;
