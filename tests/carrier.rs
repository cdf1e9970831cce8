//! The carriers' codecs over arbitrary values and bytes.
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

#[path = "carrier/any.rs"]
mod any;
#[path = "carrier/pdus.rs"]
mod pdus;
#[path = "carrier/texts.rs"]
mod texts;
