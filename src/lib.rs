//! Marketing SMS over China's 106 ports, lawful by construction.

pub mod cap;
pub mod clock;
pub mod consent;
pub mod delivery;
pub mod entry;
pub mod facts;
pub mod gate;
pub mod id;
pub mod inbound;
pub mod keyring;
pub mod message;
pub mod phone;
pub mod policy;
pub mod provider;
pub mod secret;
pub mod store;
pub mod text;
pub mod ticket;
pub mod window;
