//! What a text names: orders, events, holds, keys, codes and owners. Point reads in a few batches, and at most one query
//! of an index for each thing that has no row of its own.

use ledger::{
    CallContext, Code, CommitError, EventKey, Hold, House, Lane, Order, OrderNumber, Owed, Owner, RowKeys, Source,
    StoredKey, Subscription, UnreadableRow,
};

use crate::names::{Names, spellings};
use crate::{EventRow, Readable, Typed};

/// An owner has ten keys or a hundred events in a lane; more are counted as so many.
const LANE_ROWS_MAX: u32 = 100;

/// A thing that exists under the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Order(Box<FoundOrder>),
    /// An event or entry without an order.
    Event(Box<EventRow>),
    Hold(Box<Hold>),
    Key(Box<StoredKey>),
    Code(Box<Code>),
    Owner(Owner),
    /// Refused usage that waits for a key, an owner or a price.
    Lane(Lane, Vec<Owed>),
    /// The row exists, and this release cannot read it.
    Unreadable(UnreadableRow),
}

/// An order, and what of it the text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOrder {
    pub number: OrderNumber,
    /// `None`: an event names an order that does not exist.
    pub order: Option<Order>,
    /// The rows of the journal that the text names.
    pub rows: Vec<EventRow>,
    pub subscription: Option<Subscription>,
}

impl Found {
    /// A text that names this and nothing else.
    pub fn exact(&self) -> String {
        match self {
            Self::Order(found) => {
                found.rows.first().map_or_else(|| format!("order#{}", found.number), |row| row.key.to_string())
            }
            Self::Event(row) => row.key.to_string(),
            Self::Hold(hold) => format!("hold#{}", hold.id),
            Self::Key(key) => key.id().row(),
            Self::Code(code) => format!("code#{}", code.hash),
            Self::Owner(owner) => format!("owner#{owner}"),
            Self::Lane(lane, _) => lane.to_string(),
            Self::Unreadable(row) => row.id.clone(),
        }
    }
}

/// All that the text names, or else what another spelling of it names. Nothing, if no row has it.
pub async fn find(
    ledger: &impl Readable,
    typed: &Typed<'_>,
    context: &CallContext<'_>,
) -> Result<Vec<Found>, CommitError> {
    let mut found = Box::pin(as_typed(ledger, typed, context)).await?;
    for text in spellings(typed.text) {
        if found.is_empty() {
            found = Box::pin(as_typed(ledger, &Typed { text: &text, ..*typed }, context)).await?;
        }
    }
    Ok(found)
}

async fn as_typed(
    ledger: &impl Readable,
    typed: &Typed<'_>,
    context: &CallContext<'_>,
) -> Result<Vec<Found>, CommitError> {
    let names = Names::of(typed);
    let mut all = Vec::new();
    let mut orders: Vec<FoundOrder> = Vec::new();
    let keys = RowKeys {
        orders: names.orders.clone(),
        pointers: names.pointers.clone(),
        subscriptions: names.subscriptions.clone(),
    };
    let rows = ledger.read_rows(&keys, context).await?;
    for (number, order) in rows.orders {
        match order {
            Ok(order) => orders.push(FoundOrder { number, order: Some(order), rows: Vec::new(), subscription: None }),
            Err(unreadable) => all.push(Found::Unreadable(unreadable)),
        }
    }
    let mut led_to = Vec::new();
    for pointer in rows.pointers.into_values() {
        match pointer {
            Ok(pointer) => led_to.push((pointer.order, None)),
            Err(unreadable) => all.push(Found::Unreadable(unreadable)),
        }
    }
    for subscription in rows.subscriptions.into_values() {
        match subscription {
            Ok(subscription) => led_to.push((subscription.order.clone(), Some(subscription))),
            Err(unreadable) => all.push(Found::Unreadable(unreadable)),
        }
    }
    let mut of_orders: Vec<(OrderNumber, EventRow)> = Vec::new();
    for event in ledger.events(&names.events, context).await?.into_values() {
        match event {
            Ok(event) => match event.order.clone() {
                Some(number) => of_orders.push((number, event)),
                None => all.push(Found::Event(Box::new(event))),
            },
            Err(unreadable) => all.push(Found::Unreadable(unreadable)),
        }
    }
    add_orders(ledger, &mut orders, led_to, of_orders, context).await?;
    let others = others(ledger, &names, context).await?;
    let own_uses: Vec<EventKey> = others.iter().filter_map(own_use).collect();
    all.retain(|found| !matches!(found, Found::Event(row) if own_uses.contains(&row.key)));
    Ok(orders.into_iter().map(|order| Found::Order(Box::new(order))).chain(all).chain(others).collect())
}

