//! The client against a connector that answers by a script.

mod chat;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use tokio::time::timeout;

use super::*;

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    Fail,
    Hang,
}

const UNAVAILABLE: Act = Act::Answer(503, &[], r#"{"error":"unavailable","message":"Later."}"#);
const ACCOUNT: Act = Act::Answer(
    200,
    &[],
    r#"{"account":"alice/credits","owner":"alice","asset":"credits","balance":"13","available":"11","held":"2","owed":"0",
    "policy":"prepaid","overdraft":"0","new":[1],"lots":[{"remaining":"13","kind":"paid","priority":5}]}"#,
);
const RECEIPT: Act = Act::Answer(
    201,
    &[],
    r#"{"receipt":"credits#1","processedAt":"2026-01-01T00:00:00.000Z","kind":"grant","owner":"alice","asset":"credits","amount":"1"}"#,
);

#[derive(Debug, Clone, Default)]
struct Server {
    acts: Arc<Mutex<VecDeque<Act>>>,
    /// Method, address, idempotency key and body of each request.
    seen: Arc<Mutex<Vec<[String; 4]>>>,
}

impl Server {
    fn client(acts: &[Act]) -> (Client, Self) {
        let server = Self { acts: Arc::new(Mutex::new(acts.iter().copied().collect())), ..Self::default() };
        (Client::over(server.clone(), "https://api.example/", "hs_secret").unwrap(), server)
    }

    fn seen(&self) -> Vec<[String; 4]> {
        self.seen.lock().unwrap().clone()
    }
}

