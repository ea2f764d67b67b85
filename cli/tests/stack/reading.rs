//! How much `stats` and `events` read: as much over a large journal as over a small one, since neither scans.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use embedded::Engine;
use ledger::{DayShard, Timestamp};
use serde_json::{Value, json};

use crate::harness::Folder;

const JOURNAL: &str = "hookledger-local-journal";
const ROWS_PER_LOAD: usize = 20_000;
/// One of so many is a refused event of today, which the index by day has: half of them after a price was removed.
const REFUSED_EACH: usize = 50;
const HALF: usize = 2;
const BYTES_MAX: u64 = 1_000_000;

/// Fills the journal up to so many rows, each like those of usage events.
fn fill(data: &Path, rows: usize, refused_each: usize) {
    let engine = Engine::open(&data.join("store.db")).unwrap();
    let now = local::now();
    for from in (0..rows).step_by(ROWS_PER_LOAD) {
        let of_load: Vec<Value> =
            (from..rows.min(from + ROWS_PER_LOAD)).map(|number| row(number, now, refused_each)).collect();
        engine.load(JOURNAL, &Value::from(of_load).to_string()).unwrap();
    }
}

fn row(number: usize, now: Timestamp, refused_each: usize) -> Value {
    let at = now.plus_seconds(-i64::try_from(number % 3_600).unwrap());
    let id = format!("usage#row-{number}");
    let mut row = json!({
        "id": { "S": &id }, "v": { "N": "1" }, "source": { "S": "usage" },
        "kind": { "S": "usage" }, "status": { "S": "processed" }, "attempts": { "N": "1" },
        "account": { "S": format!("owner-{}/credits", number % 1_000) }, "amount_units": { "N": "-10000" },
        "processed_at": { "S": at.to_string() }, "received_at": { "S": at.to_string() },
        "written_by": { "S": "0123456789abcdef" },
        "fingerprint": { "S": "1:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
    });
    if number.is_multiple_of(refused_each) {
        row["status"] = json!({ "S": "failed" });
        row["reason"] = json!({ "S": "unknown_key" });
        row["listed"] = json!({ "S": DayShard::of(&id, at).word() });
    }
    row
}

/// What a command prints, how many bytes its process reads in all, and how long it takes.
fn measured(folder: &Folder, args: &[&str]) -> (Value, u64, Duration) {
    // A shell's own count has that of a command that has ended.
    let command = folder.command(&[&["--json"], args].concat());
    let began = Instant::now();
    let output = Command::new("sh")
        .args(["-c", "\"$@\" && cat /proc/$$/io", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .output()
        .unwrap();
    let took = began.elapsed();
    let text = String::from_utf8(output.stdout).unwrap();
    let (printed, io) = text.split_once("rchar:").unwrap_or_else(|| panic!("{text}"));
    let read = io.split_whitespace().next().unwrap().parse().unwrap();
    (serde_json::from_str(printed).unwrap(), read, took)
}

const QUESTIONS: [&[&str]; 6] = [
    &["stats", "--since", "1h"],
    &["events"],
    &["events", "--failed"],
    &["events", "--source", "stripe"],
    &["orders", "--since", "1h"],
    &["orders", "--stuck"],
];

fn books(rows: usize, refused_each: usize) -> Folder {
    let folder = Folder::new();
    let stack = folder.start();
    folder.stdout_of(&["send", "usage", "--count", "20"]);
    std::thread::sleep(Duration::from_secs(1));
    stack.stop("TERM");
    fill(&folder.data(), rows, refused_each);
    folder
}

#[test]
fn questions_read_no_more_of_a_large_journal() {
    let (small, large) = (books(1_000, HALF), books(20_000, HALF));
    for args in QUESTIONS {
        let ((_, few, _), (printed, many, _)) = (measured(&small, args), measured(&large, args));
        assert!(many < few + few / 2 + 100_000, "{args:?}: {few} bytes of a small journal, {many} of a large one");
        assert!(many < BYTES_MAX, "{args:?}: {many}");
        if args[0] == "events" && !args.contains(&"stripe") {
            assert_eq!((printed["events"].as_array().unwrap().len(), &printed["more"]), (50, &json!(true)));
        }
        if args[0] == "stats" {
            assert_eq!(printed["sources"][0]["events"], 20, "{printed}");
        }
    }
}

/// `cargo test -p cli --test stack -- --ignored --nocapture million`
#[test]
#[ignore = "fills a store with a million rows, which takes minutes"]
fn questions_over_a_million_rows_take_less_than_a_second_and_read_less_than_a_megabyte() {
    let folder = books(1_000_000, REFUSED_EACH);
    let ask = |place: &str| {
        for args in QUESTIONS {
            let (_, read, took) = measured(&folder, args);
            println!("{place}, {args:?}: {read} bytes, {} ms", took.as_millis());
            assert!(read < BYTES_MAX && took < Duration::from_secs(1), "{place}, {args:?}: {read} bytes, {took:?}");
        }
    };
    ask("without a stack");
    let stack = folder.start();
    ask("of a running stack");
    drop(stack);
}
