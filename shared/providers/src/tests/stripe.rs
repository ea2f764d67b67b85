//! The Stripe adapter against the fake: requests, idempotency keys, retries and the parsing of responses.

use testkit::{NetFault, StripeFault, StripeNet};

use super::*;

const BASE: &str = "https://stripe.invalid";
const KEY: &str = "sk_test_abcdefghijklmnopqrstuvwxyz";
const SESSION: &str = "cs_test_s000000000000000000000003";

fn net() -> StripeNet {
    let price = fakes::Price {
        id: "price_kept".to_owned(),
        name: "Full report".to_owned(),
        unit_amount: 1_999,
        currency: "usd".to_owned(),
        interval: None,
    };
    StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s").with_prices([price]))
}

fn config(base: &str, account: Option<&str>) -> StripeConfig {
    StripeConfig { base: base.to_owned(), livemode: false, account: account.map(str::to_owned), is_mock: false }
}

fn stripe(net: &StripeNet) -> Stripe {
    let key = Arc::new(SecretKey::parse(KEY).expect("a key"));
    Stripe::new(Http::over(net.clone(), fastrand::Rng::with_seed(7)), &config(&format!("{BASE}/"), None), key)
}

fn usd(units: u64) -> Money {
    Money { amount: Amount::from_units(units), currency: Currency::parse("USD").expect("a currency") }
}

fn new(price: Price, every: Option<&'static str>) -> NewSession {
    NewSession {
        order: OrderNumber::new("HL1").expect("a number"),
        replaces: None,
        stage: "dev".to_owned(),
        item: Item { price, quantity: 2 },
        every,
        success_url: "https://shop.invalid/done?session={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "https://shop.invalid/".to_owned(),
    }
}

fn inline_price() -> Price {
    Price::Inline { name: "100 点 & more".to_owned(), unit: usd(500) }
}

fn refusal(status: u16, kind: &str, code: &str) -> CallError {
    let word = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    CallError::Refused { status, kind: word(kind), code: word(code) }
}

#[tokio::test(start_paused = true)]
async fn session_request_is_sent_in_full() {
    const ENDS: &str = "line_items%5B0%5D%5Bquantity%5D=2\
        &success_url=https%3A%2F%2Fshop.invalid%2Fdone%3Fsession%3D%7BCHECKOUT_SESSION_ID%7D&cancel_url=https%3A%2F%2Fshop.invalid%2F";
    let rows = [
        (
            new(inline_price(), None),
            "mode=payment&client_reference_id=HL1&metadata%5Bhookledger_order%5D=HL1\
             &payment_intent_data%5Bmetadata%5D%5Bhookledger_order%5D=HL1\
             &metadata%5Bhookledger_stage%5D=dev&payment_intent_data%5Bmetadata%5D%5Bhookledger_stage%5D=dev\
             &line_items%5B0%5D%5Bprice_data%5D%5Bcurrency%5D=usd&line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D=500\
             &line_items%5B0%5D%5Bprice_data%5D%5Bproduct_data%5D%5Bname%5D=100%20%E7%82%B9%20%26%20more&",
        ),
        (
            new(Price::Id("price_kept".to_owned()), None),
            "mode=payment&client_reference_id=HL1&metadata%5Bhookledger_order%5D=HL1\
             &payment_intent_data%5Bmetadata%5D%5Bhookledger_order%5D=HL1\
             &metadata%5Bhookledger_stage%5D=dev&payment_intent_data%5Bmetadata%5D%5Bhookledger_stage%5D=dev&line_items%5B0%5D%5Bprice%5D=price_kept&",
        ),
        (
            new(inline_price(), Some("month")),
            "mode=subscription&client_reference_id=HL1&metadata%5Bhookledger_order%5D=HL1\
             &subscription_data%5Bmetadata%5D%5Bhookledger_order%5D=HL1\
             &metadata%5Bhookledger_stage%5D=dev&subscription_data%5Bmetadata%5D%5Bhookledger_stage%5D=dev\
             &line_items%5B0%5D%5Bprice_data%5D%5Bcurrency%5D=usd&line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D=500\
             &line_items%5B0%5D%5Bprice_data%5D%5Bproduct_data%5D%5Bname%5D=100%20%E7%82%B9%20%26%20more\
             &line_items%5B0%5D%5Bprice_data%5D%5Brecurring%5D%5Binterval%5D=month&",
        ),
    ];
    for (new, begins) in rows {
        let net = net();
        let session = stripe(&net).create_session(&new, call_deadline()).await.expect("a session");
        let [request] = <[_; 1]>::try_from(net.calls()).expect("one call");
        assert_eq!(request.endpoint, "POST /v1/checkout/sessions");
        assert_eq!(request.authorization(), Some("Bearer sk_test_abcdefghijklmnopqrstuvwxyz"));
        assert_eq!(request.header("stripe-version"), Some("2025-08-27.basil"));
        assert_eq!(request.idempotency_key(), Some("hookledger-HL1"));
        assert_eq!(request.body, format!("{begins}{ENDS}"));
        assert_eq!(session.order, Some(new.order));
        assert_eq!((session.status, session.payment_status), (SessionStatus::Open, PaymentStatus::Unpaid));
    }
}