impl HttpConnector for Server {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert_eq!(request.headers().get("authorization"), Some("Bearer hs_secret"));
        let body = String::from_utf8_lossy(request.body().bytes().unwrap()).into_owned();
        let key = request.headers().get("idempotency-key").unwrap_or_default().to_owned();
        self.seen.lock().unwrap().push([request.method().to_owned(), request.uri().to_owned(), key, body]);
        let act = self.acts.lock().unwrap().pop_front().expect("one request too many");
        match act {
            Act::Answer(status, headers, body) => {
                let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                for (name, value) in headers {
                    response.headers_mut().insert(*name, *value);
                }
                HttpConnectorFuture::ready(Ok(response))
            }
            Act::Fail => HttpConnectorFuture::ready(Err(ConnectorError::io("reset".into()))),
            Act::Hang => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

#[test]
fn key_goes_over_tls_or_to_this_machine() {
    let rows = [
        ("https://api.example", true),
        ("https://api.example/dev/", true),
        ("http://localhost:9000", true),
        ("http://127.0.0.1:9000", true),
        ("http://[::1]:9000", true),
        ("http://api.example", false),
        ("http://localhost.example", false),
        ("https://user:password@api.example", false),
        ("http://localhost@api.example", false),
        ("https://api.example?stage=dev", false),
        ("ftp://localhost", false),
        ("localhost:9000", false),
        ("/v1", false),
        ("", false),
    ];
    for (url, is_address) in rows {
        assert_eq!(Client::new(url, "hs_1").is_ok(), is_address, "{url}");
    }
    for key in ["", "hs 1", "hs\n1", "hsé"] {
        assert_eq!(Client::new("https://api.example", key).err(), Some(Error::Key), "{key:?}");
    }
    let client = Client::new("https://api.example", "hs_secret").unwrap();
    assert!(!format!("{client:?}").contains("secret"), "{client:?}");
}

#[tokio::test(start_paused = true)]
async fn change_is_repeated_under_the_same_idempotency_key() {
    for before in [UNAVAILABLE, Act::Fail, Act::Hang, Act::Answer(429, &[("retry-after", "3")], "{}")] {
        let (client, server) = Server::client(&[before, before, RECEIPT]);
        let grant = Grant { amount: "1", reason: "a \"gift\"", ..Grant::default() };
        let receipt = client.grant("a/b", &grant, "k1").await.unwrap();
        assert_eq!(receipt.receipt, "credits#1", "{before:?}");
        let expected =
            ["POST", "https://api.example/v1/accounts/a%2Fb/grants", "k1", r#"{"amount":"1","reason":"a \"gift\""}"#];
        assert_eq!(server.seen(), [expected; 3], "{before:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pause_is_the_one_that_the_api_asks_for() {
    let asked = Act::Answer(429, &[("retry-after", "7")], r#"{"error":"rate_limited","message":"Wait."}"#);
    for (patience_ms, has_answer) in [(13_999, false), (14_001, true)] {
        let (client, _) = Server::client(&[asked, asked, ACCOUNT]);
        let answer = timeout(Duration::from_millis(patience_ms), client.account("alice")).await;
        assert_eq!(answer.ok().map(|account| account.unwrap().lots.len()), has_answer.then_some(1));
    }

    let long = Act::Answer(429, &[("retry-after", "3600")], r#"{"error":"rate_limited","message":"Wait."}"#);
    let (client, server) = Server::client(&[long]);
    let Err(Error::Refused(refusal)) = client.account("alice").await else { panic!("the caller decides") };
    assert_eq!((refusal.status, server.seen().len()), (429, 1));
}

#[tokio::test(start_paused = true)]
async fn what_no_repeat_changes_is_sent_once() {
    let refused = r#"{"error":"hold_closed","message":"The hold is settled already.","state":"settled"}"#;
    let (client, server) = Server::client(&[Act::Answer(409, &[], refused)]);
    let Err(Error::Refused(refusal)) = client.release("api-1", "r", "k").await else { panic!("refused") };
    assert_eq!((refusal.code.as_str(), &refusal.details["state"]), ("hold_closed", &"settled".into()));
    assert_eq!(Error::Refused(refusal).to_string(), "The hold is settled already. (409 hold_closed)");
    assert_eq!(server.seen()[0][1], "https://api.example/v1/holds/api-1/release");

    for page in [Act::Answer(200, &[], "<html>"), Act::Answer(301, &[("location", "https://evil.example")], "")] {
        let (client, server) = Server::client(&[page]);
        assert!(matches!(client.account("alice").await, Err(Error::Unreadable(_))), "{page:?}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_end() {
    let (client, server) = Server::client(&[Act::Fail; 5]);
    assert!(matches!(client.account("alice").await, Err(Error::Unanswered(_))));
    assert_eq!(server.seen().len(), 5);
    let (client, _) = Server::client(&[UNAVAILABLE; 5]);
    assert!(matches!(client.account("alice").await, Err(Error::Refused(Refusal { status: 503, .. }))));
}

#[tokio::test(start_paused = true)]
async fn pages_follow_the_link_and_no_other_server() {
    const PAGE: &str = r#"{"account":"alice/credits","lines":[],"next":"c"}"#;
    let first = Act::Answer(200, &[("link", "</v1/accounts/alice/statement?cursor=c>; rel=\"next\"")], PAGE);
    let last = Act::Answer(200, &[], r#"{"account":"alice/credits","lines":[],"next":null}"#);
    let (client, server) = Server::client(&[first, Act::Fail, last]);
    let query = StatementQuery { from: Some("2026-01-01T00:00:00Z"), limit: Some(9), ..StatementQuery::default() };
    let mut pages = client.statement("alice", &query, Format::Json);
    let mut read = 0;
    while pages.next().await.unwrap().is_some() {
        read += 1;
    }
    assert_eq!(read, 2);
    let paths = server.seen().iter().map(|[_, url, ..]| url.replace("https://api.example", "")).collect::<Vec<_>>();
    let next = "/v1/accounts/alice/statement?cursor=c";
    assert_eq!(paths, ["/v1/accounts/alice/statement?from=2026-01-01T00%3A00%3A00Z&limit=9", next, next]);

    for link in ["<https://evil.example/>; rel=\"next\"", "<//evil.example/>; rel=\"next\"", "</a>; rel=\"prev\"", "x"]
    {
        let headers: &'static [_] = Box::leak(Box::new([("link", link)]));
        let (client, server) = Server::client(&[Act::Answer(200, headers, PAGE)]);
        let mut pages = client.statement("alice", &StatementQuery::default(), Format::Csv);
        assert!(pages.next_text().await.unwrap().is_some() && pages.next_text().await.unwrap().is_none(), "{link}");
        assert_eq!(server.seen().len(), 1, "{link}");
    }
}

/// Pages of all of one owner are fetched with `next`, and an erasure is sent as a change.
#[tokio::test(start_paused = true)]
async fn owner_is_exported_by_page_and_erased() {
    let page = |body| Act::Answer(200, &[], body);
    let erased = r#"{"receipt":"credits#1","processedAt":"2026-01-01T00:00:00.000Z","owner":"alice","erased":["HL1"],
        "kept":[{"orderNumber":"HL2","because":"unpaid"}],"keys":[],"bodiesRemovedBy":"2026-04-01T00:00:00.000Z","next":null}"#;
    let acts = [page(r#"{"next":"a"}"#), UNAVAILABLE, page(r#"{"next":null}"#), page(erased), page(r#"{"next":"a"}"#)];
    let (client, server) = Server::client(&acts);
    let mut pages = client.export("alice");
    let (first, second) = (pages.next_text().await.unwrap(), pages.next_text().await.unwrap());
    assert_eq!((first.as_deref(), second.as_deref()), (Some(r#"{"next":"a"}"#), Some(r#"{"next":null}"#)));
    assert_eq!(pages.next_text().await, Ok(None));
    let erasure = client.erase("alice", Some("c/1"), "a request of hers", "e1").await.unwrap();
    assert_eq!((erasure.erased.len(), erasure.kept[0].because.as_str(), erasure.next), (1, "unpaid", None));
    let mut again = client.export("alice");
    assert!(again.next_text().await.unwrap().is_some());
    let seen: Vec<[String; 4]> = server.seen();
    let export = "https://api.example/v1/owners/alice/export";
    let next = format!("{export}?cursor=a");
    let erase = "https://api.example/v1/owners/alice/personal-data?cursor=c%2F1";
    let expected = [
        ["POST", export, "", ""],
        ["POST", &next, "", ""],
        ["POST", &next, "", ""],
        ["DELETE", erase, "e1", r#"{"reason":"a request of hers"}"#],
        ["POST", export, "", ""],
    ];
    assert_eq!(seen.iter().map(|row| row.each_ref().map(String::as_str)).collect::<Vec<_>>(), expected);
}
