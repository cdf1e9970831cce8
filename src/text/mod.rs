//! The length of a text as the carriers and platforms bill it.
//!
//! Two counts exist at home. Aggregators bill every domestic message as UCS-2: [`billed_cn`]. A carrier link sends text
//! of the GSM alphabet in 7- or 8-bit form: [`billed_carrier`].
//!
//! Source: 3GPP TS 23.038 §6.2.1, §6.2.3; 3GPP TS 23.040 §9.2.3.24.1; rules R-LEN-1 to R-LEN-5.

pub(crate) mod chars;
mod gsm7;
mod parts;

pub use gsm7::{gsm7_septets, gsm7_units};
pub use parts::{PartsError, split};

/// The alphabet a message is sent in.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table.
    Gsm7,
    /// UTF-16, two bytes a unit; "UCS-2" in the carriers' papers.
    Ucs2,
}

impl Encoding {
    /// The stable name: `gsm7` or `ucs2`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ucs2 => "ucs2",
        }
    }

    /// Units that a message of one part holds: 160 septets or 70 UTF-16 units.
    #[must_use]
    pub const fn single(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units that each part of a longer message holds: 153 septets or 67 UTF-16 units.
    #[must_use]
    pub const fn joined(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }
}

/// How long a text is and how many parts it is billed as.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Length {
    /// The alphabet that was counted.
    pub encoding: Encoding,
    /// Septets or UTF-16 units; stays at the largest value when a text is longer than that.
    pub units: u32,
    /// Parts, at least 1 (an empty text too); stays at the largest value when a text needs more.
    pub parts: u16,
}

/// Counts `text` as an aggregator bills a domestic message: UTF-16 units, 70 in a single part, 67 in each of several.
///
/// Every character of the basic plane counts 1, Latin or Han; others (emoji) count 2 and are never split across parts.
/// Give the whole text as the person sees it, signature and unsubscribe words included.
///
/// # Source
/// R-LEN-1 to R-LEN-3, R-LEN-5.
#[must_use]
pub fn billed_cn(text: &str) -> Length {
    parts::count(text, Encoding::Ucs2, |c| c.len_utf16() as u32)
}

/// Counts `text` as a carrier link bills it: text of the GSM alphabet in septets (160 alone, 153 joined; an extension
/// character takes two and is not split), any other text as [`billed_cn`].
///
/// # Source
/// 3GPP TS 23.038 §6.2.1.
#[must_use]
pub fn billed_carrier(text: &str) -> Length {
    if text.chars().all(|c| gsm7_septets(c).is_some()) {
        parts::count(text, Encoding::Gsm7, |c| gsm7_septets(c).unwrap_or(1))
    } else {
        billed_cn(text)
    }
}

/// The lines of an embedded list: trimmed, without empty lines and lines that start with `#` and a space.
pub(crate) fn data_lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "#" && !line.starts_with("# "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cn(text: &str) -> (u32, u16) {
        let length = billed_cn(text);
        assert_eq!(length.encoding, Encoding::Ucs2);
        (length.units, length.parts)
    }

    #[test]
    fn seventy_units_are_one_part_and_seventy_one_are_two() {
        assert_eq!(cn(""), (0, 1));
        assert_eq!(cn(&"测".repeat(70)), (70, 1));
        assert_eq!(cn(&"a".repeat(71)), (71, 2));
        assert_eq!(cn(&"测".repeat(134)), (134, 2));
        assert_eq!(cn(&"测".repeat(135)), (135, 3));
        assert_eq!(cn(&"测".repeat(160)), (160, 3));
        assert_eq!(cn("【华为云】"), (5, 1));
    }

    #[test]
    fn a_surrogate_pair_is_not_split() {
        assert_eq!(cn(&"🎉".repeat(35)), (70, 1));
        // 33 pairs in a part of 67: one unit of each part stays empty.
        assert_eq!(cn(&"🎉".repeat(67)), (134, 3));
    }

    #[test]
    fn a_carrier_link_counts_septets() {
        for (text, encoding, units, parts) in [
            (String::new(), Encoding::Gsm7, 0, 1),
            ("a".repeat(160), Encoding::Gsm7, 160, 1),
            ("a".repeat(161), Encoding::Gsm7, 161, 2),
            ("a".repeat(306), Encoding::Gsm7, 306, 2),
            ("a".repeat(307), Encoding::Gsm7, 307, 3),
            ("€".repeat(80), Encoding::Gsm7, 160, 1),
            ("€".repeat(153), Encoding::Gsm7, 306, 3), // 76 pairs in a part of 153
            ("`".to_owned(), Encoding::Ucs2, 1, 1),
            ("a测".to_owned(), Encoding::Ucs2, 2, 1),
        ] {
            assert_eq!(billed_carrier(&text), Length { encoding, units, parts }, "{text}");
        }
    }
}
