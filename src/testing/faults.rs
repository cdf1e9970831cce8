//! A store that stands behind a bad line, and stores that are broken on purpose.
//!
//! [`Faulty`] delegates to a real store. It can wait before and after each call, lose the answer to COMMIT (the change
//! is there, the caller gets [`StoreError::Ambiguous`]), and fail a given call before anything is done. [`Break`] names
//! promises that it can break, to prove that a test notices.

use crate::clock::{Clock, Timestamp};
use crate::entry::RequestState;
use crate::facts::{Facts, OwnerKey, Person, ShopKey};
use crate::id::{AccountId, CampaignName, Extension, OwnerId, Reference, Rid, ShopId};
use crate::keyring::Keyring;
use crate::policy::law::Code;
use crate::provider::{Outcome, Verdict, Verdicts};
use crate::store::{
    AccountRow, Assignment, BeginAsk, Begun, CampaignKey, CampaignRow, Change, Changed, EventRow, ExtensionAsk,
    ExtensionRow, Joined, Lane, Lease, Loaded, Phase, Place, PlanRow, Recovered, RefusedEntry, ReportAsk, Resolution,
    Result, ScanRow, Settled, Settlement, ShopRow, Store, StoreError, Subject, Tally, UnknownRequest,
};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A promise that a [`Faulty`] store breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Break {
    /// The gate sees persons without their sends: caps and promises never bite.
    ForgetsCharges,
    /// The same (source, event id) is recorded again.
    ForgetsRepeats,
    /// Rows proven unsent stay in doubt: nothing is given back.
    GivesNothingBack,
    /// A hold is not kept.
    IgnoresHolds,
    /// An extension is given to another shop as soon as it was given up.
    IgnoresRest,
    /// The gate sees persons without their stops.
    IgnoresStops,
    /// The budget is not looked at.
    Overspends,
    /// A doubt counts as proven unsent and goes out again.
    ResendsUnknown,
    /// A worker whose lease was taken begins with the new one.
    SharesLeases,
    /// Gives more connections than the carrier allows.
    SharesPlaces,
    /// The journal is not written: what had left is taken for never sent.
    SkipsJournal,
    /// Verdicts are given to the wrong people.
    SwapsVerdicts,
}

impl Break {
    /// Every break.
    pub const ALL: [Self; 12] = [
        Self::ForgetsCharges,
        Self::ForgetsRepeats,
        Self::GivesNothingBack,
        Self::IgnoresHolds,
        Self::IgnoresRest,
        Self::IgnoresStops,
        Self::Overspends,
        Self::ResendsUnknown,
        Self::SharesLeases,
        Self::SharesPlaces,
        Self::SkipsJournal,
        Self::SwapsVerdicts,
    ];
}

/// Who holds which shard, over all stores that share leases.
type Holders = Arc<Mutex<HashMap<(CampaignKey, u16), (Lease, Arc<dyn Store>)>>>;

/// Which calls fail, before anything is done.
#[derive(Clone, Copy, Debug)]
enum Failing {
    At(u64),
    From(u64),
}

/// A store behind a bad line.
pub struct Faulty {
    inner: Arc<dyn Store>,
    calls: AtomicU64,
    yields: usize,
    delay: Duration,
    failing: Option<(Failing, fn() -> StoreError)>,
    /// State of the draw, and one in how many is lost.
    loses: Option<(Mutex<u64>, u64)>,
    breaks: Option<Break>,
    holders: Holders,
    failed: AtomicU64,
    late: AtomicU64,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({:?}, {} calls)", self.inner, self.calls())
    }
}

