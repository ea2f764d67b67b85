//! Tests of a reply in parts: a slow reader slows the function down, and one that leaves is noticed.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn in_a_minute() -> Deadline {
    testkit::deadline(Duration::from_mins(1))
}

fn part(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn reply_arrives_whole_or_in_parts() {
    let (responder, reader) = responder(false, in_a_minute());
    assert!(!responder.is_streamed());
    responder.whole(Reply::text(201, "é"));
    assert_eq!(reader.collect().await, Some(Reply::text(201, "é")));

    let (responder, reader) = super::responder(true, in_a_minute());
    assert!(responder.is_streamed());
    let mut writer = responder.begin(200, vec![("content-type", "text/event-stream".to_owned())]);
    // The two bytes of a character in two parts, and an empty one.
    for part in [&b"a\xc3"[..], b"", b"\xa9"] {
        writer.send(Bytes::from_static(part)).await.expect("a reader");
    }
    drop(writer);
    let headers = vec![("content-type", "text/event-stream".to_owned())];
    assert_eq!(reader.collect().await, Some(Reply { status: 200, headers, body: "aé".to_owned() }));
}

#[tokio::test]
async fn empty_body_has_no_part() {
    let (responder, mut reader) = responder(true, in_a_minute());
    responder.whole(Reply::empty(204));
    assert_eq!(reader.head().await.map(|head| head.status), Some(204));
    assert_eq!(reader.part().await, None);
}

#[tokio::test]
async fn unused_responder_gives_no_reply() {
    let (responder, mut reader) = responder(true, in_a_minute());
    drop(responder);
    assert_eq!(reader.head().await, None);
}

#[tokio::test(start_paused = true)]
async fn slow_reader_slows_the_function_down() {
    let (responder, mut reader) = responder(true, in_a_minute());
    let mut writer = responder.begin(200, Vec::new());
    for _ in 0..PARTS_IN_FLIGHT {
        timeout(SECOND, writer.send(part("a"))).await.expect("room").expect("a reader");
    }
    timeout(SECOND, writer.send(part("b"))).await.expect_err("no room");
    assert_eq!(reader.part().await, Some(part("a")));
    timeout(SECOND, writer.send(part("c"))).await.expect("room").expect("a reader");
    timeout(SECOND, writer.left()).await.expect_err("it reads, slowly");
}

#[tokio::test(start_paused = true)]
async fn reader_that_takes_nothing_by_the_deadline_has_left() {
    let (responder, reader) = responder(true, in_a_minute());
    let mut writer = responder.begin(200, Vec::new());
    for _ in 0..PARTS_IN_FLIGHT {
        writer.send(part("a")).await.expect("room");
    }
    let begun = testkit::instant();
    assert_eq!(writer.send(part("b")).await, Err(CallerLeft));
    assert_eq!(testkit::instant().duration_since(begun).as_secs(), 60);
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn caller_that_leaves_is_noticed() {
    let (responder, reader) = responder(true, in_a_minute());
    timeout(SECOND, responder.left()).await.expect_err("it waits");
    drop(reader);
    timeout(SECOND, responder.left()).await.expect("it has left");
    let mut writer = responder.begin(200, Vec::new());
    timeout(SECOND, writer.left()).await.expect("it has left");
    assert_eq!(writer.send(part("a")).await, Err(CallerLeft));
}
