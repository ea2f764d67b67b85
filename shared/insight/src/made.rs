//! The newest orders of a time: how many of them are paid, how late we knew, and their top-ups. Metrics cannot tell which
//! payment is of which order, so they come from the index by day: a bounded number of orders.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    CallContext, CommitError, EventKey, Listing, MoneyKey, Order, OrderNumber, Provider, RowKeys, Timestamp, TopUpState,
};

use crate::{Delay, Events, ListFilter, newest};

/// Orders that are read: some half a megabyte.
const ORDERS_MAX: usize = 400;
/// The rows of payments that are read for their times.
const PAYMENTS_MAX: usize = 200;
const MICROS: u64 = 1_000;

/// The newest orders that were made since then; `None` among top-ups is one that was not called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopUps {
    pub by_state: BTreeMap<Option<TopUpState>, u64>,
    pub made: u64,
    /// Of those made: so that it is never more.
    pub paid: u64,
    /// From the provider's time of a payment to ours. An epay gateway reports none.
    pub sync: Option<Delay>,
    pub has_more: bool,
}

pub async fn top_ups<L: Events + Listing>(
    ledger: &L,
    since: Timestamp,
    context: &CallContext<'_>,
) -> Result<TopUps, CommitError> {
    let kind = Some(crate::orders::MADE.to_owned());
    let made = ListFilter { since, is_failed: Some(false), writer: None, kind, after: None, rows_max: ORDERS_MAX };
    let made = newest(ledger, &made, context).await?;
    let numbers: BTreeSet<_> = made.rows.into_iter().filter_map(|row| OrderNumber::new(&row.order?).ok()).collect();
    let keys = RowKeys { orders: numbers, ..RowKeys::default() };
    let rows = if keys.orders.is_empty() { BTreeMap::new() } else { ledger.read_rows(&keys, context).await?.orders };
    let orders: Vec<Order> = rows.into_values().flatten().collect();
    let paid = orders.iter().filter(|order| order.paid.is_some()).count();
    let sync = sync(ledger, &orders, context).await?;
    let [made_of, paid] = [orders.len(), paid].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
    let mut by_state = BTreeMap::new();
    for order in orders.into_iter().filter(|order| order.top_up().is_some() && order.paid.is_some()) {
        let count: &mut u64 = by_state.entry(order.top_up_call.map(|call| call.state)).or_default();
        *count = count.saturating_add(1);
    }
    Ok(TopUps { by_state, made: made_of, paid, sync, has_more: made.has_more })
}

/// How long after the provider's time of their payments we have booked them.
async fn sync<L: Events>(
    ledger: &L,
    orders: &[Order],
    context: &CallContext<'_>,
) -> Result<Option<Delay>, CommitError> {
    let mut paid: Vec<_> = orders.iter().filter_map(|order| Some((order.created_at, order.paid.as_ref()?))).collect();
    // A payment that its provider has not dated has the time of its order.
    paid.retain(|(made_at, paid)| paid.by.provider() != Provider::Epay && paid.at != *made_at);
    paid.sort_by_key(|(made_at, _)| std::cmp::Reverse(*made_at));
    paid.truncate(PAYMENTS_MAX);
    let key = |paid: &ledger::Paid| EventKey::of_money(&MoneyKey::of_payment(&paid.by));
    let keys: BTreeSet<EventKey> = paid.iter().map(|(_, paid)| key(paid)).collect();
    let rows = if keys.is_empty() { BTreeMap::new() } else { ledger.events(&keys, context).await? };
    let late = |paid: &ledger::Paid| {
        let booked_at = rows.get(&key(paid))?.as_ref().ok()?.booked_at()?;
        // Its clock may be ahead of ours.
        Some(u64::try_from(booked_at.unix_ms().saturating_sub(paid.at.unix_ms())).unwrap_or_default())
    };
    let mut late: Vec<u64> = paid.iter().filter_map(|(_, paid)| late(paid)).collect();
    late.sort_unstable();
    Ok(delay(&late))
}

/// Of values in milliseconds, the least first.
fn delay(sorted: &[u64]) -> Option<Delay> {
    let orders = u64::try_from(sorted.len()).ok()?;
    let sum = sorted.iter().fold(0_u64, |sum, ms| sum.saturating_add(*ms));
    let us = |ms: u64| ms.saturating_mul(MICROS);
    let quantile = |per_mille: usize| {
        let place = sorted.len().saturating_mul(per_mille).div_ceil(1_000).saturating_sub(1);
        sorted.get(place).copied().map(us)
    };
    Some(Delay {
        orders,
        average: us(sum).checked_div(orders)?,
        min: us(*sorted.first()?),
        max: us(*sorted.last()?),
        p50: quantile(500),
        p99: quantile(990),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_is_of_all_values() {
        assert_eq!(delay(&[]), None);
        let one = Delay { orders: 1, average: 2_000, min: 2_000, max: 2_000, p50: Some(2_000), p99: Some(2_000) };
        assert_eq!(delay(&[2]), Some(one));
        let found = delay(&(1..=200).collect::<Vec<_>>()).expect("values");
        assert_eq!((found.orders, found.average, found.min, found.max), (200, 100_500, 1_000, 200_000));
        assert_eq!((found.p50, found.p99), (Some(100_000), Some(198_000)));
    }
}
