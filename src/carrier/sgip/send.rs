//! The submit of a marketing message, from what an account always says and what one message says.

use super::super::pdu::{FieldError, Octets, Receivers};
use super::super::split::Segment;
use super::super::valid::ValidTime;
use super::{MAX_SENT, Submit, SubmitContent};
use crate::phone::Phone;

/// A number as SGIP wants it: `86` and eleven digits.
#[must_use]
pub fn user_number(phone: Phone) -> Octets<21> {
    let mut raw = [0; 21];
    raw[..2].copy_from_slice(b"86");
    for (to, from) in raw[2..].iter_mut().zip(phone.national().bytes()) {
        *to = from;
    }
    Octets::from_wire(&raw)
}

/// What every message of an account says alike.
#[derive(Clone, Debug)]
pub struct Service {
    /// The enterprise code, 0 to 99999.
    pub corp_id: Octets<5>,
    /// The service code.
    pub service_type: Octets<10>,
    /// Who pays; twenty-one `0` for the SP.
    pub charge_number: Octets<21>,
    /// 1 is free.
    pub fee_type: u8,
    /// Fen.
    pub fee_value: Octets<6>,
    /// 0 to 9.
    pub priority: u8,
}

impl Service {
    /// An account whose messages the SP pays for and the receiver gets free.
    ///
    /// # Errors
    /// [`FieldError`] when a code does not fit its field.
    pub fn new(corp_id: &str, service_type: &str) -> Result<Self, FieldError> {
        Ok(Self {
            corp_id: Octets::new(corp_id)?,
            service_type: Octets::new(service_type)?,
            charge_number: Octets::new("000000000000000000000")?,
            fee_type: 1,
            fee_value: Octets::new("0")?,
            priority: 0,
        })
    }

    /// One segment of a message to all of `to`, with a report asked for always.
    ///
    /// # Errors
    /// [`FieldError::Receivers`] for none, more than 100, or more than [`MAX_SENT`] bytes allow with this content;
    /// [`FieldError::TooLong`] above 140 bytes of content; [`FieldError::Range`] for a relative time, which SGIP does not
    /// know.
    pub fn submit(
        &self,
        sp_number: Octets<21>,
        to: &[Phone],
        segment: &Segment,
        expire: Option<ValidTime>,
    ) -> Result<Submit, FieldError> {
        if matches!(expire, Some(ValidTime::Relative(_))) {
            return Err(FieldError::Range { what: "relative time" });
        }
        let content = segment.short_content()?;
        let room = MAX_SENT.saturating_sub(143 + content.len()) / 21;
        if to.len() > room {
            return Err(FieldError::Receivers { count: to.len(), max: room.min(Receivers::<21>::MAX) });
        }
        Ok(Submit {
            sp_number,
            charge_number: self.charge_number,
            user_number: Receivers::new(to.iter().copied().map(user_number).collect())?,
            corp_id: self.corp_id,
            service_type: self.service_type,
            fee_type: self.fee_type,
            fee_value: self.fee_value,
            given_value: Octets::new("0")?,
            agent_flag: 0,
            morelateto_mt_flag: 2,
            priority: self.priority,
            expire_time: expire.map_or(Octets::EMPTY, ValidTime::field),
            schedule_time: Octets::EMPTY,
            report_flag: 1,
            tp_pid: 0,
            tp_udhi: u8::from(segment.place().is_some()),
            message_coding: segment.coding(),
            message_type: 0,
            content: SubmitContent::new(content)?,
            reserve: Octets::EMPTY,
        })
    }
}
