//! CTYun (天翼云) SMS.
//!
//! Sources: the vendor's page of SendSms; the EOP signature as two public clients agree on it (easy-sms, SMS4J), after
//! which the test vectors were built. No official SDK was found.
//!
//! Unconfirmed: the list of codes (only `OK` is known, so every other code is unknown), the form of the reports and
//! replies that it pushes, whether a number can be asked about (no operation was found), limits of rate, hours and
//! number, and who writes the unsubscribe words (taken to stand in the template).
//!
//! - A filed template is needed; the signature is named in each request and the platform writes it in front.
//! - One code answers a whole request of up to 200 numbers. `templateParam` holds for all of them, so people with
//!   parameters of their own are sent to one by one.
//! - `sessionId` carries our reference into reports. Since their form is not known, nothing is read: an accepted message
//!   ends without a report, an unknown one is for a person to resolve, **and replies come only to the console. Somebody
//!   must carry the refusals from there into the stop list.**
//! - 401 and 403 are taken for refused credentials, 429 for "later": the meaning of these statuses, no page of theirs.

use super::filed::filled;
use super::rows::clipped;
use super::sign;
use super::wire::{Class, CodeRow, Incoming, Method, Outgoing, Wire, row};
use super::{Back, Blame, Consequence, Documented, Form, Lookup, Outcome, Profile, Request, Verdict, Verdicts, Writer};
use crate::clock::{Stamp, Timestamp};
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::secret::{MissingVariable, Secret};
use base64::Engine as _;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The settings of one CTYun account.
///
/// ```
/// use optin106::provider::ctyun::Ctyun;
/// use optin106::secret::Secret;
/// let ctyun = Ctyun::new("access key", Secret::new("secret key"));
/// assert!(!format!("{ctyun:?}").contains("key"));
/// ```
#[derive(Clone)]
pub struct Ctyun {
    access_key: String,
    secret_key: Secret,
    profile: Profile,
}

impl Ctyun {
    /// An account by its keys.
    pub fn new(access_key: impl Into<String>, secret_key: Secret) -> Self {
        Self { access_key: access_key.into(), secret_key, profile: PROFILE }
    }

    /// Reads `CTYUN_ACCESS_KEY` and `CTYUN_SECRET_KEY`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the two that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let key = Secret::from_env("CTYUN_ACCESS_KEY")?;
        Ok(Self::new(key.expose(), Secret::from_env("CTYUN_SECRET_KEY")?))
    }

    /// The bytes of one call.
    pub(crate) fn call(&self, body: String, stamp: &Stamp) -> Outgoing {
        let (date, id) = (beijing(stamp.at), uuid(&stamp.nonce));
        let authorization = authorization(&self.access_key, self.secret_key.expose(), &id, &date, "", body.as_bytes());
        Outgoing {
            method: Method::Post,
            path: "/sms/api/v1".into(),
            query: String::new(),
            headers: vec![
                ("accept", "application/json".into()),
                ("content-type", "application/json;charset=utf-8".into()),
                ("ctyun-eop-request-id", id.into()),
                ("eop-authorization", authorization.into()),
                ("eop-date", date.into()),
            ],
            body: body.into_bytes(),
        }
    }
}

impl fmt::Debug for Ctyun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctyun").finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "ctyun",
    form: Form::Template,
    same_text_max: 200,
    // One templateParam for all numbers of a call.
    personal_max: 1,
    signature: Writer::Platform,
    words: Writer::Template,
    window: None,
    caps: &[],
    // One code for all, and no page says what one bad number does to the others.
    all_or_nothing: false,
    idempotent: false,
    lookup: Lookup::None,
    // Pushed in a form that is not known.
    reports: Back::None,
    replies: Back::None,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 10,
    documented: Documented::Medium,
    source: "the vendor's page of SendSms; SMS4J, easy-sms",
};

