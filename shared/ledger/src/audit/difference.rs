//! Audit differences: a stored value and the value that other rows add up to, the side that is likely wrong, and the
//! command that repairs it.

use super::JournalLine;
use crate::{Balance, CallerKey, House, OrderNumber};

/// A difference between a stored value (`recorded`) and the value computed from other rows (`found`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub difference_kind: DifferenceKind,
    pub suspect: Suspect,
    /// Of a redeem code its campaign and name; of what a key has spent, and of an owner's members, the id of the row.
    pub account: String,
    pub order: Option<OrderNumber>,
    /// The faulty line, or the first of several; of members the row of the key.
    pub line: Option<String>,
    pub recorded: Balance,
    pub found: Balance,
    /// How many of the lines that the account's row counts are missing; negative if there are more lines than it
    /// counts.
    pub missing: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// The account's lines do not add up to its balance.
    Balance,
    /// The available amount is not the balance plus the overdraft, less what is held.
    Available,
    /// What the account holds is not the sum of its open holds.
    Held,
    /// The number of lines differs from the account's version.
    Lines,
    /// The row of an account's lots has another version than the account, or holds less than its mark.
    Lots,
    /// From another time than the earliest date of its lots on, debits of an account wait for an expiry.
    NextExpiry,
    /// The lines of an order do not add up to the amounts that the order has granted.
    Stands,
    /// The first posting that an order refers to is missing.
    Unposted,
    /// A line that its order does not know, or knows differently.
    Unclaimed,
    OrderMissing,
    OrderUnreadable,
    /// A line that must belong to an order and names none.
    NoOrder,
    /// An order's payment state contradicts the payment that it names, or that it names none.
    Payment,
    /// The pointer of an order's payment does not lead to the order.
    Pointer,
    /// An order claims to be paid, and the journal has no row of that payment with this order, amount and currency.
    Unproven,
    /// A line that moved money is marked as failed, so that its event would be booked again.
    Failed,
    /// The other side of a transfer between accounts is missing, or is another amount.
    Transfer,
    /// The price of an order is not its price in the catalog's currency at the rate that it has.
    Rate,
    /// The reversal of a usage event gives back more than that has charged, or to another account.
    Reversal,
    /// The uses that were taken from a redeem code are not its redemptions.
    Uses,
    /// A key draws on an account whose owner's list lacks it, or the reverse; or an owner draws and is drawn on.
    Members,
    /// What a key has spent cannot be read, is below nothing, or is of a day that has not begun.
    Budget,
}

impl DifferenceKind {
    pub const ALL: [Self; 22] = [
        Self::Balance,
        Self::Available,
        Self::Held,
        Self::Lines,
        Self::Lots,
        Self::NextExpiry,
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
        Self::Transfer,
        Self::Rate,
        Self::Reversal,
        Self::Uses,
        Self::Members,
        Self::Budget,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Available => "available",
            Self::Held => "held",
            Self::Lines => "lines",
            Self::Lots => "lots",
            Self::NextExpiry => "next_expiry",
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
            Self::Transfer => "transfer",
            Self::Rate => "rate",
            Self::Reversal => "reversal",
            Self::Uses => "uses",
            Self::Members => "members",
            Self::Budget => "budget",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|difference_kind| difference_kind.as_str() == name)
    }
}

/// The side of a difference that is likely wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suspect {
    /// The available amount agrees with the lines, so the balance was altered.
    Balance,
    /// The account's row is consistent, so a line was altered, or the whole row.
    BalanceOrLine,
    Available,
    /// What the account's row says of its open holds.
    Held,
    /// The sums agree and the counts do not.
    Version,
    LostLine,
    ExtraLine,
    AccountRow,
    /// The row of the lots, or what the account says of it.
    Lots,
    /// The line exists and was altered.
    Line,
    Order,
    Pointer,
    /// The journal row of a payment.
    Payment,
    /// The row of a redeem code, or the line of a redemption.
    Code,
    /// A redeem code has no row.
    CodeRow,
    /// The row of an owner's members, or that of a key.
    Members,
    /// The row of what a key has spent.
    Budget,
    /// A later release wrote the row.
    LaterForm,
}

