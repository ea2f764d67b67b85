//! On whose side a moment of a chain happened: a timeline shows them beside one another.

use crate::Happened;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// A payment provider, an operator, an LLM gateway: what it has sent or done.
    Provider,
    /// What hookledger has done.
    Ours,
    /// The shop, its buyer, and people who act by hand.
    Shop,
}

impl Side {
    pub const ALL: [Self; 3] = [Self::Provider, Self::Ours, Self::Shop];
}

impl Happened {
    pub const fn side(&self) -> Side {
        match self {
            Self::PageOpened { .. }
            | Self::Delivered { .. }
            | Self::Queried
            | Self::Paid { .. }
            | Self::Refunded { .. }
            | Self::Dispute { .. }
            | Self::TopUp(_)
            | Self::Transfer { .. }
            | Self::Subscription(_) => Side::Provider,
            Self::Signed
            | Self::Refused { .. }
            | Self::Booked { .. }
            | Self::Closed(_)
            | Self::Posted { .. }
            | Self::Fulfilment(_)
            | Self::HoldOpened { .. }
            | Self::HoldClosed(_)
            | Self::KeyRevoked
            | Self::CodeLeft { .. }
            | Self::Balance { .. }
            | Self::Spent { .. }
            | Self::Waiting { .. }
            | Self::Audited => Side::Ours,
            Self::OrderMade { .. }
            | Self::ByHand { .. }
            | Self::Accepted { .. }
            | Self::KeyMade { .. }
            | Self::OrderOf { .. } => Side::Shop,
        }
    }
}
