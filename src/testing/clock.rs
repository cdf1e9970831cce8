//! A clock that stands until it is told to move.

use crate::clock::{Clock, Sleep, Timestamp};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Real time, moved so that it starts at a given moment: a campaign shows the same at any hour.
#[derive(Debug)]
pub struct ShiftedClock {
    inner: crate::clock::SystemClock,
    start: Timestamp,
}

impl ShiftedClock {
    /// A clock that stands at `start` now and runs.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { inner: crate::clock::SystemClock::new(), start }
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.inner.mono())
    }

    fn mono(&self) -> Duration {
        self.inner.mono()
    }

    fn sleep(&self, for_: Duration) -> Sleep {
        self.inner.sleep(for_)
    }

    fn fill(&self, out: &mut [u8]) {
        self.inner.fill(out);
    }

    /// Every run starts at the same hour, perhaps on a database that has seen a later one.
    fn may_step_back(&self) -> bool {
        true
    }
}

/// A clock for tests: the wall time is set (it may step back), the monotonic time only advances, sleepers wake when it
/// has advanced far enough, and random bytes come from a seed. Cheap to clone; clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    wall: Timestamp,
    mono: Duration,
    auto: bool,
    random: u64,
    wakers: Vec<(Duration, Waker)>,
}

impl ManualClock {
    /// A clock that stands at `wall`; sleepers wait for [`advance`](Self::advance).
    pub fn new(wall: Timestamp) -> Self {
        let state = State { wall, mono: Duration::ZERO, auto: false, random: 1, wakers: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The same clock, on which whoever sleeps moves the time on at once.
    #[must_use]
    pub fn auto(self) -> Self {
        self.lock().auto = true;
        self
    }

    /// The same clock with other random bytes.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        self.lock().random = seed;
        self
    }

    /// Sets the wall clock, forward or back. The monotonic clock stays.
    pub fn set(&self, wall: Timestamp) {
        self.lock().wall = wall;
    }

    /// Moves both clocks on and wakes whoever has slept enough.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut state = self.lock();
            state.wall = state.wall.plus(by);
            state.mono += by;
            let now = state.mono;
            let (due, wait) =
                std::mem::take(&mut state.wakers).into_iter().partition::<Vec<_>, _>(|(at, _)| *at <= now);
            state.wakers = wait;
            due
        };
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().wall
    }

    fn mono(&self) -> Duration {
        self.lock().mono
    }

    fn sleep(&self, for_: Duration) -> Sleep {
        let until = self.mono() + for_;
        let auto = self.lock().auto;
        if auto {
            self.advance(for_);
        }
        Box::pin(Sleeper { clock: self.clone(), until, yielded: !auto })
    }

    fn fill(&self, out: &mut [u8]) {
        let mut state = self.lock();
        for b in out {
            // SplitMix64: every seed gives a different stream.
            state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state.random;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *b = (z >> 56) as u8;
        }
    }

    fn may_step_back(&self) -> bool {
        true
    }
}

struct Sleeper {
    clock: ManualClock,
    until: Duration,
    /// An automatic sleep still lets others run once.
    yielded: bool,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.yielded {
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut state = self.clock.lock();
        if state.mono >= self.until {
            return Poll::Ready(());
        }
        state.wakers.push((self.until, cx.waker().clone()));
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_has_moved_far_enough() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let sleeper = tokio::spawn(clock.sleep(Duration::from_secs(2)));
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), Timestamp::from_millis(3_000));
    }

    #[tokio::test]
    async fn an_automatic_clock_moves_itself_and_steps_back_when_set() {
        let clock = ManualClock::new(Timestamp::from_millis(5_000)).auto();
        clock.sleep(Duration::from_secs(3)).await;
        assert_eq!(clock.mono(), Duration::from_secs(3));
        clock.set(Timestamp::from_millis(10));
        assert_eq!(clock.now(), Timestamp::from_millis(10));
        assert_eq!(clock.mono(), Duration::from_secs(3));
    }
}