impl Suspect {
    pub const ALL: [Self; 18] = [
        Self::Balance,
        Self::BalanceOrLine,
        Self::Available,
        Self::Held,
        Self::Version,
        Self::LostLine,
        Self::ExtraLine,
        Self::AccountRow,
        Self::Lots,
        Self::Line,
        Self::Order,
        Self::Pointer,
        Self::Payment,
        Self::Code,
        Self::CodeRow,
        Self::Members,
        Self::Budget,
        Self::LaterForm,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::BalanceOrLine => "balance_or_line",
            Self::Available => "available",
            Self::Held => "held",
            Self::Version => "version",
            Self::LostLine => "lost_line",
            Self::ExtraLine => "extra_line",
            Self::AccountRow => "account_row",
            Self::Lots => "lots",
            Self::Line => "line",
            Self::Order => "order",
            Self::Pointer => "pointer",
            Self::Payment => "payment",
            Self::Code => "code",
            Self::CodeRow => "code_row",
            Self::Members => "members",
            Self::Budget => "budget",
            Self::LaterForm => "later_form",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suspect| suspect.as_str() == name)
    }

    /// A description for people.
    pub const fn likely(self) -> &'static str {
        match self {
            Self::Balance => "the balance was altered",
            Self::BalanceOrLine => "a line was altered, or balance and available together",
            Self::Available => "available or the overdraft was altered",
            Self::Held => "what the account holds was altered, or the row of a hold",
            Self::Version => "the version was altered",
            Self::LostLine => "a line was lost",
            Self::ExtraLine => "a line was added, or the account's row is an old one",
            Self::AccountRow => "the account's row was lost",
            Self::Lots => "the row of the lots was altered or lost, or what the account says of it",
            Self::Line => "the line was altered, or is not the order's",
            Self::Order => "the order's row was altered or lost",
            Self::Pointer => "the pointer was altered or lost",
            Self::Payment => "the row of the payment was altered or lost, or no payment has paid the order",
            Self::Code => "the code's row was altered, or a line of a redemption was lost or added",
            Self::CodeRow => "the code's row was lost, or cannot be read",
            Self::Members => "the row of the owner's members was altered or lost, or that of a key",
            Self::Budget => "the row of what the key has spent was altered, or a clock was ahead",
            Self::LaterForm => "the row has a later form, which this release does not read",
        }
    }
}

/// A unit that the audit checks on its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    Account(String),
    Order(OrderNumber),
    /// A line that names no order.
    Line(String),
}

impl Difference {
    pub fn subject(&self) -> Subject {
        match (&self.order, &self.line) {
            (Some(order), _) => Subject::Order(order.clone()),
            (None, Some(line)) if self.difference_kind != DifferenceKind::Members => Subject::Line(line.clone()),
            (None, _) => Subject::Account(self.account.clone()),
        }
    }

    /// Whether the line itself is at fault, and not the sum that it belongs to.
    pub fn is_of_a_line(&self) -> bool {
        matches!(
            self.difference_kind,
            DifferenceKind::Unclaimed | DifferenceKind::OrderMissing | DifferenceKind::OrderUnreadable
        )
    }

    /// The excess; negative if something is missing.
    pub fn amount(&self) -> Balance {
        Balance::from_units(self.found.units().saturating_sub(self.recorded.units()))
    }

    /// Whether both are about the same place, by whatever amounts.
    pub fn is_at_place_of(&self, other: &Self) -> bool {
        let place = |difference: &Self| (difference.difference_kind, difference.subject(), difference.line.clone());
        place(self) == place(other)
    }

