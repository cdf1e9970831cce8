//! China Mobile's cloud MAS (移动云MAS), HTTP interface.
//!
//! Sources: no vendor page was stored; SMS4J, easy-sms and a .NET client that carries the vendor's comments agree. The body
//! is base64 of compact JSON as raw text, as SMS4J sends it.
//!
//! - The address is the site's own. The common one, `http://112.35.1.155:1992`, is plain http and so refused unless it is
//!   reached through a tunnel on this machine; the https gateway takes the operation `submit` ([`CmccMas::https_gateway`]).
//! - Free text. The request carries a *code* of the signature, and the platform writes the signature (**inferred**); the
//!   codes are told with [`CmccMas::signature_code`]. The unsubscribe words are the caller's (**unconfirmed**).
//! - One code and one `msgGroup` answer for all; whether one bad number keeps the others from being sent is not documented.
//! - No reference and no query: an unknown outcome stays for a person to resolve. Reports and replies are pulled, and the
//!   pulls were never seen run against a live system. A pushed form was not found.
//! - **Unconfirmed**: hours, money, throttling and blacklist codes; whatever is not listed is unknown.

use super::rows::{Word, clipped};
use super::wire::{Class, CodeRow, Incoming, Items, Method, Outgoing, Wire, event_id, phone_of, row};
use super::{
    Back, Blame, Consequence, Documented, Form, Lookup, Outcome, Profile, PullError, Request, Verdict, Verdicts,
    Writer, sign,
};
use crate::clock::{Stamp, Timestamp};
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Pull, Pulled, Reply, Report};
use crate::secret::{MissingVariable, Secret};
use base64::Engine as _;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The settings of one cloud MAS account.
///
/// ```
/// use optin106::provider::cmcc_mas::CmccMas;
/// use optin106::secret::Secret;
/// let mas = CmccMas::new("示例科技有限公司", "ap id", Secret::new("secret")).signature_code("示例旗舰店", "Sign01");
/// assert!(!format!("{mas:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct CmccMas {
    ec_name: String,
    ap_id: String,
    secret_key: Secret,
    codes: BTreeMap<String, String>,
    https_gateway: bool,
    profile: Profile,
}

impl CmccMas {
    /// An account by the enterprise's name (`ecName`), the interface account (`apId`) and its secret key.
    pub fn new(ec_name: impl Into<String>, ap_id: impl Into<String>, secret_key: Secret) -> Self {
        Self {
            ec_name: ec_name.into(),
            ap_id: ap_id.into(),
            secret_key,
            codes: BTreeMap::new(),
            https_gateway: false,
            profile: PROFILE,
        }
    }

    /// Reads `CMCC_MAS_EC_NAME`, `CMCC_MAS_AP_ID`, `CMCC_MAS_SECRET_KEY` and, where set, `CMCC_MAS_SIGNATURES`: pairs such
    /// as `示例旗舰店=Sign01` joined with `;`. `CMCC_MAS_HTTPS_GATEWAY=1` says that the https gateway is used.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the three needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let (name, id) = (Secret::from_env("CMCC_MAS_EC_NAME")?, Secret::from_env("CMCC_MAS_AP_ID")?);
        let mut this = Self::new(name.expose(), id.expose(), Secret::from_env("CMCC_MAS_SECRET_KEY")?);
        if let Ok(list) = Secret::from_env("CMCC_MAS_SIGNATURES") {
            for (signature, code) in list.expose().split(';').filter_map(|pair| pair.split_once('=')) {
                this = this.signature_code(signature.trim(), code.trim());
            }
        }
        this.https_gateway = Secret::from_env("CMCC_MAS_HTTPS_GATEWAY").is_ok_and(|v| v.expose() == "1");
        Ok(this)
    }

    /// The platform's code of a signature (without brackets). A signature without one is not sent under.
    #[must_use]
    pub fn signature_code(mut self, signature: impl Into<String>, code: impl Into<String>) -> Self {
        self.codes.insert(signature.into(), code.into());
        self
    }

    /// Whether the address is an https gateway, which names the operation `submit` instead of `norsubmit`.
    #[must_use]
    pub fn https_gateway(mut self, yes: bool) -> Self {
        self.https_gateway = yes;
        self
    }

    /// The bytes of one call: the fields in this order, then `mac` over `signed` where there is one.
    pub(crate) fn call(&self, operation: &str, fields: &[(&str, &str)], signed: bool) -> Outgoing {
        let mut json = String::from("{");
        let mut push = |name: &str, value: &str| {
            let comma = if json.len() > 1 { "," } else { "" };
            json.push_str(&format!("{comma}\"{name}\":{}", serde_json::Value::from(value)));
        };
        push("ecName", &self.ec_name);
        push("apId", &self.ap_id);
        for (name, value) in fields {
            push(name, value);
        }
        if signed {
            let rest: String = fields.iter().map(|(_, value)| *value).collect();
            let input = [&self.ec_name, &self.ap_id, self.secret_key.expose(), &rest].concat();
            push("mac", &sign::md5_hex(input.as_bytes()));
        } else {
            push("secretKey", self.secret_key.expose());
        }
        json.push('}');
        Outgoing {
            method: Method::Post,
            path: format!("/sms/{operation}").into(),
            query: String::new(),
            headers: vec![("content-type", "application/json".into())],
            body: base64::engine::general_purpose::STANDARD.encode(json).into_bytes(),
        }
    }
}

