//! What a deployment sets on every function.

use thiserror::Error;

#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `STAGE`: which deployment this is. Only `local` may keep its secrets in the environment.
    pub stage: String,
    /// `SECRET_ID`: the Secrets Manager secret with the function's keys, a JSON object of settings. A function without keys has none.
    pub secret_id: Option<String>,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 2] = ["STAGE", "SECRET_ID"];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        Ok(Self { stage: set("STAGE").ok_or(ConfigError::NoStage)?, secret_id: set("SECRET_ID") })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("STAGE is not set")]
    NoStage,
}
