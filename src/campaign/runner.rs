//! Order, pace, failure: begins, submits and settles until nothing is left. No SQL, no JSON, no law.
//!
//! One task drives everything; dropping it is the same as the death of the process, and harmless: what had not left is
//! planned again, what may have left is in doubt, by the journal.

use super::report::{Figures, Report, ReportRow, Why};
use super::route::Shares;
use super::{Campaign, CampaignError};
use crate::clock::Timestamp;
use crate::entry::State;
use crate::id::Rid;
use crate::ledger::{Answered, Call, Leg, Payload, Turn};
use crate::money::Money;
use crate::policy::law::Code;
use crate::store::{Lease, RefusedEntry, Result, ScanRow, Settled, StoreError};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Shards that one worker holds at a time; others are left for other processes.
const SHARDS: usize = 8;
/// Begins under way at a time, each on a shard of its own.
const BEGINS: usize = 2;
/// Rows of a begin at most.
const BEGIN_ROWS: usize = 1_000;
/// Calls under way where a call carries one number; bulk calls are fewer.
const IN_FLIGHT_SINGLE: usize = 64;
const IN_FLIGHT_BULK: usize = 16;
/// How long to wait before looking again when nothing can be done.
const IDLE: Duration = Duration::from_secs(1);
/// A wait this short is for calls under way: the end of one may end it.
const SOON: Duration = Duration::from_millis(50);
/// How soon to see whether an account can be reached from here again.
const ELSEWHERE: Duration = Duration::from_secs(1);
/// A settle that the store did not take is repeated so often; it is harmless to repeat.
const SETTLE_TRIES: u32 = 8;

/// Where a running campaign stands, in rows of this run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Rows of the campaign.
    pub rows: u64,
    /// Rows begun.
    pub begun: u64,
    /// Rows taken by a platform.
    pub accepted: u64,
    /// Rows ended by a platform's refusal.
    pub failed: u64,
    /// Rows refused by the gate.
    pub refused: u64,
    /// Rows that went back to planned.
    pub back: u64,
    /// Rows in doubt.
    pub unknown: u64,
    /// Why nothing is begun at the moment: `not_started`, `outside_window`, or what is held and the reason.
    pub waiting: Option<String>,
}

impl Progress {
    /// Rows of this run that need nothing more.
    pub fn done(&self) -> u64 {
        self.accepted + self.failed + self.refused + self.unknown
    }
}

type Step<'a> = Pin<Box<dyn Future<Output = Done> + Send + 'a>>;

enum Done {
    Answered {
        leg: usize,
        answered: Answered,
    },
    Begun {
        shard: usize,
        leg: usize,
        /// Rows that were asked for.
        asked: usize,
        turn: Result<Turn>,
    },
    Beat(Result<()>),
    /// A call that was not made, because the store had failed.
    Dropped {
        leg: usize,
    },
    Settled(Result<Settled>),
    Woke,
}

struct Shard {
    lease: Lease,
    /// Where the next begin starts; `None` when this pass is over.
    cursor: Option<Rid>,
    busy: bool,
    /// This pass takes the rows of one leg only.
    only: Option<usize>,
    /// This pass left rows for another leg.
    left: bool,
}

impl Shard {
    fn new(lease: Lease) -> Self {
        Self { cursor: Some(lease.range().0), lease, busy: false, only: None, left: false }
    }

    /// A pass ended. Where it left rows that not every leg may carry, each leg has a pass of its own.
    fn next_pass(&mut self, legs: usize) {
        let next = self.only.map_or(0, |leg| leg + 1);
        let more = std::mem::take(&mut self.left) && next < legs;
        self.only = more.then_some(next);
        self.cursor = more.then(|| self.lease.range().0);
    }
}

/// Why a run stops before everything is done.
enum Stop {
    Budget,
    Cancelled,
    Ended,
    Error(StoreError),
    Finished,
    Paused,
}

