//! Longer pages: how a message travels, what is guaranteed, how to add a platform.

#[cfg(feature = "carrier")]
#[doc = include_str!("docs/carrier.md")]
pub mod carrier {}

#[doc = include_str!("docs/flow.md")]
pub mod flow {}

#[doc = include_str!("docs/guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("docs/new_provider.md")]
pub mod new_provider {}