#[tokio::test(start_paused = true)]
async fn configured_account_is_sent_on_every_call() {
    for account in [None, Some("acct_1")] {
        let net = net();
        let key = Arc::new(SecretKey::parse(KEY).expect("a key"));
        let stripe = Stripe::new(Http::over(net.clone(), fastrand::Rng::with_seed(7)), &config(BASE, account), key);
        let new = new(inline_price(), None);
        let made = stripe.create_session(&new, call_deadline()).await.expect("a session");
        stripe.session(&made.id, call_deadline()).await.expect("a session");
        stripe.intents_of(&new.order, call_deadline()).await.expect("intents");
        stripe.expire(&made.id, call_deadline()).await.expect("a session");
        let listed = stripe.list_undelivered_events(testkit::now(), None, 10, call_deadline()).await.expect("events");
        assert_eq!(listed.events.len(), 1, "of its own account");
        let requests = net.calls();
        assert_eq!(requests.len(), 5);
        assert!(requests.iter().all(|request| request.header("stripe-account") == account), "{requests:?}");
        let other = config(BASE, if account.is_some() { None } else { Some("acct_1") });
        let key = Arc::new(SecretKey::parse(KEY).expect("a key"));
        let other = Stripe::new(Http::over(net.clone(), fastrand::Rng::with_seed(7)), &other, key);
        let missing = refusal(404, "invalid_request_error", "resource_missing");
        assert_eq!(other.session(&made.id, call_deadline()).await, Err(missing));
        assert_eq!(
            other
                .list_undelivered_events(testkit::now(), None, 10, call_deadline())
                .await
                .expect("events")
                .events
                .len(),
            0
        );
    }
}

#[tokio::test(start_paused = true)]
async fn session_is_read_open_paid_and_expired() {
    for (every, paid_by) in [(None, ["pi", ""]), (Some("month"), ["", "sub"])] {
        let (net, prefix) =
            (net(), |id: &Option<String>| id.as_deref().and_then(|id| id.split('_').next().map(str::to_owned)));
        let stripe = stripe(&net);
        let made = stripe.create_session(&new(inline_price(), every), call_deadline()).await.expect("a session");
        assert_eq!(made.url, Some(format!("https://pay.invalid/{}", made.id)));
        assert_eq!(made.money, Some(usd(1_000)));
        assert_eq!(stripe.session(&made.id, call_deadline()).await.as_ref(), Ok(&made));
        net.pay(&made.id);
        let paid = stripe.session(&made.id, call_deadline()).await.expect("a session");
        assert_eq!(
            (paid.status, paid.payment_status, &paid.url),
            (SessionStatus::Complete, PaymentStatus::Paid, &None)
        );
        let ids = [prefix(&paid.payment_intent), prefix(&paid.subscription)].map(Option::unwrap_or_default);
        assert_eq!(ids, paid_by);
        assert_eq!(stripe.expire(&made.id, call_deadline()).await, Err(refusal(400, "invalid_request_error", "")));
    }
    let net = net();
    let stripe = stripe(&net);
    let made = stripe.create_session(&new(inline_price(), None), call_deadline()).await.expect("a session");
    let expired = stripe.expire(&made.id, call_deadline()).await.expect("a session");
    assert_eq!((expired.status, expired.url), (SessionStatus::Expired, None));
    let calls = net.calls();
    let requests: Vec<_> = calls.iter().map(|call| (call.endpoint.as_str(), call.idempotency_key())).collect();
    assert_eq!(requests[1], (format!("POST /v1/checkout/sessions/{}/expire", made.id).as_str(), None));
}

