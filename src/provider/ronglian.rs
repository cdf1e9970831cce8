//! Ronglian (容联云通讯, cloopen) TemplateSMS, REST 2013-12-26.
//!
//! Sources: the vendor's Python SDK 1.0.0 as run (the test vectors) for call and signature; one long public table of
//! codes with which shorter ones agree.
//!
//! - A filed template is needed; its variables are numbered. Signature and unsubscribe words are taken to stand in it;
//!   that the platform may put the signature there itself is **unconfirmed**: say so with
//!   [`Ronglian::signature_by_platform`]. One set of values goes with a call, so personal texts go out one person a call.
//! - One code and one `smsMessageSid` answer a whole request. No page says that a request is refused as a whole: a code
//!   about a person leaves a request of many in doubt.
//! - That 160038 to 160041 and 160066 are limits of a number and not of the account is **unconfirmed**.
//! - Marketing hours are enforced (160071); which they are is **unconfirmed**, so the policy's own stand.
//! - `reqId` (in public clients, not in the official SDK) **seems** to have a repeated request refused; its scope, its
//!   length and whether it comes back are **unconfirmed**. It is left out unless [`Ronglian::request_ids`] asks for it, and
//!   nothing is ever sent again because of it.
//! - The shape of pushed reports and replies, and of a query, are **unconfirmed**: none is read. What was taken ends
//!   without a report, what is in doubt stays for a person, and replies must reach
//!   [`ShopHandle::reply`](crate::ShopHandle::reply) another way.

use super::filed::{filled, positional};
use super::wire::{Class, CodeRow, Incoming, Method, Outgoing, Wire};
use super::{Back, Blame, Consequence, Documented, Form, Lookup, Outcome, Profile, Request, Verdict, Verdicts, Writer};
use super::{sign, wire};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::secret::{MissingVariable, Secret};
use base64::Engine as _;
use std::fmt;
use std::time::Duration;

/// The settings of one Ronglian application.
///
/// ```
/// use optin106::provider::ronglian::Ronglian;
/// use optin106::secret::Secret;
/// let ronglian = Ronglian::new("account sid", Secret::new("auth token"), "app id");
/// assert!(!format!("{ronglian:?}").contains("token"));
/// ```
#[derive(Clone)]
pub struct Ronglian {
    account_sid: String,
    auth_token: Secret,
    app_id: String,
    request_ids: bool,
    profile: Profile,
}

impl Ronglian {
    /// An application by the account's sid and token, and its own id.
    pub fn new(account_sid: impl Into<String>, auth_token: Secret, app_id: impl Into<String>) -> Self {
        let (account_sid, app_id) = (account_sid.into(), app_id.into());
        Self { account_sid, auth_token, app_id, request_ids: false, profile: PROFILE }
    }

    /// Reads `RONGLIAN_ACCOUNT_SID`, `RONGLIAN_AUTH_TOKEN` and `RONGLIAN_APP_ID`; `RONGLIAN_REQUEST_IDS=1` sends `reqId`,
    /// `RONGLIAN_PLATFORM_SIGNS=1` says that the platform puts the signature in front.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the three needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let set = |name| Secret::from_env(name).is_ok_and(|v| v.expose() == "1");
        let (sid, token) = (Secret::from_env("RONGLIAN_ACCOUNT_SID")?, Secret::from_env("RONGLIAN_AUTH_TOKEN")?);
        let app_id = Secret::from_env("RONGLIAN_APP_ID")?;
        let this = Self::new(sid.expose(), token, app_id.expose()).request_ids(set("RONGLIAN_REQUEST_IDS"));
        Ok(if set("RONGLIAN_PLATFORM_SIGNS") { this.signature_by_platform() } else { this })
    }

    /// Whether our reference goes along as `reqId`. Try it with one number first: see the page of this module.
    #[must_use]
    pub fn request_ids(mut self, yes: bool) -> Self {
        self.request_ids = yes;
        self
    }

    /// The platform puts 【signature】 in front of the filed text, which then must not hold it.
    #[must_use]
    pub fn signature_by_platform(mut self) -> Self {
        self.profile.signature = Writer::Platform;
        self
    }

    /// The bytes of one call, in the form of the official Python SDK.
    pub(crate) fn call(&self, body: Vec<u8>, stamp: &Stamp) -> Outgoing {
        let time = stamp.at.civil().strftime("%Y%m%d%H%M%S").to_string();
        let sid = &self.account_sid;
        let authorization = base64::engine::general_purpose::STANDARD.encode(format!("{sid}:{time}"));
        Outgoing {
            method: Method::Post,
            path: format!("/2013-12-26/Accounts/{}/SMS/TemplateSMS", sign::percent(sid)).into(),
            query: format!("sig={}", signature(sid, self.auth_token.expose(), &time)),
            headers: vec![
                ("accept", "application/json".into()),
                ("content-type", "application/json;charset=utf-8".into()),
                ("accept-charset", "UTF-8".into()),
                ("authorization", authorization.into()),
            ],
            body,
        }
    }
}

