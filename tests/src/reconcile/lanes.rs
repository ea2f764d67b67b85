//! Refused usage waits in lanes, one for each owner and each unknown key. Each lane has its own turn, and no event is
//! retried that its owner still cannot pay.

use base64::Engine as _;
use ledger::{Asset, Lane, Lanes as _, Owner, Source};
use serde_json::Value;

use super::*;

const JOURNAL: &str = "hookledger-local-journal";
const BODIES: &str = "hookledger-local-bodies";

/// A gzip file of one stored block, the format of a kept body, made without a compressor.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short body");
    let crc = !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    let ends = [crc.to_le_bytes(), u32::from(length).to_le_bytes()].concat();
    [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes, &ends].concat()
}

/// Plants refused events of one owner, as copies of one that was really refused.
async fn plant(world: &World, owner: &str, key: &str, count: usize) {
    spend(world, &format!("{owner}-0"), key, "1").await;
    let read = |table: &str| {
        let id = json!({ "TableName": table, "Key": { "id": { "S": format!("usage#{owner}-0") } } });
        world.engine.request("GetItem", &id).expect("a row")["Item"].clone()
    };
    let (line, kept) = (read(JOURNAL), read(BODIES));
    let cost = Asset::CREDITS.format(crate::sandbox::amount("1"));
    let (mut lines, mut bodies) = (Vec::new(), Vec::new());
    for n in 1..count {
        let (event, received_at) =
            (format!("{owner}-{n}"), testkit::now().plus_seconds(i64::try_from(n).expect("few") / 100));
        let (mut line, mut kept) = (line.clone(), kept.clone());
        let fingerprint = Fingerprint::of(1, &[("event", &event), ("key", key), ("cost", &cost)]);
        for (name, value) in [
            ("id", format!("usage#{event}")),
            ("fingerprint", fingerprint.to_string()),
            ("due_at", received_at.to_string()),
            ("received_at", received_at.to_string()),
        ] {
            line[name] = json!({ "S": value });
        }
        let body = usage(&event, key, "1").to_string();
        kept["id"] = json!({ "S": format!("usage#{event}") });
        kept["body"] = json!({ "B": base64::prelude::BASE64_STANDARD.encode(gzip(body.as_bytes())) });
        kept["headers"]["M"]["x-webhook-signature"] = json!({ "S": signature(body.as_bytes()) });
        kept["length"] = json!({ "N": body.len().to_string() });
        lines.push(line.to_string());
        bodies.push(kept.to_string());
    }
    for (table, rows) in [(JOURNAL, lines), (BODIES, bodies)] {
        if !rows.is_empty() {
            world.engine.load(table, &format!("[{}]", rows.join(","))).expect("rows");
        }
    }
}

/// A run in which every call of the store takes as long as in AWS.
async fn slow_run(world: &World, attempt: u64, after_s: i64) -> ReplayReport {
    let (ledger, _) = world.faulty(attempt, |_, _| Fault::Delay(std::time::Duration::from_millis(15)));
    of_stripe::reconcile(ledger, &[]).work(REFUSED, &run_at(attempt, after_s)).await.map(replay_report).expect("a run")
}

fn balance(world: &World, owner: &str) -> i128 {
    world.books().balance(&format!("{owner}/credits"))
}

async fn refused_event(world: &World, owner: &str) -> Vec<String> {
    let lane = Lane::Owner(Owner::new(owner).expect("an owner"));
    let later = ledger::CallContext { received_at: testkit::now().plus_seconds(1_000 * DAY), ..context(1) };
    let owed = world.ledger(1).refused_in_lane(Source::Usage, &lane, 10_000, &later).await.expect("a list");
    owed.into_iter().map(|owed| owed.row.id).collect()
}

/// The next retry time of each lane, by its name.
fn lanes(world: &World) -> Vec<(String, String)> {
    let rows = world.engine.request("Scan", &json!({ "TableName": JOURNAL })).expect("rows")["Items"].clone();
    let text = |row: &Value, name: &str| row[name]["S"].as_str().map(str::to_owned);
    let lane = |row: &Value| Some((text(row, "id")?.strip_prefix("lane#usage#")?.to_owned(), text(row, "due_at")?));
    let mut lanes: Vec<_> = rows.as_array().expect("rows").iter().filter_map(lane).collect();
    lanes.sort();
    lanes
}

