//! What a kept delivery cannot prove by itself, its provider is asked about: events that Stripe listed, or that only a replaced secret
//! verifies; and transfers whose webhook names a key that Fireblocks no longer publishes.

use std::time::Duration;

use edge::Invocation;
use ledger::{Backlog, DueRow, EventKey, KeptBody, RefusedEvent, TransferStatus};
use providers::CallError;
use serde::Deserialize;
use stripe::Stripe;
use webhook::{RefusedRow, Replayed, Webhook as _};

use crate::missing_credentials::Called;
use crate::proof::Unproven;
use crate::turns::Unanswered;
use crate::unpaid::Asked;
use crate::{OTHER_RECEIPT, Reconcile, SOURCE, StripeApi};

/// What is kept of the time for writing down what the provider has said.
const FOR_THE_BOOKS: Duration = Duration::from_secs(1);

impl<L: Backlog> Reconcile<L> {
    /// The event as Stripe has it now, booked as one that it lists.
    pub(crate) async fn event_asked_again(
        &self,
        waiting: &RefusedEvent,
        kept: &KeptBody,
        invocation: &Invocation,
    ) -> Result<Replayed, Unproven> {
        let api = self.stripe_api.as_ref().ok_or(Unproven::NotNow)?;
        let id = event_id(&waiting.receipt, kept).ok_or(Unproven::Disproved("no_event_id"))?;
        let event = match api.event(&id, &invocation.but_for(FOR_THE_BOOKS)).await {
            Ok(event) => event,
            Err(error) if error.is_missing() => return Err(Unproven::MissingAccounts),
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

    /// The payment of the order that a row names, whose event is no longer there: booked as what the order's provider says of it.
    pub(crate) async fn payment_asked_again(&self, waiting: &RefusedEvent, invocation: &Invocation) {
        let Some(order) = &waiting.order else { return };
        let row = DueRow { id: order.to_string(), due_at: String::new() };
        let settled =
            self.settle(&row, invocation, &mut Asked::default(), &Called::default(), &Unanswered::default()).await;
        if let Err(error) = settled {
            tracing::warn!(error = %edge::chain(&error), "the payment of an event that is gone was not looked up");
        }
    }

    /// What has become of the transfer of the order that a row names. Whether there was an answer.
    pub(crate) async fn transfer_asked_again(&self, waiting: &RefusedEvent, invocation: &Invocation) -> bool {
        let Some(number) = &waiting.order else { return false };
        let Ok(Some(order)) = self.ledger.order(number, &invocation.context()).await else { return false };
        // Until it has been requested there is nothing to look up: the request itself brings an answer.
        if order.transfer.as_ref().is_none_or(|transfer| transfer.status == TransferStatus::Due) {
            return false;
        }
        let asked = self.fulfil.ask(&order, invocation).await;
        asked.inspect_err(|error| tracing::warn!(error = %edge::chain(error), "a transfer was not looked up")).is_ok()
    }
}

/// By the row's name, and of what could not be read by what it says of itself: Stripe's answer is booked under its own name.
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
    tracing::warn!(%error, "Stripe did not say what an event says");
    edge::line(SOURCE, None, "not_answered", Some(Stripe::SOURCE.as_str()), invocation);
    if error.is_of_the_key() {
        Called::default().nobody_can_be_asked(Stripe::SOURCE.as_str());
    }
    Unproven::NotNow
}

impl StripeApi {
    async fn event(&self, id: &str, invocation: &Invocation) -> Result<providers::ListedEvent, CallError> {
        let until = invocation.deadline;
        self.asked(invocation, |stripe| async move { stripe.event(id, until).await }).await
    }
}
