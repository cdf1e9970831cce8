//! How many connections an account may have, over all processes.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;

/// The connections that the operator allows an account. [`Optin106::connections`](crate::Optin106::connections) counts them
/// over all processes that share a store.
#[async_trait::async_trait]
pub trait Places: fmt::Debug + Send + Sync {
    /// Takes a place; `None` while all are taken, or while that cannot be known.
    async fn take(&self) -> Option<Box<dyn Place>>;
}

/// A place that is held for 15 s from when it was taken or [kept](Self::keep) last.
#[async_trait::async_trait]
pub trait Place: Send + Sync {
    /// Holds it longer.
    async fn keep(&self) -> Kept;

    /// Gives it back.
    async fn leave(self: Box<Self>);
}

/// What became of keeping a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// It is held for another 15 s.
    Held,
    /// It is another's, or may be.
    Lost,
    /// It cannot be known at the moment.
    Unknown,
}

/// A place is kept so often.
const EVERY: Duration = Duration::from_secs(4);
/// Not kept for so long, its connection takes nothing more.
const GIVEN_UP: Duration = Duration::from_secs(8);
/// Not kept for so long, its connection is cut: the place is held for a second more.
const CUT: Duration = Duration::from_secs(14);
/// Where all places are taken, one is asked for again after so long.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Whether a connection is to end, and when it is cut. On the clock's monotonic time, in milliseconds.
#[derive(Debug)]
pub(super) struct Retirement(AtomicU64);

impl Retirement {
    const NEVER: u64 = u64::MAX;

    pub(super) fn new() -> Self {
        Self(AtomicU64::new(Self::NEVER))
    }

    fn ask(&self, cut: Duration) {
        self.0.store(u64::try_from(cut.as_millis()).unwrap_or(Self::NEVER), Ordering::Release);
    }

    /// When the connection is cut, if it is to end.
    pub(super) fn cut(&self) -> Option<Duration> {
        Some(self.0.load(Ordering::Acquire)).filter(|at| *at != Self::NEVER).map(Duration::from_millis)
    }
}

/// Keeps a place; once that fails, the connection is asked to end, and `wake` woken. Never ends.
pub(super) async fn hold(
    place: Option<&dyn Place>,
    clock: &dyn Clock,
    retires: &Retirement,
    wake: &Notify,
) -> Infallible {
    if let Some(place) = place {
        let mut kept = clock.mono();
        let mut is_lost = false;
        while !is_lost {
            clock.sleep(EVERY).await;
            let asked = clock.mono();
            // What is not answered in time is not kept.
            let answer = futures_util::future::select(place.keep(), clock.sleep(EVERY)).await;
            match answer {
                futures_util::future::Either::Left((Kept::Held, _)) => kept = asked,
                futures_util::future::Either::Left((Kept::Lost, _)) => is_lost = true,
                futures_util::future::Either::Left((Kept::Unknown, _)) | futures_util::future::Either::Right(_) => {}
            }
            let was_asked = retires.cut().is_some();
            if is_lost || was_asked || clock.mono().saturating_sub(kept) >= GIVEN_UP {
                if !was_asked {
                    tracing::warn!("a connection to the carrier ends: its place among those allowed could not be kept");
                }
                // A lost one is another's already.
                retires.ask(if is_lost { clock.mono() } else { kept + CUT });
                wake.notify_one();
            }
        }
    }
    std::future::pending().await
}
