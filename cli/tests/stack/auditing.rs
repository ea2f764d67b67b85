//! `audit`: the books of a running stack, and of a folder that nobody serves, compared with themselves.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Folder, shown};

#[test]
fn books_that_agree_and_books_that_do_not() {
    let folder = Folder::new();
    assert!(folder.fails(69, &["audit"]).contains("there are no books in"));
    let stack = folder.start();
    folder.told(&["send", "usage", "--count", "20"]);
    let told = folder.told(&["audit"]);
    let counts = ["accounts", "lines", "orders", "differences"].map(|name| shown(&told, name).to_owned());
    assert_eq!(counts, ["1", "21", "0", "0"], "{told}");

    let broken = json!({
        "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "demo/credits" } },
        "UpdateExpression": "ADD balance_units :n, available_units :n", "ExpressionAttributeValues": { ":n": { "N": "1000000000" } },
    });
    stack.store("UpdateItem", &broken);
    let row = stack.account("demo/credits");
    let began = Instant::now();
    let ended = folder.run(&["audit"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let line = ended.stdout.lines().find(|line| line.starts_with("balance")).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["balance", "demo/credits", "-", "-", "1000.9532", "999.9532", "-1", "0"], "{}", ended.stdout);
    assert_eq!(stack.account("demo/credits"), row, "nothing is put right");
    assert!(ended.stdout.contains("  repair: account repair demo/credits --to-lines"), "{}", ended.stdout);
    let counts = ["accounts", "lines", "orders", "differences"].map(|name| shown(&ended.stdout, name).to_owned());
    assert_eq!(counts, ["1", "21", "0", "1"], "counted once: {}", ended.stdout);
    assert!(began.elapsed() < Duration::from_secs(4), "no index lags here");

    assert!(stack.stop("INT").success());
    assert_eq!(folder.run(&["audit"]).code, Some(1), "and without the stack");
}
