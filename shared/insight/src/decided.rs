//! What a person has decided about refused events: their orders say it, since the event itself stays refused. A payment that
//! was accepted, or closed after its refund, needs no person any more.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;
use ledger::{
    CallContext, CommitError, EventKey, LinePosition, ListedRow, Listing, Order, OrderNumber, Resolution, RowKeys,
};

use crate::event::is_change;
use crate::{EventRow, Events, ListFilter, Newest, newest};

/// The pages of refused events that are read for a list of those that need a person.
const PAGES_MAX: usize = 5;
/// Of one page: many are decided where there are many.
const ROWS_PER_PAGE: usize = 20;

/// The decision of a person about each of these rows of the journal that has one, by key.
pub async fn decisions<L: Listing + Events>(
    ledger: &L,
    rows: &[ListedRow],
    context: &CallContext<'_>,
) -> Result<BTreeMap<String, Resolution>, CommitError> {
    let refused = rows.iter().filter(|row| row.is_failed && row.order.is_some());
    let keys: BTreeSet<EventKey> = refused.clone().map(|row| EventKey::of_row(&row.key)).collect();
    let orders: BTreeSet<OrderNumber> =
        refused.filter_map(|row| OrderNumber::new(row.order.as_deref()?).ok()).collect();
    if keys.is_empty() || orders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let wanted = RowKeys { orders, ..RowKeys::default() };
    let (events, rows) = try_join(ledger.events(&keys, context), ledger.read_rows(&wanted, context)).await?;
    let decided = events.into_values().flatten().filter_map(|event| {
        let order = rows.orders.get(event.order.as_ref()?)?.as_ref().ok()?;
        Some((event.key.to_string(), decision(order, &event)?))
    });
    Ok(decided.collect())
}

/// The decision of a person about this row of the journal.
pub async fn decision_about<L: Events>(
    ledger: &L,
    row: &EventRow,
    context: &CallContext<'_>,
) -> Result<Option<Resolution>, CommitError> {
    let Some(number) = row.order.clone().filter(|_| !row.is_booked()) else { return Ok(None) };
    let wanted = RowKeys { orders: [number.clone()].into(), ..RowKeys::default() };
    let rows = ledger.read_rows(&wanted, context).await?;
    let order = rows.orders.get(&number).and_then(|order| order.as_ref().ok());
    Ok(order.and_then(|order| decision(order, row)))
}

/// The newest refused events that no person has decided about. A change by hand that was refused waits for no decision.
pub async fn undecided<L: Listing + Events>(
    ledger: &L,
    filter: &ListFilter,
    context: &CallContext<'_>,
) -> Result<Newest, CommitError> {
    let mut open = Newest::default();
    let mut read = ListFilter { rows_max: filter.rows_max.max(ROWS_PER_PAGE), ..filter.clone() };
    for _ in 0..PAGES_MAX {
        let page = newest(ledger, &read, context).await?;
        let decided = decisions(ledger, &page.rows, context).await?;
        read.after = page.rows.last().map(|row| LinePosition { key: row.key.clone(), at: row.at.clone() });
        for row in page.rows.into_iter().filter(|row| !is_change(&row.writer) && !decided.contains_key(&row.key)) {
            if open.rows.len() >= filter.rows_max {
                open.has_more = true;
                return Ok(open);
            }
            open.rows.push(row);
        }
        if !page.has_more || read.after.is_none() {
            open.has_more = page.has_more;
            return Ok(open);
        }
    }
    open.has_more = true;
    Ok(open)
}

/// What the order says of the event: nothing while one of its anomalies is open.
fn decision(order: &Order, row: &EventRow) -> Option<Resolution> {
    let flags = order.anomalies.listed().filter(|flag| row.is_of(flag));
    let resolutions: Vec<Resolution> = flags.map(|flag| flag.resolution).collect();
    if resolutions.contains(&Resolution::Open) {
        return None;
    }
    let is_accepted = resolutions.contains(&Resolution::Accepted);
    if is_accepted { Some(Resolution::Accepted) } else { resolutions.first().copied() }
}
