//! Event fingerprints: detect idempotency conflicts, two different events under one id. They cover identity and money,
//! and nothing that varies between deliveries of one event.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Half of a SHA-256: too long for a sender to find two payments with one fingerprint, and short enough to keep the row
/// small.
const DIGEST_BYTES: usize = 16;

/// A hash of named facts, with the version of the list of names. Written `1.<hex>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Each length is hashed with its value, so that no two lists of fields produce the same bytes.
    pub fn of(version: u8, fields: &[(&str, &str)]) -> Self {
        let mut hash = Sha256::new();
        for text in fields.iter().flat_map(|(name, value)| [name, value]) {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        }
        let digest = hash.finalize();
        Self(format!("{version}.{}", hex(digest.get(..DIGEST_BYTES).unwrap_or(&digest))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One event's fingerprints under every version ever written, the current one first. An old row is compared under its
/// own version, so that a field added later does not make an event contradict itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprints {
    current: Fingerprint,
    older: Vec<Fingerprint>,
}

impl Fingerprints {
    /// A change of a field list needs the next version, with the former one passed as older: otherwise a booked event
    /// contradicts itself when it is delivered again. `tests/src/stripe/fingerprints.txt` lists every version ever
    /// written.
    pub fn new(current: Fingerprint, older: Vec<Fingerprint>) -> Self {
        Self { current, older }
    }

    pub fn current(&self) -> &Fingerprint {
        &self.current
    }

    pub fn all(&self) -> impl Iterator<Item = &Fingerprint> {
        std::iter::once(&self.current).chain(&self.older)
    }

    pub fn contain(&self, stored: &str) -> bool {
        self.all().any(|own| own.as_str() == stored)
    }
}

impl From<Fingerprint> for Fingerprints {
    fn from(current: Fingerprint) -> Self {
        Self::new(current, Vec::new())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    text.extend(
        bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).filter_map(|half| char::from_digit(half.into(), 16)),
    );
    text
}
