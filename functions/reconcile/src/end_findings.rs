//! A repair ends the findings of the audit that it cures, in the same command: the places that it wrote are compared again, by the same
//! check, and each finding that is no longer true is removed.
//!
//! The findings are read before the places are compared, and written over that version alone. So a finding that a sweep adds meanwhile is
//! never lost, and a command that dies on the way leaves every finding to the sweep.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    AccountId, Audit, AuditProgress, CommitError, Decision, Difference, Effect, JournalLine, MoneyKey, OrderNumber,
    Repair, StoredOrder, Subject,
};

use crate::auditor::{Auditor, Went};
use crate::repair::{AccountRepair, Repairs};

/// A sweep writes the findings once for each page of accounts, and stops when another writer comes in between.
const ROUNDS_MAX: u32 = 8;

/// The rows that a repair is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairedRows {
    accounts: BTreeSet<String>,
    orders: BTreeSet<OrderNumber>,
    lines: BTreeSet<String>,
}

/// What a comparison after a repair has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Findings that are no longer true, and are removed.
    pub ended: Vec<Difference>,
    /// What still differs in the repaired places. Findings of it stay.
    pub differences: Vec<Difference>,
    /// Places that were written while they were compared. Findings of them stay.
    pub unsettled_accounts: Vec<Subject>,
}

impl RepairedRows {
    /// As far as the command names them.
    pub fn of_account(account: &AccountId, repair: &AccountRepair) -> Self {
        let (key, order) = match repair {
            AccountRepair::ToLines => (None, None),
            AccountRepair::AddLine { key, order, .. } => (key.as_ref(), order.as_ref()),
            AccountRepair::RestoreLine { key, order, .. } => (Some(key), order.as_ref()),
            AccountRepair::ReverseLine { key } => (Some(key), None),
        };
        let of_key = key.and_then(|key| MoneyKey::of_row(key).order());
        Self {
            accounts: BTreeSet::from([account.to_string()]),
            orders: order.cloned().into_iter().chain(of_key).collect(),
            lines: key.cloned().into_iter().collect(),
        }
    }

    pub fn of_order(number: &OrderNumber) -> Self {
        Self { orders: BTreeSet::from([number.clone()]), ..Self::default() }
    }

    /// With all that the repair writes: a line that another account had is a repair of both.
    #[must_use]
    pub fn and_written(mut self, decision: &Decision) -> Self {
        let effects = if let Decision::Record(entry) = decision { entry.effects.as_slice() } else { &[] };
        for effect in effects {
            self.add(effect);
        }
        self
    }

    fn add(&mut self, effect: &Effect) {
        match effect {
            Effect::Repair(Repair::Account { account, .. }) => {
                self.accounts.insert(account.to_string());
            }
            Effect::Repair(Repair::Line { from, to, order }) => {
                self.lines.insert(to.key.to_string());
                self.accounts.insert(to.posting.account().to_string());
                self.orders.extend(order.clone());
                if let Some(from) = from {
                    self.add_line(from);
                }
            }
            Effect::Repair(Repair::Reversed { line, .. }) => self.add_line(line),
            Effect::Repair(Repair::Payment { proof, over }) => {
                self.lines.insert(proof.key.to_string());
                self.orders.insert(proof.order.clone());
                if let Some(over) = over {
                    self.add_line(over);
                }
            }
            Effect::Repair(Repair::Order { order, .. }) | Effect::Order { order, .. } => {
                self.orders.insert(order.number.clone());
            }
            Effect::Point { to, .. } => {
                self.orders.insert(to.clone());
            }
            Effect::Move(_)
            | Effect::Bind { .. }
            | Effect::Refer { .. }
            | Effect::Overdraft { .. }
            | Effect::Subscription(_)
            | Effect::Revoke { .. }
            | Effect::TakePlace { .. }
            | Effect::Wait { .. } => {}
        }
    }

    fn add_line(&mut self, line: &JournalLine) {
        self.lines.insert(line.key.clone());
        self.accounts.insert(line.account.clone());
        self.orders.extend(line.order.clone());
    }

