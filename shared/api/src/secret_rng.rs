//! Generates the secrets of keys from randomness: the operating system's, or in tests a seeded generator.

use std::fmt;

use crate::Failure;

/// Returns 128 random bits; `None` if no randomness is available.
type Generate = dyn Fn() -> Option<u128> + Send + Sync;

pub struct SecretRng(Box<Generate>);

impl SecretRng {
    pub fn new(generate: impl Fn() -> Option<u128> + Send + Sync + 'static) -> Self {
        Self(Box::new(generate))
    }

    /// Who can predict a secret has the key.
    pub fn of_system() -> Self {
        Self::new(|| {
            let mut bytes = [0; 16];
            let filled = getrandom::fill(&mut bytes);
            filled.inspect_err(|error| tracing::error!(%error, "the system returns no random bytes")).ok()?;
            Some(u128::from_le_bytes(bytes))
        })
    }

    /// The prefix and 256 random bits, as the command line makes keys. Fails before anything is written.
    pub fn secret(&self, prefix: &str) -> Result<String, Failure> {
        let bits = || (self.0)().ok_or_else(Failure::unavailable);
        Ok(format!("{prefix}{:032x}{:032x}", bits()?, bits()?))
    }
}

impl fmt::Debug for SecretRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretRng")
    }
}
