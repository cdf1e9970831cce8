//! The submit of a marketing message, from what an account always says and what one message says.

use super::super::pdu::{FieldError, Octets, Receivers};
use super::super::split::Segment;
use super::super::valid::ValidTime;
use super::{Content, MsgId, Submit, Terminals, Version};
use crate::phone::Phone;

/// What every message of an account says alike.
#[derive(Clone, Debug)]
pub struct Service {
    /// The enterprise code (SP_Id).
    pub msg_src: Octets<6>,
    /// The service code agreed with the operator.
    pub service_id: Octets<10>,
    /// Who pays: 2 is the SP; some accounts have 0, the receiver, or 3, the fee number.
    pub fee_user_type: u8,
    /// The fee number, where `fee_user_type` is 3; 21 characters in 2.0.
    pub fee_terminal_id: Octets<32>,
    /// 0 when it is a number, 1 when it is a pseudonym; 3.0 only.
    pub fee_terminal_type: u8,
    /// `01` free, `02` per message, `03` monthly.
    pub fee_type: Octets<2>,
    /// The price in fen.
    pub fee_code: Octets<6>,
    /// 0 to 9.
    pub msg_level: u8,
}

impl Service {
    /// An account whose messages the SP pays for and the receiver gets free.
    ///
    /// # Errors
    /// [`FieldError`] when a code does not fit its field.
    pub fn new(msg_src: &str, service_id: &str) -> Result<Self, FieldError> {
        Ok(Self {
            msg_src: Octets::new(msg_src)?,
            service_id: Octets::new(service_id)?,
            fee_user_type: 2,
            fee_terminal_id: Octets::EMPTY,
            fee_terminal_type: 0,
            fee_type: Octets::new("01")?,
            fee_code: Octets::new("0")?,
            msg_level: 0,
        })
    }

    /// One segment of a message to all of `to`, with a report asked for.
    ///
    /// # Errors
    /// [`FieldError::Receivers`] for none, or more than 100; [`FieldError::TooLong`] for a fee number above 2.0's field.
    pub fn submit(
        &self,
        version: Version,
        src_id: Octets<21>,
        to: &[Phone],
        segment: &Segment,
        valid: Option<ValidTime>,
    ) -> Result<Submit, FieldError> {
        Ok(Submit {
            msg_id: MsgId(0),
            pk_total: segment.total(),
            pk_number: segment.number(),
            registered_delivery: 1,
            msg_level: self.msg_level,
            service_id: self.service_id,
            fee_user_type: self.fee_user_type,
            tp_pid: 0,
            tp_udhi: u8::from(segment.place().is_some()),
            msg_fmt: segment.coding(),
            msg_src: self.msg_src,
            fee_type: self.fee_type,
            fee_code: self.fee_code,
            valid_time: valid.map_or(Octets::EMPTY, ValidTime::field),
            at_time: Octets::EMPTY,
            src_id,
            terminals: self.terminals(version, to)?,
            content: Content::new(segment.content())?,
        })
    }

    fn terminals(&self, version: Version, to: &[Phone]) -> Result<Terminals, FieldError> {
        Ok(match version {
            Version::V20 => Terminals::V20 {
                fee_terminal_id: Octets::new(&self.fee_terminal_id.text())?,
                dest_terminal_id: Receivers::new(to.iter().copied().map(Octets::national).collect())?,
                reserve: Octets::EMPTY,
            },
            Version::V30 => Terminals::V30 {
                fee_terminal_id: self.fee_terminal_id,
                fee_terminal_type: self.fee_terminal_type,
                dest_terminal_id: Receivers::new(to.iter().copied().map(Octets::national).collect())?,
                dest_terminal_type: 0,
                link_id: Octets::EMPTY,
            },
        })
    }
}
