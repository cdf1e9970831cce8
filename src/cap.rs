//! At most so many messages in any so many days.
//!
//! Days are spans of 24 hours that slide with the clock, not calendar days: a message sent at `s` counts at `t` while
//! `t - s` is less than the span. No law names such a number; providers do, and so does the promise made to the person.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
/// The longest span, in days.
const MAX_DAYS: u16 = 366;

/// At most [`max`](Cap::max) messages in any [`days`](Cap::days) × 24 hours. Written `2/7`, serialised `[2,7]`.
///
/// # Example
/// ```
/// use optin106::cap::Cap;
///
/// let weekly = Cap::new(2, 7)?;
/// assert!(!weekly.exceeded([0].into_iter(), 1_000));
/// assert!(weekly.exceeded([0, 500].into_iter(), 1_000));
/// assert_eq!(weekly.admits_at(&[0, 500], 1_000), 7 * 86_400_000);
/// # Ok::<(), optin106::cap::CapError>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "(u16, u16)", into = "(u16, u16)")]
pub struct Cap {
    max: u16,  // >= 1
    days: u16, // 1..=366
}

/// Why two numbers are no [`Cap`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CapError {
    /// The span is not a whole number from 1 to 366.
    #[error("the days of a cap are not 1 to 366")]
    Days,
    /// The count is not a whole number from 1 to 65535.
    #[error("the messages of a cap are not 1 to 65535")]
    Max,
    /// The two numbers are not joined by a `/`.
    #[error("the cap is not two numbers joined by a slash")]
    Separator,
}

impl Cap {
    /// Makes a cap of `max` messages, at least 1, in any `days` × 24 hours, 1 to 366.
    ///
    /// # Errors
    /// [`CapError::Max`] and [`CapError::Days`] outside these ranges.
    pub const fn new(max: u16, days: u16) -> Result<Self, CapError> {
        if max == 0 {
            return Err(CapError::Max);
        }
        if days == 0 || days > MAX_DAYS {
            return Err(CapError::Days);
        }
        Ok(Self { max, days })
    }

    /// Messages in the span, at least 1.
    pub const fn max(self) -> u16 {
        self.max
    }

    /// Length of the span in units of 24 hours, 1 to 366.
    pub const fn days(self) -> u16 {
        self.days
    }

    /// Length of the span in milliseconds.
    pub const fn span_ms(self) -> i64 {
        self.days as i64 * DAY_MS
    }

    /// Whether `sends` fill the cap at `now`, so that one more message would break it.
    ///
    /// All moments are milliseconds since the Unix epoch, in any order. A send dated after `now` counts too: clocks
    /// differ, and a doubt about a send speaks for the person. Reads no further than the cap.
    pub fn exceeded(&self, sends: impl Iterator<Item = i64>, now: i64) -> bool {
        let max = usize::from(self.max);
        sends.filter(|&sent| self.counts(sent, now)).take(max).count() == max
    }

    /// The first moment at or after `now` at which one more message would not break the cap: `now` itself if it would
    /// not now.
    ///
    /// Supposes no further sends. Milliseconds since the Unix epoch, in any order.
    pub fn admits_at(&self, sends: &[i64], now: i64) -> i64 {
        let counted = sends.iter().filter(|&&sent| self.counts(sent, now));
        let mut ends: Vec<i64> = counted.map(|sent| sent.saturating_add(self.span_ms())).collect();
        let over = ends.len().checked_sub(usize::from(self.max));
        over.map_or(now, |nth| *ends.select_nth_unstable(nth).1)
    }

    fn counts(self, sent: i64, now: i64) -> bool {
        now.saturating_sub(sent) < self.span_ms()
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.max, self.days)
    }
}

impl FromStr for Cap {
    type Err = CapError;

    fn from_str(s: &str) -> Result<Self, CapError> {
        let (max, days) = s.split_once('/').ok_or(CapError::Separator)?;
        Self::new(whole(max).ok_or(CapError::Max)?, whole(days).ok_or(CapError::Days)?)
    }
}

impl From<Cap> for (u16, u16) {
    fn from(cap: Cap) -> Self {
        (cap.max, cap.days)
    }
}

impl TryFrom<(u16, u16)> for Cap {
    type Error = CapError;

    fn try_from((max, days): (u16, u16)) -> Result<Self, CapError> {
        Self::new(max, days)
    }
}

/// Digits only: the standard parser would take a sign.
fn whole(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = DAY_MS;

    fn naive_count(cap: Cap, sends: &[i64], t: i64) -> usize {
        sends.iter().filter(|&&s| t - s < i64::from(cap.days) * 24 * 3_600_000).count()
    }

    prop_compose! {
        fn any_cap()(max in 1u16..6, days in 1u16..=40) -> Cap {
            Cap { max, days }
        }
    }

    proptest! {
        #[test]
        fn counts_like_the_definition(cap in any_cap(), sends in prop::collection::vec(-50 * DAY..5 * DAY, 0..12)) {
            let exceeded = cap.exceeded(sends.iter().copied(), 0);
            prop_assert_eq!(exceeded, naive_count(cap, &sends, 0) >= usize::from(cap.max));
        }

        #[test]
        fn admits_first_when_it_says(cap in any_cap(), sends in prop::collection::vec(-50 * DAY..5 * DAY, 0..12)) {
            let at = cap.admits_at(&sends, 0);
            prop_assert!(at >= 0 && !cap.exceeded(sends.iter().copied(), at));
            prop_assert!(at == 0 || cap.exceeded(sends.iter().copied(), at - 1));
        }

        #[test]
        fn no_number_and_no_text_panics(
            cap in any_cap(), sends in prop::collection::vec(any::<i64>(), 0..8), now in any::<i64>(), text in ".{0,12}",
        ) {
            let _ = (cap.exceeded(sends.iter().copied(), now), cap.admits_at(&sends, now), text.parse::<Cap>());
        }

        #[test]
        fn is_read_as_it_is_written(max in 1u16.., days in 1u16..=366) {
            let cap = Cap::new(max, days).unwrap();
            prop_assert_eq!(cap.to_string().parse(), Ok(cap));
            let json = serde_json::to_string(&cap).unwrap();
            prop_assert_eq!(&json, &format!("[{max},{days}]"));
            prop_assert_eq!(serde_json::from_str::<Cap>(&json).unwrap(), cap);
        }
    }

    #[test]
    fn a_send_leaves_the_span_on_the_millisecond() {
        let daily = Cap::new(1, 1).unwrap();
        assert!(daily.exceeded([0].into_iter(), DAY - 1));
        assert!(!daily.exceeded([0].into_iter(), DAY));
        assert!(daily.exceeded([DAY].into_iter(), 0), "a send from the future counts");
    }

    #[test]
    fn refuses_what_is_no_cap() {
        assert_eq!(Cap::new(0, 1), Err(CapError::Max));
        assert_eq!(Cap::new(1, 0), Err(CapError::Days));
        assert_eq!(Cap::new(1, 367), Err(CapError::Days));
        assert_eq!("2 7".parse::<Cap>(), Err(CapError::Separator));
        assert_eq!("+2/7".parse::<Cap>(), Err(CapError::Max));
        assert_eq!("70000/7".parse::<Cap>(), Err(CapError::Max));
        assert_eq!("2/".parse::<Cap>(), Err(CapError::Days));
        assert!(serde_json::from_str::<Cap>("[2,0]").is_err());
    }

    #[test]
    fn never_reads_past_the_cap() {
        let cap = Cap::new(2, 1).unwrap();
        assert!(cap.exceeded(std::iter::repeat(0), 0));
    }
}
