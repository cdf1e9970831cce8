//! Longer pages: how a message travels, what is guaranteed, how to add a platform.

#[doc = include_str!("docs/flow.md")]
pub mod flow {}

#[doc = include_str!("docs/guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("docs/new_provider.md")]
pub mod new_provider {}
