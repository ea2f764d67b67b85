//! Looks at the books: accounts with their lines, orders with theirs. What a look finds goes into the check, which says what is drift.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge::Invocation;
use ledger::{
    Audit, AuditProgress, CallContext, CommitError, CountProgress, Difference, JournalLine, LinePage, LinePosition,
    LineTotals, LinesSeen, MissingAccounts, Observation, Open, OrderNumber, StoredAccount, StoredOrder, Subject,
    Timestamp,
};
use serde::Serialize;

use crate::SOURCE;

/// Of one page of an account's statement: where each is of another order, they take two seconds.
const LINES_MAX: u16 = 200;
/// What one read call takes at most; orders are compared so many lines at a time.
const LINES_COMPARED: usize = 100;
const ACCOUNTS_MAX: u16 = 100;
/// One call of the store, with everything that it may have to try.
const ONE_WITHIN: Duration = Duration::from_secs(5);
/// An account that is written all the time is caught between two writes, or left for the next pass.
const ROUNDS_MAX: u32 = 4;

/// What a run has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AuditReport {
    pub accounts: u32,
    pub lines: u64,
    pub orders: u32,
    /// Accounts that were written while they were counted: nothing can be said of them now.
    pub unsettled_accounts: u32,
    /// What differs as of now, whether it is drift or may yet go by itself.
    pub open: u32,
    pub drift: u32,
    /// Whether there was more to do than time.
    pub is_cut_short: bool,
}

/// One run over the books.
pub(crate) struct Auditor<'r, L> {
    pub(crate) ledger: &'r L,
    pub(crate) run: &'r Invocation,
    pub(crate) check: AuditProgress,
    pub(crate) told: AuditReport,
    /// Whether pointers are followed too, and orders without a line compared.
    pub(crate) is_whole: bool,
}

/// Whether there is time to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    On,
    OutOfTime,
}

impl<'r, L: Audit> Auditor<'r, L> {
    pub(crate) fn new(ledger: &'r L, run: &'r Invocation, check: AuditProgress) -> Self {
        Self { ledger, run, check, told: AuditReport::default(), is_whole: false }
    }

    /// The account that the last run had no time to finish, and then what was found to differ, each by itself.
    pub(crate) async fn look_again(&mut self) -> Result<Went, CommitError> {
        if let Some(CountProgress { account, counted, earlier, last }) = self.check.counting.take()
            && self.count(&account, None, Statement { counted, earlier, last: Some(last) }).await? == Went::OutOfTime
        {
            return Ok(Went::OutOfTime);
        }
        for subject in self.check.subjects_due(self.run.now) {
            if self.is_out_of_time() || self.look_at(&subject).await? == Went::OutOfTime {
                return Ok(Went::OutOfTime);
            }
        }
        Ok(Went::On)
    }

    pub(crate) async fn look_at(&mut self, subject: &Subject) -> Result<Went, CommitError> {
        match subject {
            Subject::Account(account) => return self.count(account, None, self.statement(account)).await,
            Subject::Order(number) => self.compare(number, &[]).await?,
            Subject::Line(line) => self.compare_lines(&[line], subject).await?,
        }
        Ok(Went::On)
    }

    /// With these lines, which may be an order's.
    pub(crate) async fn look_at_lines(&mut self, subject: &Subject, keys: &[&str]) -> Result<Went, CommitError> {
        let Subject::Order(number) = subject else {
            return self.look_at(subject).await;
        };
        let mut lines = Vec::new();
        for keys in keys.chunks(LINES_COMPARED) {
            lines.extend(self.journal_lines(keys).await?);
        }
        lines.retain(|line| line.order.as_ref() == Some(number));
        self.compare(number, &lines).await.map(|()| Went::On)
    }

    /// The accounts of one page; `None` where that was the last one.
    pub(crate) async fn go_on(&mut self) -> Result<Option<Went>, CommitError> {
        let page = self.ledger.accounts(self.check.after.as_deref(), ACCOUNTS_MAX, &self.call()).await?;
        for held in page.accounts {
            if self.is_out_of_time() {
                return Ok(Some(Went::OutOfTime));
            }
            // From here on it is the counting that remembers it.
            self.check.after = Some(held.account.clone());
            self.told.accounts = self.told.accounts.saturating_add(1);
            let account = held.account.clone();
            let statement = self.statement(&account);
            if self.count(&account, Some(held), statement).await? == Went::OutOfTime {
                return Ok(Some(Went::OutOfTime));
            }
        }
        match page.next {
            None => {
                self.check.end(self.run.now);
                Ok(None)
            }
            Some(next) => {
                self.check.after = Some(next);
                Ok(Some(Went::On))
            }
        }
    }

