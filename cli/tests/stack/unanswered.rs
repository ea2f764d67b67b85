//! Changes whose reply from the store is lost: a retry with the printed id finds the commit.

use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::buying::demo_key;
use crate::fulfilling::airtime;
use crate::harness::{CommandOutput, Folder, Stack, field};
use crate::operator::Operator;

const TEMPORARY: Option<i32> = Some(75);

/// A proxy before the store that forwards every request and drops the replies to transactions.
struct ReplyDropper(String);

impl ReplyDropper {
    fn before(stack: &Stack<'_>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, store) = (listener.local_addr().unwrap(), stack.address());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, store) = (client.unwrap(), store.clone());
                thread::spawn(move || relay(client, &store));
            }
        });
        Self(format!("http://{address}"))
    }

    /// Runs the commands in parallel through the proxy; each waits for its timeout.
    fn run(&self, folder: &Folder, commands: &[Vec<&str>]) -> Vec<CommandOutput> {
        let file = folder.file("local.json");
        let (text, mut running) = (std::fs::read(&file).unwrap(), folder.json("local.json"));
        running["dynamodb_url"] = json!(self.0);
        std::fs::write(&file, running.to_string()).unwrap();
        let ended = thread::scope(|scope| {
            let started: Vec<_> = commands.iter().map(|command| scope.spawn(move || folder.run(command))).collect();
            started.into_iter().map(|command| command.join().unwrap()).collect()
        });
        std::fs::write(&file, text).unwrap();
        ended
    }
}

/// Relays requests until either side closes.
fn relay(mut client: TcpStream, store: &str) {
    let own = client.local_addr().unwrap().to_string();
    let mut reader = BufReader::new(client.try_clone().unwrap());
    while let Some((head, body)) = message(&mut reader) {
        let mut to_store = TcpStream::connect(store).unwrap();
        // The stack refuses a foreign `Host`.
        to_store.write_all(head.replace(&own, store).as_bytes()).unwrap();
        to_store.write_all(&body).unwrap();
        let answer = message(&mut BufReader::new(to_store));
        if head.contains("TransactWriteItems") {
            continue;
        }
        let (head, body) = answer.unwrap();
        if client.write_all(head.as_bytes()).and_then(|()| client.write_all(&body)).is_err() {
            return;
        }
    }
}

/// Reads a head and the body of its `content-length`.
fn message(reader: &mut impl std::io::BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// The value that was printed after the option, before the commit.
fn named<'e>(ended: &'e CommandOutput, option: &str) -> &'e str {
    let first = ended.stderr.lines().next().unwrap_or_default();
    let words: Vec<&str> = first.split(' ').collect();
    assert_eq!([words[0], words[1]], ["hookledger:", option], "{}", ended.stderr);
    words[2]
}

#[test]
fn change_with_a_lost_reply_is_made_once_by_its_id() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let stack = folder.start_with(&[], &operator.environment());
    folder.stdout_of(&["account", "credit", "alice", "100", "--reason", "r", "--id", "first", "--new"]);
    let bought = stack.buy(&demo_key(&folder), &airtime("88000004"));
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    stack.becomes(&bought.number, &["unknown"]);

    let because = ["--reason", "because"];
    let of_account = |words: &[&'static str]| [&["account"], words, &because].concat();
    let commands = [
        of_account(&["credit", "alice", "12.5"]),
        of_account(&["debit", "alice", "2.5"]),
        of_account(&["overdraft", "alice", "5"]),
        of_account(&["key", "alice", "sk-1"]),
        of_account(&["referrer", "alice", "bob"]),
        of_account(&["api-key", "alice"]),
        [&["transfer", "alice", "bob", "1", "--new"], because.as_slice()].concat(),
        [&["hold", "open", "alice", "1"], because.as_slice()].concat(),
        [&["order", "resolve", &bought.number, "--as", "done"], because.as_slice()].concat(),
    ];
    let unanswered = ReplyDropper::before(&stack).run(&folder, &commands);
    let mut resolved = String::new();
    for (command, ended) in commands.iter().zip(unanswered) {
        assert_eq!(ended.code, TEMPORARY, "{command:?}: {}{}", ended.stdout, ended.stderr);
        let (option, key) = match command[0] {
            "order" => ("--order-version", format!("resolve#{}.", bought.number)),
            "hold" => ("--id", "1 is held by ".to_owned()),
            _ => ("--id", "manual#".to_owned()),
        };
        let name = named(&ended, option);
        name.clone_into(&mut resolved);
        let last = ended.stderr.lines().last().unwrap();
        assert!(last.contains("the store did not answer") && last.contains(&format!("{option} {name} ")), "{last}");
        // The change is committed, and the same command finds it.
        let again = folder.stdout_of(&[command.as_slice(), &[option, name]].concat());
        assert!(again.starts_with(&format!("already done: {key}")), "{command:?}: {again}");
    }
    let account = folder.stdout_of(&["account", "show", "alice"]);
    let state = ["balance", "overdraft", "referrer", "version"].map(|name| field(&account, name));
    assert_eq!(state, ["109", "5", "bob", "4"], "{account}");
    let order = folder.stdout_of(&["order", "show", &bought.number]);
    assert_eq!(field(&order, "fulfilment"), "done", "{order}");
    // Another verdict under the same version is refused.
    let repeated = [commands.last().unwrap().as_slice(), &["--order-version", &resolved]].concat();
    let other: Vec<&str> = repeated.iter().map(|word| if *word == "done" { "failed" } else { word }).collect();
    let line = folder.refused(&other);
    assert!(line.contains("the order changed at the same moment"), "{line}");
    // A row with fingerprint version 1 does not cover the verdict, and counts as the same change.
    let version = (resolved.parse::<u64>().unwrap() + 1).to_string();
    let fields = [("order", bought.number.as_str()), ("version", &version), ("kind", "resolve")];
    stack.store(
        "UpdateItem",
        &json!({
            "TableName": "hookledger-local-journal",
            "Key": { "id": { "S": format!("resolve#{}.{version}", bought.number) } },
            "UpdateExpression": "SET fingerprint = :f",
            "ExpressionAttributeValues": { ":f": { "S": ledger::Fingerprint::of(1, &fields).as_str() } },
        }),
    );
    assert!(folder.stdout_of(&repeated).starts_with("already done: resolve#"));
}

