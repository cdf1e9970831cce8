//! UCloud (优刻得) USMS.
//!
//! Sources: the vendor's documents repository (usms: SendUSMSMessage, SendBatchUSMSMessage, callbacks, error_code) and
//! API pages; requests as captured from the official `ucloud-sdk-python3` 0.11.150, which posts the documented fields as
//! a form (the pages show GET) with the unsigned header `U-Timestamp-Ms`.
//!
//! - A filed template of the kind 会员推广类 is needed; the platform writes 【signature】 in front. The unsubscribe words
//!   are a field of the template (`UnsubscribeInfo`), put behind the text (inferred): bind the filed text with them at
//!   its end, so that they are compared.
//! - `SendUSMSMessage` answers with one code and one `SessionNo` for all; that it takes all or nothing is not
//!   documented. `SendBatchUSMSMessage` names those who failed, with words and no code, and counts the others: where the
//!   count does not fit, the others are unknown.
//! - The signature covers neither time nor nonce, so a request could be replayed by who has read it; TLS is the guard.
//! - `UserId` (32 characters) carries our reference into reports. Nobody can be asked without a `SessionNo`.
//! - Callbacks are not signed: a secret path is their only proof. `PullUSMSReport` exists by request and is not used:
//!   the form of its answer stands in no page read.

use super::filed::{filled, positional};
use super::rows::{Word, unix};
use super::sign;
use super::wire::{Class, CodeRow, Incoming, Items, Method, Outgoing, Wire, event_id, malformed, received, row};
use super::{
    Back, Blame, Consequence, Documented, Door, Form, Lookup, Outcome, Profile, Request, Verdict, Verdicts, Writer,
};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Reply, Report};
use crate::phone::Phone;
use crate::secret::{MissingVariable, Secret};
use base64::Engine as _;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

/// The settings of one UCloud account.
///
/// ```
/// use optin106::provider::ucloud::Ucloud;
/// use optin106::secret::Secret;
/// let ucloud = Ucloud::new("public key", Secret::new("private key")).project("org-1");
/// assert!(!format!("{ucloud:?}").contains("private"));
/// ```
#[derive(Clone)]
pub struct Ucloud {
    public_key: String,
    private_key: Secret,
    project: Option<String>,
    region: String,
    door: Door,
    profile: Profile,
}

impl Ucloud {
    /// An account by its API keys.
    pub fn new(public_key: impl Into<String>, private_key: Secret) -> Self {
        Self {
            public_key: public_key.into(),
            private_key,
            project: None,
            region: "cn-bj2".into(),
            door: Door::default(),
            profile: PROFILE,
        }
    }

    /// Reads `UCLOUD_PUBLIC_KEY`, `UCLOUD_PRIVATE_KEY` and, where set, `UCLOUD_PROJECT_ID`, `UCLOUD_REGION`,
    /// `UCLOUD_CALLBACK_PATH` and `UCLOUD_CALLBACK_SOURCES`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the two needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let key = Secret::from_env("UCLOUD_PUBLIC_KEY")?;
        let mut this = Self::new(key.expose(), Secret::from_env("UCLOUD_PRIVATE_KEY")?);
        this.project = Secret::from_env("UCLOUD_PROJECT_ID").ok().map(|s| s.expose().to_owned());
        if let Ok(region) = Secret::from_env("UCLOUD_REGION") {
            this = this.region(region.expose());
        }
        this.door = Door::from_env("UCLOUD_CALLBACK_PATH", "UCLOUD_CALLBACK_SOURCES");
        Ok(this)
    }

    /// The project (`ProjectId`); sub-accounts need one.
    #[must_use]
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.project = Some(id.into());
        self
    }

    /// The region; `cn-bj2` unless said otherwise.
    #[must_use]
    pub fn region(mut self, name: impl Into<String>) -> Self {
        self.region = name.into();
        self
    }

    /// The path of the push address, such as `/sms/` and 32 random digits. The platform signs nothing, so knowing this
    /// path is what proves a callback; without it every callback is refused.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call, in the SDK's order.
    pub(crate) fn call(&self, action: &str, params: &[(&str, &str)], stamp: &Stamp) -> Outgoing {
        let mut pairs = vec![("Region", self.region.as_str())];
        pairs.extend(self.project.iter().map(|p| ("ProjectId", p.as_str())));
        pairs.extend_from_slice(params);
        pairs.extend([("Action", action), ("PublicKey", self.public_key.as_str())]);
        let signature = signature(&pairs, self.private_key.expose());
        pairs.push(("Signature", &signature));
        Outgoing {
            method: Method::Post,
            path: "/".into(),
            query: String::new(),
            headers: vec![
                ("accept", "application/json".into()),
                ("content-type", "application/x-www-form-urlencoded".into()),
                ("u-timestamp-ms", stamp.at.millis().to_string().into()),
            ],
            body: sign::form(&pairs).into_bytes(),
        }
    }
}

