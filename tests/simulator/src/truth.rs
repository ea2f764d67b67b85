//! What an actor knows to be true: what was sent, paid and acknowledged. It never comes from the code under test.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Budget, Timestamp};

/// What one journal key must or may have posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) account: String,
    /// The possible changes, in the smallest unit: events that share an id differ in their amount.
    pub(crate) any_of: BTreeSet<i128>,
    /// It was acknowledged, or the books have taken it over: it must be there.
    pub(crate) is_due: bool,
}

/// An account from which chat is paid, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ChatTruth {
    pub(crate) funds: i128,
    pub(crate) calls: Vec<CallTruth>,
}

/// One request for a completion: what it may be charged with, and under which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallTruth {
    pub(crate) hold: String,
    pub(crate) charge: Charge,
    pub(crate) keys: BTreeSet<String>,
    /// Its key, unless its hold has expired.
    pub(crate) key_if_settled: Option<String>,
    /// What it costs, if it is known from the answer.
    pub(crate) exact: Option<i128>,
    /// What its answers cost, of which one may have arrived.
    pub(crate) costs: BTreeSet<i128>,
    pub(crate) estimates: BTreeSet<i128>,
    pub(crate) at_expiry: i128,
    /// The cost that its answer names.
    pub(crate) named: Option<String>,
    /// How many answers were generated, and how many after the first part of one was sent.
    pub(crate) generated: usize,
    pub(crate) late: usize,
}

/// Whether a call is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge {
    Due,
    /// Its sandbox died, or no answer has arrived.
    Maybe,
    /// It failed: only the expiry of a hold that could not be released charges it.
    IfExpired,
    Never,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Every posting that may exist, by its journal key.
    pub(crate) postings: BTreeMap<String, Expected>,
    /// What people posted by hand, by account.
    pub(crate) by_hand: BTreeMap<String, i128>,
    /// Accounts that nothing may overdraw.
    pub(crate) solvent: BTreeSet<String>,
    /// Accounts from which chat is paid.
    pub(crate) chats: BTreeMap<String, ChatTruth>,
    /// Keys with a budget.
    pub(crate) budgets: BTreeMap<String, BudgetTruth>,
    /// Accounts of which credits expire.
    pub(crate) dated: BTreeMap<String, DatedTruth>,
    /// Accounts of which bought credits may have expired.
    pub(crate) expiring: BTreeSet<String>,
    /// How often the operator was called for an order, and how often it has topped up.
    pub(crate) top_ups: BTreeMap<String, (u64, u64)>,
    /// Payments whose refund was acknowledged, each with the operator's calls by order soon after.
    pub(crate) refunded: BTreeMap<String, BTreeMap<String, u64>>,
    /// The transfers on chain of each order, by its number.
    pub(crate) transfers: BTreeMap<String, Vec<Transfer>>,
    /// The orders that the actors know, by number.
    pub(crate) orders: BTreeMap<String, OrderTruth>,
    /// Parts of the keys of events that wait for good: forged ones, which no provider confirms.
    pub(crate) may_wait: BTreeSet<String>,
    /// Contradictions that the actor has seen itself, such as two acknowledged events with one id.
    pub(crate) broken: Vec<String>,
}

/// A key that has had a budget from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BudgetTruth {
    pub(crate) budget: Budget,
    /// The journal keys of its uses, each with its own time.
    pub(crate) uses: BTreeMap<String, Timestamp>,
    /// Its holds, each with the time of its opening.
    pub(crate) holds: BTreeMap<String, Timestamp>,
    /// Everything that it has spent was held before, and charged from its hold.
    pub(crate) is_all_held: bool,
}

/// An account with credits that expire at one moment. They are spent before all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DatedTruth {
    /// What it has of them from the start.
    pub(crate) granted: i128,
    /// The keys of further grants.
    pub(crate) grants: BTreeSet<String>,
    /// The keys of uses that were booked well before that moment.
    pub(crate) early: BTreeSet<String>,
    /// The keys of uses that came well after it.
    pub(crate) late: BTreeSet<String>,
}

