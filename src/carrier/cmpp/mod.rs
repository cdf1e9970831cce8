//! CMPP 2.0 and 3.0, China Mobile. Source: the operator's texts of April 2002 and QB-GF-028-2003.
//!
//! The two versions differ in the width of numbers and results. A value knows its version where that matters
//! ([`Terminals`], [`Origin`], [`ResultCode`]), so that `encode` needs none; `decode` is told the link's.

mod id;
mod report;
mod send;

pub use id::{MsgId, MsgIdParts};
pub use report::{Detail, Report, Terminal};
pub use send::Service;

use super::coding::Coding;
use super::login::{self, Authenticator, LoginTime, NameForm};
use super::pdu::{self, ANSWER, Field, Octets, PduError, Reader, Receivers, Sequence, layout};
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

/// A message to one or more phones.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Submit {
    /// 0: the gateway assigns it.
    pub msg_id: MsgId,
    /// Segments of the text, from 1. Some send 0 of 0 for 1 of 1.
    pub pk_total: u8,
    /// This segment, from 1.
    pub pk_number: u8,
    /// 0 no report, 1 a report. 2 (a bill, and no message) was 2.0's.
    pub registered_delivery: u8,
    /// 0 to 9.
    pub msg_level: u8,
    /// The service code agreed with the operator.
    pub service_id: Octets<10>,
    /// Who pays: 0 receiver, 1 sending phone, 2 SP, 3 the fee number.
    pub fee_user_type: u8,
    /// 0.
    pub tp_pid: u8,
    /// 1 when the content begins with a user data header.
    pub tp_udhi: u8,
    /// The coding of the content.
    pub msg_fmt: Coding,
    /// The enterprise code again.
    pub msg_src: Octets<6>,
    /// `01` free, `02` per message, `03` monthly.
    pub fee_type: Octets<2>,
    /// The price in fen.
    pub fee_code: Octets<6>,
    /// Not to be delivered after; empty for the gateway's own limit.
    pub valid_time: Octets<17>,
    /// Not to be delivered before; empty for now.
    pub at_time: Octets<17>,
    /// The number that the phone shows: access number and extension.
    pub src_id: Octets<21>,
    /// The numbers, in the widths of the version.
    pub terminals: Terminals,
    /// The content.
    pub content: Content,
}

/// The numbers of a message, and the fields that stand beside them in one version only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Terminals {
    /// As in 2.0.
    V20 {
        /// Who pays where `fee_user_type` is 3.
        fee_terminal_id: Octets<21>,
        /// The receivers.
        dest_terminal_id: Receivers<21>,
        /// Nothing.
        reserve: Octets<8>,
    },
    /// As in 3.0.
    V30 {
        /// Who pays where `fee_user_type` is 3.
        fee_terminal_id: Octets<32>,
        /// 0 a number, 1 a pseudonym.
        fee_terminal_type: u8,
        /// The receivers.
        dest_terminal_id: Receivers<32>,
        /// 0 numbers, 1 pseudonyms.
        dest_terminal_type: u8,
        /// Of an order on demand; empty for marketing.
        link_id: Octets<20>,
    },
}

/// A reply of a phone, or the report on a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deliver {
    /// The id of this deliver; the answer repeats it.
    pub msg_id: MsgId,
    /// The number that the phone wrote to: access number and extension.
    pub dest_id: Octets<21>,
    /// The service code.
    pub service_id: Octets<10>,
    /// 0.
    pub tp_pid: u8,
    /// 1 when the content begins with a user data header.
    pub tp_udhi: u8,
    /// The coding of the content; says nothing in a report.
    pub msg_fmt: Coding,
    /// 0 a reply, 1 a report.
    pub registered_delivery: u8,
    /// What the phone wrote, or what [`Report::read`] reads.
    pub content: Content,
    /// The phone, in the widths of the version.
    pub origin: Origin,
}

