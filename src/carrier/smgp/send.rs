//! The submit of a marketing message, from what an account always says and what one message says.

use super::super::pdu::{FieldError, Octets, Receivers};
use super::super::split::Segment;
use super::super::valid::ValidTime;
use super::{Content, Submit, Tlvs, tag};
use crate::phone::Phone;

/// What every message of an account says alike.
#[derive(Clone, Debug)]
pub struct Service {
    /// The service code.
    pub service_id: Octets<10>,
    /// `00` free, `01` per message, `02` monthly, `03` capped.
    pub fee_type: Octets<2>,
    /// Fen.
    pub fee_code: Octets<6>,
    /// Fen a month.
    pub fixed_fee: Octets<6>,
    /// The number that pays, where `charge_user_type` is 3; empty for the receiver's.
    pub charge_term_id: Octets<21>,
    /// Who pays: 0 receiver, 1 sender, 2 SP, 3 `charge_term_id`; many accounts leave it out.
    pub charge_user_type: Option<u8>,
    /// 0 ordinary, 1 to 5 notices on subscriptions and fees; many accounts leave it out.
    pub submit_msg_type: Option<u8>,
    /// 0 low to 3 high.
    pub priority: u8,
    /// The SP's enterprise code on the mobile network; many accounts need it.
    pub msg_src: Option<Octets<8>>,
    /// The product's id on the mobile network; many accounts need it.
    pub m_service_id: Option<Octets<21>>,
}

impl Service {
    /// An account whose messages are free to the receiver.
    ///
    /// # Errors
    /// [`FieldError`] when the code does not fit its field.
    pub fn new(service_id: &str) -> Result<Self, FieldError> {
        Ok(Self {
            service_id: Octets::new(service_id)?,
            fee_type: Octets::new("00")?,
            fee_code: Octets::new("0")?,
            fixed_fee: Octets::new("0")?,
            charge_term_id: Octets::EMPTY,
            charge_user_type: None,
            submit_msg_type: None,
            priority: 1,
            msg_src: None,
            m_service_id: None,
        })
    }

    /// One segment of a message to all of `to`, with a report asked for.
    ///
    /// # Errors
    /// [`FieldError::Receivers`] for none, or more than 100; [`FieldError::TooLong`] above 140 bytes of content.
    pub fn submit(
        &self,
        src_term_id: Octets<21>,
        to: &[Phone],
        segment: &Segment,
        valid: Option<ValidTime>,
    ) -> Result<Submit, FieldError> {
        Ok(Submit {
            msg_type: 6,
            need_report: 1,
            priority: self.priority,
            service_id: self.service_id,
            fee_type: self.fee_type,
            fee_code: self.fee_code,
            fixed_fee: self.fixed_fee,
            msg_format: segment.coding(),
            valid_time: valid.map_or(Octets::EMPTY, ValidTime::field),
            at_time: Octets::EMPTY,
            src_term_id,
            charge_term_id: self.charge_term_id,
            dest_term_id: Receivers::new(to.iter().copied().map(Octets::national).collect())?,
            content: Content::new(segment.short_content()?)?,
            reserve: Octets::EMPTY,
            tlvs: self.tlvs(segment),
        })
    }

    fn tlvs(&self, segment: &Segment) -> Tlvs {
        let mut tlvs = Tlvs::default();
        if segment.place().is_some() {
            tlvs.set_byte(tag::TP_UDHI, 1);
            tlvs.set_byte(tag::PK_TOTAL, segment.total());
            tlvs.set_byte(tag::PK_NUMBER, segment.number());
        }
        for (tag, byte) in
            [(tag::CHARGE_USER_TYPE, self.charge_user_type), (tag::SUBMIT_MSG_TYPE, self.submit_msg_type)]
        {
            if let Some(byte) = byte {
                tlvs.set_byte(tag, byte);
            }
        }
        if let Some(msg_src) = &self.msg_src {
            tlvs.set_text(tag::MSG_SRC, msg_src);
        }
        if let Some(product) = &self.m_service_id {
            tlvs.set_text(tag::M_SERVICE_ID, product);
        }
        tlvs
    }
}
