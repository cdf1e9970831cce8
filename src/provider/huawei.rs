//! Huawei Cloud (华为云) Message & SMS.
//!
//! Sources: support.huaweicloud.com api-msgsms sms_05_0001 (batchSendSms), 0002 (batchSendDiffSms), 0003 and 0063
//! (receipts), 0004 (replies), 0046 (X-WSSE and AK/SK), 0051 (codes); productdesc-msgsms sms_templates; requests as
//! captured from `huaweicloudsdksmsapi` 3.1.219. Of the official forms, the one that signs the payload's own hash over
//! `content-type;host;x-sdk-date` is built; the SDK's other form (`UNSIGNED-PAYLOAD`) leaves a form body unsigned.
//!
//! - A filed template is needed. Promotions take fixed text only, so there is no personal form; the platform writes
//!   【signature】 in front, and the unsubscribe words (拒收请回复R) stand in the template.
//! - Every number has a status of its own. `extend` carries our reference into the receipts; nothing can be asked, so a
//!   lost answer stays unknown until the receipt.
//! - Receipts and replies are signed where push keys are set ([`Huawei::push_key`]): a signature over the real body. What
//!   is older or newer than 15 minutes delivers nothing; what may be a stop counts. Otherwise a secret path is their only proof. The documents ask for 401 when that
//!   fails; 403 is answered. An answer's body is ignored.
//! - A receipt without `to` names nobody and is left out; `to` comes with `extend`, which is always sent.
//! - A channel has no extension to choose: an account with one bound is refused before anything leaves.

use super::rows::{Rows, clipped};
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
use base64::Engine as _;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// How far a push's `X-Sdk-Date` may be from our clock: the skew that the platform itself allows.
const SKEW: Duration = Duration::from_secs(15 * 60);
const ALGORITHM: &str = "SDK-HMAC-SHA256";

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Signing {
    /// `SDK-HMAC-SHA256` over the whole request; what the vendor recommends.
    #[default]
    AkSk,
    /// `X-WSSE`: a digest of nonce and time that does not cover the body.
    Wsse,
}

/// The settings of one application at Huawei Cloud and one of its channels.
///
/// ```
/// use optin106::provider::huawei::{Huawei, Signing};
/// use optin106::secret::Secret;
/// let huawei = Huawei::new("app key", Secret::new("app secret"), "8820000000001").signing(Signing::AkSk);
/// assert!(!format!("{huawei:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Huawei {
    app_key: String,
    app_secret: Secret,
    sender: String,
    endpoint: String,
    signing: Signing,
    status_callback: Option<Secret>,
    universal: bool,
    push_keys: Vec<(String, Secret)>,
    door: Door,
    profile: Profile,
}

impl Huawei {
    /// An application by its own key and secret (not the account's) and the channel number of the signature (`from`).
    pub fn new(app_key: impl Into<String>, app_secret: Secret, sender: impl Into<String>) -> Self {
        Self {
            app_key: app_key.into(),
            app_secret,
            sender: sender.into(),
            endpoint: "https://smsapi.cn-north-4.myhuaweicloud.com".into(),
            signing: Signing::AkSk,
            status_callback: None,
            universal: false,
            push_keys: Vec::new(),
            door: Door::default(),
            profile: PROFILE,
        }
    }

