//! Marketing SMS over China's 106 ports, lawful by construction.

pub mod campaign;
pub mod cap;
pub mod clock;
pub mod consent;
pub mod delivery;
pub mod entry;
pub mod facts;
pub mod gate;
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
