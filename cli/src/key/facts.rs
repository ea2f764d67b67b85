//! The output of `key`: a key that was made, the list of all, and a revocation.

use ledger::ServiceKey;
use serde::Serialize;

use crate::change_result::ChangeResult;
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

impl From<&ServiceKey> for KeyFacts {
    fn from(key: &ServiceKey) -> Self {
        Self {
            key: key.hash.short_id(),
            name: key.name.to_string(),
            scopes: key.scopes.words().collect(),
            since: key.since.to_string(),
            state: if key.is_live(local::now()) { "live" } else { "revoked" },
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
}

impl Facts for KeyList {
    fn print(&self) {
        if self.keys.is_empty() {
            print::line("there are no service keys");
            return;
        }
        let head = ["key", "name", "scopes", "since", "state"].map(str::to_owned);
        let row = |facts: &KeyFacts| {
            let state =
                facts.revoked_at.as_ref().map_or_else(|| facts.state.to_owned(), |at| format!("revoked at {at}"));
            [facts.key.clone(), facts.name.clone(), facts.scopes.join(","), facts.since.clone(), state]
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
