//! The HTTPS client over real sockets: bytes on the wire, retries and connection reuse.

#![expect(clippy::expect_used, reason = "a test that cannot go on must stop")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ledger::{Amount, Currency, Money, Operator, TopUp, TopUpKind};
use providers::{
    CallError, Http, SecretKey, SessionStatus, Stripe, StripeConfig, TopUpResult, Unitel, UnitelConfig, UnitelKeys,
};
use testkit::{deadline, now};

const SESSION: &str =
    r#"{"id":"cs_test_1","object":"checkout.session","status":"expired","payment_status":"unpaid","url":null}"#;

/// Serves `calls` requests on one connection and returns their request lines.
fn serve(listener: &TcpListener, calls: usize) -> Vec<String> {
    let (stream, _) = listener.accept().expect("a connection");
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().expect("a socket")), stream);
    let mut lines = Vec::new();
    for _ in 0..calls {
        lines.push(read_request(&mut reader));
        answer(&mut writer, SESSION);
    }
    lines
}

/// Reads a whole request and returns its first line.
fn read_request(reader: &mut BufReader<TcpStream>) -> String {
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).expect("a request line");
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        let header = header.trim_end().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().expect("a length");
        }
        if header.is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).expect("a body");
    line.trim_end().to_owned()
}

fn answer(writer: &mut TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    writer.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).expect("answered");
}

#[tokio::test]
async fn connection_is_reused_for_several_calls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/stripe", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || serve(&listener, 2));
    let key = Arc::new(SecretKey::parse("sk_test_1").expect("a key"));
    let config = StripeConfig { base, livemode: false, account: None, is_mock: false };
    let stripe = Stripe::new(Http::new(fastrand::Rng::with_seed(1)), &config, key);
    let call_deadline = || deadline(Duration::from_secs(5));
    let read = stripe.session("cs_test_1", call_deadline()).await.map(|session| session.status);
    let expired = stripe.expire("cs_test_1", call_deadline()).await.map(|session| session.status);
    assert_eq!((read, expired), (Ok(SessionStatus::Expired), Ok(SessionStatus::Expired)));
    let lines = server.join().expect("serve");
    assert_eq!(
        lines,
        [
            "GET /stripe/v1/checkout/sessions/cs_test_1 HTTP/1.1",
            "POST /stripe/v1/checkout/sessions/cs_test_1/expire HTTP/1.1"
        ]
    );
    // The server is closed.
    assert_eq!(stripe.session("cs_test_1", call_deadline()).await, Err(CallError::NoAnswer));
}

/// A client that resends a request without an answer would top up twice, so no layer may resend it.
#[tokio::test]
async fn unanswered_top_up_is_written_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let (mut reader, mut writer) = (BufReader::new(stream.try_clone().expect("a socket")), stream);
        let mut lines = vec![read_request(&mut reader)];
        answer(&mut writer, r#"{"access_token":"t1"}"#);
        // On the same connection, which then closes without a response.
        lines.push(read_request(&mut reader));
        drop((reader, writer));
        std::thread::sleep(Duration::from_millis(500));
        listener.set_nonblocking(true).expect("a socket");
        lines.extend(listener.accept().ok().map(|_| "another connection".to_owned()));
        lines
    });
    let config = UnitelConfig::read(|name| (name == "UNITEL_API_URL").then(|| base.clone()), "local");
    let config = config.expect("valid").expect("an address");
    let keys = Arc::new(UnitelKeys::parse(Some("shop"), Some("one-of-ours")).expect("keys"));
    let unitel = Unitel::new(Http::new(fastrand::Rng::with_seed(1)), config, keys);
    let price = Money { amount: Amount::from_units(500_000), currency: Currency::parse("MNT").expect("a currency") };
    let top_up = TopUp {
        operator: Operator::Unitel,
        kind: TopUpKind::Voice,
        code: "SD5000".to_owned(),
        phone: Some("88000000".to_owned()),
        price,
    };
    let call_deadline = || deadline(Duration::from_secs(5));
    let ready = unitel.ready(now(), call_deadline()).await.expect("a token");
    let top_up_result = unitel.top_up(&ready, &top_up, "HL1", call_deadline()).await;
    assert_eq!(top_up_result, TopUpResult::Unknown { why: "no answer".to_owned() });
    let lines = server.join().expect("serve");
    assert_eq!(lines, ["POST /auth HTTP/1.1", "POST /service/recharge HTTP/1.1"]);
}
