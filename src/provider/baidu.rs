//! Baidu AI Cloud (百度智能云) SMS v3.
//!
//! Sources: cloud.baidu.com SMS Yjwvxrwzb (sendSms and `clientToken`), Wjwvxrxsv (idempotency), zjwvxry6e (codes),
//! Fkijy9cdv and Tkijya6ed (pushes), Dkho9df2a (receipts); Reference Bjz3uz3qj (public errors). Requests are those of
//! `bce-python-sdk` 0.9.79 given a compact UTF-8 JSON body: the same four headers are signed; the documents' shorter list
//! (`host;x-bce-date`) and the SDK's escaped bodies are checked with the signer.
//!
//! - A filed template of a `…Sale` kind is needed; the platform writes 【signature】 in front, and 拒收请回复R stands in the
//!   template. One set of values serves all numbers of a call, so a personal text is a call per person.
//! - A signature goes by its id: [`Baidu::signature_id`] says which.
//! - Each number has a code of its own; a code of the request without rows refuses the request. That it is refused as a
//!   whole is not documented: a person's fault told of many is in doubt.
//! - **Idempotent**: `clientToken` is our reference, and the documents ask to repeat the same request after a time-out or
//!   a server error. An answer that is lost is asked for once more, with the same signed bytes (good for 1800 s), before
//!   the deadline: five seconds after the begin, and not with less left than the time to connect. So a short
//!   `HttpSettings::timeout` (2 s, 1 s to connect) settles what the usual 10 s leave in doubt. How long a token is
//!   remembered is **unconfirmed** (the newer SDK page does not name it); whether it repeats a refusal is too, so only an
//!   acceptance in the second answer is believed. Afterwards nothing can be asked.
//! - `custom` carries our reference into receipts. With which HTTP status `SignatureDoesNotMatch` and `RequestExpired` come
//!   is **unconfirmed**: the body decides. No marketing hours and no limit of calls are documented.
//! - Pushes are signed where a token is set ([`Baidu::push_token`]): an MD5 over token, time and body. No page gives a
//!   window; retries come for ten hours, so a day is allowed. Otherwise a secret path is their only proof. Any 200 is
//!   taken for "received".

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
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub(crate) const PATH: &str = "/api/v3/sendSms";
const TYPE: &str = "application/json;charset=utf-8";
/// How long a signed request is good for, in seconds; the SDK's.
const GOOD_FOR: &str = "1800";
/// A push is repeated for ten hours; whether its time stays the same is not documented.
const PUSH_AGE: Duration = Duration::from_secs(24 * 3600);
/// How far the platform's clock may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(15 * 60);

/// The settings of one Baidu Cloud account.
///
/// ```
/// use optin106::provider::baidu::Baidu;
/// use optin106::secret::Secret;
/// let baidu = Baidu::new("access key", Secret::new("secret key")).signature_id("示例", "sms-signAbCdEf12345");
/// assert!(!format!("{baidu:?}").contains("key"));
/// ```
#[derive(Clone)]
pub struct Baidu {
    key_id: String,
    secret: Secret,
    endpoint: String,
    signatures: BTreeMap<String, String>,
    push_token: Option<Secret>,
    door: Door,
    profile: Profile,
}

impl Baidu {
    /// An account by its access key, in Beijing (`smsv3.bj.baidubce.com`).
    pub fn new(access_key_id: impl Into<String>, secret_access_key: Secret) -> Self {
        Self {
            key_id: access_key_id.into(),
            secret: secret_access_key,
            endpoint: "https://smsv3.bj.baidubce.com".into(),
            signatures: BTreeMap::new(),
            push_token: None,
            door: Door::default(),
            profile: PROFILE,
        }
    }

