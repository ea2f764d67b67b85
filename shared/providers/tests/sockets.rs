//! Over real sockets: what is written to the wire, and that one connection serves several calls.

#![expect(clippy::expect_used, reason = "a test that cannot go on must stop")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use providers::{CallError, Http, SecretKey, SessionStatus, Stripe};
use testkit::deadline;

const SESSION: &str =
    r#"{"id":"cs_test_1","object":"checkout.session","status":"expired","payment_status":"unpaid","url":null}"#;

/// Answers so many calls on one connection, and returns what they were.
fn served(listener: &TcpListener, calls: usize) -> Vec<String> {
    let (stream, _) = listener.accept().expect("a connection");
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().expect("a socket")), stream);
    let mut lines = Vec::new();
    for _ in 0..calls {
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line).expect("a request line");
        lines.push(line.trim_end().to_owned());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).expect("a header");
            let header = header.trim_end().to_ascii_lowercase();
            if let Some(said) = header.strip_prefix("content-length: ") {
                length = said.parse().expect("a length");
            }
            if header.is_empty() {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).expect("a body");
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{SESSION}",
            SESSION.len()
        );
        writer.write_all(answer.as_bytes()).expect("answered");
    }
    lines
}

#[tokio::test]
async fn one_connection_serves_several_calls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/stripe", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || served(&listener, 2));
    let key = Arc::new(SecretKey::parse("sk_test_1").expect("a key"));
    let stripe = Stripe::new(Http::new(fastrand::Rng::with_seed(1)), &base, key);
    let patience = || deadline(Duration::from_secs(5));
    let read = stripe.session("cs_test_1", patience()).await.map(|session| session.status);
    let expired = stripe.expire("cs_test_1", patience()).await.map(|session| session.status);
    assert_eq!((read, expired), (Ok(SessionStatus::Expired), Ok(SessionStatus::Expired)));
    let lines = server.join().expect("served");
    assert_eq!(
        lines,
        [
            "GET /stripe/v1/checkout/sessions/cs_test_1 HTTP/1.1",
            "POST /stripe/v1/checkout/sessions/cs_test_1/expire HTTP/1.1"
        ]
    );
    // Nobody is there any more.
    assert_eq!(stripe.session("cs_test_1", patience()).await, Err(CallError::NoAnswer));
}
