//! Repairs in the in-memory ledger.

use ledger::{CallContext, JournalHeader, JournalLine, Repair, RepairedOrder, StoredAccount, Timestamp};

use super::State;
use super::audit::{line, stored_account};
use crate::Account;

impl State {
    pub(super) fn is_repaired_meanwhile(&self, repair: &Repair) -> bool {
        let found = |key: &str| self.journal.get(key).and_then(|kept| line(key, kept));
        let is_as_read = |read: &JournalLine| {
            found(&read.key).is_some_and(|found| (found.account, found.change) == (read.account.clone(), read.change))
        };
        match repair {
            Repair::Account { account, from, .. } => {
                let found = self.accounts.get(account).map(|found| stored_account(&account.to_string(), found));
                found != *from
            }
            Repair::Lots { .. } => false,
            Repair::Line { from: None, to, .. } => self.journal.contains_key(to.key.as_str()),
            Repair::Line { from: Some(from), .. } => !is_as_read(from),
            Repair::Reversed { line, .. } => {
                !is_as_read(line) || found(&line.key).is_some_and(|found| found.reversed_by.is_some())
            }
            Repair::Payment { over: Some(read), .. } => !is_as_read(read),
            Repair::Payment { proof, over: None } => found(proof.key.as_str()).is_some(),
            Repair::Budget(budget) => self.stored_spent(&budget.key) != budget.from,
            // An order in memory is never unreadable.
            Repair::Order { order, over } => self.orders.contains_key(&order.number) || *over != RepairedOrder::Nothing,
        }
    }

    pub(super) fn repair(
        &mut self,
        repair: &Repair,
        header: &JournalHeader,
        context: &CallContext<'_>,
        now: Timestamp,
    ) {
        match repair {
            Repair::Account { account, to, .. } => {
                let StoredAccount { balance, available, overdraft, held, version, lots, .. } = to;
                let [balance, available, overdraft] = [balance, available, overdraft].map(|sum| sum.units());
                let row = self.accounts.entry(account.clone()).or_default();
                *row = Account {
                    balance,
                    available,
                    overdraft,
                    held: i128::try_from(*held).unwrap(),
                    version: *version,
                    mark: lots.mark.units(),
                    lots_version: lots.version,
                    next_expiry: lots.next_expiry.map(|at| at.to_string()),
                    ..row.clone()
                };
            }
            Repair::Lots { account, to } => {
                self.lots.insert(account.clone(), to.clone());
            }
            Repair::Line { to, order, .. } => {
                self.journal_lines(to, header, context, now);
                let kept = self.journal.get_mut(to.key.as_str()).unwrap();
                kept.row.order = order.as_ref().map(ToString::to_string);
                kept.row.reason = None;
                "processed".clone_into(&mut kept.row.status);
            }
            Repair::Reversed { line, by } => {
                self.journal.get_mut(&line.key).unwrap().reversed_by = Some(by.to_string());
            }
            Repair::Budget(budget) => {
                self.damaged_budgets.remove(&budget.key);
                self.spent.insert(budget.key.clone(), budget.to.clone());
            }
            Repair::Payment { proof, .. } => self.prove(proof.clone(), header, context, now),
            Repair::Order { order, .. } => {
                self.orders.insert(order.number.clone(), (**order).clone());
            }
        }
    }
}
