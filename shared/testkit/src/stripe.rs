//! The fake Stripe behind a faulty network, with the faults of its API and the buyer's actions.

use std::time::Duration;

use fakes::{Paid, Stripe};
use serde_json::{Value, json};

use crate::faulty_net::{FakeProvider, FaultyNet, NetFault, ProviderReply};
use crate::provider_call::{ProviderCall, path_of};

/// The fake Stripe behind a faulty network.
pub type StripeNet = FaultyNet<Stripe>;

/// The faults that only Stripe has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripeFault {
    /// Replies 500, stored under the call's idempotency key; not applied.
    KeptFailure,
    /// Replies to a list request as if it had no `starting_after` cursor.
    FromTheTop,
}

impl FakeProvider for Stripe {
    type OwnFault = StripeFault;

    fn path(url: &str) -> &str {
        path_of(url)
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        self.answer_for(call.header("stripe-account"), &call.for_fake(now_s)).into()
    }

    fn answer_with(&self, fault: StripeFault, call: &ProviderCall, now_s: i64) -> ProviderReply {
        match fault {
            // Without an idempotency key nothing is stored.
            StripeFault::KeptFailure if call.idempotency_key().is_none() => ProviderReply::of(500, "{}"),
            StripeFault::KeptFailure => {
                self.answer_failing(call.header("stripe-account"), &call.for_fake(now_s)).into()
            }
            StripeFault::FromTheTop => {
                let endpoint = call.endpoint.split("&starting_after=").next().unwrap_or_default();
                FakeProvider::answer(self, &call.to(endpoint), now_s)
            }
        }
    }

    fn error_body(status: u16) -> String {
        let (kind, code) = match status {
            409 => ("idempotency_error", "idempotency_key_in_use"),
            _ => ("api_error", "injected"),
        };
        json!({ "error": { "type": kind, "code": code } }).to_string()
    }

    fn more_faults() -> Vec<NetFault<StripeFault>> {
        vec![
            NetFault::Delay(Duration::from_millis(3_500)),
            NetFault::Status(409),
            NetFault::Own(StripeFault::KeptFailure),
        ]
    }
}

impl StripeNet {
    pub fn new(stripe: Stripe) -> Self {
        Self::over(stripe)
    }

    /// The buyer pays on this session's page.
    pub fn pay(&self, session: &str) -> Paid {
        self.pay_with(session, "4242424242424242")
    }

    /// The buyer pays with this card or bank account number.
    pub fn pay_with(&self, session: &str, number: &str) -> Paid {
        self.provider().pay(session, number, self.now_s())
    }

    /// The bank settles the debit that paid this session.
    pub fn bank_answers(&self, session: &str) -> Paid {
        self.provider().bank_answers(session, self.now_s())
    }

    /// The customer cancels a subscription on Stripe's own page.
    pub fn cancel(&self, subscription: &str) -> Vec<String> {
        self.provider().cancel(subscription, self.now_s())
    }

    /// A call by another client with the same key, without faults.
    pub fn answer(&self, path: &str, body: &str) -> Value {
        let call = fakes::Call {
            method: "POST",
            path,
            authorization: Some("Bearer sk_test_another"),
            idempotency_key: None,
            body,
            now_s: self.now_s(),
        };
        serde_json::from_str(&self.provider().answer(&call).body).unwrap()
    }

    /// Adds an event that has another cause on the account.
    pub fn add_event(&self, event: &str) {
        self.provider().tell(event);
    }

    /// Marks this event as delivered by a webhook.
    pub fn delivered(&self, event: &str) {
        self.provider().delivered(event);
    }

    /// Whether a buyer can still pay this session.
    pub fn is_open(&self, session: &str) -> bool {
        self.provider().page(session, self.now_s()).status == 200
    }

    /// Every session that can still be paid, with or without a link to it.
    pub fn open(&self) -> Vec<String> {
        let sessions = self.provider().sessions();
        sessions.into_iter().filter(|id| self.is_open(id)).collect()
    }
}
