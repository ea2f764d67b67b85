//! `pause` and `resume` on the books of a running stack.

use std::time::Duration;

use crate::documented::done::{commands, done, on_aws};
use crate::harness::{Folder, failure, refusal};

/// A function goes on for ten seconds, and notices with the event after.
const TRIES_MAX: u32 = 80;
const PAUSE: Duration = Duration::from_millis(500);

fn paused(folder: &Folder) -> Vec<String> {
    let list: serde_json::Value = serde_json::from_str(&folder.stdout_of(&["pause", "--list", "--json"])).unwrap();
    list["paused"].as_array().unwrap().iter().map(|pause| pause["what"].as_str().unwrap().to_owned()).collect()
}

/// Sends events until one has this outcome.
fn becomes(folder: &Folder, name: &str, expected: &str) -> String {
    for n in 1..=TRIES_MAX {
        let output = folder.run(&["send", "usage", "--id", &format!("{name}-{n}")]);
        if output.stdout.contains(expected) {
            return output.stdout;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("no event is {expected}")
}

#[test]
fn paused_source_turns_events_away_until_it_is_resumed() {
    let folder = Folder::new();
    let stack = folder.start();
    assert_eq!(folder.stdout_of(&["pause", "--list"]), "nothing is paused\n");
    let change = |args: &[&str]| {
        let ended = folder.run(&[args, &["--reason", "a test", "--author", "ann"]].concat());
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        ended.stdout
    };
    assert!(becomes(&folder, "first", "booked").starts_with("200"));
    assert!(change(&["pause", "usage", "--id", "p1"]).starts_with("done: manual#p1\n"));
    assert!(change(&["pause", "usage", "--id", "p1"]).starts_with("already done: manual#p1"));
    assert_eq!(paused(&folder), ["usage"]);
    assert!(becomes(&folder, "second", "Temporarily unavailable").starts_with("503"));
    let row = stack.journal("manual#").into_iter().find(|row| row["id"]["S"] == "manual#p1").unwrap();
    let fact = |name: &str| row["facts"]["M"][name]["S"].as_str().unwrap().to_owned();
    assert_eq!(["author", "reason", "what"].map(fact), ["ann", "a test", "usage"]);

    assert!(change(&["resume", "usage", "--id", "p2"]).starts_with("done: manual#p2\n"));
    assert!(change(&["resume", "usage", "--id", "p2"]).starts_with("already done: manual#p2"));
    assert!(paused(&folder).is_empty());
    assert!(becomes(&folder, "third", "booked").starts_with("200"));
    drop(stack);

    // Without a stack, too.
    change(&["pause", "fulfil"]);
    change(&["pause", "audit"]);
    let listed = folder.stdout_of(&["pause", "--list"]);
    assert!(listed.contains("fulfil") && listed.contains("ann") && listed.contains("a test"), "{listed}");
}

#[test]
fn wrong_pause_says_what_to_do() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    let rows: [(&[&str], &str); 5] = [
        (&["pause", "fulfil", "--reason", "r", "--id", "p1"], ""),
        (&["pause", "fulfil", "--reason", "r"], "fulfil is paused already"),
        (&["resume", "audit", "--reason", "r"], "audit is not paused"),
        (&["pause", "openrouter", "--reason", "r"], "pause it nevertheless with --accept-loss"),
        (&["resume", "fulfil", "--reason", "r", "--id", "p1"], "names another change already"),
    ];
    for (args, expected) in rows {
        let ended = folder.run(args);
        if expected.is_empty() {
            assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        } else {
            let line = refusal(ended);
            assert!(line.contains(expected), "{args:?}: {line}");
        }
    }
    let line = failure(2, folder.run(&["pause", "fulfil"]));
    assert!(line.contains("--reason is missing"), "{line}");
    let line = failure(2, folder.run(&["pause", "everything", "--reason", "r"]));
    assert!(line.contains("a source, fulfil or a sweep"), "{line}");
    folder.stdout_of(&["pause", "openrouter", "--reason", "r", "--accept-loss"]);
}

#[test]
fn source_of_the_page_is_paused_and_resumed() {
    let folder = Folder::new();
    let stack = folder.start();
    let [pause, list, resume] = &*commands("docs/operate.md", "pause stripe --reason", &[]) else { panic!() };
    done(&folder, &on_aws(&stack, pause));
    assert!(done(&folder, &on_aws(&stack, list)).contains("forged events"), "{list}");
    assert!(done(&folder, &on_aws(&stack, resume)).contains("nothing is paused"), "{resume}");
}
