//! Ledger entries: what an event decides, as an entry to record or a refusal to keep, and the two-sided postings it
//! makes.

use std::collections::BTreeMap;

use crate::{
    AccountId, Amount, Asset, Balance, BudgetChange, BudgetCount, CallerKey, CodeChange, Draws, EventKey, Fingerprints,
    House, KeyChange, Lane, LotShare, MemberChange, Money, MoneyKey, Order, OrderNumber, Owner, Pauses, Pointer, Rates,
    Reason, Repair, ServiceKeyChange, SpendingTerms, Subscription, Transition, Writer,
};

/// The result of processing one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Record(Entry),
    /// Verified and irrelevant: acknowledged and counted, nothing stored.
    Ignore {
        reason: &'static str,
    },
    /// A business failure. The event is stored, and a retry may succeed.
    Refuse(Refusal),
}

/// The part that every journal row has, whatever the outcome of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalHeader {
    pub receipt: EventKey,
    pub writer: Writer,
    pub kind: &'static str,
    pub facts: Facts,
    pub fingerprints: Fingerprints,
    /// The order that the event is about, if known.
    pub order: Option<OrderNumber>,
}

impl JournalHeader {
    /// The short id of the key that a gateway names in the facts of its usage.
    pub fn short_id_of_key(&self) -> Option<String> {
        let (_, key) = self.facts.iter().find(|(name, _)| *name == "key")?;
        let Fact::Text(key) = key else { return None };
        CallerKey::remote(key).ok().map(|key| key.short_id())
    }
}

/// The amount of the one movement among these effects, as a usage event has it.
pub fn charged_by(effects: &[Effect]) -> Option<Amount> {
    effects
        .iter()
        .find_map(|effect| if let Effect::Move(movement) = effect { Some(movement.posting.amount()) } else { None })
}

/// An event and all of its effects: either all happen or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub header: JournalHeader,
    pub effects: Vec<Effect>,
    /// Payment sources store the delivery's body; the facts of a usage event already contain all of it.
    pub keeps_body: bool,
    /// An alarm for people, raised at once.
    pub alarm: Option<&'static str>,
}

impl Entry {
    /// The refusal of this entry after a guard failed. Usage that its owner cannot pay waits in the owner's lane.
    pub fn refused(&self, reason: Reason) -> Refusal {
        let spends = self.effects.iter().filter_map(|effect| {
            let Effect::Move(Movement { posting, guard: Guard::SufficientFunds, .. }) = effect else {
                return None;
            };
            Some((posting.account().owner(), posting.amount()))
        });
        let mut spends = spends.filter(|_| reason == Reason::InsufficientCredits);
        let wait = spends.next().map(|(owner, first)| {
            // A sum that exceeds the largest amount fails before the guard.
            let owed = spends.try_fold(first, |sum, (_, more)| sum.checked_add(more)).unwrap_or(first);
            Effect::Wait { lane: Lane::Owner(owner.clone()), owed }
        });
        let effects = wait.into_iter().collect();
        Refusal { header: self.header.clone(), reason, effects }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub header: JournalHeader,
    pub reason: Reason,
    /// What the refusal leaves: a flag on an order or a place in a lane, never money.
    pub effects: Vec<Effect>,
}

/// The parsed fields of an event, in the order in which a reader wants them.
pub type Facts = Vec<(&'static str, Fact)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Text(String),
    Count(u64),
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Move(Movement),
    /// Binds a caller's key to an owner. A key never changes hands.
    Bind {
        key: CallerKey,
        owner: Owner,
    },
    /// Revokes a key, provided that it still names this owner and draws as it was read. A period that lasts ends with it.
    /// The key stays taken, so that no other owner can get it.
    Revoke {
        key: CallerKey,
        owner: Owner,
        draws: Draws,
    },
    /// A key of one owner joins the team of another, or leaves it.
    Member(Box<MemberChange>),
    /// Sets or removes the owner's referrer, provided that it is still `from`.
    Refer {
        owner: Owner,
        from: Option<Owner>,
        to: Option<Owner>,
    },
    /// Changes the account's spending limit, provided that limit and policy are still `from`.
    Overdraft {
        account: AccountId,
        from: SpendingTerms,
        to: SpendingTerms,
    },
    /// Writes the order, provided that its version is still the one that was read.
    Order {
        order: Box<Order>,
        transition: Transition,
        /// What the buyer has back that was not refunded before.
        refunded: Amount,
    },
    /// A payment beside the one that pays its order: that of a later period, or one more that a person accepts. It is counted,
    /// and no row is written for it.
    Received(Money),
    /// Points to the order `to`, provided that the pointer still leads to `from`.
    Point {
        pointer: Pointer,
        from: Option<OrderNumber>,
        to: OrderNumber,
    },
    /// Writes the subscription, provided that its version is still the one that was read.
    Subscription(Subscription),
    /// Part of a refusal: the event waits in this lane, and this amount is owed for it.
    Wait {
        lane: Lane,
        owed: Amount,
    },
    /// Makes or revokes a service key, provided that it allows that.
    ServiceKey(ServiceKeyChange),
    /// Makes a redeem code, takes a use from it or revokes it, provided that it allows that.
    Code(CodeChange),
    /// Makes the key of an owner with its settings, changes these, or sets its end.
    Key(Box<KeyChange>),
    /// Sets the budget of a key.
    SetBudget(BudgetChange),
    /// Counts in the budget of a key.
    CountInBudget(BudgetCount),
    /// Writes the exchange rates of a pair, provided that their version is still the one that was read.
    Rates(Rates),
    /// Writes what is paused, provided that its version is still the one that was read.
    Pauses(Pauses),
    /// A row that a person repairs, provided that it is still as it was read.
    Repair(Repair),
    /// The order takes one of its owner's places for unpaid orders, provided that fewer than `places` orders hold one.
    /// An order that replaces one with a place takes over that place.
    TakePlace {
        owner: Owner,
        order: OrderNumber,
        replaces: Option<OrderNumber>,
        places: u16,
    },
}

impl Effect {
    /// What moves money or credits.
    pub fn movement(&self) -> Option<&Movement> {
        if let Self::Move(movement) = self { Some(movement) } else { None }
    }
}

/// A posting, its money key, and the condition for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub key: MoneyKey,
    pub posting: Posting,
    pub guard: Guard,
    /// The posting that this one corrects.
    pub reverses: Option<MoneyKey>,
    /// The lots that it makes; for a correction, those of the posting that it corrects. Empty if all is undated.
    pub lots: Vec<LotShare>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Spending stops at the overdraft limit.
    SufficientFunds,
    /// Income and clawbacks: a clawback may take the balance below zero, and the rest is owed.
    Always,
}

