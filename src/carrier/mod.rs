//! The carriers' own protocols: CMPP 2.0 and 3.0 (中国移动), SGIP 1.2 (中国联通), SMGP 3.0 (中国电信).
//!
//! A [`Link`] is a [`Provider`](crate::provider::Provider) over an account's connections. All but [`link`], [`listen`] and
//! [`places`] is pure: bytes in, values out, and back; no socket, no clock, no randomness.
//!
//! | module | |
//! |---|---|
//! | [`cmpp`], [`sgip`], [`smgp`] | every PDU with every field; what a login proves; what a report says |
//! | [`pdu`] | fields of fixed size, contents, receivers, what is wrong with bytes |
//! | [`coding`] | texts in ASCII, UCS-2, GB 18030 and 8-bit; headers of long messages |
//! | [`split`], [`assemble`] | a long text into segments and back |
//! | [`valid`] | the time after which a carrier may not deliver |
//! | [`login`] | authenticators, in each reading that gateways have |
//! | [`frame`] | PDUs out of a stream of bytes |
//! | [`link`] | connections with their windows, and what comes back |
//! | [`listen`] | SGIP's connections from the gateway to us |
//! | [`places`] | the operator's cap on connections, over all processes |
//!
//! # Contract
//! - `encode` cannot fail: whatever a value needs is checked when it is made. No field is ever cut to fit.
//! - `decode` takes any bytes, and reads what real gateways send where that differs from the papers; each place says so.
//!   `decode` of what `encode` wrote gives the same value.
//! - `Debug` shows lengths and codes, never a number, a text or a password.

pub mod assemble;
pub mod cmpp;
pub mod coding;
mod dialect;
#[cfg(test)]
mod dialect_tests;
pub mod frame;
mod job;
pub mod link;
pub mod listen;
#[cfg(test)]
mod listen_tests;
pub mod login;
pub mod pdu;
pub mod places;
mod session;
#[cfg(test)]
mod session_tests;
pub mod sgip;
pub mod smgp;
pub mod split;
pub mod valid;

pub use link::{Arrived, CarrierAccount, Link, LinkError, LinkSettings, Meaning, Status};

/// Which protocol a link speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Protocol {
    /// CMPP in one of its versions.
    Cmpp(cmpp::Version),
    /// SGIP 1.2.
    Sgip,
    /// SMGP 3.0.
    Smgp,
}

impl Protocol {
    /// Bytes of a header, and so of the shortest PDU.
    #[must_use]
    pub const fn header(self) -> usize {
        match self {
            Self::Cmpp(_) | Self::Smgp => 12,
            Self::Sgip => 20,
        }
    }

    /// Bytes of the longest PDU that is taken; a longer one is a broken stream.
    ///
    /// The largest lawful PDU is 3618 bytes long (CMPP 3.0, 100 receivers, 255 bytes of content). SGIP's papers say
    /// 2048, and name a message of 100 receivers that is longer: what is sent keeps to 2048
    /// ([`sgip::MAX_SENT`]), what comes may have 4096.
    #[must_use]
    pub const fn longest(self) -> usize {
        4096
    }
}