impl Faulty {
    /// A store that behaves like `inner`.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            calls: AtomicU64::new(0),
            yields: 0,
            delay: Duration::ZERO,
            failing: None,
            loses: None,
            breaks: None,
            holders: Holders::default(),
            failed: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }

    /// Lets other tasks run so often before, and after, each call: where a caller may be dropped.
    #[must_use]
    pub fn yields(mut self, times: usize) -> Self {
        self.yields = times;
        self
    }

    /// Waits so long, in real time, before and after each call.
    #[must_use]
    pub fn delay(mut self, by: Duration) -> Self {
        self.delay = by;
        self
    }

    /// Loses about one in `one_in` answers to COMMIT. The same seed loses the same.
    #[must_use]
    pub fn loses_commits(mut self, seed: u64, one_in: u64) -> Self {
        self.loses = Some((Mutex::new(seed | 1), one_in.max(1)));
        self
    }

    /// Fails call number `k`, counted from 0, before it does anything.
    #[must_use]
    pub fn fails_at(mut self, k: u64, error: fn() -> StoreError) -> Self {
        self.failing = Some((Failing::At(k), error));
        self
    }

    /// Fails call number `k`, counted from 0, and every later one, before it does anything.
    #[must_use]
    pub fn fails_from(mut self, k: u64, error: fn() -> StoreError) -> Self {
        self.failing = Some((Failing::From(k), error));
        self
    }

    /// Breaks a promise.
    #[must_use]
    pub fn breaks(mut self, promise: Break) -> Self {
        self.breaks = Some(promise);
        self
    }

    /// A broken store beside this one, over another worker's store of the same database.
    #[must_use]
    pub fn beside(&self, inner: Arc<dyn Store>) -> Self {
        Self { breaks: self.breaks, holders: Arc::clone(&self.holders), ..Self::new(inner) }
    }

    /// How many calls were made, journal entries included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many calls were failed on purpose.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::SeqCst)
    }

    /// How many calls to a platform were about to leave after the first failure.
    pub fn left_after_failure(&self) -> u64 {
        self.late.load(Ordering::SeqCst)
    }

    fn is(&self, broken: Break) -> bool {
        self.breaks == Some(broken)
    }

    fn count(&self) -> Result<()> {
        let n = self.calls.fetch_add(1, Ordering::SeqCst);
        match self.failing {
            Some((Failing::At(k), error)) if n == k => Err(error()),
            Some((Failing::From(k), error)) if n >= k => Err(error()),
            _ => return Ok(()),
        }
        .inspect_err(|_| {
            self.failed.fetch_add(1, Ordering::SeqCst);
        })
    }

    async fn pause(&self) {
        for _ in 0..self.yields {
            tokio::task::yield_now().await;
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
    }

    fn is_lost(&self) -> bool {
        let Some((state, one_in)) = &self.loses else { return false };
        let mut x = state.lock().unwrap_or_else(PoisonError::into_inner);
        *x ^= *x << 13;
        *x ^= *x >> 7;
        *x ^= *x << 17;
        (*x >> 20).is_multiple_of(*one_in)
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.count()?;
        self.pause().await;
        let done = call.await;
        self.pause().await;
        done
    }

    async fn write<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let done = self.read(call).await?;
        if self.is_lost() { Err(StoreError::Ambiguous) } else { Ok(done) }
    }

    /// What the gate is asked, once the promise is broken.
    fn broken_ask(&self, mut ask: BeginAsk) -> BeginAsk {
        if self.is(Break::Overspends) {
            ask.budget = None;
        }
        let (stops, sends) = (self.is(Break::IgnoresStops), self.is(Break::ForgetsCharges));
        if stops || sends {
            let judge = Arc::clone(&ask.judge);
            ask.judge = Arc::new(move |facts: &Facts<'_>, now| {
                let mut person: Person = facts.person.clone();
                if stops {
                    person.stops.clear();
                }
                if sends {
                    person.sends.clear();
                }
                judge(&Facts { person: &person, grants: facts.grants }, now)
            });
        }
        ask
    }

    fn broken_settlement(&self, s: &mut Settlement) {
        let verdicts = &mut s.answer.verdicts;
        let turn = |v: &mut Verdict| match v.outcome {
            Outcome::Unknown if self.is(Break::ResendsUnknown) => v.outcome = Outcome::Unsent,
            Outcome::Unsent if self.is(Break::GivesNothingBack) => v.outcome = Outcome::Unknown,
            _ => {}
        };
        match verdicts {
            Verdicts::Same(v) => turn(v),
            Verdicts::Each(all) => {
                all.iter_mut().for_each(turn);
                if self.is(Break::SwapsVerdicts) {
                    all.reverse();
                }
            }
        }
    }

    async fn begin_shared(&self, mut ask: BeginAsk) -> Result<Begun> {
        let holder = {
            let holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
            holders.get(&(ask.lease.campaign, ask.lease.shard)).cloned()
        };
        match holder {
            Some((lease, store)) => {
                ask.lease = lease;
                store.begin(ask).await
            }
            None => self.inner.begin(ask).await,
        }
    }
}