    /// Reads `HUAWEI_APP_KEY`, `HUAWEI_APP_SECRET`, `HUAWEI_SENDER` and, where set, `HUAWEI_ENDPOINT`, `HUAWEI_SIGNING`
    /// (`wsse`), `HUAWEI_STATUS_CALLBACK`, `HUAWEI_UNIVERSAL_TEMPLATE` (`1`), `HUAWEI_PUSH_KEY` with
    /// `HUAWEI_PUSH_SECRET`, `HUAWEI_CALLBACK_PATH` and `HUAWEI_CALLBACK_SOURCES`.
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the needed ones that is unset; a push key needs its secret.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let (key, secret) = (Secret::from_env("HUAWEI_APP_KEY")?, Secret::from_env("HUAWEI_APP_SECRET")?);
        let mut this = Self::new(key.expose(), secret, Secret::from_env("HUAWEI_SENDER")?.expose());
        if let Ok(endpoint) = Secret::from_env("HUAWEI_ENDPOINT") {
            this = this.access_address(endpoint.expose());
        }
        if Secret::from_env("HUAWEI_SIGNING").is_ok_and(|s| s.expose().eq_ignore_ascii_case("wsse")) {
            this.signing = Signing::Wsse;
        }
        this.status_callback = Secret::from_env("HUAWEI_STATUS_CALLBACK").ok();
        this.universal = Secret::from_env("HUAWEI_UNIVERSAL_TEMPLATE").is_ok_and(|v| v.expose() == "1");
        if let Ok(push_key) = Secret::from_env("HUAWEI_PUSH_KEY") {
            this = this.push_key(push_key.expose(), Secret::from_env("HUAWEI_PUSH_SECRET")?);
        }
        this.door = Door::from_env("HUAWEI_CALLBACK_PATH", "HUAWEI_CALLBACK_SOURCES");
        Ok(this)
    }

    /// The application's access address as the console shows it, such as `https://smsapi.cn-south-1.myhuaweicloud.com`.
    #[must_use]
    pub fn access_address(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// How requests are signed; AK/SK unless said otherwise.
    #[must_use]
    pub fn signing(mut self, signing: Signing) -> Self {
        self.signing = signing;
        self
    }

    /// The address that receipts of each request go to. Without it they go, up to 50 at once, to the one set on the
    /// application.
    #[must_use]
    pub fn status_callback(mut self, url: Secret) -> Self {
        self.status_callback = Some(url);
        self
    }

    /// Whether the templates are universal (通用模板), so that each request names the signature.
    #[must_use]
    pub fn universal_template(mut self, yes: bool) -> Self {
        self.universal = yes;
        self
    }

    /// The key and secret that pushes are signed with. From the first one on, an unsigned push is refused. For the five
    /// minutes after a change of keys both may be given.
    #[must_use]
    pub fn push_key(mut self, key: impl Into<String>, secret: Secret) -> Self {
        self.push_keys.push((key.into(), secret));
        self
    }

    /// The path of the push addresses, such as `/sms/` and 32 random digits: the only proof of a push without keys.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call; `body` is a form for `batchSendSms` and JSON for `batchSendDiffSms`.
    pub(crate) fn call(&self, host: &str, operation: &str, body: Vec<u8>, stamp: &Stamp) -> Outgoing {
        let (path, content_type) = match operation {
            "batchSendDiffSms" => ("/sms/batchSendDiffSms/v1", "application/json"),
            _ => ("/sms/batchSendSms/v1", "application/x-www-form-urlencoded"),
        };
        let mut headers: Vec<(&'static str, Cow<'static, str>)> =
            vec![("accept", "application/json".into()), ("content-type", content_type.into())];
        match self.signing {
            Signing::AkSk => {
                let date = compact(stamp.at);
                let signed = [("content-type", content_type), ("host", host), ("x-sdk-date", &*date)];
                let hash = sign::sha256_hex(&body);
                let sdk = SdkHmac { method: "POST", path, query: "", headers: &signed, payload: &hash };
                headers
                    .push(("authorization", sdk.authorization(&self.app_key, self.app_secret.expose(), &date).into()));
                headers.push(("x-sdk-date", date.into()));
            }
            Signing::Wsse => {
                headers.push(("authorization", "WSSE realm=\"SDP\",profile=\"UsernameToken\",type=\"Appkey\"".into()));
                headers.push(("x-wsse", wsse(&self.app_key, self.app_secret.expose(), stamp).into()));
            }
        }
        Outgoing { method: Method::Post, path: path.into(), query: String::new(), headers, body }
    }

    /// Whether a push carries a signature of one of our push keys; whether it was not made just now.
    fn authentic(&self, call: &HttpCall) -> Result<bool, InboundError> {
        let given = call.header("authorization").and_then(Given::read).ok_or(InboundError::Forged)?;
        let secret = self.push_keys.iter().find(|(key, _)| key == given.access).ok_or(InboundError::Forged)?;
        // A header that names another hash than the body's could be added to a forged body: it is not read.
        let date = signed_at(call, &given, secret.1.expose(), None).ok_or(InboundError::Forged)?;
        Ok(call.received_at.is_some_and(|now| now.since(date) > SKEW || date.since(now) > SKEW))
    }
}

