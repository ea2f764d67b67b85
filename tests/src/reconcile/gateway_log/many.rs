//! Many rows: how long the runs take, and what a run holds in memory.

use ledger::{CallerKey, Effect, Entry, Guard, House, MoneyKey, Movement, Owner, Posting, Writer};
use testkit::{MemoryLedger, Rules, instant};

use super::*;
use crate::sandbox::amount;

const ROWS: u32 = 100_000;
/// How long a run has, and after which it ends.
const RUN_WITHIN: Duration = Duration::from_secs(50);
/// Of two pages, their rows and the answers to their keys, several times over.
const HELD_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Of a page, as a gateway nearby answers.
const ANSWER: Duration = Duration::from_millis(50);

async fn books() -> MemoryLedger {
    let ledger = MemoryLedger::default();
    let owner = Owner::new("alice").expect("an owner");
    let receipt = EventKey::new(Writer::Manual, "begin").expect("an id");
    let posting = Posting::to_customer(owner.account(ledger::Asset::CREDITS), House::Manual, amount("1000000"));
    let key = MoneyKey::of_event(&receipt);
    let given = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
    let bound = Effect::Bind { key: CallerKey::remote("1").expect("a key"), owner };
    let header = JournalHeader {
        receipt,
        writer: Writer::Manual,
        kind: "manual",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("id", "begin")]).into(),
        order: None,
    };
    let effects = vec![bound, Effect::Move(given)];
    let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
    ledger.commit(&decision, &context(0)).await.expect("booked");
    ledger
}

/// A worker over the books, which a run of an hour ago has left at the first row.
async fn worker(gateway: &Gateway, ledger: &MemoryLedger) -> Reconcile<MemoryLedger> {
    let place = at(-1).unix_s().to_string();
    ledger.save_sweep_cursor(Sweep::GatewayLog, Some(&place), &context(1)).await.expect("a place");
    let api = gateway.api(NEW_API_TOKEN).await;
    Reconcile { gateway: Some(api), usage: source(), ..of_stripe::reconcile(ledger.clone(), &[]) }
}

/// Runs until all is read. Returns the sum of their reports, and the number of runs.
async fn read_all(worker: &Reconcile<MemoryLedger>, first: u64) -> (PullReport, u64) {
    let mut sum = PullReport::default();
    for runs in 1..20 {
        let began = instant();
        let after_s = HOUR + i64::try_from(runs).expect("few") * EVERY;
        let Report::GatewayLog(report) = worker.work(GATEWAY_LOG, &run_at(first + runs, after_s)).await.expect("a run")
        else {
            panic!("another sweep")
        };
        let took = instant().duration_since(began);
        assert!(took <= RUN_WITHIN, "run {runs} takes {took:?}");
        sum = PullReport { booked: sum.booked + report.booked, known: sum.known + report.known, ..sum };
        if !report.is_cut_short {
            return (sum, runs);
        }
    }
    panic!("{sum:?}");
}

/// The most memory that this process has held since [`forget_peak`], in bytes. Linux alone counts it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

fn forget_peak() {
    // Where it cannot be done, the peak is that of the whole test, and does not grow either.
    _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Each run ends in time, the next goes on at its page, and no row is booked twice. Reading all of them again takes no
/// more memory than some pages.
#[tokio::test(start_paused = true)]
#[ignore = "a hundred thousand rows, which `.ci/full` runs"]
async fn hundred_thousand_rows_are_booked_in_bounded_time_and_memory() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    for number in 0..ROWS {
        gateway.log(logged(&format!("r{number}"), at(i64::from(number / 50))));
    }
    gateway.net.fail(|_, _| NetFault::DelayReply(ANSWER));
    let ledger = books().await;
    let (booked, runs) = read_all(&worker(&gateway, &ledger).await, 7_000).await;
    assert_eq!(booked.booked, ROWS);
    let again = worker(&gateway, &ledger).await;
    forget_peak();
    let before = peak_bytes();
    let (known, more_runs) = read_all(&again, 8_000).await;
    assert_eq!((known.booked, known.known >= ROWS), (0, true), "{known:?}");
    if let (Some(before), Some(after)) = (before, peak_bytes()) {
        let held = after.saturating_sub(before);
        assert!(held <= HELD_BYTES_MAX, "{held} bytes");
        println!("{ROWS} rows: booked in {runs} runs, read again in {more_runs}, which held {} KiB", held / 1024);
    }
}

/// With DynamoDB's limits and latencies: the rows of one key follow each other, those of others do not wait for them.
#[tokio::test(start_paused = true)]
async fn rows_of_many_keys_are_booked_at_once() {
    for (keys, rows, within) in [(1, 200, Duration::from_secs(4)), (20, 1_000, Duration::from_secs(5))] {
        let gateway = Gateway::new(Dialect::NewApi).await;
        for key in 2..=keys {
            open_account(&gateway.world, &format!("owner-{key}"), &key.to_string(), "1000").await;
        }
        for number in 0..rows {
            let second = at(i64::from(number / 50));
            gateway.log(Logged { token_id: u64::from(number % keys) + 1, ..logged(&format!("r{number}"), second) });
        }
        let store = gateway.world.under_load(1, Rules::default().without_burst());
        let began = instant();
        let report = gateway.run_over(store.ledger(1), EVERY).await.expect("a run");
        let took = instant().duration_since(began);
        assert_eq!(report, PullReport { booked: rows, ..read(rows) });
        println!("{rows} rows of {keys} keys take {took:?}");
        assert!(took <= within, "{rows} rows of {keys} keys take {took:?}");
    }
}
