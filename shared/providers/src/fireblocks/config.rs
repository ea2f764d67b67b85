//! Settings and credentials of the Fireblocks adapter.

use std::fmt;

use signing::rsa::PrivateKey;
use signing::{SecretError, refuse_placeholder};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::address::is_address;

/// Vault ids are sequential numbers.
const VAULT_DIGITS_MAX: usize = 12;
/// API keys are UUIDs.
const API_KEY_CHARS: std::ops::RangeInclusive<usize> = 16..=128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireblocksConfig {
    /// `FIREBLOCKS_API_BASE`: the API's base URL, without `/v1`. Only the stage `local` may call without TLS.
    pub base: String,
    /// `FIREBLOCKS_VAULT`: the vault account that sends tokens. Empty: transfers on chain are off.
    pub vault: String,
}

impl FireblocksConfig {
    /// The environment variables that [`FireblocksConfig::read`] reads.
    pub const VARIABLES: [&str; 2] = ["FIREBLOCKS_API_BASE", "FIREBLOCKS_VAULT"];

    /// `None` if the deployment sends nothing on chain.
    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Option<Self>, FireblocksConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [base, vault] = Self::VARIABLES;
        let Some(vault) = set(vault) else { return Ok(None) };
        if vault.len() > VAULT_DIGITS_MAX || !vault.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FireblocksConfigError::Vault);
        }
        let base = set(base).unwrap_or_else(|| "https://api.fireblocks.io".to_owned());
        if !is_address(&base, stage) {
            return Err(FireblocksConfigError::Base);
        }
        Ok(Some(Self { base: base.trim_end_matches('/').to_owned(), vault }))
    }
}

/// The API user and its private key, which signs every request.
pub struct FireblocksKeys {
    pub(super) api_key: Zeroizing<String>,
    pub(super) private: PrivateKey,
}

impl FireblocksKeys {
    /// The names of the settings.
    pub const SETTINGS: [&str; 2] = ["FIREBLOCKS_API_KEY", "FIREBLOCKS_API_SECRET"];

    /// `secret` is the private key in PEM.
    pub fn parse(api_key: Option<&str>, secret: Option<&str>) -> Result<Self, (&'static str, SecretError)> {
        let [of_key, of_secret] = Self::SETTINGS;
        let api_key = api_key_of(api_key.unwrap_or_default()).map_err(|error| (of_key, error))?;
        let private = PrivateKey::parse(secret.unwrap_or_default()).map_err(|error| (of_secret, error))?;
        Ok(Self { api_key, private })
    }
}

fn api_key_of(text: &str) -> Result<Zeroizing<String>, SecretError> {
    refuse_placeholder(text)?;
    let text = text.trim();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_key = API_KEY_CHARS.contains(&text.len()) && text.bytes().all(allowed);
    is_key.then(|| Zeroizing::new(text.to_owned())).ok_or(SecretError::NotAKey { expected: "the id of an API user" })
}

impl fmt::Debug for FireblocksKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FireblocksKeys(redacted)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FireblocksConfigError {
    #[error("FIREBLOCKS_VAULT must be the number of a vault account")]
    Vault,
    #[error("FIREBLOCKS_API_BASE must be an https address without a query")]
    Base,
}
