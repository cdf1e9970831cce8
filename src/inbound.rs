//! What comes back from a platform: delivery reports and mobile-originated replies, as plain words.

use crate::clock::Timestamp;
use crate::id::Reference;
use crate::phone::Phone;
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// One callback as the host's web server received it. Framework-neutral: copy the parts in.
#[derive(Clone)]
pub struct HttpCall {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, percent-encoded as received, without the query.
    pub path: String,
    /// The raw query, without `?`; empty when there is none.
    pub query: String,
    /// Header names (any case) and values.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, at most [`HttpCall::MAX_BODY`].
    pub body: Vec<u8>,
    /// Who connected, where the host knows it for certain: behind a proxy, the address that the proxy vouches for.
    pub peer: Option<IpAddr>,
    /// When it was received; [`Optin106::intake`](crate::Optin106::intake) fills it in from the store's clock.
    pub received_at: Option<Timestamp>,
}

impl HttpCall {
    /// A longer callback body is refused unread.
    pub const MAX_BODY: usize = 1 << 20;

    /// A call without headers and peer; set the fields that are known.
    pub fn new(
        method: impl Into<String>,
        path: impl Into<String>,
        query: impl Into<String>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: Vec::new(),
            body: body.into(),
            peer: None,
            received_at: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Says who connected.
    #[must_use]
    pub fn from_peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// The first header of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

impl fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpCall({} {} bytes)", self.method, self.body.len())
    }
}

/// What to answer the platform, to the byte.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Cow<'static, str>,
}

/// A parsed callback: its events, and the answer to give **after** they are stored.
#[derive(Clone, Debug)]
pub struct Callback {
    /// In the order of the body.
    pub events: Vec<Inbound>,
    /// To be sent once every event is recorded.
    pub answer: HttpAnswer,
}

impl Callback {
    /// What an authentic push may still do that is older than the proof allows: replies count at any age, and so do reports
    /// that do not say "delivered", as a stop may hang on them. A replay changes nothing: events keep their ids.
    ///
    /// # Errors
    /// [`InboundError::Stale`] when nothing remains.
    pub(crate) fn if_stale(mut self, stale: bool) -> Result<Self, InboundError> {
        if stale {
            self.events.retain(|event| match event {
                Inbound::Reply(_) => true,
                Inbound::Report(r) => r.delivered != Some(true) && !r.code.eq_ignore_ascii_case("DELIVRD"),
            });
        }
        if stale && self.events.is_empty() { Err(InboundError::Stale) } else { Ok(self) }
    }
}

/// What is asked of a platform that is pulled.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pull {
    /// Mobile-originated replies.
    Replies,
    /// Delivery reports.
    Reports,
}

/// One page of a pull. The platform has mostly forgotten it by now: it is recorded before the next page is asked for.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// In the order of the answer.
    pub events: Vec<Inbound>,
    /// Whether there may be more at once.
    pub more: bool,
}

/// One thing that came back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Inbound {
    /// A mobile-originated reply.
    Reply(Reply),
    /// A delivery report.
    Report(Report),
}

/// A mobile-originated reply (上行).
#[derive(Clone)]
pub struct Reply {
    /// The platform's id of this event, or one derived from its content; repeating it is harmless.
    pub event_id: String,
    /// Who replied.
    pub phone: Phone,
    /// What they wrote.
    pub text: String,
    /// The sub-port extension that was answered, where the platform tells.
    pub extension: Option<String>,
    /// The signature that was answered, without brackets, where the platform tells.
    pub signature: Option<String>,
    /// When, by the platform.
    pub at: Timestamp,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({:?}, {} characters)", self.phone, self.text.chars().count())
    }
}

/// A delivery report (状态报告).
#[derive(Clone)]
pub struct Report {
    /// The platform's id of this event, or one derived from its content; repeating it is harmless.
    pub event_id: String,
    /// Whose handset.
    pub phone: Phone,
    /// The platform's message id.
    pub provider_id: Option<String>,
    /// Our reference, where the platform echoes it.
    pub reference: Option<Reference>,
    /// The code as it came (`DELIVRD`, `MK:0001`, …).
    pub code: String,
    /// The platform's own word on success, where it has one beside the code.
    pub delivered: Option<bool>,
    /// When, by the platform.
    pub at: Timestamp,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Report({:?}, {})", self.phone, self.code)
    }
}

/// Why a callback changed nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InboundError {
    /// The signature, token, secret path or source address is wrong.
    #[error("callback not authentic: answer 403 and check the credential configured at the platform")]
    Forged,
    /// It is authentic but older than the platform's documents allow, or this machine's clock is wrong.
    #[error("callback out of date: answer 403 and check this machine's clock")]
    Stale,
    /// The body cannot be read at this byte.
    #[error("callback unreadable at byte {at}: {what}")]
    Malformed {
        /// Byte offset, as near as known.
        at: usize,
        /// What was expected.
        what: &'static str,
    },
    /// This platform or operation has no callbacks.
    #[error("this provider pushes nothing here")]
    NotOffered,
    /// Over [`HttpCall::MAX_BODY`].
    #[error("callback of {bytes} bytes refused unread")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}
