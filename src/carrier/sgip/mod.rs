//! SGIP 1.2, China Unicom. Source: the operator's text of October 2001; codes of 1.3 are data, the layout is the same.
//!
//! Messages go over a link that we open; replies and reports come over a link that the gateway opens to us. There is no
//! id of a message but the twelve bytes of its number, which a report repeats.

mod account;
mod number;
mod send;

pub(crate) use account::arrived;
pub use account::{Account, CODES};
pub use number::{Number, sp_node};
pub use send::{Service, user_number};

use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::coding::Coding;
use super::pdu::{
    self, ANSWER, Field, FieldError, Octets, PduError, Reader, Receivers, SGIP_CONTENT, SGIP_SUBMIT_CONTENT, framed,
    layout, named_length,
};
use crate::secret::Secret;

/// Bytes of the longest PDU that we send; 100 receivers with 140 bytes of content would be 2383.
pub const MAX_SENT: usize = 2048;

/// The content of a reply: a gateway may join a long one into one.
pub type Content = pdu::Content<SGIP_CONTENT>;

/// The content of a message: what a PDU of 4096 bytes leaves beside 100 receivers. [`Service::submit`] keeps to 140 bytes.
pub type SubmitContent = pdu::Content<SGIP_SUBMIT_CONTENT>;

/// One PDU: its number and what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pdu {
    /// The number; an answer repeats all of its request's.
    pub sequence: Number,
    /// What it says.
    pub body: Body,
}

/// What a PDU says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a submit is what links are full of; it would be boxed each time")]
#[non_exhaustive]
pub enum Body {
    /// A login.
    Bind(Bind),
    /// The answer to a login.
    BindResp(Answer),
    /// A reply.
    Deliver(Deliver),
    /// The reply is stored.
    DeliverResp(Answer),
    /// What became of a message.
    Report(Report),
    /// The report is stored.
    ReportResp(Answer),
    /// A message.
    Submit(Submit),
    /// What became of the message at the gateway.
    SubmitResp(Answer),
    /// Asks for a message's way; test port only.
    Trace(Trace),
    /// The way.
    TraceResp(TraceResp),
    /// Ends the link.
    Unbind,
    /// The end is agreed.
    UnbindResp,
    /// A command that no SP is sent; by the papers a reason to close the link.
    Unknown {
        /// Its command.
        command: u32,
        /// What followed the header.
        body: Vec<u8>,
    },
    /// The state of a user changed.
    UserRpt(UserRpt),
    /// That is stored.
    UserRptResp(Answer),
}

layout! {
    /// A login.
    Bind {
        /// 1 from the SP to the gateway, 2 from the gateway to the SP.
        login_type: u8,
        /// The account; each direction has its own.
        login_name: Octets<16>,
        /// The password, in clear.
        login_password: Password,
        /// Nothing.
        reserve: Octets<8>,
    }

    /// The answer to everything but trace and unbind.
    Answer {
        /// 0 ok; the papers' table and the gateway's own.
        result: u8,
        /// Nothing.
        reserve: Octets<8>,
    }

    /// A message to one or more phones. [`Service::submit`] keeps it within [`MAX_SENT`].
    Submit {
        /// The number that the phone shows: access number and extension.
        sp_number: Octets<21>,
        /// Who pays: `86` and a number; twenty-one `0` for the SP; empty for each receiver.
        charge_number: Octets<21>,
        /// The receivers, each with `86` before it. 1.3 takes one only.
        user_number: Receivers<21>,
        /// The enterprise code.
        corp_id: Octets<5>,
        /// The service code.
        service_type: Octets<10>,
        /// 0 a record of the fee, 1 free, 2 per message, 3 monthly, 4 collected by the SP.
        fee_type: u8,
        /// Fen.
        fee_value: Octets<6>,
        /// Fen given to the user.
        given_value: Octets<6>,
        /// 0 receivable, 1 received.
        agent_flag: u8,
        /// 0 first answer to a reply, 1 a later one, 2 not caused by a reply, 3 system.
        morelateto_mt_flag: u8,
        /// 0 to 9.
        priority: u8,
        /// Not to be delivered after; empty for the gateway's own limit. Sixteen characters leave no zero behind them.
        expire_time: Octets<16>,
        /// Not to be delivered before; empty for now.
        schedule_time: Octets<16>,
        /// 0 a report of a final failure only, 1 always, 2 never, 3 a record of the monthly fee.
        report_flag: u8,
        /// 0.
        tp_pid: u8,
        /// 1 when the content begins with a user data header.
        tp_udhi: u8,
        /// The coding of the content.
        message_coding: Coding,
        /// 0.
        message_type: u8,
        /// The content; its length has four bytes.
        content: SubmitContent,
        /// Nothing; a LinkID in 1.3.
        reserve: Octets<8>,
    }

    /// A reply of a phone.
    Deliver {
        /// The phone, with `86` before it.
        user_number: Octets<21>,
        /// The number that it wrote to: access number and extension.
        sp_number: Octets<21>,
        /// 0.
        tp_pid: u8,
        /// 1 when the content begins with a user data header.
        tp_udhi: u8,
        /// The coding of the content.
        message_coding: Coding,
        /// What the phone wrote.
        content: Content,
        /// Nothing; a LinkID in 1.3.
        reserve: Octets<8>,
    }

    /// What became of a message to one phone.
    Report {
        /// The number of the submit.
        submit_sequence: Number,
        /// 0 of a submit, 1 of a deliver that was passed on.
        report_type: u8,
        /// The phone.
        user_number: Octets<21>,
        /// 0 delivered, 1 waiting (not final), 2 failed.
        state: u8,
        /// Why it failed.
        error_code: u8,
        /// Nothing.
        reserve: Octets<8>,
    }

    /// The state of a user changed.
    UserRpt {
        /// Access number and extension.
        sp_number: Octets<21>,
        /// The phone.
        user_number: Octets<21>,
        /// 0 closed, 1 stopped for arrears, 2 restored.
        user_condition: u8,
        /// Nothing.
        reserve: Octets<8>,
    }

    /// Asks for a message's way.
    Trace {
        /// The number of the submit.
        submit_sequence: Number,
        /// The phone.
        user_number: Octets<21>,
        /// Nothing.
        reserve: Octets<8>,
    }

    /// One node on a message's way.
    TraceNode {
        /// 0 ok.
        result: u8,
        /// The node.
        node_id: Octets<6>,
        /// When it took the message.
        receive_time: Octets<16>,
        /// When it passed it on.
        send_time: Octets<16>,
        /// Nothing.
        reserve: Octets<8>,
    }
}

