//! What the delivery of a paid order waits for, and since when.

use ledger::{Fulfilment, Order, Reason, Timestamp, TransferStatus, Work};

/// Deliveries that go well end before: the stream starts them within a second, and an operator's call takes two minutes.
const STUCK_AFTER_SECONDS: u64 = 120;
/// A transfer on chain, or a top-up that its operator has accepted, takes longer.
const STUCK_AT_PROVIDER_AFTER_SECONDS: u64 = 300;

/// What the delivery of an order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    pub on: WaitsOn,
    pub since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitsOn {
    /// The worker: the sweep `unfulfilled` tries it again.
    Worker,
    /// An operator, which has accepted a top-up.
    Operator,
    /// Fireblocks, which has accepted a transfer.
    Custodian,
    /// A person, about this.
    Person(Reason),
}

impl WaitsOn {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "fulfilment",
            Self::Operator => "operator",
            Self::Custodian => "fireblocks",
            Self::Person(reason) => reason.as_str(),
        }
    }
}

impl Wait {
    /// `None` if its delivery does not wait, or not for longer than it takes.
    pub(crate) fn of(order: &Order, flagged_since: Option<Timestamp>, now: Timestamp) -> Option<Self> {
        let paid_at = order.paid.as_ref()?.at;
        let is_open = matches!(order.fulfilment, Fulfilment::Pending | Fulfilment::Failed | Fulfilment::Unknown);
        if let (Some(reason), true) = (order.flagged_for(), is_open) {
            return Some(Self { on: WaitsOn::Person(reason), since: flagged_since.unwrap_or(paid_at) });
        }
        let (work, _) = order.work(now)?;
        let claimed = order.top_up_call.as_ref();
        let (on, since, after) = match work {
            Work::Payment(_) => return None,
            Work::Fulfilment => (WaitsOn::Worker, claimed.map_or(paid_at, |call| call.at), STUCK_AFTER_SECONDS),
            Work::PendingExternal => {
                let sent = order.transfer.as_ref().filter(|transfer| transfer.status != TransferStatus::Completed);
                let (on, since) = match (claimed.filter(|call| call.is_open()), sent) {
                    (Some(call), _) => (WaitsOn::Operator, call.at),
                    (None, sent) => (WaitsOn::Custodian, sent.map_or(paid_at, |transfer| transfer.at)),
                };
                (on, since, STUCK_AT_PROVIDER_AFTER_SECONDS)
            }
        };
        (since <= now && now.seconds_apart(since) >= after).then_some(Self { on, since })
    }
}
