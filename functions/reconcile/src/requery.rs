//! Queries the provider for kept deliveries that cannot be verified: backfilled events, events that only a rotated-out
//! secret verifies, and transfers whose webhook names a key that Fireblocks no longer publishes.

use std::time::Duration;

use edge::Invocation;
use ledger::{Backlog, DueRow, EventKey, KeptBody, RefusedEvent, TransferStatus};
use providers::CallError;
use serde::Deserialize;
use stripe::Stripe;
use webhook::{RefusedRow, Replayed, Webhook as _};

use crate::missing_credentials::KeyAlarms;
use crate::proof::Unproven;
use crate::turns::Unanswered;
use crate::unpaid::UnpaidReport;
use crate::{OTHER_RECEIPT, Reconcile, SOURCE, StripeApi};

/// The part of the time that is reserved for the commit after the query.
const COMMIT_MARGIN: Duration = Duration::from_secs(1);

impl<L: Backlog> Reconcile<L> {
    /// Queries Stripe for the event, and books it like a backfilled one.
    pub(crate) async fn requery_event(
        &self,
        waiting: &RefusedEvent,
        kept: &KeptBody,
        invocation: &Invocation,
    ) -> Result<Replayed, Unproven> {
        let api = self.stripe_api.as_ref().ok_or(Unproven::NotNow)?;
        let id = event_id(&waiting.receipt, kept).ok_or(Unproven::Disproved("no_event_id"))?;
        let event = match api.event(&id, &invocation.but_for(COMMIT_MARGIN)).await {
            Ok(event) => event,
            Err(error) if error.is_missing() => return Err(Unproven::EventGone),
            Err(error) => return Err(not_answered(&error, invocation)),
        };
        let row = RefusedRow {
            receipt: &waiting.receipt,
            first_received_at: waiting.first_received_at,
            bytes_at: invocation.now,
            is_by_retired_key: false,
        };
        let event = event.json().as_bytes();
        let listed = webhook::listed_again(&self.stripe, &self.ledger, event, stripe::LISTED_AT, row, invocation).await;
        listed.map_err(|webhook::OtherReceipt| Unproven::Disproved(OTHER_RECEIPT))
    }

    /// Queries the payment of the row's order, whose event the provider has deleted, and books the result.
    pub(crate) async fn requery_payment(&self, waiting: &RefusedEvent, invocation: &Invocation) {
        let Some(order) = &waiting.order else { return };
        let row = DueRow { id: order.to_string(), due_at: String::new() };
        let settled = self
            .settle(&row, invocation, &mut UnpaidReport::default(), &KeyAlarms::default(), &Unanswered::default())
            .await;
        if let Err(error) = settled {
            tracing::warn!(error = %edge::chain(&error), "the query for the payment of a deleted event failed");
        }
    }

    /// Queries the transfer of the row's order. Returns whether there was a reply.
    pub(crate) async fn requery_transfer(&self, waiting: &RefusedEvent, invocation: &Invocation) -> bool {
        let Some(number) = &waiting.order else { return false };
        let Ok(Some(order)) = self.ledger.order(number, &invocation.context()).await else { return false };
        // Before its request there is nothing to query; the request itself returns the status.
        if order.transfer.as_ref().is_none_or(|transfer| transfer.status == TransferStatus::Due) {
            return false;
        }
        let queried = self.fulfil.query_pending(&order, invocation).await;
        queried
            .inspect_err(|error| tracing::warn!(error = %edge::chain(error), "the query for a transfer failed"))
            .is_ok()
    }
}

/// The event's id, from the row's key, or for an unparsed row from the body. Stripe's reply is booked under its own id.
fn event_id(receipt: &EventKey, kept: &KeptBody) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let of_row = receipt.as_str().strip_prefix(Stripe::SOURCE.as_str()).and_then(|rest| rest.strip_prefix('#'));
    match of_row {
        Some(id) => Some(id.to_owned()),
        None => serde_json::from_slice(&kept.bytes).ok().map(|Named { id }| id),
    }
}

fn not_answered(error: &CallError, invocation: &Invocation) -> Unproven {
    tracing::warn!(%error, "the query for an event failed");
    edge::line(SOURCE, None, "not_answered", Some(Stripe::SOURCE.as_str()), invocation);
    if error.is_of_the_key() {
        KeyAlarms::default().report_unusable_key(Stripe::SOURCE.as_str());
    }
    Unproven::NotNow
}

impl StripeApi {
    async fn event(&self, id: &str, invocation: &Invocation) -> Result<providers::ListedEvent, CallError> {
        let until = invocation.deadline;
        self.call(invocation, |stripe| async move { stripe.event(id, until).await }).await
    }
}
