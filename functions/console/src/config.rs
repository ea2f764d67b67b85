//! The function's settings.

use thiserror::Error;

/// The stage of one machine, which is served over plain HTTP.
const LOCAL: &str = "local";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The name of the deployment, which every page shows: what is done in `prod` is done to customers.
    pub stage: String,
    /// `EPAY_MERCHANTS`: our merchant ids at the epay gateway (`1001:md5,1002:rsa`). Its trade numbers are unique only with
    /// them, and a person types the number alone.
    pub merchants: Vec<String>,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 1] = ["EPAY_MERCHANTS"];

    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Self, ConfigError> {
        let [merchants] = Self::VARIABLES.map(|name| variable(name).unwrap_or_default());
        let merchants = merchants.split(',').map(|merchant| merchant.split(':').next().unwrap_or_default().trim());
        let merchants: Vec<String> = merchants.filter(|pid| !pid.is_empty()).map(str::to_owned).collect();
        if merchants.iter().any(|pid| !pid.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(ConfigError);
        }
        Ok(Self { stage: stage.to_owned(), merchants })
    }

    /// Whether the console is served over HTTP on one machine.
    pub fn is_local(&self) -> bool {
        self.stage == LOCAL
    }

    /// The options of a command that works with the same books.
    pub(crate) fn books(&self) -> String {
        if self.is_local() { String::new() } else { format!(" --aws --stage {}", self.stage) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("EPAY_MERCHANTS must be merchant ids with their signature types, as 1001:md5,1002:rsa")]
pub struct ConfigError;
