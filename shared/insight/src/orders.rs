//! Lists of orders: those that were made, those of an owner, those that need a person, and those that wait. From the
//! sparse indexes, and each order as it is now.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use ledger::{
    CallContext, CommitError, DueOrder, Fulfilment, LinePosition, Listing, Order, OrderNumber, Owner, PaymentState,
    Reason, RowKeys, Statements, Timestamp, UnreadableRow, Work,
};

use crate::wait::{Wait, WaitsOn};
use crate::{ListFilter, newest};

/// What one read of rows returns at most.
const ROWS_PER_READ: u16 = 100;
/// The orders that one list reads, also if a filter leaves few of them.
const READ_MAX: usize = 1_000;
/// The kind of the journal row of an order that was made.
pub(crate) const MADE: &str = "order";

/// Which orders are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderChoice {
    /// Made since then.
    Made(Timestamp),
    /// Of an owner, made since then if there is such a time.
    Of(Owner, Option<Timestamp>),
    /// Flagged since then and still.
    Anomalies(Timestamp),
    /// Paid, and their delivery waits.
    Stuck,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFilter {
    pub choice: OrderChoice,
    pub status: Option<OrderStatus>,
    pub orders_max: usize,
}

/// A word for the state of an order's payment or its delivery, or `disputed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderStatus(&'static str);

