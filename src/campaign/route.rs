//! Which account carries the next rows: the first rank that has one ready; within a rank, by weight.

use crate::id::AccountId;
use serde::{Deserialize, Serialize};

/// The accounts of one place in a campaign's route: one, or several that share the rows by weight.
///
/// Made from an [`AccountId`], or from a list such as `[(a, 3), (b, 1)]`: three rows of four go through `a`. Weights count
/// rows begun, not parts or money. See [`CampaignBuilder::via`](super::CampaignBuilder::via).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Rank {
    /// One account.
    One(AccountId),
    /// Several, each with its weight, which is at least 1.
    Shared(Vec<(AccountId, u16)>),
}

impl Rank {
    /// The accounts with their weights.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&AccountId, u16)> {
        let (one, shared) = match self {
            Self::One(account) => (Some((account, 1)), &[][..]),
            Self::Shared(accounts) => (None, &accounts[..]),
        };
        one.into_iter().chain(shared.iter().map(|(account, weight)| (account, *weight)))
    }
}

impl From<AccountId> for Rank {
    fn from(account: AccountId) -> Self {
        Self::One(account)
    }
}

impl<const N: usize> From<[(AccountId, u16); N]> for Rank {
    fn from(accounts: [(AccountId, u16); N]) -> Self {
        Self::Shared(accounts.into())
    }
}

impl From<Vec<(AccountId, u16)>> for Rank {
    fn from(accounts: Vec<(AccountId, u16)>) -> Self {
        Self::Shared(accounts)
    }
}

/// A leg's place in the route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// Legs of an equal rank share; a lower one goes first.
    pub(super) rank: usize,
    pub(super) weight: u16,
}

/// What each leg was given in this run, so that the next batch goes where the weights say.
///
/// Of the legs that are not ahead of their share the one whose share would be used up first is next (earliest eligible
/// virtual deadline first), which keeps every leg within one batch of its weight. A leg that is not ready has given its
/// share away: it counts as if it had had it, and makes nothing up when it comes back.
#[derive(Debug)]
pub(super) struct Shares {
    places: Vec<Place>,
    /// Rows, with a fraction for what was given away.
    given: Vec<f64>,
}

impl Shares {
    pub(super) fn new(places: Vec<Place>) -> Self {
        Self { given: vec![0.0; places.len()], places }
    }

    /// The leg for the next rows, by leg: which are `ready`; which are `full`, and keep their share; which `waits`, and keeps
    /// its rank alone; and the most rows that a begin of it takes.
    pub(super) fn next(
        &self,
        ready: &[bool],
        full: &[bool],
        waits: impl Fn(usize) -> bool,
        batch: impl Fn(usize) -> usize,
    ) -> Option<usize> {
        let counts = |i: &usize| ready[*i] || full[*i] || waits(*i);
        let first = (0..self.places.len()).filter(counts).map(|i| self.places[i].rank).min()?;
        let legs = || self.of(first).filter(|i| ready[*i] || full[*i]);
        let weight = |i: usize| f64::from(self.places[i].weight);
        let mean = legs().map(|i| self.given[i]).sum::<f64>() / legs().map(weight).sum::<f64>();
        let used_up = |i: usize| (self.given[i] + batch(i) as f64) / weight(i);
        // A thousandth of a row: fractions do not add up exactly.
        let due = |i: &usize| ready[*i] && self.given[*i] <= mean * weight(*i) + 1e-3;
        legs().filter(due).min_by(|a, b| used_up(*a).total_cmp(&used_up(*b)))
    }

    /// `rows` were asked for through `leg`; less than 0 when they were not found after all.
    pub(super) fn give(&mut self, leg: usize, rows: f64, ready: &[bool]) {
        let here = |i: usize| i == leg || ready[i];
        let legs: Vec<usize> = self.of(self.places[leg].rank).collect();
        let weight: f64 = legs.iter().filter(|i| here(**i)).map(|i| f64::from(self.places[*i].weight)).sum();
        for i in legs {
            if i == leg {
                self.given[i] += rows;
            } else if !ready[i] {
                self.given[i] += rows * f64::from(self.places[i].weight) / weight;
            }
        }
    }

