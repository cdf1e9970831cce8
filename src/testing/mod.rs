//! Test doubles: fake gateways and the vectors of the conformance suite. Outside semver.

pub mod gateway;
pub mod vectors;
