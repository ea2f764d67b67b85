//! Settings of the Stripe adapter: base URL, mode (live or test) and account.

use thiserror::Error;

use crate::address::{LOCAL, is_address};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeConfig {
    /// `STRIPE_API_BASE`: the API's base URL. Only the stage `local` may call without TLS.
    pub base: String,
    /// `STRIPE_LIVEMODE`: whether money is real, `true` or `false`.
    pub livemode: bool,
    /// `STRIPE_ACCOUNT`: the connected account, `acct_…`, that every call acts for. Empty: the key's own.
    pub account: Option<String>,
    /// `MOCK_STRIPE`: `true` if a fake serves `STRIPE_API_BASE`; allowed only in the stage `local`.
    pub is_mock: bool,
}

impl StripeConfig {
    /// The environment variables that [`StripeConfig::read`] reads.
    pub const VARIABLES: [&str; 4] = ["STRIPE_API_BASE", "STRIPE_LIVEMODE", "MOCK_STRIPE", "STRIPE_ACCOUNT"];

    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Self, StripeConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [base, livemode, mock, account] = Self::VARIABLES;
        let is_mock = yes_or_no(mock, set(mock).as_deref().unwrap_or("false"))?;
        if is_mock && stage != LOCAL {
            return Err(StripeConfigError::MockDeployed);
        }
        let base = set(base).unwrap_or_else(|| "https://api.stripe.com".to_owned());
        if !is_address(&base, stage) {
            return Err(StripeConfigError::Base);
        }
        let live = set(livemode).ok_or(StripeConfigError::YesOrNo(livemode))?;
        let account = set(account);
        if account.as_ref().is_some_and(|id| !is_account(id)) {
            return Err(StripeConfigError::Account);
        }
        Ok(Self { base, livemode: yes_or_no(livemode, &live)?, account, is_mock })
    }
}

/// The id is sent as a header.
fn is_account(id: &str) -> bool {
    let plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    id.strip_prefix("acct_").is_some_and(plain)
}

fn yes_or_no(name: &'static str, text: &str) -> Result<bool, StripeConfigError> {
    text.parse().map_err(|_| StripeConfigError::YesOrNo(name))
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StripeConfigError {
    #[error("MOCK_STRIPE is true: fake payments are allowed only in the stage `local`")]
    MockDeployed,
    #[error("STRIPE_API_BASE must be an https address without a query")]
    Base,
    #[error("STRIPE_ACCOUNT must be the id of an account, acct_...")]
    Account,
    #[error("{0} must be true or false")]
    YesOrNo(&'static str),
}
