//! Where order numbers come from: the operating system's randomness, and in tests a seed, so that a story can be told again.

use std::fmt;

use crate::Failure;

/// One throw of 128 bits, all equally likely; `None` where there is no randomness to be had.
type Throw = dyn Fn() -> Option<u128> + Send + Sync;

pub struct Rng(Box<Throw>);

impl Rng {
    pub fn new(throw: impl Fn() -> Option<u128> + Send + Sync + 'static) -> Self {
        Self(Box::new(throw))
    }

    /// An order's number is all that a buyer's browser has to show for it: nobody must be able to tell the next from those before.
    pub fn of_system() -> Self {
        Self::new(|| {
            let mut bytes = [0; 16];
            let filled = getrandom::fill(&mut bytes);
            filled.inspect_err(|error| tracing::error!(%error, "the system gives no random bytes")).ok()?;
            Some(u128::from_le_bytes(bytes))
        })
    }

    /// Nothing has been done yet where there are none: the same request may be made again.
    pub fn bits(&self) -> Result<u128, Failure> {
        (self.0)().ok_or_else(Failure::unavailable)
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dice")
    }
}
