//! The chain of what happened to a thing, in order of time, and where it stopped.

mod event;
mod finding;
mod order;
mod other;

use ledger::{
    Amount, Asset, Balance, DifferenceKind, DisputeStage, Fulfilment, HoldState, Money, Pausable, PaymentState, Reason,
    SubscriptionStatus, Suspect, Timestamp, TopUpState, TransferStatus, Window,
};

use crate::Fix;

pub(crate) use event::of_event;
pub(crate) use finding::Audited;
pub(crate) use order::{AroundOrder, of_order};
pub(crate) use other::{OfOwner, of_code, of_hold, of_key, of_lane, of_owner, unreadable};

/// The stages of an event and of what it pays for, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Received,
    /// The signature, or the provider's own answer, proves it.
    Verified,
    Refused,
    Recorded,
    Paid,
    Granted,
    Fulfilled,
    Reconciled,
}

impl Stage {
    pub const ALL: [Self; 8] = [
        Self::Received,
        Self::Verified,
        Self::Refused,
        Self::Recorded,
        Self::Paid,
        Self::Granted,
        Self::Fulfilled,
        Self::Reconciled,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::Recorded => "recorded",
            Self::Paid => "paid",
            Self::Granted => "granted",
            Self::Fulfilled => "fulfilled",
            Self::Reconciled => "reconciled",
        }
    }
}

/// What happened to a thing, and what keeps it from being done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    pub links: Vec<Link>,
    pub halts: Vec<Halt>,
}

/// One moment of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `None` if no row has the time.
    pub at: Option<Timestamp>,
    /// What it happened with, if its own time is not known.
    pub near: Option<Timestamp>,
    pub stage: Stage,
    pub what: Happened,
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    OrderMade {
        price: Money,
        provider: &'static str,
    },
    /// The provider has opened a page on which the buyer pays.
    PageOpened {
        id: String,
    },
    Delivered {
        key: String,
        kind: String,
    },
    Signed,
    /// A provider's own API has answered a query of ours.
    Queried,
    /// By a person or a service key, whose reason the row has.
    ByHand {
        author: String,
        reason: String,
    },
    Refused {
        why: String,
        /// Whether it was asked for by hand, so that nothing waits.
        is_change: bool,
    },
    Booked {
        key: String,
    },
    /// Other events of a payment that is booked change nothing.
    Closed(PaymentState),
    Paid {
        by: String,
        money: Money,
    },
    Accepted {
        by: String,
        money: Money,
    },
    Posted {
        key: String,
        account: String,
        change: Balance,
        /// `None` of a token whose decimals no row has: those of its order are known, and the catalog has the others.
        asset: Option<Asset>,
    },
    Refunded {
        refunded: Money,
        of: Money,
    },
    Dispute {
        stage: DisputeStage,
        id: String,
    },
    Fulfilment(Fulfilment),
    TopUp(TopUpState),
    Transfer {
        status: TransferStatus,
        id: Option<String>,
    },
    Subscription(SubscriptionStatus),
    HoldOpened {
        amount: Amount,
        expires_at: Timestamp,
    },
    HoldClosed(HoldState),
    KeyMade {
        owner: String,
    },
    KeyRevoked,
    CodeLeft {
        left: u32,
        uses: u32,
        credits: Amount,
    },
    Balance {
        balance: Balance,
        available: Balance,
    },
    /// What a key has spent of a limit of its budget.
    Spent {
        window: Window,
        spent: Balance,
        limit: Amount,
    },
    OrderOf {
        number: String,
        payment: PaymentState,
        fulfilment: Fulfilment,
    },
    Waiting {
        key: String,
        owed: Amount,
    },
    /// The pass of the audit that ended then has compared it.
    Audited,
}

/// What keeps a thing from being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// The stage that it does not reach.
    pub before: Stage,
    pub cause: Cause,
    /// As its row has it, in English.
    pub details: Option<String>,
    /// When it is tried again by itself.
    pub next: Option<Timestamp>,
    pub fixes: Vec<Fix>,
}

