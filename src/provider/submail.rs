//! SUBMAIL (赛邮), V4.
//!
//! Sources: the vendor's own documents repository (submail.documents, 2022-07); SMS4J. The vendor's old PHP SDK cuts two
//! characters off what it signs and so works unsigned only: the documents are followed here.
//!
//! - Free text (the default): the caller writes 【signature】 in front and the unsubscribe words behind. A text that the
//!   platform has not seen goes to a person's review (08:00 to 24:00, minutes); one that was turned down gives 420 on the
//!   next call. Some characters (￥ ★ ※ √) are refused. Put a space between a link and what follows.
//! - Personal texts go out as one text with `@var(name)` and the values of each number. A text or value that holds `@var(`
//!   itself is refused before anything leaves.
//! - Templates ([`Submail::templates`]) are told by their id (`project`). That the signature stands in the filed text is
//!   **inferred**: file it here as the console shows it, signature in front.
//! - One number with the common text goes by `send` or `xsend`, several by `batchsend` or `batchxsend`, own values by
//!   `multisend` or `multixsend`. Bulk that is submitted after 22:00 waits until 08:00: it is not submitted then.
//! - Answers for many hold a row for each. Rows of refused numbers may lack the number: they are believed when they are as
//!   many as the numbers that no row names and all say the same; otherwise those numbers are in doubt. Rows are never
//!   matched by position, although documents tell the order.
//! - An answer for 10000 numbers comes near the default of [`max_answer`](super::wire::HttpSettings::max_answer), 1 MiB; a
//!   longer one leaves everybody in doubt, so raise it before sending more than 8000 numbers a call.
//! - `tag` carries our reference; it makes no second send harmless. `sms/log` is asked by number and hour; its rows are
//!   documented without text and tag, and then they settle nothing. When a row appears is not documented either.
//! - Signed calls ([`Signing`]) must arrive within 6 s of their time. Callbacks (SUBHOOK) carry a token and its digest with
//!   the hook's key; nothing else is covered. So a token that has come is refused with other content, while this value and
//!   its clones live and among the last 65,536; a restart forgets them. The hook's time is not covered either, so its age
//!   proves nothing. A path in the [`Door`] is asked for too where there is one, and should be.
//!   What to answer is **not documented**, beyond the status 200.

use super::filed::filled;
use super::rows::{Rows, Word, clipped};
use super::variables::{spelled, value};
use super::wire::{
    Class, CodeRow, Incoming, Items, Method, Outgoing, Step, Wire, admits_signed, event_id, phone_of, received, row,
};
use super::{
    Asked, Back, Blame, Consequence, Documented, Door, Form, Found, Lookup, Outcome, Profile, Request, Verdict,
    Verdicts, Writer, sign,
};
use crate::clock::{Stamp, Timestamp};
use crate::id::Reference;
use crate::inbound::{Callback, HttpAnswer, HttpCall, Inbound, InboundError, Reply, Report};
use crate::phone::Phone;
use crate::secret::{MissingVariable, Secret};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Rows of one question.
const PAGE: usize = 50;
/// A number's log is looked through from this long before the begin, for clocks that differ …
const BEFORE: Duration = Duration::from_secs(2 * 60);
/// … until this long after it.
const AFTER: Duration = Duration::from_secs(15 * 60);
/// The mark of a variable in a text.
const VARIABLE: &str = "@var(";

/// Names and values of one call.
type Fields = Vec<(&'static str, String)>;

/// How calls are signed (`sign_type`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Signing {
    /// The appkey itself, under TLS: the platform's default.
    #[default]
    Normal,
    /// MD5 over the fields.
    Md5,
    /// SHA-1 over the fields.
    Sha1,
}

/// The settings of one SUBMAIL application.
///
/// ```
/// use optin106::provider::submail::{Signing, Submail};
/// use optin106::secret::Secret;
/// let submail = Submail::new("10000", Secret::new("appkey")).signing(Signing::Sha1).subhook_key(Secret::new("hook"));
/// assert!(!format!("{submail:?}").contains("appkey"));
/// ```
#[derive(Clone)]
pub struct Submail {
    appid: String,
    appkey: Secret,
    signing: Signing,
    short: bool,
    subhook_key: Option<Secret>,
    tokens: Tokens,
    door: Door,
    profile: Profile,
}

