//! An owner's own keys: which it may make and change, and those that work for a while.

use std::collections::BTreeSet;

use super::*;

/// Makes a key by a key of its owner, and returns its id and its secret.
async fn made_by(world: &World, key: &str, owner: &str, name: &str) -> (String, String) {
    let body = OWNER.replace("alice", owner);
    let reply = sent(world, post("/v1/keys", &body, key, name)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let body = body_of(&reply);
    let text = |member: &str| body[member].as_str().expect("a text").to_owned();
    (text("key"), text("secret"))
}

#[tokio::test(start_paused = true)]
async fn owner_makes_sets_rotates_and_revokes_a_key_of_its_own() {
    let world = world().await;
    let (id, secret) = made_by(&world, "key-of-alice", "alice", "k1").await;
    assert_eq!(shown(&world, "/v1/account", "", &secret, now()).await["owner"], "alice");
    let set = r#"{"name":"phone","budget":{"month":"5"},"reason":"r"}"#;
    let reply = sent(&world, with("PATCH", &path(&id), set, "key-of-alice", "k2")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let key = shown(&world, &path(&id), "", "key-of-alice", now()).await;
    assert_eq!((&key["name"], &key["budget"]["month"]), (&json!("phone"), &json!("5")));
    let rotate = format!("{}/rotate", path(&id));
    let reply = sent(&world, post(&rotate, r#"{"graceSeconds":0,"reason":"r"}"#, "key-of-alice", "k3")).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let new = body_of(&reply)["key"].as_str().expect("an id").to_owned();
    assert_eq!(shown(&world, &path(&new), "", "key-of-alice", now()).await["budget"]["month"], "5");
    let reply = sent(&world, with("DELETE", &path(&new), REASON, "key-of-alice", "k4")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    for id in [id, new] {
        assert_eq!(shown(&world, &path(&id), "", "key-of-alice", now()).await["state"], "revoked", "{id}");
    }
    let receipt = EventKey::of_row(body_of(&reply)["receipt"].as_str().expect("a receipt"));
    let facts = world.ledger(0).facts_of(&receipt, &context(1)).await.expect("read");
    let author = facts.iter().find(|(name, _)| name == "author").map(|(_, author)| author.as_str());
    assert!(author.is_some_and(|author| author.starts_with("alice (api-")), "{author:?}");
}

/// What a key with a limit made would have none. A gateway's keys, the rates of keys and other owners are not an owner's.
#[tokio::test(start_paused = true)]
async fn owner_changes_nothing_beyond_its_own_keys() {
    let world = world().await;
    let (limited, budgeted) = made_by(&world, "key-of-alice", "alice", "m1").await;
    let (slow, rated) = made_by(&world, "key-of-alice", "alice", "m2").await;
    let (of_bob, _) = made_by(&world, "key-of-bob", "bob", "m3").await;
    let (of_gateway, _) = made(&world, GATEWAY, "m4").await;
    for (id, set) in [(&limited, r#"{"budget":{"total":"5"},"reason":"r"}"#), (&slow, r#"{"rate":60,"reason":"r"}"#)] {
        let reply = sent(&world, with("PATCH", &path(id), set, "hs_keys", &format!("s-{id}"))).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    let before = world.books();
    let name = r#"{"name":"x","reason":"r"}"#;
    let [limited, slow, of_bob, of_gateway] = [limited, slow, of_bob, of_gateway].map(|id| path(&id));
    let rotate = format!("{limited}/rotate");
    let rows = [
        ("POST", "/v1/keys", OWNER, budgeted.as_str(), (403, "key_limited")),
        ("PATCH", &limited, r#"{"budget":null,"reason":"r"}"#, &budgeted, (403, "key_limited")),
        ("POST", &rotate, REASON, &budgeted, (403, "key_limited")),
        ("DELETE", &limited, REASON, &budgeted, (403, "key_limited")),
        ("POST", "/v1/keys", OWNER, &rated, (403, "key_limited")),
        ("PATCH", &slow, r#"{"rate":null,"reason":"r"}"#, "key-of-alice", (403, "service_key_needed")),
        ("PATCH", &of_gateway, name, "key-of-alice", (403, "service_key_needed")),
        ("DELETE", &of_gateway, REASON, "key-of-alice", (403, "service_key_needed")),
        ("PATCH", &of_bob, name, "key-of-alice", (404, "key_not_found")),
        ("DELETE", &of_bob, REASON, "key-of-alice", (404, "key_not_found")),
        ("POST", "/v1/keys", OWNER, "key-of-bob", (404, "account_not_found")),
    ];
    for (number, (method, path, body, key, (status, code))) in rows.into_iter().enumerate() {
        let reply = sent(&world, with(method, path, body, key, &format!("k{number}"))).await;
        assert_eq!(error(&reply), (status, code.to_owned()), "{method} {path} {body}");
    }
    assert_eq!(world.books(), before);
}

/// An idempotency key is the owner's own: another owner's change under the same one is another change.
#[tokio::test(start_paused = true)]
async fn owners_share_no_idempotency_keys() {
    let world = world().await;
    let (of_alice, _) = made_by(&world, "key-of-alice", "alice", "k1").await;
    let (of_bob, _) = made_by(&world, "key-of-bob", "bob", "k1").await;
    let (of_shop, _) = made(&world, OWNER, "k1").await;
    let repeat = sent(&world, post("/v1/keys", OWNER, "key-of-alice", "k1")).await;
    assert!(is_replayed(&repeat), "{}", repeat.body);
    assert_eq!(body_of(&repeat)["key"], of_alice);
    assert_eq!(body_of(&repeat)["secret"], Value::Null);
    let all: BTreeSet<String> = [of_alice, of_bob, of_shop].into();
    assert_eq!(all.len(), 3);
}

/// As for a link to the buyer's page.
#[tokio::test(start_paused = true)]
async fn key_that_is_made_for_a_while_ends_by_itself() {
    let world = world().await;
    let body = OWNER.replace("\"reason\"", "\"ttlSeconds\":3600,\"reason\"");
    let reply = sent(&world, post("/v1/keys", &body, "hs_keys", "k1")).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let made = body_of(&reply);
    let secret = made["secret"].as_str().expect("a secret");
    let ends = now().plus_seconds(3600);
    assert_eq!(made["worksUntil"], ends.to_string());
    let repeat = body_of(&sent(&world, post("/v1/keys", &body, "hs_keys", "k1")).await);
    assert_eq!((&repeat["worksUntil"], &repeat["secret"]), (&made["worksUntil"], &Value::Null));
    let path = path(made["key"].as_str().expect("an id"));
    for (seconds, status, state) in [(0, 200, "ending"), (3599, 200, "ending"), (3600, 401, "revoked")] {
        let at = now().plus_seconds(seconds);
        assert_eq!(super::at(&world, get("/v1/account", "", secret), at).await.status, status, "after {seconds} s");
        assert_eq!(shown(&world, &path, "", "hs_keys", at).await["state"], state, "after {seconds} s");
    }
}
