//! The pepper of redeem codes: the key of the HMAC under which a code is stored. Without it, a reader of the table can
//! test no code.

use hmac::Mac as _;

use crate::{Secret, SecretError, Strength, hex, refuse_placeholder};

/// More than the eighty bits of a code.
const BITS_BYTES: usize = 16;

/// One key for ever: a code that is stored under another cannot be found.
#[derive(Debug)]
pub struct CodePepper(Secret);

impl CodePepper {
    pub fn parse(setting: &str, strength: Strength) -> Result<Self, SecretError> {
        let text = setting.trim();
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        refuse_placeholder(text)?;
        Secret::from_text(text, strength).map(Self)
    }

    /// The bits of a code that a request makes, which only a holder of the pepper can compute. Its own prefix, which no code's
    /// text has, keeps them apart from the hashes of codes.
    pub fn bits(&self, request: &str, number: u32) -> u128 {
        let digest = self.0.mac().chain_update(format!("make\n{number}\n{request}")).finalize().into_bytes();
        digest.iter().take(BITS_BYTES).fold(0, |bits: u128, byte| bits.wrapping_mul(256) | u128::from(*byte))
    }

    /// The HMAC-SHA256 of a code's canonical text, in lower-case hexadecimal.
    pub fn hash(&self, code: &str) -> String {
        hex::write(&self.0.mac().chain_update(code).finalize().into_bytes())
    }
}
