//! Tokens on their way out of the books: a transfer at the custodian, which has a life of its own.

use crate::{
    AccountId, Amount, Anomaly, Effect, Fulfilment, Grant, Guard, House, Line, MoneyKey, Movement, Order, Posting,
    Reason, Timestamp,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The custodian's, once it has answered.
    pub id: Option<String>,
    pub status: TransferStatus,
    /// What it is asked to send.
    pub amount: Amount,
    /// When it came to this.
    pub at: Timestamp,
}

/// The custodian's words, in the order in which one replaces the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransferStatus {
    /// To be asked for: ours, and none of the custodian's.
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
    /// What the custodian has under our key is not what is due: ours, and none of the custodian's.
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

    /// As the custodian names it; none of the words that are ours.
    pub fn of_custodian(name: &str) -> Option<Self> {
        Self::named(name).filter(|status| !matches!(status, Self::Due | Self::Mismatched))
    }

    pub fn is_over(self) -> bool {
        self >= Self::Mismatched
    }

    /// Whether tokens are on the chain by then: until they are, the custodian may not say where they go.
    pub const fn has_left(self) -> bool {
        matches!(self, Self::Confirming | Self::Confirmed | Self::PartiallyCompleted | Self::Completed)
    }

    pub fn has_failed(self) -> bool {
        self.is_over() && self != Self::Completed
    }
}

/// What the custodian is asked to send, and under which name: asked twice under one name, it sends once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    pub key: MoneyKey,
    /// As the custodian names it.
    pub asset: String,
    pub wallet: String,
    pub amount: Amount,
    pub scale: u8,
}

/// A transfer as the custodian describes it, by webhook or when it is queried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferDetails {
    pub asset: String,
    /// `None` where it does not say so yet.
    pub wallet: Option<String>,
    /// In units of which 10^18 make one, whatever the token's own are.
    pub amount: Amount,
}

/// Whether two addresses are one. Of those in hexadecimal the case of a letter is no more than a check of the others.
pub fn is_same_wallet(this: &str, that: &str) -> bool {
    let is_hexadecimal =
        |text: &str| text.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    this == that || (is_hexadecimal(this) && is_hexadecimal(that) && this.eq_ignore_ascii_case(that))
}

impl Transfer {
    /// Whether the custodian is still to be asked for it.
    pub fn is_due(&self) -> bool {
        self.status == TransferStatus::Due
    }

    pub fn is_under_way(&self) -> bool {
        !self.is_due() && !self.status.is_over()
    }
}

/// Tokens that have arrived at a wallet on chain, and so are no longer in the customer's account.
pub(crate) struct Departure {
    pub(crate) key: MoneyKey,
    pub(crate) account: AccountId,
    amount: Amount,
}

impl Departure {
    pub(crate) fn posting(&self) -> Posting {
        Posting::from_customer(self.account.clone(), House::OnChain, self.amount)
    }

    fn movement(self) -> Movement {
        // The tokens are gone, whatever the account holds: what was refunded in the meantime is owed.
        Movement { posting: self.posting(), key: self.key, guard: Guard::Always, reverses: None }
    }
}

impl Order {
    /// `None` until its transfer is completed. A transfer that is completed stays so, so this is posted once.
    pub(crate) fn departure(&self) -> Option<Departure> {
        let transfer = self.transfer.as_ref().filter(|transfer| transfer.status == TransferStatus::Completed)?;
        let line = self.leaving_line()?;
        let share = self.shares().into_iter().find(|share| share.line == line)?;
        let Line::Grant(grant) = line else { return None };
        let key = MoneyKey::of_sent(&self.number, grant);
        Some(Departure { key, account: share.account, amount: transfer.amount })
    }

    /// `None` of an order that sends nothing out of the books.
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
            | Grant::Report(_)
            | Grant::TopUp(_) => None,
        })
    }

    /// The custodian's id of its transfer, once that is known from the custodian itself.
    pub fn transfer_id(&self) -> Option<&str> {
        self.transfer.as_ref()?.id.as_deref()
    }

    /// Whether the custodian is to be asked for its transfer now. What is sent does not come back, so it waits for an open dispute.
    pub fn is_to_be_sent(&self) -> bool {
        self.transfer.as_ref().is_some_and(Transfer::is_due) && !self.is_disputed()
    }

    /// A transfer that the custodian has under `key` must be what is due, to the last unit and the last letter.
    pub fn compare_transfer(
        &self,
        id: &str,
        key: &MoneyKey,
        status: TransferStatus,
        found: &TransferDetails,
    ) -> Result<(), Anomaly> {
        let anomaly = |reason, details| Err(Anomaly { reason, details, payment: None });
        let Some(due) = self.allocation().filter(|due| due.key == *key) else {
            return anomaly(Reason::OrderMismatch, format!("transfer {id} is for {key}, which sends nothing"));
        };
        if let Some(known) = self.transfer_id().filter(|known| *known != id) {
            let details = format!("transfer {id} is for {key}, as transfer {known} is already");
            return anomaly(Reason::OrderMismatch, details);
        }
        if found.asset != due.asset {
            let details = format!("transfer {id} is of {}; asked for was {}", found.asset, due.asset);
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
            // It is compared when it is named.
            None => {}
        }
        let (due, sent) = (due.amount.decimal(due.scale), found.amount.decimal(Amount::SCALE_MAX));
        if due != sent {
            return anomaly(Reason::AmountMismatch, format!("transfer {id} is of {sent}; asked for was {due}"));
        }
        Ok(())
    }

    /// What the custodian has under our key is not what is due: nothing of it is taken over, nothing else is sent under that key, and a
    /// person looks at it.
    pub fn reject_transfer(&self, anomaly: &Anomaly, at: Timestamp) -> Vec<Effect> {
        let mut after = self.clone();
        if let Some(transfer) = after.transfer.as_mut().filter(|transfer| !transfer.status.is_over()) {
            (transfer.status, transfer.at) = (TransferStatus::Mismatched, at);
        }
        after.anomalies.learn(anomaly.clone());
        self.changed_to(after)
    }

    /// What has become of it. A status never goes back; that one has failed is for somebody to look at. With the status that it is
    /// completed, the tokens leave their owner's account.
    pub fn learn_transfer(&self, id: &str, status: TransferStatus, at: Timestamp) -> Vec<Effect> {
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
        let departure = after.departure().filter(|_| self.departure().is_none());
        let mut effects = self.changed_to(after);
        effects.extend(departure.map(|departure| Effect::Move(departure.movement())));
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
