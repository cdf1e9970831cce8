//! The gateway's id of a message. Source: section 4.

use std::fmt;

use super::super::pdu::{Field, PduError, Reader};

/// An id of 64 bits. Gateways exist that ignore the layout: compare and store all of it; its parts are for display.
///
/// `Display` gives sixteen hexadecimal digits, the form to store. Ids repeat after a year.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MsgId(pub u64);

impl MsgId {
    /// What an id says, by the papers' layout.
    #[must_use]
    pub fn parts(self) -> MsgIdParts {
        let cut = |from: u32, bits: u32| (self.0 >> from) & ((1 << bits) - 1);
        MsgIdParts {
            month: cut(60, 4) as u8,
            day: cut(55, 5) as u8,
            hour: cut(50, 5) as u8,
            minute: cut(44, 6) as u8,
            second: cut(38, 6) as u8,
            gateway: cut(16, 22) as u32,
            number: cut(0, 16) as u16,
        }
    }

    /// The id of the receiver at `index` of a message whose answer named this one: the number counts on inside its
    /// sixteen bits. Some gateways give all receivers the same id instead.
    #[must_use]
    pub const fn of_receiver(self, index: u16) -> Self {
        Self(self.0 & !0xFFFF | (self.0 as u16).wrapping_add(index) as u64)
    }
}

/// The parts of an id.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct MsgIdParts {
    /// Month; 4 bits.
    pub month: u8,
    /// Day; 5 bits.
    pub day: u8,
    /// Hour; 5 bits.
    pub hour: u8,
    /// Minute; 6 bits.
    pub minute: u8,
    /// Second; 6 bits.
    pub second: u8,
    /// The gateway's code; 22 bits.
    pub gateway: u32,
    /// The number of the message; 16 bits.
    pub number: u16,
}

impl MsgIdParts {
    /// The id with these parts; `None` when one does not fit its bits.
    #[must_use]
    pub const fn id(self) -> Option<MsgId> {
        let fits = self.month < 16 && self.day < 32 && self.hour < 32 && self.minute < 64 && self.second < 64;
        if !fits || self.gateway >= 1 << 22 {
            return None;
        }
        Some(MsgId(
            (self.month as u64) << 60
                | (self.day as u64) << 55
                | (self.hour as u64) << 50
                | (self.minute as u64) << 44
                | (self.second as u64) << 38
                | (self.gateway as u64) << 16
                | self.number as u64,
        ))
    }
}

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Field for MsgId {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        from.field(what).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_papers() {
        let parts = MsgIdParts { month: 7, day: 8, hour: 9, minute: 1, second: 2, gateway: 1001, number: 513 };
        assert_eq!(parts.id(), Some(MsgId(0x7424_1080_03e9_0201)));
        assert_eq!(MsgId(0x7424_1080_03e9_0201).parts(), parts);
        assert_eq!(MsgIdParts { gateway: 1 << 22, ..parts }.id(), None);
        assert_eq!(MsgId(0x201).to_string(), "0000000000000201");
    }

    #[test]
    fn receivers_count_on_inside_their_own_bits() {
        assert_eq!(MsgId(0x1_0000).of_receiver(5), MsgId(0x1_0005));
        assert_eq!(MsgId(0x1_fffe).of_receiver(3), MsgId(0x1_0001));
    }
}