impl fmt::Debug for CmccMas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CmccMas")
            .field("signatures", &self.codes.len())
            .field("https_gateway", &self.https_gateway)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "cmcc_mas",
    form: Form::FreeText,
    same_text_max: 5000,
    // "Fewer than 1000" by the .NET client's comment.
    personal_max: 999,
    signature: Writer::Platform,
    words: Writer::Caller,
    window: None,
    caps: &[],
    all_or_nothing: false,
    idempotent: false,
    lookup: Lookup::None,
    reports: Back::Pull,
    replies: Back::Pull,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 10,
    documented: Documented::Medium,
    source: "SMS4J, easy-sms; no vendor page",
};

impl Wire for CmccMas {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "http://112.35.1.155:1992"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, _: &str, _: &Stamp) -> Result<Outgoing, Verdicts> {
        let rendition = request.rendition();
        let signature = rendition.signature();
        let code = self.codes.get(signature).ok_or_else(|| {
            // An operator's omission: nothing leaves, and the account waits.
            Verdict::rejected(Blame::Account, Consequence::Hold, "no_signature_code")
        })?;
        let bare = |text: &str| {
            let body = text.strip_prefix(&format!("【{signature}】")).map(str::to_owned);
            body.ok_or_else(|| Verdict::rejected(Blame::Content, Consequence::None, "no_signature"))
        };
        let numbers: Vec<String> = request.tickets().iter().map(|t| t.phone().national()).collect();
        let content = if request.is_personal() {
            let text = |t: &crate::ticket::Ticket| bare(t.text().unwrap_or(rendition.text()));
            let pairs = request.tickets().iter().zip(&numbers).map(|(t, n)| Ok((n.as_str(), text(t)?)));
            sign::json_object(pairs.collect::<Result<Vec<_>, Verdict>>()?.iter().map(|(n, t)| (*n, t.as_str())))
        } else {
            bare(rendition.text())?
        };
        let fields = [
            ("mobiles", &*numbers.join(",")),
            ("content", &content),
            ("sign", code),
            ("addSerial", rendition.extension().unwrap_or_default()),
        ];
        Ok(self.call(if self.https_gateway { "submit" } else { "norsubmit" }, &fields, true))
    }

    fn outcome(&self, _: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        Verdicts::Same(verdict(answer))
    }

    fn inbound(&self, _: &HttpCall) -> Result<Callback, InboundError> {
        Err(InboundError::NotOffered)
    }

    fn pull(&self, what: Pull, _: &str, _: &Stamp) -> Option<Outgoing> {
        let operation = match what {
            Pull::Replies => "deliver",
            Pull::Reports => "report",
        };
        Some(self.call(operation, &[], false))
    }

    fn pulled(&self, what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
        pulled(what, answer, at)
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    rspcod: String,
    #[serde(default)]
    msg_group: Option<String>,
    #[serde(default)]
    success: Option<bool>,
}

/// What an answer to a submission proves about every number of it.
pub(crate) fn verdict(answer: Incoming<'_>) -> Verdict {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(answer.body) else {
        return Verdict::unknown("unreadable");
    };
    let is_taken = |row: &CodeRow| row.class == Class::Accepted;
    match code(&envelope.rspcod) {
        // Both words must agree, either way.
        Some(row) if envelope.success.is_some_and(|s| s != is_taken(row)) => Verdict::unknown("contradiction"),
        Some(row) if is_taken(row) && answer.status != 200 => Verdict::unknown("contradiction"),
        Some(row) => row.verdict(envelope.msg_group),
        None => Verdict::unknown(clipped(&envelope.rspcod)),
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow, default)]
    report_status: Word<'a>,
    #[serde(borrow, default)]
    error_code: Word<'a>,
    #[serde(borrow, default)]
    msg_group: Word<'a>,
    #[serde(borrow, default)]
    receive_date: Word<'a>,
    #[serde(borrow, default)]
    submit_date: Word<'a>,
    #[serde(borrow, default)]
    mobile: Mobiles<'a>,
    #[serde(borrow, default)]
    sms_content: Option<Word<'a>>,
    #[serde(borrow, default)]
    send_time: Word<'a>,
    #[serde(borrow, default)]
    add_serial: Word<'a>,
}

/// One number, or a list of them.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Mobiles<'a> {
    #[serde(borrow)]
    Many(Vec<Word<'a>>),
    #[serde(borrow)]
    One(Word<'a>),
}

impl Default for Mobiles<'_> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<'a> Mobiles<'a> {
    fn list(&self) -> &[Word<'a>] {
        match self {
            Self::Many(list) => list,
            Self::One(one) => std::slice::from_ref(one),
        }
    }
}

