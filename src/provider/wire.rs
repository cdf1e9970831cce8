//! The bytes of an HTTP platform as pure functions ([`Wire`]), and the one place that sends them ([`Http`]).

use super::{Asked, Door, Found, Outcome, Profile, PullError, Request, Verdict, Verdicts};
use crate::clock::{Stamp, Timestamp};
use crate::inbound::{Callback, HttpAnswer, HttpCall, InboundError, Pull, Pulled};
use crate::phone::Phone;
use std::borrow::Cow;
use std::fmt;

/// An HTTP platform as pure functions: no clock, no socket, no randomness.
///
/// # Contract
/// - `request` and `lookup` depend on nothing but their arguments and the settings.
/// - `outcome` claims [`Outcome::Accepted`], [`Outcome::Rejected`] or [`Outcome::Unsent`] only for answers that are
///   well-formed and documented; everything else is [`Outcome::Unknown`]. It never panics.
/// - `found` says [`Found::Absent`] only for a well-formed answer that names no such message.
///
/// # Guarantee
/// `outcome` never sees a redirect. What it makes of a server error (5xx) counts only where
/// [`reads_server_errors`](Wire::reads_server_errors) says so, and only as a refusal; all else of these is unknown.
pub trait Wire: fmt::Debug + Send + Sync + 'static {
    /// What this platform can carry and what it limits.
    fn profile(&self) -> &Profile;

    /// The documented base address, such as `https://sms.yunpian.com`.
    fn endpoint(&self) -> &str;

    /// The bytes of one send. `host` is the authority that the request will carry as `Host`.
    ///
    /// # Errors
    /// The verdicts when the request cannot be said to this platform, one for all ([`Verdict`] becomes it by `?`) or one
    /// per ticket ([`Verdicts::parts`]: one person's value must not end the others); nothing is sent then.
    fn request(&self, request: &Request<'_>, host: &str, stamp: &Stamp) -> Result<Outgoing, Verdicts>;

    /// Whether the platform's documents or clients read the code in the body whatever the HTTP status: then a refusal that
    /// is spelled out under a server error is one.
    fn reads_server_errors(&self) -> bool {
        false
    }

    /// What an answer proves about each ticket.
    fn outcome(&self, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts;

    /// The row of one of this platform's codes, if it is listed: what a merchant reads of it.
    fn explain(&self, code: &str) -> Option<&'static CodeRow> {
        let _ = code;
        None
    }

    /// The bytes of one question; `cursor` is 0 first, then what [`Step::More`] said. `None` when it cannot be asked.
    fn lookup(&self, asked: &Asked<'_>, cursor: u16, host: &str, stamp: &Stamp) -> Option<Outgoing> {
        let _ = (asked, cursor, host, stamp);
        None
    }

    /// What the answer to a question says.
    fn found(&self, asked: &Asked<'_>, cursor: u16, answer: Incoming<'_>) -> Step {
        let _ = (asked, cursor, answer);
        Step::Done(Found::Unclear)
    }

    /// Reads a callback.
    ///
    /// # Errors
    /// [`InboundError`]; nothing has changed then.
    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError>;

    /// The bytes that ask for what waits at the platform; `None` when this is not pulled.
    fn pull(&self, what: Pull, host: &str, stamp: &Stamp) -> Option<Outgoing> {
        let _ = (what, host, stamp);
        None
    }

    /// What the answer to a pull holds, which came at `at`: the time of an event that tells none. An answer that cannot be
    /// read is an error, never an empty page.
    ///
    /// # Errors
    /// [`PullError::Refused`] with the platform's code, [`PullError::Unreadable`].
    fn pulled(&self, what: Pull, answer: Incoming<'_>, at: Timestamp) -> Result<Pulled, PullError> {
        let _ = (what, answer, at);
        Err(PullError::NotOffered)
    }
}

