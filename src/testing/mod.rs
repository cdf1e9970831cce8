//! Doubles, fake gateways, an injected clock and the vectors of the conformance suite: what a plugin author's CI needs.
//! Outside semver.
//!
#![cfg_attr(all(feature = "sqlite", feature = "testing"), doc = include_str!("../docs/mocked.md"))]

#[cfg(all(feature = "testing", feature = "carrier"))]
pub mod carrier;
#[cfg(all(feature = "testing", feature = "carrier"))]
pub mod carrier_vectors;
pub mod clock;
#[cfg(feature = "testing")]
pub mod faults;
#[cfg(feature = "testing")]
pub mod gateway;
#[cfg(feature = "testing")]
pub mod mock;
#[cfg(feature = "testing")]
#[macro_use]
pub mod store_suite;
#[cfg(feature = "testing")]
pub mod vectors;

pub use clock::{ManualClock, ShiftedClock};
#[cfg(feature = "testing")]
pub use faults::{Break, Faulty};
#[cfg(feature = "testing")]
pub use mock::MockProvider;