impl Row<'_> {
    /// What the row tells of one of its numbers; nothing where that cannot be a mainland mobile or the row is of another
    /// kind than what was pulled. A time that cannot be read is that of the pull.
    fn event(&self, what: Pull, mobile: &Word<'_>, pulled_at: Timestamp) -> Option<Inbound> {
        let phone = phone_of(mobile)?;
        match (what, &self.sms_content) {
            (Pull::Replies, Some(text)) => Some(Inbound::Reply(Reply {
                event_id: event_id("reply", &[mobile, &self.send_time, text, &self.add_serial]),
                phone,
                text: text.to_string(),
                extension: self.add_serial.filled(),
                signature: None,
                at: moment(&self.send_time).unwrap_or(pulled_at),
            })),
            (Pull::Reports, None) => {
                let code = if self.error_code.is_empty() { &self.report_status } else { &self.error_code };
                let at = if self.receive_date.is_empty() { &self.submit_date } else { &self.receive_date };
                Some(Inbound::Report(Report {
                    event_id: event_id("report", &[mobile, &self.msg_group, code, at]),
                    phone,
                    provider_id: self.msg_group.filled(),
                    reference: None,
                    code: code.clipped(),
                    delivered: None,
                    at: moment(at).unwrap_or(pulled_at),
                }))
            }
            (Pull::Replies, None) | (Pull::Reports, Some(_)) => None,
        }
    }
}

/// `20251125000004` or `2025-11-25 00:01:00`, Beijing's.
fn moment(s: &str) -> Option<Timestamp> {
    let s = s.trim();
    if s.len() == 14 && s.bytes().all(|b| b.is_ascii_digit()) {
        let spelled = format!("{}-{}-{} {}:{}:{}", &s[..4], &s[4..6], &s[6..8], &s[8..10], &s[10..12], &s[12..]);
        return Timestamp::parse_beijing(&spelled).ok();
    }
    Timestamp::parse_beijing(s).ok()
}

/// The rows of a pull. The platform has forgotten the page: an odd row must not cost the others, and when nothing of it can
/// be understood, that must be seen.
fn pulled(what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
    let Items(rows): Items<Row<'_>> =
        serde_json::from_slice(answer.body).map_err(|e| match serde_json::from_slice::<Envelope>(answer.body) {
            Ok(refused) => PullError::Refused { code: clipped(&refused.rspcod) },
            Err(_) => PullError::Unreadable { at: e.column().saturating_sub(1).min(answer.body.len()) },
        })?;
    let of_row = |row: &Row<'_>| -> Vec<Inbound> {
        row.mobile.list().iter().filter_map(|mobile| row.event(what, mobile, at)).collect()
    };
    let told: Vec<Vec<Inbound>> = rows.iter().map(of_row).collect();
    let (left_out, of) = (told.iter().filter(|events| events.is_empty()).count(), rows.len());
    if left_out > 0 {
        tracing::warn!(provider = "cmcc_mas", left_out, of, "pulled rows without a mainland number or of another kind");
    }
    if left_out == of && of > 0 {
        return Err(PullError::Unreadable { at: 0 });
    }
    Ok(Pulled { events: told.into_iter().flatten().collect(), more: of > 0 })
}

/// What an answer means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    match serde_json::from_slice::<serde_json::Value>(answer.body) {
        Ok(v) if v[0]["smsContent"].is_string() => Class::Mo,
        Ok(v) if v[0]["msgGroup"].is_string() => Class::Report,
        Ok(v) => v["rspcod"].as_str().and_then(code).map_or(Class::Unknown, |r| r.class),
        Err(_) if answer.status >= 500 => Class::Transient,
        Err(_) => Class::Unknown,
    }
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);
const HOLD: Consequence = Consequence::Hold;
const NONE: Consequence = Consequence::None;
use Class::{Auth, InvalidRequest, TemplateOrSignatureNotApproved as NotApproved};

/// Every code of the public clients.
pub const CODES: &[CodeRow] = &[
    row("success", Class::Accepted, Outcome::Accepted, NONE, "Nothing to do."),
    row(
        "InvalidUsrOrPwd",
        Auth,
        ACCOUNT,
        HOLD,
        "Check enterprise name, interface account and key, then lift the hold.",
    ),
    row("IllegalMac", Auth, ACCOUNT, HOLD, "The secret key does not fit: correct it, then lift the hold."),
    row("NoSignId", NotApproved, ACCOUNT, HOLD, "The signature's code is not known: correct it, then lift the hold."),
    row(
        "IllegalSignId",
        NotApproved,
        ACCOUNT,
        HOLD,
        "The signature's code may not be used: file it, then lift the hold.",
    ),
    row(
        "InvalidMessage",
        InvalidRequest,
        ACCOUNT,
        HOLD,
        "The request is not as the platform reads it: see text and gateway, then lift the hold.",
    ),
    row("TooManyMobiles", InvalidRequest, ACCOUNT, HOLD, "Lower the numbers per call, then lift the hold."),
    row(
        "InvalidMobile",
        Class::NumberInvalid,
        PERSON,
        NONE,
        "The platform does not serve this number: ask for another.",
    ),
];

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "cmcc_mas_tests.rs"]
mod tests;
