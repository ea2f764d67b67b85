//! The answers. A member that this version does not know is left out, so that the API may have more of them.

use serde::Deserialize;

/// What an owner has of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub account: String,
    pub owner: String,
    pub asset: String,
    pub balance: String,
    /// Balance and overdraft, less what is held.
    pub available: String,
    pub held: String,
    pub owed: String,
    pub policy: String,
    pub overdraft: String,
    /// In the order in which they are spent.
    pub lots: Vec<Lot>,
}

/// Credits of one date.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lot {
    pub remaining: String,
    pub kind: String,
    pub priority: u8,
    pub expires_at: Option<String>,
}

/// A page of a statement, the newest line first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StatementPage {
    pub account: String,
    pub lines: Vec<Line>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    pub id: String,
    pub kind: String,
    /// The change of the balance.
    pub amount: String,
    pub time: String,
}

/// What a change has done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The `id` of its line.
    pub receipt: String,
    pub processed_at: String,
    pub kind: String,
    pub owner: String,
    pub asset: String,
    pub amount: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    pub id: String,
    pub owner: String,
    pub amount: String,
    /// The receipt of the usage event that charges it.
    #[serde(rename = "use")]
    pub usage: String,
    /// `open`, `settled`, `released` or `expired`.
    pub state: String,
    pub opened_at: String,
    pub expires_at: String,
    pub charge: Option<String>,
    pub closed_at: Option<String>,
    pub cost: Option<String>,
    pub charged: Option<String>,
    pub receipt: Option<String>,
}

/// What an erasure has done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    pub receipt: String,
    pub processed_at: String,
    pub owner: String,
    /// The orders that name no person any more.
    pub erased: Vec<String>,
    pub kept: Vec<KeptOrder>,
    /// The keys whose names are removed.
    pub keys: Vec<String>,
    pub bodies_removed_by: String,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// An order that keeps what names a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptOrder {
    pub order_number: String,
    /// `unpaid`, `under_way`, `refunded`, `disputed`, `flagged` or `unreadable`.
    pub because: String,
}
