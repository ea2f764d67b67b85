//! On-chain transfers: tokens that leave the ledger through a custodian, and the states of the custodian's transfer.

use crate::{
    AccountId, Amount, Anomaly, Effect, Fulfilment, Grant, Guard, House, Line, MoneyKey, Movement, Order, Posting,
    Reason, Timestamp,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The custodian's id, once it has answered.
    pub id: Option<String>,
    pub status: TransferStatus,
    /// The requested amount.
    pub amount: Amount,
    /// When it entered this status.
    pub at: Timestamp,
}

/// The custodian's statuses, ordered by which replaces which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransferStatus {
    /// Still to be requested. Our own status, unknown to the custodian.
    Due,
    Submitted,
    PendingAmlScreening,
    Pending,
    PendingAuthorization,
    Queued,
    PendingSignature,
    Pending3rdPartyManualApproval,
    Pending3rdParty,
    Broadcasting,
    Confirming,
    Confirmed,
    Cancelling,
    /// The custodian has a different transfer under our key than the one that is due. Our own status, unknown to the
    /// custodian.
    Mismatched,
    PartiallyCompleted,
    Timeout,
    Cancelled,
    Rejected,
    Blocked,
    Failed,
    Completed,
}

impl TransferStatus {
    pub const ALL: [Self; 21] = [
        Self::Due,
        Self::Submitted,
        Self::PendingAmlScreening,
        Self::Pending,
        Self::PendingAuthorization,
        Self::Queued,
        Self::PendingSignature,
        Self::Pending3rdPartyManualApproval,
        Self::Pending3rdParty,
        Self::Broadcasting,
        Self::Confirming,
        Self::Confirmed,
        Self::Cancelling,
        Self::Mismatched,
        Self::PartiallyCompleted,
        Self::Timeout,
        Self::Cancelled,
        Self::Rejected,
        Self::Blocked,
        Self::Failed,
        Self::Completed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "DUE",
            Self::Submitted => "SUBMITTED",
            Self::PendingAmlScreening => "PENDING_AML_SCREENING",
            Self::Pending => "PENDING",
            Self::PendingAuthorization => "PENDING_AUTHORIZATION",
            Self::Queued => "QUEUED",
            Self::PendingSignature => "PENDING_SIGNATURE",
            Self::Pending3rdPartyManualApproval => "PENDING_3RD_PARTY_MANUAL_APPROVAL",
            Self::Pending3rdParty => "PENDING_3RD_PARTY",
            Self::Broadcasting => "BROADCASTING",
            Self::Confirming => "CONFIRMING",
            Self::Confirmed => "CONFIRMED",
            Self::Cancelling => "CANCELLING",
            Self::Mismatched => "MISMATCHED",
            Self::PartiallyCompleted => "PARTIALLY_COMPLETED",
            Self::Timeout => "TIMEOUT",
            Self::Cancelled => "CANCELLED",
            Self::Rejected => "REJECTED",
            Self::Blocked => "BLOCKED",
            Self::Failed => "FAILED",
            Self::Completed => "COMPLETED",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Reads the custodian's name of a status; rejects our own two.
    pub fn of_custodian(name: &str) -> Option<Self> {
        Self::named(name).filter(|status| !matches!(status, Self::Due | Self::Mismatched))
    }

    pub fn is_over(self) -> bool {
        self >= Self::Mismatched
    }

    /// Whether the tokens are on chain in this status: before that, the custodian may not name a destination.
    pub const fn has_left(self) -> bool {
        matches!(self, Self::Confirming | Self::Confirmed | Self::PartiallyCompleted | Self::Completed)
    }

    pub fn has_failed(self) -> bool {
        self.is_over() && self != Self::Completed
    }
}

/// A transfer to request from the custodian. The key is the idempotency key of the request, so that a repeated request
/// sends once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    pub key: MoneyKey,
    /// The custodian's name of the asset.
    pub asset: String,
    pub wallet: String,
    pub amount: Amount,
    pub scale: u8,
}

/// A transfer as the custodian describes it, by webhook or in answer to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferDetails {
    pub asset: String,
    /// `None` if the custodian does not name it yet.
    pub wallet: Option<String>,
    /// In units of 10^-18, whatever the token's own scale is.
    pub amount: Amount,
}

/// Whether two addresses are equal. In hexadecimal addresses the case of the letters is only a checksum.
pub fn is_same_wallet(this: &str, that: &str) -> bool {
    let is_hexadecimal =
        |text: &str| text.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    this == that || (is_hexadecimal(this) && is_hexadecimal(that) && this.eq_ignore_ascii_case(that))
}

impl Transfer {
    /// Whether the transfer has not been requested yet.
    pub fn is_due(&self) -> bool {
        self.status == TransferStatus::Due
    }

    pub fn is_under_way(&self) -> bool {
        !self.is_due() && !self.status.is_over()
    }
}

/// Tokens that have arrived at a wallet on chain, and so leave the customer's account.
pub(crate) struct Withdrawal {
    pub(crate) key: MoneyKey,
    pub(crate) account: AccountId,
    amount: Amount,
}

impl Withdrawal {
    pub(crate) fn posting(&self) -> Posting {
        Posting::from_customer(self.account.clone(), House::OnChain, self.amount)
    }

    fn movement(self) -> Movement {
        // The tokens are gone, whatever the account holds: a refund in the meantime leaves a debt.
        Movement { posting: self.posting(), key: self.key, guard: Guard::Always, reverses: None, lots: Vec::new() }
    }
}

