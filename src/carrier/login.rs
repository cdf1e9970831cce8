//! What a login proves: MD5 over account, zeros, shared secret and time; and what the gateway proves in its answer.
//!
//! Source: CMPP and SMGP section 3. Gateways read two points of the papers differently; both readings are offered and
//! neither is guessed.

use md5::{Digest, Md5};
use std::fmt;
use subtle::ConstantTimeEq;

use super::pdu::{Field, Octets, PduError, Reader};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// How the account's name stands in the hash when it is shorter than its field.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NameForm {
    /// As it is.
    Bare,
    /// With the zeros that fill its field.
    Padded,
}

/// How many bytes the status has in the hash of the gateway's answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StatusWidth {
    /// Four.
    Four,
    /// One.
    One,
}

/// An authenticator: an MD5 sum of sixteen bytes, any of which may be zero. `Debug` hides it.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Authenticator(pub [u8; 16]);

impl Authenticator {
    /// What a gateway sends that did not authenticate us: sixteen zeros.
    pub const EMPTY: Self = Self([0; 16]);

    /// Compares in constant time.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Field for Authenticator {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        from.array(what).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// The time of a login, `MMDDhhmmss` of Beijing as a number. The year is not told.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct LoginTime(pub u32);

impl LoginTime {
    /// The number of a moment.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        let at = moment.civil();
        let pairs = [at.month(), at.day(), at.hour(), at.minute(), at.second()];
        Self(pairs.iter().fold(0, |sum, &pair| sum * 100 + u32::from(pair.unsigned_abs())))
    }

    /// The ten digits that are hashed, leading zeros included.
    #[must_use]
    pub fn digits(self) -> [u8; 10] {
        let mut rest = self.0;
        let mut digits = [b'0'; 10];
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        digits
    }
}

impl Field for LoginTime {
    fn read(from: &mut Reader<'_>, what: &'static str) -> Result<Self, PduError> {
        from.field(what).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

/// MD5 of account, `zeros` zero bytes, secret and the ten digits of the time.
pub(crate) fn client<const N: usize>(
    account: &Octets<N>,
    form: NameForm,
    zeros: usize,
    secret: &Secret,
    at: LoginTime,
) -> Authenticator {
    let mut sum = Md5::new();
    match form {
        NameForm::Bare => sum.update(account.as_bytes()),
        NameForm::Padded => sum.update(account.wire()),
    }
    sum.update(&[0; 16][..zeros.min(16)]);
    sum.update(secret.expose());
    sum.update(at.digits());
    Authenticator(sum.finalize().into())
}

/// MD5 of status, the authenticator that the client sent, and secret: what a gateway proves itself with.
#[must_use]
pub fn server(status: u32, width: StatusWidth, sent: &Authenticator, secret: &Secret) -> Authenticator {
    let mut sum = Md5::new();
    let bytes = status.to_be_bytes();
    match width {
        StatusWidth::Four => sum.update(bytes),
        StatusWidth::One => sum.update(&bytes[3..]),
    }
    sum.update(sent.0);
    sum.update(secret.expose());
    Authenticator(sum.finalize().into())
}

/// Which reading of the papers makes `proof` that of a gateway which knows the secret; `None` when neither does.
///
/// Stock simulators and some gateways prove nothing: fail a login on `None` only where the user asked for it.
#[must_use]
pub fn server_proves(proof: &Authenticator, status: u32, sent: &Authenticator, secret: &Secret) -> Option<StatusWidth> {
    [StatusWidth::Four, StatusWidth::One].into_iter().find(|&width| server(status, width, sent, secret).same(proof))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_ten_digits_of_beijing() {
        let at = LoginTime::at("2026-07-08T01:01:02Z".parse().unwrap());
        assert_eq!((at, &at.digits()), (LoginTime(708_090_102), b"0708090102"));
        assert_eq!(LoginTime(u32::MAX).digits(), *b"4294967295");
    }

    #[test]
    fn readings_differ_where_gateways_do() {
        let secret = Secret::new("shared01");
        let (short, full) = (Octets::<6>::new("9012").unwrap(), Octets::<6>::new("901234").unwrap());
        let sum = |account, form| client(account, form, 9, &secret, LoginTime(708_090_102));
        assert_ne!(sum(&short, NameForm::Bare), sum(&short, NameForm::Padded));
        assert_eq!(sum(&full, NameForm::Bare), sum(&full, NameForm::Padded));
        let sent = sum(&full, NameForm::Padded);
        for width in [StatusWidth::Four, StatusWidth::One] {
            let proof = server(0, width, &sent, &secret);
            assert_eq!(server_proves(&proof, 0, &sent, &secret), Some(width));
            assert_eq!(server_proves(&proof, 1, &sent, &secret), None);
            assert_eq!(server_proves(&proof, 0, &sent, &Secret::new("other")), None);
        }
        assert_eq!(server_proves(&Authenticator::EMPTY, 0, &sent, &secret), None);
    }
}
