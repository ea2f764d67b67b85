//! The limit on unpaid orders per owner: each owner has a number of places, in a row that lists the orders which took
//! one.
//!
//! An order that ends does not return its place, so no place can be lost. When the row is full, the orders in it show
//! which still hold a place, and the others are removed.

use crate::{Order, PaymentState, Timestamp};

/// No provider's payment page stays open longer than two days, and the sweep closes unpaid orders by then. An order
/// that it cannot close, for example because its provider cannot be queried, must not keep its owner from buying.
const HOLDS_PLACE_SECONDS_MAX: u64 = 3 * 24 * 60 * 60;

impl Order {
    /// Whether the order counts against its owner's limit of unpaid orders.
    pub fn holds_place(&self, now: Timestamp) -> bool {
        matches!(self.payment, PaymentState::Unpaid | PaymentState::Failed)
            && now.seconds_apart(self.created_at) < HOLDS_PLACE_SECONDS_MAX
    }
}
