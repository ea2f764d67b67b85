//! The output of `key`: a key that was made, the list of all, and a revocation.

use ledger::{CallRate, KeyUse, ServiceKey};
use serde::Serialize;

use crate::account::key_facts::{dated, state_of};
use crate::change_result::ChangeResult;
use crate::new_secret::NewSecret;
use crate::print::{self, Facts};

/// A warm function remembers a key for a minute.
const STILL_WORKS: &str = "  A function that used it in the last minute may accept it until that minute ends.";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MadeKey {
    #[serde(flatten)]
    pub(super) changed: ChangeResult,
    /// Both only from the command that makes it.
    pub(super) key: Option<String>,
    pub(super) service_key: Option<String>,
}

#[derive(Serialize)]
pub(super) struct KeyList {
    /// The oldest first.
    pub(super) keys: Vec<KeyFacts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyFacts {
    key: String,
    name: String,
    scopes: Vec<&'static str>,
    /// Calls a minute.
    rate: Option<u32>,
    /// The last day on which it called an API.
    last_used: Option<String>,
    since: String,
    state: &'static str,
    revoked_at: Option<String>,
    receipt: String,
}

#[derive(Serialize)]
pub(super) struct KeyRevocation {
    #[serde(flatten)]
    pub(super) changed: ChangeResult,
    pub(super) key: String,
}

impl KeyFacts {
    pub(super) fn of(key: &ServiceKey, used: Option<&KeyUse>) -> Self {
        Self {
            key: key.hash.short_id(),
            name: key.name.to_string(),
            scopes: key.scopes.words().collect(),
            since: key.since.to_string(),
            rate: key.rate.map(CallRate::calls_a_minute),
            last_used: used.map(|used| used.day.clone()),
            state: state_of(key.revoked_at, local::now()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            receipt: key.made_by.to_string(),
        }
    }
}

impl Facts for MadeKey {
    fn print(&self) {
        self.changed.print();
        match (&self.key, &self.service_key) {
            (Some(id), Some(key)) => {
                print::line(format_args!("  {key}"));
                print::line(format_args!(
                    "  This key is printed only once: only its hash is stored. Its name is {id}."
                ));
            }
            _ => print::line(
                "  The key cannot be printed again. If you do not have it, make another and revoke this one: `key list`.",
            ),
        }
    }

    fn secret(&self) -> Option<NewSecret> {
        let (id, _) = self.key.as_ref().zip(self.service_key.as_ref())?;
        Some(NewSecret {
            made: format!("the service key {id} is made"),
            if_lost: format!("`key revoke {id} --reason R` ends it"),
        })
    }
}

impl Facts for KeyList {
    fn print(&self) {
        if self.keys.is_empty() {
            print::line("there are no service keys");
            return;
        }
        let head = ["key", "name", "scopes", "calls a minute", "last used", "since", "state"].map(str::to_owned);
        let row = |facts: &KeyFacts| {
            let rate = facts.rate.map(|rate| rate.to_string()).unwrap_or_default();
            let state = dated(facts.state, facts.revoked_at.as_ref());
            let last_used = facts.last_used.clone().unwrap_or_default();
            let scopes = facts.scopes.join(",");
            [facts.key.clone(), facts.name.clone(), scopes, rate, last_used, facts.since.clone(), state]
        };
        print::columns(&std::iter::once(head).chain(self.keys.iter().map(row)).collect::<Vec<_>>());
    }
}

impl Facts for KeyRevocation {
    fn print(&self) {
        self.changed.print();
        print::line(STILL_WORKS);
    }
}
