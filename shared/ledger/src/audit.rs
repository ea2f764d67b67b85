//! Whether the books agree with themselves: an account with its lines, an order with what the journal says of it. What differs is
//! looked at again and said, and never put right by a machine.

mod census;
mod check;
mod difference;
mod held;
mod order;
mod repair;
mod whole;

use std::sync::Arc;

use crate::{Balance, CommitError, Delivery, Ledger, Order, OrderNumber, Timestamp};

pub use census::{Census, Gone, Opened};
pub use check::{Check, Counting, Look, Moving, Open, Seen};
pub use difference::{Difference, Matter, Subject, Suspect};
pub use held::{Counted, Held};
pub use repair::{NamedLine, OrderOver, Repair, RepairError, Side};
pub use whole::{Row, Whole};

/// The books, to whoever compares them. Only here are they read from end to end, and only the accounts.
pub trait Audit: Ledger {
    /// How far the check has come, as it stands now. The first has not begun.
    fn check(&self, delivery: &Delivery<'_>) -> impl Future<Output = Result<Check, CommitError>> + Send;

    /// Written over the version that was read; `false`: somebody else was first, and nothing is written.
    fn keep_check(
        &self,
        check: &Check,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// Puts a check that has not begun in place of one that cannot be read. Nothing is done where it can be.
    fn renew_check(&self, delivery: &Delivery<'_>) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// The accounts that are kept after this one, in an order of the store's own. They may be a moment old.
    fn accounts(
        &self,
        after: Option<&str>,
        rows_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<AccountPage, CommitError>> + Send;

    /// An account as it stands now.
    fn held(
        &self,
        account: &str,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Held>, CommitError>> + Send;

    /// Its lines after this one, the oldest first, from an index that may lag.
    fn lines(
        &self,
        account: &str,
        after: Option<&Place>,
        lines_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<LinePage, CommitError>> + Send;

    /// Those of these rows of the journal that are there now and move something. No key may stand twice.
    fn posted(
        &self,
        keys: &[&str],
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<Posted>, CommitError>> + Send;

    /// An order as it stands now, also one that cannot be read.
    fn kept(
        &self,
        order: &OrderNumber,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Kept, CommitError>> + Send;
}

impl<L: Audit> Audit for Arc<L> {
    fn check(&self, delivery: &Delivery<'_>) -> impl Future<Output = Result<Check, CommitError>> + Send {
        L::check(self, delivery)
    }

    fn keep_check(
        &self,
        check: &Check,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send {
        L::keep_check(self, check, delivery)
    }

    fn renew_check(&self, delivery: &Delivery<'_>) -> impl Future<Output = Result<(), CommitError>> + Send {
        L::renew_check(self, delivery)
    }

    fn accounts(
        &self,
        after: Option<&str>,
        rows_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<AccountPage, CommitError>> + Send {
        L::accounts(self, after, rows_max, delivery)
    }

    fn held(
        &self,
        account: &str,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Held>, CommitError>> + Send {
        L::held(self, account, delivery)
    }

    fn lines(
        &self,
        account: &str,
        after: Option<&Place>,
        lines_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<LinePage, CommitError>> + Send {
        L::lines(self, account, after, lines_max, delivery)
    }

    fn posted(
        &self,
        keys: &[&str],
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<Posted>, CommitError>> + Send {
        L::posted(self, keys, delivery)
    }

    fn kept(
        &self,
        order: &OrderNumber,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Kept, CommitError>> + Send {
        L::kept(self, order, delivery)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountPage {
    pub accounts: Vec<Held>,
    /// After which there may be more.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinePage {
    pub lines: Vec<StatementLine>,
    /// The last of them, where there is one.
    pub last: Option<Place>,
    /// Whether there may be more after it.
    pub has_more: bool,
}

/// A line as its account's statement has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    pub key: String,
    /// What it changes the balance by.
    pub change: Balance,
    /// When it was booked; the epoch where its row does not say.
    pub at: Timestamp,
}

/// Where in its statement a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub key: String,
    /// As the store has it.
    pub at: String,
}

/// A row of the journal that moves something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub key: String,
    pub account: String,
    pub change: Balance,
    pub order: Option<OrderNumber>,
    pub reverses: Option<String>,
    /// The line by which a person has taken it back: its order has nothing to do with it any more.
    pub reversed_by: Option<String>,
    /// When it was booked, where its row says so.
    pub at: Option<Timestamp>,
    /// Marked as failed although it has moved something.
    pub is_failed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    Order(Box<Order>),
    /// Of this version, where the row has one.
    Unreadable {
        version: Option<u64>,
    },
    Missing,
}
