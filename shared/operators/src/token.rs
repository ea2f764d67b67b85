//! The hash under which a link or a session is kept: a reader of the table can use neither.

use std::fmt::{self, Write as _};

use sha2::Digest as _;

const CHARS: usize = 64;

/// The SHA-256 of a random token, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(String);

impl TokenHash {
    pub fn of(token: &str) -> Self {
        let digest = sha2::Sha256::digest(token.as_bytes());
        let hex = digest.iter().fold(String::with_capacity(CHARS), |mut hex, byte| {
            // A string takes everything.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Self(hex)
    }

    /// As a row has it.
    pub fn read(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == CHARS && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