/// One owner with thousands of events that can all be paid now, and fifty owners with one event each.
#[tokio::test(start_paused = true)]
async fn owner_with_thousands_delays_no_other_owner() {
    let world = World::new();
    open_account(&world, "whale", "kw", "0").await;
    plant(&world, "whale", "kw", 5_000).await;
    for n in 0..50 {
        let (owner, key) = (format!("owner{n}"), format!("k{n}"));
        open_account(&world, &owner, &key, "0").await;
        spend(&world, &format!("of-{owner}"), &key, "1").await;
        top_up(&world, &format!("more-{owner}"), &owner, "1").await;
    }
    top_up(&world, "more-whale", "whale", "5000").await;
    let first = slow_run(&world, 1, 2 * MINUTE).await;
    assert!(first.is_cut_short && first.failed == 0, "{first:?}");
    let served = (0..50).filter(|n| balance(&world, &format!("owner{n}")) == 0).count();
    assert_eq!(served, 50, "each is served within one run");
    let of_whale = first.resolved - 50;
    assert!(of_whale > 100, "the rest of the run goes to the largest lane: {first:?}");
    let second = slow_run(&world, 2, 3 * MINUTE).await;
    assert!(second.resolved > 100, "which continues in the next run: {second:?}");
    world.books().check();
}

/// A row that is set back to `failed` is deducted a second time. The audit finds it, and nothing more of its owner is
/// retried.
async fn held_back() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "0").await;
    plant(&world, "alice", "k1", 2).await;
    let stored = |table: &str, id: &str| {
        let read = json!({ "TableName": table, "Key": { "id": { "S": id } } });
        world.engine.request("GetItem", &read).expect("a row")["Item"].clone()
    };
    let rows = [(JOURNAL, "usage#alice-1"), (BODIES, "usage#alice-1"), (JOURNAL, "lane#usage#owner#alice")];
    let rows = rows.map(|(table, id)| (table, stored(table, id)));
    top_up(&world, "more", "alice", "5").await;
    assert_eq!((run(&world, 2 * MINUTE).await.resolved, balance(&world, "alice")), (2, 3_000_000_000));

    for (table, row) in rows {
        world.engine.request("PutItem", &json!({ "TableName": table, "Item": row })).expect("a row");
    }
    assert_eq!(
        (run(&world, 4 * MINUTE).await.resolved, balance(&world, "alice")),
        (1, 2_000_000_000),
        "deducted twice"
    );
    audit(&world, 5).await;

    spend(&world, "alice-more", "k1", "4").await;
    top_up(&world, "enough", "alice", "10").await;
    for minute in 6..20 {
        assert_eq!(run(&world, minute * MINUTE).await.resolved, 0, "{minute}");
    }
    assert_eq!(refused_event(&world, "alice").await, ["usage#alice-more"]);
    world
}

