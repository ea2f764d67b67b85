//! Renders payment objects and the event envelope, with the members that Stripe gives them.

use serde_json::{Value, json};

use super::API_VERSION;
use super::cards::{Instrument, Kind};
use super::sessions::{Attempt, Metadata, Mode, Session, Status};
use super::state::{Ids, Settings};

/// The origin of an event: its connected account and API request; no request if the buyer acted.
#[derive(Default)]
pub(crate) struct Cause<'c> {
    pub(crate) account: Option<&'c str>,
    pub(crate) request: Option<&'c str>,
    pub(crate) idempotency_key: Option<&'c str>,
}

pub(crate) fn event(
    ids: &mut Ids,
    settings: &Settings,
    kind: &str,
    object: &Value,
    cause: &Cause<'_>,
    now_s: i64,
) -> Value {
    let mut event = json!({
        "id": ids.next("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now_s,
        "data": { "object": object },
        "livemode": settings.livemode,
        "pending_webhooks": 1,
        "request": { "id": cause.request, "idempotency_key": cause.idempotency_key },
        "type": kind,
    });
    // Stripe omits the member for the platform's own events.
    if let (Some(account), Some(members)) = (cause.account, event.as_object_mut()) {
        members.insert("account".to_owned(), account.into());
    }
    event
}

pub(crate) fn session(session: &Session, settings: &Settings, now_s: i64) -> Value {
    let (order, status) = (&session.order, session.status(now_s));
    let (is_complete, is_paid) = (status == Status::Complete, session.is_paid());
    let url = (status == Status::Open).then(|| format!("{}/{}", settings.pay_url, session.id));
    let made = session.subscribed.as_ref();
    let of_payment = order.mode == Mode::Payment;
    // The payment intent of a subscription belongs to its invoice.
    let intent = session.intent.as_ref().filter(|_| of_payment);
    json!({
        "id": session.id,
        "object": "checkout.session",
        "adaptive_pricing": { "enabled": false },
        "after_expiration": null,
        "allow_promotion_codes": null,
        "amount_subtotal": order.amount,
        "amount_total": order.amount,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_address_collection": null,
        "cancel_url": order.cancel_url,
        "client_reference_id": order.client_reference_id,
        "client_secret": null,
        "collected_information": null,
        "consent": null,
        "consent_collection": null,
        "created": session.created,
        "currency": order.currency,
        "currency_conversion": null,
        "custom_fields": [],
        "custom_text": { "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null },
        "customer": made.map(|made| &made.customer),
        "customer_creation": if of_payment { "if_required" } else { "always" },
        "customer_details": (is_complete || order.customer_email.is_some()).then(|| customer_details(session)),
        "customer_email": order.customer_email,
        "discounts": [],
        "expires_at": order.expires_at,
        "invoice": made.map(|made| &made.invoice),
        "invoice_creation": null,
        "livemode": settings.livemode,
        "locale": null,
        "metadata": order.metadata,
        "mode": order.mode.label(),
        "origin_context": null,
        "payment_intent": intent.map(|intent| &intent.id),
        "payment_link": null,
        "payment_method_collection": if of_payment { "if_required" } else { "always" },
        "payment_method_configuration_details": null,
        "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
        "payment_method_types": ["card", "us_bank_account"],
        "payment_status": if is_paid { "paid" } else { "unpaid" },
        "permissions": null,
        "phone_number_collection": { "enabled": false },
        "recovered_from": null,
        "saved_payment_method_options": null,
        "setup_intent": null,
        "shipping_address_collection": null,
        "shipping_cost": null,
        "shipping_options": [],
        "status": status.label(),
        "submit_type": null,
        "subscription": made.map(|made| &made.subscription),
        "success_url": order.success_url,
        "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
        "ui_mode": "hosted",
        "url": url,
        "wallet_options": null,
    })
}

fn customer_details(session: &Session) -> Value {
    let email = &session.order.customer_email;
    json!({ "address": null, "email": email, "name": null, "phone": null, "tax_exempt": "none", "tax_ids": [] })
}

pub(crate) fn payment_intent(session: &Session, attempt: &Attempt, settings: &Settings) -> Value {
    let (order, decline) = (&session.order, attempt.decline());
    let is_card = attempt.instrument.kind == Kind::Card;
    let [intent_status, _] = attempt.statuses();
    let error = decline.map(|decline| {
        json!({
            "charge": attempt.charge,
            "code": if is_card { "card_declined" } else { "payment_intent_payment_attempt_failed" },
            "decline_code": is_card.then_some(decline.code),
            "doc_url": "https://stripe.com/docs/error-codes",
            "message": decline.message,
            "payment_method": method(attempt),
            "type": if is_card { "card_error" } else { "invalid_request_error" },
        })
    });
    json!({
        "id": attempt.intent.id,
        "object": "payment_intent",
        "amount": order.amount,
        "amount_capturable": 0,
        "amount_details": { "tip": {} },
        "amount_received": if attempt.is_paid() { order.amount } else { 0 },
        "application": null,
        "application_fee_amount": null,
        "automatic_payment_methods": null,
        "canceled_at": null,
        "cancellation_reason": null,
        "capture_method": "automatic_async",
        "confirmation_method": "automatic",
        "created": attempt.intent.created,
        "currency": order.currency,
        "customer": session.subscribed.as_ref().map(|made| &made.customer),
        "description": null,
        "last_payment_error": error,
        "latest_charge": attempt.charge,
        "livemode": settings.livemode,
        "metadata": of_payment(session),
        "next_action": null,
        "on_behalf_of": null,
        "payment_method": decline.is_none().then_some(&attempt.method),
        "payment_method_configuration_details": null,
        "payment_method_types": ["card", "us_bank_account"],
        "processing": null,
        "receipt_email": null,
        "review": null,
        "setup_future_usage": null,
        "shipping": null,
        "source": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": intent_status,
        "transfer_data": null,
        "transfer_group": null,
    })
}

pub(crate) fn charge(session: &Session, attempt: &Attempt, settings: &Settings) -> Value {
    let (order, decline) = (&session.order, attempt.decline());
    let (is_paid, is_card) = (attempt.is_paid(), attempt.instrument.kind == Kind::Card);
    let [_, charge_status] = attempt.statuses();
    json!({
        "id": attempt.charge,
        "object": "charge",
        "amount": order.amount,
        "amount_captured": if is_paid { order.amount } else { 0 },
        "amount_refunded": 0,
        "application": null,
        "application_fee": null,
        "application_fee_amount": null,
        "balance_transaction": null,
        "billing_details": { "address": null, "email": order.customer_email, "name": null, "phone": null, "tax_id": null },
        "captured": is_paid,
        "created": attempt.now_s,
        "currency": order.currency,
        "customer": session.subscribed.as_ref().map(|made| &made.customer),
        "description": null,
        "disputed": false,
        "failure_balance_transaction": null,
        "failure_code": decline.map(|decline| if is_card { "card_declined" } else { decline.code }),
        "failure_message": decline.map(|decline| decline.message),
        "fraud_details": {},
        "livemode": settings.livemode,
        "metadata": of_payment(session),
        "on_behalf_of": null,
        "outcome": {
            "advice_code": null,
            "network_status": if decline.is_none() { "approved_by_network" } else { "declined_by_network" },
            "reason": decline.map(|decline| decline.code),
            "risk_level": "normal",
            "seller_message": decline.map_or("Payment complete.", |decline| decline.seller_message),
            "type": if decline.is_none() { "authorized" } else { "issuer_declined" },
        },
        "paid": is_paid,
        "payment_intent": attempt.intent.id,
        "payment_method": attempt.method,
        "payment_method_details": details(attempt),
        "receipt_email": null,
        "receipt_number": null,
        "receipt_url": null,
        "refunded": false,
        "review": null,
        "shipping": null,
        "source": null,
        "status": charge_status,
        "transfer_data": null,
        "transfer_group": null,
    })
}

fn method(attempt: &Attempt) -> Value {
    let mut method = details(attempt);
    if let Some(members) = method.as_object_mut() {
        members.extend([
            ("id".to_owned(), attempt.method.as_str().into()),
            ("object".to_owned(), "payment_method".into()),
        ]);
    }
    method
}

fn details(attempt: &Attempt) -> Value {
    let Instrument { kind, last4, .. } = attempt.instrument;
    let of_kind = match kind {
        Kind::Card => {
            json!({ "brand": "visa", "country": "US", "funding": "credit", "last4": last4, "network": "visa" })
        }
        Kind::Debit => json!({ "account_type": "checking", "bank_name": "STRIPE TEST BANK", "last4": last4 }),
    };
    json!({ kind.label(): of_kind, "type": kind.label() })
}

/// The payment intent of a subscription carries no metadata of the request; the subscription does.
fn of_payment(session: &Session) -> Metadata {
    match session.order.mode {
        Mode::Payment => session.order.nested_metadata.clone(),
        Mode::Subscription => Metadata::new(),
    }
}
