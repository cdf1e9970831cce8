//! Baidu AI Cloud (百度智能云) SMS v3.
//!
//! Sources: cloud.baidu.com SMS Yjwvxrwzb (sendSms with clientToken), Wjwvxrxsv (idempotency), zjwvxry6e (codes),
//! Fkijy9cdv and Tkijya6ed (pushes), Bjz3uz3qj (gateway errors). Requests are those of `bce-python-sdk` 0.9.79's
//! transport and signer to the byte, given compact UTF-8 JSON and the documented `clientToken`; its own bodies, which
//! escape and write nulls, and the documented minimum of signed headers are checked with the signer.
//!
//! - A filed template and the id of an approved signature are needed: say with [`Baidu::signature`] which id a signature
//!   has. The platform writes 【signature】 in front; the unsubscribe words stand in the template.
//! - One set of values serves all numbers of a call, so a personal text is a call per person. A value that holds one of
//!   `【】[]` is refused before anything leaves (code 4608).
//! - Each number has a code of its own; one code without rows answers the whole request.
//! - **`clientToken` carries our reference, and the platform makes one message of two calls with the same token and the same
//!   bytes.** It is the only platform to which a call in doubt is made again, once, before its deadline. The deadline is
//!   five seconds after the begin: a time-out of the usual 10 s leaves no time for it, a short one
//!   ([`HttpSettings::timeout`](super::wire::HttpSettings::timeout) of 2 s) does. How long a token lives is not documented,
//!   and **the newer SDK page does not list `clientToken`**: that it still makes one message of two calls is told by the
//!   pages of the API only, so the documents count as **medium**.
//! - Nobody can be asked about a message; `custom` carries our reference into reports.
//! - Pushes are signed with the push token over time and body. The time is old when a push is repeated (ten times at most,
//!   hourly), so reports are taken for twelve hours and replies at any age: a refusal is never too old.
//! - No fixed marketing hours are documented; carriers behind it refuse at night (`S:00123`, `M:00181`), so 08:00 to 21:00
//!   is kept to. **Inferred.**

use super::filed::filled;
use super::rows::{Rows, Word, clipped};
use super::sign;
use super::wire::{
    Class, CodeRow, Incoming, Items, Method, Outgoing, Wire, event_id, malformed, phone_of, received, row,
};
use super::{
    Back, Blame, Consequence, Documented, Door, Form, Lookup, Outcome, Profile, Request, Verdict, Verdicts, Writer,
};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Reply, Report};
use crate::secret::{MissingVariable, Secret};
use std::fmt;
use std::time::Duration;

const PATH: &str = "/api/v3/sendSms";
const CONTENT_TYPE: &str = "application/json;charset=utf-8";
/// A report whose signed time is older is refused: the last repetition comes after about ten hours.
const STALE: Duration = Duration::from_secs(12 * 3600);

/// The settings of one Baidu Cloud account.
///
/// ```
/// use optin106::provider::baidu::Baidu;
/// use optin106::secret::Secret;
/// let baidu = Baidu::new("access key", Secret::new("secret key"))
///     .signature("示例旗舰店", "sms-sign0000")
///     .push_token(Secret::new("account id"));
/// assert!(!format!("{baidu:?}").contains("secret key"));
/// ```
#[derive(Clone)]
pub struct Baidu {
    key_id: String,
    secret: Secret,
    endpoint: String,
    signatures: Vec<(String, String)>,
    push_token: Option<Secret>,
    door: Door,
}

impl Baidu {
    /// An account by its access key, at the host in Beijing.
    pub fn new(key_id: impl Into<String>, secret: Secret) -> Self {
        Self {
            key_id: key_id.into(),
            secret,
            endpoint: "https://smsv3.bj.baidubce.com".into(),
            signatures: Vec::new(),
            push_token: None,
            door: Door::default(),
        }
    }

