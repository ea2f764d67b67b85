//! An erasure removes what names a person, and nothing else.

use testkit::UnitelNet;

use super::*;
use crate::fulfil::{self, number, run_at, work, worker};

const KEY: &str = r#"{"kind":"owner","owner":"alice","name":"annas-phone","reason":"r"}"#;

/// Alice's orders in each state, and two keys with names, of which one is revoked.
async fn world_to_erase() -> World {
    let world = world_of_orders().await;
    for name in ["k1", "k2"] {
        let made = sent(&world, post("/v1/keys", KEY, "hs_keys", name)).await;
        let path = format!("/v1/keys/{}", body_of(&made)["key"].as_str().expect("an id"));
        if name == "k2" {
            let revoke = Sent { method: "DELETE", ..post(&path, REASON, "hs_keys", "r1") };
            assert_eq!(sent(&world, revoke).await.status, 200);
        }
    }
    world
}

#[tokio::test(start_paused = true)]
async fn erasure_removes_what_names_a_person_once_a_delivery_has_ended() {
    let world = world_to_erase().await;
    let before = world.books();
    let reply = sent(&world, erase("", "hs_admin", "e1")).await;
    assert_eq!((reply.status, is_replayed(&reply)), (200, false), "{}", reply.body);
    let answer = body_of(&reply);
    let mut erased: Vec<&str> =
        answer["erased"].as_array().expect("a list").iter().map(|number| number.as_str().expect("a text")).collect();
    erased.sort_unstable();
    assert_eq!(erased, ["HLDONE", "HLEXPIRED", "HLSENT"]);
    let kept: std::collections::BTreeMap<&str, &str> = answer["kept"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|kept| (kept["orderNumber"].as_str().expect("a text"), kept["because"].as_str().expect("a word")))
        .collect();
    let expected = [("HLPENDING", "under_way"), ("HLSENDING", "under_way"), ("HLUNPAID", "unpaid")];
    assert_eq!(kept, expected.into_iter().collect());
    assert_eq!(answer["keys"].as_array().map(Vec::len), Some(2), "{answer}");
    assert_eq!((&answer["kind"], &answer["owner"], &answer["next"]), (&json!("erase"), &json!("alice"), &json!(null)));
    assert_eq!(answer["bodiesRemovedBy"], now().plus_seconds(90 * DAY).to_string());

    for (number, phone, wallet) in [
        ("HLDONE", None, None),
        ("HLEXPIRED", None, None),
        ("HLSENT", None, None),
        ("HLPENDING", Some(PHONE), None),
        ("HLSENDING", None, Some(WALLET)),
        ("HLUNPAID", Some(PHONE), None),
        ("HLBOB", Some(PHONE), None),
    ] {
        let order = order_now(&world, number).await;
        assert_eq!((order.phone(), order.wallet()), (phone, wallet), "{number}");
    }
    let keys = shown(&world, "/v1/keys", "owner=alice", "hs_admin", now()).await;
    assert!(keys["keys"].as_array().expect("keys").iter().all(|key| key["name"].is_null()), "{keys}");
    assert_eq!(at(&world, get("/v1/account", "", "key-of-alice"), now()).await.status, 200, "her keys still work");
    // No line of the books has changed: there are receipts more, and nothing else.
    let after = world.books();
    assert_eq!(after.accounts, before.accounts);
    let added: Vec<&String> = after.journal.keys().filter(|id| !before.journal.contains_key(*id)).collect();
    assert_eq!(added.iter().filter(|id| id.starts_with("erased#HL")).count(), 3, "{added:?}");
    assert_eq!(added.iter().filter(|id| id.starts_with("credits#")).count(), 1, "{added:?}");
    assert!(before.journal.iter().all(|(id, row)| after.journal.get(id) == Some(row)));
    let rows = world.engine.request("Scan", &json!({ "TableName": "hookledger-local-orders" })).expect("rows");
    assert_eq!(rows.to_string().matches(PHONE).count(), 3, "two of hers that are kept, and bob's");
}

