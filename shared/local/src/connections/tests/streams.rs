//! Tests of replies in parts over HTTP: parts arrive as the function makes them, a reader that reads nothing blocks and fills
//! nothing, and one that leaves is noticed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use edge::{Invocation, PartedReply, Reply, Responder, StreamService};
use embedded::InvokeMode;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::*;
use crate::api_gateway::Route;
use crate::gateway::Answering;

const SECOND: Duration = Duration::from_secs(1);
const PART_BYTES: usize = 64 * 1024;
/// What may wait for a reader that reads nothing: the kernel's buffers on both sides, hyper's, and four parts.
const WAITING_BYTES_MAX: usize = 24 * 1024 * 1024;

/// Sends a part for each permit, or without an end.
struct Scripted {
    permits: Semaphore,
    sent: AtomicUsize,
    has_left: AtomicBool,
}

impl StreamService for Scripted {
    const REPLY_WITHIN: Duration = SECOND;
    const STREAM_WITHIN: Duration = Duration::from_mins(1);

    async fn answer(&self, event: &str, _: &Invocation, responder: Responder) {
        if event.contains("/whole") {
            let body = if responder.is_streamed() { "streamed" } else { "one body" };
            return responder.whole(Reply::text(200, body));
        }
        let is_endless = event.contains("/endless");
        let mut writer = responder.begin(200, vec![("content-type", "text/event-stream".to_owned())]);
        loop {
            let part = if is_endless {
                Bytes::from(vec![b'a'; PART_BYTES])
            } else {
                tokio::select! {
                    permit = self.permits.acquire() => permit.expect("an open semaphore").forget(),
                    () = writer.left() => break,
                }
                Bytes::from_static(b"data: part\n\n")
            };
            if writer.send(part).await.is_err() {
                break;
            }
            self.sent.fetch_add(1, Ordering::SeqCst);
        }
        self.has_left.store(true, Ordering::SeqCst);
    }
}

async fn served() -> (Arc<Scripted>, u16) {
    let service = Arc::new(Scripted {
        permits: Semaphore::new(0),
        sent: AtomicUsize::default(),
        has_left: AtomicBool::default(),
    });
    let of = Arc::clone(&service);
    let answering = Answering::InParts(Box::new(move |event, is_streamed| {
        let service = Arc::clone(&of);
        Box::pin(async move {
            PartedReply::of(&service, event.into(), Invocation::now(Scripted::STREAM_WITHIN), is_streamed).await
        })
    }));
    let routes = vec![Route { method: "POST".to_owned(), path: "/whole".to_owned() }];
    let (name, url) = ("chat".to_owned(), Some(InvokeMode::ResponseStream));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let gateway = gateway(port, vec![RoutedFunction { name, routes, url, answering }]).await;
    tokio::spawn(answer(vec![listener], Arc::new(gateway), std::future::pending()));
    (service, port)
}

async fn opened(port: u16, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let request = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

/// Reads until the text ends so.
async fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        let read =
            timeout(SECOND.saturating_mul(5), stream.read_exact(&mut byte)).await.expect("in time").expect("a byte");
        assert_eq!(read, 1);
        text.push(char::from(byte[0]));
    }
    text
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..200 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} takes too long");
}

async fn whole(port: u16, path: &str) -> String {
    let text =
        format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    timeout(SECOND, sent(port, &text)).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_arrive_as_the_function_makes_them() {
    let (service, port) = served().await;
    let mut stream = opened(port, "/lambda-url/chat/parts").await;
    let head = read_to(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-type: text/event-stream"), "{head}");
    for _ in 0..3 {
        service.permits.add_permits(1);
        assert_eq!(read_to(&mut stream, "\n\n\r\n").await, "C\r\ndata: part\n\n\r\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reply_is_streamed_below_the_function_url_alone() {
    let (_, port) = served().await;
    let rows = [
        ("/lambda-url/chat/whole", "200 OK", "streamed"),
        ("/whole", "200 OK", "one body"),
        ("/parts", "404 Not Found", "Not Found"),
        ("/lambda-url/other/whole", "404 Not Found", "Not Found"),
    ];
    for (path, status, body) in rows {
        let reply = whole(port, path).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}")) && reply.contains(body), "{path}: {reply}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_that_reads_nothing_blocks_and_fills_nothing() {
    let (service, port) = served().await;
    let idle = opened(port, "/lambda-url/chat/endless").await;
    let bytes = || service.sent.load(Ordering::SeqCst).saturating_mul(PART_BYTES);
    let mut before = 0;
    until("the end of the buffers", || bytes() > 0).await;
    while bytes() > before {
        before = bytes();
        assert!(before < WAITING_BYTES_MAX, "{before} bytes wait for the reader");
        assert!(whole(port, "/whole").await.starts_with("HTTP/1.1 200 OK"), "others are served");
        sleep(Duration::from_millis(500)).await;
    }
    assert!(!service.has_left.load(Ordering::SeqCst));
    drop(idle);
    until("the end of the function", || service.has_left.load(Ordering::SeqCst)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_that_leaves_is_noticed_between_two_parts() {
    let (service, port) = served().await;
    let mut stream = opened(port, "/lambda-url/chat/parts").await;
    service.permits.add_permits(1);
    read_to(&mut stream, "\n\n\r\n").await;
    drop(stream);
    until("the end of the function", || service.has_left.load(Ordering::SeqCst)).await;
    assert_eq!(service.sent.load(Ordering::SeqCst), 1);
}
