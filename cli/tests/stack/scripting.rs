//! The program in scripts: documented exit codes and JSON.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::harness::{CommandOutput, Folder, output_of};

const NUMBER: &str = "HL59FD6FQBSCJHRG28V4YM6RD0PE";
const BECAUSE: [&str; 2] = ["--reason", "because"];
/// The members of every change.
const CHANGED: [&str; 4] = ["status", "receipt", "processedAt", "because"];

const HOLD: [&str; 13] = [
    "id",
    "account",
    "amount",
    "use",
    "state",
    "openedAt",
    "expiresAt",
    "atExpiry",
    "closedAt",
    "cost",
    "charged",
    "chargedBefore",
    "note",
];

/// The table of docs/cli.md, each code by more than one command. `unanswered` tests 75.
#[test]
fn exit_codes_are_as_documented() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["account", "show", "demo"]).code, Some(69), "no books");
    assert_eq!(folder.run(&["send", "usage"]).code, Some(69), "no stack");
    let stack = folder.start();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let secret = folder.json("secrets.json")["WEBHOOK_SECRET"].as_str().unwrap().to_owned();
    let url = format!("http://{closed}");
    let to_closed_port = ["send", "usage", "--url", &url, "--secret", &secret];
    let rows: [(&[&str], i32); 20] = [
        (&["--help"], 0),
        (&["account", "show", "demo"], 0),
        (&["account", "credit", "demo", "1", "--reason", "x"], 0),
        (&["send", "usage"], 0),
        (&["audit"], 0),
        (&["account", "show", "dmeo"], 1),
        (&["account", "credit", "dmeo", "1", "--reason", "x"], 1),
        (&["account", "debit", "demo", "1000000", "--reason", "x"], 1),
        (&["order", "show", NUMBER], 1),
        (&["send", "stripe"], 1),
        (&["send", "usage", "--secret", "wrong-secret"], 1),
        (&[], 69),
        (&["account"], 2),
        (&["account", "credit", "demo", "1"], 2),
        (&["account", "credit", "demo", "1,5", "--reason", "x"], 2),
        (&["account", "show", "a b"], 2),
        (&["send", "nothing"], 2),
        (&["--json"], 2),
        (&to_closed_port, 69),
        (&["audit", "--export", "/nowhere"], 2),
    ];
    for (args, code) in rows {
        let ended = folder.run(args);
        assert_eq!(ended.code, Some(code), "{args:?}: {}{}", ended.stdout, ended.stderr);
    }
    assert!(stack.stop("INT").success());
}

