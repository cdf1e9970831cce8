//! Optional parameters. Source: section 5.

use super::super::pdu::{Field, Octets, PduError, Reader};
use std::fmt;

/// The tags of the papers.
pub mod tag {
    /// TP_pid, 1 byte.
    pub const TP_PID: u16 = 1;
    /// TP_udhi, 1 byte: 1 when the content begins with a user data header.
    pub const TP_UDHI: u16 = 2;
    /// LinkID, text of 20.
    pub const LINK_ID: u16 = 3;
    /// ChargeUserType, 1 byte: 0 receiver, 1 sender, 2 SP, 3 see ChargeTermID.
    pub const CHARGE_USER_TYPE: u16 = 4;
    /// ChargeTermType, 1 byte: 0 a number, 1 a pseudonym.
    pub const CHARGE_TERM_TYPE: u16 = 5;
    /// ChargeTermPseudo, text.
    pub const CHARGE_TERM_PSEUDO: u16 = 6;
    /// DestTermType, 1 byte.
    pub const DEST_TERM_TYPE: u16 = 7;
    /// DestTermPseudo, text; equal lengths for several receivers.
    pub const DEST_TERM_PSEUDO: u16 = 8;
    /// PkTotal, 1 byte.
    pub const PK_TOTAL: u16 = 9;
    /// PkNumber, 1 byte, from 1.
    pub const PK_NUMBER: u16 = 10;
    /// SubmitMsgType, 1 byte: 0 ordinary, 1 to 4 notices on subscriptions, 5 on a monthly fee.
    pub const SUBMIT_MSG_TYPE: u16 = 11;
    /// SPDealResult, 1 byte: 0 ok, 1 failed.
    pub const SP_DEAL_RESULT: u16 = 12;
    /// SrcTermType, 1 byte.
    pub const SRC_TERM_TYPE: u16 = 13;
    /// SrcTermPseudo, text.
    pub const SRC_TERM_PSEUDO: u16 = 14;
    /// NodesCount, 1 byte; between gateways.
    pub const NODES_COUNT: u16 = 15;
    /// MsgSrc, text of 8: the SP's enterprise code on the mobile network.
    pub const MSG_SRC: u16 = 16;
    /// SrcType, 1 byte.
    pub const SRC_TYPE: u16 = 17;
    /// MServiceID, text of 21: the product's id on the mobile network.
    pub const M_SERVICE_ID: u16 = 18;
}

/// One parameter as it stands on the wire. `Debug` shows tag and length.
#[derive(Clone, Eq, PartialEq)]
pub struct Tlv {
    tag: u16,
    value: Vec<u8>,
}

impl Tlv {
    /// The tag.
    #[must_use]
    pub const fn tag(&self) -> u16 {
        self.tag
    }

    /// The value, as it came.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

impl fmt::Debug for Tlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}: {} bytes", self.tag, self.value.len())
    }
}

/// The parameters of a PDU. What we set stands in ascending order of tags; what came keeps its order, unknown tags and
/// odd lengths included.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tlvs(Vec<Tlv>);

/// What 4096 bytes leave beside a submit with 100 receivers and 255 bytes of content.
const ROOM: usize = 4096 - 126 - 100 * 21 - 255;

impl Tlvs {
    /// All of them, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Tlv] {
        &self.0
    }

    /// The value of a tag; the first, where one stands twice.
    #[must_use]
    pub fn get(&self, tag: u16) -> Option<&[u8]> {
        self.0.iter().find(|tlv| tlv.tag == tag).map(Tlv::value)
    }

    /// The value of a tag of one byte; `None` too when its length is another.
    #[must_use]
    pub fn byte(&self, tag: u16) -> Option<u8> {
        match self.get(tag) {
            Some(&[byte]) => Some(byte),
            _ => None,
        }
    }

    /// The text of a tag, to its first zero. Gateways fill texts, end them with one zero, or do neither.
    #[must_use]
    pub fn text(&self, tag: u16) -> Option<&[u8]> {
        self.get(tag).map(|value| value.split(|&b| b == 0).next().unwrap_or_default())
    }

    /// Sets a tag of one byte.
    pub fn set_byte(&mut self, tag: u16, byte: u8) {
        self.put(tag, vec![byte]);
    }

    /// Sets a text, filled with zeros to the length that the papers state.
    pub fn set_text<const N: usize>(&mut self, tag: u16, text: &Octets<N>) {
        self.put(tag, text.wire().to_vec());
    }

    /// Sets any value; `false`, and nothing is set, when all together would not fit a PDU of 4096 bytes.
    #[must_use]
    pub fn set(&mut self, tag: u16, value: &[u8]) -> bool {
        let others: usize = self.0.iter().filter(|tlv| tlv.tag != tag).map(|tlv| 4 + tlv.value.len()).sum();
        let fits = others + 4 + value.len() <= ROOM;
        if fits {
            self.put(tag, value.to_vec());
        }
        fits
    }

    fn put(&mut self, tag: u16, value: Vec<u8>) {
        self.0.retain(|tlv| tlv.tag != tag);
        let at = self.0.iter().position(|tlv| tlv.tag > tag).unwrap_or(self.0.len());
        self.0.insert(at, Tlv { tag, value });
    }
}

impl Field for Tlvs {
    /// Everything to the end of the PDU.
    fn read(from: &mut Reader<'_>, _: &'static str) -> Result<Self, PduError> {
        let mut all = Vec::new();
        while from.left() > 0 {
            let (tag, length): (u16, u16) = (from.field("tag")?, from.field("length of a tag")?);
            all.push(Tlv { tag, value: from.take(length.into(), "value of a tag")?.to_vec() });
        }
        Ok(Self(all))
    }

    fn write(&self, out: &mut Vec<u8>) {
        for tlv in &self.0 {
            tlv.tag.write(out);
            (tlv.value.len() as u16).write(out); // at most ROOM, or the two bytes that it was read from
            out.extend_from_slice(&tlv.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_ascends_and_replaces() {
        let mut tlvs = Tlvs::default();
        tlvs.set_byte(tag::PK_NUMBER, 1);
        tlvs.set_text(tag::MSG_SRC, &Octets::<8>::new("spid01").unwrap());
        tlvs.set_byte(tag::TP_UDHI, 1);
        tlvs.set_byte(tag::PK_NUMBER, 2);
        assert_eq!(tlvs.as_slice().iter().map(Tlv::tag).collect::<Vec<_>>(), [2, 10, 16]);
        assert_eq!((tlvs.byte(10), tlvs.byte(16), tlvs.get(1)), (Some(2), None, None));
        assert_eq!((tlvs.get(16), tlvs.text(16)), (Some(&b"spid01\0\0"[..]), Some(&b"spid01"[..])));
        assert!(!tlvs.set(99, &[0; ROOM]) && tlvs.set(99, &[0; 100]));
    }

    #[test]
    fn any_order_and_length_is_read_and_kept() {
        let bytes = [0, 10, 0, 1, 2, 0xAB, 0xCD, 0, 0, 0, 16, 0, 7, b's', b'p', b'i', b'd', b'0', b'1', 0, 0, 2, 0, 0];
        let tlvs = Tlvs::read(&mut Reader::new(&bytes), "").unwrap();
        assert_eq!((tlvs.byte(10), tlvs.text(16), tlvs.byte(2)), (Some(2), Some(&b"spid01"[..]), None));
        let mut again = Vec::new();
        tlvs.write(&mut again);
        assert_eq!(again, bytes);
        let cut = Tlvs::read(&mut Reader::new(&bytes[..12]), "");
        assert_eq!(cut, Err(PduError::new(11, "length of a tag")));
    }
}
