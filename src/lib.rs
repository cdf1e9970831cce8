//! Marketing SMS over China's 106 ports (106 营销短信), lawful by construction: no recorded opt-in, no send.
//!
//! A shop plugin hands over an audience, a text and an account at a platform. This crate decides for every person,
//! inside the transaction that records the send, whether it may be sent: a live opt-in with evidence, no later stop,
//! allowed hours, the frequency that was promised, caps over the owner's shops. What is not allowed has no way to a
//! platform: [`Provider::submit`](provider::Provider::submit) takes tickets, and only the ledger makes one, for a row
//! that is durably recorded and cleared. Who was refused, and why, is told with a stable code and its legal basis.
//!
//! # Example
//!
#![cfg_attr(all(feature = "http", feature = "sqlite"), doc = include_str!("docs/example.md"))]
//!
//! The same without a network, with a mock platform and a clock that stands, is the example of `testing` (feature
//! `testing`). `cargo run --release --features testing --example double12` runs the whole job against local gateways
//! that check signatures as the platforms do.
//!
//! # Modules, in the order of one message's life
//!
//! | words | |
//! |---|---|
//! | [`phone`], [`id`], [`money`] | one person is one number, however it is spelled; names; integer money |
//! | [`clock`], [`window`], [`cap`] | time in Beijing, allowed hours, sliding limits |
//! | [`secret`], [`keyring`] | values that never print; pseudonyms and sealed numbers |
//!
//! | facts and rules | |
//! |---|---|
//! | [`consent`], [`stop`], [`delivery`] | what agreement is; what a reply means; what a report means |
//! | [`facts`] | the events of a person, and the fold of them that a decision reads |
//! | [`policy`] | hours, caps, presets; law as dated data |
//! | [`gate`] | facts in, decision out; pure |
//!
//! | text | |
//! |---|---|
//! | [`text`], [`message`] | characters and billed parts; signature, body and words put together; templates; lints |
//!
//! | send | |
//! |---|---|
//! | [`entry`], [`ticket`], [`ledger`] | states of a row; what a provider is given; begin and settle |
//! | [`store`] | the trait every database implements, and SQLite |
//! | [`provider`], [`inbound`] | platforms behind one trait; what comes back from them |
//! | `carrier` | CMPP, SGIP and SMGP: PDUs, long messages, windows of delivery (feature `carrier`) |
//! | [`campaign`], [`intake`] | plan, funnel, run, report; replies and reports into events |
//! | [`optin`] | the door: shops, accounts, opt-ins, stops, imports, questions |
//! | `testing` | mock, fake gateways, store suite, clock by hand (feature `testing`) |
//!
//! [`guide::flow`] follows one message through them; [`guide::guarantees`] lists every claim with the function that
//! enforces it, the test that shows it and what it does not cover; [`guide::new_provider`] adds a platform;
//! [`provider`] lists those that are here.
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `carrier` | no | the carriers' own protocols; `tokio/net` |
//! | `http` | yes | the one HTTP client, and so the sending of all platforms |
//! | `sqlite` | yes | [`store::SqliteStore`]; the bundled engine needs a C compiler |
//! | `testing` | no | the module `testing`; outside semver |
//!
//! Without the first two what stays is pure: consent, gate, text, wire bytes, and the traits to bring one's own.
//!
//! Nothing here is legal advice. [`policy::law`] says which rules are law, which are a platform's and which are ours.

pub mod campaign;
pub mod cap;
#[cfg(feature = "carrier")]
pub mod carrier;
pub mod clock;
pub mod consent;
pub mod delivery;
pub mod entry;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "the stored form is for a store, and none is built in"))]
pub mod facts;
pub mod gate;
pub mod guide;
pub mod id;
pub mod inbound;
pub mod intake;
pub mod keyring;
pub mod ledger;
pub mod message;
pub mod money;
pub mod optin;
pub mod phone;
pub mod policy;
pub mod profile;
pub mod provider;
pub mod secret;
pub mod stop;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod ticket;
pub mod window;

pub use campaign::{Audience, Campaign};
pub use clock::Timestamp;
pub use consent::{Days, Envelope, Evidence, Method, Notice, OptIn, Purpose};
pub use money::Money;
pub use optin::{Optin106, Owner, Shop, ShopHandle};
pub use phone::Phone;
pub use policy::Policy;

/// The sample of the README, compiled.
#[cfg(all(doctest, feature = "http", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// The sample of the Chinese README, compiled.
#[cfg(all(doctest, feature = "http", feature = "sqlite"))]
#[doc = include_str!("../README.zh-CN.md")]
mod readme_zh {}