/// The stack's own store serves as a stage on AWS. A wrong stage, region or credential is not retryable.
#[test]
fn stage_that_cannot_be_used_is_unavailable() {
    let folder = Folder::new();
    let stack = folder.start();
    let store = format!("http://{}", stack.address());
    let closed = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let known = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let run = |args: &[&str], region: Option<&str>, has_credentials: bool, endpoint: &str| {
        let mut command = folder.command(&[args, &["--aws"]].concat());
        for name in ["AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"].iter().chain(&known) {
            command.env_remove(name);
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_ENDPOINT_URL_DYNAMODB", endpoint);
        command.env("AWS_CONFIG_FILE", "/nowhere").env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
        command.envs(region.map(|region| ("AWS_REGION", region)));
        command.envs(known.iter().filter(|_| has_credentials).map(|name| (name, "test")));
        output_of(&mut command)
    };
    let show = ["account", "show", "demo"];
    let rows = [
        (None, true, &store, "local", 69, "no AWS region is set"),
        (Some("us-east-1"), false, &store, "local", 69, "there are no AWS credentials"),
        (Some("us-east-1"), true, &store, "other", 69, "check AWS_REGION, --stage, and what the credentials allow"),
        (Some("us-east-1"), true, &closed, "local", 75, "no answer from the store: run the same command again"),
        (Some("us-east-1"), true, &store, "local", 0, ""),
    ];
    for (region, has_credentials, endpoint, stage, code, expected) in rows {
        let args = [show.as_slice(), &["--stage", stage]].concat();
        let ended = run(&args, region, has_credentials, endpoint);
        assert_eq!(ended.code, Some(code), "{region:?} {stage}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    for args in [["account", "keys", "demo"].as_slice(), &["order", "show", NUMBER], &["audit"]] {
        let ended = run(&[args, &["--stage", "other"]].concat(), Some("us-east-1"), true, &store);
        assert_eq!(ended.code, Some(69), "{args:?}: {}", ended.stderr);
    }
}

fn document(folder: &Folder, args: &[&str], code: i32) -> Value {
    let CommandOutput { code: ended, stdout, stderr } = folder.run(&[args, &["--json"]].concat());
    assert_eq!(ended, Some(code), "{args:?}: {stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {stdout}"))
}

fn by(args: &[&'static str]) -> Vec<&'static str> {
    [args, &BECAUSE].concat()
}

/// Every command prints one document with the documented names on stdout; errors stay on stderr.
#[test]
fn json_is_one_document_with_documented_names() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    let bought = stack.buy(&key, &json!({ "product": "credits-100" }));
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    let number = bought.number.as_str();
    for id in ["pi_2", "pi_3"] {
        let id = format!("data.object.id={id}");
        folder.run(&["send", "stripe/payment_intent_succeeded", "--order", number, "--set", &id]);
    }
    folder.stdout_of(&["send", "stripe/charge_refunded", "--order", number]);

    let of_account = || [CHANGED.as_slice(), &["account", "state"]].concat();
    let of_member = || [CHANGED.as_slice(), &["team", "owner", "key", "member", "budget"]].concat();
    let of_order = || [CHANGED.as_slice(), &["order"]].concat();
    let rows: Vec<(Vec<&str>, Vec<&str>)> = vec![
        (
            vec!["account", "show", "demo"],
            vec![
                "account", "owner", "asset", "state", "lots", "holds", "budgets", "keys", "members", "teams",
                "waiting", "referrer", "lines",
            ],
        ),
        (by(&["account", "credit", "alice", "5", "--new"]), of_account()),
        (by(&["account", "debit", "alice", "1"]), of_account()),
        (by(&["account", "overdraft", "alice", "1"]), of_account()),
        (by(&["account", "policy", "alice", "postpaid", "--limit", "2"]), of_account()),
        (by(&["account", "key", "alice", "sk-1"]), of_account()),
        (by(&["account", "referrer", "alice", "bob"]), [CHANGED.as_slice(), &["owner", "referrer"]].concat()),
        (by(&["account", "api-key", "alice"]), [CHANGED.as_slice(), &["key", "apiKey", "replaces"]].concat()),
        (vec!["account", "keys", "alice"], vec!["owner", "keys"]),
        (by(&["member", "add", "demo", "alice", "gateway-sk-1", "--unlimited"]), of_member()),
        (vec!["member", "list", "demo"], vec!["owner", "members", "teams"]),
        (by(&["member", "remove", "demo", "alice", "gateway-sk-1"]), of_member()),
        (by(&["account", "revoke", "alice", "gateway-sk-1"]), [CHANGED.as_slice(), &["key", "left"]].concat()),
        (by(&["hold", "open", "demo", "1", "--id", "h1"]), [of_account().as_slice(), &["hold"]].concat()),
        (by(&["hold", "settle", "h1", "1"]), [of_account().as_slice(), &["hold"]].concat()),
        (vec!["hold", "list", "demo"], vec!["account", "holds"]),
        (vec!["hold", "show", "h1"], HOLD.to_vec()),
        ([&["order", "accept", number, "--payment", "pi_2"], BECAUSE.as_slice()].concat(), of_order()),
        ([&["order", "clear", number], BECAUSE.as_slice()].concat(), of_order()),
        (vec!["audit"], vec!["accounts", "lines", "orders", "unsettled", "unlisted", "differences"]),
    ];
    for (args, names) in &rows {
        let found = document(&folder, args, 0);
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort_unstable();
        assert_eq!(found.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), names, "{args:?}");
    }

    let account = document(&folder, &["account", "show", "alice"], 0);
    let state = json!({ "balance": "4", "available": "6", "held": "0", "owed": "0", "policy": "postpaid", "overdraft": "2", "version": 2 });
    assert_eq!((&account["state"], &account["referrer"]), (&state, &json!("bob")));
    assert_eq!((&account["lines"][1]["kind"], &account["lines"][1]["change"]), (&json!("credit"), &json!("5")));
    let keys = document(&folder, &["account", "keys", "alice"], 0)["keys"].clone();
    let states: Vec<&Value> = keys.as_array().unwrap().iter().map(|key| &key["state"]).collect();
    assert_eq!(states, [&json!("revoked"), &json!("live")]);

    // An order has the members and values of the API, except that its anomalies have more members here.
    let order = document(&folder, &["order", "show", number], 0);
    let api_order = stack.call("GET", &format!("/orders/{number}"), &key, &json!({})).body;
    for (name, value) in api_order.as_object().unwrap().iter().filter(|(name, _)| *name != "anomalies") {
        assert_eq!(order[name], *value, "{name}");
    }
    assert_eq!((&order["owner"], &order["refunds"], &order["disputes"]), (&json!("demo"), &json!([]), &json!([])));
    assert_eq!(order["reportedRefunds"][0]["amount"], "5.00");
    assert_eq!(order["accepted"][0]["payment"], "stripe#pi_2");
    let anomaly = order["anomalies"].as_array().unwrap().iter().find(|anomaly| anomaly["payment"] == "stripe#pi_3");
    let anomaly = anomaly.unwrap();
    assert_eq!([&anomaly["reason"], &anomaly["state"]], ["duplicate_payment", "cleared"]);
    assert_eq!([&anomaly["amount"], &anomaly["currency"], &anomaly["refunded"]], ["9.99", "USD", "0.00"]);

    // Deliveries, one by one and as totals.
    let sent = document(&folder, &["send", "stripe", "--id", "evt_2"], 1);
    assert_eq!([&sent["booked"], &sent["refused"], &sent["noReply"]], [0, 1, 0]);
    let event = &sent["events"][0];
    assert_eq!([&event["eventId"], &event["outcome"], &event["reason"]], ["evt_2", "refused", "order_unknown"]);
    let sent = document(&folder, &["send", "usage", "--count", "30"], 0);
    assert_eq!((&sent["booked"], &sent["events"]), (&json!(30), &json!([])));
    assert_eq!((&sent["replies"][0]["count"], &sent["replies"][0]["outcome"]), (&json!(30), &json!("booked")));

    // A difference and its repair.
    let broken = json!({
        "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "alice/credits" } },
        "UpdateExpression": "ADD balance_units :units", "ExpressionAttributeValues": { ":units": { "N": "7" } },
    });
    stack.store("UpdateItem", &broken);
    let found = document(&folder, &["audit"], 1);
    let repairs: Vec<&Value> =
        found["differences"].as_array().unwrap().iter().map(|difference| &difference["repair"]).collect();
    assert!(repairs.iter().all(|repair| **repair == "account repair alice/credits --to-lines"), "{found}");
    let repair = document(&folder, &by(&["account", "repair", "alice", "--to-lines"]), 0);
    assert!(repair["before"].as_str().unwrap().starts_with("balance 4"), "{repair}");
    assert_eq!(document(&folder, &["audit"], 0)["differences"], json!([]));
    assert!(document(&folder, &["event", "usage"], 0)["body"].is_string());

    // An error is a line on stderr, as without the flag.
    for (args, code) in
        [(["account", "show", "missing"], 1), (["order", "show", NUMBER], 1), (["order", "show", "#"], 2)]
    {
        let ended = folder.run(&[args.as_slice(), &["--json"]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{args:?}");
        assert!(ended.stderr.starts_with("hookledger: "), "{}", ended.stderr);
    }
}
