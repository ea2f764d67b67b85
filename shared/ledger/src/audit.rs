//! Whether the books agree with themselves: an account with its lines, an order with what the journal says of it. What differs is
//! looked at again and said, and never put right by a machine.

mod check;
mod order;

use std::sync::Arc;

use crate::{Balance, CommitError, Delivery, Ledger, Order, OrderNumber};

pub use check::{Check, Counting, Open};

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

/// An account as its own row has it: `alice/credits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub account: String,
    pub balance: Balance,
    pub available: Balance,
    pub overdraft: Balance,
    /// How many lines it says that it has.
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinePage {
    /// The keys of the lines and what they change the balance by.
    pub lines: Vec<(String, Balance)>,
    /// The last of them, where there is one.
    pub last: Option<Place>,
    /// Whether there may be more after it.
    pub has_more: bool,
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
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    Order(Box<Order>),
    Unreadable,
    Missing,
}

/// What an account's lines come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    pub lines: u64,
    pub sum: Balance,
}

impl Counted {
    pub fn add(&mut self, lines: &[(String, Balance)]) {
        for (_, change) in lines {
            self.lines = self.lines.saturating_add(1);
            // Held at the end of what can be counted, no balance being there.
            self.sum = self.sum.checked_add(*change).unwrap_or(Balance::from_units(i128::MAX));
        }
    }
}

impl Held {
    pub fn nothing(account: &str) -> Self {
        let zero = Balance::ZERO;
        Self { account: account.to_owned(), balance: zero, available: zero, overdraft: zero, version: 0 }
    }

    /// Nothing can be said of the sum while there are other lines than the account says: then it is their number that differs.
    pub fn differences(&self, counted: &Counted) -> Vec<Difference> {
        let counts = |count: u64| Balance::from_units(i128::from(count));
        if counted.lines != self.version {
            return vec![self.differs(Matter::Lines, counts(self.version), counts(counted.lines))];
        }
        let may_spend = self.balance.checked_add(self.overdraft).unwrap_or(Balance::from_units(i128::MAX));
        let rows = [(Matter::Balance, self.balance, counted.sum), (Matter::Available, self.available, may_spend)];
        let differing = rows.into_iter().filter(|(_, said, found)| said != found);
        differing.map(|(matter, said, found)| self.differs(matter, said, found)).collect()
    }

    fn differs(&self, matter: Matter, said: Balance, found: Balance) -> Difference {
        Difference { matter, account: self.account.clone(), order: None, line: None, said, found }
    }
}

/// What one row says, and what is found in others. Of the same numbers it is the same difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub matter: Matter,
    pub account: String,
    pub order: Option<OrderNumber>,
    /// The line that is at fault, or the first of those that are.
    pub line: Option<String>,
    pub said: Balance,
    pub found: Balance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Matter {
    /// An account's lines add up to something else than its balance.
    Balance,
    /// What it may spend is not its balance and its overdraft.
    Available,
    /// It has another number of lines than it says.
    Lines,
    /// What an order says stands is not what its lines add up to.
    Stands,
    /// What an order says was posted at first is not there.
    Unposted,
    /// A line of which its order knows nothing, or of something else.
    Unclaimed,
    OrderMissing,
    OrderUnreadable,
    /// A line that must belong to an order and names none.
    NoOrder,
}

impl Matter {
    pub const ALL: [Self; 9] = [
        Self::Balance,
        Self::Available,
        Self::Lines,
        Self::Stands,
        Self::Unposted,
        Self::Unclaimed,
        Self::OrderMissing,
        Self::OrderUnreadable,
        Self::NoOrder,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Available => "available",
            Self::Lines => "lines",
            Self::Stands => "stands",
            Self::Unposted => "unposted",
            Self::Unclaimed => "unclaimed",
            Self::OrderMissing => "order_missing",
            Self::OrderUnreadable => "order_unreadable",
            Self::NoOrder => "no_order",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|matter| matter.as_str() == name)
    }
}

/// What is looked at by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    Account(String),
    Order(OrderNumber),
    /// That names no order.
    Line(String),
}

impl Difference {
    pub fn subject(&self) -> Subject {
        match (&self.order, &self.line) {
            (Some(order), _) => Subject::Order(order.clone()),
            (None, Some(line)) => Subject::Line(line.clone()),
            (None, None) => Subject::Account(self.account.clone()),
        }
    }

    /// Whether its numbers count lines, and not what they move.
    pub fn is_of_lines(&self) -> bool {
        self.matter == Matter::Lines
    }

    /// By how much there is too much; of less, too little.
    pub fn amount(&self) -> Balance {
        Balance::from_units(self.found.units().saturating_sub(self.said.units()))
    }
}

impl Posted {
    /// Whether a line of this key is there because of an order. Usage, and what a person does by hand, is not.
    pub fn is_of_order(key: &str) -> bool {
        let head = key.split('#').next().unwrap_or_default();
        matches!(head, "payment" | "reversal" | "invoice" | "grant" | "commission")
    }

    pub(crate) fn differs(&self, matter: Matter, said: Balance) -> Difference {
        Difference {
            matter,
            account: self.account.clone(),
            order: self.order.clone(),
            line: Some(self.key.clone()),
            said,
            found: self.change,
        }
    }

    /// Of one that names no order.
    pub fn without_order(&self) -> Difference {
        self.differs(Matter::NoOrder, Balance::ZERO)
    }
}
