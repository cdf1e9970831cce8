//! Credentials: redacted everywhere, wiped when dropped.

use std::fmt;
use zeroize::Zeroizing;

/// A credential. Nothing prints it; [`Secret::expose`] is the one way to read it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a credential.
    pub fn new(s: impl Into<String>) -> Self {
        Self(Zeroizing::new(s.into()))
    }

    /// Reads a credential from an environment variable.
    ///
    /// # Errors
    /// [`MissingVariable`] when it is unset, empty or not Unicode.
    pub fn from_env(name: &'static str) -> Result<Self, MissingVariable> {
        match std::env::var(name) {
            Ok(s) if !s.is_empty() => Ok(Self::new(s)),
            _ => Err(MissingVariable { name }),
        }
    }

    /// The credential itself, for signing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A setting that is needed and not in the environment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("set the environment variable {name}")]
pub struct MissingVariable {
    /// Its name.
    pub name: &'static str,
}
