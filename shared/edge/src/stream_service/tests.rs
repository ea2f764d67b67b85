//! Tests of a function that answers in parts: its reply ends with the function, whatever the caller and the function do.

use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::instant;
use tokio::time::{sleep, timeout};

use super::*;

const PAUSE: Duration = Duration::from_secs(5);

/// Does what the event says, and counts the answers that it has completed.
#[derive(Default)]
struct Scripted {
    completed: AtomicUsize,
}

impl StreamService for Scripted {
    const REPLY_WITHIN: Duration = Duration::from_secs(26);
    const STREAM_WITHIN: Duration = Duration::from_mins(1);

    async fn answer(&self, event: &str, _: &Invocation, responder: Responder) {
        match event {
            "forgets" => return,
            "panics" => panic!("before the head"),
            "whole" => responder.whole(Reply::text(402, "no credits")),
            "waits" => responder.left().await,
            _ => {
                let mut writer = responder.begin(200, vec![("content-type", "text/plain".to_owned())]);
                let part = if event == "large" { vec![b'a'; BODY_BYTES_MAX] } else { b"part".to_vec() };
                for _ in 0..3 {
                    if writer.send(Bytes::from(part.clone())).await.is_err() {
                        break;
                    }
                }
                assert_ne!(event, "panics midway");
                if event == "endless" {
                    writer.left().await;
                }
            }
        }
        sleep(PAUSE).await;
        self.completed.fetch_add(1, Ordering::SeqCst);
    }
}

async fn reply_to(service: &Arc<Scripted>, event: &str) -> PartedReply {
    PartedReply::of(service, event.into(), Invocation::now(Duration::from_mins(1)), true).await
}

#[tokio::test(start_paused = true)]
async fn reply_ends_when_the_function_has_ended() {
    let rows = [
        ("parts", 200, "partpartpart", 1),
        ("whole", 402, "no credits", 1),
        // What was sent before a panic is sent.
        ("panics midway", 200, "partpartpart", 0),
        ("panics", 500, "", 0),
        ("forgets", 500, "", 0),
        ("large", 500, "", 1),
    ];
    for (event, status, body, completed) in rows {
        let (service, begun) = (Arc::new(Scripted::default()), instant());
        let reply = reply_to(&service, event).await;
        assert_eq!(instant().duration_since(begun), Duration::ZERO, "{event}: the head does not wait for the end");
        let reply = reply.collect().await;
        assert_eq!((reply.status, reply.body.as_str()), (status, body), "{event}");
        assert_eq!(service.completed.load(Ordering::SeqCst), completed, "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn function_completes_its_work_for_a_caller_that_has_left() {
    for event in ["parts", "endless", "waits"] {
        let service = Arc::new(Scripted::default());
        // A function that waits for its caller to leave gives no head.
        let reply = timeout(PAUSE, reply_to(&service, event)).await;
        drop(reply);
        sleep(PAUSE.saturating_mul(2)).await;
        assert_eq!(service.completed.load(Ordering::SeqCst), 1, "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn status_and_headers_precede_the_stream() {
    let service = Arc::new(Scripted::default());
    let StreamResponse { metadata_prelude, mut stream } = reply_to(&service, "parts").await.into_stream();
    assert_eq!(metadata_prelude.status_code, 200);
    assert_eq!(metadata_prelude.headers.get("content-type").expect("a type"), "text/plain");
    for _ in 0..3 {
        assert_eq!(stream.part().await.as_deref(), Some(&b"part"[..]));
        assert_eq!(service.completed.load(Ordering::SeqCst), 0);
    }
    assert_eq!((stream.part().await, service.completed.load(Ordering::SeqCst)), (None, 1));
}
