//! What is kept of a body: all of it where it fits, and then the headers that prove it.

use std::io::Read as _;

use aws_sdk_dynamodb::types::AttributeValue;
use idempotency::Tables;
use ledger::{Decision, EventKey, Fingerprint, Heading, Ledger as _, RawBody, Reason, Refusal};
use testkit::{STAGE, World, delivery};

const STORED_MAX: usize = 300 * 1024;

#[tokio::test(start_paused = true)]
async fn a_body_is_kept_as_it_was_received() {
    let mut dice = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(1024 * 1024).collect();
    let rows: [(&str, &[u8], bool); 4] = [
        ("empty", b"", false),
        ("bytes", &noise[..100_000], false),
        ("text", "{\"a\": 1}\r\n通义".as_bytes(), false),
        ("more than fits", &noise, true),
    ];
    for (name, body, truncated) in rows {
        let world = World::new();
        let headers = [("x-webhook-signature", "0123".to_owned())];
        let mut delivery = delivery(1);
        delivery.body = Some(RawBody { bytes: body, path: "/api/webhooks/events", headers: &headers });
        let heading = Heading {
            receipt: EventKey::unparsed("usage", body),
            source: "usage",
            kind: "unparsed",
            facts: vec![],
            fingerprints: Fingerprint::of(1, &[]).into(),
            order: None,
        };
        let id = heading.receipt.to_string();
        let decision = Decision::Refuse(Refusal { heading, reason: Reason::Unparsed, effects: Vec::new() });
        world.ledger(1).commit(&decision, &delivery).await.expect_err("refused");

        let client = aws_sdk_dynamodb::Client::new(&world.engine.sdk_config());
        let read = client.get_item().table_name(Tables::of_stage(STAGE).bodies).key("id", AttributeValue::S(id));
        let row = read.send().await.expect("an answer").item.expect("a row");
        let stored = row["body"].as_b().expect("bytes").as_ref();
        assert!(stored.len() <= STORED_MAX, "{name}: {} bytes", stored.len());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(stored).read_to_end(&mut unpacked).expect("gzip");
        assert_eq!(row.contains_key("truncated"), truncated, "{name}");
        assert_eq!(row["length"].as_n().expect("a number"), &body.len().to_string(), "{name}");
        assert_eq!(row["headers"].as_m().expect("a map")["x-webhook-signature"].as_s().expect("a text"), "0123");
        assert!(
            if truncated { body.starts_with(&unpacked) && unpacked.len() > 200_000 } else { body == unpacked },
            "{name}"
        );
    }
}
