//! What the engine must know of a protocol: numbers, logins, submits, and what a PDU of the gateway means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::coding::Coding;
use super::login::Authenticator;
use super::pdu::{FieldError, Octets, Sequence};
use super::split::Segment;
use super::valid::ValidTime;
use super::{Protocol, cmpp, sgip, smgp};
use crate::clock::Timestamp;
use crate::phone::Phone;
use crate::provider::wire::{Class, CodeRow, row};
use crate::provider::{Blame, Consequence, Outcome};
use crate::secret::{MissingVariable, Secret};

/// The number of a request: the four bytes of CMPP and SMGP, or SGIP's twelve.
pub(crate) type Number = u128;

/// One message to the people of one submit.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) to: Vec<Phone>,
    /// In order; they share a reference.
    pub(crate) segments: Arc<[Segment]>,
    /// The number that the phone shows.
    pub(crate) source: Octets<21>,
    pub(crate) valid: Option<ValidTime>,
}

/// The id that an answer to a submit gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Given {
    Cmpp(cmpp::MsgId),
    /// None: the submit's own number is the id.
    Own,
    Smgp(smgp::MsgId),
}

impl Given {
    /// The id of the receiver at `index`, in the form to store; `None` when the gateway gave none. `counts` says that
    /// later receivers count on from the first.
    pub(crate) fn of_receiver(self, number: Number, index: usize, counts: bool) -> Option<String> {
        let index = if counts { u16::try_from(index).ok()? } else { 0 };
        match self {
            Self::Cmpp(cmpp::MsgId(0)) => None,
            Self::Cmpp(id) => Some(id.of_receiver(index).to_string()),
            Self::Own => Some(sgip_number(number).to_string()),
            Self::Smgp(id) if id == smgp::MsgId::default() => None,
            // What is no number cannot count on: reports then name all receivers by the same id, and each by his phone.
            Self::Smgp(id) => Some(id.of_receiver(index).unwrap_or(id).to_string()),
        }
    }
}

/// The twelve bytes of an SGIP number.
pub(crate) fn sgip_number(number: Number) -> sgip::Number {
    let part = |shift: u32| (number >> shift) as u32;
    sgip::Number { node: part(64), time: part(32), counter: part(0) }
}

/// The engine's form of an SGIP number.
pub(crate) fn number_of(number: sgip::Number) -> Number {
    Number::from(number.node) << 64 | Number::from(number.time) << 32 | Number::from(number.counter)
}

/// What a PDU of the gateway means.
pub(crate) enum Heard {
    /// The gateway is there.
    Alive,
    /// The answer to a submit.
    Answer { number: Number, result: u32, given: Given },
    /// A reply or a report, and the answer to give once it is stored.
    Arrival { arrival: Arrival, answer: Vec<u8> },
    /// The gateway asks whether we are there.
    AreYouThere { answer: Vec<u8> },
    /// By the papers a reason to close the link.
    Broken,
    /// The gateway ends the link.
    Ends { answer: Vec<u8> },
    /// The end that we asked for is agreed.
    Ended,
    /// The answer to our login; `low` when the gateway speaks only the lower version.
    Login { status: u32, proof: Authenticator, low: bool },
    /// To be skipped; answered at once where an answer is given.
    Other { answer: Vec<u8> },
}

/// A reply or a report as it came.
pub(crate) enum Arrival {
    Reply {
        /// What tells it from others at this gateway.
        id: String,
        phone: Phone,
        /// The number that was written to.
        to: Octets<21>,
        coding: Coding,
        content: Vec<u8>,
        /// Whether the content begins with a header.
        flagged: bool,
        at: Option<Timestamp>,
    },
    Report {
        /// What tells it from others at this gateway.
        event: String,
        /// The id of the message.
        id: String,
        phone: Phone,
        code: String,
        /// `None` when the gateway does not know.
        delivered: Option<bool>,
        at: Option<Timestamp>,
    },
}

/// A login that failed, by its status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LoginFault {
    /// Wrong until a person mends it: name, secret, address.
    Lasting,
    /// Not sooner than after so long.
    Later(Duration),
    /// The version is too high.
    TooHigh,
    /// It may go better later.
    Passing,
}

/// What the papers say of times and room, where the settings say nothing.
pub(crate) struct Papers {
    /// C.
    pub(crate) heartbeat: Duration,
    /// T.
    pub(crate) answer_within: Duration,
    /// Of one submit, with a full segment.
    pub(crate) receivers: usize,
}

/// One protocol with one account's settings.
pub(crate) trait Dialect: fmt::Debug + Send + Sync {
    fn protocol(&self) -> Protocol;

    /// Stable lower-case name, which is also the route that reports are read by.
    fn name(&self) -> &'static str;

