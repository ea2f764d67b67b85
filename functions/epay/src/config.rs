//! Which merchants' notifications are ours to book, and whether the gateway is asked first.

use providers::{EpayConfig, EpayConfigError, EpayMerchant};
use signing::epay::{Keys, Pid, Scheme};
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub gateway: EpayConfig,
    /// `EPAY_CONFIRM`: `true` where the gateway confirms payments of V2's merchants (RSA) too before they are booked. Empty: `false`: only
    /// the gateway has the key that signs them.
    pub confirm: bool,
    /// `EPAY_MD5_KEY_ALONE_PAYS`: `true` where the signature of V1 (MD5) pays an order and the gateway is not queried. Whoever gets hold of
    /// a merchant's key, which both sides have and which travels in queries, can then pay any order. Empty: `false`.
    pub md5_key_alone_pays: bool,
}

impl Config {
    /// The environment variables that [`Config::read`] reads; with them those of the gateway.
    pub const VARIABLES: [&str; 2] = ["EPAY_CONFIRM", "EPAY_MD5_KEY_ALONE_PAYS"];

    /// Whether anything is sold this way here. Where there is a merchant and anything else is missing, that is a mistake.
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

    /// Whether the gateway confirms this merchant's payments before they are booked.
    pub fn confirms(&self, merchant: &EpayMerchant) -> bool {
        match merchant.scheme {
            Scheme::Md5 => !self.md5_key_alone_pays,
            Scheme::Rsa => self.confirm,
        }
    }

    /// Whether it confirms anybody's.
    pub fn confirms_any(&self) -> bool {
        self.gateway.merchants.iter().any(|merchant| self.confirms(merchant))
    }

    /// A merchant that is not ours has nothing to confirm.
    pub(crate) fn confirms_of(&self, pid: &Pid) -> bool {
        self.gateway.merchant(pid).is_some_and(|merchant| self.confirms(merchant))
    }

    /// Whether there is a key for all that is to be verified, and where the gateway is asked, signed.
    pub fn check(&self, keys: &Keys) -> Result<(), ConfigError> {
        self.gateway.verified_by(keys)?;
        let mut asking = self.gateway.merchants.iter().filter(|merchant| self.confirms(merchant));
        Ok(asking.try_for_each(|merchant| merchant.signed_by(keys))?)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("EPAY_MERCHANTS is not set: there is nobody whose notifications could be booked")]
    NoMerchant,
    #[error("{0} must be true or false")]
    Flag(&'static str),
    #[error("EPAY_CONFIRM and EPAY_MD5_KEY_ALONE_PAYS must not both be true")]
    Contradiction,
    #[error(transparent)]
    Gateway(#[from] EpayConfigError),
}