struct Runner<'a> {
    campaign: &'a Campaign,
    shards: Vec<Shard>,
    calls: VecDeque<(usize, Call)>,
    answered: Vec<Answered>,
    steps: FuturesUnordered<Step<'a>>,
    begins: usize,
    /// Calls under way, by leg.
    in_flight: Vec<usize>,
    settling: bool,
    sleeping: bool,
    /// Per leg: no begin before this moment.
    rests: Vec<Timestamp>,
    /// Per leg: whether it is well and only its pace was used up: it keeps its rank while it waits.
    paced: Vec<bool>,
    /// Per leg: whether enough of what was begun through it waits to leave. It keeps its share meanwhile.
    full: Vec<bool>,
    /// Per leg: when it may be used again.
    ready_at: Vec<Timestamp>,
    /// Per leg: what is held and why, when that is why it rests.
    held: Vec<Option<String>>,
    /// Per leg: whether it could be used when last looked at.
    ready: Vec<bool>,
    shares: Shares,
    last_recovery: Duration,
    progressed: bool,
    budget_out: bool,
    stop: Option<Stop>,
    /// Set at the store's first failure: no call is made any more, also none that was about to be.
    halted: Arc<AtomicBool>,
    progress: Progress,
    last_beat: Duration,
    finished: u64,
    rate: (Duration, u64, usize),
}

impl Campaign {
    /// Where the running campaign stands; the newest value of each moment, until the last handle is dropped.
    pub fn progress(&self) -> impl futures_core::Stream<Item = Progress> + use<> {
        let receiver = self.inner.progress.subscribe();
        futures_util::stream::unfold(receiver, |mut r| async move {
            r.changed().await.ok()?;
            let now = r.borrow_and_update().clone();
            Some((now, r))
        })
    }

    /// Sends what may be sent, until no row is planned, due before the campaign's end, or open; then gives the report.
    ///
    /// Waits for the start, for the window, for an account that rests or is held. Returns early when the campaign is
    /// paused or cancelled. Rows in doubt are settled later by [`settle_unknowns`](Self::settle_unknowns). Several
    /// processes may run the same campaign. Safe to drop at any await, and to call again.
    ///
    /// # Errors
    /// [`CampaignError::Store`]: nothing was sent after the store failed.
    pub async fn run(&self) -> std::result::Result<Report, CampaignError> {
        self.store().recover().await?;
        let legs = self.inner.legs.len();
        let now = self.store().clock().mono();
        let mut runner = Runner {
            campaign: self,
            shards: Vec::new(),
            calls: VecDeque::new(),
            answered: Vec::new(),
            steps: FuturesUnordered::new(),
            begins: 0,
            in_flight: vec![0; self.inner.legs.len()],
            settling: false,
            sleeping: false,
            rests: vec![Timestamp::EPOCH; legs],
            paced: vec![false; legs],
            full: vec![false; legs],
            ready_at: vec![Timestamp::EPOCH; legs],
            held: vec![None; legs],
            ready: vec![true; legs],
            shares: Shares::new(self.inner.places.clone()),
            last_recovery: now,
            progressed: false,
            budget_out: false,
            stop: None,
            halted: Arc::default(),
            progress: Progress { rows: self.rows(), ..Progress::default() },
            last_beat: now,
            finished: 0,
            rate: (now, 0, IN_FLIGHT_SINGLE),
        };
        let done = runner.drive().await;
        let leases = runner.shards.drain(..).map(|s| s.lease).collect();
        let released = self.store().release(leases).await;
        done.and(released)?;
        self.report().await
    }
}

impl<'a> Runner<'a> {
    async fn drive(&mut self) -> Result<()> {
        loop {
            if self.stop.is_none()
                && let Err(e) = self.fill().await
            {
                self.fail(e);
            }
            self.launch();
            if self.steps.is_empty() {
                if self.stop.is_some() {
                    return self.end().await;
                }
                // A pass just ended: look again, and let others run.
                tokio::task::yield_now().await;
                continue;
            }
            if let Some(done) = self.steps.next().await {
                self.take(done);
            }
        }
    }

    /// The end of a run: nothing is under way any more.
    async fn end(&mut self) -> Result<()> {
        let code = match self.stop.take() {
            Some(Stop::Error(e)) => return Err(e),
            Some(Stop::Budget) => Code::BudgetExhausted,
            Some(Stop::Cancelled | Stop::Ended) => Code::CampaignEnded,
            Some(Stop::Finished | Stop::Paused) | None => return Ok(()),
        };
        self.campaign.store().expire(self.key(), code).await.map(drop)
    }

    fn key(&self) -> crate::store::CampaignKey {
        self.campaign.inner.row.key
    }