    /// Accounts that an earlier pass has counted and the last one has not.
    pub(crate) fn look_for_accounts(&mut self) {
        if let Some(MissingAccounts { accounts, since, reported_at: _ }) = self.check.gone(self.run.now) {
            self.told.drift = self.told.drift.saturating_add(1);
            tracing::error!(accounts, since = %since, repair = "audit --full names them", "accounts are gone");
            drift_of("accounts");
        }
    }

    pub(crate) fn is_out_of_time(&mut self) -> bool {
        let is_short = self.run.is_short_of(ONE_WITHIN);
        self.told.is_cut_short |= is_short;
        is_short
    }

    pub(crate) fn call(&self) -> CallContext<'static> {
        self.run.part(ONE_WITHIN).context()
    }

    /// From where its lines were counted to the end of them, or to that of the run.
    async fn count(
        &mut self,
        account: &str,
        read: Option<StoredAccount>,
        mut statement: Statement,
    ) -> Result<Went, CommitError> {
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
                let Statement { counted, earlier, last } = statement;
                self.check.counting = last.map(|last| CountProgress { account, counted, earlier, last });
                return Ok(Went::OutOfTime);
            }
        }
        // As it was read before its lines; if that agrees, it is so.
        let subject = Subject::Account(account.to_owned());
        if read.is_some_and(|read| read.differences(&statement.counted).is_empty()) {
            self.record_check(&subject, Vec::new());
        } else if let Some(found) = self.settled(account, &mut statement).await? {
            let until = statement.last.iter().filter_map(|last| Timestamp::parse_rfc3339(&last.at).ok());
            let until = until.fold(self.now(), Timestamp::max);
            let seen = Some(LinesSeen { until, counted: statement.counted });
            self.record_check_of_lines(&subject, found, Observation { earlier: statement.earlier, seen });
        } else {
            self.told.unsettled_accounts = self.told.unsettled_accounts.saturating_add(1);
            if let Some(since) = self.check.moved(account, self.run.now) {
                unsettled(account, since);
            }
        }
        Ok(Went::On)
    }

    /// Nothing of it is counted yet.
    fn statement(&self, account: &str) -> Statement {
        let until = self.check.seen_until(account);
        let earlier = until.map(|until| LinesSeen { until, counted: LineTotals::default() });
        Statement { counted: LineTotals::default(), earlier, last: None }
    }

    /// A run may have begun a minute ago.
    fn now(&self) -> Timestamp {
        let elapsed_s = self.run.started.elapsed().as_secs();
        self.run.now.plus_seconds(i64::try_from(elapsed_s).unwrap_or(i64::MAX))
    }

    async fn page(&mut self, account: &str, statement: &mut Statement) -> Result<LinePage, CommitError> {
        let page = self.ledger.lines(account, statement.last.as_ref(), LINES_MAX, &self.call()).await?;
        statement.add(&page);
        self.told.lines = self.told.lines.saturating_add(u64::try_from(page.lines.len()).unwrap_or(u64::MAX));
        let of_orders: Vec<&str> =
            page.lines.iter().map(|line| line.key.as_str()).filter(|key| JournalLine::is_of_order(key)).collect();
        for keys in of_orders.chunks(LINES_COMPARED) {
            self.compare_lines(keys, &Subject::Account(account.to_owned())).await?;
        }
        Ok(page)
    }

    /// What differs between its row and its lines as both stand now; `None` while others write it.
    async fn settled(
        &mut self,
        account: &str,
        statement: &mut Statement,
    ) -> Result<Option<Vec<Difference>>, CommitError> {
        for _ in 0..ROUNDS_MAX {
            let held = self.stored_account(account).await?;
            if held.version == statement.counted.lines {
                return Ok(Some(held.differences(&statement.counted)));
            }
            if !self.page(account, statement).await?.lines.is_empty() {
                continue;
            }
            if self.stored_account(account).await?.version == held.version {
                return Ok(Some(held.differences(&statement.counted)));
            }
        }
        Ok(None)
    }

    /// Each line with its order, and each order with all its lines.
    async fn compare_lines(&mut self, keys: &[&str], at: &Subject) -> Result<(), CommitError> {
        // What a line without an order was before, it may not be any more.
        let before = self.check.lines_of(at);
        let keys: BTreeSet<&str> = keys.iter().copied().chain(before.iter().map(String::as_str)).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let mut orders: BTreeMap<OrderNumber, Vec<JournalLine>> = BTreeMap::new();
        let mut wrong = BTreeSet::new();
        for line in self.journal_lines(&keys).await? {
            let found = line.differences();
            if !found.is_empty() {
                wrong.insert(line.key.clone());
                self.record_check(&Subject::Line(line.key.clone()), found);
            }
            if let Some(order) = line.order.clone() {
                orders.entry(order).or_default().push(line);
            }
        }
        for line in before.into_iter().filter(|line| !wrong.contains(line)) {
            self.record_check(&Subject::Line(line), Vec::new());
        }
        for (number, lines) in orders {
            self.compare(&number, &lines).await?;
        }
        Ok(())
    }

    /// An order with all its lines: those that were seen, those that differed before, and those that it names itself.
    async fn compare(&mut self, number: &OrderNumber, seen: &[JournalLine]) -> Result<(), CommitError> {
        self.told.orders = self.told.orders.saturating_add(1);
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
        if self.is_whole {
            found.extend(self.leads_elsewhere(&kept).await?);
            found.extend(self.is_unproven(&kept).await?);
            if found.is_empty() {
                found.extend(kept.without_lines(number));
            }
        }
        // Whoever has written it in the meantime has written lines too.
        if !found.is_empty() && version(&self.ledger.kept(number, &self.call()).await?) != version(&kept) {
            self.told.unsettled_accounts = self.told.unsettled_accounts.saturating_add(1);
            return Ok(());
        }
        self.record_check(&subject, found);
        Ok(())
    }

    /// Where the payment of an order leads to another order, or nowhere.
    async fn leads_elsewhere(&self, kept: &StoredOrder) -> Result<Option<Difference>, CommitError> {
        let StoredOrder::Order(order) = kept else { return Ok(None) };
        let Some(pointer) = order.pointer() else { return Ok(None) };
        let leads_to = self.ledger.resolve_pointer(&pointer, &self.call()).await?;
        Ok(order.differs_from_pointer(leads_to.as_ref()))
    }

    /// Where the payment of an order has no row that fits.
    async fn is_unproven(&self, kept: &StoredOrder) -> Result<Option<Difference>, CommitError> {
        let StoredOrder::Order(order) = kept else { return Ok(None) };
        let Some(proof) = order.proof() else { return Ok(None) };
        let is_proven = self.ledger.is_proven(&proof, &self.call()).await?;
        Ok(order.differs_from_proof().filter(|_| !is_proven))
    }

    /// One that is not there is one that holds nothing, and may have lines all the same.
    async fn stored_account(&self, account: &str) -> Result<StoredAccount, CommitError> {
        let held = self.ledger.stored_account(account, &self.call()).await?;
        Ok(held.unwrap_or_else(|| StoredAccount::nothing(account)))
    }

    async fn journal_lines(&self, keys: &[&str]) -> Result<Vec<JournalLine>, CommitError> {
        if keys.is_empty() { Ok(Vec::new()) } else { self.ledger.journal_lines(keys, &self.call()).await }
    }

    fn record_check(&mut self, at: &Subject, found: Vec<Difference>) {
        self.record_check_of_lines(at, found, Observation::default());
    }

    fn record_check_of_lines(&mut self, at: &Subject, found: Vec<Difference>, look: Observation) {
        for open in self.check.record_check(at, found, look, self.run.now) {
            if open.is_drift() {
                self.told.drift = self.told.drift.saturating_add(1);
                say(&open);
            } else {
                unsettled(subject_of(&open.difference), open.since);
            }
        }
    }
}