async fn audit(world: &World, minute: i64) {
    let reconcile = of_stripe::reconcile(world.ledger(0), &[]);
    reconcile.work(r#"{"sweep":"audit"}"#, &run_at(9_000, minute * MINUTE)).await.expect("a run");
}

async fn count_booked(world: &World, minutes: std::ops::Range<i64>) -> u32 {
    let mut booked = 0;
    for minute in minutes {
        booked += run(world, minute * MINUTE).await.resolved;
    }
    booked
}

#[tokio::test(start_paused = true)]
async fn account_corrected_by_hand_is_held_back_until_the_next_audit() {
    let world = held_back().await;
    let corrected = json!({
        "TableName": "hookledger-local-accounts",
        "Key": { "id": { "S": "alice/credits" } },
        "UpdateExpression": "ADD balance_units :n, available_units :n, version :v",
        "ExpressionAttributeValues": { ":n": { "N": "1000000000" }, ":v": { "N": "-1" } },
    });
    world.engine.request("UpdateItem", &corrected).expect("written");
    assert_eq!(count_booked(&world, 20..40).await, 0);
    audit(&world, 40).await;
    assert_eq!((count_booked(&world, 41..60).await, balance(&world, "alice")), (1, 9_000_000_000));
    world.books().check();
}

/// No audit runs in between.
#[tokio::test(start_paused = true)]
async fn repaired_account_is_no_longer_held_back() {
    let world = held_back().await;
    let ledger = world.ledger(1);
    let account = Owner::new("alice").expect("an owner").account(Asset::CREDITS);
    let signature = audit::Signature { id: "r1".into(), author: "ann".into(), reason: "deducted twice".into() };
    let invocation = run_at(9_001, 20 * MINUTE);
    let repairs = audit::Repairs { ledger: &ledger, invocation: &invocation, index_lag: audit::INDEX_LAG_MAX };
    let repair = audit::AccountRepair::ToLines;
    let decision = repairs.account(&account, &repair, &signature).await.expect("a repair");
    ledger.commit(&decision, &invocation.context()).await.expect("written");
    assert_eq!(count_booked(&world, 20..40).await, 0, "the finding is kept until it ends");

    let rows = audit::RepairedRows::of_account(&account, &repair);
    let compared = repairs.end_findings(&rows.and_written(&decision)).await.expect("compared");
    assert_eq!((compared.ended.len(), compared.differences, compared.unsettled_accounts), (1, vec![], vec![]));
    assert_eq!((count_booked(&world, 40..60).await, balance(&world, "alice")), (1, 9_000_000_000));
    world.books().check();
}

/// For an owner who cannot pay, only the lane's next retry time is written; a top-up is noticed within ten minutes.
#[tokio::test(start_paused = true)]
async fn owner_who_cannot_pay_has_no_event_retried() {
    let world = World::new();
    open_account(&world, "alice", "k1", "0").await;
    for n in 0..5 {
        spend(&world, &format!("e{n}"), "k1", "1").await;
    }
    let mut looks_at = Vec::new();
    for minute in 1..=60 {
        let before = lanes(&world);
        assert_eq!(run(&world, minute * MINUTE).await, report(0, 0, 0, 0), "{minute}");
        looks_at.extend((lanes(&world) != before).then_some(minute));
    }
    assert_eq!(looks_at, [1, 2, 4, 8, 16, 26, 36, 46, 56]);
    assert!(world.books().journal.iter().filter(|(id, _)| id.starts_with("usage#e")).all(|(_, row)| row.attempts == 1));
    top_up(&world, "more", "alice", "5").await;
    let mut booked = 0;
    for minute in 61..=70 {
        booked += run(&world, minute * MINUTE).await.resolved;
    }
    assert_eq!((booked, balance(&world, "alice")), (5, 0));
}

/// Events are booked oldest first while the credits last; one that costs too much does not hold up a cheaper one.
#[tokio::test(start_paused = true)]
async fn affordable_events_are_booked_oldest_first() {
    let rows: [(&str, &[&str], &str, &[&str]); 4] = [
        ("all of them", &["1", "2", "3"], "6", &[]),
        ("the oldest", &["1", "2", "3"], "3", &["usage#e2"]),
        ("those that fit", &["9", "2", "5", "1"], "3", &["usage#e0", "usage#e2"]),
        ("nothing", &["9", "8"], "3", &["usage#e0", "usage#e1"]),
    ];
    for (name, costs, credits, remaining) in rows {
        let world = World::new();
        open_account(&world, "alice", "k1", "0").await;
        for (n, cost) in costs.iter().enumerate() {
            spend(&world, &format!("e{n}"), "k1", cost).await;
        }
        top_up(&world, "more", "alice", credits).await;
        run(&world, MINUTE).await;
        let mut waiting = refused_event(&world, "alice").await;
        waiting.sort();
        assert_eq!(waiting, remaining, "{name}");
        world.books().check();
    }
}

/// Events of an unknown key wait for the key. Once it is bound, they wait for its owner's credits.
#[tokio::test(start_paused = true)]
async fn unknown_key_has_a_lane_of_its_own() {
    let world = World::new();
    spend(&world, "e1", "k1", "3").await;
    spend(&world, "e2", "k1", "4").await;
    spend(&world, "e3", "k2", "1").await;
    let names: Vec<String> = lanes(&world).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["key#remote#k1", "key#remote#k2"]);
    assert_eq!(run(&world, MINUTE).await, report(0, 0, 0, 0));
    open_account(&world, "alice", "k1", "3").await;
    assert_eq!(run(&world, 2 * MINUTE).await, report(2, 1, 1, 0));
    assert_eq!(refused_event(&world, "alice").await, ["usage#e2"]);
    top_up(&world, "more", "alice", "4").await;
    assert_eq!(run(&world, 3 * MINUTE).await, report(1, 1, 0, 0));
    assert_eq!((row(&world, "usage#e3").as_str(), balance(&world, "alice")), ("unknown_key!", 0));
}

