//! The last day on which a key was used: one write for each key, day and sandbox, beside the call.

use std::time::Duration;

use super::holds::post;
use super::*;

const NOTED: Duration = Duration::from_millis(20);
const DAY_S: i64 = 24 * 60 * 60;

#[tokio::test(start_paused = true)]
async fn first_call_of_a_day_is_noted_once_by_each_sandbox() {
    let world = world().await;
    let made =
        at(&world, post("/v1/keys", r#"{"kind":"owner","owner":"alice","reason":"r"}"#, "hs_admin", "k1"), now()).await;
    let made: Value = serde_json::from_str(&made.body).expect("JSON");
    let (key, path) =
        (made["secret"].as_str().expect("a secret"), format!("/v1/keys/{}", made["key"].as_str().expect("an id")));
    let used = async || {
        let shown = shown(&world, &path, "", "hs_admin", now()).await;
        (shown["lastUsed"].clone(), shown["daysUsed"].clone())
    };
    assert_eq!(used().await, (Value::Null, Value::Null));
    let sandboxes = [1, 2].map(|seed| {
        let (ledger, faults) = world.faulty(seed, |_, _| Fault::None);
        (function(ledger.noting_use()), faults)
    });
    let rows =
        [(0, "2026-01-01", 1), (DAY_S - 1, "2026-01-01", 1), (DAY_S, "2026-01-02", 2), (10 * DAY_S, "2026-01-11", 3)];
    for (second, day, days) in rows {
        for (function, _) in &sandboxes {
            for _ in 0..3 {
                let event = get("/v1/account", "", key).event(Shape::HttpApi);
                let reply = function.answer(&event, &moment_at(1, now().plus_seconds(second))).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
            }
        }
        tokio::time::sleep(NOTED).await;
        assert_eq!(used().await, (json!(day), json!(days)), "after {second} s");
    }
    for (_, faults) in &sandboxes {
        let writes = faults.calls().iter().filter(|call| call.operation == "UpdateItem").count();
        assert_eq!(writes, 3, "one for each day");
    }
    let listed = shown(&world, "/v1/keys", "owner=alice", "hs_admin", now()).await;
    assert!(listed["keys"].as_array().expect("keys").iter().any(|key| key["lastUsed"] == "2026-01-11"), "{listed}");
}

/// Whatever happens to that write, the call has its answer at once, and is written once.
#[tokio::test(start_paused = true)]
async fn fault_of_the_note_changes_no_call() {
    let world = world().await;
    let expected = at(&world, get("/v1/account", "", "key-of-alice"), now()).await;
    for fault in Fault::ALL.into_iter().filter(|fault| ![Fault::Kill, Fault::KillApplied].contains(fault)) {
        let plan = move |_: usize, operation: &str| if operation == "UpdateItem" { fault } else { Fault::None };
        let (ledger, faults) = world.faulty(1, plan);
        let function = function(ledger.noting_use());
        let began = testkit::instant();
        for attempt in 0..2 {
            let event = get("/v1/account", "", "key-of-alice").event(Shape::HttpApi);
            let reply = function.answer(&event, &invocation(attempt)).await;
            assert_eq!((reply.status, &reply.body), (200, &expected.body), "{fault:?}");
        }
        assert_eq!(testkit::instant().duration_since(began), Duration::ZERO, "{fault:?}");
        tokio::time::sleep(Duration::from_secs(5)).await;
        let writes = faults.calls().iter().filter(|call| call.operation == "UpdateItem").count();
        assert_eq!(writes, 1, "{fault:?}");
    }
}
