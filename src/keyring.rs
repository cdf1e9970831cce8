//! The keys of a store: recipient ids (HMAC-SHA-256) and sealing (AES-256-GCM), in versions.
//!
//! A key file is JSON with 0600 rights: `{"index": "<hex 32>", "seal": {"1": "<hex 32>"}, "current": 1}`. Lose it and
//! the stored numbers are lost; leak it together with the database and they are readable. Keep it apart from backups.

use crate::clock::{Clock, SystemRandom};
use crate::id::{Rid, hex, unhex};
use crate::phone::Phone;
use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is a file already; a key is never overwritten.
    #[error("{path} exists; a key file is never overwritten: open it, or name another path")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read or written.
    #[error("{path} cannot be read or written; check that it exists and belongs to this user")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The text is not a key file.
    #[error("not a key file: {what}; restore it from its safe copy")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
    /// The environment variable is not set.
    #[error(transparent)]
    Missing(#[from] crate::secret::MissingVariable),
    /// Others may read the file.
    #[error("{path} can be read by others (mode {mode:o}); run: chmod 600 {path}")]
    Rights {
        /// The file.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
}

/// A sealed value that could not be opened: another key, another row, or altered bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a sealed value does not open: it was moved, altered, or sealed under a key that this keyring lacks")]
pub struct Unsealable;

/// The keys of one store.
///
/// Sealing keys rotate online ([`Keyring::rotate`]); the index key makes the recipient ids and changes only by an
/// offline rebuild of the store.
pub struct Keyring {
    index: Hmac<Sha256>,
    index_id: [u8; 8],
    seal: BTreeMap<u16, LessSafeKey>,
    raw: Raw,
    current: u16,
    nonces: Mutex<NonceBlock>,
}

struct Raw {
    index: Secret,
    seal: BTreeMap<u16, Secret>,
}

/// Random nonces are drawn in blocks: one system call seals 64 numbers.
struct NonceBlock {
    bytes: [u8; 64 * NONCE_LEN],
    next: usize,
    random: SystemRandom,
}

impl NonceBlock {
    fn take(&mut self) -> [u8; NONCE_LEN] {
        if self.next + NONCE_LEN > self.bytes.len() {
            self.random.fill(&mut self.bytes);
            self.next = 0;
        }
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&self.bytes[self.next..self.next + NONCE_LEN]);
        self.next += NONCE_LEN;
        nonce
    }
}

#[derive(serde::Deserialize, serde::Serialize)]
struct File {
    index: String,
    seal: BTreeMap<u16, String>,
    current: u16,
}