    /// Starts begins, or finds out why there is nothing to begin.
    async fn fill(&mut self) -> Result<()> {
        let now = self.campaign.now();
        let spec = &self.campaign.inner.spec;
        if now >= spec.ends {
            self.stop = Some(Stop::Ended);
            return Ok(());
        }
        if self.sleeping {
            return Ok(());
        }
        if now < spec.starts {
            return self.wait(now, spec.starts, "not_started");
        }
        self.beat();
        self.tune();
        let mut leg = self.leg(now);
        let goes_on = |s: &Shard| !s.busy && s.cursor.is_some() && s.only.is_some_and(|only| self.ready[only]);
        if leg.is_none() && !self.shards.iter().any(goes_on) {
            self.rest(now);
            let reachable = self.campaign.inner.legs.iter().any(|leg| leg.provider.is_ready());
            return if reachable { self.recover().await } else { self.leave_to_others(now).await };
        }
        if self.shards.is_empty() && !self.claim().await? {
            return self.nothing_left(now).await;
        }
        if self.budget_out && self.idle() {
            self.stop = Some(Stop::Budget);
            return Ok(());
        }
        while self.begins < BEGINS && !self.budget_out {
            // A pass through a leg that will soon be ready again waits for it, and holds up no other.
            let soon = |leg: usize| !self.ready[leg] && self.rests[leg] > now && self.rests[leg] <= now.plus(IDLE);
            let waits = |s: &Shard| s.only.map_or(leg.is_none(), |only| self.full[only] || soon(only));
            let Some(i) = self.shards.iter().position(|s| !s.busy && s.cursor.is_some() && !waits(s)) else { break };
            match (self.shards[i].only, leg) {
                (Some(only), _) if self.ready[only] => self.begin(i, only),
                (None, Some(next)) => {
                    self.begin(i, next);
                    leg = self.next_leg();
                }
                (Some(_), _) | (None, None) => {
                    // It rests; its rows wait, those of the other legs do not.
                    let shard = &mut self.shards[i];
                    shard.left = true;
                    shard.next_pass(self.rests.len());
                }
            }
        }
        let waits = self.begins == 0 && !self.budget_out && self.shards.iter().any(|s| s.cursor.is_some());
        if waits && !self.full.contains(&true) {
            // All that there is to begin waits for a leg, and no call's end will tell.
            let until = self.rests.iter().filter(|rest| **rest > now).min().map_or(SOON, |rest| rest.since(now));
            self.sleep(until.clamp(Duration::from_millis(1), IDLE));
        }
        if self.begins == 0 && self.shards.iter().all(|s| s.cursor.is_none()) && self.idle() {
            return self.pass_over(now).await;
        }
        Ok(())
    }

    fn idle(&self) -> bool {
        self.begins == 0
            && self.in_flight.iter().all(|n| *n == 0)
            && !self.settling
            && self.answered.is_empty()
            && self.calls.is_empty()
    }

    /// The account of the route that carries the next rows; `None` when none may now.
    fn leg(&mut self, now: Timestamp) -> Option<usize> {
        let window = |leg: &Leg| {
            let w = leg.policy.window;
            if w.contains(now.millis()) { now } else { Timestamp::from_millis(w.next_open(now.millis())) }
        };
        let legs = &self.campaign.inner.legs;
        let here = |leg: &Leg| if leg.provider.is_ready() { now } else { now.plus(ELSEWHERE) };
        let ready = legs.iter().zip(&self.rests).map(|(l, r)| window(l).max(*r).max(here(l)));
        self.ready_at = ready.collect();
        // What is begun must leave within W: no more of a leg waits here than leaves in a fraction of a second.
        let mut queued = vec![0; legs.len()];
        self.calls.iter().for_each(|(leg, call)| queued[*leg] += call.len());
        let full = queued.into_iter().enumerate().map(|(leg, n)| n >= self.batch(leg));
        self.full = full.zip(&self.ready_at).map(|(full, t)| full && *t <= now).collect();
        self.ready = self.ready_at.iter().zip(&self.full).map(|(t, full)| *t <= now && !full).collect();
        self.next_leg()
    }

