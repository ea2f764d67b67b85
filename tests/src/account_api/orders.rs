//! The orders of an owner by page, each as it is now.

use std::collections::BTreeSet;

use ledger::{Order, Owner};

use super::*;
use crate::stripe::{made, order};

const COUNT: u64 = 25;

/// Twenty-five orders of alice, of which each five have one time, and one of bob.
async fn world_with_orders() -> World {
    let world = world().await;
    for number in 0..COUNT {
        let created_at = now().plus_seconds(i64::try_from(10 * (number / 5)).expect("few"));
        made(&world, Order { created_at, ..order(&format!("A{number:02}")) }).await;
    }
    made(&world, Order { owner: Owner::new("bob").expect("an owner"), ..order("B01") }).await;
    world
}

async fn page(world: &World, query: &str, key: &str) -> (Reply, Value) {
    let reply = at(world, get("/v1/orders", query, key), now()).await;
    assert_eq!(reply.status, 200, "{query} by {key}: {}", reply.body);
    let json = serde_json::from_str(&reply.body).expect("JSON");
    (reply, json)
}

fn numbers(page: &Value) -> Vec<&str> {
    let orders = page["orders"].as_array().expect("orders").iter();
    orders.map(|order| order["orderNumber"].as_str().expect("a number")).collect()
}

#[tokio::test(start_paused = true)]
async fn pages_have_each_order_once_while_orders_are_made() {
    for limit in [1, 7, 24, 25, 26, 100] {
        let world = world_with_orders().await;
        let (mut all, mut pages) = (Vec::new(), 0_u32);
        let mut query = Some(format!("limit={limit}"));
        while let Some(wanted) = query {
            let (reply, page) = page(&world, &wanted, "key-of-alice").await;
            assert_eq!(page["owner"], "alice");
            assert!(numbers(&page).len() <= limit, "{page}");
            all.extend(page["orders"].as_array().expect("orders").clone());
            let newer = Order { created_at: now().plus_seconds(3_600), ..order(&format!("NEW{pages}")) };
            made(&world, newer).await;
            pages += 1;
            query = header(&reply, "link").map(|link| {
                let address = link.strip_prefix("</v1/orders?").and_then(|link| link.strip_suffix(">; rel=\"next\""));
                address.expect("a link to the next page").to_owned()
            });
            let cursor = query.as_deref().and_then(|query| query.rsplit_once("cursor=")).map(|(_, cursor)| cursor);
            assert_eq!(page["next"].as_str(), cursor);
        }
        let numbers: BTreeSet<&str> =
            all.iter().map(|order| order["orderNumber"].as_str().expect("a number")).collect();
        let expected: BTreeSet<String> = (0..COUNT).map(|number| format!("A{number:02}")).collect();
        assert_eq!((all.len(), numbers), (25, expected.iter().map(String::as_str).collect()), "{limit}");
        let times: Vec<&str> = all.iter().map(|order| order["createdAt"].as_str().expect("a time")).collect();
        assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "the newest first");
    }
}

/// The status and the orders that each key gets, with each owner that it may name.
const TABLE: &str = "
key-of-alice  -      200 25
key-of-alice  alice  200 25
key-of-alice  bob    404 account_not_found
key-of-alice  nemo   404 account_not_found
key-of-alice  a%23b  404 account_not_found
key-of-bob    -      200 1
key-of-bob    alice  404 account_not_found
key-of-carol  -      200 0
hs_read       -      400 owner_missing
hs_read       alice  200 25
hs_read       nemo   200 0
hs_read       a%23b  404 account_not_found
hs_grant      alice  403 scope_missing
hs_spend      alice  403 scope_missing
hs_orders     alice  403 scope_missing
hs_keys       alice  403 scope_missing
hs_admin      alice  200 25
hs_old        alice  401 unauthorized
hs_unknown    alice  401 unauthorized
unknown       -      401 unauthorized
";

