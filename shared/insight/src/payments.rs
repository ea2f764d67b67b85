//! All payments of a time, page by page: of each order that something has changed since then, by the index by day.

use std::collections::{BTreeSet, VecDeque};

use ledger::{
    CallContext, CommitError, DayShard, LinePosition, Listing, ListingQuery, Money, Order, OrderNumber, Reference,
    RowKeys, Timestamp, UnreadableRow,
};

use crate::Events;

const ROWS_PER_READ: u16 = 100;
const DAY_SECONDS: i64 = 86_400;

/// A payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentLine {
    pub order: Order,
    pub by: Reference,
    pub money: Money,
    /// `None` of one that a person has accepted beside the one that pays.
    pub paid_at: Option<Timestamp>,
}

/// Payments day by day, the oldest day first; each order is in the pages once. It holds a page, and the numbers of the
/// orders that were there.
#[derive(Debug)]
pub struct PaymentPages {
    since: Timestamp,
    parts: VecDeque<DayShard>,
    after: Option<LinePosition>,
    seen: BTreeSet<OrderNumber>,
}

/// A page, perhaps with no payments.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PaymentPage {
    pub payments: Vec<PaymentLine>,
    pub unreadable: Vec<UnreadableRow>,
}

impl PaymentPages {
    pub fn new(since: Timestamp, until: Timestamp) -> Self {
        let (first, last) = (since.unix_s().div_euclid(DAY_SECONDS), until.unix_s().div_euclid(DAY_SECONDS));
        let day = |day: i64| Timestamp::from_unix(day.saturating_mul(DAY_SECONDS)).unwrap_or(Timestamp::EPOCH);
        let parts = (first..=last).flat_map(|number| DayShard::of_day(day(number)));
        // A use changes no order.
        let parts = parts.filter(|shard| !shard.is_of_usage());
        Self { since, parts: parts.collect(), after: None, seen: BTreeSet::new() }
    }

    /// `None` after the last page.
    pub async fn next<L: Listing + Events>(
        &mut self,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<PaymentPage>, CommitError> {
        let Some(shard) = self.parts.front().copied() else { return Ok(None) };
        let query = ListingQuery {
            shard,
            from: self.since,
            is_failed: Some(false),
            writer: None,
            kind: None,
            after: self.after.clone(),
            rows_max: ROWS_PER_READ,
        };
        let page = ledger.listed(&query, context).await?;
        self.after = page.next;
        if self.after.is_none() {
            self.parts.pop_front();
        }
        let numbers = page.rows.iter().filter_map(|row| OrderNumber::new(row.order.as_ref()?).ok());
        let orders: BTreeSet<OrderNumber> = numbers.filter(|number| !self.seen.contains(number)).collect();
        let mut found = PaymentPage::default();
        if orders.is_empty() {
            return Ok(Some(found));
        }
        let rows = ledger.read_rows(&RowKeys { orders, ..RowKeys::default() }, context).await?;
        for order in rows.orders.into_values() {
            match order {
                Ok(order) => {
                    self.seen.insert(order.number.clone());
                    found.payments.extend(payments_of(&order, self.since));
                }
                Err(unreadable) => found.unreadable.push(unreadable),
            }
        }
        found.payments.sort_by(|one, other| {
            (one.paid_at, &one.order.number, &one.by).cmp(&(other.paid_at, &other.order.number, &other.by))
        });
        Ok(Some(found))
    }
}

/// The one that pays the order, if it did so since then, and those that were accepted beside it.
fn payments_of(order: &Order, since: Timestamp) -> Vec<PaymentLine> {
    let paid = order.paid.clone().filter(|paid| paid.at >= since);
    let paying = order.paid.as_ref().map(|paid| &paid.by);
    let accepted: Vec<_> = order.accepted.values().filter(|accepted| Some(&accepted.by) != paying).cloned().collect();
    let money = order.paid_money();
    let paid = paid.map(|paid| PaymentLine { order: order.clone(), by: paid.by, money, paid_at: Some(paid.at) });
    let beside = accepted.into_iter().map(|accepted| PaymentLine {
        order: order.clone(),
        by: accepted.by,
        money: accepted.money,
        paid_at: None,
    });
    paid.into_iter().chain(beside).collect()
}
