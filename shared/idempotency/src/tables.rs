//! The names of the DynamoDB tables, from the environment.

use thiserror::Error;

/// The names of the tables of one stage.
#[derive(Debug, Clone)]
pub struct Tables {
    /// `JOURNAL_TABLE`
    pub journal: String,
    /// `BODIES_TABLE`
    pub bodies: String,
    /// `ACCOUNTS_TABLE`
    pub accounts: String,
    /// `ORDERS_TABLE`
    pub orders: String,
    /// `SUBSCRIPTIONS_TABLE`
    pub subscriptions: String,
    /// `HOLDS_TABLE`
    pub holds: String,
    /// `CALLS_TABLE`
    pub calls: String,
    /// `OPERATORS_TABLE`
    pub operators: String,
}

impl Tables {
    /// The environment variables that [`Tables::read`] reads.
    pub const VARIABLES: [&str; 8] = [
        "JOURNAL_TABLE",
        "BODIES_TABLE",
        "ACCOUNTS_TABLE",
        "ORDERS_TABLE",
        "SUBSCRIPTIONS_TABLE",
        "HOLDS_TABLE",
        "CALLS_TABLE",
        "OPERATORS_TABLE",
    ];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, MissingTable> {
        let named = |name: &'static str| variable(name).filter(|value| !value.is_empty()).ok_or(MissingTable(name));
        Ok(Self {
            journal: named("JOURNAL_TABLE")?,
            bodies: named("BODIES_TABLE")?,
            accounts: named("ACCOUNTS_TABLE")?,
            orders: named("ORDERS_TABLE")?,
            subscriptions: named("SUBSCRIPTIONS_TABLE")?,
            holds: named("HOLDS_TABLE")?,
            calls: named("CALLS_TABLE")?,
            operators: named("OPERATORS_TABLE")?,
        })
    }

    /// The table names of a stage, as in `infra/data.yaml`.
    pub fn of_stage(stage: &str) -> Self {
        let table = |name: &str| format!("hookledger-{stage}-{name}");
        Self {
            journal: table("journal"),
            bodies: table("bodies"),
            accounts: table("accounts"),
            orders: table("orders"),
            subscriptions: table("subscriptions"),
            holds: table("holds"),
            calls: table("calls"),
            operators: table("operators"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} is not set")]
pub struct MissingTable(pub &'static str);
