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
            priority: 1,
            msg_src: None,
            m_service_id: None,
        })
    }

    /// One segment of a message to all of `to`, with a report asked for.
    ///
    /// # Errors
    /// [`FieldError::Receivers`] for none, or more than 100.
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
            fixed_fee: Octets::new("0")?,
            msg_format: segment.coding(),
            valid_time: valid.map_or(Octets::EMPTY, ValidTime::field),
            at_time: Octets::EMPTY,
            src_term_id,
            charge_term_id: Octets::EMPTY,
            dest_term_id: Receivers::new(to.iter().copied().map(Octets::national).collect())?,
            content: Content::new(segment.content())?,
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
        if let Some(msg_src) = &self.msg_src {
            tlvs.set_text(tag::MSG_SRC, msg_src);
        }
        if let Some(product) = &self.m_service_id {
            tlvs.set_text(tag::M_SERVICE_ID, product);
        }
        tlvs
    }
}
