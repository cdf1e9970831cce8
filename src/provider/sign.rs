//! Digests and encodings that platforms sign with.
//!
//! Pure functions over bytes; the time and the nonce of a signature come in as arguments, so each is reproducible.

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same, with the space left for `+`.
const FORM: &AsciiSet = &RESERVED.remove(b' ');

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(data: &[u8]) -> String {
    crate::id::hex(&Sha256::digest(data))
}

/// HMAC-SHA-256.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC key may have any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA-256 in lower-case hexadecimal.
pub fn hmac_sha256_hex(key: &[u8], data: &[u8]) -> String {
    crate::id::hex(&hmac_sha256(key, data))
}

/// MD5 in lower-case hexadecimal; only where a platform asks for it.
pub fn md5_hex(data: &[u8]) -> String {
    crate::id::hex(&md5::Md5::digest(data))
}

/// HMAC-SHA-1 in base64; only where a platform asks for it.
pub fn hmac_sha1_base64(key: &[u8], data: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    base64::engine::general_purpose::STANDARD.encode(ring::hmac::sign(&key, data))
}

/// Compares in time that does not depend on where the two differ, nor on their lengths.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    Sha256::digest(a).ct_eq(&Sha256::digest(b)).into()
}

/// Percent-encodes by RFC 3986: only `A-Z a-z 0-9 - _ . ~` stay, a space becomes `%20`.
pub fn percent(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + s.len() / 4);
    percent_into(&mut out, s);
    out
}

fn percent_into(out: &mut String, s: &str) {
    out.extend(percent_encode(s.as_bytes(), RESERVED));
}

/// Percent-encodes as a form value: as [`percent`], and a space becomes `+`.
pub fn form_value(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + s.len() / 4);
    for part in percent_encode(s.as_bytes(), FORM) {
        if part.contains(' ') { out.push_str(&part.replace(' ', "+")) } else { out.push_str(part) }
    }
    out
}

/// A form body in the order given, spaces as `+`.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(pairs.iter().map(|(k, v)| k.len() + v.len() * 5 / 4 + 2).sum());
    for (k, v) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&form_value(k));
        out.push('=');
        out.push_str(&form_value(v));
    }
    out
}

/// Decodes one form value (`+` is a space); `None` when the bytes are no UTF-8.
pub fn form_decode(s: &str) -> Option<String> {
    let spaced: Cow<'_, str> = if s.contains('+') { s.replace('+', " ").into() } else { s.into() };
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

/// Splits a query or form body into decoded pairs; `None` when a part is no UTF-8.
pub fn form_pairs(s: &str) -> Option<Vec<(String, String)>> {
    s.split('&')
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (k, v) = p.split_once('=').unwrap_or((p, ""));
            Some((form_decode(k)?, form_decode(v)?))
        })
        .collect()
}

/// The canonical query: pairs sorted by key, each half encoded with [`percent`].
pub fn canonical_query(pairs: &[(&str, &str)]) -> String {
    let mut sorted: Vec<&(&str, &str)> = pairs.iter().collect();
    sorted.sort_unstable();
    let mut out = String::with_capacity(pairs.iter().map(|(k, v)| k.len() + v.len() * 5 / 4 + 2).sum());
    for (k, v) in sorted {
        if !out.is_empty() {
            out.push('&');
        }
        percent_into(&mut out, k);
        out.push('=');
        percent_into(&mut out, v);
    }
    out
}

/// What `ACS3-HMAC-SHA256` signs.
#[derive(Clone, Copy, Debug)]
pub struct Acs3<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path, encoded.
    pub path: &'a str,
    /// The canonical query.
    pub query: &'a str,
    /// Lower-case names and trimmed values of the headers to sign, sorted by name.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body, hexadecimal.
    pub body_sha256: &'a str,
}

impl Acs3<'_> {
    /// The names of the signed headers, joined with `;`.
    pub fn signed_headers(&self) -> String {
        self.headers.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(";")
    }

    /// The signature under an AccessKey secret.
    ///
    /// # Source
    /// Alibaba Cloud, "V3 request body and signature"; vectors of the official SDKs.
    pub fn signature(&self, secret: &str) -> String {
        // Hashed in pieces: a query of a thousand numbers is not copied once more.
        let mut hash = Sha256::new();
        for part in [self.method, "\n", self.path, "\n", self.query, "\n"] {
            hash.update(part);
        }
        for (name, value) in self.headers {
            for part in [name, ":", value, "\n"] {
                hash.update(part);
            }
        }
        for part in ["\n", &self.signed_headers(), "\n", self.body_sha256] {
            hash.update(part);
        }
        let to_sign = format!("ACS3-HMAC-SHA256\n{}", crate::id::hex(&hash.finalize()));
        hmac_sha256_hex(secret.as_bytes(), to_sign.as_bytes())
    }

    /// The `Authorization` header.
    pub fn authorization(&self, key_id: &str, secret: &str) -> String {
        format!(
            "ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={},Signature={}",
            self.signed_headers(),
            self.signature(secret)
        )
    }
}

