//! The batch that makes tickets is the crate's own.
use optin106::ticket::Batch;

fn main() {}