/// An alarm names the owner once a day, under another word from ten days before the first body expires; a week later
/// the event is closed.
#[tokio::test(start_paused = true)]
async fn body_does_not_expire_without_an_alarm() {
    let world = World::new();
    open_account(&world, "alice", "k1", "0").await;
    for n in 0..3 {
        spend(&world, &format!("e{n}"), "k1", "1").await;
    }
    spend(&world, "e9", "k9", "1").await;
    let mut raised = Vec::new();
    for quarter in 0..4 * 99 {
        if quarter == 4 * 92 {
            for n in [0, 1, 2, 9] {
                let gone = json!({ "TableName": BODIES, "Key": { "id": { "S": format!("usage#e{n}") } } });
                world.engine.request("DeleteItem", &gone).expect("as DynamoDB does");
            }
        }
        start_capture();
        run(&world, quarter * DAY / 4 + MINUTE).await;
        let text = |line: &Value, name: &str| line[name].as_str().map(str::to_owned);
        let alarms =
            captured_lines().into_iter().filter_map(|line| Some((text(&line, "alarm")?, text(&line, "subject")?)));
        raised.extend(
            alarms.filter(|(_, subject)| subject != "key#remote#k9").map(|(alarm, of)| (quarter / 4, alarm, of)),
        );
    }
    let of = |word: &str| {
        let days = raised.iter().filter(|(_, alarm, _)| alarm == word).map(|(day, _, of)| (*day, of.as_str()));
        days.collect::<Vec<_>>()
    };
    assert_eq!(of("still_refused"), (1..80).map(|day| (day, "owner#alice")).collect::<Vec<_>>());
    assert_eq!(of("usage_expires"), (80..=97).map(|day| (day, "owner#alice")).collect::<Vec<_>>());
    let mut closed = of("cannot_be_tried_again");
    closed.sort_unstable();
    assert_eq!(closed, ["usage#e0", "usage#e1", "usage#e2", "usage#e9"].map(|event| (97, event)));
    assert_eq!(refused_event(&world, "alice").await, Vec::<String>::new());
}

/// A lane is kept for an hour after its last refusal, because a lagging index could still hide one.
#[tokio::test(start_paused = true)]
async fn empty_lane_ends_and_starts_again() {
    let world = World::new();
    open_account(&world, "alice", "k1", "0").await;
    spend(&world, "e1", "k1", "1").await;
    top_up(&world, "more", "alice", "1").await;
    let mut ended = None;
    for minute in 1..=90 {
        run(&world, minute * MINUTE).await;
        if ended.is_none() && lanes(&world).is_empty() {
            ended = Some(minute);
        }
    }
    assert!(ended.is_some_and(|minute| (60..=70).contains(&minute)), "{ended:?}");
    spend(&world, "e2", "k1", "1").await;
    assert_eq!(lanes(&world).len(), 1);
}

/// A bad row in a lane blocks no other row of it, and a bad lane blocks no other lane.
#[tokio::test(start_paused = true)]
async fn bad_row_in_a_lane_is_passed_over() {
    let rows =
        [("usage#e1", "received_at", 2), ("usage#e1", "fingerprint", 2), ("lane#usage#owner#alice", "refused_at", 1)];
    for (id, attribute, expected) in rows {
        let world = World::new();
        for (owner, key) in [("alice", "k1"), ("bob", "k2")] {
            open_account(&world, owner, key, "0").await;
        }
        for (event, key) in [("e1", "k1"), ("e2", "k1"), ("e3", "k2")] {
            spend(&world, event, key, "1").await;
        }
        top_up(&world, "a", "alice", "2").await;
        top_up(&world, "b", "bob", "1").await;
        let break_it = json!({
            "TableName": JOURNAL, "Key": { "id": { "S": id } }, "UpdateExpression": format!("REMOVE {attribute}"),
        });
        world.engine.request("UpdateItem", &break_it).expect("broken");
        start_capture();
        let first = run(&world, MINUTE).await;
        let alarms: Vec<_> =
            captured_lines().iter().filter_map(|line| line["alarm"].as_str().map(str::to_owned)).collect();
        assert_eq!(first.resolved, expected, "{id} {attribute}: {first:?}");
        if attribute != "fingerprint" {
            assert_eq!(alarms, ["passed_over"], "{id} {attribute}");
        }
        assert_eq!(run(&world, 2 * MINUTE).await.tried, 0, "{id} {attribute}: its retry is rescheduled");
    }
}

/// Once a person has corrected the event, it is booked: its lane still exists.
#[tokio::test(start_paused = true)]
async fn lane_with_a_rescheduled_event_does_not_end() {
    let world = World::new();
    open_account(&world, "alice", "k1", "0").await;
    spend(&world, "e1", "k1", "1").await;
    top_up(&world, "more", "alice", "1").await;
    let change = |expression: &str, values: &Value| {
        let mut change = json!({
            "TableName": JOURNAL, "Key": { "id": { "S": "usage#e1" } }, "UpdateExpression": expression,
        });
        if !values.is_null() {
            change["ExpressionAttributeValues"] = values.clone();
        }
        world.engine.request("UpdateItem", &change).expect("changed");
    };
    change("REMOVE received_at", &Value::Null);
    for minute in (1..5 * 60).step_by(10) {
        assert_eq!(run(&world, minute * MINUTE).await.resolved, 0, "{minute}");
    }
    change("SET received_at = :at", &json!({ ":at": { "S": testkit::now().to_string() } }));
    let mut booked = 0;
    for minute in (5 * 60..6 * 60 + 20).step_by(10) {
        booked += run(&world, minute * MINUTE).await.resolved;
    }
    assert_eq!((booked, balance(&world, "alice")), (1, 0));
}
