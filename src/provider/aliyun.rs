//! Aliyun (阿里云) SMS, Dysmsapi 2017-05-25.
//!
//! Sources: help.aliyun.com 419273 (SendSms), 419274 (SendBatchSms), 419277 (QuerySendDetails), 101346 (codes), 44357
//! (limits), smsreport-2 and knowledge 60127 (callbacks); signature `ACS3-HMAC-SHA256` as in the official SDKs
//! (`@alicloud/dysmsapi20170525` 4.6.0), whose captured requests are the test vectors.
//!
//! - A filed template is needed; the platform writes 【signature】 in front of it, and the unsubscribe words
//!   (拒收请回复R) stand in the template.
//! - One `Code` and one `BizId` answer a whole request, so a request is taken or refused as a whole.
//! - Nothing makes a second send harmless: the vendor says so. `OutId` carries our reference and is what a lookup and a
//!   delivery report are matched by.
//! - Callbacks are not signed: a secret path is their only proof. Without one they are refused.

use super::filed::filled;
use super::rows::clipped;
use super::sign::{self, Acs3};
use super::wire::{
    Class, CodeRow, Incoming, Items, Method, Outgoing, Step, Wire, event_id, malformed, phone_of, received, row,
};
use super::{
    Asked, Back, Blame, Consequence, Documented, Door, Form, Found, Lookup, Outcome, Profile, Request, Verdict,
    Verdicts, Writer,
};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Reply, Report};
use crate::secret::{MissingVariable, Secret};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

const VERSION: &str = "2017-05-25";
const PAGE_SIZE: usize = 50;
/// A submission this close to midnight may be filed under the next day.
const NEAR_MIDNIGHT: Duration = Duration::from_secs(15 * 60);
/// Cursor steps per day asked: pages one to four.
const PAGES_PER_DAY: u16 = 4;

/// The settings of one Aliyun account.
///
/// ```
/// use optin106::provider::aliyun::Aliyun;
/// use optin106::provider::Door;
/// use optin106::secret::Secret;
/// let aliyun = Aliyun::new("key id", Secret::new("key secret")).callbacks(Door::at(Secret::new("/sms/3f9c…")));
/// assert!(!format!("{aliyun:?}").contains("key"));
/// ```
#[derive(Clone)]
pub struct Aliyun {
    key_id: String,
    key_secret: Secret,
    token: Option<Secret>,
    door: Door,
    profile: Profile,
}

impl Aliyun {
    /// An account by its AccessKey.
    pub fn new(access_key_id: impl Into<String>, access_key_secret: Secret) -> Self {
        Self {
            key_id: access_key_id.into(),
            key_secret: access_key_secret,
            token: None,
            door: Door::default(),
            profile: PROFILE,
        }
    }

