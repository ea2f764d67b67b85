//! Which merchants' notifications are ours to book, and whether the gateway is asked first.

use providers::{EpayConfig, EpayConfigError};
use signing::epay::Keys;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub gateway: EpayConfig,
    /// `EPAY_CONFIRM`: `true` where the gateway has to say, when asked, that it is paid, before anything is delivered. Empty: `false`,
    /// and the signature suffices.
    pub confirm: bool,
}

impl Config {
    /// The environment variables that [`Config::read`] reads; with them those of the gateway.
    pub const VARIABLES: [&str; 1] = ["EPAY_CONFIRM"];

    /// Whether anything is sold this way here. Where there is a merchant and anything else is missing, that is a mistake.
    pub fn is_set_up(variable: impl Fn(&str) -> Option<String>) -> bool {
        variable("EPAY_MERCHANTS").is_some_and(|set| !set.trim().is_empty())
    }

    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Self, ConfigError> {
        let [confirm] = Self::VARIABLES;
        let confirm = match variable(confirm).as_deref().map(str::trim) {
            Some("true") => true,
            None | Some("" | "false") => false,
            Some(_) => return Err(ConfigError::Confirm),
        };
        let gateway = EpayConfig::read(variable, stage)?.ok_or(ConfigError::NoMerchant)?;
        Ok(Self { gateway, confirm })
    }

    /// Whether there is a key for all that is to be verified, and where the gateway is asked, signed.
    pub fn check(&self, keys: &Keys) -> Result<(), ConfigError> {
        self.gateway.verified_by(keys)?;
        let mut asking = self.gateway.merchants.iter().filter(|_| self.confirm);
        Ok(asking.try_for_each(|merchant| merchant.signed_by(keys))?)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("EPAY_MERCHANTS is not set: there is nobody whose notifications could be booked")]
    NoMerchant,
    #[error("EPAY_CONFIRM must be true or false")]
    Confirm,
    #[error(transparent)]
    Gateway(#[from] EpayConfigError),
}
