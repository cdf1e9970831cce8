//! Volcengine (火山引擎) SMS: `SendSms` 2020-01-01, `GetSmsSendDetails` 2021-01-11.
//!
//! Sources: volcengine.com 6361/67380 (SendSms), 6361/66716 (errors and receipts), 6361/171584 and 171585 (callbacks),
//! 6469/1121980 (signature); official Python and Node SDKs. Bodies are those of `@volcengine/openapi` 1.36.2 to the byte
//! (compact UTF-8 JSON); signed are the four headers of the Python SDK, whose escaped bodies and the Node SDK's shorter
//! list of headers are checked with the signer.
//!
//! - A filed template is needed; the platform writes 【signature】 in front of it, 拒收请回复R stands at its end (`CR:0216`
//!   otherwise). Marketing templates take no variables, so personal texts cannot be sent here.
//! - Answers name no number: they hold one id for each, in the order of the numbers, as documented. An answer with more or
//!   fewer ids leaves everyone in doubt. Bad numbers among many are told by receipts only.
//! - One error answers a whole request, and nothing says that a request is refused as a whole: a person's fault told of
//!   many is in doubt. With which HTTP status `RE:*` come is not documented: the body decides. Codes of receipts in an
//!   answer to a send prove nothing.
//! - `Tag` carries our reference into receipts (`ext`). It makes no second send harmless. The record of a number does not
//!   hold it: a lookup goes by id, else by text and time, and an empty one proves nothing. It reads one page.
//! - The marketing hours 08:00 to 21:30 are those of `CR:0203`: what is submitted outside is taken and fails later.
//! - Callbacks are not signed: a secret path is their only proof. `ext` of a reply is the tag of the message answered
//!   (**unconfirmed**), not a sub-port; no field tells that.

use super::rows::{Word, clipped};
use super::sign::{self, Scoped};
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
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

const SERVICE: &str = "volcSMS";
/// Records of one page, as in the documents' example; the largest is not documented.
const PAGE_SIZE: usize = 15;
/// A number's record is looked for from this long before the begin, for clocks that differ …
const BEFORE: Duration = Duration::from_secs(2 * 60);
/// … until this long after it.
const AFTER: Duration = Duration::from_secs(15 * 60);

/// The settings of one message group of a Volcengine account.
///
/// ```
/// use optin106::provider::{Door, volcengine::Volcengine};
/// use optin106::secret::Secret;
/// let volcengine = Volcengine::new("access key", Secret::new("secret key"), "7000000a")
///     .callbacks(Door::at(Secret::new("/sms/3f9c…")));
/// assert!(!format!("{volcengine:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Volcengine {
    key_id: String,
    secret: Secret,
    group: String,
    region: String,
    token: Option<Secret>,
    door: Door,
}

impl Volcengine {
    /// A message group (`SmsAccount`) by the access key of its account, in `cn-north-1`.
    pub fn new(key_id: impl Into<String>, secret: Secret, group: impl Into<String>) -> Self {
        Self {
            key_id: key_id.into(),
            secret,
            group: group.into(),
            region: "cn-north-1".into(),
            token: None,
            door: Door::default(),
        }
    }

    /// Reads `VOLC_ACCESSKEY`, `VOLC_SECRETKEY`, `VOLC_SMS_ACCOUNT` and, where set, `VOLC_REGION`, `VOLC_SESSION_TOKEN`
    /// (temporary keys), `VOLC_CALLBACK_PATH` and `VOLC_CALLBACK_SOURCES`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the three needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let (id, secret) = (Secret::from_env("VOLC_ACCESSKEY")?, Secret::from_env("VOLC_SECRETKEY")?);
        let mut this = Self::new(id.expose(), secret, Secret::from_env("VOLC_SMS_ACCOUNT")?.expose());
        if let Ok(region) = Secret::from_env("VOLC_REGION") {
            this = this.region(region.expose());
        }
        this.token = Secret::from_env("VOLC_SESSION_TOKEN").ok();
        this.door = Door::from_env("VOLC_CALLBACK_PATH", "VOLC_CALLBACK_SOURCES");
        Ok(this)
    }

    /// The region that signatures name.
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

    /// The path that the callback addresses carry, such as `/sms/` and 32 random digits. The platform signs nothing, so
    /// knowing this path is what proves a callback; without it every callback is refused.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call.
    pub(crate) fn call(&self, host: &str, action: &str, version: &str, body: Vec<u8>, stamp: &Stamp) -> Outgoing {
        const CONTENT_TYPE: &str = "application/json; charset=utf-8";
        let (time, day) = (sign::utc(stamp.at, "%Y%m%dT%H%M%SZ"), sign::utc(stamp.at, "%Y%m%d"));
        let (query, body_sha256) = (format!("Action={action}&Version={version}"), sign::sha256_hex(&body));
        let mut signed =
            vec![("content-type", CONTENT_TYPE), ("host", host), ("x-content-sha256", &body_sha256), ("x-date", &time)];
        signed.extend(self.token.iter().map(|t| ("x-security-token", t.expose())));
        let authorization = Scoped {
            algorithm: "HMAC-SHA256",
            prefix: "",
            time: &time,
            scope: &[&day, &self.region, SERVICE, "request"],
            method: "POST",
            path: "/",
            query: &query,
            headers: &signed,
            body_sha256: &body_sha256,
        }
        .authorization(&self.key_id, self.secret.expose());
        let mut headers: Vec<(&'static str, Cow<'static, str>)> = vec![
            ("content-type", CONTENT_TYPE.into()),
            ("x-date", time.into()),
            ("x-content-sha256", body_sha256.into()),
            ("authorization", authorization.into()),
        ];
        if let Some(token) = &self.token {
            headers.push(("x-security-token", token.expose().to_owned().into()));
        }
        Outgoing { method: Method::Post, path: "/".into(), query, headers, body }
    }
}

