//! Lists of orders: those that were made, those of an owner, those that need a person, and those that wait. From the
//! sparse indexes, and each order as it is now.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use ledger::{
    CallContext, CommitError, DueOrder, FlaggedQuery, Fulfilment, LinePosition, ListedRow, Listing, Order, OrderNumber,
    Owner, PaymentState, Reason, RowKeys, Statements, Timestamp, UnreadableRow, Work,
};

use crate::wait::{Wait, WaitsOn};
use crate::{ListFilter, newest};

/// What one read of rows returns at most.
const ROWS_PER_READ: u16 = 100;
/// The orders that one list reads, also if a filter leaves few of them.
const READ_MAX: usize = 1_000;
/// The same of a page for a person, who waits a tenth of a second for it.
const READ_MAX_OF_PAGE: usize = 750;
const LINES_OF_PAGE: usize = 100;
/// The kind of the journal row of an order that was made.
pub(crate) const MADE: &str = "order";

/// Which orders are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderChoice {
    /// Made since then.
    Made(Timestamp),
    /// Flagged since then and still.
    Anomalies(Timestamp),
    /// Paid, and their delivery waits.
    Stuck,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFilter {
    pub choice: OrderChoice,
    pub status: Option<OrderStatus>,
    pub owner: Option<Owner>,
    /// Those that follow this place, at which the page before ended.
    pub after: Option<LinePosition>,
    pub orders_max: usize,
}

impl OrderFilter {
    /// Whether orders are left out that a list without the filter has.
    const fn is_picky(&self) -> bool {
        self.status.is_some() || self.owner.is_some()
    }

    /// How many places are read for one page.
    const fn places_max(&self) -> usize {
        if self.is_picky() { self.read_max() } else { self.orders_max }
    }

    const fn read_max(&self) -> usize {
        if self.orders_max <= LINES_OF_PAGE { READ_MAX_OF_PAGE } else { READ_MAX }
    }

    fn fits(&self, order: &Order) -> bool {
        self.status.is_none_or(|status| status.is_of(order))
            && self.owner.as_ref().is_none_or(|owner| *owner == order.owner)
    }
}

/// A word for the state of an order's payment or its delivery, or `disputed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderStatus(&'static str);

impl OrderStatus {
    pub fn named(word: &str) -> Option<Self> {
        Self::words().into_iter().find(|known| *known == word).map(Self)
    }

    pub const fn word(self) -> &'static str {
        self.0
    }

    /// `failed` is one of both.
    pub fn words() -> BTreeSet<&'static str> {
        let payments = PaymentState::ALL.map(PaymentState::as_str);
        payments.into_iter().chain(Fulfilment::ALL.map(Fulfilment::as_str)).chain([DISPUTED]).collect()
    }

    fn is_of(self, order: &Order) -> bool {
        [order.payment.as_str(), order.fulfilment.as_str()].contains(&self.0)
            || (self.0 == DISPUTED && order.is_disputed())
    }
}

const DISPUTED: &str = "disputed";

/// An order in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    pub order: Order,
    /// Since when it needs a person, if a list of those has it.
    pub flagged_since: Option<Timestamp>,
    /// What its delivery waits for.
    pub waits: Option<Wait>,
}

/// A list of orders, and whether others were left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OrderList {
    pub orders: Vec<OrderLine>,
    /// Rows that cannot be read.
    pub unreadable: Vec<UnreadableRow>,
    pub has_more: bool,
    /// Where the next page goes on, if there are others. None if they are too many to be read in order.
    pub next: Option<LinePosition>,
}

/// An order in an index, and where a list goes on after it.
#[derive(Debug, Clone)]
struct Place {
    number: String,
    row: LinePosition,
}

impl Place {
    fn of_order(row: LinePosition) -> Self {
        Self { number: row.key.clone(), row }
    }
}

