//! The curve as it is published, in `proof/hot-account.json`: by rate before and now, and what other policies do.

use std::fs;
use std::process::Command;
use std::time::Duration;

use idempotency::Backoff;
use serde_json::{Value, json};

use super::load::{Load, Measured, run};
use crate::house::root;

const PROOF: &str = "proof/hot-account.json";
const RATES: [u64; 6] = [10, 20, 50, 80, 100, 200];
const SECONDS: u64 = 15;
/// Above the ceiling a longer time shows nothing new, and takes longest to simulate.
const SECONDS_ABOVE: u64 = 5;
const CEILING: u64 = 110;

/// Without a bound.
const ANY: u32 = u32::MAX;
/// The bounds of the first pause and of later ones, in milliseconds, and the attempts.
type Policy = (u64, u64, u32);

/// The policy before the curve was measured.
const BEFORE: Policy = (25, 800, ANY);
/// What each policy is compared by.
const COMPARED: [(Policy, &[u64]); 5] = [
    ((25, 100, ANY), &[80, 100]),
    ((25, 200, ANY), &[80, 100]),
    ((25, 400, ANY), &[80, 100]),
    ((10, 200, ANY), &[80, 100, 200]),
    ((10, 200, 24), &[80, 100]),
];

fn backoff((first_ms, max_ms, attempts_max): Policy) -> Backoff {
    Backoff { pause_first: Duration::from_millis(first_ms), pause_max: Duration::from_millis(max_ms), attempts_max }
}

pub(super) async fn write() {
    let now = Backoff::default();
    let mut by_rate = Vec::new();
    for rate in RATES {
        for (name, policy) in [("before", backoff(BEFORE)), ("now", now)] {
            by_rate.push([vec![rate.to_string(), name.to_owned()], cells(&measured(policy, rate).await)].concat());
        }
    }
    let mut compared = Vec::new();
    for (policy, rates) in COMPARED {
        let (first_ms, max_ms, attempts_max) = policy;
        let attempts = if attempts_max == ANY { "any".to_owned() } else { attempts_max.to_string() };
        for rate in rates {
            let name = vec![first_ms.to_string(), max_ms.to_string(), attempts.clone(), rate.to_string()];
            compared.push([name, cells(&measured(backoff(policy), *rate).await)].concat());
        }
    }
    let results = ["events", "503, %", "p50, ms", "p99, ms", "attempts an event", "write units an event", "sandboxes"];
    let columns = |names: &[&'static str]| [names, &results[..]].concat();
    let proof = json!({
        "title": "One hot account by rate",
        "commit": git(&["rev-parse", "--short", "HEAD"]),
        "date": git(&["show", "-s", "--format=%cs", "HEAD"]),
        "machine": "any: time is virtual",
        "command": "cargo test -p tests --test all hot_account -- --ignored",
        "text": [
            "Usage events of one account arrive at random at the function's handler, in sandboxes with one event at a \
             time, over the store under load of tests/README.md, without its burst. An event that gets 503 is not sent \
             again. A transaction takes 8 ms in the median and 8.9 ms on average, and holds the account for that time, so \
             that one account can book about 112 events a second.",
            format!(
                "Pauses double from a random one below {} ms to one below {} ms, and a call has {} attempts. Shorter \
                 pauses find the account free sooner: below the ceiling they cost no more attempts. The bound on attempts \
                 counts above the ceiling, where each attempt costs write units and books nothing.",
                now.pause_first.as_millis(),
                now.pause_max.as_millis(),
                now.attempts_max,
            ),
        ],
        "tables": [
            {
                "caption": "By rate, with the policy before and now",
                "columns": columns(&["events a second", "policy"]),
                "rows": by_rate,
            },
            {
                "caption": "Other policies",
                "columns": columns(&["first pause, ms", "longest pause, ms", "attempts", "events a second"]),
                "rows": compared,
            },
        ],
    });
    fs::create_dir_all(root().join("proof")).expect("a folder");
    fs::write(root().join(PROOF), serde_json::to_string_pretty(&proof).expect("JSON") + "\n").expect("written");
}

#[expect(clippy::print_stdout, reason = "the progress of a run by hand")]
async fn measured(backoff: Backoff, rate: u64) -> Measured {
    let seconds = if rate < CEILING { SECONDS } else { SECONDS_ABOVE };
    let measured = run(Load { rate, seconds, backoff, seed: 1 }).await;
    println!("{backoff:?} {rate}/s: {:?}", cells(&measured));
    measured
}

fn cells(measured: &Measured) -> Vec<String> {
    let hundredths = |number: u64| format!("{}.{:02}", number / 100, number % 100);
    let per_event = |count: u64| hundredths(count * 100 / measured.events());
    vec![
        measured.events().to_string(),
        hundredths(measured.failures * 10_000 / measured.events()),
        measured.p50().as_millis().to_string(),
        measured.p99().as_millis().to_string(),
        per_event(measured.attempts),
        per_event(measured.write_units),
        measured.sandboxes.to_string(),
    ]
}

fn git(arguments: &[&str]) -> Value {
    let output = Command::new("git").args(arguments).current_dir(root()).output().expect("git runs");
    String::from_utf8(output.stdout).expect("text").trim().into()
}
