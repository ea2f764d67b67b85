//! The budgets of an owner's keys as JSON.

use api::openapi::{AmountText, BudgetWindowWord, SignedAmountText, TimeText};
use ledger::{Asset, Balance, Budget, KeyBudget, Spent, Timestamp, Window};
use serde::Serialize;
use utoipa::ToSchema;

/// The budget of a key, and what is left of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KeyBudget)]
pub(crate) struct BudgetJson {
    /// The short id of the key.
    key: String,
    /// Whether neither its limits nor what it has spent can be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unreadable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, examples("+08:00"))]
    zone: Option<String>,
    /// Those with a limit.
    windows: Vec<WindowJson>,
}

/// A limit of a budget.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BudgetWindow)]
struct WindowJson {
    #[schema(value_type = BudgetWindowWord)]
    of: &'static str,
    #[schema(value_type = AmountText)]
    limit: String,
    /// With what open holds reserve.
    #[schema(value_type = SignedAmountText)]
    used: String,
    /// What a hold may take.
    #[schema(value_type = AmountText)]
    left: String,
    /// When the next day or month begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    resets_at: Option<String>,
}

impl BudgetJson {
    pub(crate) fn of(KeyBudget { key, budget, spent }: &KeyBudget, now: Timestamp) -> Self {
        let read = budget.ok().zip(spent.as_ref());
        let windows = read.iter().flat_map(|(budget, spent)| {
            Window::ALL.into_iter().filter_map(|window| WindowJson::of(window, budget, spent, now))
        });
        Self {
            key: key.short_id(),
            unreadable: read.is_none(),
            zone: read.as_ref().map(|(budget, _)| budget.zone.to_string()),
            windows: windows.collect(),
        }
    }
}

impl WindowJson {
    fn of(window: Window, budget: &Budget, spent: &Spent, now: Timestamp) -> Option<Self> {
        let limit = budget.limits.of(window)?;
        let used = spent.in_window(window, &budget.zone.windows_at(now));
        let left = Balance::from(limit).units().saturating_sub(used.units()).max(0);
        Some(Self {
            of: window.as_str(),
            limit: Asset::CREDITS.format(limit),
            used: Asset::CREDITS.format_balance(used),
            left: Asset::CREDITS.format_balance(Balance::from_units(left)),
            resets_at: budget.zone.ends_at(window, now).map(|at| at.to_string()),
        })
    }
}
