//! What an event decides: an entry to record, or a refusal to keep.

use std::collections::BTreeMap;

use crate::{
    AccountId, Amount, Asset, Balance, CallerKey, EventKey, Fingerprints, House, Lane, MoneyKey, Order, OrderNumber,
    Owner, Pointer, Reason, Repair, SpendingTerms, Subscription, Transition,
};

/// What a source makes of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Record(Entry),
    /// Verified and of no interest: acknowledged and counted, nothing stored.
    Ignore {
        reason: &'static str,
    },
    /// A business failure. It is kept, and the same event may succeed later.
    Refuse(Refusal),
}

/// What every journal row says of its event, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    pub receipt: EventKey,
    pub source: &'static str,
    pub kind: &'static str,
    pub facts: Facts,
    pub fingerprints: Fingerprints,
    /// Which order it is about, as far as that is known.
    pub order: Option<OrderNumber>,
}

/// An event and everything it causes: all of it happens, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub heading: Heading,
    pub effects: Vec<Effect>,
    /// Payment sources keep what they were sent; a usage event's facts already say all of it.
    pub keeps_body: bool,
    /// What people must hear of at once.
    pub alarm: Option<&'static str>,
}

impl Entry {
    /// What a guard that did not hold makes of it. Usage that its owner cannot pay waits in the owner's lane.
    pub fn refused(&self, reason: Reason) -> Refusal {
        let spends = self.effects.iter().filter_map(|effect| {
            let Effect::Move(Movement { posting, guard: Guard::WithinLine, .. }) = effect else {
                return None;
            };
            Some((posting.account().owner(), posting.amount()))
        });
        let mut spends = spends.filter(|_| reason == Reason::InsufficientCredits);
        let wait = spends.next().map(|(owner, first)| {
            // A sum that no amount can hold was refused before the guard.
            let owed = spends.try_fold(first, |sum, (_, more)| sum.checked_add(more)).unwrap_or(first);
            Effect::Wait { lane: Lane::Owner(owner.clone()), owed }
        });
        let effects = wait.into_iter().collect();
        Refusal { heading: self.heading.clone(), reason, effects }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub heading: Heading,
    pub reason: Reason,
    /// What the refusal leaves: a flag on an order, or its place in a lane, and never money.
    pub effects: Vec<Effect>,
}

/// What an event said, parsed, by name, in the order in which a reader wants them.
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
    /// From now on this key names this owner. A key never changes hands.
    Bind {
        key: CallerKey,
        owner: Owner,
    },
    /// From now on this key names no owner, if it still names this one. It stays taken: nothing gives it to another.
    Revoke {
        key: CallerKey,
        owner: Owner,
    },
    /// From now on this is who led the owner here, or nobody is, if it still is who it was read to be.
    Refer {
        owner: Owner,
        from: Option<Owner>,
        to: Option<Owner>,
    },
    /// Moves the line below which the account cannot spend, if it still is where it was read, under the policy that was read.
    Overdraft {
        account: AccountId,
        from: SpendingTerms,
        to: SpendingTerms,
    },
    /// The order as it is from now on, if it is still as it was read.
    Order {
        order: Box<Order>,
        transition: Transition,
    },
    /// Leads to this order from now on, if it still leads to where it was read to lead.
    Point {
        pointer: Pointer,
        from: Option<OrderNumber>,
        to: OrderNumber,
    },
    /// The subscription as it is from now on, if it is still as it was read.
    Subscription(Subscription),
    /// Of a refusal: the event waits in this lane, and this much is owed for it meanwhile.
    Wait {
        lane: Lane,
        owed: Amount,
    },
    /// A row that a person puts right, if it is still as it was read.
    Repair(Repair),
    /// The order takes one of its owner's places, if fewer orders than that hold one; or, where it replaces an order that holds one,
    /// no more than that.
    TakePlace {
        owner: Owner,
        order: OrderNumber,
        replaces: Option<OrderNumber>,
        places: u16,
    },
}

/// A posting, the name of the money it moves, and what must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub key: MoneyKey,
    pub posting: Posting,
    pub guard: Guard,
    /// The money that it takes back, or gives again.
    pub reverses: Option<MoneyKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Spending stops at the overdraft line.
    WithinLine,
    /// Income, and taking back what was given: the rest is owed.
    Always,
}

/// Two-sided, so that an unbalanced posting cannot be written down: one side is a customer's account and the other the house,
/// so that each posting stands in exactly one statement.
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

    /// What the customer's balance changes by.
    pub fn change(&self) -> Balance {
        let amount = Balance::from(self.amount);
        match self.direction {
            Direction::FromCustomer => Balance::from_units(amount.units().saturating_neg()),
            Direction::ToCustomer => amount,
        }
    }
}

/// All that one entry does to one account: a transaction may touch a row only once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Net {
    pub change: Balance,
    /// How many journal rows the account gains.
    pub movements: u64,
    /// What must be available before the change, if anything must.
    pub required: Option<Amount>,
    pub overdraft: Option<(SpendingTerms, SpendingTerms)>,
}

/// An entry's effects, account by account. `None` where they add up to more than a balance can hold.
pub fn merged(effects: &[Effect]) -> Option<BTreeMap<AccountId, Net>> {
    let mut accounts: BTreeMap<AccountId, Net> = BTreeMap::new();
    for effect in effects {
        match effect {
            Effect::Move(movement) => {
                let net = accounts.entry(movement.posting.account().clone()).or_default();
                net.change = net.change.checked_add(movement.posting.change())?;
                net.movements = net.movements.checked_add(1)?;
                if movement.guard == Guard::WithinLine {
                    net.required = Some(Amount::ZERO);
                }
            }
            Effect::Overdraft { account, from, to } => {
                accounts.entry(account.clone()).or_default().overdraft = Some((*from, *to));
            }
            Effect::Bind { .. }
            | Effect::Revoke { .. }
            | Effect::Refer { .. }
            | Effect::Order { .. }
            | Effect::Point { .. }
            | Effect::Subscription(_)
            | Effect::Wait { .. }
            | Effect::TakePlace { .. }
            | Effect::Repair(_) => {}
        }
    }
    for net in accounts.values_mut() {
        // What costs nothing is allowed below the line too.
        net.required = net.required.and_then(|_| Amount::owed(net.change)).filter(|required| !required.is_zero());
    }
    Some(accounts)
}