/// Orders that were made or flagged, the newest first; those that wait, the longest first.
pub async fn orders<L: Listing + Statements>(
    ledger: &L,
    filter: &OrderFilter,
    context: &CallContext<'_>,
) -> Result<OrderList, CommitError> {
    let mut list = OrderList::default();
    match (&filter.choice, &filter.owner) {
        (OrderChoice::Made(since), Some(owner)) => list.of_owner(ledger, owner, *since, filter, context).await?,
        (OrderChoice::Made(since), None) => {
            let made = ListFilter {
                since: *since,
                is_failed: Some(false),
                writer: None,
                kind: Some(MADE.to_owned()),
                after: filter.after.clone(),
                rows_max: filter.places_max(),
            };
            let made = newest(ledger, &made, context).await?;
            list.has_more = made.has_more;
            let place =
                |row: ListedRow| Some(Place { number: row.order?, row: LinePosition { key: row.key, at: row.at } });
            list.read(ledger, &made.rows.into_iter().filter_map(place).collect::<Vec<_>>(), filter, context).await?;
        }
        (OrderChoice::Anomalies(since), _) => {
            let (places, has_unread) =
                flagged(ledger, *since, filter.after.as_ref(), filter.places_max(), context).await?;
            list.has_more = has_unread;
            list.read(ledger, &places, filter, context).await?;
        }
        (OrderChoice::Stuck, _) => Box::pin(list.stuck(ledger, filter, context)).await?,
    }
    if !list.has_more {
        list.next = None;
    }
    Ok(list)
}

/// The newest flagged orders, one more than so many for each reason, and whether there are older ones.
async fn flagged<L: Listing>(
    ledger: &L,
    since: Timestamp,
    after: Option<&LinePosition>,
    orders_max: usize,
    context: &CallContext<'_>,
) -> Result<(Vec<Place>, bool), CommitError> {
    let orders_max = u16::try_from(orders_max.min(READ_MAX)).unwrap_or(ROWS_PER_READ).saturating_add(1);
    let until = after.and_then(|after| Timestamp::parse_rfc3339(&after.at).ok());
    let reads = Reason::ALL.into_iter().map(|reason| {
        Box::pin(async move {
            let query = FlaggedQuery { reason, from: since, until, orders_max };
            ledger.flagged_orders(&query, context).await
        })
    });
    let by_reason = try_join_all(reads).await?;
    let place = |row: &LinePosition| (row.at.clone(), row.key.clone());
    // Behind the last one of a reason that has more, the order of all is not known.
    let full = by_reason.iter().filter(|rows| rows.len() >= usize::from(orders_max));
    let horizon = full.filter_map(|rows| rows.last().map(place)).max();
    let mut rows: Vec<LinePosition> = by_reason.into_iter().flatten().collect();
    rows.retain(|row| after.is_none_or(|after| place(row) < place(after)));
    rows.retain(|row| horizon.as_ref().is_none_or(|horizon| place(row) >= *horizon));
    rows.sort_by_key(|row| std::cmp::Reverse(place(row)));
    Ok((rows.into_iter().map(Place::of_order).collect(), horizon.is_some()))
}

impl OrderList {
    /// Adds those of these orders that fit the filter, in this order.
    async fn read<L: Listing + Statements>(
        &mut self,
        ledger: &L,
        places: &[Place],
        filter: &OrderFilter,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let is_of_flagged = matches!(filter.choice, OrderChoice::Anomalies(_));
        for chunk in places.chunks(ROWS_PER_READ.into()) {
            for (order, place) in self.lines(ledger, chunk, context).await? {
                if is_of_flagged && order.flagged_for().is_none() {
                    continue;
                }
                let flagged_since = Timestamp::parse_rfc3339(&place.at).ok().filter(|_| is_of_flagged);
                if !self.add(OrderLine { order, flagged_since, waits: None }, place, filter) {
                    return Ok(());
                }
            }
            self.next = chunk.last().map(|place| place.row.clone());
        }
        Ok(())
    }

    /// `false` if the list is full.
    fn add(&mut self, line: OrderLine, place: LinePosition, filter: &OrderFilter) -> bool {
        if !filter.fits(&line.order) {
            return true;
        }
        if self.orders.len() >= filter.orders_max {
            self.has_more = true;
            return false;
        }
        self.orders.push(line);
        self.next = Some(place);
        true
    }

