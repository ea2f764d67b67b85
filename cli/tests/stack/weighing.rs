//! How long each page of the console takes over 100,000 orders, and how many bytes it has.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use std::path::Path;
use std::time::{Duration, Instant};

use embedded::Engine;
use idempotency::{DynamoLedger, Tables};
use ledger::{CallContext, DayShard, Timestamp};
use local::{STAGE, context, now};
use operators::{Credentials, Link, Operator, OperatorName, Operators as _, Role, Session, SignIn, TokenHash};
use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::harness::{Folder, OTHER_PROGRAM, Stack};
use crate::listing::pay;
use crate::wechat::ordered;

const ORDERS: usize = 100_000;
const ORDERS_PER_LOAD: usize = 5_000;
const TABLES: [&str; 2] = ["orders", "journal"];
const PAGE_BYTES_MAX: usize = 60 * 1024;
/// As it is released. A debug build takes about ten times as long.
const TIME_MAX: Duration = Duration::from_millis(100);
const TIME_MAX_DEBUG: Duration = Duration::from_secs(1);
const TRIES: u32 = 5;
/// Of each list.
const PAGES: u32 = 3;
/// Three pages of each.
const CAMPAIGNS: usize = 160;
const CODES: usize = 160;
const CODES_PER_COMMAND: usize = 20;
const FORM: &str = "application/x-www-form-urlencoded";
const PATIENCE: Duration = Duration::from_secs(30);

fn table(name: &str) -> String {
    format!("hookledger-local-{name}")
}

