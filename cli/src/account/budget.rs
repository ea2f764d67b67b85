//! Sets the budget of a key, and shows budgets.

use clap::Args;
use ledger::{
    Amount, Asset, BoundKey, Budget, BudgetChange, Budgets as _, CallerKey, Limits, Owner, StoredBudget, Window, Zone,
};
use local::{What, context};
use serde::Serialize;

use super::PATIENCE;
use super::budget_facts::{BudgetFacts, format};
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
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    by: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
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
}

/// What a person named. A limit that is not named stays.
pub(crate) struct NamedLimits {
    limits: Vec<(Window, Option<Amount>)>,
    zone: Option<Zone>,
}

pub(super) struct BudgetTerms {
    owner: Owner,
    key: String,
    limits: NamedLimits,
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

impl BudgetArgs {
    /// Validates all values before the books are opened.
    pub(super) fn read(self, variable: impl Fn(&str) -> Option<String>) -> Result<BudgetTerms, Error> {
        let Self { owner, key, limits, by } = self;
        let limits = limits.read()?;
        if limits.is_empty() {
            return Err(Error::NoLimit);
        }
        Ok(BudgetTerms { owner: parse::owner(&owner)?, key, limits, by: by.authorship(variable)? })
    }
}

impl LimitArgs {
    /// Validates all values before the books are opened.
    pub(crate) fn read(self) -> Result<NamedLimits, Error> {
        let Self { day, month, total, zone } = self;
        let mut limits = Vec::new();
        for (window, text) in [(Window::Day, day), (Window::Month, month), (Window::Total, total)] {
            let Some(text) = text else { continue };
            let limit = if text == NONE { None } else { Some(parse::amount(Asset::CREDITS, &text)?) };
            limits.push((window, limit));
        }
        let zone = zone.map(|text| Zone::parse(&text).map_err(|cause| Error::Zone { text, cause })).transpose()?;
        Ok(NamedLimits { limits, zone })
    }
}

impl NamedLimits {
    pub(crate) fn is_empty(&self) -> bool {
        self.limits.is_empty() && self.zone.is_none()
    }

    /// What cannot be read is not kept.
    pub(crate) fn over(&self, from: StoredBudget) -> Result<Option<Budget>, Error> {
        let from = from.unwrap_or_default();
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

    pub(crate) fn named(&self) -> Vec<(&'static str, String)> {
        let limit = |limit: &Option<Amount>| limit.map_or_else(|| NONE.to_owned(), format);
        let limits = self.limits.iter().map(|(window, of)| (window.as_str(), limit(of)));
        limits.chain(self.zone.map(|zone| ("zone", zone.to_string()))).collect()
    }
}

/// The owner's live key of this name, as it is stored now.
pub(crate) async fn key_of(books: &Books, owner: &Owner, id: &str) -> Result<(CallerKey, BoundKey), Error> {
    let key = find(books, owner, id).await?.key;
    let bound = books.ledger.stored_key(&key, &context(PATIENCE)).await?.filter(|bound| bound.owner == *owner);
    let bound = bound.ok_or_else(|| Error::NoKey { owner: owner.clone(), id: id.to_owned() })?;
    Ok((key, bound))
}

pub(super) async fn set(books: &Books, terms: BudgetTerms, form: Form) -> Result<(), Error> {
    let (owner, id) = (terms.owner.clone(), terms.key.clone());
    let (key, BoundKey { budget: from, .. }) = key_of(books, &owner, &id).await?;
    let change = BudgetChange { key: key.clone(), owner: owner.clone(), from, to: terms.limits.over(from)? };
    let what = What::Budget { change, named: terms.limits.named() };
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

impl Facts for BudgetResult {
    fn print(&self) {
        self.changed.print();
        match &self.budget {
            Some(budget) => BudgetFacts::print_all([budget]),
            None if self.is_read => print::line(format_args!(
                "  {} has no limit, and nothing is counted. Its zone is forgotten: name it with the next limit.",
                self.key
            )),
            None => {}
        }
        print::line("  A function that used the key in the last minute may count by its former budget until then.");
    }
}
