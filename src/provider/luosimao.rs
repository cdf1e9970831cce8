//! Luosimao (螺丝帽) SMS, API v1.
//!
//! Sources: the vendor's Java and PHP SDKs (2026-03). The requests follow the PHP SDK over https; the Java SDK's default of
//! plain http is not used.
//!
//! - Free text: the caller writes 【signature】 and the unsubscribe words. The vendor's examples sign at the end; that a
//!   signature in front is taken as well is **unconfirmed**.
//! - Everything goes out by `send_batch`, also for one person: `send` gives no id, and what has none is never called taken.
//! - One code answers for all. Whether one bad number keeps the others from being sent is not documented, so such a code
//!   leaves a request for many in doubt.
//! - No reference, no query, and no report or reply was found: an unknown outcome stays for a person to resolve, and
//!   accepted rows end without a report. Stops reach this account only through the platform's own refusals and the host.
//! - **Unconfirmed**: the most numbers of a batch (the SDK guards at 100,000 and calls that an assumption; 10,000 is used),
//!   marketing hours, callbacks.

use super::wire::{Class, CodeRow, Incoming, Method, Outgoing, Wire, row};
use super::{
    Back, Blame, Consequence, Documented, Form, Lookup, Outcome, Profile, Request, Verdict, Verdicts, Writer, sign,
};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::secret::{MissingVariable, Secret};
use base64::Engine as _;
use std::fmt;
use std::time::Duration;

/// The longest text, signature included (SDK).
const LONGEST: usize = 300;

/// The settings of one Luosimao account.
///
/// ```
/// use optin106::provider::luosimao::Luosimao;
/// use optin106::secret::Secret;
/// assert!(!format!("{:?}", Luosimao::new(Secret::new("api key"))).contains("key"));
/// ```
#[derive(Clone)]
pub struct Luosimao {
    api_key: Secret,
    profile: Profile,
}

impl Luosimao {
    /// An account by its API key, without the `key-` that is put in front of it.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, profile: PROFILE }
    }

    /// Reads `LUOSIMAO_API_KEY`.
    ///
    /// # Errors
    /// [`MissingVariable`] when it is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        Ok(Self::new(Secret::from_env("LUOSIMAO_API_KEY")?))
    }

    /// The bytes of one call; without parameters it is a `GET`.
    pub(crate) fn call(&self, operation: &str, params: &[(&str, &str)]) -> Outgoing {
        let login = format!("api:key-{}", self.api_key.expose());
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login));
        let mut headers = vec![("authorization", basic.into())];
        if !params.is_empty() {
            headers.push(("content-type", "application/x-www-form-urlencoded".into()));
        }
        Outgoing {
            method: if params.is_empty() { Method::Get } else { Method::Post },
            path: format!("/v1/{operation}").into(),
            query: String::new(),
            headers,
            body: sign::form(params).into_bytes(),
        }
    }
}

impl fmt::Debug for Luosimao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Luosimao").finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "luosimao",
    form: Form::FreeText,
    // Unconfirmed; see above.
    same_text_max: 10_000,
    // A batch has one text.
    personal_max: 1,
    signature: Writer::Caller,
    words: Writer::Caller,
    window: None,
    caps: &[],
    all_or_nothing: false,
    idempotent: false,
    lookup: Lookup::None,
    reports: Back::None,
    replies: Back::None,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 10,
    documented: Documented::Medium,
    source: "the vendor's Java and PHP SDKs",
};

impl Wire for Luosimao {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://sms-api.luosimao.com"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, _: &str, _: &Stamp) -> Result<Outgoing, Verdicts> {
        let text = match request.tickets() {
            [only] => only.text().unwrap_or(request.rendition().text()),
            [] | [..] => request.rendition().text(),
        };
        if text.chars().count() > LONGEST {
            return Err(Verdict::rejected(Blame::Content, Consequence::None, "too_long").into());
        }
        let numbers: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        Ok(self.call("send_batch.json", &[("mobile_list", &numbers.join(",")), ("message", text)]))
    }

    fn outcome(&self, _: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        Verdicts::Same(verdict(answer))
    }

    fn inbound(&self, _: &HttpCall) -> Result<Callback, InboundError> {
        Err(InboundError::NotOffered)
    }
}

