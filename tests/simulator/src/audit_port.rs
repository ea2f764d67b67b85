//! The ports of the audit and of cached keys, over the ledger of one sandbox.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    AccountPage, Audit, AuditProgress, CachedJwks, CallContext, CallerKey, CommitError, JournalLine, JwksCache,
    JwksName, LinePage, LinePosition, LotsRow, MemberKey, Members, OrderNumber, Owner, StoredAccount, StoredOrder,
    StoredSpent, Timestamp, TrialBalance,
};

use crate::port::{Books, PortLedger, call};

impl Audit for PortLedger {
    async fn check(&self, context: &CallContext<'_>) -> Result<AuditProgress, CommitError> {
        call!(self, context, Audit::check())
    }

    async fn save_audit_progress(&self, check: &AuditProgress, context: &CallContext<'_>) -> Result<bool, CommitError> {
        call!(self, context, Audit::save_audit_progress(check))
    }

    async fn close_day(
        &self,
        day: &TrialBalance,
        check: &AuditProgress,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        call!(self, context, Audit::close_day(day, check))
    }

    async fn closed_day(
        &self,
        until: Timestamp,
        context: &CallContext<'_>,
    ) -> Result<Option<TrialBalance>, CommitError> {
        call!(self, context, Audit::closed_day(until))
    }

    async fn reset_audit_progress(&self, context: &CallContext<'_>) -> Result<(), CommitError> {
        call!(self, context, Audit::reset_audit_progress())
    }

    async fn accounts(
        &self,
        after: Option<&str>,
        rows_max: u16,
        context: &CallContext<'_>,
    ) -> Result<AccountPage, CommitError> {
        call!(self, context, Audit::accounts(after, rows_max))
    }

    async fn stored_account(
        &self,
        account: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<StoredAccount>, CommitError> {
        call!(self, context, Audit::stored_account(account))
    }

    async fn stored_lots(&self, account: &str, context: &CallContext<'_>) -> Result<Option<LotsRow>, CommitError> {
        call!(self, context, Audit::stored_lots(account))
    }

    async fn stored_spent(
        &self,
        key: &CallerKey,
        context: &CallContext<'_>,
    ) -> Result<Option<StoredSpent>, CommitError> {
        call!(self, context, Audit::stored_spent(key))
    }

    async fn stored_members(
        &self,
        owners: &BTreeSet<&Owner>,
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<Owner, Members>, CommitError> {
        call!(self, context, Audit::stored_members(owners))
    }

    async fn member_keys(
        &self,
        keys: &BTreeSet<CallerKey>,
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<CallerKey, MemberKey>, CommitError> {
        call!(self, context, Audit::member_keys(keys))
    }

    async fn lines(
        &self,
        account: &str,
        after: Option<&LinePosition>,
        lines_max: u16,
        context: &CallContext<'_>,
    ) -> Result<LinePage, CommitError> {
        call!(self, context, Audit::lines(account, after, lines_max))
    }

    async fn journal_lines(&self, keys: &[&str], context: &CallContext<'_>) -> Result<Vec<JournalLine>, CommitError> {
        call!(self, context, Audit::journal_lines(keys))
    }

    async fn kept(&self, order: &OrderNumber, context: &CallContext<'_>) -> Result<StoredOrder, CommitError> {
        call!(self, context, Audit::kept(order))
    }
}

impl JwksCache for PortLedger {
    async fn cached_jwks(&self, name: JwksName, context: &CallContext<'_>) -> Result<Option<CachedJwks>, CommitError> {
        call!(self, context, JwksCache::cached_jwks(name))
    }

    async fn cache_jwks(
        &self,
        name: JwksName,
        copied: &CachedJwks,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        call!(self, context, JwksCache::cache_jwks(name, copied))
    }
}