/// MD5 of sid, token and time (Beijing's), in capitals.
pub(crate) fn signature(account_sid: &str, auth_token: &str, time: &str) -> String {
    let signed = zeroize::Zeroizing::new(format!("{account_sid}{auth_token}{time}"));
    sign::md5_hex(signed.as_bytes()).to_ascii_uppercase()
}

impl fmt::Debug for Ronglian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ronglian")
            .field("request_ids", &self.request_ids)
            .field("signature", &self.profile.signature)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "ronglian",
    form: Form::Template,
    // Code 160048.
    same_text_max: 200,
    // One set of values per call.
    personal_max: 1,
    signature: Writer::Template,
    words: Writer::Template,
    // Enforced (160071), not printed.
    window: None,
    caps: &[],
    // One code per call, but no word on what became of the others.
    all_or_nothing: false,
    // A repeated reqId is said to be refused, which is inferred from the names of two codes.
    idempotent: false,
    lookup: Lookup::None,
    reports: Back::None,
    replies: Back::None,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented; code 111111 says when it is too much.
    calls_per_second: 20,
    // High for the call; medium for codes; low for what is pushed, which is not read.
    documented: Documented::Medium,
    source: "the vendor's Python SDK 1.0.0",
};

/// The body of `TemplateSMS`.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "testing", derive(serde::Deserialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TemplateSms {
    pub(crate) to: String,
    pub(crate) app_id: String,
    pub(crate) template_id: String,
    pub(crate) datas: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sub_append: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) req_id: Option<String>,
}

pub(crate) fn json(body: &TemplateSms) -> Vec<u8> {
    serde_json::to_vec(body).expect("strings serialise")
}

impl Wire for Ronglian {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://app.cloopen.com:8883"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, _: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let held = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let rendition = request.rendition();
        let template = rendition.template().ok_or_else(|| held("no_template"))?;
        let datas = match (request.is_personal(), request.tickets()) {
            (false, _) => Vec::new(),
            (true, [one]) => positional(filled(rendition, one.params())?),
            (true, _) => return Err(held("one_person_a_call").into()),
        };
        let numbers: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        let body = TemplateSms {
            to: numbers.join(","),
            app_id: self.app_id.clone(),
            template_id: template.code.clone(),
            datas,
            sub_append: rendition.extension().map(str::to_owned),
            req_id: self.request_ids.then(|| request.reference().to_string()),
        };
        Ok(self.call(json(&body), stamp))
    }

    fn reads_server_errors(&self) -> bool {
        true
    }

    fn outcome(&self, _: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        Verdicts::Same(verdict(answer))
    }

    fn inbound(&self, _: &HttpCall) -> Result<Callback, InboundError> {
        Err(InboundError::NotOffered)
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendAnswer {
    status_code: String,
    #[serde(default, rename = "templateSMS")]
    template_sms: Option<Taken>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    #[serde(default)]
    sms_message_sid: Option<String>,
}

/// The row of a code of six digits; a row may stand for a range.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    let number: u32 = code.parse().ok().filter(|_| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()))?;
    CODES.iter().find(|(from, to, _)| (*from..=*to).contains(&number)).map(|(_, _, row)| row)
}

/// What an answer proves about every number in it.
pub(crate) fn verdict(answer: Incoming<'_>) -> Verdict {
    let Ok(parsed) = serde_json::from_slice::<SendAnswer>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    let word = || super::rows::clipped(&parsed.status_code);
    match code(&parsed.status_code) {
        Some(row) if row.class == Class::Accepted && answer.status != 200 => Verdict::unknown("contradiction"),
        Some(row) if row.class == Class::Accepted => {
            row.verdict(parsed.template_sms.and_then(|t| t.sms_message_sid).map(|id| id.trim().to_owned()))
        }
        // The code itself, where the row stands for several.
        Some(row) => Verdict { code: word(), ..row.verdict(None) },
        None => Verdict::unknown(word()),
    }
}

/// What an answer means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    match serde_json::from_slice::<SendAnswer>(answer.body) {
        Ok(parsed) => code(&parsed.status_code).map_or(Class::Unknown, |r| r.class),
        Err(_) if answer.status >= 500 => Class::Transient,
        Err(_) => Class::Unknown,
    }
}

const fn row(
    (from, to): (u32, u32),
    code: &'static str,
    class: Class,
    outcome: Outcome,
    consequence: Consequence,
    remedy: &'static str,
) -> (u32, u32, CodeRow) {
    (from, to, wire::row(code, class, outcome, consequence, remedy))
}

