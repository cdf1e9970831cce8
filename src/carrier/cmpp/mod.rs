//! CMPP 2.0 and 3.0, China Mobile. Source: the operator's texts of April 2002 and QB-GF-028-2003.
//!
//! The two versions differ in the width of numbers and results. A value knows its version where that matters
//! ([`Terminals`], [`Origin`], [`ResultCode`]), so that `encode` needs none; `decode` is told the link's.

mod account;
mod id;
mod message;
mod report;
mod send;

pub use account::{Account, CODES};
pub use id::{MsgId, MsgIdParts};
pub use message::{Deliver, Origin, Submit, Terminals};
pub use report::{Detail, Report, Terminal};
pub use send::Service;

use super::login::{self, Authenticator, LoginTime, NameForm};
use super::pdu::{self, ANSWER, Field, Octets, PduError, Reader, Sequence, layout};
use crate::secret::Secret;

/// The content of a message: at most 255 bytes, as its length has one byte.
pub type Content = pdu::Content<255>;

/// The layout that a link speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// 2.0; 2.1 has the same layout.
    V20,
    /// 3.0.
    V30,
}

impl Version {
    /// The layout of a version byte: 3.0 from 0x30 on; all below (0x20, 0x21, and the 0 and 1 of an older family) 2.0.
    #[must_use]
    pub const fn of(byte: u8) -> Self {
        if byte < 0x30 { Self::V20 } else { Self::V30 }
    }

    /// The version byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::V20 => 0x20,
            Self::V30 => 0x30,
        }
    }
}

/// One PDU: its number and what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pdu {
    /// The number; an answer repeats its request's.
    pub sequence: Sequence,
    /// What it says.
    pub body: Body,
}

/// What a PDU says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a submit is what links are full of; it would be boxed each time")]
#[non_exhaustive]
pub enum Body {
    /// Are you there?
    ActiveTest,
    /// I am.
    ActiveTestResp {
        /// 0. Some gateways leave it out.
        reserved: u8,
    },
    /// Withdraws a message; rarely enabled.
    Cancel {
        /// Which.
        msg_id: MsgId,
    },
    /// 0 withdrawn, 1 not.
    CancelResp {
        /// The code.
        success_id: ResultCode,
    },
    /// A login.
    Connect(Connect),
    /// The answer to a login.
    ConnectResp(ConnectResp),
    /// A reply, or a report.
    Deliver(Deliver),
    /// The reply or report is stored.
    DeliverResp(Answer),
    /// Asks for counts; rarely enabled.
    Query(Query),
    /// The counts.
    QueryResp(QueryResp),
    /// A message.
    Submit(Submit),
    /// What became of the message at the gateway.
    SubmitResp(Answer),
    /// Ends the link.
    Terminate,
    /// The end is agreed.
    TerminateResp,
    /// A command that no SP is sent: to be logged and skipped, the link stays.
    Unknown {
        /// Its command.
        command: u32,
        /// What followed the header.
        body: Vec<u8>,
    },
}

layout! {
    /// The login of an SP.
    Connect {
        /// The enterprise code (SP_Id), mostly six digits.
        source_addr: Octets<6>,
        /// What [`source_authenticator`] gives.
        authenticator_source: Authenticator,
        /// 0x20 or 0x30; 0 and 1 chose the direction of a link at an older family of gateways.
        version: u8,
        /// When, by our clock.
        timestamp: LoginTime,
    }

    /// A request for counts of one day.
    Query {
        /// The day, `YYYYMMDD`.
        time: Octets<8>,
        /// 0 all, 1 by service code.
        query_type: u8,
        /// The service code.
        query_code: Octets<10>,
        /// Nothing.
        reserve: Octets<8>,
    }

    /// Counts of one day: `mt` towards phones, `mo` from phones.
    QueryResp {
        /// The day, `YYYYMMDD`.
        time: Octets<8>,
        /// 0 all, 1 by service code.
        query_type: u8,
        /// The service code.
        query_code: Octets<10>,
        /// Messages taken from the SP.
        mt_tlmsg: u32,
        /// Receivers of them.
        mt_tlusr: u32,
        /// Passed on.
        mt_scs: u32,
        /// Waiting.
        mt_wt: u32,
        /// Failed.
        mt_fl: u32,
        /// Passed to the SP.
        mo_scs: u32,
        /// Waiting.
        mo_wt: u32,
        /// Failed.
        mo_fl: u32,
        /// Nothing.
        reserve: Octets<8>,
    }
}