impl fmt::Debug for Volcengine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Volcengine")
            .field("region", &self.region)
            .field("token", &self.token.is_some())
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "volcengine",
    form: Form::Template,
    same_text_max: 200,
    // Marketing templates take no variables.
    personal_max: 0,
    signature: Writer::Platform,
    words: Writer::Template,
    // 早8晚9点半 (CR:0203).
    window: Some((8 * 60, 21 * 60 + 30)),
    // Set in the console (频控).
    caps: &[],
    // Nothing says so, and errors of single numbers come by receipt.
    all_or_nothing: false,
    // Tag is an echo only.
    idempotent: false,
    // No page says when a record appears, nor how often one may ask.
    lookup: Lookup::ByNumber { per_second: 5, absence_is_proof_after: None },
    reports: Back::Push,
    replies: Back::Push,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented; CR:0206 says when it is too much.
    calls_per_second: 20,
    documented: Documented::High,
    source: "volcengine.com 6361/67380, 6361/66716",
};

/// The body of `SendSms`, in the order of the documents.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "testing", derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct SendSms {
    sms_account: String,
    sign: String,
    #[serde(rename = "TemplateID")]
    template_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_param: Option<String>,
    phone_numbers: String,
    tag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_ext_code: Option<String>,
}

/// The body of `GetSmsSendDetails`.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "testing", derive(serde::Deserialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Details {
    sub_account: String,
    phone_number: String,
    message_id: String,
    send_date: String,
    page_index: usize,
    page_size: usize,
}

pub(crate) fn json(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("strings and numbers serialise")
}

impl Wire for Volcengine {
    fn profile(&self) -> &Profile {
        &PROFILE
    }

    fn endpoint(&self) -> &str {
        "https://sms.volcengineapi.com"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, host: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let account = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let rendition = request.rendition();
        let template = rendition.template().ok_or_else(|| account("no_template"))?;
        if request.is_personal() {
            return Err(account("no_variables").into());
        }
        let numbers: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        let body = SendSms {
            sms_account: self.group.clone(),
            sign: rendition.signature().to_owned(),
            template_id: template.code.clone(),
            template_param: None,
            phone_numbers: numbers.join(","),
            tag: request.reference().to_string(),
            user_ext_code: rendition.extension().map(str::to_owned),
        };
        Ok(self.call(host, "SendSms", "2020-01-01", json(&body), stamp))
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        let tickets = request.tickets().len();
        match sent(answer) {
            Ok(ids) if ids.len() == tickets => Verdicts::Each(ids.into_iter().map(Verdict::accepted).collect()),
            Ok(_) => Verdicts::Same(Verdict::unknown("not_named")),
            Err(whole) if whole.outcome == PERSON && tickets > 1 => Verdicts::Same(Verdict::unknown(whole.code)),
            Err(whole) => Verdicts::Same(whole),
        }
    }

    fn lookup(&self, asked: &Asked<'_>, _: u16, host: &str, stamp: &Stamp) -> Option<Outgoing> {
        let body = Details {
            sub_account: self.group.clone(),
            phone_number: asked.phone.national(),
            message_id: asked.provider_id.unwrap_or_default().to_owned(),
            send_date: asked.begun_at.civil().strftime("%Y%m%d").to_string(),
            page_index: 1,
            page_size: PAGE_SIZE,
        };
        Some(self.call(host, "GetSmsSendDetails", "2021-01-11", json(&body), stamp))
    }

