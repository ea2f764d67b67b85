//! Settings and key of the gateway whose log is read.

use std::fmt;

use signing::{SecretError, refuse_placeholder};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::address::is_address;

/// The API of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NewApiDialect {
    #[default]
    NewApi,
    OneApi,
    Sub2Api,
}

impl NewApiDialect {
    pub const ALL: [Self; 3] = [Self::NewApi, Self::OneApi, Self::Sub2Api];

    /// Its word in the setting and in the ids of its events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewApi => "new-api",
            Self::OneApi => "one-api",
            Self::Sub2Api => "sub2api",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiConfig {
    /// `NEW_API_BASE_URL`: the gateway's address. Empty: no log is read. Only the stage `local` may call without TLS.
    pub base: String,
    /// `NEW_API_USER_ID`: the number of the key's user, which older versions of new-api want in a header.
    pub user_id: Option<String>,
    /// `NEW_API_DIALECT`: `new-api`, `one-api` or `sub2api`.
    pub dialect: NewApiDialect,
}

impl NewApiConfig {
    /// The environment variables that [`NewApiConfig::read`] reads.
    pub const VARIABLES: [&str; 3] = ["NEW_API_BASE_URL", "NEW_API_USER_ID", "NEW_API_DIALECT"];

    /// `None` if no log is read.
    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Option<Self>, NewApiConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [base, user_id, dialect] = Self::VARIABLES;
        let Some(url) = set(base) else { return Ok(None) };
        if !is_address(&url, stage) {
            return Err(NewApiConfigError::Url);
        }
        let user_id = set(user_id);
        let is_number = |id: &String| id.len() <= 19 && id.bytes().all(|byte| byte.is_ascii_digit());
        if user_id.as_ref().is_some_and(|id| !is_number(id)) {
            return Err(NewApiConfigError::UserId);
        }
        let dialect = match set(dialect) {
            None => NewApiDialect::default(),
            Some(word) => {
                let named = NewApiDialect::ALL.into_iter().find(|dialect| dialect.as_str() == word);
                named.ok_or(NewApiConfigError::Dialect)?
            }
        };
        Ok(Some(Self { base: url.trim_end_matches('/').to_owned(), user_id, dialect }))
    }
}

/// The access token of an administrator. Wiped on drop.
pub struct NewApiKey(Zeroizing<String>);

impl NewApiKey {
    /// The name of the setting.
    pub const SETTINGS: [&str; 1] = ["NEW_API_ADMIN_TOKEN"];

    /// The gateway makes it, so its length is not checked. It is sent in a header.
    pub fn parse(token: Option<&str>) -> Result<Self, (&'static str, SecretError)> {
        let [setting] = Self::SETTINGS;
        let token = token.unwrap_or_default().trim();
        refuse_placeholder(token).map_err(|error| (setting, error))?;
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err((setting, SecretError::NotAKey { expected: "visible ASCII characters" }));
        }
        Ok(Self(Zeroizing::new(token.to_owned())))
    }

    pub(super) fn header(&self, dialect: NewApiDialect) -> (&'static str, &str) {
        let name = match dialect {
            NewApiDialect::NewApi | NewApiDialect::OneApi => "authorization",
            NewApiDialect::Sub2Api => "x-api-key",
        };
        (name, self.0.as_str())
    }
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewApiKey(redacted)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NewApiConfigError {
    #[error("NEW_API_BASE_URL must be the https address of the gateway, without a query")]
    Url,
    #[error("NEW_API_USER_ID must be the number of a user")]
    UserId,
    #[error("NEW_API_DIALECT must be new-api, one-api or sub2api")]
    Dialect,
}
