//! A composed text into the segments that a link carries: as many as the text is billed for.
//!
//! Source: CMPP section 9; 3GPP TS 23.040 §9.2.3.24.1; [`crate::text`] for the count.

use super::coding::{Coding, CodingError, Place, Reference};
use super::pdu::FieldError;
use crate::text::{Encoding, Length, billed_carrier, billed_cn, gsm7_septets};

/// Bytes that a segment holds, its header included.
const SEGMENT: usize = 140;
/// The same in ASCII, one byte a character: the papers say "under 160".
const SEGMENT_ASCII: usize = 159;

/// Why a text cannot be cut into the segments that it is billed for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// It cannot be written in the coding.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// It would take more segments than it is billed for: a header of seven bytes leaves less room than one of six, four
    /// bytes a character do so in GB 18030, and 160 characters of ASCII are one too many for a segment. UTF-16 with a
    /// reference of one byte always fits.
    #[error("{needed} segments for a text billed as {billed}")]
    MoreParts {
        /// What [`crate::text`] counts.
        billed: u16,
        /// What it would take.
        needed: u16,
    },
    /// More than 255 segments, the most that one byte can number.
    #[error("more than 255 segments")]
    TooLong,
}

/// One segment of a text, ready for the content of a submit. `Debug` shows no text.
#[derive(Clone, Eq, PartialEq)]
pub struct Segment {
    coding: Coding,
    place: Option<Place>,
    body: Vec<u8>,
}

impl Segment {
    /// The coding.
    #[must_use]
    pub const fn coding(&self) -> Coding {
        self.coding
    }

    /// Where it stands in a long message; `None` when it is all of the text. With a place the submit's `TP_udhi` is 1.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        self.place
    }

    /// How many segments the text has.
    #[must_use]
    pub fn total(&self) -> u8 {
        self.place.map_or(1, Place::total)
    }

    /// Which of them this is, from 1.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.place.map_or(1, Place::number)
    }

    /// The content: header, where there is one, and text. At most 140 bytes, or 159 of ASCII.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(SEGMENT_ASCII);
        if let Some(place) = self.place {
            place.write(&mut content);
        }
        content.extend_from_slice(&self.body);
        content
    }

    /// The content where ASCII too may have no more than 140 bytes, as in SGIP and SMGP.
    pub(crate) fn short_content(&self) -> Result<Vec<u8>, FieldError> {
        let content = self.content();
        match content.len() {
            bytes if bytes > SEGMENT => Err(FieldError::TooLong { bytes, max: SEGMENT }),
            _ => Ok(content),
        }
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Segment({} of {}, {:?}, {} bytes)", self.number(), self.total(), self.coding, self.body.len())
    }
}

/// What a text in this coding is billed as: ASCII in septets, all else as the aggregators count.
#[must_use]
pub fn billed(text: &str, coding: Coding) -> Length {
    if coding == Coding::ASCII { billed_carrier(text) } else { billed_cn(text) }
}

/// Cuts a composed text into segments that share `reference`; one segment without a header when it fits.
///
/// There are exactly as many as [`billed`] counts. No character is cut: neither a surrogate pair, nor a character of two
/// or four bytes in GB 18030. A text with a Chinese signature or the unsubscribe words is best sent in UTF-16 with
/// [`Reference::Byte`]; nothing else is certain to fit.
///
/// # Errors
/// [`SplitError`]; nothing is ever dropped.
pub fn split(text: &str, coding: Coding, reference: Reference) -> Result<Vec<Segment>, SplitError> {
    let bytes = coding.encode(text)?;
    let limit = if coding == Coding::ASCII { SEGMENT_ASCII } else { SEGMENT };
    let billed = billed(text, coding);
    if coding == Coding::ASCII && billed.encoding != Encoding::Gsm7 {
        // ASCII's one character that is no septet makes the bill one for UTF-16.
        let at = text.chars().position(|c| gsm7_septets(c).is_none()).unwrap_or(0);
        return Err(CodingError::Character { at }.into());
    }
    if billed.units <= billed.encoding.single() {
        if bytes.len() > limit {
            let needed = bytes.len().div_ceil(limit - reference.header()) as u16;
            return Err(SplitError::MoreParts { billed: billed.parts, needed });
        }
        return Ok(vec![Segment { coding, place: None, body: bytes }]);
    }
    let total = u8::try_from(billed.parts).map_err(|_| SplitError::TooLong)?;
    let pieces = pieces(text, billed.encoding, room(billed.encoding, reference));
    if pieces.len() != usize::from(billed.parts) {
        let needed = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
        return Err(SplitError::MoreParts { billed: billed.parts, needed });
    }
    let segment = |(piece, number): (&str, u8)| {
        let body = coding.encode(piece)?;
        if reference.header() + body.len() > limit {
            return Err(SplitError::MoreParts { billed: billed.parts, needed: billed.parts.saturating_add(1) });
        }
        Ok(Segment { coding, place: Place::new(reference, total, number), body })
    };
    pieces.into_iter().zip(1..=total).map(segment).collect()
}

