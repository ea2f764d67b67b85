//! One minimal event of each kind, in the shape that Stripe has sent since 2025-03-31.

use serde_json::{Value, json};

pub(super) const CREATED: i64 = 1_767_225_600;

/// The `type` and the `data.object` of each sample.
pub(super) const SAMPLES: [(&str, &str); 25] = [
    ("payment_intent.succeeded", INTENT),
    ("payment_intent.payment_failed", INTENT),
    ("payment_intent.canceled", INTENT),
    ("charge.succeeded", CHARGE),
    ("charge.failed", CHARGE),
    ("charge.refunded", CHARGE),
    ("charge.dispute.created", DISPUTE),
    ("charge.dispute.updated", DISPUTE),
    ("charge.dispute.closed", DISPUTE),
    ("charge.dispute.funds_withdrawn", DISPUTE),
    ("charge.dispute.funds_reinstated", DISPUTE),
    ("refund.created", REFUND),
    ("refund.updated", REFUND),
    ("refund.failed", REFUND),
    ("checkout.session.completed", SESSION),
    ("checkout.session.async_payment_succeeded", SESSION),
    ("checkout.session.async_payment_failed", SESSION),
    ("checkout.session.expired", SESSION),
    ("customer.subscription.created", SUBSCRIPTION),
    ("customer.subscription.updated", SUBSCRIPTION),
    ("customer.subscription.deleted", SUBSCRIPTION),
    ("invoice.paid", INVOICE),
    ("invoice.payment_succeeded", INVOICE),
    ("invoice.payment_failed", INVOICE),
    ("invoice_payment.paid", INVOICE_PAYMENT),
];

/// A v2 ("thin") event.
pub(super) const THIN: &str = r#"{
    "id": "evt_test_1", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered", "livemode": true,
    "created": "2026-01-01T00:00:00.000Z", "context": "acct_1", "reason": null,
    "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"}
}"#;

/// The complete event of this type; for a type without a sample, with `null` as its object.
pub(super) fn event(kind: &str) -> Value {
    let object = SAMPLES.iter().find(|(name, _)| *name == kind).map_or("null", |(_, object)| object);
    json!({
        "id": "evt_1",
        "object": "event",
        "api_version": "2025-08-27.basil",
        "created": CREATED,
        "data": {"object": serde_json::from_str::<Value>(object).expect("JSON"), "previous_attributes": {"status": "open"}},
        "livemode": false,
        "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null},
        "type": kind,
    })
}

const INTENT: &str = r#"{
    "id": "pi_1", "object": "payment_intent", "amount": 2500, "amount_received": 1999, "currency": "usd", "status": "succeeded",
    "latest_charge": "ch_1", "metadata": {"hookledger_order": "HL1", "note": "hello"}
}"#;

const CHARGE: &str = r#"{
    "id": "ch_1", "object": "charge", "amount": 2500, "amount_captured": 1999, "amount_refunded": 500, "captured": true,
    "currency": "usd", "paid": true, "payment_intent": "pi_1", "refunded": false, "status": "succeeded",
    "metadata": {"hookledger_order": "HL1"}
}"#;

const DISPUTE: &str = r#"{
    "id": "du_1", "object": "dispute", "amount": 1999, "charge": "ch_1", "currency": "usd", "payment_intent": "pi_1",
    "reason": "fraudulent", "status": "needs_response", "metadata": {}
}"#;

const REFUND: &str = r#"{
    "id": "re_1", "object": "refund", "amount": 500, "charge": "ch_1", "currency": "usd", "payment_intent": "pi_1",
    "status": "succeeded", "metadata": {}
}"#;

const SESSION: &str = r#"{
    "id": "cs_1", "object": "checkout.session", "amount_subtotal": 2500, "amount_total": 1999, "currency": "usd", "mode": "payment",
    "payment_intent": "pi_1", "payment_status": "paid", "status": "complete", "subscription": null,
    "metadata": {"hookledger_order": "HL1"}
}"#;

const SUBSCRIPTION: &str = r#"{
    "id": "sub_1", "object": "subscription", "status": "active", "metadata": {"hookledger_order": "HL1"},
    "items": {"object": "list", "data": [{
        "id": "si_1", "current_period_end": 1769904000, "price": {"id": "price_1", "object": "price", "unit_amount": 1999}
    }]}
}"#;

const INVOICE: &str = r#"{
    "id": "in_1", "object": "invoice", "amount_due": 2500, "amount_paid": 1999, "billing_reason": "subscription_cycle",
    "currency": "usd", "status": "paid", "metadata": {},
    "lines": {"object": "list", "data": [{"id": "il_1", "metadata": {"hookledger_order": "HL1"}}]},
    "parent": {"type": "subscription_details", "quote_details": null,
        "subscription_details": {"subscription": "sub_1", "metadata": {"hookledger_order": "HL1"}}}
}"#;

const INVOICE_PAYMENT: &str = r#"{
    "id": "inpay_1", "object": "invoice_payment", "amount_paid": 1999, "amount_requested": 1999, "currency": "usd",
    "invoice": "in_1", "is_default": true, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}, "status": "paid"
}"#;