    /// Reads `BAIDU_ACCESS_KEY_ID`, `BAIDU_SECRET_ACCESS_KEY` and, where set, `BAIDU_SMS_REGION`, `BAIDU_SMS_SIGNATURES`
    /// (pairs such as `示例=sms-signAbCdEf12345` joined with `;`), `BAIDU_SMS_PUSH_TOKEN`, `BAIDU_CALLBACK_PATH` and
    /// `BAIDU_CALLBACK_SOURCES`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the two needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let key = Secret::from_env("BAIDU_ACCESS_KEY_ID")?;
        let mut this = Self::new(key.expose(), Secret::from_env("BAIDU_SECRET_ACCESS_KEY")?);
        if let Ok(region) = Secret::from_env("BAIDU_SMS_REGION") {
            this = this.region(region.expose());
        }
        if let Ok(list) = Secret::from_env("BAIDU_SMS_SIGNATURES") {
            for (signature, id) in list.expose().split(';').filter_map(|pair| pair.split_once('=')) {
                this = this.signature_id(signature.trim(), id.trim());
            }
        }
        this.push_token = Secret::from_env("BAIDU_SMS_PUSH_TOKEN").ok();
        this.door = Door::from_env("BAIDU_CALLBACK_PATH", "BAIDU_CALLBACK_SOURCES");
        Ok(this)
    }

    /// The region of the service: `bj`, or on request `su`.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.endpoint = format!("https://smsv3.{region}.baidubce.com");
        self
    }

    /// The id (`sms-sign…`) under which the platform approved a signature, written here without brackets. Texts of a
    /// signature without an id are refused before anything leaves.
    #[must_use]
    pub fn signature_id(mut self, signature: impl Into<String>, id: impl Into<String>) -> Self {
        self.signatures.insert(signature.into(), id.into());
        self
    }

    /// The token that pushes are signed with. The console's default is the account's id, which others may know: set one
    /// of your own. Then the path of [`callbacks`](Self::callbacks) is not needed, and not looked at.
    #[must_use]
    pub fn push_token(mut self, token: Secret) -> Self {
        self.push_token = Some(token);
        self
    }

    /// Where pushes may come from; without a token also the path that proves them, such as `/sms/` and 32 random digits.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one send.
    pub(crate) fn call(&self, host: &str, token: Option<&str>, body: &SendSms, stamp: &Stamp) -> Outgoing {
        let body = serde_json::to_vec(body).expect("strings serialise");
        let date = sign::utc(stamp.at, "%Y-%m-%dT%H:%M:%SZ");
        let query = token.map_or(String::new(), |t| sign::canonical_query(&[("clientToken", t)]));
        let length = body.len().to_string();
        let authorization = Bce {
            key_id: &self.key_id,
            time: &date,
            good_for: GOOD_FOR,
            method: "POST",
            path: PATH,
            query: &query,
            headers: &[("content-length", &length), ("content-type", TYPE), ("host", host), ("x-bce-date", &date)],
        }
        .authorization(self.secret.expose());
        let headers =
            vec![("authorization", authorization.into()), ("content-type", TYPE.into()), ("x-bce-date", date.into())];
        Outgoing { method: Method::Post, path: PATH.into(), query, headers, body }
    }

    /// Whether a push is signed with the token, and not too old.
    fn authentic(&self, call: &HttpCall, token: &Secret) -> Result<(), InboundError> {
        let header = |name: &str| call.header(name).ok_or(InboundError::Forged);
        let (time, given) = (header("timestamp")?, header("signature")?);
        // Digits alone, so that none can be moved between time and body.
        let at = Some(time).filter(|t| t.len() == 13 && t.bytes().all(|b| b.is_ascii_digit()));
        let at = at.and_then(|t| t.parse().ok()).map(Timestamp::from_millis).ok_or(InboundError::Forged)?;
        if !sign::same(push_signature(token.expose(), time, &call.body).as_bytes(), given.as_bytes()) {
            return Err(InboundError::Forged);
        }
        match call.received_at {
            Some(now) if now.since(at) > PUSH_AGE || at.since(now) > AHEAD => Err(InboundError::Stale),
            _ => Ok(()),
        }
    }
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
    // Yjwvxrwzb: at most 200 numbers, and one set of values for all of them.
    same_text_max: 200,
    personal_max: 1,
    signature: Writer::Platform,
    // No page says that the platform adds them; the agreement obliges the customer.
    words: Writer::Template,
    // No hours of the platform's were found; carriers refuse at night by receipt.
    window: None,
    // Set in the console.
    caps: &[],
    // A code per number; nothing is said of a request that is refused.
    all_or_nothing: false,
    // Yjwvxrwzb, Wjwvxrxsv: `clientToken`.
    idempotent: true,
    lookup: Lookup::None,
    reports: Back::Push,
    replies: Back::Push,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 20,
    documented: Documented::Medium,
};

