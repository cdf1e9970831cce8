//! The time after which a carrier may not deliver, and the time before which it may not: `YYMMDDhhmmsstnnp`.
//!
//! Source: CMPP section 8 (the form of SMPP 3.3). SGIP takes the absolute form with `032+` only.

use jiff::ToSpan;
use jiff::civil::DateTime;
use std::time::Duration;

use super::pdu::{FieldError, Octets};
use crate::clock::Timestamp;

/// A validity or schedule time: a whole second, or a length of time from the moment that the gateway takes the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ValidTime {
    /// At this moment.
    Absolute(Timestamp),
    /// So long after the gateway has taken it: years, months, days, hours, minutes, seconds.
    Relative([u8; 6]),
}

/// The first moment that two digits of a year cannot name any more: 2100 in Beijing.
const CENTURY_END: jiff::civil::Date = jiff::civil::date(2100, 1, 1);
const CENTURY: jiff::civil::Date = jiff::civil::date(2000, 1, 1);

impl ValidTime {
    /// The last whole second before `end`, for a window whose end is excluded: a carrier that delivers until then
    /// delivers nothing at `end`.
    ///
    /// # Errors
    /// [`FieldError::Range`] outside 2000 to 2099, which two digits of a year cannot tell apart.
    pub fn before(end: Timestamp) -> Result<Self, FieldError> {
        let last = Timestamp::from_millis((end.millis() - 1).div_euclid(1000) * 1000);
        if (CENTURY..CENTURY_END).contains(&last.day()) {
            Ok(Self::Absolute(last))
        } else {
            Err(FieldError::Range { what: "year" })
        }
    }

    /// At most `length` from when the gateway takes the message, in whole seconds. CMPP and SMGP only.
    ///
    /// # Errors
    /// [`FieldError::Range`] for less than a second, or 31 days and more.
    pub fn within(length: Duration) -> Result<Self, FieldError> {
        let seconds = length.as_secs();
        let days = seconds / 86_400;
        if seconds == 0 || days > 30 {
            return Err(FieldError::Range { what: "length of time" });
        }
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        Ok(Self::Relative([0, 0, days as u8, hours as u8, minutes as u8, (seconds % 60) as u8]))
    }

    /// The sixteen characters.
    #[must_use]
    pub fn chars(self) -> [u8; 16] {
        let (pairs, tail) = match self {
            Self::Absolute(at) => {
                let at = at.civil();
                let year = at.year().rem_euclid(100) as i8;
                let pairs = [year, at.month(), at.day(), at.hour(), at.minute(), at.second()];
                (pairs.map(i8::unsigned_abs), *b"032+")
            }
            Self::Relative(pairs) => (pairs, *b"000R"),
        };
        let mut chars = [0; 16];
        for (two, pair) in chars.chunks_exact_mut(2).zip(pairs) {
            two.copy_from_slice(&[b'0' + pair / 10 % 10, b'0' + pair % 10]);
        }
        chars[12..].copy_from_slice(&tail);
        chars
    }

    /// The field of CMPP and SMGP (17 bytes) or SGIP (16).
    #[must_use]
    pub fn field<const N: usize>(self) -> Octets<N> {
        const { assert!(N >= 16, "sixteen characters fit") };
        let mut raw = [0; N];
        raw[..16].copy_from_slice(&self.chars());
        Octets::from_wire(&raw)
    }

    /// Reads a field that is not empty, with any offset from UTC; tenths of a second are dropped.
    ///
    /// # Errors
    /// [`FieldError::Range`] for what is no time, [`FieldError::TooLong`] for more than sixteen characters.
    pub fn read(field: &[u8]) -> Result<Self, FieldError> {
        let wrong = |what| FieldError::Range { what };
        let chars: &[u8; 16] = field.try_into().map_err(|_| FieldError::TooLong { bytes: field.len(), max: 16 })?;
        if !chars[..15].iter().all(u8::is_ascii_digit) {
            return Err(wrong("digit"));
        }
        let pair = |at: usize| (chars[at] - b'0') * 10 + (chars[at + 1] - b'0');
        let pairs = [pair(0), pair(2), pair(4), pair(6), pair(8), pair(10)];
        let quarters = i64::from(pair(13));
        match chars[15] {
            b'R' => Ok(Self::Relative(pairs)),
            b'+' if quarters <= 48 => absolute(pairs, quarters).ok_or(wrong("date")),
            b'-' if quarters <= 48 => absolute(pairs, -quarters).ok_or(wrong("date")),
            _ => Err(wrong("offset")),
        }
    }

