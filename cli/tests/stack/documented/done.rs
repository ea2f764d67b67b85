//! Runs the commands of the other pages on a stack that has what they name: an owner, an order, an event.

use std::net::TcpStream;

use serde_json::{Value, json};

use super::page::{block, blocks, inline_commands, page, pages};
use crate::buying::demo_key;
use crate::fulfilling::airtime;
use crate::harness::{CommandOutput, Folder, Stack, field};

/// `jq`, which not every machine has, as far as the page uses it.
pub(crate) const JQ: &str = r#"jq() { python3 -c '
import functools, json, sys
print(functools.reduce(lambda value, name: value[name], sys.argv[2].split(".")[1:], json.load(sys.stdin)))' "$@"; }"#;
const LOOKS_MAX: u32 = 12_000; // A minute.
const UNKNOWN_TOP_UP: &str = "88000004";

/// The commands of a block with a test's values in place of the page's examples.
pub(crate) fn commands(name: &str, words: &str, values: &[(&str, &str)]) -> Vec<String> {
    let commands = block(name, words).commands();
    for (example, _) in values {
        assert!(commands.iter().any(|command| command.contains(example)), "{name} has no {example}");
    }
    let with_values =
        |command: String| values.iter().fold(command, |command, (example, value)| command.replace(example, value));
    commands.into_iter().map(with_values).collect()
}

/// The output of a command that must succeed.
pub(crate) fn done(folder: &Folder, command: &str) -> String {
    let CommandOutput { code, stdout, stderr } = folder.shell(command);
    assert_eq!(code, Some(0), "{command}: {stdout}{stderr}");
    stdout
}

/// The store of the stack in place of a deployed one.
pub(crate) fn on_aws(stack: &Stack<'_>, command: &str) -> String {
    let command = command.replace("--stage prod", "--stage local").replace("--stage dev", "--stage local");
    let endpoint = format!("AWS_ENDPOINT_URL_DYNAMODB=http://{}", stack.address());
    format!("export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 {endpoint}\n{command}")
}

fn ordered(stack: &Stack<'_>, key: &str, product: &Value) -> String {
    let made = stack.call("POST", "/orders", key, product);
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["orderNumber"].as_str().unwrap().to_owned()
}

/// A paid order whose top-up was answered with an error.
fn unknown_top_up(stack: &Stack<'_>, key: &str) -> String {
    let bought = stack.buy(key, &airtime(UNKNOWN_TOP_UP));
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    stack.becomes(&bought.number, &["unknown"]);
    bought.number
}

#[test]
fn json_is_read_by_a_script() {
    let folder = Folder::new();
    let _stack = folder.start();
    for name in ["docs/cli.md", "docs/cli.zh.md"] {
        let [command] = &*commands(name, "jq -r .state.balance", &[]) else { panic!("{name}") };
        assert_eq!(done(&folder, &format!("{JQ}\n{command}")), "1000\n", "{name}");
    }
}

