//! The data under `tests/vectors`, or under the folders that the environment names, driven through the crate.
#![allow(clippy::print_stdout, reason = "each suite prints its one line")]

#[path = "conformance/providers.rs"]
mod providers;