/// Two-sided, so that an unbalanced posting cannot be expressed. One side is a customer's account and the other the
/// house, so that each posting is in exactly one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    account: AccountId,
    house: House,
    amount: Amount,
    direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    FromCustomer,
    ToCustomer,
}

impl Posting {
    pub fn from_customer(account: AccountId, house: House, amount: Amount) -> Self {
        Self { account, house, amount, direction: Direction::FromCustomer }
    }

    pub fn to_customer(account: AccountId, house: House, amount: Amount) -> Self {
        Self { account, house, amount, direction: Direction::ToCustomer }
    }

    pub fn account(&self) -> &AccountId {
        &self.account
    }

    pub fn asset(&self) -> Asset {
        self.account.asset()
    }

    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// The other side of the customer's account.
    pub fn house(&self) -> House {
        self.house
    }

    pub fn debit(&self) -> String {
        match self.direction {
            Direction::FromCustomer => self.account.to_string(),
            Direction::ToCustomer => self.house.as_str().to_owned(),
        }
    }

    pub fn credit(&self) -> String {
        match self.direction {
            Direction::FromCustomer => self.house.as_str().to_owned(),
            Direction::ToCustomer => self.account.to_string(),
        }
    }

    /// The change of the customer's balance.
    pub fn change(&self) -> Balance {
        let amount = Balance::from(self.amount);
        match self.direction {
            Direction::FromCustomer => Balance::from_units(amount.units().saturating_neg()),
            Direction::ToCustomer => amount,
        }
    }
}

/// The net effect of an entry on one account: a transaction may write a row only once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Net {
    pub change: Balance,
    /// The number of journal rows that the account gains.
    pub movements: u64,
    /// The amount that must be available before the change, if any.
    pub required: Option<Amount>,
    pub overdraft: Option<(SpendingTerms, SpendingTerms)>,
    /// The change of what open holds set aside: positive when one is opened.
    pub held: Balance,
}

/// These movements, and the limits that the effects set, per account. `None` if the movements add up to more than a balance can
/// hold.
pub fn merged<'m>(
    movements: impl IntoIterator<Item = &'m Movement>,
    effects: &[Effect],
) -> Option<BTreeMap<AccountId, Net>> {
    let mut accounts: BTreeMap<AccountId, Net> = BTreeMap::new();
    for movement in movements {
        let net = accounts.entry(movement.posting.account().clone()).or_default();
        net.change = net.change.checked_add(movement.posting.change())?;
        net.movements = net.movements.checked_add(1)?;
        if movement.guard == Guard::SufficientFunds {
            net.required = Some(Amount::ZERO);
        }
    }
    for effect in effects {
        if let Effect::Overdraft { account, from, to } = effect {
            accounts.entry(account.clone()).or_default().overdraft = Some((*from, *to));
        }
    }
    for net in accounts.values_mut() {
        // An event that costs nothing is allowed below the limit too.
        net.required = net.required.and_then(|_| Amount::owed(net.change)).filter(|required| !required.is_zero());
    }
    Some(accounts)
}