macro_rules! delegate {
    ($($kind:ident $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        #[async_trait::async_trait]
        impl Store for Faulty {
            fn keyring(&self) -> &Arc<Keyring> {
                self.inner.keyring()
            }

            fn clock(&self) -> &Arc<dyn Clock> {
                self.inner.clock()
            }

            fn journal(&self, reference: Reference) -> Result<()> {
                self.late.fetch_add(u64::from(self.failed() > 0), Ordering::SeqCst);
                self.count()?;
                if self.is(Break::SkipsJournal) { Ok(()) } else { self.inner.journal(reference) }
            }

            fn forget(&self, reference: Reference) {
                self.inner.forget(reference);
            }

            async fn change(&self, lane: Lane, mut changes: Vec<Change>) -> Result<Vec<Changed>> {
                if self.is(Break::ForgetsRepeats) {
                    let n = self.calls();
                    changes.iter_mut().for_each(|c| c.key = c.key.wrapping_add(n + 1));
                }
                self.write(self.inner.change(lane, changes)).await
            }

            async fn set_hold(&self, on: Subject, reason: Option<String>) -> Result<()> {
                if self.is(Break::IgnoresHolds) {
                    return Ok(());
                }
                self.write(self.inner.set_hold(on, reason)).await
            }

            async fn assign_extension(&self, mut ask: ExtensionAsk) -> Result<Assignment> {
                if self.is(Break::IgnoresRest) {
                    ask.rest = Duration::ZERO;
                }
                self.write(self.inner.assign_extension(ask)).await
            }

            async fn take_place(&self, account: &AccountId, of: u16, holder: Reference) -> Result<Option<Place>> {
                let of = if self.is(Break::SharesPlaces) { u16::MAX } else { of };
                self.write(self.inner.take_place(account, of, holder)).await
            }

            async fn claim(&self, campaign: CampaignKey, most: usize) -> Result<Vec<Lease>> {
                let leases = self.write(self.inner.claim(campaign, most)).await?;
                let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
                for lease in leases.iter().filter(|_| self.is(Break::SharesLeases)) {
                    holders.insert((lease.campaign, lease.shard), (lease.clone(), Arc::clone(&self.inner)));
                }
                Ok(leases)
            }

            async fn begin(&self, ask: BeginAsk) -> Result<Begun> {
                let ask = self.broken_ask(ask);
                if self.is(Break::SharesLeases) {
                    return self.begin_shared(ask).await;
                }
                self.write(self.inner.begin(ask)).await
            }

            async fn settle(&self, mut done: Vec<Settlement>) -> Result<Settled> {
                done.iter_mut().for_each(|s| self.broken_settlement(s));
                self.write(self.inner.settle(done)).await
            }

            $(async fn $name(&self, $($arg: $ty),*) -> Result<$out> {
                self.$kind(self.inner.$name($($arg),*)).await
            })*
        }
    };
}

delegate! {
    write put_shop(id: &ShopId, owner: &OwnerId, settings: String) -> ShopRow;
    read shop(id: &ShopId) -> Option<ShopRow>;
    read shop_by_key(key: ShopKey) -> Option<ShopRow>;
    read shops() -> Vec<ShopRow>;
    write merge_owners(from: &OwnerId, into: &OwnerId) -> ();
    write put_account(id: &AccountId, settings: String, pace: u32) -> AccountRow;
    read account(id: &AccountId) -> Option<AccountRow>;
    write release_extension(account: &AccountId, extension: &Extension, shop: ShopKey) -> Option<ExtensionRow>;
    read extension(account: &AccountId, extension: &Extension) -> Option<ExtensionRow>;
    read extensions(shop: ShopKey) -> Vec<ExtensionRow>;
    write keep_place(place: &Place) -> bool;
    write leave_place(place: &Place) -> ();
    read setting(name: &'static str) -> Option<String>;
    write put_setting(name: &'static str, value: String) -> ();
    write put_notice(hash: [u8; 32], version: String, text: String) -> ();
    read notice(hash: [u8; 32]) -> Option<(String, String)>;
    read person(rid: Rid, shops: Vec<ShopKey>) -> Option<Loaded>;
    read events(rid: Rid) -> Vec<EventRow>;
    read events_of(kind: &'static str, after: i64, limit: usize) -> Vec<EventRow>;
    read stopped_after(after: Option<Rid>, limit: usize) -> Vec<(Rid, Person)>;
    write rebuild() -> u64;
    read sends_of(rid: Rid) -> Vec<(OwnerKey, Timestamp)>;
    write open_campaign(shop: ShopKey, name: &CampaignName, spec: Vec<u8>) -> CampaignRow;
    read campaign(shop: ShopKey, name: &CampaignName) -> Option<CampaignRow>;
    read campaign_by_key(key: CampaignKey) -> Option<CampaignRow>;
    write plan(campaign: CampaignKey, rows: Vec<PlanRow>, refused: Vec<RefusedEntry>) -> ();
    write plan_ready(campaign: CampaignKey, content: [u8; 32], entries: u64) -> CampaignRow;
    write set_phase(campaign: CampaignKey, phase: Phase) -> Phase;
    read scan(campaign: CampaignKey, after: Option<Rid>, limit: usize, facts_of: Option<ShopKey>) -> Vec<ScanRow>;
    read refused_entries(campaign: CampaignKey, after: Option<u64>, limit: usize) -> Vec<RefusedEntry>;
    read tally(campaign: CampaignKey) -> Vec<Tally>;
    read tally_entries(campaign: CampaignKey) -> Vec<(Code, u64)>;
    write beat(leases: Vec<Lease>) -> Vec<Lease>;
    write release(leases: Vec<Lease>) -> ();
    write recover() -> Recovered;
    read planned(campaign: CampaignKey) -> (u64, Option<Timestamp>);
    read open_requests(campaign: CampaignKey) -> u64;
    read open_for(rid: Rid, owners: Vec<OwnerKey>) -> bool;
    write expire(campaign: CampaignKey, code: Code) -> u64;
    write close_unreported(now: Timestamp) -> u64;
    read unknown_due(campaign: CampaignKey, limit: usize) -> Vec<UnknownRequest>;
    write resolve(request: i64, rid: Option<Rid>, to: Resolution) -> u64;
    write resolve_row(campaign: CampaignKey, rid: Rid, to: Resolution) -> u64;
    write report(ask: ReportAsk) -> Joined;
    read find(rid: Rid, from: Timestamp, to: Timestamp) -> Vec<(CampaignRow, ScanRow)>;
    read senders(rid: Rid, account: Option<AccountId>, from: Timestamp) -> Vec<OwnerKey>;
    write retain(messages_before: Timestamp) -> u64;
    write destroy(rid: Rid, shops: Vec<ShopKey>, before: Timestamp) -> u64;
    read request_state(reference: Reference) -> Option<RequestState>;
}