impl Submail {
    /// An application for free text by its id and key.
    pub fn new(appid: impl Into<String>, appkey: Secret) -> Self {
        Self {
            appid: appid.into(),
            appkey,
            signing: Signing::Normal,
            short: false,
            subhook_key: None,
            tokens: Tokens::default(),
            door: Door::default(),
            profile: PROFILE,
        }
    }

    /// Reads `SUBMAIL_APPID`, `SUBMAIL_APPKEY` and, where set, `SUBMAIL_SIGN_TYPE` (`md5` or `sha1`; anything else is
    /// `normal`), `SUBMAIL_SUBHOOK_KEY`, `SUBMAIL_CALLBACK_PATH` and `SUBMAIL_CALLBACK_SOURCES`; `SUBMAIL_SIGN_VERSION=2`
    /// and `SUBMAIL_TEMPLATES=1` are as [`Submail::sign_version_2`] and [`Submail::templates`].
    ///
    /// # Errors
    /// [`MissingVariable`] naming the first of the two needed ones that is unset.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let appid = Secret::from_env("SUBMAIL_APPID")?;
        let mut this = Self::new(appid.expose(), Secret::from_env("SUBMAIL_APPKEY")?);
        let is = |name, word| Secret::from_env(name).is_ok_and(|v| v.expose() == word);
        if is("SUBMAIL_SIGN_TYPE", "md5") {
            this.signing = Signing::Md5;
        } else if is("SUBMAIL_SIGN_TYPE", "sha1") {
            this.signing = Signing::Sha1;
        }
        this.short = is("SUBMAIL_SIGN_VERSION", "2");
        this.subhook_key = Secret::from_env("SUBMAIL_SUBHOOK_KEY").ok();
        this.door = Door::from_env("SUBMAIL_CALLBACK_PATH", "SUBMAIL_CALLBACK_SOURCES");
        Ok(if is("SUBMAIL_TEMPLATES", "1") { this.templates() } else { this })
    }

    /// How calls are signed. Signed ones need a clock that is right to 6 s.
    #[must_use]
    pub fn signing(mut self, signing: Signing) -> Self {
        self.signing = signing;
        self
    }

    /// Whether texts and values are left out of what is signed (`sign_version` 2).
    #[must_use]
    pub fn sign_version_2(mut self, yes: bool) -> Self {
        self.short = yes;
        self
    }

    /// The application sends filed templates.
    #[must_use]
    pub fn templates(mut self) -> Self {
        self.profile = TEMPLATES;
        self
    }

    /// The key of the SUBHOOK; without it every callback is refused.
    #[must_use]
    pub fn subhook_key(mut self, key: Secret) -> Self {
        self.subhook_key = Some(key);
        self
    }

    /// The path and sources of the SUBHOOK. Its digest covers a token only, so whoever has seen one call could write
    /// others: a path that nobody else knows keeps them out.
    #[must_use]
    pub fn callbacks(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The bytes of one call; `fields` without those of the signature.
    pub(crate) fn call(&self, api: &str, fields: &[(&str, &str)], stamp: &Stamp) -> Outgoing {
        let timestamp = (stamp.at.millis() / 1000).to_string();
        let mut pairs = vec![("appid", self.appid.as_str())];
        pairs.extend_from_slice(fields);
        if self.signing != Signing::Normal {
            let name = if self.signing == Signing::Md5 { "md5" } else { "sha1" };
            pairs.extend([("timestamp", timestamp.as_str()), ("sign_type", name)]);
            if self.short {
                pairs.push(("sign_version", "2"));
            }
        }
        let signature = signature(self.signing, &self.appid, self.appkey.expose(), &pairs);
        pairs.push(("signature", &signature));
        Outgoing {
            method: Method::Post,
            path: format!("/{api}").into(),
            query: String::new(),
            headers: vec![("content-type", "application/x-www-form-urlencoded;charset=utf-8".into())],
            body: sign::form(&pairs).into_bytes(),
        }
    }

    /// The operation's name without its area, and its own fields.
    fn order(&self, request: &Request<'_>) -> Result<(&'static str, Fields), Verdicts> {
        let (rendition, tickets) = (request.rendition(), request.tickets());
        let by_template = self.profile.form == Form::Template;
        let mut fields = Fields::with_capacity(4);
        if by_template {
            let hold = || Verdict::rejected(Blame::Account, Consequence::Hold, "no_template");
            fields.push(("project", rendition.template().ok_or_else(hold)?.code.clone()));
        }
        if !request.is_personal() {
            fields.push(("to", tickets.iter().map(|t| t.phone().national()).collect::<Vec<_>>().join(",")));
            if !by_template {
                fields.push(("content", rendition.text().to_owned()));
            }
            let one = if by_template { "sms/xsend" } else { "sms/send" };
            let many = if by_template { "sms/batchxsend" } else { "sms/batchsend" };
            return Ok((if tickets.len() == 1 { one } else { many }, fields));
        }
        if by_template {
            let rows = Verdicts::parts(request, |t| Ok((t.phone(), filled(rendition, t.params())?)))?;
            fields.push(("multi", multi(&rows)));
            return Ok(("sms/multixsend", fields));
        }
        let spelled = spelled(request, VARIABLE, |name| format!("{VARIABLE}{name})"))?;
        let own = |params: &[(String, String)]| {
            let mut names: Vec<&str> = Vec::with_capacity(spelled.names.len());
            spelled.names.iter().for_each(|n| {
                if !names.contains(n) {
                    names.push(n);
                }
            });
            let pair = |n: &str| (n.to_owned(), value(params, n).unwrap_or_default().to_owned());
            names.into_iter().map(pair).collect()
        };
        let rows: Vec<_> = tickets.iter().map(|t| (t.phone(), own(t.params()))).collect();
        fields.push(("multi", multi(&rows)));
        fields.push(("content", spelled.text));
        Ok(("sms/multisend", fields))
    }

    /// The path is asked for where one is set; the sources in any case.
    fn admits(&self, call: &HttpCall) -> Result<&Secret, InboundError> {
        admits_signed(&self.door, call)?;
        self.subhook_key.as_ref().ok_or(InboundError::NotOffered)
    }
}

