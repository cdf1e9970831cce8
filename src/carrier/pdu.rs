//! What PDUs are made of: fields of fixed size, contents, receivers, and the reader that says where bytes are wrong.

use std::borrow::Cow;
use std::fmt;

use crate::phone::{Phone, PhoneError};

/// Why bytes are not a PDU: where, and what was being read. Never what the bytes were.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unreadable at byte {offset}: {what}")]
#[non_exhaustive]
pub struct PduError {
    /// Bytes from the start of the PDU (of the report body, where a report is read).
    pub offset: usize,
    /// The field, or what is wrong with it.
    pub what: &'static str,
}

impl PduError {
    pub(crate) const fn new(offset: usize, what: &'static str) -> Self {
        Self { offset, what }
    }
}

/// Why a value does not fit its field.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// A character that is no printable ASCII, or a space at either end.
    #[error("character {at} cannot stand in this field")]
    Character {
        /// Position in characters.
        at: usize,
    },
    /// No receiver, or more than one message may have.
    #[error("{count} receivers; 1 to {max} are allowed")]
    Receivers {
        /// How many were given.
        count: usize,
        /// The most.
        max: usize,
    },
    /// More bytes than the field holds. Nothing is ever cut.
    #[error("{bytes} bytes; the field holds {max}")]
    TooLong {
        /// How many were given.
        bytes: usize,
        /// The most.
        max: usize,
    },
    /// A number outside its range.
    #[error("{what} is out of range")]
    Range {
        /// Which.
        what: &'static str,
    },
}

/// A text field of `N` bytes, filled with zeros behind the text.
///
/// A value that we make is printable ASCII without spaces at the ends. A value that was read holds whatever bytes stood
/// before the first zero, less spaces at the ends. `Debug` shows the length only: many of these are phone numbers.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Octets<const N: usize> {
    bytes: [u8; N], // zero from `len` on
    len: u8,
}

impl<const N: usize> Octets<N> {
    /// Nothing: all zeros on the wire.
    pub const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    /// Takes a text.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] above `N` bytes, [`FieldError::Character`] for anything but printable ASCII and for a
    /// space at either end, which a reader would drop.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        let last = text.chars().count().saturating_sub(1);
        let bad = |&(at, c): &(usize, char)| !(' '..='~').contains(&c) || c == ' ' && (at == 0 || at == last);
        if let Some((at, _)) = text.chars().enumerate().find(bad) {
            return Err(FieldError::Character { at });
        }
        Self::filled(text.as_bytes()).ok_or(FieldError::TooLong { bytes: text.len(), max: N })
    }

    fn filled(text: &[u8]) -> Option<Self> {
        const { assert!(N <= 255, "the length of a field is one byte") };
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { bytes, len: text.len() as u8 })
    }

    /// Reads a field as it stood on the wire: up to the first zero, less spaces at the ends.
    #[must_use]
    pub fn from_wire(raw: &[u8; N]) -> Self {
        let text = raw.split(|&b| b == 0).next().unwrap_or_default();
        Self::filled(trimmed(text)).unwrap_or(Self::EMPTY)
    }

    /// The text's bytes, without the filling.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The whole field, filling included.
    #[must_use]
    pub const fn wire(&self) -> &[u8; N] {
        &self.bytes
    }

    /// The text; bytes that are no UTF-8 become U+FFFD.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// Whether nothing stands in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The person's number that stands in it, with or without `86`.
    ///
    /// # Errors
    /// [`PhoneError`] when it is none.
    pub fn phone(&self) -> Result<Phone, PhoneError> {
        Phone::parse(&self.text())
    }

    /// The eleven digits of a number, as CMPP and SMGP want it.
    #[must_use]
    pub fn national(phone: Phone) -> Self {
        const { assert!(N >= 11, "eleven digits fit") };
        Self::filled(phone.national().as_bytes()).unwrap_or(Self::EMPTY)
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&b| b != b' ').unwrap_or(text.len());
    let end = text.iter().rposition(|&b| b != b' ').map_or(start, |at| at + 1);
    &text[start..end]
}

impl<const N: usize> Default for Octets<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Debug for Octets<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {N} bytes", self.len)
    }
}

