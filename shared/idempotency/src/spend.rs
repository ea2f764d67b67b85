//! Uses that can share a transaction, and how many fit in one.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{AccountId, BudgetCheck, BudgetCount, CallerKey, Effect, Entry, Guard, Movement, Windows};

/// DynamoDB takes a hundred. The rest is for the rows of a body.
pub(crate) const ROWS_MAX: usize = 90;

/// An event that spends from one account and counts in at most one budget: others can share both rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spend<'d> {
    /// Its place in the request.
    pub(crate) n: usize,
    pub(crate) entry: &'d Entry,
    pub(crate) movement: &'d Movement,
    pub(crate) count: Option<&'d BudgetCount>,
}

impl<'d> Spend<'d> {
    /// `None` if the entry writes other rows than its receipt, its account and its budget.
    pub(crate) fn of(n: usize, entry: &'d Entry) -> Option<Self> {
        let (movement, count) = match entry.effects.as_slice() {
            [Effect::Move(movement)] => (movement, None),
            [Effect::Move(movement), Effect::CountInBudget(count)] => (movement, Some(count)),
            _ => return None,
        };
        let is_spend = movement.key.as_str() == entry.header.receipt.as_str()
            && movement.guard == Guard::SufficientFunds
            && movement.posting.change().units() <= 0
            && movement.reverses.is_none()
            && movement.lots.is_empty();
        let is_marked = count.is_none_or(|count| matches!(count.check, BudgetCheck::Mark(_)));
        let has_only_its_rows = !entry.keeps_body && entry.header.order.is_none();
        (is_spend && is_marked && has_only_its_rows).then_some(Self { n, entry, movement, count })
    }
}

/// Parts of the request, in its order, that each fit in a transaction. A budget's row takes one count: events of a key
/// in other windows begin the next part.
pub(crate) fn groups(spends: Vec<Spend<'_>>) -> Vec<Vec<Spend<'_>>> {
    let mut groups = Vec::new();
    let mut group = Group::default();
    for spend in spends {
        if !group.takes(&spend) {
            groups.push(std::mem::take(&mut group).spends);
        }
        group.add(spend);
    }
    groups.push(group.spends);
    groups
}

#[derive(Default)]
struct Group<'d> {
    spends: Vec<Spend<'d>>,
    accounts: BTreeSet<&'d AccountId>,
    counted: BTreeMap<&'d CallerKey, (&'d Windows, BudgetCheck)>,
}

impl<'d> Group<'d> {
    fn takes(&self, spend: &Spend<'d>) -> bool {
        let is_other = |count: &BudgetCount| {
            self.counted.get(&count.key).is_some_and(|of_key| *of_key != (&count.windows, count.check))
        };
        let rows = [self.spends.len(), self.accounts.len(), self.counted.len()];
        let rows = rows.into_iter().fold(0, usize::saturating_add);
        // Its row, and perhaps those of its account and its budget.
        rows.saturating_add(3) <= ROWS_MAX && !spend.count.is_some_and(is_other)
    }

    fn add(&mut self, spend: Spend<'d>) {
        self.accounts.insert(spend.movement.posting.account());
        self.counted.extend(spend.count.map(|count| (&count.key, (&count.windows, count.check))));
        self.spends.push(spend);
    }
}
