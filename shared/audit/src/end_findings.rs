//! A repair ends the audit's findings in the same command: it compares the repaired rows again, and removes each
//! finding that is no longer true.
//!
//! It reads the findings before the comparison, and writes them only over that version (optimistic locking). So no
//! finding that a sweep adds meanwhile is lost, and a command that dies leaves every finding to the sweep.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    AccountId, Audit, AuditProgress, CallerKey, CommitError, Decision, Difference, Effect, JournalLine, MoneyKey,
    OrderNumber, Repair, StoredOrder, Subject,
};

use crate::auditor::{Auditor, RunState};
use crate::repair::{AccountRepair, Repairs};

/// Attempts: a sweep writes the findings once for each page of accounts, and stops after a concurrent write.
const ROUNDS_MAX: u32 = 8;

/// The rows of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairedRows {
    accounts: BTreeSet<String>,
    orders: BTreeSet<OrderNumber>,
    lines: BTreeSet<String>,
}

/// The result of the comparison after a repair.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Removed findings, which are no longer true.
    pub ended: Vec<Difference>,
    /// Remaining differences in the repaired places. Their findings stay.
    pub differences: Vec<Difference>,
    /// Places that were written during the comparison. Their findings stay.
    pub unsettled_accounts: Vec<Subject>,
}

impl RepairedRows {
    /// The rows that the command names.
    pub fn of_account(account: &AccountId, repair: &AccountRepair) -> Self {
        let (key, order) = match repair {
            AccountRepair::ToLines | AccountRepair::Lots | AccountRepair::Holds => (None, None),
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

    pub fn of_budget(key: &CallerKey) -> Self {
        Self { accounts: BTreeSet::from([key.budget_id()]), ..Self::default() }
    }

    pub fn of_order(number: &OrderNumber) -> Self {
        Self { orders: BTreeSet::from([number.clone()]), ..Self::default() }
    }

    /// Adds the rows that the repair writes: moving a line from another account repairs both accounts.
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
            Effect::Repair(Repair::Account { account, .. } | Repair::Lots { account, .. }) => {
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
            Effect::Repair(Repair::Budget(budget)) => {
                self.accounts.insert(budget.key.budget_id());
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
            | Effect::Rates(_)
            | Effect::Pauses(_)
            | Effect::Received(_)
            | Effect::Code(_)
            | Effect::SetBudget(_)
            | Effect::Key(_)
            | Effect::Member(_)
            | Effect::CountInBudget(_)
            | Effect::ServiceKey(_)
            | Effect::Wait { .. } => {}
        }
    }

    fn add_line(&mut self, line: &JournalLine) {
        self.lines.insert(line.key.clone());
        self.accounts.insert(line.account.clone());
        self.orders.extend(line.order.clone());
    }

    /// The places to compare, each with the lines that may differ there.
    fn places(&self, check: &AuditProgress) -> BTreeMap<Subject, BTreeSet<String>> {
        let accounts = self.accounts.iter().cloned().map(Subject::Account);
        let orders = self.orders.iter().cloned().map(Subject::Order);
        let lines = self.lines.iter().cloned().map(Subject::Line);
        // Findings of the repaired accounts and lines.
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
    /// Call this after the commit of the repair.
    pub async fn end_findings(&self, rows: &RepairedRows) -> Result<Comparison, CommitError> {
        // A lagging index may still agree with the rows before the repair.
        if !self.index_lag.is_zero() {
            tokio::time::sleep(self.index_lag).await;
        }
        for _ in 0..ROUNDS_MAX {
            let read = self.ledger.check(&self.call()).await?;
            let places = self.compare(rows.places(&read)).await?;
            let compared =
                places.iter().filter(|(_, found)| found.is_some()).map(|(subject, _)| subject.clone()).collect();
            let unsettled_accounts =
                places.iter().filter(|(_, found)| found.is_none()).map(|(subject, _)| subject.clone()).collect();
            let differences: Vec<Difference> = places.into_values().flatten().flatten().collect();
            let mut check = read.clone();
            let ended = check.end_findings(&compared, &differences);
            if check == read || self.save_findings(check).await? {
                return Ok(Comparison { ended, differences, unsettled_accounts });
            }
        }
        Err(CommitError::Stale)
    }

    /// `false`: a sweep wrote its findings after they were read.
    async fn save_findings(&self, check: AuditProgress) -> Result<bool, CommitError> {
        let check = AuditProgress { version: check.version.saturating_add(1), ..check };
        self.ledger.save_audit_progress(&check, &self.call()).await
    }

    /// The differences in each place; `None` without a result.
    async fn compare(
        &self,
        places: BTreeMap<Subject, BTreeSet<String>>,
    ) -> Result<BTreeMap<Subject, Option<Vec<Difference>>>, CommitError> {
        let mut compared = BTreeMap::new();
        for (subject, lines) in places {
            let found = self.differences_at(&subject, &lines).await?;
            compared.insert(subject, found);
        }
        Ok(compared)
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
        let mut auditor = Auditor::new(self.ledger, self.invocation, AuditProgress::default());
        let state = auditor.check_with_lines(subject, &lines).await?;
        let is_known =
            state == RunState::Continues && auditor.report.unsettled_accounts == 0 && !auditor.check.is_full();
        let found = auditor.check.open.into_iter().map(|open| open.difference);
        Ok(is_known.then(|| found.filter(|difference| difference.subject() == *subject).collect()))
    }
}