#[tokio::test(start_paused = true)]
async fn caller_sees_the_orders_that_its_key_allows() {
    let world = world_with_orders().await;
    let before = world.books();
    for row in TABLE.trim().lines() {
        let [key, owner, status, expected] = row.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{row}") };
        let query = if owner == "-" { "limit=100".to_owned() } else { format!("owner={owner}&limit=100") };
        for method in ["GET", "HEAD"] {
            let sent = Sent { method, ..get("/v1/orders", &query, key) };
            let reply = at(&world, sent, now()).await;
            assert_eq!(reply.status.to_string(), status, "{row}: {}", reply.body);
            let json: Value = serde_json::from_str(&reply.body).expect("JSON");
            match reply.status {
                200 => assert_eq!(numbers(&json).len().to_string(), expected, "{row}"),
                _ => assert_eq!(json["error"], expected, "{row}"),
            }
        }
    }
    assert_eq!(world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn invalid_query_is_refused() {
    let world = world_with_orders().await;
    for (query, code) in [
        ("limit=0", "limit_invalid"),
        ("limit=101", "limit_invalid"),
        ("limit=1e1", "limit_invalid"),
        ("cursor=", "cursor_invalid"),
        ("cursor=x", "cursor_invalid"),
        ("limit=1&limit=1", "duplicate_parameter"),
        ("status=paid", "unknown_parameter"),
    ] {
        let reply = at(&world, get("/v1/orders", query, "key-of-alice"), now()).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.body);
        assert!(reply.body.contains(code), "{query}: {}", reply.body);
    }
    // A cursor of another owner's list leads into the caller's own.
    let (_, alices) = page(&world, "limit=1", "key-of-alice").await;
    let cursor = format!("cursor={}", alices["next"].as_str().expect("a cursor"));
    assert_eq!(numbers(&page(&world, &cursor, "key-of-bob").await.1), ["B01"]);
}

/// A query and a batch read, whatever fails: the answer, or 503.
#[tokio::test(start_paused = true)]
async fn fault_at_any_call_gives_the_answer_or_503() {
    let world = world_with_orders().await;
    let (_, expected) = page(&world, "", "key-of-alice").await;
    assert_eq!(numbers(&expected).len(), 20);
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let function = function(ledger);
    function.answer(&get("/v1/orders", "", "key-of-alice").event(Shape::HttpApi), &invocation(1)).await;
    let calls: Vec<String> = faults.calls().iter().map(|call| call.operation.clone()).collect();
    assert_eq!(calls, ["GetItem", "Query", "BatchGetItem"]);
    for fault in Fault::ALL {
        for call in 0..4 {
            let (ledger, faults) = world.faulty(1, move |at, _| if at == call { fault } else { Fault::None });
            let function = super::function(ledger);
            let event = get("/v1/orders", "", "key-of-alice").event(Shape::HttpApi);
            let invocation = invocation(2);
            let reply = tokio::select! {
                biased;
                reply = function.answer(&event, &invocation) => Some(reply),
                () = faults.killed() => None,
            };
            let Some(reply) = reply else { continue };
            let json: Value = serde_json::from_str(&reply.body).expect("JSON");
            let is_given = (reply.status, &json) == (200, &expected);
            let is_unavailable = reply.status == 503 && header(&reply, "retry-after") == Some("2");
            assert!(is_given || is_unavailable, "{fault:?} at {call}: {} {}", reply.status, reply.body);
        }
    }
}

/// A person must repair it, and the owner sees the others meanwhile.
#[tokio::test(start_paused = true)]
async fn unreadable_order_hides_no_other() {
    let world = world_with_orders().await;
    let change = json!({
        "TableName": "hookledger-local-orders", "Key": { "id": { "S": "A07" } },
        "UpdateExpression": "SET payment = :odd", "ExpressionAttributeValues": { ":odd": { "S": "odd" } },
    });
    world.engine.request("UpdateItem", &change).expect("damaged");
    let (_, page) = page(&world, "limit=100", "key-of-alice").await;
    assert_eq!((numbers(&page).len(), &page["unreadable"]), (24, &json!(["A07"])));
}
