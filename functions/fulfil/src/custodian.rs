//! Sends tokens on chain: a transfer at the custodian with the grant's key as its idempotency key, so that a retry
//! finds the same transfer.

use std::sync::Arc;

use edge::{Invocation, Keyring, Settings};
use ledger::{Allocation, Anomaly, Deadline, Fact, Ledger, Order, OrderNumber, TransferStatus};
use providers::{CallError, Fireblocks, FireblocksConfig, FireblocksKeys, Http, NewTransfer, SentTransfer};
use signing::{SecretError, Strength};

use crate::{COMMIT_WITHIN, CommitStatus, Fulfil, FulfilError, ROUNDS_MAX, SOURCE, WRITER};

#[derive(Debug)]
pub struct Custodian {
    pub http: Http,
    pub config: FireblocksConfig,
    pub keys: Keyring<FireblocksKeys>,
}

/// The custodian's live keys.
pub fn keys(settings: &Settings, _: Strength) -> Result<FireblocksKeys, (&'static str, SecretError)> {
    let [api_key, secret] = FireblocksKeys::SETTINGS;
    FireblocksKeys::parse(settings.setting(api_key), settings.setting(secret))
}

impl Custodian {
    fn fireblocks(&self, keys: Arc<FireblocksKeys>) -> Fireblocks {
        Fireblocks::new(self.http.clone(), self.config.clone(), keys)
    }

    async fn create(
        &self,
        new: &NewTransfer,
        invocation: &Invocation,
        until: Deadline,
    ) -> Result<SentTransfer, CallError> {
        let create = |keys| async move { self.fireblocks(keys).create(new, invocation.now, until).await };
        self.keys.call(invocation.now, CallError::is_of_the_key, create).await
    }

    pub(crate) async fn find(
        &self,
        allocation: &Allocation,
        invocation: &Invocation,
        until: Deadline,
    ) -> Result<Option<SentTransfer>, CallError> {
        let id = allocation.key.as_str();
        let find = |keys| async move { self.fireblocks(keys).find(id, invocation.now, until).await };
        self.keys.call(invocation.now, CallError::is_of_the_key, find).await
    }
}

impl Custodian {
    /// The status of the transaction that Fireblocks calls this, and the key that we gave it, if it is ours.
    pub async fn transaction(
        &self,
        id: &str,
        invocation: &Invocation,
    ) -> Result<Option<(Option<String>, String)>, CallError> {
        let find =
            |keys| async move { self.fireblocks(keys).transaction(id, invocation.now, invocation.deadline).await };
        let found = self.keys.call(invocation.now, CallError::is_of_the_key, find).await?;
        Ok(found.map(|(key, sent)| (key, sent.status)))
    }
}

impl<L: Ledger> Fulfil<L> {
    pub(crate) async fn send(&self, order: &Order, invocation: &Invocation) -> Result<(), FulfilError> {
        let (custodian, allocation) =
            self.custodian.as_ref().zip(order.allocation()).ok_or(FulfilError::NoCustodian)?;
        let wallet = allocation.wallet.ok_or(FulfilError::Erased)?;
        let new = NewTransfer {
            external_id: allocation.key.to_string(),
            asset: allocation.asset,
            amount: allocation.amount.decimal(allocation.scale),
            wallet,
        };
        let until = invocation.but_for(COMMIT_WITHIN).deadline;
        let sent = custodian.create(&new, invocation, until).await.map_err(FulfilError::Custodian)?;
        self.apply_transfer_status(&order.number, &sent, invocation).await
    }

    /// Records the transfer's status, with a retry after each concurrent commit, such as that of its own webhook.
    pub(crate) async fn apply_transfer_status(
        &self,
        number: &OrderNumber,
        sent: &SentTransfer,
        invocation: &Invocation,
    ) -> Result<(), FulfilError> {
        // An unknown status still means that the custodian accepted the transfer; its webhook will report the rest.
        let status = TransferStatus::of_custodian(&sent.status).unwrap_or(TransferStatus::Submitted);
        for _ in 0..ROUNDS_MAX {
            let Some(order) = self.ledger.order(number, &invocation.context()).await? else {
                return Ok(());
            };
            let facts = vec![("transfer", Fact::from(sent.id.as_str())), ("status", status.as_str().into())];
            let (kind, effects, alarm) = match compare(&order, sent, status) {
                Ok(()) => {
                    let effects = order.apply_transfer_status(&sent.id, status, invocation.now);
                    ("transferred", effects, status.has_failed().then_some("transfer_failed"))
                }
                Err(anomaly) => {
                    ("mismatched", order.reject_transfer(&anomaly, invocation.now), Some("transfer_mismatch"))
                }
            };
            let Some(decision) = order.step(WRITER, kind, facts, effects) else {
                return Ok(());
            };
            let status_of_commit = self.write(&decision, invocation).await?;
            if let Some(alarm) = alarm.filter(|_| status_of_commit == CommitStatus::Now) {
                edge::alarm(SOURCE, alarm, number.as_str());
            }
        }
        Err(FulfilError::TooManyConflicts)
    }
}

/// Compares an existing transfer with the grant. A transfer that was created just now carries no details, and matches.
fn compare(order: &Order, sent: &SentTransfer, status: TransferStatus) -> Result<(), Anomaly> {
    let key = order.allocation().map(|allocation| allocation.key);
    match key.zip(sent.details.as_ref()) {
        Some((key, details)) => order.compare_transfer(&sent.id, &key, status, details),
        None => Ok(()),
    }
}
