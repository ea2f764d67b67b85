//! Changes of keys under faults, and the calls that they make.

use std::collections::BTreeSet;

use super::*;
use crate::lots::{plans, without_attempts};
use crate::sandbox::SETTLED;

/// Whatever fails at whichever call: after the retry there is one key, changed once.
#[tokio::test(start_paused = true)]
async fn fault_at_any_call_leaves_one_change_of_a_key() {
    let changes = [
        ("POST", None, "", OWNER),
        ("POST", None, "", GATEWAY),
        ("POST", None, "", SERVICE),
        ("PATCH", Some(OWNER), "", r#"{"name":"phone","budget":{"day":"5"},"reason":"r"}"#),
        ("PATCH", Some(SERVICE), "", r#"{"name":"phone","reason":"r"}"#),
        ("POST", Some(OWNER), "/rotate", r#"{"graceSeconds":60,"reason":"r"}"#),
        ("POST", Some(SERVICE), "/rotate", r#"{"graceSeconds":0,"reason":"r"}"#),
        ("DELETE", Some(OWNER), "", REASON),
        ("DELETE", Some(SERVICE), "", REASON),
    ];
    let by_owner = changes.into_iter().filter(|(_, of, _, body)| of.unwrap_or(body) == OWNER);
    let by_owner: Vec<_> = by_owner.map(|change| ("key-of-alice", change)).collect();
    for (key, (method, of, end, body)) in changes.map(|change| ("hs_admin", change)).into_iter().chain(by_owner) {
        let run = async |plan: Vec<(usize, Fault)>| {
            let world = world().await;
            let path = match of {
                None => "/v1/keys".to_owned(),
                Some(of) => format!("{}{end}", path(&made(&world, of, "m1").await.0)),
            };
            let planned = move |call: usize, _: &str| {
                plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault)
            };
            let (ledger, faults) = world.faulty(7, planned);
            let function = function(ledger);
            let event = with(method, &path, body, key, "k1").event(Shape::HttpApi);
            let invocation = invocation(1);
            let reply = tokio::select! {
                biased;
                reply = function.answer(&event, &invocation) => Some(reply),
                () = faults.killed() => None,
            };
            let calls = faults.calls().len();
            tokio::time::sleep(SETTLED).await;
            assert!(reply.as_ref().is_none_or(|reply| [200, 201, 503].contains(&reply.status)), "{method} {body}");
            let again = sent(&world, with(method, &path, body, key, "k1")).await;
            assert!([200, 201].contains(&again.status), "{method} {body}: {}", again.body);
            // The first answer stands.
            if let Some(reply) = reply.filter(|reply| reply.status < 300) {
                assert_eq!((&body_of(&again)["key"], is_replayed(&again)), (&body_of(&reply)["key"], true), "{body}");
            }
            let mut books = without_attempts(world.books());
            books.check();
            let keys = shown(&world, "/v1/keys", "owner=alice", "hs_admin", now()).await;
            let services = shown(&world, "/v1/keys", "", "hs_admin", now()).await;
            let facts = |list: &Value| -> BTreeSet<String> {
                let keys = list["keys"].as_array().expect("keys").iter();
                keys.map(|key| {
                    json!([key["kind"], key["name"], key["budget"], key["state"], key["scopes"]]).to_string()
                })
                .collect()
            };
            // Secrets are random, and so are their hashes.
            let mut owners: Vec<String> = std::mem::take(&mut books.keys).into_values().collect();
            owners.sort();
            books.limits = std::mem::take(&mut books.limits).into_values().map(|of| (of.clone(), of)).collect();
            ((books, owners, facts(&keys), facts(&services)), calls)
        };
        let (expected, calls) = run(vec![]).await;
        for plan in plans(calls) {
            assert_eq!(run(plan.clone()).await.0, expected, "{method} {body}: {plan:?}");
        }
    }
}

/// A change reads the key and writes one transaction; a page is one query and two reads.
#[tokio::test(start_paused = true)]
async fn calls_about_keys_cost_what_the_documentation_states() {
    let world = world().await;
    let (id, _) = made(&world, OWNER, "m1").await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let function = function(ledger);
    let path = path(&id);
    let rows = [
        ("GET", path.as_str(), "", vec!["GetItem", "GetItem", "BatchGetItem"]),
        ("GET", path.as_str(), "", vec!["GetItem", "BatchGetItem"]),
        ("GET", "/v1/keys", "", vec!["Query", "BatchGetItem", "BatchGetItem"]),
        ("POST", "/v1/keys", OWNER, vec!["TransactWriteItems"]),
        ("PATCH", path.as_str(), r#"{"name":"x","reason":"r"}"#, vec!["GetItem", "TransactWriteItems"]),
        ("DELETE", path.as_str(), REASON, vec!["GetItem", "TransactWriteItems"]),
    ];
    let mut before = 0;
    for (number, (method, path, body, expected)) in rows.into_iter().enumerate() {
        let event = with(method, path, body, "hs_admin", &format!("k{number}")).event(Shape::HttpApi);
        function.answer(&event, &invocation(9)).await;
        let calls = faults.calls();
        let new: Vec<&str> = calls[before..].iter().map(|call| call.operation.as_str()).collect();
        assert_eq!(new, expected, "{method} {path}");
        before = calls.len();
    }
}
