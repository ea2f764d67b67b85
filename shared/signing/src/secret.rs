//! What a setting must be before it may verify anything: a list of real secrets, none of them blank, a placeholder or too short.

use std::fmt;

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// 128 bits when all of it is hexadecimal digits, which is the poorest alphabet secrets are usually made from.
pub const MIN_SECRET_CHARS: usize = 32;

/// Rotation needs two, a few senders with one each need a few more; each costs every forged request one HMAC of its body.
pub const MAX_LIVE_SECRETS: usize = 8;

/// How Stripe's secrets and those of Standard Webhooks begin. Only the latter take it off again.
pub(crate) const WHSEC: &str = "whsec_";

/// How good a secret that people choose has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// One machine, nobody else's traffic: any real secret will do, and [`Secrets::weak`] tells.
    Local,
    /// At least [`MIN_SECRET_CHARS`] each.
    Deployed,
}

/// The live secrets of one setting, written with white space between them: the first signs, all verify.
#[derive(Debug)]
pub struct Secrets {
    first: Secret,
    rest: Vec<Secret>,
}

/// One key, wiped when dropped.
pub struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    weak: bool,
}

/// Completes the sentence that begins with the setting's name. Carries lengths only, so that it can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    #[error("must not be empty")]
    Empty,
    #[error("must be a real secret, and holds a placeholder")]
    Placeholder,
    #[error("must list at most {max} secrets")]
    TooMany { max: usize },
    #[error("must have at least {min} characters in each secret, and one has {chars}")]
    TooShort { chars: usize, min: usize },
    #[error("must begin each secret with whsec_")]
    NoPrefix,
    #[error("must begin with {expected}")]
    OtherKind { expected: &'static str },
    #[error("must be a key of {expected} mode, which this deployment is in")]
    OtherMode { expected: &'static str },
    #[error("must be {expected}")]
    NotAKey { expected: &'static str },
    #[error("must be padded standard base64 after whsec_")]
    NotBase64,
    #[error("must have {min} to {max} bytes in each secret, and one has {bytes}")]
    WrongLength { bytes: usize, min: usize, max: usize },
}

impl Secrets {
    /// `read` is the scheme's own grammar for one secret; what is refused for every scheme never reaches it.
    pub(crate) fn parse(
        setting: &str,
        read: impl Fn(&str) -> Result<Secret, SecretError>,
    ) -> Result<Self, SecretError> {
        // The whole first: `<paste it here>` and `change me` are no placeholders once they are split.
        refuse_placeholder(setting)?;
        let mut texts = setting.split_ascii_whitespace();
        let mut next = || {
            texts.next().map(|text| {
                refuse_placeholder(text)?;
                read(text)
            })
        };
        let first = next().ok_or(SecretError::Empty)??;
        let mut rest = Vec::new();
        while let Some(secret) = next() {
            rest.push(secret?);
            if rest.len() >= MAX_LIVE_SECRETS {
                return Err(SecretError::TooMany { max: MAX_LIVE_SECRETS });
            }
        }
        Ok(Self { first, rest })
    }

    /// Whether any of them is one that [`Strength::Deployed`] would have refused.
    pub fn weak(&self) -> bool {
        self.all().any(|secret| secret.weak)
    }

    pub(crate) fn first(&self) -> &Secret {
        &self.first
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

impl Secret {
    pub(crate) fn new(bytes: Zeroizing<Vec<u8>>, weak: bool) -> Self {
        Self { bytes, weak }
    }

    /// The characters are the key, and people may have chosen them.
    pub(crate) fn as_written(text: &str, strength: Strength) -> Result<Self, SecretError> {
        let chars = text.chars().count();
        let weak = chars < MIN_SECRET_CHARS;
        match strength {
            Strength::Deployed if weak => Err(SecretError::TooShort { chars, min: MIN_SECRET_CHARS }),
            Strength::Deployed | Strength::Local => Ok(Self::new(Zeroizing::new(text.as_bytes().to_vec()), weak)),
        }
    }

    /// For the schemes that hash a secret together with what it signs, or that open with it. Those of an HMAC take [`Self::mac`].
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104), and there is no answer to give without one"
    )]
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.bytes).expect("HMAC takes a key of any length")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Texts that people and templates leave where a secret should be. Each would verify whatever an attacker signs with it.
pub fn refuse_placeholder(text: &str) -> Result<(), SecretError> {
    let text = Zeroizing::new(text.to_lowercase());
    let bare = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    let bare = bare.strip_prefix(WHSEC).unwrap_or(bare).trim();
    if bare.is_empty() {
        return Err(SecretError::Empty);
    }
    let placeholder = WORDS.contains(&bare)
        || PHRASES.iter().any(|phrase| bare.contains(phrase))
        || BEGINNINGS.iter().any(|beginning| bare.starts_with(beginning))
        || (bare.starts_with('<') && bare.ends_with('>'))
        || is_unresolved(bare)
        || is_one_character(bare);
    if placeholder { Err(SecretError::Placeholder) } else { Ok(()) }
}

/// Too short to be looked for inside a secret: a random one may contain them.
const WORDS: [&str; 9] = ["example", "fixme", "none", "null", "password", "secret", "tbd", "todo", "undefined"];

/// Long enough to be looked for anywhere: `CHANGE_ME-in-production-please-32` passes every test of length.
const PHRASES: [&str; 9] = [
    "changeme",
    "change-me",
    "change_me",
    "change me",
    "placeholder",
    "replaceme",
    "replace-me",
    "replace_me",
    "replace me",
];

const BEGINNINGS: [&str; 3] = ["your-", "your_", "your "];

/// A template's text that nothing has filled in. A lone `${` is left alone, since generated passwords have punctuation.
fn is_unresolved(text: &str) -> bool {
    text.contains("{{resolve:") || text.split_once("${").is_some_and(|(_, after)| after.contains('}'))
}

/// `xxxxxxxx`, `0000`, `xxxx-xxxx`.
fn is_one_character(text: &str) -> bool {
    let mut solid = text.chars().filter(|c| !matches!(c, '-' | '_'));
    match solid.next() {
        Some(first) => solid.all(|c| c == first),
        None => true,
    }
}
