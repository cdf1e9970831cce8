//! Platforms and carriers behind one trait.
//!
//! A provider speaks one API's bytes. It cannot ask whether it may send; it can only hold the
//! [`Request`] that says so.
//!
#![doc = include_str!("../docs/platforms.md")]

pub mod aliyun;
pub mod baidu;
pub mod chuanglan;
#[cfg(all(test, feature = "testing", feature = "http"))]
mod cloud_tests;
pub mod cmcc_mas;
#[cfg(test)]
mod code_tests;
pub mod ctyun;
mod door;
mod filed;
pub mod huawei;
pub mod jdcloud;
pub mod luosimao;
pub mod montnets;
pub mod netease;
pub mod qiniu;
pub mod ronglian;
mod rows;
pub mod sign;
pub mod submail;
pub mod tencent;
pub mod ucloud;
mod variables;
pub mod volcengine;
mod why;
pub mod wire;
pub mod yunpian;

use crate::clock::Timestamp;
use crate::id::Reference;
pub use crate::inbound::{Callback, HttpCall, InboundError, Pull, Pulled};
use crate::phone::Phone;
pub use crate::profile::{Back, Documented, Form, Lookup, Profile, Writer};
pub use crate::ticket::{Request, Ticket};
pub use door::{Door, Network, NotANetwork};
use std::time::Duration;
pub use why::Why;

/// A platform or carrier account that can take marketing messages.
///
/// # Contract
/// - `submit` makes at most one call to the platform per request, starts no byte after [`Request::time_left`] is zero,
///   never retries, never follows a redirect, and never panics on what comes back. Only where the platform's documents
///   make the same bytes one message ([`Profile::idempotent`]) may it make a second call, with the same bytes.
/// - Every ticket gets a verdict. [`Outcome::Unsent`] and [`Outcome::Rejected`] are claims with positive evidence;
///   anything else is [`Outcome::Unknown`].
/// - `lookup` has no side effect at the platform and respects the profile's budget.
/// - `inbound` is pure and constant-time in secrets.
///
/// # Guarantee
/// Every ticket stands for a person with a live opt-in for this shop and purpose, recorded as begun before this call.
#[async_trait::async_trait]
pub trait Provider: std::fmt::Debug + Send + Sync {
    /// What this platform can carry and what it limits.
    fn profile(&self) -> &Profile;

    /// Whether requests can leave from this process. While they cannot, campaigns begin nothing through it here, and leave
    /// the rows to other processes. Quick, and yes unless the provider knows better: a wrong yes costs a request that is
    /// not sent, after which the account rests for every process.
    fn is_ready(&self) -> bool {
        true
    }

    /// Calls of this process under way at a time: more would only wait inside the provider, and what waits there when the
    /// process is killed is in doubt. No limit unless the provider knows one.
    fn at_once(&self) -> usize {
        usize::MAX
    }

    /// Whether the pace of an account counts the segments of messages, as carriers do, and not the numbers.
    fn counts_segments(&self) -> bool {
        false
    }

