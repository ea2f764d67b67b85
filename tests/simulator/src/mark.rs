//! Names of everything that happens in a world, and the randomness that belongs to each name. A name does not depend on
//! what else happens, so that a world with fewer steps draws the same faults for the steps that are left.

use std::fmt;

/// Half of the golden ratio's bits: the increment of `SplitMix64`.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The name of a step, of a delivery, of an attempt or of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Mark {
    pub fn of_seed(seed: u64) -> Self {
        Self(mixed(seed.wrapping_add(GOLDEN)))
    }

    /// The `number`th thing below this one.
    #[must_use]
    pub fn child(self, number: u64) -> Self {
        Self(mixed(self.0 ^ number.wrapping_add(1).wrapping_mul(GOLDEN)))
    }

    /// The randomness of this thing alone.
    pub fn rng(self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0)
    }

    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The finalizer of `SplitMix64`.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