/// What a repeat shows and does: nothing more than the first request, whatever has become of the owner since.
#[tokio::test(start_paused = true)]
async fn repeat_gets_the_first_answer_and_erases_nothing_more() {
    let world = world_to_erase().await;
    let first = sent(&world, erase("", "hs_admin", "e1")).await;
    made(&world, topped_up_phone("HLLATER", Some(TopUpState::Done))).await;
    let again = Sent { body: br#"{"reason":"another reason"}"#, ..erase("", "hs_admin", "e1") };
    for repeat in [erase("", "hs_admin", "e1"), again] {
        let reply = sent(&world, repeat).await;
        assert_eq!((reply.status, &reply.body, is_replayed(&reply)), (200, &first.body, true));
    }
    assert_eq!(order_now(&world, "HLLATER").await.phone(), Some(PHONE));
    let of_bob = Sent { path: "/v1/owners/bob/personal-data", ..erase("", "hs_admin", "e1") };
    let other_page = erase("cursor=b3JkZXJz", "hs_admin", "e1");
    let grant = post("/v1/accounts/alice/grants", r#"{"amount":"1","reason":"r"}"#, "hs_admin", "e1");
    for other in [of_bob, other_page, grant] {
        let reply = sent(&world, other).await;
        assert_eq!((reply.status, &body_of(&reply)["error"]), (409, &json!("idempotency_key_reused")));
    }
    assert_eq!(order_now(&world, "HLBOB").await.phone(), Some(PHONE));
    let next = body_of(&sent(&world, erase("", "hs_admin", "e2")).await);
    assert!(next["erased"].as_array().expect("a list").contains(&json!("HLLATER")), "{next}");
    assert_eq!(order_now(&world, "HLLATER").await.phone(), None);
}

/// Fifty orders and fifty keys a call, each page under its own idempotency key.
#[tokio::test(start_paused = true)]
async fn pages_reach_every_order_and_every_key() {
    let world = world().await;
    for number in 0..120 {
        made(&world, topped_up_phone(&format!("HL{number:03}"), Some(TopUpState::Done))).await;
    }
    for number in 0..70 {
        assert_eq!(sent(&world, post("/v1/keys", KEY, "hs_keys", &format!("k{number}"))).await.status, 201);
    }
    let (mut query, mut erased, mut keys, mut calls) = (String::new(), 0, 0, 0);
    loop {
        let answer = body_of(&sent(&world, erase(&query, "hs_admin", &format!("e{calls}"))).await);
        let count = |name: &str| answer[name].as_array().map(Vec::len).expect("a list");
        assert!(count("erased") <= 50 && count("keys") <= 50, "{answer}");
        (erased, keys, calls) = (erased + count("erased"), keys + count("keys"), calls + 1);
        let Some(next) = answer["next"].as_str() else { break };
        query = format!("cursor={next}");
    }
    assert_eq!((erased, keys, calls), (120, 70, 4));
    let rows = world.engine.request("Scan", &json!({ "TableName": "hookledger-local-orders" })).expect("rows");
    assert!(!rows.to_string().contains(PHONE));
    let keys = shown(&world, "/v1/keys", "owner=alice&limit=100", "hs_admin", now()).await;
    assert!(keys["keys"].as_array().expect("keys").iter().all(|key| key["name"].is_null()));
}

/// Each key: only an administrator's erases anything.
#[tokio::test(start_paused = true)]
async fn only_an_administrator_erases() {
    let world = world_to_erase().await;
    let before = world.books();
    for (key, status, code) in [
        ("key-of-alice", 403, "service_key_needed"),
        ("key-of-bob", 403, "service_key_needed"),
        ("hs_read", 403, "scope_missing"),
        ("hs_grant", 403, "scope_missing"),
        ("hs_spend", 403, "scope_missing"),
        ("hs_orders", 403, "scope_missing"),
        ("hs_keys", 403, "scope_missing"),
        ("hs_old", 401, "unauthorized"),
        ("hs_unknown", 401, "unauthorized"),
        ("unknown", 401, "unauthorized"),
    ] {
        for path in [ERASE, "/v1/owners/nemo/personal-data"] {
            let reply = sent(&world, Sent { path, ..erase("", key, "e1") }).await;
            assert_eq!((reply.status, &body_of(&reply)["error"]), (status, &json!(code)), "{path} by {key}");
        }
    }
    for (query, body, name, code) in [
        ("cursor=x", REASON, "e1", "cursor_invalid"),
        ("limit=1", REASON, "e1", "unknown_parameter"),
        ("", "{}", "e1", "reason_missing"),
        ("", r#"{"reason":" "}"#, "e1", "reason_invalid"),
        ("", r#"{"reason":"r","all":true}"#, "e1", "unknown_field"),
        ("", REASON, "", "idempotency_key_missing"),
    ] {
        let mut request = Sent { query, ..Sent::post(ERASE, body.as_bytes()) }.with("authorization", "Bearer hs_admin");
        request.method = "DELETE";
        let request = if name.is_empty() { request } else { request.with("idempotency-key", name) };
        let reply = at(&world, request, now()).await;
        assert_eq!((reply.status, &body_of(&reply)["error"]), (400, &json!(code)), "{query} {body}");
    }
    assert_eq!(world.books(), before);
    // An owner who is not there has nothing to erase, and is no secret of an administrator.
    let nemo = sent(&world, Sent { path: "/v1/owners/nemo/personal-data", ..erase("", "hs_admin", "e9") }).await;
    assert_eq!((nemo.status, &body_of(&nemo)["erased"]), (200, &json!([])), "{}", nemo.body);
}

/// A purchase over the operator, erased at every step of it: the phone is topped up once, or the order keeps it.
#[tokio::test(start_paused = true)]
async fn erasure_at_any_step_of_a_delivery_loses_and_repeats_none() {
    for erased_before in 0..3 {
        let world = World::new();
        service_key(&world.ledger(0), "admin", "admin").await;
        made(&world, fulfil::order(vec![airtime(PHONE)])).await;
        let unitel = UnitelNet::default();
        let worker = worker(world.ledger(1), Some((&unitel, &[])), None).await;
        for step in 0..3 {
            if step == erased_before {
                let answer = body_of(&sent(&world, erase("", "hs_admin", "e1")).await);
                assert_eq!(answer["kept"].as_array().map(Vec::len), Some(usize::from(step < 2)), "{step}: {answer}");
            }
            match step {
                0 => fulfil::apply(&world, fulfil::Report::Paid).await,
                _ => assert!(work(&worker, &run_at(step, 1)).await),
            }
        }
        assert_eq!(unitel.top_ups(fulfil::ORDER).calls, 1, "erased before {erased_before}");
        let answer = body_of(&sent(&world, erase("", "hs_admin", "e2")).await);
        assert_eq!(answer["erased"], json!([number().as_str()]));
        // A redelivered record and a refund after it.
        assert!(work(&worker, &run_at(5, 2)).await);
        fulfil::apply(&world, fulfil::Report::Refunded(1_999)).await;
        assert!(work(&worker, &run_at(6, 3)).await);
        assert_eq!(unitel.top_ups(fulfil::ORDER).calls, 1);
        assert_eq!(world.books().order(fulfil::ORDER).payment, "refunded");
        world.books().check();
    }
}