    /// The orders as they are now, each with its place.
    async fn lines<L: Listing + Statements>(
        &mut self,
        ledger: &L,
        places: &[Place],
        context: &CallContext<'_>,
    ) -> Result<Vec<(Order, LinePosition)>, CommitError> {
        let numbers = places.iter().filter_map(|place| OrderNumber::new(&place.number).ok());
        let keys = RowKeys { orders: numbers.collect(), ..RowKeys::default() };
        let mut rows = ledger.read_rows(&keys, context).await?;
        let mut lines = Vec::new();
        for place in places {
            let row = OrderNumber::new(&place.number).ok().and_then(|number| rows.orders.remove(&number));
            match row {
                Some(Ok(order)) => lines.push((order, place.row.clone())),
                Some(Err(unreadable)) => self.unreadable.push(unreadable),
                None => {}
            }
        }
        Ok(lines)
    }

    async fn of_owner<L: Listing + Statements>(
        &mut self,
        ledger: &L,
        owner: &Owner,
        since: Timestamp,
        filter: &OrderFilter,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let (mut after, mut read) = (filter.after.clone(), 0_usize);
        loop {
            let page = ledger.orders_of(owner, after.as_ref(), ROWS_PER_READ, context).await?;
            read = read.saturating_add(page.orders.len());
            for order in page.orders {
                match order {
                    Ok(order) if order.created_at < since => return Ok(()),
                    Ok(order) => {
                        let place = LinePosition { key: order.number.to_string(), at: order.created_at.to_string() };
                        if !self.add(OrderLine { order, flagged_since: None, waits: None }, place, filter) {
                            return Ok(());
                        }
                    }
                    Err(unreadable) => self.unreadable.push(unreadable),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
            self.next.clone_from(&after);
            if read >= filter.read_max() {
                self.has_more = true;
                return Ok(());
            }
        }
    }

    async fn stuck<L: Listing + Statements>(
        &mut self,
        ledger: &L,
        filter: &OrderFilter,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let read_max = filter.read_max();
        let rows_max = u16::try_from(read_max).unwrap_or(u16::MAX);
        let waiting = [Work::Fulfilment, Work::PendingExternal];
        let waiting = try_join_all(waiting.map(|work| ledger.orders_with_work(work, rows_max, context))).await?;
        let place = |order: DueOrder| Place::of_order(LinePosition { key: order.row.id, at: order.row.due_at });
        let waiting = waiting.into_iter().map(|orders| orders.into_iter().map(place).collect());
        let waiting: Vec<Vec<Place>> = waiting.collect();
        let (flagged, has_unread) = flagged(ledger, Timestamp::EPOCH, None, read_max, context).await?;
        let has_unread = has_unread || waiting.iter().any(|places| places.len() >= read_max);
        let mut stuck = Vec::new();
        for (places, is_flagged) in waiting.iter().map(|places| (places, false)).chain([(&flagged, true)]) {
            for chunk in places.chunks(ROWS_PER_READ.into()) {
                let lines = self.lines(ledger, chunk, context).await?;
                stuck.extend(lines.into_iter().filter_map(|(order, place)| {
                    let flagged_since = Timestamp::parse_rfc3339(&place.at).ok().filter(|_| is_flagged);
                    let waits = Wait::of(&order, flagged_since, context.received_at)?;
                    // A flagged order is in the list of those, with the time since which it is.
                    let is_of_person = matches!(waits.on, WaitsOn::Person(_));
                    let place = LinePosition { key: order.number.to_string(), at: waits.since.to_string() };
                    let line = OrderLine { order, flagged_since, waits: Some(waits) };
                    (is_of_person == is_flagged).then_some((line, place))
                }));
            }
        }
        stuck.retain(|(_, place)| {
            filter.after.as_ref().is_none_or(|after| (&place.at, &place.key) > (&after.at, &after.key))
        });
        stuck.sort_by(|(_, one), (_, other)| (&one.at, &one.key).cmp(&(&other.at, &other.key)));
        for (line, place) in stuck {
            if !self.add(line, place, filter) {
                break;
            }
        }
        // Those that were not read may have waited for longer, so no page goes on behind the last one.
        if has_unread && !self.has_more {
            (self.has_more, self.next) = (true, None);
        }
        Ok(())
    }
}
