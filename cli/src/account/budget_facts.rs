//! The budget of a key as it is printed.

use ledger::{Amount, Asset, Balance, Budget, CallerKey, KeyBudget, Spent, Timestamp, Window};
use serde::Serialize;

use crate::print;

/// The budget of a key, and what it has spent in the day and the month that run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BudgetFacts {
    key: String,
    /// What of it cannot be read: its limits, or what is spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'static str>,
    zone: String,
    windows: Vec<WindowFacts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WindowFacts {
    of: &'static str,
    /// The day or the month.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    spent: String,
    limit: Option<String>,
}

impl BudgetFacts {
    pub(crate) fn of(KeyBudget { key, budget, spent }: &KeyBudget, now: Timestamp) -> Self {
        let (unreadable, shown) = match (budget, spent) {
            (Err(_), _) => (Some("limits"), None),
            (Ok(_), None) => (Some("spent"), None),
            (Ok(budget), Some(spent)) => (None, Some((budget, spent))),
        };
        let windows = shown.map(|(budget, spent)| Window::ALL.map(|of| WindowFacts::of(of, budget, spent, now)));
        let zone = budget.unwrap_or_default().zone.to_string();
        Self { key: CallerKey::short_id(key), unreadable, zone, windows: windows.into_iter().flatten().collect() }
    }

    /// What is spent of each limit.
    pub(crate) fn cells(&self) -> [String; 3] {
        if let Some(what) = self.unreadable {
            return [format!("{what} unreadable"), String::new(), String::new()];
        }
        Window::ALL.map(|of| {
            let window = self.windows.iter().find(|window| window.of == of.as_str());
            window.map_or_else(String::new, WindowFacts::cell)
        })
    }

    pub(crate) fn print_all<'f>(budgets: impl IntoIterator<Item = &'f Self>) {
        let head = ["key", "day", "month", "total", "zone"].map(str::to_owned);
        let row = |facts: &Self| {
            let [day, month, total] = facts.cells();
            [facts.key.clone(), day, month, total, facts.zone.clone()]
        };
        print::columns(&std::iter::once(head).chain(budgets.into_iter().map(row)).collect::<Vec<_>>());
    }
}

impl WindowFacts {
    fn of(window: Window, budget: &Budget, spent: &Spent, now: Timestamp) -> Self {
        let windows = budget.zone.windows_at(now);
        let spent = spent.in_window(window, &windows);
        let name = match window {
            Window::Day => Some(windows.day),
            Window::Month => Some(windows.month),
            Window::Total => None,
        };
        let limit = budget.limits.of(window).map(format);
        Self { of: window.as_str(), name, spent: format_spent(spent), limit }
    }

    fn cell(&self) -> String {
        self.limit.as_ref().map_or_else(|| self.spent.clone(), |limit| format!("{} of {limit}", self.spent))
    }
}

pub(super) fn format(amount: Amount) -> String {
    Asset::CREDITS.format(amount)
}

fn format_spent(spent: Balance) -> String {
    Asset::CREDITS.format_balance(spent)
}