    /// Sleeps until an account may be used again.
    fn rest(&mut self, now: Timestamp) {
        if self.full.contains(&true) {
            // The end of one of its calls is what is waited for.
            return;
        }
        let later = self.ready_at.iter().copied().enumerate().filter(|(_, t)| *t > now);
        let Some((i, at)) = later.min_by_key(|(_, t)| *t) else { return };
        let leg = &self.campaign.inner.legs[i];
        let why = match self.held[i].as_deref() {
            _ if !leg.policy.window.contains(now.millis()) => "outside_window",
            _ if self.rests[i] <= now && !leg.provider.is_ready() => "not_reachable_here",
            held => held.unwrap_or("account_rests"),
        };
        if self.idle() || why != "outside_window" {
            let why = why.to_owned();
            let _ = self.wait(now, at, &why);
        }
    }

    /// Per leg: whether it takes part in the sharing.
    fn here(&self) -> Vec<bool> {
        self.ready.iter().zip(&self.full).map(|(ready, full)| *ready || *full).collect()
    }

    fn next_leg(&self) -> Option<usize> {
        // One that waits for its pace alone keeps its rank: what it may carry is not for those behind it.
        let waits = |i: usize| self.paced[i] && !self.ready[i] && self.ready_at[i] == self.rests[i];
        self.shares.next(&self.ready, &self.full, waits, |leg| self.batch(leg))
    }

    /// No account may be used: what a dead worker left open may be what fills them, and nobody else may be there to see.
    async fn recover(&mut self) -> Result<()> {
        let mono = self.campaign.store().clock().mono();
        if self.idle() && mono.saturating_sub(self.last_recovery) >= IDLE {
            self.last_recovery = mono;
            self.campaign.store().recover().await?;
        }
        Ok(())
    }

    /// What cannot be reached from this process may be from another: its rows are not held back here, and once others have
    /// sent them the run is over here too.
    async fn leave_to_others(&mut self, now: Timestamp) -> Result<()> {
        if self.idle() && !self.shards.is_empty() {
            let leases = self.shards.drain(..).map(|s| s.lease).collect();
            self.campaign.store().release(leases).await?;
        }
        self.nothing_left(now).await
    }

    fn wait(&mut self, now: Timestamp, until: Timestamp, why: &str) -> Result<()> {
        let until = until.min(self.campaign.inner.spec.ends);
        self.progress.waiting = Some(why.to_owned());
        self.publish();
        self.sleep(until.since(now).max(Duration::from_millis(1)));
        Ok(())
    }

    fn sleep(&mut self, by: Duration) {
        if !self.sleeping {
            self.sleeping = true;
            // In steps, so that a hold that is lifted, a cancel or a step of the clock is seen.
            let sleep = self.campaign.store().clock().sleep(by.min(Duration::from_secs(60)));
            self.steps.push(Box::pin(async move {
                sleep.await;
                Done::Woke
            }));
        }
    }

    async fn claim(&mut self) -> Result<bool> {
        let leases = self.campaign.store().claim(self.key(), SHARDS).await?;
        self.shards = leases.into_iter().map(Shard::new).collect();
        Ok(!self.shards.is_empty())
    }

    /// A pass over this worker's shards found nothing more: give them back, take others, or wait for what is due.
    async fn pass_over(&mut self, now: Timestamp) -> Result<()> {
        let leases = self.shards.drain(..).map(|s| s.lease).collect();
        self.campaign.store().release(leases).await?;
        // What was left behind is looked for when all shards were passed: that reads the whole campaign.
        if self.progressed && self.claim().await? {
            self.progressed = false;
            return Ok(());
        }
        self.nothing_left(now).await
    }

    async fn nothing_left(&mut self, now: Timestamp) -> Result<()> {
        let store = self.campaign.store();
        if !self.idle() {
            return Ok(());
        }
        store.recover().await?;
        let (planned, due) = store.planned(self.key()).await?;
        if planned == 0 {
            if store.open_requests(self.key()).await? > 0 {
                // Another worker's calls are under way.
                self.sleep(IDLE);
            } else {
                self.stop = Some(Stop::Finished);
            }
            return Ok(());
        }
        // Rows that came back while others went out are due at once; otherwise somebody else has them, or they wait.
        let due = due.unwrap_or(now);
        let progressed = std::mem::take(&mut self.progressed);
        if due > now {
            self.sleep(due.since(now).min(IDLE * 5));
        } else if !progressed {
            self.sleep(IDLE / 2);
        }
        Ok(())
    }