/// The content of a message or reply: at most `MAX` bytes, a user data header included. `Debug` shows the length only.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Content<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Content<MAX> {
    /// Takes the bytes.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] above `MAX`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, FieldError> {
        let bytes = bytes.into();
        if bytes.len() > MAX {
            return Err(FieldError::TooLong { bytes: bytes.len(), max: MAX });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Content<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// The receivers of one message: 1 to 100 fields of `N` bytes. `Debug` shows how many.
#[derive(Clone, Eq, PartialEq)]
pub struct Receivers<const N: usize>(Vec<Octets<N>>);

impl<const N: usize> Receivers<N> {
    /// The most receivers of one message. The papers say "fewer than 100" or "at most 100"; gateways take 100.
    pub const MAX: usize = 100;

    /// Takes the fields.
    ///
    /// # Errors
    /// [`FieldError::Receivers`] for none, or more than [`Self::MAX`].
    pub fn new(fields: Vec<Octets<N>>) -> Result<Self, FieldError> {
        if fields.is_empty() || fields.len() > Self::MAX {
            return Err(FieldError::Receivers { count: fields.len(), max: Self::MAX });
        }
        Ok(Self(fields))
    }

    /// The fields, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Octets<N>] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Receivers<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} receivers", self.0.len())
    }
}

/// The number of a request of CMPP and SMGP; its answer repeats it. Each direction has its own numbers.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sequence(pub u32);

impl Sequence {
    /// The number after this one; after the largest comes 0.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// The command and the number of a PDU of CMPP or SMGP whose body may be unreadable, so that it can be answered; `None`
/// below twelve bytes.
#[must_use]
pub fn head(bytes: &[u8]) -> Option<(u32, Sequence)> {
    let mut from = Reader::new(bytes.get(4..)?);
    Some((from.field("command").ok()?, Sequence(from.field("sequence").ok()?)))
}

/// The set bit that makes an answer's command of a request's.
pub(crate) const ANSWER: u32 = 0x8000_0000;

/// Walks over the bytes of one PDU and knows where it stands.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], PduError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..n).ok_or(PduError::new(self.at, what))?;
        self.at += n;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], PduError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.first_chunk::<N>().ok_or(PduError::new(self.at, what))?;
        self.at += N;
        Ok(*taken)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    pub(crate) fn field<T: Field>(&mut self, what: &'static str) -> Result<T, PduError> {
        T::read(self, what)
    }

    /// A text field of `N` bytes of which fewer may have come: the last field of a PDU at some gateways.
    pub(crate) fn short_field<const N: usize>(&mut self, what: &'static str) -> Result<Octets<N>, PduError> {
        let at = self.at;
        let rest = self.rest();
        let mut raw = [0; N];
        raw.get_mut(..rest.len()).ok_or(PduError::new(at + N, what))?.copy_from_slice(rest);
        Ok(Octets::from_wire(&raw))
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), PduError> {
        if self.left() > 0 { Err(PduError::new(self.at, "bytes after the last field")) } else { Ok(()) }
    }
}

/// What can be read from, and written to, one place of a PDU.
pub(crate) trait Field: Sized {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError>;
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! integer {
    ($($int:ty)*) => { $(
        impl Field for $int {
            fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
                from.array(what).map(Self::from_be_bytes)
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
    )* };
}
integer!(u8 u16 u32 u64);

impl<const N: usize> Field for Octets<N> {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        from.array(what).map(|raw| Self::from_wire(&raw))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }
}

/// With one byte of length before it, as CMPP and SMGP have it.
impl Field for Content<255> {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        let length: u8 = from.field(what)?;
        from.take(length.into(), what).map(|bytes| Self(bytes.to_vec()))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.0.len() as u8); // at most 255 by construction
        out.extend_from_slice(&self.0);
    }
}

/// The longest content of SGIP: what a PDU of 4096 bytes leaves for a deliver's.
pub(crate) const SGIP_CONTENT: usize = 4019;
/// And for a submit's to 100 receivers.
pub(crate) const SGIP_SUBMIT_CONTENT: usize = 1853;