/// What a platform's word means, in the terms shared by all fact sheets.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Class {
    /// Taken.
    Accepted,
    /// Credentials, permissions, source address or clock.
    Auth,
    /// The text.
    ContentRejected,
    /// The same request was seen before.
    DuplicateRequest,
    /// Money.
    InsufficientBalance,
    /// The request is not as documented.
    InvalidRequest,
    /// A reply from a handset.
    Mo,
    /// On a list, or unsubscribed.
    NumberBlacklisted,
    /// No number, or none that is served.
    NumberInvalid,
    /// Unsubscribed from the sender, at the platform.
    NumberUnsubscribed,
    /// Rows differ.
    Partial,
    /// A delivery report.
    Report,
    /// Not filed, not approved, or withdrawn.
    TemplateOrSignatureNotApproved,
    /// A limit of rate, account or number.
    Throttled,
    /// The platform is ill; it may have taken the message.
    Transient,
    /// Not on the list.
    Unknown,
}

impl Class {
    /// The name in the fact sheets and vectors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Auth => "auth",
            Self::ContentRejected => "content_rejected",
            Self::DuplicateRequest => "duplicate_request",
            Self::InsufficientBalance => "insufficient_balance",
            Self::InvalidRequest => "invalid_request",
            Self::Mo => "mo",
            Self::NumberBlacklisted => "number_blacklisted",
            Self::NumberInvalid => "number_invalid",
            Self::NumberUnsubscribed => "number_unsubscribed",
            Self::Partial => "partial",
            Self::Report => "report",
            Self::TemplateOrSignatureNotApproved => "template_or_signature_not_approved",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Unknown => "unknown",
        }
    }
}

/// One code of a platform: what it means, what it proves, and what a person does about it.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// As the platform writes it.
    pub code: &'static str,
    /// In shared terms.
    pub class: Class,
    /// What it proves.
    pub outcome: Outcome,
    /// What follows.
    pub consequence: super::Consequence,
    /// What to do, for the operator.
    pub remedy: &'static str,
}

/// A row of a platform's table.
pub const fn row(
    code: &'static str,
    class: Class,
    outcome: Outcome,
    consequence: super::Consequence,
    remedy: &'static str,
) -> CodeRow {
    CodeRow { code, class, outcome, consequence, remedy }
}

impl CodeRow {
    /// The verdict that this row stands for; `id` is needed for an acceptance and ignored otherwise.
    pub fn verdict(&self, id: Option<String>) -> Verdict {
        match (self.outcome, id) {
            (Outcome::Accepted, Some(id)) if !id.is_empty() => Verdict::accepted(id),
            (Outcome::Accepted, _) => Verdict::unknown("no_id"),
            (outcome, _) => Verdict::new(outcome, self.consequence, self.code.to_owned()),
        }
    }
}

/// The method of a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

impl Method {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request as it leaves: everything but the address.
#[derive(Clone, Eq, PartialEq)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The path, encoded, with its leading `/`.
    pub path: Cow<'static, str>,
    /// The query, encoded, without `?`.
    pub query: String,
    /// Names (lower case) and values; `host` and `content-length` are the transport's.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Several platforms carry keys and numbers in the query or the body.
        write!(f, "{} {} ({} + {} bytes)", self.method.as_str(), self.path, self.query.len(), self.body.len())
    }
}

/// An answer as it came.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// HTTP status.
    pub status: u16,
    /// The body, at most the configured size.
    pub body: &'a [u8],
}

impl Incoming<'_> {
    /// Whether the platform itself has spoken; a redirect or a server error proves nothing, whatever its body says.
    pub(crate) fn is_spoken(&self) -> bool {
        matches!(self.status, 200..=299 | 400..=499)
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({}, {} bytes)", self.status, self.body.len())
    }
}

/// How a lookup goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Answered.
    Done(Found),
    /// Ask again with this cursor. The transport asks at most eight times per question.
    More(u16),
}

