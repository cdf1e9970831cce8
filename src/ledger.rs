//! From a planned row to a platform call and back: begin, submit, settle.
//!
//! The only place that turns a begun row with its clearance into a [`Ticket`](crate::ticket::Ticket). No consent, no
//! row, no send: a batch is filled from what the store recorded as begun, and from nothing else.

use crate::clock::{Clock, Timestamp};
use crate::facts::{Facts, OwnerKey, ShopKey};
use crate::gate::{Case, judge};
use crate::id::{AccountId, Reference, Rid};
use crate::keyring::Keyring;
use crate::message::rendition::Rendition;
use crate::message::{Params, Template};
use crate::phone::{Carrier, Phone};
use crate::policy::Policy;
use crate::provider::{Answer, Consequence, Lookup, Provider, Verdict, Verdicts, Why};
use crate::store::{
    BeginAsk, Begun, BegunRequest, BegunRows, CampaignKey, CarriesFn, JudgeFn, Lease, Result, Settlement, Store,
    StoreError, message_place, message_row,
};
use crate::ticket::Batch;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How long a begun request may wait for its first byte (W).
pub const FIRST_BYTE_WITHIN: Duration = Duration::from_secs(5);

/// What a row seals: the number, and what else is the person's.
pub(crate) struct Payload {
    pub(crate) phone: Phone,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) caller_ref: Option<String>,
}

#[derive(serde::Deserialize, serde::Serialize)]
struct More {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    p: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<String>,
}

impl Payload {
    pub(crate) fn seal(self, keyring: &Keyring, campaign: CampaignKey, rid: Rid) -> Vec<u8> {
        let mut plain = self.phone.to_u64().to_be_bytes().to_vec();
        if !self.params.is_empty() || self.caller_ref.is_some() {
            let more = More { p: self.params, r: self.caller_ref };
            plain.extend(serde_json::to_vec(&more).expect("strings serialise"));
        }
        let sealed = keyring.seal(&message_place(&message_row(campaign, rid)), &plain);
        zeroize::Zeroize::zeroize(&mut plain);
        sealed
    }

    pub(crate) fn open(keyring: &Keyring, campaign: CampaignKey, rid: Rid, sealed: &[u8]) -> Result<Self> {
        let plain = zeroize::Zeroizing::new(keyring.open(&message_place(&message_row(campaign, rid)), sealed)?);
        let damaged = || StoreError::Corrupt(None);
        let (number, more) = plain.split_first_chunk::<8>().ok_or_else(damaged)?;
        let phone = Phone::from_u64(u64::from_be_bytes(*number)).map_err(|_| damaged())?;
        if more.is_empty() {
            return Ok(Self { phone, params: Vec::new(), caller_ref: None });
        }
        let more: More = serde_json::from_slice(more).map_err(|_| damaged())?;
        Ok(Self { phone, params: more.p, caller_ref: more.r })
    }
}

/// One account of a campaign's route: its provider, texts and limits.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) account: AccountId,
    pub(crate) provider: Arc<dyn Provider>,
    /// Per variant.
    pub(crate) renditions: Vec<Arc<Rendition>>,
    /// Price of one part, ten-thousandths of a yuan.
    pub(crate) price: u32,
    /// Numbers a second over all workers; 0 is no limit.
    pub(crate) pace: u32,
    /// Calls under way over all workers; 0 is no limit.
    pub(crate) concurrency: u32,
    /// Calls a second over all workers; 0 is no limit.
    pub(crate) calls_per_second: u32,
    /// The store's policy within the provider's limits.
    pub(crate) policy: Arc<Policy>,
    pub(crate) policy_hash: [u8; 32],
    /// Numbers per call.
    pub(crate) per_request: usize,
    /// The only carriers that the account serves; all when empty.
    pub(crate) carriers: Vec<Carrier>,
    /// Carriers that it does not serve, or where the signature is not filed.
    pub(crate) excluded: Vec<Carrier>,
}

impl Leg {
    /// How many segments of the account's pace a number is expected to take; 0 where numbers are counted.
    pub(crate) fn pace_each(&self) -> u16 {
        if !self.provider.counts_segments() {
            return 0;
        }
        self.renditions.iter().map(|r| r.parts()).max().unwrap_or(1).max(1)
    }
}

impl Leg {
    /// By the number's prefix, which is only a hint. A prefix that hints at nobody is carried.
    pub(crate) fn carries(&self, hint: Option<Carrier>) -> bool {
        hint.is_none_or(|c| !self.excluded.contains(&c))
    }

    /// Whether the account is for this carrier at all.
    pub(crate) fn serves(&self, carrier: Carrier) -> bool {
        self.carriers.is_empty() || self.carriers.contains(&carrier)
    }
}

