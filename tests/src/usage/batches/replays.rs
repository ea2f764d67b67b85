//! The replay of refused events out of the body of a batch.

use ledger::{Decision, EventKey, Fingerprint, JournalHeader, Ledger as _, RawBody, Reason, Refusal, Source};
use serde_json::json;
use testkit::{World, usage};

use super::{batch, delivered, outcomes, world};
use crate::sandbox::{BATCH, Sandbox, moment_at, open_account, signature, top_up};
use crate::suite::replay::{DAY, HOUR, Providers, item, keys, put, read_kept, row, run, write_kept};

/// The body is kept once. Its events are replayed out of it, each into its own row.
#[tokio::test(start_paused = true)]
async fn refused_events_of_a_batch_are_replayed() {
    let world = World::new();
    let body = batch("e1 k1 3, e2 k2 1, {}, e3 k1 4, e4 k1 40, e1 k1 9");
    let reply = delivered(&world, &body, 1).await;
    assert_eq!(
        outcomes(&reply),
        "refused:unknown_key refused:unknown_key invalid:eventId refused:unknown_key refused:unknown_key conflict"
    );
    let kept: Vec<String> = world.books().bodies.into_iter().collect();
    let [kept] = kept.as_slice() else { panic!("kept once: {kept:?}") };
    assert!(kept.starts_with("usage#batch#"), "{kept}");
    for id in ["usage#e1", "usage#e4"] {
        assert_eq!(read_kept(&world, id).await.bytes, body.as_bytes());
    }
    open_account(&world, "alice", "k1", "10").await;
    let (report, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
    assert_eq!((report.resolved, report.given_up, alarms), (2, 0, Vec::new()), "{report:?}");
    let rows = ["e1", "e2", "e3", "e4"].map(|id| row(&world, &format!("usage#{id}")));
    assert_eq!(rows, ["processed", "unknown_key!", "processed", "insufficient_credits!"]);
    assert_eq!(world.books().balance("alice/credits"), 3_000_000_000);
    top_up(&world, "more", "alice", "40").await;
    run(&world, keys(), Providers::paid(), 3 * HOUR).await;
    assert_eq!(row(&world, "usage#e4"), "processed");
    // One that came with others, and later alone, is kept where it can be found.
    let alone = usage("e2", "k2", "1").to_string();
    Sandbox::faultless(&world).await.deliver(&alone, &moment_at(8, testkit::now().plus_seconds(4 * HOUR))).await;
    open_account(&world, "bob", "k2", "10").await;
    run(&world, keys(), Providers::paid(), 2 * DAY).await;
    assert_eq!(row(&world, "usage#e2"), "processed");
}

/// A role that can write rows makes no event of a body that no gateway signed, or that does not have it.
#[tokio::test(start_paused = true)]
async fn planted_batch_is_closed() {
    for (name, planted) in [("another body", true), ("another event's row", false)] {
        let world = World::new();
        delivered(&world, &batch("e1 k1 3, e2 k1 1"), 1).await;
        let kept = world.books().bodies.into_iter().next().expect("a body");
        let id = if planted {
            let mut body = read_kept(&world, "usage#e1").await;
            body.bytes = String::from_utf8(body.bytes).expect("text").replace("\"3\"", "\"1\"").into();
            write_kept(&world, &kept, &body);
            "usage#e1".to_owned()
        } else {
            let mut journal = item(&world, "journal", "usage#e1");
            journal["id"] = json!({ "S": "usage#other" });
            put(&world, "journal", &journal);
            "usage#other".to_owned()
        };
        open_account(&world, "alice", "k1", "10").await;
        let (_, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
        assert!(alarms.iter().any(|alarm| alarm == "replay_unverified"), "{name}: {alarms:?}");
        assert!(!row(&world, &id).ends_with('!') && row(&world, &id) != "processed", "{name}: {}", row(&world, &id));
    }
}

/// A release that cannot take the body apart keeps it whole. One that can books its events.
#[tokio::test(start_paused = true)]
async fn batch_that_was_kept_whole_is_booked_by_a_release_that_can_read_it() {
    let world = world().await;
    let body = batch("e1 k1 3, e2 k9 1");
    let receipt = store_whole(&world, &body).await;
    let (report, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
    assert_eq!((report.resolved, alarms), (1, Vec::new()), "{report:?}");
    let rows = ["usage#e1", "usage#e2", receipt.as_str()].map(|id| row(&world, id));
    assert_eq!(rows, ["processed", "unknown_key!", "unparsed"]);
}

async fn store_whole(world: &World, body: &str) -> EventKey {
    let receipt = EventKey::unparsed(Source::Usage, body.as_bytes());
    let header = JournalHeader {
        receipt: receipt.clone(),
        writer: Source::Usage.into(),
        kind: "unparsed",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("body", receipt.as_str())]).into(),
        order: None,
    };
    let refusal = Refusal { header, reason: Reason::Unparsed, effects: Vec::new() };
    let mut context = testkit::context(1);
    let headers = [("x-webhook-signature", signature(body.as_bytes()))];
    context.body = Some(RawBody {
        method: "POST",
        path: BATCH,
        query: "",
        headers: &headers,
        bytes: body.as_bytes(),
        bytes_at: context.received_at,
        batch: None,
    });
    world.ledger(0).commit(&Decision::Refuse(refusal), &context).await.expect_err("refused");
    receipt
}
