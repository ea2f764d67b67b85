//! Validation of secrets from the configuration: a list of real secrets, none of them blank, a placeholder or too
//! short.

use std::fmt;

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// 128 bits if all characters are hexadecimal digits, the smallest alphabet in common use for secrets.
pub const MIN_SECRET_CHARS: usize = 32;

/// Rotation needs two; several senders with their own secret need a few more. Each secret costs one HMAC of the body
/// for each forged request.
pub const MAX_LIVE_SECRETS: usize = 8;

/// The prefix of the secrets of Stripe and of Standard Webhooks. Only the latter remove it from the key.
pub(crate) const WHSEC: &str = "whsec_";

/// The required strength of a secret that people choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// For a single developer machine without foreign traffic: any real secret is accepted, and [`Secrets::weak`]
    /// reports weak ones.
    Local,
    /// At least [`MIN_SECRET_CHARS`] each.
    Deployed,
}

/// The live secrets of one setting, separated by white space: the first signs, all verify.
#[derive(Debug)]
pub struct Secrets {
    first: Secret,
    rest: Vec<Secret>,
}

/// One key, wiped from memory when dropped.
pub struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    weak: bool,
}

/// Completes a sentence that begins with the setting's name. It contains only lengths, so it can be logged.
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
    /// `read` parses one secret in the scheme's own format. Placeholders are refused before it runs.
    pub(crate) fn parse(
        setting: &str,
        read: impl Fn(&str) -> Result<Secret, SecretError>,
    ) -> Result<Self, SecretError> {
        // Check the whole text first: once split, `<paste it here>` and `change me` no longer look like placeholders.
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

    /// Whether [`Strength::Deployed`] would refuse one of them.
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

    /// The text itself is the key, and a person may have chosen it.
    pub(crate) fn from_text(text: &str, strength: Strength) -> Result<Self, SecretError> {
        let chars = text.chars().count();
        let weak = chars < MIN_SECRET_CHARS;
        match strength {
            Strength::Deployed if weak => Err(SecretError::TooShort { chars, min: MIN_SECRET_CHARS }),
            Strength::Deployed | Strength::Local => Ok(Self::new(Zeroizing::new(text.as_bytes().to_vec()), weak)),
        }
    }

    /// For schemes that hash the secret together with the message, or decrypt with it. HMAC schemes use [`Self::mac`].
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104), so this cannot fail")]
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.bytes).expect("HMAC takes a key of any length")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Refuses texts that people and templates leave in place of a secret. With such a key, anyone could sign.
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

/// Too short to search for inside a secret, since a random one may contain them.
const WORDS: [&str; 9] = ["example", "fixme", "none", "null", "password", "secret", "tbd", "todo", "undefined"];

/// Long enough to search for anywhere: `CHANGE_ME-in-production-please-32` passes each check of the length.
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

/// An unresolved template expression. A lone `${` is accepted, since generated passwords contain punctuation.
fn is_unresolved(text: &str) -> bool {
    text.contains("{{resolve:") || text.split_once("${").is_some_and(|(_, after)| after.contains('}'))
}

/// Matches `xxxxxxxx`, `0000` and `xxxx-xxxx`.
fn is_one_character(text: &str) -> bool {
    let mut characters = text.chars().filter(|c| !matches!(c, '-' | '_'));
    match characters.next() {
        Some(first) => characters.all(|c| c == first),
        None => true,
    }
}
