//! Dice that many requests throw: seeded in tests, so that a story can be told again.

use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
pub struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    pub fn new(rng: fastrand::Rng) -> Self {
        Self(Mutex::new(rng))
    }

    pub fn bits(&self) -> u128 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).u128(..)
    }
}
