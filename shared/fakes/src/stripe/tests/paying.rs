//! Payments by each card and bank account, in both modes, and their events.

use serde_json::{Value, json as value};

use super::*;

const GOOD: &str = "4242 4242 4242 4242";

fn objects(events: &[String]) -> Vec<Value> {
    events.iter().map(|event| json(event)["data"]["object"].clone()).collect()
}

#[test]
fn payment_sends_three_events() {
    let stripe = stripe();
    let id = new_session(&stripe, PAYMENT);
    let paid = stripe.pay(&id, GOOD, NOW + 60);
    assert_eq!(paid.redirect, Some(format!("https://shop.example.com/done?session={id}")));
    assert_eq!(paid.error, None);
    assert_eq!(kinds(&paid.events), ["payment_intent.succeeded", "charge.succeeded", "checkout.session.completed"]);
    let envelope = [
        ("/object", value!("event")),
        ("/api_version", value!("2025-08-27.basil")),
        ("/created", value!(NOW + 60)),
        ("/livemode", value!(false)),
        ("/pending_webhooks", value!(1)),
        ("/request", value!({ "id": null, "idempotency_key": null })),
    ];
    paid.events.iter().for_each(|event| assert_members(&json(event), &envelope));

    let [intent, charge, session] = objects(&paid.events).try_into().expect("three");
    let ours = value!({ "order_id": "order-1" });
    assert_members(
        &intent,
        &[
            ("/object", value!("payment_intent")),
            ("/amount", value!(2_500)),
            ("/amount_received", value!(2_500)),
            ("/currency", value!("usd")),
            ("/customer", Value::Null),
            ("/last_payment_error", Value::Null),
            ("/latest_charge", charge["id"].clone()),
            ("/metadata", ours.clone()),
            ("/status", value!("succeeded")),
        ],
    );
    assert_members(
        &charge,
        &[
            ("/object", value!("charge")),
            ("/amount", value!(2_500)),
            ("/amount_captured", value!(2_500)),
            ("/amount_refunded", value!(0)),
            ("/captured", value!(true)),
            ("/failure_code", Value::Null),
            ("/metadata", ours.clone()),
            ("/outcome/type", value!("authorized")),
            ("/paid", value!(true)),
            ("/payment_intent", intent["id"].clone()),
            ("/payment_method_details/card/last4", value!("4242")),
            ("/refunded", value!(false)),
            ("/status", value!("succeeded")),
        ],
    );
    assert_members(
        &session,
        &[
            ("/id", value!(id)),
            ("/client_reference_id", value!("order-1")),
            ("/metadata", ours),
            ("/payment_intent", intent["id"].clone()),
            ("/payment_status", value!("paid")),
            ("/status", value!("complete")),
            ("/url", Value::Null),
        ],
    );
    assert_eq!(read_at(&stripe, &id, NOW + 1_000_000), session, "a complete session never expires");
}

