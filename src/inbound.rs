//! What comes back from a platform: delivery reports and mobile-originated replies, as plain words.

use crate::clock::Timestamp;
use crate::id::Reference;
use crate::phone::Phone;
use std::fmt;

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
}

impl HttpCall {
    /// A longer callback body is refused unread.
    pub const MAX_BODY: usize = 1 << 20;

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
    pub body: &'static str,
}

/// A parsed callback: its events, and the answer to give **after** they are stored.
#[derive(Clone, Debug)]
pub struct Callback {
    /// In the order of the body.
    pub events: Vec<Inbound>,
    /// To be sent once every event is recorded.
    pub answer: HttpAnswer,
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
    /// The signature, token or secret path is wrong.
    #[error("callback not authentic: answer 403 and check the credential configured at the platform")]
    Forged,
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