    /// Whether both are the same difference: an account in use has new sums, and is off by the same amount.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_at_place_of(other) && (self.amount(), self.missing) == (other.amount(), other.missing)
    }

    /// Whether a command repairs it. A row of a later form is right, and no command writes it or a lost code.
    pub fn is_repairable(&self) -> bool {
        !matches!(self.suspect, Suspect::LaterForm | Suspect::CodeRow)
    }

    /// Codes of a campaign that are counted together: a person finds the one that was altered.
    fn remedy_of_uses(&self) -> String {
        let code = match self.account.split_once('/') {
            Some((campaign, name)) => format!("code repair {campaign} {name} --used {}", self.found.units()),
            None => format!("code repair {} NAME --used N", self.account),
        };
        if self.found < self.recorded {
            format!("account repair OWNER/credits --add-line KEY, or if no line was lost: {code}")
        } else {
            code
        }
    }

    /// Joining and leaving writes both lists, whatever they have.
    fn remedy_of_members(&self) -> String {
        let key = self.line.as_deref().and_then(CallerKey::of_row);
        let Some(key) = key.map(|key| key.short_id()) else { return "member remove TEAM OWNER KEY".to_owned() };
        let (first, then) = if self.found > self.recorded { ("remove", "add") } else { ("add", "remove") };
        format!("member {first} TEAM OWNER {key}, then member {then}")
    }

    /// The command that repairs it; the user adds a reason.
    pub fn remedy(&self) -> String {
        let account = |what: &str| format!("account repair {} {what}", self.account);
        let order =
            |what: &str| format!("order repair {} {what}", self.order.as_ref().map_or("N", OrderNumber::as_str));
        let line = self.line.as_deref().unwrap_or("KEY");
        match (self.difference_kind, self.suspect) {
            (_, Suspect::LaterForm) => "deploy the release that wrote the row".to_owned(),
            (_, Suspect::CodeRow) => "put the code's row back from a backup of the accounts".to_owned(),
            (DifferenceKind::Uses, _) => self.remedy_of_uses(),
            (DifferenceKind::Members, _) => self.remedy_of_members(),
            (DifferenceKind::Budget, _) => {
                let key = CallerKey::of_budget_id(&self.account).map(|key| key.short_id()).unwrap_or_default();
                format!("account repair OWNER --budget {key}")
            }
            (DifferenceKind::Lines, Suspect::LostLine) => account("--add-line KEY"),
            (DifferenceKind::Lines, Suspect::ExtraLine) => account("--reverse-line KEY"),
            (DifferenceKind::Balance, Suspect::BalanceOrLine) => {
                format!("{}, or if a line was altered: --restore-line KEY --amount N", account("--to-lines"))
            }
            (DifferenceKind::Balance | DifferenceKind::Available | DifferenceKind::Lines, _) => account("--to-lines"),
            (DifferenceKind::Held, _) => account("--holds"),
            (DifferenceKind::Lots | DifferenceKind::NextExpiry, _) => account("--lots"),
            (DifferenceKind::Stands | DifferenceKind::Payment, _) => order("--to-lines"),
            (DifferenceKind::Unposted, _) => {
                format!("{}, or if no line was lost: {}", account(&format!("--add-line {line}")), order("--to-lines"))
            }
            (DifferenceKind::Unclaimed, _) => {
                format!(
                    "{}, or if the line is right: {}",
                    account(&format!("--reverse-line {line}")),
                    order("--to-lines")
                )
            }
            (DifferenceKind::OrderMissing | DifferenceKind::OrderUnreadable | DifferenceKind::Rate, _) => {
                order("--row FILE")
            }
            (DifferenceKind::NoOrder, _) => account(&format!("--restore-line {line} --order N")),
            (DifferenceKind::Pointer, _) => order("--pointer"),
            (DifferenceKind::Unproven, _) => format!("{}, if the provider reports it as paid", order("--payment")),
            (DifferenceKind::Failed, _) => account(&format!("--restore-line {line}")),
            (DifferenceKind::Transfer | DifferenceKind::Reversal, _) => {
                format!("{}, or the line that it is paired with", account(&format!("--restore-line {line} --amount N")))
            }
        }
    }
}

impl JournalLine {
    /// Whether a line with this key belongs to an order. Usage and manual changes do not.
    pub fn is_of_order(key: &str) -> bool {
        let head = key.split('#').next().unwrap_or_default();
        matches!(head, "payment" | "reversal" | "invoice" | "grant" | "commission" | "referral" | "sent")
    }

    pub(crate) fn differs(&self, difference_kind: DifferenceKind, recorded: Balance) -> Difference {
        let is_of_row = matches!(difference_kind, DifferenceKind::OrderMissing | DifferenceKind::OrderUnreadable);
        let suspect = if is_of_row { Suspect::Order } else { Suspect::Line };
        Difference {
            difference_kind,
            suspect,
            account: self.account.clone(),
            order: self.order.clone(),
            line: Some(self.key.clone()),
            recorded,
            found: self.change,
            missing: 0,
        }
    }

    /// The other side of the line.
    pub fn other_side(&self) -> House {
        self.house.unwrap_or_else(|| House::of_key(&self.key))
    }

    /// The faults that the line shows by itself.
    pub fn differences(&self) -> Vec<Difference> {
        let names_none = Self::is_of_order(&self.key) && self.order.is_none() && self.reversed_by.is_none();
        let rows = [(DifferenceKind::Failed, self.is_failed), (DifferenceKind::NoOrder, names_none)];
        let wrong = rows.into_iter().filter(|(_, is_wrong)| *is_wrong);
        wrong
            .map(|(difference_kind, _)| Difference { order: None, ..self.differs(difference_kind, Balance::ZERO) })
            .collect()
    }
}
