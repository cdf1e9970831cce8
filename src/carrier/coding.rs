//! How a text stands in a message: the coding byte of each protocol, and the header of long messages.
//!
//! Source: CMPP section 9; 3GPP TS 23.038 §4 (the coding byte as the GSM reads it), 3GPP TS 23.040 §9.2.3.24 (headers).

use encoding_rs::GB18030;

use super::pdu::{Field, PduError, Reader};

/// The coding of a content: `Msg_Fmt` of CMPP, `MessageCoding` of SGIP, `MsgFormat` of SMGP. Any byte is one.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Coding(u8);

/// What bytes are meant to be.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Alphabet {
    Bytes,
    Gb,
    Latin,
    Utf16,
}

/// Why a text cannot be written in a coding.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CodingError {
    /// The character at this position (counted in characters) has no code, or would come back as another.
    #[error("character {at} has no code")]
    Character {
        /// Position in characters.
        at: usize,
    },
    /// The coding is none for texts.
    #[error("not a coding for texts")]
    NotText,
}

impl Coding {
    /// One byte a character.
    pub const ASCII: Self = Self(0);
    /// Bytes.
    pub const BINARY: Self = Self(4);
    /// Written to the card.
    pub const CARD: Self = Self(3);
    /// GB 18030, of which GBK is the part with one and two bytes.
    pub const GB: Self = Self(15);
    /// UTF-16, big-endian. "UCS-2" in the papers, but emoji travel as pairs.
    pub const UCS2: Self = Self(8);

    /// The coding that a byte stands for.
    #[must_use]
    pub const fn of(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// What is none of the five is read by the groups of the GSM: 9, 24 and 25 are UTF-16, as is seen on links; 246 (a
    /// card's) is bytes.
    const fn alphabet(self) -> Alphabet {
        match self {
            Self::ASCII => Alphabet::Latin,
            Self::BINARY | Self::CARD => Alphabet::Bytes,
            Self::GB => Alphabet::Gb,
            Self::UCS2 => Alphabet::Utf16,
            Self(byte) => match (byte >> 4, byte >> 2 & 3) {
                (0..=7, 1) | (15, 1 | 3) => Alphabet::Bytes,
                (0..=7, 2) | (14, _) => Alphabet::Utf16,
                _ => Alphabet::Latin,
            },
        }
    }

    /// Writes a text, whole.
    ///
    /// ASCII is printable ASCII and line ends. GB 18030 refuses the few private characters that its two editions map
    /// differently.
    ///
    /// # Errors
    /// [`CodingError::Character`] for the first character without a code; [`CodingError::NotText`] for other codings.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, CodingError> {
        match self {
            Self::ASCII => ascii(text),
            Self::GB => gb(text),
            Self::UCS2 => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            _ => Err(CodingError::NotText),
        }
    }

    /// Reads a text as well as can be: what no reading fits becomes U+FFFD, nothing is refused.
    ///
    /// What real gateways send is read as meant: GB 18030 under 0, UTF-16 under 4. Under 4, bytes that are all ASCII
    /// letters and digits are taken as such.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> String {
        match self.alphabet() {
            Alphabet::Bytes => meant(bytes),
            Alphabet::Gb => GB18030.decode_without_bom_handling(bytes).0.into_owned(),
            Alphabet::Latin => latin(bytes),
            Alphabet::Utf16 => utf16(bytes),
        }
    }
}

impl std::fmt::Debug for Coding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::ASCII => f.write_str("ASCII"),
            Self::BINARY => f.write_str("binary"),
            Self::CARD => f.write_str("card"),
            Self::GB => f.write_str("GB"),
            Self::UCS2 => f.write_str("UCS-2"),
            Self(byte) => write!(f, "coding {byte}"),
        }
    }
}

impl Field for Coding {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        from.field(what).map(Self::of)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.byte());
    }
}