impl Keyring {
    /// Makes fresh keys and writes them to a new file that only this user can read.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when there is such a file; [`KeyError::File`] when it cannot be written.
    pub fn create_file(path: impl AsRef<Path>, clock: &dyn Clock) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let ring = Self::generate(clock);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.into() },
            _ => KeyError::File { path: path.into(), source },
        };
        // Whole or not at all: another process, or the next start after a crash, never reads half a key.
        let mut nonce = [0; 8];
        clock.fill(&mut nonce);
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(format!(".{}", hex(&nonce)));
        let mut file = options.open(&fresh).map_err(io)?;
        let written = file
            .write_all(ring.to_text().expose().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::hard_link(&fresh, path));
        let _ = std::fs::remove_file(&fresh);
        written.map_err(io)?;
        Ok(ring)
    }

    /// Opens a key file.
    ///
    /// # Errors
    /// [`KeyError`] when it is missing, readable by others (on Unix) or not a key file.
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let io = |source| KeyError::File { path: path.into(), source };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeyError::Rights { path: path.into(), mode });
            }
        }
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
        Self::from_text(&text)
    }

    /// Opens the key file, or makes it when there is none.
    ///
    /// # Errors
    /// As [`open_file`](Self::open_file) and [`create_file`](Self::create_file).
    pub fn open_or_create_file(path: impl AsRef<Path>, clock: &dyn Clock) -> Result<Self, KeyError> {
        match Self::create_file(&path, clock) {
            Err(KeyError::Exists { .. }) => Self::open_file(path),
            other => other,
        }
    }

    /// Reads the text of a key file from an environment variable.
    ///
    /// # Errors
    /// [`KeyError::Missing`] when unset, [`KeyError::Malformed`] when it is not a key file's text.
    pub fn from_env(name: &'static str) -> Result<Self, KeyError> {
        Self::from_text(Secret::from_env(name)?.expose())
    }

    /// Fresh keys that are kept nowhere. For tests, or to be stored by the caller through [`to_text`](Self::to_text).
    pub fn generate(clock: &dyn Clock) -> Self {
        let mut b = [[0u8; 32]; 2];
        clock.fill(&mut b[0]);
        clock.fill(&mut b[1]);
        let raw = Raw { index: Secret::new(hex(&b[0])), seal: [(1, Secret::new(hex(&b[1])))].into() };
        zeroize::Zeroize::zeroize(&mut b);
        Self::build(raw, 1).expect("keys of 32 bytes")
    }

    /// The text of a key file. As secret as the keys.
    pub fn to_text(&self) -> Secret {
        let file = File {
            index: self.raw.index.expose().to_owned(),
            seal: self.raw.seal.iter().map(|(k, v)| (*k, v.expose().to_owned())).collect(),
            current: self.current,
        };
        Secret::new(serde_json::to_string(&file).expect("strings serialise"))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] naming the part.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let file: File =
            serde_json::from_str(text).map_err(|_| KeyError::Malformed { what: "it is not the JSON of one" })?;
        let raw = Raw {
            index: Secret::new(file.index),
            seal: file.seal.into_iter().map(|(k, v)| (k, Secret::new(v))).collect(),
        };
        Self::build(raw, file.current)
    }

    fn build(raw: Raw, current: u16) -> Result<Self, KeyError> {
        let bytes = |s: &Secret, what| match unhex(s.expose()) {
            Some(v) if v.len() == 32 => Ok(zeroize::Zeroizing::new(v)),
            _ => Err(KeyError::Malformed { what }),
        };
        let index = bytes(&raw.index, "`index` is not 64 hexadecimal digits")?;
        let mut seal = BTreeMap::new();
        for (version, key) in &raw.seal {
            let key = bytes(key, "a `seal` key is not 64 hexadecimal digits")?;
            let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| KeyError::Malformed { what: "a `seal` key" })?;
            seal.insert(*version, LessSafeKey::new(key));
        }
        if !seal.contains_key(&current) {
            return Err(KeyError::Malformed { what: "`current` names no `seal` key" });
        }
        let mut id = Sha256::new();
        id.update(b"optin106 index key id");
        id.update(&*index);
        let id = id.finalize();
        let mut index_id = [0; 8];
        index_id.copy_from_slice(&id[..8]);
        let random = SystemRandom::new();
        let nonces = Mutex::new(NonceBlock { bytes: [0; 64 * NONCE_LEN], next: 64 * NONCE_LEN, random });
        let index = Hmac::new_from_slice(&index).map_err(|_| KeyError::Malformed { what: "`index`" })?;
        Ok(Self { index, index_id, seal, raw, current, nonces })
    }

    /// The same keys and a fresh sealing key, which becomes the current one. Old values stay readable.
    #[must_use]
    pub fn rotate(&self, clock: &dyn Clock) -> Self {
        let mut b = [0u8; 32];
        clock.fill(&mut b);
        let next = self.raw.seal.keys().max().map_or(1, |v| v.saturating_add(1));
        let mut seal = self.raw.seal.clone();
        seal.insert(next, Secret::new(hex(&b)));
        Self::build(Raw { index: self.raw.index.clone(), seal }, next).expect("keys of 32 bytes")
    }

    /// Eight bytes that name the index key without revealing it; a store keeps them to refuse another keyring.
    pub fn index_id(&self) -> [u8; 8] {
        self.index_id
    }

    /// The sealing key versions that this keyring can open.
    pub fn versions(&self) -> impl Iterator<Item = u16> + '_ {
        self.seal.keys().copied()
    }

    /// The person's pseudonym: HMAC-SHA-256 over `mobile` and the E.164 number, cut to 16 bytes.
    pub fn rid(&self, phone: Phone) -> Rid {
        let mut text = *b"mobile+8600000000000";
        let mut n = phone.to_u64();
        for digit in text[9..].iter_mut().rev() {
            *digit = b'0' + (n % 10) as u8;
            n /= 10;
        }
        let mut mac = self.index.clone();
        mac.update(&text);
        let full = mac.finalize().into_bytes();
        let mut rid = [0; 16];
        rid.copy_from_slice(&full[..16]);
        Rid(rid)
    }

    /// Seals bytes for one place. `place` (table, column, row) must be the same to open them.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        // The lock guards plain bytes; a panic while it is held leaves them usable.
        let nonce = self.nonces.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let mut out = Vec::with_capacity(2 + NONCE_LEN + plain.len() + 16);
        out.extend_from_slice(&self.current.to_be_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let (_, body) = out.split_at_mut(2 + NONCE_LEN);
        let key = &self.seal[&self.current];
        let (aad, n) = place.aad(self.current);
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&aad[..n]), body)
            .expect("values are far below the limit of AES-GCM");
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// Opens what [`seal`](Self::seal) made for the same place.
    ///
    /// # Errors
    /// [`Unsealable`] when bytes, place or key differ.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let (version, rest) = sealed.split_first_chunk::<2>().ok_or(Unsealable)?;
        let version = u16::from_be_bytes(*version);
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
        let key = self.seal.get(&version).ok_or(Unsealable)?;
        let mut body = body.to_vec();
        let (aad, n) = place.aad(version);
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(&aad[..n]), &mut body)
            .map_err(|_| Unsealable)?
            .len();
        body.truncate(plain);
        Ok(body)
    }

    /// Seals a number for one place, in eight plain bytes.
    pub fn seal_phone(&self, place: &Place<'_>, phone: Phone) -> Vec<u8> {
        self.seal(place, &phone.to_u64().to_be_bytes())
    }

    /// Opens what [`seal_phone`](Self::seal_phone) made.
    ///
    /// # Errors
    /// [`Unsealable`], also when the bytes are no number.
    pub fn open_phone(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Phone, Unsealable> {
        let plain = zeroize::Zeroizing::new(self.open(place, sealed)?);
        let n = u64::from_be_bytes(plain.as_slice().try_into().map_err(|_| Unsealable)?);
        Phone::from_u64(n).map_err(|_| Unsealable)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} sealing keys)", self.seal.len())
    }
}

/// Where a sealed value lives; bound into it, so that a value moved elsewhere does not open.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Table and column, such as `message.number`.
    pub column: &'static str,
    /// The row's key.
    pub row: &'a [u8],
}

impl Place<'_> {
    fn aad(&self, version: u16) -> ([u8; 96], usize) {
        let mut out = [0u8; 96];
        let mut n = 0;
        for part in [&version.to_be_bytes()[..], self.column.as_bytes(), &[0], self.row] {
            let part = &part[..part.len().min(out.len() - n)];
            out[n..n + part.len()].copy_from_slice(part);
            n += part.len();
        }
        (out, n)
    }
}
