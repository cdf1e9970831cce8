//! What one platform call waits for: a verdict per person, put together from the answers to its submits.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::dialect::Letter;
use crate::clock::Timestamp;
use crate::provider::{Consequence, Verdict};

/// One request on its way. Messages of a job that is cancelled are not sent any more.
#[derive(Debug)]
pub(crate) struct Job {
    /// On the clock's monotonic time: no byte leaves after it.
    pub(crate) deadline: Duration,
    cancelled: AtomicBool,
    done: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    verdicts: Vec<Option<Verdict>>,
    left: usize,
    first_byte: Option<Timestamp>,
}

/// A message of a job that waits for its turn.
#[derive(Clone)]
pub(crate) struct Queued {
    pub(crate) job: Arc<Job>,
    /// The tickets that it is for.
    pub(crate) places: Range<usize>,
    pub(crate) letter: Letter,
}

impl Job {
    pub(crate) fn new(people: usize, deadline: Duration) -> Arc<Self> {
        let state = State { verdicts: vec![None; people], left: people, first_byte: None };
        Arc::new(Self { deadline, cancelled: AtomicBool::new(false), done: Notify::new(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Notes when the first byte was handed to the network.
    pub(crate) fn leaves(&self, now: impl FnOnce() -> Timestamp) {
        let mut state = self.state();
        if state.first_byte.is_none() {
            state.first_byte = Some(now());
        }
    }

    /// The verdict of one person; the first one stands.
    pub(crate) fn settle(&self, place: usize, verdict: Verdict) {
        let mut state = self.state();
        if let Some(slot) = state.verdicts.get_mut(place)
            && slot.is_none()
        {
            *slot = Some(verdict);
            state.left -= 1;
        }
        if state.left == 0 {
            self.done.notify_one();
        }
    }

    /// Waits until everyone has a verdict.
    pub(crate) async fn finished(&self) {
        while self.state().left > 0 {
            self.done.notified().await;
        }
    }

    /// Everyone's verdict, and when the first byte left. Those without one are in doubt.
    pub(crate) fn answers(&self) -> (Vec<Verdict>, Option<Timestamp>) {
        let mut state = self.state();
        let verdicts = std::mem::take(&mut state.verdicts);
        let doubt = |v: Option<Verdict>| v.unwrap_or_else(|| Verdict::unknown("not_answered"));
        (verdicts.into_iter().map(doubt).collect(), state.first_byte)
    }
}

impl Queued {
    /// The same verdict for everyone of this message.
    pub(crate) fn settle(&self, verdict: &Verdict) {
        self.places.clone().for_each(|place| self.job.settle(place, verdict.clone()));
    }

    /// Whether it may still leave; told as unsent otherwise.
    pub(crate) fn may_leave(&self, now: Duration) -> bool {
        let may = !self.job.is_cancelled() && self.job.deadline > now;
        if !may {
            self.settle(&Verdict::unsent("deadline_passed", Consequence::None));
        }
        may
    }

    /// One message a person, in order.
    pub(crate) fn singly(self) -> Vec<Self> {
        let Self { job, places, letter } = self;
        let Letter { to, segments, source, valid } = letter;
        to.into_iter()
            .zip(places)
            .map(move |(phone, place)| Self {
                job: Arc::clone(&job),
                places: place..place + 1,
                letter: Letter { to: vec![phone], segments: Arc::clone(&segments), source, valid },
            })
            .collect()
    }
}

/// Cancels a job whose caller went away: what has not left must not leave.
pub(crate) struct CancelOnDrop(pub(crate) Arc<Job>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