    fn found(&self, asked: &Asked<'_>, _: u16, answer: Incoming<'_>) -> Step {
        let Ok(Told { details: Some(Items(details)), .. }) = opened(answer) else {
            return Step::Done(Found::Unclear);
        };
        let window = asked.begun_at.minus(BEFORE)..=asked.begun_at.plus(AFTER);
        let number = asked.phone.national();
        let ours = |d: &&Detail<'_>| match asked.provider_id {
            _ if !d.shows(&number) => false,
            Some(id) => *d.message_id == *id,
            None => asked.text.is_some_and(|t| d.is_of(t)) && window.contains(&Timestamp::from_millis(d.send_time)),
        };
        // Two records of one text in one hour tell nothing apart.
        let mut hits = details.iter().filter(ours);
        Step::Done(match (hits.next().and_then(|d| d.message_id.filled()), hits.next()) {
            (Some(id), None) => Found::Accepted { id },
            // Nobody says when a record appears.
            _ => Found::Unclear,
        })
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.door.admits(call)?;
        callback(&call.body)
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    response_metadata: Metadata<'a>,
    #[serde(borrow, default)]
    result: Option<Told<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    error: Option<ErrorBody<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    #[serde(borrow)]
    code: Word<'a>,
}

#[derive(Default, serde::Deserialize)]
struct Told<'a> {
    #[serde(rename = "MessageID", borrow, default)]
    ids: Option<Items<Word<'a>>>,
    #[serde(rename = "sendDetailsResults", borrow, default)]
    details: Option<Items<Detail<'a>>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    #[serde(borrow, default)]
    phone_number: Word<'a>,
    #[serde(borrow, default)]
    message_id: Word<'a>,
    #[serde(borrow, default)]
    signature: Word<'a>,
    #[serde(borrow, default)]
    content: Word<'a>,
    #[serde(default)]
    send_time: i64,
}

impl Detail<'_> {
    /// Whether it can be of this number, as far as its mask shows.
    fn shows(&self, number: &str) -> bool {
        let shown = self.phone_number.trim_start_matches("+86");
        shown.len() == number.len() && shown.bytes().zip(number.bytes()).all(|(s, n)| s == b'*' || s == n)
    }

    /// Whether its text as seen is this one.
    fn is_of(&self, text: &str) -> bool {
        let (text, content) = (text.trim(), self.content.trim());
        let rest = text.strip_prefix('【').and_then(|t| t.strip_prefix(&*self.signature)?.strip_prefix('】'));
        !content.is_empty() && (content == text || rest == Some(content))
    }
}

/// The result of a well-formed answer that is no error; else the verdict of everyone.
fn opened(answer: Incoming<'_>) -> Result<Told<'_>, Verdict> {
    let envelope: Envelope<'_> = serde_json::from_slice(answer.body).map_err(|_| Verdict::unknown("unreadable"))?;
    match (envelope.response_metadata.error, envelope.result) {
        // An error beside a result refuses nothing for certain.
        (Some(_), Some(_)) => Err(Verdict::unknown("contradiction")),
        (Some(error), None) => Err(match code(&error.code) {
            Some(row) => row.verdict(None),
            None => Verdict::unknown(clipped(&error.code)),
        }),
        (None, Some(result)) if answer.status == 200 => Ok(result),
        (None, _) => Err(Verdict::unknown("unreadable")),
    }
}

/// The ids of an answer to `SendSms`, all of them different and none of them empty; else the verdict of everyone.
fn sent(answer: Incoming<'_>) -> Result<Vec<String>, Verdict> {
    let ids: Vec<String> = match opened(answer)?.ids {
        Some(Items(ids)) => ids.iter().filter_map(Word::filled).collect(),
        None => return Err(Verdict::unknown("no_id")),
    };
    let different: HashSet<&String> = ids.iter().collect();
    if ids.is_empty() || different.len() < ids.len() { Err(Verdict::unknown("no_id")) } else { Ok(ids) }
}

/// The class and outcome of an answer to `SendSms`, one for all.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> (Class, Outcome) {
    match sent(answer) {
        Ok(_) => (Class::Accepted, Outcome::Accepted),
        Err(whole) => (code(&whole.code).map_or(Class::Unknown, |r| r.class), whole.outcome),
    }
}