/// What an answer proves, with the rules that hold for every platform applied first.
pub fn settle<W: Wire + ?Sized>(wire: &W, request: &Request<'_>, answer: Incoming<'_>) -> Verdicts {
    match answer.status {
        _ if answer.is_spoken() => wire.outcome(request, answer),
        300..=399 => Verdicts::Same(Verdict::unknown("redirect")),
        status => {
            let refusal_or_doubt = |verdict: Verdict| match verdict.outcome {
                Outcome::Rejected(_) => verdict,
                Outcome::Accepted | Outcome::Unknown | Outcome::Unsent => Verdict::unknown(format!("http_{status}")),
            };
            match (500..=599).contains(&status) && wire.reads_server_errors() {
                true => match wire.outcome(request, answer) {
                    Verdicts::Same(verdict) => Verdicts::Same(refusal_or_doubt(verdict)),
                    Verdicts::Each(all) => Verdicts::Each(all.into_iter().map(refusal_or_doubt).collect()),
                },
                false => Verdicts::Same(Verdict::unknown(format!("http_{status}"))),
            }
        }
    }
}

/// The mainland number in a platform's spelling: eleven digits, bare or behind `+86`, `0086` or `86`; else in any spelling
/// that a person's number is read from, as a refusal must not be lost over a blank or full-width digits.
pub(crate) fn phone_of(s: &str) -> Option<Phone> {
    let s = s.trim();
    let n = ["+86", "0086", "86"].iter().find_map(|p| s.strip_prefix(p).filter(|r| r.len() == 11)).unwrap_or(s);
    if n.len() == 11 && n.starts_with('1') && n.bytes().all(|b| b.is_ascii_digit()) {
        return n.parse().ok().and_then(|n| Phone::from_u64(n).ok());
    }
    Phone::parse(s).ok()
}

/// Whether a callback may enter whose signature leaves out what it says: the path is asked for where one is set, the
/// sources in any case.
pub(crate) fn admits_signed(door: &Door, call: &HttpCall) -> Result<(), InboundError> {
    match door.admits(call) {
        Err(InboundError::NotOffered) => door.admits_peer(call),
        other => other,
    }
}

/// At most so many items in one callback.
pub const MAX_ITEMS: usize = 10_000;

/// A JSON array of at most [`MAX_ITEMS`]; a longer one is an error, read no further.
pub(crate) struct Items<T>(pub(crate) Vec<T>);

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Items<T> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit<T>(std::marker::PhantomData<T>);
        impl<'de, T: serde::Deserialize<'de>> serde::de::Visitor<'de> for Visit<T> {
            type Value = Items<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of at most 10000 items")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX_ITEMS {
                        return Err(serde::de::Error::custom("too many items"));
                    }
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        d.deserialize_seq(Visit(std::marker::PhantomData))
    }
}

/// Where a JSON error stands in `body`, in bytes; its own text may quote values and is dropped.
pub(crate) fn malformed(body: &[u8], e: &serde_json::Error, what: &'static str) -> InboundError {
    let line: usize = body.split_inclusive(|b| *b == b'\n').take(e.line().saturating_sub(1)).map(<[u8]>::len).sum();
    InboundError::Malformed { at: (line + e.column().saturating_sub(1)).min(body.len()), what }
}

/// An event id for platforms that give none: a digest of everything that tells two events apart.
pub(crate) fn event_id(kind: &str, parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        // The length first, so that ("ab","c") and ("a","bc") differ.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{kind}-{}", crate::id::hex(&hash.finalize()[..16]))
}

/// The answer that a platform takes for "received".
pub(crate) const fn received(content_type: &'static str, body: &'static str) -> HttpAnswer {
    HttpAnswer { status: 200, content_type, body: Cow::Borrowed(body) }
}

#[cfg(feature = "http")]
pub use http::{Http, HttpSettings, SettingsError};

/// The only module that knows an HTTP client.
#[cfg(feature = "http")]
mod http {
    use super::{CodeRow, Incoming, Method, Outgoing, Step, Wire, settle};
    use crate::clock::{Clock, Stamp, Timestamp};
    use crate::inbound::{Callback, HttpCall, InboundError, Pull, Pulled};
    use crate::provider::{
        Answer, Asked, Blame, Consequence, Found, Lookup, Outcome, Profile, Provider, PullError, Request, Verdict,
        Verdicts, Why,
    };
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use std::borrow::Cow;
    use std::error::Error as StdError;
    use std::fmt;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::task::{Context, Poll};
    use std::time::Duration;

