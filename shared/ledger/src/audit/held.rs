//! The audit of an account: its row against the sum of its lines.

use super::{Difference, DifferenceKind, StatementLine, Suspect};
use crate::{Balance, Timestamp};

/// The row of an account: `alice/credits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    pub account: String,
    pub balance: Balance,
    pub available: Balance,
    pub overdraft: Balance,
    /// What its open holds set aside.
    pub held: u128,
    /// The number of lines that the row counts.
    pub version: u64,
    pub lots: StoredLots,
}

/// What the row says about the account's lots; without any it is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredLots {
    pub version: u64,
    pub mark: Balance,
    pub next_expiry: Option<Timestamp>,
}

/// The number and the sum of an account's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineTotals {
    pub lines: u64,
    pub sum: Balance,
}

impl LineTotals {
    pub fn add(&mut self, lines: &[StatementLine]) {
        for line in lines {
            self.add_change(line.change);
        }
    }

    pub(super) fn add_change(&mut self, change: Balance) {
        self.lines = self.lines.saturating_add(1);
        // Capped: no balance reaches the largest number, so the difference still shows.
        self.sum = self.sum.checked_add(change).unwrap_or(Balance::from_units(i128::MAX));
    }

    /// Adds the lines that were booked by `until`.
    pub fn add_until(&mut self, lines: &[StatementLine], until: Timestamp) {
        let early: Vec<StatementLine> = lines.iter().filter(|line| line.at <= until).cloned().collect();
        self.add(&early);
    }
}

impl StoredAccount {
    pub fn nothing(account: &str) -> Self {
        let zero = Balance::ZERO;
        let lots = StoredLots::default();
        Self { account: account.to_owned(), balance: zero, available: zero, overdraft: zero, held: 0, version: 0, lots }
    }

    /// What can be spent with this balance: beyond it the overdraft, and without what is held.
    fn available_of(&self, balance: Balance) -> Balance {
        let held = i128::try_from(self.held).unwrap_or(i128::MAX);
        let available = balance.checked_add(self.overdraft).map(|sum| sum.units().saturating_sub(held));
        Balance::from_units(available.unwrap_or(i128::MAX))
    }

    /// The row with this sum of open holds, and what is available beside it.
    #[must_use]
    pub(super) fn holding(&self, open: u128) -> Self {
        let row = Self { held: open, ..self.clone() };
        Self { available: row.available_of(row.balance), ..row }
    }

    /// The difference from the sum of its open holds.
    pub fn differs_from_holds(&self, open: u128) -> Option<Difference> {
        let [recorded, found] = [self.held, open].map(|sum| i128::try_from(sum).unwrap_or(i128::MAX));
        let sums = (Balance::from_units(recorded), Balance::from_units(found));
        (recorded != found).then(|| self.differs(DifferenceKind::Held, Suspect::Held, sums, 0))
    }

    /// The row that the lines require, with this row's overdraft.
    #[must_use]
    pub fn of_lines(&self, counted: &LineTotals) -> Self {
        let available = self.available_of(counted.sum);
        Self { balance: counted.sum, available, version: counted.lines, ..self.clone() }
    }

    /// If the number of lines differs, only that is reported: the sums follow from it.
    pub fn differences(&self, counted: &LineTotals) -> Vec<Difference> {
        let missing = i128::from(self.version).saturating_sub(i128::from(counted.lines));
        let missing = i64::try_from(missing).unwrap_or(if missing < 0 { i64::MIN } else { i64::MAX });
        let (balance, sum) = (self.balance, counted.sum);
        if missing != 0 {
            let suspect = if self.version == 0 {
                Suspect::AccountRow
            } else if balance == sum {
                Suspect::Version
            } else if missing > 0 {
                Suspect::LostLine
            } else {
                Suspect::ExtraLine
            };
            return vec![self.differs(DifferenceKind::Lines, suspect, (balance, sum), missing)];
        }
        let may_spend = |balance: Balance| self.available_of(balance);
        // The third number decides: the available amount was written together with the balance.
        let suspect = if self.available == may_spend(sum) { Suspect::Balance } else { Suspect::BalanceOrLine };
        let rows = [
            (DifferenceKind::Balance, suspect, balance, sum),
            (DifferenceKind::Available, Suspect::Available, self.available, may_spend(balance)),
        ];
        let differing = rows.into_iter().filter(|(_, _, recorded, found)| recorded != found);
        differing
            .map(|(difference_kind, suspect, recorded, found)| {
                self.differs(difference_kind, suspect, (recorded, found), 0)
            })
            .collect()
    }

    pub(super) fn differs(
        &self,
        difference_kind: DifferenceKind,
        suspect: Suspect,
        (recorded, found): (Balance, Balance),
        missing: i64,
    ) -> Difference {
        Difference {
            difference_kind,
            suspect,
            account: self.account.clone(),
            order: None,
            line: None,
            recorded,
            found,
            missing,
        }
    }
}