impl fmt::Debug for Ucloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ucloud").field("region", &self.region).field("door", &self.door).finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "ucloud",
    form: Form::Template,
    same_text_max: 1000,
    // Code 18019 counts the numbers of one submission, of either operation.
    personal_max: 1000,
    signature: Writer::Platform,
    words: Writer::Template,
    // No hours and no cap per number were found; carriers' own show in reports.
    window: None,
    caps: &[],
    // One code for all, but no page says that one bad number (18014) keeps the others from being sent.
    all_or_nothing: false,
    idempotent: false,
    // Receipts are asked for by SessionNo, which a lost answer takes with it.
    lookup: Lookup::None,
    reports: Back::Push,
    replies: Back::Push,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 20,
    documented: Documented::High,
    source: "the vendor's documents repository (usms)",
};

impl Wire for Ucloud {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://api.ucloud.cn"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, _: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let rendition = request.rendition();
        let Some(template) = rendition.template() else {
            return Err(Verdict::rejected(Blame::Account, Consequence::Hold, "no_template").into());
        };
        if request.is_personal() {
            let content = task_content(request, &template.code)?;
            return Ok(self.call("SendBatchUSMSMessage", &[("TaskContent", &content)], stamp));
        }
        let numbers: Vec<(String, String)> = request
            .tickets()
            .iter()
            .enumerate()
            .map(|(i, t)| (format!("PhoneNumbers.{i}"), t.phone().national()))
            .collect();
        let reference = request.reference().to_string();
        let mut params: Vec<(&str, &str)> = numbers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        params.extend([("SigContent", rendition.signature()), ("TemplateId", &template.code)]);
        params.extend(rendition.extension().map(|e| ("ExtendCode", e)));
        params.push(("UserId", &reference));
        Ok(self.call("SendUSMSMessage", &params, stamp))
    }

    fn reads_server_errors(&self) -> bool {
        true
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(answer.body) else {
            return Verdicts::Same(Verdict::unknown("unreadable"));
        };
        if !request.is_personal() || !matches!(envelope.ret_code, 0 | 18046) {
            return Verdicts::Same(whole(&envelope, answer.status));
        }
        let failed = failed(&envelope);
        let mine: HashSet<_> = request.tickets().iter().map(crate::ticket::Ticket::phone).collect();
        let named: HashSet<_> = failed.iter().filter_map(|t| phone_of(&t.phone)).filter(|p| mine.contains(p)).collect();
        // The others are not named, only counted: all of them were taken, or nobody knows which. Receipts name session and
        // number, so one of them ends a person's doubt.
        let rest = match envelope.success_count == Some((mine.len() - named.len()) as u64) && answer.status == 200 {
            true => taken(&envelope),
            false => Verdict { id: taken(&envelope).id, ..Verdict::unknown("not_named") },
        };
        let one = |phone| {
            let target = failed.iter().find(|t| phone_of(&t.phone) == Some(phone));
            target.map_or_else(|| rest.clone(), |t| t.verdict())
        };
        Verdicts::Each(request.tickets().iter().map(|t| one(t.phone())).collect())
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.door.admits(call)?;
        callback(&call.body, call.received_at)
    }
}

