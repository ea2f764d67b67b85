//! Manual repairs of audit differences. Each repair names the rows that it is based on, and applies only while they are
//! unchanged.

use thiserror::Error;

use super::{JournalLine, LineTotals, StoredAccount, StoredSpent};
use crate::{
    AccountId, Amount, Balance, BudgetUnreadable, CallerKey, Effect, Guard, House, LotsRow, MoneyKey, Movement, Order,
    OrderNumber, Paid, PaymentProof, PaymentState, Posting, Provider, Reference, Spent, Transition, Windows,
};

/// The corrected row, and the row that it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The row of an account. Every repair of a line contains it too, so that no other write can happen in between.
    Account { account: AccountId, from: Option<StoredAccount>, to: StoredAccount },
    /// The row of an account's lots. The repair of the account's own row, beside it, has its condition.
    Lots { account: AccountId, to: LotsRow },
    /// A line of the journal, without moving its account.
    Line { from: Option<JournalLine>, to: Movement, order: Option<OrderNumber> },
    /// A line that another line reverses.
    Reversed { line: JournalLine, by: MoneyKey },
    /// An order's row that is lost or cannot be read. Its version follows the stored one.
    Order { order: Box<Order>, over: RepairedOrder },
    /// The row of the payment that pays an order, in place of the line that was read, or of none.
    Payment { proof: PaymentProof, over: Option<JournalLine> },
    /// What a key has spent, over the row that was read.
    Budget(Box<RepairedBudget>),
}

/// A row of what a key has spent, and the one that it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairedBudget {
    pub key: CallerKey,
    pub from: Option<StoredSpent>,
    pub to: Spent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairedOrder {
    Nothing,
    /// An unreadable row, with its version if it has one.
    Unreadable(Option<u64>),
}

/// A line as a person specifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineDetails {
    pub key: MoneyKey,
    pub amount: Option<Balance>,
    pub order: Option<OrderNumber>,
    pub reverses: Option<MoneyKey>,
}

/// An account's identity, its row, and the total of its lines.
#[derive(Debug, Clone, Copy)]
pub struct Side<'r> {
    pub account: &'r AccountId,
    pub held: Option<&'r StoredAccount>,
    pub counted: &'r LineTotals,
}

impl Side<'_> {
    /// The amount that is missing from the lines.
    pub fn owed(&self) -> Result<Balance, RepairError> {
        difference(self.row().balance, self.counted.sum)
    }

    /// Brings the row to its lines.
    pub fn to_lines(&self) -> Result<Vec<Effect>, RepairError> {
        let to = self.row().of_lines(self.counted);
        if self.held == Some(&to) {
            return Err(RepairError::Agrees);
        }
        Ok(vec![self.row_becomes(to)])
    }

    /// Books a line that was lost, or one that corrects an altered one. The balance stays.
    pub fn add_line(&self, line: &LineDetails) -> Result<Vec<Effect>, RepairError> {
        let held = self.held.ok_or(RepairError::NoAccount)?;
        let missing = held.version.checked_sub(self.counted.lines).ok_or(RepairError::TooManyLines)?;
        let owed = difference(held.balance, self.counted.sum)?;
        let amount = line.amount.unwrap_or(owed);
        if missing > 1 && line.amount.is_none() {
            return Err(RepairError::AmountNeeded(missing));
        }
        if missing <= 1 && amount != owed {
            return Err(RepairError::OtherAmount { owed });
        }
        if missing == 0 && owed == Balance::ZERO {
            return Err(RepairError::Agrees);
        }
        let version = held.version.max(self.counted.lines.checked_add(1).ok_or(RepairError::TooLarge)?);
        let to = StoredAccount { version, ..held.clone() };
        let movement = line.movement(self.account, amount)?;
        Ok(vec![
            Effect::Repair(Repair::Line { from: None, to: movement, order: line.order.clone() }),
            self.row_becomes(to),
        ])
    }

    /// Reverses a line by another one and brings the row to its lines, so that reversing a line that never moved the
    /// balance does not move it.
    pub fn reverse_line(&self, line: &JournalLine, by: &MoneyKey) -> Result<Vec<Effect>, RepairError> {
        if line.account != self.account.to_string() {
            return Err(RepairError::OtherAccount(line.account.clone()));
        }
        if line.reversed_by.is_some() {
            return Err(RepairError::Agrees);
        }
        let back = line.change.checked_neg().ok_or(RepairError::TooLarge)?;
        let counted = LineTotals {
            lines: self.counted.lines.checked_add(1).ok_or(RepairError::TooLarge)?,
            sum: self.counted.sum.checked_add(back).ok_or(RepairError::TooLarge)?,
        };
        let opposite =
            LineDetails { key: by.clone(), amount: None, order: None, reverses: Some(MoneyKey::of_row(&line.key)) };
        let house = line.other_side();
        let movement =
            Movement { posting: posting(self.account, house, back)?, ..opposite.movement(self.account, back)? };
        Ok(vec![
            Effect::Repair(Repair::Line { from: None, to: movement, order: None }),
            Effect::Repair(Repair::Reversed { line: line.clone(), by: by.clone() }),
            self.row_becomes(self.row().of_lines(&counted)),
        ])
    }

    /// Brings what is held, and with it what is available, to the open holds.
    pub fn to_holds(&self, open: u128) -> Result<Vec<Effect>, RepairError> {
        let held = self.held.ok_or(RepairError::NoAccount)?;
        if held.held == open {
            return Err(RepairError::Agrees);
        }
        Ok(vec![self.row_becomes(held.holding(open))])
    }

    fn row(&self) -> StoredAccount {
        self.held.cloned().unwrap_or_else(|| StoredAccount::nothing(&self.account.to_string()))
    }

    fn row_becomes(&self, to: StoredAccount) -> Effect {
        Effect::Repair(Repair::Account { account: self.account.clone(), from: self.held.cloned(), to })
    }
}

