//! Marketing SMS over China's 106 ports, lawful by construction.

pub mod stop;