    /// Reads `BAIDU_ACCESS_KEY_ID`, `BAIDU_SECRET_ACCESS_KEY`, `BAIDU_SIGNATURE` with `BAIDU_SIGNATURE_ID` and, where set,
    /// `BAIDU_ENDPOINT`, `BAIDU_PUSH_TOKEN`, `BAIDU_CALLBACK_PATH` (which does not matter) and `BAIDU_CALLBACK_SOURCES`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the four needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let (id, secret) = (Secret::from_env("BAIDU_ACCESS_KEY_ID")?, Secret::from_env("BAIDU_SECRET_ACCESS_KEY")?);
        let (text, signature) = (Secret::from_env("BAIDU_SIGNATURE")?, Secret::from_env("BAIDU_SIGNATURE_ID")?);
        let mut this = Self::new(id.expose(), secret).signature(text.expose(), signature.expose());
        if let Ok(endpoint) = Secret::from_env("BAIDU_ENDPOINT") {
            this = this.endpoint_of_account(endpoint.expose());
        }
        this.push_token = Secret::from_env("BAIDU_PUSH_TOKEN").ok();
        this.door = Door::from_env("BAIDU_CALLBACK_PATH", "BAIDU_CALLBACK_SOURCES");
        Ok(this)
    }

    /// The id that the console shows for a signature, which stands here without brackets. Call it for each.
    #[must_use]
    pub fn signature(mut self, signature: impl Into<String>, id: impl Into<String>) -> Self {
        self.signatures.push((signature.into(), id.into()));
        self
    }

    /// Another host of the platform (`https://smsv3.su.baidubce.com`): scheme and host.
    #[must_use]
    pub fn endpoint_of_account(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into().trim_end_matches('/').to_owned();
        self
    }

    /// The token of the pushes, by default the account's id; without it every push is refused.
    #[must_use]
    pub fn push_token(mut self, token: Secret) -> Self {
        self.push_token = Some(token);
        self
    }

    /// Where pushes may come from. Their signature is checked in any case; the path is not, as the signature stands for it.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call; `token` makes it idempotent.
    pub(crate) fn call(&self, host: &str, token: Option<&str>, body: Vec<u8>, stamp: &Stamp) -> Outgoing {
        let date = sign::utc(stamp.at, "%Y-%m-%dT%H:%M:%SZ");
        let query = token.map_or_else(String::new, |t| sign::canonical_query(&[("clientToken", t)]));
        let length = body.len().to_string();
        let headers = [
            ("content-length", length.as_str()),
            ("content-type", CONTENT_TYPE),
            ("host", host),
            ("x-bce-date", &date),
        ];
        let authorization = authorization(&self.key_id, self.secret.expose(), &date, PATH, &query, &headers);
        Outgoing {
            method: Method::Post,
            path: PATH.into(),
            query,
            headers: vec![
                ("content-type", CONTENT_TYPE.into()),
                ("x-bce-date", date.into()),
                ("authorization", authorization.into()),
            ],
            body,
        }
    }

    /// Refuses a push whose signature is not over these bytes; gives the signed time.
    fn authentic(&self, call: &HttpCall) -> Result<Timestamp, InboundError> {
        let token = self.push_token.as_ref().ok_or(InboundError::NotOffered)?;
        let (time, given) = (call.header("timestamp"), call.header("signature"));
        let (Some(time), Some(given)) = (time, given) else { return Err(InboundError::Forged) };
        let signed = push_signature(token.expose(), time, &call.body);
        if call.method != "POST" || !sign::same(signed.as_bytes(), given.as_bytes()) {
            return Err(InboundError::Forged);
        }
        time.parse().map(Timestamp::from_millis).map_err(|_| InboundError::Forged)
    }
}

/// The `Authorization` of `bce-auth-v1`. `headers` are lower case and sorted; the path is encoded already.
///
/// # Source
/// Baidu Cloud, "生成认证字符串"; vectors of the official SDK.
pub(crate) fn authorization(
    key_id: &str,
    secret: &str,
    date: &str,
    path: &str,
    query: &str,
    headers: &[(&str, &str)],
) -> String {
    let prefix = format!("bce-auth-v1/{key_id}/{date}/1800");
    let key = sign::hmac_sha256_hex(secret.as_bytes(), prefix.as_bytes());
    let lines: Vec<String> =
        headers.iter().map(|(n, v)| format!("{}:{}", sign::percent(n), sign::percent(v.trim()))).collect();
    let names: Vec<&str> = headers.iter().map(|(n, _)| *n).collect();
    let canonical = format!("POST\n{path}\n{query}\n{}", lines.join("\n"));
    format!("{prefix}/{}/{}", names.join(";"), sign::hmac_sha256_hex(key.as_bytes(), canonical.as_bytes()))
}

/// What signs a push: MD5 over token, time and the raw body.
pub(crate) fn push_signature(token: &str, time: &str, body: &[u8]) -> String {
    let whole = zeroize::Zeroizing::new([token.as_bytes(), time.as_bytes(), body].concat());
    sign::md5_hex(&whole)
}

