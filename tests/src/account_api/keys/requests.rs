//! What a request may say about a key, and keys by page.

use std::collections::BTreeSet;

use super::*;

#[tokio::test(start_paused = true)]
async fn settings_change_as_they_are_named() {
    let world = world().await;
    let (id, _) = made(&world, GATEWAY, "k0").await;
    let rows = [
        (r#"{"name":"phone","reason":"r"}"#, json!(["phone", null])),
        (
            r#"{"budget":{"day":"5","total":"9.5"},"reason":"r"}"#,
            json!(["phone", { "zone": "+00:00", "day": "5", "total": "9.5" }]),
        ),
        (
            r#"{"budget":{"day":null,"month":"7","zone":"+08:00"},"reason":"r"}"#,
            json!(["phone", { "zone": "+08:00", "month": "7", "total": "9.5" }]),
        ),
        (
            r#"{"name":null,"budget":{"month":"1"},"reason":"r"}"#,
            json!([null, { "zone": "+08:00", "month": "1", "total": "9.5" }]),
        ),
        (r#"{"budget":null,"reason":"r"}"#, json!([null, null])),
    ];
    for (number, (body, expected)) in (1..).zip(rows) {
        let reply = sent(&world, with("PATCH", &path(&id), body, "hs_keys", &format!("k{number}"))).await;
        assert_eq!(reply.status, 200, "{body}: {}", reply.body);
        let key = shown(&world, &path(&id), "", "hs_keys", now()).await;
        assert_eq!(json!([key["name"], key["budget"]]), expected, "{body}");
    }
    // As the command line binds it: once more for its owner, and never for another.
    let named = GATEWAY.replace("\"reason\"", "\"name\":\"tablet\",\"reason\"");
    assert_eq!(made(&world, &named, "k8").await, (id.clone(), None));
    assert_eq!(shown(&world, &path(&id), "", "hs_keys", now()).await["name"], "tablet");
    let other = sent(&world, post("/v1/keys", &GATEWAY.replace("alice", "bob"), "hs_keys", "k9")).await;
    assert_eq!(error(&other), (409, "key_taken".to_owned()));
    let rotated = sent(&world, post(&format!("{}/rotate", path(&id)), REASON, "hs_keys", "k10")).await;
    assert_eq!(error(&rotated), (409, "key_of_gateway".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn invalid_request_about_a_key_changes_nothing() {
    let world = world().await;
    let (own, _) = made(&world, OWNER, "m1").await;
    let (service, _) = made(&world, SERVICE, "m2").await;
    let before = world.books();
    let [own, service] = [path(&own), path(&service)];
    let rotate = format!("{own}/rotate");
    let rows = [
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"alice"}"#, "reason_missing"),
        ("POST", "/v1/keys", r#"{"owner":"alice","reason":"r"}"#, "kind_missing"),
        ("POST", "/v1/keys", r#"{"kind":"admin","owner":"alice","reason":"r"}"#, "kind_invalid"),
        ("POST", "/v1/keys", r#"{"kind":7,"owner":"alice","reason":"r"}"#, "kind_invalid"),
        ("POST", "/v1/keys", r#"{"kind":"owner","reason":"r"}"#, "owner_missing"),
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"a/b","reason":"r"}"#, "owner_invalid"),
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"alice","scopes":["read"],"reason":"r"}"#, "fields_conflict"),
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"alice","remoteKeyId":"1","reason":"r"}"#, "fields_conflict"),
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"alice","name":"a b","reason":"r"}"#, "name_invalid"),
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"alice","ttlSeconds":59,"reason":"r"}"#, "ttl_invalid"),
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"alice","ttlSeconds":2592001,"reason":"r"}"#, "ttl_invalid"),
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"alice","ttlSeconds":"60","reason":"r"}"#, "ttl_invalid"),
        ("POST", "/v1/keys", r#"{"kind":"service","name":"till","ttlSeconds":60,"reason":"r"}"#, "fields_conflict"),
        ("POST", "/v1/keys", r#"{"kind":"owner","owner":"alice","secret":"hk_1","reason":"r"}"#, "unknown_field"),
        ("POST", "/v1/keys", r#"{"kind":"gateway","owner":"alice","reason":"r"}"#, "remote_key_missing"),
        (
            "POST",
            "/v1/keys",
            r#"{"kind":"gateway","owner":"alice","remoteKeyId":"a#b","reason":"r"}"#,
            "remote_key_invalid",
        ),
        ("POST", "/v1/keys", r#"{"kind":"service","scopes":["read"],"reason":"r"}"#, "name_missing"),
        ("POST", "/v1/keys", r#"{"kind":"service","name":"a","reason":"r"}"#, "scopes_missing"),
        ("POST", "/v1/keys", r#"{"kind":"service","name":"a","scopes":[],"reason":"r"}"#, "scopes_invalid"),
        ("POST", "/v1/keys", r#"{"kind":"service","name":"a","scopes":"read","reason":"r"}"#, "scopes_invalid"),
        ("POST", "/v1/keys", r#"{"kind":"service","name":"a","scopes":["read,grant"],"reason":"r"}"#, "scopes_invalid"),
        (
            "POST",
            "/v1/keys",
            r#"{"kind":"service","name":"a","owner":"alice","scopes":["read"],"reason":"r"}"#,
            "fields_conflict",
        ),
        ("PATCH", &own, REASON, "nothing_to_set"),
        ("PATCH", &own, r#"{"budget":{},"reason":"r"}"#, "budget_invalid"),
        ("PATCH", &own, r#"{"budget":[],"reason":"r"}"#, "budget_invalid"),
        ("PATCH", &own, r#"{"budget":{"day":5},"reason":"r"}"#, "budget_invalid"),
        ("PATCH", &own, r#"{"budget":{"day":"-5"},"reason":"r"}"#, "budget_invalid"),
        ("PATCH", &own, r#"{"budget":{"week":"5"},"reason":"r"}"#, "budget_invalid"),
        ("PATCH", &own, r#"{"budget":{"zone":"+08:00"},"reason":"r"}"#, "budget_invalid"),
        ("PATCH", &own, r#"{"budget":{"day":"5","zone":"CET"},"reason":"r"}"#, "budget_invalid"),
        ("PATCH", &own, r#"{"name":7,"reason":"r"}"#, "name_invalid"),
        ("PATCH", &own, r#"{"scopes":["read"],"reason":"r"}"#, "unknown_field"),
        ("PATCH", &own, r#"{"name":"x"}"#, "reason_missing"),
        ("PATCH", &service, r#"{"name":null,"reason":"r"}"#, "name_invalid"),
        ("PATCH", &service, r#"{"budget":{"day":"5"},"reason":"r"}"#, "fields_conflict"),
        ("POST", &rotate, r#"{"graceSeconds":-1,"reason":"r"}"#, "grace_invalid"),
        ("POST", &rotate, r#"{"graceSeconds":2592001,"reason":"r"}"#, "grace_invalid"),
        ("POST", &rotate, r#"{"graceSeconds":"60","reason":"r"}"#, "grace_invalid"),
        ("DELETE", &own, "{}", "reason_missing"),
        ("DELETE", &own, "", "body_invalid"),
    ];
    for (method, path, body, code) in rows {
        let reply = sent(&world, with(method, path, body, "hs_admin", "k1")).await;
        assert_eq!(error(&reply), (400, code.to_owned()), "{method} {path} {body}: {}", reply.body);
    }
    for (method, path, body) in [
        ("POST", "/v1/keys", OWNER),
        ("DELETE", &own, REASON),
        ("POST", &rotate, REASON),
        ("PATCH", &own, r#"{"name":"x","reason":"r"}"#),
    ] {
        let sent_without =
            Sent { method, ..Sent::post(path, body.as_bytes()).with("authorization", "Bearer hs_admin") };
        assert_eq!(error(&sent(&world, sent_without).await), (400, "idempotency_key_missing".to_owned()), "{method}");
    }
    for query in ["limit=0", "limit=101", "limit=+1", "cursor=abc", "owner=alice&owner=bob", "kind=owner"] {
        assert_eq!(at(&world, get("/v1/keys", query, "hs_admin"), now()).await.status, 400, "{query}");
    }
    assert_eq!(world.books(), before);
}

/// While keys are made, no page loses or repeats one.
#[tokio::test(start_paused = true)]
async fn pages_of_keys_have_each_key_once() {
    let world = world().await;
    let mut expected = BTreeSet::new();
    for number in 0..7 {
        let body = OWNER.replace("laptop", &format!("n{number}")).replace("alice", "dora");
        let reply =
            at(&world, post("/v1/keys", &body, "hs_keys", &format!("k{number}")), now().plus_seconds(number)).await;
        expected.insert(body_of(&reply)["key"].as_str().expect("an id").to_owned());
    }
    let (mut seen, mut query) = (Vec::new(), "owner=dora&limit=3".to_owned());
    loop {
        let reply = at(&world, get("/v1/keys", &query, "hs_keys"), now()).await;
        let page = body_of(&reply);
        seen.extend(
            page["keys"].as_array().expect("keys").iter().map(|key| key["id"].as_str().expect("an id").to_owned()),
        );
        let body = OWNER.replace("alice", "dora");
        at(&world, post("/v1/keys", &body, "hs_keys", &format!("late{}", seen.len())), now().plus_seconds(60)).await;
        let Some(next) = header(&reply, "link") else { break };
        query = next.trim_start_matches("</v1/keys?").split('>').next().expect("an address").to_owned();
        assert!(seen.len() < 30, "it ends");
    }
    let found: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(found.len(), seen.len(), "each once");
    assert!(found.is_superset(&expected), "none is lost");
    // Service keys, also the revoked one.
    let all = shown(&world, "/v1/keys", "", "hs_admin", now()).await;
    let names: BTreeSet<&str> =
        all["keys"].as_array().expect("keys").iter().filter_map(|key| key["name"].as_str()).collect();
    assert_eq!(names, ["admin", "grant", "keys", "old", "orders", "read", "spend"].into());
}
