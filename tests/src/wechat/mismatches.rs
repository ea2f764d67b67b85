//! Price and merchant validation: a notification that contradicts its order is kept, flagged and acknowledged, and never pays it.

use serde_json::json;

use super::*;

#[tokio::test(start_paused = true)]
async fn path_that_names_another_order_is_flagged() {
    for name in PAYMENTS.iter().chain(&["v3_refund", "v2_refund"]) {
        let world = shop().await;
        let other = format!("{CALLBACK}2");
        let got = deliver_sample(&world, &paid(), &[], &other, &sample(name)).await;
        assert!(is(&got, success_of(name)), "{name}: {got:?}");
        flagged(&world, "ORDER_MISMATCH", name);
    }
}

/// The anomaly names the expected and the received value, for the operator.
#[tokio::test(start_paused = true)]
async fn mismatch_is_recorded_with_its_details() {
    let world = shop().await;
    let body = with("v3_payment", &[("/resource/mchid", json!("1900000002"))]);
    deliver_sample(&world, &paid(), &[], NOTIFY, &body).await;
    let number = OrderNumber::new(ORDER).expect("a number");
    let order = world.ledger(2).order(&number, &context(2)).await.expect("the books").expect("an order");
    let details: Vec<&String> = order.anomalies.listed().map(|flag| &flag.anomaly.details).collect();
    assert_eq!(details, ["wechat#v3.4200000000202601010000000001: it is of 1900000002 wx0123456789abcdef - -"]);
}

/// After an operator accepts the payment, its other forms are repeats and raise no alarm.
#[tokio::test(start_paused = true)]
async fn accepted_payment_is_not_refused_again() {
    let underpaid = |name: &str| sample(name).replace("1999", "1998");
    let world = shop().await;
    deliver_sample(&world, &paid(), &[], NOTIFY, &underpaid("v3_payment")).await;
    flagged(&world, "AMOUNT_MISMATCH", "v3_payment");
    crate::stripe::accept(&world, ORDER, TRANSACTION, None).await;
    crate::log_capture::start_capture();
    for name in ["v2_payment", "cloudrun_payment"] {
        let got = deliver_sample(&world, &paid(), &[], NOTIFY, &underpaid(name)).await;
        assert!(is(&got, success_of(name)), "{name}: {got:?}");
    }
    assert_eq!(crate::log_capture::captured_lines().iter().filter(|line| line["alarm"] == "refused").count(), 0);
    let books = world.books();
    books.check();
    let order = books.order(ORDER);
    assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), ("paid", None));
    assert_eq!(books.journal.values().filter(|row| row.status == "failed").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn repeat_with_another_amount_is_flagged() {
    for name in ["v2_payment", "cloudrun_payment"] {
        let world = shop().await;
        deliver_sample(&world, &paid(), &[], NOTIFY, &sample("v3_payment")).await;
        let field = if name == "v2_payment" { ("/total_fee", json!("1")) } else { ("/totalFee", json!(1)) };
        let got = deliver_sample(&world, &paid(), &[], NOTIFY, &with(name, &[field])).await;
        assert!(is(&got, success_of(name)), "{name}: {got:?}");
        let books = world.books();
        books.check();
        assert_eq!(books.order(ORDER).anomaly.as_deref(), Some("AMOUNT_MISMATCH"), "{name}");
        assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn second_payment_of_one_order_is_flagged() {
    let world = shop().await;
    deliver_sample(&world, &paid(), &[], NOTIFY, &sample("v3_payment")).await;
    let other = with("v3_payment", &[("/resource/transaction_id", json!("4200000000202601010000000002"))]);
    let got = deliver_sample(&world, &paid(), &[], NOTIFY, &other).await;
    assert!(is(&got, V3_SUCCESS), "{got:?}");
    let books = world.books();
    books.check();
    assert_eq!(books.order(ORDER).anomaly.as_deref(), Some("DUPLICATE_PAYMENT"));
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
}

/// With a service provider, both the provider's and the sub-merchant's ids must match.
#[tokio::test(start_paused = true)]
async fn partner_payment_must_match_both_merchants() {
    let partner = [("WECHAT_SUB_MCH_ID", "1900000009"), ("WECHAT_SUB_APP_ID", "wx9999999999999999")];
    let body = |sub_mchid: &str, sub_appid: &str| {
        let mut body: Value = serde_json::from_str(&sample("v3_payment")).expect("JSON");
        let resource = body["resource"].as_object_mut().expect("an object");
        for (name, other) in [("mchid", "sp_mchid"), ("appid", "sp_appid")] {
            let id = resource.remove(name).expect("an id");
            resource.insert(other.to_owned(), id);
        }
        resource.insert("sub_mchid".to_owned(), json!(sub_mchid));
        if !sub_appid.is_empty() {
            resource.insert("sub_appid".to_owned(), json!(sub_appid));
        }
        body.to_string()
    };
    let rows = [
        (&partner[..], body("1900000009", "wx9999999999999999"), None),
        (&partner, body("1900000009", ""), None),
        (&partner, body("1900000008", "wx9999999999999999"), Some("MERCHANT_MISMATCH")),
        (&partner, body("1900000009", "wx8888888888888888"), Some("MERCHANT_MISMATCH")),
        (&partner, sample("v3_payment"), Some("MERCHANT_MISMATCH")),
        (&[], body("1900000009", "wx9999999999999999"), Some("MERCHANT_MISMATCH")),
    ];
    for (variables, body, expected) in rows {
        let world = shop().await;
        let got = deliver_sample(&world, &paid(), variables, NOTIFY, &body).await;
        assert!(is(&got, V3_SUCCESS), "{got:?}");
        match expected {
            Some(reason) => flagged(&world, reason, &body),
            None => assert_eq!(world.books().balance("alice/credits"), 100_000_000_000, "{body}"),
        }
    }
}

fn flagged(world: &World, reason: &str, name: &str) {
    let books = world.books();
    books.check();
    let order = books.order(ORDER);
    assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), ("unpaid", Some(reason)), "{name}");
    assert_eq!(books.balance("alice/credits"), 0, "{name}");
    let failed: Vec<_> = books.journal.values().filter_map(|row| row.reason.as_deref()).collect();
    assert_eq!(failed, [reason.to_ascii_lowercase()], "{name}");
    assert_eq!(books.bodies.len(), 1, "{name}: the delivery is kept");
}
