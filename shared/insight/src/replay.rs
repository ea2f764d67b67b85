//! The retry of refused events that a person asks for: which events a text names, and whether each can be tried again.
//!
//! Who asks holds no secret that verifies a delivery, so an event is only made due. `reconcile` verifies and books it
//! within a minute, as it does every other one; a delivery of the sender at the same moment books it once.

use ledger::{CallContext, CommitError, EventKey, Order, Owed, PaymentState};

use crate::{EventRow, Events, Found, Readable, Typed, Why, find};

/// What is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayable {
    /// Refused events, each with a delivery that is still kept; and why others of the same name are left out.
    Events(Vec<EventRow>, Vec<NotReplayable>),
    /// An order that is not paid, and of which no event was refused: its provider is queried, and what it reports booked.
    Query(Box<Order>),
}

/// Why nothing is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReplayable {
    /// No refused event has the name.
    Nothing,
    /// It is booked already.
    Booked(String),
    /// It contradicts the event that has its key, and stays so.
    Conflict(String),
    /// Nothing is kept that could be verified.
    NoDelivery(String),
}

impl NotReplayable {
    /// The event, if one has the name.
    pub fn event(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Booked(key) | Self::Conflict(key) | Self::NoDelivery(key) => Some(key),
        }
    }
}

/// What the text names that can be tried again.
pub async fn replayable<L: Readable>(
    ledger: &L,
    typed: &Typed<'_>,
    context: &CallContext<'_>,
) -> Result<Result<Replayable, NotReplayable>, CommitError> {
    let found = find(ledger, typed, context).await?;
    if let [Found::Order(found)] = found.as_slice()
        && let Some(order) = found.order.as_ref().filter(|order| found.rows.is_empty() && is_open(order))
    {
        return Ok(Ok(Replayable::Query(Box::new(order.clone()))));
    }
    let mut rows: Vec<EventRow> = Vec::new();
    for found in found {
        match found {
            Found::Event(row) => rows.push(*row),
            Found::Order(found) => rows.extend(found.rows),
            Found::Lane(_, waiting) => {
                let keys = waiting.iter().map(Owed::receipt).collect();
                rows.extend(ledger.events(&keys, context).await?.into_values().filter_map(Result::ok));
            }
            Found::Hold(_) | Found::Key(_) | Found::Code(_) | Found::Owner(_) | Found::Unreadable(_) => {}
        }
    }
    let booked: Option<EventKey> = rows.iter().find(|row| row.is_booked()).map(|row| row.key.clone());
    rows.retain(|row| !row.is_booked());
    if rows.is_empty() {
        let why = booked.map_or(NotReplayable::Nothing, |key| NotReplayable::Booked(key.to_string()));
        return Ok(Err(why));
    }
    let (rows, mut skipped) = apart(ledger, rows, context).await?;
    if rows.is_empty() {
        return Ok(Err(skipped.pop().unwrap_or(NotReplayable::Nothing)));
    }
    Ok(Ok(Replayable::Events(rows, skipped)))
}

/// Those that can be tried again, and why the others cannot: one of them keeps no other one waiting.
pub async fn apart<L: Events>(
    ledger: &L,
    rows: Vec<EventRow>,
    context: &CallContext<'_>,
) -> Result<(Vec<EventRow>, Vec<NotReplayable>), CommitError> {
    let (mut good, mut skipped) = (Vec::new(), Vec::new());
    for row in rows {
        match why_not(ledger, &row, context).await? {
            None => good.push(row),
            Some(why) => skipped.push(why),
        }
    }
    Ok((good, skipped))
}

/// A replay verifies what was delivered: it needs a delivery, and one that contradicts nothing.
async fn why_not<L: Events>(
    ledger: &L,
    row: &EventRow,
    context: &CallContext<'_>,
) -> Result<Option<NotReplayable>, CommitError> {
    if row.refused_for() == Some(&Why::Conflict) {
        return Ok(Some(NotReplayable::Conflict(row.key.to_string())));
    }
    let is_kept = row.is_of_sender() && ledger.delivery(row, context).await?.is_some();
    Ok((!is_kept).then(|| NotReplayable::NoDelivery(row.key.to_string())))
}

const fn is_open(order: &Order) -> bool {
    matches!(order.payment, PaymentState::Unpaid | PaymentState::Failed)
}