#[test]
fn paid_subscription_sends_its_events() {
    let stripe = stripe();
    let id = new_session(&stripe, SUBSCRIPTION);
    let paid = stripe.pay(&id, GOOD, NOW);
    assert_eq!(paid.redirect.as_deref(), Some("https://shop.example.com/done"));
    let expected = [
        "payment_intent.succeeded",
        "customer.subscription.created",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "checkout.session.completed",
    ];
    assert_eq!(kinds(&paid.events), expected);
    let [intent, subscription, invoice, again, payment, session] = objects(&paid.events).try_into().expect("six");
    assert_eq!(invoice, again);
    assert_members(
        &payment,
        &[
            ("/invoice", invoice["id"].clone()),
            ("/payment/payment_intent", intent["id"].clone()),
            ("/status", value!("paid")),
        ],
    );
    assert_eq!(read_path(&stripe, &format!("/v1/invoices/{}", text(&invoice, "/id"))), invoice);
    let query = format!("payment%5Btype%5D=payment_intent&payment%5Bpayment_intent%5D={}", text(&intent, "/id"));
    let listed = read_path(&stripe, &format!("/v1/invoice_payments?{query}"));
    assert_eq!((&listed["data"], &listed["has_more"]), (&value!([payment]), &value!(false)));
    let other =
        read_path(&stripe, "/v1/invoice_payments?payment%5Btype%5D=payment_intent&payment%5Bpayment_intent%5D=pi_9");
    assert_eq!(other["data"], value!([]));
    let id_of = |object: &Value| object["id"].clone();
    let customer = &session["customer"];
    assert_members(
        &intent,
        &[("/metadata", value!({})), ("/amount_received", value!(2_000)), ("/customer", customer.clone())],
    );
    let (start, end) = (value!(NOW), value!(1_769_904_000));
    assert_members(
        &subscription,
        &[
            ("/object", value!("subscription")),
            ("/customer", customer.clone()),
            ("/items/data/0/current_period_end", end.clone()),
            ("/items/data/0/current_period_start", start.clone()),
            ("/items/data/0/price/id", value!("price_plan")),
            ("/items/data/0/price/recurring/interval", value!("month")),
            ("/items/data/0/price/unit_amount", value!(2_000)),
            ("/items/data/0/quantity", value!(1)),
            ("/items/total_count", value!(1)),
            ("/latest_invoice", id_of(&invoice)),
            ("/metadata", value!({ "owner": "alice" })),
            ("/status", value!("active")),
        ],
    );
    assert_eq!(subscription.get("current_period_end"), None, "basil has it on the items");
    assert_members(
        &invoice,
        &[
            ("/object", value!("invoice")),
            ("/amount_due", value!(2_000)),
            ("/amount_paid", value!(2_000)),
            ("/amount_remaining", value!(0)),
            ("/billing_reason", value!("subscription_create")),
            ("/customer", customer.clone()),
            ("/lines/data/0/amount", value!(2_000)),
            ("/lines/data/0/period", value!({ "start": start, "end": end })),
            ("/lines/data/0/pricing/price_details/price", value!("price_plan")),
            ("/metadata", value!({})),
            ("/parent/subscription_details/metadata", value!({ "owner": "alice" })),
            ("/parent/subscription_details/subscription", id_of(&subscription)),
            ("/parent/type", value!("subscription_details")),
            ("/status", value!("paid")),
        ],
    );
    assert_eq!(invoice.get("subscription"), None, "basil has it under `parent`");
    assert_members(
        &session,
        &[
            ("/customer_details/email", value!("alice@example.com")),
            ("/invoice", id_of(&invoice)),
            ("/metadata", value!({ "order_id": "order-2" })),
            ("/mode", value!("subscription")),
            ("/payment_intent", Value::Null),
            ("/payment_status", value!("paid")),
            ("/status", value!("complete")),
            ("/subscription", id_of(&subscription)),
        ],
    );
    let prefixes = [(&intent, "pi_"), (&subscription, "sub_"), (&invoice, "in_")];
    assert!(prefixes.iter().all(|(object, prefix)| text(object, "/id").starts_with(prefix)));
    assert!(text(&session, "/customer").starts_with("cus_"));
}

