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
use crate::harness::{Folder, Stack};
use crate::listing::pay;
use crate::wechat::ordered;

const ORDERS: usize = 100_000;
const ORDERS_PER_LOAD: usize = 5_000;
const TABLES: [&str; 2] = ["orders", "journal"];
const PAGE_BYTES_MAX: usize = 60 * 1024;
/// As it is released. A debug build takes about ten times as long.
const TIME_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 100 });
const TRIES: u32 = 5;
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

/// `cargo test --release -p cli --test stack -- --ignored --nocapture hundred_thousand_orders`
#[test]
#[ignore = "fills a store with 100,000 orders, which takes minutes"]
fn each_page_of_the_console_over_hundred_thousand_orders_is_fast_and_light() {
    let folder = Folder::new();
    let stack = folder.start();
    pay(&stack, &demo_key(&folder));
    ordered(&folder, &stack);
    folder.stdout_of(&["send", "usage", "--count", "20"]);
    std::thread::sleep(Duration::from_secs(2));
    let examples = examples(&stack);
    assert!(!examples.is_empty() && examples.iter().any(|(_, rows)| rows.len() > 1), "{examples:?}");
    let owner = examples[0].1.iter().find_map(|(_, row)| row["owner"]["S"].as_str()).unwrap().to_owned();
    stack.stop("TERM");
    fill(&folder.data(), &examples);
    let cookie = signed_in(&folder.data());
    let stack = folder.start();
    let order = format!("HL{:030}", 77);
    let pages = [
        "/console".to_owned(),
        "/console?since=30d".to_owned(),
        "/console/events?since=30d".to_owned(),
        "/console/events?failed=1&since=30d".to_owned(),
        format!("/console/explain?q={order}"),
        format!("/console/owners?name={owner}"),
        format!("/console/owners.csv?name={owner}"),
        "/console/health".to_owned(),
    ];
    let mut slow = Vec::new();
    for page in pages {
        let get = || {
            let began = Instant::now();
            let answer = stack.request("GET", &page, &[("cookie", &cookie)], b"");
            (answer, began.elapsed())
        };
        let (answer, first) = get();
        assert_eq!(answer.status, 200, "{page}: {}", answer.body);
        let bytes = answer.body.as_str().unwrap_or_default().len();
        let took = (0..TRIES).map(|_| get().1).max().unwrap();
        println!("{page}: {} ms, the first time {} ms, {bytes} bytes", took.as_millis(), first.as_millis());
        assert!(bytes < PAGE_BYTES_MAX || page.contains(".csv"), "{page}: {bytes} bytes");
        if took > TIME_MAX {
            slow.push((page.clone(), took));
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
}
