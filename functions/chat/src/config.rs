//! The function's settings, apart from those of its upstreams.

use thiserror::Error;

const MAX_TOKENS: u64 = 1_024;
const MAX_TOKENS_LIMIT: u64 = 16_384;
/// Longer answers than any model gives.
const TOKENS_MAX: u64 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `CHAT_MAX_TOKENS`: the longest answer to a request that names no limit, in tokens.
    pub max_tokens: u64,
    /// `CHAT_MAX_TOKENS_LIMIT`: the longest answer that a request may ask for. It is held before the upstream is called.
    pub max_tokens_limit: u64,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 2] = ["CHAT_MAX_TOKENS", "CHAT_MAX_TOKENS_LIMIT"];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let number = |name: &'static str, default: u64| {
            let text = variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
            let number = text.map_or(Some(default), |text| text.parse().ok());
            number.filter(|number| (1..=TOKENS_MAX).contains(number)).ok_or(ConfigError::Number(name))
        };
        let [max_tokens, max_tokens_limit] = Self::VARIABLES;
        let config = Self {
            max_tokens: number(max_tokens, MAX_TOKENS)?,
            max_tokens_limit: number(max_tokens_limit, MAX_TOKENS_LIMIT)?,
        };
        if config.max_tokens > config.max_tokens_limit { Err(ConfigError::Order) } else { Ok(config) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("{0} must be 1 to {TOKENS_MAX}")]
    Number(&'static str),
    #[error("CHAT_MAX_TOKENS must be at most CHAT_MAX_TOKENS_LIMIT")]
    Order,
}