    /// Reads `ALIYUN_ACCESS_KEY_ID`, `ALIYUN_ACCESS_KEY_SECRET` and, where set, `ALIYUN_SECURITY_TOKEN` (STS) and
    /// `ALIYUN_CALLBACK_PATH` and `ALIYUN_CALLBACK_SOURCES`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the two needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let id = Secret::from_env("ALIYUN_ACCESS_KEY_ID")?;
        let mut this = Self::new(id.expose(), Secret::from_env("ALIYUN_ACCESS_KEY_SECRET")?);
        this.token = Secret::from_env("ALIYUN_SECURITY_TOKEN").ok();
        this.door = Door::from_env("ALIYUN_CALLBACK_PATH", "ALIYUN_CALLBACK_SOURCES");
        Ok(this)
    }

    /// A temporary credential's token (STS).
    #[must_use]
    pub fn security_token(mut self, token: Secret) -> Self {
        self.token = Some(token);
        self
    }

    /// The path that the console's push address carries, such as `/sms/` and 32 random digits. The platform signs
    /// nothing, so knowing this path is what proves a callback; without it every callback is refused.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call. Lists of `SendBatchSms` go into a form body, everything else into the query, as the
    /// official SDKs do.
    pub(crate) fn call(&self, host: &str, action: &str, params: &[(&str, &str)], stamp: &Stamp) -> Outgoing {
        let (body, query): (Vec<_>, Vec<_>) =
            params.iter().copied().partition(|(name, _)| action == "SendBatchSms" && name.ends_with("Json"));
        let query = sign::canonical_query(&query);
        // The same alphabet as the query: a space is %20 here too.
        let body = sign::canonical_query(&body).into_bytes();
        let body_sha256 = sign::sha256_hex(&body);
        let date = utc(stamp.at);
        let mut headers: Vec<(&'static str, &str)> = Vec::with_capacity(8);
        if !body.is_empty() {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        headers.extend([
            ("host", host),
            ("x-acs-action", action),
            ("x-acs-content-sha256", &body_sha256),
            ("x-acs-date", &date),
        ]);
        if let Some(token) = &self.token {
            headers.push(("x-acs-security-token", token.expose()));
        }
        headers.extend([("x-acs-signature-nonce", stamp.nonce.as_str()), ("x-acs-version", VERSION)]);
        let authorization =
            Acs3 { method: "POST", path: "/", query: &query, headers: &headers, body_sha256: &body_sha256 }
                .authorization(&self.key_id, self.key_secret.expose());
        let mut headers: Vec<(&'static str, Cow<'static, str>)> =
            headers.into_iter().filter(|(n, _)| *n != "host").map(|(n, v)| (n, v.to_owned().into())).collect();
        headers.push(("accept", "application/json".into()));
        headers.push(("authorization", authorization.into()));
        Outgoing { method: Method::Post, path: Cow::Borrowed("/"), query, headers, body }
    }
}

impl fmt::Debug for Aliyun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aliyun").field("token", &self.token.is_some()).field("door", &self.door).finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "aliyun",
    form: Form::Template,
    same_text_max: 1000,
    personal_max: 100,
    signature: Writer::Platform,
    words: Writer::Template,
    // No marketing window was found in the vendor's pages; the policy's own stands.
    window: None,
    // "50 per 24 h for the same signature + template + number", counted from submission.
    caps: &[(50, 1)],
    // 419273: one Code and one BizId per request, no result per number; fates come by report.
    all_or_nothing: true,
    idempotent: false,
    // 5000 calls a second are documented; a lookup is never urgent. No page says when an absent record is final.
    lookup: Lookup::ByNumber { per_second: 50, absence_is_proof_after: None },
    reports: Back::Push,
    replies: Back::Push,
    report_due: Duration::from_secs(72 * 3600),
    calls_per_second: 5000,
    documented: Documented::High,
    source: "help.aliyun.com 419273, 419274, 419277",
};

