//! Tencent Cloud (腾讯云) SMS, version 2021-01-11.
//!
//! Sources: cloud.tencent.com 382/55981 (SendSms), 382/55977 (pulls), 382/52077 (signature), 382/59177 and 382/59179
//! (callbacks), 382/39023 (limits), 382/13301 (hours); codes as in the official SDKs. Requests are those of
//! `tencentcloud-sdk-nodejs-sms` 4.1.306 to the byte (compact UTF-8 JSON; `content-type` and `host` are signed), with
//! the Python SDK's `X-TC-Language`; its escaped bodies are checked with the signer.
//!
//! - A filed template is needed; the platform writes 【signature】 in front of it, and 拒收请回复R stands in the template.
//! - One set of values serves all numbers of a call, so a personal text is a call per person; and marketing templates are
//!   generally not granted variables: [`Tencent::variables`] says that this account's are.
//! - Each number has a code of its own; `Response.Error` refuses the whole request.
//! - `SessionContext` carries our reference. It comes back in pulled statuses where the account has that enabled, never
//!   in pushed ones, which name the platform's id only. A record without it is not taken for ours.
//! - A lookup sees messages that have a carrier's report; an empty answer proves nothing.
//! - Callbacks are not signed: a secret path is their only proof. Both queues may be pulled instead, where opened.

use super::filed::{filled, positional};
use super::rows::{Rows, Word, clipped, unix};
use super::sign::{self, Scoped};
use super::wire::{
    Class, CodeRow, Incoming, Items, Method, Outgoing, Step, Wire, event_id, malformed, phone_of, received, row,
};
use super::{
    Asked, Back, Blame, Consequence, Documented, Door, Form, Found, Lookup, Outcome, Profile, Pull, PullError, Pulled,
    Request, Verdict, Verdicts, Writer,
};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Reply, Report};
use crate::secret::{MissingVariable, Secret};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

const VERSION: &str = "2021-01-11";
/// Items of one page; the documented maximum.
const PAGE_SIZE: usize = 100;
/// A number's record is looked for from this long before the begin, for clocks that differ.
const BEFORE: Duration = Duration::from_secs(2 * 60);

/// The settings of one application of a Tencent Cloud account.
///
/// ```
/// use optin106::provider::{Door, tencent::Tencent};
/// use optin106::secret::Secret;
/// let tencent = Tencent::new("secret id", Secret::new("secret key"), "1400006666")
///     .region("ap-beijing")
///     .callbacks(Door::at(Secret::new("/sms/3f9c…")));
/// assert!(!format!("{tencent:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Tencent {
    secret_id: String,
    secret_key: Secret,
    app_id: String,
    region: String,
    token: Option<Secret>,
    door: Door,
    profile: Profile,
}

impl Tencent {
    /// An application (`SmsSdkAppId`) by the API key of its account, in `ap-guangzhou`.
    pub fn new(secret_id: impl Into<String>, secret_key: Secret, app_id: impl Into<String>) -> Self {
        Self {
            secret_id: secret_id.into(),
            secret_key,
            app_id: app_id.into(),
            region: "ap-guangzhou".into(),
            token: None,
            door: Door::default(),
            profile: PROFILE,
        }
    }

