//! The calls of the credits API: what an owner and a shop's server read and change.

use super::*;

/// An owner and a shop's server read an account and its statement.
pub(super) async fn of_credits() -> Vec<Call> {
    let world = World::new();
    api_key(&world.ledger(0), "alice", "key-of-alice").await;
    limit(&world, "alice", 100).await;
    lots_past_their_date(&world).await;
    let (ledger, faults) = recorder(&world);
    ledger.warm().await;
    service_key(&world.ledger(0), "shop", "admin").await;
    by_hand(&world, "for-calls", vec![top_up("alice", "for-calls")]).await;
    let function = api::Function { api: credits(), ledger };
    call(&function, 1, Sent::get("/v1/account", "")).await;
    call(&function, 2, Sent::get("/v1/accounts/alice/statement", "")).await;
    call(&function, 15, Sent::get("/v1/account", "include=budgets")).await;
    crate::stripe::made(&world, crate::stripe::order("N1")).await;
    call(&function, 14, Sent::get("/v1/orders", "")).await;
    let sum = r#"{"amount":"1","reason":"r"}"#;
    for attempt in [9, 10] {
        change(&function, attempt, "/v1/accounts/alice/grants", sum).await;
    }
    change(&function, 11, "/v1/accounts/alice/debits", sum).await;
    change(&function, 12, "/v1/transfers", r#"{"from":"alice","to":"bob","amount":"1","reason":"r"}"#).await;
    // For the owner, and for her key with its budget.
    let of_key = format!(r#""key":"{}","#, limited_key(&world).await.short_id());
    for (attempt, key, closing) in [(3, "", "release"), (6, of_key.as_str(), "settle")] {
        let body = format!(r#"{{"owner":"alice",{key}"amount":"1","reason":"r"}}"#);
        let opened = change(&function, attempt, "/v1/holds", &body).await;
        let id = opened.body.split('"').nth(3).expect("an id").to_owned();
        let body = if closing == "settle" { r#"{"cost":"1","reason":"r"}"# } else { r#"{"reason":"r"}"# };
        change(&function, attempt + 1, &format!("/v1/holds/{id}/{closing}"), body).await;
        // Refused, once the use is read.
        change(&function, attempt + 2, &format!("/v1/holds/{id}/settle"), r#"{"cost":"2","reason":"r"}"#).await;
        if closing == "settle" {
            let reversal = format!(r#"{{"use":"hold.{id}","reason":"r"}}"#);
            assert_eq!(change(&function, 13, "/v1/reversals", &reversal).await.status, 201);
        }
    }
    of_codes(&function).await;
    of_keys(&function).await;
    of_owners(&world, &function).await;
    faults.calls()
}

/// All of an owner, part by part, with an open hold; and an erasure of an order and of a key's name.
async fn of_owners(world: &World, function: &api::Function<Credits, DynamoLedger>) {
    change(function, 70, "/v1/holds", r#"{"owner":"alice","amount":"1","reason":"r"}"#).await;
    let mut query = String::new();
    for attempt in 80.. {
        let sent = Sent { query: &query, ..Sent::post("/v1/owners/alice/export", b"") };
        let sent = sent.with("authorization", "Bearer hs_shop");
        let page = function.answer(&sent.event(Shape::HttpApi), &invocation(attempt)).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let page: serde_json::Value = serde_json::from_str(&page.body).expect("JSON");
        let Some(next) = page["next"].as_str() else { break };
        query = format!("cursor={next}");
    }
    let mut expired = crate::stripe::order("HL1");
    expired.terms.grants = vec![crate::fulfil::airtime(crate::fulfil::PHONE)];
    expired.payment = ledger::PaymentState::Expired;
    crate::stripe::made(world, expired).await;
    let body = r#"{"reason":"r"}"#;
    let erased = sent(function, "DELETE", 90, 90, "/v1/owners/alice/personal-data", body).await;
    assert!(erased.body.contains(r#""erased":["HL1"]"#), "{}", erased.body);
    let list = Sent::get("/v1/codes", "").with("authorization", "Bearer hs_shop");
    function.answer(&list.event(Shape::HttpApi), &invocation(91)).await;
}

/// Alice's API key, with a limit.
async fn limited_key(world: &World) -> CallerKey {
    let key = CallerKey::api("key-of-alice");
    let limits = Limits { day: Some(amount("5")), ..Limits::default() };
    let (owner, to) = (Owner::new("alice").expect("an owner"), Budget::new(Zone::default(), limits));
    let change = BudgetChange { key: key.clone(), owner, from: Ok(None), to };
    by_hand(world, "limit", vec![Effect::SetBudget(change)]).await;
    key
}

/// Keys of both kinds are made, rotated, set, read and revoked.
async fn of_keys(function: &api::Function<Credits, DynamoLedger>) {
    let bodies = [
        r#"{"kind":"owner","owner":"alice","reason":"r"}"#,
        r#"{"kind":"service","name":"till","scopes":["read"],"reason":"r"}"#,
    ];
    for (attempt, body) in (20..).step_by(10).zip(bodies) {
        let made = sent(function, "POST", attempt, attempt, "/v1/keys", body).await;
        // A repeat reads which key was made.
        sent(function, "POST", attempt + 1, attempt, "/v1/keys", body).await;
        let path = format!("/v1/keys/{}", made.body.split('"').nth(15).expect("an id"));
        let rotate = format!("{path}/rotate");
        sent(function, "PATCH", attempt + 2, attempt + 2, &path, r#"{"name":"other","reason":"r"}"#).await;
        sent(function, "POST", attempt + 3, attempt + 3, &rotate, r#"{"reason":"r"}"#).await;
        sent(function, "DELETE", attempt + 4, attempt + 4, &path, r#"{"reason":"r"}"#).await;
    }
    let list = Sent::get("/v1/keys", "owner=alice").with("authorization", "Bearer hs_shop");
    function.answer(&list.event(Shape::HttpApi), &invocation(40)).await;
}

/// Codes are made, redeemed twice and revoked, and one is guessed.
async fn of_codes(function: &api::Function<Credits, DynamoLedger>) {
    for (attempt, name) in (60..).step_by(4).zip(["spring", "autumn"]) {
        let body = format!(r#"{{"campaign":"{name}","credits":"1","uses":9,"reason":"r"}}"#);
        let made = change(function, attempt, "/v1/codes", &body).await;
        let made: serde_json::Value = serde_json::from_str(&made.body).expect("JSON");
        let redeem = serde_json::json!({ "owner": "alice", "code": made["codes"][0]["code"] }).to_string();
        for attempt in [attempt + 1, attempt + 2] {
            assert_eq!(change(function, attempt, "/v1/redeem", &redeem).await.status, 201);
        }
    }
    change(function, 68, "/v1/redeem", r#"{"owner":"alice","code":"0000-0000-0000-0000"}"#).await;
    sent(function, "DELETE", 69, 69, "/v1/codes/spring", r#"{"reason":"r"}"#).await;
}

async fn change(function: &api::Function<Credits, DynamoLedger>, attempt: u64, path: &str, body: &str) -> edge::Reply {
    sent(function, "POST", attempt, attempt, path, body).await
}

/// A change under this name.
async fn sent(
    function: &api::Function<Credits, DynamoLedger>,
    method: &'static str,
    attempt: u64,
    name: u64,
    path: &str,
    body: &str,
) -> edge::Reply {
    let sent = Sent::post(path, body.as_bytes()).with("authorization", "Bearer hs_shop");
    let sent = Sent { method, ..sent.with("idempotency-key", format!("change-{name}")) };
    function.answer(&sent.event(Shape::HttpApi), &invocation(attempt)).await
}
