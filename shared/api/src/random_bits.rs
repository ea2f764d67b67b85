//! Random bits for order numbers and the secrets of keys: the operating system's, or in tests those of a seeded generator,
//! for repeatable runs.

use std::fmt;

use crate::Failure;

/// Returns 128 random bits; `None` if no randomness is available.
type Generate = dyn Fn() -> Option<u128> + Send + Sync;

pub struct RandomBits(Box<Generate>);

impl RandomBits {
    pub fn new(generate: impl Fn() -> Option<u128> + Send + Sync + 'static) -> Self {
        Self(Box::new(generate))
    }

    /// An order's number is the only credential of a buyer's browser, and a secret is that of its caller: neither may be
    /// predictable from earlier ones.
    pub fn of_system() -> Self {
        Self::new(|| {
            let mut bytes = [0; 16];
            let filled = getrandom::fill(&mut bytes);
            filled.inspect_err(|error| tracing::error!(%error, "the system returns no random bytes")).ok()?;
            Some(u128::from_le_bytes(bytes))
        })
    }

    /// Fails before anything is written, so the same request may be retried.
    pub fn bits(&self) -> Result<u128, Failure> {
        (self.0)().ok_or_else(Failure::unavailable)
    }

    /// The prefix and 256 random bits, as the command line makes keys.
    pub fn secret(&self, prefix: &str) -> Result<String, Failure> {
        Ok(format!("{prefix}{:032x}{:032x}", self.bits()?, self.bits()?))
    }
}

impl fmt::Debug for RandomBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RandomBits")
    }
}
