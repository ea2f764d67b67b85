//! The store under load keeps the rules in tests/README.md, which names the test of each.

mod capacity;
mod composed;
mod conflicts;
mod latency;
mod tokens;

use std::fs;

use serde_json::{Value, json};
use testkit::{LoadedStore, Rules, World};

use crate::house::{files, root};

pub(crate) const ORDERS: &str = "hookledger-local-orders";
pub(crate) const JOURNAL: &str = "hookledger-local-journal";

fn store(rules: Rules) -> LoadedStore {
    World::new().under_load(1, rules)
}

fn key(id: &str) -> Value {
    json!({ "id": { "S": id } })
}

fn put(id: &str, state: &str) -> Value {
    json!({ "TableName": ORDERS, "Item": { "id": { "S": id }, "state": { "S": state } } })
}

fn put_all(ids: &[&str], state: &str) -> Value {
    let puts: Vec<Value> = ids.iter().map(|id| json!({ "Put": put(id, state) })).collect();
    json!({ "TransactItems": puts })
}

fn read(id: &str) -> Value {
    json!({ "TableName": ORDERS, "Key": key(id), "ConsistentRead": true })
}

/// The code of an error, or nothing.
fn code((_, body): &(u16, Value)) -> &str {
    body["__type"].as_str().and_then(|name| name.rsplit('#').next()).unwrap_or_default()
}

fn codes_of_reasons((_, body): &(u16, Value)) -> Vec<&str> {
    body["CancellationReasons"].as_array().into_iter().flatten().filter_map(|reason| reason["Code"].as_str()).collect()
}

#[test]
fn every_rule_of_the_readme_has_its_test_and_its_source() {
    let readme = fs::read_to_string(root().join("tests/README.md")).expect("a file");
    let (_, section) = readme.split_once("\n## Which rules does the store under load keep?\n").expect("a section");
    let section = section.split("\n## ").next().expect("a section");
    let rules: Vec<Vec<&str>> =
        section.lines().filter(|line| line.starts_with("| ")).skip(1).map(|line| line.split('|').collect()).collect();
    assert!(rules.len() >= 12, "the table is read: {rules:?}");
    let sources: String = files(&root().join("tests/src/loaded_store"), ".rs")
        .iter()
        .map(|file| fs::read_to_string(file).expect("a file"))
        .collect();
    for rule in rules {
        let [_, _, source, tests, _] = rule[..] else { panic!("three cells: {rule:?}") };
        assert!(source.contains("](https://docs.aws.amazon.com/") || source.trim() == "ours", "{rule:?}");
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{rule:?}");
        for name in names {
            let name = name.rsplit("::").next().expect("a name");
            assert!(sources.contains(&format!("fn {name}(")), "{name} is not a test");
        }
    }
}
