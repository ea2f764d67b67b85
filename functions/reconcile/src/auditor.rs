//! Looks at the books: accounts with their lines, orders with theirs. What a look finds goes into the check, which says what is drift.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge::Moment;
use ledger::{
    Audit, Check, CommitError, Counted, Counting, Delivery, Difference, Held, Kept, LinePage, Matter, Open,
    OrderNumber, Place, Posted, Subject,
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
pub struct Checked {
    pub accounts: u32,
    pub lines: u64,
    pub orders: u32,
    /// Accounts that were written while they were counted: nothing can be said of them now.
    pub moving: u32,
    /// What differs as of now, whether it is drift or may yet go by itself.
    pub open: u32,
    pub drift: u32,
    /// Whether there was more to do than time.
    pub is_cut_short: bool,
}

/// One run over the books.
pub(crate) struct Auditor<'r, L> {
    pub(crate) ledger: &'r L,
    pub(crate) run: &'r Moment,
    pub(crate) check: Check,
    pub(crate) told: Checked,
}

/// Whether there is time to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    On,
    OutOfTime,
}

impl<L: Audit> Auditor<'_, L> {
    /// The account that the last run had no time to finish, and then what was found to differ, each by itself.
    pub(crate) async fn look_again(&mut self) -> Result<Went, CommitError> {
        if let Some(Counting { account, counted, last }) = self.check.counting.take()
            && self.count(&account, None, counted, Some(last)).await? == Went::OutOfTime
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
            Subject::Account(account) => return self.count(account, None, Counted::default(), None).await,
            Subject::Order(number) => self.compare(number, &[]).await?,
            Subject::Line(_) => self.compare_lines(&[], subject).await?,
        }
        Ok(Went::On)
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
            if self.count(&account, Some(held), Counted::default(), None).await? == Went::OutOfTime {
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

    pub(crate) fn is_out_of_time(&mut self) -> bool {
        let is_short = self.run.is_short_of(ONE_WITHIN);
        self.told.is_cut_short |= is_short;
        is_short
    }

    pub(crate) fn call(&self) -> Delivery<'static> {
        self.run.part(ONE_WITHIN).delivery()
    }

    /// From where its lines were counted to the end of them, or to that of the run.
    async fn count(
        &mut self,
        account: &str,
        read: Option<Held>,
        mut counted: Counted,
        mut last: Option<Place>,
    ) -> Result<Went, CommitError> {
        loop {
            let page = self.page(account, &mut counted, &mut last).await?;
            if !page.has_more {
                break;
            }
            if self.is_out_of_time() {
                let account = account.to_owned();
                self.check.counting = last.map(|last| Counting { account, counted, last });
                return Ok(Went::OutOfTime);
            }
        }
        // As it was read before its lines; if that agrees, it is so.
        if read.is_some_and(|read| read.differences(&counted).is_empty()) {
            self.looked(&Subject::Account(account.to_owned()), Vec::new());
        } else if let Some(found) = self.settled(account, counted, last).await? {
            self.looked(&Subject::Account(account.to_owned()), found);
        } else {
            self.told.moving = self.told.moving.saturating_add(1);
        }
        Ok(Went::On)
    }

    async fn page(
        &mut self,
        account: &str,
        counted: &mut Counted,
        last: &mut Option<Place>,
    ) -> Result<LinePage, CommitError> {
        let page = self.ledger.lines(account, last.as_ref(), LINES_MAX, &self.call()).await?;
        counted.add(&page.lines);
        if page.last.is_some() {
            last.clone_from(&page.last);
        }
        self.told.lines = self.told.lines.saturating_add(u64::try_from(page.lines.len()).unwrap_or(u64::MAX));
        let of_orders: Vec<&str> =
            page.lines.iter().map(|(key, _)| key.as_str()).filter(|key| Posted::is_of_order(key)).collect();
        for keys in of_orders.chunks(LINES_COMPARED) {
            self.compare_lines(keys, &Subject::Account(account.to_owned())).await?;
        }
        Ok(page)
    }

    /// What differs between its row and its lines as both stand now; `None` while others write it.
    async fn settled(
        &mut self,
        account: &str,
        mut counted: Counted,
        mut last: Option<Place>,
    ) -> Result<Option<Vec<Difference>>, CommitError> {
        for _ in 0..ROUNDS_MAX {
            let held = self.held(account).await?;
            if held.version == counted.lines {
                return Ok(Some(held.differences(&counted)));
            }
            if !self.page(account, &mut counted, &mut last).await?.lines.is_empty() {
                continue;
            }
            if self.held(account).await?.version == held.version {
                return Ok(Some(held.differences(&counted)));
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
        let mut orders: BTreeMap<OrderNumber, Vec<Posted>> = BTreeMap::new();
        let mut without = BTreeSet::new();
        for line in self.posted(&keys).await? {
            if let Some(order) = line.order.clone() {
                orders.entry(order).or_default().push(line);
            } else {
                without.insert(line.key.clone());
                self.looked(&Subject::Line(line.key.clone()), vec![line.without_order()]);
            }
        }
        for line in before.into_iter().filter(|line| !without.contains(line)) {
            self.looked(&Subject::Line(line), Vec::new());
        }
        for (number, lines) in orders {
            self.compare(&number, &lines).await?;
        }
        Ok(())
    }

    /// An order with all its lines: those that were seen, those that differed before, and those that it names itself.
    async fn compare(&mut self, number: &OrderNumber, seen: &[Posted]) -> Result<(), CommitError> {
        self.told.orders = self.told.orders.saturating_add(1);
        let subject = Subject::Order(number.clone());
        let kept = self.ledger.kept(number, &self.call()).await?;
        let mut keys = self.check.lines_of(&subject);
        if let Kept::Order(order) = &kept {
            keys.extend(order.money_keys().iter().map(ToString::to_string));
        }
        let keys: Vec<&str> =
            keys.iter().map(String::as_str).filter(|key| seen.iter().all(|line| line.key != *key)).collect();
        let mut lines = seen.to_vec();
        lines.extend(self.posted(&keys).await?);
        let found = kept.differences(number, &lines);
        // Whoever has written it in the meantime has written lines too.
        if !found.is_empty() && version(&self.ledger.kept(number, &self.call()).await?) != version(&kept) {
            self.told.moving = self.told.moving.saturating_add(1);
            return Ok(());
        }
        self.looked(&subject, found);
        Ok(())
    }

    /// One that is not there is one that holds nothing, and may have lines all the same.
    async fn held(&self, account: &str) -> Result<Held, CommitError> {
        let held = self.ledger.held(account, &self.call()).await?;
        Ok(held.unwrap_or_else(|| Held::nothing(account)))
    }

    async fn posted(&self, keys: &[&str]) -> Result<Vec<Posted>, CommitError> {
        if keys.is_empty() { Ok(Vec::new()) } else { self.ledger.posted(keys, &self.call()).await }
    }

    fn looked(&mut self, at: &Subject, found: Vec<Difference>) {
        for drift in self.check.looked(at, found, self.run.now) {
            self.told.drift = self.told.drift.saturating_add(1);
            say(&drift);
        }
    }
}

fn version(kept: &Kept) -> Option<u64> {
    match kept {
        Kept::Order(order) => Some(order.version),
        Kept::Unreadable | Kept::Missing => None,
    }
}

/// Each time that it is found: somebody has to look at it, and nothing here will.
fn say(drift: &Open) {
    let Open { difference, looks, since, .. } = drift;
    let Difference { matter, account, order, line, said, found } = difference;
    let (order, line) = (order.as_ref().map(OrderNumber::as_str), line.as_deref());
    let (said, found, amount) = (said.units(), found.units(), difference.amount().units());
    tracing::error!(
        matter = matter.as_str(), account, order, line, said = %said, found = %found, difference = %amount, looks,
        since = %since, "the books disagree"
    );
    let subject = match matter {
        Matter::Balance | Matter::Available | Matter::Lines | Matter::NoOrder => account,
        Matter::Stands | Matter::Unposted | Matter::Unclaimed | Matter::OrderMissing | Matter::OrderUnreadable => {
            order.unwrap_or(account)
        }
    };
    edge::alarm(SOURCE, "drift", subject);
}