impl StoredSpent {
    /// The row by the uses of the windows that run. The total stays, if it can be read: it has uses that no one adds up.
    pub fn by_uses(
        from: Option<Self>,
        key: &CallerKey,
        now: &Windows,
        uses: Vec<(Windows, Balance)>,
    ) -> Result<Vec<Effect>, RepairError> {
        if from.as_ref().is_some_and(|from| from.is_of_later_form) {
            return Err(RepairError::BudgetOfLaterForm);
        }
        let mut to = Spent::of_uses(now, uses).ok_or(RepairError::TooLarge)?;
        let total = from.as_ref().and_then(|from| from.total).unwrap_or_default();
        to.total = to.total.max(total);
        if from.as_ref().is_some_and(|from| from.spent.as_ref() == Some(&to)) {
            return Err(RepairError::Agrees);
        }
        Ok(vec![Effect::Repair(Repair::Budget(Box::new(RepairedBudget { key: key.clone(), from, to })))])
    }
}

impl From<BudgetUnreadable> for RepairError {
    fn from(_: BudgetUnreadable) -> Self {
        Self::LimitsUnreadable
    }
}

impl LineDetails {
    /// Restores an altered line.
    pub fn restore(&self, account: &AccountId, found: &JournalLine) -> Result<Vec<Effect>, RepairError> {
        let amount = self.amount.unwrap_or(found.change);
        let order = self.order.clone().or_else(|| found.order.clone());
        let reverses = self.reverses.clone().or_else(|| found.reverses.as_deref().map(MoneyKey::of_row));
        let to = LineDetails { reverses, ..self.clone() }.movement(account, amount)?;
        let to = Movement { posting: posting(account, found.other_side(), amount)?, ..to };
        let is_same = found.account == account.to_string() && found.change == amount && found.order == order;
        if is_same && !found.is_failed {
            return Err(RepairError::Agrees);
        }
        Ok(vec![Effect::Repair(Repair::Line { from: Some(found.clone()), to, order })])
    }

    fn movement(&self, account: &AccountId, amount: Balance) -> Result<Movement, RepairError> {
        let posting = posting(account, House::of_key(self.key.as_str()), amount)?;
        Ok(Movement {
            key: self.key.clone(),
            posting,
            guard: Guard::Always,
            reverses: self.reverses.clone(),
            lots: Vec::new(),
        })
    }
}

fn posting(account: &AccountId, house: House, change: Balance) -> Result<Posting, RepairError> {
    let amount = Amount::from_wide(change.units().unsigned_abs()).ok_or(RepairError::TooLarge)?;
    let to_or_from = if change.units() < 0 { Posting::from_customer } else { Posting::to_customer };
    Ok(to_or_from(account.clone(), house, amount))
}

fn difference(one: Balance, other: Balance) -> Result<Balance, RepairError> {
    other.checked_neg().and_then(|other| one.checked_add(other)).ok_or(RepairError::TooLarge)
}