    /// Reads `TENCENTCLOUD_SECRET_ID`, `TENCENTCLOUD_SECRET_KEY`, `TENCENT_SMS_SDK_APP_ID` and, where set,
    /// `TENCENTCLOUD_REGION`, `TENCENTCLOUD_TOKEN` (temporary keys), `TENCENT_VARIABLES` (`1` as
    /// [`variables`](Self::variables)), `TENCENT_CALLBACK_PATH` and `TENCENT_CALLBACK_SOURCES`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the three needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let (id, key) = (Secret::from_env("TENCENTCLOUD_SECRET_ID")?, Secret::from_env("TENCENTCLOUD_SECRET_KEY")?);
        let mut this = Self::new(id.expose(), key, Secret::from_env("TENCENT_SMS_SDK_APP_ID")?.expose());
        if let Ok(region) = Secret::from_env("TENCENTCLOUD_REGION") {
            this = this.region(region.expose());
        }
        this.token = Secret::from_env("TENCENTCLOUD_TOKEN").ok();
        this.door = Door::from_env("TENCENT_CALLBACK_PATH", "TENCENT_CALLBACK_SOURCES");
        Ok(this.variables(Secret::from_env("TENCENT_VARIABLES").is_ok_and(|v| v.expose() == "1")))
    }

    /// The region of the service: `ap-guangzhou`, `ap-beijing` or `ap-nanjing`.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// The token of a temporary key.
    #[must_use]
    pub fn security_token(mut self, token: Secret) -> Self {
        self.token = Some(token);
        self
    }

    /// Whether the platform grants this account variables in marketing templates; then personal texts may be sent, one
    /// person a call.
    #[must_use]
    pub fn variables(mut self, granted: bool) -> Self {
        self.profile.personal_max = u16::from(granted);
        self
    }

    /// The path that the application's callback addresses carry, such as `/sms/` and 32 random digits. The platform
    /// signs nothing, so knowing this path is what proves a callback; without it every callback is refused.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call.
    pub(crate) fn call(&self, host: &str, action: &'static str, body: Vec<u8>, stamp: &Stamp) -> Outgoing {
        let (time, day) = ((stamp.at.millis() / 1000).to_string(), sign::utc(stamp.at, "%Y-%m-%d"));
        let authorization = Scoped {
            algorithm: "TC3-HMAC-SHA256",
            prefix: "TC3",
            time: &time,
            scope: &[&day, "sms", "tc3_request"],
            method: "POST",
            path: "/",
            query: "",
            headers: &[("content-type", "application/json"), ("host", host)],
            body_sha256: &sign::sha256_hex(&body),
        }
        .authorization(&self.secret_id, self.secret_key.expose());
        let mut headers: Vec<(&'static str, Cow<'static, str>)> = vec![
            ("content-type", "application/json".into()),
            ("x-tc-action", action.into()),
            ("x-tc-version", VERSION.into()),
            ("x-tc-timestamp", time.into()),
            ("x-tc-region", self.region.clone().into()),
            ("x-tc-language", "zh-CN".into()),
            ("authorization", authorization.into()),
        ];
        if let Some(token) = &self.token {
            headers.push(("x-tc-token", token.expose().to_owned().into()));
        }
        Outgoing { method: Method::Post, path: "/".into(), query: String::new(), headers, body }
    }
}

impl fmt::Debug for Tencent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tencent")
            .field("region", &self.region)
            .field("token", &self.token.is_some())
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "tencent",
    form: Form::Template,
    same_text_max: 200,
    // One set of values per call, and no variables in marketing templates unless granted (382/39023).
    personal_max: 0,
    signature: Writer::Platform,
    words: Writer::Template,
    // 08:00 to 22:00 (382/13301; FailedOperation.MarketingSendTimeConstraint).
    window: Some((8 * 60, 22 * 60)),
    // Set in the console, application by application.
    caps: &[],
    // 382/55981: a code per number.
    all_or_nothing: false,
    // SessionContext is an echo only.
    idempotent: false,
    // 20 a second are documented; a lookup is never urgent. Only messages with a carrier's report are found.
    lookup: Lookup::ByNumber { per_second: 10, absence_is_proof_after: None },
    reports: Back::PushOrPull,
    replies: Back::PushOrPull,
    report_due: Duration::from_secs(72 * 3600),
    calls_per_second: 3000,
    documented: Documented::High,
    source: "cloud.tencent.com 382/55981, 382/55977",
};

/// The body of `SendSms`, in the order of the documents.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "testing", derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct SendSms {
    phone_number_set: Vec<String>,
    sms_sdk_app_id: String,
    template_id: String,
    sign_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_param_set: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extend_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_context: Option<String>,
}

/// The body of `PullSmsSendStatus` and `PullSmsReplyStatus`.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "testing", derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct PullQueue {
    limit: u64,
    sms_sdk_app_id: String,
}