/// A status or result: one byte in 2.0, four in 3.0.
///
/// It is read by the length of the PDU, since a gateway that knows 2.0 only answers a login of 3.0 in its own width.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ResultCode {
    /// In one byte.
    V20(u8),
    /// In four bytes.
    V30(u32),
}

impl ResultCode {
    /// All codes of the papers fit one byte.
    #[must_use]
    pub const fn new(version: Version, code: u8) -> Self {
        match version {
            Version::V20 => Self::V20(code),
            Version::V30 => Self::V30(code as u32),
        }
    }

    /// The code, whatever its width.
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::V20(code) => code as u32,
            Self::V30(code) => code,
        }
    }

    /// The width, by the version that has it.
    #[must_use]
    pub const fn version(self) -> Version {
        match self {
            Self::V20(_) => Version::V20,
            Self::V30(_) => Version::V30,
        }
    }

    /// `others` is the size of the PDU's remaining fields.
    fn read(from: &mut Reader<'_>, others: usize, what: &'static str) -> Result<Self, PduError> {
        match from.left().checked_sub(others) {
            Some(1) => from.field(what).map(Self::V20),
            Some(4) => from.field(what).map(Self::V30),
            _ => Err(PduError::new(from.at(), what)),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::V20(code) => code.write(out),
            Self::V30(code) => code.write(out),
        }
    }
}

/// The answer to a login.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectResp {
    /// 0 ok, 1 structure, 2 source address, 3 authentication, 4 version too high, 5 and up other.
    pub status: ResultCode,
    /// The gateway's proof, for [`login::server_proves`]; zeros when it did not authenticate us.
    pub authenticator_ismg: Authenticator,
    /// The highest version that the gateway speaks.
    pub version: u8,
}

/// The answer to a message, reply or report.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The gateway's id of the message; of a reply or report, the id repeated.
    pub msg_id: MsgId,
    /// 0 ok; the tables are the papers' and the gateway's own.
    pub result: ResultCode,
}

/// The proof of a login: MD5 of SP_Id, nine zeros, secret, time. Default to [`NameForm::Padded`]; they differ for an
/// SP_Id shorter than six characters only.
#[must_use]
pub fn source_authenticator(account: &Octets<6>, form: NameForm, secret: &Secret, at: LoginTime) -> Authenticator {
    login::client(account, form, 9, secret, at)
}

const ACTIVE_TEST: u32 = 8;
const CANCEL: u32 = 7;
const CONNECT: u32 = 1;
const DELIVER: u32 = 5;
const QUERY: u32 = 6;
const SUBMIT: u32 = 4;
const TERMINATE: u32 = 2;

impl Body {
    /// The command of the header.
    #[must_use]
    pub const fn command(&self) -> u32 {
        match self {
            Self::ActiveTest => ACTIVE_TEST,
            Self::ActiveTestResp { .. } => ACTIVE_TEST | ANSWER,
            Self::Cancel { .. } => CANCEL,
            Self::CancelResp { .. } => CANCEL | ANSWER,
            Self::Connect(_) => CONNECT,
            Self::ConnectResp(_) => CONNECT | ANSWER,
            Self::Deliver(_) => DELIVER,
            Self::DeliverResp(_) => DELIVER | ANSWER,
            Self::Query(_) => QUERY,
            Self::QueryResp(_) => QUERY | ANSWER,
            Self::Submit(_) => SUBMIT,
            Self::SubmitResp(_) => SUBMIT | ANSWER,
            Self::Terminate => TERMINATE,
            Self::TerminateResp => TERMINATE | ANSWER,
            Self::Unknown { command, .. } => *command,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::ActiveTest | Self::Terminate | Self::TerminateResp => {}
            Self::ActiveTestResp { reserved } => reserved.write(out),
            Self::Cancel { msg_id } => msg_id.write(out),
            Self::CancelResp { success_id } => success_id.write(out),
            Self::Connect(body) => body.write(out),
            Self::ConnectResp(body) => body.write(out),
            Self::Deliver(body) => body.write(out),
            Self::DeliverResp(body) | Self::SubmitResp(body) => body.write(out),
            Self::Query(body) => body.write(out),
            Self::QueryResp(body) => body.write(out),
            Self::Submit(body) => body.write(out),
            Self::Unknown { body, .. } => out.extend_from_slice(body),
        }
    }