/// What the scoped signatures sign: Tencent Cloud (`TC3`), Volcengine, JD Cloud (`JDCLOUD2`, `JDCLOUD3`). Their key is
/// derived from the secret by one HMAC for each part of a scope that begins with the UTC day.
#[derive(Clone, Copy, Debug)]
pub struct Scoped<'a> {
    /// The name of the algorithm, such as `TC3-HMAC-SHA256`.
    pub algorithm: &'a str,
    /// What stands before the secret in the first key, such as `TC3`; may be empty.
    pub prefix: &'a str,
    /// The moment, as the platform writes it in the string to sign.
    pub time: &'a str,
    /// UTC day, region where there is one, service, terminator.
    pub scope: &'a [&'a str],
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path, encoded.
    pub path: &'a str,
    /// The canonical query.
    pub query: &'a str,
    /// Lower-case names and trimmed values of the headers to sign, sorted by name.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body, hexadecimal.
    pub body_sha256: &'a str,
}

impl Scoped<'_> {
    /// The names of the signed headers, joined with `;`.
    pub fn signed_headers(&self) -> String {
        self.headers.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(";")
    }

    /// The signature under a secret key.
    ///
    /// # Source
    /// Tencent Cloud 382/52077, Volcengine 6469/1121980, signer of jdcloud-sdk-java; vectors of the official SDKs.
    pub fn signature(&self, secret: &str) -> String {
        let mut hash = Sha256::new();
        for part in [self.method, "\n", self.path, "\n", self.query, "\n"] {
            hash.update(part);
        }
        for (name, value) in self.headers {
            for part in [name, ":", value, "\n"] {
                hash.update(part);
            }
        }
        for part in ["\n", &self.signed_headers(), "\n", self.body_sha256] {
            hash.update(part);
        }
        let (scope, canonical) = (self.scope.join("/"), crate::id::hex(&hash.finalize()));
        let to_sign = format!("{}\n{}\n{scope}\n{canonical}", self.algorithm, self.time);
        let first = format!("{}{secret}", self.prefix).into_bytes();
        let key = self.scope.iter().fold(first, |key, part| hmac_sha256(&key, part.as_bytes()).to_vec());
        hmac_sha256_hex(&key, to_sign.as_bytes())
    }

    /// The `Authorization` header.
    pub fn authorization(&self, key_id: &str, secret: &str) -> String {
        format!(
            "{} Credential={key_id}/{}, SignedHeaders={}, Signature={}",
            self.algorithm,
            self.scope.join("/"),
            self.signed_headers(),
            self.signature(secret)
        )
    }
}

/// A moment in UTC, in the form of a signature, such as `%Y%m%dT%H%M%SZ`.
pub(crate) fn utc(at: crate::clock::Timestamp, form: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime(form).to_string()
}

/// The older RPC signature of Alibaba Cloud (`HMAC-SHA1`, version 1.0) over all parameters but `Signature`.
///
/// # Source
/// Alibaba Cloud, "RPC signature mechanism"; vectors of aliyun-python-sdk-core.
pub fn rpc_signature(method: &str, params: &[(&str, &str)], secret: &str) -> String {
    let to_sign = format!("{method}&%2F&{}", percent(&canonical_query(params)));
    hmac_sha1_base64(format!("{secret}&").as_bytes(), to_sign.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_the_standards() {
        // FIPS 180-4 "abc"; RFC 4231 case 2; RFC 1321; RFC 2202 case 2.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let jefe = b"what do ya want for nothing?";
        assert_eq!(hmac_sha256_hex(b"Jefe", jefe), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(md5_hex(b"message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_eq!(hmac_sha1_base64(b"Jefe", jefe), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
    }

    #[test]
    fn encodings_differ_only_in_the_space() {
        let s = "a b+c=d%e&~*'()!-_.中😀";
        assert_eq!(percent(s), "a%20b%2Bc%3Dd%25e%26~%2A%27%28%29%21-_.%E4%B8%AD%F0%9F%98%80");
        assert_eq!(form_value(s), percent(s).replace("%20", "+"));
        assert_eq!(form_decode(&form_value(s)).as_deref(), Some(s));
        assert_eq!(form_decode(&percent(s)).as_deref(), Some(s));
        assert_eq!(form_decode("%ff"), None);
        assert_eq!(form(&[("b", "1 2"), ("a", "")]), "b=1+2&a=");
        assert_eq!(form_pairs("b=1+2&&a").unwrap(), [("b".into(), "1 2".into()), ("a".into(), String::new())]);
        assert_eq!(canonical_query(&[("b", "2 ^"), ("a", "1"), ("B", "x")]), "B=x&a=1&b=2%20%5E");
    }

    #[test]
    fn comparison_needs_every_byte() {
        assert!(same(b"/cb/abc", b"/cb/abc"));
        assert!(!same(b"/cb/abc", b"/cb/abd"));
        assert!(!same(b"/cb/abc", b"/cb/ab"));
    }
}
