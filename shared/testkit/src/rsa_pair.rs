//! Fixture: RSA key pairs, generated once per process, since generation takes longer than most tests.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::{CryptoRng, Error, RngCore};
use rsa::{RsaPrivateKey, RsaPublicKey};

const BITS: usize = 2048;

/// A key pair in the formats in which providers and merchants exchange keys.
#[derive(Debug, Clone)]
pub struct RsaPair {
    /// PEM, PKCS#8.
    pub private: String,
    /// PEM, PKCS#1.
    pub private_pkcs1: String,
    /// PEM, SPKI.
    pub public: String,
}

static PAIRS: LazyLock<Mutex<BTreeMap<u64, RsaPair>>> = LazyLock::new(Mutex::default);

/// The key pair of this seed.
pub fn rsa_pair(seed: u64) -> RsaPair {
    PAIRS.lock().unwrap().entry(seed).or_insert_with(|| generate(seed)).clone()
}

fn generate(seed: u64) -> RsaPair {
    let private = RsaPrivateKey::new(&mut Rng(fastrand::Rng::with_seed(seed)), BITS).unwrap();
    RsaPair {
        private: private.to_pkcs8_pem(LineEnding::LF).unwrap().to_string(),
        private_pkcs1: private.to_pkcs1_pem(LineEnding::LF).unwrap().to_string(),
        public: RsaPublicKey::from(&private).to_public_key_pem(LineEnding::LF).unwrap(),
    }
}

struct Rng(fastrand::Rng);

impl RngCore for Rng {
    fn next_u32(&mut self) -> u32 {
        self.0.u32(..)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.u64(..)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// Not cryptographically secure: a seeded key protects nothing but a test.
impl CryptoRng for Rng {}
