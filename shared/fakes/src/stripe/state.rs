//! The state of the fake: prices, sessions, portals, events and stored responses per idempotency key.

use std::collections::BTreeMap;

use serde_json::Value;

use super::idempotency::IdempotencyStore;
use super::sessions::{Price, Session};

/// Settings that every object shows.
pub(crate) struct Settings {
    pub(crate) pay_url: String,
    pub(crate) livemode: bool,
}

/// Generates sequential ids, so that the same seed gives the same ids.
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

/// An event and its delivery status.
pub(crate) struct StoredEvent {
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
    pub(crate) settings: Settings,
    pub(crate) ids: Ids,
    pub(crate) prices: BTreeMap<String, Price>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) portals: BTreeMap<String, Portal>,
    /// Whether the portal is configured in the dashboard.
    pub(crate) has_portal: bool,
    /// Every event so far, in order.
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) idempotency: IdempotencyStore,
    /// Whether a valid POST has no effect and returns 500.
    pub(crate) fails: bool,
}

impl State {
    pub(crate) fn new(pay_url: &str, livemode: bool, seed: &str) -> Self {
        Self {
            settings: Settings { pay_url: pay_url.trim_end_matches('/').to_owned(), livemode },
            ids: Ids { seed: seed.chars().filter(char::is_ascii_alphanumeric).collect(), made: 0 },
            prices: BTreeMap::new(),
            sessions: BTreeMap::new(),
            portals: BTreeMap::new(),
            has_portal: true,
            events: Vec::new(),
            idempotency: IdempotencyStore::default(),
            fails: false,
        }
    }

    pub(crate) fn sell(&mut self, prices: impl IntoIterator<Item = Price>) {
        self.prices.extend(prices.into_iter().map(|price| (price.id.clone(), price)));
    }
}
