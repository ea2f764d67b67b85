//! Fulfilment: delivers a paid order's tokens, report access and commissions, and claws them back after a refund. The
//! payment itself has already posted the credits. Whatever has happened, [`Order::fulfil`] brings the delivered amounts
//! to the due amounts.

use crate::{
    AccountId, Amount, Asset, Effect, Grant, Guard, House, MoneyKey, Movement, Order, Owner, PaymentState, Posting,
    Provider, Reason, ReferralState, Timestamp, Transfer,
};

/// The stream delivers within a second: fulfilment that has not started by then was missed.
const START_DEADLINE_SECONDS: i64 = 60;
/// By then most payments have been reported; an earlier query would find them unpaid.
pub const FIRST_QUERY_AFTER_SECONDS: i64 = 300;
/// By then a call to an operator has ended, and so has the function that made it.
const CALL_DEADLINE_SECONDS: i64 = 120;
/// How long an operator is queried about a call. After that a person has to find out.
const QUERY_PERIOD_SECONDS: i64 = 24 * 60 * 60;
const BASIS_POINTS: u64 = 10_000;

/// The progress of the delivery that the paying transaction cannot make itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fulfilment {
    /// Nothing to deliver: not yet, or no longer.
    None,
    Done,
    Pending,
    Failed,
    /// An operator was called and its answer is missing. Never retried automatically.
    Unknown,
}

impl Fulfilment {
    pub const ALL: [Self; 5] = [Self::None, Self::Done, Self::Pending, Self::Failed, Self::Unknown];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Done => "done",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fulfilment| fulfilment.as_str() == name)
    }
}

/// A referrer's commission, as a part of what the buyer pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commission {
    pub to: Owner,
    pub basis_points: u16,
}

/// A line that fulfilment posts for an order; the numbers start at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Line {
    Grant(u8),
    /// By level: the buyer's own referrer is the first.
    Commission(u8),
    /// Referral credits: the buyer's are the first, those of the referrer the second.
    Referral(u8),
}

/// `grant#1`, `commission#2`.
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, n) = match self {
            Self::Grant(n) => ("grant", n),
            Self::Commission(level) => ("commission", level),
            Self::Referral(n) => ("referral", n),
        };
        write!(f, "{kind}#{n}")
    }
}

impl Line {
    pub fn read(text: &str) -> Option<Self> {
        let (kind, n) = text.split_once('#')?;
        let n = n.parse().ok().filter(|n| *n > 0)?;
        let line = match kind {
            "grant" => Self::Grant(n),
            "commission" => Self::Commission(n),
            "referral" => Self::Referral(n),
            _ => return None,
        };
        // Each line has one spelling: `grant#01` is not a line.
        (line.to_string() == text).then_some(line)
    }
}

/// The amount that the whole payment brings to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub line: Line,
    pub account: AccountId,
    pub house: House,
    whole: Amount,
    /// Access to a report is not divisible: a partial refund leaves it whole.
    is_indivisible: bool,
}

/// The outstanding work on an order, each kind a queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// Query this provider whether the order is paid. Each provider has its own queue, so that an unresponsive one
    /// delays no other.
    Payment(Provider),
    Fulfilment,
    /// Query an operator or a custodian about a pending call or transfer.
    PendingExternal,
}

impl Order {
    /// Everything that fulfilment posts for the order.
    pub fn shares(&self) -> Vec<Share> {
        let grants = (1..).zip(self.grants()).filter_map(|(n, grant)| self.share_of(n, grant));
        let commissions = (1..).zip(&self.terms.commissions).filter_map(|(level, commission)| {
            // A part of the actual payment, if that is in the currency in which commissions are paid.
            let (price, paid) = (self.terms.price, self.paid_money());
            let price = if paid.currency == price.currency { paid } else { price };
            let basis_points = Amount::from_units(u64::from(commission.basis_points));
            Some(Share {
                line: Line::Commission(level),
                account: commission.to.account(Asset::Commission(price.currency)),
                house: House::Commissions,
                // Rounded down: the rest stays with the house.
                whole: price.amount.share(basis_points, Amount::from_units(BASIS_POINTS))?,
                is_indivisible: false,
            })
        });
        grants.chain(commissions).chain(self.referral_shares()).collect()
    }

    fn referral_shares(&self) -> impl Iterator<Item = Share> {
        let referral = self.terms.referral.iter().filter(|_| self.referral == ReferralState::Given);
        let share = |n: u8, owner: &Owner, whole: Amount| Share {
            line: Line::Referral(n),
            account: owner.account(Asset::CREDITS),
            house: House::Promotions,
            whole,
            is_indivisible: false,
        };
        let both = referral.flat_map(move |referral| {
            [share(1, &self.owner, referral.to_buyer), share(2, &referral.by, referral.to_referrer)]
        });
        both.filter(|share| !share.whole.is_zero())
    }

    fn share_of(&self, n: u8, grant: &Grant) -> Option<Share> {
        let (asset, whole) = match grant {
            Grant::Token { code, scale, amount, on_chain: _ } => (Asset::token(*code, *scale)?, *amount),
            Grant::Report(name) => (Asset::Report(*name), Amount::from_units(1)),
            Grant::Credits(_) | Grant::CreditsEachPeriod(_) | Grant::Expiring { .. } | Grant::TopUp(_) => return None,
        };
        let is_indivisible = matches!(grant, Grant::Report(_));
        let account = self.owner.account(asset);
        Some(Share { line: Line::Grant(n), account, house: House::Revenue, whole, is_indivisible })
    }