/// What stands in `signature`: the key itself, or a digest of the fields, in the order of their names, between the id and
/// the key. `tag` is never signed; with `sign_version` 2, texts and values are not either.
pub(crate) fn signature(signing: Signing, appid: &str, appkey: &str, fields: &[(&str, &str)]) -> String {
    if signing == Signing::Normal {
        return appkey.to_owned();
    }
    let short = fields.contains(&("sign_version", "2"));
    let left_out =
        |name: &str| matches!(name, "signature" | "tag") || short && matches!(name, "content" | "multi" | "vars");
    let mut signed: Vec<_> = fields.iter().filter(|(name, _)| !left_out(name)).collect();
    signed.sort_unstable();
    let joined: Vec<String> = signed.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let whole = zeroize::Zeroizing::new(format!("{appid}{appkey}{}{appid}{appkey}", joined.join("&")));
    match signing {
        Signing::Md5 => sign::md5_hex(whole.as_bytes()),
        Signing::Normal | Signing::Sha1 => {
            let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, whole.as_bytes());
            crate::id::hex(digest.as_ref())
        }
    }
}

/// `[{"to":"…","vars":{…}}]`, names and values in the order given.
fn multi(rows: &[(Phone, Vec<(String, String)>)]) -> String {
    let row = |(phone, values): &(Phone, Vec<(String, String)>)| {
        let values = sign::json_object(values.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        format!("{{\"to\":\"{}\",\"vars\":{values}}}", phone.national())
    };
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

impl fmt::Debug for Submail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submail")
            .field("form", &self.profile.form)
            .field("signing", &self.signing)
            .field("sign_version_2", &self.short)
            .field("subhook_key", &self.subhook_key.is_some())
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

const PROFILE: Profile = Profile {
    name: "submail",
    form: Form::FreeText,
    // batchsend; multisend is advised for at most 50.
    same_text_max: 10_000,
    personal_max: 50,
    signature: Writer::Caller,
    words: Writer::Caller,
    // What is submitted later is sent at 08:00 of the next day, when it may be unlawful or unwanted.
    window: Some((8 * 60, 22 * 60)),
    caps: &[],
    // Rows of one answer differ.
    all_or_nothing: false,
    idempotent: false,
    // No page says when a row appears, nor how often one may ask.
    lookup: Lookup::ByNumber { per_second: 5, absence_is_proof_after: None },
    reports: Back::Push,
    replies: Back::Push,
    report_due: Duration::from_secs(72 * 3600),
    // Not documented.
    calls_per_second: 50,
    documented: Documented::High,
    source: "the vendor's submail.documents, 2022-07",
};

const TEMPLATES: Profile = Profile {
    form: Form::Template,
    // multixsend is advised for at most 200.
    personal_max: 200,
    signature: Writer::Template,
    words: Writer::Template,
    ..PROFILE
};

impl Wire for Submail {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn endpoint(&self) -> &str {
        "https://api-v4.mysubmail.com"
    }

    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        self::code(code)
    }

    fn request(&self, request: &Request<'_>, _: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts> {
        let (api, fields) = self.order(request)?;
        let tag = request.reference().to_string();
        let mut pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        pairs.push(("tag", &tag));
        Ok(self.call(api, &pairs, stamp))
    }

    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
        match read(answer) {
            Some(Sent::Rows(rows)) => each(request, &rows, answer.status),
            Some(Sent::Whole(row)) => {
                let verdict = row.verdict(answer.status);
                let several = request.tickets().len() > 1;
                let elsewhere =
                    !row.to.is_empty() && request.tickets().iter().all(|t| Some(t.phone()) != phone_of(&row.to));
                match verdict.outcome {
                    // One id cannot stand for many, nor another's for ours.
                    Outcome::Accepted if several || elsewhere => Verdicts::Same(Verdict::unknown("not_named")),
                    Outcome::Rejected(Blame::Person) if several => Verdicts::Same(Verdict::unknown(verdict.code)),
                    Outcome::Accepted | Outcome::Rejected(_) | Outcome::Unknown | Outcome::Unsent => {
                        Verdicts::Same(verdict)
                    }
                }
            }
            None => Verdicts::Same(Verdict::unknown("unreadable")),
        }
    }

    fn lookup(&self, asked: &Asked<'_>, cursor: u16, _: &str, stamp: &Stamp) -> Option<Outgoing> {
        let seconds = |at: Timestamp| (at.millis() / 1000).to_string();
        let (start, end) = (seconds(asked.begun_at.minus(BEFORE)), seconds(asked.begun_at.plus(AFTER)));
        let (phone, offset) = (asked.phone.national(), (usize::from(cursor) * PAGE).to_string());
        let fields =
            [("to", phone.as_str()), ("start_date", &start), ("end_date", &end), ("rows", "50"), ("offset", &offset)];
        Some(self.call("sms/log", &fields, stamp))
    }

    fn found(&self, asked: &Asked<'_>, cursor: u16, answer: Incoming<'_>) -> Step {
        let Some(rows) = log(answer) else {
            return Step::Done(Found::Unclear);
        };
        let reference = asked.reference.to_string();
        let theirs = || rows.iter().filter(|r| phone_of(&r.to) == Some(asked.phone));
        if let Some(hit) = theirs().find(|r| r.is_ours(asked, &reference) == Some(true)) {
            return Step::Done(hit.send_id.filled().map_or(Found::Unclear, |id| Found::Accepted { id }));
        }
        if theirs().any(|r| r.is_ours(asked, &reference).is_none()) {
            return Step::Done(Found::Unclear);
        }
        if rows.len() >= PAGE { Step::More(cursor.saturating_add(1)) } else { Step::Done(Found::Absent) }
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        let key = self.admits(call)?;
        let hook = Hook::read(&call.body)?;
        let signed = zeroize::Zeroizing::new(format!("{}{}", hook.word("token"), key.expose()));
        if !sign::same(sign::md5_hex(signed.as_bytes()).as_bytes(), hook.word("signature").as_bytes()) {
            return Err(InboundError::Forged);
        }
        let event = hook.event(call.received_at)?;
        if !self.tokens.admits(&hook) {
            return Err(InboundError::Forged);
        }
        Ok(Callback { events: event.into_iter().collect(), answer: RECEIVED })
    }
}

