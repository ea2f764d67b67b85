//! The auditor: compares accounts and orders with their lines. The audit's progress decides which differences are
//! drift.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge::Invocation;
use ledger::{
    AccountSides, Audit, AuditProgress, CallContext, CommitError, CountProgress, Difference, House, JournalLine,
    LinePage, LinePosition, LineTotals, LinesSeen, MissingAccounts, Observation, Order, OrderNumber, StoredAccount,
    StoredOrder, Subject, Timestamp, TrialBalance,
};
use serde::Serialize;

use crate::alarms::{drift_of, report_drift, subject_of, unlisted, unsettled};

/// Lines in one page of a statement: two seconds, if each belongs to another order.
const LINES_MAX: u16 = 200;
/// Keys in one read call of the store; orders are compared in batches of so many lines.
pub(crate) const LINES_COMPARED: usize = 100;
const ACCOUNTS_MAX: u16 = 100;
/// One call of the store, with its retries.
const ONE_WITHIN: Duration = Duration::from_secs(5);
/// Attempts to read an account between two writes; after that it waits for the next pass.
pub(crate) const ROUNDS_MAX: u32 = 4;

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AuditReport {
    pub accounts: u32,
    pub lines: u64,
    pub orders: u32,
    /// Accounts that were written during the comparison, without a result.
    pub unsettled_accounts: u32,
    /// Current differences, drift or not yet.
    pub open: u32,
    /// Places that differ beside those, of which the list has no room for the difference.
    pub unlisted: u32,
    pub drift: u32,
    /// Whether the run ran out of time.
    pub is_cut_short: bool,
}

/// One run of the audit.
pub(crate) struct Auditor<'r, L> {
    pub(crate) ledger: &'r L,
    pub(crate) run: &'r Invocation,
    pub(crate) check: AuditProgress,
    pub(crate) report: AuditReport,
    /// The day that the pass has closed, until it is saved.
    pub(crate) closed: Option<TrialBalance>,
}

/// Whether the run has time to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    Continues,
    OutOfTime,
}

impl<'r, L: Audit> Auditor<'r, L> {
    pub(crate) fn new(ledger: &'r L, run: &'r Invocation, check: AuditProgress) -> Self {
        Self { ledger, run, check, report: AuditReport::default(), closed: None }
    }

    /// Finishes the account of the last run, and compares the open findings again.
    pub(crate) async fn check_open(&mut self) -> Result<RunState, CommitError> {
        if let Some(CountProgress { account, counted, earlier, last, sides }) = self.check.counting.take()
            && self.count(&account, None, Statement { counted, earlier, last: Some(last), sides }).await?
                == RunState::OutOfTime
        {
            return Ok(RunState::OutOfTime);
        }
        for subject in self.check.subjects_due(self.run.now) {
            if self.is_out_of_time() || self.check_subject(&subject).await? == RunState::OutOfTime {
                return Ok(RunState::OutOfTime);
            }
        }
        Ok(RunState::Continues)
    }

    pub(crate) async fn check_subject(&mut self, subject: &Subject) -> Result<RunState, CommitError> {
        match subject {
            Subject::Account(account) => return self.check_account(account).await,
            Subject::Order(number) => self.compare(number, &[], true).await?,
            Subject::Line(line) => drop(self.compare_lines(&[line], subject).await?),
        }
        Ok(RunState::Continues)
    }

