//! Keys as JSON: as they are stored, and the receipt of a change.

use api::openapi::{AmountText, KeyKindWord, KeyStateWord, OwnerName, ScopeWord, TimeText};
use ledger::{Asset, Budget, CallRate, CallerKey, KeyId, KeyUse, OwnerKey, Receipt, ServiceKey, StoredKey, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Key)]
pub(crate) struct KeyJson {
    #[schema(examples("api-3f9c0a12be45"))]
    id: String,
    #[schema(value_type = KeyKindWord)]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OwnerName)]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    remote_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<ScopeWord>)]
    scopes: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BudgetJson)]
    budget: Option<BudgetJson>,
    /// How many calls it may make in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32)]
    rate: Option<u32>,
    #[schema(value_type = KeyStateWord)]
    state: &'static str,
    #[schema(value_type = TimeText)]
    since: String,
    /// In the future for a key that was rotated and still works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    revoked_at: Option<String>,
    /// The last day, in UTC, on which it called an API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = Date, examples("2026-01-31"))]
    last_used: Option<String>,
    /// On how many days it called an API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64)]
    days_used: Option<u64>,
}

/// What a key may spend, in credits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Budget)]
pub(crate) struct BudgetJson {
    zone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AmountText)]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AmountText)]
    month: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AmountText)]
    total: Option<String>,
}

/// A page of keys, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Keys)]
pub(crate) struct KeyPageJson {
    pub(crate) keys: Vec<KeyJson>,
    /// The cursor of the next page; `null` on the last one.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// The receipt of a change of a key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KeyReceipt)]
pub(crate) struct KeyReceiptJson {
    receipt: String,
    #[schema(value_type = TimeText)]
    processed_at: String,
    kind: &'static str,
    /// The id of the key.
    key: String,
    /// When a key that was made with `ttlSeconds` stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    works_until: Option<String>,
    /// The key that a new one replaces, and until when that works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    replaces: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    replaced_works_until: Option<String>,
    /// Only in the first answer: a repeat has none, since only the hash is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    secret: Option<String>,
}

impl KeyJson {
    pub(crate) fn of(stored: &StoredKey, used: Option<&KeyUse>, now: Timestamp) -> Self {
        let (id, since, revoked_at) = (stored.id().to_string(), stored.since().to_string(), stored.revoked_at());
        let state = match revoked_at {
            None => "live",
            Some(at) if now < at => "ending",
            Some(_) => "revoked",
        };
        let revoked_at = revoked_at.map(|at| at.to_string());
        let plain = Self {
            id,
            kind: "service",
            owner: None,
            remote_key_id: None,
            name: None,
            scopes: None,
            budget: None,
            rate: None,
            state,
            since,
            revoked_at,
            last_used: used.map(|used| used.day.clone()),
            days_used: used.map(|used| used.days),
        };
        match stored {
            StoredKey::Owner(OwnerKey { key, owner, settings, .. }) => {
                let (kind, remote_key_id) = match key {
                    CallerKey::ApiHash(_) => ("owner", None),
                    CallerKey::Remote(id) => ("gateway", Some(id.clone())),
                };
                let (name, budget) = (settings.name.map(|name| name.to_string()), settings.budget);
                let (owner, budget) = (Some(owner.to_string()), budget.map(BudgetJson::of));
                let rate = settings.rate.map(CallRate::calls_a_minute);
                Self { kind, owner, remote_key_id, name, budget, rate, ..plain }
            }
            StoredKey::Service(ServiceKey { name, scopes, rate, .. }) => {
                let (name, scopes) = (Some(name.to_string()), Some(scopes.words().collect()));
                Self { name, scopes, rate: rate.map(CallRate::calls_a_minute), ..plain }
            }
        }
    }
}

impl BudgetJson {
    fn of(Budget { zone, limits }: Budget) -> Self {
        let [day, month, total] =
            [limits.day, limits.month, limits.total].map(|limit| limit.map(|limit| Asset::CREDITS.format(limit)));
        Self { zone: zone.to_string(), day, month, total }
    }
}

impl KeyReceiptJson {
    pub(crate) fn of(receipt: &Receipt, kind: &'static str, key: &KeyId) -> Self {
        Self {
            receipt: receipt.key.to_string(),
            processed_at: receipt.processed_at.to_string(),
            kind,
            key: key.to_string(),
            works_until: None,
            replaces: None,
            replaced_works_until: None,
            secret: None,
        }
    }

    pub(crate) fn with_secret(self, secret: Option<String>) -> Self {
        Self { secret, ..self }
    }

    pub(crate) fn ending(self, works_until: Option<String>) -> Self {
        Self { works_until, ..self }
    }

    pub(crate) fn replacing(self, replaced: &KeyId, works_until: String) -> Self {
        Self { replaces: Some(replaced.to_string()), replaced_works_until: Some(works_until), ..self }
    }
}