/// A receipt or a reply: the two come in the same form, and only a receipt has a status.
#[derive(serde::Deserialize)]
struct Pushed<'a> {
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    status_code: Option<Word<'a>>,
    #[serde(borrow, default)]
    content: Option<Word<'a>>,
    #[serde(borrow, default)]
    message_id: Word<'a>,
    #[serde(borrow, default)]
    signature: Word<'a>,
    #[serde(borrow, default)]
    ext: Word<'a>,
    recv_time: i64,
}

impl Pushed<'_> {
    fn event(&self) -> Option<Inbound> {
        let phone = phone_of(&self.mobile)?;
        let (at, number) = (self.recv_time.to_string(), phone.national());
        Some(match (&self.status_code, &self.content) {
            (Some(status), _) => Inbound::Report(Report {
                event_id: event_id("report", &[&number, &self.message_id, status, &at]),
                phone,
                provider_id: self.message_id.filled(),
                reference: Reference::parse(&self.ext),
                code: status.clipped(),
                delivered: if status.is_empty() { None } else { Some(&**status == "0") },
                at: Timestamp::from_millis(self.recv_time),
            }),
            (None, said) => {
                let text = said.as_deref().unwrap_or_default();
                Inbound::Reply(Reply {
                    event_id: event_id("reply", &[&number, text, &self.signature, &self.ext, &at]),
                    phone,
                    text: text.to_owned(),
                    extension: None,
                    signature: self.signature.filled(),
                    at: Timestamp::from_millis(self.recv_time),
                })
            }
        })
    }
}