    /// The digits that every number of ours begins with.
    fn access(&self) -> &str;

    /// Whether a link is kept while there is nothing to send.
    fn keeps_open(&self) -> bool;

    /// Whether, by the papers, one bad receiver refuses the message to all of its submit.
    fn refuses_whole(&self) -> bool;

    /// Whether a submit's number is the id of its message, so that reports name it also when its answer was lost.
    fn names_messages(&self) -> bool {
        false
    }

    fn codes(&self) -> &'static [CodeRow];

    fn papers(&self) -> Papers {
        Papers { heartbeat: Duration::from_secs(180), answer_within: Duration::from_secs(60), receivers: 100 }
    }

    fn login_fault(&self, status: u32) -> LoginFault;

    fn number(&self, counter: u32, now: Timestamp) -> Number;

    /// Appends the login; `low` asks for the lower version. Gives what was proven.
    fn login(&self, number: Number, now: Timestamp, low: bool, out: &mut Vec<u8>) -> Authenticator;

    /// Whether the gateway proved that it knows the secret; `None` where the protocol has no such proof.
    fn proves(&self, proof: &Authenticator, status: u32, sent: &Authenticator) -> Option<bool>;

    /// Appends a submit of one segment.
    fn submit(
        &self,
        number: Number,
        letter: &Letter,
        segment: &Segment,
        low: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FieldError>;

    /// Appends a heartbeat; false where the protocol has none.
    fn heartbeat(&self, number: Number, out: &mut Vec<u8>) -> bool;

    /// Appends what ends the link.
    fn end(&self, number: Number, out: &mut Vec<u8>);

    fn hear(&self, pdu: &[u8], low: bool) -> Heard;
}

/// Bytes of one PDU.
pub(crate) fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// A number of ours: access digits and extension.
pub(crate) fn source(access: &str, extension: Option<&str>) -> Result<Octets<21>, FieldError> {
    Octets::new(&format!("{access}{}", extension.unwrap_or_default()))
}

/// The digits behind the access number; `None` when the gateway told another number, or none behind it.
pub(crate) fn extension(to: &str, access: &str) -> Option<String> {
    let rest = to.strip_prefix(access)?;
    (!rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())).then(|| rest.to_owned())
}

/// A moment of a report or reply, to the minute or the second.
pub(crate) fn moment(field: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(field).ok().and_then(Timestamp::parse_compact)
}

/// Whether a report with this status says that the message was delivered.
pub(crate) fn delivered(stat: &str) -> Option<bool> {
    (stat != "UNKNOWN").then(|| stat == "DELIVRD")
}

/// The number of CMPP and SMGP.
pub(crate) const fn sequence(number: Number) -> Sequence {
    Sequence(number as u32)
}

/// A setting that is no secret.
pub(crate) fn variable(name: &'static str) -> Result<String, MissingVariable> {
    Secret::from_env(name).map(|s| s.expose().to_owned())
}

/// After "too fast" an account rests so long.
pub(crate) const TOO_FAST: Consequence = Consequence::Rest(Duration::from_millis(500));

/// A code that puts a setting of the account in the wrong.
pub(crate) const fn ours(code: &'static str, remedy: &'static str) -> CodeRow {
    of_account(code, Class::InvalidRequest, remedy)
}

/// A code that refuses the account itself.
pub(crate) const fn login(code: &'static str, remedy: &'static str) -> CodeRow {
    of_account(code, Class::Auth, remedy)
}

const fn of_account(code: &'static str, class: Class, remedy: &'static str) -> CodeRow {
    row(code, class, Outcome::Rejected(Blame::Account), Consequence::Hold, remedy)
}

/// A code that says "later".
pub(crate) const fn busy(code: &'static str, remedy: &'static str) -> CodeRow {
    row(code, Class::Throttled, Outcome::Unsent, TOO_FAST, remedy)
}

pub(crate) const fn content(code: &'static str, remedy: &'static str) -> CodeRow {
    row(code, Class::ContentRejected, Outcome::Rejected(Blame::Content), Consequence::None, remedy)
}

pub(crate) const fn person(code: &'static str, then: Consequence, remedy: &'static str) -> CodeRow {
    row(code, Class::NumberInvalid, Outcome::Rejected(Blame::Person), then, remedy)
}

/// Every protocol's first row.
pub(crate) const TAKEN: CodeRow = row("0", Class::Accepted, Outcome::Accepted, Consequence::None, "Nothing to do.");

/// A number that the gateway has seen before.
pub(crate) const fn doubled(code: &'static str) -> CodeRow {
    const REMEDY: &str = "An earlier copy may have been taken: wait for its report, do not send it again.";
    row(code, Class::DuplicateRequest, Outcome::Unknown, Consequence::None, REMEDY)
}
