//! Configuration of new payments at the epay gateway.

use ledger::{Order, Session};
use providers::{EpayConfig, EpayConfigError, EpayMerchant};
use signing::epay::{Keys, Pid, Scheme};
use thiserror::Error;

use super::{LOCAL, is_page};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpaySettings {
    pub gateway: EpayConfig,
    /// `EPAY_MERCHANT`: the merchant of new payments. Empty: the first of `EPAY_MERCHANTS`.
    pub merchant: EpayMerchant,
    /// `EPAY_MAPI`: `true` if V1's API also creates a link or code for a buyer who chose a payment method.
    pub mapi: bool,
    /// `EPAY_NOTIFY_URL`: the address for the gateway's notifications. It has no query: the gateway appends its
    /// parameters.
    pub notify_url: String,
    /// `EPAY_RETURN_URL`: the address to which the buyer returns, likewise.
    pub return_url: String,
}

impl EpaySettings {
    /// The environment variables that [`EpaySettings::read`] reads beside the gateway's own.
    ///
    /// `EPAY_SECRET_ID`: the id of the function `epay`'s secret in Secrets Manager, whose keys sign these payments.
    /// `MOCK_EPAY`: `true` if a fake answers at `EPAY_API_BASE`; permitted only in the stage `local`.
    pub const VARIABLES: [&str; 6] =
        ["EPAY_MERCHANT", "EPAY_MAPI", "EPAY_NOTIFY_URL", "EPAY_RETURN_URL", "MOCK_EPAY", "EPAY_SECRET_ID"];

    /// `None` for a deployment without a merchant.
    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Option<Self>, EpaySettingsError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [merchant, mapi, notify, back, mock, _] = Self::VARIABLES;
        match set(mock).as_deref() {
            None | Some("false") => {}
            Some("true") if stage == LOCAL => {}
            Some(_) => return Err(EpaySettingsError::MockDeployed),
        }
        let Some(gateway) = EpayConfig::read(&variable, stage)? else { return Ok(None) };
        let merchant = match set(merchant) {
            Some(pid) => Pid::new(&pid).and_then(|pid| gateway.merchant(&pid)),
            None => gateway.merchants.first(),
        };
        let merchant = merchant.ok_or(EpaySettingsError::Merchant)?.clone();
        let mapi = match set(mapi).as_deref() {
            None | Some("false") => false,
            Some("true") if merchant.scheme == Scheme::Md5 => true,
            Some(_) => return Err(EpaySettingsError::Mapi),
        };
        let ours = |name: &'static str| {
            let is_ours = |url: &String| {
                is_page(url) && !url.contains(['?', '&', '#', '@']) && (stage == LOCAL || url.starts_with("https://"))
            };
            set(name).filter(is_ours).ok_or(EpaySettingsError::Url(name))
        };
        Ok(Some(Self { merchant, mapi, notify_url: ours(notify)?, return_url: ours(back)?, gateway }))
    }

    /// Checks at start that the merchant has a key to sign with, rather than at the first payment.
    pub fn signed_by(&self, keys: &Keys) -> Result<(), EpaySettingsError> {
        Ok(self.merchant.signed_by(keys)?)
    }

    /// The session that an order gets when its payment starts with this merchant.
    pub(crate) fn session(&self, merchant: &EpayMerchant, order: &Order) -> Session {
        Session { id: format!("{}.{}", merchant.pid, order.number), url: self.gateway.base.clone() }
    }

    /// The merchant with which the order was started, if it is still configured: no other merchant's notification pays
    /// the order.
    pub(crate) fn started_with(&self, session: &Session) -> Option<&EpayMerchant> {
        let (pid, _) = session.id.split_once('.')?;
        self.gateway.merchant(&Pid::new(pid)?)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EpaySettingsError {
    #[error(transparent)]
    Gateway(#[from] EpayConfigError),
    #[error("MOCK_EPAY must be false: fake payments are for the stage `local` only")]
    MockDeployed,
    #[error("EPAY_MERCHANT must be one of EPAY_MERCHANTS")]
    Merchant,
    #[error("EPAY_MAPI must be true or false, and true only for a merchant that signs with md5")]
    Mapi,
    #[error("{0} must be an https address without a query")]
    Url(&'static str),
}
