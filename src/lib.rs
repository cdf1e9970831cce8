//! Marketing SMS over China's 106 ports, lawful by construction.

pub mod cap;
pub mod delivery;
pub mod policy;
pub mod window;
