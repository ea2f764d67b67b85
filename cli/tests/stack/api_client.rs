//! The client of the API, and the command `statement`, against the real stack.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use client::{Client, Debit, Error, Grant, HoldRequest, Settlement, Transfer};
use embedded::Engine;
use serde_json::{Value, json};

use crate::harness::{Folder, failure, output_of};

const KEY: &str = "HOOKLEDGER_API_KEY";

fn service_key(folder: &Folder, scopes: &str) -> String {
    let made = folder.stdout_of(&["key", "make", "shop", "--scopes", scopes, "--reason", "r", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    made["serviceKey"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn client_makes_each_call_once() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = service_key(&folder, "read,grant,spend");
    let client = Client::new(&format!("http://{}", stack.address()), &key).unwrap();
    let grant = Grant { amount: "10", reason: "trial", expires: Some("30d"), ..Grant::default() };
    for _ in 0..2 {
        let receipt = client.grant("alice", &grant, "g1").await.unwrap();
        assert_eq!((receipt.kind.as_str(), receipt.amount.as_str()), ("grant", "10"));
    }
    let transfer = Transfer { from: "alice", to: "bob", amount: "4", reason: "a gift", asset: None };
    client.transfer(&transfer, "t1").await.unwrap();
    client.debit("bob", &Debit { amount: "0.5", reason: "a fee", asset: None }, "d1").await.unwrap();
    let request =
        HoldRequest { owner: "alice", amount: "5", reason: "a call", ttl_seconds: Some(60), ..HoldRequest::default() };
    let hold = client.open_hold(&request, "h1").await.unwrap();
    assert_eq!(client.account("alice").await.unwrap().available, "1");
    let settlement = Settlement { cost: "3.2", reason: "a call" };
    assert_eq!(client.settle(&hold.id, &settlement, "s1").await.unwrap().charged.as_deref(), Some("3.2"));
    let other = client.open_hold(&HoldRequest { amount: "1", ..request }, "h2").await.unwrap();
    assert_eq!(client.release(&other.id, "not needed", "r1").await.unwrap().state, "released");
    assert_eq!(client.hold(&other.id).await.unwrap().state, "released");

    let account = client.account("alice").await.unwrap();
    assert_eq!((account.balance.as_str(), account.lots.len()), ("2.8", 1), "{account:?}");
    assert_eq!(client.account("bob").await.unwrap().balance, "3.5");
    let refusal = client.open_hold(&HoldRequest { amount: "3", ..request }, "h3").await;
    assert!(matches!(refusal, Err(Error::Refused(refusal)) if refusal.code == "insufficient_credits"));
    assert_eq!(folder.run(&["audit"]).code, Some(0));
}

#[test]
fn statement_is_printed_in_each_form() {
    let folder = Folder::new();
    let stack = folder.start();
    for n in 1..=3 {
        folder.stdout_of(&["account", "credit", "alice", &n.to_string(), "--reason", "r", "--new"]);
    }
    let key = service_key(&folder, "read");
    let statement = |args: &[&str]| output_of(folder.command(&[&["statement"], args].concat()).env(KEY, &key));
    let lines = statement(&["alice"]).stdout;
    assert_eq!(lines.lines().map(|line| line.split_whitespace().nth(2).unwrap()).collect::<Vec<_>>(), ["3", "2", "1"]);
    let document: Value = serde_json::from_str(&statement(&["alice", "--json"]).stdout).unwrap();
    assert_eq!(document["account"], "alice/credits");
    let lines = document["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["amount", "id", "kind", "time"]);
    let last = lines[0]["time"].as_str().unwrap();
    assert_eq!(statement(&["alice", "--to", last]).stdout.lines().count(), 2);
    assert_eq!(statement(&["alice", "--from", last]).stdout.lines().count(), 1);
    let csv = statement(&["alice", "--csv"]).stdout;
    assert!(csv.starts_with("time,kind,amount,asset,id\r\n") && csv.lines().count() == 4, "{csv}");
    let none = statement(&["alice", "--kind", "expiry", "--json"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&none).unwrap(), json!({ "account": "alice/credits", "lines": [] }));
    assert_eq!(statement(&["alice/POSX"]).stdout, "alice/POSX has no such lines\n");

    let address = format!("http://{}", stack.address());
    let rows: &[(&[&str], i32, &str)] = &[
        (&["a b"], 2, "an owner is 1 to 64 letters"),
        (&["alice", "--from", "today"], 2, "is not a time"),
        (&["alice", "--limit", "3"], 2, "--since and --limit are for --all"),
        (&["alice", "--since", "1h"], 2, "--since and --limit are for --all"),
        (&["alice", "--csv", "--json"], 2, "two forms of one output"),
        (&["alice", "--kind", "No"], 1, "kind_invalid"),
        (&["alice", "--api", "http://api.example"], 2, "must begin with https://"),
        (&["alice", "--api", &format!("{address}/v2")], 69, "not one of this API: status 404"),
        (&["alice", "--api", "http://127.0.0.1:1"], 75, "no answer"),
    ];
    for (args, code, message) in rows {
        let line = failure(*code, statement(args));
        assert!(line.contains(message) && !line.contains(&key), "{args:?}: {line}");
    }
    let line = failure(1, output_of(folder.command(&["statement", "alice"]).env(KEY, "hs_wrong")));
    assert!(line.contains("401 unauthorized"), "{line}");
    assert!(folder.fails(2, &["statement", "alice"]).contains("set HOOKLEDGER_API_KEY"));
    // The local stack names the key of its demo account.
    folder.stdout_of(&["send", "usage", "--id", "evt_1"]);
    assert!(folder.stdout_of(&["statement", "demo"]).contains("usage#evt_1"));
    assert!(folder.stdout_of(&["owner", "export", "demo"]).contains("usage#evt_1"));
    assert!(stack.stop("INT").success());
    let line = failure(69, statement(&["alice"]));
    assert!(line.contains("no stack is running"), "{line}");
}

/// The highest resident memory of a process so far, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The lines that a statement prints, and the highest memory of the process.
fn printed(mut command: Child) -> (u32, u64) {
    let (mut lines, mut peak) = (0, 0);
    for (line, number) in BufReader::new(command.stdout.take().unwrap()).lines().zip(1..) {
        assert!(line.unwrap().contains("usage#row-"));
        lines = number;
        // Its last page is the same as the others.
        if number % 1_000 == 1 {
            peak = peak_kib(command.id());
        }
    }
    assert!(command.wait().unwrap().success());
    (lines, peak)
}

/// An account for each length. Both exports go through the same stack, so that its memory can be compared too.
#[test]
fn export_of_100_000_lines_takes_the_memory_of_a_page() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    let engine = Engine::open(&folder.file("store.db")).unwrap();
    for (owner, count) in [("short", 2_000_u32), ("long", 100_000)] {
        for from in (0..count).step_by(2_000) {
            let row = |number: u32| {
                let time = format!(
                    "2026-01-01T{:02}:{:02}:{:02}.{:03}Z",
                    number / 10_000,
                    number / 1_000 % 10,
                    0,
                    number % 1_000
                );
                json!({
                    "id": { "S": format!("usage#row-{owner}-{number}") }, "v": { "N": "1" }, "source": { "S": "usage" },
                    "kind": { "S": "usage" }, "status": { "S": "processed" }, "attempts": { "N": "1" },
                    "account": { "S": format!("{owner}/credits") }, "amount_units": { "N": "-10000" },
                    "processed_at": { "S": time }, "received_at": { "S": time },
                    "written_by": { "S": "0123456789abcdef" },
                    "fingerprint": { "S": format!("1:{}", "0".repeat(64)) },
                })
            };
            let rows: Vec<Value> = (from..from + 2_000).map(row).collect();
            engine.load("hookledger-local-journal", &Value::from(rows).to_string()).unwrap();
        }
    }
    drop(engine);
    let stack = folder.start();
    let key = service_key(&folder, "read");
    let export = |owner: &str| {
        let mut command = folder.command(&["statement", owner]);
        let (lines, peak) = printed(command.env(KEY, &key).stdout(Stdio::piped()).spawn().unwrap());
        (lines, peak, peak_kib(stack.pid()))
    };
    let (short, long) = (export("short"), export("long"));
    assert_eq!((short.0, long.0), (2_000, 100_000));
    // Fifty times the lines would be 20 MB more if they were kept.
    let more_kib = |short: u64, long: u64| long.saturating_sub(short);
    assert!(more_kib(short.1, long.1) < 4_096, "the command: {short:?} {long:?}");
    assert!(more_kib(short.2, long.2) < 8_192, "the stack: {short:?} {long:?}");
}