/// The rows of an order that is paid, and of one that is not, each with its number and table.
fn examples(stack: &Stack<'_>) -> Vec<(String, Vec<(&'static str, Value)>)> {
    let scanned = TABLES.map(|name| (name, stack.store("Scan", &json!({ "TableName": table(name) }))));
    let rows =
        scanned.iter().flat_map(|(name, found)| found["Items"].as_array().unwrap().iter().map(|row| (*name, row)));
    let rows: Vec<(&'static str, &Value)> = rows.collect();
    let numbers = rows.iter().filter(|(name, row)| *name == "orders" && row["owner"].is_object());
    let numbers = numbers.map(|(_, row)| row["id"]["S"].as_str().unwrap().to_owned());
    let of = |number: &str| {
        let of_order = rows.iter().filter(|(_, row)| row.to_string().contains(number));
        of_order.map(|(name, row)| (*name, (*row).clone())).collect()
    };
    numbers.map(|number| (number.clone(), of(&number))).collect()
}

/// The same rows of another order, a time before now.
fn copied(number: &str, row: &Value, copy: usize, at: Timestamp) -> Value {
    let text = row.to_string().replace(number, &format!("HL{copy:030}"));
    let mut row: Value = serde_json::from_str(&text).unwrap();
    let id = row["id"]["S"].as_str().unwrap().to_owned();
    // Rows that do not have the number in their key.
    let id = if id.contains(&format!("{copy:030}")) { id } else { format!("{id}-{copy}") };
    for time in ["created_at", "anomaly_at"] {
        if row[time].is_object() {
            row[time] = json!({ "S": at.to_string() });
        }
    }
    if row["listed"].is_object() {
        row["listed"] = json!({ "S": DayShard::of(&id, at).word() });
        row["received_at"] = json!({ "S": at.to_string() });
    }
    row["id"] = json!({ "S": id });
    row
}

fn fill(data: &Path, examples: &[(String, Vec<(&'static str, Value)>)]) {
    let engine = Engine::open(&data.join("store.db")).unwrap();
    let (began, count) = (now(), examples.len());
    for from in (0..ORDERS).step_by(ORDERS_PER_LOAD) {
        for name in TABLES {
            let of_load = (from..from + ORDERS_PER_LOAD).flat_map(|copy| {
                let (number, rows) = &examples[copy % count];
                let at = began.plus_seconds(-i64::try_from(copy).unwrap());
                let rows = rows.iter().filter(move |(table, _)| *table == name);
                rows.map(move |(_, row)| copied(number, row, copy, at))
            });
            let rows: Vec<Value> = of_load.collect();
            engine.load(&table(name), &Value::from(rows).to_string()).unwrap();
        }
    }
}

/// The cookie of a reader, by the rows that a sign-in writes.
fn signed_in(data: &Path) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::open(&data.join("store.db")).unwrap();
        let ledger = DynamoLedger::new(&engine.sdk_config(), Tables::of_stage(STAGE), fastrand::Rng::new());
        let (name, at) = (OperatorName::new("amy").unwrap(), now());
        let context: CallContext<'_> = context(PATIENCE);
        let operator = Operator::new(name.clone(), Role::Reader, Link::new(TokenHash::of("link"), at), at);
        assert!(ledger.write_operator(&operator, &context).await.unwrap());
        let credentials = Credentials { password: "none".to_owned(), totp: vec![7; 20], last_step: 1, since: at };
        let invited = ledger.operator(&name, &context).await.unwrap().unwrap();
        let enrolled = invited.enrolled(&TokenHash::of("link"), credentials, at).unwrap();
        assert!(ledger.write_operator(&enrolled, &context).await.unwrap());
        let token = TokenHash::of("amy").to_string();
        let session = Session::new(TokenHash::of(&token), name.clone(), "127.0.0.1".to_owned(), at);
        let sign_in = SignIn { operator: name, number: 1, at, address: session.address.clone() };
        ledger.begin_session(&session, &sign_in, &context).await.unwrap();
        format!("console=amy.{token}")
    })
}

/// An order of each kind: paid, unpaid, and flagged for another amount than it costs.
fn orders_of_each_kind(folder: &Folder, stack: &Stack<'_>) {
    pay(stack, &demo_key(folder));
    ordered(folder, stack);
    let made = stack.call("POST", "/api/pay/checkout", &demo_key(folder), &json!({ "product": "credits-100" })).body;
    let number = made["orderNumber"].as_str().unwrap();
    let wrong = ["--order", number, "--set", "data.object.amount_received=1"];
    folder.run(&[&["send", "stripe/payment_intent_succeeded"], wrong.as_slice()].concat());
    folder.stdout_of(&["send", "usage", "--count", "20"]);
}

fn codes(folder: &Folder) {
    for number in 0..CAMPAIGNS {
        folder.stdout_of(&["code", "make", &format!("campaign-{number}"), "5", "--reason", "a test"]);
    }
    // One command makes so many codes at most.
    for _ in 0..CODES / CODES_PER_COMMAND {
        let count = CODES_PER_COMMAND.to_string();
        folder.stdout_of(&["code", "make", "spring", "5", "--count", &count, "--reason", "a test"]);
    }
}

/// A visitor with its session, who measures.
struct Reader<'s> {
    stack: &'s Stack<'s>,
    cookie: String,
    time_max: Duration,
    slow: Vec<(String, Duration)>,
}

