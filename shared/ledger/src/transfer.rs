//! On-chain transfers: tokens that leave the ledger through a custodian, and the states of the custodian's transfer.

use crate::{
    AccountId, Amount, Anomaly, Effect, Fulfilment, Grant, Guard, House, Line, MoneyKey, Movement, Order, Posting,
    Reason, Timestamp,
};

/// By then every function that read the order while the transfer was due has ended, and the custodian rejects its
/// request.
const LAST_REQUEST_SECONDS: i64 = 120;

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
    /// To be requested, or requested without an answer so far: a repeated request is the same transfer. Our own status,
    /// unknown to the custodian.
    Due,
    /// Perhaps requested, for an amount that is not due any more. A query finds it, or it is released. Our own status,
    /// unknown to the custodian.
    InDoubt,
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
    /// The custodian has a different transfer under our key than the one that was requested. Our own status, unknown to
    /// the custodian.
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
    pub const ALL: [Self; 22] = [
        Self::Due,
        Self::InDoubt,
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
            Self::InDoubt => "IN_DOUBT",
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

    /// Reads the custodian's name of a status; rejects our own.
    pub fn of_custodian(name: &str) -> Option<Self> {
        Self::named(name).filter(|status| !matches!(status, Self::Due | Self::InDoubt | Self::Mismatched))
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
    /// `None` once it is erased: nothing is sent any more.
    pub wallet: Option<String>,
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
    /// Whether the custodian has not answered a request of the transfer yet.
    pub fn is_due(&self) -> bool {
        self.status == TransferStatus::Due
    }

    pub fn is_under_way(&self) -> bool {
        !self.is_due() && !self.status.is_over()
    }

    /// Whether a transfer that a query does not find now was never requested, and never will be.
    fn is_disproved_by_query(&self, now: Timestamp) -> bool {
        self.status == TransferStatus::InDoubt && self.at.plus_seconds(LAST_REQUEST_SECONDS) <= now
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
        let is_as_due = |transfer: &Transfer| transfer.is_due() && self.on_chain_due() == Some(transfer.amount);
        self.transfer.as_ref().is_some_and(is_as_due) && !self.is_disputed() && self.has_wallet()
    }

    /// Registers the transfer of the tokens that are due. A registered one keeps its amount, in which it may have been
    /// requested: if another is due now, only a query tells.
    pub(crate) fn register_transfer(&mut self, onto_chain: bool, now: Timestamp) {
        let (due, has_wallet) = (self.on_chain_due(), self.has_wallet());
        match &mut self.transfer {
            Some(transfer) if transfer.is_due() && due != Some(transfer.amount) => {
                (transfer.status, transfer.at) = (TransferStatus::InDoubt, now);
            }
            None if onto_chain && has_wallet => {
                let status = TransferStatus::Due;
                self.transfer = due.map(|amount| Transfer { id: None, status, amount, at: now });
            }
            Some(_) | None => {}
        }
    }

    /// Ends the doubt after a query that did not find the transfer, and registers what is due instead, if anything. No
    /// effects while a request may still arrive.
    pub fn release_transfer(&self, now: Timestamp) -> Vec<Effect> {
        if !self.transfer.as_ref().is_some_and(|transfer| transfer.is_disproved_by_query(now)) {
            return Vec::new();
        }
        let mut after = self.clone();
        after.transfer = None;
        after.register_transfer(true, now);
        self.change_to(after)
    }

    /// Checks that the custodian's transfer under `key` is exactly the one that was requested, whatever is due now.
    pub fn compare_transfer(
        &self,
        id: &str,
        key: &MoneyKey,
        status: TransferStatus,
        found: &TransferDetails,
    ) -> Result<(), Anomaly> {
        let anomaly = |reason, details| Err(Anomaly { reason, details, payment: None });
        let Some(requested) = self.allocation().filter(|requested| requested.key == *key) else {
            return anomaly(
                Reason::OrderMismatch,
                format!("transfer {id} has the key {key}, under which nothing is due"),
            );
        };
        if let Some(known) = self.transfer_id().filter(|known| *known != id) {
            let details = format!("transfer {id} has the key {key} of transfer {known}");
            return anomaly(Reason::OrderMismatch, details);
        }
        if found.asset != requested.asset {
            let details = format!("transfer {id} sends {}; {} was requested", found.asset, requested.asset);
            return anomaly(Reason::AssetMismatch, details);
        }
        match (&found.wallet, &requested.wallet) {
            (Some(wallet), Some(requested)) if is_same_wallet(wallet, requested) => {}
            (Some(_), Some(_)) => {
                // Without the address, which may be a person's and stays in the journal.
                return anomaly(Reason::DestinationMismatch, format!("transfer {id} goes to another wallet"));
            }
            // The wallet is erased after the transfer has ended, which was compared under the same id before.
            (_, None) if self.transfer_id() == Some(id) => {}
            (_, None) => {
                return anomaly(Reason::DestinationMismatch, format!("transfer {id} came after its wallet was erased"));
            }
            (None, Some(_)) if status.has_left() => {
                return anomaly(Reason::DestinationMismatch, format!("transfer {id} names no destination"));
            }
            // Checked once the custodian names it.
            (None, Some(_)) => {}
        }
        let (requested, sent) = (requested.amount.decimal(requested.scale), found.amount.decimal(Amount::SCALE_MAX));
        if requested != sent {
            return anomaly(Reason::AmountMismatch, format!("transfer {id} sends {sent}; {requested} was requested"));
        }
        Ok(())
    }

    /// Records that the custodian's transfer under our key is not the one that was requested. It is not accepted, nothing
    /// else is sent under that key, and a person has to look at it.
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
            None if self.lacks_wallet() => Fulfilment::Failed,
            None => Fulfilment::None,
            Some(TransferStatus::Completed) => Fulfilment::Done,
            Some(status) if status.has_failed() => Fulfilment::Failed,
            Some(_) => Fulfilment::Pending,
        }
    }
}
