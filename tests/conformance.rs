//! The data under `tests/vectors`, or under the folders that the environment names, driven through the crate.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "each suite prints its one line")]

#[cfg(feature = "carrier")]
#[path = "conformance/carriers.rs"]
mod carriers;
#[path = "conformance/decisions.rs"]
mod decisions;
#[path = "conformance/parts.rs"]
mod parts;
#[path = "conformance/phones.rs"]
mod phones;
#[path = "conformance/providers.rs"]
mod providers;
#[path = "conformance/replies.rs"]
mod replies;
#[path = "support/provider.rs"]
mod support;
#[path = "conformance/table.rs"]
mod table;
