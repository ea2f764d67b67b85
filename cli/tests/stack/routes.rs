//! Every route of the template over HTTP: HEAD beside GET, wrong methods, and limits of body and query. `tests/src/routes.rs` tests
//! the functions themselves.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use embedded::{APP_YAML, Template};
use epay::Epay;
use fireblocks::Fireblocks;
use serde_json::{Value, json};
use stripe::Stripe;
use usage::Usage;
use webhook::Webhook as _;
use wechat::Wechat;

use crate::buying::demo_key;
use crate::harness::{Folder, Stack};

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
/// API Gateway's own limit for the request line and the header values together.
const HEAD_BYTES_MAX: usize = 10_240;

const OF_API: &str = r#"{"error":"body_too_large","message":"The body is too large."}"#;
const OF_CHAT: &str = r#"{"error":{"message":"The body is too large.","type":"invalid_request_error","param":null,"code":"body_too_large"}}"#;

/// The body limit of each function, and its reply to a longer body.
const FUNCTIONS: [(&str, usize, &str); 11] = [
    ("usage", Usage::BODY_BYTES_MAX, r#"{"success":false,"message":"Payload too large"}"#),
    ("litellm", 6 * 1024 * 1024, r#"{"success":false,"message":"Payload too large"}"#),
    ("openrouter", 6 * 1024 * 1024, r#"{"success":false,"message":"Payload too large"}"#),
    ("stripe", Stripe::BODY_BYTES_MAX, r#"{"error":"Payload too large"}"#),
    ("wechat", Wechat::BODY_BYTES_MAX, r#"{"errcode":413,"errmsg":"Payload too large"}"#),
    ("epay", Epay::BODY_BYTES_MAX, "fail"),
    ("fireblocks", Fireblocks::BODY_BYTES_MAX, r#"{"error":"Payload too large"}"#),
    ("orders", 8 * 1024, OF_API),
    ("checkout", 4 * 1024, OF_API),
    ("chat", 1024 * 1024, OF_CHAT),
    ("credits", 4 * 1024, OF_API),
];
/// Routes that take more than the others of their function.
const LONGER: [(&str, usize); 1] = [("/api/webhooks/events/batch", 256 * 1024)];
/// Routes where GET books, so HEAD is refused.
const BOOKING: [&str; 2] = ["/payment/notify", "/payment/return"];
/// Routes that read no body, and so refuse none.
const WITHOUT_BODY: [&str; 8] = [
    "/api/webhooks/health",
    "/payment/health",
    "/payment/status",
    "/health",
    "/v1/openapi.json",
    "/me",
    "/me/page.css",
    "/me/page.js",
];

/// An unparsed reply.
struct Raw {
    status: u16,
    /// In lower case, without headers that differ in each reply.
    headers: Vec<String>,
    body: String,
}

impl Raw {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn raw_request(stack: &Stack<'_>, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Raw {
    let address = stack.address();
    let length = body.len().to_string();
    let always = [("host", address.as_str()), ("connection", "close"), ("content-length", &length)];
    let lines: String = always.iter().chain(headers).flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(format!("{method} {path} HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap();
    let _ = stream.write_all(body);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines().map(str::to_ascii_lowercase);
    let status = lines.next().unwrap()[9..12].parse().unwrap();
    let differs = |line: &String| ["date: ", "apigw-requestid: "].iter().any(|name| line.starts_with(name));
    let mut headers: Vec<String> = lines.filter(|line| !differs(line)).collect();
    headers.sort();
    Raw { status, headers, body: body.to_owned() }
}

/// Function, method and path of each route, with this order number or the hold in the path.
fn routes(order: &str) -> Vec<(String, String, String)> {
    let template = Template::parse(APP_YAML, &[("Stage", "local")]).unwrap();
    let of = |function: &embedded::Function| {
        let binary = function.binary.clone();
        let route = |route: &embedded::Route| {
            let path = route.path.replace("{number}", order).replace("{orderNumber}", order);
            let path = path.replace("{owner}", "demo").replace("{id}", "h1").replace("{campaign}", "spring");
            (binary.clone(), route.method.clone(), path)
        };
        function.routes.iter().map(route).collect::<Vec<_>>()
    };
    // The console's pages lead to its sign-in; `consoling.rs` has them.
    template.functions().iter().filter(|function| function.binary != "console").flat_map(of).collect()
}

fn made(stack: &Stack<'_>, folder: &Folder) -> (String, String) {
    let key = demo_key(folder);
    let made = stack.call("POST", "/orders", &key, &json!({ "product": "credits-100" }));
    assert_eq!(made.status, 201, "{}", made.body);
    folder.stdout_of(&["hold", "open", "demo", "1", "--id", "h1", "--reason", "a call"]);
    (made.body["orderNumber"].as_str().unwrap().to_owned(), format!("Bearer {key}"))
}

/// The id of the caller's own key.
fn own_key(stack: &Stack<'_>, bearer: &str) -> String {
    let keys = raw_request(stack, "GET", "/v1/keys", &[("authorization", bearer)], b"").body;
    let keys: Value = serde_json::from_str(&keys).unwrap();
    keys["keys"][0]["id"].as_str().unwrap().to_owned()
}

/// A service key, for the routes that no owner's key may call.
fn shop_key(folder: &Folder) -> String {
    let made = folder.stdout_of(&["key", "make", "shop", "--scopes", "read", "--reason", "the shop", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    made["serviceKey"].as_str().unwrap().to_owned()
}

#[test]
fn head_is_answered_as_get_without_body() {
    let folder = Folder::new();
    let stack = folder.start();
    let (order, bearer) = made(&stack, &folder);
    let shop = format!("Bearer {}", shop_key(&folder));
    folder.stdout_of(&["code", "make", "spring", "5", "--reason", "a sale"]);
    let own_key = own_key(&stack, &bearer);
    let journal = stack.journal("");
    let routes = routes(&order);
    let read: Vec<_> = routes.iter().filter(|(_, method, _)| method == "GET").collect();
    assert!(read.len() > 5, "{read:?}");
    for (_, _, path) in read {
        let key = if path.starts_with("/v1/codes") { &shop } else { &bearer };
        let path = &path.replace("/v1/keys/h1", &format!("/v1/keys/{own_key}"));
        let headers = [("authorization", key.as_str())];
        let [get, head] = ["GET", "HEAD"].map(|method| raw_request(&stack, method, path, &headers, b""));
        assert_eq!(head.body, "", "{path}");
        if BOOKING.contains(&path.as_str()) {
            let allowed = if path == "/payment/notify" { "get, post" } else { "get" };
            assert_eq!((head.status, head.header("allow")), (405, Some(allowed)), "{path}");
            continue;
        }
        assert_eq!((get.status, head.status), (200, 200), "{path}: {}", get.body);
        assert_eq!(head.headers, get.headers, "{path}");
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
    }
    // Also on routes where GET is refused.
    for path in [format!("/orders/{order}"), "/nothing".to_owned()] {
        let [get, head] = ["GET", "HEAD"].map(|method| raw_request(&stack, method, &path, &[], b""));
        assert_eq!((head.status, head.headers, head.body.as_str()), (get.status, get.headers, ""), "{path}");
    }
    assert_eq!(stack.journal(""), journal);
}

#[test]
fn wrong_method_is_answered_by_the_gateway_with_404() {
    let folder = Folder::new();
    let stack = folder.start();
    let (order, bearer) = made(&stack, &folder);
    let journal = stack.journal("");
    let routes = routes(&order);
    for (_, _, path) in &routes {
        for method in METHODS {
            if routes.iter().any(|(_, known, at)| known == method && at == path) {
                continue;
            }
            let raw = raw_request(&stack, method, path, &[("authorization", &bearer)], b"");
            let body = if method == "HEAD" { "" } else { r#"{"message":"Not Found"}"# };
            assert_eq!((raw.status, raw.body.as_str(), raw.header("allow")), (404, body, None), "{method} {path}");
        }
    }
    assert_eq!(stack.journal(""), journal);
}

#[test]
fn body_over_the_limit_gives_413_on_every_route_that_reads_one() {
    let folder = Folder::new();
    let stack = folder.start();
    let (order, bearer) = made(&stack, &folder);
    let journal = stack.journal("");
    for (function, method, path) in routes(&order) {
        let (_, bytes_max, refusal) = FUNCTIONS.iter().find(|(name, ..)| *name == function).unwrap();
        let bytes_max = LONGER.iter().find(|(at, _)| *at == path).map_or(bytes_max, |(_, bytes_max)| bytes_max);
        let too_long = vec![b'x'; bytes_max + 1];
        let sent = |body: &[u8]| raw_request(&stack, &method, &path, &[("authorization", &bearer)], body);
        let (at_limit, beyond) = (sent(&too_long[1..]), sent(&too_long));
        assert_ne!(at_limit.status, 413, "{method} {path}");
        let is_refused = method == "HEAD" && BOOKING.contains(&path.as_str());
        if WITHOUT_BODY.contains(&path.as_str()) || is_refused {
            assert_eq!(beyond.status, if is_refused { 405 } else { 200 }, "{method} {path}");
            continue;
        }
        assert_eq!(beyond.status, 413, "{method} {path}: {}", beyond.body);
        match (method.as_str(), path.as_str()) {
            ("HEAD", _) => assert_eq!(beyond.body, "", "{path}"),
            ("GET", "/payment/return") => assert!(beyond.body.starts_with("<!doctype html>"), "{}", beyond.body),
            _ => assert_eq!(beyond.body, *refusal, "{method} {path}"),
        }
    }
    assert_eq!(stack.journal(""), journal);
}

#[test]
fn query_over_a_limit_gives_413_431_or_414() {
    let folder = Folder::new();
    let stack = folder.start();
    let get = |path: &str, query_bytes: usize| {
        let target = format!("{path}?{}", "x".repeat(query_bytes));
        let raw = raw_request(&stack, "GET", &target, &[], b"");
        (raw.status, raw.body)
    };
    let of_gateway = r#"{"message":"Request Header Fields Too Large"}"#;
    // The function's limit, API Gateway's, and that of the local stack's own HTTP server.
    let rows =
        [(8 * 1024, 400, "fail"), (8 * 1024 + 1, 413, "fail"), (HEAD_BYTES_MAX, 431, of_gateway), (70_000, 414, "")];
    for (query_bytes, status, body) in rows {
        assert_eq!(get("/payment/notify", query_bytes), (status, body.to_owned()), "{query_bytes}");
        assert_eq!(get("/payment/return", query_bytes).0, status, "{query_bytes}");
    }
    assert_eq!(get("/health", 8 * 1024 + 1).0, 200, "it reads none");
    let long = "x".repeat(HEAD_BYTES_MAX);
    let raw = raw_request(&stack, "GET", "/health", &[("x-long", &long)], b"");
    assert_eq!((raw.status, raw.body.as_str()), (431, of_gateway));
    let health: Value = stack.get("/health").body;
    assert_eq!(health["status"], "ok");
}
