//! What each outbox keeps, and who takes it.

use embedded::Engine;
use ledger::Timestamp;
use serde_json::json;

use super::{DAY, event, files, outbox};
use crate::{DynamoOutbox, Event, FileOutbox, Outbox, OutboxError, Waiting};

/// A table as the module's documentation describes it.
fn dynamo() -> DynamoOutbox {
    let engine = Engine::memory().unwrap();
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let table = json!({
        "TableName": "outbox",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("id"), attribute("queue"), attribute("due_at")],
        "KeySchema": [key("id", "HASH")],
        "GlobalSecondaryIndexes": [{
            "IndexName": "waiting",
            "KeySchema": [key("queue", "HASH"), key("due_at", "RANGE")],
            "Projection": { "ProjectionType": "ALL" },
        }],
    });
    engine.request("CreateTable", &table).unwrap();
    DynamoOutbox::new(aws_sdk_dynamodb::Client::new(&engine.sdk_config()), "outbox")
}

#[tokio::test]
async fn outboxes_keep_the_same_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract("file", outbox(folder.path()).await).await;
    assert_eq!((files(folder.path(), "waiting"), files(folder.path(), "refused")), (0, 1));
    contract("dynamo", dynamo()).await;
}

async fn contract(name: &str, outbox: impl Outbox) {
    let at = |seconds: i64| Timestamp::from_unix(1_767_225_600).unwrap().plus_seconds(seconds);
    let ids = |taken: Vec<Waiting>| -> Vec<(String, u32)> {
        taken.into_iter().map(|waiting| (waiting.event.id, waiting.rounds)).collect()
    };
    outbox.put(&event(1), at(10)).await.unwrap();
    outbox.put(&event(1), at(0)).await.unwrap();
    let other = Event { body: "{}".to_owned(), ..event(1) };
    assert!(matches!(outbox.put(&other, at(0)).await, Err(OutboxError::Conflict(_))), "{name}: another under its id");
    assert_eq!(ids(outbox.take(at(9), at(100), 9).await.unwrap()), [], "{name}: before its time");
    let taken = outbox.take(at(10), at(100), 9).await.unwrap();
    assert_eq!(taken, [Waiting { event: event(1), rounds: 0 }], "{name}: whole");
    assert_eq!(ids(outbox.take(at(99), at(100), 9).await.unwrap()), [], "{name}: it is taken");
    assert_eq!(
        ids(outbox.take(at(100), at(200), 9).await.unwrap()),
        [("evt_1".to_owned(), 0)],
        "{name}: its taker died"
    );
    outbox.postpone("evt_1", at(300), 3).await.unwrap();
    assert_eq!(ids(outbox.take(at(299), at(400), 9).await.unwrap()), [], "{name}: postponed");
    assert_eq!(ids(outbox.take(at(300), at(400), 9).await.unwrap()), [("evt_1".to_owned(), 3)], "{name}: its rounds");
    outbox.remove("evt_1").await.unwrap();
    assert_eq!(ids(outbox.take(at(999), at(1_000), 9).await.unwrap()), [], "{name}: removed");
    for number in 2..=7 {
        outbox.put(&event(number), at(0)).await.unwrap();
    }
    let first = ids(outbox.take(at(1), at(100), 4).await.unwrap());
    let rest = ids(outbox.take(at(1), at(100), 4).await.unwrap());
    assert_eq!((first.len(), rest.len()), (4, 2), "{name}: a part, then the rest");
    outbox.set_aside("evt_2", "status 401").await.unwrap();
    for number in 3..=7 {
        outbox.remove(&format!("evt_{number}")).await.unwrap();
    }
    assert_eq!(ids(outbox.take(at(999), at(1_000), 9).await.unwrap()), [], "{name}: what is refused is sent no more");
}

#[tokio::test]
async fn outbox_of_another_process_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let first = outbox(folder.path()).await;
    assert!(matches!(FileOutbox::open(folder.path()).await, Err(OutboxError::InUse(_))));
    drop(first);
    outbox(folder.path()).await;
}

/// Two processes over one table: each event is taken by one of them.
#[tokio::test]
async fn table_gives_a_message_to_one_process() {
    let table = dynamo();
    for number in 0..40 {
        table.put(&event(number), Timestamp::EPOCH).await.unwrap();
    }
    let until = Timestamp::EPOCH.plus(DAY);
    let take = || table.take(Timestamp::EPOCH, until, 40);
    let (one, other) = tokio::join!(take(), take());
    let (one, other) = (one.unwrap(), other.unwrap());
    let mut ids: Vec<&str> = one.iter().chain(&other).map(|waiting| waiting.event.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), one.len() + other.len()), (40, 40));
}
