//! How long what is kept, and what is destroyed after it.

use super::Optin106;
use super::stops::days;
use crate::facts::Event;
use crate::store::StoreError;

/// Proof of consent is kept this long by default: the limitation period (R-REC-4).
pub(super) const CONSENT_DAYS: u16 = 3 * 366;

/// Proof is not kept shorter: five months (R-REC-3), rounded up to the six of messages (R-REC-1).
const FLOOR_DAYS: u16 = 184;

/// Sends count this long.
const COUNTED_DAYS: u16 = crate::facts::KEEP_DAYS;

/// How long messages and proofs are kept. Stops are kept without end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetentionPolicy {
    messages: u16,
    consents: u16,
}

impl Default for RetentionPolicy {
    /// Three years each.
    fn default() -> Self {
        Self { messages: CONSENT_DAYS, consents: CONSENT_DAYS }
    }
}

impl RetentionPolicy {
    /// Three years each.
    pub fn new() -> Self {
        Self::default()
    }

    /// Message rows are kept so many days, at least 366: six months by law (R-REC-1), a year because sends count towards
    /// caps and promises that long.
    #[must_use]
    pub fn messages(mut self, days: u16) -> Self {
        self.messages = days.max(COUNTED_DAYS);
        self
    }

    /// Evidence of persons who asked for deletion is kept so many days after it, at least 184; Shanghai sellers keep 1,827
    /// (R-REC-3).
    #[must_use]
    pub fn consents(mut self, days: u16) -> Self {
        self.consents = days.max(FLOOR_DAYS);
        self
    }
}

/// What a pass of [`Optin106::retain`] removed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Retained {
    /// Message rows.
    pub messages: u64,
    /// Sealed values of persons who asked for deletion.
    pub sealed: u64,
}

const DONE: &str = "retain.erased";

impl Optin106 {
    /// Removes what need not be kept any longer. Run it daily; a pass that was cut goes on where it stood.
    ///
    /// # Errors
    /// The store's; what was removed before stays removed.
    pub async fn retain(&self, policy: RetentionPolicy) -> Result<Retained, StoreError> {
        let now = self.clock().now();
        let mut done = Retained { messages: self.store().retain(now.minus(days(policy.messages))).await?, sealed: 0 };
        let before = now.minus(days(policy.consents));
        let mut after: i64 = self.store().setting(DONE).await?.and_then(|s| s.parse().ok()).unwrap_or(-1);
        loop {
            let rows = self.store().events_of("erase", after, 500).await?;
            let due: Vec<_> = rows.into_iter().take_while(|r| r.recorded <= before).collect();
            let Some(last) = due.last().map(|r| r.seq) else { return Ok(done) };
            for row in due {
                for event in row.events {
                    if let Event::Erase { shops, .. } = event {
                        done.sealed += self.store().destroy(row.rid, shops, row.recorded.plus(ONE_MS)).await?;
                    }
                }
            }
            after = last;
            self.store().put_setting(DONE, after.to_string()).await?;
        }
    }
}

/// The erasure's own moment is included.
const ONE_MS: std::time::Duration = std::time::Duration::from_millis(1);