impl fmt::Debug for Huawei {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Huawei")
            .field("endpoint", &self.endpoint)
            .field("signing", &self.signing)
            .field("status_callback", &self.status_callback.is_some())
            .field("push_keys", &self.push_keys.len())
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "huawei",
    form: Form::Template,
    same_text_max: 500,
    // sms_templates: PROMOTION_TYPE takes fixed text, no variables.
    personal_max: 0,
    signature: Writer::Platform,
    words: Writer::Template,
    // sms_templates: promotions cannot be sent outside 08:00 to 22:00.
    window: Some((8 * 60, 22 * 60)),
    // "50 per 24 h" for a number; the shorter limits (15 a minute) need no cap of days.
    caps: &[(50, 1)],
    // Every number has its own status.
    all_or_nothing: false,
    idempotent: false,
    // There is no interface to ask about a message.
    lookup: Lookup::None,
    reports: Back::Push,
    replies: Back::Push,
    // The platform itself writes EXPIRED after 72 hours.
    report_due: Duration::from_secs(72 * 3600),
    // The vendor asks for at most 500 numbers a second, and a call may carry 500.
    calls_per_second: 1,
    documented: Documented::High,
    source: "support.huaweicloud.com api-msgsms sms_05_0001",
};

impl Wire for Huawei {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, host: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let rendition = request.rendition();
        let refused = |code| Verdict::rejected(Blame::Account, Consequence::Hold, code);
        let template = rendition.template().ok_or_else(|| refused("no_template"))?;
        if request.is_personal() {
            return Err(refused("no_personal_form").into());
        }
        if rendition.extension().is_some() {
            return Err(refused("no_extension").into());
        }
        let mut numbers = String::with_capacity(request.tickets().len() * 15);
        for ticket in request.tickets() {
            numbers.push_str(if numbers.is_empty() { "+86" } else { ",+86" });
            numbers.push_str(&ticket.phone().national());
        }
        let reference = request.reference().to_string();
        let mut pairs = vec![("from", self.sender.as_str()), ("to", &numbers), ("templateId", &template.code)];
        if let Some(url) = &self.status_callback {
            pairs.push(("statusCallback", url.expose()));
        }
        if self.universal {
            pairs.push(("signature", rendition.signature()));
        }
        pairs.push(("extend", &reference));
        Ok(self.call(host, "batchSendSms", sign::form(&pairs).into_bytes(), stamp))
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        match judged(answer) {
            Ok(rows) => rows.verdicts(request),
            Err(whole) => Verdicts::Same(whole),
        }
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        let stale = if self.push_keys.is_empty() {
            self.door.admits(call)?;
            false
        } else {
            self.door.admits_peer(call)?;
            self.authentic(call)?
        };
        callback(&call.body, call.received_at)?.if_stale(stale)
    }
}

/// `20260301T000000Z`.
pub(crate) fn compact(at: Timestamp) -> String {
    sign::utc(at, "%Y%m%dT%H%M%SZ")
}

/// The `X-WSSE` header. The digest is the base64 of the 64 hexadecimal characters, not of the 32 bytes.
///
/// # Source
/// sms_05_0046 and its printed example value.
fn wsse(app_key: &str, secret: &str, stamp: &Stamp) -> String {
    let created = sign::utc(stamp.at, "%Y-%m-%dT%H:%M:%SZ");
    let digest = password_digest(&stamp.nonce, &created, secret);
    format!(
        "UsernameToken Username=\"{app_key}\",PasswordDigest=\"{digest}\",Nonce=\"{}\",Created=\"{created}\"",
        stamp.nonce
    )
}

/// The `PasswordDigest` of `X-WSSE`.
pub(crate) fn password_digest(nonce: &str, created: &str, secret: &str) -> String {
    let hex = sign::sha256_hex(format!("{nonce}{created}{secret}").as_bytes());
    base64::engine::general_purpose::STANDARD.encode(hex)
}

/// What `SDK-HMAC-SHA256` signs.
#[derive(Clone, Copy)]
pub(crate) struct SdkHmac<'a> {
    pub(crate) method: &'a str,
    /// As sent; the trailing `/` of the canonical form is added here.
    pub(crate) path: &'a str,
    /// The canonical query.
    pub(crate) query: &'a str,
    /// Names and values of the signed headers, in the order in which they are named.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body, or the value of `X-Sdk-Content-Sha256`.
    pub(crate) payload: &'a str,
}