/// The body of `PullSmsSendStatusByPhoneNumber`.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "testing", derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct PullNumber {
    begin_time: i64,
    end_time: i64,
    offset: u64,
    limit: u64,
    phone_number: String,
    sms_sdk_app_id: String,
}

pub(crate) fn json(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("strings and numbers serialise")
}

impl Wire for Tencent {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://sms.tencentcloudapi.com"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, host: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let rendition = request.rendition();
        let template =
            rendition.template().ok_or_else(|| Verdict::rejected(Blame::Account, Consequence::Hold, "no_template"))?;
        let values = match (request.is_personal(), request.tickets()) {
            (false, _) => None,
            (true, [one]) => Some(positional(filled(rendition, one.params())?)),
            (true, _) => return Err(Verdict::rejected(Blame::Account, Consequence::Hold, "one_person_a_call").into()),
        };
        let body = SendSms {
            phone_number_set: request.tickets().iter().map(|t| format!("+86{}", t.phone().national())).collect(),
            sms_sdk_app_id: self.app_id.clone(),
            template_id: template.code.clone(),
            sign_name: rendition.signature().to_owned(),
            template_param_set: values,
            extend_code: rendition.extension().map(str::to_owned),
            session_context: Some(request.reference().to_string()),
        };
        Ok(self.call(host, "SendSms", json(&body), stamp))
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        match sent(answer) {
            Err(whole) => Verdicts::Same(whole),
            Ok(rows) => {
                let mut all = Rows::default();
                rows.iter().for_each(|r| all.add(&r.phone_number, r.verdict()));
                all.verdicts(request)
            }
        }
    }

    fn lookup(&self, asked: &Asked<'_>, _: u16, host: &str, stamp: &Stamp) -> Option<Outgoing> {
        // Up to now: the pages do not say whether the sending or the report is meant.
        let end = stamp.at.max(asked.begun_at.plus(BEFORE));
        let body = PullNumber {
            begin_time: asked.begun_at.minus(BEFORE).millis() / 1000,
            end_time: end.millis() / 1000,
            offset: 0,
            limit: PAGE_SIZE as u64,
            phone_number: format!("+86{}", asked.phone.national()),
            sms_sdk_app_id: self.app_id.clone(),
        };
        Some(self.call(host, "PullSmsSendStatusByPhoneNumber", json(&body), stamp))
    }

    fn found(&self, asked: &Asked<'_>, _: u16, answer: Incoming<'_>) -> Step {
        let Ok(Some(Items(statuses))) = opened(answer).map(|r| r.pull_sms_send_status_set) else {
            return Step::Done(Found::Unclear);
        };
        let reference = asked.reference.to_string();
        let of_phone = || statuses.iter().filter(|s| phone_of(&s.phone_number) == Some(asked.phone));
        let given = |s: &&Status<'_>| asked.provider_id.is_some_and(|id| *id == *s.serial_no);
        if let Some(hit) = of_phone().find(|s| *s.session_context == *reference || given(s)) {
            return Step::Done(hit.serial_no.filled().map_or(Found::Unclear, |id| Found::Accepted { id }));
        }
        // A record without the reference may be this message or another of that hour.
        let blind = of_phone().any(|s| s.session_context.is_empty()) || statuses.len() >= PAGE_SIZE;
        Step::Done(if blind { Found::Unclear } else { Found::Absent })
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.door.admits(call)?;
        callback(call)
    }

    fn pull(&self, what: Pull, host: &str, stamp: &Stamp) -> Option<Outgoing> {
        let action = match what {
            Pull::Replies => "PullSmsReplyStatus",
            Pull::Reports => "PullSmsSendStatus",
        };
        let body = PullQueue { limit: PAGE_SIZE as u64, sms_sdk_app_id: self.app_id.clone() };
        Some(self.call(host, action, json(&body), stamp))
    }

    fn pulled(&self, what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
        let response = opened(answer).map_err(|fault| match fault {
            Fault::Refused(code) => PullError::Refused { code: clipped(&code) },
            Fault::Unreadable(at) => PullError::Unreadable { at },
        })?;
        let (count, events): (usize, Vec<Inbound>) = match what {
            Pull::Reports => {
                let Items(rows) = response.pull_sms_send_status_set.ok_or(PullError::Unreadable { at: 0 })?;
                (rows.len(), rows.into_iter().filter_map(|row| row.event(at)).collect())
            }
            Pull::Replies => {
                let Items(rows) = response.pull_sms_reply_status_set.ok_or(PullError::Unreadable { at: 0 })?;
                (rows.len(), rows.into_iter().filter_map(|row| row.event(at)).collect())
            }
        };
        left_out(count, events.len());
        Ok(Pulled { events, more: count >= PAGE_SIZE })
    }
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "Response", borrow)]
    response: Response<'a>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    #[serde(borrow, default)]
    error: Option<ErrorBody<'a>>,
    #[serde(borrow, default)]
    send_status_set: Option<Items<Sent<'a>>>,
    #[serde(borrow, default)]
    pull_sms_send_status_set: Option<Items<Status<'a>>>,
    #[serde(borrow, default)]
    pull_sms_reply_status_set: Option<Items<PulledReply<'a>>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    #[serde(borrow)]
    code: Word<'a>,
}

