//! Whose keys draw on an owner, and on whom the owner's keys draw, as it is printed.

use idempotency::{MemberRow, MemberRows};
use ledger::{KeyBudget, Owner, Timestamp};
use local::now;
use serde::Serialize;

use super::budget_facts::BudgetFacts;
use crate::print;

/// What ties an owner to others.
#[derive(Serialize, Default)]
pub(crate) struct Ties {
    /// The keys of others that draw on the owner.
    members: Vec<Tie>,
    /// The owner's keys that draw on others.
    teams: Vec<Tie>,
}

#[derive(Serialize)]
struct Tie {
    /// The owner of the key, or the team.
    owner: String,
    key: String,
    since: String,
    budget: Option<BudgetFacts>,
}

impl Ties {
    pub(crate) fn of(rows: &MemberRows) -> Self {
        let now = now();
        let tie = |row: &MemberRow, owner: &Owner| Tie {
            owner: owner.to_string(),
            key: row.key.short_id(),
            since: row.draw.since.to_string(),
            budget: budget_of(row, now),
        };
        Self {
            members: rows.drawn_by.iter().map(|row| tie(row, &row.owner)).collect(),
            teams: rows.drawing.iter().map(|row| tie(row, &row.draw.payer)).collect(),
        }
    }

    /// An empty line is between each table and what is printed before it.
    pub(crate) fn print(&self, mut is_first: bool) {
        for (name, ties) in [("member", &self.members), ("team", &self.teams)] {
            if ties.is_empty() {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                print::line("");
            }
            let head = [name, "key", "since", "day", "month", "total"].map(str::to_owned);
            let row = |tie: &Tie| {
                let [day, month, total] = tie.budget.as_ref().map(BudgetFacts::cells).unwrap_or_default();
                [tie.owner.clone(), tie.key.clone(), tie.since.clone(), day, month, total]
            };
            print::columns(&std::iter::once(head).chain(ties.iter().map(row)).collect::<Vec<_>>());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.teams.is_empty()
    }
}

pub(crate) fn budget_of(row: &MemberRow, now: Timestamp) -> Option<BudgetFacts> {
    let MemberRow { key, budget, spent, .. } = row;
    let budget = (*budget).transpose()?;
    Some(BudgetFacts::of(&KeyBudget { key: key.clone(), budget, spent: spent.clone() }, now))
}