impl Wire for Ctyun {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://sms-global.ctapi.ctyun.cn"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, _: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let rendition = request.rendition();
        let refused = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let template = rendition.template().ok_or_else(|| refused("no_template"))?;
        if rendition.extension().is_some_and(|e| e.len() > 6) {
            return Err(refused("extension_too_long").into());
        }
        let tickets = request.tickets();
        let numbers = tickets.iter().map(|t| t.phone().national()).collect::<Vec<_>>().join(",");
        let values = match (request.is_personal(), tickets) {
            (false, _) => None,
            (true, [one]) => {
                Some(sign::json_object(filled(rendition, one.params())?.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
            }
            (true, _) => return Err(refused("too_many_numbers").into()),
        };
        let reference = request.reference().to_string();
        let mut fields = vec![
            ("action", "SendSms"),
            ("signName", rendition.signature()),
            ("phoneNumber", &numbers),
            ("templateCode", &template.code),
        ];
        fields.extend(values.as_deref().map(|v| ("templateParam", v)));
        fields.extend(rendition.extension().map(|e| ("extendCode", e)));
        fields.push(("sessionId", &reference));
        Ok(self.call(sign::json_object(fields), stamp))
    }

    fn outcome(&self, _: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        Verdicts::Same(verdict(answer))
    }

    fn inbound(&self, _: &HttpCall) -> Result<Callback, InboundError> {
        Err(InboundError::NotOffered)
    }
}

/// `20251125T000000Z`: Beijing's time, in spite of the `Z`.
fn beijing(at: Timestamp) -> String {
    at.civil().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Thirty-two hexadecimal digits as a UUID is written; anything else as it is.
fn uuid(nonce: &str) -> String {
    if nonce.len() != 32 || !nonce.is_ascii() {
        return nonce.to_owned();
    }
    let (a, b, c, d, e) = (&nonce[..8], &nonce[8..12], &nonce[12..16], &nonce[16..20], &nonce[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// The `Eop-Authorization` header; `date` is the value of `Eop-date`.
///
/// # Source
/// Two public clients that agree; the vendor's page of the EOP signature.
pub(crate) fn authorization(key: &str, secret: &str, id: &str, date: &str, query: &str, body: &[u8]) -> String {
    let text = format!("ctyun-eop-request-id:{id}\neop-date:{date}\n\n{query}\n{}", sign::sha256_hex(body));
    let day = date.split('T').next().unwrap_or_default();
    let by_time = sign::hmac_sha256(secret.as_bytes(), date.as_bytes());
    let by_day = sign::hmac_sha256(&sign::hmac_sha256(&by_time, key.as_bytes()), day.as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(sign::hmac_sha256(&by_day, text.as_bytes()));
    format!("{key} Headers=ctyun-eop-request-id;eop-date Signature={signature}")
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    request_id: Option<Cow<'a, str>>,
}

/// What an answer proves about everyone in the request.
pub(crate) fn verdict(answer: Incoming<'_>) -> Verdict {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    let id = envelope.request_id.map(Cow::into_owned);
    match (code(&envelope.code).filter(|r| r.outcome == Outcome::Accepted), answer.status) {
        (Some(ok), 200) => ok.verdict(id),
        (Some(_), _) => Verdict::unknown("contradiction"),
        (None, status @ (401 | 403 | 429)) => match code(&status.to_string()) {
            Some(row) => row.verdict(None),
            None => Verdict::unknown("unlisted"),
        },
        (None, _) => Verdict::unknown(clipped(&envelope.code)),
    }
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

/// What an answer means, in the classes of the fact sheets; the sheet takes any other code for a refused request.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    let envelope = serde_json::from_slice::<Envelope<'_>>(answer.body).ok();
    match (envelope, answer.status) {
        (_, 500..) => Class::Transient,
        (_, status @ (401 | 403 | 429)) => code(&status.to_string()).map_or(Class::Unknown, |r| r.class),
        (Some(envelope), 200) if envelope.code == "OK" => Class::Accepted,
        (Some(_), _) => Class::InvalidRequest,
        (None, _) => Class::Unknown,
    }
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const MINUTE: Consequence = Consequence::Rest(Duration::from_secs(60));

/// The one code that is known, and the HTTP statuses of refusals. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing};
    use Outcome::{Accepted as Taken, Unsent};
    &[
        row("OK", Accepted, Taken, Nothing, "Nothing to do."),
        row("401", Auth, ACCOUNT, Hold, "Check the access key, the secret key and this machine's clock."),
        row("403", Auth, ACCOUNT, Hold, "Grant the account the right to send, and allow this machine's address."),
        row("429", Throttled, Unsent, MINUTE, "Too many calls: sending goes on by itself."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "ctyun_tests.rs"]
mod tests;