#[test]
fn declined_card_leaves_the_session_open() {
    let rows = [
        (PAYMENT, "4000000000000002", "generic_decline", "Your card was declined.", value!({ "order_id": "order-1" })),
        (
            PAYMENT,
            "4000 0000 0000 9995",
            "insufficient_funds",
            "Your card has insufficient funds.",
            value!({ "order_id": "order-1" }),
        ),
        (SUBSCRIPTION, "4000000000000002", "generic_decline", "Your card was declined.", value!({})),
    ];
    for (body, card, code, message, metadata) in rows {
        let stripe = stripe();
        let id = new_session(&stripe, body);
        let declined = stripe.pay(&id, card, NOW);
        assert_eq!((declined.redirect, declined.error.as_deref()), (None, Some(message)));
        assert_eq!(kinds(&declined.events), ["payment_intent.payment_failed", "charge.failed"]);
        let [intent, charge] = objects(&declined.events).try_into().expect("two");
        assert_members(
            &intent,
            &[
                ("/amount_received", value!(0)),
                ("/last_payment_error/charge", charge["id"].clone()),
                ("/last_payment_error/code", value!("card_declined")),
                ("/last_payment_error/decline_code", value!(code)),
                ("/last_payment_error/message", value!(message)),
                ("/last_payment_error/type", value!("card_error")),
                ("/metadata", metadata.clone()),
                ("/status", value!("requires_payment_method")),
            ],
        );
        assert_members(
            &charge,
            &[
                ("/amount", value!(intent["amount"])),
                ("/amount_captured", value!(0)),
                ("/captured", value!(false)),
                ("/failure_code", value!("card_declined")),
                ("/failure_message", value!(message)),
                ("/metadata", metadata),
                ("/outcome/reason", value!(code)),
                ("/paid", value!(false)),
                ("/payment_intent", intent["id"].clone()),
                ("/status", value!("failed")),
            ],
        );
        let open = [("/status", value!("open")), ("/payment_status", value!("unpaid")), ("/subscription", Value::Null)];
        assert_members(&read_at(&stripe, &id, NOW), &open);

        let paid = stripe.pay(&id, GOOD, NOW + 5);
        let succeeded = objects(&paid.events).swap_remove(0);
        assert_members(
            &succeeded,
            &[
                ("/id", intent["id"].clone()),
                ("/created", value!(NOW)),
                ("/last_payment_error", Value::Null),
                ("/status", value!("succeeded")),
            ],
        );
        assert_ne!(succeeded["latest_charge"], charge["id"], "another attempt is another charge");
        assert_members(&read_at(&stripe, &id, NOW), &[("/status", value!("complete"))]);
    }
}

#[test]
fn invalid_card_or_closed_session_is_refused() {
    let stripe = stripe();
    let [open, paid, expired] = [(); 3].map(|()| new_session(&stripe, PAYMENT));
    stripe.pay(&paid, GOOD, NOW);
    post(&stripe, &format!("{SESSIONS}/{expired}/expire"), "", None);
    let rows = [
        (open.as_str(), "4242424242424241", NOW, "Your card number is invalid."),
        (&open, "", NOW, "Your card number is invalid."),
        (&open, "4242-4242-4242-4242", NOW, "Your card number is invalid."),
        (&open, GOOD, NOW + 86_400, "This checkout session has expired."),
        (&paid, GOOD, NOW, "This checkout session has been paid already."),
        (&expired, GOOD, NOW, "This checkout session has expired."),
        ("cs_test_none", GOOD, NOW, "No such checkout session."),
    ];
    for (session, card, now_s, error) in rows {
        let refused = stripe.pay(session, card, now_s);
        assert_eq!((refused.events, refused.redirect, refused.error.as_deref()), (vec![], None, Some(error)), "{card}");
    }
    assert_members(&read_at(&stripe, &open, NOW), &[("/status", value!("open")), ("/payment_intent", Value::Null)]);
}

