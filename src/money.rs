//! Money as an exact integer: ten-thousandths of a yuan, never a float.

use std::fmt;
use std::str::FromStr;

/// An amount of yuan in ten-thousandths (0.039 yuan is 390); exact, never negative.
///
/// `Display` writes `12.3400 元`; [`Money::cny`] writes `CNY 12.3400`. serde carries the integer.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct Money(u64);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// A character that is no digit and not the one decimal point.
    #[error("character {at} is not allowed in an amount; write yuan such as 0.039")]
    Character {
        /// Zero-based position.
        at: usize,
    },
    /// No digit was given before or after the point.
    #[error("an amount is needed; write yuan such as 0.039")]
    Empty,
    /// More than four digits after the point: it would have to be rounded.
    #[error("{decimals} digits after the point; at most 4 are exact")]
    TooFine {
        /// Digits after the point.
        decimals: usize,
    },
    /// More than 64 bits of ten-thousandths.
    #[error("the amount is over 1844674407370955.1615 yuan")]
    TooLarge,
}

/// Ten-thousandths in one yuan.
const YUAN: u64 = 10_000;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Builds from ten-thousandths of a yuan.
    pub const fn from_ten_thousandths(n: u64) -> Self {
        Self(n)
    }

    /// Parses plain yuan, such as `0.039` or `12`: ASCII digits with at most one point and four decimals.
    ///
    /// # Errors
    /// [`MoneyError`] for signs, separators, a finer amount, or one over 64 bits; nothing is rounded.
    pub fn yuan_str(s: &str) -> Result<Self, MoneyError> {
        let (whole, part) = s.split_once('.').unwrap_or((s, ""));
        if let Some(at) = [whole, part].concat().chars().position(|c| !c.is_ascii_digit()) {
            let past_point = at >= whole.chars().count();
            return Err(MoneyError::Character { at: at + usize::from(past_point) });
        }
        if whole.is_empty() && part.is_empty() {
            return Err(MoneyError::Empty);
        }
        if part.len() > 4 {
            return Err(MoneyError::TooFine { decimals: part.len() });
        }
        let digits = |t: &str| t.bytes().try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')));
        let scale = 10u64.pow(4 - part.len() as u32);
        digits(whole)
            .and_then(|w| w.checked_mul(YUAN))
            .and_then(|w| w.checked_add(digits(part)? * scale))
            .map(Self)
            .ok_or(MoneyError::TooLarge)
    }

    /// The amount in ten-thousandths of a yuan.
    pub const fn ten_thousandths(self) -> u64 {
        self.0
    }

    /// The sum; `None` over 64 bits.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// This amount less `other`; `None` when `other` is more.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// `times` this amount; `None` over 64 bits.
    #[must_use]
    pub const fn checked_mul(self, times: u64) -> Option<Self> {
        match self.0.checked_mul(times) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// The bare amount with four decimals, such as `12.3400`.
    pub fn yuan(self) -> String {
        format!("{}.{:04}", self.0 / YUAN, self.0 % YUAN)
    }

    /// The amount for English text, such as `CNY 12.3400`.
    pub fn cny(self) -> String {
        format!("CNY {}", self.yuan())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} 元", self.0 / YUAN, self.0 % YUAN)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(s: &str) -> Result<Self, MoneyError> {
        Self::yuan_str(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_exactly() {
        for (s, n) in [("0.039", 390), ("12", 120_000), ("0", 0), (".5", 5_000), ("3.", 30_000), ("007.0001", 70_001)] {
            assert_eq!(Money::yuan_str(s).map(Money::ten_thousandths), Ok(n), "{s}");
        }
        assert_eq!(Money::yuan_str("1844674407370955.1615"), Ok(Money(u64::MAX)));
    }

    #[test]
    fn refuses_what_is_not_exact_or_not_an_amount() {
        use MoneyError::*;
        for (s, e) in [
            ("", Empty),
            (".", Empty),
            ("0.00001", TooFine { decimals: 5 }),
            ("0.03900", TooFine { decimals: 5 }),
            ("-1", Character { at: 0 }),
            ("1,000", Character { at: 1 }),
            ("1.2.3", Character { at: 3 }),
            ("1.x", Character { at: 2 }),
            ("\u{ff11}", Character { at: 0 }),
            ("1e3", Character { at: 1 }),
            ("1844674407370955.1616", TooLarge),
            ("99999999999999999999999", TooLarge),
        ] {
            assert_eq!(Money::yuan_str(s), Err(e), "{s}");
        }
    }

    #[test]
    fn writes_both_languages() {
        let m = Money::from_ten_thousandths(123_400);
        assert_eq!((m.to_string().as_str(), m.cny().as_str()), ("12.3400 元", "CNY 12.3400"));
        assert_eq!(serde_json::to_string(&m).unwrap(), "123400");
    }

    #[test]
    fn arithmetic_is_checked() {
        let m = Money(u64::MAX);
        assert_eq!(m.checked_add(Money(1)), None);
        assert_eq!(m.checked_mul(2), None);
        assert_eq!(Money(1).checked_sub(Money(2)), None);
        assert_eq!(Money(390).checked_mul(3), Some(Money(1170)));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(n: u64) {
            prop_assert_eq!(Money::yuan_str(&Money(n).yuan()), Ok(Money(n)));
        }

        #[test]
        fn no_text_panics(s in ".{0,40}") {
            let _ = Money::yuan_str(&s);
        }
    }
}
