//! The commands `owner export` and `owner erase`, the last use of a key, and the grace of one that is rotated.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::fulfilling::{WALLET, airtime};
use crate::harness::{Folder, Stack, output_of, refusal};

const KEY: &str = "HOOKLEDGER_API_KEY";

fn json_of(folder: &Folder, args: &[&str]) -> Value {
    serde_json::from_str(&folder.stdout_of(&[args, &["--json"]].concat())).unwrap()
}

fn api_key(folder: &Folder, owner: &str) -> String {
    json_of(folder, &["account", "api-key", owner, "--reason", "r"])["apiKey"].as_str().unwrap().to_owned()
}

/// An order that is paid and delivered.
fn bought(stack: &Stack<'_>, key: &str, product: &Value) -> String {
    let bought = stack.buy(key, product);
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    stack.becomes(&bought.number, &["done"]);
    bought.number
}

/// The pages that the command prints, one in each line.
fn export(folder: &Folder, owner: &str, key: &str) -> Vec<Value> {
    let output = output_of(folder.command(&["owner", "export", owner]).env(KEY, key));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn owner_is_exported_and_erased() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = api_key(&folder, "alice");
    let phone = bought(&stack, &key, &airtime("88001122"));
    let wallet = bought(&stack, &key, &json!({ "product": "posx-10", "wallet": WALLET }));
    let unpaid = stack.buy(&key, &airtime("88001133")).number;
    let pages = export(&folder, "alice", &key);
    assert!(pages.iter().all(|page| page["owner"] == "alice"));
    let orders = |pages: &[Value]| -> Vec<Value> {
        pages.iter().filter_map(|page| page["orders"].as_array()).flatten().cloned().collect()
    };
    let all = orders(&pages);
    let of = |number: &str| all.iter().find(|order| order["orderNumber"] == number).unwrap();
    assert_eq!((&of(&phone)["phone"], &of(&wallet)["wallet"]), (&json!("88001122"), &json!(WALLET)));
    let accounts: Vec<&Value> =
        pages.iter().filter(|page| page["part"] == "account").map(|page| &page["asset"]).collect();
    assert_eq!(accounts, ["POSX"]);

    let erased = json_of(&folder, &["owner", "erase", "alice", "--reason", "a request of hers", "--id", "e1"]);
    let mut numbers: Vec<&str> = erased["erased"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    numbers.sort_unstable();
    let mut expected = [phone.as_str(), wallet.as_str()];
    expected.sort_unstable();
    assert_eq!(
        (numbers.as_slice(), &erased["status"], &erased["receipt"]),
        (&expected[..], &json!("done"), &json!("manual#e1"))
    );
    assert_eq!(erased["kept"], json!([{ "orderNumber": unpaid, "because": "unpaid" }]));
    let again = folder.stdout_of(&["owner", "erase", "alice", "--reason", "again", "--id", "e1"]);
    assert!(again.starts_with("already done: manual#e1"), "{again}");
    assert!(again.contains(&format!("{unpaid} is kept: it may still be paid")), "{again}");
    let left = orders(&export(&folder, "alice", &key));
    assert!(left.iter().all(|order| order["wallet"].is_null()));
    assert_eq!(left.iter().filter(|order| order["phone"].is_string()).count(), 1);
    let shown = folder.stdout_of(&["order", "show", &phone]);
    assert!(shown.contains("for an erased phone"), "{shown}");
    assert_eq!(folder.run(&["audit"]).code, Some(0));

    let output = output_of(folder.command(&["owner", "export", "bob"]).env(KEY, &key));
    assert!(refusal(output).contains("No such account. (404 account_not_found)"));
    let taken = refusal(folder.run(&["owner", "erase", "bob", "--reason", "r", "--id", "e1"]));
    assert!(taken.contains("--id e1 names another change already"), "{taken}");
}

/// A reader that has enough ends the command.
#[test]
fn export_ends_with_its_reader() {
    let folder = Folder::new();
    let _stack = folder.start();
    let key = api_key(&folder, "alice");
    let mut child =
        folder.command(&["owner", "export", "alice"]).env(KEY, &key).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains(r#""part":"owner""#), "{first}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn account_shows_when_a_key_was_used_and_a_rotated_one_ends() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = api_key(&folder, "demo");
    assert_eq!(stack.call("GET", "/v1/account", &key, &Value::Null).status, 200);
    let used = || {
        let shown = json_of(&folder, &["account", "show", "demo"]);
        let keys = shown["keys"].as_array().unwrap().clone();
        keys.into_iter().find(|key| key["lastUsed"].is_string())
    };
    let mut looks = 0_u32;
    let id = loop {
        if let Some(key) = used() {
            break key["key"].as_str().unwrap().to_owned();
        }
        looks += 1;
        assert!(looks < 1_000, "its use is noted");
    };
    assert!(folder.stdout_of(&["account", "show", "demo"]).contains("last used"));

    let rotated =
        json_of(&folder, &["account", "rotate", "demo", &id, "--grace", "3600", "--reason", "r", "--id", "r1"]);
    assert!(rotated["worksUntil"].is_string() && rotated["apiKey"].is_string(), "{rotated}");
    let listed = folder.stdout_of(&["account", "keys", "demo"]);
    assert!(listed.lines().any(|line| line.starts_with(&id) && line.contains("works until ")), "{listed}");
    assert_eq!(stack.call("GET", "/v1/account", &key, &Value::Null).status, 200, "it still works");
    let again = folder.stdout_of(&["account", "rotate", "demo", &id, "--grace", "3600", "--reason", "r", "--id", "r1"]);
    assert!(again.starts_with("already done"), "{again}");
    let other =
        refusal(folder.run(&["account", "rotate", "demo", &id, "--grace", "60", "--reason", "r", "--id", "r2"]));
    assert!(other.contains("has no live key"), "{other}");
}