/// The hold itself has its charge.
fn own_use(found: &Found) -> Option<EventKey> {
    if let Found::Hold(hold) = found { Some(hold.id.own_use()) } else { None }
}

/// Orders that pointers, subscriptions and rows lead to, each once.
async fn add_orders(
    ledger: &impl Readable,
    orders: &mut Vec<FoundOrder>,
    led_to: Vec<(OrderNumber, Option<Subscription>)>,
    of_orders: Vec<(OrderNumber, EventRow)>,
    context: &CallContext<'_>,
) -> Result<(), CommitError> {
    let known: Vec<OrderNumber> = orders.iter().map(|found| found.number.clone()).collect();
    let numbers = led_to.iter().map(|(number, _)| number).chain(of_orders.iter().map(|(number, _)| number));
    let more = numbers.filter(|number| !known.contains(number)).cloned().collect();
    let mut rows = ledger.read_rows(&RowKeys { orders: more, ..RowKeys::default() }, context).await?.orders;
    let mut place = |orders: &mut Vec<FoundOrder>, number: &OrderNumber| {
        if let Some(place) = orders.iter().position(|found| found.number == *number) {
            return Ok(place);
        }
        let order = rows.remove(number).transpose()?;
        orders.push(FoundOrder { number: number.clone(), order, rows: Vec::new(), subscription: None });
        Ok::<_, UnreadableRow>(orders.len().saturating_sub(1))
    };
    for (number, subscription) in led_to {
        let at = place(orders, &number)?;
        if let Some(found) = orders.get_mut(at) {
            found.subscription = subscription.or(found.subscription.take());
        }
    }
    for (number, row) in of_orders {
        let at = place(orders, &number)?;
        // The order itself says when it was made.
        if let Some(found) = orders.get_mut(at).filter(|_| row.key != EventKey::of_order(&number)) {
            found.rows.push(row);
        }
    }
    Ok(())
}

/// What is no order and no event.
async fn others(ledger: &impl Readable, names: &Names, context: &CallContext<'_>) -> Result<Vec<Found>, CommitError> {
    let mut found = Vec::new();
    for id in &names.holds {
        found.extend(ledger.hold(id, context).await?.map(|hold| Found::Hold(Box::new(hold))));
    }
    for id in &names.keys {
        found.extend(ledger.key_as_stored(id, context).await?.map(|key| Found::Key(Box::new(key))));
    }
    // The port reads the wrong codes of an owner too; the house has none.
    let house = Owner::new(House::NAME).map_err(|error| CommitError::Refused(Box::new(error)))?;
    for hash in &names.codes {
        let (code, _) = ledger.code(hash, &house, context).await?;
        found.extend(code.map(|code| Found::Code(Box::new(code))));
    }
    for owner in &names.owners {
        if is_known(ledger, owner, context).await? {
            found.push(Found::Owner(owner.clone()));
        }
    }
    let has_key = found.iter().any(|found| matches!(found, Found::Key(_)));
    for lane in &names.lanes {
        // Usage of a key that is bound meanwhile is in the lane until its retry; the key has it.
        if has_key && matches!(lane, Lane::Key(_)) {
            continue;
        }
        let waiting = ledger.refused_in_lane(Source::Usage, lane, LANE_ROWS_MAX, context).await?;
        if !waiting.is_empty() {
            found.push(Found::Lane(lane.clone(), waiting));
        }
    }
    Ok(found)
}

/// Whether the owner has an account or an order.
async fn is_known(ledger: &impl Readable, owner: &Owner, context: &CallContext<'_>) -> Result<bool, CommitError> {
    if ledger.account_with_lots(&owner.account(ledger::Asset::CREDITS), context).await?.is_some() {
        return Ok(true);
    }
    let page = ledger.orders_of(owner, None, 1, context).await?;
    Ok(!page.orders.is_empty())
}