impl fmt::Debug for Baidu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Baidu")
            .field("endpoint", &self.endpoint)
            .field("signatures", &self.signatures.len())
            .field("push_token", &self.push_token.is_some())
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "baidu",
    form: Form::Template,
    same_text_max: 200,
    // One contentVar for all numbers of a call.
    personal_max: 1,
    signature: Writer::Platform,
    words: Writer::Template,
    // Inferred from carriers' refusals at night.
    window: Some((8 * 60, 21 * 60)),
    // Set in the console, per number.
    caps: &[],
    // A code per number.
    all_or_nothing: false,
    // Yjwvxrwzb and Wjwvxrxsv: clientToken.
    idempotent: true,
    lookup: Lookup::None,
    reports: Back::Push,
    replies: Back::Push,
    report_due: Duration::from_secs(72 * 3600),
    // "Over 1000 a second" is the capacity that is named; no limit is.
    calls_per_second: 100,
    // The newer SDK page does not list clientToken.
    documented: Documented::Medium,
    source: "cloud.baidu.com SMS Yjwvxrwzb, Wjwvxrxsv",
};

impl Wire for Baidu {
    fn profile(&self) -> &Profile {
        &PROFILE
    }

    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, host: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let account = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let rendition = request.rendition();
        let template = rendition.template().ok_or_else(|| account("no_template"))?;
        let known = self.signatures.iter().find(|(text, _)| text == rendition.signature());
        let (_, signature) = known.ok_or_else(|| account("no_signature_id"))?;
        let values = match (request.is_personal(), request.tickets()) {
            (false, _) => Vec::new(),
            (true, [one]) => filled(rendition, one.params())?,
            (true, _) => return Err(account("one_person_a_call").into()),
        };
        if values.iter().any(|(_, value)| value.contains(['【', '】', '[', ']'])) {
            return Err(Verdict::rejected(Blame::Content, Consequence::None, "bracket_in_value").into());
        }
        let numbers: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        let reference = request.reference().to_string();
        let body = SendSms {
            mobile: &numbers.join(","),
            template: &template.code,
            signature_id: signature,
            content_var: values.into_iter().map(|(name, value)| (name, value.into())).collect(),
            custom: Some(&reference),
            user_ext_id: rendition.extension(),
            merchant_url_id: None,
        };
        Ok(self.call(host, Some(&reference), json(&body), stamp))
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        match sent(answer) {
            Ok(rows) => {
                let mut all = Rows::default();
                rows.iter().for_each(|r| all.add(&r.mobile, r.verdict()));
                all.verdicts(request)
            }
            // Also a person's fault told of many, which the ledger takes for a doubt: it is an answer all the same, and not
            // asked for again.
            Err(whole) => Verdicts::Same(whole),
        }
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.door.admits_peer(call)?;
        let signed_at = self.authentic(call)?;
        let push: Push<'_> = serde_json::from_slice(&call.body)
            .map_err(|e| malformed(&call.body, &e, "a JSON object with the fields of a report or a reply"))?;
        let event = push.event(signed_at);
        if event.is_none() {
            tracing::warn!(provider = "baidu", "a push without a mainland number");
        }
        let stale = call.received_at.is_some_and(|now| now.since(signed_at) > STALE);
        Callback { events: event.into_iter().collect(), answer: received("text/plain", "") }.if_stale(stale)
    }
}

/// The body of `sendSms`, in the order of the documents.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "testing", derive(serde::Deserialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SendSms<'a> {
    mobile: &'a str,
    template: &'a str,
    signature_id: &'a str,
    content_var: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    custom: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    user_ext_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    merchant_url_id: Option<&'a str>,
}

pub(crate) fn json(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("strings serialise")
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    code: Word<'a>,
    #[serde(borrow, default)]
    data: Option<Items<Sent<'a>>>,
}

/// One number of an answer.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    #[serde(borrow)]
    code: Word<'a>,
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    message_id: Word<'a>,
}

impl Sent<'_> {
    fn verdict(&self) -> Verdict {
        said(&self.code, self.message_id.filled())
    }
}

fn said(word: &str, id: Option<String>) -> Verdict {
    match code(word) {
        Some(row) => row.verdict(id),
        None => Verdict::unknown(clipped(word)),
    }
}

