//! The rows that a decision needs, read at once: orders, pointers to them, and subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::{CommitError, Order, OrderNumber, Pointer, Reference, Subscription};

/// The keys of the rows to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowKeys {
    pub orders: BTreeSet<OrderNumber>,
    pub pointers: BTreeSet<Pointer>,
    pub subscriptions: BTreeSet<Reference>,
}

/// The rows that exist. They were read in one round trip, each consistently, and not in one instant: every write is
/// conditional on the row that it changes.
///
/// A row that cannot be read is an error only for the decision that needs it: the order that a signed event names does
/// not depend on a pointer that another function has written.
#[derive(Debug, Default)]
pub struct Rows {
    pub orders: BTreeMap<OrderNumber, Result<Order, UnreadableRow>>,
    pub pointers: BTreeMap<Pointer, Result<PointerRow, UnreadableRow>>,
    pub subscriptions: BTreeMap<Reference, Result<Subscription, UnreadableRow>>,
}

/// Where a pointer leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerRow {
    pub order: OrderNumber,
    /// The invoice that the payment paid, if the row names one.
    pub invoice: Option<Reference>,
}

/// A row with a missing or invalid attribute.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the row {id} has no valid {attribute}")]
pub struct UnreadableRow {
    pub id: String,
    pub attribute: &'static str,
}

impl From<UnreadableRow> for CommitError {
    fn from(row: UnreadableRow) -> Self {
        Self::Refused(Box::new(row))
    }
}

impl RowKeys {
    /// One subscription.
    pub fn of_subscription(reference: Reference) -> Self {
        Self { subscriptions: [reference].into(), ..Self::default() }
    }

    /// One order.
    pub fn of_order(number: OrderNumber) -> Self {
        Self { orders: [number].into(), ..Self::default() }
    }
}

impl Rows {
    pub fn order(&self, number: &OrderNumber) -> Result<Option<Order>, UnreadableRow> {
        self.orders.get(number).cloned().transpose()
    }

    /// Whether the pointer's row exists, readable or not.
    pub fn has_pointer(&self, pointer: &Pointer) -> bool {
        self.pointers.contains_key(pointer)
    }

    pub fn pointer(&self, pointer: &Pointer) -> Result<Option<PointerRow>, UnreadableRow> {
        self.pointers.get(pointer).cloned().transpose()
    }

    pub fn subscription(&self, reference: &Reference) -> Result<Option<Subscription>, UnreadableRow> {
        self.subscriptions.get(reference).cloned().transpose()
    }
}