    /// Compares the accounts of one page; `None` after the last page.
    pub(crate) async fn check_page(&mut self) -> Result<Option<RunState>, CommitError> {
        let page = self.ledger.accounts(self.check.after.as_deref(), ACCOUNTS_MAX, &self.call()).await?;
        for stored in &page.budgets {
            self.compare_budget(stored);
        }
        if self.compare_members_in(&page).await? == RunState::OutOfTime {
            return Ok(Some(RunState::OutOfTime));
        }
        for held in page.accounts {
            if self.is_out_of_time() {
                return Ok(Some(RunState::OutOfTime));
            }
            // From here on, `counting` remembers this account.
            self.check.after = Some(held.account.clone());
            self.report.accounts = self.report.accounts.saturating_add(1);
            let account = held.account.clone();
            let sides = self.check.day.as_ref().map(TrialBalance::sides);
            let statement = Statement { sides, ..self.statement(&account) };
            if self.count(&account, Some(held), statement).await? == RunState::OutOfTime {
                return Ok(Some(RunState::OutOfTime));
            }
        }
        match page.next {
            None => {
                self.closed = self.check.end(self.run.now);
                Ok(None)
            }
            Some(next) => {
                self.check.after = Some(next);
                Ok(Some(RunState::Continues))
            }
        }
    }

    /// Reports accounts that an earlier pass counted and the last one did not.
    pub(crate) fn report_missing_accounts(&mut self) {
        if let Some(MissingAccounts { accounts, since, reported_at: _ }) = self.check.gone(self.run.now) {
            self.report.drift = self.report.drift.saturating_add(1);
            tracing::error!(accounts, since = %since, repair = "audit --full names them", "accounts are missing");
            drift_of("accounts");
        }
    }

    pub(crate) fn is_out_of_time(&mut self) -> bool {
        let is_short = self.run.is_short_of(ONE_WITHIN);
        self.report.is_cut_short |= is_short;
        is_short
    }