/// Units that a segment with a header holds: what it is billed with, less what a longer header takes.
fn room(encoding: Encoding, reference: Reference) -> u32 {
    match reference {
        Reference::Byte(_) => encoding.joined(),
        Reference::Word(_) => encoding.joined() - 1,
    }
}

/// The pieces of at most `room` units, in order, cut between characters.
fn pieces(text: &str, encoding: Encoding, room: u32) -> Vec<&str> {
    let (mut pieces, mut start, mut filled) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        let size = match encoding {
            Encoding::Gsm7 => gsm7_septets(c).unwrap_or(1),
            Encoding::Ucs2 => c.len_utf16() as u32,
        };
        if filled + size > room {
            pieces.push(&text[start..at]);
            (start, filled) = (at, 0);
        }
        filled += size;
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str, coding: Coding, reference: Reference) -> Result<usize, SplitError> {
        split(text, coding, reference).map(|segments| segments.len())
    }

    const BYTE: Reference = Reference::Byte(42);
    const WORD: Reference = Reference::Word(0x1234);

    #[test]
    fn seventy_units_are_one_segment_without_a_header() {
        let one = split(&"测".repeat(70), Coding::UCS2, BYTE).unwrap();
        assert_eq!((one.len(), one[0].place(), one[0].content().len()), (1, None, 140));
        let two = split(&"测".repeat(71), Coding::UCS2, BYTE).unwrap();
        assert_eq!(two.iter().map(|s| s.content().len()).collect::<Vec<_>>(), [140, 14]);
        assert_eq!(two[0].content()[..6], [5, 0, 3, 42, 2, 1]);
        assert_eq!(two[1].content()[..6], [5, 0, 3, 42, 2, 2]);
    }

    #[test]
    fn a_longer_header_must_not_cost_more() {
        assert_eq!(count(&"测".repeat(132), Coding::UCS2, WORD), Ok(2));
        let more = SplitError::MoreParts { billed: 2, needed: 3 };
        assert_eq!(count(&"测".repeat(133), Coding::UCS2, WORD), Err(more));
        assert_eq!(count(&"测".repeat(133), Coding::UCS2, BYTE), Ok(2));
    }

    #[test]
    fn pairs_are_whole_in_every_coding() {
        // 33 pairs in 67 units; in GB 18030 four bytes each, 132 of 134.
        assert_eq!(count(&"🎉".repeat(67), Coding::UCS2, BYTE), Ok(3));
        assert_eq!(count(&"🎉".repeat(67), Coding::GB, BYTE), Ok(3));
        // A Tibetan letter is one unit and four bytes: 67 of them are 268 bytes.
        assert_eq!(count("ཀ", Coding::GB, BYTE), Ok(1));
        let more = SplitError::MoreParts { billed: 1, needed: 3 };
        assert_eq!(count(&"ཀ".repeat(70), Coding::GB, BYTE), Err(more));
        assert!(matches!(count(&"ཀ".repeat(71), Coding::GB, BYTE), Err(SplitError::MoreParts { billed: 2, .. })));
    }

    #[test]
    fn gb_has_as_many_segments_as_the_bill_though_fewer_would_hold_it() {
        let text = "a".repeat(135);
        assert_eq!((billed(&text, Coding::GB).parts, count(&text, Coding::GB, BYTE)), (3, Ok(3)));
    }

    #[test]
    fn ascii_is_billed_in_septets() {
        assert_eq!(count(&"a".repeat(159), Coding::ASCII, BYTE), Ok(1));
        assert_eq!(count(&"a".repeat(160), Coding::ASCII, BYTE), Err(SplitError::MoreParts { billed: 1, needed: 2 }));
        assert_eq!(count(&"a".repeat(161), Coding::ASCII, BYTE), Ok(2));
        assert_eq!(count(&"[".repeat(80), Coding::ASCII, BYTE), Ok(1));
        assert_eq!(count(&"[".repeat(153), Coding::ASCII, BYTE), Ok(3));
        let no_septet = SplitError::Coding(CodingError::Character { at: 1 });
        assert_eq!(count("a`", Coding::ASCII, BYTE), Err(no_septet));
    }

    #[test]
    fn more_than_255_segments_are_refused() {
        assert_eq!(count(&"测".repeat(67 * 255), Coding::UCS2, BYTE), Ok(255));
        assert_eq!(count(&"测".repeat(67 * 255 + 1), Coding::UCS2, BYTE), Err(SplitError::TooLong));
        assert_eq!(count(&"测".repeat(10_000_000), Coding::UCS2, BYTE), Err(SplitError::TooLong));
    }
}
