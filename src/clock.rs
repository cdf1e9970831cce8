//! Time and randomness: the only module that reads either from the system.
//!
//! Everything else takes `now` as an argument or asks the [`Clock`] that it was given, so that a campaign can be
//! replayed, a test can stand at any hour, and a signature is reproducible to the byte.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// `Display` and serde use RFC 3339 in Beijing time (UTC+8), the zone in which mainland windows and days are counted.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

/// Mainland China keeps UTC+8 all year (no summer time since 1991), so the zone is a constant and never read from `TZ`.
pub const SHANGHAI: jiff::tz::Offset = jiff::tz::offset(8);

/// Milliseconds in 24 hours: caps, promises and validity count these, not calendar days.
pub const DAY_MS: i64 = 86_400_000;

/// The year 9999 ends here; later values cannot be written as RFC 3339.
const MAX_MS: i64 = 253_402_207_200_000 - 1;

impl Timestamp {
    /// The earliest moment that is ever compared: the epoch.
    pub const EPOCH: Self = Self(0);
    /// A moment after every other, for "no end".
    pub const FAR: Self = Self(MAX_MS);

    /// Builds from milliseconds since the epoch, clamped to the years 1970 to 9999.
    pub const fn from_millis(ms: i64) -> Self {
        Self(if ms < 0 {
            0
        } else if ms > MAX_MS {
            MAX_MS
        } else {
            ms
        })
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This moment and `by`, saturating.
    #[must_use]
    pub const fn plus(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(by.as_millis() as i64))
    }

    /// This moment less `by`, saturating at the epoch.
    #[must_use]
    pub const fn minus(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(by.as_millis() as i64))
    }

    /// `days` × 24 hours later, saturating.
    #[must_use]
    pub const fn plus_days(self, days: u16) -> Self {
        Self::from_millis(self.0.saturating_add(days as i64 * DAY_MS))
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        let ms = self.0 - earlier.0;
        Duration::from_millis(if ms < 0 { 0 } else { ms as u64 })
    }

    /// The calendar day in Asia/Shanghai.
    pub fn day(self) -> jiff::civil::Date {
        self.civil().date()
    }

    /// The civil date and time in Asia/Shanghai.
    pub fn civil(self) -> jiff::civil::DateTime {
        SHANGHAI.to_datetime(self.instant())
    }

    fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The moment of a civil date and time in Asia/Shanghai.
    pub fn from_civil(at: jiff::civil::DateTime) -> Self {
        SHANGHAI.to_timestamp(at).map_or(Self::EPOCH, |t| Self::from_millis(t.as_millisecond()))
    }

    /// Writes the time as platforms do that leave the zone out: Beijing's, in whole seconds (`2026-12-11 10:00:00`).
    pub fn to_beijing(self) -> String {
        self.civil().strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Parses a time that carries no zone (`2026-12-11 10:00:00`) as Beijing's.
    ///
    /// # Errors
    /// [`TimeError`] when it is no date and time.
    pub fn parse_beijing(s: &str) -> Result<Self, TimeError> {
        s.trim().parse::<jiff::civil::DateTime>().map(Self::from_civil).map_err(|_| TimeError)
    }

    /// Parses `yyMMddHHmm` or `yyMMddHHmmss` of this century as Beijing's. What is told to the minute is taken as its last
    /// second, so that no refusal seems older than it is.
    pub(crate) fn parse_compact(s: &str) -> Option<Self> {
        let s = s.trim();
        if !matches!(s.len(), 10 | 12) || !s.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let pair = |at: usize| s.get(at..at + 2)?.parse::<i8>().ok();
        let (year, second) = (2000 + i16::from(pair(0)?), pair(10).unwrap_or(59));
        let civil = jiff::civil::DateTime::new(year, pair(2)?, pair(4)?, pair(6)?, pair(8)?, second, 0);
        civil.ok().map(Self::from_civil)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.instant().display_with_offset(SHANGHAI))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A time that could not be read; write RFC 3339 with an offset, such as `2026-12-11T10:00:00+08:00`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a time; write RFC 3339 with an offset, such as 2026-12-11T10:00:00+08:00")]
pub struct TimeError;

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(s: &str) -> Result<Self, TimeError> {
        let t: jiff::Timestamp = s.trim().parse().map_err(|_| TimeError)?;
        let ms = t.as_millisecond();
        if (0..=MAX_MS).contains(&ms) { Ok(Self(ms)) } else { Err(TimeError) }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

/// A boxed wait, as [`Clock::sleep`] gives it.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The one source of time and randomness that a store, a campaign and a provider are given.
///
/// # Contract
/// `mono` never goes back. `now` may step. `sleep` ends when `mono` has advanced by at least the duration.
/// `fill` gives unpredictable bytes (a test clock may be seeded).
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary moment; never goes back.
    fn mono(&self) -> Duration;
    /// Waits.
    fn sleep(&self, for_: Duration) -> Sleep;
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
    /// Whether the wall clock may be set back on purpose; only a test's may, and is then exempt from the clock mark.
    fn may_step_back(&self) -> bool {
        false
    }
}

/// The machine's clock, the operating system's random source, tokio's timer.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    random: SystemRandom,
}

impl SystemClock {
    /// The machine's clock.
    pub fn new() -> Self {
        Self { start: Instant::now(), random: SystemRandom::new() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        Timestamp::from_millis(ms)
    }

    fn mono(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, for_: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(for_))
    }

    fn fill(&self, out: &mut [u8]) {
        self.random.fill(out);
    }
}

/// The operating system's random source; a keyring draws its nonces here whatever clock it was made with, since a
/// nonce that a seeded clock repeats would break the seal.
#[derive(Debug)]
pub(crate) struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    pub(crate) fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }

    pub(crate) fn fill(&self, out: &mut [u8]) {
        use ring::rand::SecureRandom;
        // A machine without a random source cannot seal a number; stopping is the only safe answer.
        self.0.fill(out).expect("the operating system's random source answers");
    }
}

/// The moment and the nonce of one provider call: what a signature depends on besides keys and content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// When the call is signed.
    pub at: Timestamp,
    /// Thirty-two lower-case hexadecimal digits, never used twice.
    pub nonce: String,
}

impl Stamp {
    /// A fresh stamp from `clock`.
    pub fn fresh(clock: &dyn Clock) -> Self {
        let mut bytes = [0u8; 16];
        clock.fill(&mut bytes);
        Self { at: clock.now(), nonce: crate::id::hex(&bytes) }
    }
}
