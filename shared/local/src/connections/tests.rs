//! Tests of connections: half-sent requests, and bodies in parts.

mod streams;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use idempotency::{DynamoLedger, Tables};

use super::*;
use crate::front::{self, Front};
use crate::gateway::RoutedFunction;
use crate::home::Home;
use crate::host_check::Addresses;
use crate::mocks::Mocks;
use crate::secrets::Secrets;
use crate::store::{self, STAGE};

const PATIENCE: Duration = Duration::from_millis(300);

/// With these functions, and a short timeout.
async fn gateway(port: u16, functions: Vec<RoutedFunction>) -> Gateway {
    let folder = tempfile::tempdir().expect("a folder");
    let home = Home::open(folder.path()).expect("a data folder");
    let secrets = Secrets::open(&home, |_| None).expect("secrets");
    let engine = store::store(&home).await.expect("a store");
    let ledger = DynamoLedger::new(&engine.sdk_config(), Tables::of_stage(STAGE), fastrand::Rng::new());
    Gateway {
        engine,
        functions,
        addresses: Addresses { port, also: None },
        patience: PATIENCE,
        mocks: Mocks::open(([127, 0, 0, 1], port).into(), &secrets, |_| None).expect("fakes"),
        front: Front::new(ledger, &secrets, "http://127.0.0.1", front::Running::default()),
    }
}

/// The reply, read until the connection closes.
async fn sent(port: u16, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an end");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_sent_request_gets_408() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving =
        tokio::spawn(answer(vec![listener], Arc::new(gateway(port, Vec::new()).await), std::future::pending()));
    let body = format!("POST /api HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 10\r\n\r\n");
    let rows = [
        ("", ""),
        ("POST /api HTTP/1.1\r\nhost: 127", "HTTP/1.1 408 Request Timeout"),
        ("POST", "HTTP/1.1 408 Request Timeout"),
        (body.as_str(), "HTTP/1.1 408 Request Timeout"),
        (&format!("{body}{{\"half\""), "HTTP/1.1 408 Request Timeout"),
        // A whole request, and then no next one.
        (&format!("{body}0123456789"), "HTTP/1.1 404 Not Found"),
    ];
    for (text, begins) in rows {
        let reply = tokio::time::timeout(PATIENCE.saturating_mul(20), sent(port, text)).await;
        let reply = reply.unwrap_or_else(|_| panic!("the connection is still open: {text}"));
        assert_eq!(reply.is_empty(), begins.is_empty(), "{text}: {reply}");
        assert!(reply.starts_with(begins), "{text}: {reply}");
    }
    serving.abort();
}
