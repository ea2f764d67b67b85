//! Several events in a delivery, in each form that LiteLLM sends: what each becomes, what is kept, and its replay.

use edge::Service as _;
use ledger::Source;
use litellm::{Litellm, OwnerBy, SETTINGS};
use serde_json::{Value, json};
use testkit::World;

use super::{KEY, event, function, receipt, sent};
use crate::sandbox::{SandboxOf, invocation, open_account, top_up};
use crate::suite::replay::{HOUR, Providers, keys, read_kept, row, run};

async fn world() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    open_account(&world, "bob", "k2", "2").await;
    world
}

/// The status, and the outcome of each event in its order.
async fn outcomes(world: &World, body: &str, attempt: u64) -> (u16, String) {
    let sandbox = SandboxOf::<Litellm>::faultless(world).await;
    let reply = sandbox.deliver(body, &invocation(attempt)).await.expect("no fault");
    let body: Value = serde_json::from_str(&reply.body).expect("JSON");
    let outcome = |result: &Value| {
        let why = [&result["reason"], &result["field"]].into_iter().find_map(Value::as_str);
        let outcome = result["outcome"].as_str().expect("an outcome");
        why.map_or(outcome.to_owned(), |why| format!("{outcome}:{why}"))
    };
    let all: Vec<String> = body["results"].as_array().expect("results").iter().map(outcome).collect();
    (reply.status, all.join(" "))
}

fn joined(events: &[String], form: &str) -> String {
    match form {
        "array" => format!("[{}]", events.join(", ")),
        _ => events.join("\n"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_has_its_own_outcome_in_every_form() {
    let mut nan = event("e3", "k2", 1);
    nan["metadata"]["requester"] = json!("NAN");
    let mut prompts = event("e4", "k2", 2);
    prompts["messages"] = json!([{ "role": "user", "content": "a secret prompt" }]);
    let events = [
        event("e1", "k1", 3).to_string(),
        "null".to_owned(),
        event("e2", "k1", 4).to_string(),
        nan.to_string().replace("\"NAN\"", "NaN"),
        prompts.to_string(),
        event("e1", "k1", 3).to_string(),
        event("e1", "k1", 5).to_string(),
        "{\"id\":}".to_owned(),
        "NaN".to_owned(),
        event("e5", "k9", 1).to_string(),
    ];
    let expected = "booked ignored:event_lost booked booked refused:insufficient_credits duplicate conflict \
                    invalid:body ignored:event_lost refused:unknown_key";
    for form in ["array", "ndjson"] {
        let world = world().await;
        let body = joined(&events, form);
        assert_eq!(outcomes(&world, &body, 1).await, (200, expected.to_owned()), "{form}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 3_000_000_000, "{form}");
        assert_eq!(books.balance("bob/credits"), 1_000_000_000, "{form}");
        let again = expected.replace("booked", "duplicate");
        assert_eq!(outcomes(&world, &body, 2).await, (200, again), "{form}");
        assert_eq!(world.books().accounts, books.accounts, "{form}");
        assert_eq!(world.books().bodies, books.bodies, "{form}: a repeat keeps nothing twice");
    }
}

/// Neither the key nor a prompt is kept. What is refused is booked once its owner can pay, as any usage is.
#[tokio::test(start_paused = true)]
async fn refused_events_are_replayed_by_their_seal() {
    let world = world().await;
    let mut prompts = event("e2", "k2", 4);
    prompts["messages"] = json!("a secret prompt");
    let events = [event("e1", "k1", 3).to_string(), prompts.to_string(), event("e3", "k9", 1).to_string()];
    let (status, _) = outcomes(&world, &joined(&events, "array"), 1).await;
    assert_eq!(status, 200);
    for id in ["e2", "e3"] {
        let kept = read_kept(&world, receipt(id).as_str()).await;
        let text = format!("{:?} {}", kept.headers, String::from_utf8_lossy(&kept.bytes));
        assert!(!text.contains(KEY) && !text.contains("secret prompt"), "{text}");
    }
    top_up(&world, "more", "bob", "10").await;
    open_account(&world, "carol", "k9", "5").await;
    let (report, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
    assert_eq!((report.resolved, alarms), (2, Vec::new()), "{report:?}");
    for id in ["e1", "e2", "e3"] {
        assert_eq!(row(&world, receipt(id).as_str()), "processed", "{id}");
    }
    let books = world.books();
    books.check();
    assert_eq!((books.balance("bob/credits"), books.balance("carol/credits")), (8_000_000_000, 4_000_000_000));
}

/// Five hundred events are LiteLLM's own batch: more than one of ours.
#[tokio::test(start_paused = true)]
async fn batch_of_five_hundred_is_booked_whole() {
    let world = World::new();
    open_account(&world, "alice", "k1", "1000").await;
    let events: Vec<String> = (0..512).map(|n| event(&format!("e{n}"), "k1", 1).to_string()).collect();
    let body = joined(&events, "array");
    assert!(body.len() > 100_000);
    assert_eq!(outcomes(&world, &body, 1).await, (200, vec!["booked"; 512].join(" ")));
    assert_eq!(outcomes(&world, &body, 2).await, (200, vec!["duplicate"; 512].join(" ")));
    assert_eq!(world.books().balance("alice/credits"), 488_000_000_000);
}

/// Each of several live keys is accepted, and the owner is found by what the setting names.
#[tokio::test(start_paused = true)]
async fn any_live_key_and_the_configured_owner_count() {
    let world = World::new();
    open_account(&world, "alice", "team:t1", "10").await;
    let old = "an-older-key-of-the-tests-0123456789abcdef";
    let settings = edge::Settings::new([(SETTINGS[0].to_owned(), format!("{KEY} {old}"))]);
    let function = function(world.ledger(1), OwnerBy::Team, settings).await;
    for (n, key) in [(1, KEY), (2, old)] {
        let mut body = event(&format!("e{n}"), "k1", 1);
        body["metadata"]["user_api_key_team_id"] = json!("t1");
        let reply = function.answer(&sent(&body.to_string(), key), &invocation(n)).await;
        assert_eq!((reply.status, reply.body.contains("\"booked\"")), (200, true), "{}", reply.body);
    }
    assert_eq!(world.books().balance("alice/credits"), 8_000_000_000);
    assert!(world.books().processed().filter(|id| id.starts_with(Source::Usage.as_str())).count() == 2);
}
