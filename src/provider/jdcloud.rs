//! JD Cloud (京东云) SMS.
//!
//! Sources: `jdcloud_sdk` for Python 1.6.354 (`JDCLOUD3`, spaced JSON that escapes what is not ASCII) and the signer of
//! jdcloud-sdk-java (`JDCLOUD2`, compact UTF-8): each version's requests are those to the byte, with date and nonce signed.
//! The Python SDK's shorter list of signed headers is checked with the signer. Answers are known from the SDK's models
//! only: **medium**. **Unconfirmed**: every code of the service, what the gateway's 401, 403 and 429 mean beyond what these
//! statuses mean everywhere, whether one number's fault refuses the others, whether a nonce may come twice, pushes, the
//! spelling of a day (`2026-11-24` here).
//!
//! - A filed template and the id of an approved signature are needed: say with [`Jdcloud::signature`] which id a signature
//!   has. The platform writes 【signature】 in front; the unsubscribe words stand in the template.
//! - Promotion templates carry no variables (the vendor's glossary), so personal texts cannot be sent here.
//! - One answer for a whole request. The gateway's own refusals (401, 403, 429) are believed where the HTTP status says the
//!   same; the service's are not documented, so whatever else it says leaves everyone in doubt.
//! - There is no reference of ours, no way to ask about a call in doubt, and none to ask for reports: `statusReport` wants
//!   the id of one request, so **reports do not come back** and accepted rows end as `no_report`.
//! - Replies are listed by application and day, and how a day is spelt stands nowhere: an empty answer proves nothing. So
//!   they count as not coming back, and **somebody must carry the refusals over from the console**
//!   ([`AccountSettings::replies_by_hand`](crate::optin::AccountSettings::replies_by_hand)). A pull is offered all the same,
//!   and what it brings is recorded: the day of Beijing, told again each time, and until ten minutes past midnight the day
//!   before.

use super::rows::{Word, clipped};
use super::sign::{self, Scoped};
use super::wire::{Class, CodeRow, Incoming, Items, Method, Outgoing, Wire, event_id, phone_of, row};
use super::{
    Back, Blame, Consequence, Documented, Form, Lookup, Outcome, Profile, Pull, PullError, Pulled, Request, Verdict,
    Verdicts, Writer,
};
use crate::clock::{Stamp, Timestamp};
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Reply};
use crate::secret::{MissingVariable, Secret};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// How long past midnight the replies of the day before are asked for.
const LATE: Duration = Duration::from_secs(10 * 60);

/// Which version of the signature is used.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Signing {
    /// `JDCLOUD2-HMAC-SHA256`, as the Java SDK.
    V2,
    /// `JDCLOUD3-HMAC-SHA256`, as the Python SDK.
    #[default]
    V3,
}

impl Signing {
    /// The algorithm, what stands before the secret, and the end of the scope.
    pub(crate) fn words(self) -> [&'static str; 3] {
        match self {
            Self::V2 => ["JDCLOUD2-HMAC-SHA256", "JDCLOUD2", "jdcloud2_request"],
            Self::V3 => ["JDCLOUD3-HMAC-SHA256", "JDCLOUD3", "jdcloud3_request"],
        }
    }
}

/// The settings of one application of a JD Cloud account.
///
/// ```
/// use optin106::provider::jdcloud::{Jdcloud, Signing};
/// use optin106::secret::Secret;
/// let jdcloud = Jdcloud::new("access key", Secret::new("secret key"), "app id")
///     .signature("示例旗舰店", "qm_0000")
///     .signing(Signing::V2);
/// assert!(!format!("{jdcloud:?}").contains("secret key"));
/// ```
#[derive(Clone)]
pub struct Jdcloud {
    key_id: String,
    secret: Secret,
    app_id: String,
    region: String,
    signing: Signing,
    signatures: Vec<(String, String)>,
}

impl Jdcloud {
    /// An application by the access key of its account, in `cn-north-1`.
    pub fn new(key_id: impl Into<String>, secret: Secret, app_id: impl Into<String>) -> Self {
        Self {
            key_id: key_id.into(),
            secret,
            app_id: app_id.into(),
            region: "cn-north-1".into(),
            signing: Signing::default(),
            signatures: Vec::new(),
        }
    }

