//! Configuration: the mode, the connected account and the kinds of Stripe's events that are booked.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::Kind;

#[derive(Debug, Clone)]
pub struct Config {
    /// `STAGE`: an event of another stage that shares the account is ignored; that stage books it.
    pub stage: String,
    /// `STRIPE_LIVEMODE`: `true` for real money, `false` for test mode. An event of the other mode is never fulfilled.
    pub livemode: bool,
    /// `STRIPE_ACCOUNT`: the connected account that checkout sells on and whose events are booked. Empty: our own
    /// account, whose events carry no account id.
    pub account: Option<String>,
    /// `STRIPE_ACCOUNT_SHARED`: `true` if other software sells through the same account. A dispute of an unknown
    /// payment is then most likely not ours, and raises no alarm. Empty: `false`, since a missed deadline costs more
    /// than a false alarm.
    pub is_shared: bool,
    /// `STRIPE_EVENTS`: the kinds that act, separated by commas. Empty: all supported kinds.
    pub kinds: BTreeSet<Kind>,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 4] = ["STRIPE_LIVEMODE", "STRIPE_ACCOUNT", "STRIPE_ACCOUNT_SHARED", "STRIPE_EVENTS"];

    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        // No default: a wrong one would fulfil test payments, or none at all.
        let livemode = match set("STRIPE_LIVEMODE").as_deref() {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(ConfigError::Livemode),
        };
        let is_shared = match set("STRIPE_ACCOUNT_SHARED").as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => return Err(ConfigError::Shared),
        };
        let kinds = set("STRIPE_EVENTS").unwrap_or_default();
        let named = kinds.split(',').map(str::trim).filter(|name| !name.is_empty());
        let named: BTreeSet<Kind> = named.map(acting).collect::<Result<_, _>>()?;
        Ok(Self {
            stage: stage.to_owned(),
            livemode,
            account: set("STRIPE_ACCOUNT"),
            is_shared,
            kinds: if named.is_empty() { Kind::ALL.into_iter().filter(|kind| kind.acts()).collect() } else { named },
        })
    }
}

fn acting(name: &str) -> Result<Kind, ConfigError> {
    Kind::named(name).filter(|kind| kind.acts()).ok_or_else(|| ConfigError::Kind(name.to_owned()))
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("STRIPE_LIVEMODE must be true or false")]
    Livemode,
    #[error("STRIPE_ACCOUNT_SHARED must be true or false")]
    Shared,
    #[error("STRIPE_EVENTS: {0} is not a kind of event that acts here")]
    Kind(String),
}
