//! Holds for a key over the API: whose key it may be, in whose budget it counts, and on whose account it is.

use ledger::{BoundKey, CallerKey, Draws, Effect, Limits, MemberChange, Owner, Zone};

use super::holds::{body_of, is_replayed, post, sent};
use super::*;
use crate::sandbox::by_hand;

const MINUTE: i64 = 60;

fn owner(name: &str) -> Owner {
    Owner::new(name).expect("an owner")
}

fn key(name: &str) -> CallerKey {
    CallerKey::remote(name).expect("a key")
}

fn limit(day: &str) -> Option<ledger::Budget> {
    ledger::Budget::new(Zone::default(), Limits { day: Some(amount(day)), ..Limits::default() })
}

fn budget(of: CallerKey, name: &str, to: Option<ledger::Budget>) -> Effect {
    Effect::SetBudget(ledger::BudgetChange { key: of, owner: owner(name), from: Ok(None), to })
}

fn no_member(of: &str) -> BoundKey {
    BoundKey::of(owner(of))
}

/// Beside the others: alice's keys k1 with 5 a day and k4 without a limit, her API key with 4 a day, bob's k2, and k3,
/// which is revoked. Carol's k5 draws on bob, with 2 a day.
async fn keys() -> World {
    let world = world().await;
    for (name, of) in [("k1", "alice"), ("k2", "bob"), ("k3", "alice"), ("k4", "alice"), ("k5", "carol")] {
        by_hand(&world, name, vec![Effect::Bind { key: key(name), owner: owner(of) }]).await;
    }
    by_hand(&world, "b1", vec![budget(key("k1"), "alice", limit("5"))]).await;
    by_hand(&world, "b2", vec![budget(CallerKey::api("key-of-alice"), "alice", limit("4"))]).await;
    let revoke = Effect::Revoke { key: key("k3"), owner: owner("alice"), draws: Draws::default() };
    by_hand(&world, "r3", vec![revoke]).await;
    let joins = MemberChange::join(&key("k5"), &no_member("carol"), &owner("bob"), limit("2"), now());
    by_hand(&world, "j5", vec![Effect::Member(Box::new(joins.expect("a member")))]).await;
    world
}

