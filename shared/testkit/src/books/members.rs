//! Members in the tables: the periods of a key, and the lists of both owners, which must agree with them.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{CallerKey, Draws, Members, Timestamp};
use serde_json::Value;

use super::{Books, budgets, word};
use crate::now;

const LISTS: [&str; 2] = ["drawing", "drawn_by"];

pub(super) fn draws(row: &Value) -> Option<String> {
    let periods = row.pointer("/draws/L")?.as_array().unwrap();
    let of = |period: &Value| {
        let time = |name: &str| word(period, name).map(|at| Timestamp::parse_rfc3339(&at).unwrap());
        text(&word(period, "payer").unwrap(), time("since").unwrap(), time("until"))
    };
    Some(periods.iter().map(|period| of(period.get("M").unwrap())).collect::<Vec<_>>().join(", "))
}

pub(crate) fn of_draws(draws: &Draws) -> String {
    let of = draws.all().iter().map(|draw| text(draw.payer.as_str(), draw.since, draw.until));
    of.collect::<Vec<_>>().join(", ")
}

/// In seconds after the start of a test.
fn text(payer: &str, since: Timestamp, until: Option<Timestamp>) -> String {
    let seconds = |at: Timestamp| at.unix_s().checked_sub(now().unix_s()).unwrap();
    let until = until.map_or(String::new(), |until| seconds(until).to_string());
    format!("{payer} {}..{until}", seconds(since))
}

pub(super) fn listed(row: &Value) -> Option<String> {
    let keys = |name: &str| -> Vec<String> {
        let keys = row.pointer(&format!("/{name}/SS")).and_then(Value::as_array);
        let keys: BTreeSet<String> = keys.into_iter().flatten().map(|key| key.as_str().unwrap().to_owned()).collect();
        keys.into_iter().collect()
    };
    lists(LISTS.map(keys))
}

pub(crate) fn of_members(members: &Members) -> Option<String> {
    let texts = |keys: &BTreeSet<CallerKey>| keys.iter().map(ToString::to_string).collect();
    lists([texts(&members.drawing), texts(&members.drawn_by)])
}

fn lists(lists: [Vec<String>; 2]) -> Option<String> {
    let named = LISTS.into_iter().zip(lists).filter(|(_, keys)| !keys.is_empty());
    let named: Vec<String> = named.map(|(name, keys)| format!("{name} {}", keys.join(" "))).collect();
    (!named.is_empty()).then(|| named.join(" "))
}

impl Books {
    /// An account's id has no `#`; an id with one is a key or referrer with an owner, or no account.
    pub(super) fn add_key(&mut self, row: &Value, id: String) {
        self.draws.extend(draws(row).map(|draws| (id.clone(), draws)));
        self.limits.extend(budgets::limits(row).map(|limits| (id.clone(), limits)));
        self.keys.extend(word(row, "owner").map(|owner| (id, owner)));
    }

    /// Each owner's lists are what the rows of keys say. No owner is in both of their own.
    pub(super) fn check_members(&self) {
        let mut expected: BTreeMap<&str, [Vec<String>; 2]> = BTreeMap::new();
        for (key, draws) in &self.draws {
            let last = draws.rsplit(", ").next().unwrap();
            let Some((team, _)) = last.strip_suffix("..").and_then(|open| open.split_once(' ')) else { continue };
            let owner = self.keys.get(key).unwrap_or_else(|| panic!("{key} draws and is revoked"));
            expected.entry(owner).or_default()[0].push(key.clone());
            expected.entry(team).or_default()[1].push(key.clone());
        }
        for (owner, both) in &expected {
            assert!(both.iter().any(Vec::is_empty), "{owner} draws and is drawn on");
        }
        let expected = expected.into_iter().filter_map(|(owner, both)| Some((owner.to_owned(), lists(both)?)));
        assert_eq!(self.members, expected.collect(), "the rows of both owners agree with the keys");
    }
}
