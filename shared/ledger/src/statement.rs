//! What an account's owner is shown: its state with its lots, and its statement by page.

use crate::{
    AccountId, Balance, CallContext, CommitError, Expiring, JournalLine, LinePosition, LotsSnapshot, Members, MoneyKey,
    Order, Owner, SpendingTerms, Timestamp, UnreadableRow,
};

/// The row of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    pub balance: Balance,
    pub available: Balance,
    pub terms: SpendingTerms,
    /// What its open holds set aside.
    pub held: Balance,
    /// The number of journal entries of the account.
    pub version: u64,
}

/// Which lines of a statement, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementQuery {
    pub account: AccountId,
    /// Of this time and later ones.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Only lines of this kind. They are picked from the page that is read, which then has fewer lines, or none.
    pub kind: Option<String>,
    /// Older lines than the one at this place, which the page before ended with.
    pub after: Option<LinePosition>,
    pub lines_max: u16,
}

impl StatementQuery {
    /// The first and the last moment that it asks for, if it asks for any. The last is before the first if no line can be
    /// of them.
    pub fn times(&self) -> Option<(Timestamp, Timestamp)> {
        if self.from.is_none() && self.until.is_none() {
            return None;
        }
        let last = |until: Timestamp| until.unix_ms().checked_sub(1).and_then(|ms| Timestamp::from_unix_ms(ms).ok());
        let latest = Timestamp::EPOCH.plus_seconds(i64::MAX);
        Some((
            self.from.unwrap_or(Timestamp::EPOCH),
            self.until.map_or(latest, |until| last(until).unwrap_or(Timestamp::EPOCH)),
        ))
    }
}

/// A line as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownLine {
    pub key: String,
    pub kind: String,
    /// The change of the balance.
    pub change: Balance,
    /// The stored text of the time at which it was booked.
    pub at: String,
}

/// A page of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementPage {
    pub lines: Vec<ShownLine>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<LinePosition>,
}

/// A page of an owner's orders, the newest first.
#[derive(Debug, Default)]
pub struct OrdersPage {
    /// A row that cannot be read hides no other one.
    pub orders: Vec<Result<Order, UnreadableRow>>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<LinePosition>,
}

/// The port to what is shown, beside the ledger's.
pub trait Statements: Expiring {
    /// The account and its lots in one round trip, as they are now. Without a row there is no account.
    fn account_with_lots(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<(AccountRow, LotsSnapshot)>, CommitError>> + Send;

    /// A page of a statement in one round trip, from an index that may lag by some seconds. Each line that the index has
    /// when the first page is read is on exactly one of the pages that follow from it.
    fn statement_page(
        &self,
        query: &StatementQuery,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<StatementPage, CommitError>> + Send;

    /// A page of an owner's orders: which ones, from an index that may lag by some seconds, and each as it is now.
    fn orders_of(
        &self,
        owner: &Owner,
        after: Option<&LinePosition>,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<OrdersPage, CommitError>> + Send;

    /// The keys that tie an owner to others, as they are now.
    fn ties(
        &self,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Members, CommitError>> + Send;

    /// A line, and the one that reverses it as a charge, in one round trip, as they are now.
    fn line_with_reversal(
        &self,
        line: &MoneyKey,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(Option<JournalLine>, Option<JournalLine>), CommitError>> + Send;
}