impl Wire for Aliyun {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://dysmsapi.aliyuncs.com"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, host: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let Some(template) = request.rendition().template() else {
            return Err(Verdict::rejected(Blame::Account, Consequence::Hold, "no_template").into());
        };
        let reference = request.reference().to_string();
        let common = [("TemplateCode", template.code.as_str()), ("OutId", &reference)];
        if request.is_personal() {
            Ok(self.call(host, "SendBatchSms", &[&borrowed(&personal(request)?)[..], &common].concat(), stamp))
        } else {
            Ok(self.call(host, "SendSms", &[&borrowed(&same_text(request))[..], &common].concat(), stamp))
        }
    }

    fn outcome(&self, _: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        Verdicts::Same(verdict(answer))
    }

    fn lookup(&self, asked: &Asked<'_>, cursor: u16, host: &str, stamp: &Stamp) -> Option<Outgoing> {
        let day = day_asked(asked.begun_at, cursor / PAGES_PER_DAY)?;
        let page = (cursor % PAGES_PER_DAY + 1).to_string();
        let phone = asked.phone.national();
        let params = [
            ("PhoneNumber", phone.as_str()),
            ("SendDate", day.as_str()),
            ("PageSize", "50"),
            ("CurrentPage", page.as_str()),
        ];
        Some(self.call(host, "QuerySendDetails", &params, stamp))
    }

    fn found(&self, asked: &Asked<'_>, cursor: u16, answer: Incoming<'_>) -> Step {
        let Some(details) = details(answer) else {
            return Step::Done(Found::Unclear);
        };
        let reference = asked.reference.to_string();
        let phone = asked.phone.national();
        // Our reference is random and used once, so it says more than template and time together.
        if details.iter().any(|d| d.out_id.as_deref() == Some(&*reference) && d.is_for(&phone)) {
            // The record has no BizId; the one we were given, or our own reference, stands for it.
            let id = asked.provider_id.map_or(reference, str::to_owned);
            return Step::Done(Found::Accepted { id });
        }
        let (day, page) = (cursor / PAGES_PER_DAY, cursor % PAGES_PER_DAY);
        if details.len() >= PAGE_SIZE {
            return if page + 1 < PAGES_PER_DAY { Step::More(cursor + 1) } else { Step::Done(Found::Unclear) };
        }
        match day_asked(asked.begun_at, day + 1) {
            Some(_) => Step::More((day + 1) * PAGES_PER_DAY),
            None => Step::Done(Found::Absent),
        }
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.door.admits(call)?;
        callback(&call.body, call.received_at)
    }
}

fn borrowed<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().map(|(k, v)| (*k, v.as_str())).collect()
}

fn same_text(request: &Request<'_>) -> Vec<(&'static str, String)> {
    let rendition = request.rendition();
    let mut numbers = String::with_capacity(request.tickets().len() * 12);
    for ticket in request.tickets() {
        if !numbers.is_empty() {
            numbers.push(',');
        }
        numbers.push_str(&ticket.phone().national());
    }
    let mut params = vec![("PhoneNumbers", numbers), ("SignName", rendition.signature().to_owned())];
    if let Some(extension) = rendition.extension() {
        params.push(("SmsUpExtendCode", extension.to_owned()));
    }
    params
}

