//! Killed in the middle, started again, and sent the same events again: each is booked once.

use std::process::{Command, Stdio};

use crate::harness::{Folder, shown};

const EVENTS: usize = 300;
/// In the middle: some are booked, and most are not.
const BOOKED_BEFORE: usize = 30;

#[test]
fn a_stack_that_is_killed_loses_and_doubles_nothing() {
    let folder = Folder::new();
    let stack = folder.start();
    let all = EVENTS.to_string();
    let send = ["send", "usage", "--count", &all, "--concurrency", "32", "--duplicate", "--id", "crash"];
    let mut command: Command = folder.command(&send);
    let mut sender = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let version = || stack.account("demo/credits")["version"]["N"].as_str().unwrap().parse::<usize>().unwrap();
    while version() < BOOKED_BEFORE {
        assert_eq!(sender.try_wait().unwrap(), None, "nothing is booked any more");
    }
    stack.kill();
    assert_eq!(sender.wait().unwrap().code(), Some(69), "some of them had no reply");

    let stack = folder.start();
    let booked_before = stack.journal("usage#crash-").len();
    assert!((BOOKED_BEFORE - 1..EVENTS).contains(&booked_before), "{booked_before}");
    let told = folder.told(&send);
    assert!(
        told.contains(&format!("booked {}, repeats {},", EVENTS - booked_before, EVENTS + booked_before)),
        "{told}"
    );
    assert_eq!(stack.journal("usage#crash-").len(), EVENTS);
    let account = folder.told(&["account", "show", "demo"]);
    assert_eq!([shown(&account, "balance"), shown(&account, "version")], ["999.298", "301"]);
}