    /// Reads `JDCLOUD_ACCESS_KEY`, `JDCLOUD_SECRET_KEY`, `JDCLOUD_SMS_APP_ID`, `JDCLOUD_SIGNATURE` with
    /// `JDCLOUD_SIGNATURE_ID` and, where set, `JDCLOUD_REGION` and `JDCLOUD_SIGN_VERSION` (`2`; anything else is 3).
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the five needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let (id, secret) = (Secret::from_env("JDCLOUD_ACCESS_KEY")?, Secret::from_env("JDCLOUD_SECRET_KEY")?);
        let app = Secret::from_env("JDCLOUD_SMS_APP_ID")?;
        let (text, signature) = (Secret::from_env("JDCLOUD_SIGNATURE")?, Secret::from_env("JDCLOUD_SIGNATURE_ID")?);
        let mut this = Self::new(id.expose(), secret, app.expose()).signature(text.expose(), signature.expose());
        if let Ok(region) = Secret::from_env("JDCLOUD_REGION") {
            this = this.region(region.expose());
        }
        let v2 = Secret::from_env("JDCLOUD_SIGN_VERSION").is_ok_and(|v| v.expose() == "2");
        Ok(if v2 { this.signing(Signing::V2) } else { this })
    }

    /// The id that the console shows for a signature, which stands here without brackets. Call it for each.
    #[must_use]
    pub fn signature(mut self, signature: impl Into<String>, id: impl Into<String>) -> Self {
        self.signatures.push((signature.into(), id.into()));
        self
    }

    /// The region of the service.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Which version of the signature is used.
    #[must_use]
    pub fn signing(mut self, signing: Signing) -> Self {
        self.signing = signing;
        self
    }

    /// The bytes of one call, with the fields in the order given.
    pub(crate) fn call(&self, host: &str, operation: &str, fields: &[(&str, Value)], stamp: &Stamp) -> Outgoing {
        let [algorithm, prefix, terminator] = self.signing.words();
        let body = body(fields, self.signing).into_bytes();
        let (time, day) = (sign::utc(stamp.at, "%Y%m%dT%H%M%SZ"), sign::utc(stamp.at, "%Y%m%d"));
        let (nonce, body_sha256) = (uuid(&stamp.nonce), sign::sha256_hex(&body));
        let path = format!("/v1/regions/{}/{operation}", self.region);
        let authorization = Scoped {
            algorithm,
            prefix,
            time: &time,
            scope: &[&day, &self.region, "sms", terminator],
            method: "POST",
            path: &path,
            query: "",
            headers: &[
                ("content-type", "application/json"),
                ("host", host),
                ("x-jdcloud-date", &time),
                ("x-jdcloud-nonce", &nonce),
            ],
            body_sha256: &body_sha256,
        }
        .authorization(&self.key_id, self.secret.expose());
        let mut headers: Vec<(&'static str, Cow<'static, str>)> = vec![
            ("content-type", "application/json".into()),
            ("x-jdcloud-date", time.into()),
            ("x-jdcloud-nonce", nonce.into()),
            ("authorization", authorization.into()),
        ];
        if self.signing == Signing::V3 {
            headers.push(("x-jdcloud-content-sha256", body_sha256.into()));
            headers.push(("jdcloud3-hmac-sha256", algorithm.into()));
        }
        Outgoing { method: Method::Post, path: path.into(), query: String::new(), headers, body }
    }
}

/// A body as the SDK of that version writes it: V3 tells what is not set as null, V2 leaves it out.
fn body(fields: &[(&str, Value)], signing: Signing) -> String {
    let written = |value: &Value| match signing {
        Signing::V2 => value.to_string(),
        Signing::V3 => spaced(value),
    };
    let set = fields.iter().filter(|(_, value)| signing == Signing::V3 || !value.is_null());
    let (colon, comma) = if signing == Signing::V3 { (": ", ", ") } else { (":", ",") };
    let fields: Vec<String> = set.map(|(name, value)| format!("\"{name}\"{colon}{}", written(value))).collect();
    format!("{{{}}}", fields.join(comma))
}