impl SdkHmac<'_> {
    pub(crate) fn signature(&self, secret: &str, date: &str) -> String {
        let slash = if self.path.ends_with('/') { "" } else { "/" };
        let canonical =
            sign::canonical_sha256(self.method, &[self.path, slash], self.query, self.headers, self.payload);
        let to_sign = format!("{ALGORITHM}\n{date}\n{canonical}");
        sign::hmac_sha256_hex(secret.as_bytes(), to_sign.as_bytes())
    }

    pub(crate) fn authorization(&self, key: &str, secret: &str, date: &str) -> String {
        let (names, signature) = (sign::header_names(self.headers), self.signature(secret, date));
        format!("{ALGORITHM} Access={key}, SignedHeaders={names}, Signature={signature}")
    }
}

/// The parts of an `Authorization` header, read strictly.
pub(crate) struct Given<'a> {
    pub(crate) access: &'a str,
    names: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Given<'a> {
    pub(crate) fn read(header: &'a str) -> Option<Self> {
        let rest = header.strip_prefix(ALGORITHM)?.strip_prefix(" Access=")?;
        let (access, rest) = rest.split_once(", SignedHeaders=")?;
        let (names, signature) = rest.split_once(", Signature=")?;
        Some(Self { access, names: names.split(';').collect(), signature })
    }
}

/// When a call was signed, if it was signed with this secret.
///
/// `payload` is what `X-Sdk-Content-Sha256` says, where that may be believed; else the body's own hash is taken.
pub(crate) fn signed_at(call: &HttpCall, given: &Given<'_>, secret: &str, payload: Option<&str>) -> Option<Timestamp> {
    if !["host", "x-sdk-date"].iter().all(|needed| given.names.contains(needed)) {
        return None;
    }
    let headers: Option<Vec<(&str, &str)>> =
        given.names.iter().map(|n| call.header(n).map(|v| (*n, v.trim()))).collect();
    let pairs = sign::form_pairs(&call.query)?;
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let (query, hash) = (sign::canonical_query(&pairs), sign::sha256_hex(&call.body));
    let payload = payload.unwrap_or(&hash);
    let sdk = SdkHmac { method: &call.method, path: &call.path, query: &query, headers: &headers?, payload };
    let date = call.header("x-sdk-date")?.trim();
    let is_ours = sign::same(sdk.signature(secret, date).as_bytes(), given.signature.as_bytes());
    is_ours.then(|| moment(date)).flatten()
}

/// Reads `20260301T000000Z`.
fn moment(s: &str) -> Option<Timestamp> {
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", s).ok()?;
    let at = jiff::tz::Offset::UTC.to_timestamp(at).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    result: Option<Vec<Row<'a>>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    origin_to: Cow<'a, str>,
    #[serde(borrow, default)]
    sms_msg_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

/// The verdicts by number, or the one for all.
fn judged(answer: Incoming<'_>) -> Result<Rows, Verdict> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(answer.body) else {
        return Err(Verdict::unknown("unreadable"));
    };
    let rows = envelope.result.unwrap_or_default();
    // Only these two are documented to come with a status per number.
    let told_by_row = matches!(&*envelope.code, "000000" | "E000510");
    match (told_by_row, rows.is_empty()) {
        (false, true) => Err(told(&envelope.code, None)),
        (true, true) => Err(Verdict::unknown("no_rows")),
        (false, false) => Err(Verdict::unknown("contradiction")),
        (true, false) => Ok(by_phone(&rows, envelope.code == "000000" && answer.status == 200)),
    }
}

