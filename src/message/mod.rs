//! stub

pub mod rendition;
