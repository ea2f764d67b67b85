//! What fulfilment posts for a paid order, beside the credits that the payment itself has posted: tokens, access to reports, and what
//! those earn who led the buyer here. Whatever has happened, it brings what stands to what is due.

use crate::{
    AccountId, Amount, Asset, Effect, Grant, Guard, House, MoneyKey, Movement, Order, Owner, PaymentState, Posting,
    Provider, Reason, Timestamp, Transfer, TransferStatus,
};

/// The stream delivers within a second: what is not begun by then was missed.
const BEGUN_WITHIN_SECONDS: i64 = 60;
/// By then a payment has mostly been reported; whoever asks sooner asks in vain.
pub const ASK_AFTER_SECONDS: i64 = 300;
/// A call to an operator has ended by then, however it ended, and so has the function that made it.
const CALLED_WITHIN_SECONDS: i64 = 120;
/// For so long an operator is asked what has become of a call. Then it is a person's to find out.
const ASKED_FOR_SECONDS: i64 = 24 * 60 * 60;
const BASIS_POINTS: u64 = 10_000;

/// How far the delivery has come of what the paying transaction itself cannot deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fulfilment {
    /// There is nothing to deliver: not yet, or not any more.
    None,
    Done,
    Pending,
    Failed,
    /// Somebody outside was asked and has not answered: never repeated by a machine.
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

/// Who earns by an order, and how much of what is paid for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commission {
    pub to: Owner,
    pub basis_points: u16,
}

/// One of the things that fulfilment posts for an order, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Line {
    Grant(u8),
    /// Of this level: the buyer's own referrer is the first.
    Commission(u8),
}

/// `grant#1`, `commission#2`.
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, n) = match self {
            Self::Grant(n) => ("grant", n),
            Self::Commission(level) => ("commission", level),
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
            _ => return None,
        };
        // One way to write each: `grant#01` is none.
        (line.to_string() == text).then_some(line)
    }
}

/// What the whole payment brings to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub line: Line,
    pub account: AccountId,
    pub house: House,
    whole: Amount,
    /// Access is had or not: part of the price given back leaves it whole.
    is_indivisible: bool,
}

/// What is still to be done with an order, and by when somebody looks whether it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// This provider is asked whether it is paid. Each has its own queue, so that one that does not answer delays no other.
    Payment(Provider),
    Fulfilment,
    /// An operator or a custodian is asked what has become of its part.
    Outside,
}

impl Order {
    /// All that fulfilment posts for it.
    pub fn shares(&self) -> Vec<Share> {
        let grants = (1..).zip(self.grants()).filter_map(|(n, grant)| self.granted(n, grant));
        let commissions = (1..).zip(&self.terms.commissions).filter_map(|(level, commission)| {
            // Of what was really paid, as far as it can be counted in the currency that they are paid in.
            let (price, paid) = (self.terms.price, self.paid_money());
            let price = if paid.currency == price.currency { paid } else { price };
            let basis_points = Amount::from_units(u64::from(commission.basis_points));
            Some(Share {
                line: Line::Commission(level),
                account: commission.to.account(Asset::Commission(price.currency)),
                house: House::Commissions,
                // Rounded down: the rest is the house's.
                whole: price.amount.share(basis_points, Amount::from_units(BASIS_POINTS))?,
                is_indivisible: false,
            })
        });
        grants.chain(commissions).collect()
    }

    fn granted(&self, n: u8, grant: &Grant) -> Option<Share> {
        let (asset, whole) = match grant {
            Grant::Token { code, scale, amount, on_chain: _ } => (Asset::token(*code, *scale)?, *amount),
            Grant::Report(name) => (Asset::Report(*name), Amount::from_units(1)),
            Grant::Credits(_) | Grant::CreditsEachPeriod(_) | Grant::TopUp(_) => return None,
        };
        let is_indivisible = matches!(grant, Grant::Report(_));
        let account = self.owner.account(asset);
        Some(Share { line: Line::Grant(n), account, house: House::Revenue, whole, is_indivisible })
    }

    /// What of it may stand as things are now.
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

