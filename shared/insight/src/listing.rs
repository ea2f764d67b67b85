//! The newest rows of the journal by day: payments, refused events, orders and changes by people.

use futures_util::future::try_join_all;
use ledger::{CallContext, CommitError, DayShard, ListedRow, Listing, ListingQuery, Timestamp};

/// Rows of a part of a day that one read returns.
const ROWS_PER_READ: u16 = 100;
/// The reads of one list. With filters each may return nothing; without any the first ones suffice.
const READS_MAX: u32 = 200;
const DAY_SECONDS: i64 = 86_400;

/// Which rows are listed, the newest first.
#[derive(Debug, Clone)]
pub struct ListFilter {
    pub since: Timestamp,
    pub is_failed: Option<bool>,
    /// The word of the writer, as `stripe` or `manual`.
    pub writer: Option<String>,
    pub kind: Option<String>,
    pub rows_max: usize,
}

/// The newest rows, and whether older ones were left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Newest {
    pub rows: Vec<ListedRow>,
    pub has_more: bool,
}

/// Reads no more than it lists, day by day backwards from now, the parts of a day at once.
pub async fn newest<L: Listing>(
    ledger: &L,
    filter: &ListFilter,
    context: &CallContext<'_>,
) -> Result<Newest, CommitError> {
    let (mut newest, mut reads) = (Newest::default(), 0_u32);
    let mut day = context.received_at;
    loop {
        let parts = DayShard::of_day(day).map(|shard| Part::new(shard, filter));
        let mut parts: Vec<Part> = parts.collect();
        loop {
            let empty = parts.iter_mut().filter(|part| part.rows.is_empty() && !part.is_read);
            let fetched = try_join_all(empty.map(|part| part.fetch(ledger, context))).await?;
            reads = reads.saturating_add(u32::try_from(fetched.len()).unwrap_or(u32::MAX));
            if reads >= READS_MAX {
                newest.has_more = true;
                return Ok(newest);
            }
            if parts.iter().any(|part| part.rows.is_empty() && !part.is_read) {
                continue;
            }
            let Some(part) = parts.iter_mut().max_by(|one, other| one.first().cmp(&other.first())) else { break };
            let Some(row) = part.rows.pop() else { break };
            if newest.rows.len() >= filter.rows_max {
                newest.has_more = true;
                return Ok(newest);
            }
            newest.rows.push(row);
        }
        if !is_after(day, filter.since) {
            return Ok(newest);
        }
        day = day.plus_seconds(DAY_SECONDS.saturating_neg());
    }
}

/// Whether the day of `at` begins after `since`, so that an older day may have rows.
fn is_after(at: Timestamp, since: Timestamp) -> bool {
    at.unix_s().div_euclid(DAY_SECONDS) > since.unix_s().div_euclid(DAY_SECONDS)
}

/// What is read of a part of a day, the newest row last.
struct Part {
    query: ListingQuery,
    rows: Vec<ListedRow>,
    is_read: bool,
}

impl Part {
    fn new(shard: DayShard, filter: &ListFilter) -> Self {
        let query = ListingQuery {
            shard,
            from: filter.since,
            is_failed: filter.is_failed,
            writer: filter.writer.clone(),
            kind: filter.kind.clone(),
            after: None,
            rows_max: ROWS_PER_READ,
        };
        Self { query, rows: Vec::new(), is_read: false }
    }

    async fn fetch<L: Listing>(&mut self, ledger: &L, context: &CallContext<'_>) -> Result<(), CommitError> {
        let page = ledger.listed(&self.query, context).await?;
        self.rows = page.rows;
        self.rows.reverse();
        self.is_read = page.next.is_none();
        self.query.after = page.next;
        Ok(())
    }

    fn first(&self) -> Option<(&str, &str)> {
        self.rows.last().map(|row| (row.at.as_str(), row.key.as_str()))
    }
}
