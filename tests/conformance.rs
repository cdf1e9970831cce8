//! The data under `tests/vectors`, or under the folders that the environment names, driven through the crate.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "each suite prints its one line and may panic")]

#[path = "conformance/providers.rs"]
mod providers;
