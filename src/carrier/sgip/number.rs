//! Numbers of requests, and who counts them. Source: section 2.

use std::fmt;

use super::super::login::LoginTime;
use super::super::pdu::{Field, FieldError, PduError, Reader};
use crate::clock::Timestamp;

/// The number of a request, and so the identity of a message: store all twelve bytes before sending.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Number {
    /// Who numbered it; a number like 3010012345, above what a signed integer holds.
    pub node: u32,
    /// `mmddhhmmss` of Beijing as a number; the year is not told.
    pub time: u32,
    /// Counts from 0 and wraps; with the other two it must never come twice.
    pub counter: u32,
}

impl Number {
    /// The number of a request made at a moment.
    #[must_use]
    pub fn at(node: u32, moment: Timestamp, counter: u32) -> Self {
        Self { node, time: LoginTime::at(moment).0, counter }
    }

    /// The twelve bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        for (four, part) in bytes.chunks_exact_mut(4).zip([self.node, self.time, self.counter]) {
            four.copy_from_slice(&part.to_be_bytes());
        }
        bytes
    }

    /// The number that [`Number::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        let part = u32::from_be_bytes;
        Self { node: part([a, b, c, d]), time: part([e, f, g, h]), counter: part([i, j, k, l]) }
    }
}

/// Twenty-four hexadecimal digits, the form to store.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:08x}{:08x}", self.node, self.time, self.counter)
    }
}

impl Field for Number {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        from.array(what).map(Self::from_bytes)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }
}

/// The node id of an SP: 3, the area code of its city with the leading 0, and the enterprise code. Area 10 and code 12345 give
/// 3010012345, area 755 gives 3075512345.
///
/// A number that the operator assigned goes before this.
///
/// # Errors
/// [`FieldError::Range`] for an area code outside 10 to 999, or an enterprise code above 99999.
pub const fn sp_node(area: u16, enterprise: u32) -> Result<u32, FieldError> {
    // With its leading 0 the code is left-aligned in four digits.
    let area = match area {
        10..=99 => area as u32 * 10,
        100..=999 => area as u32,
        _ => return Err(FieldError::Range { what: "area code" }),
    };
    if enterprise > 99_999 {
        return Err(FieldError::Range { what: "enterprise code" });
    }
    Ok(3_000_000_000 + area * 100_000 + enterprise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_are_those_of_the_papers() {
        assert_eq!(sp_node(10, 12_345), Ok(3_010_012_345));
        assert_eq!(sp_node(755, 12_345), Ok(3_075_512_345));
        assert!(sp_node(9, 1).is_err() && sp_node(1000, 1).is_err() && sp_node(10, 100_000).is_err());
    }

    #[test]
    fn a_number_is_its_twelve_bytes() {
        let at = Number::at(3_010_012_345, "2026-11-20T20:32:25+08:00".parse().unwrap(), 7);
        assert_eq!(at.time, 1_120_203_225);
        assert_eq!(Number::from_bytes(at.to_bytes()), at);
        assert_eq!(at.to_string(), crate::id::hex(&at.to_bytes()));
    }
}
