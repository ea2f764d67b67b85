//! The newest lines of all owners' statements. No index has them in order of time, since each use would cost a unit more:
//! payments, clawbacks, what fulfilment posts, expiries, changes and redemptions come from the index by day, booked usage
//! from the log lines.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{CallContext, CommitError, EventKey, Listing, OrderNumber, RowKeys, Source, Timestamp};

use crate::explain::related;
use crate::{EventRow, Events, ListFilter, LoggedEvent, newest};

/// Journal lines, the newest first, and whether older ones were left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NewestLines {
    pub lines: Vec<EventRow>,
    pub has_more: bool,
}

/// The kind of a transfer between accounts: the other account has its line under a key of its own.
const TRANSFER: &str = "transfer";

/// The journal rows that move an amount, which were booked since then. What the settlement of a hold charges is among them only
/// if its use was reported by a source.
pub async fn newest_lines<L: Listing + Events>(
    ledger: &L,
    logged: &[LoggedEvent],
    since: Timestamp,
    lines_max: usize,
    context: &CallContext<'_>,
) -> Result<NewestLines, CommitError> {
    let filter =
        ListFilter { since, is_failed: Some(false), writer: None, kind: None, after: None, rows_max: lines_max };
    let listed = newest(ledger, &filter, context).await?;
    let numbers: BTreeSet<OrderNumber> =
        listed.rows.iter().filter_map(|row| OrderNumber::new(row.order.as_ref()?).ok()).collect();
    let mut keys: BTreeSet<EventKey> = listed.rows.iter().map(|row| EventKey::of_row(&row.key)).collect();
    let transfers = listed.rows.iter().filter(|row| row.kind == TRANSFER);
    keys.extend(transfers.map(|row| EventKey::of_row(&format!("received#{}", row.key))));
    keys.extend(logged.iter().flat_map(keys_of));
    if !numbers.is_empty() {
        let rows = ledger.read_rows(&RowKeys { orders: numbers, ..RowKeys::default() }, context).await?;
        keys.extend(rows.orders.values().flatten().flat_map(related));
    }
    let mut rows = read(ledger, &keys, context).await?;
    let invoices: BTreeSet<EventKey> = rows.iter().filter_map(EventRow::invoice).collect();
    rows.extend(read(ledger, &invoices.difference(&keys).cloned().collect(), context).await?);
    let mut lines: Vec<EventRow> =
        rows.into_iter().filter(|row| row.posting.is_some() && row.booked_at().is_some_and(|at| at >= since)).collect();
    lines.sort_by(|one, other| (other.booked_at(), &other.key).cmp(&(one.booked_at(), &one.key)));
    let has_more = listed.has_more || logged.len() >= lines_max || lines.len() > lines_max;
    lines.truncate(lines_max);
    Ok(NewestLines { lines, has_more })
}

/// Those that can be read.
async fn read<L: Events>(
    ledger: &L,
    keys: &BTreeSet<EventKey>,
    context: &CallContext<'_>,
) -> Result<Vec<EventRow>, CommitError> {
    let rows = if keys.is_empty() { BTreeMap::new() } else { ledger.events(keys, context).await? };
    Ok(rows.into_values().flatten().collect())
}

/// A use has the key of `usage`, whichever gateway reports it.
fn keys_of(logged: &LoggedEvent) -> Vec<EventKey> {
    let sources = [Source::named(&logged.source), Some(Source::Usage)];
    let id = logged.event.as_deref().unwrap_or_default();
    sources.into_iter().flatten().filter_map(|source| EventKey::new(source, id).ok()).collect()
}
