//! Stored deliveries: complete, unparsed, and split over as many rows as they need.

#![expect(clippy::expect_used, reason = "a test that cannot go on must stop")]

use aws_sdk_dynamodb::types::AttributeValue;
use idempotency::Tables;
use ledger::{
    Backlog as _, CallContext, Decision, EventKey, Fingerprint, JournalHeader, KeptBody, Ledger as _, RawBody, Reason,
    Refusal, Source,
};
use serde_json::json;
use testkit::{STAGE, World, context, now};

/// DynamoDB's limit.
const ROW_BYTES_MAX: usize = 400 * 1024;
const HEADERS: [(&str, &str); 1] = [("x-webhook-signature", "0123")];

fn decision(id: &str) -> Decision {
    let header = JournalHeader {
        receipt: EventKey::new(Source::Usage, id).expect("an id"),
        writer: Source::Usage.into(),
        kind: "unparsed",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    Decision::Refuse(Refusal { header, reason: Reason::UnknownKey, effects: Vec::new() })
}

/// Refuses an event at this second, in the attempt of the same number.
async fn refused(world: &World, body: &[u8], second: u16) {
    let headers = HEADERS.map(|(name, value)| (name, value.to_owned()));
    let received_at = now().plus_seconds(second.into());
    let body = RawBody {
        method: "GET",
        path: "/payment/notify",
        query: "pid=1&sign=%E9%80%9A",
        headers: &headers,
        bytes: body,
        bytes_at: received_at,
        batch: None,
    };
    let context =
        CallContext { received_at, first_received_at: received_at, body: Some(body), ..context(u64::from(second)) };
    world.ledger(1).commit(&decision("e1"), &context).await.expect_err("refused");
}

async fn kept(world: &World) -> Result<KeptBody, String> {
    let later = CallContext { received_at: now().plus_seconds(3_600), ..context(9) };
    let receipt = EventKey::new(Source::Usage, "e1").expect("an id");
    let waiting = world.ledger(1).refused_event(&receipt, &later).await.map_err(|error| format!("{error:?}"))?;
    Ok(waiting.expect("in the retry queue").body.expect("a body"))
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(1);
    std::iter::repeat_with(|| rng.u8(..)).take(bytes).collect()
}

#[tokio::test(start_paused = true)]
async fn delivery_is_stored_unchanged() {
    let rows: [(&str, Vec<u8>, usize); 5] = [
        ("empty", Vec::new(), 1),
        ("text", "{\"a\": 1}\r\n通义".into(), 1),
        ("bytes", noise(100_000), 1),
        ("more than a row", noise(400_000), 2),
        ("the maximum of a source", noise(1024 * 1024), 4),
    ];
    for (name, body, parts) in rows {
        let world = World::new();
        refused(&world, &body, 1).await;
        let kept = kept(&world).await.expect("readable");
        assert_eq!(kept.bytes, body, "{name}");
        assert_eq!([&*kept.method, &*kept.path, &*kept.query], ["GET", "/payment/notify", "pid=1&sign=%E9%80%9A"]);
        assert_eq!(kept.headers, HEADERS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(kept.bytes_at, now().plus_seconds(1));
        let client = aws_sdk_dynamodb::Client::new(&world.engine.sdk_config());
        let rows = client.scan().table_name(Tables::of_stage(STAGE).bodies).into_paginator().items().send();
        let rows = rows.try_collect().await.expect("an answer");
        let stored: Vec<usize> = rows.iter().map(|row| row["body"].as_b().expect("bytes").as_ref().len()).collect();
        assert_eq!(stored.len(), parts, "{name}");
        // The difference leaves room for path, query and headers; API Gateway accepts 10 KB of headers.
        assert!(stored.iter().all(|bytes| bytes + 64 * 1024 <= ROW_BYTES_MAX), "{name}: {stored:?}");
    }
}

/// The replay window counts from the arrival of the stored bytes.
#[tokio::test(start_paused = true)]
async fn later_delivery_replaces_bytes_and_arrival() {
    for (first, second) in [(noise(700_000), noise(10)), (noise(10), noise(700_000)), (noise(10), b"again".to_vec())] {
        let world = World::new();
        refused(&world, &first, 1).await;
        refused(&world, &second, 2).await;
        let kept = kept(&world).await.expect("readable");
        assert_eq!((kept.bytes, kept.bytes_at), (second, now().plus_seconds(2)));
    }
}

/// Parts of two deliveries, missing parts and an impossible number of parts are errors: a partial body is never returned.
#[tokio::test(start_paused = true)]
async fn body_of_mismatched_parts_is_unreadable() {
    let damaged = [
        ("from another attempt", json!({ "written_by": { "S": "another" } }), "parts"),
        ("without bytes", json!({ "body": { "S": "text" } }), "body"),
        ("with other bytes", json!({ "body": { "B": "aGVsbG8=" } }), "body"),
    ];
    for (name, change, attribute) in damaged {
        let world = World::new();
        refused(&world, &noise(700_000), 1).await;
        let table = Tables::of_stage(STAGE).bodies;
        let key = json!({ "id": { "S": "usage#e1#body#1" } });
        let mut row =
            world.engine.request("GetItem", &json!({ "TableName": table, "Key": key })).expect("a row")["Item"].clone();
        row.as_object_mut().expect("a row").extend(change.as_object().expect("a change").clone());
        world.engine.request("PutItem", &json!({ "TableName": table, "Item": row })).expect("written");
        let error = kept(&world).await.expect_err(name);
        assert!(error.contains(attribute), "{name}: {error}");
        world.engine.request("DeleteItem", &json!({ "TableName": table, "Key": key })).expect("deleted");
        assert!(kept(&world).await.is_err(), "{name}: without the part");
    }
    for parts in ["0", "5", "4000000000"] {
        let world = World::new();
        refused(&world, b"{}", 1).await;
        let client = aws_sdk_dynamodb::Client::new(&world.engine.sdk_config());
        let update = client.update_item().table_name(Tables::of_stage(STAGE).bodies);
        let update = update.key("id", AttributeValue::S("usage#e1".to_owned())).update_expression("SET parts = :n");
        update.expression_attribute_values(":n", AttributeValue::N(parts.to_owned())).send().await.expect("written");
        assert!(kept(&world).await.expect_err(parts).contains("parts"), "{parts}");
    }
}