/// The body of `sendSms`, in the order of the documents.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "testing", derive(serde::Deserialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SendSms {
    pub(crate) mobile: String,
    pub(crate) template: String,
    pub(crate) signature_id: String,
    pub(crate) content_var: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) custom: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_ext_id: Option<String>,
    /// Chooses one of several callback addresses; never set here, read for the vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) merchant_url_id: Option<String>,
}

impl Wire for Baidu {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn request(&self, request: &Request<'_>, host: &str, stamp: &Stamp) -> Result<Outgoing, Verdict> {
        let rendition = request.rendition();
        let refused = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let template = rendition.template().ok_or_else(|| refused("no_template"))?;
        let signature = self.signatures.get(rendition.signature()).ok_or_else(|| refused("no_signature_id"))?;
        let values = match (request.is_personal(), request.tickets()) {
            (false, _) => Vec::new(),
            (true, [one]) => filled(rendition, one.params())?,
            (true, _) => return Err(refused("one_person_a_call")),
        };
        // 4608: taken for another signature.
        if values.iter().any(|(_, value)| value.contains(['【', '】', '[', ']'])) {
            return Err(Verdict::rejected(Blame::Content, Consequence::None, "bracket_in_value"));
        }
        let numbers: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        let reference = request.reference().to_string();
        let body = SendSms {
            mobile: numbers.join(","),
            template: template.code.clone(),
            signature_id: signature.clone(),
            content_var: values.into_iter().collect(),
            custom: Some(reference.clone()),
            user_ext_id: rendition.extension().map(str::to_owned),
            merchant_url_id: None,
        };
        Ok(self.call(host, Some(&reference), &body, stamp))
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        match judged(answer) {
            Err(whole) => Verdicts::Same(whole),
            Ok(rows) => {
                let mut all = Rows::default();
                rows.into_iter().for_each(|(row, verdict)| all.add(&row.mobile, verdict));
                all.verdicts(request)
            }
        }
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        match &self.push_token {
            None => self.door.admits(call)?,
            Some(token) => {
                self.door.admits_peer(call)?;
                self.authentic(call, token)?;
            }
        }
        callback(&call.body, call.received_at)
    }
}

/// What `bce-auth-v1` signs; the body is not covered but for its length.
///
/// # Source
/// Baidu Cloud Reference, "authentication"; vectors of the official SDK.
#[derive(Clone, Copy)]
pub(crate) struct Bce<'a> {
    pub(crate) key_id: &'a str,
    /// As in `x-bce-date`.
    pub(crate) time: &'a str,
    /// In seconds.
    pub(crate) good_for: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The canonical query.
    pub(crate) query: &'a str,
    /// Lower-case names and values of the signed headers, sorted.
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

impl Bce<'_> {
    pub(crate) fn authorization(&self, secret: &str) -> String {
        let prefix = format!("bce-auth-v1/{}/{}/{}", self.key_id, self.time, self.good_for);
        // The key of the second step is the text of the first, not its bytes.
        let key = sign::hmac_sha256_hex(secret.as_bytes(), prefix.as_bytes());
        let header = |(name, value): &(&str, &str)| format!("{name}:{}", sign::percent(value.trim()));
        let headers = self.headers.iter().map(header).collect::<Vec<_>>().join("\n");
        let canonical = format!("{}\n{}\n{}\n{headers}", self.method, self.path, self.query);
        let signature = sign::hmac_sha256_hex(key.as_bytes(), canonical.as_bytes());
        format!("{prefix}/{}/{signature}", sign::header_names(self.headers))
    }
}

