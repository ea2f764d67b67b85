//! What a budget counts is what the uses of its key have cost, and what its holds set aside, each in its own windows.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Balance, Timestamp, Window};
use testkit::{Books, SpentRow};

use crate::truth::{BudgetTruth, Truth};

pub(super) fn find(books: &Books, truth: &Truth) -> Vec<String> {
    let of_key = |(key, of): (&String, &BudgetTruth)| {
        let spent = books.spent.get(key).cloned().unwrap_or_default();
        let counted = counted(books, of);
        [differences(&spent, &counted), exceeded(of, &spent), wrong_marks(books, of, &spent)]
            .concat()
            .into_iter()
            .map(|wrong| format!("{key}: {wrong}"))
            .collect::<Vec<_>>()
    };
    truth.budgets.iter().flat_map(of_key).collect()
}

/// The names of the windows that a use at this time counts in.
fn windows(of: &BudgetTruth, at: Timestamp) -> [(Window, String); 3] {
    let windows = of.budget.zone.windows_at(at);
    [(Window::Day, windows.day), (Window::Month, windows.month), (Window::Total, "total".to_owned())]
}

/// What the journal and the holds add up to.
fn counted(books: &Books, of: &BudgetTruth) -> SpentRow {
    let mut sums = SpentRow::new();
    let mut count = |units: i128, at: Timestamp| {
        for (_, window) in windows(of, at) {
            *sums.entry(window).or_default() += units;
        }
    };
    let mut charged_by_holds = BTreeSet::new();
    for (id, opened_at) in &of.holds {
        let Some(hold) = books.holds.get(id) else { continue };
        if hold.state == "open" {
            count(hold.amount, *opened_at);
        } else if let Some(charged) = hold.charged {
            count(charged, *opened_at);
            charged_by_holds.insert(&hold.usage);
        }
    }
    for (key, at) in of.uses.iter().filter(|(key, _)| !charged_by_holds.contains(key)) {
        count(-books.journal.get(key).map_or(0, |row| row.change), *at);
    }
    sums
}

/// The row has the newest days and months, and each of them whole.
fn differences(spent: &SpentRow, counted: &SpentRow) -> Vec<String> {
    let mut wrong = Vec::new();
    for (window, units) in spent {
        let expected = counted.get(window).copied().unwrap_or_default();
        if expected != *units {
            wrong.push(format!("{units} are counted in {window} instead of {expected}"));
        }
    }
    let is_of_row = |window: &&String| {
        let oldest = spent.keys().filter(|known| known.len() == window.len()).min();
        oldest.is_none_or(|oldest| oldest <= *window)
    };
    let missing = counted.iter().filter(|(window, units)| **units != 0 && !spent.contains_key(*window));
    wrong.extend(missing.filter(|(window, _)| is_of_row(window)).map(|(window, _)| format!("{window} is not counted")));
    wrong
}

fn limit(of: &BudgetTruth, window: Window) -> Option<i128> {
    of.budget.limits.of(window).map(|limit| Balance::from(limit).units())
}

/// Holds refuse what is above a limit.
fn exceeded(of: &BudgetTruth, spent: &SpentRow) -> Vec<String> {
    if !of.is_all_held {
        return Vec::new();
    }
    let known: BTreeMap<String, Window> =
        of.holds.values().flat_map(|at| windows(of, *at)).map(|(window, name)| (name, window)).collect();
    let is_above = |(name, units): &(&String, &i128)| {
        known.get(*name).and_then(|window| limit(of, *window)).is_some_and(|limit| **units > limit)
    };
    spent.iter().filter(is_above).map(|(name, units)| format!("holds have taken {units} in {name}")).collect()
}

/// Where nothing is held, the uses without a mark are within the limit, and some use has one if all are not.
fn wrong_marks(books: &Books, of: &BudgetTruth, spent: &SpentRow) -> Vec<String> {
    let mut sums: BTreeMap<(Window, String), (i128, bool)> = BTreeMap::new();
    for (key, at) in &of.uses {
        let Some(row) = books.journal.get(key).filter(|row| row.account.is_some()) else { continue };
        for (window, name) in windows(of, *at) {
            let marks = row.over_budget.as_deref().unwrap_or_default();
            let (unmarked, is_any_marked) = sums.entry((window, name)).or_default();
            if marks.split(' ').any(|mark| mark == window.as_str()) {
                *is_any_marked = true;
            } else {
                *unmarked += -row.change;
            }
        }
    }
    let is_wrong = |((window, name), (unmarked, is_any_marked)): &(&(Window, String), &(i128, bool))| {
        let Some((limit, units)) = limit(of, *window).zip(spent.get(name)) else { return false };
        *unmarked > limit || *is_any_marked != (*units > limit)
    };
    let wrong = sums.iter().filter(|_| of.holds.is_empty()).filter(is_wrong);
    wrong.map(|((window, name), marks)| format!("the marks of the {} {name}: {marks:?}", window.as_str())).collect()
}