impl Order {
    /// The order as its lines describe it: their payment, the granted amounts, and the state that follows. Nothing is
    /// posted. `paid_by` is for orders whose payment has no line.
    pub fn to_lines(&self, lines: &[JournalLine], paid_by: Option<&Reference>) -> Result<Vec<Effect>, RepairError> {
        let mut after = self.clone();
        let lines: Vec<&JournalLine> = lines.iter().filter(|line| line.is_of(self)).collect();
        if let Some(by) = paid_by.filter(|by| self.paid.as_ref().is_none_or(|paid| paid.by != **by)) {
            let at = lines.iter().filter_map(|line| line.at).min().unwrap_or(self.created_at);
            after.paid = Some(Paid { by: by.clone(), at });
        }
        after.follow_payment(&lines)?;
        after.follow_additional(&lines)?;
        after.delivered.clear();
        for share in after.shares() {
            let first = MoneyKey::of_line(&self.number, share.line);
            if let Some(stands) = standing(&lines, &first)? {
                after.delivered.insert(share.line, stands);
            }
        }
        // Without its payment, everything that was delivered would be clawed back.
        if after.paid.is_none() && !after.delivered.is_empty() {
            return Err(RepairError::PaymentUnknown);
        }
        let corrections = lines.iter().filter_map(|line| reversal_number(&line.key)).max();
        let paid = after.paid.as_ref().map(|paid| MoneyKey::of_payment(&paid.by));
        let first = u64::from(lines.iter().any(|line| paid.as_ref().is_some_and(|paid| line.key == paid.as_str())));
        after.postings = corrections.and_then(|n| n.checked_add(1)).unwrap_or(first);
        if after.paid.is_some() {
            after.payment = after.paid_state();
            after.fulfilment = after.progress();
        } else if !after.payment.is_payable() {
            after.payment = PaymentState::Unpaid;
        }
        if after == *self {
            return Err(RepairError::Agrees);
        }
        after.version = self.version.checked_add(1).ok_or(RepairError::TooLarge)?;
        Ok(vec![Effect::Order { order: Box::new(after), transition: Transition::Amend, refunded: Amount::ZERO }])
    }

    /// Derives the granted amounts of the additional payments that a person has accepted.
    fn follow_additional(&mut self, lines: &[&JournalLine]) -> Result<(), RepairError> {
        let additional: Vec<(String, MoneyKey)> =
            self.additional_payments().map(|accepted| (accepted.by.id().to_owned(), accepted.money_key())).collect();
        for (id, first) in additional {
            let of_first = lines.iter().filter(|line| line.reverses.as_deref() == Some(first.as_str())).count();
            let stands = standing(lines, &first)?;
            let accepted = self.accepted.get_mut(&id);
            if let (Some(stands), Some(accepted)) = (stands, accepted) {
                accepted.posted = stands;
                accepted.postings = u64::try_from(of_first).unwrap_or(u64::MAX).saturating_add(1);
            }
        }
        Ok(())
    }

    fn follow_payment(&mut self, lines: &[&JournalLine]) -> Result<(), RepairError> {
        let is_additional = |by: &Reference| self.additional_payments().any(|accepted| accepted.by == *by);
        let payments = lines.iter().filter_map(|line| Some((line, payment_of(&line.key)?)));
        let payments: Vec<(&&JournalLine, Reference)> = payments.filter(|(_, by)| !is_additional(by)).collect();
        let is_named = |by: &Reference| self.paid.as_ref().is_some_and(|paid| paid.by == *by);
        let paid = match payments.as_slice() {
            [] => {
                self.posted = Amount::ZERO;
                return Ok(());
            }
            [one] => one,
            several => several.iter().find(|(_, by)| is_named(by)).ok_or(RepairError::SeveralPayments)?,
        };
        let (line, by) = paid;
        if !is_named(by) {
            let at = self.paid.as_ref().map(|paid| paid.at).or(line.at).unwrap_or(self.created_at);
            self.paid = Some(Paid { by: by.clone(), at });
        }
        self.posted = standing(lines, &MoneyKey::of_payment(by))?.unwrap_or_default();
        Ok(())
    }

    /// Writes the row of its payment, after a person has looked it up at the provider.
    pub fn prove(&self, over: Option<JournalLine>) -> Result<Vec<Effect>, RepairError> {
        let proof = self.proof().ok_or(RepairError::NoPayment)?;
        let pays_another = over.as_ref().is_some_and(|line| line.order.as_ref() != Some(&self.number));
        if pays_another {
            return Err(RepairError::OfAnotherOrder(proof.key));
        }
        Ok(vec![Effect::Repair(Repair::Payment { proof, over })])
    }