/// What stands in the `signature` header of a push.
pub(crate) fn push_signature(token: &str, time: &str, body: &[u8]) -> String {
    sign::md5_hex(&[token.as_bytes(), time.as_bytes(), body].concat())
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

/// The rows of an answer and what each proves, or the verdict for all.
fn judged(answer: Incoming<'_>) -> Result<Vec<(Sent<'_>, Verdict)>, Verdict> {
    let envelope: Envelope<'_> = serde_json::from_slice(answer.body).map_err(|_| Verdict::unknown("unreadable"))?;
    let whole = told(&envelope.code, None);
    let rows = envelope.data.map_or(Vec::new(), |d| d.0);
    if rows.is_empty() {
        return Err(whole);
    }
    let taken = &*envelope.code == "1000" && answer.status == 200;
    let verdict = |row: &Sent<'_>| {
        let verdict = told(&row.code, row.message_id.filled());
        // A number is not taken in a request that was not; nor is it refused in one that says nothing clear.
        let holds = match verdict.outcome {
            Outcome::Accepted => taken,
            Outcome::Rejected(_) | Outcome::Unsent => taken || matches!(whole.outcome, Outcome::Rejected(_)),
            Outcome::Unknown => true,
        };
        if holds { verdict } else { Verdict::unknown("contradiction") }
    };
    Ok(rows.into_iter().map(|row| (verdict(&row), row)).map(|(verdict, row)| (row, verdict)).collect())
}

fn told(word: &str, id: Option<String>) -> Verdict {
    code(word).map_or_else(|| Verdict::unknown(clipped(word)), |row| row.verdict(id))
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

/// The number (where one is named), class and outcome of each verdict of an answer.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
    let class_of = |word: &str| code(word).map_or(Class::Unknown, |r| r.class);
    match judged(answer) {
        Ok(rows) => rows.iter().map(|(r, v)| (Some(r.mobile.to_string()), class_of(&r.code), v.outcome)).collect(),
        Err(_) if answer.status >= 500 => vec![(None, Class::Transient, Outcome::Unknown)],
        Err(whole) => vec![(None, class_of(&whole.code), whole.outcome)],
    }
}

/// A receipt, or a reply: that has a content.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Push<'a> {
    #[serde(borrow)]
    mobile: Word<'a>,
    #[serde(borrow, default)]
    content: Option<Word<'a>>,
    #[serde(borrow, default)]
    sign: Word<'a>,
    #[serde(borrow, default)]
    user_ext_id: Word<'a>,
    #[serde(borrow, default)]
    receive_time: Word<'a>,
    #[serde(borrow, default)]
    code: Option<Word<'a>>,
    #[serde(borrow, default)]
    carrier_code: Word<'a>,
    #[serde(borrow, default)]
    message_id: Word<'a>,
    #[serde(borrow, default)]
    custom: Word<'a>,
    #[serde(borrow, default)]
    deliver_time: Word<'a>,
}

/// Reads a push whose origin is proven. One about a number that cannot be a mainland mobile is received and left out: it
/// can be nobody we know.
fn callback(body: &[u8], received_at: Option<Timestamp>) -> Result<Callback, InboundError> {
    let push: Push<'_> = serde_json::from_slice(body).map_err(|e| malformed(body, &e, "a receipt or a reply"))?;
    let event = match (&push.content, &push.code) {
        (Some(content), _) => reply(&push, content, received_at)?,
        (None, Some(code)) => report(&push, code, received_at)?,
        (None, None) => return Err(InboundError::Malformed { at: 0, what: "a code or a content" }),
    };
    if event.is_none() {
        tracing::warn!(provider = "baidu", left_out = 1, of = 1, "a push without a mainland number");
    }
    Ok(Callback { events: event.into_iter().collect(), answer: received(TYPE, "") })
}

/// The platform's UTC time, else the moment of receipt: a refusal must not be lost for its time.
fn at(word: &str, received_at: Option<Timestamp>) -> Result<Timestamp, InboundError> {
    word.parse().ok().or(received_at).ok_or(InboundError::Malformed { at: 0, what: "a time in UTC" })
}

