//! Which of Stripe's events are ours to book: of which mode, which account, which kinds.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::Kind;

#[derive(Debug, Clone)]
pub struct Config {
    /// `STAGE`: an event of another stage, which shares the account, is left to it.
    pub stage: String,
    /// `STRIPE_LIVEMODE`: `true` where money is real, `false` where it is not. An event of the other mode is never fulfilled.
    pub livemode: bool,
    /// `STRIPE_ACCOUNT`: the connected account whose events are booked here, the one that checkout sells on. Empty: our own, whose events name none.
    pub account: Option<String>,
    /// `STRIPE_ACCOUNT_SHARED`: `true` where something else sells through the same account. Then a dispute of a payment that is not known
    /// here is mostly not ours, and raises no alarm. Empty: `false`, since a deadline that passes costs more than one alarm too many.
    pub is_shared: bool,
    /// `STRIPE_EVENTS`: the kinds that act, separated by commas. Empty: all that are understood.
    pub kinds: BTreeSet<Kind>,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 4] = ["STRIPE_LIVEMODE", "STRIPE_ACCOUNT", "STRIPE_ACCOUNT_SHARED", "STRIPE_EVENTS"];

    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        // No default: one that is wrong would fulfil test payments, or none.
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