/// One number of an answer to `SendSms`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent<'a> {
    #[serde(borrow, default)]
    serial_no: Word<'a>,
    #[serde(borrow)]
    phone_number: Word<'a>,
    #[serde(borrow)]
    code: Word<'a>,
}

impl Sent<'_> {
    fn verdict(&self) -> Verdict {
        match code(&self.code) {
            Some(row) => row.verdict(self.serial_no.filled()),
            None => Verdict::unknown(self.code.clipped()),
        }
    }
}

/// One pulled status.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status<'a> {
    #[serde(borrow, default)]
    user_receive_time: Word<'a>,
    #[serde(borrow)]
    phone_number: Word<'a>,
    #[serde(borrow, default)]
    serial_no: Word<'a>,
    #[serde(borrow, default)]
    report_status: Word<'a>,
    #[serde(borrow, default)]
    description: Word<'a>,
    #[serde(borrow, default)]
    session_context: Word<'a>,
}

impl Status<'_> {
    fn event(self, pulled_at: Timestamp) -> Option<Inbound> {
        let code = if self.description.is_empty() { &self.report_status } else { &self.description };
        let at = &*self.user_receive_time;
        Some(Inbound::Report(Report {
            event_id: event_id("report", &[&self.phone_number, &self.serial_no, &self.report_status, code, at]),
            phone: phone_of(&self.phone_number)?,
            provider_id: self.serial_no.filled(),
            reference: Reference::parse(&self.session_context),
            code: code.to_string(),
            delivered: delivered(&self.report_status),
            at: seconds(at).unwrap_or(pulled_at),
        }))
    }
}

/// One pulled reply.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PulledReply<'a> {
    #[serde(borrow, default)]
    extend_code: Word<'a>,
    #[serde(borrow)]
    phone_number: Word<'a>,
    #[serde(borrow, default)]
    sign_name: Word<'a>,
    #[serde(borrow)]
    reply_content: Word<'a>,
    #[serde(borrow, default)]
    reply_time: Word<'a>,
}

impl PulledReply<'_> {
    fn event(self, pulled_at: Timestamp) -> Option<Inbound> {
        let phone = phone_of(&self.phone_number)?;
        reply(phone, &self.reply_time, &self.reply_content, &self.extend_code, &self.sign_name, Some(pulled_at))
    }
}

enum Fault {
    Refused(String),
    Unreadable(usize),
}

