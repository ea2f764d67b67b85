//! All that is kept, read without the code that wrote it, and the sums that must hold.

use std::collections::{BTreeMap, BTreeSet};

use embedded::Engine;
use serde_json::{Value, json};

/// A copy of the books.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Books {
    pub journal: BTreeMap<String, Row>,
    pub accounts: BTreeMap<String, Account>,
    pub keys: BTreeMap<String, String>,
    pub bodies: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    pub status: String,
    pub reason: Option<String>,
    pub account: Option<String>,
    pub change: i128,
    pub attempts: u64,
    pub needs_attention: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    pub balance: i128,
    pub available: i128,
    pub overdraft: i128,
    pub version: u64,
}

impl Books {
    pub fn read(engine: &Engine) -> Self {
        let mut books = Self::default();
        for row in scan(engine, "journal") {
            books.journal.insert(
                word(&row, "id").unwrap(),
                Row {
                    status: word(&row, "status").unwrap(),
                    reason: word(&row, "reason"),
                    account: word(&row, "account"),
                    change: number(&row, "amount"),
                    attempts: u64::try_from(number(&row, "attempts")).unwrap(),
                    needs_attention: word(&row, "attention").is_some(),
                },
            );
        }
        for row in scan(engine, "accounts") {
            let id = word(&row, "id").unwrap();
            if let Some(owner) = word(&row, "owner") {
                books.keys.insert(id, owner);
            } else {
                let account = Account {
                    balance: number(&row, "balance"),
                    available: number(&row, "available"),
                    overdraft: number(&row, "overdraft"),
                    version: u64::try_from(number(&row, "version")).unwrap(),
                };
                books.accounts.insert(id, account);
            }
        }
        books.bodies = scan(engine, "bodies").iter().map(|row| word(row, "id").unwrap()).collect();
        books
    }

    /// What must hold at every moment, whatever happened.
    pub fn check(&self) {
        for (id, account) in &self.accounts {
            let rows: Vec<&Row> = self.journal.values().filter(|row| row.account.as_ref() == Some(id)).collect();
            let sum: i128 = rows.iter().map(|row| row.change).sum();
            assert_eq!(sum, account.balance, "the postings of {id} add up to its balance");
            assert_eq!(
                u64::try_from(rows.len()).unwrap(),
                account.version,
                "the version of {id} counts its journal rows"
            );
            assert_eq!(
                account.available,
                account.balance.checked_add(account.overdraft).unwrap(),
                "what {id} may spend"
            );
        }
        for (id, row) in &self.journal {
            let expected = if row.reason.is_some() { "failed" } else { "processed" };
            assert_eq!(row.status, expected, "{id} has a reason if and only if it failed");
            assert!(row.account.is_none() || row.status == "processed", "{id} failed and yet moved something");
            assert!(
                row.account.as_ref().is_none_or(|account| self.accounts.contains_key(account)),
                "{id} moves a ghost's money"
            );
        }
    }

    pub fn balance(&self, account: &str) -> i128 {
        self.accounts.get(account).map_or(0, |account| account.balance)
    }

    pub fn processed(&self) -> impl Iterator<Item = &str> {
        self.journal.iter().filter(|(_, row)| row.status == "processed").map(|(id, _)| id.as_str())
    }
}

fn scan(engine: &Engine, table: &str) -> Vec<Value> {
    let name = format!("hookledger-{}-{table}", crate::STAGE);
    let mut rows = Vec::new();
    let mut request = json!({ "TableName": name, "ConsistentRead": true });
    loop {
        let answer = engine.request("Scan", &request).unwrap();
        rows.extend(answer.get("Items").and_then(Value::as_array).into_iter().flatten().cloned());
        match answer.get("LastEvaluatedKey") {
            Some(key) if !key.is_null() => {
                request.as_object_mut().unwrap().insert("ExclusiveStartKey".to_owned(), key.clone())
            }
            _ => return rows,
        };
    }
}

fn word(row: &Value, name: &str) -> Option<String> {
    row.get(name)?.get("S")?.as_str().map(str::to_owned)
}

fn number(row: &Value, name: &str) -> i128 {
    row.get(name).map_or(0, |value| value.get("N").unwrap().as_str().unwrap().parse().unwrap())
}
