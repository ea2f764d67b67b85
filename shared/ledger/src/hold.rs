//! Holds: an account sets an amount aside for a use whose cost is not known yet, such as a stream in flight. What is held
//! cannot be spent by others, and the use is charged once, by its settlement or by the hold's expiry. Pure: the store
//! writes what [`Hold::close`] says.

mod close;
mod port;
mod reported;

use std::fmt;

use thiserror::Error;

use crate::{
    AccountId, Amount, Asset, BoundKey, CallerKey, CommitError, EventKey, HoldBudget, Member, Reason, RequestId,
    Source, Timestamp, UsedKey, Window,
};

pub use close::{HoldChange, HoldClosing, HoldStep, REPORTED_KEY, UseRow};
pub use port::{FoundHolds, Holds};
pub use reported::{ReportedUse, litellm_event_id, openrouter_event_id};

/// Its row and the journal row of its use stay within 1 KB each.
const ID_CHARS_MAX: usize = 64;
const TTL_SECONDS_MAX: u32 = 24 * 60 * 60;

/// The name of a hold, unique among all owners.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoldId(String);

impl HoldId {
    pub fn new(name: &str) -> Result<Self, HoldIdError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > ID_CHARS_MAX || !name.bytes().all(allowed) {
            return Err(HoldIdError);
        }
        Ok(Self(name.to_owned()))
    }

    /// The hold that a request of a service key opens.
    pub fn of_request(request: &RequestId) -> Self {
        Self(format!("api-{}", request.as_str()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The use of a hold that names no other: no sender reports an event of this name.
    pub fn own_use(&self) -> EventKey {
        EventKey::of_row(&format!("{}#hold.{self}", Source::Usage.as_str()))
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {ID_CHARS_MAX} letters, digits or - _ .")]
pub struct HoldIdError;

/// What a hold's expiry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtExpiry {
    /// Nothing is charged, unless the use is settled late.
    Release,
    /// The use is charged with this amount.
    Charge(Amount),
}

/// What is fixed when a hold is opened, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub account: AccountId,
    pub amount: Amount,
    /// The journal key of the usage event that charges its use.
    pub usage: EventKey,
    /// The key that it is for.
    pub key: Option<CallerKey>,
    /// Whose key that is, if the account is not theirs.
    pub member: Option<Member>,
    /// The budget that it counts in, if its key has one.
    pub budget: Option<HoldBudget>,
    pub opened_at: Timestamp,
    pub expires_at: Timestamp,
    pub at_expiry: AtExpiry,
    /// It is an open call of its key, which may have so many at once on this account.
    pub calls_max: Option<u16>,
    /// Who opened or released it and why, if that was a person.
    pub note: Option<String>,
    pub state: HoldState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    Open,
    /// The use has this cost. It was charged by the settlement, or before it by another channel.
    Settled {
        cost: Amount,
        is_charged_before: bool,
        at: Timestamp,
    },
    Released {
        at: Timestamp,
    },
    /// The sweep closed it, with what it charged.
    Expired {
        charged: Option<Amount>,
        at: Timestamp,
    },
}

impl HoldState {
    /// The words for it in rows and on terminals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled { .. } => "settled",
            Self::Released { .. } => "released",
            Self::Expired { .. } => "expired",
        }
    }

    pub const fn closed_at(self) -> Option<Timestamp> {
        match self {
            Self::Open => None,
            Self::Settled { at, .. } | Self::Released { at } | Self::Expired { at, .. } => Some(at),
        }
    }
}

/// What a caller asks to set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldTerms {
    pub account: AccountId,
    pub amount: Amount,
    /// `None` for [`HoldId::own_use`].
    pub usage: Option<EventKey>,
    pub ttl_seconds: u32,
    pub at_expiry: AtExpiry,
    pub note: Option<String>,
}