    fn of(&self, rank: usize) -> impl Iterator<Item = usize> {
        self.places.iter().enumerate().filter(move |(_, p)| p.rank == rank).map(|(i, _)| i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONE_FULL: [bool; 8] = [false; 8];

    #[test]
    fn what_was_stored_before_there_were_weights_is_still_read() {
        let account = |name: &str| AccountId::new(name).unwrap();
        let route: Vec<Rank> = serde_json::from_str(r#"["a","b"]"#).unwrap();
        assert_eq!(route, [Rank::One(account("a")), Rank::One(account("b"))]);
        // And written as it was, so that the same campaign is the same content.
        assert_eq!(serde_json::to_string(&route).unwrap(), r#"["a","b"]"#);
        let settings = r#"{"provider":"aliyun","pace":5,"price":390,"replies_by_hand":true}"#;
        let settings: crate::optin::AccountSettings = serde_json::from_str(settings).unwrap();
        assert_eq!((settings.pace, settings.concurrency, settings.purposes.len()), (5, 0, 0));
        let signature = r#"{"signature":"示例旗舰店","filed":true,"templates":[]}"#;
        let signature: crate::optin::AccountSignature = serde_json::from_str(signature).unwrap();
        assert!(signature.is_filed());
    }

    fn shares(weights: &[u16]) -> Shares {
        Shares::new(weights.iter().map(|w| Place { rank: 0, weight: *w }).collect())
    }

    proptest! {
        /// Over any number of begins of any sizes, no leg is more than one batch from its weight.
        #[test]
        fn shares_follow_the_weights_within_one_batch(
            weights in prop::collection::vec(1u16..50, 1..8),
            batch in 1usize..1_000,
            begins in prop::collection::vec(0.0f64..=1.0, 1..300),
            full in any::<bool>(),
        ) {
            let mut shares = shares(&weights);
            let ready = vec![true; weights.len()];
            let mut rows = vec![0usize; weights.len()];
            let of: f64 = weights.iter().map(|w| f64::from(*w)).sum();
            for part in begins {
                let leg = shares.next(&ready, &NONE_FULL, |_| false, |_| batch).expect("all are ready");
                let n = if full { batch } else { ((batch as f64 * part).ceil() as usize).max(1) };
                shares.give(leg, batch as f64, &ready);
                shares.give(leg, n as f64 - batch as f64, &ready);
                rows[leg] += n;
                let all: usize = rows.iter().sum();
                for (n, w) in rows.iter().zip(&weights) {
                    let due = all as f64 * f64::from(*w) / of;
                    prop_assert!((*n as f64 - due).abs() <= batch as f64 + 0.1, "{rows:?} for {weights:?}");
                }
            }
        }

        /// While a leg rests the others share by their own weights; when it comes back it makes nothing up.
        #[test]
        fn a_leg_that_rests_gives_its_share_away_for_good(
            weights in prop::collection::vec(1u16..20, 2..6),
            absent in 0usize..6,
            phases in prop::collection::vec((any::<bool>(), 1usize..60), 1..8),
        ) {
            let absent = absent % weights.len();
            let mut shares = shares(&weights);
            for (rests, begins) in phases {
                let mut ready = vec![true; weights.len()];
                ready[absent] = !rests;
                let of: f64 = weights.iter().zip(&ready).filter(|(_, r)| **r).map(|(w, _)| f64::from(*w)).sum();
                let mut rows = vec![0usize; weights.len()];
                for _ in 0..begins {
                    let leg = shares.next(&ready, &NONE_FULL, |_| false, |_| 1).expect("one is ready");
                    shares.give(leg, 1.0, &ready);
                    rows[leg] += 1;
                }
                for (i, n) in rows.iter().enumerate() {
                    let due = if ready[i] { begins as f64 * f64::from(weights[i]) / of } else { 0.0 };
                    // One batch carried over from the phase before, one of this.
                    prop_assert!((*n as f64 - due).abs() <= 2.1, "{rows:?} for {weights:?}, rests: {rests}");
                }
            }
        }
    }

    #[test]
    fn a_later_rank_carries_only_while_no_earlier_one_is_ready() {
        let place = |rank| Place { rank, weight: 1 };
        let shares = Shares::new(vec![place(0), place(1), place(0)]);
        assert_eq!(shares.next(&[true, true, true], &NONE_FULL, |_| false, |_| 1), Some(0));
        assert_eq!(shares.next(&[false, true, true], &NONE_FULL, |_| false, |_| 1), Some(2));
        assert_eq!(shares.next(&[false, true, false], &NONE_FULL, |_| false, |_| 1), Some(1));
        assert_eq!(shares.next(&[false, false, false], &NONE_FULL, |_| false, |_| 1), None);
        // One that waits for its pace keeps those behind it from its rows, and its like goes on.
        assert_eq!(shares.next(&[false, true, false], &NONE_FULL, |i| i == 0, |_| 1), None);
        assert_eq!(shares.next(&[false, true, true], &NONE_FULL, |i| i == 0, |_| 1), Some(2));
    }
}