/// What does not change while a campaign runs.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) campaign: CampaignKey,
    pub(crate) shop: ShopKey,
    pub(crate) owner: OwnerKey,
    pub(crate) owners: Vec<OwnerKey>,
    /// The store's policy as written, when the campaign was opened.
    pub(crate) policy_setting: Option<String>,
    pub(crate) purpose: crate::consent::Purpose,
    pub(crate) personalised: bool,
    pub(crate) sensitive: bool,
    pub(crate) budget: Option<u64>,
    /// Per variant, when its text has holes.
    pub(crate) templates: Vec<Option<Template>>,
}

/// What a begin gives the runner.
#[derive(Debug)]
pub(crate) enum Turn {
    Held { on: &'static str, reason: String },
    Rows { calls: Vec<Call>, rows: BegunRows },
    Wait { paced: bool, until: Timestamp },
}

/// A recorded request with its tickets, ready to leave.
#[derive(Debug)]
pub(crate) struct Call {
    key: i64,
    rids: Vec<Rid>,
    batch: Batch,
    /// Forgets the request when the call is dropped before it is settled.
    driven: Driven,
}

/// While this lives, recovery in this process leaves the request alone.
#[derive(Debug)]
struct Driven {
    store: Arc<dyn Store>,
    reference: Reference,
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.store.forget(self.reference);
    }
}

/// References of a begin that is under way. Those that no [`Call`] took over are driven by nobody, however the begin
/// ends: refused, cut, or committed with its answer lost. Recovery then puts their rows where the journal says.
#[derive(Debug)]
struct Offered {
    store: Arc<dyn Store>,
    references: VecDeque<Reference>,
}

impl Offered {
    fn taken(&mut self, reference: Reference) {
        // They are used in order.
        if self.references.front() == Some(&reference) {
            self.references.pop_front();
        } else {
            self.references.retain(|r| *r != reference);
        }
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        self.references.iter().for_each(|r| self.store.forget(*r));
    }
}

/// An answered call, to be settled.
#[derive(Debug)]
pub(crate) struct Answered {
    settlement: Settlement,
    /// The journal did not take it: nothing left, and nothing more may.
    pub(crate) failed: Option<StoreError>,
    /// Until it is settled, recovery leaves the request alone.
    _driven: Driven,
}

