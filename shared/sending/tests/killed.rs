//! A sender whose process is killed at a random moment, again and again: what it has taken reaches the receiver.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ledger::Timestamp;
use sending::{Endpoint, Event, FileOutbox, Sender, Signature};

const SECRET: &str = "7c1e5b0a94d2f386b1e07a5d3c98f246";
const URL: &str = "SENDER_URL";
const FOLDER: &str = "SENDER_FOLDER";
const FIRST: &str = "SENDER_FIRST";
/// Lines of the child begin with it: the harness prints others.
const TAKEN: &str = "taken ";

fn now() -> Timestamp {
    Timestamp::from_unix(1_767_225_600).unwrap()
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(url, Signature::hmac(SECRET).unwrap()).unwrap()
}

/// The process that is killed: it sends as fast as it can, and prints the id of each event that was taken.
#[tokio::test]
#[ignore = "the other test starts it as a process of its own"]
#[expect(clippy::disallowed_methods, reason = "the test's own variables")]
async fn child() {
    let [url, folder, first] = [URL, FOLDER, FIRST].map(|name| std::env::var(name).unwrap());
    let sender = Sender::start(endpoint(&url), FileOutbox::open(Path::new(&folder)).await.unwrap(), now);
    for number in first.parse::<usize>().unwrap().. {
        let id = format!("evt_{number}");
        sender.send(Event { body: format!("{{\"eventId\":\"{id}\"}}"), id: id.clone() }).await.unwrap();
        println!("{TAKEN}{id}");
    }
}

#[test]
fn killed_process_loses_nothing() {
    const KILLS: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let (url, received) = receiver();
    let mut taken = BTreeSet::new();
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .envs([(URL, url.as_str()), (FOLDER, folder.path().to_str().unwrap())])
            .env(FIRST, (kill * 100_000).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // A line may follow the harness's own on the same row.
        let mut ids = lines.filter_map(|line| Some(line.split_once(TAKEN)?.1.to_owned()));
        taken.extend(ids.by_ref().take(30 + 17 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had printed when it died.
        taken.extend(ids);
    }
    let before = received.lock().unwrap().len();
    assert!(taken.len() >= 30 * KILLS && before < taken.len(), "{before} of {}: it dies with work left", taken.len());

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = Sender::start(endpoint(&url), FileOutbox::open(folder.path()).await.unwrap(), now);
        for _ in 0..600 {
            if sender.outbox().waiting().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sender.stop(Duration::from_secs(10)).await;
    });
    let received = received.lock().unwrap().clone();
    assert_eq!(taken.difference(&received).collect::<Vec<_>>(), Vec::<&String>::new(), "of {}", taken.len());
}

/// A receiver that takes some time for each event. What it has seen, by id.
fn receiver() -> (String, Arc<Mutex<BTreeSet<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, received) = (format!("http://{}/events", listener.local_addr().unwrap()), Arc::default());
    let seen = Arc::clone(&received);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, seen) = (client.unwrap(), Arc::clone(&seen));
            thread::spawn(move || answer(client, &seen));
        }
    });
    (url, received)
}

/// Answers requests until the sender closes, or dies.
fn answer(client: TcpStream, seen: &Mutex<BTreeSet<String>>) -> Option<()> {
    let mut reader = BufReader::new(client);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            (reader.read_line(&mut line).ok()? > 0).then_some(())?;
            if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = bytes.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        thread::sleep(Duration::from_millis(20));
        let body = String::from_utf8(body).ok()?;
        seen.lock().unwrap().insert(body.trim_start_matches("{\"eventId\":\"").trim_end_matches("\"}").to_owned());
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").ok()?;
    }
}
