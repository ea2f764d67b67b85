//! The function's settings, apart from those of its upstreams.

use thiserror::Error;

const MAX_TOKENS: u64 = 1_024;
const MAX_TOKENS_LIMIT: u64 = 16_384;
/// Longer answers than any model gives.
const TOKENS_MAX: u64 = 1_000_000;
/// More than a person or a server with a pool of connections has.
const OPEN_CALLS_MAX: u16 = 32;
/// Each takes 12 bytes of the account's row while it is open.
const OPEN_CALLS_LIMIT: u16 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `CHAT_MAX_TOKENS`: the longest answer to a request that names no limit, in tokens.
    pub max_tokens: u64,
    /// `CHAT_MAX_TOKENS_LIMIT`: the longest answer that a request may ask for. It is held before the upstream is called.
    pub max_tokens_limit: u64,
    /// `CHAT_OPEN_CALLS_MAX`: how many calls of one key may be open at once. `None`: as many as its credits suffice for.
    pub open_calls_max: Option<u16>,
    /// `CHAT_UNKNOWN_FIELDS` is `refuse`: only fields of OpenAI's API reach an upstream. `pass`: others do, too.
    pub refuses_unknown_fields: bool,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 4] =
        ["CHAT_MAX_TOKENS", "CHAT_MAX_TOKENS_LIMIT", "CHAT_OPEN_CALLS_MAX", "CHAT_UNKNOWN_FIELDS"];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let tokens = |name: &'static str, default: u64| {
            let number = set(name).map_or(Some(default), |text| text.parse().ok());
            number.filter(|number| (1..=TOKENS_MAX).contains(number)).ok_or(ConfigError::Number(name))
        };
        let [max_tokens, max_tokens_limit, open_calls_max, unknown_fields] = Self::VARIABLES;
        let calls = set(open_calls_max).map_or(Some(OPEN_CALLS_MAX), |text| text.parse().ok());
        let calls = calls.filter(|calls| *calls <= OPEN_CALLS_LIMIT).ok_or(ConfigError::Calls)?;
        let refuses_unknown_fields = match set(unknown_fields).as_deref() {
            None | Some("pass") => false,
            Some("refuse") => true,
            Some(_) => return Err(ConfigError::UnknownFields),
        };
        let config = Self {
            max_tokens: tokens(max_tokens, MAX_TOKENS)?,
            max_tokens_limit: tokens(max_tokens_limit, MAX_TOKENS_LIMIT)?,
            open_calls_max: (calls > 0).then_some(calls),
            refuses_unknown_fields,
        };
        if config.max_tokens > config.max_tokens_limit { Err(ConfigError::Order) } else { Ok(config) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("{0} must be 1 to {TOKENS_MAX}")]
    Number(&'static str),
    #[error("CHAT_OPEN_CALLS_MAX must be 0 to {OPEN_CALLS_LIMIT}")]
    Calls,
    #[error("CHAT_UNKNOWN_FIELDS must be pass or refuse")]
    UnknownFields,
    #[error("CHAT_MAX_TOKENS must be at most CHAT_MAX_TOKENS_LIMIT")]
    Order,
}