fn personal(request: &Request<'_>) -> Result<Vec<(&'static str, String)>, Verdicts> {
    let rendition = request.rendition();
    let tickets = request.tickets();
    let values = Verdicts::parts(request, |t| {
        let filled = filled(rendition, t.params())?;
        Ok(sign::json_object(filled.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
    })?;
    let repeated = |s: &str| array(tickets.iter().map(|_| quoted(s)));
    let mut params = vec![
        ("PhoneNumberJson", array(tickets.iter().map(|t| quoted(&t.phone().national())))),
        ("SignNameJson", repeated(rendition.signature())),
        ("TemplateParamJson", array(values.into_iter())),
    ];
    if let Some(extension) = rendition.extension() {
        params.push(("SmsUpExtendCodeJson", repeated(extension)));
    }
    Ok(params)
}

fn quoted(s: &str) -> String {
    serde_json::Value::from(s).to_string()
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// `2026-03-01T00:00:00Z`.
fn utc(at: Timestamp) -> String {
    sign::utc(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// The `nth` Chinese day under which a submission may be filed, as `yyyyMMdd`.
fn day_asked(begun: Timestamp, nth: u16) -> Option<String> {
    let first = begun.day();
    let day = match nth {
        0 => first,
        1 => Some(begun.plus(NEAR_MIDNIGHT).day()).filter(|d| *d != first)?,
        _ => return None,
    };
    Some(format!("{:04}{:02}{:02}", day.year(), day.month(), day.day()))
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    code: String,
    #[serde(default)]
    biz_id: Option<String>,
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

/// What an answer to `SendSms` or `SendBatchSms` proves about every number in it.
pub(crate) fn verdict(answer: Incoming<'_>) -> Verdict {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    match code(&envelope.code) {
        // Success is documented with HTTP 200 only.
        Some(row) if row.class == Class::Accepted && answer.status != 200 => Verdict::unknown("contradiction"),
        Some(row) => row.verdict(envelope.biz_id),
        None => Verdict::unknown(clipped(&envelope.code)),
    }
}

/// What an answer means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(operation: &str, answer: Incoming<'_>) -> Class {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(answer.body) else {
        return if answer.status >= 500 { Class::Transient } else { Class::Unknown };
    };
    match code(&envelope.code) {
        Some(row) if row.class == Class::Accepted && operation == "QuerySendDetails" => {
            if details(answer).is_some_and(|d| !d.is_empty()) { Class::Accepted } else { Class::Unknown }
        }
        Some(row) => row.class,
        None if answer.status >= 500 => Class::Transient,
        None => Class::Unknown,
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DetailsEnvelope {
    code: String,
    #[serde(rename = "SmsSendDetailDTOs", default)]
    list: Option<DetailList>,
}

#[derive(serde::Deserialize)]
struct DetailList {
    #[serde(rename = "SmsSendDetailDTO", default)]
    items: Vec<Detail>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    #[serde(default)]
    phone_num: Option<String>,
    #[serde(default)]
    out_id: Option<String>,
}

impl Detail {
    fn is_for(&self, national: &str) -> bool {
        self.phone_num.as_deref().is_none_or(|p| p.ends_with(national))
    }
}

fn details(answer: Incoming<'_>) -> Option<Vec<Detail>> {
    let envelope: DetailsEnvelope = serde_json::from_slice(answer.body).ok()?;
    (answer.status == 200 && envelope.code == "OK").then_some(envelope.list?.items)
}

/// A row of either push; which one is told by its fields.
#[derive(serde::Deserialize)]
struct Push<'a> {
    #[serde(borrow, default)]
    phone_number: Cow<'a, str>,
    #[serde(borrow, default)]
    send_time: Cow<'a, str>,
    #[serde(default)]
    report_time: Option<Cow<'a, str>>,
    #[serde(default)]
    success: Option<bool>,
    #[serde(default)]
    err_code: Option<Cow<'a, str>>,
    #[serde(default)]
    biz_id: Option<Cow<'a, str>>,
    #[serde(default)]
    out_id: Option<Cow<'a, str>>,
    #[serde(default)]
    content: Option<Cow<'a, str>>,
    #[serde(default)]
    sign_name: Option<Cow<'a, str>>,
    #[serde(default)]
    dest_code: Option<Cow<'a, str>>,
    #[serde(default)]
    sequence_id: Option<serde_json::Value>,
}

/// Reads a push whose origin is proven.
///
/// A row about a number that cannot be a mainland mobile is left out: it can be nobody we know, and refusing the whole
/// push would lose the stops of others.
fn callback(body: &[u8], received_at: Option<Timestamp>) -> Result<Callback, InboundError> {
    let Items(rows): Items<Push<'_>> = serde_json::from_slice(body)
        .map_err(|e| malformed(body, &e, "a JSON array of at most 10000 reports or replies"))?;
    let count = rows.len();
    let events: Vec<Inbound> = rows.into_iter().filter_map(|row| event(row, received_at)).collect();
    if events.len() < count {
        tracing::warn!(
            provider = "aliyun",
            left_out = count - events.len(),
            of = count,
            "callback rows without a number"
        );
    }
    if events.is_empty() && count > 0 {
        return Err(InboundError::Malformed { at: 0, what: "phone_number and send_time in every row" });
    }
    let answer = received("application/json;charset=utf-8", "{\"code\":0,\"msg\":\"接收成功\"}");
    Ok(Callback { events, answer })
}

/// The event of a row, at the time of the push where its own cannot be read.
fn event(row: Push<'_>, received_at: Option<Timestamp>) -> Option<Inbound> {
    let phone = phone_of(&row.phone_number)?;
    let text = |c: &Option<Cow<'_, str>>| c.as_deref().unwrap_or_default().to_owned();
    let filled = |c: Option<Cow<'_, str>>| c.map(Cow::into_owned).filter(|s| !s.is_empty());
    if row.content.is_some() && row.success.is_none() && row.err_code.is_none() {
        let sequence = row.sequence_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let content = text(&row.content);
        return Some(Inbound::Reply(Reply {
            event_id: event_id("up", &[&row.phone_number, &row.send_time, &content, &text(&row.dest_code), &sequence]),
            phone,
            text: content,
            at: Timestamp::parse_beijing(&row.send_time).ok().or(received_at)?,
            extension: filled(row.dest_code),
            signature: filled(row.sign_name),
        }));
    }
    let at = row.report_time.as_deref().filter(|t| !t.is_empty()).unwrap_or(&row.send_time);
    let code = text(&row.err_code);
    Some(Inbound::Report(Report {
        event_id: event_id(
            "report",
            &[&row.phone_number, &text(&row.biz_id), &text(&row.out_id), &code, at, &format!("{:?}", row.success)],
        ),
        phone,
        at: Timestamp::parse_beijing(at).ok().or(received_at)?,
        reference: row.out_id.as_deref().and_then(Reference::parse),
        provider_id: filled(row.biz_id),
        code,
        delivered: row.success,
    }))
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);
const SECOND: Consequence = Consequence::Rest(Duration::from_secs(1));

/// Every code on the list. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, StopOwner};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    &[
        row("OK", Accepted, Taken, Nothing, "Nothing to do."),

        row("isv.AMOUNT_NOT_ENOUGH", InsufficientBalance, ACCOUNT, Hold, "Top up the balance, then lift the hold."),
        row("isv.OUT_OF_SERVICE", InsufficientBalance, ACCOUNT, Hold, "The service is stopped for arrears: top up, then lift the hold."),
        row("isv.BILLING_DEDUCTION_ERROR", InsufficientBalance, ACCOUNT, Hold, "Charging failed: check the account's billing, then lift the hold."),

        row("isp.RAM_PERMISSION_DENY", Auth, ACCOUNT, Hold, "Grant the RAM user AliyunDysmsFullAccess."),
        row("isv.ACCOUNT_NOT_EXISTS", Auth, ACCOUNT, Hold, "The account does not exist: check the AccessKey."),
        row("isv.ACCOUNT_ABNORMAL", Auth, ACCOUNT, Hold, "The account is in an abnormal state: ask the platform."),
        row("isv.PRODUCT_UN_SUBSCRIPT", Auth, ACCOUNT, Hold, "Open the SMS service for this account."),
        row("isv.PRODUCT_UNSUBSCRIBE", Auth, ACCOUNT, Hold, "Open the SMS service for this account."),
        row("isv.DENY_IP_RANGE", Auth, ACCOUNT, Hold, "Send from an address in mainland China that the console allows."),
        row("SignatureDoesNotMatch", Auth, ACCOUNT, Hold, "Check the AccessKey secret."),
        row("InvalidAccessKeyId.NotFound", Auth, ACCOUNT, Hold, "Check the AccessKey id."),
        row("InvalidAccessKeyId.Inactive", Auth, ACCOUNT, Hold, "The AccessKey is disabled: enable it or take another."),
        row("IncompleteSignature", Auth, ACCOUNT, Hold, "The signature was cut on its way: check proxies."),
        row("InvalidTimeStamp.Expired", Auth, ACCOUNT, Hold, "This machine's clock is off by more than 15 minutes: set it."),
        row("InvalidTimeStamp.Format", Auth, ACCOUNT, Hold, "The date header was changed on its way: check proxies."),
        row("Forbidden.RAM", Auth, ACCOUNT, Hold, "Grant the RAM user the right to send."),
        row("NoPermission", Auth, ACCOUNT, Hold, "Grant the RAM user the right to send."),

        row("isv.BUSINESS_LIMIT_CONTROL", Throttled, PERSON, Nothing, "The number reached the platform's limit for this template: nothing to do."),
        row("isv.DAY_LIMIT_CONTROL", Throttled, PERSON, Nothing, "The number reached the daily limit set in the console."),
        row("isv.MONTH_LIMIT_CONTROL", Throttled, PERSON, Nothing, "The number reached the monthly limit set in the console."),
        row("Throttling", Throttled, Unsent, SECOND, "Too many calls: sending goes on by itself."),
        row("Throttling.User", Throttled, Unsent, SECOND, "Too many calls of this user: sending goes on by itself."),
        row("Throttling.Api", Throttled, Unsent, SECOND, "Too many calls of this operation: sending goes on by itself."),
        // Whether this counts the account or the number is in no page read: a person looks, nobody is blamed.
        row("isv.SMS_OVER_LIMIT", Throttled, ACCOUNT, Hold, "A sending limit is reached: look it up in the console, then lift the hold."),

        row("isv.SMS_TEMPLATE_ILLEGAL", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is unknown or not approved: check its code and state."),
        row("isv.SMS_SIGNATURE_ILLEGAL", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature is unknown or not approved: check it."),
        row("isv.SMS_SIGN_ILLEGAL", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature is unknown or not approved: check it."),
        row("isv.SIGN_STATE_ILLEGAL", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature's state does not allow sending: see the console."),
        row("isv.SMS_SIGNATURE_SCENE_ILLEGAL", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature is not filed for marketing: file one that is."),

        row("isv.MOBILE_NUMBER_ILLEGAL", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed."),
        row("isv.CUSTOMER_REFUSED", NumberBlacklisted, PERSON, StopOwner, "The person unsubscribed at the platform: the stop is recorded."),

        row("isv.BLACK_KEY_CONTROL_LIMIT", ContentRejected, CONTENT, Nothing, "A parameter holds a forbidden word: change the text."),
        row("isv.SMS_CONTENT_ILLEGAL", ContentRejected, CONTENT, Nothing, "The text holds forbidden content: change it."),
        row("isv.PARAM_NOT_SUPPORT_URL", ContentRejected, CONTENT, Nothing, "A parameter may not be a link: put the link into the template."),

        row("isv.EXTEND_CODE_ERROR", InvalidRequest, ACCOUNT, Hold, "One extension serves two signatures: give each its own."),
        row("isv.DOMESTIC_NUMBER_NOT_SUPPORTED", InvalidRequest, ACCOUNT, Hold, "The template is for numbers abroad: bind a domestic one."),
        row("isv.INTERFACE_OFFLINE", InvalidRequest, ACCOUNT, Hold, "The operation was withdrawn: update this library."),
        row("isv.INVALID_PARAMETERS", InvalidRequest, ACCOUNT, Hold, "A parameter is not as documented: check template code, signature and extension."),
        row("isv.INVALID_JSON_PARAM", InvalidRequest, CONTENT, Nothing, "The parameters are not taken as JSON: check the values."),
        row("isv.TEMPLATE_MISSING_PARAMETERS", InvalidRequest, CONTENT, Nothing, "The template has a variable that the text does not fill: bind the right template."),
        row("isv.TEMPLATE_PARAMS_ILLEGAL", InvalidRequest, CONTENT, Nothing, "A parameter does not fit the variable's kind."),
        row("isv.PARAM_LENGTH_LIMIT", InvalidRequest, CONTENT, Nothing, "A parameter is too long (1 to 35 characters)."),
        row("isv.MOBILE_COUNT_OVER_LIMIT", InvalidRequest, ACCOUNT, Hold, "More numbers than the platform takes in one call: update this library."),
        row("MissingParameter", InvalidRequest, ACCOUNT, Hold, "A parameter was lost on its way: check proxies."),
        row("InvalidAction.NotFound", InvalidRequest, ACCOUNT, Hold, "The endpoint does not know the operation: check the endpoint."),
        row("InvalidVersion", InvalidRequest, ACCOUNT, Hold, "The endpoint does not know the version: check the endpoint."),

        // Seen when the same signed bytes arrive twice: the first may have been taken.
        row("SignatureNonceUsed", InvalidRequest, Doubt, Nothing, "The same request arrived twice: wait for the lookup or the report."),
        row("isp.SYSTEM_ERROR", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("isp.GATEWAY_ERROR", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("ServiceUnavailable", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("InternalError", Transient, Doubt, Nothing, "The platform failed: wait for the lookup or the report."),
        row("isv.DATA_NOT_EXIST", Transient, Doubt, Nothing, "The platform does not find its data: wait for the lookup or the report."),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Verdict {
        verdict(Incoming { status, body: body.as_bytes() })
    }

    fn account() -> Aliyun {
        Aliyun::new("id", Secret::new("s3cret")).callbacks(Door::at(Secret::new("/cb/0123456789abcdef")))
    }

    fn push(path: &str, body: &str) -> Result<Callback, InboundError> {
        account().inbound(&HttpCall::new("POST", path, "", body))
    }

    #[test]
    fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
        let sheet: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/providers/aliyun/errors.json")).unwrap();
        for listed in sheet["codes"].as_array().unwrap() {
            let name = listed["code"].as_str().unwrap();
            let row = code(name).unwrap_or_else(|| panic!("{name} is not listed"));
            assert_eq!(row.class.as_str(), listed["class"].as_str().unwrap(), "{name}");
            assert!(row.remedy.ends_with('.'), "{name}");
            if listed["send_may_have_happened"] == true {
                assert!(matches!(row.outcome, Outcome::Unknown | Outcome::Accepted), "{name}");
            }
        }
        let mut names: Vec<_> = CODES.iter().map(|r| r.code).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CODES.len());
    }

    #[test]
    fn only_a_success_with_an_id_is_accepted() {
        let v = answer(200, r#"{"Code":"OK","BizId":"9^0"}"#);
        assert_eq!(v, Verdict::accepted("9^0"));
        for (status, body) in [
            (200, r#"{"Code":"OK"}"#),
            (200, r#"{"Code":"OK","BizId":""}"#),
            (400, r#"{"Code":"OK","BizId":"9^0"}"#),
            (200, r#"{"Code":"OK","BizId":"9^0"} trailing"#),
            (200, r#"{"Code":"OK","Code":"isv.AMOUNT_NOT_ENOUGH","BizId":"9^0"}"#),
            (200, r#"{"Code":"isv.NEVER_HEARD_OF"}"#),
            (200, r#"{"Code":"isv.amount_not_enough"}"#),
            (200, "<html>"),
            (200, ""),
            (200, "null"),
            (200, "[]"),
            (200, r#"{"Code":7}"#),
        ] {
            assert_eq!(answer(status, body).outcome, Outcome::Unknown, "{body}");
        }
    }

    #[test]
    fn an_unsubscribed_person_stops_the_owner() {
        let v = answer(200, r#"{"Code":"isv.CUSTOMER_REFUSED"}"#);
        assert_eq!((v.outcome, v.consequence), (PERSON, Consequence::StopOwner));
    }

    #[test]
    fn a_callback_needs_the_secret_path() {
        assert_eq!(push("/cb/0123456789abcdee", "[]").unwrap_err(), InboundError::Forged);
        let bare = Aliyun::new("id", Secret::new("s"));
        let call = HttpCall::new("POST", "/", "", "[]");
        assert_eq!(bare.inbound(&call).unwrap_err(), InboundError::NotOffered);
    }

    #[test]
    fn reports_and_replies_are_told_apart_and_ids_are_stable() {
        let body = r#"[
            {"phone_number":"13800000001","send_time":"2026-03-01 10:05:00","content":"R","sign_name":"测试签名","dest_code":"1234","sequence_id":1234567890},
            {"phone_number":"+8613800000002","send_time":"2026-03-01 10:00:05","report_time":"2026-03-01 10:00:09","success":false,
             "err_code":"MOBILE_NOT_ON_SERVICE","biz_id":"9^0","out_id":"00112233445566778899aabbccddeeff"},
            {"phone_number":"02112345678","send_time":"2026-03-01 10:05:00","content":"x"}]"#;
        let one = push("/cb/0123456789abcdef", body).unwrap();
        assert_eq!(one.answer.body, "{\"code\":0,\"msg\":\"接收成功\"}");
        let [Inbound::Reply(reply), Inbound::Report(report)] = &one.events[..] else {
            panic!("{:?}", one.events);
        };
        assert_eq!((reply.text.as_str(), reply.extension.as_deref()), ("R", Some("1234")));
        assert_eq!(reply.at.to_string(), "2026-03-01T10:05:00+08:00");
        assert_eq!(report.reference, Reference::parse("00112233445566778899aabbccddeeff"));
        assert_eq!((report.code.as_str(), report.delivered), ("MOBILE_NOT_ON_SERVICE", Some(false)));
        let two = push("/cb/0123456789abcdef", body).unwrap();
        let Inbound::Reply(again) = &two.events[0] else { panic!() };
        assert_eq!(again.event_id, reply.event_id);
    }

    #[test]
    fn a_time_that_cannot_be_read_is_that_of_the_push() {
        let now = Some(Timestamp::from_millis(1_796_954_400_000));
        let body = r#"[{"phone_number":"13800000001","content":"R"},
            {"phone_number":"13800000002","report_time":"soon","success":false,"err_code":"MBBLACK"}]"#;
        let call = HttpCall { received_at: now, ..HttpCall::new("POST", "/cb/0123456789abcdef", "", body) };
        let read = account().inbound(&call).unwrap();
        let [Inbound::Reply(reply), Inbound::Report(report)] = &read.events[..] else { panic!("{:?}", read.events) };
        assert_eq!((Some(reply.at), Some(report.at)), (now, now));
    }

    #[test]
    fn callbacks_are_bounded() {
        let path = "/cb/0123456789abcdef";
        let many = format!("[{}]", vec!["{}"; 10_001].join(","));
        assert!(matches!(push(path, &many), Err(InboundError::Malformed { .. })));
        let big = " ".repeat(HttpCall::MAX_BODY + 1);
        assert!(matches!(push(path, &big), Err(InboundError::TooLarge { .. })));
        assert!(matches!(
            push(path, "[1"),
            Err(InboundError::Malformed { at: 2.., .. }) | Err(InboundError::Malformed { .. })
        ));
        assert!(matches!(push(path, &"[".repeat(100_000)), Err(InboundError::Malformed { .. })));
    }

    #[test]
    fn a_night_submission_is_also_asked_for_on_the_next_day() {
        let at: Timestamp = "2026-12-31T23:50:00+08:00".parse().unwrap();
        assert_eq!(day_asked(at, 0).as_deref(), Some("20261231"));
        assert_eq!(day_asked(at, 1).as_deref(), Some("20270101"));
        assert_eq!(day_asked(at, 2), None);
        let noon: Timestamp = "2026-12-31T12:00:00+08:00".parse().unwrap();
        assert_eq!(day_asked(noon, 1), None);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let a = account().security_token(Secret::new("tok3n"));
        let out = a.call(
            "h",
            "SendSms",
            &[("PhoneNumbers", "13800000001")],
            &Stamp { at: Timestamp::EPOCH, nonce: "n".into() },
        );
        let shown = format!("{a:?} {out:?}");
        for secret in ["s3cret", "tok3n", "0123456789abcdef", "13800000001"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(out.headers.iter().any(|(n, v)| *n == "authorization" && v.contains("x-acs-security-token")));
    }
}
