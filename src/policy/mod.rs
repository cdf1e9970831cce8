//! What the sender is held to: law, provider rules and the shop's own limits.

pub mod law;