const fn one(
    number: u32,
    code: &'static str,
    class: Class,
    outcome: Outcome,
    consequence: Consequence,
    remedy: &'static str,
) -> (u32, u32, CodeRow) {
    row((number, number), code, class, outcome, consequence, remedy)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

/// Every code on the list: first, last, and what holds for all from the one to the other. What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[(u32, u32, CodeRow)] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest, StopEveryone, StopOwner};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    const LOGIN: &str = "Sid, token, application or this machine's clock is wrong: check all four.";
    const FIELD: &str = "A field is not as documented: look the code up in the platform's table, or ask its support.";
    const OFTEN: &str = "The number reached the platform's limit: nothing to do.";
    const LISTED: &str = "The number is on a blacklist of the platform: the stop is recorded.";
    const WAIT: &str = "The platform failed: ask it what became of the request.";
    &[
        one(0, "000000", Accepted, Taken, Nothing, "Nothing to do."),

        row((111_100, 111_110), "111100-111110", Auth, ACCOUNT, Hold, LOGIN),
        one(111_113, "111113", Auth, ACCOUNT, Hold, LOGIN),
        row((111_128, 111_141), "111128-111141", Auth, ACCOUNT, Hold, LOGIN),
        one(111_143, "111143", Auth, ACCOUNT, Hold, LOGIN),
        row((111_169, 111_182), "111169-111182", Auth, ACCOUNT, Hold, LOGIN),
        one(160_053, "160053", Auth, ACCOUNT, Hold, "This machine's address is not allowed: add it in the console."),

        one(111_142, "111142", InsufficientBalance, ACCOUNT, Hold, "Top up the balance, then lift the hold."),

        one(111_111, "111111", Throttled, Unsent, Rest(Duration::from_secs(1)), "Too many calls at a time: sending goes on by itself."),
        one(160_038, "160038", Throttled, PERSON, Nothing, OFTEN),
        one(160_039, "160039", Throttled, PERSON, Nothing, OFTEN),
        one(160_040, "160040", Throttled, PERSON, Nothing, OFTEN),
        one(160_041, "160041", Throttled, PERSON, Nothing, OFTEN),
        one(160_056, "160056", Throttled, PERSON, Nothing, "The same text went to this number too often: nothing to do."),
        one(160_066, "160066", Throttled, PERSON, Nothing, OFTEN),
        one(160_071, "160071", Throttled, ACCOUNT, Rest(Duration::from_secs(30 * 60)), "Marketing is not allowed at this hour: sending goes on by itself."),

        row((112_300, 112_311), "112300-112311", InvalidRequest, ACCOUNT, Hold, FIELD),
        one(160_030, "160030", InvalidRequest, ACCOUNT, Hold, FIELD),
        one(160_031, "160031", InvalidRequest, ACCOUNT, Hold, FIELD),
        row((160_035, 160_037), "160035-160037", InvalidRequest, ACCOUNT, Hold, FIELD),
        one(160_044, "160044", InvalidRequest, ACCOUNT, Hold, FIELD),
        one(160_045, "160045", InvalidRequest, ACCOUNT, Hold, "A number stood twice in one call: update this library."),
        one(160_048, "160048", InvalidRequest, ACCOUNT, Hold, "More numbers than the platform takes in one call: update this library."),
        one(160_052, "160052", InvalidRequest, ACCOUNT, Hold, FIELD),
        one(160_055, "160055", InvalidRequest, ACCOUNT, Hold, "The platform takes our reference for too long: switch request ids off."),
        one(160_057, "160057", InvalidRequest, ACCOUNT, Hold, FIELD),
        one(160_065, "160065", InvalidRequest, ACCOUNT, Hold, FIELD),
        one(160_067, "160067", InvalidRequest, ACCOUNT, Hold, FIELD),
        one(160_069, "160069", InvalidRequest, ACCOUNT, Hold, FIELD),

        one(160_032, "160032", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is unknown or not approved: check its code and state."),
        one(160_043, "160043", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template belongs to another application: check both ids."),
        one(160_046, "160046", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The marketing text is not approved: file it."),
        one(113_302, "113302", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template or its application is not approved: check their state."),

        one(160_042, "160042", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed."),
        one(160_061, "160061", NumberInvalid, PERSON, Nothing, "The platform does not serve the number."),
        one(160_062, "160062", NumberInvalid, PERSON, Nothing, "The platform does not serve the number."),

        // Lists of the platform, beside which the one of those who unsubscribed from the sender has a code of its own.
        one(160_034, "160034", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        one(160_068, "160068", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        row((160_072, 160_074), "160072-160074", NumberBlacklisted, PERSON, StopEveryone, LISTED),
        one(160_051, "160051", NumberUnsubscribed, PERSON, StopOwner, "The person unsubscribed at the platform: the stop is recorded."),

        one(160_033, "160033", ContentRejected, CONTENT, Nothing, "The text holds a forbidden word: change it."),
        one(160_049, "160049", ContentRejected, CONTENT, Nothing, "The text holds forbidden content: change it."),

        // The first of the two may have been taken.
        one(160_054, "160054", DuplicateRequest, Doubt, Nothing, "The platform saw the same request before: ask it what became of that one."),

        row((111_000, 111_099), "111000-111099", Transient, Doubt, Nothing, WAIT),
        one(160_000, "160000", Transient, Doubt, Nothing, WAIT),
        one(160_050, "160050", Transient, Doubt, Nothing, WAIT),
        row((160_063, 160_064), "160063-160064", Transient, Doubt, Nothing, WAIT),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "ronglian_tests.rs"]
mod tests;
