//! Names that are made or given before anything is sent: owners, shops, accounts, campaigns, references, recipient ids.

use std::fmt;

/// Why a name was not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// A character that is not allowed, at this position (counted in characters from 0).
    #[error("character {at} is not allowed in a {what}; use letters, digits and - _ . : @")]
    Character {
        /// Which name.
        what: &'static str,
        /// Zero-based position.
        at: usize,
    },
    /// A character that is no digit, where only digits are allowed, at this position (counted in characters from 0).
    #[error("character {at} of a {what} is no digit from 0 to 9")]
    Digit {
        /// Which name.
        what: &'static str,
        /// Zero-based position.
        at: usize,
    },
    /// Nothing was given.
    #[error("a {what} is needed")]
    Empty {
        /// Which name.
        what: &'static str,
    },
    /// More than the allowed number of bytes.
    #[error("a {what} has at most {max} bytes")]
    TooLong {
        /// Which name.
        what: &'static str,
        /// The limit.
        max: usize,
    },
}

const MAX: usize = 64;

fn checked(what: &'static str, s: &str) -> Result<Box<str>, IdError> {
    if s.is_empty() {
        return Err(IdError::Empty { what });
    }
    if s.len() > MAX {
        return Err(IdError::TooLong { what, max: MAX });
    }
    match s.chars().position(|c| !(c.is_alphanumeric() || "-_.:@".contains(c))) {
        Some(at) => Err(IdError::Character { what, at }),
        None => Ok(s.into()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes 1 to 64 bytes of letters, digits (of any script) and `- _ . : @`.
            ///
            /// # Errors
            /// [`IdError`] naming the position of the first character that is not allowed.
            pub fn new(s: impl AsRef<str>) -> Result<Self, IdError> {
                checked($what, s.as_ref()).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(s: &str) -> Result<Self, IdError> {
                Self::new(s)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let s = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::new(s).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// One login at one platform or carrier.
    AccountId,
    "account id"
);
name!(
    /// A campaign's name, unique within its shop.
    CampaignName,
    "campaign name"
);
name!(
    /// The legal entity behind shops: its registration id (统一社会信用代码 or the like). Stops and caps hold for it.
    OwnerId,
    "owner id"
);
name!(
    /// One storefront of an owner.
    ShopId,
    "shop id"
);
name!(
    /// One text of a campaign (A/B).
    VariantName,
    "variant name"
);

/// A sub-port extension (扩展码): the digits behind an account's port (码号) that a message comes from and a reply goes to.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Extension(Box<str>);

impl Extension {
    /// More digits are refused: a carrier's number has at most 20, of which a port takes eight. Platforms allow fewer.
    pub const MAX: usize = 12;

    /// Takes 1 to 12 digits; `01` and `1` are two extensions.
    ///
    /// # Errors
    /// [`IdError`] naming the position of the first character that is no digit.
    pub fn new(digits: impl AsRef<str>) -> Result<Self, IdError> {
        let (what, digits) = ("sub-port extension", digits.as_ref());
        if digits.is_empty() {
            return Err(IdError::Empty { what });
        }
        if let Some(at) = digits.chars().position(|c| !c.is_ascii_digit()) {
            return Err(IdError::Digit { what, at });
        }
        if digits.len() > Self::MAX {
            return Err(IdError::TooLong { what, max: Self::MAX });
        }
        Ok(Self(digits.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Extension {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        Self::new(s)
    }
}

/// A person's pseudonym in the store: the first 16 bytes of HMAC-SHA-256 over (kind, E.164 number) under the index key.
///
/// Eleven digits are guessable, so it hides a number only from those who do not hold the key.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Rid(pub(crate) [u8; 16]);

impl Rid {
    /// The sixteen bytes, as stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads back sixteen stored bytes; `None` for another length.
    pub fn from_slice(b: &[u8]) -> Option<Self> {
        b.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rid({}…)", hex(&self.0[..4]))
    }
}

/// Our own id of one platform call, made before it is sent: 16 random bytes, written as 32 hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Reference(pub(crate) [u8; 16]);

impl Reference {
    /// A fresh reference.
    pub fn fresh(clock: &dyn crate::clock::Clock) -> Self {
        let mut b = [0; 16];
        clock.fill(&mut b);
        Self(b)
    }

    /// The sixteen bytes, as stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads back sixteen stored bytes; `None` for another length.
    pub fn from_slice(b: &[u8]) -> Option<Self> {
        b.try_into().ok().map(Self)
    }

    /// Reads what [`Display`](fmt::Display) wrote; `None` for anything else.
    pub fn parse(s: &str) -> Option<Self> {
        unhex(s).and_then(|v| v.as_slice().try_into().ok()).map(Self)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut s = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        s.push(DIGITS[(b >> 4) as usize] as char);
        s.push(DIGITS[(b & 15) as usize] as char);
    }
    s
}

/// Reads hexadecimal of either case; `None` for anything else.
pub(crate) fn unhex(s: &str) -> Option<Vec<u8>> {
    if !s.len().is_multiple_of(2) || !s.is_ascii() {
        return None;
    }
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    s.as_bytes().chunks(2).map(|p| Some(digit(p[0])? << 4 | digit(p[1])?)).collect()
}
