//! Signed events as API Gateway's HTTP API hands them to a function.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use signing::{Strength, hmac_hex, stripe};
use testkit::{Sent, Shape, usage};

use crate::books::{GRANT_UNITS, KEY, OWNER};
use crate::clock::now;
use crate::error::Error;
use crate::store::{STRIPE_SECRET, USAGE_SECRET};

/// The cost of each usage event, and the same in billionths.
const COST: &str = "0.00234";
pub(crate) const COST_UNITS: u64 = 2_340_000;

/// A usage event with this id.
pub(crate) fn usage_event(id: &str) -> Result<String, Error> {
    let mut body = usage(id, KEY, COST);
    body["timestamp"] = json!(now()?.unix_s());
    let body = body.to_string();
    let keys =
        hmac_hex::Keys::parse(USAGE_SECRET, Strength::Deployed).map_err(|error| Error::failed(error.to_string()))?;
    let signature = hmac_hex::sign(&keys, body.as_bytes());
    let sent = Sent::post("/api/webhooks/events", body.as_bytes()).with("x-webhook-signature", signature);
    Ok(sent.with("content-type", "application/json").event(Shape::HttpApi))
}

/// Stripe's event with this id, which reports that the session of this order is paid. Signed now, as each redelivery is.
pub(crate) fn payment_event(root: &Path, id: &str, order: &str) -> Result<String, Error> {
    let path = root.join("events/stripe/checkout_session_completed.json");
    let wrong = |error| Error::Json(path.display().to_string(), error);
    let mut body: Value = serde_json::from_str(&fs::read_to_string(&path)?).map_err(wrong)?;
    body["id"] = json!(id);
    body["created"] = json!(now()?.unix_s());
    let session = &mut body["data"]["object"];
    session["id"] = json!(format!("cs_test_{order}"));
    session["payment_intent"] = json!(format!("pi_{order}"));
    session["client_reference_id"] = json!(order);
    // The usual way has no orders: it reads owner and credits from the metadata that its own checkout has written.
    session["metadata"] = json!({ "hookledger_order": order, "owner": OWNER, "credits": GRANT_UNITS.to_string() });
    let body = body.to_string();
    let keys =
        stripe::Keys::parse(STRIPE_SECRET, Strength::Deployed).map_err(|error| Error::failed(error.to_string()))?;
    let signature = stripe::sign(&keys, body.as_bytes(), now()?.unix_s());
    let sent = Sent::post("/api/v1/webhooks/stripe", body.as_bytes()).with(stripe::HEADER, signature);
    Ok(sent.with("content-type", "application/json; charset=utf-8").event(Shape::HttpApi))
}
