//! The door for callbacks that no signature proves: a secret path and, where given, the addresses they come from.

use super::sign;
use crate::inbound::{HttpCall, InboundError};
use crate::secret::Secret;
use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What proves a callback of a platform that signs nothing. Closed until it has a path.
#[derive(Clone, Debug, Default)]
pub struct Door {
    path: Option<Secret>,
    sources: Vec<Network>,
    /// Nobody enters: what should say who may could not be read.
    shut: bool,
}

impl Door {
    /// A door behind this path, such as `/sms/` and 32 random digits: whoever knows it may enter.
    pub fn at(path: Secret) -> Self {
        Self { path: Some(path), ..Self::default() }
    }

    /// Reads the path from `path` and the sources, joined with commas, from `sources`. Where the path is unset only calls
    /// that a signature proves may enter, and those from the sources alone where there are any.
    ///
    /// What is set and cannot be read shuts the door to every call: it must not stand wider than meant.
    pub fn from_env(path: &'static str, sources: &'static str) -> Self {
        let door = Self::read(std::env::var_os(path), std::env::var_os(sources));
        if door.shut {
            tracing::warn!(path, sources, "a variable cannot be read: every callback is refused");
        }
        door
    }

    fn read(path: Option<OsString>, sources: Option<OsString>) -> Self {
        let text = |set: Option<OsString>| set.unwrap_or_default().into_string().ok();
        let networks = |list: String| -> Option<Vec<Network>> {
            list.split(',').map(str::trim).filter(|s| !s.is_empty()).map(|s| s.parse().ok()).collect()
        };
        match (text(path), text(sources).and_then(networks)) {
            (Some(path), Some(sources)) => {
                Self { path: Some(path).filter(|p| !p.is_empty()).map(Secret::new), sources, shut: false }
            }
            (None, _) | (_, None) => Self { shut: true, ..Self::default() },
        }
    }

    /// Only calls from one of these networks may enter; then a call whose peer is not known may not.
    #[must_use]
    pub fn only_from(mut self, sources: impl IntoIterator<Item = Network>) -> Self {
        self.sources.extend(sources);
        self
    }

    /// Whether a call may enter, and is short enough to be read. The path is compared in constant time.
    ///
    /// # Errors
    /// [`InboundError::NotOffered`] while closed, [`InboundError::Forged`], [`InboundError::TooLarge`].
    pub fn admits(&self, call: &HttpCall) -> Result<(), InboundError> {
        let path = self.path.as_ref().ok_or(InboundError::NotOffered)?;
        if !sign::same(path.expose().as_bytes(), call.path.as_bytes()) {
            return Err(InboundError::Forged);
        }
        self.admits_peer(call)
    }

    /// For calls that a signature proves: the path does not matter.
    pub(crate) fn admits_peer(&self, call: &HttpCall) -> Result<(), InboundError> {
        if self.shut {
            return Err(InboundError::NotOffered);
        }
        if !self.sources.is_empty() && !call.peer.is_some_and(|peer| self.sources.iter().any(|n| n.contains(peer))) {
            return Err(InboundError::Forged);
        }
        if call.body.len() > HttpCall::MAX_BODY || call.query.len() > HttpCall::MAX_BODY {
            return Err(InboundError::TooLarge { bytes: call.body.len().max(call.query.len()) });
        }
        Ok(())
    }
}

/// A range of addresses: `203.0.113.7`, `203.0.113.0/24`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A source that is no address and no range.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an address range: write 203.0.113.7 or 203.0.113.0/24")]
pub struct NotANetwork;