/// The quickstart of the API, as one script.
#[test]
fn account_and_statement_of_the_page_are_read() {
    for name in ["docs/api.md", "docs/api.zh.md"] {
        let folder = Folder::new();
        let stack = folder.start();
        let script = block(name, "key make shop --scopes").text;
        let address = format!("http://{}", stack.address());
        assert!(script.contains("http://127.0.0.1:9000"), "{name}");
        let export = block(name, "statement alice --csv").text.replace("> statement.csv", "");
        let script = format!("set -e\n{JQ}\n{script}\n{export}");
        let printed = done(&folder, &script.replace("http://127.0.0.1:9000", &address));
        assert_eq!(printed.matches(r#"{"account":"alice/credits","owner":"alice","#).count(), 2, "{printed}");
        assert!(printed.contains(r#""balance":"96.8","available":"96.8","held":"0""#), "{printed}");
        assert!(printed.contains(r#""kind":"grant","amount":"100","time":""#), "{printed}");
        assert_eq!(printed.matches("time,kind,amount,asset,id\r\n").count(), 2, "{printed}");
        let last = printed.lines().last().unwrap();
        assert!(last.contains("-3.2  usage#hold.api-"), "{last}");
    }
}

#[test]
fn owner_of_the_page_is_exported_and_erased() {
    let folder = Folder::new();
    let stack = folder.start();
    let made = folder.stdout_of(&["account", "api-key", "alice", "--reason", "r", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let key = made["apiKey"].as_str().unwrap();
    let bought = stack.buy(key, &airtime("88001122"));
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    stack.becomes(&bought.number, &["done"]);
    let export = block("docs/api.md", "owner export alice").text.replace("> alice.jsonl", "");
    let export = || done(&folder, &format!("OWNER_KEY={key}\n{export}"));
    let before = export();
    assert!(before.lines().count() > 3 && before.lines().all(|line| line.starts_with(r#"{"owner":"alice","part":""#)));
    assert_eq!(before.matches(r#""phone":"88001122""#).count(), 1, "{before}");
    let [erase] = &*commands("docs/api.md", "owner erase alice", &[]) else { panic!() };
    assert!(done(&folder, erase).contains("1 orders of alice name no person"));
    assert!(!export().contains("88001122"));
}

#[test]
fn codes_are_made_redeemed_listed_and_revoked() {
    let folder = Folder::new();
    let _stack = folder.start();
    let [making, on_terms, redeeming, listing, ending] = &*commands("docs/codes.md", "code make spring 5", &[]) else {
        panic!()
    };
    done(&folder, on_terms);
    assert!(folder.stdout_of(&["code", "list", "trial"]).contains("30d, priority 5, free"), "{on_terms}");
    let made = done(&folder, making);
    let is_code = |word: &&str| word.len() == 19 && word.matches('-').count() == 3;
    let codes: Vec<&str> = made.split_whitespace().filter(is_code).collect();
    assert_eq!(codes.len(), 20, "{made}");
    let example = redeeming.split_whitespace().find(is_code).unwrap();
    assert!(done(&folder, &redeeming.replace(example, codes[0])).contains("balance    5\n"), "{redeeming}");
    assert_eq!(done(&folder, listing).matches("used up").count(), 1, "{listing}");
    done(&folder, ending);
    assert_eq!(done(&folder, listing).matches("revoked").count(), 20, "{ending}");
}

/// It needs no stack. Only the time is another.
#[test]
fn prices_of_the_page_are_calculated() {
    let folder = Folder::new();
    let [check, price] = &*block("docs/rate-card.md", "catalog price gpt-4o").commands() else { panic!() };
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/catalog.json");
    let checked = done(&folder, &check.replace("infra/catalog.json", root));
    assert!(checked.starts_with("the catalog is valid: "), "{checked}");
    let shown = blocks(&page("docs/rate-card.md"), "text").remove(0);
    let (printed, without_time) = (done(&folder, price), |text: &str| {
        let (at, charges) = text.split_once('\n').unwrap();
        let (model, row) = (at.split(' ').next().unwrap(), at.split(", by ").nth(1).unwrap());
        format!("{model} {row}\n{charges}")
    });
    assert_eq!(without_time(&printed), without_time(&shown));
    let json: Value = serde_json::from_str(&done(&folder, &format!("{price} --json"))).unwrap();
    assert_eq!([&json["cost"], &json["price"]], ["0.57", "gpt-4o*"]);
}

#[test]
fn holds_of_the_page_are_closed() {
    let folder = Folder::new();
    let _stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "20", "--reason", "trial", "--new"]);
    let outputs = ["available  15\n", "balance    16.8\n", "held       5\n", "charge 1", "available  16.8\n"];
    let commands = block("docs/holds.md", "hold settle call-1").commands();
    assert_eq!(commands.len(), outputs.len(), "{commands:?}");
    for (command, expected) in commands.iter().zip(outputs) {
        let output = done(&folder, command);
        assert!(output.contains(expected), "{command}: {output}");
    }
    // Around a call that succeeds, and one that fails.
    for (id, call, expected) in [("call-7", "echo 3", "charges 3\n"), ("call-8", "false", "is released")] {
        let script = block("docs/holds.md", "metered_call").commands().join("\n").replace("call-7", id);
        let output = done(&folder, &format!("metered_call() {{ {call}; }}\n{script}"));
        assert!(output.contains(expected), "{script}: {output}");
    }
    assert!(folder.stdout_of(&["account", "show", "alice"]).contains("balance    13.8\n"));
}

#[test]
fn budgets_of_the_page_are_set() {
    let folder = Folder::new();
    let _stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "20", "--reason", "trial", "--new"]);
    folder.stdout_of(&["account", "key", "alice", "42", "--reason", "trial"]);
    let outputs = ["0 of 5  0 of 100  0 of 1000  +08:00\n", "gateway-42  0 of 5", "0 of 5  0      0 of 1000  +08:00\n"];
    let commands = block("docs/budgets.md", "--zone +08:00").commands();
    assert_eq!(commands.len(), outputs.len(), "{commands:?}");
    for (command, expected) in commands.iter().zip(outputs) {
        let output = done(&folder, command);
        assert!(output.contains(expected), "{command}: {output}");
    }
}

#[test]
fn members_of_the_page_join_and_leave() {
    let folder = Folder::new();
    let _stack = folder.start();
    let outputs = [
        "balance    500\n",
        "alice/credits does not exist yet",
        "  gateway-42 of alice draws on team/credits\n",
        "0 of 5  0 of 100  0\n",
        "alice   gateway-42",
        "  gateway-42 is no member of team: alice pays for its uses\n",
    ];
    let commands = block("docs/members.md", "member add team alice").commands();
    assert_eq!(commands.len(), outputs.len(), "{commands:?}");
    for (command, expected) in commands.iter().zip(outputs) {
        let output = done(&folder, command);
        assert!(output.contains(expected), "{command}: {output}");
    }
}

/// Changes of accounts, and what `account show` then prints.
#[test]
fn changes_of_the_page_are_done() {
    let folder = Folder::new();
    let _stack = folder.start();
    for owner in ["alice", "bob"] {
        folder.stdout_of(&["account", "credit", owner, "20", "--reason", "trial", "--new"]);
    }
    for event in ["evt_1", "evt_2"] {
        folder.stdout_of(&["send", "usage", "--id", event, "--set", "data.creditCost=2"]);
    }
    let run = |name: &str, words: &str, outputs: &[&str]| {
        let commands = commands(name, words, &[]);
        assert_eq!(commands.len(), outputs.len(), "{name}: {words}");
        for (command, expected) in commands.iter().zip(outputs) {
            // An event is reversed once: the second command needs another one.
            let command =
                if command.contains("--amount") { command.replace("evt_1", "evt_2") } else { command.clone() };
            let output = done(&folder, &command);
            assert!(output.starts_with("done: ") && output.contains(expected), "{name}: {command}: {output}");
        }
    };
    run("docs/books.md", "transfer alice bob 15", &[""]);
    run("docs/fulfilment.md", "account referrer alice bob", &[""]);
    run("docs/providers/usage.md", "reverse usage#evt_1", &["balance    998\n", "balance    998.5\n"]);
    let policies = ["policy     postpaid", "policy     prepaid"];
    run("docs/providers/usage.md", "account policy alice postpaid", &policies);
}

#[test]
fn books_of_the_page_add_up() {
    let folder = Folder::new();
    let _stack = folder.start();
    folder.stdout_of(&["send", "usage", "--id", "evt_1"]);
    for command in commands("docs/books.md", "trial-balance", &[]) {
        let output = done(&folder, &command);
        assert!(output.contains("credits") && output.contains("customers"), "{command}: {output}");
    }
}

#[test]
fn rates_are_set_and_listed() {
    let folder = Folder::new();
    let _stack = folder.start();
    // A rate may begin within a year, and not in the past.
    let next_year = done(&folder, "date -u -d '+300 days' +%Y-%m-%d 2>/dev/null || date -u -v+300d +%Y-%m-%d");
    let values = [("2026-12-01", next_year.trim())];
    let [now, later, list] = &*commands("docs/orders.md", "rate set MNT/CNY 0.00204", &values) else { panic!() };
    done(&folder, now);
    done(&folder, later);
    let listed = done(&folder, list);
    assert!(listed.contains("0.00204") && listed.contains("0.0021"), "{listed}");
}

#[test]
fn order_is_paid_by_the_page_of_its_provider() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    let base = format!("http://{}", stack.address());
    let is_paid = |number: &str| field(&folder.stdout_of(&["order", "show", number]), "payment").to_owned();
    let values = [("$key", key.as_str()), ("http://127.0.0.1:9000", &base)];
    let [buy, send] = &*commands("docs/providers/epay.md", "send epay/notify_v1_post", &values) else { panic!() };
    let made: Value = serde_json::from_str(&done(&folder, buy)).unwrap();
    let number = made["orderNumber"].as_str().unwrap();
    assert!(done(&folder, &send.replace("HL…", number)).contains("  booked"), "{send}");
    assert_eq!(is_paid(number), "paid");

    let number = ordered(&stack, &key, &json!({ "product": "credits-1000", "provider": "wechat" }));
    let [send] = &*commands("docs/providers/wechat.md", "send wechat/v3_payment", &[("HL…", &number)]) else {
        panic!()
    };
    assert!(done(&folder, send).contains("  booked"), "{send}");
    assert_eq!(is_paid(&number), "paid");
}

#[test]
fn transfer_is_reported_by_hand() {
    let folder = Folder::new();
    let stack = folder.start();
    let reports = block("docs/providers/fireblocks.md", "send fireblocks/v2_failed").commands();
    assert_eq!(reports.len(), 2);
    for (report, status) in reports.iter().zip(["FAILED", "COMPLETED"]) {
        // The fake leaves this wallet's transfer at its signature.
        let wallet = "0x5290840009852788600f7030069857d2e4160005";
        let bought = stack.buy(&demo_key(&folder), &json!({ "product": "posx-10", "wallet": wallet }));
        assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
        let is_sent = || stack.order(&bought.number)["transfer"]["M"]["status"]["S"] == "PENDING_SIGNATURE";
        let mut looks = 0_u32;
        while !is_sent() {
            looks = looks.saturating_add(1);
            assert!(looks < LOOKS_MAX, "{}", stack.order(&bought.number));
            std::thread::sleep(crate::fulfilling::TICK);
        }
        assert!(done(&folder, &report.replace("HL…", &bought.number)).contains("  booked"), "{report}");
        assert!(folder.stdout_of(&["order", "show", &bought.number]).contains(status), "{report}");
    }
}

#[test]
fn samples_of_the_page_are_booked() {
    let folder = Folder::new();
    let _stack = folder.start();
    let mut sends = commands("docs/providers/litellm.md", "send litellm", &[]);
    sends.extend(commands("docs/providers/openrouter.md", "send openrouter", &[]));
    assert!(sends.iter().all(|send| done(&folder, send).contains("  booked")), "{sends:?}");
}

#[test]
fn unknown_top_up_is_resolved() {
    let folder = Folder::new();
    let stack = folder.start();
    let number = unknown_top_up(&stack, &demo_key(&folder));
    let [resolve] = &*commands("docs/fulfilment.md", "--as done --seq 77", &[("HL…", &number)]) else { panic!() };
    let output = done(&folder, resolve);
    assert_eq!((field(&output, "fulfilment"), field(&output, "seq")), ("done", "77"), "{output}");
}

/// The recipes of two languages give one signature, with which the stack books the page's own event.
#[test]
fn recipes_sign_what_the_stack_accepts() {
    let folder = Folder::new();
    let stack = folder.start();
    let secret = folder.json("local.json")["secrets"]["WEBHOOK_SECRET"].as_str().unwrap().to_owned();
    for (place, name) in ["docs/providers/usage.md", "docs/providers/usage.zh.md"].into_iter().enumerate() {
        let text = page(name);
        let mut event: Value = serde_json::from_str(&blocks(&text, "json")[0]).unwrap();
        event["eventId"] = json!(format!("evt_signed_{place}"));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        event["timestamp"] = json!(now);
        let body = event.to_string();
        let given = format!("export BODY='{body}' WEBHOOK_SECRET='{secret}'");
        let [recipe] = &*commands(name, "openssl dgst", &[]) else { panic!("{name}") };
        let signature = done(&folder, &format!("{given}\n{recipe}"));
        let python = &blocks(&text, "python")[0];
        let known =
            "import hashlib, hmac, os\nsecret, body = os.environ['WEBHOOK_SECRET'], os.environ['BODY'].encode()";
        let script = format!("{given}\npython3 -c \"{known}\nprint({})\"", python.trim());
        assert_eq!(done(&folder, &script), signature, "{name}");
        let headers = [("x-webhook-signature", signature.trim()), ("content-type", "application/json")];
        let answer = stack.request("POST", "/api/webhooks/events", &headers, body.as_bytes());
        assert_eq!((answer.status, &answer.body["success"]), (200, &json!(true)), "{name}: {}", answer.body);
    }
}

/// 172.17.0.1 is the machine's address where it has Docker.
#[test]
fn second_address_of_the_page_is_served() {
    let folder = Folder::new();
    let [serve] = &*commands("docs/local-lambda.md", "--also 172.17.0.1", &[("172.17.0.1", "127.0.0.2")]) else {
        panic!()
    };
    let words: Vec<&str> = serve.strip_prefix("cargo run -- ").unwrap().split(' ').collect();
    let stack = folder.start_with(&words, &[]);
    let port = stack.address().rsplit_once(':').unwrap().1.to_owned();
    assert!(TcpStream::connect(format!("127.0.0.2:{port}")).is_ok());
}

#[test]
fn inline_commands_do_what_the_page_says() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    let (first, second) = (unknown_top_up(&stack, &key), unknown_top_up(&stack, &key));
    let rows = [
        ("cargo run -- account api-key OWNER --reason R", "OWNER", "carol", 0, "hk_"),
        ("cargo run -- account show OWNER", "OWNER", "demo", 0, "balance    1000"),
        ("cargo run -- order show N", " N", &format!(" {first}"), 0, "top_up_unknown"),
        ("cargo run -- order show N --aws --stage prod", " N", &format!(" {first}"), 0, "top_up_unknown"),
        (
            "cargo run -- order resolve N --as done\\|failed\\|again --reason \"…\" --aws --stage prod",
            "N --as done\\|failed\\|again",
            &format!("{second} --as failed"),
            0,
            "fulfilment  failed",
        ),
        ("cargo run -- rate set MNT/CNY RATE --aws --stage dev --reason R", "RATE", "0.002", 0, "0.002"),
        ("cargo run -- pause --list --aws --stage prod", "", "", 0, "nothing is paused"),
        ("cargo run -- audit --aws --stage prod", "", "", 0, "differences  0"),
        // It asks before it reads, and there is no terminal.
        ("cargo run -- audit --full --aws --stage prod", "", "", 1, "confirm with --yes"),
        ("cargo run -q -- audit", "", "", 0, "differences  0"),
        ("cargo run -- audit --export PATH", "PATH", ".hookledger/none", 2, "holds no export of accounts"),
        ("cargo run -- send usage --retry", "", "", 0, "Event processed successfully"),
        // The name of a group of commands.
        ("cargo run -- order", "", "", 2, "Usage"),
    ];
    let all: Vec<String> = pages().iter().flat_map(|name| inline_commands(&page(name))).collect();
    for (command, example, value, code, expected) in rows {
        assert!(all.iter().any(|found| found == command), "no page has {command}");
        let command = if example.is_empty() { command.to_owned() } else { command.replace(example, value) };
        let ended = folder.shell(&if command.contains("--aws") { on_aws(&stack, &command) } else { command.clone() });
        let output = ended.stdout + &ended.stderr;
        assert_eq!(ended.code, Some(code), "{command}: {output}");
        assert!(output.contains(expected), "{command}: {output}");
    }
}
