//! Tests of the Fireblocks fake: one transfer per external id, request validation, and the outcome of each wallet.

use signing::fireblocks::token;
use signing::rsa::PrivateKey;
use testkit::rsa_pair;

use super::*;

const NOW_S: i64 = 1_767_225_600;
const API_KEY: &str = "0c2d1c5e-0000-4000-8000-000000000001";

fn private() -> PrivateKey {
    PrivateKey::parse(&rsa_pair(1).private).expect("a key")
}

fn fake() -> Fireblocks {
    Fireblocks::new(API_KEY, PublicKey::parse(&rsa_pair(1).public).expect("a key"), 7)
}

fn transfer_request(wallet: &str) -> Value {
    json!({
        "operation": "TRANSFER",
        "externalTxId": format!("grant#HL{wallet}#1"),
        "assetId": "POSX_TEST",
        "amount": "1.50",
        "source": { "type": "VAULT_ACCOUNT", "id": "0" },
        "destination": { "type": "ONE_TIME_ADDRESS", "oneTimeAddress": { "address": wallet } },
    })
}

fn call(fake: &Fireblocks, method: &str, path: &str, body: &str, nonce: &str) -> (u16, Value, usize) {
    let authorization = format!("Bearer {}", token(&private(), API_KEY, path, body.as_bytes(), nonce, NOW_S));
    let authorization = Some(authorization.as_str());
    let call = Call { method, path, authorization, idempotency_key: None, body, now_s: NOW_S };
    let Answered { status, body, events, .. } = fake.answer(&call);
    (status, serde_json::from_str(&body).expect("JSON"), events.len())
}

/// Creates a transfer and returns its id.
fn new_transfer(fake: &Fireblocks, wallet: &str) -> String {
    let (status, body, events) = call(fake, "POST", TRANSACTIONS, &transfer_request(wallet).to_string(), wallet);
    assert_eq!((status, body["status"].as_str()), (200, Some("SUBMITTED")), "{wallet}");
    assert_eq!(events, if wallet.ends_with("0007") { 2 } else { 1 }, "{wallet}");
    body["id"].as_str().expect("an id").to_owned()
}

#[test]
fn each_wallet_has_its_listed_outcome() {
    let rows = [
        ("0xabc", "PENDING_SIGNATURE BROADCASTING CONFIRMING COMPLETED", 1),
        ("0xa0001", "PENDING_SIGNATURE BROADCASTING FAILED", 1),
        ("0xa0002", "PENDING_AUTHORIZATION REJECTED", 1),
        ("0xa0003", "PENDING_AML_SCREENING BLOCKED", 1),
        ("0xa0004", "PENDING_AUTHORIZATION CANCELLING CANCELLED", 1),
        ("0xa0005", "PENDING_SIGNATURE", 1),
        ("0xa0006", "PENDING_SIGNATURE BROADCASTING CONFIRMING COMPLETED", 1),
        ("0xa0007", "PENDING_SIGNATURE BROADCASTING CONFIRMING COMPLETED", 2),
    ];
    let fake = fake();
    for (wallet, path, times) in rows {
        let id = new_transfer(&fake, wallet);
        let mut statuses = Vec::new();
        while let Some(bodies) = fake.go_on(&id, NOW_S) {
            assert_eq!(bodies.len(), times, "{wallet}");
            assert!(bodies.iter().all(|body| *body == bodies[0]), "{wallet}: the same event");
            let webhook: Value = serde_json::from_str(&bodies[0]).expect("JSON");
            assert_eq!(webhook["eventType"], "transaction.status.updated");
            assert_eq!(webhook["data"]["externalTxId"], format!("grant#HL{wallet}#1"));
            assert_eq!(webhook["data"]["amountInfo"]["requestedAmount"], "1.50");
            statuses.push(webhook["data"]["status"].as_str().expect("a status").to_owned());
        }
        assert_eq!(statuses.join(" "), path, "{wallet}");
    }
    assert_eq!(fake.go_on("unknown", NOW_S), None);
}

#[test]
fn duplicate_external_id_is_refused() {
    let fake = fake();
    let id = new_transfer(&fake, "0xabc");
    let other = json!({ "amount": "2" });
    for (n, more) in [json!({}), other].into_iter().enumerate() {
        let mut body = transfer_request("0xabc");
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let (status, body, events) = call(&fake, "POST", TRANSACTIONS, &body.to_string(), &format!("again-{n}"));
        assert_eq!((status, body["code"].as_u64(), events), (400, Some(1438), 0));
    }
    assert_eq!(fake.transfers().len(), 1);
    let path = "/v1/transactions/external_tx_id/grant%23HL0xabc%231";
    let (status, found, _) = call(&fake, "GET", path, "", "find");
    assert_eq!((status, found["id"].as_str(), found["amount"].as_f64()), (200, Some(id.as_str()), Some(1.5)));
    let (status, ..) = call(&fake, "GET", "/v1/transactions/external_tx_id/grant%23HL0xabd%231", "", "miss");
    assert_eq!(status, 404);
    let (status, by_id, _) = call(&fake, "GET", &format!("/v1/transactions/{id}"), "", "by-id");
    assert_eq!((status, by_id), (200, found));
    assert_eq!(call(&fake, "GET", "/v1/transactions/other", "", "other").0, 404);
}

#[test]
fn malformed_or_unauthorized_request_is_refused() {
    let fake = fake();
    let with = |pointer: &str, value: Value| {
        let mut body = transfer_request("0xabc");
        *body.pointer_mut(pointer).expect("a member") = value;
        body.to_string()
    };
    let mut more = transfer_request("0xabc");
    more["feeLevel"] = json!("HIGH");
    let rows = [
        "[]".to_owned(),
        more.to_string(),
        with("/operation", json!("MINT")),
        with("/externalTxId", Value::Null),
        with("/externalTxId", json!("")),
        with("/amount", json!(1.5)),
        with("/amount", json!("1e3")),
        with("/amount", json!("-1")),
        with("/source/type", json!("EXTERNAL_WALLET")),
        with("/destination/type", json!("VAULT_ACCOUNT")),
        with("/destination/oneTimeAddress/address", json!("")),
    ];
    for (n, body) in rows.iter().enumerate() {
        let (status, ..) = call(&fake, "POST", TRANSACTIONS, body, &format!("row-{n}"));
        assert_eq!(status, 400, "{body}");
    }
    let body = transfer_request("0xabc").to_string();
    let used = "used";
    assert_eq!(call(&fake, "GET", "/v1/transactions/external_tx_id/x", "", used).0, 404);
    assert_eq!(call(&fake, "POST", TRANSACTIONS, &body, used).0, 401, "a token is for one request");
    let of = |path: &str, body: &str, at: i64| token(&private(), API_KEY, path, body.as_bytes(), "n", at);
    let tokens = [
        None,
        Some(of(TRANSACTIONS, &body, NOW_S)),
        Some(format!("Bearer {}", of("/v1/vault", &body, NOW_S))),
        Some(format!("Bearer {}", of(TRANSACTIONS, "{}", NOW_S))),
        Some(format!("Bearer {}", of(TRANSACTIONS, &body, NOW_S - 60))),
    ];
    for authorization in tokens {
        let authorization = authorization.as_deref();
        let call = Call {
            method: "POST",
            path: TRANSACTIONS,
            authorization,
            idempotency_key: None,
            body: &body,
            now_s: NOW_S,
        };
        assert_eq!(fake.answer(&call).status, 401);
    }
    assert_eq!(fake.transfers(), []);
}
