//! Rules as values: allowed hours, caps, pressure, how long a consent is good. Presets, and intersection with what a
//! provider allows; the strictest wins.

pub mod law;

use crate::cap::Cap;
use crate::profile::Profile;
use crate::window::Window;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What may be sent how often and when. No value here is law: hours and caps are provider rules and house policy, kept
/// inside what private peace (L-CC 1033) and the promise of each consent demand.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Allowed hours, Asia/Shanghai, half-open.
    pub window: Window,
    /// At most n marketing messages per person and owner group in any d × 24 h.
    pub caps: Vec<Cap>,
    /// The same, counted over all owner groups that share the store.
    pub pressure: Vec<Cap>,
    /// A consent is good for at most this many days, or until its own end if sooner.
    pub max_consent_days: u16,
    /// After `.0` soft delivery failures in a row a number rests for `.1` days.
    pub soft_failures: (u16, u16),
}

impl Policy {
    /// 09:00–20:00; 1 a day, 2 a week, 4 in 30 days per owner; 2 a day over all owners; consents good for a year.
    pub fn china_default() -> Self {
        Self {
            window: Window::new("09:00", "20:00").expect("a valid window"),
            caps: vec![cap(1, 1), cap(2, 7), cap(4, 30)],
            pressure: vec![cap(2, 1)],
            max_consent_days: 365,
            soft_failures: (3, 30),
        }
    }

    /// 10:00–19:00; 1 a week and 2 in 30 days per owner; 1 a day over all owners; consents good for half a year.
    pub fn china_strict() -> Self {
        Self {
            window: Window::new("10:00", "19:00").expect("a valid window"),
            caps: vec![cap(1, 7), cap(2, 30)],
            pressure: vec![cap(1, 1)],
            max_consent_days: 182,
            soft_failures: (2, 60),
        }
    }

    /// The strictest of both, rule by rule. `None` when no hour is allowed by both.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let join = |a: &[Cap], b: &[Cap]| {
            let mut all: Vec<Cap> = a.iter().chain(b).copied().collect();
            all.sort_by_key(|c| (c.days(), c.max()));
            all.dedup_by_key(|c| c.days());
            all
        };
        Some(Self {
            window: self.window.intersect(&other.window)?,
            caps: join(&self.caps, &other.caps),
            pressure: join(&self.pressure, &other.pressure),
            max_consent_days: self.max_consent_days.min(other.max_consent_days),
            soft_failures: (
                self.soft_failures.0.min(other.soft_failures.0),
                self.soft_failures.1.max(other.soft_failures.1),
            ),
        })
    }

    /// This policy within what a provider allows. `None` when no hour is allowed by both.
    pub fn within(&self, profile: &Profile) -> Option<Self> {
        let window = match profile.window {
            Some((start, end)) => self.window.intersect(&Window::from_minutes(start, end).ok()?)?,
            None => self.window,
        };
        let caps = profile.caps.iter().filter_map(|(max, days)| Cap::new(*max, *days).ok()).collect();
        self.intersect(&Self { window, caps, pressure: Vec::new(), ..self.clone() })
    }

    /// The longest period that a cap of this policy looks back, in days.
    pub(crate) fn horizon(&self) -> u16 {
        self.caps.iter().chain(&self.pressure).map(|c| c.days()).max().unwrap_or(0)
    }

    /// SHA-256 of the policy's canonical JSON: each begun row names the policy that cleared it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(serde_json::to_vec(self).expect("a policy serialises")).into()
    }
}

fn cap(max: u16, days: u16) -> Cap {
    Cap::new(max, days).expect("a preset's cap is valid")
}

impl Default for Policy {
    fn default() -> Self {
        Self::china_default()
    }
}
