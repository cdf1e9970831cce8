//! Doubles and an injected clock. Outside semver.

pub mod clock;

pub use clock::ManualClock;
