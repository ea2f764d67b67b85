//! What `doctor` has found out, before it judges. Of what could not be read there is the reason.

use std::collections::BTreeMap;
use std::net::IpAddr;

use local::KeyCheck;

#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) stage: String,
    /// The options that name its books, after a space.
    pub(crate) options: String,
    /// The folder, if no stack of its books runs on this machine.
    pub(crate) not_running: Option<String>,
    /// The parameters of the app, as they are deployed. Empty on one machine.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The state of each stack; `None` if there is none. What cannot be read is in none of these, but in `unread`.
    pub(crate) stacks: BTreeMap<String, Option<String>>,
    pub(crate) tables: Vec<TableFacts>,
    /// What each function makes of its keys.
    pub(crate) keys: Vec<KeyCheck>,
    pub(crate) api: Option<ApiFacts>,
    pub(crate) stripe: Option<StripeFacts>,
    /// The state of each schedule of the template.
    pub(crate) schedules: BTreeMap<String, Option<String>>,
    /// The sweeps that have finished no run for a while.
    pub(crate) idle: Vec<String>,
    pub(crate) streams: Vec<StreamFacts>,
    /// How many messages are in each dead-letter queue; `None` if there is no such queue.
    pub(crate) dead_letters: BTreeMap<String, Option<u64>>,
    pub(crate) alarms: Option<AlarmFacts>,
    /// How many functions of the account may run at once.
    pub(crate) concurrency: Option<u64>,
    /// What is paused, with the reason.
    pub(crate) paused: Vec<(String, String)>,
    /// What could not be found out, and why.
    pub(crate) unread: Vec<(&'static str, String)>,
}

/// The event source mappings of one function.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamFacts {
    pub(crate) function: String,
    /// How many the template has.
    pub(crate) expected: usize,
    pub(crate) states: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TableFacts {
    pub(crate) name: String,
    /// `None` if there is no such table.
    pub(crate) status: Option<String>,
    /// The indexes of the template that are not active.
    pub(crate) missing_indexes: Vec<String>,
    pub(crate) lacks_stream: bool,
    pub(crate) is_protected: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ApiFacts {
    pub(crate) url: String,
    /// `None` if there was no answer.
    pub(crate) status: Option<u16>,
    /// How far its clock is from that of this machine.
    pub(crate) seconds_apart: Option<u64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct StripeFacts {
    pub(crate) endpoints: Vec<EndpointFacts>,
    /// Undelivered events of the last day.
    pub(crate) undelivered: u64,
    pub(crate) prices: Vec<PriceFacts>,
    /// Products of the catalog whose price id is not set.
    pub(crate) unpriced: Vec<String>,
    /// The addresses that Stripe sends webhooks from, as it publishes them; none if the list cannot be read.
    pub(crate) addresses: Vec<IpAddr>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointFacts {
    pub(crate) url: String,
    pub(crate) is_enabled: bool,
    pub(crate) is_live: bool,
    pub(crate) events: Vec<String>,
    pub(crate) api_version: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct PriceFacts {
    pub(crate) product: String,
    pub(crate) id: String,
    pub(crate) in_catalog: String,
    pub(crate) at_stripe: AtStripe,
}

/// A price as Stripe has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AtStripe {
    Active(String),
    /// There is no such price, or it is archived.
    Inactive,
    /// Why the query has no answer.
    Unread(String),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct AlarmFacts {
    /// Those of the template that are not there.
    pub(crate) missing: Vec<String>,
    pub(crate) raised: Vec<String>,
    /// Those that notify no topic.
    pub(crate) silent: Vec<String>,
    /// Whose actions a person has disabled.
    pub(crate) muted: Vec<String>,
    /// The subscriptions that are confirmed; `None` if they cannot be read.
    pub(crate) confirmed: Option<usize>,
    pub(crate) pending: usize,
}
