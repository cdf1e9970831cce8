//! The gateway's id of a message: ten bytes of decimal pairs. Source: section 4.

use std::fmt;

use super::super::pdu::{Field, PduError, Reader};

/// An id of ten bytes. Bytes that are no decimal pairs are seen: compare and store all of it.
///
/// `Display` gives twenty hexadecimal digits, the form to store; of decimal pairs these are the digits. No year.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MsgId(pub [u8; 10]);

impl MsgId {
    /// The twenty digits: gateway (6), month, day, hour and minute (8), number (6); `None` when a byte is no decimal
    /// pair.
    #[must_use]
    pub fn digits(self) -> Option<[u8; 20]> {
        let mut digits = [0; 20];
        for (two, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            if byte >> 4 > 9 || byte & 15 > 9 {
                return None;
            }
            two.copy_from_slice(&[byte >> 4, byte & 15]);
        }
        Some(digits)
    }

    /// The id of the receiver at `index` of a message whose answer named this one: the number counts on in decimal, and
    /// from 999999 to 000000. `None` when its bytes are no decimal pairs.
    #[must_use]
    pub fn of_receiver(self, index: u16) -> Option<Self> {
        let digits = self.digits()?;
        let number = digits[14..].iter().fold(0, |sum, &digit| sum * 10 + u32::from(digit));
        let mut rest = (number + u32::from(index)) % 1_000_000;
        let mut bytes = self.0;
        for byte in bytes[7..].iter_mut().rev() {
            *byte = (((rest / 10 % 10) << 4) | (rest % 10)) as u8;
            rest /= 100;
        }
        Some(Self(bytes))
    }

    /// Reads twenty hexadecimal digits.
    #[must_use]
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let hex: &[u8; 20] = hex.try_into().ok()?;
        let mut bytes = [0; 10];
        for (byte, two) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16);
            *byte = (digit(two[0])? << 4 | digit(two[1])?) as u8;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Field for MsgId {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        from.array(what).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_count_on_in_decimal() {
        let id = MsgId::from_hex(b"01006107080901000513").unwrap();
        assert_eq!(id.to_string(), "01006107080901000513");
        assert_eq!(id.of_receiver(0), Some(id));
        assert_eq!(id.of_receiver(87).unwrap().to_string(), "01006107080901000600");
        let last = MsgId::from_hex(b"01006107080901999999").unwrap();
        assert_eq!(last.of_receiver(2).unwrap().to_string(), "01006107080901000001");
        assert_eq!(MsgId::from_hex(b"0100610708090100051a").unwrap().of_receiver(1), None);
        assert_eq!(MsgId::from_hex(b"0100610708090100051"), None);
    }
}
