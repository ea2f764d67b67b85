//! The costs as they are published: the table of `docs/costs.md`, and `proof/costs.json` beside the baseline.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::meter::{HalfUnits, Total, decimal};
use super::totals;
use crate::house::root;

const DOCUMENT: &str = "docs/costs.md";
const PROOF: &str = "proof/costs.json";
/// The costs before round trips and write units were reduced.
const BEFORE: &str = "tests/src/costs/before.txt";
const BEGIN: &str = "<!-- Written by `COSTS=write cargo test -p tests --test all costs::`. -->\n";
const END: &str = "<!-- The end of what is written. -->\n";

/// In millionths of a dollar, for a million units: 0.625 dollars for writes, 0.125 for reads.
const WRITE_UNITS: u64 = 625_000;
const READ_UNITS: u64 = 125_000;
const CENT: u64 = 10_000;

/// The paths in the document.
const PUBLISHED: [&str; 42] = [
    "usage: the next one",
    "usage: more than the owner has",
    "usage: a batch of 100 events of one owner",
    "usage: a batch of 100 events of ten owners",
    "litellm: 100 events of one owner",
    "openrouter: 100 events of one owner",
    "lots: a debit by hand",
    "lots: a grant to an account with lots",
    "lots: the first spend after a date",
    "transfer: between accounts without lots",
    "transfer: of credits with a date",
    "reverse: the charge of a usage event",
    "credits: an account",
    "credits: a page of a statement, of a hundred lines",
    "credits: a charge is reversed",
    "credits: ten codes are made",
    "credits: a code is redeemed",
    "chat: a stream",
    "chat: a request that its owner cannot pay",
    "checkout: the first click on a product",
    "checkout: the second click",
    "credits: a page of two orders",
    "orders: an order is made",
    "stripe: a payment",
    "stripe: its session, completed",
    "stripe: its charge",
    "stripe: a refund",
    "stripe: a dispute opened",
    "stripe: an invoice renews it",
    "wechat: a payment over APIv3",
    "epay: a payment over V1, with its query",
    "fireblocks: a transfer completes",
    "fulfil: a report and two commissions",
    "fulfil: tokens that are sent on chain",
    "fulfil: a top-up",
    "reconcile: unpaid, one order that stays unpaid",
    "a purchase of credits, from click to delivery",
    "a purchase of a report, from click to delivery",
    "console: the overview",
    "console: the events of a day",
    "console: an order that is explained",
    "console: health",
];

/// Writes both.
pub(super) fn write(costs: &[(&str, Total)]) {
    fs::write(root().join(DOCUMENT), document(costs)).expect("written");
    let mut proof = proof(costs);
    proof["commit"] = git(&["rev-parse", "--short", "HEAD"]).into();
    proof["date"] = git(&["show", "-s", "--format=%cs", "HEAD"]).into();
    fs::create_dir_all(root().join("proof")).expect("a folder");
    fs::write(root().join(PROOF), serde_json::to_string_pretty(&proof).expect("JSON") + "\n").expect("written");
}

/// Both have these costs.
pub(super) fn check(costs: &[(&str, Total)]) {
    assert_eq!(read(DOCUMENT), document(costs), "{DOCUMENT} is stale");
    let proof_read: Value = serde_json::from_str(&read(PROOF)).expect("JSON");
    assert_eq!(proof_read["tables"], proof(costs)["tables"], "{PROOF} is stale");
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document(costs: &[(&str, Total)]) -> String {
    let document = read(DOCUMENT);
    let (before, rest) = document.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    let costs: BTreeMap<&str, Total> = costs.iter().copied().collect();
    let row = |name: &&str| {
        let total = costs.get(name).unwrap_or_else(|| panic!("no path is called {name}"));
        let (read, written) = (decimal(total.read), decimal(total.written));
        format!("| {name} | {} | {read} | {written} | {} |\n", total.round_trips, dollars(total))
    };
    let rows: String = PUBLISHED.iter().map(row).collect();
    let head = "| what happens | round trips | read units | write units | dollars a million |\n|---|---|---|---|---|\n";
    format!("{before}{BEGIN}\n{head}{rows}\n{END}{after}")
}

/// A million of them, in dollars and cents.
fn dollars(total: &Total) -> String {
    let Total { read, written, .. } = total;
    let of = |halves: HalfUnits, price| halves * price / 2;
    let cents = (of(*written, WRITE_UNITS) + of(*read, READ_UNITS)).div_ceil(CENT);
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn proof(costs: &[(&str, Total)]) -> Value {
    let before = read(BEFORE);
    let before: BTreeMap<&str, Total> = totals(&before).into_iter().collect();
    let row = |(name, total): &(&str, Total)| {
        let was = before.get(name);
        let cells = |of: fn(&Total) -> String| [was.map_or_else(|| "-".to_owned(), of), of(total)];
        let cells = [
            cells(|total| total.round_trips.to_string()),
            cells(|total| decimal(total.read)),
            cells(|total| decimal(total.written)),
            cells(|total| total.bytes.to_string()),
        ];
        let cells = cells.concat();
        std::iter::once((*name).to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let rows: Vec<_> = costs.iter().map(row).collect();
    json!({
        "title": "What does each path cost?",
        "commit": "",
        "date": "",
        "machine": "any machine, since the calls are counted",
        "command": "COSTS=write cargo test -p tests --test all costs::",
        "text": [
            "Each path runs against the embedded DynamoDB. Its calls are counted with the capacity that each of them \
             reports, and the bytes of their requests. Concurrent calls are one round trip.",
            "Before: the same paths at the commit before round trips and write units were reduced. \
             `tests/src/costs/costs.txt` has every call of every path.",
        ],
        "tables": [{
            "caption": "Round trips to the store, capacity and bytes, before and now",
            "columns": [
                "path", "round trips before", "now", "read units before", "now", "write units before", "now",
                "bytes before", "now",
            ],
            "rows": rows,
        }],
    })
}

fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(root()).output().expect("git");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
