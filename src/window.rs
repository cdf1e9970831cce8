//! Allowed hours of the day, on the clocks of mainland China.
//!
//! Mainland China keeps one time, UTC+8, and has had no summer time since 1991, so the offset is fixed and no time zone
//! data is read. No law names hours for marketing; providers do, and the shop may be stricter.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: u16 = 1440;
const DAY_MS: i64 = DAY_MINUTES as i64 * MINUTE_MS;
/// UTC+8.
const OFFSET_MS: i64 = 8 * 60 * MINUTE_MS;

/// Hours of every day in Asia/Shanghai, start included, end excluded, whole minutes.
///
/// Does not span midnight. Written `09:00-20:00`, serialised `["09:00","20:00"]`; `24:00` may stand as the end.
///
/// # Example
/// ```
/// use optin106::window::Window;
///
/// let window: Window = "09:00-20:00".parse()?;
/// let noon = 4 * 3_600_000; // 1970-01-01 12:00 in Shanghai
/// assert!(window.contains(noon));
/// assert_eq!(window.close_after(noon), Some(noon + 8 * 3_600_000));
/// # Ok::<(), optin106::window::WindowError>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "(String, String)", into = "(String, String)")]
pub struct Window {
    start: u16,
    end: u16, // start < end <= 1440
}

/// Why a text is no [`Window`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// The end does not lie after the start.
    #[error("the window ends before or when it starts")]
    Empty,
    /// The end is not `HH:MM` from 00:00 to 24:00.
    #[error("the end of the window is not a time of day like 20:00")]
    End,
    /// The two times are not joined by one `-`.
    #[error("the window is not two times joined by a hyphen")]
    Separator,
    /// The start is not `HH:MM` from 00:00 to 24:00.
    #[error("the start of the window is not a time of day like 09:00")]
    Start,
}

impl Window {
    /// Builds from minutes after midnight, `0 <= start < end <= 1440`.
    ///
    /// # Errors
    /// [`WindowError`] when they are not in that order.
    pub fn from_minutes(start: u16, end: u16) -> Result<Self, WindowError> {
        Self::new(&format!("{:02}:{:02}", start / 60, start % 60), &format!("{:02}:{:02}", end / 60, end % 60))
    }

    /// Makes a window from two times of day, `HH:MM` each.
    ///
    /// # Errors
    /// [`WindowError`], also for an end at or before the start.
    pub fn new(start: &str, end: &str) -> Result<Self, WindowError> {
        let start = minute_of_day(start).ok_or(WindowError::Start)?;
        let end = minute_of_day(end).ok_or(WindowError::End)?;
        if start < end { Ok(Self { start, end }) } else { Err(WindowError::Empty) }
    }

    /// First minute of the day inside, 0 to 1439.
    pub const fn start_minute(self) -> u16 {
        self.start
    }

    /// First minute of the day past the end, 1 to 1440.
    pub const fn end_minute(self) -> u16 {
        self.end
    }

    /// Whether `t_ms`, milliseconds since the Unix epoch, lies inside.
    pub fn contains(&self, t_ms: i64) -> bool {
        (self.start_ms()..self.end_ms()).contains(&time_of_day(t_ms))
    }

    /// The first moment at or after `t_ms` that lies inside: `t_ms` itself while open.
    ///
    /// Stays at `i64::MAX` at the end of time.
    pub fn next_open(&self, t_ms: i64) -> i64 {
        let now = time_of_day(t_ms);
        if self.contains(t_ms) {
            t_ms
        } else if now < self.start_ms() {
            t_ms.saturating_add(self.start_ms() - now)
        } else {
            t_ms.saturating_add(DAY_MS - now + self.start_ms())
        }
    }

    /// The first moment past the window that is open at `t_ms`; `None` while closed.
    ///
    /// A window of the whole day closes at midnight and opens again in the same moment.
    pub fn close_after(&self, t_ms: i64) -> Option<i64> {
        self.contains(t_ms).then(|| t_ms.saturating_add(self.end_ms() - time_of_day(t_ms)))
    }

    /// The hours that lie in both; `None` if there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let (start, end) = (self.start.max(other.start), self.end.min(other.end));
        (start < end).then_some(Self { start, end })
    }

    fn start_ms(self) -> i64 {
        i64::from(self.start) * MINUTE_MS
    }

    fn end_ms(self) -> i64 {
        i64::from(self.end) * MINUTE_MS
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", time_text(self.start), time_text(self.end))
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(s: &str) -> Result<Self, WindowError> {
        let (start, end) = s.split_once('-').ok_or(WindowError::Separator)?;
        Self::new(start, end)
    }
}

impl From<Window> for (String, String) {
    fn from(window: Window) -> Self {
        (time_text(window.start), time_text(window.end))
    }
}

impl TryFrom<(String, String)> for Window {
    type Error = WindowError;

    fn try_from((start, end): (String, String)) -> Result<Self, WindowError> {
        Self::new(&start, &end)
    }
}

