//! The audit of the books: compares each account with its ledger entries, and each order with the journal. A difference
//! is checked again and reported, and never repaired automatically.

mod budgets;
mod census;
mod check;
mod codes;
mod difference;
mod held;
mod lots;
mod members;
mod order;
mod paired;
mod repair;
mod trial_balance;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Balance, CallContext, CallerKey, CommitError, Holds, House, LotsRow, Members, Order, OrderNumber, Owner, Timestamp,
};

pub use budgets::StoredSpent;
pub use census::{AccountsOpened, Census, MissingAccounts};
pub use check::{AuditProgress, CountProgress, LinesSeen, Observation, Open, UnsettledAccount};
pub use codes::CodesToRead;
pub use difference::{Difference, DifferenceKind, Subject, Suspect};
pub use held::{LineTotals, StoredAccount, StoredLots};
pub use members::{MemberKey, MembersAudit};
pub use repair::{LineDetails, Repair, RepairError, RepairedBudget, RepairedOrder, Side};
pub use trial_balance::{AccountSides, AssetBalance, TrialBalance};
pub use whole::{Row, WholeAudit};

/// The books as the audit reads them. Only here are they read from end to end, and only the accounts.
pub trait Audit: Holds {
    /// The progress and the findings of the audit. Before the first run it is the default.
    fn check(&self, context: &CallContext<'_>) -> impl Future<Output = Result<AuditProgress, CommitError>> + Send;

    /// Writes the progress over the version that was read; `false` if another run has written it, and then nothing
    /// changes.
    fn save_audit_progress(
        &self,
        check: &AuditProgress,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// Writes the trial balance of a day together with the progress that ends its pass; `false` as above.
    fn close_day(
        &self,
        day: &TrialBalance,
        check: &AuditProgress,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// The trial balance of the day with this end, if a pass has closed it.
    fn closed_day(
        &self,
        until: Timestamp,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<TrialBalance>, CommitError>> + Send;

    /// Replaces unreadable progress by the default. Does nothing if it can be read, and refuses to replace the progress
    /// of a later release.
    fn reset_audit_progress(&self, context: &CallContext<'_>) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// The accounts after this one, in the store's own order. Eventually consistent.
    fn accounts(
        &self,
        after: Option<&str>,
        rows_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<AccountPage, CommitError>> + Send;

    /// The current row of an account.
    fn stored_account(
        &self,
        account: &str,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<StoredAccount>, CommitError>> + Send;

    /// The current row of an account's lots. One that cannot be read is as good as none.
    fn stored_lots(
        &self,
        account: &str,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<LotsRow>, CommitError>> + Send;

    /// The current row of what a key has spent.
    fn stored_spent(
        &self,
        key: &CallerKey,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<StoredSpent>, CommitError>> + Send;

    /// The current lists of these owners, of those who have any. One that cannot be read is as good as none.
    fn stored_members(
        &self,
        owners: &BTreeSet<&Owner>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<BTreeMap<Owner, Members>, CommitError>> + Send;

    /// Those of these keys that draw on another owner's account now. One that cannot be read is as good as none.
    fn member_keys(
        &self,
        keys: &BTreeSet<CallerKey>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<BTreeMap<CallerKey, MemberKey>, CommitError>> + Send;

    /// The account's lines after this one, the oldest first, from an index that may lag.
    fn lines(
        &self,
        account: &str,
        after: Option<&LinePosition>,
        lines_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<LinePage, CommitError>> + Send;

    /// The rows with these keys that exist now and move money. No key may appear twice.
    fn journal_lines(
        &self,
        keys: &[&str],
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<JournalLine>, CommitError>> + Send;

    /// The current row of an order, even if it cannot be read.
    fn kept(
        &self,
        order: &OrderNumber,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<StoredOrder, CommitError>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountPage {
    pub accounts: Vec<StoredAccount>,
    /// What keys have spent, in the same rows of the table.
    pub budgets: Vec<StoredSpent>,
    /// Whose lists of members are in the same rows.
    pub members: BTreeSet<Owner>,
    /// The keys in the same rows that draw on another owner's account.
    pub member_keys: BTreeMap<CallerKey, MemberKey>,
    /// The cursor for the next page; `None` at the end.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinePage {
    pub lines: Vec<StatementLine>,
    /// The place of the last line, if there is one.
    pub last: Option<LinePosition>,
    /// Whether more lines may follow.
    pub has_more: bool,
}

/// A line of an account's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    pub key: String,
    /// The change of the balance.
    pub change: Balance,
    /// When it was booked; the epoch if its row has no time.
    pub at: Timestamp,
}

/// The position of a line in its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePosition {
    pub key: String,
    /// The stored text of the time.
    pub at: String,
}

/// A journal row that moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLine {
    pub key: String,
    pub account: String,
    pub change: Balance,
    /// The other side, if its row has one.
    pub house: Option<House>,
    pub order: Option<OrderNumber>,
    pub reverses: Option<String>,
    /// The line by which a person has reversed it. Its order no longer counts a reversed line.
    pub reversed_by: Option<String>,
    /// When it was booked, if its row has a time.
    pub at: Option<Timestamp>,
    /// Marked as failed although it moved money.
    pub is_failed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredOrder {
    Order(Box<Order>),
    /// The version, if the row has one.
    Unreadable {
        version: Option<u64>,
    },
    /// Only a later release reads the row.
    LaterForm,
    Missing,
}