    /// The amount that the share should have now.
    pub fn due(&self, share: &Share) -> Amount {
        if self.paid.is_none() {
            return Amount::ZERO;
        }
        if !share.is_indivisible {
            return self.kept_of(share.whole);
        }
        if self.uncontested().is_zero() { Amount::ZERO } else { share.whole }
    }

    pub fn standing(&self, line: Line) -> Amount {
        self.delivered.get(&line).copied().unwrap_or_default()
    }

    /// Posts what brings the delivered amounts to the due amounts, and registers an on-chain transfer. No effects if
    /// nothing has to change.
    pub fn fulfil(&self, onto_chain: bool, now: Timestamp) -> Vec<Effect> {
        let mut after = self.clone();
        let mut movements = Vec::new();
        for share in self.shares() {
            let (delivered, due) = (self.standing(share.line), self.due(&share));
            if delivered == due {
                continue;
            }
            let first = MoneyKey::of_line(&self.number, share.line);
            let (key, reverses) = if self.delivered.contains_key(&share.line) {
                let key = MoneyKey::of_reversal(&self.number, after.postings);
                after.postings = after.postings.saturating_add(1);
                (key, Some(first))
            } else {
                (first, None)
            };
            let posting = if due > delivered {
                Posting::to_customer(share.account, share.house, due.saturating_sub(delivered))
            } else {
                Posting::from_customer(share.account, share.house, delivered.saturating_sub(due))
            };
            // The clawback may exceed the balance: the rest is owed.
            movements.push(Effect::Move(Movement { key, posting, guard: Guard::Always, reverses, lots: Vec::new() }));
            after.delivered.insert(share.line, due);
        }
        after.register_transfer(onto_chain, now);
        self.change_to(after).into_iter().chain(movements).collect()
    }

    /// The tokens that are to be sent on chain, as things stand.
    pub(crate) fn on_chain_due(&self) -> Option<Amount> {
        let line = self.on_chain_line()?;
        let share = self.shares().into_iter().find(|share| share.line == line)?;
        Some(self.due(&share)).filter(|amount| !amount.is_zero())
    }

    pub(crate) fn on_chain_line(&self) -> Option<Line> {
        let mut grants = (1..).zip(&self.terms.grants);
        let found = grants.find(|(_, grant)| matches!(grant, Grant::Token { on_chain: Some(_), .. }));
        found.map(|(n, _)| Line::Grant(n))
    }

    /// The progress of everything that the payment itself does not deliver. Commissions do not count: the buyer does
    /// not wait for them.
    pub(crate) fn progress(&self) -> Fulfilment {
        let shares = self.shares();
        let grants = shares.iter().filter(|share| matches!(share.line, Line::Grant(_)));
        let posted = grants.map(|share| match self.standing(share.line) {
            delivered if delivered != self.due(share) => Fulfilment::Pending,
            _ if self.delivered.contains_key(&share.line) => Fulfilment::Done,
            _ => Fulfilment::None,
        });
        let grants = self.grants();
        let is_with_payment = grants.is_empty() || grants.iter().any(Grant::is_posted);
        let with_payment = if is_with_payment { Fulfilment::Done } else { Fulfilment::None };
        let external = [self.transfer_progress(), self.top_up_progress(), with_payment];
        posted.chain(external).max().unwrap_or(Fulfilment::None)
    }

    /// Whether the worker can do something for the order now.
    pub fn is_to_be_fulfilled(&self) -> bool {
        let is_open = self.shares().iter().any(|share| self.standing(share.line) != self.due(share));
        is_open || self.is_referral_open() || self.is_top_up_due() || self.is_to_be_sent()
    }

    /// The outstanding work, and when the sweep takes it up if no event does.
    pub fn work(&self, now: Timestamp) -> Option<(Work, Timestamp)> {
        if matches!(self.payment, PaymentState::Unpaid | PaymentState::Failed) {
            return Some((Work::Payment(self.terms.provider), self.created_at.plus_seconds(FIRST_QUERY_AFTER_SECONDS)));
        }
        if self.is_flagged_for(Reason::PaymentUnproven) {
            return None;
        }
        if self.is_to_be_fulfilled() {
            return Some((Work::Fulfilment, now.plus_seconds(START_DEADLINE_SECONDS)));
        }
        let top_up_call = self.top_up_call.as_ref();
        if let Some(claimed) = top_up_call.filter(|top_up_call| top_up_call.is_claimed()) {
            return Some((Work::Fulfilment, claimed.at.plus_seconds(CALL_DEADLINE_SECONDS)));
        }
        let is_open = top_up_call.is_some_and(|top_up_call| top_up_call.is_open() && top_up_call.is_still_queried(now))
            || self.transfer.as_ref().is_some_and(Transfer::is_under_way);
        is_open.then(|| (Work::PendingExternal, now.plus_seconds(FIRST_QUERY_AFTER_SECONDS)))
    }
}

impl crate::TopUpCall {
    /// Whether the function that claimed the call has ended without recording a result.
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        self.is_claimed() && self.at.plus_seconds(CALL_DEADLINE_SECONDS) <= now
    }

    /// Whether the operator is still queried about the call.
    pub fn is_still_queried(&self, now: Timestamp) -> bool {
        now < self.at.plus_seconds(QUERY_PERIOD_SECONDS)
    }
}