    /// A question takes at most so many pages.
    const MAX_PAGES: usize = 8;
    /// Idle sockets go sooner than a platform closes them (seen: 15 s and more), so a send rarely meets a dead one.
    const IDLE: Duration = Duration::from_secs(8);

    /// How a platform is reached.
    #[derive(Clone, Debug)]
    pub struct HttpSettings {
        connect_timeout: Duration,
        timeout: Duration,
        max_answer: usize,
        endpoint: Option<String>,
        loopback_only: bool,
    }

    impl Default for HttpSettings {
        fn default() -> Self {
            Self::new()
        }
    }

    impl HttpSettings {
        /// 3 s to connect, 10 s in all, answers up to 1 MiB, the documented address.
        pub fn new() -> Self {
            Self {
                connect_timeout: Duration::from_secs(3),
                timeout: Duration::from_secs(10),
                max_answer: 1 << 20,
                endpoint: None,
                loopback_only: false,
            }
        }

        /// The time for name, TCP and TLS. A request with less left than this is not started.
        #[must_use]
        pub fn connect_timeout(mut self, t: Duration) -> Self {
            self.connect_timeout = t;
            self
        }

        /// The time for everything, up to the last byte of the answer. At least the connect time-out.
        #[must_use]
        pub fn timeout(mut self, t: Duration) -> Self {
            self.timeout = t;
            self
        }

        /// A longer answer, in bytes, is not read to its end; the outcome is unknown then.
        #[must_use]
        pub fn max_answer(mut self, bytes: usize) -> Self {
            self.max_answer = bytes;
            self
        }

        /// Another address than the documented one: scheme, host and port, no path. Plain `http` only to loopback.
        #[must_use]
        pub fn endpoint(mut self, url: impl Into<String>) -> Self {
            self.endpoint = Some(url.into());
            self
        }

        /// Refuses every address that is not this machine: for tests and rehearsals.
        #[must_use]
        pub fn loopback_only(mut self, yes: bool) -> Self {
            self.loopback_only = yes;
            self
        }
    }

    /// Why a platform cannot be reached with these settings.
    #[derive(Debug, thiserror::Error)]
    #[non_exhaustive]
    pub enum SettingsError {
        /// The HTTP client could not be made.
        #[error("the HTTP client cannot be made")]
        Client(#[source] Box<dyn StdError + Send + Sync>),
        /// Not `https://host[:port]`.
        #[error("the endpoint must be a scheme, a host and perhaps a port; no user, path, query or fragment")]
        Endpoint,
        /// Plain http to another machine.
        #[error("plain http is for loopback only; use https")]
        Insecure,
        /// Another machine although only this one is allowed.
        #[error("the endpoint is not on loopback, and only loopback is allowed by these settings")]
        NotLoopback,
        /// No certificates, or no protocol version.
        #[error("TLS cannot be set up")]
        Tls(#[source] Box<dyn StdError + Send + Sync>),
        /// A time-out of zero, or less time in all than for connecting.
        #[error("time-outs must be above zero, and the whole not shorter than connecting")]
        Timeouts,
    }

    /// A platform over HTTP: [`Wire`]'s bytes, sent once; a second time, unchanged, only when the first attempt left
    /// everyone in doubt, the profile says [`idempotent`](Profile::idempotent) and the deadline has not passed.
    ///
    /// Redirects and retries are off, HTTP/1.1 only, no system proxy. Certificates are checked
    /// against the platform's roots with a TLS stack of its own; nothing process-wide is installed.
    ///
    /// [`Answer::first_byte`] is told for requests with a body; the transport cannot tell it for those without.
    pub struct Http<W> {
        wire: W,
        client: reqwest::Client,
        clock: Arc<dyn Clock>,
        /// `scheme://authority`.
        base: String,
        /// The authority, as in `Host`.
        host: String,
        connect_timeout: Duration,
        max_answer: usize,
        nonces: Mutex<Nonces>,
        /// The earliest start of the next lookup call, on the clock's monotonic time.
        next_lookup: tokio::sync::Mutex<Duration>,
    }

    impl<W: fmt::Debug> fmt::Debug for Http<W> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Http").field("wire", &self.wire).field("host", &self.host).finish_non_exhaustive()
        }
    }