/// Reads a push whose origin is proven. A row about a number that cannot be a mainland mobile is left out: it can be nobody
/// we know.
fn callback(body: &[u8]) -> Result<Callback, InboundError> {
    let Items(rows): Items<Pushed<'_>> =
        serde_json::from_slice(body).map_err(|e| malformed(body, &e, "a JSON array of receipts or replies"))?;
    if rows.iter().any(|r| r.status_code.is_none() && r.content.is_none()) {
        return Err(InboundError::Malformed { at: 0, what: "rows with status_code or content" });
    }
    let events: Vec<Inbound> = rows.iter().filter_map(Pushed::event).collect();
    if events.len() < rows.len() {
        let (left_out, of) = (rows.len() - events.len(), rows.len());
        tracing::warn!(provider = "volcengine", left_out, of, "rows without a mainland number");
    }
    Ok(Callback { events, answer: received("text/plain", "") })
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

const KEY: &str = "Check the access key and its rights, then lift the hold.";
const CLOCK: &str = "This machine's clock is off by more than 15 minutes: set it, then lift the hold.";
const CHANGED: &str = "The request was changed on its way: check proxies, then lift the hold.";
const FIELD: &str = "A field is not as documented: check message group, template and extension, then lift the hold.";
const FILED: &str = "The template or the signature is not approved: see the console, then lift the hold.";
const MONEY: &str = "The account is in arrears: top up, then lift the hold.";
const TEXT: &str = "The text holds what may not be sent: change it.";
const DEAD: &str = "The number cannot be reached: nothing to do.";
const WAIT: &str = "The platform failed: wait for the lookup or the receipt.";

/// Every code on the list, of answers and of receipts. What is not here is unknown.
///
/// `CR:`, `CE:`, `NE:`, `SY:` and `UN:` are told of what was taken, by receipt, and read by the table of delivery codes. No
/// page has them in an answer to a send: there they prove nothing.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    &[
        row("0", Accepted, Taken, Nothing, "Nothing to do."),

        row("RE:0010", InsufficientBalance, ACCOUNT, Hold, MONEY),
        row("CR:0204", InsufficientBalance, Doubt, Nothing, "The account is in arrears: top up."),

        row("RE:0000", Auth, ACCOUNT, Hold, KEY),
        row("RE:0001", Auth, ACCOUNT, Hold, "The service is not opened or stopped: see the console, then lift the hold."),
        row("RE:0002", Auth, ACCOUNT, Hold, "The service is not opened or stopped: see the console, then lift the hold."),
        row("RE:0007", Auth, ACCOUNT, Hold, "Allow this machine's address in the console, then lift the hold."),
        row("SignatureDoesNotMatch", Auth, ACCOUNT, Hold, KEY),
        row("InvalidAccessKey", Auth, ACCOUNT, Hold, KEY),
        row("InvalidCredential", Auth, ACCOUNT, Hold, KEY),
        row("InvalidAuthorization", Auth, ACCOUNT, Hold, CHANGED),
        row("InvalidTimestamp", Auth, ACCOUNT, Hold, CLOCK),
        row("MissingAuthenticationToken", Auth, ACCOUNT, Hold, CHANGED),
        row("MissingSignature", Auth, ACCOUNT, Hold, CHANGED),
        row("MissingRequestInfo", Auth, ACCOUNT, Hold, CHANGED),
        row("LackPolicy", Auth, ACCOUNT, Hold, KEY),
        row("AccessDenied", Auth, ACCOUNT, Hold, KEY),

        row("FlowLimitExceeded", Throttled, Unsent, Rest(Duration::from_secs(1)), "Too many calls: sending goes on by itself."),
        row("RE:0013", Throttled, Unsent, Rest(Duration::from_secs(3600)), "The account's threshold is reached: raise it in the console, or sending goes on by itself."),
        row("CR:0202", Throttled, Doubt, Nothing, "The number reached the platform's limit: nothing to do."),
        row("CR:0213", Throttled, Doubt, Nothing, "The same text went to this number before: nothing to do."),
        row("CR:0203", Throttled, Doubt, Nothing, "Marketing goes from 08:00 to 21:30 only: plan within these hours."),
        row("CR:0206", Throttled, Doubt, Nothing, "Too fast for the platform: lower the account's pace."),
        row("CR:0208", Throttled, Doubt, Nothing, "A limit of the platform: lower the account's pace."),

        row("RE:0004", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("RE:0005", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("CR:0212", TemplateOrSignatureNotApproved, Doubt, Nothing, "The carrier does not know the signature: have it filed."),
        row("CR:0215", TemplateOrSignatureNotApproved, Doubt, Nothing, "The carrier does not know the signature: have it filed."),
        row("CR:0216", TemplateOrSignatureNotApproved, Doubt, Nothing, "The template does not end with 拒收请回复R: have one approved that does."),

        row("RE:0006", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed: nothing to do."),
        row("RE:0011", NumberInvalid, PERSON, Nothing, "The platform does not serve the number's region: nothing to do."),
        row("NE:0100", NumberInvalid, Doubt, Nothing, DEAD),
        row("NE:0103", NumberInvalid, Doubt, Nothing, DEAD),
        row("NE:0104", NumberInvalid, Doubt, Nothing, DEAD),
        row("NE:0105", NumberInvalid, Doubt, Nothing, DEAD),
        row("NE:0106", NumberInvalid, Doubt, Nothing, DEAD),
        row("CR:0209", NumberInvalid, Doubt, Nothing, DEAD),
        row("CR:0210", NumberInvalid, Doubt, Nothing, DEAD),
        row("CE:0305", NumberInvalid, Doubt, Nothing, DEAD),

        row("CR:0201", NumberBlacklisted, Doubt, Nothing, "The person unsubscribed or is on a carrier's list: the receipt records the stop."),

        row("CR:0200", ContentRejected, Doubt, Nothing, TEXT),
        row("CR:0205", ContentRejected, Doubt, Nothing, TEXT),
        row("CR:0217", ContentRejected, Doubt, Nothing, TEXT),

        row("MissingParameter", InvalidRequest, ACCOUNT, Hold, CHANGED),
        row("ServiceNotFound", InvalidRequest, ACCOUNT, Hold, "The endpoint does not know the service: check endpoint and region, then lift the hold."),
        row("InvalidActionOrVersion", InvalidRequest, ACCOUNT, Hold, "The endpoint does not know the operation: check the endpoint, then lift the hold."),
        row("RE:0003", InvalidRequest, ACCOUNT, Hold, "The message group does not exist: check its id, then lift the hold."),
        row("RE:0009", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("RE:0012", InvalidRequest, ACCOUNT, Hold, "The message group may not send marketing: open it in the console, then lift the hold."),
        row("CE:0300", InvalidRequest, Doubt, Nothing, "A field is not as documented: check message group and template."),
        row("CE:0301", InvalidRequest, Doubt, Nothing, "A field is not as documented: check message group and template."),
        row("CE:0302", InvalidRequest, Doubt, Nothing, "A field is not as documented: check message group and template."),
        row("CE:0304", InvalidRequest, Doubt, Nothing, "A field is not as documented: check message group and template."),
        row("CR:0207", InvalidRequest, Doubt, Nothing, "A field is not as documented: check message group and template."),

        row("InternalError", Transient, Doubt, Nothing, WAIT),
        row("InternalServiceTimeout", Transient, Doubt, Nothing, WAIT),
        row("FailToConnect", Transient, Doubt, Nothing, WAIT),
        row("RE:0500", Transient, Doubt, Nothing, WAIT),
        row("SY:0500", Transient, Doubt, Nothing, WAIT),
        row("SY:0501", Transient, Doubt, Nothing, WAIT),
        row("UN:0900", Transient, Doubt, Nothing, WAIT),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "volcengine_tests.rs"]
mod tests;