/// The rows of an answer, or the verdict for all.
fn sent(answer: Incoming<'_>) -> Result<Vec<Sent<'_>>, Verdict> {
    let Ok(Envelope { code, data }) = serde_json::from_slice::<Envelope<'_>>(answer.body) else {
        return Err(Verdict::unknown("unreadable"));
    };
    let rows = data.map_or_else(Vec::new, |Items(rows)| rows);
    match (&*code, rows.is_empty()) {
        ("1000", false) if answer.status == 200 => Ok(rows),
        // A success that names nobody, or with another status; a refusal beside rows.
        ("1000", _) | (_, false) => Err(Verdict::unknown("contradiction")),
        (word, true) => Err(said(word, None)),
    }
}

/// The number (where one is named), class and outcome of each verdict of an answer.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
    let class_of = |word: &str| code(word).map_or(Class::Unknown, |r| r.class);
    match sent(answer) {
        Ok(rows) => rows.iter().map(|r| (Some(r.mobile.to_string()), class_of(&r.code), r.verdict().outcome)).collect(),
        Err(whole) => vec![(None, class_of(&whole.code), whole.outcome)],
    }
}

/// A report or a reply: only a reply has a content.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Push<'a> {
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    code: Word<'a>,
    #[serde(borrow, default)]
    message_id: Word<'a>,
    #[serde(borrow, default)]
    carrier_code: Word<'a>,
    #[serde(borrow, default)]
    custom: Word<'a>,
    #[serde(borrow, default)]
    deliver_time: Word<'a>,
    #[serde(borrow, default)]
    content: Option<Word<'a>>,
    #[serde(borrow, default)]
    sign: Word<'a>,
    #[serde(borrow, default)]
    receive_time: Word<'a>,
    #[serde(borrow, default)]
    user_ext_id: Word<'a>,
}

impl Push<'_> {
    /// The event; none when its number cannot be a mainland mobile, which is nobody's we know. A time that cannot be read
    /// is that of the push.
    fn event(&self, signed_at: Timestamp) -> Option<Inbound> {
        let (phone, at) = (phone_of(&self.mobile)?, |time: &str| time.parse().unwrap_or(signed_at));
        let number = phone.national();
        if let Some(text) = &self.content {
            return Some(Inbound::Reply(Reply {
                event_id: event_id("reply", &[&number, text, &self.sign, &self.receive_time, &self.user_ext_id]),
                phone,
                text: text.to_string(),
                extension: self.user_ext_id.filled(),
                signature: self.sign.filled(),
                at: at(&self.receive_time),
            }));
        }
        Some(Inbound::Report(Report {
            event_id: event_id(
                "report",
                &[&number, &self.message_id, &self.code, &self.carrier_code, &self.deliver_time],
            ),
            phone,
            provider_id: self.message_id.filled(),
            reference: Reference::parse(&self.custom),
            code: self.carrier_code.clipped(),
            delivered: match &*self.code {
                "0" => Some(true),
                "2" => Some(false),
                _ => None,
            },
            at: at(&self.deliver_time),
        }))
    }
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

const KEY: &str = "Check the access key and its rights, then lift the hold.";
const CHANGED: &str = "The request was changed on its way: check proxies, then lift the hold.";
const FIELD: &str = "A field is not as documented: check template, values and extension, then lift the hold.";
const FILED: &str = "The template or the signature is not approved: see the console, then lift the hold.";
const LISTED: &str = "The number is on a list of refusals: the stop is recorded.";
const NUMBER: &str = "The platform takes the number for malformed: nothing to do.";
const TEXT: &str = "The text holds what may not be sent: change it.";
const WAIT: &str = "The platform failed: wait for the report.";