    impl<W: Wire> Http<W> {
        /// Reaches a platform with these settings.
        ///
        /// # Errors
        /// [`SettingsError`]; nothing is sent here.
        pub fn new(wire: W, settings: HttpSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
            if settings.connect_timeout.is_zero() || settings.timeout < settings.connect_timeout {
                return Err(SettingsError::Timeouts);
            }
            let url = endpoint(settings.endpoint.as_deref().unwrap_or(wire.endpoint()))?;
            let local = is_loopback(&url);
            if url.scheme() == "http" && !local {
                return Err(SettingsError::Insecure);
            }
            if settings.loopback_only && !local {
                return Err(SettingsError::NotLoopback);
            }
            let host = authority(&url);
            Ok(Self {
                client: client(&settings, url.scheme() == "https")?,
                base: format!("{}://{host}", url.scheme()),
                host,
                connect_timeout: settings.connect_timeout,
                max_answer: settings.max_answer,
                nonces: Mutex::default(),
                next_lookup: tokio::sync::Mutex::new(Duration::ZERO),
                wire,
                clock,
            })
        }

        /// The platform's settings.
        pub fn wire(&self) -> &W {
            &self.wire
        }

        fn stamp(&self) -> Stamp {
            let nonce = self.nonces.lock().unwrap_or_else(PoisonError::into_inner).next(&*self.clock);
            Stamp { at: self.clock.now(), nonce: crate::id::hex(&nonce) }
        }

        /// One attempt. The gate is what makes "not sent" a fact.
        async fn exchange(&self, out: Outgoing, gate: &Arc<Gate>) -> Exchange {
            let has_body = !out.body.is_empty();
            let Some(request) = self.build(out, gate) else {
                return Exchange::Unsent("request");
            };
            // Last look before a request without a body, which nothing can stop once it is handed over.
            if gate.is_late() {
                return Exchange::Unsent("late");
            }
            let mut answer = match self.client.execute(request).await {
                Ok(answer) => answer,
                Err(e) => return failed(&e.without_url(), has_body, gate),
            };
            let status = answer.status().as_u16();
            let expected = answer.content_length().unwrap_or(0);
            if expected > self.max_answer as u64 {
                return Exchange::Unknown("answer_too_long");
            }
            let mut body = Vec::with_capacity(expected as usize);
            loop {
                match answer.chunk().await {
                    Ok(None) => return Exchange::Answer { status, body },
                    Ok(Some(chunk)) if body.len() + chunk.len() > self.max_answer => {
                        return Exchange::Unknown("answer_too_long");
                    }
                    Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                    Err(e) => return Exchange::Unknown(broken(&e.without_url())),
                }
            }
        }

        fn build(&self, out: Outgoing, gate: &Arc<Gate>) -> Option<reqwest::Request> {
            let mut url = String::with_capacity(self.base.len() + out.path.len() + out.query.len() + 1);
            url.push_str(&self.base);
            url.push_str(&out.path);
            if !out.query.is_empty() {
                url.push('?');
                url.push_str(&out.query);
            }
            let method = match out.method {
                Method::Get => reqwest::Method::GET,
                Method::Post => reqwest::Method::POST,
            };
            let mut request = reqwest::Request::new(method, reqwest::Url::parse(&url).ok()?);
            let headers: &mut HeaderMap = request.headers_mut();
            headers.reserve(out.headers.len());
            for (name, value) in out.headers {
                let mut value = match value {
                    Cow::Borrowed(s) => HeaderValue::from_str(s),
                    Cow::Owned(s) => HeaderValue::from_maybe_shared(Bytes::from(s)),
                }
                .ok()?;
                value.set_sensitive(name == "authorization" || name.contains("token"));
                headers.insert(HeaderName::from_static(name), value);
            }
            if !out.body.is_empty() {
                let bytes = Some(Bytes::from(out.body));
                *request.body_mut() = Some(reqwest::Body::wrap(Timed { bytes, gate: gate.clone() }));
            }
            Some(request)
        }