impl Hold {
    pub fn new(id: HoldId, terms: HoldTerms, now: Timestamp) -> Result<Self, HoldTermsError> {
        let HoldTerms { account, amount, usage, ttl_seconds, at_expiry, note } = terms;
        if account.asset() != Asset::CREDITS {
            return Err(HoldTermsError::NotCredits);
        }
        if amount.is_zero() {
            return Err(HoldTermsError::Nothing);
        }
        if !(1..=TTL_SECONDS_MAX).contains(&ttl_seconds) {
            return Err(HoldTermsError::Ttl);
        }
        if matches!(at_expiry, AtExpiry::Charge(charge) if charge > amount) {
            return Err(HoldTermsError::ChargeAboveHold);
        }
        let usage = usage.unwrap_or_else(|| id.own_use());
        let (opened_at, expires_at) = (now, now.plus_seconds(ttl_seconds.into()));
        let (key, member, budget, state) = (None, None, None, HoldState::Open);
        let calls_max = None;
        Ok(Self {
            id,
            account,
            amount,
            usage,
            key,
            member,
            budget,
            opened_at,
            expires_at,
            at_expiry,
            calls_max,
            note,
            state,
        })
    }

    /// The same hold as an open call of its key, if no more than these are open.
    #[must_use]
    pub fn among_calls(self, calls_max: Option<u16>) -> Self {
        Self { calls_max, ..self }
    }

    /// The same hold for a key: it counts in the key's budget, on the account that pays for the uses of the key. It stays
    /// there, whatever becomes of the key.
    pub fn for_key(self, key: &CallerKey, bound: BoundKey) -> Result<Self, HoldRefusal> {
        let UsedKey { payer, member, budget, used_at } = bound.used(key, self.opened_at, self.opened_at);
        let account = payer.account(self.account.asset());
        let budget = budget.map_err(|_| HoldRefusal::BudgetUnreadable)?;
        let budget = budget.map(|budget| HoldBudget::at(key.clone(), &budget, used_at));
        Ok(Self { account, key: Some(key.clone()), member, budget, ..self })
    }

    /// Whether both were opened with the same terms, at whatever time: the second is the first, sent again.
    pub fn has_terms_of(&self, other: &Self) -> bool {
        let fixed = |hold: &Self| {
            let lasts = hold.expires_at.seconds_apart(hold.opened_at);
            // Between the two a key may get a budget or lose it, and join a team or leave it.
            let account = hold.key.is_none().then(|| hold.account.clone());
            (account, hold.key.clone(), hold.amount, hold.usage.clone(), lasts, hold.at_expiry)
        };
        fixed(self) == fixed(other)
    }

    /// The result of opening it again over the row that exists.
    pub fn reopened_over(&self, existing: Self) -> Result<Self, HoldRefusal> {
        if !existing.has_terms_of(self) {
            return Err(HoldRefusal::Taken);
        }
        match existing.state {
            HoldState::Open => Ok(existing),
            state @ (HoldState::Settled { .. } | HoldState::Released { .. } | HoldState::Expired { .. }) => {
                Err(HoldRefusal::Closed(state))
            }
        }
    }

    pub fn is_open(&self) -> bool {
        self.state == HoldState::Open
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HoldTermsError {
    #[error("only credits can be held")]
    NotCredits,
    #[error("an amount of 0 holds nothing")]
    Nothing,
    #[error("a hold lasts 1 to {TTL_SECONDS_MAX} seconds")]
    Ttl,
    #[error("what the expiry charges is more than is held")]
    ChargeAboveHold,
}

/// Why a hold was not opened or not closed. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HoldRefusal {
    #[error("{}", Reason::InsufficientCredits.as_str())]
    InsufficientCredits,
    #[error("{}: {}", Reason::BudgetExceeded.as_str(), .0.as_str())]
    BudgetExceeded(Window),
    #[error("the budget of its key cannot be read")]
    BudgetUnreadable,
    #[error("its key has as many open calls as it may have")]
    TooManyCalls,
    #[error("another hold has this id")]
    Taken,
    #[error("the hold is closed: {}", .0.as_str())]
    Closed(HoldState),
    #[error("it was settled with another amount")]
    SettledOtherwise { first: Amount },
    #[error("its use is booked on another account")]
    UsedElsewhere,
    #[error("it has not expired yet")]
    NotDue,
}

#[derive(Debug, Error)]
pub enum HoldError {
    #[error(transparent)]
    Refused(#[from] HoldRefusal),
    #[error(transparent)]
    Store(#[from] CommitError),
}