fn by_phone(rows: &[Row<'_>], taken: bool) -> Rows {
    let mut all = Rows::default();
    rows.iter().for_each(|row| all.add(&row.origin_to, verdict(row, taken)));
    all
}

fn verdict(row: &Row<'_>, taken: bool) -> Verdict {
    if row.status == "000000" && !taken {
        return Verdict::unknown("contradiction");
    }
    told(&row.status, row.sms_msg_id.as_deref())
}

fn told(word: &str, id: Option<&str>) -> Verdict {
    match code(word) {
        Some(row) => row.verdict(id.map(str::to_owned)),
        None => Verdict::unknown(clipped(word)),
    }
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

#[cfg(feature = "testing")]
fn class_of(word: &str) -> Class {
    code(word).map_or(Class::Unknown, |r| r.class)
}

/// What an answer or a pushed body means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    let rows = settled(answer);
    if let [(_, first, _), rest @ ..] = &rows[..] {
        return if rest.iter().all(|(_, c, _)| c == first) { *first } else { Class::Partial };
    }
    match pushed(answer.body) {
        Ok(Pushed::Reply(_)) => Class::Mo,
        Ok(Pushed::Receipts(receipts)) => match &receipts[..] {
            [only] => code(&only.status).map_or(Class::Report, |r| r.class),
            _ => Class::Report,
        },
        // The sheet's reading of a wrong address or path.
        Err(_) if answer.status == 404 => Class::InvalidRequest,
        Err(_) if answer.status >= 500 => Class::Transient,
        Err(_) => Class::Unknown,
    }
}

/// Class and outcome of each row by the number as written, or of the whole answer; nothing where there is no envelope.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(answer.body) else {
        return Vec::new();
    };
    match judged(answer) {
        Err(whole) => vec![(None, class_of(&envelope.code), whole.outcome)],
        Ok(_) => {
            let taken = envelope.code == "000000" && answer.status == 200;
            let row = |r: &Row<'_>| (Some(r.origin_to.to_string()), class_of(&r.status), verdict(r, taken).outcome);
            envelope.result.iter().flatten().map(row).collect()
        }
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Receipt {
    sms_msg_id: String,
    sequence: String,
    status: String,
    update_time: String,
    extend: String,
    to: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    status_report_list: Items<Receipt>,
}

enum Pushed {
    Receipts(Vec<Receipt>),
    Reply(HashMap<String, String>),
}

/// What was pushed: JSON is a batch of receipts; a form is one receipt or one reply.
fn pushed(body: &[u8]) -> Result<Pushed, InboundError> {
    if body.trim_ascii_start().starts_with(b"{") {
        let batch: Batch = serde_json::from_slice(body)
            .map_err(|e| malformed(body, &e, "statusReportList with at most 10000 receipts"))?;
        return Ok(Pushed::Receipts(batch.status_report_list.0));
    }
    let broken = |at, what| InboundError::Malformed { at, what };
    let text = std::str::from_utf8(body).map_err(|e| broken(e.valid_up_to(), "UTF-8"))?;
    let pairs = sign::form_pairs(text).ok_or(broken(0, "UTF-8 behind the percent signs"))?;
    let mut form: HashMap<String, String> = pairs.into_iter().collect();
    if form.contains_key("body") && form.contains_key("from") {
        return Ok(Pushed::Reply(form));
    }
    let mut take = |name: &str| form.remove(name).unwrap_or_default();
    let receipt = Receipt {
        sms_msg_id: take("smsMsgId"),
        sequence: take("sequence"),
        status: take("status"),
        update_time: take("updateTime"),
        extend: take("extend"),
        to: take("to"),
    };
    if receipt.status.is_empty() {
        return Err(broken(0, "a form with status, or with from and body"));
    }
    Ok(Pushed::Receipts(vec![receipt]))
}

/// Reads a push whose origin is proven.
fn callback(body: &[u8], received_at: Option<Timestamp>) -> Result<Callback, InboundError> {
    let events = match pushed(body)? {
        Pushed::Reply(form) => reply(&form, received_at)?.into_iter().collect(),
        Pushed::Receipts(receipts) => {
            let count = receipts.len();
            let events = receipts.into_iter().filter_map(|r| report(r, received_at).transpose());
            let events = events.collect::<Result<Vec<_>, _>>()?;
            if events.len() < count {
                let left_out = count - events.len();
                tracing::warn!(provider = "huawei", left_out, of = count, "receipts without a number");
            }
            events
        }
    };
    Ok(Callback { events, answer: received("application/json;charset=utf-8", "") })
}

/// The platform's UTC time; the moment of receipt where it sends none (the time of a reply is an option of the console).
fn at(word: &str, received_at: Option<Timestamp>) -> Result<Timestamp, InboundError> {
    let told = word.trim().parse().ok();
    told.or(received_at).ok_or(InboundError::Malformed { at: 0, what: "a time in UTC" })
}

fn report(row: Receipt, received_at: Option<Timestamp>) -> Result<Option<Inbound>, InboundError> {
    if row.status.is_empty() {
        return Err(InboundError::Malformed { at: 0, what: "a status in every receipt" });
    }
    let Some(phone) = phone_of(&row.to) else { return Ok(None) };
    let parts = [&*row.sms_msg_id, &row.sequence, &row.to, &row.status, &row.update_time, &row.extend];
    Ok(Some(Inbound::Report(Report {
        event_id: event_id("report", &parts),
        phone,
        reference: Reference::parse(&row.extend),
        at: at(&row.update_time, received_at)?,
        provider_id: Some(row.sms_msg_id).filter(|id| !id.is_empty()),
        code: row.status,
        delivered: None,
    })))
}

/// A reply from a number that cannot be a mainland mobile is nobody's we know: received, and no more.
fn reply(form: &HashMap<String, String>, received_at: Option<Timestamp>) -> Result<Option<Inbound>, InboundError> {
    let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let Some(phone) = phone_of(text("from")) else {
        tracing::warn!(provider = "huawei", "reply without a mainland number");
        return Ok(None);
    };
    let id = text("smsMsgId");
    Ok(Some(Inbound::Reply(Reply {
        event_id: match id.is_empty() {
            true => event_id("up", &[text("from"), text("to"), text("body"), text("createTime")]),
            false => id.to_owned(),
        },
        phone,
        text: text("body").to_owned(),
        // The whole number that was answered: channels have no extension of ours.
        extension: Some(text("to").to_owned()).filter(|to| !to.is_empty()),
        signature: None,
        at: at(text("createTime"), received_at)?,
    })))
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);
/// "Wait about 10 minutes" (sms_05_0051).
const TEN_MINUTES: Consequence = Consequence::Rest(Duration::from_secs(600));

/// Every code on the list: of a request, of a number, of a receipt. What is not here is unknown.
///
/// Receipts are read by the table of delivery codes. No page has their codes (`SC:` and words) in an answer to a send:
/// there they prove nothing, but that a number is on a list is believed all the same.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::{Report as Receipt, *};
    use Consequence::{Hold, None as Nothing, StopEveryone, StopOwner};
    use Outcome::{Accepted as Taken, Unknown as Doubt, Unsent};
    &[
        row("000000", Accepted, Taken, Nothing, "Nothing to do."),

        row("E000112", InsufficientBalance, ACCOUNT, Hold, "The account is frozen, for arrears or a violation: settle it in the console, then lift the hold."),

        row("E000001", Auth, ACCOUNT, Hold, "The Authorization header was lost on its way: check proxies."),
        row("E000002", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("E000003", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("E000004", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("E000005", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("E000006", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("E000007", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("E000008", Auth, ACCOUNT, Hold, "The Authorization header was changed on its way: check proxies."),
        row("E000020", Auth, ACCOUNT, Hold, "The X-WSSE header was lost on its way: check proxies."),
        row("E000021", Auth, ACCOUNT, Hold, "The X-WSSE header was changed on its way: check proxies."),
        row("E000022", Auth, ACCOUNT, Hold, "The X-WSSE header was changed on its way: check proxies."),
        row("E000023", Auth, ACCOUNT, Hold, "The X-WSSE header was changed on its way: check proxies."),
        row("E000024", Auth, ACCOUNT, Hold, "The X-WSSE header was changed on its way: check proxies."),
        row("E000025", Auth, ACCOUNT, Hold, "The X-WSSE header was changed on its way: check proxies."),
        row("E000026", Auth, ACCOUNT, Hold, "The X-WSSE header was changed on its way: check proxies."),
        row("E000027", Auth, ACCOUNT, Hold, "The X-WSSE header was changed on its way: check proxies."),
        row("E000101", Auth, ACCOUNT, Hold, "Authentication failed: check the application's key and secret."),
        row("E000102", Auth, ACCOUNT, Hold, "Check the application's key."),
        row("E000103", Auth, ACCOUNT, Hold, "Check the application's key and that it is enabled."),
        row("E000104", Auth, ACCOUNT, Hold, "Check the application's key and that it is enabled."),
        row("E000105", Auth, ACCOUNT, Hold, "Check the application's secret."),
        row("E000106", Auth, ACCOUNT, Hold, "Check the application's key and secret."),
        row("E000109", Auth, ACCOUNT, Hold, "The platform does not find the application's user: check the key, or ask the platform."),
        row("E000110", Auth, ACCOUNT, Hold, "This machine's clock is off by more than the platform allows: set it."),
        row("E000111", Auth, ACCOUNT, Hold, "The platform does not find the application's user: check the key, or ask the platform."),
        row("E000620", Auth, ACCOUNT, Hold, "Allow this machine's address for the application in the console."),

        row("E000623", Throttled, Unsent, TEN_MINUTES, "The account's sending limit is reached: sending goes on by itself; ask the platform for more."),
        row("E200015", Throttled, Unsent, TEN_MINUTES, "The platform's flow control: sending goes on by itself after ten minutes."),
        // Whose limit this is stands in no page read: a person looks, nobody is blamed.
        row("E200048", Throttled, ACCOUNT, Hold, "A sending limit is reached: look it up in the console, then lift the hold."),

        row("E200018", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The channel number does not belong to the application: check the sender."),
        row("E200020", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "Channel and signature do not fit each other: check the sender."),
        row("E200029", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is not of the signature's kind: bind a promotional one."),
        row("E200030", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is not active: check its state."),
        row("E200033", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template's kind is wrong: bind a promotional one."),
        row("SC:0017", TemplateOrSignatureNotApproved, Doubt, Nothing, "The template is not registered at the carrier: register it."),
        row("SC:0018", TemplateOrSignatureNotApproved, Doubt, Nothing, "The signature is not registered at the carrier: register it."),

        // Meaning not seen in a vendor page.
        row("E200025", NumberInvalid, Doubt, Nothing, "The platform objects to the number: wait for the receipt."),
        row("MBBLACK", NumberBlacklisted, PERSON, StopEveryone, "The number is on a blacklist after a refusal or complaint: the stop is recorded."),
        row("SC:0016", NumberBlacklisted, PERSON, StopOwner, "The person unsubscribed from this channel: the stop is recorded."),
        row("SC:0013", NumberBlacklisted, PERSON, StopEveryone, "The number is on a blacklist: the stop is recorded."),
        row("SC:0015", ContentRejected, Doubt, Nothing, "The text is intercepted: change it and have the new template approved."),

        // "System error", yet mostly a body that the platform cannot parse: not proof of either.
        row("E000000", InvalidRequest, Doubt, Nothing, "The platform failed: wait for the receipt, and check the template's form."),
        row("E000040", InvalidRequest, ACCOUNT, Hold, "The content type was changed on its way: check proxies."),
        row("E000503", InvalidRequest, ACCOUNT, Hold, "A field is not as documented: check sender, template id and signature."),
        row("E000510", InvalidRequest, Doubt, Nothing, "The statuses of the numbers say more: wait for the receipts."),
        row("E200028", InvalidRequest, ACCOUNT, Hold, "The template has variables, which promotions may not have: bind the right template."),
        row("E200031", InvalidRequest, Doubt, Nothing, "The platform's checks failed: wait for the receipt."),
        row("E200032", InvalidRequest, ACCOUNT, Hold, "The channel needs a template: check its id."),
        // One message to the number was taken, which this row does not name.
        row("E200041", InvalidRequest, Doubt, Nothing, "The number stood twice in the request: wait for the receipt."),

        row("E200027", Transient, Doubt, Nothing, "The platform found no route: wait for the receipt."),
        row("E200034", Transient, Doubt, Nothing, "The platform timed out: wait for the receipt."),
        row("E200036", Transient, Doubt, Nothing, "The channel's rate is set to zero: wait for the receipt, and ask the platform."),
        row("E200038", Transient, Doubt, Nothing, "The platform timed out: wait for the receipt."),

        row("DELIVRD", Receipt, Doubt, Nothing, "A receipt: delivered."),
        row("EXPIRED", Receipt, Doubt, Nothing, "A receipt: not delivered in time."),
        row("UNDELIV", Receipt, Doubt, Nothing, "A receipt: not delivered."),
        row("REJECTD", Receipt, Doubt, Nothing, "A receipt: refused by the carrier."),
        row("UNKNOWN", Receipt, Doubt, Nothing, "A receipt: the carrier does not know."),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "huawei_tests.rs"]
mod tests;