/// The response of a well-formed answer that is no refusal.
fn opened(answer: Incoming<'_>) -> Result<Response<'_>, Fault> {
    let envelope: Envelope<'_> = serde_json::from_slice(answer.body).map_err(|e| {
        Fault::Unreadable(match malformed(answer.body, &e, "") {
            InboundError::Malformed { at, .. } => at,
            _ => 0,
        })
    })?;
    match envelope.response.error {
        Some(error) => Err(Fault::Refused(error.code.to_string())),
        // Every answer is documented with HTTP 200.
        None if answer.status != 200 => Err(Fault::Unreadable(0)),
        None => Ok(envelope.response),
    }
}

/// The rows of an answer to `SendSms`, or the verdict for all.
fn sent(answer: Incoming<'_>) -> Result<Vec<Sent<'_>>, Verdict> {
    // An error beside rows refuses nothing for certain.
    let both = |r: &Response<'_>| r.error.is_some() && r.send_status_set.as_ref().is_some_and(|s| !s.0.is_empty());
    if serde_json::from_slice::<Envelope<'_>>(answer.body).is_ok_and(|e| both(&e.response)) {
        return Err(Verdict::unknown("contradiction"));
    }
    match opened(answer) {
        Ok(Response { send_status_set: Some(Items(rows)), .. }) if !rows.is_empty() => Ok(rows),
        Ok(_) | Err(Fault::Unreadable(_)) => Err(Verdict::unknown("unreadable")),
        Err(Fault::Refused(word)) => Err(match code(&word) {
            Some(row) => row.verdict(None),
            None => Verdict::unknown(clipped(&word)),
        }),
    }
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

/// The number (where one is named), class and outcome of each verdict of an answer to `SendSms`.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
    let class_of = |word: &str| code(word).map_or(Class::Unknown, |r| r.class);
    if answer.status >= 500 {
        return vec![(None, Class::Transient, Outcome::Unknown)];
    }
    match sent(answer) {
        Ok(rows) => {
            rows.iter().map(|r| (Some(r.phone_number.to_string()), class_of(&r.code), r.verdict().outcome)).collect()
        }
        Err(whole) => vec![(None, class_of(&whole.code), whole.outcome)],
    }
}

#[derive(serde::Deserialize)]
struct PushedStatus<'a> {
    #[serde(borrow, default)]
    user_receive_time: Word<'a>,
    #[serde(borrow, default)]
    nationcode: Word<'a>,
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    report_status: Word<'a>,
    #[serde(borrow, default)]
    errmsg: Word<'a>,
    #[serde(borrow, default)]
    sid: Word<'a>,
}

impl PushedStatus<'_> {
    fn event(self, received_at: Option<Timestamp>) -> Option<Inbound> {
        let phone = domestic(&self.nationcode, &self.mobile)?;
        let code = if self.errmsg.is_empty() { &self.report_status } else { &self.errmsg };
        let parts = [&*self.mobile, &self.sid, &self.report_status, code, &self.user_receive_time];
        Some(Inbound::Report(Report {
            event_id: event_id("report", &parts),
            phone,
            provider_id: self.sid.filled(),
            // Not told in pushes; the id is.
            reference: None,
            code: code.to_string(),
            delivered: delivered(&self.report_status),
            at: Timestamp::parse_beijing(&self.user_receive_time).ok().or(received_at)?,
        }))
    }
}

#[derive(serde::Deserialize)]
struct PushedReply<'a> {
    #[serde(borrow, default)]
    extend: Word<'a>,
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    nationcode: Word<'a>,
    #[serde(borrow, default)]
    sign: Word<'a>,
    #[serde(borrow)]
    text: Word<'a>,
    #[serde(borrow, default)]
    time: Word<'a>,
}