        async fn ask(&self, asked: &Asked<'_>, per_second: u16) -> Found {
            let mut cursor = 0;
            for _ in 0..MAX_PAGES {
                self.wait_for_budget(per_second).await;
                let stamp = self.stamp();
                let Some(out) = self.wire.lookup(asked, cursor, &self.host, &stamp) else {
                    return Found::Unclear;
                };
                let gate = Arc::new(Gate::open_ended(self.clock.clone()));
                let Exchange::Answer { status, body } = self.exchange(out, &gate).await else {
                    return Found::Unclear;
                };
                let answer = Incoming { status, body: &body };
                if !answer.is_spoken() {
                    return Found::Unclear;
                }
                match self.wire.found(asked, cursor, answer) {
                    Step::Done(found) => return found,
                    Step::More(next) => cursor = next,
                }
            }
            Found::Unclear
        }

        async fn attempt(&self, out: Outgoing, gate: &Arc<Gate>, request: &Request<'_>) -> (Verdicts, u16) {
            match self.exchange(out, gate).await {
                Exchange::Answer { status, body } => {
                    (settle(&self.wire, request, Incoming { status, body: &body }), status)
                }
                Exchange::Unsent(code) => (Verdicts::Same(Verdict::unsent(code, Consequence::None)), 0),
                Exchange::Unknown(code) => (Verdicts::Same(Verdict::unknown(code)), 0),
            }
        }

        /// The same bytes again, to a platform whose documents make them one message. Only an acceptance says something
        /// about the first attempt, and only about the person it names: a refusal may be about the second alone. Yet whom
        /// it names as listed or dead is that, whatever became of the first.
        async fn once_more(&self, out: Outgoing, doubt: Verdicts, request: &Request<'_>) -> Verdicts {
            let left = request.time_left(&*self.clock);
            if left.is_zero() || left < self.connect_timeout {
                return doubt;
            }
            let gate = Arc::new(Gate::until(self.clock.clone(), request.deadline()));
            let (second, _) = self.attempt(out, &gate, request).await;
            let count = request.tickets().len();
            match second {
                Verdicts::Same(v) if v.outcome == Outcome::Accepted => return Verdicts::Same(v),
                Verdicts::Same(_) if count > 1 => return doubt,
                Verdicts::Same(_) | Verdicts::Each(_) => {}
            }
            let told = |i| {
                let v = second.get(i);
                match (v.outcome, v.consequence) {
                    (Outcome::Accepted, _) => Some(v),
                    (
                        Outcome::Rejected(Blame::Person),
                        Consequence::StopEveryone | Consequence::StopOwner | Consequence::SuspendNumber,
                    ) => Some(Verdict { outcome: Outcome::Unknown, ..v }),
                    _ => None,
                }
            };
            let told: Vec<Option<Verdict>> = (0..count).map(told).collect();
            if told.iter().all(Option::is_none) {
                return doubt;
            }
            Verdicts::Each(told.into_iter().enumerate().map(|(i, v)| v.unwrap_or_else(|| doubt.get(i))).collect())
        }

        async fn wait_for_budget(&self, per_second: u16) {
            let gap = Duration::from_secs(1) / u32::from(per_second.max(1));
            let wait = {
                let mut next = self.next_lookup.lock().await;
                let now = self.clock.mono();
                let start = (*next).max(now);
                *next = start + gap;
                start - now
            };
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
        }
    }

    #[async_trait::async_trait]
    impl<W: Wire> Provider for Http<W> {
        fn profile(&self) -> &Profile {
            self.wire.profile()
        }

        fn explain(&self, code: &str) -> Option<Why> {
            self.wire.explain(code).map(CodeRow::why)
        }