/// The id is printed before the commit, and the same command with it finds the result.
#[test]
fn repair_with_a_lost_reply_is_made_once_by_its_id() {
    let folder = Folder::new();
    let stack = folder.start();
    folder.stdout_of(&["account", "credit", "carol", "20", "--reason", "r", "--new"]);
    let key = demo_key(&folder);
    let [repaired, accepted, cleared] = std::array::from_fn(|_| {
        let bought = stack.buy(&key, &json!({ "product": "credits-100" }));
        assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
        bought.number
    });
    for number in [&accepted, &cleared] {
        let id = format!("data.object.id=pi_second_{number}");
        let sent = folder.run(&["send", "stripe/payment_intent_succeeded", "--order", number, "--set", &id]);
        assert!(sent.stdout.contains("refused duplicate_payment"), "{}", sent.stdout);
    }
    let broken = |table: &str, id: &str, change: &str, units: &str| {
        let request = json!({
            "TableName": format!("hookledger-local-{table}"), "Key": { "id": { "S": id } },
            "UpdateExpression": change, "ExpressionAttributeValues": { ":units": { "N": units } },
        });
        stack.store("UpdateItem", &request);
    };
    broken("accounts", "carol/credits", "ADD balance_units :units", "7");
    broken("orders", &repaired, "SET posted_units = :units", "1");

    let payment = format!("stripe#pi_second_{accepted}");
    let because = ["--reason", "because"];
    let commands = [
        [&["account", "repair", "carol", "--to-lines"], because.as_slice()].concat(),
        [&["order", "repair", &repaired, "--to-lines"], because.as_slice()].concat(),
        [&["order", "accept", &accepted, "--payment", &payment], because.as_slice()].concat(),
        [&["order", "clear", &cleared], because.as_slice()].concat(),
    ];
    let started = Instant::now();
    let unanswered = ReplyDropper::before(&stack).run(&folder, &commands);
    assert!(started.elapsed() < Duration::from_secs(30), "each waits about ten seconds");
    for (command, ended) in commands.iter().zip(unanswered) {
        assert_eq!(ended.code, TEMPORARY, "{command:?}: {}{}", ended.stdout, ended.stderr);
        let id = named(&ended, "--id");
        let last = ended.stderr.lines().last().unwrap();
        assert!(last.contains("the store did not answer") && last.contains(&format!("--id {id} ")), "{last}");
        let again = folder.stdout_of(&[command.as_slice(), &["--id", id]].concat());
        let source = if command[1] == "repair" { "repair" } else { "manual" };
        assert!(again.starts_with(&format!("already done: {source}#{id}")), "{command:?}: {again}");
    }
    assert_eq!(stack.journal("repair#").len(), 2);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "carol"]), "balance"), "20");
    assert_eq!(
        field(&folder.stdout_of(&["account", "show", "demo"]), "balance"),
        "1400",
        "one payment is accepted once"
    );
    assert_eq!(field(&folder.stdout_of(&["audit"]), "differences"), "0");
}
