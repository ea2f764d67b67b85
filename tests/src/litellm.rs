//! The function litellm: one Lambda sandbox, its sender, and events of LiteLLM.

mod batches;
mod suite;

use edge::{Keyring, Settings, Vault};
use ledger::{EventKey, Ledger, Source, Timestamp};
use litellm::{Config, Litellm, OwnerBy, PATH};
use serde_json::{Value, json};
use testkit::{Sent, Shape, now};
use webhook::{Admission, Function, Webhook as _};

use crate::sandbox::Sender;

pub(crate) const KEY: &str = "a-key-of-the-tests-of-litellm-0123456789";

pub(crate) fn settings() -> Settings {
    Settings::new([(litellm::SETTINGS[0].to_owned(), KEY.to_owned())])
}

pub(crate) async fn function<L: Ledger>(ledger: L, owner_by: OwnerBy, settings: Settings) -> Function<Litellm, L> {
    let keys = Keyring::open(Vault::Here(settings), Litellm::keys, now()).await.expect("keys");
    let source = Litellm::shipped(Config { owner_by }).expect("a card");
    Function::new(source, keys, Admission::default(), ledger)
}

/// The gateway's event for a body under this key.
pub(crate) fn sent(body: &str, key: &str) -> String {
    let sent = Sent::post(PATH, body.as_bytes()).with(webhook::AUTHORIZATION, litellm::authorization(key));
    sent.with("content-type", "application/json").event(Shape::HttpApi)
}

impl Sender for Litellm {
    async fn function<L: Ledger>(ledger: L) -> Function<Self, L> {
        function(ledger, OwnerBy::Key, settings()).await
    }

    fn signed(body: &str, _: Timestamp) -> String {
        sent(body, KEY)
    }
}

/// A use, whose dollars are this many credits under the shipped card: a hundred for a dollar, and a markup of a fifth.
pub(crate) fn event(id: &str, key: &str, credits: u64) -> Value {
    const DECIMALS: u64 = 1_000_000_000_000_000;
    let units = credits * DECIMALS / 120;
    let text = format!("{}.{:015}", units / DECIMALS, units % DECIMALS);
    testkit::litellm_usage("call", id, key, &text)
}

/// The journal's key of an event with this id.
pub(crate) fn receipt(id: &str) -> EventKey {
    let fingerprint = ledger::Fingerprint::of(1, &[("call", "call"), ("id", id)]);
    EventKey::new(Source::Usage, &format!("litellm.{fingerprint}")).expect("an id")
}

/// The reply to a delivery of one event.
pub(crate) fn reply(status: u16, outcome: (&str, u16, &str), event: Option<&str>, why: &str) -> (u16, String) {
    let (outcome, of_event, message) = outcome;
    let all = match (status, of_event) {
        (503, _) => "Send the batch again: not every event has a final outcome",
        (_, 200) => "All events processed",
        _ => "Not every event was processed",
    };
    let id = event.map_or(String::new(), |id| {
        let id = receipt(id);
        format!("\"eventId\":\"{}\",", id.as_str().trim_start_matches("usage#"))
    });
    let result = format!("{{{id}\"outcome\":\"{outcome}\",\"status\":{of_event},\"message\":{}{why}}}", json!(message));
    (
        status,
        format!("{{\"success\":{},\"message\":\"{all}\",\"results\":[{result}]}}", of_event == 200 && status == 200),
    )
}
