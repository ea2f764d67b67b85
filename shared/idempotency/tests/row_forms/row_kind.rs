//! The kinds of rows, distinguished by table, id and attributes.

use idempotency::Tables;
use serde_json::Value;
use testkit::STAGE;

use super::id;

/// Every kind of row in every table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowKind {
    Booked,
    Refused,
    Payment,
    Lane,
    Body,
    BodyPart,
    Account,
    Lots,
    Hold,
    Key,
    Budget,
    Members,
    Referrer,
    Rates,
    Paused,
    Code,
    Campaign,
    WrongCodes,
    ServiceKey,
    PublishedKeys,
    Check,
    Day,
    Sweep,
    Order,
    Pointer,
    Places,
    Subscription,
    Calls,
    Used,
    Breaker,
    Operator,
    Session,
    SignIn,
    Attempts,
}

impl RowKind {
    pub(crate) const ALL: [Self; 34] = [
        Self::Booked,
        Self::Refused,
        Self::Payment,
        Self::Lane,
        Self::Body,
        Self::BodyPart,
        Self::Account,
        Self::Lots,
        Self::Hold,
        Self::Key,
        Self::Budget,
        Self::Members,
        Self::Referrer,
        Self::Rates,
        Self::Paused,
        Self::Code,
        Self::Campaign,
        Self::WrongCodes,
        Self::ServiceKey,
        Self::PublishedKeys,
        Self::Check,
        Self::Day,
        Self::Sweep,
        Self::Order,
        Self::Pointer,
        Self::Places,
        Self::Subscription,
        Self::Calls,
        Self::Used,
        Self::Breaker,
        Self::Operator,
        Self::Session,
        Self::SignIn,
        Self::Attempts,
    ];

    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| format!("{kind:?}") == name).unwrap_or_else(|| panic!("no kind {name}"))
    }

    /// Determined by table and id, and in the journal by the attributes.
    pub(crate) fn of(table: &str, row: &Value) -> Self {
        let id = id(row);
        let prefix = id.split_once('#').map(|(prefix, _)| prefix);
        match (table, prefix) {
            ("journal", Some("lane")) => Self::Lane,
            ("journal", _) if row.get("paid_units").is_some() => Self::Payment,
            ("journal", _) if row["status"]["S"] == "processed" => Self::Booked,
            ("journal", _) if row["status"]["S"] == "failed" => Self::Refused,
            ("bodies", _) if id.contains("#body#") => Self::BodyPart,
            ("bodies", _) => Self::Body,
            ("accounts", None) => Self::Account,
            ("accounts", Some("lots")) => Self::Lots,
            ("accounts", Some("key")) => Self::Key,
            ("accounts", Some("budget")) => Self::Budget,
            ("accounts", Some("members")) => Self::Members,
            ("accounts", Some("referrer")) => Self::Referrer,
            ("accounts", Some("rate")) => Self::Rates,
            ("accounts", Some("paused")) => Self::Paused,
            ("accounts", Some("code")) => Self::Code,
            ("accounts", Some("campaign")) => Self::Campaign,
            ("accounts", Some("wrong_codes")) => Self::WrongCodes,
            ("accounts", Some("service_key")) => Self::ServiceKey,
            ("accounts", Some("jwks")) => Self::PublishedKeys,
            ("accounts", Some("check")) if id.starts_with("check#day.") => Self::Day,
            ("accounts", Some("check")) => Self::Check,
            ("accounts", Some("sweep")) => Self::Sweep,
            ("orders", None) => Self::Order,
            ("orders", Some("places")) => Self::Places,
            ("orders", Some(_)) if row.get("order").is_some() => Self::Pointer,
            ("subscriptions", _) => Self::Subscription,
            ("holds", _) => Self::Hold,
            ("calls", Some("used")) => Self::Used,
            ("calls", Some("breaker")) => Self::Breaker,
            ("calls", _) => Self::Calls,
            ("operators", Some("operator")) => Self::Operator,
            ("operators", Some("session")) => Self::Session,
            ("operators", Some("sign_in")) => Self::SignIn,
            ("operators", Some("attempts")) => Self::Attempts,
            _ => panic!("a row of {table} that no kind has: {row}"),
        }
    }

    pub(crate) fn table(self) -> String {
        let tables = Tables::of_stage(STAGE);
        match self {
            Self::Booked | Self::Refused | Self::Payment | Self::Lane => tables.journal,
            Self::Body | Self::BodyPart => tables.bodies,
            Self::Account
            | Self::Key
            | Self::Budget
            | Self::Members
            | Self::Referrer
            | Self::Rates
            | Self::Paused
            | Self::Code
            | Self::Campaign
            | Self::WrongCodes
            | Self::ServiceKey
            | Self::Lots
            | Self::PublishedKeys
            | Self::Check
            | Self::Day
            | Self::Sweep => tables.accounts,
            Self::Order | Self::Pointer | Self::Places => tables.orders,
            Self::Subscription => tables.subscriptions,
            Self::Hold => tables.holds,
            Self::Calls | Self::Used | Self::Breaker => tables.calls,
            Self::Operator | Self::Session | Self::SignIn | Self::Attempts => tables.operators,
        }
    }
}
