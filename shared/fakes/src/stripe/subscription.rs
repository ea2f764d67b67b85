//! Renders subscriptions and invoices of this API version: the period is on the items, and an invoice names its
//! subscription under `parent`.

use serde_json::{Value, json};

use super::calendar::period_end;
use super::sessions::{Attempt, Interval, Item, Session, Subscribed};
use super::state::Settings;

/// One item of the subscription, which is also one line of its first invoice.
pub(crate) struct Line<'s> {
    id: String,
    item: &'s Item,
    start: i64,
    end: i64,
}

pub(crate) fn lines<'s>(session: &'s Session, made: &Subscribed, now_s: i64) -> Vec<Line<'s>> {
    let line = |(item, id): (&'s Item, &String)| {
        let end = item.price.interval.map_or(now_s, |interval| period_end(now_s, interval));
        Line { id: id.clone(), item, start: now_s, end }
    };
    session.order.items.iter().zip(&made.items).map(line).collect()
}

/// The link between an invoice and its payment.
pub(crate) fn invoice_payment(session: &Session, made: &Subscribed, attempt: &Attempt, settings: &Settings) -> Value {
    json!({
        "id": made.invoice_payment,
        "object": "invoice_payment",
        "amount_paid": session.order.amount,
        "amount_requested": session.order.amount,
        "created": attempt.now_s,
        "currency": session.order.currency,
        "invoice": made.invoice,
        "is_default": true,
        "livemode": settings.livemode,
        "payment": { "payment_intent": attempt.intent.id, "type": "payment_intent" },
        "status": "paid",
        "status_transitions": { "canceled_at": null, "paid_at": attempt.now_s },
    })
}

pub(crate) fn subscription(
    session: &Session,
    made: &Subscribed,
    attempt: &Attempt,
    lines: &[Line<'_>],
    settings: &Settings,
) -> Value {
    let items: Vec<Value> = lines.iter().map(|line| subscription_item(line, made, settings)).collect();
    json!({
        "id": made.subscription,
        "object": "subscription",
        "application": null,
        "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor": attempt.now_s,
        "billing_mode": { "type": "classic" },
        "billing_thresholds": null,
        "cancel_at": null,
        "cancel_at_period_end": false,
        "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically",
        "created": attempt.now_s,
        "currency": session.order.currency,
        "customer": made.customer,
        "days_until_due": null,
        "default_payment_method": attempt.method,
        "default_source": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": [],
        "ended_at": null,
        "items": list(&items, &format!("/v1/subscription_items?subscription={}", made.subscription)),
        "latest_invoice": made.invoice,
        "livemode": settings.livemode,
        "metadata": session.order.nested_metadata,
        "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null,
        "pause_collection": null,
        "pending_invoice_item_interval": null,
        "pending_setup_intent": null,
        "pending_update": null,
        "schedule": null,
        "start_date": attempt.now_s,
        "status": "active",
        "test_clock": null,
        "transfer_data": null,
        "trial_end": null,
        "trial_start": null,
    })
}

fn subscription_item(line: &Line<'_>, made: &Subscribed, settings: &Settings) -> Value {
    let price = &line.item.price;
    json!({
        "id": line.id,
        "object": "subscription_item",
        "billing_thresholds": null,
        "created": line.start,
        "current_period_end": line.end,
        "current_period_start": line.start,
        "discounts": [],
        "metadata": {},
        "price": {
            "id": price.id,
            "object": "price",
            "active": true,
            "billing_scheme": "per_unit",
            "currency": price.currency,
            "livemode": settings.livemode,
            "metadata": {},
            "recurring": {
                "interval": price.interval.map(Interval::label),
                "interval_count": 1,
                "meter": null,
                "usage_type": "licensed",
            },
            "type": "recurring",
            "unit_amount": price.unit_amount,
            "unit_amount_decimal": price.unit_amount.to_string(),
        },
        "quantity": line.item.quantity,
        "subscription": made.subscription,
        "tax_rates": [],
    })
}

pub(crate) fn invoice(
    session: &Session,
    made: &Subscribed,
    lines: &[Line<'_>],
    settings: &Settings,
    now_s: i64,
) -> Value {
    let order = &session.order;
    let rows: Vec<Value> = lines.iter().map(|line| invoice_line(line, session, made, settings)).collect();
    json!({
        "id": made.invoice,
        "object": "invoice",
        "amount_due": order.amount,
        "amount_overpaid": 0,
        "amount_paid": order.amount,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 1,
        "attempted": true,
        "auto_advance": false,
        "billing_reason": "subscription_create",
        "collection_method": "charge_automatically",
        "created": now_s,
        "currency": order.currency,
        "customer": made.customer,
        "customer_email": order.customer_email,
        "default_payment_method": null,
        "description": null,
        "discounts": [],
        "due_date": null,
        "ending_balance": 0,
        "hosted_invoice_url": null,
        "invoice_pdf": null,
        "lines": list(&rows, &format!("/v1/invoices/{}/lines", made.invoice)),
        "livemode": settings.livemode,
        "metadata": {},
        "next_payment_attempt": null,
        "number": null,
        "on_behalf_of": null,
        "parent": {
            "quote_details": null,
            "subscription_details": { "metadata": order.nested_metadata, "subscription": made.subscription },
            "type": "subscription_details",
        },
        "period_end": now_s,
        "period_start": now_s,
        "starting_balance": 0,
        "status": "paid",
        "status_transitions": {
            "finalized_at": now_s,
            "marked_uncollectible_at": null,
            "paid_at": now_s,
            "voided_at": null,
        },
        "subtotal": order.amount,
        "total": order.amount,
        "total_discount_amounts": [],
        "total_taxes": [],
    })
}

fn invoice_line(line: &Line<'_>, session: &Session, made: &Subscribed, settings: &Settings) -> Value {
    let item = line.item;
    json!({
        "id": format!("il_{}", line.id),
        "object": "line_item",
        "amount": item.amount,
        "currency": item.price.currency,
        "description": item.price.name,
        "discountable": true,
        "discounts": [],
        "invoice": made.invoice,
        "livemode": settings.livemode,
        "metadata": session.order.nested_metadata,
        "parent": {
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": null,
                "proration": false,
                "subscription": made.subscription,
                "subscription_item": line.id,
            },
            "type": "subscription_item_details",
        },
        "period": { "end": line.end, "start": line.start },
        "pricing": {
            "price_details": { "price": item.price.id },
            "type": "price_details",
            "unit_amount_decimal": item.price.unit_amount.to_string(),
        },
        "quantity": item.quantity,
        "taxes": [],
    })
}

fn list(data: &[Value], url: &str) -> Value {
    json!({ "object": "list", "data": data, "has_more": false, "total_count": data.len(), "url": url })
}
