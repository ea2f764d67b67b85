//! The audit's reads of the in-memory ledger.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    AccountPage, Audit, AuditProgress, Balance, CallContext, CallerKey, CommitError, JournalLine, LinePage,
    LinePosition, LotsRow, MemberKey, Members, OrderNumber, Owner, StatementLine, StoredAccount, StoredLots,
    StoredOrder, StoredSpent, Timestamp, TrialBalance,
};

use super::{KeptRow, MemoryLedger};
use crate::Account;

impl Audit for MemoryLedger {
    async fn check(&self, _: &CallContext<'_>) -> Result<AuditProgress, CommitError> {
        Ok(self.0.lock().unwrap().check.clone())
    }

    async fn save_audit_progress(&self, check: &AuditProgress, _: &CallContext<'_>) -> Result<bool, CommitError> {
        let mut state = self.0.lock().unwrap();
        let is_next = state.check.version.checked_add(1) == Some(check.version);
        if is_next {
            state.check = check.clone();
        }
        Ok(is_next)
    }

    async fn close_day(
        &self,
        day: &TrialBalance,
        check: &AuditProgress,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let is_saved = self.save_audit_progress(check, context).await?;
        if is_saved {
            self.0.lock().unwrap().days.insert(day.until, day.clone());
        }
        Ok(is_saved)
    }

    async fn closed_day(&self, until: Timestamp, _: &CallContext<'_>) -> Result<Option<TrialBalance>, CommitError> {
        Ok(self.0.lock().unwrap().days.get(&until).cloned())
    }

    /// Progress in memory is never unreadable.
    async fn reset_audit_progress(&self, _: &CallContext<'_>) -> Result<(), CommitError> {
        Ok(())
    }

    async fn accounts(
        &self,
        after: Option<&str>,
        rows_max: u16,
        _: &CallContext<'_>,
    ) -> Result<AccountPage, CommitError> {
        let state = self.0.lock().unwrap();
        let all = state.accounts.iter().map(|(id, account)| stored_account(&id.to_string(), account));
        let mut left = all.filter(|stored_account| after.is_none_or(|after| stored_account.account.as_str() > after));
        let accounts: Vec<StoredAccount> = left.by_ref().take(rows_max.into()).collect();
        let next =
            accounts.last().filter(|_| left.next().is_some()).map(|stored_account| stored_account.account.clone());
        let page = AccountPage { accounts, next, ..AccountPage::default() };
        if after.is_some() {
            return Ok(page);
        }
        // As the store has them: each with one of the pages.
        let budgets = state.keys.keys().filter_map(|key| state.stored_spent(key)).collect();
        let members = state.members.keys().cloned().collect();
        let member_keys = state.keys.keys().filter_map(|key| Some((key.clone(), state.member_key(key)?))).collect();
        Ok(AccountPage { budgets, members, member_keys, ..page })
    }

    async fn stored_account(&self, account: &str, _: &CallContext<'_>) -> Result<Option<StoredAccount>, CommitError> {
        let state = self.0.lock().unwrap();
        let found = state.accounts.iter().find(|(id, _)| id.to_string() == account);
        Ok(found.map(|(_, found)| stored_account(account, found)))
    }

    async fn stored_lots(&self, account: &str, _: &CallContext<'_>) -> Result<Option<LotsRow>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(state.lots.iter().find(|(id, _)| id.to_string() == account).map(|(_, lots)| lots.clone()))
    }

    async fn stored_spent(&self, key: &CallerKey, _: &CallContext<'_>) -> Result<Option<StoredSpent>, CommitError> {
        Ok(self.0.lock().unwrap().stored_spent(key))
    }

    async fn stored_members(
        &self,
        owners: &BTreeSet<&Owner>,
        _: &CallContext<'_>,
    ) -> Result<BTreeMap<Owner, Members>, CommitError> {
        let state = self.0.lock().unwrap();
        let of = |owner: &&Owner| Some(((*owner).clone(), state.members.get(*owner)?.clone()));
        Ok(owners.iter().filter_map(of).collect())
    }

    async fn member_keys(
        &self,
        keys: &BTreeSet<CallerKey>,
        _: &CallContext<'_>,
    ) -> Result<BTreeMap<CallerKey, MemberKey>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(keys.iter().filter_map(|key| Some((key.clone(), state.member_key(key)?))).collect())
    }

    async fn lines(
        &self,
        account: &str,
        after: Option<&LinePosition>,
        lines_max: u16,
        _: &CallContext<'_>,
    ) -> Result<LinePage, CommitError> {
        let state = self.0.lock().unwrap();
        let of_account = state.journal.iter().filter(|(_, kept)| kept.row.account.as_deref() == Some(account));
        let mut lines: Vec<(LinePosition, Balance)> =
            of_account.map(|(id, kept)| (sweep_cursor(id, kept), Balance::from_units(kept.row.change))).collect();
        lines.sort_by(|(one, _), (other, _)| (&one.at, &one.key).cmp(&(&other.at, &other.key)));
        lines.retain(|(place, _)| after.is_none_or(|after| (&place.at, &place.key) > (&after.at, &after.key)));
        let has_more = lines.len() > usize::from(lines_max);
        lines.truncate(lines_max.into());
        let last = lines.last().map(|(place, _)| place.clone());
        let lines = lines.into_iter().map(|(LinePosition { key, at }, change)| {
            let at = Timestamp::parse_rfc3339(&at).unwrap();
            StatementLine { key, change, at }
        });
        Ok(LinePage { lines: lines.collect(), last, has_more })
    }

    async fn journal_lines(&self, keys: &[&str], _: &CallContext<'_>) -> Result<Vec<JournalLine>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(keys.iter().filter_map(|key| line(key, state.journal.get(*key)?)).collect())
    }

    async fn kept(&self, order: &OrderNumber, _: &CallContext<'_>) -> Result<StoredOrder, CommitError> {
        let order = self.0.lock().unwrap().orders.get(order).cloned();
        Ok(order.map_or(StoredOrder::Missing, |order| StoredOrder::Order(Box::new(order))))
    }
}

pub(super) fn stored_account(id: &str, account: &Account) -> StoredAccount {
    let [balance, available, overdraft] =
        [account.balance, account.available, account.overdraft].map(Balance::from_units);
    let read = account.lots();
    let lots = StoredLots { version: read.version, mark: read.mark, next_expiry: read.next_expiry };
    StoredAccount {
        account: id.to_owned(),
        balance,
        available,
        overdraft,
        held: account.held.unsigned_abs(),
        version: account.version,
        lots,
    }
}

fn sweep_cursor(id: &str, kept: &KeptRow) -> LinePosition {
    LinePosition { key: id.to_owned(), at: kept.processed_at.unwrap().to_string() }
}

pub(super) fn line(key: &str, kept: &KeptRow) -> Option<JournalLine> {
    Some(JournalLine {
        key: key.to_owned(),
        account: kept.row.account.clone()?,
        change: Balance::from_units(kept.row.change),
        house: kept.house,
        order: kept.row.order.as_deref().and_then(|order| OrderNumber::new(order).ok()),
        reverses: kept.row.reverses.clone(),
        reversed_by: kept.reversed_by.clone(),
        at: kept.processed_at,
        is_failed: kept.row.status == "failed",
    })
}
