//! `account` on the books of a running stack, and of a folder without one.

use serde_json::Value;

use crate::harness::{Folder, Stack, failure, field, output_of, refusal};

#[test]
fn changes_work_with_and_without_a_running_stack() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    changes(&folder, "stopped");
    let stack = folder.start();
    changes(&folder, "running");
    rows_have_author_and_reason(&stack);
}

fn changes(folder: &Folder, owner: &str) {
    let by = |args: &[&str], id: &str| {
        let id = format!("{owner}-{id}");
        let args = [&["account"], args, &["--reason", "because", "--author", "ann", "--id", &id]].concat();
        folder.run(&args)
    };
    let expect = |args: &[&str], id: &str, expected: &str| {
        let ended = by(args, id);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.starts_with(&format!("{expected}: manual#{owner}-{id}")), "{}", ended.stdout);
        ended.stdout
    };
    let line = folder.refused(&["account", "show", owner]);
    assert!(line.contains(&format!("there is no account {owner}/credits")), "{line}");

    let line = refusal(by(&["credit", owner, "12.5"], "c"));
    assert!(line.contains(&format!("there is no account {owner}/credits: check the name, or add --new")), "{line}");
    expect(&["credit", owner, "12.5", "--new"], "c", "done");
    expect(&["credit", owner, "12.5"], "c", "already done");
    assert!(refusal(by(&["credit", owner, "13"], "c")).contains("names another change"));
    expect(&["debit", owner, "2.25"], "d", "done");
    let line = refusal(by(&["debit", owner, "10.26"], "e"));
    assert!(line.contains(&format!("{owner}/credits has 10.25 available, not 10.26")), "{line}");
    expect(&["overdraft", owner, "5"], "o", "done");
    expect(&["debit", owner, "10.26"], "e", "done");
    expect(&["overdraft", owner, "5"], "o", "already done");
    let key = format!("key-{owner}");
    expect(&["key", owner, &key], "k", "done");
    let line = refusal(by(&["key", "other", &key], "l"));
    assert!(line.contains(&format!("the key {key} is {owner}'s")), "{line}");
    let shown_once = expect(&["api-key", owner], "a", "done");
    assert!(shown_once.contains("  hk_"), "{shown_once}");
    assert!(!expect(&["api-key", owner], "a", "already done").contains("hk_"));

    let account = folder.stdout_of(&["account", "show", owner]);
    let state = ["balance", "available", "overdraft", "version"].map(|name| field(&account, name));
    assert_eq!(state, ["-0.01", "4.99", "5", "3"], "{account}");
    let statement: Vec<&str> = account.lines().skip_while(|line| !line.starts_with("time")).skip(1).collect();
    assert_eq!(statement.len(), 3, "{account}");
    assert!(statement[0].ends_with(&format!("debit   -10.26  manual#{owner}-e")), "{account}");
}

fn rows_have_author_and_reason(stack: &Stack<'_>) {
    let rows = stack.journal("manual#");
    for owner in ["running", "stopped"] {
        for id in ["c", "d", "e", "o", "k", "a"] {
            let row = rows.iter().find(|row| row["id"]["S"] == format!("manual#{owner}-{id}")).unwrap();
            let fact = |name: &str| &row["facts"]["M"][name]["S"];
            assert_eq!([&row["status"]["S"], fact("author"), fact("reason")], ["processed", "ann", "because"], "{row}");
        }
    }
    let stored = Value::from(rows).to_string();
    assert!(!stored.contains("hk_"), "an API key is kept as its hash alone");
}

#[test]
fn owner_with_credits_and_a_key_can_spend() {
    let folder = Folder::new();
    let _stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "3", "--reason", "trial", "--new"]);
    folder.stdout_of(&["account", "key", "alice", "sk-7", "--reason", "trial"]);
    folder.stdout_of(&["send", "usage", "--set", "data.remoteKeyId=sk-7", "--set", "data.creditCost=3"]);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "alice"]), "balance"), "0");
}