/// The way of a message: at most 255 nodes, of which [`TraceResp::new`] takes no more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceResp(Vec<TraceNode>);

impl TraceResp {
    /// Takes the nodes.
    ///
    /// # Errors
    /// [`FieldError::Range`] above 86 of them, the most that a PDU of 4096 bytes holds.
    pub fn new(nodes: Vec<TraceNode>) -> Result<Self, FieldError> {
        if nodes.len() > 86 { Err(FieldError::Range { what: "number of nodes" }) } else { Ok(Self(nodes)) }
    }

    /// One node that refuses to tell.
    pub(crate) fn refused(result: u8) -> Self {
        let (node_id, receive_time, send_time) = (Octets::EMPTY, Octets::EMPTY, Octets::EMPTY);
        Self(vec![TraceNode { result, node_id, receive_time, send_time, reserve: Octets::EMPTY }])
    }

    /// The nodes, in order.
    #[must_use]
    pub fn nodes(&self) -> &[TraceNode] {
        &self.0
    }
}

impl Field for TraceResp {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        let at = from.at();
        let count: u8 = from.field("count")?;
        let nodes = (0..count).map(|_| from.field("node")).collect::<Result<_, _>>()?;
        Self::new(nodes).map_err(|_| PduError::new(at, what))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.0.len() as u8); // at most 86 by construction
        self.0.iter().for_each(|node| node.write(out));
    }
}

/// The password of a bind: sixteen bytes, in clear on the wire. Nothing prints it; it is wiped when dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct Password(Zeroizing<[u8; 16]>);

impl Password {
    /// Takes the password of an account.
    ///
    /// # Errors
    /// [`FieldError`] as [`Octets::new`].
    pub fn new(secret: &Secret) -> Result<Self, FieldError> {
        Octets::<16>::new(secret.expose()).map(|field| Self(Zeroizing::new(*field.wire())))
    }