#[tokio::test(start_paused = true)]
async fn only_transient_failures_are_retried() {
    use NetFault::{Delay, Disconnect, DropRequest, DropResponse, Garbage, Own, Reset, Status};
    let slow = Delay(Duration::from_millis(2_400));
    // Whether every attempt fails or only the first; the result; the number of attempts.
    let rows = [
        (DropRequest, false, Ok(()), 2),
        (DropResponse, false, Ok(()), 2),
        (Disconnect, false, Ok(()), 2),
        (Reset, false, Ok(()), 2),
        (Status(409), false, Ok(()), 2),
        (Status(429), false, Ok(()), 2),
        (Status(500), false, Ok(()), 2),
        (Status(503), false, Ok(()), 2),
        (slow, true, Ok(()), 1),
        (DropRequest, true, Err(CallError::NoAnswer), 4),
        (Disconnect, true, Err(CallError::NoAnswer), 4),
        (Status(409), true, Err(refusal(409, "idempotency_error", "idempotency_key_in_use")), 4),
        (Status(429), true, Err(refusal(429, "api_error", "injected")), 4),
        (Status(502), true, Err(CallError::Failed { status: 502 }), 4),
        (Own(StripeFault::KeptFailure), false, Err(CallError::Failed { status: 500 }), 4),
        (Status(400), false, Err(refusal(400, "api_error", "injected")), 1),
        (Status(401), false, Err(refusal(401, "api_error", "injected")), 1),
        (Status(404), false, Err(refusal(404, "api_error", "injected")), 1),
        (Status(302), false, Err(CallError::Unreadable), 1),
        (Garbage, false, Err(CallError::Unreadable), 1),
    ];
    for (fault, always, expected, times) in rows {
        let (net, row) = (net(), format!("{fault:?} {always}"));
        net.fail(move |call, _| if always || call == 0 { fault } else { NetFault::None });
        let started = clock();
        let answer = stripe(&net).create_session(&new(inline_price(), None), call_deadline()).await;
        assert_eq!(answer.map(drop), expected, "{row}");
        // If four attempts get no answer, the deadline cuts off the last one.
        assert_eq!(net.calls().len(), times, "{row}");
        assert!(clock().duration_since(started) <= Duration::from_millis(8_001), "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_stops_retries_and_keeps_the_last_answer() {
    for (fault, expected) in
        [(NetFault::DropRequest, CallError::NoAnswer), (NetFault::Delay(Duration::from_secs(2)), CallError::NoAnswer)]
    {
        let net = net();
        net.fail(move |_, _| fault);
        let started = clock();
        let answer = stripe(&net).create_session(&new(inline_price(), None), deadline(Duration::from_secs(1))).await;
        assert_eq!(answer, Err(expected));
        assert!(clock().duration_since(started) <= Duration::from_millis(1_001));
    }
    let net = net();
    net.fail(|call, _| if call == 0 { NetFault::Status(503) } else { NetFault::DropRequest });
    let answer = stripe(&net).create_session(&new(inline_price(), None), deadline(Duration::from_secs(1))).await;
    assert_eq!(answer, Err(CallError::Failed { status: 503 }));
}

/// The status of the intent decides whether a complete, unpaid session may still be paid.
#[tokio::test(start_paused = true)]
async fn unpaid_session_state_follows_its_intent() {
    let rows = [
        ("requires_payment_method", Ok(Unsettled::Failed)),
        ("canceled", Ok(Unsettled::Failed)),
        ("requires_confirmation", Ok(Unsettled::Processing)),
        ("requires_action", Ok(Unsettled::Processing)),
        ("processing", Ok(Unsettled::Processing)),
        ("requires_capture", Ok(Unsettled::Processing)),
        ("succeeded", Ok(Unsettled::Processing)),
        ("lost", Err(CallError::Unreadable)),
    ];
    for (status, expected) in rows {
        let net = net();
        let stripe = stripe(&net);
        let made = stripe.create_session(&new(inline_price(), None), call_deadline()).await.expect("a session");
        net.pay_with(&made.id, "000123456789");
        let session = stripe.session(&made.id, call_deadline()).await.expect("a session");
        assert_eq!((session.status, session.payment_status), (SessionStatus::Complete, PaymentStatus::Unpaid));
        let replacement: &'static str = format!("\"status\":\"{status}\"").leak();
        net.fail(move |_, _| NetFault::Altered("\"status\":\"processing\"", replacement));
        assert_eq!(stripe.unsettled(&session, call_deadline()).await, expected, "{status}");
        let intent = session.payment_intent.clone().expect("an intent");
        assert_eq!(net.calls()[0].endpoint, format!("GET /v1/payment_intents/{intent}"));
        net.fail(|_, _| NetFault::Altered("\"id\":\"pi_s", "\"id\":\"pi_t"));
        assert_eq!(
            stripe.unsettled(&session, call_deadline()).await,
            Err(CallError::Unreadable),
            "another intent's answer"
        );
        let without_intent = Session { payment_intent: None, ..session };
        assert_eq!(stripe.unsettled(&without_intent, call_deadline()).await, Ok(Unsettled::Processing));
    }
}

/// Stripe replays the first session for a repeated idempotency key, so each replacement has its own key.
#[tokio::test(start_paused = true)]
async fn replaced_session_has_exactly_one_successor() {
    let net = net();
    let stripe = stripe(&net);
    let first = stripe.create_session(&new(inline_price(), None), call_deadline()).await.expect("a session");
    let again = NewSession { replaces: Some(first.id.clone()), ..new(inline_price(), None) };
    let second = stripe.create_session(&again, call_deadline()).await.expect("a session");
    assert_ne!(second.id, first.id);
    assert_eq!(stripe.create_session(&again, call_deadline()).await, Ok(second.clone()));
    let key = format!("hookledger-HL1-{}", first.id);
    assert_eq!(net.calls()[1].idempotency_key(), Some(key.as_str()));
}

#[tokio::test(start_paused = true)]
async fn malformed_session_is_unreadable() {
    use NetFault::Altered;
    let rows = [
        (Altered("\"status\":\"open\"", "\"status\":\"ajar\""), false),
        (Altered("\"payment_status\":\"unpaid\"", "\"payment_status\":null"), false),
        (Altered("\"checkout.session\"", "\"payment_intent\""), false),
        (Altered("\"cs_test_", "\"pi_test_"), false),
        (Altered("\"cs_test_", "\"cs_test_../"), false),
        (Altered("\"amount_total\":1000", "\"amount_total\":10.0"), false),
        (Altered("\"amount_total\":1000", "\"amount_total\":-1000"), false),
        (Altered("\"currency\":\"usd\"", "\"currency\":\"dollar\""), false),
        (Altered("\"url\":\"https:", "\"url\":\"javascript:"), false),
        (Altered("\"payment_intent\":null", "\"payment_intent\":7"), false),
        (
            Altered("\"payment_intent\":null", "\"payment_intent\":{\"id\":\"pi_1\",\"object\":\"payment_intent\"}"),
            true,
        ),
        (
            Altered("\"metadata\":{\"hookledger_order\":\"HL1\",\"hookledger_stage\":\"dev\"}", "\"metadata\":null"),
            true,
        ),
        (Altered("\"locale\":null", "\"locale\":\"zh\""), true),
    ];
    for (fault, is_read) in rows {
        let (net, row) = (net(), format!("{fault:?}"));
        net.fail(move |_, _| fault);
        let answer = stripe(&net).create_session(&new(inline_price(), None), call_deadline()).await;
        assert_eq!(answer.map(drop), if is_read { Ok(()) } else { Err(CallError::Unreadable) }, "{row}");
    }
    let net = net();
    let stripe = stripe(&net);
    let made = stripe.create_session(&new(inline_price(), None), call_deadline()).await.expect("a session");
    net.fail(|_, _| Altered("\"id\":\"cs_test_s", "\"id\":\"cs_test_t"));
    assert_eq!(stripe.session(&made.id, call_deadline()).await, Err(CallError::Unreadable), "another session's answer");
}

#[tokio::test(start_paused = true)]
async fn id_with_path_characters_is_never_sent() {
    let net = net();
    let stripe = stripe(&net);
    for id in ["", "cs_", "pi_1", "cs_1/expire", "cs_1?expand[]=x", "cs_..%2f", "cs_1 ", "cs_点", "xcs_1"] {
        assert_eq!(stripe.session(id, call_deadline()).await, Err(CallError::Unreadable), "{id}");
        assert_eq!(stripe.expire(id, call_deadline()).await, Err(CallError::Unreadable), "{id}");
    }
    assert_eq!(net.calls().len(), 0);
    let missing = refusal(404, "invalid_request_error", "resource_missing");
    assert_eq!(stripe.session(SESSION, call_deadline()).await, Err(missing));
}

#[test]
fn key_shows_its_mode_and_is_redacted() {
    let rows = [
        ("sk_test_a1", Some(Some(false))),
        ("sk_live_a1", Some(Some(true))),
        ("rk_live_a1", Some(Some(true))),
        ("rk_test_a1", Some(Some(false))),
        ("sk_a1", Some(None)),
        ("sk_", None),
        ("pk_test_a1", None),
        ("whsec_a1", None),
        ("sk_test_a1\n", None),
        ("sk_test_a1\r\nx: y", None),
        (" sk_test_a1", None),
        ("", None),
    ];
    for (text, live) in rows {
        let key = SecretKey::parse(text);
        assert_eq!(key.as_ref().ok().map(SecretKey::is_live), live, "{text:?}");
        assert!(!format!("{key:?}").contains("a1"), "{text:?}");
    }
    let stripe = stripe(&net());
    assert!(!format!("{stripe:?}").contains("abcdefghijklmnopqrstuvwxyz"), "{stripe:?}");
    let refused = refusal(402, "card_error", "card_declined").to_string();
    assert_eq!(refused, "refused with status 402 card_error card_declined");
}
