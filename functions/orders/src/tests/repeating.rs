//! Idempotency: one key gives one order, over retries, concurrent requests and faults.

use testkit::{Fault, MemoryLedger, World};

use super::*;

const BODY: &str = r#"{"product":"credits-100","quantity":2}"#;

fn keyed<'r>(body: &'r str, key: &str) -> Sent<'r> {
    post("/orders", body).with("idempotency-key", key)
}

#[tokio::test]
async fn retry_gets_the_same_reply_and_reused_key_a_conflict() {
    let function = function(MemoryLedger::default()).await;
    let first = sent(&function, 1, &keyed(BODY, "k")).await;
    let later =
        function.answer(&keyed(BODY, "k").event(Shape::HttpApi), &invocation(2, now().plus_seconds(86_400))).await;
    assert_eq!((later.status, &later.body), (201, &first.body));
    assert_eq!((header(&first, "idempotent-replayed"), header(&later, "idempotent-replayed")), (None, Some("true")));

    // The same request in another spelling is a retry; another request is an idempotency conflict.
    let top_up = |phone: &str| {
        format!(
            r#"{{"phoneNumber":"{phone}","productOperator":"UNITEL","rechargeType":"VOICE","productCode":"SD5000"}}"#
        )
    };
    // The product by an alias, and by its id.
    let [by_alias, by_id] = ["5000", "unitel-sd5000"].map(|code| top_up("97688001122").replace("SD5000", code));
    let older = |key: &str, site: &str| {
        post("/api/v1/orders", r#"{"tier_id":"credits-100","quantity":2}"#)
            .with("idempotency-key", key)
            .with("x-site-code", site)
    };
    sent(&function, 3, &keyed(&top_up("97688001122"), "t")).await;
    sent(&function, 3, &older("s", "shop-1")).await;
    let token = |name: &str, wallet: &str| format!(r#"{{"{name}":"posx-10","wallet":"{wallet}"}}"#);
    let [one, other] = ["0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77"];
    sent(&function, 3, &post("/api/v1/orders", &token("tier_id", one)).with("idempotency-key", "w")).await;
    let (same_wallet, other_wallet) = (token("product", one), token("tier_id", other));
    let (plus, other_phone) = (top_up("+97688001122"), top_up("97688001123"));
    let rows = [
        (keyed(r#"{ "quantity": 2, "product": "credits-100" }"#, "k"), 201),
        (post("/api/v1/orders", r#"{"tier_id":"credits-100","quantity":2}"#).with("idempotency-key", "k"), 201),
        (keyed(&plus, "t"), 201),
        (keyed(&by_alias, "t"), 201),
        (keyed(&by_id, "t"), 201),
        (older("s", "shop-1"), 201),
        (keyed(r#"{"product":"credits-100","quantity":3}"#, "k"), 409),
        (keyed(r#"{"product":"full-report","quantity":1}"#, "k"), 409),
        (keyed(r#"{"product":"credits-100","quantity":2,"provider":"stripe"}"#, "k"), 409),
        (keyed(&other_phone, "t"), 409),
        (older("s", "shop-2"), 409),
        (keyed(&same_wallet, "w"), 201),
        (post("/api/v1/orders", &other_wallet).with("idempotency-key", "w"), 409),
    ];
    for (again, status) in rows {
        let reply = sent(&function, 4, &again).await;
        let code = (status == 409).then(|| json!("idempotency_key_reused"));
        assert_eq!((reply.status, body_of(&reply).get("error")), (status, code.as_ref()), "{again:?}");
    }
    let bob =
        Sent::post("/orders", BODY.as_bytes()).with("authorization", "Bearer key-of-bob").with("idempotency-key", "k");
    let reply = sent(&function, 5, &bob).await;
    assert_eq!(body_of(&reply)["orderNumber"], json!(number_of("bob", "k")), "keys are separate between owners");
    let books = function.ledger.books();
    books.check();
    assert_eq!(books.orders.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn twenty_concurrent_requests_create_one_order() {
    let world = World::new();
    let function = function(world.ledger(1)).await;
    let calls = (0..20).map(|attempt| {
        let function = &function;
        async move { sent(function, attempt, &keyed(BODY, "k")).await }
    });
    let replies = futures_util::future::join_all(calls).await;
    assert!(replies.iter().all(|reply| (reply.status, &reply.body) == (201, &replies[0].body)));
    assert_eq!(replies.iter().filter(|reply| header(reply, "idempotent-replayed").is_none()).count(), 1);
    assert_eq!(world.books().orders.keys().collect::<Vec<_>>(), [&number_of("alice", "k")]);
}

#[tokio::test(start_paused = true)]
async fn fault_at_any_call_leaves_one_order() {
    for fault in Fault::ALL {
        for at in 0..4 {
            let world = World::new();
            function(world.ledger(0)).await;
            let (ledger, faults) = world.faulty(1, move |call, _| if call == at { fault } else { Fault::None });
            let shaky = Function { api: orders(1), ledger };
            let request = keyed(BODY, "k");
            tokio::select! {
                biased;
                reply = sent(&shaky, 1, &request) => assert!(matches!(reply.status, 201 | 503), "{fault:?} {at}: {reply:?}"),
                () = faults.killed() => {}
            }
            let steady = Function { api: orders(2), ledger: world.ledger(2) };
            let reply = sent(&steady, 2, &request).await;
            assert_eq!(
                (reply.status, &body_of(&reply)["orderNumber"]),
                (201, &json!(number_of("alice", "k"))),
                "{fault:?} {at}"
            );
            tokio::time::sleep(std::time::Duration::from_secs(10)).await;
            let books = world.books();
            books.check();
            assert_eq!((books.orders.len(), books.order(&number_of("alice", "k")).version), (1, 1), "{fault:?} {at}");
        }
    }
}