const RECEIVED: HttpAnswer = received("text/plain;charset=utf-8", "SUCCESS");

/// The fate of one number, or of all.
#[derive(serde::Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    status: Word<'a>,
    #[serde(borrow, default)]
    to: Word<'a>,
    #[serde(borrow, default)]
    send_id: Word<'a>,
    #[serde(borrow, default)]
    code: Word<'a>,
}

impl Row<'_> {
    fn listed(&self) -> Option<&'static CodeRow> {
        match &*self.status {
            "success" => code("success"),
            "error" => code(&self.code).filter(|row| row.class != Class::Accepted),
            _ => None,
        }
    }

    fn verdict(&self, status: u16) -> Verdict {
        match self.listed() {
            Some(row) if row.class == Class::Accepted && status != 200 => Verdict::unknown("contradiction"),
            Some(row) => row.verdict(self.send_id.filled()),
            None if self.code.is_empty() => Verdict::unknown("unreadable"),
            None => Verdict::unknown(self.code.clipped()),
        }
    }
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, flatten)]
    row: Row<'a>,
    #[serde(borrow, default)]
    responses: Option<Items<Row<'a>>>,
}

enum Sent<'a> {
    Rows(Vec<Row<'a>>),
    Whole(Row<'a>),
}

/// An answer to a send: a list of rows, an object with one, or an object that is one row for all.
fn read(answer: Incoming<'_>) -> Option<Sent<'_>> {
    if answer.body.trim_ascii_start().starts_with(b"[") {
        let Items(rows) = serde_json::from_slice(answer.body).ok()?;
        return Some(Sent::Rows(rows));
    }
    let envelope: Envelope<'_> = serde_json::from_slice(answer.body).ok()?;
    match envelope.responses {
        // Rows under an error would contradict it.
        Some(Items(rows)) => (&*envelope.row.status == "success").then_some(Sent::Rows(rows)),
        None => Some(Sent::Whole(envelope.row)),
    }
}

/// Rows are matched by number. Those without one are believed only where it does not matter whose they are.
fn each(request: &Request<'_>, rows: &[Row<'_>], status: u16) -> Verdicts {
    let tickets = request.tickets();
    let (nameless, named): (Vec<_>, Vec<_>) = rows.iter().partition(|r| r.to.is_empty());
    let ours: HashSet<Phone> = tickets.iter().map(|t| t.phone()).collect();
    let told: HashSet<Phone> = named.iter().filter_map(|r| phone_of(&r.to)).filter(|p| ours.contains(p)).collect();
    let shared = nameless.first().map(|row| row.verdict(status)).filter(|first| {
        rows.len() == tickets.len()
            && told.len() == named.len()
            && first.outcome != Outcome::Accepted
            && nameless.iter().all(|row| row.verdict(status) == *first)
    });
    let mut all = Rows::default();
    for row in named {
        all.add(&row.to, row.verdict(status));
    }
    if let Some(shared) = shared {
        for phone in ours.difference(&told) {
            all.add(&phone.national(), shared.clone());
        }
    }
    all.verdicts(request)
}

#[derive(serde::Deserialize)]
struct LogRow<'a> {
    #[serde(borrow, default, rename = "sendID")]
    send_id: Word<'a>,
    #[serde(borrow, default)]
    to: Word<'a>,
    #[serde(borrow, default)]
    content: Word<'a>,
    #[serde(borrow, default)]
    tag: Word<'a>,
}