/// The phone that wrote, or that a report is about, and the fields beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// As in 2.0.
    V20 {
        /// Its number.
        src_terminal_id: Octets<21>,
        /// Nothing. Some gateways send it shorter.
        reserve: Octets<8>,
    },
    /// As in 3.0.
    V30 {
        /// Its number.
        src_terminal_id: Octets<32>,
        /// 0 a number, 1 a pseudonym.
        src_terminal_type: u8,
        /// Of an order on demand. Some gateways send it shorter.
        link_id: Octets<20>,
    },
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

/// The fee number's fields stand far before the receivers'; this holds them in between.
enum Fee {
    V20(Octets<21>),
    V30(Octets<32>, u8),
}

impl Submit {
    fn read(from: &mut Reader<'_>, version: Version) -> Result<Self, PduError> {
        let msg_id = from.field("msg_id")?;
        let [pk_total, pk_number, registered_delivery, msg_level] = from.array("pk_total")?;
        let service_id = from.field("service_id")?;
        let fee_user_type = from.field("fee_user_type")?;
        let fee = match version {
            Version::V20 => Fee::V20(from.field("fee_terminal_id")?),
            Version::V30 => Fee::V30(from.field("fee_terminal_id")?, from.field("fee_terminal_type")?),
        };
        let [tp_pid, tp_udhi, msg_fmt] = from.array("tp_pid")?;
        let msg_src = from.field("msg_src")?;
        let fee_type = from.field("fee_type")?;
        let fee_code = from.field("fee_code")?;
        let valid_time = from.field("valid_time")?;
        let at_time = from.field("at_time")?;
        let src_id = from.field("src_id")?;
        let (terminals, content) = Terminals::read(from, fee)?;
        Ok(Self {
            msg_id,
            pk_total,
            pk_number,
            registered_delivery,
            msg_level,
            service_id,
            fee_user_type,
            tp_pid,
            tp_udhi,
            msg_fmt: Coding::of(msg_fmt),
            msg_src,
            fee_type,
            fee_code,
            valid_time,
            at_time,
            src_id,
            terminals,
            content,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.msg_id.write(out);
        out.extend_from_slice(&[self.pk_total, self.pk_number, self.registered_delivery, self.msg_level]);
        self.service_id.write(out);
        self.fee_user_type.write(out);
        match &self.terminals {
            Terminals::V20 { fee_terminal_id, .. } => fee_terminal_id.write(out),
            Terminals::V30 { fee_terminal_id, fee_terminal_type, .. } => {
                fee_terminal_id.write(out);
                fee_terminal_type.write(out);
            }
        }
        out.extend_from_slice(&[self.tp_pid, self.tp_udhi, self.msg_fmt.byte()]);
        self.msg_src.write(out);
        self.fee_type.write(out);
        self.fee_code.write(out);
        self.valid_time.write(out);
        self.at_time.write(out);
        self.src_id.write(out);
        self.terminals.write(&self.content, out);
    }

    /// The layout that it has.
    #[must_use]
    pub const fn version(&self) -> Version {
        match self.terminals {
            Terminals::V20 { .. } => Version::V20,
            Terminals::V30 { .. } => Version::V30,
        }
    }
}

impl Terminals {
    /// The receivers' texts, in order.
    pub fn receivers(&self) -> impl Iterator<Item = &[u8]> {
        let (narrow, wide): (&[Octets<21>], &[Octets<32>]) = match self {
            Self::V20 { dest_terminal_id, .. } => (dest_terminal_id.as_slice(), &[]),
            Self::V30 { dest_terminal_id, .. } => (&[], dest_terminal_id.as_slice()),
        };
        narrow.iter().map(Octets::as_bytes).chain(wide.iter().map(Octets::as_bytes))
    }

    fn read(from: &mut Reader<'_>, fee: Fee) -> Result<(Self, Content), PduError> {
        Ok(match fee {
            Fee::V20(fee_terminal_id) => {
                let dest_terminal_id = from.field("dest_terminal_id")?;
                let content = from.field("content")?;
                (Self::V20 { fee_terminal_id, dest_terminal_id, reserve: from.field("reserve")? }, content)
            }
            Fee::V30(fee_terminal_id, fee_terminal_type) => {
                let dest_terminal_id = from.field("dest_terminal_id")?;
                let dest_terminal_type = from.field("dest_terminal_type")?;
                let content = from.field("content")?;
                let link_id = from.field("link_id")?;
                let read =
                    Self::V30 { fee_terminal_id, fee_terminal_type, dest_terminal_id, dest_terminal_type, link_id };
                (read, content)
            }
        })
    }

    /// From the number of receivers to the end, the content in between.
    fn write(&self, content: &Content, out: &mut Vec<u8>) {
        match self {
            Self::V20 { dest_terminal_id, reserve, .. } => {
                dest_terminal_id.write(out);
                content.write(out);
                reserve.write(out);
            }
            Self::V30 { dest_terminal_id, dest_terminal_type, link_id, .. } => {
                dest_terminal_id.write(out);
                dest_terminal_type.write(out);
                content.write(out);
                link_id.write(out);
            }
        }
    }
}

impl Deliver {
    fn read(from: &mut Reader<'_>, version: Version) -> Result<Self, PduError> {
        let msg_id = from.field("msg_id")?;
        let dest_id = from.field("dest_id")?;
        let service_id = from.field("service_id")?;
        let [tp_pid, tp_udhi, msg_fmt] = from.array("tp_pid")?;
        let (origin, registered_delivery, content) = Origin::read(from, version)?;
        let msg_fmt = Coding::of(msg_fmt);
        Ok(Self { msg_id, dest_id, service_id, tp_pid, tp_udhi, msg_fmt, registered_delivery, content, origin })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.msg_id.write(out);
        self.dest_id.write(out);
        self.service_id.write(out);
        out.extend_from_slice(&[self.tp_pid, self.tp_udhi, self.msg_fmt.byte()]);
        match &self.origin {
            Origin::V20 { src_terminal_id, .. } => src_terminal_id.write(out),
            Origin::V30 { src_terminal_id, src_terminal_type, .. } => {
                src_terminal_id.write(out);
                src_terminal_type.write(out);
            }
        }
        self.registered_delivery.write(out);
        self.content.write(out);
        match &self.origin {
            Origin::V20 { reserve, .. } => reserve.write(out),
            Origin::V30 { link_id, .. } => link_id.write(out),
        }
    }

    /// Whether it is the report on a message.
    #[must_use]
    pub const fn is_report(&self) -> bool {
        self.registered_delivery == 1
    }
}

impl Origin {
    /// The phone's number.
    ///
    /// # Errors
    /// [`PhoneError`](crate::phone::PhoneError) when it is none: a pseudonym, or a machine's.
    pub fn phone(&self) -> Result<crate::phone::Phone, crate::phone::PhoneError> {
        match self {
            Self::V20 { src_terminal_id, .. } => src_terminal_id.phone(),
            Self::V30 { src_terminal_id, .. } => src_terminal_id.phone(),
        }
    }

    /// From the phone to the end, flag and content in between. The last field may be shorter than its size.
    fn read(from: &mut Reader<'_>, version: Version) -> Result<(Self, u8, Content), PduError> {
        Ok(match version {
            Version::V20 => {
                let src_terminal_id = from.field("src_terminal_id")?;
                let (flag, content) = (from.field("registered_delivery")?, from.field("content")?);
                (Self::V20 { src_terminal_id, reserve: from.short_field("reserve")? }, flag, content)
            }
            Version::V30 => {
                let src_terminal_id = from.field("src_terminal_id")?;
                let src_terminal_type = from.field("src_terminal_type")?;
                let (flag, content) = (from.field("registered_delivery")?, from.field("content")?);
                let link_id = from.short_field("link_id")?;
                (Self::V30 { src_terminal_id, src_terminal_type, link_id }, flag, content)
            }
        })
    }
}
