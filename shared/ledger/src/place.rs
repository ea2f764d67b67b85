//! The places of orders that wait for their payment. Each owner has so many, in a row that lists the orders which took one.
//!
//! Nothing gives a place back when an order ends, so none can be lost: where the row is full, the orders in it say which of them still
//! wait, and the others are struck off.

use crate::{Order, PaymentState, Timestamp};

/// No provider's page is open for longer than two days, and the sweep ends what is unpaid by then. What it cannot end, such as an
/// order that no provider can be asked about, must not keep its owner from buying.
const HOLDS_PLACE_SECONDS_MAX: u64 = 3 * 24 * 60 * 60;

impl Order {
    /// Whether it counts among those that its owner may have waiting at once.
    pub fn holds_place(&self, now: Timestamp) -> bool {
        matches!(self.payment, PaymentState::Unpaid | PaymentState::Failed)
            && now.seconds_apart(self.created_at) < HOLDS_PLACE_SECONDS_MAX
    }
}