/// Reads a push whose origin is proven: statuses come as an array, a reply as one object.
///
/// A row about a number that cannot be a mainland mobile is left out: it can be nobody we know.
fn callback(call: &HttpCall) -> Result<Callback, InboundError> {
    let body = call.body.as_slice();
    let is_object = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    let (count, events): (usize, Vec<Inbound>) = if is_object {
        let r: PushedReply<'_> = serde_json::from_slice(body)
            .map_err(|e| malformed(body, &e, "a JSON object with the fields of a reply"))?;
        let phone = domestic(&r.nationcode, &r.mobile);
        let reply = phone.and_then(|phone| reply(phone, &r.time, &r.text, &r.extend, &r.sign, call.received_at));
        (1, reply.into_iter().collect())
    } else {
        let Items(rows): Items<PushedStatus<'_>> = serde_json::from_slice(body)
            .map_err(|e| malformed(body, &e, "a JSON array of at most 10000 statuses, or a reply"))?;
        (rows.len(), rows.into_iter().filter_map(|r| r.event(call.received_at)).collect())
    };
    left_out(count, events.len());
    Ok(Callback { events, answer: received("application/json;charset=utf-8", "{\"result\":0,\"errmsg\":\"OK\"}") })
}

fn left_out(count: usize, read: usize) {
    if read < count {
        tracing::warn!(provider = "tencent", left_out = count - read, of = count, "rows without a mainland number");
    }
}

fn domestic(nation: &str, mobile: &str) -> Option<crate::phone::Phone> {
    matches!(nation, "" | "86").then(|| phone_of(mobile)).flatten()
}

fn reply(
    phone: crate::phone::Phone,
    time: &str,
    text: &str,
    extension: &str,
    signature: &str,
    came_at: Option<Timestamp>,
) -> Option<Inbound> {
    let filled = |s: &str| Some(s.to_owned()).filter(|s| !s.is_empty());
    Some(Inbound::Reply(Reply {
        event_id: event_id("reply", &[&phone.national(), time, text, extension, signature]),
        phone,
        text: text.to_owned(),
        extension: filled(extension),
        signature: filled(signature),
        at: seconds(time).or(came_at)?,
    }))
}

fn seconds(word: &str) -> Option<Timestamp> {
    word.parse().ok().and_then(unix)
}

fn delivered(report_status: &str) -> Option<bool> {
    match report_status {
        "SUCCESS" => Some(true),
        "FAIL" => Some(false),
        _ => None,
    }
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);
const SECOND: Consequence = Consequence::Rest(Duration::from_secs(1));
const HOUR: Consequence = Consequence::Rest(Duration::from_secs(3600));