/// The session is complete at once; the bank's answer decides whether it is paid.
#[test]
fn debit_is_paid_or_refused_when_the_bank_answers() {
    let rows = [
        (
            "000123456789",
            ["payment_intent.succeeded", "charge.succeeded", "checkout.session.async_payment_succeeded"],
            ["succeeded", "succeeded", "paid"],
        ),
        (
            "000222222227",
            ["payment_intent.payment_failed", "charge.failed", "checkout.session.async_payment_failed"],
            ["requires_payment_method", "failed", "unpaid"],
        ),
    ];
    for (account, kinds_after, [of_intent, of_charge, of_session]) in rows {
        let stripe = stripe();
        let id = new_session(&stripe, PAYMENT);
        let debited = stripe.pay(&id, account, NOW);
        assert!(debited.redirect.is_some() && debited.error.is_none());
        assert_eq!(
            kinds(&debited.events),
            ["payment_intent.processing", "charge.pending", "checkout.session.completed"]
        );
        let [intent, charge, session] = objects(&debited.events).try_into().expect("three");
        assert_members(&intent, &[("/status", value!("processing")), ("/amount_received", value!(0))]);
        assert_members(&charge, &[("/status", value!("pending")), ("/paid", value!(false))]);
        assert_members(&session, &[("/status", value!("complete")), ("/payment_status", value!("unpaid"))]);
        assert_eq!(stripe.pay(&id, GOOD, NOW).error.as_deref(), Some("This checkout session has been paid already."));

        let settled = stripe.bank_answers(&id, NOW + 86_400);
        assert_eq!(kinds(&settled.events), kinds_after);
        let [after, charged, session] = objects(&settled.events).try_into().expect("three");
        assert_members(&after, &[("/id", intent["id"].clone()), ("/status", value!(of_intent))]);
        assert_members(&charged, &[("/id", charge["id"].clone()), ("/status", value!(of_charge))]);
        assert_members(&session, &[("/status", value!("complete")), ("/payment_status", value!(of_session))]);
        let path = format!("/v1/payment_intents/{}", text(&intent, "/id"));
        let call =
            Call { method: "GET", path: &path, authorization: Some(KEY), idempotency_key: None, body: "", now_s: NOW };
        assert_eq!(json(&stripe.answer(&call).body), after);
        assert_eq!(stripe.answer_for(Some("acct_1"), &call).status, 404);
        assert_eq!(stripe.bank_answers(&id, NOW).error.as_deref(), Some("No bank has to answer."));
    }
    let stripe = stripe();
    let of_yen = PAYMENT.replace("price_credits", "price_yen");
    for body in [SUBSCRIPTION, &of_yen] {
        let id = new_session(&stripe, body);
        assert!(stripe.pay(&id, "000123456789", NOW).error.is_some_and(|error| error.contains("bank account")));
        assert_members(&read_at(&stripe, &id, NOW), &[("/status", value!("open"))]);
    }
}

#[test]
fn renewal_bills_the_next_period_until_the_subscription_ends() {
    let stripe = stripe();
    let id = new_session(&stripe, SUBSCRIPTION);
    let first = objects(&stripe.pay(&id, GOOD, NOW).events);
    let subscription = text(&first[1], "/id");
    for (amount, billed) in [(None, 2_000), (Some(1_234), 1_234)] {
        let events = stripe.renew(&subscription, amount, NOW + 60);
        assert_eq!(kinds(&events), ["invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid"]);
        let [invoice, again, payment] = objects(&events).try_into().expect("three");
        assert_eq!(invoice, again);
        let of_invoice = [("/billing_reason", value!("subscription_cycle")), ("/amount_paid", value!(billed))];
        assert_members(&invoice, &of_invoice);
        assert_members(&payment, &[("/invoice", invoice["id"].clone()), ("/amount_paid", value!(billed))]);
        assert_ne!(invoice["id"], first[2]["id"]);
        assert_eq!(read_path(&stripe, &format!("/v1/invoices/{}", text(&invoice, "/id"))), invoice);
        let intent = text(&payment, "/payment/payment_intent");
        let query = format!("payment%5Btype%5D=payment_intent&payment%5Bpayment_intent%5D={intent}");
        assert_eq!(read_path(&stripe, &format!("/v1/invoice_payments?{query}"))["data"], value!([payment]));
    }
    stripe.cancel(&subscription, NOW + 120);
    assert_eq!(stripe.renew(&subscription, None, NOW + 180), Vec::<String>::new());
}