impl Reader<'_> {
    fn ask(&self, page: &str, form: Option<&str>) -> (u16, String, Duration) {
        let origin = format!("http://{}", self.stack.address());
        let headers = [("cookie", self.cookie.as_str()), ("origin", &origin), ("content-type", FORM)];
        let began = Instant::now();
        let method = if form.is_some() { "POST" } else { "GET" };
        let answer = self.stack.request(method, page, &headers, form.unwrap_or_default().as_bytes());
        (answer.status, answer.body.as_str().unwrap_or_default().to_owned(), began.elapsed())
    }

    /// Measures a page, and returns its HTML.
    #[expect(clippy::print_stdout, reason = "the result of a measurement")]
    fn measure(&mut self, name: &str, page: &str, form: Option<&str>, expected: u16) -> String {
        let (status, html, first) = self.ask(page, form);
        assert_eq!(status, expected, "{name}: {html}");
        let took = (0..TRIES).map(|_| self.ask(page, form).2).max().unwrap();
        println!("{name}: {} ms, the first time {} ms, {} bytes", took.as_millis(), first.as_millis(), html.len());
        assert!(html.len() < PAGE_BYTES_MAX || name.contains(".csv"), "{name}: {} bytes", html.len());
        if took > self.time_max {
            self.slow.push((name.to_owned(), took));
        }
        html
    }

    fn page(&mut self, page: &str) -> String {
        self.measure(page, page, None, 200)
    }

    /// The page, and those to which its last link leads: as many rows stand on each as on the first.
    fn pages(&mut self, page: &str) {
        let mut html = self.page(page);
        let rows = |html: &str| html.matches("<tr>").count();
        let first = rows(&html);
        for number in 2..=PAGES {
            let Some(next) = html.split("href=\"").filter(|rest| rest.contains("after=")).last() else {
                panic!("{page} has no further page");
            };
            let next = next.split('"').next().unwrap().replace("&amp;", "&");
            html = self.measure(&format!("{page}, page {number}"), &next, None, 200);
            assert_eq!(rows(&html), first, "{next}");
        }
    }
}

/// With the program as it is released, of which the tests themselves need no build:
/// `cargo build --release --workspace --bin hookledger` and
/// `HOOKLEDGER_PROGRAM=$PWD/target/release/hookledger cargo test --workspace --test stack hundred_thousand_orders -- --ignored --nocapture`
#[test]
#[ignore = "fills a store with 100,000 orders, which takes minutes"]
fn each_page_of_the_console_over_hundred_thousand_orders_is_fast_and_light() {
    let folder = Folder::new();
    let stack = folder.start();
    orders_of_each_kind(&folder, &stack);
    codes(&folder);
    std::thread::sleep(Duration::from_secs(2));
    let examples = examples(&stack);
    assert!(!examples.is_empty() && examples.iter().any(|(_, rows)| rows.len() > 1), "{examples:?}");
    let owner = examples[0].1.iter().find_map(|(_, row)| row["owner"]["S"].as_str()).unwrap().to_owned();
    stack.stop("TERM");
    fill(&folder.data(), &examples);
    let cookie = signed_in(&folder.data());
    let stack = folder.start();
    let is_release = !cfg!(debug_assertions) || std::env::var_os(OTHER_PROGRAM).is_some();
    let time_max = if is_release { TIME_MAX } else { TIME_MAX_DEBUG };
    let mut reader = Reader { stack: &stack, cookie, time_max, slow: Vec::new() };
    let order = format!("HL{:030}", 77);
    reader.page("/console");
    reader.page("/console?since=30d");
    reader.page("/console/events?since=30d");
    reader.page("/console/events?failed=1&since=30d");
    // Nothing is of these.
    reader.page("/console/events?from=fireblocks&since=30d");
    reader.pages("/console/orders?since=30d");
    reader.pages("/console/orders?since=any&status=paid");
    reader.page("/console/orders?since=30d&status=refunded");
    reader.pages(&format!("/console/orders?owner={owner}"));
    reader.pages(&format!("/console/orders?owner={owner}&status=unpaid"));
    reader.page("/console/orders?owner=none-such");
    reader.pages("/console/orders?show=anomalies");
    reader.page("/console/orders?show=anomalies&status=disputed");
    reader.page("/console/orders?show=stuck");
    reader.pages("/console/codes");
    reader.pages("/console/codes?campaign=spring");
    reader.page(&format!("/console/explain?q={order}"));
    reader.page(&format!("/console/explain?q=owner%23{owner}"));
    reader.pages(&format!("/console/owners?name={owner}"));
    reader.page(&format!("/console/owners.csv?name={owner}"));
    let health = reader.page("/console/health");
    let csrf = health.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    reader.measure("a search of an order", "/console/search", Some(&format!("csrf={csrf}&q={order}")), 303);
    reader.measure("a search of nothing", "/console/search", Some(&format!("csrf={csrf}&q=pi_none")), 404);
    assert!(reader.slow.is_empty(), "{:?}", reader.slow);
}