    fn beat(&mut self) {
        let mono = self.campaign.store().clock().mono();
        if mono.saturating_sub(self.last_beat) < Duration::from_secs(5) || self.shards.is_empty() {
            return;
        }
        self.last_beat = mono;
        let leases = self.shards.iter().map(|s| s.lease.clone()).collect();
        let store = self.campaign.store();
        self.steps.push(Box::pin(async move {
            // A lost lease shows at the next begin.
            Done::Beat(store.beat(leases).await.map(drop))
        }));
    }

    fn begin(&mut self, shard: usize, leg: usize) {
        let campaign = self.campaign;
        let of = &mut self.shards[shard];
        let Some(from) = of.cursor else { return };
        of.busy = true;
        self.begins += 1;
        let lease = of.lease.clone();
        let asked = self.batch(leg);
        self.shares.give(leg, asked as f64, &self.here());
        let halted = Arc::clone(&self.halted);
        self.steps.push(Box::pin(async move {
            let turn = campaign.inner.ledger.begin(&lease, &campaign.inner.legs[leg], from, asked).await;
            if matches!(&turn, Err(e) if !matches!(e, StoreError::Busy | StoreError::LostLease)) {
                halted.store(true, Ordering::Relaxed);
            }
            Done::Begun { shard, leg, asked, turn }
        }));
    }

    /// Bulk: what one request holds. One by one: what finished in the last quarter of a second, at least one window.
    fn batch(&self, leg: usize) -> usize {
        let per_request = self.campaign.inner.legs[leg].per_request;
        if per_request >= 50 { per_request.min(BEGIN_ROWS) } else { self.rate.2 }
    }

    fn tune(&mut self) {
        let now = self.campaign.store().clock().mono();
        let elapsed = now.saturating_sub(self.rate.0);
        if elapsed >= Duration::from_millis(250) {
            let n = (self.finished - self.rate.1) as f64 / elapsed.as_secs_f64() / 4.0;
            self.rate = (now, self.finished, (n as usize).clamp(IN_FLIGHT_SINGLE, BEGIN_ROWS));
        }
    }