fn reply(push: &Push<'_>, content: &Word<'_>, received_at: Option<Timestamp>) -> Result<Option<Inbound>, InboundError> {
    let parts = [&*push.mobile, content, &push.sign, &push.user_ext_id, &push.receive_time];
    let at = at(&push.receive_time, received_at)?;
    Ok(phone_of(&push.mobile).map(|phone| {
        Inbound::Reply(Reply {
            // `requestId` of the headers is not signed.
            event_id: event_id("up", &parts),
            phone,
            text: content.to_string(),
            extension: push.user_ext_id.filled(),
            signature: push.sign.filled(),
            at,
        })
    }))
}

fn report(push: &Push<'_>, code: &Word<'_>, received_at: Option<Timestamp>) -> Result<Option<Inbound>, InboundError> {
    let parts = [&*push.mobile, &push.message_id, code, &push.carrier_code, &push.custom, &push.deliver_time];
    let at = at(&push.deliver_time, received_at)?;
    let delivered = match &**code {
        "0" => Some(true),
        "2" => Some(false),
        _ => None,
    };
    Ok(phone_of(&push.mobile).map(|phone| {
        Inbound::Report(Report {
            event_id: event_id("report", &parts),
            phone,
            provider_id: push.message_id.filled(),
            reference: Reference::parse(&push.custom),
            code: push.carrier_code.filled().unwrap_or_else(|| code.to_string()),
            delivered,
            at,
        })
    }))
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

/// A code of receipts. In an answer to a send it would be undocumented, and so prove nothing.
const fn receipt(code: &'static str, class: Class, remedy: &'static str) -> CodeRow {
    row(code, class, Outcome::Unknown, Consequence::None, remedy)
}

/// Every code on the list; `B:` are the platform's own in receipts. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, StopEveryone, StopOwner};
    use Outcome::{Accepted as Taken, Unknown as Doubt};
    &[
        row("1000", Accepted, Taken, Nothing, "Nothing to do."),

        row("6012", InsufficientBalance, ACCOUNT, Hold, "The service is stopped for arrears: top up, then lift the hold."),

        row("6002", Auth, ACCOUNT, Hold, "The account could not be authenticated: check its keys and its certification."),
        row("6005", Auth, ACCOUNT, Hold, "The account is disabled: ask the platform."),
        row("6013", Auth, ACCOUNT, Hold, "The account has no order for SMS: open the service."),
        row("AccessDenied", Auth, ACCOUNT, Hold, "The key may not send: grant it the right to SMS."),
        row("InvalidAccessKeyId", Auth, ACCOUNT, Hold, "Check the access key id, and that the key is enabled."),
        row("InvalidHTTPAuthHeader", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("SignatureDoesNotMatch", Auth, ACCOUNT, Hold, "Check the secret access key, and that no proxy changes headers."),
        row("RequestExpired", Auth, ACCOUNT, Hold, "This machine's clock is off: set it."),
        row("OptInRequired", Auth, ACCOUNT, Hold, "The service is not opened for this account: open it in the console."),

        row("6006", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature cannot be used: check its id and state."),
        row("4602", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template cannot be used: check its id and state."),
        row("4603", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template cannot be used: check its id and state."),
        row("4607", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is not approved: check its state."),
        row("4609", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template cannot be used: check its id and state."),

        row("4503", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed."),
        row("4507", NumberInvalid, PERSON, Nothing, "The platform takes the number for none."),

        row("4641", NumberBlacklisted, PERSON, StopEveryone, "The number is on the platform's list: the stop is recorded for everyone."),
        row("4642", NumberBlacklisted, PERSON, StopOwner, "The number is on this signature's list: the stop is recorded."),
        row("4643", NumberBlacklisted, PERSON, StopOwner, "The number is on this account's list: the stop is recorded."),
        // Complaints; of whom about whom, the pages do not say.
        row("4651", NumberBlacklisted, PERSON, StopEveryone, "The number is on a list of complaints: the stop is recorded for everyone."),
        row("4652", NumberBlacklisted, PERSON, StopEveryone, "The number is on a list of complaints: the stop is recorded for everyone."),
        row("4653", NumberBlacklisted, PERSON, StopEveryone, "The number is on a list of complaints: the stop is recorded for everyone."),

        row("4501", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check signature id, template and extension."),
        row("4502", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check signature id, template and extension."),
        row("4504", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check signature id, template and extension."),
        row("4505", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check signature id, template and extension."),
        row("4506", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check signature id, template and extension."),
        row("4508", InvalidRequest, CONTENT, Nothing, "The text is too long: shorten it."),
        row("4511", InvalidRequest, ACCOUNT, Hold, "More numbers than the platform takes in one call: update this library."),
        row("4512", InvalidRequest, ACCOUNT, Hold, "Extensions are not opened for this account: have them opened, or bind none."),
        row("4518", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check signature id, template and extension."),
        row("4601", InvalidRequest, ACCOUNT, Hold, "The template is not as documented: check its id."),
        row("4605", InvalidRequest, ACCOUNT, Hold, "Text and approved template differ in their variables: bind the right template."),
        row("4606", InvalidRequest, ACCOUNT, Hold, "Text and approved template differ in their variables: bind the right template."),
        row("4608", InvalidRequest, CONTENT, Nothing, "A value is not allowed, such as one with brackets: change it."),
        row("4610", InvalidRequest, ACCOUNT, Hold, "Text and approved template differ in their variables: bind the right template."),
        row("InappropriateJSON", InvalidRequest, ACCOUNT, Hold, "The request was changed on its way: check proxies."),
        row("MalformedJSON", InvalidRequest, ACCOUNT, Hold, "The request was changed on its way: check proxies."),
        row("InvalidURI", InvalidRequest, ACCOUNT, Hold, "The endpoint does not know the operation: check the endpoint."),
        row("InvalidHTTPRequest", InvalidRequest, ACCOUNT, Hold, "The request was changed on its way: check proxies."),
        // Nothing was taken now, but what came before under our reference may have been.
        row("IdempotentParameterMismatch", InvalidRequest, Doubt, Nothing, "Something repeated a request and changed it: check proxies, and wait for the report."),

        row("InternalError", Transient, Doubt, Nothing, "The platform failed: wait for the report."),

        receipt("B:00019", Throttled, "The number had too many messages: see the limits in the console."),
        receipt("B:00027", Throttled, "The number had too many messages: see the limits in the console."),
        receipt("B:00007", TemplateOrSignatureNotApproved, "Signature or template cannot be used: check their state."),
        receipt("B:00008", TemplateOrSignatureNotApproved, "Signature or template cannot be used: check their state."),
        receipt("B:00009", TemplateOrSignatureNotApproved, "Signature or template cannot be used: check their state."),
        receipt("B:00010", NumberInvalid, "The platform takes the number for none."),
        receipt("B:00012", NumberBlacklisted, "The number is on a list of the platform's: the stop is recorded."),
        receipt("B:00033", NumberBlacklisted, "The number is on the platform's list: the stop is recorded."),
        receipt("B:00034", NumberBlacklisted, "The number is on this signature's list: the stop is recorded."),
        receipt("B:00035", NumberBlacklisted, "The number is on this account's list: the stop is recorded."),
        receipt("B:00003", ContentRejected, "The text was refused: change it."),
        receipt("B:00011", ContentRejected, "The text was refused: change it."),
        receipt("B:00013", ContentRejected, "The text was refused: change it."),
        receipt("B:00029", ContentRejected, "The text was refused: change it."),
        receipt("B:00030", ContentRejected, "The text was refused: change it."),
        receipt("B:00001", InvalidRequest, "The platform could not use the request: ask it, with the message's id."),
        receipt("B:00004", InvalidRequest, "The platform could not use the request: ask it, with the message's id."),
        receipt("B:00005", InvalidRequest, "The platform could not use the request: ask it, with the message's id."),
        receipt("B:00014", InvalidRequest, "The platform could not use the request: ask it, with the message's id."),
        receipt("B:00015", InvalidRequest, "The platform could not use the request: ask it, with the message's id."),
        receipt("B:00017", Transient, "The platform failed: see later reports."),
        receipt("B:00028", Transient, "The platform failed: see later reports."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "baidu_tests.rs"]
mod tests;
