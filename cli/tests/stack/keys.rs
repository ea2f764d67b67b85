//! `key` on the books of a running stack, and of a folder without one.

use serde_json::{Value, json};

use crate::documented::done::{JQ, done};
use crate::harness::Folder;

fn printed(folder: &Folder, args: &[&str]) -> Value {
    serde_json::from_str(&folder.stdout_of(&[args, &["--json"]].concat())).unwrap()
}

fn states(folder: &Folder) -> Vec<String> {
    let list = printed(folder, &["key", "list"]);
    let state = |key: &Value| format!("{} {} {}", key["name"], key["scopes"], key["state"]).replace('"', "");
    list["keys"].as_array().unwrap().iter().map(state).collect()
}

#[test]
fn service_key_is_printed_once_and_revoked_once() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    assert_eq!(folder.stdout_of(&["key", "list"]), "there are no service keys\n");
    let command = ["key", "make", "shop", "--scopes", "spend,read", "--reason", "the shop", "--id", "k1"];
    let made = printed(&folder, &command);
    let (secret, name) = (made["serviceKey"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(secret.starts_with("hs_") && secret.len() == 67, "256 random bits");
    assert!(name.starts_with("service-") && name.len() == 20, "{name}");
    let again = printed(&folder, &command);
    assert_eq!((&again["status"], &again["serviceKey"]), (&json!("already_done"), &Value::Null), "printed once");
    let other = ["key", "make", "shop", "--scopes", "admin", "--reason", "r", "--id", "k1"];
    assert!(folder.refused(&other).contains("names another change"));

    // With a stack.
    let stack = folder.start();
    printed(&folder, &["key", "make", "job", "--scopes", "grant", "--reason", "r"]);
    assert_eq!(states(&folder), ["shop [read,spend] live", "job [grant] live"]);
    let row = &stack.journal("manual#k1")[0]["facts"]["M"];
    let facts = ["author", "reason", "name", "scopes"].map(|fact| row[fact]["S"].as_str().unwrap());
    assert_eq!(facts, ["tester", "the shop", "shop", "read,spend"]);

    let revoke = ["key", "revoke", name, "--reason", "leaked", "--id", "r1"];
    assert_eq!(printed(&folder, &revoke)["status"], "done");
    assert_eq!(printed(&folder, &revoke)["status"], "already_done");
    assert!(folder.refused(&["key", "revoke", name, "--reason", "r", "--id", "r2"]).contains("is revoked already"));
    assert!(folder.refused(&["key", "revoke", "service-0", "--reason", "r"]).contains("there is no service key"));
    assert_eq!(states(&folder), ["shop [read,spend] revoked", "job [grant] live"]);
    assert!(folder.fails(2, &["key", "make", "a b", "--scopes", "read", "--reason", "r"]).contains("the key's name"));
    assert!(folder.fails(2, &["key", "make", "a", "--scopes", "write", "--reason", "r"]).contains("--scopes write"));

    // The text of a key is not in the store.
    assert!(!Value::from(stack.journal("")).to_string().contains(secret));
    assert_eq!(folder.run(&["audit"]).code, Some(0));
}

/// A shop's server makes a key of a buyer's that ends by itself, and the buyer's page is there.
#[test]
fn link_of_the_page_is_made() {
    for page in [include_str!("../../../docs/buyers-page.md"), include_str!("../../../docs/buyers-page.zh.md")] {
        let script = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        let folder = Folder::new();
        let stack = folder.start();
        let address = format!("http://{}", stack.address());
        assert!(script.contains("http://127.0.0.1:9000/v1/keys"), "{script}");
        let script = script.replace("http://127.0.0.1:9000", &address);
        let printed = done(&folder, &format!("set -e\n{JQ}\n{script}\ncurl -s {address}/me"));
        for part in [r#""worksUntil":""#, r#""secret":"hk_"#, r#"<script src="me/page.js" defer></script>"#] {
            assert!(printed.contains(part), "{part}: {printed}");
        }
    }
}