    fn read(command: u32, version: Version, from: &mut Reader<'_>) -> Result<Self, PduError> {
        const ACTIVE_TEST_RESP: u32 = ACTIVE_TEST | ANSWER;
        const CANCEL_RESP: u32 = CANCEL | ANSWER;
        const CONNECT_RESP: u32 = CONNECT | ANSWER;
        const DELIVER_RESP: u32 = DELIVER | ANSWER;
        const QUERY_RESP: u32 = QUERY | ANSWER;
        const SUBMIT_RESP: u32 = SUBMIT | ANSWER;
        const TERMINATE_RESP: u32 = TERMINATE | ANSWER;
        Ok(match command {
            // Bodies where none belongs are seen at other carriers' gateways; they say nothing.
            ACTIVE_TEST => skipped(from, Self::ActiveTest),
            TERMINATE => skipped(from, Self::Terminate),
            TERMINATE_RESP => skipped(from, Self::TerminateResp),
            ACTIVE_TEST_RESP if from.left() == 0 => Self::ActiveTestResp { reserved: 0 },
            ACTIVE_TEST_RESP => Self::ActiveTestResp { reserved: from.field("reserved")? },
            CANCEL => Self::Cancel { msg_id: from.field("msg_id")? },
            CANCEL_RESP => Self::CancelResp { success_id: ResultCode::read(from, 0, "success_id")? },
            CONNECT => Self::Connect(from.field("connect")?),
            CONNECT_RESP => Self::ConnectResp(ConnectResp::read(from)?),
            DELIVER => Self::Deliver(Deliver::read(from, version)?),
            DELIVER_RESP => Self::DeliverResp(Answer::read(from)?),
            QUERY => Self::Query(from.field("query")?),
            QUERY_RESP => Self::QueryResp(from.field("query_resp")?),
            SUBMIT => Self::Submit(Submit::read(from, version)?),
            SUBMIT_RESP => Self::SubmitResp(Answer::read(from)?),
            command => Self::Unknown { command, body: from.rest().to_vec() },
        })
    }
}

fn skipped(from: &mut Reader<'_>, body: Body) -> Body {
    from.rest();
    body
}

impl Pdu {
    /// Appends the PDU's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        pdu::framed(out, |out| {
            self.body.command().write(out);
            self.sequence.0.write(out);
            self.body.write(out);
        });
    }

    /// Reads exactly one PDU, in the layout of `version`; results by their own width.
    ///
    /// # Errors
    /// [`PduError`] naming the byte and the field. The bytes are still one frame: the link need not be closed.
    pub fn decode(bytes: &[u8], version: Version) -> Result<Self, PduError> {
        let mut from = Reader::new(bytes);
        pdu::named_length(&mut from)?;
        let command = from.field("command")?;
        let sequence = Sequence(from.field("sequence")?);
        let body = Body::read(command, version, &mut from)?;
        from.end()?;
        Ok(Self { sequence, body })
    }
}

impl ConnectResp {
    fn read(from: &mut Reader<'_>) -> Result<Self, PduError> {
        Ok(Self {
            status: ResultCode::read(from, 17, "status")?,
            authenticator_ismg: from.field("authenticator_ismg")?,
            version: from.field("version")?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.status.write(out);
        self.authenticator_ismg.write(out);
        self.version.write(out);
    }
}

impl Answer {
    fn read(from: &mut Reader<'_>) -> Result<Self, PduError> {
        Ok(Self { msg_id: from.field("msg_id")?, result: ResultCode::read(from, 0, "result")? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.msg_id.write(out);
        self.result.write(out);
    }
}
