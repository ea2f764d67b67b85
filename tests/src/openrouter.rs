//! The function openrouter: one Lambda sandbox, its sender, and spans of OpenRouter.

mod spans;
mod suite;

use edge::{Keyring, Settings, Vault};
use ledger::{EventKey, Ledger, Source, Timestamp};
use openrouter::{Config, Openrouter, OwnerBy, PATH};
use serde_json::{Value, json};
use testkit::{Sent, Shape, now};
use webhook::{Admission, Function, Webhook as _};

use crate::sandbox::Sender;

pub(crate) const KEY: &str = "a-key-of-the-tests-of-openrouter-0123456789";

pub(crate) fn settings() -> Settings {
    Settings::new([(openrouter::SETTINGS[0].to_owned(), KEY.to_owned())])
}

pub(crate) async fn function<L: Ledger>(ledger: L, owner_by: OwnerBy, settings: Settings) -> Function<Openrouter, L> {
    let keys = Keyring::open(Vault::Here(settings), Openrouter::keys, now()).await.expect("keys");
    let source = Openrouter::shipped(Config { owner_by }).expect("a card");
    Function::new(source, keys, Admission::default(), ledger)
}

/// The gateway's event for a body under this key.
pub(crate) fn sent(body: &str, key: &str) -> String {
    let sent = Sent::post(PATH, body.as_bytes()).with(webhook::AUTHORIZATION, openrouter::authorization(key));
    sent.with("content-type", "application/json").event(Shape::HttpApi)
}

impl Sender for Openrouter {
    async fn function<L: Ledger>(ledger: L) -> Function<Self, L> {
        function(ledger, OwnerBy::Key, settings()).await
    }

    fn signed(body: &str, _: Timestamp) -> String {
        sent(body, KEY)
    }
}

/// A generation, whose dollars are this many credits under the shipped card: a hundred for a dollar, and a markup of a
/// fifth.
pub(crate) fn span(id: &str, key: &str, credits: u64) -> Value {
    const DECIMALS: u64 = 1_000_000_000_000_000;
    let units = credits * DECIMALS / 120;
    let text = format!("{}.{:015}", units / DECIMALS, units % DECIMALS);
    let usd: Value = serde_json::from_str(&text).expect("a number");
    let text = |name: &str, value: &str| json!({ "key": name, "value": { "stringValue": value } });
    json!({
        "spanId": "b7ad6b7169203331", "name": "LLM Generation", "endTimeUnixNano": "1767225600500000000",
        "attributes": [
            text("span.type", "generation"),
            text("gen_ai.response.id", id),
            text("gen_ai.request.model", "openai/gpt-4o"),
            text("trace.metadata.openrouter.api_key_name", key),
            { "key": "gen_ai.usage.total_cost", "value": { "doubleValue": usd } },
            { "key": "gen_ai.usage.input_tokens", "value": { "intValue": 120 } },
            { "key": "gen_ai.usage.output_tokens", "value": { "intValue": "30" } },
            text("gen_ai.prompt", "a secret prompt"),
        ],
    })
}

pub(crate) fn body(spans: &[Value]) -> String {
    json!({ "resourceSpans": [{ "resource": { "attributes": [] }, "scopeSpans": [{ "spans": spans }] }] }).to_string()
}

/// What is kept of a body with one span.
pub(crate) fn kept(body: &str) -> String {
    openrouter::events(body.as_bytes()).swap_remove(0)
}

/// The journal's key of a generation with this id.
pub(crate) fn receipt(id: &str) -> EventKey {
    EventKey::new(Source::Usage, &format!("openrouter.{id}")).expect("an id")
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
