//! Creating orders: the content of a new order, and every refusal.

use testkit::MemoryLedger;

use super::*;

/// An example of EIP-55, and the same with one letter in the other case.
const WALLET: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const MISTYPED: &str = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

#[tokio::test]
async fn order_is_created_at_the_price_of_the_catalog() {
    const CREDITS: &str = r#""status":"unpaid","provider":"stripe","product":"credits-100","quantity":1,"amount":"9.99","currency":"USD","amountMinor":999"#;
    const TOP_UP: &str = r#""status":"unpaid","provider":"wechat","product":"unitel-sd5000","quantity":1,"amount":"10.20","currency":"CNY","amountMinor":1020"#;
    const TOKENS: &str = r#""status":"unpaid","provider":"stripe","product":"posx-10","quantity":1,"amount":"50.00","currency":"USD","amountMinor":5000"#;
    const EXCHANGE: &str = r#","exchange":{"amount":"5000.00","currency":"MNT","rate":"0.00204"}"#;
    let token = |name: &str| format!(r#"{{"{name}":"posx-10","wallet":"{WALLET}"}}"#);
    let top_up =
        r#"{"phoneNumber":"+97688001122","productOperator":"UNITEL","rechargeType":"VOICE","productCode":"SD5000"}"#;
    let three =
        CREDITS.replace(":1,", ":3,").replace("9.99", "29.97").replace("999", "2997").replace("29.2997", "29.97");
    let rows = [
        ("/orders", r#"{"product":"credits-100"}"#, CREDITS.to_owned(), ""),
        ("/orders", r#"{"product":"credits-100","quantity":1,"provider":"stripe"}"#, CREDITS.to_owned(), ""),
        ("/orders", r#"{"quantity":3,"product":"credits-100","provider":null}"#, three.clone(), ""),
        ("/orders", top_up, TOP_UP.to_owned(), EXCHANGE),
        ("/orders", &top_up.replace("SD5000", "5000"), TOP_UP.to_owned(), EXCHANGE),
        ("/api/v1/orders/", r#"{"tier_id":"credits-100"}"#, CREDITS.to_owned(), ""),
        ("/api/v1/orders", r#"{"tier_id":"credits-100","quantity":3,"provider":"stripe"}"#, three, ""),
        ("/orders", &token("product"), TOKENS.to_owned(), ""),
        ("/api/v1/orders/", &token("tier_id"), TOKENS.to_owned(), ""),
        ("/api/v1/orders", &token("tier_id"), TOKENS.to_owned(), ""),
    ];
    let function = function(MemoryLedger::default()).await;
    for (row, (path, body, fields, rest)) in rows.into_iter().enumerate() {
        let key = format!("row-{row}");
        let reply = sent(&function, 1, &post(path, body).with("idempotency-key", key.as_str())).await;
        let number = number_of("alice", &key);
        let expected = format!(r#"{{"orderNumber":"{number}",{fields},"createdAt":"2026-01-01T00:00:00.000Z"{rest}}}"#);
        assert_eq!((reply.status, reply.body), (201, expected), "{body}");
        assert_eq!(reply.headers.iter().filter(|(name, _)| *name == "idempotent-replayed").count(), 0);
    }
}

/// Both forms of the request set the wallet to which the tokens are sent.
#[tokio::test]
async fn wallet_of_either_form_is_on_the_order() {
    let function = function(MemoryLedger::default()).await;
    for (attempt, (path, name)) in (1..).zip([("/orders", "product"), ("/api/v1/orders/", "tier_id")]) {
        let body = format!(r#"{{"{name}":"posx-10","quantity":2,"wallet":"{WALLET}"}}"#);
        let reply = sent(&function, attempt, &post(path, &body)).await;
        let number = OrderNumber::new(body_of(&reply)["orderNumber"].as_str().expect("a number")).expect("valid");
        let order = function.ledger.order(&number, &testkit::context(9)).await.expect("read").expect("there");
        let allocation = order.allocation().expect("tokens that are sent");
        assert_eq!(
            (allocation.wallet.as_deref().unwrap_or_default(), allocation.amount.decimal(18).as_str()),
            (WALLET, "20"),
            "{path}"
        );
    }
}

/// An order number that is not random could be guessed. A number from an idempotency key needs no randomness.
#[tokio::test]
async fn order_without_randomness_is_not_created() {
    let mut function = function(MemoryLedger::default()).await;
    function.api.order_numbers = RandomBits::new(|| None);
    let body = r#"{"product":"credits-100"}"#;
    let refused = sent(&function, 1, &post("/orders", body)).await;
    assert_eq!((refused.status, header(&refused, "retry-after")), (503, Some("2")), "{}", refused.body);
    let named = sent(&function, 2, &post("/orders", body).with("idempotency-key", "k1")).await;
    assert_eq!(named.status, 201, "{}", named.body);
    function.api.order_numbers = RandomBits::new(testkit::seeded_bits(1));
    assert_eq!(sent(&function, 3, &post("/orders", body)).await.status, 201);
}

#[tokio::test]
async fn request_without_idempotency_key_creates_another_order() {
    let function = function(MemoryLedger::default()).await;
    let mut numbers = std::collections::BTreeSet::new();
    for attempt in 0..3 {
        let reply = sent(&function, attempt, &post("/orders", r#"{"product":"credits-100"}"#)).await;
        let number = body_of(&reply)["orderNumber"].as_str().expect("a number").to_owned();
        assert!(number.len() == 28 && number.starts_with("HL"), "{number}");
        assert!(function.ledger.books().orders.contains_key(&number));
        numbers.insert(number);
    }
    assert_eq!(numbers.len(), 3);
}

#[tokio::test]
async fn invalid_request_creates_no_order() {
    let top_up = |field: &str, value: &str| {
        let mut body = json!({ "phoneNumber": "97688001122", "productOperator": "UNITEL", "rechargeType": "VOICE", "productCode": "SD5000" });
        body[field] = serde_json::from_str(value).expect("JSON");
        body.to_string()
    };
    let product = |rest: &str| format!(r#"{{"product":"credits-100"{rest}}}"#);
    let rows = [
        ("{}".to_owned(), "product_missing"),
        (r#"{"product":null}"#.to_owned(), "product_missing"),
        (r#"{"product":7}"#.to_owned(), "product_invalid"),
        (r#"{"product":"credits-101"}"#.to_owned(), "unknown_product"),
        (r#"{"product":"Credits-100"}"#.to_owned(), "unknown_product"),
        (product(r#","quantity":0"#), "quantity_out_of_range"),
        (product(r#","quantity":101"#), "quantity_out_of_range"),
        (product(r#","quantity":-1"#), "quantity_invalid"),
        (product(r#","quantity":1.0"#), "quantity_invalid"),
        (product(r#","quantity":1e0"#), "quantity_invalid"),
        (product(r#","quantity":"1""#), "quantity_invalid"),
        (product(r#","quantity":18446744073709551616"#), "quantity_invalid"),
        (product(r#","quantity":18446744073709551615"#), "quantity_out_of_range"),
        (product(r#","provider":"wechat""#), "provider_not_offered"),
        (product(r#","provider":"paypal""#), "unknown_provider"),
        (product(r#","provider":["stripe"]"#), "unknown_provider"),
        (product(r#","amount":"0.01""#), "unknown_field"),
        (product(r#","currency":"MNT""#), "unknown_field"),
        (product(r#","tier_id":"credits-1000""#), "unknown_field"),
        (product(r#","product":"credits-1000""#), "duplicate_field"),
        (product(r#","phoneNumber":"97688001122""#), "fields_conflict"),
        (r#"{"product":"unitel-sd5000"}"#.to_owned(), "phone_missing"),
        (top_up("quantity", "1"), "fields_conflict"),
        (top_up("phoneNumber", "null"), "phone_missing"),
        (top_up("phoneNumber", "97688001122"), "phone_invalid"),
        (top_up("phoneNumber", "\"12345\""), "phone_invalid"),
        (top_up("phoneNumber", "\"8800 1122\""), "phone_invalid"),
        (top_up("phoneNumber", "\"++97688001122\""), "phone_invalid"),
        (top_up("productOperator", "null"), "operator_missing"),
        (top_up("productOperator", "1"), "operator_invalid"),
        (top_up("productOperator", "\"unitel\""), "unknown_product"),
        (top_up("rechargeType", "null"), "recharge_type_missing"),
        (top_up("rechargeType", "{}"), "recharge_type_invalid"),
        (top_up("rechargeType", "\"DATA\""), "unknown_product"),
        (top_up("productCode", "null"), "product_code_missing"),
        (top_up("productCode", "true"), "product_code_invalid"),
        (top_up("amount", "1"), "unknown_field"),
        ("[]".to_owned(), "body_invalid"),
        (r#"{"product":"posx-10"}"#.to_owned(), "wallet_missing"),
        (r#"{"product":"posx-10","wallet":7}"#.to_owned(), "wallet_invalid"),
        (format!(r#"{{"product":"posx-10","wallet":"{MISTYPED}"}}"#), "wallet_checksum"),
        (product(&format!(r#","wallet":"{WALLET}""#)), "wallet_unwanted"),
    ];
    let function = function(MemoryLedger::default()).await;
    for (body, code) in &rows {
        let reply = sent(&function, 1, &post("/orders", body)).await;
        assert_eq!((reply.status, &body_of(&reply)["error"]), (400, &json!(code)), "{body}");
    }
    let older = [
        (r#"{"product":"credits-100"}"#, "unknown_field"),
        (r#"{"tier_id":"credits-100","amount":1}"#, "unknown_field"),
        ("{}", "product_missing"),
        (r#"{"tier_id":"unitel-sd5000"}"#, "phone_missing"),
        (r#"{"tier_id":"posx-10"}"#, "wallet_missing"),
        (r#"{"tier_id":"posx-10","wallet":7}"#, "wallet_invalid"),
        (r#"{"tier_id":"posx-10","wallet":"0x5aAe"}"#, "wallet_invalid"),
        (&format!(r#"{{"tier_id":"posx-10","wallet":"{MISTYPED}"}}"#), "wallet_checksum"),
        (&format!(r#"{{"tier_id":"credits-100","wallet":"{WALLET}"}}"#), "wallet_unwanted"),
    ];
    for (body, code) in older {
        let reply = sent(&function, 1, &post("/api/v1/orders/", body)).await;
        assert_eq!((reply.status, &body_of(&reply)["error"]), (400, &json!(code)), "{body}");
    }
    let long = "k".repeat(256);
    let headers = [
        ("idempotency-key", "", "idempotency_key_invalid"),
        ("idempotency-key", "a b", "idempotency_key_invalid"),
        ("idempotency-key", "clé", "idempotency_key_invalid"),
        ("idempotency-key", &long, "idempotency_key_invalid"),
        ("x-site-code", "", "site_code_invalid"),
        ("x-site-code", "shop/1", "site_code_invalid"),
        ("x-site-code", &long, "site_code_invalid"),
    ];
    for (name, value, code) in headers {
        let reply =
            sent(&function, 1, &post("/api/v1/orders/", r#"{"tier_id":"credits-100"}"#).with(name, value)).await;
        assert_eq!((reply.status, &body_of(&reply)["error"]), (400, &json!(code)), "{name}: {value}");
    }
    assert_eq!(function.ledger.books().orders.len(), 0, "no order was created");
}