/// What one order must have delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OrderTruth {
    pub(crate) owner: String,
    /// The payments that the provider has of it, by the provider's id.
    pub(crate) payments: BTreeMap<String, PaymentTruth>,
    /// What a whole payment brings to each account, in the smallest unit.
    pub(crate) grants: BTreeMap<String, Grant>,
    /// What it brings to whom if it is its owner's first purchase.
    pub(crate) referral: Option<(String, Grant)>,
    /// It buys a call to the operator.
    pub(crate) is_top_up: bool,
    /// What it brings is sent on chain.
    pub(crate) is_on_chain: bool,
    /// The payments of a subscription's periods, by the provider's id.
    pub(crate) periods: BTreeMap<String, PaymentTruth>,
    /// What a paid period brings to each account.
    pub(crate) each_period: BTreeMap<String, Grant>,
    /// Something happened that a person must look at.
    pub(crate) needs_a_person: bool,
}

/// A transfer on chain, in the token's smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) units: i128,
    pub(crate) has_arrived: bool,
}

impl OrderTruth {
    /// What the order leaves on each account, if this payment has paid it. `sent`: what has arrived on chain.
    pub(crate) fn keeps(&self, payment: &PaymentTruth, sent: i128) -> BTreeMap<&str, i128> {
        let mut kept: BTreeMap<&str, i128> = BTreeMap::new();
        for (account, grant) in &self.grants {
            *kept.entry(account).or_default() += payment.keeps(*grant) - sent;
        }
        for (account, grant) in &self.each_period {
            *kept.entry(account).or_default() += self.periods.values().map(|paid| paid.keeps(*grant)).sum::<i128>();
        }
        kept
    }

    /// What the order may leave on an account at any time, from the least to the most.
    pub(crate) fn range(&self, account: &str, sent: i128) -> Option<(i128, i128)> {
        let whole = self.grants.get(account).map(|grant| grant.whole);
        let periods = i128::try_from(self.periods.len()).expect("few");
        let of_periods = self.each_period.get(account).map(|grant| grant.whole * periods);
        let of_referral = self.referral.as_ref().filter(|(to, _)| to == account).map(|(_, grant)| grant.whole);
        let whole = whole.or(of_referral);
        let known = whole.is_some() || of_periods.is_some();
        known.then(|| (-sent, whole.unwrap_or_default() + of_periods.unwrap_or_default()))
    }
}

/// Amounts in the currency's smallest unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PaymentTruth {
    pub(crate) paid: i128,
    pub(crate) refunded: i128,
    /// What a bank demands back, or has.
    pub(crate) disputed: i128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) whole: i128,
    /// A partial refund leaves it whole.
    pub(crate) is_indivisible: bool,
}

impl PaymentTruth {
    pub(crate) fn keeps_anything(&self) -> bool {
        self.paid > self.refunded + self.disputed
    }

    /// What the buyer keeps of a grant, rounded down.
    pub(crate) fn keeps(&self, grant: Grant) -> i128 {
        let kept = (self.paid - self.refunded - self.disputed).max(0);
        match kept {
            0 => 0,
            _ if grant.is_indivisible => grant.whole,
            kept => grant.whole * kept / self.paid,
        }
    }
}

impl Truth {
    /// Joins what two actors know. Their keys and accounts differ.
    pub(crate) fn join(&mut self, other: Self) {
        self.postings.extend(other.postings);
        self.solvent.extend(other.solvent);
        self.budgets.extend(other.budgets);
        self.chats.extend(other.chats);
        self.dated.extend(other.dated);
        self.expiring.extend(other.expiring);
        self.broken.extend(other.broken);
        self.orders.extend(other.orders);
        self.may_wait.extend(other.may_wait);
        for (account, sum) in other.by_hand {
            *self.by_hand.entry(account).or_default() += sum;
        }
    }
}