    /// The whole field.
    #[cfg(feature = "testing")]
    pub(crate) fn wire(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether it is the account's, in constant time.
    #[must_use]
    pub fn is(&self, secret: &Secret) -> bool {
        Self::new(secret).is_ok_and(|other| self.0.ct_eq(other.0.as_slice()).into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Field for Password {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        let raw = Zeroizing::new(from.array::<16>(what)?);
        Ok(Self(Zeroizing::new(*Octets::from_wire(&raw).wire())))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_slice());
    }
}

const BIND: u32 = 1;
const DELIVER: u32 = 4;
const REPORT: u32 = 5;
const SUBMIT: u32 = 3;
const TRACE: u32 = 0x1000;
const UNBIND: u32 = 2;
const USER_RPT: u32 = 0x11;

impl Body {
    /// The command of the header.
    #[must_use]
    pub const fn command(&self) -> u32 {
        match self {
            Self::Bind(_) => BIND,
            Self::BindResp(_) => BIND | ANSWER,
            Self::Deliver(_) => DELIVER,
            Self::DeliverResp(_) => DELIVER | ANSWER,
            Self::Report(_) => REPORT,
            Self::ReportResp(_) => REPORT | ANSWER,
            Self::Submit(_) => SUBMIT,
            Self::SubmitResp(_) => SUBMIT | ANSWER,
            Self::Trace(_) => TRACE,
            Self::TraceResp(_) => TRACE | ANSWER,
            Self::Unbind => UNBIND,
            Self::UnbindResp => UNBIND | ANSWER,
            Self::Unknown { command, .. } => *command,
            Self::UserRpt(_) => USER_RPT,
            Self::UserRptResp(_) => USER_RPT | ANSWER,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bind(body) => body.write(out),
            Self::BindResp(body)
            | Self::DeliverResp(body)
            | Self::ReportResp(body)
            | Self::SubmitResp(body)
            | Self::UserRptResp(body) => body.write(out),
            Self::Deliver(body) => body.write(out),
            Self::Report(body) => body.write(out),
            Self::Submit(body) => body.write(out),
            Self::Trace(body) => body.write(out),
            Self::TraceResp(body) => body.write(out),
            Self::Unbind | Self::UnbindResp => {}
            Self::Unknown { body, .. } => out.extend_from_slice(body),
            Self::UserRpt(body) => body.write(out),
        }
    }

    fn read(command: u32, from: &mut Reader<'_>) -> Result<Self, PduError> {
        const BIND_RESP: u32 = BIND | ANSWER;
        const DELIVER_RESP: u32 = DELIVER | ANSWER;
        const REPORT_RESP: u32 = REPORT | ANSWER;
        const SUBMIT_RESP: u32 = SUBMIT | ANSWER;
        const TRACE_RESP: u32 = TRACE | ANSWER;
        const UNBIND_RESP: u32 = UNBIND | ANSWER;
        const USER_RPT_RESP: u32 = USER_RPT | ANSWER;
        Ok(match command {
            BIND => Self::Bind(from.field("bind")?),
            BIND_RESP => Self::BindResp(from.field("bind_resp")?),
            DELIVER => Self::Deliver(from.field("deliver")?),
            DELIVER_RESP => Self::DeliverResp(from.field("deliver_resp")?),
            REPORT => Self::Report(from.field("report")?),
            REPORT_RESP => Self::ReportResp(from.field("report_resp")?),
            SUBMIT => Self::Submit(from.field("submit")?),
            SUBMIT_RESP => Self::SubmitResp(from.field("submit_resp")?),
            TRACE => Self::Trace(from.field("trace")?),
            TRACE_RESP => Self::TraceResp(from.field("trace_resp")?),
            UNBIND => skipped(from, Self::Unbind),
            // Seen with the nine bytes of the other answers.
            UNBIND_RESP => skipped(from, Self::UnbindResp),
            USER_RPT => Self::UserRpt(from.field("user_rpt")?),
            USER_RPT_RESP => Self::UserRptResp(from.field("user_rpt_resp")?),
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
        framed(out, |out| {
            self.body.command().write(out);
            self.sequence.write(out);
            self.body.write(out);
        });
    }

    /// Reads exactly one PDU.
    ///
    /// # Errors
    /// [`PduError`] naming the byte and the field. By the papers the receiver of a bad PDU closes the link.
    pub fn decode(bytes: &[u8]) -> Result<Self, PduError> {
        let mut from = Reader::new(bytes);
        named_length(&mut from)?;
        let command = from.field("command")?;
        let sequence = from.field("sequence")?;
        let body = Body::read(command, &mut from)?;
        from.end()?;
        Ok(Self { sequence, body })
    }
}

/// The command and the number of a PDU whose body may be unreadable, so that it can be answered; `None` below twenty bytes.
#[must_use]
pub fn head(bytes: &[u8]) -> Option<(u32, Number)> {
    let mut from = Reader::new(bytes.get(4..)?);
    Some((from.field("command").ok()?, from.field("sequence").ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_told_apart_and_not_told() {
        let password = Password::new(&Secret::new("pass1234")).unwrap();
        assert!(password.is(&Secret::new("pass1234")) && !password.is(&Secret::new("pass123")));
        assert_eq!(format!("{password:?}"), "[redacted]");
        assert!(Password::new(&Secret::new("seventeen-letters")).is_err());
    }
}