    /// Brings what stands to what is due, and takes note of what is to leave the books. No effects where all is as it should be.
    pub fn fulfil(&self, onto_chain: bool, now: Timestamp) -> Vec<Effect> {
        let mut after = self.clone();
        let mut movements = Vec::new();
        for share in self.shares() {
            let (stands, due) = (self.standing(share.line), self.due(&share));
            if stands == due {
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
            let posting = if due > stands {
                Posting::to_customer(share.account, share.house, due.less(stands))
            } else {
                Posting::from_customer(share.account, share.house, stands.less(due))
            };
            // What is taken back may be gone: then it is owed.
            movements.push(Effect::Move(Movement { key, posting, guard: Guard::Always, reverses }));
            after.delivered.insert(share.line, due);
        }
        if onto_chain && after.transfer.is_none() {
            after.transfer =
                after.leaving().map(|amount| Transfer { id: None, status: TransferStatus::Due, amount, at: now });
        }
        self.changed_to(after).into_iter().chain(movements).collect()
    }

    /// What of its tokens stands and is to be sent on.
    pub(crate) fn leaving(&self) -> Option<Amount> {
        self.leaving_line().map(|line| self.standing(line)).filter(|amount| !amount.is_zero())
    }

    pub(crate) fn leaving_line(&self) -> Option<Line> {
        let mut grants = (1..).zip(&self.terms.grants);
        let found = grants.find(|(_, grant)| matches!(grant, Grant::Token { on_chain: Some(_), .. }));
        found.map(|(n, _)| Line::Grant(n))
    }

    /// Of all that the payment itself does not deliver. Whoever earns by it is not whom the buyer waits for.
    pub(crate) fn progress(&self) -> Fulfilment {
        let shares = self.shares();
        let grants = shares.iter().filter(|share| matches!(share.line, Line::Grant(_)));
        let posted = grants.map(|share| match self.standing(share.line) {
            stands if stands != self.due(share) => Fulfilment::Pending,
            _ if self.delivered.contains_key(&share.line) => Fulfilment::Done,
            _ => Fulfilment::None,
        });
        let grants = self.grants();
        let is_with_payment = grants.is_empty() || grants.iter().any(Grant::is_posted);
        let with_payment = if is_with_payment { Fulfilment::Done } else { Fulfilment::None };
        let outside = [self.transfer_progress(), self.recharge_progress(), with_payment];
        posted.chain(outside).max().unwrap_or(Fulfilment::None)
    }

    /// Whether there is anything that the worker can do at once.
    pub fn is_to_be_fulfilled(&self) -> bool {
        let is_open = self.shares().iter().any(|share| self.standing(share.line) != self.due(share));
        is_open || self.is_to_be_recharged() || self.is_to_be_sent()
    }

    /// What is left to do with it, and when somebody looks at it who was not told.
    pub fn work(&self, now: Timestamp) -> Option<(Work, Timestamp)> {
        if matches!(self.payment, PaymentState::Unpaid | PaymentState::Failed) {
            return Some((Work::Payment(self.terms.provider), self.created_at.plus_seconds(ASK_AFTER_SECONDS)));
        }
        if self.is_flagged_for(Reason::PaymentUnproven) {
            return None;
        }
        if self.is_to_be_fulfilled() {
            return Some((Work::Fulfilment, now.plus_seconds(BEGUN_WITHIN_SECONDS)));
        }
        let recharge = self.recharge.as_ref();
        if let Some(claimed) = recharge.filter(|recharge| recharge.is_claimed()) {
            return Some((Work::Fulfilment, claimed.at.plus_seconds(CALLED_WITHIN_SECONDS)));
        }
        let is_open = recharge.is_some_and(|recharge| recharge.is_open() && recharge.is_asked_about(now))
            || self.transfer.as_ref().is_some_and(Transfer::is_under_way);
        is_open.then(|| (Work::Outside, now.plus_seconds(ASK_AFTER_SECONDS)))
    }
}

impl crate::Recharge {
    /// Whether whoever made the call has come to an end with it, one way or the other.
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        self.is_claimed() && self.at.plus_seconds(CALLED_WITHIN_SECONDS) <= now
    }

    /// Whether its operator is still asked what has become of it.
    pub fn is_asked_about(&self, now: Timestamp) -> bool {
        now < self.at.plus_seconds(ASKED_FOR_SECONDS)
    }
}
