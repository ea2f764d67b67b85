//! A stack is killed between events and restarted, and the same events are sent again: each is booked once.

use std::process::{Command, Stdio};

use crate::harness::{Folder, field};

const EVENTS: usize = 300;
/// The kill comes when this many are booked and most are not.
const BOOKED_BEFORE: usize = 30;

#[test]
fn killed_stack_books_each_event_once() {
    let folder = Folder::new();
    let stack = folder.start();
    let all = EVENTS.to_string();
    let send = ["send", "usage", "--count", &all, "--concurrency", "32", "--duplicate", "--id", "crash"];
    let mut command: Command = folder.command(&send);
    let mut sender = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let version = || stack.account("demo/credits")["version"]["N"].as_str().unwrap().parse::<usize>().unwrap();
    while version() < BOOKED_BEFORE {
        assert_eq!(sender.try_wait().unwrap(), None, "the sender ended before the kill");
    }
    stack.kill();
    assert_eq!(sender.wait().unwrap().code(), Some(69), "some of them had no reply");

    let stack = folder.start();
    let booked_before = stack.journal("usage#crash-").len();
    assert!((BOOKED_BEFORE - 1..EVENTS).contains(&booked_before), "{booked_before}");
    let output = folder.stdout_of(&send);
    assert!(
        output.contains(&format!("booked {}, repeats {},", EVENTS - booked_before, EVENTS + booked_before)),
        "{output}"
    );
    assert_eq!(stack.journal("usage#crash-").len(), EVENTS);
    let account = folder.stdout_of(&["account", "show", "demo"]);
    assert_eq!([field(&account, "balance"), field(&account, "version")], ["999.298", "301"]);
}