#[derive(serde::Deserialize)]
struct Envelope {
    error: i64,
    #[serde(default)]
    batch_id: Option<serde_json::Value>,
}

/// What an answer proves about every number of its request.
pub(crate) fn verdict(answer: Incoming<'_>) -> Verdict {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    let id = envelope.batch_id.as_ref().and_then(id).filter(|id| !id.is_empty());
    match code(&envelope.error.to_string()) {
        Some(row) if row.class == Class::Accepted && answer.status != 200 => Verdict::unknown("contradiction"),
        // A batch was made, so some may have been taken.
        Some(row) if row.class != Class::Accepted && id.is_some() => Verdict::unknown("contradiction"),
        Some(row) => row.verdict(id),
        None => Verdict::unknown(envelope.error.to_string()),
    }
}

fn id(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(s) => Some(s.clone()),
        serde_json::Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

/// What an answer means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(operation: &str, answer: Incoming<'_>) -> Class {
    let value: serde_json::Value = serde_json::from_slice(answer.body).unwrap_or_default();
    match value["error"].as_i64() {
        Some(0) if matches!(operation, "balance" | "status.json") => Class::Report,
        Some(n) => code(&n.to_string()).map_or(Class::Unknown, |r| r.class),
        None if answer.status >= 500 => Class::Transient,
        None => Class::Unknown,
    }
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);
const HOLD: Consequence = Consequence::Hold;
const NONE: Consequence = Consequence::None;
/// "Too fast" comes without a time.
const REST: Consequence = Consequence::Rest(Duration::from_secs(60));

/// Every code of the vendor's SDKs.
pub const CODES: &[CodeRow] = &[
    row("0", Class::Accepted, Outcome::Accepted, NONE, "Nothing to do."),
    row("-10", Class::Auth, ACCOUNT, HOLD, "Check the API key, then lift the hold."),
    row("-11", Class::Auth, ACCOUNT, HOLD, "The interface is switched off: ask the platform, then lift the hold."),
    row(
        "-12",
        Class::InsufficientBalance,
        ACCOUNT,
        HOLD,
        "The account is frozen: ask the platform, then lift the hold.",
    ),
    row("-20", Class::InsufficientBalance, ACCOUNT, HOLD, "Top the account up, then lift the hold."),
    row("-30", Class::InvalidRequest, CONTENT, NONE, "The text is empty: write one."),
    row("-31", Class::ContentRejected, CONTENT, NONE, "The text has a word that the platform refuses: change it."),
    row(
        "-32",
        Class::TemplateOrSignatureNotApproved,
        ACCOUNT,
        HOLD,
        "The signature is missing: file it, then lift the hold.",
    ),
    row("-33", Class::InvalidRequest, CONTENT, NONE, "The text is over 300 characters: shorten it."),
    row(
        "-34",
        Class::TemplateOrSignatureNotApproved,
        ACCOUNT,
        HOLD,
        "The signature may not be used: file it, then lift the hold.",
    ),
    row(
        "-35",
        Class::TemplateOrSignatureNotApproved,
        ACCOUNT,
        HOLD,
        "A test signature was used: file your own, then lift the hold.",
    ),
    row(
        "-40",
        Class::NumberInvalid,
        PERSON,
        NONE,
        "The platform does not serve this number: ask the person for another.",
    ),
    row(
        "-41",
        Class::NumberBlacklisted,
        PERSON,
        Consequence::StopEveryone,
        "The number is on the platform's list: it is stopped.",
    ),
    row(
        "-42",
        Class::Throttled,
        Outcome::Unsent,
        REST,
        "Too fast: it goes on after a minute; lower the account's pace.",
    ),
    row(
        "-50",
        Class::Auth,
        ACCOUNT,
        HOLD,
        "This server's address is not on the account's list: add it, then lift the hold.",
    ),
];

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "luosimao_tests.rs"]
mod tests;
