//! Settings and credentials of the Unitel adapter.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signing::{SecretError, refuse_placeholder};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::address::is_address;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitelConfig {
    /// `UNITEL_API_URL`: the base URL of the API, `https://api.unitel.mn/api/v1`. Empty: the deployment tops up no
    /// phones. Only the stage `local` may call without TLS.
    pub base: String,
    /// `UNITEL_ACCOUNT`: our account at Unitel, which pays for each call. Empty if the contract has only one.
    pub account: String,
    /// `UNITEL_VAT_REGISTER_NO`: the taxpayer on VAT bills. Empty: the buyer, as a private person.
    pub vat_register_no: String,
    /// `UNITEL_CHECK_PATH`: the path of the query for the outcome of a call, `/service/check_transaction_result`.
    /// Empty: no query, so a person clarifies unknown outcomes.
    pub check_path: Option<String>,
}

impl UnitelConfig {
    /// The environment variables that [`UnitelConfig::read`] reads.
    pub const VARIABLES: [&str; 4] =
        ["UNITEL_API_URL", "UNITEL_ACCOUNT", "UNITEL_VAT_REGISTER_NO", "UNITEL_CHECK_PATH"];

    /// `None` if the deployment tops up no phones at Unitel.
    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Option<Self>, UnitelConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [base, account, vat_register_no, check_path] = Self::VARIABLES;
        let Some(url) = set(base) else { return Ok(None) };
        if !is_address(&url, stage) {
            return Err(UnitelConfigError::Url);
        }
        let plain = |name: &'static str| match set(name).unwrap_or_default() {
            id if id.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(id),
            _ => Err(UnitelConfigError::NotAnId(name)),
        };
        let (account, vat_register_no) = (plain(account)?, plain(vat_register_no)?);
        let check_path = set(check_path);
        if check_path.as_deref().is_some_and(|path| !is_path(path)) {
            return Err(UnitelConfigError::Path);
        }
        Ok(Some(Self { base: url.trim_end_matches('/').to_owned(), account, vat_register_no, check_path }))
    }
}

/// Whether it is a plain path below the base URL, which cannot lead to another host.
fn is_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    path.len() > 1 && path.starts_with('/') && path.bytes().all(plain)
}

/// Our credentials. Wiped on drop.
pub struct UnitelKeys {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
}

impl UnitelKeys {
    /// The names of the settings.
    pub const SETTINGS: [&str; 2] = ["UNITEL_USERNAME", "UNITEL_PASSWORD"];

    /// The operator assigns both, so their length is not checked.
    pub fn parse(username: Option<&str>, password: Option<&str>) -> Result<Self, (&'static str, SecretError)> {
        let [of_username, of_password] = Self::SETTINGS;
        let username = secret(username).map_err(|error| (of_username, error))?;
        // In Basic authentication the name ends at the first colon.
        if username.contains(':') {
            return Err((of_username, SecretError::NotAKey { expected: "a name without a colon" }));
        }
        let password = secret(password).map_err(|error| (of_password, error))?;
        Ok(Self { username, password })
    }

    pub(super) fn basic(&self) -> Zeroizing<String> {
        let pair = Zeroizing::new(format!("{}:{}", *self.username, *self.password));
        let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        Zeroizing::new(format!("Basic {}", *encoded))
    }
}

fn secret(text: Option<&str>) -> Result<Zeroizing<String>, SecretError> {
    let text = text.unwrap_or_default().trim();
    refuse_placeholder(text)?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl fmt::Debug for UnitelKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnitelKeys(redacted)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnitelConfigError {
    #[error("UNITEL_API_URL must be the https address of the API, without a query")]
    Url,
    #[error("{0} must be visible ASCII characters")]
    NotAnId(&'static str),
    #[error("UNITEL_CHECK_PATH must be a path of letters, digits, - and _, that begins with /")]
    Path,
}
