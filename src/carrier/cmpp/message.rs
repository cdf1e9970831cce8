//! Messages, replies and reports, whose layout depends on the version. Source: section 3.

use super::super::coding::Coding;
use super::super::pdu::{Field, Octets, PduError, Reader, Receivers};
use super::{Content, MsgId, Version};

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
    /// What the phone wrote, or what [`Report::read`](super::Report::read) reads.
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

/// The fee number's fields stand far before the receivers'; this holds them in between.
enum Fee {
    V20(Octets<21>),
    V30(Octets<32>, u8),
}

impl Submit {
    pub(super) fn read(from: &mut Reader<'_>, version: Version) -> Result<Self, PduError> {
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

    pub(super) fn write(&self, out: &mut Vec<u8>) {
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
    pub(super) fn read(from: &mut Reader<'_>, version: Version) -> Result<Self, PduError> {
        let msg_id = from.field("msg_id")?;
        let dest_id = from.field("dest_id")?;
        let service_id = from.field("service_id")?;
        let [tp_pid, tp_udhi, msg_fmt] = from.array("tp_pid")?;
        let (origin, registered_delivery, content) = Origin::read(from, version)?;
        let msg_fmt = Coding::of(msg_fmt);
        Ok(Self { msg_id, dest_id, service_id, tp_pid, tp_udhi, msg_fmt, registered_delivery, content, origin })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
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