    pub(crate) fn call(&self) -> CallContext<'static> {
        self.run.part(ONE_WITHIN).context()
    }

    /// Counts an account's remaining lines, until their end or that of the run.
    pub(crate) async fn count(
        &mut self,
        account: &str,
        read: Option<StoredAccount>,
        mut statement: Statement,
    ) -> Result<RunState, CommitError> {
        let mut is_new = read.is_some() && statement.last.is_none();
        loop {
            let page = self.page(account, &mut statement).await?;
            if let (true, Some(first)) = (is_new, page.lines.first()) {
                self.check.opened(first.at);
            }
            is_new = false;
            if !page.has_more {
                break;
            }
            if self.is_out_of_time() {
                let account = account.to_owned();
                let Statement { counted, earlier, last, sides } = statement;
                self.check.counting = last.map(|last| CountProgress { account, counted, earlier, last, sides });
                return Ok(RunState::OutOfTime);
            }
        }
        // The account as read before its lines: if both agree, no second read is needed.
        let subject = Subject::Account(account.to_owned());
        if self.agrees(read.as_ref(), &statement.counted).await? {
            self.record_check(&subject, Vec::new());
            self.add_to_day(account, statement.sides.as_ref(), read.as_ref(), &statement.counted);
        } else if let Some((held, found)) = self.settled(account, &mut statement).await? {
            self.add_to_day(account, statement.sides.as_ref(), Some(&held), &statement.counted);
            let until = statement.last.iter().filter_map(|last| Timestamp::parse_rfc3339(&last.at).ok());
            let until = until.fold(self.now(), Timestamp::max);
            let seen = Some(LinesSeen { until, counted: statement.counted });
            self.record_check_of_lines(&subject, found, Observation { earlier: statement.earlier, seen });
        } else {
            self.add_to_day(account, statement.sides.as_ref(), None, &statement.counted);
            self.report.unsettled_accounts = self.report.unsettled_accounts.saturating_add(1);
            if let Some(since) = self.check.moved(account, self.run.now) {
                unsettled(account, since);
            }
        }
        Ok(RunState::Continues)
    }

    /// A statement with nothing counted yet.
    pub(crate) fn statement(&self, account: &str) -> Statement {
        let until = self.check.seen_until(account);
        let earlier = until.map(|until| LinesSeen { until, counted: LineTotals::default() });
        Statement { counted: LineTotals::default(), earlier, last: None, sides: None }
    }

    /// The current time, since a run may have started a minute ago.
    fn now(&self) -> Timestamp {
        let elapsed_s = self.run.started.elapsed().as_secs();
        self.run.now.plus_seconds(i64::try_from(elapsed_s).unwrap_or(i64::MAX))
    }

    async fn page(&mut self, account: &str, statement: &mut Statement) -> Result<LinePage, CommitError> {
        let page = self.ledger.lines(account, statement.last.as_ref(), LINES_MAX, &self.call()).await?;
        statement.add(&page);
        self.report.lines = self.report.lines.saturating_add(u64::try_from(page.lines.len()).unwrap_or(u64::MAX));
        let rows: Vec<&str> =
            page.lines.iter().map(|line| line.key.as_str()).filter(|key| JournalLine::is_read(key)).collect();
        let mut houses = BTreeMap::new();
        for keys in rows.chunks(LINES_COMPARED) {
            houses.extend(self.compare_lines(keys, &Subject::Account(account.to_owned())).await?);
        }
        if let Some(sides) = &mut statement.sides {
            sides.add(&page.lines, &houses);
        }
        Ok(page)
    }

    /// The account, and its differences from its lines; `None` while the account is being written.
    async fn settled(
        &mut self,
        account: &str,
        statement: &mut Statement,
    ) -> Result<Option<(StoredAccount, Vec<Difference>)>, CommitError> {
        for _ in 0..ROUNDS_MAX {
            let held = self.stored_account(account).await?;
            if held.version == statement.counted.lines {
                let found = self.differences(&held, &statement.counted).await?;
                return Ok(Some((held, found)));
            }
            if !self.page(account, statement).await?.lines.is_empty() {
                continue;
            }
            if self.stored_account(account).await?.version == held.version {
                let found = self.differences(&held, &statement.counted).await?;
                return Ok(Some((held, found)));
            }
        }
        Ok(None)
    }

    /// Compares each line with its order and with the line that it is paired with, and each order with its lines. Returns
    /// the other side of each line.
    async fn compare_lines(&mut self, keys: &[&str], at: &Subject) -> Result<BTreeMap<String, House>, CommitError> {
        // Open findings of lines at this place may have ended.
        let before = self.check.lines_of(at);
        let keys: BTreeSet<&str> = keys.iter().copied().chain(before.iter().map(String::as_str)).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let mut orders: BTreeMap<OrderNumber, Vec<JournalLine>> = BTreeMap::new();
        let mut wrong = BTreeSet::new();
        let mut houses = BTreeMap::new();
        let lines = self.journal_lines(&keys).await?;
        let pairs = self.pairs_of(&lines).await?;
        for line in lines {
            let mut found = line.differences();
            let other = line.paired_with().and_then(|other| pairs.get(&other));
            found.extend(line.differs_from_pair(other));
            houses.insert(line.key.clone(), line.other_side());
            if !found.is_empty() {
                wrong.insert(line.key.clone());
                self.record_check(&Subject::Line(line.key.clone()), found);
            }
            if let Some(order) = line.order.clone().filter(|_| JournalLine::is_of_order(&line.key)) {
                orders.entry(order).or_default().push(line);
            }
        }
        for line in before.into_iter().filter(|line| !wrong.contains(line)) {
            self.record_check(&Subject::Line(line), Vec::new());
        }
        for (number, lines) in orders {
            self.compare(&number, &lines, true).await?;
        }
        Ok(houses)
    }

    /// Compares an order with its payment, its payment's pointer, and all its lines: the seen ones, those with open
    /// findings, and those that it names itself. An order that nothing leads to any more may be missing.
    pub(crate) async fn compare(
        &mut self,
        number: &OrderNumber,
        seen: &[JournalLine],
        is_led_to: bool,
    ) -> Result<(), CommitError> {
        self.report.orders = self.report.orders.saturating_add(1);
        let subject = Subject::Order(number.clone());
        let kept = self.ledger.kept(number, &self.call()).await?;
        let mut keys = self.check.lines_of(&subject);
        if let StoredOrder::Order(order) = &kept {
            keys.extend(order.money_keys().iter().map(ToString::to_string));
        }
        let keys: Vec<&str> =
            keys.iter().map(String::as_str).filter(|key| seen.iter().all(|line| line.key != *key)).collect();
        let mut lines = seen.to_vec();
        lines.extend(self.journal_lines(&keys).await?);
        let mut found = kept.differences(number, &lines);
        if let StoredOrder::Order(order) = &kept {
            found.extend(self.pointer_difference(order).await?);
            found.extend(self.proof_difference(order).await?);
        }
        if lines.is_empty() && (is_led_to || kept != StoredOrder::Missing) {
            found.extend(kept.without_lines(number));
        }
        // A concurrent write of the order wrote lines, too.
        if !found.is_empty() && version(&self.ledger.kept(number, &self.call()).await?) != version(&kept) {
            self.report.unsettled_accounts = self.report.unsettled_accounts.saturating_add(1);
            return Ok(());
        }
        self.record_check(&subject, found);
        Ok(())
    }

    /// The difference of a payment that points to another order, or to none.
    async fn pointer_difference(&self, order: &Order) -> Result<Option<Difference>, CommitError> {
        let Some(pointer) = order.pointer() else { return Ok(None) };
        let leads_to = match self.ledger.resolve_pointer(&pointer, &self.call()).await {
            // A pointer that cannot be read leads nowhere.
            Err(CommitError::Refused(_)) => None,
            leads_to => leads_to?,
        };
        Ok(order.differs_from_pointer(leads_to.as_ref()))
    }

    /// The difference of a payment without a matching payment row.
    async fn proof_difference(&self, order: &Order) -> Result<Option<Difference>, CommitError> {
        let Some(proof) = order.proof() else { return Ok(None) };
        let is_proven = match self.ledger.is_proven(&proof, &self.call()).await {
            // Neither does a row that cannot be read prove a payment.
            Err(CommitError::Refused(_)) => false,
            is_proven => is_proven?,
        };
        Ok(order.differs_from_proof().filter(|_| !is_proven))
    }

    /// A missing account counts as an empty one, which may have lines.
    pub(crate) async fn stored_account(&self, account: &str) -> Result<StoredAccount, CommitError> {
        let held = self.ledger.stored_account(account, &self.call()).await?;
        Ok(held.unwrap_or_else(|| StoredAccount::nothing(account)))
    }

    pub(crate) async fn journal_lines(&self, keys: &[&str]) -> Result<Vec<JournalLine>, CommitError> {
        if keys.is_empty() { Ok(Vec::new()) } else { self.ledger.journal_lines(keys, &self.call()).await }
    }

    pub(crate) fn record_check(&mut self, at: &Subject, found: Vec<Difference>) {
        self.record_check_of_lines(at, found, Observation::default());
    }

    fn record_check_of_lines(&mut self, at: &Subject, found: Vec<Difference>, observation: Observation) {
        for open in self.check.record_check(at, found, observation, self.run.now) {
            if open.is_drift() {
                self.report.drift = self.report.drift.saturating_add(1);
                report_drift(&open);
            } else {
                unsettled(subject_of(&open.difference), open.since);
            }
        }
        if self.check.unlisted.contains(at) {
            unlisted(at);
        }
    }
}

/// The counted part of an account's statement.
pub(crate) struct Statement {
    counted: LineTotals,
    earlier: Option<LinesSeen>,
    last: Option<LinePosition>,
    /// Only of the pass itself.
    sides: Option<AccountSides>,
}

impl Statement {
    fn add(&mut self, page: &LinePage) {
        self.counted.add(&page.lines);
        if let Some(LinesSeen { until, counted }) = &mut self.earlier {
            counted.add_until(&page.lines, *until);
        }
        if page.last.is_some() {
            self.last.clone_from(&page.last);
        }
    }
}

fn version(kept: &StoredOrder) -> Option<u64> {
    match kept {
        StoredOrder::Order(order) => Some(order.version),
        StoredOrder::Unreadable { .. } | StoredOrder::LaterForm | StoredOrder::Missing => None,
    }
}