impl Network {
    /// Whether an address lies in the range. An IPv4 address mapped into IPv6 is that IPv4 address.
    pub fn contains(self, peer: IpAddr) -> bool {
        match (self.address, peer.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same_head(a.to_bits().into(), b.to_bits().into(), self.bits, 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same_head(a.to_bits(), b.to_bits(), self.bits, 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn same_head(a: u128, b: u128, bits: u8, width: u8) -> bool {
    bits == 0 || (a ^ b).checked_shr(u32::from(width - bits)) == Some(0)
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(s: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = s.split_once('/').map_or((s, None), |(a, b)| (a, Some(b)));
        let whole = Self::from(address.parse::<IpAddr>().map_err(|_| NotANetwork)?);
        match bits.map(str::parse::<u8>) {
            None => Ok(whole),
            Some(Ok(bits)) if bits <= whole.bits => Ok(Self { bits, ..whole }),
            Some(_) => Err(NotANetwork),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str) -> HttpCall {
        HttpCall::new("POST", path, "", Vec::new())
    }

    #[test]
    fn a_door_opens_for_its_path_and_its_sources_only() {
        assert_eq!(Door::default().admits(&call("/cb/1")), Err(InboundError::NotOffered));
        let door = Door::at(Secret::new("/cb/1"));
        assert_eq!(door.admits(&call("/cb/1")), Ok(()));
        assert_eq!(door.admits(&call("/cb/2")), Err(InboundError::Forged));
        let door = door.only_from(["203.0.113.0/24".parse().unwrap(), "2001:db8::1".parse().unwrap()]);
        let from = |s: &str| door.admits(&call("/cb/1").from_peer(s.parse().unwrap()));
        assert_eq!(door.admits(&call("/cb/1")), Err(InboundError::Forged), "a peer that nobody knows");
        for (peer, enters) in [
            ("203.0.113.0", true),
            ("203.0.113.255", true),
            ("::ffff:203.0.113.9", true),
            ("203.0.114.0", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
        ] {
            assert_eq!(from(peer).is_ok(), enters, "{peer}");
        }
        let big = HttpCall { body: vec![b' '; HttpCall::MAX_BODY + 1], ..call("/cb/1") };
        assert!(matches!(Door::at(Secret::new("/cb/1")).admits(&big), Err(InboundError::TooLarge { .. })));
        assert!(!format!("{door:?}").contains("/cb/1"));
    }

    #[test]
    fn what_cannot_be_read_shuts_the_door_and_sources_stand_without_a_path() {
        let read =
            |path: Option<&str>, sources: Option<&str>| Door::read(path.map(Into::into), sources.map(Into::into));
        let from = |s: &str| call("/cb/1").from_peer(s.parse().unwrap());
        let (inside, outside) = (from("203.0.113.7"), from("203.0.114.7"));
        for door in [read(None, Some(" 203.0.113.0/24, ")), read(Some(""), Some("203.0.113.0/24"))] {
            assert_eq!(door.admits_peer(&inside), Ok(()));
            assert_eq!(door.admits_peer(&outside), Err(InboundError::Forged));
            assert_eq!(door.admits(&inside), Err(InboundError::NotOffered), "no path proves it");
        }
        let door = read(Some("/cb/1"), Some("203.0.113.7"));
        assert_eq!((door.admits(&inside), door.admits(&outside)), (Ok(()), Err(InboundError::Forged)));
        assert_eq!(read(Some("/cb/1"), None).admits(&outside), Ok(()));
        assert_eq!(read(None, None).admits_peer(&outside), Ok(()));
        let mut shut = vec![read(Some("/cb/1"), Some("203.0.113.7;203.0.113.8")), read(None, Some("example.com"))];
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStringExt;
            let odd = || Some(OsString::from_vec(vec![b'/', 0xff]));
            shut.extend([Door::read(odd(), None), Door::read(Some("/cb/1".into()), odd())]);
        }
        for door in shut.iter().cloned().chain(shut.iter().map(|d| d.clone().only_from([inside.peer.unwrap().into()])))
        {
            assert_eq!(door.admits(&inside), Err(InboundError::NotOffered));
            assert_eq!(door.admits_peer(&inside), Err(InboundError::NotOffered));
        }
    }

    #[test]
    fn ranges() {
        for bad in ["", "x", "1.2.3", "1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1"] {
            assert_eq!(bad.parse::<Network>(), Err(NotANetwork), "{bad}");
        }
        let any: Network = "0.0.0.0/0".parse().unwrap();
        assert!(any.contains("255.255.255.255".parse().unwrap()) && !any.contains("::1".parse().unwrap()));
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
    }
}
