//! Configuration: the merchants whose notifications are booked, and whether a query to the gateway confirms them first.

use providers::{EpayConfig, EpayConfigError, EpayMerchant};
use signing::epay::{Keys, Pid, Scheme};
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub gateway: EpayConfig,
    /// `EPAY_CONFIRM`: `true` if a query confirms the payments of V2's merchants (RSA) too before they are booked.
    /// Empty: `false`, since only the gateway has the key that signs them.
    pub confirm: bool,
    /// `EPAY_MD5_KEY_ALONE_PAYS`: `true` if V1's signature (MD5) pays an order without a query to the gateway. Both
    /// sides share a merchant's key and send it in queries; with this setting, an attacker who has it can pay any
    /// order. Empty: `false`.
    pub md5_key_alone_pays: bool,
}

impl Config {
    /// The environment variables that [`Config::read`] reads beside those of the gateway.
    pub const VARIABLES: [&str; 2] = ["EPAY_CONFIRM", "EPAY_MD5_KEY_ALONE_PAYS"];

    /// Whether the deployment has a merchant. If it has one, every other missing setting is an error.
    pub fn is_set_up(variable: impl Fn(&str) -> Option<String>) -> bool {
        variable("EPAY_MERCHANTS").is_some_and(|set| !set.trim().is_empty())
    }

    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Self, ConfigError> {
        let flag = |name: &'static str| match variable(name).as_deref().map(str::trim) {
            Some("true") => Ok(true),
            None | Some("" | "false") => Ok(false),
            Some(_) => Err(ConfigError::Flag(name)),
        };
        let [confirm, md5_key_alone_pays] = Self::VARIABLES.map(flag);
        let (confirm, md5_key_alone_pays) = (confirm?, md5_key_alone_pays?);
        if confirm && md5_key_alone_pays {
            return Err(ConfigError::Contradiction);
        }
        let gateway = EpayConfig::read(variable, stage)?.ok_or(ConfigError::NoMerchant)?;
        Ok(Self { gateway, confirm, md5_key_alone_pays })
    }

    /// Whether a query confirms this merchant's payments before they are booked.
    pub fn confirms(&self, merchant: &EpayMerchant) -> bool {
        match merchant.scheme {
            Scheme::Md5 => !self.md5_key_alone_pays,
            Scheme::Rsa => self.confirm,
        }
    }

    /// Whether a query confirms any merchant's payments.
    pub fn confirms_any(&self) -> bool {
        self.gateway.merchants.iter().any(|merchant| self.confirms(merchant))
    }

    /// The same by merchant id; `false` for an unknown merchant, whose payments are refused anyway.
    pub(crate) fn confirms_of(&self, pid: &Pid) -> bool {
        self.gateway.merchant(pid).is_some_and(|merchant| self.confirms(merchant))
    }

    /// Checks that each merchant has a key to verify with, and one to sign with if its payments are confirmed.
    pub fn check(&self, keys: &Keys) -> Result<(), ConfigError> {
        self.gateway.verified_by(keys)?;
        let mut confirming = self.gateway.merchants.iter().filter(|merchant| self.confirms(merchant));
        Ok(confirming.try_for_each(|merchant| merchant.signed_by(keys))?)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("EPAY_MERCHANTS is not set: no merchant's notifications can be booked")]
    NoMerchant,
    #[error("{0} must be true or false")]
    Flag(&'static str),
    #[error("EPAY_CONFIRM and EPAY_MD5_KEY_ALONE_PAYS must not both be true")]
    Contradiction,
    #[error(transparent)]
    Gateway(#[from] EpayConfigError),
}