impl Order {
    /// `None` until the transfer is completed. Completion is final, so this is posted once.
    pub(crate) fn withdrawal(&self) -> Option<Withdrawal> {
        let transfer = self.transfer.as_ref().filter(|transfer| transfer.status == TransferStatus::Completed)?;
        let line = self.on_chain_line()?;
        let share = self.shares().into_iter().find(|share| share.line == line)?;
        let Line::Grant(grant) = line else { return None };
        let key = MoneyKey::of_sent(&self.number, grant);
        Some(Withdrawal { key, account: share.account, amount: transfer.amount })
    }

    /// `None` if the order sends nothing on chain.
    pub fn allocation(&self) -> Option<Allocation> {
        let mut grants = (1..).zip(&self.terms.grants);
        grants.find_map(|(n, grant)| match grant {
            Grant::Token { scale, amount, on_chain: Some(on_chain), .. } => Some(Allocation {
                key: MoneyKey::of_line(&self.number, Line::Grant(n)),
                asset: on_chain.asset.clone(),
                wallet: on_chain.wallet.clone(),
                amount: self.transfer.as_ref().map_or(*amount, |transfer| transfer.amount),
                scale: *scale,
            }),
            Grant::Token { .. }
            | Grant::Credits(_)
            | Grant::CreditsEachPeriod(_)
            | Grant::Expiring { .. }
            | Grant::Report(_)
            | Grant::TopUp(_) => None,
        })
    }

    /// The custodian's id of the transfer, once the custodian itself has reported it.
    pub fn transfer_id(&self) -> Option<&str> {
        self.transfer.as_ref()?.id.as_deref()
    }

    /// Whether to request the transfer now. A transfer is irrevocable, so it waits while a dispute is open.
    pub fn is_to_be_sent(&self) -> bool {
        self.transfer.as_ref().is_some_and(Transfer::is_due) && !self.is_disputed()
    }

    /// Checks that the custodian's transfer under `key` is exactly the one that is due.
    pub fn compare_transfer(
        &self,
        id: &str,
        key: &MoneyKey,
        status: TransferStatus,
        found: &TransferDetails,
    ) -> Result<(), Anomaly> {
        let anomaly = |reason, details| Err(Anomaly { reason, details, payment: None });
        let Some(due) = self.allocation().filter(|due| due.key == *key) else {
            return anomaly(
                Reason::OrderMismatch,
                format!("transfer {id} has the key {key}, under which nothing is due"),
            );
        };
        if let Some(known) = self.transfer_id().filter(|known| *known != id) {
            let details = format!("transfer {id} has the key {key} of transfer {known}");
            return anomaly(Reason::OrderMismatch, details);
        }
        if found.asset != due.asset {
            let details = format!("transfer {id} sends {}; {} was requested", found.asset, due.asset);
            return anomaly(Reason::AssetMismatch, details);
        }
        match &found.wallet {
            Some(wallet) if is_same_wallet(wallet, &due.wallet) => {}
            Some(wallet) => {
                return anomaly(Reason::DestinationMismatch, format!("transfer {id} goes to {wallet}"));
            }
            None if status.has_left() => {
                return anomaly(Reason::DestinationMismatch, format!("transfer {id} names no destination"));
            }
            // Checked once the custodian names it.
            None => {}
        }
        let (due, sent) = (due.amount.decimal(due.scale), found.amount.decimal(Amount::SCALE_MAX));
        if due != sent {
            return anomaly(Reason::AmountMismatch, format!("transfer {id} sends {sent}; {due} was requested"));
        }
        Ok(())
    }

    /// Records that the custodian's transfer under our key is not the one that is due. It is not accepted, nothing else
    /// is sent under that key, and a person has to look at it.
    pub fn reject_transfer(&self, anomaly: &Anomaly, at: Timestamp) -> Vec<Effect> {
        let mut after = self.clone();
        if let Some(transfer) = after.transfer.as_mut().filter(|transfer| !transfer.status.is_over()) {
            (transfer.status, transfer.at) = (TransferStatus::Mismatched, at);
        }
        after.anomalies.apply(anomaly.clone());
        self.change_to(after)
    }

    /// Records a status of the transfer. A status never goes back, and a failed one is flagged for a person. When the
    /// transfer completes, the tokens leave their owner's account.
    pub fn apply_transfer_status(&self, id: &str, status: TransferStatus, at: Timestamp) -> Vec<Effect> {
        let Some(allocation) = self.allocation() else {
            return Vec::new();
        };
        let mut after = self.clone();
        let known = after.transfer.get_or_insert(Transfer {
            id: None,
            status: TransferStatus::Due,
            amount: allocation.amount,
            at,
        });
        if known.id.is_none() {
            known.id = Some(id.to_owned());
        }
        if status > known.status {
            (known.status, known.at) = (status, at);
        }
        if known.status.has_failed() {
            let details = format!("transfer {id} is {}", known.status.as_str());
            after.anomalies.enter(Reason::TransferFailed, || details);
        } else {
            after.anomalies.leave(Reason::TransferFailed);
        }
        let withdrawal = after.withdrawal().filter(|_| self.withdrawal().is_none());
        let mut effects = self.change_to(after);
        effects.extend(withdrawal.map(|withdrawal| Effect::Move(withdrawal.movement())));
        effects
    }

    pub(crate) fn transfer_progress(&self) -> Fulfilment {
        match self.transfer.as_ref().map(|transfer| transfer.status) {
            None => Fulfilment::None,
            Some(TransferStatus::Completed) => Fulfilment::Done,
            Some(status) if status.has_failed() => Fulfilment::Failed,
            Some(_) => Fulfilment::Pending,
        }
    }
}