    fn launch(&mut self) {
        if self.halted.load(Ordering::Relaxed) {
            // Begun and not sent: recovery plans them again.
            self.calls.clear();
        }
        loop {
            let all: usize = self.in_flight.iter().sum();
            if all >= IN_FLIGHT_SINGLE {
                break;
            }
            // One account that answers slowly holds up no other's calls.
            let has_room = |leg: usize| {
                let Leg { per_request, provider, .. } = &self.campaign.inner.legs[leg];
                let window = if *per_request >= 50 { IN_FLIGHT_BULK } else { IN_FLIGHT_SINGLE };
                all < window && self.in_flight[leg] < provider.at_once().max(1)
            };
            let next = self.calls.iter().position(|(leg, _)| has_room(*leg));
            let Some((index, call)) = next.and_then(|i| self.calls.remove(i)) else { break };
            let leg = &self.campaign.inner.legs[index];
            self.in_flight[index] += 1;
            let ledger = &self.campaign.inner.ledger;
            let halted = Arc::clone(&self.halted);
            self.steps.push(Box::pin(async move {
                if halted.load(Ordering::Relaxed) {
                    return Done::Dropped { leg: index };
                }
                let answered = ledger.submit(call, leg).await;
                halted.fetch_or(answered.failed.is_some(), Ordering::Relaxed);
                Done::Answered { leg: index, answered }
            }));
        }
        if !self.settling && !self.answered.is_empty() {
            self.settling = true;
            let answered = std::mem::take(&mut self.answered);
            let campaign = self.campaign;
            self.steps.push(Box::pin(async move { Done::Settled(settle(campaign, answered).await) }));
        }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Answered { leg, mut answered } => {
                self.in_flight[leg] -= 1;
                self.finished += 1;
                if let Some(e) = answered.failed.take() {
                    self.fail(e);
                }
                self.answered.push(answered);
            }
            Done::Beat(Ok(()) | Err(StoreError::Ambiguous | StoreError::Busy)) => {}
            Done::Beat(Err(e)) => self.fail(e),
            Done::Dropped { leg } => self.in_flight[leg] -= 1,
            Done::Begun { shard, leg, asked, turn } => {
                self.begins -= 1;
                let begun =
                    if let Ok(Turn::Rows { calls, .. }) = &turn { calls.iter().map(Call::len).sum() } else { 0 };
                self.shares.give(leg, begun as f64 - asked as f64, &self.here());
                self.begun(shard, leg, turn);
            }
            Done::Settled(settled) => {
                self.settling = false;
                self.wake();
                match settled {
                    Ok(s) => {
                        self.progress.accepted += s.accepted;
                        self.progress.failed += s.failed;
                        self.progress.back += s.back;
                        self.progress.unknown += s.unknown;
                        if s.back > 0 {
                            // Given back: there may be budget again, and rows behind the cursors.
                            self.budget_out = false;
                        }
                        self.publish();
                    }
                    Err(e) => self.fail(e),
                }
            }
            Done::Woke => self.sleeping = false,
        }
    }

    /// Calls ended: an account that waited for one of them need not wait longer.
    fn wake(&mut self) {
        let soon = self.campaign.now().plus(SOON);
        for rest in self.rests.iter_mut().filter(|r| **r > Timestamp::EPOCH && **r <= soon) {
            *rest = Timestamp::EPOCH;
            self.sleeping = false;
        }
    }

    fn fail(&mut self, e: StoreError) {
        self.halted.store(true, Ordering::Relaxed);
        if !matches!(self.stop, Some(Stop::Error(_))) {
            self.stop = Some(Stop::Error(e));
        }
    }

    fn begun(&mut self, shard: usize, leg: usize, turn: Result<Turn>) {
        self.shards[shard].busy = false;
        match turn {
            Ok(Turn::Rows { calls, rows }) => {
                self.progress.waiting = None;
                self.held[leg] = None;
                let legs = self.rests.len();
                let of = &mut self.shards[shard];
                of.cursor = rows.next;
                of.left |= rows.left > 0;
                if rows.next.is_none() {
                    of.next_pass(legs);
                }
                let refused: u64 = rows.refused.iter().map(|(_, n)| n).sum();
                self.progressed |= !calls.is_empty() || refused + rows.later > 0;
                self.progress.refused += refused;
                self.budget_out |= rows.budget_exhausted;
                self.progress.begun += calls.iter().map(|c| c.len() as u64).sum::<u64>();
                self.calls.extend(calls.into_iter().map(|c| (leg, c)));
                self.publish();
            }
            Ok(Turn::Held { on: "campaign", reason }) if reason == "paused" => self.stop = Some(Stop::Paused),
            Ok(Turn::Held { on: "campaign", reason }) if reason == "cancelled" => self.stop = Some(Stop::Cancelled),
            Ok(Turn::Held { on, reason }) => {
                let until = self.campaign.now().plus(IDLE);
                let legs = if on == "account" { leg..leg + 1 } else { 0..self.rests.len() };
                let why = format!("{on} held: {reason}");
                self.rests[legs.clone()].fill(until);
                self.paced[legs.clone()].fill(false);
                self.held[legs].fill(Some(why.clone()));
                self.progress.waiting = Some(why);
                self.publish();
            }
            Ok(Turn::Wait { paced, until }) => {
                self.rests[leg] = until;
                self.paced[leg] = paced;
                self.held[leg] = None;
            }
            Err(StoreError::LostLease) => {
                // Another worker took it over; its rows are that worker's now.
                self.shards[shard].cursor = None;
            }
            Err(StoreError::Busy) => self.rests[leg] = self.campaign.now().plus(IDLE / 10),
            Err(e) => self.fail(e),
        }
    }

    fn publish(&self) {
        self.campaign.inner.progress.send_replace(self.progress.clone());
    }
}

/// Records answers; what the store did not take is repeated, because repeating is harmless and forgetting is not.
async fn settle(campaign: &Campaign, answered: Vec<Answered>) -> Result<Settled> {
    let ledger = &campaign.inner.ledger;
    let mut tries = 0;
    loop {
        match ledger.settle(&answered).await {
            Err(StoreError::Busy | StoreError::Ambiguous) if tries < SETTLE_TRIES => {
                tries += 1;
                ledger.store.clock().sleep(Duration::from_millis(50 << tries.min(6))).await;
            }
            other => return other,
        }
    }
}

