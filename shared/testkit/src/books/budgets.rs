//! Budgets in the tables: the limits of a key, and what it has spent by window.

use std::collections::BTreeMap;

use ledger::{Asset, Balance, Budget, Limits, Series, Spent, Window};
use serde_json::Value;

use super::{number, word};

/// What a key has spent: by day, by month, and under `total`.
pub type SpentRow = BTreeMap<String, i128>;

pub(super) fn spent(row: &Value) -> SpentRow {
    let of = |name: &str, units: &str| Some((word(row, name)?, number(row, units)));
    let windows = ["day", "previous_day", "month", "previous_month"];
    let windows = windows.into_iter().filter_map(|name| of(name, &format!("{name}_units")));
    windows.chain([("total".to_owned(), number(row, "total_units"))]).collect()
}

pub(super) fn limits(row: &Value) -> Option<String> {
    let limit = |name: &str| row.get(name).map(|_| number(row, name));
    let limits = ["day_limit_units", "month_limit_units", "total_limit_units"].map(limit);
    word(row, "zone").map(|zone| text(&zone, limits))
}

pub(crate) fn of_spent(spent: &Spent) -> SpentRow {
    let of = |series: &Series| {
        let counted = [series.current.clone(), series.previous.clone()].into_iter().flatten();
        counted.map(|counted| (counted.window, counted.units.units())).collect::<Vec<_>>()
    };
    let total = ("total".to_owned(), spent.total.units());
    of(&spent.days).into_iter().chain(of(&spent.months)).chain([total]).collect()
}

pub(crate) fn of_limits(Budget { zone, limits }: &Budget) -> String {
    let Limits { day, month, total } = limits;
    text(&zone.to_string(), [day, month, total].map(|limit| limit.map(|limit| i128::try_from(limit.units()).unwrap())))
}

fn credits(units: i128) -> String {
    Asset::CREDITS.format_balance(Balance::from_units(units))
}

fn text(zone: &str, limits: [Option<i128>; 3]) -> String {
    let named = Window::ALL.into_iter().zip(limits);
    let named = named.filter_map(|(window, limit)| Some(format!(" {} {}", window.as_str(), credits(limit?))));
    std::iter::once(zone.to_owned()).chain(named).collect()
}
