//! SMGP 3.0, China Telecom. Source: the operator's text 3.0.3, August 2008.

mod account;
mod id;
mod report;
mod send;
mod tlv;

pub use account::{Account, CODES, Mode};
pub use id::MsgId;
pub use report::{IdForm, Report};
pub use send::Service;
pub use tlv::{Tlv, Tlvs, tag};

use super::coding::Coding;
use super::login::{self, Authenticator, LoginTime, NameForm};
use super::pdu::{self, ANSWER, Field, Octets, PduError, Reader, Receivers, Sequence, layout};
use crate::secret::Secret;

/// The content of a message: at most 255 bytes, as its length has one byte.
pub type Content = pdu::Content<255>;

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
    ActiveTestResp,
    /// A reply, or a report.
    Deliver(Deliver),
    /// The reply or report is stored.
    DeliverResp(Answer),
    /// Ends the link.
    Exit,
    /// The end is agreed.
    ExitResp,
    /// A login.
    Login(Login),
    /// The answer to a login.
    LoginResp(LoginResp),
    /// Asks for counts.
    Query(Query),
    /// The counts.
    QueryResp(QueryResp),
    /// A message.
    Submit(Submit),
    /// What became of the message at the gateway.
    SubmitResp(Answer),
    /// A command that no SP is sent: to be logged and skipped, the link stays.
    Unknown {
        /// Its request id.
        command: u32,
        /// What followed the header.
        body: Vec<u8>,
    },
}

