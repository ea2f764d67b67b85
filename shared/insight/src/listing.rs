//! The newest rows of the journal by day: payments, refused events, orders and changes by people.

use std::time::Duration;

use futures_util::future::try_join_all;
use ledger::{CallContext, CommitError, DayShard, LinePosition, ListedRow, Listing, ListingQuery, Source, Timestamp};

/// Rows of a part of a day that one read returns at most; a shorter list reads no more of a part than it may show.
const ROWS_PER_READ: u16 = 100;
/// A filter may leave out most of them.
const ROWS_PER_READ_MIN: u16 = 20;
/// The reads of one list, if there is little on many days.
const READS_MAX: usize = 400;
/// The rows that a filter leaves out of one list, at some three hundred bytes each.
const PASSED_MAX: usize = 2_500;
const DAY_SECONDS: i64 = 86_400;

/// Which rows are listed, the newest first.
#[derive(Debug, Clone)]
pub struct ListFilter {
    pub since: Timestamp,
    pub is_failed: Option<bool>,
    /// The word of the writer, as `stripe` or `manual`.
    pub writer: Option<String>,
    pub kind: Option<String>,
    /// Older rows than the one at this place.
    pub after: Option<LinePosition>,
    pub rows_max: usize,
}

impl ListFilter {
    /// Whether a part may have such rows. An order and the events of other sources are not among usage.
    fn may_have(&self, shard: DayShard) -> bool {
        let source = self.writer.as_deref().and_then(Source::named);
        let is_order = self.kind.as_deref() == Some(crate::orders::MADE);
        let is_of_usage = source.map(Source::reports_usage).or(is_order.then_some(false));
        is_of_usage.is_none_or(|is_of_usage| is_of_usage == shard.is_of_usage())
    }
}

/// The newest rows, and whether older ones were left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Newest {
    pub rows: Vec<ListedRow>,
    pub has_more: bool,
}

/// Reads no more than it lists, day by day backwards from now or from the place, the parts of a day at once.
pub async fn newest<L: Listing>(
    ledger: &L,
    filter: &ListFilter,
    context: &CallContext<'_>,
) -> Result<Newest, CommitError> {
    let (mut newest, mut reads, mut passed) = (Newest::default(), 0_usize, 0_usize);
    let after = filter.after.as_ref().and_then(|after| Some((Timestamp::parse_rfc3339(&after.at).ok()?, after)));
    let mut day = after.map_or(context.received_at, |(at, _)| at);
    loop {
        let parts = DayShard::of_day(day).filter(|shard| filter.may_have(*shard));
        let mut parts: Vec<Part> = parts.map(|shard| Part::new(shard, filter, after)).collect();
        loop {
            let empty = parts.iter_mut().filter(|part| part.rows.is_empty() && !part.is_read);
            let fetched = try_join_all(empty.map(|part| part.fetch(ledger, context))).await?;
            reads = reads.saturating_add(fetched.len());
            passed = fetched.into_iter().fold(passed, usize::saturating_add);
            if reads >= READS_MAX || passed >= PASSED_MAX {
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
    /// Time and key of the row at which the page before ended.
    before: Option<(String, String)>,
    rows: Vec<ListedRow>,
    is_read: bool,
}

impl Part {
    fn new(shard: DayShard, filter: &ListFilter, after: Option<(Timestamp, &LinePosition)>) -> Self {
        let rows_max = u16::try_from(filter.rows_max).unwrap_or(ROWS_PER_READ);
        // Rows of the same moment may be in any order: all of them are read, and those of the page before are dropped.
        let later = |(at, after): (Timestamp, &LinePosition)| LinePosition {
            key: after.key.clone(),
            at: at.plus(Duration::from_millis(1)).to_string(),
        };
        let query = ListingQuery {
            shard,
            from: filter.since,
            is_failed: filter.is_failed,
            writer: filter.writer.clone(),
            kind: filter.kind.clone(),
            after: after.map(later),
            rows_max: rows_max.saturating_add(1).clamp(ROWS_PER_READ_MIN, ROWS_PER_READ),
        };
        let before = after.map(|(_, after)| (after.at.clone(), after.key.clone()));
        Self { query, before, rows: Vec::new(), is_read: false }
    }

    /// How many rows the filter has left out of a full page.
    async fn fetch<L: Listing>(&mut self, ledger: &L, context: &CallContext<'_>) -> Result<usize, CommitError> {
        let page = ledger.listed(&self.query, context).await?;
        self.rows = page.rows;
        if let Some(before) = &self.before {
            self.rows.retain(|row| (&row.at, &row.key) < (&before.0, &before.1));
        }
        self.rows.sort_by(|one, other| (&one.at, &one.key).cmp(&(&other.at, &other.key)));
        self.is_read = page.next.is_none();
        self.query.after = page.next;
        Ok(if self.is_read { 0 } else { usize::from(self.query.rows_max).saturating_sub(self.rows.len()) })
    }

    fn first(&self) -> Option<(&str, &str)> {
        self.rows.last().map(|row| (row.at.as_str(), row.key.as_str()))
    }
}
