//! Anomalies: payments that an order refused and other findings that need a person's attention.
//!
//! The list is a bounded set: the same findings leave the same list, in whatever order and however often they arrive.

use std::collections::{BTreeMap, BTreeSet};

use crate::payment::sum;
use crate::{Amount, Effect, Money, Order, Reason, Reference};

/// One screen of them. With the longest details they take 16 KB of the order's row, which may have 400.
pub const LISTED_MAX: usize = 20;
/// An anomaly beyond the list is counted by a number of four bytes: 11 KB in all. No order has as many by accident.
pub const UNLISTED_MAX: usize = 1_000;
/// A signed body may contain ids of any length; the refused event is stored with the whole body.
const DETAILS_CHARS_MAX: usize = 256;

/// A finding that disagrees with the order: stored and flagged, and nothing is delivered for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    pub reason: Reason,
    pub details: String,
    /// The refused payment, if the anomaly is about one.
    pub payment: Option<RefusedPayment>,
}

/// A payment that a verified event reported and that was not booked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedPayment {
    pub by: Reference,
    pub money: Money,
    pub pays_for: PaysFor,
    /// Whether the provider confirms the payment, by its own signature or in answer to a query.
    pub is_confirmed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaysFor {
    Order,
    /// One period of the order's subscription: `by` is its invoice.
    Period,
}

impl PaysFor {
    pub const ALL: [Self; 2] = [Self::Order, Self::Period];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Period => "period",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pays_for| pays_for.as_str() == name)
    }
}

/// A person's decision about an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolution {
    Open,
    /// No further action is needed.
    Cleared,
    /// A person has booked the payment.
    Accepted,
}

impl Resolution {
    pub const ALL: [Self; 3] = [Self::Open, Self::Cleared, Self::Accepted];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Cleared => "cleared",
            Self::Accepted => "accepted",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resolution| resolution.as_str() == name)
    }
}

/// An anomaly and its resolution, as an order lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub anomaly: Anomaly,
    pub resolution: Resolution,
}

/// The anomalies of an order: the first of them by key, and the number beyond the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Anomalies {
    listed: BTreeMap<Key, Flag>,
    /// Part of the key's hash for each anomaly beyond the list, so that a repeated one counts once.
    unlisted: BTreeSet<u32>,
}

/// The identity of an anomaly: the payment if there is one, the reason alone for a state of the order, otherwise the
/// details.
type Key = (Reason, Option<(Reference, Money)>, String);

impl Anomaly {
    fn key(&self) -> Key {
        let payment = self.payment.as_ref().map(|payment| (payment.by.clone(), payment.money));
        let is_named = payment.is_some() || self.reason.is_state_of_order();
        let details = if is_named { String::new() } else { self.details.clone() };
        (self.reason, payment, details)
    }

    fn bounded(self) -> Self {
        Self { details: self.details.chars().take(DETAILS_CHARS_MAX).collect(), ..self }
    }

    /// Merges two reports of one anomaly; the result does not depend on their order.
    fn merge(self, other: Self) -> Self {
        let confirmed = |anomaly: &Self| anomaly.payment.as_ref().is_some_and(|payment| payment.is_confirmed);
        let is_confirmed = confirmed(&self) || confirmed(&other);
        let (details, payment) = (self.details.min(other.details), self.payment.min(other.payment));
        let payment = payment.map(|payment| RefusedPayment { is_confirmed, ..payment });
        Self { reason: self.reason, details, payment }
    }
}

impl Anomalies {
    /// From a stored row; `None` if an anomaly appears twice or a bound is exceeded.
    pub fn of_kept(flags: Vec<Flag>, unlisted: BTreeSet<u32>) -> Option<Self> {
        let count = flags.len();
        // Collected, it would be sorted first, by 5 KB of code.
        let mut listed = BTreeMap::new();
        listed.extend(flags.into_iter().map(|flag| (flag.anomaly.key(), flag)));
        let is_bounded = listed.len() == count && count <= LISTED_MAX && unlisted.len() <= UNLISTED_MAX;
        is_bounded.then_some(Self { listed, unlisted })
    }

    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub fn listed(&self) -> impl Iterator<Item = &Flag> {
        self.listed.values()
    }

    /// A number for each anomaly beyond the list; at [`UNLISTED_MAX`] there may be more.
    pub fn unlisted(&self) -> &BTreeSet<u32> {
        &self.unlisted
    }

