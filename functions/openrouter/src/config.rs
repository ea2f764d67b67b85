//! Configuration: by what the owner of a use is found.

use thiserror::Error;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Config {
    /// `OPENROUTER_OWNER_BY`: what names the owner of a use: `key`, the name of the API key, or `user`, what your
    /// server sends as `user`. Empty: `key`.
    pub owner_by: OwnerBy,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnerBy {
    #[default]
    Key,
    /// Only for requests that your own server makes: a caller with a key chooses it.
    User,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 1] = ["OPENROUTER_OWNER_BY"];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let [owner_by] = Self::VARIABLES;
        let owner_by = match variable(owner_by).as_deref().map(str::trim) {
            None | Some("" | "key") => OwnerBy::Key,
            Some("user") => OwnerBy::User,
            Some(_) => return Err(ConfigError),
        };
        Ok(Self { owner_by })
    }
}

impl OwnerBy {
    /// The attribute of a span, and what our key has before its value: an id of a user is no name of a key.
    pub(crate) const fn attribute(self) -> (&'static str, &'static str) {
        match self {
            Self::Key => ("trace.metadata.openrouter.api_key_name", ""),
            Self::User => ("user.id", "user:"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("OPENROUTER_OWNER_BY must be key or user")]
pub struct ConfigError;