fn time_text(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Milliseconds since midnight in Shanghai. Reduced before the offset is added, so that no moment overflows.
fn time_of_day(t_ms: i64) -> i64 {
    (t_ms.rem_euclid(DAY_MS) + OFFSET_MS) % DAY_MS
}

fn minute_of_day(text: &str) -> Option<u16> {
    let &[h1, h2, b':', m1, m2] = text.as_bytes() else {
        return None;
    };
    let digit = |b: u8| b.is_ascii_digit().then(|| u16::from(b - b'0'));
    let hours = digit(h1)? * 10 + digit(h2)?;
    let minutes = digit(m1)? * 10 + digit(m2)?;
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::DateTime;
    use jiff::tz::offset;
    use proptest::prelude::*;

    use super::*;

    fn civil(t_ms: i64) -> DateTime {
        offset(8).to_datetime(Timestamp::from_millisecond(t_ms).unwrap())
    }

    fn millis(at: DateTime) -> i64 {
        offset(8).to_timestamp(at).unwrap().as_millisecond()
    }

    fn naive_contains(window: Window, t_ms: i64) -> bool {
        let at = civil(t_ms);
        let minute = at.hour() as u16 * 60 + at.minute() as u16;
        window.start <= minute && minute < window.end
    }

    fn at_minute(at: DateTime, minute: u16) -> DateTime {
        let midnight = at.date().at(0, 0, 0, 0);
        midnight.checked_add(jiff::Span::new().minutes(i64::from(minute))).unwrap()
    }

    fn naive_next_open(window: Window, t_ms: i64) -> i64 {
        let at = civil(t_ms);
        let tomorrow = at.checked_add(jiff::Span::new().days(1)).unwrap();
        let opens = [at_minute(at, window.start), at_minute(tomorrow, window.start)];
        if naive_contains(window, t_ms) {
            return t_ms;
        }
        millis(opens.into_iter().find(|open| *open > at).unwrap())
    }

    prop_compose! {
        fn any_window()(start in 0u16..1440)(end in start + 1..=1440, start in Just(start)) -> Window {
            Window { start, end }
        }
    }

    // 1900 to 2100.
    const SPAN: std::ops::Range<i64> = -2_208_988_800_000..4_102_444_800_000;

    proptest! {
        #[test]
        fn agrees_with_the_calendar(window in any_window(), t in SPAN) {
            prop_assert_eq!(window.contains(t), naive_contains(window, t));
            prop_assert_eq!(window.next_open(t), naive_next_open(window, t));
            let close = naive_contains(window, t).then(|| millis(at_minute(civil(t), window.end)));
            prop_assert_eq!(window.close_after(t), close);
        }

        #[test]
        fn edges_are_half_open(window in any_window(), t in SPAN) {
            let open = window.next_open(t);
            prop_assert!(open >= t && window.contains(open));
            let close = window.close_after(open).unwrap();
            prop_assert!(window.contains(close - 1));
            prop_assert_eq!(window.contains(close), window.end - window.start == 1440);
            prop_assert!(open == t || !window.contains(open - 1) || window.end - window.start == 1440);
        }

        #[test]
        fn an_intersection_holds_what_both_hold(a in any_window(), b in any_window(), t in SPAN) {
            let both = a.intersect(&b).is_some_and(|w| w.contains(t));
            prop_assert_eq!(both, a.contains(t) && b.contains(t));
            prop_assert_eq!(a.intersect(&b), b.intersect(&a));
        }

        #[test]
        fn is_read_as_it_is_written(window in any_window()) {
            prop_assert_eq!(window.to_string().parse(), Ok(window));
            let json = serde_json::to_string(&window).unwrap();
            prop_assert_eq!(serde_json::from_str::<Window>(&json).unwrap(), window);
        }

        #[test]
        fn no_text_and_no_moment_panics(text in ".{0,14}", t in any::<i64>(), window in any_window()) {
            let _ = text.parse::<Window>();
            let _ = (window.contains(t), window.next_open(t), window.close_after(t));
        }
    }

    #[test]
    fn refuses_what_is_no_window() {
        assert_eq!(Window::new("20:00", "09:00"), Err(WindowError::Empty));
        assert_eq!(Window::new("09:00", "09:00"), Err(WindowError::Empty));
        assert_eq!(Window::new("24:00", "24:00"), Err(WindowError::Empty));
        assert_eq!(Window::new("9:00", "20:00"), Err(WindowError::Start));
        assert_eq!(Window::new("09:60", "20:00"), Err(WindowError::Start));
        assert_eq!(Window::new("09:00", "24:01"), Err(WindowError::End));
        assert_eq!(Window::new("09:00", "2０:00"), Err(WindowError::End));
        assert_eq!("09:00".parse::<Window>(), Err(WindowError::Separator));
        assert_eq!("09:00-20:00-21:00".parse::<Window>(), Err(WindowError::End));
        assert!(serde_json::from_str::<Window>(r#"["20:00","09:00"]"#).is_err());
    }

    #[test]
    fn the_day_of_the_hours_is_the_day_in_shanghai() {
        let window = Window::new("09:00", "20:00").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        assert!(!window.contains(at("2026-12-11T20:00:00+08:00")));
        assert_eq!(window.next_open(at("2026-12-11T20:00:00+08:00")), at("2026-12-12T09:00:00+08:00"));
        assert_eq!(window.next_open(at("2026-12-11T08:59:59.999+08:00")), at("2026-12-11T09:00:00+08:00"));
        assert_eq!(window.close_after(at("2026-12-11T19:59:59.999+08:00")), Some(at("2026-12-11T20:00:00+08:00")));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for window in [Window { start: 0, end: 1440 }, Window { start: 0, end: 1 }, Window { start: 1439, end: 1440 }] {
            for t in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
                assert!(window.next_open(t) >= t);
                assert!(window.close_after(t).is_none_or(|close| close >= t));
            }
        }
    }
}