impl Ledger {
    /// The pure gate of this campaign through this account.
    pub(crate) fn gate(&self, policy: &Arc<Policy>) -> Arc<JudgeFn> {
        let (owners, policy) = (self.owners.clone(), Arc::clone(policy));
        let (purpose, personalised, sensitive) = (self.purpose, self.personalised, self.sensitive);
        Arc::new(move |facts: &Facts<'_>, now| {
            judge(facts, &Case { owners: &owners, purpose, personalised, sensitive, policy: &policy }, now)
        })
    }

    /// The rows of this campaign that may go through this account; `None` is all.
    fn carried(&self, leg: &Leg) -> Option<Arc<CarriesFn>> {
        if leg.excluded.is_empty() {
            return None;
        }
        let (keyring, campaign) = (Arc::clone(self.store.keyring()), self.campaign);
        let excluded = leg.excluded.clone();
        Some(Arc::new(move |rid, sealed| {
            let hint = Payload::open(&keyring, campaign, rid, sealed)?.phone.carrier_hint();
            Ok(hint.is_none_or(|c| !excluded.contains(&c)))
        }))
    }

    /// Records up to `limit` rows as begun and makes their tickets.
    pub(crate) async fn begin(&self, lease: &Lease, leg: &Leg, from: Rid, limit: usize) -> Result<Turn> {
        let clock = Arc::clone(self.store.clock());
        // Before the transaction: the deadline is counted from the early side.
        let t0 = clock.mono();
        let requests = limit.div_ceil(leg.per_request) + self.templates.len() + 2;
        let references: Vec<Reference> = (0..requests).map(|_| Reference::fresh(&*clock)).collect();
        let mut offered = Offered { store: Arc::clone(&self.store), references: references.iter().copied().collect() };
        let ask = BeginAsk {
            lease: lease.clone(),
            account: leg.account.clone(),
            from,
            limit,
            per_request: leg.per_request,
            concurrency: leg.concurrency,
            calls_per_second: leg.calls_per_second,
            pace_each: leg.pace_each(),
            budget: self.budget,
            price: leg.price,
            first_byte_within: FIRST_BYTE_WITHIN,
            owner: self.owner,
            owners: self.owners.clone(),
            policy_setting: self.policy_setting.clone(),
            shop: self.shop,
            renditions: leg.renditions.iter().map(|r| *r.hash()).collect(),
            policy: leg.policy_hash,
            horizon: leg.policy.horizon(),
            references,
            judge: self.gate(&leg.policy),
            carries: self.carried(leg),
        };
        match self.store.begin(ask).await? {
            Begun::Held { on, reason } => Ok(Turn::Held { on, reason }),
            Begun::Wait { paced, until } => Ok(Turn::Wait { paced, until }),
            Begun::Rows(mut rows) => {
                let begun = std::mem::take(&mut rows.requests);
                let call = |r: BegunRequest| {
                    offered.taken(r.reference);
                    self.call(r, leg, rows.now, t0)
                };
                // All of them: one that cannot be read leaves the others to be forgotten, not driven for ever.
                let calls = begun.into_iter().map(call).collect::<Vec<_>>().into_iter().collect::<Result<_>>()?;
                Ok(Turn::Rows { calls, rows })
            }
        }
    }

    fn call(&self, begun: BegunRequest, leg: &Leg, now: Timestamp, t0: Duration) -> Result<Call> {
        let driven = Driven { store: Arc::clone(&self.store), reference: begun.reference };
        let variant = usize::from(begun.variant);
        let rendition = leg.renditions.get(variant).ok_or(StoreError::Corrupt(None))?;
        let template = self.templates.get(variant).and_then(Option::as_ref);
        let until = begun.rows.iter().map(|r| r.clearance.until()).min().unwrap_or(now);
        let mut batch = Batch {
            reference: begun.reference,
            account: leg.account.clone(),
            begun: now,
            deadline: t0 + FIRST_BYTE_WITHIN.min(until.since(now)),
            rendition: Arc::clone(rendition),
            tickets: Vec::with_capacity(begun.rows.len()),
        };
        let mut rids = Vec::with_capacity(begun.rows.len());
        for row in begun.rows {
            let payload = Payload::open(self.store.keyring(), self.campaign, row.rid, &row.sealed)?;
            rids.push(row.rid);
            let text = match template {
                Some(t) => Some(personal_text(t, &payload.params, rendition).ok_or(StoreError::Corrupt(None))?),
                None => None,
            };
            let params = if template.is_some() { payload.params } else { Vec::new() };
            batch.push(payload.phone, params, text, row.clearance);
        }
        Ok(Call { key: begun.key, rids, batch, driven })
    }

    /// Sends one call. The journal knows of it before its first byte can leave; without the journal nothing leaves.
    pub(crate) async fn submit(&self, call: Call, leg: &Leg) -> Answered {
        let clock: &Arc<dyn Clock> = self.store.clock();
        let profile = leg.provider.profile();
        let unsent = |code: &str| Answer {
            verdicts: Verdicts::Same(Verdict::unsent(code, Consequence::None)),
            first_byte: None,
        };
        let request = call.batch.request();
        let request_is_personal = request.is_personal();
        let mut failed = None;
        let answer = if request.time_left(&**clock).is_zero() {
            unsent("deadline_passed")
        } else if let Err(e) = self.store.journal(call.batch.reference) {
            failed = Some(e);
            unsent("journal_failed")
        } else {
            leg.provider.submit(request).await
        };
        let held = answer.verdicts.told().iter().find(|v| v.consequence == Consequence::Hold);
        let hold =
            held.map(|v| Why::of(Some(&*leg.provider), &v.code).unwrap_or(Why::ACCOUNT_REFUSED).with_code(&v.code));
        let now = clock.now();
        let lookup_at = (profile.lookup != Lookup::None).then(|| now.plus(Duration::from_secs(60)));
        let settlement = Settlement {
            key: call.key,
            reference: call.batch.reference,
            rids: call.rids,
            answer,
            all_or_nothing: profile.all_or_nothing,
            personal: request_is_personal,
            report_due: now.plus(profile.report_due),
            lookup_at,
            hold,
        };
        Answered { settlement, failed, _driven: call.driven }
    }

    /// Records what became of answered calls. Repeating is harmless.
    pub(crate) async fn settle(&self, answered: &[Answered]) -> Result<crate::store::Settled> {
        self.store.settle(answered.iter().map(|a| a.settlement.clone()).collect()).await
    }
}

impl Call {
    /// How many people it is for.
    pub(crate) fn len(&self) -> usize {
        self.rids.len()
    }
}

/// The text of one person as seen; `None` when the stored parameters do not fit the text.
pub(crate) fn personal_text(template: &Template, params: &[(String, String)], rendition: &Rendition) -> Option<String> {
    let params = params_of(params)?;
    let body = template.render(&params).ok()?;
    let signature = crate::message::Signature::parse(rendition.signature()).ok()?;
    Some(crate::message::compose(&signature, &body).ok()?.text().to_owned())
}

pub(crate) fn params_of(params: &[(String, String)]) -> Option<Params> {
    params.iter().try_fold(Params::default(), |all, (k, v)| all.with(k, v)).ok()
}