/// A prepaid account refuses usage beyond its balance; a postpaid one books it down to its limit.
#[test]
fn postpaid_account_books_usage_down_to_its_limit() {
    let folder = Folder::new();
    let _stack = folder.start();
    let by = |args: &[&str]| folder.run(&[&["account"], args, &["--reason", "contract", "--author", "ann"]].concat());
    let refused = |args: &[&str], expected: &str| {
        let line = refusal(by(args));
        assert!(line.contains(expected), "{line}");
    };
    let state = || {
        let account = folder.stdout_of(&["account", "show", "alice"]);
        ["balance", "available", "policy", "version"].map(|name| field(&account, name).to_owned())
    };
    assert_eq!(by(&["key", "alice", "sk-7"]).code, Some(0));
    assert_eq!(by(&["key", "bob", "sk-8"]).code, Some(0));
    let send_by = |key: &str, event: &str, cost: &str| {
        let (key, cost) = (format!("data.remoteKeyId={key}"), format!("data.creditCost={cost}"));
        folder.run(&["send", "usage", "--id", event, "--set", &key, "--set", &cost]).stdout
    };
    let send = |event: &str, cost: &str| send_by("sk-7", event, cost);
    assert!(send_by("sk-8", "e1", "3").starts_with("402"));
    assert!(send_by("sk-8", "e2", "0.5").starts_with("402"));
    let account = folder.stdout_of(&["account", "show", "bob"]);
    assert_eq!(field(&account, "waiting"), "3.5 for 2 refused events", "{account}");

    let line = failure(2, by(&["policy", "alice", "prepaid", "--limit", "3"]));
    assert!(line.contains("leave it out"), "{line}");
    refused(&["policy", "alice", "postpaid", "--limit", "5"], "add --new");
    for (args, expected) in
        [(["policy", "alice", "postpaid"], "--limit"), (["policy", "alice", "later"], "prepaid or postpaid")]
    {
        let ended = by(&args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    assert_eq!(by(&["policy", "alice", "postpaid", "--limit", "5", "--new"]).code, Some(0));
    assert_eq!(state(), ["0", "5", "postpaid", "0"]);
    refused(&["overdraft", "alice", "9"], "alice/credits is postpaid");
    assert!(send("e3", "4").starts_with("200"));
    assert!(send("e4", "1.000001").starts_with("402"), "beyond the limit");
    assert!(send("e5", "1").starts_with("200"), "to the limit");
    assert_eq!(state(), ["-5", "0", "postpaid", "2"]);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "alice"]), "owed"), "5");
    assert_eq!(by(&["policy", "alice", "prepaid"]).code, Some(0));
    assert_eq!(state(), ["-5", "-5", "prepaid", "2"]);
    assert!(send("e6", "0.1").starts_with("402"));
}

