//! `trial-balance` on the books of a running stack: all of it adds up to nothing, until a row is altered.

use serde_json::{Value, json};

use crate::harness::{Folder, failure, refusal};

fn sums(balance: &Value, asset: &str) -> Vec<(String, String)> {
    let of_asset = balance["assets"].as_array().unwrap().iter().find(|found| found["asset"] == asset).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = of_asset["lines"].as_array().unwrap().iter();
    let lines = lines.map(|line| (text(&line["account"]), text(&line["balance"])));
    lines.chain([("sum".to_owned(), text(&of_asset["sum"]))]).collect()
}

fn named(sums: &[(&str, &str)]) -> Vec<(String, String)> {
    sums.iter().map(|(name, sum)| ((*name).to_owned(), (*sum).to_owned())).collect()
}

#[test]
fn trial_balance_adds_up_to_nothing() {
    let folder = Folder::new();
    let stack = folder.start();
    let by_hand = |args: &[&str]| folder.stdout_of(&[args, &["--reason", "r", "--new"]].concat());
    by_hand(&["account", "credit", "alice", "10"]);
    by_hand(&["account", "credit", "bob/commission-usd", "3"]);
    by_hand(&["transfer", "alice", "carol", "4"]);
    by_hand(&["account", "debit", "alice", "1"]);
    let balance: Value = serde_json::from_str(&folder.stdout_of(&["trial-balance", "--json"])).unwrap();
    // The account `demo` begins with 1000 credits.
    let credits = [("customers", "1009"), ("house/manual", "-1009"), ("house/transfers", "0"), ("sum", "0")];
    assert_eq!(sums(&balance, "credits"), named(&credits), "{balance}");
    let commission = [("customers", "3"), ("house/manual", "-3"), ("sum", "0")];
    assert_eq!(sums(&balance, "commission-usd"), named(&commission), "{balance}");
    assert!(balance["day"].is_null(), "{balance}");
    let printed = folder.stdout_of(&["trial-balance", "--asset", "credits"]);
    assert!(printed.contains("credits, 3 accounts") && !printed.contains("commission"), "{printed}");

    // An altered balance: the customers hold more than the house has given.
    let request = json!({
        "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "carol/credits" } },
        "UpdateExpression": "ADD balance_units :n", "ExpressionAttributeValues": { ":n": { "N": "5000000000" } },
    });
    stack.store("UpdateItem", &request);
    let broken = folder.run(&["trial-balance", "--json"]);
    assert_eq!(broken.code, Some(1), "{}", broken.stderr);
    let balance: Value = serde_json::from_str(&broken.stdout).unwrap();
    assert!(sums(&balance, "credits").contains(&("sum".to_owned(), "5".to_owned())), "{balance}");
}

#[test]
fn bad_day_or_asset_is_refused() {
    let folder = Folder::new();
    let _stack = folder.start();
    for (args, message) in [
        (["--day", "today"], "--day today is not a day"),
        (["--day", "2026-02-30"], "is not a day"),
        (["--asset", "gold"], "there is no asset gold"),
    ] {
        let line = failure(2, folder.run(&[&["trial-balance"], args.as_slice()].concat()));
        assert!(line.contains(message), "{line}");
    }
    let line = refusal(folder.run(&["trial-balance", "--day", "2001-01-01"]));
    assert!(line.contains("no trial balance of 2001-01-01 is kept"), "{line}");
}