/// A number bare or, as the documents also write it, behind `(86)`.
fn phone_of(s: &str) -> Option<Phone> {
    super::wire::phone_of(s.trim().strip_prefix("(86)").unwrap_or(s))
}

/// SHA-1 over the names and values in the order of the names, joined by nothing, and the private key.
///
/// # Source
/// docs.ucloud.cn, "签名算法"; its printed example.
pub(crate) fn signature(pairs: &[(&str, &str)], private_key: &str) -> String {
    let mut sorted: Vec<_> = pairs.iter().collect();
    sorted.sort_unstable();
    let mut sha1 = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    for (name, value) in sorted {
        sha1.update(name.as_bytes());
        sha1.update(value.as_bytes());
    }
    sha1.update(private_key.as_bytes());
    crate::id::hex(sha1.finish().as_ref())
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Task<'a> {
    template_id: &'a str,
    sig_content: &'a str,
    target: Vec<Addressed<'a>>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Addressed<'a> {
    template_params: Vec<String>,
    phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    extend_code: Option<&'a str>,
    user_id: &'a str,
}

fn task_content(request: &Request<'_>, template_id: &str) -> Result<String, Verdicts> {
    let (rendition, reference) = (request.rendition(), request.reference().to_string());
    let target = Verdicts::parts(request, |t| {
        Ok(Addressed {
            template_params: positional(filled(rendition, t.params())?),
            phone: t.phone().national(),
            extend_code: rendition.extension(),
            user_id: &reference,
        })
    })?;
    let task = Task { template_id, sig_content: rendition.signature(), target };
    Ok(encoded(&serde_json::to_string(&[task]).expect("strings and lists of strings are JSON")))
}

/// A task list as the parameter carries it.
pub(crate) fn encoded(json: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(json)
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    ret_code: i64,
    #[serde(borrow, default)]
    session_no: Option<Cow<'a, str>>,
    #[serde(default)]
    success_count: Option<u64>,
    #[serde(borrow, default)]
    fail_content: Option<Vec<Failed<'a>>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed<'a> {
    #[serde(borrow, default)]
    target: Vec<Target<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target<'a> {
    #[serde(borrow, default)]
    phone: Cow<'a, str>,
    #[serde(borrow, default)]
    failure_details: Option<Cow<'a, str>>,
}

impl Target<'_> {
    /// Words about this number end it here, and it moves nowhere; those that tell of a list stop it. Without words the
    /// fault may be the template's.
    fn verdict(&self) -> Verdict {
        let words = self.failure_details.as_deref().unwrap_or_default().trim().to_lowercase();
        let listed = ["black list", "blacklist", "黑名单", "退订", "unsubscri"].iter().any(|w| words.contains(w));
        let consequence = if listed { Consequence::StopEveryone } else { Consequence::None };
        match words.is_empty() {
            true => Verdict::unknown("18046"),
            false => Verdict::rejected(Blame::Person, consequence, "18046"),
        }
    }
}

fn failed<'a, 'b>(envelope: &'a Envelope<'b>) -> Vec<&'a Target<'b>> {
    envelope.fail_content.iter().flatten().flat_map(|f| &f.target).collect()
}

fn taken(envelope: &Envelope<'_>) -> Verdict {
    match envelope.session_no.as_deref() {
        Some(id) if !id.is_empty() => Verdict::accepted(id),
        Some(_) | None => Verdict::unknown("no_id"),
    }
}

/// What one code says about everyone.
fn whole(envelope: &Envelope<'_>, status: u16) -> Verdict {
    let in_part = envelope.fail_content.as_ref().is_some_and(|f| !f.is_empty());
    match code(&envelope.ret_code.to_string()) {
        // Some failed or were taken: then it was not refused as a whole.
        Some(row) if in_part || row.outcome != Outcome::Accepted && envelope.success_count.is_some_and(|n| n > 0) => {
            Verdict::unknown(if row.outcome == Outcome::Unknown { row.code } else { "contradiction" })
        }
        Some(row) if row.outcome != Outcome::Accepted => row.verdict(None),
        Some(_) if status != 200 => Verdict::unknown("contradiction"),
        Some(_) => taken(envelope),
        None => Verdict::unknown(envelope.ret_code.to_string()),
    }
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

/// What an answer or a pushed body means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    let value: serde_json::Value = serde_json::from_slice(answer.body).unwrap_or_default();
    match (value["RetCode"].as_i64(), value["MsgType"].as_i64()) {
        (Some(0), _) if !value["Data"][0]["ReceiptSet"].is_null() => Class::Report,
        (Some(0), _) if value["FailContent"].as_array().is_some_and(|f| !f.is_empty()) => Class::Partial,
        (Some(n), _) => code(&n.to_string()).map_or(Class::Unknown, |r| r.class),
        (None, Some(2)) => Class::Report,
        (None, Some(0)) => Class::Mo,
        (None, _) if answer.status >= 500 => Class::Transient,
        (None, _) => Class::Unknown,
    }
}

/// Those who failed by number, or what the answer proves about all.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(answer.body) else {
        return Vec::new();
    };
    match failed(&envelope) {
        rows if !rows.is_empty() => {
            rows.iter().map(|t| (Some(t.phone.to_string()), Class::Unknown, t.verdict().outcome)).collect()
        }
        _ => vec![(None, class(answer), whole(&envelope, answer.status).outcome)],
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Push {
    msg_type: i64,
    data: Items<serde_json::Value>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Row<'a> {
    #[serde(borrow)]
    session_no: Word<'a>,
    #[serde(borrow)]
    phone: Word<'a>,
    #[serde(borrow)]
    receipt_time: Word<'a>,
    #[serde(borrow)]
    receipt_result: Word<'a>,
    #[serde(borrow)]
    receipt_code: Word<'a>,
    #[serde(borrow)]
    user_id: Word<'a>,
    #[serde(borrow)]
    extend_code: Word<'a>,
    #[serde(borrow)]
    reply_content: Word<'a>,
    #[serde(borrow)]
    reply_time: Word<'a>,
}

/// Reads a push whose origin is proven.
///
/// A row about a number that cannot be a mainland mobile is left out: it can be nobody we know, and refusing the whole
/// push would lose the stops of others. What tells no time happened when it came.
fn callback(body: &[u8], received_at: Option<Timestamp>) -> Result<Callback, InboundError> {
    let push: Push = serde_json::from_slice(body)
        .map_err(|e| malformed(body, &e, "MsgType, and Data with at most 10000 reports or replies"))?;
    let event = match push.msg_type {
        0 => reply,
        2 => report,
        _ => return Err(InboundError::Malformed { at: 0, what: "MsgType 0 or 2" }),
    };
    let Items(told) = push.data;
    let rows: Vec<Row<'_>> = told.iter().filter_map(|row| serde::Deserialize::deserialize(row).ok()).collect();
    if rows.is_empty() && !told.is_empty() {
        return Err(InboundError::Malformed { at: 0, what: "an object for each report or reply" });
    }
    let events: Vec<Inbound> = rows.iter().filter_map(|row| event(row, received_at)).collect();
    if events.len() < told.len() {
        let (left_out, of) = (told.len() - events.len(), told.len());
        tracing::warn!(provider = "ucloud", left_out, of, "callback rows without a mainland number");
    }
    Ok(Callback { events, answer: received("application/json;charset=utf-8", "{\"code\":0,\"message\":\"ok\"}") })
}

/// Unix seconds; nothing else is a time.
fn at(seconds: &str) -> Option<Timestamp> {
    unix(seconds.parse().ok()?)
}

fn report(row: &Row<'_>, received_at: Option<Timestamp>) -> Option<Inbound> {
    let phone = phone_of(&row.phone)?;
    let delivered = match &*row.receipt_result {
        "发送成功" | "Success" => Some(true),
        "发送失败" | "Fail" => Some(false),
        _ => None,
    };
    let parts = [&*row.session_no, &row.phone, &row.user_id, &row.receipt_result, &row.receipt_code, &row.receipt_time];
    Some(Inbound::Report(Report {
        event_id: event_id("report", &parts),
        phone,
        reference: Reference::parse(&row.user_id),
        provider_id: row.session_no.filled(),
        code: if row.receipt_code.is_empty() { row.receipt_result.clipped() } else { row.receipt_code.clipped() },
        delivered,
        at: at(&row.receipt_time).or(received_at)?,
    }))
}

fn reply(row: &Row<'_>, received_at: Option<Timestamp>) -> Option<Inbound> {
    let phone = phone_of(&row.phone)?;
    let parts = [&*row.phone, &row.extend_code, &row.user_id, &row.reply_content, &row.reply_time];
    Some(Inbound::Reply(Reply {
        event_id: event_id("up", &parts),
        phone,
        text: row.reply_content.to_string(),
        extension: row.extend_code.filled(),
        signature: None,
        at: at(&row.reply_time).or(received_at)?,
    }))
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

/// Every code on the list (`RetCode`). What is not here is unknown.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing};
    use Outcome::{Accepted as Taken, Unknown as Doubt};
    &[
        row("0", Accepted, Taken, Nothing, "Nothing to do."),

        row("160", InvalidRequest, ACCOUNT, Hold, "The operation's name was changed on its way: check the endpoint and proxies."),
        row("161", InvalidRequest, ACCOUNT, Hold, "The operation is not known at this endpoint: check the endpoint."),
        row("18000", InvalidRequest, ACCOUNT, Hold, "The request could not be read: check proxies."),
        row("18001", InvalidRequest, ACCOUNT, Hold, "A field is missing: check template, signature and project."),
        row("18002", InvalidRequest, ACCOUNT, Hold, "A field's form is wrong: check template, signature and extension."),
        row("18003", InvalidRequest, ACCOUNT, Hold, "A field is not valid: check template, signature and extension."),
        row("18018", InvalidRequest, CONTENT, Nothing, "The parameters do not fit the template: bind the right template."),
        row("18019", InvalidRequest, ACCOUNT, Hold, "More than 1000 numbers in one call: update this library."),
        row("18033", InvalidRequest, CONTENT, Nothing, "A parameter is not as the platform's rules for variables ask: change it."),

        row("170", Auth, ACCOUNT, Hold, "The signature was lost on its way: check proxies."),
        row("171", Auth, ACCOUNT, Hold, "Check the private key."),
        row("172", Auth, ACCOUNT, Hold, "Check the public key."),
        row("173", Auth, ACCOUNT, Hold, "Check the keys and the project."),
        row("174", Auth, ACCOUNT, Hold, "Check the keys and the project."),
        row("290", Auth, ACCOUNT, Hold, "Grant the account the right to send in this project."),
        row("291", Auth, ACCOUNT, Hold, "Grant the account the right to send in this project."),
        row("292", Auth, ACCOUNT, Hold, "Grant the account the right to send in this project."),
        row("294", Auth, ACCOUNT, Hold, "Allow this machine's address for the key."),

        row("18013", InsufficientBalance, ACCOUNT, Hold, "Buy more messages, then lift the hold."),

        row("18014", NumberInvalid, PERSON, Nothing, "The platform takes a number for invalid."),

        row("18016", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The signature is unknown or not approved: check it."),
        row("18017", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is unknown or not approved: check its id and state."),

        row("18023", ContentRejected, CONTENT, Nothing, "The text holds a word that carriers intercept: change it."),

        row("18046", Partial, Doubt, Nothing, "Some of a batch were not taken: wait for the reports."),

        row("151", Transient, Doubt, Nothing, "The platform's gateway failed: wait for the reports."),
        row("200", Transient, Doubt, Nothing, "The platform failed: wait for the reports."),
        row("18004", Transient, Doubt, Nothing, "The platform failed: wait for the reports."),
        row("18007", Transient, Doubt, Nothing, "The platform failed: wait for the reports."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "ucloud_tests.rs"]
mod tests;
