//! `audit` on the books of a running stack, and of a folder without one.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Folder, field, output_of};

#[test]
fn changed_balance_is_a_difference() {
    let folder = Folder::new();
    assert!(folder.fails(69, &["audit"]).contains("there are no books in"));
    let stack = folder.start();
    folder.stdout_of(&["send", "usage", "--count", "20"]);
    let output = folder.stdout_of(&["audit"]);
    let counts = ["accounts", "lines", "orders", "differences"].map(|name| field(&output, name).to_owned());
    assert_eq!(counts, ["1", "21", "0", "0"], "{output}");

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
    assert_eq!(stack.account("demo/credits"), row, "audit repairs nothing");
    assert!(ended.stdout.contains("  repair: account repair demo/credits --to-lines"), "{}", ended.stdout);
    let counts = ["accounts", "lines", "orders", "differences"].map(|name| field(&ended.stdout, name).to_owned());
    assert_eq!(counts, ["1", "21", "0", "1"], "counted once: {}", ended.stdout);
    assert!(began.elapsed() < Duration::from_secs(4), "no index lags here");

    assert!(stack.stop("INT").success());
    assert_eq!(folder.run(&["audit"]).code, Some(1), "and without a running stack");
}

/// The running stack's tables serve as those of a deployed stage.
#[test]
fn full_audit_prints_its_cost_first() {
    let folder = Folder::new();
    let stack = folder.start();
    folder.stdout_of(&["send", "usage", "--count", "2"]);
    let endpoint = folder.json("local.json")["dynamodb_url"].as_str().unwrap().to_owned();
    let audit = |more: &[&str]| {
        let mut command = folder.command(&[&["audit", "--aws", "--stage", "local", "--full"], more].concat());
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &endpoint),
        ] {
            command.env(name, value);
        }
        output_of(&mut command)
    };
    let rows: [(&[&str], Option<i32>); 2] = [(&[], Some(1)), (&["--yes"], Some(0))];
    for (more, code) in rows {
        let ended = audit(more);
        assert_eq!(ended.code, code, "{more:?}: {}", ended.stderr);
        let lines: Vec<&str> = ended.stderr.lines().collect();
        for (line, table) in lines.iter().zip(["accounts", "journal", "orders", "holds"]) {
            assert!(line.starts_with(&format!("hookledger: {table}: about ")), "{more:?}: {line}");
        }
        assert!(lines[4].contains(" read units: 0.0"), "{more:?}: {}", ended.stderr);
        assert_eq!(lines.len(), if code == Some(0) { 5 } else { 6 }, "{more:?}: {}", ended.stderr);
        assert_eq!(ended.stdout.is_empty(), code != Some(0), "{more:?}: without a confirmation nothing is read");
    }
    assert_eq!(field(&audit(&["--yes"]).stdout, "lines"), "3");
    assert!(stack.stop("INT").success());
}