/// Python's form of a word, a list of words or nothing.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(all) => format!("[{}]", all.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::String(word) => super::qiniu::quoted(word, true),
        other => other.to_string(),
    }
}

/// Thirty-two digits in the form of a UUID; anything else as it is.
fn uuid(nonce: &str) -> String {
    match nonce.is_ascii() && nonce.len() == 32 {
        true => [&nonce[..8], &nonce[8..12], &nonce[12..16], &nonce[16..20], &nonce[20..]].join("-"),
        false => nonce.to_owned(),
    }
}

impl fmt::Debug for Jdcloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jdcloud")
            .field("region", &self.region)
            .field("signing", &self.signing)
            .field("signatures", &self.signatures.len())
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "jdcloud",
    form: Form::Template,
    same_text_max: 100,
    // Promotion templates carry no variables.
    personal_max: 0,
    signature: Writer::Platform,
    words: Writer::Template,
    window: None,
    caps: &[],
    // One sequenceNumber for all, yet no page says that one number's fault refuses the others.
    all_or_nothing: false,
    // Whether a nonce that is repeated is refused is unconfirmed.
    idempotent: false,
    lookup: Lookup::None,
    // By the id of one request only.
    reports: Back::None,
    // The day is spelt by guess: an empty page proves nothing.
    replies: Back::None,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 10,
    documented: Documented::Medium,
    source: "the vendor's SDKs (`jdcloud_sdk` 1.6.354)",
};

impl Wire for Jdcloud {
    fn profile(&self) -> &Profile {
        &PROFILE
    }

    fn endpoint(&self) -> &str {
        "https://sms.jdcloud-api.com"
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
        if rendition.extension().is_some() {
            return Err(account("no_extension").into());
        }
        if request.is_personal() {
            return Err(account("no_variables").into());
        }
        let numbers: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        let fields = [
            ("regionId", self.region.clone().into()),
            ("templateId", template.code.clone().into()),
            ("signId", signature.clone().into()),
            ("phoneList", numbers.into()),
            ("params", Value::Null),
        ];
        Ok(self.call(host, "batchSend", &fields, stamp))
    }

    fn outcome(&self, _: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        Verdicts::Same(verdict(answer))
    }

    fn inbound(&self, _: &HttpCall) -> Result<Callback, InboundError> {
        Err(InboundError::NotOffered)
    }

    fn pull(&self, what: Pull, host: &str, stamp: &Stamp) -> Option<Outgoing> {
        let day = stamp.at.minus(LATE).civil().strftime("%Y-%m-%d").to_string();
        let fields = [
            ("regionId", self.region.clone().into()),
            ("appId", self.app_id.clone().into()),
            ("dataDate", day.into()),
            ("phoneList", Value::Null),
        ];
        (what == Pull::Replies).then(|| self.call(host, "reply", &fields, stamp))
    }

    fn pulled(&self, what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
        match what {
            Pull::Replies => pulled(answer, at),
            Pull::Reports => Err(PullError::NotOffered),
        }
    }
}

#[derive(serde::Deserialize)]
struct Envelope<'a, D> {
    #[serde(borrow, default)]
    error: Option<Fault<'a>>,
    #[serde(default = "Option::default")]
    result: Option<Told<'a, D>>,
}

#[derive(serde::Deserialize)]
struct Fault<'a> {
    #[serde(borrow)]
    code: Word<'a>,
}

#[derive(serde::Deserialize)]
struct Told<'a, D> {
    #[serde(default = "Option::default")]
    data: Option<D>,
    #[serde(default)]
    status: bool,
    #[serde(borrow, default)]
    code: Word<'a>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    #[serde(borrow)]
    sequence_number: Word<'a>,
}