/// Why a thing is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    Refused(Reason),
    /// A change that was asked for, and is not tried again.
    ChangeRefused(Reason),
    Conflict,
    UnknownWord(String),
    Flagged(Reason),
    NotPaid(PaymentState),
    Disputed(DisputeStage),
    Undelivered(Fulfilment),
    TopUp(TopUpState),
    Transfer(TransferStatus),
    Subscription(SubscriptionStatus),
    Hold(HoldState),
    Finding(DifferenceKind, Suspect),
    /// The audit has found a difference, and its list has no room for it.
    Unlisted,
    /// A person has paused what would go on.
    Paused(Pausable),
    KeyRevoked,
    KeyWithoutOwner,
    /// Nothing is left of a limit. The total never ends.
    BudgetUsedUp {
        window: Window,
        ends_at: Option<Timestamp>,
    },
    CodeUsedUp,
    CodeRevoked,
    CodeOver,
    UsageWaits,
    OrderOpen {
        number: String,
        /// What keeps the order from being done, if its row says so.
        why: Option<Box<Cause>>,
    },
    Unreadable {
        id: String,
        attribute: &'static str,
    },
}

impl Happened {
    /// Whether it is a state, as it is now, and no moment.
    pub const fn is_of_now(&self) -> bool {
        match self {
            Self::Refunded { .. }
            | Self::Fulfilment(_)
            | Self::CodeLeft { .. }
            | Self::Balance { .. }
            | Self::Spent { .. }
            | Self::Waiting { .. } => true,
            Self::OrderMade { .. }
            | Self::PageOpened { .. }
            | Self::Delivered { .. }
            | Self::Signed
            | Self::Queried
            | Self::ByHand { .. }
            | Self::Refused { .. }
            | Self::Booked { .. }
            | Self::Closed(_)
            | Self::Paid { .. }
            | Self::Accepted { .. }
            | Self::Posted { .. }
            | Self::Dispute { .. }
            | Self::TopUp(_)
            | Self::Transfer { .. }
            | Self::Subscription(_)
            | Self::HoldOpened { .. }
            | Self::HoldClosed(_)
            | Self::KeyMade { .. }
            | Self::KeyRevoked
            | Self::OrderOf { .. }
            | Self::Audited => false,
        }
    }
}

impl Chain {
    pub const fn is_well(&self) -> bool {
        self.halts.is_empty()
    }

    pub(crate) fn add(&mut self, at: Option<Timestamp>, stage: Stage, what: Happened) {
        self.links.push(Link { at, near: None, stage, what });
    }

    /// What no row has a time of, beside what has this one.
    pub(crate) fn add_near(&mut self, near: Timestamp, stage: Stage, what: Happened) {
        self.links.push(Link { at: None, near: Some(near), stage, what });
    }

    pub(crate) fn stop(&mut self, halt: Halt) {
        if !self.halts.contains(&halt) {
            self.halts.push(halt);
        }
    }

    /// Gives what was posted its decimals, where its row lacks them.
    pub(crate) fn know(&mut self, asset_of: impl Fn(&str) -> Option<Asset>) {
        for link in &mut self.links {
            if let Happened::Posted { account, asset: asset @ None, .. } = &mut link.what {
                *asset = asset_of(account);
            }
        }
    }

    /// In order of time, and at one time in the order of the stages. What no row has a time of comes last.
    pub(crate) fn sort(&mut self) {
        let time = |link: &Link| link.at.or(link.near);
        self.links.sort_by_key(|link| (time(link).is_none(), time(link), link.stage));
        self.links.dedup();
    }
}

impl Halt {
    pub(crate) const fn new(before: Stage, cause: Cause) -> Self {
        Self { before, cause, details: None, next: None, fixes: Vec::new() }
    }

    #[must_use]
    pub(crate) fn with(mut self, fixes: impl IntoIterator<Item = Fix>) -> Self {
        self.fixes.extend(fixes);
        self
    }
}