    /// The moment that is meant, for a message which the gateway takes at `taken`.
    #[must_use]
    pub fn moment(self, taken: Timestamp) -> Timestamp {
        match self {
            Self::Absolute(at) => at,
            Self::Relative(pairs) => {
                let [years, months, days, hours, minutes, seconds] = pairs.map(i64::from);
                let span = years.years().months(months).days(days).hours(hours).minutes(minutes).seconds(seconds);
                taken.civil().checked_add(span).map_or(Timestamp::FAR, Timestamp::from_civil)
            }
        }
    }
}

fn absolute(pairs: [u8; 6], quarters: i64) -> Option<ValidTime> {
    let [year, month, day, hour, minute, second] = pairs.map(|p| p as i8);
    let there = DateTime::new(2000 + i16::from(year), month, day, hour, minute, second, 0).ok()?;
    // Beijing is 32 quarters of an hour ahead of UTC.
    let here = there.checked_add(((32 - quarters) * 15).minutes()).ok()?;
    Some(ValidTime::Absolute(Timestamp::from_civil(here)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(end: &str) -> String {
        String::from_utf8(ValidTime::before(end.parse().unwrap()).unwrap().chars().to_vec()).unwrap()
    }

    #[test]
    fn nothing_is_valid_at_the_end_of_the_window() {
        assert_eq!(chars("2026-07-11T20:00:00+08:00"), "260711195959032+");
        assert_eq!(chars("2026-07-11T20:00:00.001+08:00"), "260711200000032+");
        assert_eq!(chars("2026-12-31T16:00:00Z"), "261231235959032+");
        assert!(ValidTime::before("1999-12-31T23:59:59+08:00".parse().unwrap()).is_err());
        assert!(ValidTime::before("2100-01-01T00:00:01+08:00".parse().unwrap()).is_err());
        assert_eq!(chars("2100-01-01T00:00:00+08:00"), "991231235959032+");
    }

    #[test]
    fn both_forms_are_read_and_written() {
        for text in ["260711090102032+", "000000010000000R", "991231235959032+"] {
            assert_eq!(ValidTime::read(text.as_bytes()).unwrap().chars(), text.as_bytes(), "{text}");
        }
        let hour = ValidTime::within(Duration::from_millis(3_600_999)).unwrap();
        assert_eq!(&hour.chars(), b"000000010000000R");
        let taken = "2026-07-11T19:30:00+08:00".parse().unwrap();
        assert_eq!(hour.moment(taken), "2026-07-11T20:30:00+08:00".parse().unwrap());
        let utc = ValidTime::read(b"260711010102000+").unwrap();
        assert_eq!(utc, ValidTime::read(b"260711090102032+").unwrap());
        assert_eq!(utc, ValidTime::read(b"260710200102020-").unwrap());
        assert_eq!(utc.moment(Timestamp::EPOCH), "2026-07-11T09:01:02+08:00".parse().unwrap());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "260711090102032", "260711090102032+ ", "261311090102032+", "26071109010a032+"] {
            assert!(ValidTime::read(text.as_bytes()).is_err(), "{text}");
        }
        for text in ["260711090102049+", "260711090102032x", "260731250102032+", "260231090102032+"] {
            assert!(ValidTime::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(ValidTime::within(Duration::from_millis(999)).is_err());
        assert!(ValidTime::within(Duration::from_secs(31 * 86_400)).is_err());
    }
}
