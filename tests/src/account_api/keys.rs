//! Keys over the API: who makes which, what a repeat gets, and what is left of each after faults.

mod faults;
mod own;
mod requests;

use ledger::{KeyId, Keys as _, StoredKey};

use super::holds::{body_of, is_replayed, post, sent};
use super::*;

const OWNER: &str = r#"{"kind":"owner","owner":"alice","name":"laptop","reason":"r"}"#;
const GATEWAY: &str = r#"{"kind":"gateway","owner":"alice","remoteKeyId":"tok/1","reason":"r"}"#;
const SERVICE: &str = r#"{"kind":"service","name":"till","scopes":["spend","read"],"reason":"r"}"#;
const REASON: &str = r#"{"reason":"r"}"#;

fn with<'r>(method: &'static str, path: &'r str, body: &'r str, key: &str, name: &str) -> Sent<'r> {
    Sent { method, ..post(path, body, key, name) }
}

/// Makes a key, and returns its id and its secret.
async fn made(world: &World, body: &str, name: &str) -> (String, Option<String>) {
    let reply = sent(world, post("/v1/keys", body, "hs_admin", name)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let body = body_of(&reply);
    (body["key"].as_str().expect("an id").to_owned(), body["secret"].as_str().map(str::to_owned))
}

fn path(id: &str) -> String {
    format!("/v1/keys/{}", id.replace('/', "%2F"))
}

async fn stored(world: &World, id: &str) -> StoredKey {
    let id = KeyId::parse(id).expect("an id");
    world.ledger(0).key_as_stored(&id, &context(1)).await.expect("read").expect("a key")
}

fn error(reply: &Reply) -> (u16, String) {
    (reply.status, body_of(reply)["error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn key_of_each_kind_is_made_and_shown() {
    let world = world().await;
    let rows = [
        (OWNER, "api-", json!({ "kind": "owner", "owner": "alice", "name": "laptop" })),
        (GATEWAY, "gateway-", json!({ "kind": "gateway", "owner": "alice", "remoteKeyId": "tok/1" })),
        (SERVICE, "service-", json!({ "kind": "service", "name": "till", "scopes": ["read", "spend"] })),
    ];
    for (number, (body, prefix, mut expected)) in rows.into_iter().enumerate() {
        let (id, secret) = made(&world, body, &format!("k{number}")).await;
        assert!(id.starts_with(prefix), "{id}");
        for (name, value) in [("id", json!(id)), ("state", json!("live")), ("since", json!(now().to_string()))] {
            expected[name] = value;
        }
        assert_eq!(shown(&world, &path(&id), "", "hs_admin", now()).await, expected);
        assert!(secret.as_ref().is_none_or(|secret| !id.contains(secret.as_str())), "an id is no secret");
        if prefix != "service-" {
            let body = json!({ "key": id, "amount": "1", "reason": "r" }).to_string();
            let hold = sent(&world, post("/v1/holds", &body, "hs_spend", &format!("h{number}"))).await;
            assert_eq!((hold.status, &body_of(&hold)["owner"]), (201, &json!("alice")), "{}", hold.body);
        }
        match (prefix, secret) {
            ("api-", Some(secret)) => {
                assert!(secret.starts_with("hk_") && secret.len() == 67, "{secret}");
                assert_eq!(shown(&world, "/v1/account", "", &secret, now()).await["owner"], "alice");
            }
            ("service-", Some(secret)) => {
                assert!(secret.starts_with("hs_") && secret.len() == 67, "{secret}");
                assert_eq!(shown(&world, "/v1/accounts/bob", "", &secret, now()).await["owner"], "bob");
                assert_eq!(sent(&world, post("/v1/keys", OWNER, &secret, "k9")).await.status, 403);
            }
            ("gateway-", None) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Each change and each read by each key. `hs_keys` may do all with owners' keys, and only `hs_admin` sees service keys.
#[tokio::test(start_paused = true)]
async fn only_its_scope_makes_sees_or_changes_a_key() {
    let world = world().await;
    let (own, _) = made(&world, OWNER, "m1").await;
    let (service, _) = made(&world, SERVICE, "m2").await;
    let [own, service, missing] = [path(&own), path(&service), path(&format!("api-{}", "0".repeat(64)))];
    let [rotate_own, rotate_service] = [&own, &service].map(|path| format!("{path}/rotate"));
    // By the owner, by another one, by other scopes, by `keys`, by `admin`.
    let rows: [(&str, &str, &str, &str, [u16; 5]); 15] = [
        ("GET", &own, "", "", [200, 404, 403, 200, 200]),
        ("GET", &service, "", "", [404, 404, 403, 403, 200]),
        ("GET", &missing, "", "", [404, 404, 403, 404, 404]),
        ("GET", "/v1/keys/service-1", "", "", [404, 404, 403, 404, 404]),
        ("GET", "/v1/keys", "owner=alice", "", [200, 404, 403, 200, 200]),
        ("GET", "/v1/keys", "owner=no-one", "", [404, 404, 403, 200, 200]),
        ("GET", "/v1/keys", "", "", [200, 200, 403, 403, 200]),
        ("POST", "/v1/keys", "", OWNER, [201, 404, 403, 201, 201]),
        ("POST", "/v1/keys", "", GATEWAY, [403, 403, 403, 201, 201]),
        ("POST", "/v1/keys", "", SERVICE, [403, 403, 403, 403, 201]),
        ("PATCH", &own, "", r#"{"name":"x","reason":"r"}"#, [200, 404, 403, 200, 200]),
        ("PATCH", &service, "", r#"{"name":"x","reason":"r"}"#, [404, 404, 403, 403, 200]),
        ("POST", &rotate_own, "", r#"{"graceSeconds":0,"reason":"r"}"#, [201, 404, 403, 409, 409]),
        ("POST", &rotate_service, "", r#"{"graceSeconds":0,"reason":"r"}"#, [404, 404, 403, 403, 201]),
        ("DELETE", &missing, "", REASON, [404, 404, 403, 404, 404]),
    ];
    let keys: [&[&str]; 5] = [
        &["key-of-alice"],
        &["key-of-bob", "key-of-carol"],
        &["hs_read", "hs_grant", "hs_spend", "hs_orders"],
        &["hs_keys"],
        &["hs_admin"],
    ];
    let mut number = 0;
    for (method, path, query, body, statuses) in rows {
        for unknown in ["hs_old", "hs_unknown", "unknown"] {
            let sent_by = Sent { query, ..with(method, path, body, unknown, "none") };
            assert_eq!(sent(&world, sent_by).await.status, 401, "{method} {path} by {unknown}");
        }
        for (keys, status) in keys.into_iter().zip(statuses) {
            for key in keys {
                number += 1;
                let before = world.books();
                let reply = sent(&world, Sent { query, ..with(method, path, body, key, &format!("n{number}")) }).await;
                assert_eq!(reply.status, status, "{method} {path}?{query} {body} by {key}: {}", reply.body);
                if status == 404 {
                    let names_owner = !query.is_empty() || body == OWNER;
                    let code = if names_owner { "account_not_found" } else { "key_not_found" };
                    assert_eq!(body_of(&reply)["error"], code, "{method} {path} by {key}");
                }
                assert!(status < 300 || status == 409 || world.books() == before, "{method} {path} by {key}");
            }
        }
    }
}

/// A repeat names the same key without its secret, and makes no other.
#[tokio::test(start_paused = true)]
async fn repeat_of_each_change_gets_the_first_receipt() {
    let world = world().await;
    let (own, first) = made(&world, OWNER, "k1").await;
    let secret = first.expect("a secret");
    for (key, body) in [("hs_keys", OWNER.to_owned()), ("hs_admin", OWNER.replace("\"r\"", "\"again\""))] {
        let reply = sent(&world, post("/v1/keys", &body, key, "k1")).await;
        assert_eq!((reply.status, is_replayed(&reply)), (201, true));
        assert_eq!((&body_of(&reply)["key"], &body_of(&reply)["secret"]), (&json!(own), &Value::Null));
    }
    let other = sent(&world, post("/v1/keys", &OWNER.replace("alice", "bob"), "hs_keys", "k1")).await;
    assert_eq!(error(&other), (409, "idempotency_key_reused".to_owned()));

    let path = path(&own);
    let rotate = format!("{path}/rotate");
    let rows = [
        ("PATCH", &path, r#"{"name":"phone","budget":{"day":"5","zone":"+08:00"},"reason":"r"}"#, 200),
        ("PATCH", &path, r#"{"name":null,"reason":"r"}"#, 200),
        ("POST", &rotate, r#"{"graceSeconds":60,"reason":"r"}"#, 201),
        ("DELETE", &path, REASON, 200),
    ];
    let mut firsts = Vec::new();
    for (name, (method, path, body, status)) in rows.iter().enumerate() {
        let reply = sent(&world, with(method, path, body, "hs_keys", &format!("c{name}"))).await;
        assert_eq!((reply.status, is_replayed(&reply)), (*status, false), "{method}: {}", reply.body);
        firsts.push(body_of(&reply));
    }
    let rotated = firsts[2]["key"].as_str().expect("an id").to_owned();
    assert_eq!(
        (&firsts[2]["replaces"], &firsts[2]["replacedWorksUntil"]),
        (&json!(own), &json!(now().plus_seconds(60).to_string()))
    );
    // Whatever the key is now.
    for (name, (method, path, body, status)) in rows.iter().enumerate() {
        let later = now().plus_seconds(100);
        let reply = at(&world, with(method, path, body, "hs_admin", &format!("c{name}")), later).await;
        let mut expected = firsts[name].clone();
        expected.as_object_mut().expect("an object").remove("secret");
        assert_eq!((reply.status, is_replayed(&reply), body_of(&reply)), (*status, true, expected), "{method}");
        let again = at(&world, with(method, path, body, "hs_admin", &format!("other{name}")), later).await;
        assert_eq!(error(&again), (409, "key_revoked".to_owned()), "{method}");
    }
    let StoredKey::Owner(key) = stored(&world, &rotated).await else { panic!("an owner's key") };
    assert_eq!((key.owner.as_str(), key.settings.name), ("alice", None));
    assert!(key.settings.budget.is_some(), "a rotated key keeps its budget");
    assert_eq!(at(&world, get("/v1/account", "", &secret), now()).await.status, 401);
    world.books().check();
}

/// The old secret works until its time, or not at all, and an ended key can be revoked earlier.
#[tokio::test(start_paused = true)]
async fn old_secret_works_for_the_stated_grace() {
    for (body, own_path) in [(OWNER, "/v1/account"), (SERVICE, "/v1/accounts/alice")] {
        for (seconds, revokes) in [(0, false), (60, false), (60, true)] {
            let world = world().await;
            let (id, secret) = made(&world, body, "k1").await;
            let old = secret.expect("a secret");
            let rotate = format!(r#"{{"graceSeconds":{seconds},"reason":"r"}}"#);
            let reply = sent(&world, post(&format!("{}/rotate", path(&id)), &rotate, "hs_admin", "k2")).await;
            let new = body_of(&reply)["secret"].as_str().expect("a secret").to_owned();
            if revokes {
                let reply = sent(&world, with("DELETE", &path(&id), REASON, "hs_admin", "k3")).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
            }
            let works_for = if revokes { 0 } else { seconds };
            for (key, second, works) in
                [(&old, works_for - 1, works_for > 0), (&old, works_for, false), (&new, 0, true), (&new, 1_000, true)]
            {
                let status = at(&world, get(own_path, "", key), now().plus_seconds(second.max(0))).await.status;
                assert_eq!(status == 200, works, "after {second} of {seconds}, revoked {revokes}: {status}");
            }
            let state = |second| {
                let world = &world;
                let path = path(&id);
                async move { shown(world, &path, "", "hs_admin", now().plus_seconds(second)).await["state"].clone() }
            };
            assert_eq!(state(0).await, if works_for > 0 { "ending" } else { "revoked" });
            assert_eq!(state(60).await, "revoked");
        }
    }
}

/// A function that remembers a key does not let it work beyond its grace.
#[tokio::test(start_paused = true)]
async fn remembered_key_ends_at_its_time() {
    let world = world().await;
    let (id, secret) = made(&world, SERVICE, "k1").await;
    let secret = secret.expect("a secret");
    let rotate = r#"{"graceSeconds":30,"reason":"r"}"#;
    sent(&world, post(&format!("{}/rotate", path(&id)), rotate, "hs_admin", "k2")).await;
    let function = function(world.ledger(1));
    let answer = async |seconds: i64| {
        let event = get("/v1/accounts/alice", "", &secret).event(Shape::HttpApi);
        function.answer(&event, &moment_at(1, now().plus_seconds(seconds))).await.status
    };
    assert_eq!([answer(1).await, answer(29).await, answer(30).await], [200, 200, 401]);
}