/// How far the statement of an account is counted.
pub(crate) struct Statement {
    counted: LineTotals,
    earlier: Option<LinesSeen>,
    last: Option<LinePosition>,
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
        StoredOrder::Unreadable { .. } | StoredOrder::Missing => None,
    }
}

/// At each look that finds it: a person has to repair it, and nothing here will.
fn say(drift: &Open) {
    let Open { difference, equal_checks, since, .. } = drift;
    let Difference { difference_kind, suspect, account, order, line, recorded, found, missing } = difference;
    let (order, line) = (order.as_ref().map(OrderNumber::as_str), line.as_deref());
    let (recorded, found, amount) = (recorded.units(), found.units(), difference.amount().units());
    tracing::error!(
        difference_kind = difference_kind.as_str(), account, order, line, recorded = %recorded, found = %found, difference = %amount, missing,
        equal_checks, since = %since, likely = suspect.likely(), repair = difference.remedy(), "the books disagree"
    );
    drift_of(subject_of(difference));
}

fn drift_of(subject: &str) {
    edge::alarm(SOURCE, "drift", subject);
}

/// No look was sure of it for a day: it is written, or changes, all the time.
fn unsettled(subject: &str, since: Timestamp) {
    tracing::error!(subject, since = %since, "no look could compare this account");
    edge::alarm(SOURCE, "unsettled", subject);
}

fn subject_of(difference: &Difference) -> &str {
    difference.order.as_ref().map_or(difference.account.as_str(), OrderNumber::as_str)
}
