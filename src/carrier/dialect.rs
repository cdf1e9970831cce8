//! What the engine must know of a protocol: numbers, logins, submits, and what a PDU of the gateway means.

use std::fmt;
use std::sync::Arc;

use super::coding::Coding;
use super::login::Authenticator;
use super::pdu::{FieldError, Octets};
use super::split::Segment;
use super::valid::ValidTime;
use super::{Protocol, cmpp, sgip, smgp};
use crate::clock::Timestamp;
use crate::phone::Phone;
use crate::provider::wire::CodeRow;

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
            Self::Smgp(id) if index == 0 => Some(id.to_string()),
            Self::Smgp(id) => id.of_receiver(index).map(|id| id.to_string()),
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
        delivered: bool,
        at: Option<Timestamp>,
    },
}

/// A login that failed, by its status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LoginFault {
    /// Wrong until a person mends it: name, secret, address.
    Lasting,
    /// The version is too high.
    TooHigh,
    /// It may go better later.
    Passing,
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

    fn codes(&self) -> &'static [CodeRow];

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
pub(crate) fn extension(to: &Octets<21>, access: &str) -> Option<String> {
    let text = to.text();
    let rest = text.strip_prefix(access)?;
    (!rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())).then(|| rest.to_owned())
}

/// `YYMMDDhhmm` of a report, in Beijing time.
pub(crate) fn minute(field: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(field).ok().filter(|t| t.len() == 10 && t.bytes().all(|b| b.is_ascii_digit()))?;
    let pair = |at: usize| text[at..at + 2].parse::<i8>().ok();
    let year = 2000 + i16::from(pair(0)?);
    let at = jiff::civil::DateTime::new(year, pair(2)?, pair(4)?, pair(6)?, pair(8)?, 0, 0).ok()?;
    Some(Timestamp::from_civil(at))
}