    /// Sends one request and says what became of each ticket.
    async fn submit(&self, request: Request<'_>) -> Answer;

    /// Asks the platform about submissions whose outcome is unknown; one finding per question, in order.
    async fn lookup(&self, asked: &[Asked<'_>]) -> Vec<Found>;

    /// Reads a callback of this platform.
    ///
    /// # Errors
    /// [`InboundError`]; nothing has changed then.
    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError>;

    /// What one of this platform's codes means, for the reports and holds in which it stands; `None` where the provider does
    /// not list it.
    fn explain(&self, code: &str) -> Option<Why> {
        let _ = code;
        None
    }

    /// Asks for one page of what waits at a platform that is pulled. The platform may forget what it told: record the
    /// page before asking again, and let one reader ask at a time. [`Optin106::pull`](crate::Optin106::pull) does both.
    ///
    /// # Errors
    /// [`PullError`]; [`PullError::NotOffered`] unless the profile says that it is pulled.
    async fn pull(&self, what: Pull) -> Result<Pulled, PullError> {
        let _ = what;
        Err(PullError::NotOffered)
    }
}

/// Why a pull brought nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// No answer came, or a server error; what the platform forgot with it is lost.
    #[error("the platform gave no answer ({0}): pull again later")]
    NoAnswer(&'static str),
    /// The platform is not pulled for this.
    #[error("this provider is not pulled for this: its profile says how it tells")]
    NotOffered,
    /// The platform said no.
    #[error("the platform refused the pull with code {code}: look it up in the provider's table of codes")]
    Refused {
        /// Its code.
        code: String,
    },
    /// The answer is not as documented.
    #[error("the platform's answer to a pull cannot be read at byte {at}: keep pushing instead, and report this")]
    Unreadable {
        /// Byte offset, as near as known.
        at: usize,
    },
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// One per ticket, by position.
    pub verdicts: Verdicts,
    /// When the first byte of the body left; `None` when none did or the transport cannot tell.
    pub first_byte: Option<Timestamp>,
}

/// Verdicts by position; platforms mostly answer once for all.
#[derive(Clone, Debug)]
pub enum Verdicts {
    /// One verdict that holds for every ticket.
    Same(Verdict),
    /// A verdict per ticket; a missing one is unknown, a superfluous one is dropped.
    Each(Vec<Verdict>),
}

impl Verdicts {
    /// Those that were told.
    pub(crate) fn told(&self) -> &[Verdict] {
        match self {
            Self::Same(v) => std::slice::from_ref(v),
            Self::Each(v) => v,
        }
    }

    /// The verdict of the ticket at `i`; unknown where the answer does not name it.
    pub fn get(&self, i: usize) -> Verdict {
        match self {
            Self::Same(v) => v.clone(),
            Self::Each(v) => v.get(i).cloned().unwrap_or_else(|| Verdict::unknown("not_named")),
        }
    }

    /// What each ticket puts into a request; where some cannot be said to the platform, the verdicts of a request that
    /// does not leave: theirs is what `part` says, everyone else's is unsent, which is a fact, and they go out again
    /// without them.
    ///
    /// # Errors
    /// One verdict per ticket.
    pub fn parts<T>(
        request: &Request<'_>,
        mut part: impl FnMut(&crate::ticket::Ticket) -> Result<T, Verdict>,
    ) -> Result<Vec<T>, Self> {
        let parts: Vec<Result<T, Verdict>> = request.tickets().iter().map(&mut part).collect();
        if parts.iter().all(Result::is_ok) {
            return Ok(parts.into_iter().filter_map(Result::ok).collect());
        }
        // A rest of no length: the account has done nothing to rest for.
        let unsent = || Verdict::unsent("not_with_others", Consequence::Rest(Duration::ZERO));
        Err(Self::Each(parts.into_iter().map(|part| part.err().unwrap_or_else(unsent)).collect()))
    }
}

impl From<Verdict> for Verdicts {
    fn from(verdict: Verdict) -> Self {
        Self::Same(verdict)
    }
}

/// What the platform's answer proves about one ticket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// What happened.
    pub outcome: Outcome,
    /// What else follows. A stop, or a dead number, also in doubt: whoever is on a list is on it whatever became of the
    /// message.
    pub consequence: Consequence,
    /// The platform's own code, or ours for transport outcomes (`timeout`, `reset`, …). Never shown bare to a person:
    /// [`Provider::explain`] has the words.
    pub code: String,
    /// The platform's message id, when accepted; in doubt, the id that the message has if it was taken, where its sender
    /// chooses it.
    pub id: Option<String>,
    /// Where the platform reports on each segment of a long message by itself: the ids of the segments after the first, in
    /// order. The message is delivered when all segments are, and not delivered when one is not. Empty otherwise.
    pub later_segments: Vec<String>,
}

/// What happened to one ticket.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// The platform took it and gave an id.
    Accepted,
    /// A refusal before acceptance, by a code on the adapter's list.
    Rejected(Blame),
    /// Nobody knows. Never sent again.
    Unknown,
    /// No byte left, or the platform's rate said "later" before taking it. Goes back to planned.
    Unsent,
}

/// Whose fault a rejection is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Blame {
    /// Credentials, balance, template or signature: the rows go back and may move to another account.
    Account,
    /// The text: ends here, never moves.
    Content,
    /// The person (blacklist, unsubscribed, per-number limit, dead number): ends here, never moves.
    Person,
}

/// What follows from a verdict beside the row's own state.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Consequence {
    /// The account is held until a person lifts it.
    Hold,
    /// Nothing else.
    #[default]
    None,
    /// The account rests this long.
    Rest(Duration),
    /// The person refused this owner: a stop for the owner.
    StopOwner,
    /// A carrier, regulator or platform-wide list: a stop for everyone.
    StopEveryone,
    /// The number is dead: suspended until a newer consent.
    SuspendNumber,
}

impl Verdict {
    pub(crate) const fn new(outcome: Outcome, consequence: Consequence, code: String) -> Self {
        Self { outcome, consequence, code, id: None, later_segments: Vec::new() }
    }

    /// Taken, with the platform's id.
    pub fn accepted(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..Self::new(Outcome::Accepted, Consequence::None, String::new()) }
    }

    /// Refused before acceptance.
    pub fn rejected(blame: Blame, consequence: Consequence, code: impl Into<String>) -> Self {
        Self::new(Outcome::Rejected(blame), consequence, code.into())
    }

    /// In doubt.
    pub fn unknown(code: impl Into<String>) -> Self {
        Self::new(Outcome::Unknown, Consequence::None, code.into())
    }

    /// Proven not sent.
    pub fn unsent(code: impl Into<String>, consequence: Consequence) -> Self {
        Self::new(Outcome::Unsent, consequence, code.into())
    }
}

/// A question about one submission whose outcome is unknown.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Whose number.
    pub phone: Phone,
    /// Our reference of the request.
    pub reference: Reference,
    /// The platform's id, if one was given.
    pub provider_id: Option<&'a str>,
    /// When the request was begun.
    pub begun_at: Timestamp,
    /// The text as seen, to tell our message from others; `None` when no longer known.
    pub text: Option<&'a str>,
}

/// What a lookup found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// The platform has it, under this id.
    Accepted {
        /// The platform's id.
        id: String,
    },
    /// The platform does not have it. Proof only after the profile's time.
    Absent,
    /// The platform did not answer, or not clearly.
    Unclear,
}