impl Campaign {
    /// What became of everyone, by state, reason, text and account. Every row is counted once; the sums are checked.
    ///
    /// # Errors
    /// [`CampaignError::Store`].
    pub async fn report(&self) -> std::result::Result<Report, CampaignError> {
        let inner = &self.inner;
        self.store().close_unreported(self.now()).await?;
        let mut report = Report::new(inner.shop.id().clone(), inner.row.name.clone());
        report.planned = inner.row.rows;
        report.started = Some(inner.spec.starts);
        report.ended = Some(inner.spec.ends);
        for t in self.store().tally(inner.row.key).await? {
            if !t.code.is_empty() {
                *report.reasons.entry((t.state, t.code.clone())).or_default() += t.rows;
                let why = inner.shop.optin().why(t.state, &t.code, t.account.as_ref());
                report.explain(&t.code, why);
            }
            let variant = inner.spec.variants.get(usize::from(t.variant)).map(|(name, _)| name.clone());
            let of_variant = variant.map(|v| report.variants.entry(v).or_default());
            let of_account = t.account.as_ref().map(|a| report.accounts.entry(a.clone()).or_default());
            for figures in [Some(&mut report.figures), of_variant, of_account].into_iter().flatten() {
                add(figures, t.state, t.rows, t.parts, t.cost);
            }
        }
        Ok(report)
    }

    /// Every row with its number, state, reason and proof, in the order of recipient ids, then every entry of the
    /// audience that became no row, by position; page by page.
    pub fn report_rows(
        &self,
    ) -> impl futures_core::Stream<Item = std::result::Result<ReportRow, CampaignError>> + Send + '_ {
        let pages = futures_util::stream::try_unfold(None, move |after: Option<Rid>| async move {
            let page = self.store().scan(self.inner.row.key, after, 1_000, None).await?;
            let Some(last) = page.last().map(|r| r.rid) else { return Ok(None) };
            let rows: Vec<_> = page.into_iter().map(|r| self.report_row(r)).collect();
            Ok::<_, CampaignError>(Some((futures_util::stream::iter(rows), Some(last))))
        });
        let entries = futures_util::stream::try_unfold(None, move |after: Option<u64>| async move {
            let page = self.store().refused_entries(self.inner.row.key, after, 1_000).await?;
            let Some(last) = page.last().map(|e| e.position) else { return Ok(None) };
            let rows: Vec<_> = page.into_iter().map(|e| Ok(self.entry_row(e))).collect();
            Ok::<_, CampaignError>(Some((futures_util::stream::iter(rows), Some(last))))
        });
        pages.try_flatten().chain(entries.try_flatten())
    }

    fn entry_row(&self, entry: RefusedEntry) -> ReportRow {
        let e = entry.code.explain(self.now().day());
        ReportRow {
            line: entry.line,
            code: Some(if entry.detail.is_empty() { entry.code.as_str().to_owned() } else { entry.detail }),
            why: Why { zh: e.sentence_zh.into(), en: e.sentence_en.into() },
            ..ReportRow::at(entry.position)
        }
    }

    fn report_row(&self, row: ScanRow) -> std::result::Result<ReportRow, CampaignError> {
        let inner = &self.inner;
        let payload = if row.sealed.is_empty() {
            None
        } else {
            Some(Payload::open(inner.ledger.store.keyring(), inner.row.key, row.rid, &row.sealed)?)
        };
        Ok(ReportRow {
            position: row.position,
            line: row.line,
            phone: payload.as_ref().map(|p| p.phone),
            caller_ref: payload.and_then(|p| p.caller_ref),
            state: Some(row.state),
            why: inner.shop.optin().why(row.state, &row.code, row.account.as_ref()),
            code: Some(row.code).filter(|c| !c.is_empty()),
            variant: inner.spec.variants.get(usize::from(row.variant)).map(|(name, _)| name.clone()),
            account: row.account,
            provider_id: row.provider_id,
            begun_at: row.begun,
            settled_at: row.settled,
            parts: Some(row.parts.into()),
            price: row.begun.map(|_| Money::from_ten_thousandths(row.price.into())),
        })
    }
}

fn add(figures: &mut Figures, state: State, rows: u64, parts: u64, cost: u64) {
    *figures.counts.entry(state).or_default() += rows;
    if state.is_charged() {
        figures.parts += parts;
        figures.cost = Money::from_ten_thousandths(figures.cost.ten_thousandths() + cost);
    }
}
