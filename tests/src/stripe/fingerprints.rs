//! Fingerprints across releases: a repeat of an event that an older release booked is recognised.
//!
//! `fingerprints.txt` lists every fingerprint that a sample ever had. A change of the compared fields adds lines and removes none.

use super::*;

const WRITTEN: &str = include_str!("fingerprints.txt");

fn journal(id: &str) -> Value {
    json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": id } } })
}

#[tokio::test(start_paused = true)]
async fn row_of_any_release_is_recognised() {
    let mut missing = Vec::new();
    for name in samples() {
        let (world, body) = (shop().await, with(&name, &[]));
        accepted(&world, std::slice::from_ref(&body)).await;
        let id = format!("stripe#{}", sample(&name)["id"].as_str().expect("an id"));
        let row = world.engine.request("GetItem", &journal(&id)).expect("an answer");
        // An ignored event has no row.
        let Some(current) = row["Item"]["fingerprint"]["S"].as_str() else { continue };
        let lines = WRITTEN.lines().filter_map(|line| line.split_once(' '));
        let written: Vec<&str> = lines.filter(|(of, _)| *of == name).map(|(_, fingerprint)| fingerprint).collect();
        if !written.contains(&current) {
            missing.push(format!("{name} {current}"));
        }
        for fingerprint in written {
            let mut older = journal(&id);
            older["UpdateExpression"] = json!("SET fingerprint = :f");
            older["ExpressionAttributeValues"] = json!({ ":f": { "S": fingerprint } });
            world.engine.request("UpdateItem", &older).expect("an older row");
            accepted(&world, std::slice::from_ref(&body)).await;
            let books = world.books();
            books.check();
            let conflicts: Vec<_> = books.journal.keys().filter(|id| id.contains("#conflict#")).collect();
            assert!(conflicts.is_empty(), "{name} does not know {fingerprint}, which it had: {conflicts:?}");
        }
    }
    assert!(missing.is_empty(), "add to fingerprints.txt:\n{}", missing.join("\n"));
}