impl LogRow<'_> {
    /// Whether the row is what is asked for; `None` when it does not say, as documented rows do not.
    fn is_ours(&self, asked: &Asked<'_>, reference: &str) -> Option<bool> {
        if asked.provider_id.is_some_and(|id| id == &*self.send_id) {
            return Some(true);
        }
        if !self.tag.is_empty() {
            return Some(&*self.tag == reference);
        }
        let text = asked.text.filter(|_| !self.content.is_empty())?;
        Some(text.trim() == self.content.trim())
    }
}

#[derive(serde::Deserialize)]
struct Log<'a> {
    #[serde(borrow)]
    status: Word<'a>,
    #[serde(borrow)]
    data: Items<LogRow<'a>>,
}

fn log(answer: Incoming<'_>) -> Option<Vec<LogRow<'_>>> {
    let log: Log<'_> = serde_json::from_slice(answer.body).ok()?;
    (answer.status == 200 && &*log.status == "success").then_some(log.data.0)
}

/// The tokens that came last, each with a digest of what it came with.
#[derive(Clone, Default)]
struct Tokens(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    content: HashMap<[u8; 32], [u8; 32]>,
    in_order: VecDeque<[u8; 32]>,
}

impl Tokens {
    const MOST: usize = 1 << 16;

    /// Whether the token is new, or came with the same before: a platform that got no answer tells again.
    fn admits(&self, hook: &Hook) -> bool {
        let token: [u8; 32] = Sha256::digest(hook.word("token")).into();
        let mut content = Sha256::new();
        for (name, value) in hook.0.iter().filter(|(name, _)| !matches!(name.as_str(), "token" | "signature")) {
            for part in [name, value] {
                content.update((part.len() as u64).to_be_bytes());
                content.update(part);
            }
        }
        let content: [u8; 32] = content.finalize().into();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.content.get(&token) {
            return *known == content;
        }
        if seen.in_order.len() == Self::MOST
            && let Some(oldest) = seen.in_order.pop_front()
        {
            seen.content.remove(&oldest);
        }
        seen.in_order.push_back(token);
        seen.content.insert(token, content);
        true
    }
}

/// The fields of a SUBHOOK.
pub(crate) struct Hook(Vec<(String, String)>);

impl Hook {
    pub(crate) fn read(body: &[u8]) -> Result<Self, InboundError> {
        let broken = |at| InboundError::Malformed { at, what: "a form of UTF-8" };
        let body = std::str::from_utf8(body).map_err(|e| broken(e.valid_up_to()))?;
        sign::form_pairs(body).map(Self).ok_or(broken(0))
    }

    fn word(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
    }

    /// All of them, for the conformance suite.
    #[cfg(feature = "testing")]
    pub(crate) fn fields(self) -> Vec<(String, String)> {
        self.0
    }

    /// The event; none for what is not about a person's message or number, and for the steps before its end.
    fn event(&self, received: Option<Timestamp>) -> Result<Option<Inbound>, InboundError> {
        let kind = self.word("events");
        let delivered = match kind {
            "delivered" => Some(true),
            "dropped" => Some(false),
            // The documents spell it both ways.
            "unknown" | "unkown" | "mo" => None,
            "request" | "sending" | "template_accept" | "template_reject" => return Ok(None),
            _ => {
                tracing::warn!(provider = "submail", kind = clipped(kind), "a hook of an unknown kind");
                return Ok(None);
            }
        };
        let Some(phone) = phone_of(self.word("address")) else {
            tracing::warn!(provider = "submail", "a hook without a mainland number");
            return Ok(None);
        };
        let told = self.word("timestamp").parse::<i64>().ok().map(|s| Timestamp::from_millis(s.saturating_mul(1000)));
        let at = told.or(received).ok_or(InboundError::Malformed { at: 0, what: "a timestamp in seconds" })?;
        if kind == "mo" {
            let parts = [&*phone.national(), self.word("content"), self.word("timestamp")];
            return Ok(Some(Inbound::Reply(Reply {
                event_id: event_id("reply", &parts),
                phone,
                text: self.word("content").to_owned(),
                extension: None,
                signature: None,
                at,
            })));
        }
        let code = Some(self.word("report")).filter(|c| !c.is_empty()).unwrap_or(kind);
        Ok(Some(Inbound::Report(Report {
            event_id: event_id("report", &[&phone.national(), self.word("send_id"), self.word("tag"), kind, code]),
            phone,
            provider_id: Some(self.word("send_id").to_owned()).filter(|id| !id.is_empty()),
            reference: Reference::parse(self.word("tag")),
            code: clipped(code),
            delivered,
            at,
        })))
    }
}

/// What an answer means, in the classes of the fact sheets.
#[cfg(feature = "testing")]
pub(crate) fn class(answer: Incoming<'_>) -> Class {
    let json: serde_json::Value = serde_json::from_slice(answer.body).unwrap_or_default();
    if json["data"].is_array() {
        return Class::Report;
    }
    if json["mo"].is_array() {
        return Class::Mo;
    }
    match settled(answer).as_slice() {
        [] if answer.status >= 500 => Class::Transient,
        [] => Class::Unknown,
        [(_, first, _), rest @ ..] if rest.iter().all(|(_, class, _)| class == first) => *first,
        _ => Class::Partial,
    }
}

/// What an answer to a send proves: a row each as written, or one for all.
#[cfg(feature = "testing")]
pub(crate) fn settled(answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
    let of = |row: &Row<'_>| {
        let outcome = if answer.status >= 500 { Outcome::Unknown } else { row.verdict(answer.status).outcome };
        (row.to.filled(), row.listed().map_or(Class::Unknown, |r| r.class), outcome)
    };
    match read(answer) {
        Some(Sent::Rows(rows)) => rows.iter().map(of).collect(),
        Some(Sent::Whole(row)) => vec![of(&row)],
        None => Vec::new(),
    }
}

