//! Marketing SMS over China's 106 ports, lawful by construction.

pub mod clock;
pub mod consent;
pub mod gate;
pub mod id;
pub mod inbound;
pub mod keyring;
pub mod message;
pub mod phone;
pub mod provider;
pub mod secret;
pub mod ticket;
#[cfg(feature = "testing")]
pub mod testing;
