//! Sets the budget of a key, and shows budgets.

use clap::Args;
use idempotency::KeyBudget;
use ledger::{
    Amount, Asset, Balance, BoundKey, Budget, BudgetChange, CallerKey, Ledger as _, Limits, Owner, Spent, Timestamp,
    Window, Zone,
};
use local::{What, context};
use serde::Serialize;

use super::PATIENCE;
use super::change::{committed, unless_unread};
use super::keys::find;
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Facts, Form};

/// Removes a limit.
const NONE: &str = "none";

#[derive(Debug, Args)]
pub(super) struct BudgetArgs {
    owner: String,
    /// Its name in `account keys`: api-3f9c0a12be45, gateway-tok_42
    key: String,
    /// The most that it may spend in a day, as 5 or 0.5
    #[arg(long, value_name = "AMOUNT|none", allow_negative_numbers = true)]
    day: Option<String>,
    /// The most in a calendar month
    #[arg(long, value_name = "AMOUNT|none", allow_negative_numbers = true)]
    month: Option<String>,
    /// The most altogether
    #[arg(long, value_name = "AMOUNT|none", allow_negative_numbers = true)]
    total: Option<String>,
    /// The offset from UTC of its days and months [default: as it was, or +00:00]
    #[arg(long, value_name = "+08:00", allow_hyphen_values = true)]
    zone: Option<String>,
    #[command(flatten)]
    by: ChangeArgs,
}

/// What a person named. A limit that is not named stays.
pub(super) struct BudgetTerms {
    owner: Owner,
    key: String,
    limits: Vec<(Window, Option<Amount>)>,
    zone: Option<Zone>,
    by: Authorship,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BudgetResult {
    #[serde(flatten)]
    changed: ChangeResult,
    key: String,
    /// `None` if it has none, or could not be read.
    budget: Option<BudgetFacts>,
    #[serde(skip)]
    is_read: bool,
}

/// The budget of a key, and what it has spent in the day and the month that run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BudgetFacts {
    key: String,
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

impl BudgetArgs {
    /// Validates all values before the books are opened.
    pub(super) fn read(self, variable: impl Fn(&str) -> Option<String>) -> Result<BudgetTerms, Error> {
        let Self { owner, key, day, month, total, zone, by } = self;
        let mut limits = Vec::new();
        for (window, text) in [(Window::Day, day), (Window::Month, month), (Window::Total, total)] {
            let Some(text) = text else { continue };
            let limit = if text == NONE { None } else { Some(parse::amount(Asset::CREDITS, &text)?) };
            limits.push((window, limit));
        }
        let zone = zone.map(|text| Zone::parse(&text).map_err(|cause| Error::Zone { text, cause })).transpose()?;
        if limits.is_empty() && zone.is_none() {
            return Err(Error::NoLimit);
        }
        Ok(BudgetTerms { owner: parse::owner(&owner)?, key, limits, zone, by: by.authorship(variable)? })
    }
}

impl BudgetTerms {
    fn over(&self, from: Option<Budget>) -> Result<Option<Budget>, Error> {
        let Budget { zone, mut limits } = from.unwrap_or_default();
        if self.limits.is_empty() && from.is_none() {
            return Err(Error::NoLimit);
        }
        for (window, limit) in &self.limits {
            let Limits { day, month, total } = &mut limits;
            *match window {
                Window::Day => day,
                Window::Month => month,
                Window::Total => total,
            } = *limit;
        }
        Ok(Budget::new(self.zone.unwrap_or(zone), limits))
    }

    fn named(&self) -> Vec<(&'static str, String)> {
        let limit = |limit: &Option<Amount>| limit.map_or_else(|| NONE.to_owned(), format);
        let limits = self.limits.iter().map(|(window, of)| (window.as_str(), limit(of)));
        limits.chain(self.zone.map(|zone| ("zone", zone.to_string()))).collect()
    }
}

/// The owner's live key of this name, and its budget.
pub(crate) async fn key_of(books: &Books, owner: &Owner, id: &str) -> Result<(CallerKey, Option<Budget>), Error> {
    let key = find(books, owner, id).await?.key;
    let bound = books.ledger.key(&key, &context(PATIENCE)).await?.filter(|bound| bound.owner == *owner);
    let BoundKey { budget, .. } = bound.ok_or_else(|| Error::NoKey { owner: owner.clone(), id: id.to_owned() })?;
    Ok((key, budget))
}

pub(super) async fn set(books: &Books, terms: BudgetTerms, form: Form) -> Result<(), Error> {
    let (owner, id) = (terms.owner.clone(), terms.key.clone());
    let (key, from) = key_of(books, &owner, &id).await?;
    let change = BudgetChange { key: key.clone(), owner: owner.clone(), from, to: terms.over(from)? };
    let what = What::Budget { change, named: terms.named() };
    let changed = ChangeResult::of(&committed(books, &terms.by, what).await?);
    let now = context(PATIENCE);
    let budgets = books.ledger.budgets(&owner, &now).await.map_err(Error::from);
    let is_read = budgets.is_ok();
    let budgets = unless_unread(budgets, &format_args!("the budget of {id}")).unwrap_or_default();
    let budget = budgets.iter().find(|budget| budget.key == key);
    let budget = budget.map(|budget| BudgetFacts::of(budget, now.received_at));
    form.show(&BudgetResult { changed, key: id, budget, is_read });
    Ok(())
}

impl BudgetFacts {
    pub(super) fn of(KeyBudget { key, budget, spent }: &KeyBudget, now: Timestamp) -> Self {
        let windows = Window::ALL.map(|window| WindowFacts::of(window, budget, spent, now));
        Self { key: CallerKey::short_id(key), zone: budget.zone.to_string(), windows: windows.into() }
    }

    pub(super) fn print_all<'f>(budgets: impl IntoIterator<Item = &'f Self>) {
        let head = ["key", "day", "month", "total", "zone"].map(str::to_owned);
        let row = |facts: &Self| {
            let cell = |of: Window| {
                let window = facts.windows.iter().find(|window| window.of == of.as_str());
                window.map_or_else(String::new, WindowFacts::cell)
            };
            [facts.key.clone(), cell(Window::Day), cell(Window::Month), cell(Window::Total), facts.zone.clone()]
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

fn format(amount: Amount) -> String {
    Asset::CREDITS.format(amount)
}

fn format_spent(spent: Balance) -> String {
    Asset::CREDITS.format_balance(spent)
}

impl Facts for BudgetResult {
    fn print(&self) {
        self.changed.print();
        match &self.budget {
            Some(budget) => BudgetFacts::print_all([budget]),
            None if self.is_read => print::line(format_args!("  {} has no limit, and nothing is counted", self.key)),
            None => {}
        }
        print::line("  A function that used the key in the last minute may count by its former budget until then.");
    }
}