/// The short names in the lines of `account keys` with this state.
fn key_names(list: &str, state: &str) -> Vec<String> {
    let lines = list.lines().skip(1).filter(|line| line.contains(state));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn rate_of_a_key_stops_the_calls_beyond_it() {
    let folder = Folder::new();
    let stack = folder.start();
    let because = ["--reason", "because", "--author", "ann"];
    let run = |args: &[&str]| folder.stdout_of(&[args, &because].concat());
    let line_of = |list: &str, id: &str| list.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
    let owner = run(&["account", "api-key", "alice", "--id", "a"]);
    let service = run(&["key", "make", "shop", "--scopes", "read", "--id", "b"]);
    let rows = [(owner, "hk_", "account", "keys", 1, 404), (service, "hs_", "key", "list", 3, 403)];
    for (made, prefix, command, list, column, status) in rows {
        let secret = made.split_whitespace().find(|word| word.starts_with(prefix)).unwrap().to_owned();
        let listed = || {
            let of: &[&str] = if command == "account" { &["account", "keys", "alice"] } else { &["key", "list"] };
            folder.stdout_of(of)
        };
        let id = listed().lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let set = |calls: &str, name: &str| {
            let of: &[&str] =
                if command == "account" { &["account", "rate", "alice", &id] } else { &["key", "rate", &id] };
            run(&[of, &[calls, "--id", name]].concat())
        };
        let output = set("2", &format!("{command}-2"));
        assert!(output.contains(&format!("{id} may make 2 calls a minute")), "{output}");
        assert_eq!(line_of(&listed(), &id).split_whitespace().nth(column), Some("2"), "{list}");
        let path = if command == "account" { "/orders/HLnone" } else { "/v1/account" };
        let authorization = format!("Bearer {secret}");
        let call = || stack.request("GET", path, &[("authorization", &authorization)], b"").status;
        // A minute may end between the calls.
        let statuses: Vec<u16> = (0..5).map(|_| call()).collect();
        assert!(statuses.contains(&429) && statuses[..2] == [status; 2], "{statuses:?}");
        let output = set("none", &format!("{command}-none"));
        assert!(output.contains(&format!("{id} has no rate")), "{output}");
        assert_ne!(line_of(&listed(), &id).split_whitespace().nth(column), Some("2"), "{list}");
    }
    for (args, expected) in [
        (["account", "rate", "alice", "gateway-1", "5"].as_slice(), "alice has no live key gateway-1"),
        (&["key", "rate", "service-1", "5"], "there is no service key service-1"),
    ] {
        let line = folder.refused(&[args, &because].concat());
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn keys_are_listed_rotated_and_revoked() {
    let folder = Folder::new();
    let stack = folder.start();
    let because = ["--reason", "because", "--author", "ann"];
    let run = |args: &[&str]| folder.stdout_of(&[&["account"], args, &because].concat());
    let secret_of = |output: &str| output.lines().find_map(|line| line.strip_prefix("  hk_")).unwrap().to_owned();
    let calls = |secret: &str| {
        let authorization = format!("Bearer hk_{secret}");
        stack.request("GET", "/orders/HLnone", &[("authorization", &authorization)], b"").status
    };
    assert_eq!(folder.stdout_of(&["account", "keys", "alice"]), "alice has no keys\n");
    let old = secret_of(&run(&["api-key", "alice", "--id", "a"]));
    run(&["key", "alice", "sk-7", "--id", "k"]);
    let [api, gateway] =
        <[String; 2]>::try_from(key_names(&folder.stdout_of(&["account", "keys", "alice"]), "live")).unwrap();
    assert!(api.starts_with("api-") && api.len() == 16 && gateway == "gateway-sk-7", "{api} {gateway}");

    // The new key works beside the old one.
    let output = run(&["rotate", "alice", &api, "--id", "b"]);
    assert!(
        output.starts_with("done: manual#b\n") && output.contains(&format!("account revoke alice {api}")),
        "{output}"
    );
    let new = secret_of(&output);
    let list = folder.stdout_of(&["account", "keys", "alice"]);
    assert_eq!(key_names(&list, "live").len(), 3, "{list}");
    assert!(!list.contains(&old) && !list.contains(&new), "no secret: {list}");
    assert_eq!(calls(&new), 404, "it is alice's, who has no such order");
    assert!(run(&["rotate", "alice", &api, "--id", "b"]).starts_with("already done: manual#b"));

    // Keys of another owner are not found, and a gateway's key cannot be rotated here.
    let rows = [
        (["revoke", "bob", &api], "bob has no live key"),
        (["revoke", "alice", "api-000000000000"], "alice has no live key api-000000000000"),
        (["rotate", "alice", &gateway], "is a key of the gateway"),
    ];
    for (args, expected) in rows {
        let line = folder.refused(&[["account"].as_slice(), &args, &because, &["--id", "x"]].concat());
        assert!(line.contains(expected), "{line}");
    }

    for (key, id) in [(&api, "r"), (&gateway, "g")] {
        assert!(run(&["revoke", "alice", key, "--id", id]).starts_with(&format!("done: manual#{id}\n")));
        assert!(run(&["revoke", "alice", key, "--id", id]).starts_with(&format!("already done: manual#{id}")));
        let line = folder.refused(
            &[["account", "revoke", "alice", key].as_slice(), &because, &["--id", &format!("again-{id}")]].concat(),
        );
        assert!(line.contains(&format!("alice has no live key {key}")), "{line}");
    }
    assert_eq!([calls(&old), calls(&new)], [401, 404]);
    let sent = folder.run(&["send", "usage", "--set", "data.remoteKeyId=sk-7"]);
    assert!(sent.stdout.starts_with("404"), "{}", sent.stdout);
    let list = folder.stdout_of(&["account", "keys", "alice"]);
    assert_eq!(key_names(&list, "revoked at 20"), [api.as_str(), &gateway], "{list}");
    assert_eq!(key_names(&list, "live").len(), 1, "{list}");
    let line = folder.refused(&[["account", "key", "bob", "sk-7"].as_slice(), &because, &["--id", "h"]].concat());
    assert!(line.contains("the key sk-7 is revoked, and a key never gets another owner"), "{line}");

    let row = stack.journal("manual#r").into_iter().find(|row| row["id"]["S"] == "manual#r").unwrap();
    let fact = |name: &str| row["facts"]["M"][name]["S"].clone();
    assert_eq!([fact("author"), fact("reason"), fact("key")], ["ann", "because", &api], "{row}");
    let stored = Value::from(stack.journal("manual#")).to_string();
    assert!(!stored.contains(&old) && !stored.contains(&new), "no secret");
}

#[test]
fn change_without_reason_or_author_is_refused() {
    let folder = Folder::new();
    let credit = ["account", "credit", "alice", "3"];
    let rows: [(&[&str], Option<i32>, &str); 6] = [
        (&[], Some(2), "--reason is missing"),
        (&["--reason", " "], Some(2), "give one line of 1 to 160 characters"),
        (&["--reason", "x"], Some(2), "give --author"),
        (&["--reason", "x", "--author", "ann", "--id", "a#b"], Some(2), "--id a#b must be 1 to 128 visible"),
        (&["--reason", "x", "--author", "ann", "--stage", "prod"], Some(2), "--aws"),
        (&["--reason", "x", "--author", "ann", "--data", "/dev/null"], Some(2), "--data"),
    ];
    for (args, code, expected) in rows {
        let mut command = folder.command(&[&credit, args].concat());
        let ended = output_of(command.env_remove("USER"));
        assert_eq!(ended.code, code, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{args:?}: {}", ended.stderr);
    }
    let amounts = [
        ("-5", "must not be negative"),
        ("1e3", "must be a plain decimal"),
        ("0.0000000001", "must have at most 9 decimals"),
        ("0", "moves nothing"),
        ("0.000", "moves nothing"),
    ];
    for (amount, expected) in amounts {
        for change in ["credit", "debit"] {
            let line = folder.fails(2, &["account", change, "alice", amount, "--reason", "x"]);
            assert!(line.contains(&format!("the amount {amount} {expected}")), "{line}");
        }
    }
}

/// No command creates books, since a folder without any is usually mistyped.
#[test]
fn folder_without_books_is_refused_and_not_created() {
    let (missing, empty) = (Folder::new(), Folder::new());
    std::fs::create_dir(empty.data()).unwrap();
    let because = ["--reason", "x", "--author", "ann"];
    let number = "HL59FD6FQBSCJHRG28V4YM6RD0PE";
    let rows: [&[&str]; 14] = [
        &["account", "show", "alice"],
        &["account", "keys", "alice"],
        &["account", "credit", "alice", "3", "--new"],
        &["account", "debit", "alice", "3", "--new"],
        &["account", "overdraft", "alice", "3", "--new"],
        &["account", "policy", "alice", "prepaid", "--new"],
        &["account", "key", "alice", "1"],
        &["account", "referrer", "alice", "bob"],
        &["account", "api-key", "alice"],
        &["account", "repair", "alice", "--to-lines"],
        &["order", "show", number],
        &["order", "clear", number],
        &["send", "stripe", "--order", number],
        &["audit"],
    ];
    for args in rows {
        let takes_reason = !(["show", "keys"].contains(&args[1..].first().copied().unwrap_or_default())
            || ["send", "audit"].contains(&args[0]));
        let args = if takes_reason { [args, &because].concat() } else { args.to_vec() };
        for folder in [&missing, &empty] {
            let line = folder.fails(69, &args);
            assert!(line.contains("there are no books in"), "{args:?}: {line}");
        }
        assert!(!missing.data().exists(), "{args:?}");
        assert_eq!(std::fs::read_dir(empty.data()).unwrap().count(), 0, "{args:?}");
    }
    // A stack with books in memory has no store, and is found by its `local.json`.
    let _stack = empty.start_with(&["--memory"], &[]);
    assert_eq!(field(&empty.stdout_of(&["account", "show", "demo"]), "balance"), "1000");
}

/// Credits that expire are shown as lots, in the order in which they are spent.
#[test]
fn credits_that_expire_are_shown_as_lots() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    let by = |args: &[&str], id: &str| {
        let args = [&["account", "credit"], args, &["--reason", "because", "--author", "ann", "--id", id]].concat();
        folder.run(&args)
    };
    assert_eq!(by(&["alice", "10", "--new"], "a").code, Some(0));
    let dated = ["alice", "3", "--expires", "90d", "--kind", "free"];
    for expected in ["done", "already done"] {
        let ended = by(&dated, "b");
        assert!(ended.stdout.starts_with(&format!("{expected}: manual#b")), "{}{}", ended.stdout, ended.stderr);
    }
    assert_eq!(by(&["alice", "2", "--expires", "1d", "--priority", "9"], "c").code, Some(0));
    let shown: Value = serde_json::from_str(&folder.stdout_of(&["account", "show", "alice", "--json"])).expect("JSON");
    let lots: Vec<String> = shown["lots"]
        .as_array()
        .expect("lots")
        .iter()
        .map(|lot| {
            let ends = if lot["expiresAt"].is_null() { "never" } else { "expires" };
            let member = |name: &str| lot[name].as_str().expect("a text").to_owned();
            format!("{} {} {} {ends}", member("remaining"), member("kind"), lot["priority"])
        })
        .collect();
    assert_eq!(lots, ["3 free 5 expires", "10 paid 5 never", "2 paid 9 expires"]);
    assert_eq!(shown["state"]["balance"], "15");
    let text = folder.stdout_of(&["account", "show", "alice"]);
    assert!(text.lines().any(|line| line.starts_with("left  kind  priority  expires")), "{text}");
    let refused = [
        (&["alice", "1", "--expires", "2020-01-01"][..], "--expires 2020-01-01 is past"),
        (&["alice", "1", "--expires", "4000d"], "--expires 4000d must be a number of days from 1d to 3653d, or a date"),
        (&["alice", "1", "--expires", "9999-01-01"], "--expires 9999-01-01 is more than ten years away"),
        (&["alice", "1", "--priority", "3"], "--expires"),
        (&["alice", "1", "--expires", "9d", "--priority", "10"], "give a whole number from 0 to 9"),
        (&["alice", "1", "--expires", "9d", "--kind", "gift"], "free"),
        (&["alice/POSX", "1", "--expires", "9d"], "alice/POSX cannot expire"),
    ];
    for (args, why) in refused {
        let line = by(args, "refused");
        assert!(line.code != Some(0) && line.stderr.contains(why), "{args:?}: {}", line.stderr);
    }
    assert_eq!(folder.stdout_of(&["account", "show", "alice"]), text, "nothing refused is booked");
}