    /// Writes a stored copy of the order over a row that is lost or cannot be read.
    pub fn put_back(mut self, over: RepairedOrder) -> Result<Vec<Effect>, RepairError> {
        let found = if let RepairedOrder::Unreadable(version) = over { version.unwrap_or_default() } else { 0 };
        self.version = self.version.max(found).checked_add(1).ok_or(RepairError::TooLarge)?;
        Ok(vec![Effect::Repair(Repair::Order { order: Box::new(self), over })])
    }
}

impl JournalLine {
    fn is_of(&self, order: &Order) -> bool {
        self.order.as_ref() == Some(&order.number) && self.reversed_by.is_none()
    }
}

/// The current total of a posting and its corrections; `None` if the posting does not exist.
fn standing(lines: &[&JournalLine], first: &MoneyKey) -> Result<Option<Amount>, RepairError> {
    if !lines.iter().any(|line| line.key == first.as_str()) {
        return Ok(None);
    }
    let is_own = |line: &&&JournalLine| line.key == first.as_str() || line.reverses.as_deref() == Some(first.as_str());
    let sum = lines.iter().filter(is_own).try_fold(Balance::ZERO, |sum, line| sum.checked_add(line.change));
    let units = sum.and_then(|sum| u128::try_from(sum.units()).ok());
    units.and_then(Amount::from_wide).map(Some).ok_or_else(|| RepairError::BelowNothing(first.clone()))
}

fn payment_of(key: &str) -> Option<Reference> {
    let (provider, id) = key.strip_prefix("payment#")?.split_once('#')?;
    Reference::new(Provider::named(provider)?, id).ok()
}

fn reversal_number(key: &str) -> Option<u64> {
    key.strip_prefix("reversal#")?.split_once('#')?.1.parse().ok()
}

impl MoneyKey {
    /// The order that the key itself contains.
    pub fn order(&self) -> Option<OrderNumber> {
        let (head, rest) = self.as_str().split_once('#')?;
        let named = matches!(head, "reversal" | "grant" | "commission" | "referral" | "sent")
            .then(|| rest.split('#').next())?;
        // The correction of a subscription's period names its invoice instead.
        OrderNumber::new(named.filter(|named| *named != "invoice")?).ok()
    }
}

/// Why a repair is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RepairError {
    #[error("there is nothing to repair: both sides agree")]
    Agrees,
    #[error("the account has no row: create it with --to-lines")]
    NoAccount,
    #[error("there are more lines than the account counts, so none was lost: repair it with --to-lines")]
    TooManyLines,
    #[error("{0} lines are missing: pass the amount of this one with --amount")]
    AmountNeeded(u64),
    #[error("the lines would not add up: {} units are missing, pass another --amount", .owed.units())]
    OtherAmount { owed: Balance },
    #[error("the line is on {0}: name that account")]
    OtherAccount(String),
    #[error("several payments name the order: reverse all but the one that paid it")]
    SeveralPayments,
    #[error("no line shows which payment paid the order: pass it with --paid-by")]
    PaymentUnknown,
    #[error("the lines of {0} add up to less than zero: reverse the wrong one with --reverse-line")]
    BelowNothing(MoneyKey),
    #[error("the sums exceed the largest amount: reverse the wrong line with --reverse-line")]
    TooLarge,
    #[error("there is no line {0}: check its key, or add it with --add-line")]
    NoLine(String),
    #[error("the line exists already: change it with --restore-line")]
    LineThere,
    #[error("the order {0} accounts for this line: repair the order instead")]
    Claimed(OrderNumber),
    #[error("the order's row can be read: repair it with --to-lines")]
    OrderReadable,
    #[error("the order's row is missing or cannot be read: restore it with --row")]
    OrderUnreadable,
    #[error("the order's row has a later form: deploy the release that wrote it, and repair nothing before")]
    OrderOfLaterForm,
    #[error("{0} pays another order: name the payment of this one")]
    OfAnotherOrder(MoneyKey),
    #[error("an order that is not paid has no pointer: there is nothing to repair")]
    NotPaid,
    #[error("an order that is not paid has no payment: there is nothing to repair")]
    NoPayment,
    #[error("the lines changed while they were counted: try again")]
    UnsettledAccount,
    #[error("the limits of the key cannot be read: set them first, with `account budget`")]
    LimitsUnreadable,
    #[error("the key's row has a later form: deploy the release that wrote it, and repair nothing before")]
    BudgetOfLaterForm,
}