        async fn submit(&self, request: Request<'_>) -> Answer {
            let same = |v| Answer { verdicts: Verdicts::Same(v), first_byte: None };
            let out = match self.wire.request(&request, &self.host, &self.stamp()) {
                Ok(out) => out,
                Err(verdicts) => return Answer { verdicts, first_byte: None },
            };
            // Read after signing, which takes time too.
            let left = request.time_left(&*self.clock);
            if left.is_zero() || left < self.connect_timeout {
                return same(Verdict::unsent("late", Consequence::None));
            }
            let gate = Arc::new(Gate::until(self.clock.clone(), request.deadline()));
            let again = self.wire.profile().idempotent.then(|| out.clone());
            let (mut verdicts, status) = self.attempt(out, &gate, &request).await;
            let in_doubt = |v: &Verdicts| matches!(v, Verdicts::Same(v) if v.outcome == Outcome::Unknown);
            if let Some(out) = again.filter(|_| in_doubt(&verdicts)) {
                verdicts = self.once_more(out, verdicts, &request).await;
            }
            tracing::debug!(
                provider = self.wire.profile().name,
                reference = %request.reference(),
                tickets = request.tickets().len(),
                status,
                outcome = ?verdicts.get(0).outcome,
                "submitted"
            );
            Answer { verdicts, first_byte: gate.first_byte() }
        }

        async fn lookup(&self, asked: &[Asked<'_>]) -> Vec<Found> {
            let Lookup::ByNumber { per_second, .. } = self.wire.profile().lookup else {
                return vec![Found::Unclear; asked.len()];
            };
            let mut found = Vec::with_capacity(asked.len());
            for one in asked {
                found.push(self.ask(one, per_second).await);
            }
            found
        }

        fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
            self.wire.inbound(call)
        }

        async fn pull(&self, what: Pull) -> Result<Pulled, PullError> {
            let out = self.wire.pull(what, &self.host, &self.stamp()).ok_or(PullError::NotOffered)?;
            let gate = Arc::new(Gate::open_ended(self.clock.clone()));
            match self.exchange(out, &gate).await {
                Exchange::Answer { status, body } => {
                    let answer = Incoming { status, body: &body };
                    if answer.is_spoken() {
                        self.wire.pulled(what, answer, self.clock.now())
                    } else {
                        Err(PullError::NoAnswer("http_status"))
                    }
                }
                Exchange::Unsent(code) | Exchange::Unknown(code) => Err(PullError::NoAnswer(code)),
            }
        }
    }

    /// Random bytes drawn for many nonces at once: one system call for 64 of them.
    #[derive(Default)]
    struct Nonces {
        bytes: Vec<u8>,
    }

    impl Nonces {
        fn next(&mut self, clock: &dyn Clock) -> [u8; 16] {
            if self.bytes.len() < 16 {
                self.bytes.resize(64 * 16, 0);
                clock.fill(&mut self.bytes);
            }
            let mut nonce = [0; 16];
            nonce.copy_from_slice(&self.bytes[self.bytes.len() - 16..]);
            self.bytes.truncate(self.bytes.len() - 16);
            nonce
        }
    }

    enum Exchange {
        Answer { status: u16, body: Vec<u8> },
        Unsent(&'static str),
        Unknown(&'static str),
    }

    /// What a failed call proves. Only a connection that never came to be, or a body that nobody asked for and nobody
    /// can ask for any more, is "not sent".
    fn failed(e: &reqwest::Error, has_body: bool, gate: &Gate) -> Exchange {
        if gate.was_late() {
            return Exchange::Unsent("late");
        }
        if e.is_builder() && gate.close() {
            return Exchange::Unsent("request");
        }
        if e.is_connect() && gate.close() {
            return Exchange::Unsent(if e.is_timeout() { "connect_timeout" } else { "connect" });
        }
        if has_body && gate.close() {
            return Exchange::Unsent("not_started");
        }
        Exchange::Unknown(broken(e))
    }

    fn broken(e: &reqwest::Error) -> &'static str {
        if e.is_timeout() {
            return "timeout";
        }
        let mut source = e.source();
        while let Some(s) = source {
            if let Some(io) = s.downcast_ref::<std::io::Error>() {
                return match io.kind() {
                    std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => "reset",
                    std::io::ErrorKind::TimedOut => "timeout",
                    _ => "broken",
                };
            }
            source = s.source();
        }
        "broken"
    }