/// Every code on the list, of answers and of reports (`B:`). What is not here is unknown.
///
/// Reports are read by the table of delivery codes. No page has their codes in an answer to a send: there they prove
/// nothing, but that a number is on a list is believed all the same.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, StopEveryone, StopOwner};
    use Outcome::{Accepted as Taken, Unknown as Doubt};
    &[
        row("1000", Accepted, Taken, Nothing, "Nothing to do."),

        row("6012", InsufficientBalance, ACCOUNT, Hold, "The service is stopped for arrears: top up, then lift the hold."),

        row("6002", Auth, ACCOUNT, Hold, KEY),
        row("6005", Auth, ACCOUNT, Hold, "The account is disabled: ask the platform, then lift the hold."),
        row("6013", Auth, ACCOUNT, Hold, "No order is open for the account: buy a package, then lift the hold."),
        row("AccessDenied", Auth, ACCOUNT, Hold, KEY),
        row("InvalidAccessKeyId", Auth, ACCOUNT, Hold, KEY),
        row("InvalidHTTPAuthHeader", Auth, ACCOUNT, Hold, CHANGED),
        row("SignatureDoesNotMatch", Auth, ACCOUNT, Hold, KEY),
        row("RequestExpired", Auth, ACCOUNT, Hold, "This machine's clock is off by more than 30 minutes: set it, then lift the hold."),
        row("OptInRequired", Auth, ACCOUNT, Hold, "The service is not opened: open it in the console, then lift the hold."),

        row("B:00019", Throttled, Doubt, Nothing, "The number reached the platform's limit: nothing to do."),
        row("B:00027", Throttled, Doubt, Nothing, "The number reached the platform's limit: nothing to do."),

        row("6006", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("4602", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("4603", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("4607", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("4609", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("B:00007", TemplateOrSignatureNotApproved, Doubt, Nothing, FILED),
        row("B:00008", TemplateOrSignatureNotApproved, Doubt, Nothing, FILED),
        row("B:00009", TemplateOrSignatureNotApproved, Doubt, Nothing, FILED),

        row("4503", NumberInvalid, PERSON, Nothing, NUMBER),
        row("4507", NumberInvalid, PERSON, Nothing, NUMBER),
        row("B:00010", NumberInvalid, Doubt, Nothing, NUMBER),

        // The lists of the signature and of the account are this owner's, the others everybody's.
        row("4641", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        row("4642", NumberBlacklisted, PERSON, StopOwner, LISTED),
        row("4643", NumberBlacklisted, PERSON, StopOwner, LISTED),
        row("4651", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        row("4652", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        row("4653", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        row("B:00012", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        row("B:00033", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        row("B:00034", NumberBlacklisted, PERSON, StopOwner, LISTED),
        row("B:00035", NumberBlacklisted, PERSON, StopOwner, LISTED),

        row("B:00003", ContentRejected, Doubt, Nothing, TEXT),
        row("B:00011", ContentRejected, Doubt, Nothing, TEXT),
        row("B:00013", ContentRejected, Doubt, Nothing, TEXT),
        row("B:00029", ContentRejected, Doubt, Nothing, TEXT),
        row("B:00030", ContentRejected, Doubt, Nothing, TEXT),

        row("4501", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4502", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4504", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4505", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4506", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4508", InvalidRequest, CONTENT, Nothing, "The text is too long: shorten it."),
        row("4511", InvalidRequest, ACCOUNT, Hold, "More numbers than the platform takes in one call: lower the numbers per call, then lift the hold."),
        row("4512", InvalidRequest, ACCOUNT, Hold, "Extensions are not opened for the account: open them, then lift the hold."),
        row("4518", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4601", InvalidRequest, ACCOUNT, Hold, FIELD),
        // Of the range 4601-4610 this one is described nowhere.
        row("4604", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4605", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4606", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("4608", InvalidRequest, CONTENT, Nothing, "A value holds a bracket or does not fit its variable: change it."),
        row("4610", InvalidRequest, ACCOUNT, Hold, FIELD),
        // Something else went out under this token before: whether that was ours, nobody can say.
        row("IdempotentParameterMismatch", InvalidRequest, Doubt, Nothing, WAIT),
        row("InappropriateJSON", InvalidRequest, ACCOUNT, Hold, CHANGED),
        row("MalformedJSON", InvalidRequest, ACCOUNT, Hold, CHANGED),
        row("InvalidURI", InvalidRequest, ACCOUNT, Hold, CHANGED),
        row("InvalidHTTPRequest", InvalidRequest, ACCOUNT, Hold, CHANGED),
        row("B:00001", InvalidRequest, Doubt, Nothing, FIELD),
        row("B:00004", InvalidRequest, Doubt, Nothing, FIELD),
        row("B:00005", InvalidRequest, Doubt, Nothing, FIELD),
        row("B:00014", InvalidRequest, Doubt, Nothing, FIELD),
        row("B:00015", InvalidRequest, Doubt, Nothing, FIELD),

        row("InternalError", Transient, Doubt, Nothing, WAIT),
        row("B:00017", Transient, Doubt, Nothing, WAIT),
        row("B:00028", Transient, Doubt, Nothing, WAIT),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "baidu_tests.rs"]
mod tests;
