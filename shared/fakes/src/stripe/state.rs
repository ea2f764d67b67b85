//! What the fake keeps: its prices, sessions, portals and events, and the answers under each idempotency key.

use std::collections::BTreeMap;

use serde_json::Value;

use super::idempotency::Kept;
use super::sessions::{Price, Session};

/// What every object says of the place that it comes from.
pub(crate) struct Place {
    pub(crate) pay_url: String,
    pub(crate) livemode: bool,
}

/// Numbers what is made, so that one seed tells one story.
pub(crate) struct Ids {
    seed: String,
    made: u64,
}

impl Ids {
    pub(crate) fn next(&mut self, prefix: &str) -> String {
        self.made = self.made.saturating_add(1);
        format!("{prefix}_{}{:0>24}", self.seed, self.made)
    }
}

/// An event, and whether a webhook has taken it.
pub(crate) struct Told {
    pub(crate) event: Value,
    pub(crate) is_delivered: bool,
}

/// A portal session.
pub(crate) struct Portal {
    pub(crate) account: Option<String>,
    pub(crate) customer: String,
    pub(crate) return_url: Option<String>,
}

pub(crate) struct State {
    pub(crate) place: Place,
    pub(crate) ids: Ids,
    pub(crate) prices: BTreeMap<String, Price>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) portals: BTreeMap<String, Portal>,
    /// Whether somebody has saved the portal's settings in the dashboard.
    pub(crate) has_portal: bool,
    /// Every event so far, in their order.
    pub(crate) told: Vec<Told>,
    pub(crate) kept: Kept,
    pub(crate) fails_next: bool,
}

impl State {
    pub(crate) fn new(pay_url: &str, livemode: bool, seed: &str) -> Self {
        Self {
            place: Place { pay_url: pay_url.trim_end_matches('/').to_owned(), livemode },
            ids: Ids { seed: seed.chars().filter(char::is_ascii_alphanumeric).collect(), made: 0 },
            prices: BTreeMap::new(),
            sessions: BTreeMap::new(),
            portals: BTreeMap::new(),
            has_portal: true,
            told: Vec::new(),
            kept: Kept::default(),
            fails_next: false,
        }
    }

    pub(crate) fn sell(&mut self, prices: impl IntoIterator<Item = Price>) {
        self.prices.extend(prices.into_iter().map(|price| (price.id.clone(), price)));
    }
}
