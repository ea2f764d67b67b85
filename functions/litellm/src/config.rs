//! Configuration: by what the owner of a use is found.

use thiserror::Error;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Config {
    /// `LITELLM_OWNER_BY`: what names the owner of a use: `key`, the hash of the API key; `user` or `team`, whose id it
    /// is. Empty: `key`.
    pub owner_by: OwnerBy,
}

/// What LiteLLM knows of a caller. None of it can be chosen by the caller, as `end_user` can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnerBy {
    #[default]
    Key,
    User,
    Team,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 1] = ["LITELLM_OWNER_BY"];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let [owner_by] = Self::VARIABLES;
        let owner_by = match variable(owner_by).as_deref().map(str::trim) {
            None | Some("" | "key") => OwnerBy::Key,
            Some("user") => OwnerBy::User,
            Some("team") => OwnerBy::Team,
            Some(_) => return Err(ConfigError),
        };
        Ok(Self { owner_by })
    }
}

impl OwnerBy {
    /// The field in an event's metadata, and what our key has before its value: an id of a user is none of a team.
    pub(crate) const fn field(self) -> (&'static str, &'static str) {
        match self {
            Self::Key => ("user_api_key_hash", ""),
            Self::User => ("user_api_key_user_id", "user:"),
            Self::Team => ("user_api_key_team_id", "team:"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("LITELLM_OWNER_BY must be key, user or team")]
pub struct ConfigError;
