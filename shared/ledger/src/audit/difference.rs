//! What one row says, and what is found in others; which side is likely wrong, and the command that repairs it.

use super::Posted;
use crate::{Balance, OrderNumber};

/// What one row says, and what is found in others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub matter: Matter,
    pub suspect: Suspect,
    pub account: String,
    pub order: Option<OrderNumber>,
    /// The line that is at fault, or the first of those that are.
    pub line: Option<String>,
    pub said: Balance,
    pub found: Balance,
    /// How many lines the account's row counts that are not there; below zero, how many it does not count.
    pub missing: i64,
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
    /// An order names the payment that paid it and says that it is unpaid, or the reverse.
    Payment,
    /// The payment of an order does not lead to it.
    Pointer,
    /// An order says that it is paid, and the journal has no row of that payment: of this order, amount and currency.
    Unproven,
    /// A line that moved something is marked as failed, so that its event would be booked again.
    Failed,
}

impl Matter {
    pub const ALL: [Self; 13] = [
        Self::Balance,
        Self::Available,
        Self::Lines,
        Self::Stands,
        Self::Unposted,
        Self::Unclaimed,
        Self::OrderMissing,
        Self::OrderUnreadable,
        Self::NoOrder,
        Self::Payment,
        Self::Pointer,
        Self::Unproven,
        Self::Failed,
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
            Self::Payment => "payment",
            Self::Pointer => "pointer",
            Self::Unproven => "unproven",
            Self::Failed => "failed",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|matter| matter.as_str() == name)
    }
}

/// Which side of a difference is likely wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suspect {
    /// What may be spent agrees with the lines: the balance was altered.
    Balance,
    /// The row agrees with itself: a line was altered, or the row as a whole.
    BalanceOrLine,
    Available,
    /// The sums agree and the counts do not.
    Version,
    LostLine,
    ExtraLine,
    AccountRow,
    /// A line that is there and is not as it was written.
    Line,
    Order,
    Pointer,
    /// The row of a payment.
    Payment,
}

impl Suspect {
    pub const ALL: [Self; 11] = [
        Self::Balance,
        Self::BalanceOrLine,
        Self::Available,
        Self::Version,
        Self::LostLine,
        Self::ExtraLine,
        Self::AccountRow,
        Self::Line,
        Self::Order,
        Self::Pointer,
        Self::Payment,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::BalanceOrLine => "balance_or_line",
            Self::Available => "available",
            Self::Version => "version",
            Self::LostLine => "lost_line",
            Self::ExtraLine => "extra_line",
            Self::AccountRow => "account_row",
            Self::Line => "line",
            Self::Order => "order",
            Self::Pointer => "pointer",
            Self::Payment => "payment",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suspect| suspect.as_str() == name)
    }

    /// For people.
    pub const fn likely(self) -> &'static str {
        match self {
            Self::Balance => "the balance was altered",
            Self::BalanceOrLine => "a line was altered, or balance and available together",
            Self::Available => "available or the overdraft was altered",
            Self::Version => "the version was altered",
            Self::LostLine => "a line was lost",
            Self::ExtraLine => "a line was added, or the account's row is an old one",
            Self::AccountRow => "the account's row was lost",
            Self::Line => "the line was altered, or is not the order's",
            Self::Order => "the order's row was altered or lost",
            Self::Pointer => "the pointer was altered or lost",
            Self::Payment => "the row of the payment was altered or lost, or no payment has paid the order",
        }
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

    /// Whether it is the line that is at fault, and not what stands of it.
    pub fn is_of_a_line(&self) -> bool {
        matches!(self.matter, Matter::Unclaimed | Matter::OrderMissing | Matter::OrderUnreadable)
    }

    /// By how much there is too much; of less, too little.
    pub fn amount(&self) -> Balance {
        Balance::from_units(self.found.units().saturating_sub(self.said.units()))
    }

    /// Whether it is about the same place, by whatever numbers.
    pub fn is_at_place_of(&self, other: &Self) -> bool {
        let place = |difference: &Self| (difference.matter, difference.subject(), difference.line.clone());
        place(self) == place(other)
    }

    /// Whether it is the same difference: an account that is used meanwhile has other sums, and is off by the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_at_place_of(other) && (self.amount(), self.missing) == (other.amount(), other.missing)
    }

    /// The command that repairs it, to be completed with a reason.
    pub fn remedy(&self) -> String {
        let account = |what: &str| format!("account repair {} {what}", self.account);
        let order =
            |what: &str| format!("order repair {} {what}", self.order.as_ref().map_or("N", OrderNumber::as_str));
        let line = self.line.as_deref().unwrap_or("KEY");
        match (self.matter, self.suspect) {
            (Matter::Lines, Suspect::LostLine) => account("--add-line KEY"),
            (Matter::Lines, Suspect::ExtraLine) => account("--reverse-line KEY"),
            (Matter::Balance, Suspect::BalanceOrLine) => {
                format!("{}, or if a line was altered: --restore-line KEY --amount N", account("--to-lines"))
            }
            (Matter::Balance | Matter::Available | Matter::Lines, _) => account("--to-lines"),
            (Matter::Stands | Matter::Payment, _) => order("--to-lines"),
            (Matter::Unposted, _) => {
                format!("{}, or if no line was lost: {}", account(&format!("--add-line {line}")), order("--to-lines"))
            }
            (Matter::Unclaimed, _) => {
                format!(
                    "{}, or if the line is right: {}",
                    account(&format!("--reverse-line {line}")),
                    order("--to-lines")
                )
            }
            (Matter::OrderMissing | Matter::OrderUnreadable, _) => order("--row FILE"),
            (Matter::NoOrder, _) => account(&format!("--restore-line {line} --order N")),
            (Matter::Pointer, _) => order("--pointer"),
            (Matter::Unproven, _) => format!("{}, if its provider says that it is paid", order("--payment")),
            (Matter::Failed, _) => account(&format!("--restore-line {line}")),
        }
    }
}

impl Posted {
    /// Whether a line of this key is there because of an order. Usage, and what a person does by hand, is not.
    pub fn is_of_order(key: &str) -> bool {
        let head = key.split('#').next().unwrap_or_default();
        matches!(head, "payment" | "reversal" | "invoice" | "grant" | "commission" | "sent")
    }

    pub(crate) fn differs(&self, matter: Matter, said: Balance) -> Difference {
        let is_of_row = matches!(matter, Matter::OrderMissing | Matter::OrderUnreadable);
        let suspect = if is_of_row { Suspect::Order } else { Suspect::Line };
        Difference {
            matter,
            suspect,
            account: self.account.clone(),
            order: self.order.clone(),
            line: Some(self.key.clone()),
            said,
            found: self.change,
            missing: 0,
        }
    }

    /// What is wrong with the line by itself.
    pub fn differences(&self) -> Vec<Difference> {
        let names_none = Self::is_of_order(&self.key) && self.order.is_none() && self.reversed_by.is_none();
        let rows = [(Matter::Failed, self.is_failed), (Matter::NoOrder, names_none)];
        let wrong = rows.into_iter().filter(|(_, is_wrong)| *is_wrong);
        wrong.map(|(matter, _)| Difference { order: None, ..self.differs(matter, Balance::ZERO) }).collect()
    }
}