fn ascii(text: &str) -> Result<Vec<u8>, CodingError> {
    let bad = |c: char| !matches!(c, ' '..='~' | '\n' | '\r');
    match text.chars().position(bad) {
        Some(at) => Err(CodingError::Character { at }),
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn gb(text: &str) -> Result<Vec<u8>, CodingError> {
    let (bytes, _, _) = GB18030.encode(text);
    let back = GB18030.decode_without_bom_handling_and_without_replacement(&bytes);
    match back {
        Some(same) if same == text => Ok(bytes.into_owned()),
        // A character without a code stands as a numeric reference; the first difference is where.
        Some(other) => Err(differs(text, &other)),
        None => Err(CodingError::Character { at: 0 }),
    }
}

fn differs(text: &str, back: &str) -> CodingError {
    let same = text.chars().zip(back.chars()).take_while(|(a, b)| a == b).count();
    CodingError::Character { at: same }
}

fn utf16(bytes: &[u8]) -> String {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| u16::from_be_bytes(pair));
    let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    text.chain(odd.iter().map(|_| char::REPLACEMENT_CHARACTER)).collect()
}

fn latin(bytes: &[u8]) -> String {
    match GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => text.into_owned(), // ASCII among them
        None => bytes.iter().map(|&b| char::from(b)).collect(),
    }
}

fn meant(bytes: &[u8]) -> String {
    let word = bytes.iter().all(u8::is_ascii_alphanumeric);
    let wide = utf16(bytes);
    let strange = |c: char| c == char::REPLACEMENT_CHARACTER || c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if word || wide.chars().any(strange) { latin(bytes) } else { wide }
}

/// The number that all segments of one long message share.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reference {
    /// In one byte: `05 00 03`, six bytes of header.
    Byte(u8),
    /// In two bytes: `06 08 04`, seven bytes of header, and so one UTF-16 unit less a segment.
    Word(u16),
}

impl Reference {
    /// Bytes of the header.
    #[must_use]
    pub const fn header(self) -> usize {
        match self {
            Self::Byte(_) => 6,
            Self::Word(_) => 7,
        }
    }
}

/// The place of a segment in a long message: `number` of `total`, from 1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Place {
    reference: Reference,
    total: u8,
    number: u8,
}

impl Place {
    /// A place; `None` unless `number` is 1 to `total`.
    #[must_use]
    pub const fn new(reference: Reference, total: u8, number: u8) -> Option<Self> {
        if number >= 1 && number <= total { Some(Self { reference, total, number }) } else { None }
    }

    /// The number that the segments share.
    #[must_use]
    pub const fn reference(self) -> Reference {
        self.reference
    }

    /// How many segments there are.
    #[must_use]
    pub const fn total(self) -> u8 {
        self.total
    }

    /// Which of them this is, from 1.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.number
    }

    /// Appends the header.
    pub fn write(self, out: &mut Vec<u8>) {
        match self.reference {
            Reference::Byte(reference) => out.extend_from_slice(&[5, 0, 3, reference]),
            Reference::Word(reference) => {
                out.extend_from_slice(&[6, 8, 4]);
                out.extend_from_slice(&reference.to_be_bytes());
            }
        }
        out.extend_from_slice(&[self.total, self.number]);
    }
}

/// Takes the user data header off a content: the place that it names, and what is behind it.
///
/// `flagged` is the `TP_udhi` of the PDU. Without the flag a content that begins as a header of a long message, with a
/// number that fits its total, is taken for one: gateways are seen that do not set it. With the flag, a header whose
/// length does not fit the content is content, and elements other than the two of long messages are skipped.
#[must_use]
pub fn header(content: &[u8], flagged: bool) -> (Option<Place>, &[u8]) {
    if !flagged {
        return match content {
            [5, 0, 3, ..] | [6, 8, 4, ..] => match header(content, true) {
                (Some(place), body) if place.total > 1 => (Some(place), body),
                _ => (None, content),
            },
            _ => (None, content),
        };
    }
    let Some((&length, rest)) = content.split_first() else { return (None, content) };
    match rest.split_at_checked(length.into()) {
        Some((elements, body)) => (elements_place(elements), body),
        None => (None, content),
    }
}