    const IDLE_STATE: i64 = 0;
    const CLOSED: i64 = -1;
    const LATE: i64 = -2;

    /// Whether the body may start, and whether it has: one atomic word, so that "never started" and "may not start any
    /// more" are decided together.
    #[derive(Debug)]
    struct Gate {
        clock: Arc<dyn Clock>,
        deadline: Duration,
        /// [`IDLE_STATE`], [`CLOSED`], [`LATE`], or the moment of the first byte in milliseconds.
        state: AtomicI64,
    }

    impl Gate {
        fn until(clock: Arc<dyn Clock>, deadline: Duration) -> Self {
            Self { clock, deadline, state: AtomicI64::new(IDLE_STATE) }
        }

        fn open_ended(clock: Arc<dyn Clock>) -> Self {
            Self { clock, deadline: Duration::MAX, state: AtomicI64::new(IDLE_STATE) }
        }

        fn is_late(&self) -> bool {
            self.clock.mono() >= self.deadline
        }

        /// Called when the first byte is asked for.
        fn start(&self) -> bool {
            let to = if self.is_late() { LATE } else { self.clock.now().millis().max(1) };
            self.turn(to) && to != LATE
        }

        /// Whether no byte has left and, from now on, none can.
        fn close(&self) -> bool {
            self.turn(CLOSED)
        }

        fn turn(&self, to: i64) -> bool {
            self.state.compare_exchange(IDLE_STATE, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
        }

        fn was_late(&self) -> bool {
            self.state.load(Ordering::Acquire) == LATE
        }

        fn first_byte(&self) -> Option<Timestamp> {
            let at = self.state.load(Ordering::Acquire);
            (at > 0).then(|| Timestamp::from_millis(at))
        }
    }

    /// A body of known length that looks at the clock when its first byte is asked for.
    struct Timed {
        bytes: Option<Bytes>,
        gate: Arc<Gate>,
    }

    /// The body's deadline passed before its first byte.
    #[derive(Debug, thiserror::Error)]
    #[error("the deadline passed before the first byte")]
    struct TooLate;

    impl http_body::Body for Timed {
        type Data = Bytes;
        type Error = TooLate;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, TooLate>>> {
            let Some(bytes) = self.bytes.take() else {
                return Poll::Ready(None);
            };
            if !self.gate.start() {
                return Poll::Ready(Some(Err(TooLate)));
            }
            Poll::Ready(Some(Ok(http_body::Frame::data(bytes))))
        }

        fn is_end_stream(&self) -> bool {
            self.bytes.is_none()
        }

        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(self.bytes.as_ref().map_or(0, |b| b.len() as u64))
        }
    }

    fn endpoint(s: &str) -> Result<reqwest::Url, SettingsError> {
        let url = reqwest::Url::parse(s).map_err(|_| SettingsError::Endpoint)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if plain { Ok(url) } else { Err(SettingsError::Endpoint) }
    }

    fn authority(url: &reqwest::Url) -> String {
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn is_loopback(url: &reqwest::Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn client(settings: &HttpSettings, tls: bool) -> Result<reqwest::Client, SettingsError> {
        // A name can be pointed anywhere; this one is pinned to what it means.
        let here = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(tls)?)
            .https_only(tls)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_idle_timeout(IDLE)
            .resolve_to_addrs("localhost", &here)
            .build()
            .map_err(|e| SettingsError::Client(Box::new(e.without_url())))
    }

    /// A stack of our own: the host's process-wide choice is neither needed nor touched.
    fn tls_config(used: bool) -> Result<rustls::ClientConfig, SettingsError> {
        use rustls_platform_verifier::BuilderVerifierExt;
        let broken = |e: rustls::Error| SettingsError::Tls(Box::new(e));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(broken)?;
        let mut config = if used {
            builder.with_platform_verifier().map_err(broken)?.with_no_client_auth()
        } else {
            // Plain loopback: no roots are loaded, so no certificate could ever pass.
            builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
        };
        config.enable_early_data = false;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

#[cfg(all(test, feature = "testing", feature = "http"))]
#[path = "wire_tests.rs"]
pub(crate) mod tests;