    /// What is compared, each with the lines that may be at fault there.
    fn places(&self, check: &AuditProgress) -> BTreeMap<Subject, BTreeSet<String>> {
        let accounts = self.accounts.iter().cloned().map(Subject::Account);
        let orders = self.orders.iter().cloned().map(Subject::Order);
        let lines = self.lines.iter().cloned().map(Subject::Line);
        // All that holds an account back, and what names a line that was repaired.
        let is_of_these = |difference: &&Difference| {
            let is_of_account = difference.order.is_none() && self.accounts.contains(&difference.account);
            is_of_account || difference.line.as_ref().is_some_and(|line| self.lines.contains(line))
        };
        let found = check.open.iter().map(|open| &open.difference).filter(is_of_these).map(Difference::subject);
        let with_lines = |subject: Subject| {
            let lines = check.lines_of(&subject).union(&self.lines).cloned().collect();
            (subject, lines)
        };
        accounts.chain(orders).chain(lines).chain(found).map(with_lines).collect()
    }
}

impl<L: Audit> Repairs<'_, L> {
    /// After the repair is committed.
    pub async fn end_findings(&self, rows: &RepairedRows) -> Result<Comparison, CommitError> {
        // An index that has not caught up with the repair may agree with what it replaced.
        if !self.index_lag.is_zero() {
            tokio::time::sleep(self.index_lag).await;
        }
        for _ in 0..ROUNDS_MAX {
            let read = self.ledger.check(&self.call()).await?;
            let equal_checks = self.look_at(rows.places(&read)).await?;
            let compared =
                equal_checks.iter().filter(|(_, found)| found.is_some()).map(|(subject, _)| subject.clone()).collect();
            let unsettled_accounts =
                equal_checks.iter().filter(|(_, found)| found.is_none()).map(|(subject, _)| subject.clone()).collect();
            let differences: Vec<Difference> = equal_checks.into_values().flatten().flatten().collect();
            let mut check = read.clone();
            let ended = check.end_findings(&compared, &differences);
            if check == read || self.is_kept(check).await? {
                return Ok(Comparison { ended, differences, unsettled_accounts });
            }
        }
        Err(CommitError::Stale)
    }

    /// `false`: a sweep has written its findings since they were read.
    async fn is_kept(&self, check: AuditProgress) -> Result<bool, CommitError> {
        let check = AuditProgress { version: check.version.saturating_add(1), ..check };
        self.ledger.save_audit_progress(&check, &self.call()).await
    }

    /// What differs in each place; `None` where that is not known.
    async fn look_at(
        &self,
        places: BTreeMap<Subject, BTreeSet<String>>,
    ) -> Result<BTreeMap<Subject, Option<Vec<Difference>>>, CommitError> {
        let mut equal_checks = BTreeMap::new();
        for (subject, lines) in places {
            let found = self.differences_at(&subject, &lines).await?;
            equal_checks.insert(subject, found);
        }
        Ok(equal_checks)
    }

    async fn differences_at(
        &self,
        subject: &Subject,
        lines: &BTreeSet<String>,
    ) -> Result<Option<Vec<Difference>>, CommitError> {
        let mut lines = lines.clone();
        if let Subject::Order(number) = subject
            && let StoredOrder::Order(order) = self.ledger.kept(number, &self.call()).await?
        {
            lines.extend(self.lines_of(&order).await?.into_iter().map(|line| line.key));
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut auditor =
            Auditor { is_whole: true, ..Auditor::new(self.ledger, self.invocation, AuditProgress::default()) };
        let went = auditor.look_at_lines(subject, &lines).await?;
        let is_known = went == Went::On && auditor.told.unsettled_accounts == 0 && !auditor.check.is_full();
        let found = auditor.check.open.into_iter().map(|open| open.difference);
        Ok(is_known.then(|| found.filter(|difference| difference.subject() == *subject).collect()))
    }
}