/// Every code on the list. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest, StopOwner};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    &[
        row("Ok", Accepted, Taken, Nothing, "Nothing to do."),

        row("FailedOperation.InsufficientBalanceInSmsPackage", InsufficientBalance, ACCOUNT, Hold, "Buy an SMS package, then lift the hold."),
        row("UnauthorizedOperation.ServiceSuspendDueToArrears", InsufficientBalance, ACCOUNT, Hold, "The service is stopped for arrears: top up, then lift the hold."),

        row("AuthFailure.InvalidAuthorization", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("AuthFailure.InvalidSecretId", Auth, ACCOUNT, Hold, "The secret id is no API key: take one from the CAM console."),
        row("AuthFailure.MFAFailure", Auth, ACCOUNT, Hold, "The account asks for a second factor: use an API key that needs none."),
        row("AuthFailure.SecretIdNotFound", Auth, ACCOUNT, Hold, "Check the secret id, and that its key is enabled."),
        row("AuthFailure.SignatureExpire", Auth, ACCOUNT, Hold, "This machine's clock is off by more than 5 minutes: set it."),
        row("AuthFailure.SignatureFailure", Auth, ACCOUNT, Hold, "Check the secret key."),
        row("AuthFailure.TokenFailure", Auth, ACCOUNT, Hold, "The temporary key's token is wrong or over: fetch a new one."),
        row("AuthFailure.UnauthorizedOperation", Auth, ACCOUNT, Hold, "Grant the sub-account the right to send SMS."),
        row("UnauthorizedOperation.RequestIpNotInWhitelist", Auth, ACCOUNT, Hold, "Allow this machine's address in the console."),
        row("UnauthorizedOperation.RequestPermissionDeny", Auth, ACCOUNT, Hold, "The account may not use this operation: ask the platform."),
        row("UnauthorizedOperation.SdkAppIdIsDisabled", Auth, ACCOUNT, Hold, "The application is disabled: enable it or take another."),
        row("UnauthorizedOperation.SmsSdkAppIdVerifyFail", Auth, ACCOUNT, Hold, "The application does not belong to this account: check its id."),
        row("UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny", Auth, ACCOUNT, Hold, "Marketing is for enterprise accounts only: certify as one."),
        row("InvalidParameterValue.SdkAppIdNotExist", Auth, ACCOUNT, Hold, "The application does not exist: check its id."),
        row("InternalError.SigVerificationFail", Auth, ACCOUNT, Hold, "Check the secret key and the application."),
        row("InternalError.SigFieldMissing", Auth, ACCOUNT, Hold, "The signature was lost on its way: check proxies."),
        row("InternalError.RequestTimeException", Auth, ACCOUNT, Hold, "This machine's clock is off: set it."),
        row("IpInBlacklist", Auth, ACCOUNT, Hold, "This machine's address is blocked: see the console."),
        row("IpNotInWhitelist", Auth, ACCOUNT, Hold, "Allow this machine's address in the console."),

        row("RequestLimitExceeded", Throttled, Unsent, SECOND, "Too many calls: sending goes on by itself."),
        row("RequestLimitExceeded.IPLimitExceeded", Throttled, Unsent, SECOND, "Too many calls of this address: sending goes on by itself."),
        row("RequestLimitExceeded.UinLimitExceeded", Throttled, Unsent, SECOND, "Too many calls of this account: sending goes on by itself."),
        row("RequestLimitExceeded.GlobalRegionUinLimitExceeded", Throttled, Unsent, SECOND, "Too many calls of this account: sending goes on by itself."),
        row("LimitExceeded.DeliveryFrequencyLimit", Throttled, PERSON, Nothing, "The number reached a frequency limit set in the console."),
        row("LimitExceeded.AppDailyLimit", Throttled, ACCOUNT, HOUR, "The application's daily limit is reached: raise it in the console or wait for tomorrow."),
        row("LimitExceeded.AppMainlandChinaDailyLimit", Throttled, ACCOUNT, HOUR, "The application's daily limit is reached: raise it in the console or wait for tomorrow."),
        row("LimitExceeded.DailyLimit", Throttled, ACCOUNT, HOUR, "The account's daily limit is reached: raise it in the console or wait for tomorrow."),
        row("LimitExceeded.PhoneNumberDailyLimit", Throttled, PERSON, Nothing, "The number reached the daily limit set in the console."),
        row("LimitExceeded.PhoneNumberOneHourLimit", Throttled, PERSON, Nothing, "The number reached the hourly limit set in the console."),
        row("LimitExceeded.PhoneNumberSameContentDailyLimit", Throttled, PERSON, Nothing, "The number had this text as often as the console allows a day."),
        row("LimitExceeded.PhoneNumberThirtySecondLimit", Throttled, PERSON, Nothing, "The number reached the limit of 30 seconds set in the console."),
        row("FailedOperation.MarketingSendTimeConstraint", Throttled, ACCOUNT, Rest(Duration::from_secs(30 * 60)), "Marketing goes from 08:00 to 22:00 only: sending goes on by itself."),

        row("FailedOperation.SignatureIncorrectOrUnapproved", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature is unknown or not approved: check it."),
        row("FailedOperation.TemplateIncorrectOrUnapproved", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is unknown or not approved, or does not fit: check its id and state."),
        row("FailedOperation.TemplateUnapprovedOrNotExist", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is unknown or not approved: check its id and state."),
        row("FailedOperation.TemplateParamSetNotMatchApprovedTemplate", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "Text and approved template differ in their variables: bind the right template."),
        row("FailedOperation.TemplateIdNotExist", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template does not exist: check its id."),
        row("InvalidParameterValue.UnsupportedTemplateVariable", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "Marketing templates are not granted variables here: bind one without, or ask the platform."),
        row("InvalidParameterValue.MarketingTemplateWithoutUnsubscribe", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template must end with 拒收请回复R: file one that does."),

        row("InvalidParameterValue.IncorrectPhoneNumber", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed."),
        row("FailedOperation.PhoneNumberParseFail", NumberInvalid, PERSON, Nothing, "The platform cannot read the number."),
        row("UnsupportedOperation.UnsupportedRegion", NumberInvalid, PERSON, Nothing, "The number's region is not served."),
        row("UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone", NumberInvalid, PERSON, Nothing, "The platform takes the number for one abroad."),
        row("UnsupportedOperation.GlobalTemplateToChineseMainlandPhone", NumberInvalid, ACCOUNT, Hold, "The template is for numbers abroad: bind a domestic one."),

        // Unsubscribed from this signature, or on a carrier's list: the pages do not tell which.
        row("FailedOperation.PhoneNumberInBlacklist", NumberBlacklisted, PERSON, StopOwner, "The person unsubscribed or is on a do-not-disturb list: the stop is recorded."),

        row("FailedOperation.ContainSensitiveWord", ContentRejected, CONTENT, Nothing, "The text holds a forbidden word: change it."),
        row("InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", ContentRejected, CONTENT, Nothing, "A value may not be a link: put the link into the template."),
        row("InvalidParameter.DirtyWordFound", ContentRejected, CONTENT, Nothing, "The text holds a forbidden word: change it."),
        row("InvalidParameterValue.TemplateWithDirtyWords", ContentRejected, CONTENT, Nothing, "The template holds a forbidden word: file another."),

        row("InvalidParameter", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check application, template and extension."),
        row("InvalidParameterValue", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check application, template and extension."),
        row("InvalidParameter.AppidAndBizId", InvalidRequest, ACCOUNT, Hold, "The application is not known to the account: check its id."),
        row("InvalidParameter.InvalidParameters", InvalidRequest, ACCOUNT, Hold, "A field is not as documented, or its use is not opened: check the extension."),
        row("InvalidParameterValue.ContentLengthLimit", InvalidRequest, CONTENT, Nothing, "The text is too long: shorten it."),
        row("InvalidParameterValue.TemplateParameterFormatError", InvalidRequest, CONTENT, Nothing, "A value does not fit the variable's kind."),
        row("InvalidParameterValue.TemplateParameterLengthLimit", InvalidRequest, CONTENT, Nothing, "A value is too long for its variable."),
        row("LimitExceeded.PhoneNumberCountLimit", InvalidRequest, ACCOUNT, Hold, "More numbers than the platform takes in one call: update this library."),
        row("MissingParameter", InvalidRequest, ACCOUNT, Hold, "A field was lost on its way: check proxies and the application's id."),
        row("MissingParameter.EmptyPhoneNumberSet", InvalidRequest, ACCOUNT, Hold, "The numbers were lost on their way: check proxies."),
        row("UnsupportedOperation", InvalidRequest, ACCOUNT, Hold, "The operation is not served here: check the region."),
        row("UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber", InvalidRequest, ACCOUNT, Hold, "The platform takes one of the numbers for one abroad: send fewer a call to find it."),
        row("FailedOperation.FailResolvePacket", InvalidRequest, ACCOUNT, Hold, "The request was changed on its way: check proxies."),
        row("FailedOperation.JsonParseFail", InvalidRequest, ACCOUNT, Hold, "The request was changed on its way: check proxies."),
        row("InternalError.RestApiInterfaceNotExist", InvalidRequest, ACCOUNT, Hold, "The endpoint does not know the operation: check the endpoint."),
        row("InvalidAction", InvalidRequest, ACCOUNT, Hold, "The endpoint does not know the operation: check the endpoint."),
        row("UnknownParameter", InvalidRequest, ACCOUNT, Hold, "The platform does not know a field: update this library."),

        row("InternalError", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("InternalError.OtherError", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("InternalError.Timeout", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("InternalError.SendAndRecvFail", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("InternalError.UnknownError", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("InternalError.JsonParseFail", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("InternalError.ParseBackendResponseFail", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("FailedOperation.OtherError", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("ResourceUnavailable", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("ServiceUnavailable", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "tencent_tests.rs"]
mod tests;