/// The row of a code.
pub fn code(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|r| r.code == code)
}

const ACCOUNT: Outcome = Outcome::Rejected(Blame::Account);
const CONTENT: Outcome = Outcome::Rejected(Blame::Content);
const PERSON: Outcome = Outcome::Rejected(Blame::Person);

const APP: &str = "The application may not be used as it is: see its state in the console, then lift the hold.";
const SIGNED: &str = "The signature of the call is not taken: check appkey and kind of signature, then lift the hold.";
const FIELD: &str = "A field is not as documented: check template and proxies, then lift the hold.";
const FILED: &str = "The template or its signature is not approved: see the console, then lift the hold.";
const MONEY: &str = "The credits are used up: top up, then lift the hold.";

/// Every code on the list. What is not here is unknown. `success` is the word that stands in the place of a code.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = {
    use Class::*;
    use Consequence::{Hold, None as Nothing, Rest, StopOwner};
    use Outcome::{Accepted as Taken, Unsent};
    &[
        row("success", Accepted, Taken, Nothing, "Nothing to do."),

        row("101", Auth, ACCOUNT, Hold, "The platform does not know the application: check its id, then lift the hold."),
        row("102", Auth, ACCOUNT, Hold, APP),
        row("103", Auth, ACCOUNT, Hold, APP),
        row("104", Auth, ACCOUNT, Hold, APP),
        row("105", Auth, ACCOUNT, Hold, APP),
        row("106", Auth, ACCOUNT, Hold, APP),
        row("107", Auth, ACCOUNT, Hold, SIGNED),
        row("108", Auth, ACCOUNT, Hold, SIGNED),
        row("109", Auth, ACCOUNT, Hold, SIGNED),
        row("110", Auth, ACCOUNT, Hold, SIGNED),
        row("111", Auth, ACCOUNT, Hold, SIGNED),
        row("113", Auth, ACCOUNT, Hold, "Allow this machine's address in the console, then lift the hold."),
        row("119", Auth, ACCOUNT, Hold, APP),
        row("151", Auth, ACCOUNT, Hold, "The time of the call is not taken: set this machine's clock, then lift the hold."),
        row("152", Auth, ACCOUNT, Hold, "The call came more than 6 s after its time: set this machine's clock, or sign the normal way, then lift the hold."),

        row("902", InsufficientBalance, ACCOUNT, Hold, MONEY),
        row("903", InsufficientBalance, ACCOUNT, Hold, MONEY),
        row("904", InsufficientBalance, ACCOUNT, Hold, MONEY),
        row("905", InsufficientBalance, ACCOUNT, Hold, MONEY),

        row("116", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("117", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("118", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("120", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("402", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("409", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The template is under review: wait for it, then lift the hold."),
        row("411", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("412", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("413", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("418", TemplateOrSignatureNotApproved, ACCOUNT, Hold, FILED),
        row("420", TemplateOrSignatureNotApproved, ACCOUNT, Hold, "The text has no template, or its template was turned down: change it, or have it approved, then lift the hold."),

        row("405", ContentRejected, CONTENT, Nothing, "The text holds a blocked word: change it."),
        // The person is on the application's own list: nobody else's.
        row("114", NumberBlacklisted, PERSON, StopOwner, "The number is on the account's blacklist: the stop is recorded."),
        row("253", NumberUnsubscribed, PERSON, StopOwner, "The person unsubscribed at the platform: the stop is recorded."),
        row("251", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed."),
        row("252", NumberInvalid, PERSON, Nothing, "The platform takes the number for malformed."),

        row("115", Throttled, PERSON, Nothing, "The number reached the platform's limit: nothing to do."),
        row("408", Throttled, PERSON, Nothing, "The same text went to this number before: nothing to do."),
        row("901", Throttled, Unsent, Rest(Duration::from_secs(3600)), "The application's daily quota is used up: raise it in the console, or sending goes on by itself tomorrow."),

        row("305", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("306", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("307", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("308", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("309", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("310", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("401", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("403", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("404", InvalidRequest, CONTENT, Nothing, "The text is not taken, mostly for its length: shorten it."),
        row("406", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("407", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("410", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("414", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("415", InvalidRequest, ACCOUNT, Hold, FIELD),
        row("422", InvalidRequest, ACCOUNT, Hold, FIELD),
    ]
};

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "submail_tests.rs"]
mod tests;
