//! A page of all of one owner as JSON: the members that the API documents.

use api::OrderJson;
use api::openapi::{AssetCode, ExportPartWord, OwnerName, TimeText};
use ledger::{KeyUse, Order, Owner, StoredKey, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::AccountJson;
use crate::budget_json::BudgetJson;
use crate::hold_json::HoldJson;
use crate::key_json::KeyJson;
use crate::statement::LineJson;

/// Which part of an owner a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Owner,
    Keys,
    Holds,
    Account,
    Orders,
}

impl Part {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Keys => "keys",
            Self::Holds => "holds",
            Self::Account => "account",
            Self::Orders => "orders",
        }
    }
}

/// A page of all of one owner. Its `part` says which members it has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OwnerExport)]
pub(crate) struct ExportJson<'b> {
    #[schema(value_type = OwnerName)]
    pub(crate) owner: &'b str,
    #[schema(value_type = ExportPartWord)]
    pub(crate) part: &'static str,
    /// When the page was read.
    #[schema(value_type = TimeText)]
    pub(crate) read_at: String,
    /// Who referred the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OwnerName)]
    pub(crate) referrer: Option<&'b str>,
    /// The keys of others that draw on the owner's credits, by their short ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>)]
    pub(crate) drawn_by: Option<Vec<String>>,
    /// What the owner's keys with a budget may spend, and have spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<BudgetJson>)]
    pub(crate) budgets: Option<Vec<BudgetJson>>,
    /// The oldest first, also revoked ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<ExportedKeyJson>)]
    pub(crate) keys: Option<Vec<ExportedKeyJson>>,
    /// Open ones, the first to expire first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<HoldJson<'_>>)]
    pub(crate) holds: Option<Vec<HoldJson<'b>>>,
    /// The asset of the lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AssetCode)]
    pub(crate) asset: Option<String>,
    /// With the newest of its lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AccountJson<'_>)]
    pub(crate) account: Option<AccountJson<'b>>,
    /// Of the account, the newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<LineJson<'_>>)]
    pub(crate) lines: Option<Vec<LineJson<'b>>>,
    /// The newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<ExportedOrderJson<'_>>)]
    pub(crate) orders: Option<Vec<ExportedOrderJson<'b>>>,
    /// Orders or holds whose rows a person must repair.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreadable: Vec<&'b str>,
    /// The cursor of the next page; `null` on the last one.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A key, and who pays for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportedKey)]
pub(crate) struct ExportedKeyJson {
    #[serde(flatten)]
    key: KeyJson,
    /// The periods in which another owner's account pays for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    draws: Vec<DrawJson>,
}

/// A period in which another owner's account pays for a key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Draw)]
struct DrawJson {
    #[schema(value_type = OwnerName)]
    payer: String,
    #[schema(value_type = TimeText)]
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    until: Option<String>,
}

/// An order with what names a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportedOrder)]
pub(crate) struct ExportedOrderJson<'b> {
    #[serde(flatten)]
    order: OrderJson<'b>,
    /// The phone that it tops up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    phone: Option<&'b str>,
    /// The wallet to which it sends tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    wallet: Option<&'b str>,
    /// The provider's id of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    payment_id: Option<&'b str>,
}

impl<'b> ExportJson<'b> {
    /// A page without members of its part.
    pub(crate) fn of(owner: &'b Owner, part: Part, now: Timestamp) -> Self {
        Self {
            owner: owner.as_str(),
            part: part.as_str(),
            read_at: now.to_string(),
            referrer: None,
            drawn_by: None,
            budgets: None,
            keys: None,
            holds: None,
            asset: None,
            account: None,
            lines: None,
            orders: None,
            unreadable: Vec::new(),
            next: None,
        }
    }
}

impl ExportedKeyJson {
    pub(crate) fn of(stored: &StoredKey, used: Option<&KeyUse>, now: Timestamp) -> Self {
        let draws = match stored {
            StoredKey::Owner(key) => key.draws.all(),
            StoredKey::Service(_) => &[],
        };
        let draws = draws.iter().map(|draw| DrawJson {
            payer: draw.payer.to_string(),
            since: draw.since.to_string(),
            until: draw.until.map(|until| until.to_string()),
        });
        Self { key: KeyJson::of(stored, used, now), draws: draws.collect() }
    }
}

impl<'b> ExportedOrderJson<'b> {
    pub(crate) fn of(order: &'b Order) -> Self {
        Self {
            order: OrderJson::of(order),
            phone: order.phone(),
            wallet: order.wallet(),
            payment_id: order.paid.as_ref().map(|paid| paid.by.id()),
        }
    }
}