    /// Idempotent: a repeated anomaly changes nothing, even if it is cleared or no longer listed.
    pub(crate) fn apply(&mut self, anomaly: Anomaly) {
        let anomaly = anomaly.bounded();
        let key = anomaly.key();
        if let Some(known) = self.listed.get_mut(&key) {
            known.anomaly = known.anomaly.clone().merge(anomaly);
            return;
        }
        if self.unlisted.contains(&hash(&key)) {
            return;
        }
        self.listed.insert(key, Flag { anomaly, resolution: Resolution::Open });
        if self.listed.len() <= LISTED_MAX {
            return;
        }
        // Resolved anomalies make room first.
        let resolved = self.listed.iter().rev().find(|(_, flag)| flag.resolution != Resolution::Open);
        let Some(last) = resolved.or(self.listed.iter().next_back()).map(|(key, _)| key.clone()) else {
            return;
        };
        self.listed.remove(&last);
        self.unlisted.insert(hash(&last));
        if self.unlisted.len() > UNLISTED_MAX {
            self.unlisted.pop_last();
        }
    }

    /// Sets a person's decision on the matching anomalies.
    pub(crate) fn resolve(&mut self, resolution: Resolution, is_wanted: impl Fn(&Flag) -> bool) {
        for flag in self.listed.values_mut().filter(|flag| is_wanted(flag)) {
            flag.resolution = resolution;
        }
    }

    /// The order enters a state that needs attention. The first details stay for as long as the state lasts.
    pub(crate) fn enter(&mut self, reason: Reason, details: impl FnOnce() -> String) {
        let anomaly = Anomaly { reason, details: String::new(), payment: None };
        if !self.listed.contains_key(&anomaly.key()) {
            self.apply(Anomaly { details: details(), ..anomaly });
        }
    }

    /// The same for a state whose details follow from the order: different details reopen it.
    pub(crate) fn enter_as(&mut self, reason: Reason, details: String) {
        let stands = self.listed().any(|flag| flag.anomaly.reason == reason && flag.anomaly.details == details);
        if !stands {
            self.leave(reason);
            self.enter(reason, || details);
        }
    }

    /// The order leaves that state.
    pub(crate) fn leave(&mut self, reason: Reason) {
        self.listed.retain(|(known, ..), _| *known != reason);
    }
}

fn hash((reason, payment, details): &Key) -> u32 {
    use sha2::Digest as _;
    let payment = payment.as_ref().map(|(by, money)| format!("{by}#{money}")).unwrap_or_default();
    let digest = sha2::Sha256::digest(format!("{}#{payment}#{details}", reason.as_str()));
    digest.iter().take(4).fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

impl Order {
    /// Adds an anomaly that needs a person's attention.
    #[must_use]
    pub fn flag(&self, anomaly: &Anomaly) -> Vec<Effect> {
        let mut after = self.clone();
        after.anomalies.apply(anomaly.clone());
        self.change_to(after)
    }

    /// A provider never refunds more than was paid: a report that exceeds it is a mistake, or money was returned
    /// another way.
    pub(crate) fn flag_refunds(&mut self) {
        let of_order = self.paid.iter().map(|paid| (&paid.by, self.paid_money()));
        let additional = self.additional_payments().map(|accepted| (&accepted.by, accepted.money));
        let refunded_too_much = |(by, paid): (&Reference, Money)| {
            let refunded = Money { amount: self.claims.get(by.id())?.refunds.total(), ..paid };
            (refunded.amount > paid.amount).then(|| format!("{by}: refunded {refunded} of {paid}"))
        };
        let excesses: Vec<String> = of_order.chain(additional).filter_map(refunded_too_much).collect();
        if excesses.is_empty() {
            self.anomalies.leave(Reason::RefundedTooMuch);
        } else {
            self.anomalies.enter_as(Reason::RefundedTooMuch, excesses.join("; "));
        }
    }

    /// The order after these effects.
    pub fn after<'o>(&'o self, effects: &'o [Effect]) -> &'o Self {
        let written = effects.iter().find_map(|effect| {
            let Effect::Order { order, .. } = effect else { return None };
            (order.number == self.number).then_some(&**order)
        });
        written.unwrap_or(self)
    }

    /// Whether an open anomaly with this reason needs a person's attention.
    pub fn is_flagged_for(&self, reason: Reason) -> bool {
        self.anomalies.listed().any(|flag| flag.anomaly.reason == reason && self.needs_attention(flag))
    }

    /// Whether the anomaly still needs a person's attention. A refused payment that was refunded in full does not.
    pub fn needs_attention(&self, flag: &Flag) -> bool {
        let is_refunded = flag.anomaly.payment.as_ref().is_some_and(|payment| {
            !payment.money.amount.is_zero() && self.refunded_part_of(payment) >= payment.money.amount
        });
        flag.resolution == Resolution::Open && !is_refunded
    }

    /// The refunded part of a payment that this order refused.
    pub fn refunded_part_of(&self, payment: &RefusedPayment) -> Amount {
        sum(self.claims_on(&payment.by).map(|claims| claims.refunds.total()))
    }

    /// The reason under which the index of anomalies lists the order.
    pub fn flagged_for(&self) -> Option<Reason> {
        self.anomalies.listed().find(|flag| self.needs_attention(flag)).map(|flag| flag.anomaly.reason)
    }
}