layout! {
    /// The login of an SP.
    Login {
        /// The account.
        client_id: Octets<8>,
        /// What [`client_authenticator`] gives.
        authenticator_client: Authenticator,
        /// 0 send, 1 receive, 2 both. Some gateways want two links, 0 and 1; others 2 only.
        login_mode: u8,
        /// When, by our clock.
        timestamp: LoginTime,
        /// 0x30; the high half is the major version.
        client_version: u8,
    }

    /// The answer to a login.
    LoginResp {
        /// 0 ok; 20 to 22 address, authentication, version.
        status: u32,
        /// The gateway's proof, for [`login::server_proves`]; zeros on failure.
        authenticator_server: Authenticator,
        /// The gateway's version.
        server_version: u8,
    }

    /// A message to one or more phones.
    Submit {
        /// 6 towards a phone.
        msg_type: u8,
        /// 1 asks for a report.
        need_report: u8,
        /// 0 low, 1 normal, 2 higher, 3 high.
        priority: u8,
        /// The service code.
        service_id: Octets<10>,
        /// `00` free, `01` per message, `02` monthly, `03` capped: not CMPP's codes.
        fee_type: Octets<2>,
        /// Fen.
        fee_code: Octets<6>,
        /// Fen.
        fixed_fee: Octets<6>,
        /// The coding of the content.
        msg_format: Coding,
        /// Not to be delivered after; empty for the gateway's own limit.
        valid_time: Octets<17>,
        /// Not to be delivered before; empty for now.
        at_time: Octets<17>,
        /// The number that the phone shows: access number and extension.
        src_term_id: Octets<21>,
        /// Who pays; empty for the receiver's number.
        charge_term_id: Octets<21>,
        /// The receivers.
        dest_term_id: Receivers<21>,
        /// The content, at most 140 bytes towards a phone.
        content: Content,
        /// Nothing.
        reserve: Octets<8>,
        /// Optional parameters; a long message needs `TP_udhi`, `PkTotal` and `PkNumber`.
        tlvs: Tlvs,
    }

    /// The answer to a message, reply or report.
    Answer {
        /// The gateway's id of the message; of a reply or report, the id repeated.
        msg_id: MsgId,
        /// 0 ok; the papers' table, and the gateway's own from 128 on.
        status: u32,
    }

    /// A reply of a phone, or the report on a message.
    Deliver {
        /// The id of this deliver; the answer repeats it.
        msg_id: MsgId,
        /// 0 a reply, 1 a report.
        is_report: u8,
        /// The coding of the content; says nothing in a report.
        msg_format: Coding,
        /// `YYYYMMDDhhmmss`.
        recv_time: Octets<14>,
        /// The phone.
        src_term_id: Octets<21>,
        /// The number that it wrote to: access number and extension.
        dest_term_id: Octets<21>,
        /// What the phone wrote, or what [`Report::read`] reads.
        content: Content,
        /// Nothing.
        reserve: Octets<8>,
        /// Optional parameters.
        tlvs: Tlvs,
    }

    /// A request for counts of one day.
    Query {
        /// The day, `YYYYMMDD`.
        query_time: Octets<8>,
        /// 0 all, 1 by service code.
        query_type: u8,
        /// The service code.
        query_code: Octets<10>,
    }

    /// Counts of one day: `mt` towards phones, `mo` from phones.
    QueryResp {
        /// The day, `YYYYMMDD`.
        query_time: Octets<8>,
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

impl Deliver {
    /// Whether it is the report on a message.
    #[must_use]
    pub const fn is_report(&self) -> bool {
        self.is_report == 1
    }
}

/// The proof of a login: MD5 of account, seven zeros, secret, time. Default to [`NameForm::Bare`]; they differ for an
/// account shorter than eight characters only. The papers allow secrets of at most 15 bytes.
#[must_use]
pub fn client_authenticator(account: &Octets<8>, form: NameForm, secret: &Secret, at: LoginTime) -> Authenticator {
    login::client(account, form, 7, secret, at)
}

const ACTIVE_TEST: u32 = 4;
const DELIVER: u32 = 3;
const EXIT: u32 = 6;
const LOGIN: u32 = 1;
const QUERY: u32 = 7;
const SUBMIT: u32 = 2;

impl Body {
    /// The request id of the header.
    #[must_use]
    pub const fn command(&self) -> u32 {
        match self {
            Self::ActiveTest => ACTIVE_TEST,
            Self::ActiveTestResp => ACTIVE_TEST | ANSWER,
            Self::Deliver(_) => DELIVER,
            Self::DeliverResp(_) => DELIVER | ANSWER,
            Self::Exit => EXIT,
            Self::ExitResp => EXIT | ANSWER,
            Self::Login(_) => LOGIN,
            Self::LoginResp(_) => LOGIN | ANSWER,
            Self::Query(_) => QUERY,
            Self::QueryResp(_) => QUERY | ANSWER,
            Self::Submit(_) => SUBMIT,
            Self::SubmitResp(_) => SUBMIT | ANSWER,
            Self::Unknown { command, .. } => *command,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::ActiveTest | Self::ActiveTestResp | Self::Exit | Self::ExitResp => {}
            Self::Deliver(body) => body.write(out),
            Self::DeliverResp(body) | Self::SubmitResp(body) => body.write(out),
            Self::Login(body) => body.write(out),
            Self::LoginResp(body) => body.write(out),
            Self::Query(body) => body.write(out),
            Self::QueryResp(body) => body.write(out),
            Self::Submit(body) => body.write(out),
            Self::Unknown { body, .. } => out.extend_from_slice(body),
        }
    }

    fn read(command: u32, from: &mut Reader<'_>) -> Result<Self, PduError> {
        const ACTIVE_TEST_RESP: u32 = ACTIVE_TEST | ANSWER;
        const DELIVER_RESP: u32 = DELIVER | ANSWER;
        const EXIT_RESP: u32 = EXIT | ANSWER;
        const LOGIN_RESP: u32 = LOGIN | ANSWER;
        const QUERY_RESP: u32 = QUERY | ANSWER;
        const SUBMIT_RESP: u32 = SUBMIT | ANSWER;
        Ok(match command {
            // Seen with a byte of body where none belongs.
            ACTIVE_TEST => skipped(from, Self::ActiveTest),
            ACTIVE_TEST_RESP => skipped(from, Self::ActiveTestResp),
            EXIT => skipped(from, Self::Exit),
            EXIT_RESP => skipped(from, Self::ExitResp),
            DELIVER => Self::Deliver(from.field("deliver")?),
            DELIVER_RESP => Self::DeliverResp(from.field("deliver_resp")?),
            LOGIN => Self::Login(from.field("login")?),
            LOGIN_RESP => Self::LoginResp(from.field("login_resp")?),
            QUERY => Self::Query(from.field("query")?),
            QUERY_RESP => Self::QueryResp(from.field("query_resp")?),
            SUBMIT => Self::Submit(from.field("submit")?),
            SUBMIT_RESP => Self::SubmitResp(from.field("submit_resp")?),
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

    /// Reads exactly one PDU.
    ///
    /// # Errors
    /// [`PduError`] naming the byte and the field. The bytes are still one frame: the link need not be closed.
    pub fn decode(bytes: &[u8]) -> Result<Self, PduError> {
        let mut from = Reader::new(bytes);
        pdu::named_length(&mut from)?;
        let command = from.field("command")?;
        let sequence = Sequence(from.field("sequence")?);
        let body = Body::read(command, &mut from)?;
        from.end()?;
        Ok(Self { sequence, body })
    }
}
