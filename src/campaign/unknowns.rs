//! Doubts: asking the platform within a budget, and letting a person decide what cannot be asked.

use super::{Campaign, CampaignError};
use crate::id::Rid;
use crate::ledger::{Leg, Payload, personal_text};
use crate::phone::Phone;
use crate::provider::{Asked, Found, Lookup};
use crate::store::{Resolution, UnknownRequest};
use std::time::Duration;

/// When a doubt is asked about, counted from the one before: 1, 5, 15, 60 minutes, 6 and 24 hours after the begin.
const SCHEDULE: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// How many people of an all-or-nothing request are asked about: one hit settles all of it.
const SAMPLE: usize = 3;

/// What [`Campaign::settle_unknowns`] did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Doubts {
    /// Rows found at the platform.
    pub accepted: u64,
    /// Rows proven absent, planned again.
    pub absent: u64,
    /// Requests to be asked about later.
    pub later: u64,
    /// Rows left for a person to resolve.
    pub unresolved: u64,
}

impl Campaign {
    /// Asks the platforms about the doubts that are due. Never sends. Call it now and then after a run.
    ///
    /// # Errors
    /// [`CampaignError::Store`].
    pub async fn settle_unknowns(&self) -> Result<Doubts, CampaignError> {
        self.store().recover().await?;
        let mut doubts = Doubts::default();
        for request in self.store().unknown_due(self.inner.row.key, 100).await? {
            let leg = self.inner.legs.iter().find(|l| l.account == request.account);
            match leg {
                Some(leg) => self.ask(leg, &request, &mut doubts).await?,
                None => {
                    // Another process may have the account.
                    doubts.later += 1;
                }
            }
        }
        Ok(doubts)
    }

    async fn ask(&self, leg: &Leg, request: &UnknownRequest, doubts: &mut Doubts) -> Result<(), CampaignError> {
        let profile = leg.provider.profile();
        // Reports have ended the doubt meanwhile.
        if request.rows.is_empty() {
            self.end(request.key, None, Resolution::Unresolved).await?;
            return Ok(());
        }
        let Lookup::ByNumber { absence_is_proof_after, .. } = profile.lookup else {
            doubts.unresolved += self.end(request.key, None, Resolution::Unresolved).await?;
            return Ok(());
        };
        let sample = if profile.all_or_nothing { SAMPLE } else { usize::MAX };
        let mut people = Vec::new();
        for (rid, sealed, variant) in request.rows.iter().take(sample) {
            let payload = Payload::open(self.store().keyring(), self.inner.row.key, *rid, sealed)?;
            let variant = usize::from(*variant);
            let text = match (self.inner.ledger.templates.get(variant), leg.renditions.get(variant)) {
                (Some(Some(t)), Some(r)) => personal_text(t, &payload.params, r),
                (_, Some(r)) => Some(r.text().to_owned()),
                _ => None,
            };
            people.push((*rid, payload.phone, text));
        }
        let asked: Vec<Asked<'_>> = people
            .iter()
            .map(|(_, phone, text)| Asked {
                phone: *phone,
                reference: request.reference,
                provider_id: None,
                begun_at: request.begun,
                text: text.as_deref(),
            })
            .collect();
        let found = leg.provider.lookup(&asked).await;
        let proof = absence_is_proof_after.is_some_and(|d| self.now() >= request.begun.plus(d));
        let mut open = found.len() < people.len();
        for ((rid, ..), found) in people.iter().zip(found) {
            match found {
                Found::Accepted { id } => {
                    let all = profile.all_or_nothing;
                    let to = Resolution::Accepted { id: Some(id), report_due: self.now().plus(profile.report_due) };
                    doubts.accepted += self.end(request.key, (!all).then_some(*rid), to).await?;
                    if all {
                        return Ok(());
                    }
                }
                Found::Absent if proof && !profile.all_or_nothing => {
                    doubts.absent += self.end(request.key, Some(*rid), Resolution::Absent).await?;
                }
                Found::Absent | Found::Unclear => open = true,
            }
        }
        if open || profile.all_or_nothing {
            self.later(request, doubts).await?;
        }
        Ok(())
    }

    async fn later(&self, request: &UnknownRequest, doubts: &mut Doubts) -> Result<(), CampaignError> {
        let next = SCHEDULE.get(request.asked as usize + 1);
        match next {
            Some(after) => {
                doubts.later += 1;
                let at = request.begun.plus(*after).max(self.now().plus(SCHEDULE[0]));
                self.end(request.key, None, Resolution::AskAgain { at }).await?;
            }
            None => doubts.unresolved += self.end(request.key, None, Resolution::Unresolved).await?,
        }
        Ok(())
    }

    async fn end(&self, request: i64, rid: Option<Rid>, to: Resolution) -> Result<u64, CampaignError> {
        Ok(self.store().resolve(request, rid, to).await?)
    }

    /// Ends the doubt about one person by a person's word: `taken` by the platform or not. Not taken is final here: the
    /// row is failed, never sent again.
    ///
    /// # Errors
    /// [`CampaignError::Store`]; [`CampaignError::Unknown`] when this person's row is not in doubt.
    pub async fn resolve(&self, phone: Phone, taken: bool) -> Result<(), CampaignError> {
        let rid = self.store().keyring().rid(phone);
        let due = self.inner.legs.iter().map(|leg| leg.provider.profile().report_due).max().unwrap_or_default();
        let to = match taken {
            true => Resolution::Accepted { id: None, report_due: self.now().plus(due) },
            false => Resolution::Failed,
        };
        match self.store().resolve_row(self.inner.row.key, rid, to).await? {
            0 => Err(CampaignError::Unknown),
            _ => Ok(()),
        }
    }
}
