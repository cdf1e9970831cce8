//! Stops: how a person says no, and what the no reaches.

pub mod reader;

pub use reader::{Breadth, Intent, Reading, read};