/// What an answer proves about everyone in the request.
pub(crate) fn verdict(answer: Incoming<'_>) -> Verdict {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_, Sent<'_>>>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    let refused = |word: &str| match code(word) {
        Some(row) if row.outcome != Outcome::Accepted => row.verdict(None),
        Some(_) | None => Verdict::unknown(clipped(word)),
    };
    match (envelope.error, envelope.result) {
        (Some(_), Some(_)) => Verdict::unknown("contradiction"),
        (Some(fault), None) if *fault.code == answer.status.to_string() => refused(&fault.code),
        (Some(fault), None) => Verdict::unknown(fault.code.clipped()),
        (None, Some(told)) => match (told.status, told.data.and_then(|d| d.sequence_number.filled())) {
            (true, Some(id)) if answer.status == 200 && &*told.code == "200" => Verdict::accepted(id),
            (true, _) => Verdict::unknown("no_id"),
            (false, Some(_)) => Verdict::unknown("contradiction"),
            // The service's own codes are not documented.
            (false, None) => Verdict::unknown(told.code.clipped()),
        },
        (None, None) => Verdict::unknown("unreadable"),
    }
}

/// What an answer means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    let json: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    match (&json["result"]["data"][0], &json["error"]["code"], &json["result"]["code"]) {
        (row, _, _) if row["reportTime"].is_string() => Class::Report,
        (row, _, _) if row["dataTime"].is_string() => Class::Mo,
        (_, Value::Null, told) | (_, told, _) => code(&told.to_string()).map_or(Class::Unknown, |r| r.class),
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    #[serde(borrow)]
    phone_num: Word<'a>,
    #[serde(borrow, default)]
    data_time: Word<'a>,
    #[serde(borrow, default)]
    content: Word<'a>,
    #[serde(borrow, default)]
    sign_id: Word<'a>,
}

impl Said<'_> {
    fn event(&self, pulled_at: Timestamp) -> Option<Inbound> {
        let phone = phone_of(&self.phone_num)?;
        Some(Inbound::Reply(Reply {
            event_id: event_id("reply", &[&phone.national(), &self.data_time, &self.content, &self.sign_id]),
            phone,
            text: self.content.to_string(),
            extension: None,
            // Told by its id, which is not the text of a signature.
            signature: None,
            at: Timestamp::parse_beijing(&self.data_time).unwrap_or(pulled_at),
        }))
    }
}

fn pulled(answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
    let unreadable = |at: usize| PullError::Unreadable { at: at.min(answer.body.len()) };
    let page: Envelope<'_, Items<Said<'_>>> =
        serde_json::from_slice(answer.body).map_err(|e| unreadable(e.column().saturating_sub(1)))?;
    let rows = match (page.error, page.result) {
        (Some(fault), _) => return Err(PullError::Refused { code: fault.code.clipped() }),
        (None, Some(told)) if told.status => told.data.map_or_else(Vec::new, |Items(rows)| rows),
        (None, Some(told)) => return Err(PullError::Refused { code: told.code.clipped() }),
        (None, None) => return Err(unreadable(0)),
    };
    let events: Vec<Inbound> = rows.iter().filter_map(|row| row.event(at)).collect();
    if events.len() < rows.len() {
        let (left_out, of) = (rows.len() - events.len(), rows.len());
        tracing::warn!(provider = "jdcloud", left_out, of, "pulled rows without a mainland number");
    }
    if events.is_empty() && !rows.is_empty() {
        return Err(unreadable(0));
    }
    Ok(Pulled { events, more: false })
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);

/// The gateway's codes. What is not here is unknown, and so is whatever the service itself refuses.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    &[
        row("200", Accepted, Taken, Nothing, "Nothing to do."),
        row("401", Auth, ACCOUNT, Hold, "Check the access key and this machine's clock, then lift the hold."),
        row("403", Auth, ACCOUNT, Hold, "Grant the access key the right to send SMS, then lift the hold."),
        row("429", Throttled, Unsent, Rest(Duration::from_secs(60)), "Too many calls: sending goes on by itself."),
        row("400", InvalidRequest, Doubt, Nothing, "The platform does not say what it refused: look at its console."),
        row("404", InvalidRequest, Doubt, Nothing, "The platform does not say what it refused: look at its console."),
        row("500", Transient, Doubt, Nothing, "The platform failed: look at its console."),
        row("503", Transient, Doubt, Nothing, "The platform failed: look at its console."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "jdcloud_tests.rs"]
mod tests;
