//! How many connections an account may have, over all processes.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
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
/// Not kept for so long, its connection is ended while the place is still held.
const GIVEN_UP: Duration = Duration::from_secs(8);
/// Where all places are taken, one is asked for again after so long.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Keeps a place; once that fails, `retires` is set and `wake` woken. Never ends.
pub(super) async fn hold(
    place: Option<&dyn Place>,
    clock: &dyn Clock,
    retires: &AtomicBool,
    wake: &Notify,
) -> Infallible {
    if let Some(place) = place {
        let mut kept = clock.mono();
        loop {
            clock.sleep(EVERY).await;
            let asked = clock.mono();
            // What is not answered in time is not kept.
            let answer = futures_util::future::select(place.keep(), clock.sleep(EVERY)).await;
            match answer {
                futures_util::future::Either::Left((Kept::Held, _)) => kept = asked,
                futures_util::future::Either::Left((Kept::Lost, _)) => break,
                futures_util::future::Either::Left((Kept::Unknown, _)) | futures_util::future::Either::Right(_) => {}
            }
            if clock.mono().saturating_sub(kept) >= GIVEN_UP {
                break;
            }
        }
        tracing::warn!("a connection to the carrier is ended: its place among those allowed could not be kept");
        retires.store(true, Ordering::Release);
        wake.notify_one();
    }
    std::future::pending().await
}
