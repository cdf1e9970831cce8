//! Parts of a long message. Source: 3GPP TS 23.040 §9.2.3.24.1 (concatenated messages, 8-bit reference).

use super::{Encoding, Length, gsm7_septets};

/// Why a text cannot be cut into parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// The character at this position (counted in characters) is not in the alphabet.
    #[error("character {at} is outside the alphabet")]
    Alphabet {
        /// Position in characters.
        at: usize,
    },
    /// More than 255 parts, the most that one byte can number.
    #[error("more than 255 parts")]
    TooLong,
}

/// Counts units and parts in one pass, without a limit on the parts.
pub(super) fn count(text: &str, encoding: Encoding, size: impl Fn(char) -> u32) -> Length {
    let (mut units, mut joined, mut filled) = (0u32, 1u16, 0u32);
    for c in text.chars() {
        let size = size(c);
        units = units.saturating_add(size);
        if filled + size > encoding.joined() {
            joined = joined.saturating_add(1);
            filled = 0;
        }
        filled += size;
    }
    let parts = if units <= encoding.single() { 1 } else { joined };
    Length { encoding, units, parts }
}

/// Cuts `text` into the pieces that its parts carry, in order; never inside a surrogate pair or an extension character.
///
/// As many pieces as [`super::billed_cn`] or [`super::billed_carrier`] count. An empty text is one empty piece.
///
/// # Errors
/// [`PartsError::Alphabet`] for a character outside the 7-bit alphabet, [`PartsError::TooLong`] above 255 parts.
pub fn split(text: &str, encoding: Encoding) -> Result<Vec<&str>, PartsError> {
    let (mut units, mut filled, mut start, mut pieces) = (0u32, 0u32, 0, Vec::new());
    for (at, (byte, c)) in text.char_indices().enumerate() {
        let size = match encoding {
            Encoding::Gsm7 => gsm7_septets(c).ok_or(PartsError::Alphabet { at })?,
            Encoding::Ucs2 => c.len_utf16() as u32,
        };
        units = units.saturating_add(size);
        if filled + size > encoding.joined() {
            if pieces.len() == 254 {
                return Err(PartsError::TooLong); // this piece and the one that begins would be 256
            }
            pieces.push(&text[start..byte]);
            (start, filled) = (byte, 0);
        }
        filled += size;
    }
    if units <= encoding.single() {
        return Ok(vec![text]);
    }
    pieces.push(&text[start..]);
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_text_and_fit() {
        let text = "满a🎉".repeat(60);
        let pieces = split(&text, Encoding::Ucs2).unwrap();
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.encode_utf16().count() <= 67));
        assert_eq!(pieces.len(), usize::from(crate::text::billed_cn(&text).parts));
    }

    #[test]
    fn two_hundred_and_fifty_five_parts_are_the_most() {
        assert_eq!(split(&"测".repeat(67 * 255), Encoding::Ucs2).unwrap().len(), 255);
        assert_eq!(split(&"测".repeat(67 * 255 + 1), Encoding::Ucs2), Err(PartsError::TooLong));
        assert_eq!(split("ab测", Encoding::Gsm7), Err(PartsError::Alphabet { at: 2 }));
        assert_eq!(split("", Encoding::Gsm7), Ok(vec![""]));
    }
}