/// With four bytes of length before them, as SGIP has it.
macro_rules! long_content {
    ($($max:ident)*) => { $(
        impl Field for Content<$max> {
            fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
                let at = from.at();
                let length: u32 = from.field(what)?;
                let bytes = from.take(usize::try_from(length).unwrap_or(usize::MAX), what)?;
                Self::new(bytes).map_err(|_| PduError::new(at, what))
            }

            fn write(&self, out: &mut Vec<u8>) {
                (self.0.len() as u32).write(out); // at most some thousand by construction
                out.extend_from_slice(&self.0);
            }
        }
    )* };
}
long_content!(SGIP_CONTENT SGIP_SUBMIT_CONTENT);

impl<const N: usize> Field for Receivers<N> {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        let at = from.at();
        let count: u8 = from.field(what)?;
        if count == 0 || usize::from(count) > Self::MAX {
            return Err(PduError::new(at, "number of receivers"));
        }
        (0..count).map(|_| from.field(what)).collect::<Result<_, _>>().map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.0.len() as u8); // at most 100 by construction
        self.0.iter().for_each(|field| field.write(out));
    }
}

/// Declares PDU bodies: a struct, and its reading and writing in the order of the fields.
macro_rules! layout {
    ($(
        $(#[$doc:meta])*
        $name:ident { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }

        impl $crate::carrier::pdu::Field for $name {
            fn read(
                from: &mut $crate::carrier::pdu::Reader<'_>,
                _: &'static str,
            ) -> Result<Self, $crate::carrier::pdu::PduError> {
                Ok(Self { $( $field: from.field(stringify!($field))?, )* })
            }

            fn write(&self, out: &mut Vec<u8>) {
                $( $crate::carrier::pdu::Field::write(&self.$field, out); )*
            }
        }
    )* };
}
pub(crate) use layout;

/// Appends one PDU: `head` writes what follows the length, `body` the rest; the length is filled in afterwards.
pub(crate) fn framed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = (out.len() - start) as u32; // a PDU has some thousand bytes
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Checks that the length which a PDU names is the length that it has.
pub(crate) fn named_length(from: &mut Reader<'_>) -> Result<(), PduError> {
    let whole = from.left();
    let named: u32 = from.field("length")?;
    if usize::try_from(named) == Ok(whole) { Ok(()) } else { Err(PduError::new(0, "length is not that of the bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_takes_what_fits_and_nothing_else() {
        let full = Octets::<6>::new("901234").unwrap();
        assert_eq!((full.as_bytes(), full.wire()), (&b"901234"[..], b"901234"));
        assert_eq!(Octets::<6>::new("9012345"), Err(FieldError::TooLong { bytes: 7, max: 6 }));
        for (text, at) in [("a\0", 1), ("测", 0), (" a", 0), ("a ", 1), ("ab\n", 2), (" ", 0)] {
            assert_eq!(Octets::<6>::new(text), Err(FieldError::Character { at }), "{text:?}");
        }
        assert_eq!(Octets::<6>::new("a b").unwrap().wire(), b"a b\0\0\0");
    }

    #[test]
    fn a_field_is_read_to_its_first_zero_without_spaces() {
        for (raw, text) in [
            (b"ab\0cd\0", &b"ab"[..]),
            (b"  ab  ", b"ab"),
            (b"\0\0\0\0\0\0", b""),
            (b"      ", b""),
            (b"\xff\xfe\0\0\0\0", b"\xff\xfe"),
            (b"abcdef", b"abcdef"),
        ] {
            assert_eq!(Octets::<6>::from_wire(raw).as_bytes(), text);
        }
    }

    #[test]
    fn numbers_are_found_and_never_shown() {
        for spelling in ["13800138000", "8613800138000", "+8613800138000"] {
            let field = Octets::<21>::new(spelling).unwrap();
            assert_eq!(field.phone().unwrap(), Phone::parse("13800138000").unwrap());
            assert!(!format!("{field:?}").contains("138"));
        }
    }

    #[test]
    fn receivers_are_one_to_a_hundred() {
        let some = |n| Receivers::new(vec![Octets::<21>::EMPTY; n]);
        assert_eq!(some(0), Err(FieldError::Receivers { count: 0, max: 100 }));
        assert_eq!(some(101), Err(FieldError::Receivers { count: 101, max: 100 }));
        assert!(some(100).is_ok());
    }
}