fn opening(members: &str, sum: &str) -> String {
    format!(r#"{{{members},"amount":"{sum}","reason":"a stream"}}"#)
}

fn api_id(secret: &str) -> String {
    CallerKey::api(secret).short_id()
}

async fn opened(world: &World, members: &str, sum: &str, name: &str) -> Value {
    let reply = sent(world, post("/v1/holds", &opening(members, sum), "hs_spend", name)).await;
    assert_eq!(reply.status, 201, "{members}: {}", reply.body);
    body_of(&reply)
}

fn spent(world: &World, of: &CallerKey) -> i128 {
    let row = world.books().spent.get(&of.to_string()).cloned().unwrap_or_default();
    row.get("total").copied().unwrap_or_default()
}

const ONE: i128 = 1_000_000_000;

/// Whose key: its own, another's, none's, a revoked one. What is not there and what is another's get one answer.
#[tokio::test(start_paused = true)]
async fn hold_for_a_key_is_opened_for_its_owner_alone() {
    let world = keys().await;
    let [of_alice, of_bob] = ["key-of-alice", "key-of-bob"].map(api_id);
    let before = world.books();
    let rows = [
        (r#""owner":"alice","key":"gateway-k2""#.to_owned(), 404, "key_not_found"),
        (r#""owner":"bob","key":"gateway-k1""#.to_owned(), 404, "key_not_found"),
        // Its team is not its owner.
        (r#""owner":"bob","key":"gateway-k5""#.to_owned(), 404, "key_not_found"),
        (r#""key":"gateway-k9""#.to_owned(), 404, "key_not_found"),
        (r#""owner":"alice","key":"gateway-k3""#.to_owned(), 404, "key_not_found"),
        (r#""key":"gateway-k3""#.to_owned(), 404, "key_not_found"),
        (r#""owner":"dora","key":"gateway-k1""#.to_owned(), 404, "key_not_found"),
        (format!(r#""owner":"alice","key":"{of_bob}""#), 404, "key_not_found"),
        (format!(r#""owner":"bob","key":"{of_alice}""#), 404, "key_not_found"),
        (r#""owner":"alice","key":"api-000000000000""#.to_owned(), 404, "key_not_found"),
        // An API key's short id is of one owner's keys.
        (format!(r#""key":"{of_alice}""#), 400, "owner_missing"),
        (r#""key":null"#.to_owned(), 400, "owner_missing"),
        (r#""owner":"a b","key":"gateway-k1""#.to_owned(), 400, "owner_invalid"),
        (r#""owner":"alice","key":7"#.to_owned(), 400, "key_invalid"),
        (r#""owner":"alice","key":"""#.to_owned(), 400, "key_invalid"),
        (r#""owner":"alice","key":"k1""#.to_owned(), 400, "key_invalid"),
        (r#""owner":"alice","key":"gateway-""#.to_owned(), 400, "key_invalid"),
        (r#""owner":"alice","key":"gateway-a b""#.to_owned(), 400, "key_invalid"),
        (r#""owner":"alice","key":"gateway-a#b""#.to_owned(), 400, "key_invalid"),
        (format!(r#""owner":"alice","key":"{}""#, of_alice.to_uppercase()), 400, "key_invalid"),
        (r#""owner":"alice","key":"api-3f9c""#.to_owned(), 400, "key_invalid"),
        (r#""owner":"alice","key":"service-000000000000""#.to_owned(), 400, "key_invalid"),
        // The key itself is refused, and not repeated.
        (r#""owner":"alice","key":"key-of-alice""#.to_owned(), 400, "key_invalid"),
        (r#""owner":"alice","key":"hk_000000000000""#.to_owned(), 400, "key_invalid"),
    ];
    for (members, status, code) in rows {
        let reply = sent(&world, post("/v1/holds", &opening(&members, "1"), "hs_spend", "n1")).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (status, Some(code)), "{members}");
        assert!(!reply.body.contains("key-of-alice") && !reply.body.contains("hk_0"), "{}", reply.body);
        assert_eq!(world.books(), before, "{members}");
    }
}

/// By each way to name a key: the account that pays, the key and its owner, and what the key has spent of its budget.
#[tokio::test(start_paused = true)]
async fn hold_counts_in_the_budget_of_its_key_and_is_on_the_account_that_pays() {
    let world = keys().await;
    let of_alice = api_id("key-of-alice");
    let rows = [
        (r#""owner":"alice""#.to_owned(), "alice", None, None),
        (r#""owner":"alice","key":null"#.to_owned(), "alice", None, None),
        (r#""key":"gateway-k1""#.to_owned(), "alice", Some("gateway-k1"), None),
        (r#""owner":"alice","key":"gateway-k1""#.to_owned(), "alice", Some("gateway-k1"), None),
        (r#""key":"gateway-k4""#.to_owned(), "alice", Some("gateway-k4"), None),
        (format!(r#""owner":"alice","key":"{of_alice}""#), "alice", Some(of_alice.as_str()), None),
        (r#""owner":"carol","key":"gateway-k5""#.to_owned(), "bob", Some("gateway-k5"), Some("carol")),
        (r#""key":"gateway-k5""#.to_owned(), "bob", Some("gateway-k5"), Some("carol")),
    ];
    for (number, (members, payer, key, member)) in rows.into_iter().enumerate() {
        let hold = opened(&world, &members, "1", &format!("n{number}")).await;
        let text = |name: &str| hold[name].as_str();
        assert_eq!((text("owner"), text("key"), text("member")), (Some(payer), key, member), "{members}");
        assert_eq!(
            shown(&world, &format!("/v1/holds/{}", hold["id"].as_str().expect("an id")), "", "hs_read", now()).await,
            hold
        );
    }
    let keys = [key("k1"), key("k4"), CallerKey::api("key-of-alice"), key("k5"), key("k2")];
    assert_eq!(keys.map(|key| spent(&world, &key)), [2 * ONE, 0, ONE, 2 * ONE, 0]);
    let books = world.books();
    books.check();
    assert_eq!(["alice", "bob"].map(|of| books.accounts[&format!("{of}/credits")].held), [6 * ONE, 2 * ONE]);
}

/// Above the limit nothing is left, below it the settlement corrects what is counted, and the gateway's event of the same
/// use counts no second time.
#[tokio::test(start_paused = true)]
async fn budget_is_exceeded_by_no_hold_and_counts_a_use_once() {
    let world = keys().await;
    let of = |sum: &str| opening(r#""key":"gateway-k1","use":"evt_1""#, sum);
    let before = world.books();
    let above = sent(&world, post("/v1/holds", &of("5.000000001"), "hs_spend", "n1")).await;
    assert_eq!((above.status, body_of(&above)["error"].as_str()), (402, Some("budget_exceeded")), "{}", above.body);
    let short = sent(&world, post("/v1/holds", &opening(r#""key":"gateway-k4""#, "11"), "hs_spend", "n2")).await;
    assert_eq!((short.status, body_of(&short)["error"].as_str()), (402, Some("insufficient_credits")));
    assert_eq!(world.books(), before);
    let hold = sent(&world, post("/v1/holds", &of("5"), "hs_spend", "n3")).await;
    assert_eq!((hold.status, spent(&world, &key("k1"))), (201, 5 * ONE));
    let settle = format!("/v1/holds/{}/settle", body_of(&hold)["id"].as_str().expect("an id"));
    let settled = sent(&world, post(&settle, r#"{"cost":"3","reason":"r"}"#, "hs_spend", "n4")).await;
    assert_eq!((settled.status, spent(&world, &key("k1"))), (200, 3 * ONE));
    let sandbox = crate::sandbox::Sandbox::faultless(&world).await;
    let event = testkit::usage("evt_1", "k1", "3").to_string();
    let reply = sandbox.deliver(&event, &moment_at(77, now())).await.expect("alive");
    assert!(crate::sandbox::message(&reply).starts_with("Event already processed"), "{}", reply.body);
    let books = world.books();
    books.check();
    assert_eq!((spent(&world, &key("k1")), books.balance("alice/credits")), (3 * ONE, 7 * ONE));
    let row = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": "usage#evt_1" } } });
    let facts = world.engine.request("GetItem", &row).expect("a row")["Item"]["facts"]["M"].clone();
    assert_eq!(facts["key"]["S"], "gateway-k1");
}

/// Whatever becomes of the key: the same request gets its first answer, and another is refused.
#[tokio::test(start_paused = true)]
async fn repeat_gets_the_first_reply_whatever_becomes_of_the_key() {
    let world = keys().await;
    let body = opening(r#""owner":"carol","key":"gateway-k5""#, "1");
    let first = sent(&world, post("/v1/holds", &body, "hs_spend", "n1")).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let again = async |seconds: i64, body: &str| {
        at(&world, post("/v1/holds", body, "hs_spend", "n1"), now().plus_seconds(seconds)).await
    };
    let member = BoundKey { budget: Ok(limit("2")), draws: joined(), ..no_member("carol") };
    let left = MemberChange::leave(&key("k5"), &member, &owner("bob"), now().plus_seconds(MINUTE)).expect("a member");
    let draws = left.to.clone();
    let revoke = Effect::Revoke { key: key("k5"), owner: owner("carol"), draws };
    let steps = [
        ("as it was", vec![]),
        ("left", vec![Effect::Member(Box::new(left))]),
        (
            "without a limit",
            vec![Effect::SetBudget(ledger::BudgetChange {
                key: key("k5"),
                owner: owner("carol"),
                from: Ok(limit("2")),
                to: None,
            })],
        ),
        ("revoked", vec![revoke]),
    ];
    let without_owner = opening(r#""key":"gateway-k5""#, "1");
    let others = [
        opening(r#""key":"gateway-k5""#, "1.5"),
        opening(r#""key":"gateway-k1""#, "1"),
        opening(r#""owner":"carol""#, "1"),
        opening(r#""owner":"bob""#, "1"),
    ];
    for (number, (name, effects)) in (2..).zip(steps) {
        if !effects.is_empty() {
            by_hand(&world, &format!("step-{number}"), effects).await;
        }
        // A key is remembered for a minute, and the hold ends after ten.
        let seconds = number * 100;
        for body in [&body, &without_owner] {
            let reply = again(seconds, body).await;
            assert_eq!((reply.status, is_replayed(&reply)), (201, true), "{name}: {}", reply.body);
            assert_eq!(reply.body, first.body, "{name}");
        }
        for other in &others {
            let reply = again(seconds, other).await;
            let code = body_of(&reply)["error"].as_str().map(str::to_owned);
            assert_eq!((reply.status, code.as_deref()), (409, Some("idempotency_key_reused")), "{name}: {other}");
        }
        let reply = again(seconds, &opening(r#""owner":"alice","key":"gateway-k5""#, "1")).await;
        assert_eq!(reply.status, 404, "{name}");
    }
    let books = world.books();
    books.check();
    assert_eq!((books.holds.len(), books.accounts["bob/credits"].held), (1, ONE));
}

fn joined() -> Draws {
    MemberChange::join(&key("k5"), &no_member("carol"), &owner("bob"), limit("2"), now()).expect("a member").to
}

/// A gateway's key is read, and remembered for a minute; an API key of the owner is looked up by its id before.
#[tokio::test(start_paused = true)]
async fn hold_for_a_key_costs_the_calls_that_the_documentation_states() {
    let world = keys().await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let function = function(ledger);
    let of_alice = format!(r#""owner":"alice","key":"{}""#, api_id("key-of-alice"));
    let rows = [
        (r#""owner":"alice""#, "GetItem TransactWriteItems"),
        (r#""owner":"alice""#, "TransactWriteItems"),
        // The first count of the key begins its windows.
        (r#""key":"gateway-k1""#, "GetItem TransactWriteItems TransactWriteItems"),
        (r#""key":"gateway-k1""#, "TransactWriteItems"),
        (of_alice.as_str(), "Query GetItem TransactWriteItems TransactWriteItems"),
        (of_alice.as_str(), "Query TransactWriteItems"),
        // Who has no such key: a hold that this request has opened is looked for.
        (r#""key":"gateway-k9""#, "GetItem GetItem"),
    ];
    let mut made = 0;
    for (number, (members, expected)) in rows.into_iter().enumerate() {
        let (name, body) = (format!("n{number}"), opening(members, "1"));
        function.answer(&post("/v1/holds", &body, "hs_spend", &name).event(Shape::HttpApi), &invocation(1)).await;
        let calls = faults.calls();
        let new: Vec<&str> = calls[made..].iter().map(|call| call.operation.as_str()).collect();
        assert_eq!(new.join(" "), expected, "{members}");
        made = calls.len();
    }
}

/// Only with `include`, and for whom the account is shown: each limit with what is used of it.
#[tokio::test(start_paused = true)]
async fn account_shows_the_budgets_of_its_owners_keys() {
    let world = keys().await;
    opened(&world, r#""key":"gateway-k1""#, "2.5", "n1").await;
    opened(&world, r#""key":"gateway-k5""#, "1", "n2").await;
    let ends = "2026-01-02T00:00:00.000Z";
    let day = |limit: &str, used: &str, left: &str| json!({ "of": "day", "limit": limit, "used": used, "left": left, "resetsAt": ends });
    let of_key = |key: &str, windows: Value| json!({ "key": key, "zone": "+00:00", "windows": windows });
    let plain = shown(&world, "/v1/account", "", "key-of-alice", now()).await;
    assert_eq!(plain.get("budgets"), None);
    let api_key = of_key(&api_id("key-of-alice"), json!([day("4", "0", "4")]));
    let of_alice = json!([api_key, of_key("gateway-k1", json!([day("5", "2.5", "2.5")]))]);
    let rows = [
        ("/v1/account", "key-of-alice", of_alice.clone()),
        ("/v1/accounts/alice", "key-of-alice", of_alice.clone()),
        ("/v1/accounts/alice", "hs_read", of_alice),
        // A member's budget is her own, and not her team's.
        ("/v1/accounts/bob", "hs_read", json!([])),
        ("/v1/account", "key-of-carol", json!([of_key("gateway-k5", json!([day("2", "1", "1")]))])),
    ];
    for (path, key, expected) in rows {
        let mut found = shown(&world, path, "include=budgets", key, now()).await["budgets"].take();
        found.as_array_mut().expect("a list").sort_by_key(|budget| budget["key"].as_str().map(str::to_owned));
        assert_eq!(found, expected, "{path} by {key}");
    }
    let limits = Limits { day: None, month: Some(amount("1")), total: Some(amount("9")) };
    let to = ledger::Budget::new(Zone::parse("+08:00").expect("a zone"), limits);
    by_hand(&world, "b4", vec![budget(key("k4"), "alice", to)]).await;
    let found = shown(&world, "/v1/account", "include=budgets", "key-of-alice", now()).await["budgets"].take();
    let of_k4 = found.as_array().expect("a list").iter().find(|budget| budget["key"] == "gateway-k4").expect("k4");
    let windows = json!([
        { "of": "month", "limit": "1", "used": "0", "left": "1", "resetsAt": "2026-01-31T16:00:00.000Z" },
        { "of": "total", "limit": "9", "used": "0", "left": "9" },
    ]);
    assert_eq!(*of_k4, json!({ "key": "gateway-k4", "zone": "+08:00", "windows": windows }));
    let before = world.books();
    let rows = [
        ("/v1/accounts/alice", "include=budgets", "key-of-bob", 404, "account_not_found"),
        ("/v1/accounts/alice", "include=budgets", "hs_spend", 403, "scope_missing"),
        ("/v1/accounts/dora", "include=budgets", "hs_read", 404, "account_not_found"),
        ("/v1/account", "include=keys", "key-of-alice", 400, "include_invalid"),
        ("/v1/account", "include=", "key-of-alice", 400, "include_invalid"),
        ("/v1/account", "include=budgets&include=budgets", "key-of-alice", 400, "duplicate_parameter"),
    ];
    for (path, query, key, status, code) in rows {
        let reply = at(&world, get(path, query, key), now()).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (status, Some(code)), "{path} {query} by {key}");
    }
    assert_eq!(world.books(), before);
}

/// What cannot be read is shown as such, beside the other keys.
#[tokio::test(start_paused = true)]
async fn budget_that_cannot_be_read_is_shown_as_such() {
    let world = keys().await;
    let row = json!({ "id": { "S": "budget#key#remote#k1" }, "v": { "N": "1" }, "day": { "N": "3" } });
    world.engine.request("PutItem", &json!({ "TableName": "hookledger-local-accounts", "Item": row })).expect("a row");
    let found = shown(&world, "/v1/account", "include=budgets", "key-of-alice", now()).await["budgets"].take();
    let of_k1 = found.as_array().expect("a list").iter().find(|budget| budget["key"] == "gateway-k1");
    assert_eq!(of_k1, Some(&json!({ "key": "gateway-k1", "unreadable": true, "windows": [] })));
    let reply = sent(&world, post("/v1/holds", &opening(r#""key":"gateway-k1""#, "1"), "hs_spend", "n1")).await;
    assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (409, Some("budget_unreadable")));
}

/// Ten calls at the same moment never hold more than the limit of the key.
#[tokio::test(start_paused = true)]
async fn holds_at_once_stay_within_the_budget() {
    let world = keys().await;
    let body = opening(r#""key":"gateway-k1""#, "2");
    let calls = (0..10).map(|number| {
        let (world, body) = (&world, &body);
        async move { sent(world, post("/v1/holds", body, "hs_spend", &format!("k{number}"))).await.status }
    });
    let mut statuses = futures_util::future::join_all(calls).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 402, 402, 402, 402, 402, 402, 402, 402]);
    assert_eq!(spent(&world, &key("k1")), 4 * ONE);
    world.books().check();
}

/// Every fault and pair at the calls of an opening: after the retry there is one hold, counted once.
#[tokio::test(start_paused = true)]
async fn fault_at_any_call_leaves_one_hold_in_the_budget() {
    let of_alice = format!(r#""owner":"alice","key":"{}""#, api_id("key-of-alice"));
    let steps = [
        (r#""key":"gateway-k1""#, 201),
        (of_alice.as_str(), 201),
        (r#""key":"gateway-k5""#, 201),
        (r#""key":"gateway-k3""#, 404),
    ];
    for (members, status) in steps {
        let body = opening(members, "1.5");
        let run = async |plan: crate::lots::Plan| {
            let world = keys().await;
            let calls = super::holds::under(&world, plan, "/v1/holds", &body, status).await;
            let books = crate::lots::without_attempts(world.books());
            books.check();
            (books, calls)
        };
        let (expected, calls) = run(vec![]).await;
        for plan in crate::lots::plans(calls) {
            assert_eq!(run(plan.clone()).await.0, expected, "{members}: {plan:?}");
        }
    }
}