impl OrderStatus {
    pub fn named(word: &str) -> Option<Self> {
        Self::words().into_iter().find(|known| *known == word).map(Self)
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
}

/// Orders that were made or flagged, the newest first; those that wait, the longest first.
pub async fn orders<L: Listing + Statements>(
    ledger: &L,
    filter: &OrderFilter,
    context: &CallContext<'_>,
) -> Result<OrderList, CommitError> {
    let mut list = OrderList::default();
    match &filter.choice {
        OrderChoice::Made(since) => {
            let rows_max = if filter.status.is_some() { READ_MAX } else { filter.orders_max };
            let made = ListFilter {
                since: *since,
                is_failed: Some(false),
                writer: None,
                kind: Some(MADE.to_owned()),
                rows_max,
            };
            let made = newest(ledger, &made, context).await?;
            list.has_more = made.has_more;
            let places = made.rows.into_iter().filter_map(|row| Some(LinePosition { key: row.order?, at: row.at }));
            list.read(ledger, &places.collect::<Vec<_>>(), filter, context).await?;
        }
        OrderChoice::Of(owner, since) => list.of_owner(ledger, owner, *since, filter, context).await?,
        OrderChoice::Anomalies(since) => {
            let orders_max = if filter.status.is_some() { READ_MAX } else { filter.orders_max };
            let places = flagged(ledger, *since, orders_max, context).await?;
            list.read(ledger, &places, filter, context).await?;
        }
        OrderChoice::Stuck => Box::pin(list.stuck(ledger, filter, context)).await?,
    }
    Ok(list)
}

/// The newest flagged orders, and one more than so many for each reason.
async fn flagged<L: Listing>(
    ledger: &L,
    since: Timestamp,
    orders_max: usize,
    context: &CallContext<'_>,
) -> Result<Vec<LinePosition>, CommitError> {
    let rows_max = u16::try_from(orders_max.min(READ_MAX)).unwrap_or(ROWS_PER_READ).saturating_add(1);
    let reads = Reason::ALL.iter().map(|reason| Box::pin(ledger.flagged_orders(*reason, since, rows_max, context)));
    let mut places: Vec<LinePosition> = try_join_all(reads).await?.into_iter().flatten().collect();
    places.sort_by(|one, other| (&other.at, &other.key).cmp(&(&one.at, &one.key)));
    Ok(places)
}

impl OrderList {
    /// Adds those of these orders that fit the filter, in this order.
    async fn read<L: Listing + Statements>(
        &mut self,
        ledger: &L,
        places: &[LinePosition],
        filter: &OrderFilter,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let is_of_flagged = matches!(filter.choice, OrderChoice::Anomalies(_));
        for chunk in places.chunks(ROWS_PER_READ.into()) {
            for (order, at) in self.lines(ledger, chunk, context).await? {
                if is_of_flagged && order.flagged_for().is_none() {
                    continue;
                }
                let flagged_since = at.filter(|_| is_of_flagged);
                if !self.add(OrderLine { order, flagged_since, waits: None }, filter) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// `false` if the list is full.
    fn add(&mut self, line: OrderLine, filter: &OrderFilter) -> bool {
        if filter.status.is_some_and(|status| !status.is_of(&line.order)) {
            return true;
        }
        if self.orders.len() >= filter.orders_max {
            self.has_more = true;
            return false;
        }
        self.orders.push(line);
        true
    }

    /// The orders as they are now, each with the time of its place.
    async fn lines<L: Listing + Statements>(
        &mut self,
        ledger: &L,
        places: &[LinePosition],
        context: &CallContext<'_>,
    ) -> Result<Vec<(Order, Option<Timestamp>)>, CommitError> {
        let numbers = places.iter().filter_map(|place| OrderNumber::new(&place.key).ok());
        let keys = RowKeys { orders: numbers.collect(), ..RowKeys::default() };
        let mut rows = ledger.read_rows(&keys, context).await?;
        let mut lines = Vec::new();
        for place in places {
            let row = OrderNumber::new(&place.key).ok().and_then(|number| rows.orders.remove(&number));
            match row {
                Some(Ok(order)) => lines.push((order, Timestamp::parse_rfc3339(&place.at).ok())),
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
        since: Option<Timestamp>,
        filter: &OrderFilter,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let (mut after, mut read) = (None, 0_usize);
        loop {
            let page = ledger.orders_of(owner, after.as_ref(), ROWS_PER_READ, context).await?;
            read = read.saturating_add(page.orders.len());
            for order in page.orders {
                match order {
                    Ok(order) if since.is_some_and(|since| order.created_at < since) => return Ok(()),
                    Ok(order) => {
                        if !self.add(OrderLine { order, flagged_since: None, waits: None }, filter) {
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
            if read >= READ_MAX {
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
        let rows_max = u16::try_from(READ_MAX).unwrap_or(u16::MAX);
        let waiting = [Work::Fulfilment, Work::PendingExternal];
        let waiting = try_join_all(waiting.map(|work| ledger.orders_with_work(work, rows_max, context))).await?;
        let place = |order: DueOrder| LinePosition { key: order.row.id, at: order.row.due_at };
        let waiting = waiting.into_iter().map(|orders| orders.into_iter().map(place).collect());
        let waiting: Vec<Vec<LinePosition>> = waiting.collect();
        let flagged = flagged(ledger, Timestamp::EPOCH, READ_MAX, context).await?;
        let is_full = |places: &Vec<LinePosition>| places.len() >= READ_MAX;
        self.has_more = waiting.iter().any(is_full) || is_full(&flagged);
        let mut stuck = Vec::new();
        for (places, is_flagged) in waiting.iter().map(|places| (places, false)).chain([(&flagged, true)]) {
            for chunk in places.chunks(ROWS_PER_READ.into()) {
                let lines = self.lines(ledger, chunk, context).await?;
                stuck.extend(lines.into_iter().filter_map(|(order, at)| {
                    let flagged_since = at.filter(|_| is_flagged);
                    let waits = Wait::of(&order, flagged_since, context.received_at)?;
                    // A flagged order is in the list of those, with the time since which it is.
                    let is_of_person = matches!(waits.on, WaitsOn::Person(_));
                    (is_of_person == is_flagged).then_some(OrderLine { order, flagged_since, waits: Some(waits) })
                }));
            }
        }
        let since = |line: &OrderLine| line.waits.map_or(Timestamp::EPOCH, |wait| wait.since);
        stuck.sort_by(|one, other| (since(one), &one.order.number).cmp(&(since(other), &other.order.number)));
        for line in stuck {
            if !self.add(line, filter) {
                break;
            }
        }
        Ok(())
    }
}