/// The last element of a long message wins, as TS 23.040 says of repeated elements.
fn elements_place(mut elements: &[u8]) -> Option<Place> {
    let mut found = None;
    while let [tag, length, rest @ ..] = elements {
        let Some((value, after)) = rest.split_at_checked((*length).into()) else { break };
        match (tag, value) {
            (0, &[reference, total, number]) => found = Place::new(Reference::Byte(reference), total, number).or(found),
            (8, &[high, low, total, number]) => {
                found = Place::new(Reference::Word(u16::from_be_bytes([high, low])), total, number).or(found);
            }
            _ => {}
        }
        elements = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_they_were_meant() {
        for (byte, hex, text) in [
            (8, "62d26536", "拒收"),
            (9, "62d26536", "拒收"),
            (24, "62d26536", "拒收"),
            (25, "62d26536", "拒收"),
            (15, "bedccad5", "拒收"),
            (0, "bedccad5", "拒收"),
            (4, "62d26536", "拒收"),
            (4, "505c", "停"),
            (4, "5444", "TD"),
            (4, "54", "T"),
            (0, "54", "T"),
            (0, "ff", "ÿ"),
            (8, "62d265", "拒\u{fffd}"),
            (8, "d83cdf89", "🎉"),
            (8, "d83c", "\u{fffd}"),
            (246, "54", "T"),
            (17, "54", "T"),
        ] {
            let bytes: Vec<u8> =
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
            assert_eq!(Coding::of(byte).decode(&bytes), text, "{byte} {hex}");
        }
    }

    #[test]
    fn a_text_that_would_change_is_refused() {
        assert_eq!(Coding::ASCII.encode("a测"), Err(CodingError::Character { at: 1 }));
        assert_eq!(Coding::GB.encode("测\u{e5e5}"), Err(CodingError::Character { at: 1 }));
        assert_eq!(Coding::BINARY.encode("a"), Err(CodingError::NotText));
        assert_eq!(Coding::GB.encode("拒收").unwrap(), [0xbe, 0xdc, 0xca, 0xd5]);
        assert_eq!(Coding::GB.encode("€").unwrap(), [0xa2, 0xe3]);
        assert_eq!(Coding::GB.encode("🎉").unwrap().len(), 4);
    }

    #[test]
    fn a_header_is_found_with_and_without_its_flag() {
        let place = |reference, total, number| Place::new(reference, total, number);
        for (content, flagged, want, body) in [
            (&[5, 0, 3, 42, 3, 1, 7][..], true, place(Reference::Byte(42), 3, 1), &[7][..]),
            (&[5, 0, 3, 42, 3, 1, 7], false, place(Reference::Byte(42), 3, 1), &[7]),
            (&[6, 8, 4, 0x12, 0x34, 3, 3], true, place(Reference::Word(0x1234), 3, 3), &[]),
            (&[6, 8, 4, 0x12, 0x34, 3, 3], false, place(Reference::Word(0x1234), 3, 3), &[]),
            // A number beyond its total, or 0, is no place; without the flag, no header.
            (&[5, 0, 3, 42, 3, 4, 7], true, None, &[7]),
            (&[5, 0, 3, 42, 3, 4, 7], false, None, &[5, 0, 3, 42, 3, 4, 7]),
            (&[5, 0, 3, 42, 3, 0, 7], true, None, &[7]),
            // Another element first.
            (&[9, 0x24, 1, 0, 0, 3, 1, 2, 2, 0, 7], true, place(Reference::Byte(1), 2, 2), &[7]),
            (&[4, 5, 2, 0, 0, 7], true, None, &[7]),
            // Lengths that do not fit.
            (&[9, 0, 3, 42], true, None, &[9, 0, 3, 42]),
            (&[3, 0, 9, 42, 7], true, None, &[7]),
            (&[], true, None, &[]),
        ] {
            assert_eq!(header(content, flagged), (want, body), "{content:?} {flagged}");
        }
    }
}
