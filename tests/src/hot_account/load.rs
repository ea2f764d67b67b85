//! Events of one account at a rate, each in a sandbox of its own, as Lambda runs them: a sandbox that is free takes the
//! next event, and otherwise a new one starts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edge::Service as _;
use idempotency::{Backoff, DynamoLedger, Tables};
use testkit::{LoadedStore, Rules, STAGE, World, now, usage};
use tokio::task::JoinSet;
use tokio::time::sleep;
use usage::Usage;
use webhook::{Admission, Function};

use crate::sandbox::{function, moment_at, open_account, signed};

#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Events a second, on average; they arrive at random.
    pub(super) rate: u64,
    pub(super) seconds: u64,
    pub(super) backoff: Backoff,
    pub(super) seed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Of every event, in ascending order: from its arrival to the reply.
    latencies: Vec<Duration>,
    /// Events that the function answered with 503.
    pub(super) failures: u64,
    /// Transactions that were sent.
    pub(super) attempts: u64,
    pub(super) write_units: u64,
    pub(super) sandboxes: u64,
}

impl Measured {
    pub(super) fn events(&self) -> u64 {
        u64::try_from(self.latencies.len()).expect("a count")
    }

    pub(super) fn p50(&self) -> Duration {
        self.latencies[self.latencies.len() / 2]
    }

    pub(super) fn p99(&self) -> Duration {
        self.latencies[self.latencies.len() * 99 / 100]
    }
}

type Sandbox = Arc<Function<Usage, DynamoLedger>>;

#[derive(Default)]
struct Fleet {
    idle: Vec<Sandbox>,
    sandboxes: u64,
    measured: Measured,
}

/// Ends when the last event is answered. The rate is below one event a millisecond.
pub(super) async fn run(load: Load) -> Measured {
    let world = World::new();
    open_account(&world, "alice", "k1", "1000000").await;
    // Burst capacity is not guaranteed, and a hot account stays hot for longer than it lasts.
    let store = world.under_load(load.seed, Rules::default().without_burst());
    let fleet = Arc::new(Mutex::new(Fleet::default()));
    let mut rng = fastrand::Rng::with_seed(load.seed);
    let mut events = JoinSet::new();
    for ms in 0..load.seconds * 1_000 {
        if rng.u64(0..1_000) < load.rate {
            let (fleet, store) = (Arc::clone(&fleet), store.clone());
            events.spawn(async move { deliver(&fleet, &store, ms, load).await });
        }
        sleep(Duration::from_millis(1)).await;
    }
    events.join_all().await;
    let mut fleet = std::mem::take(&mut *fleet.lock().expect("a fleet"));
    fleet.measured.latencies.sort_unstable();
    let counts = store.counts();
    let books = world.books();
    books.check();
    let booked = i128::from(fleet.measured.events() - fleet.measured.failures);
    assert!(books.balance("alice/credits") <= (1_000_000 - booked) * 1_000_000_000, "each success is booked");
    Measured {
        attempts: counts.calls_of("TransactWriteItems"),
        write_units: counts.write_units(),
        sandboxes: fleet.sandboxes,
        ..fleet.measured
    }
}

async fn deliver(fleet: &Mutex<Fleet>, store: &LoadedStore, ms: u64, load: Load) {
    let idle = fleet.lock().expect("a fleet").idle.pop();
    let sandbox = if let Some(sandbox) = idle { sandbox } else { start(fleet, store, load).await };
    let invocation = moment_at(ms, now().plus_seconds(i64::try_from(ms / 1_000).expect("seconds")));
    let body = usage(&format!("e{ms}"), "k1", "1").to_string();
    let reply = sandbox.answer(&signed(&body), &invocation).await;
    let latency = testkit::instant().duration_since(invocation.started);
    let mut fleet = fleet.lock().expect("a fleet");
    assert!([200, 503].contains(&reply.status), "{}: {}", reply.status, reply.body);
    fleet.measured.failures += u64::from(reply.status == 503);
    fleet.measured.latencies.push(latency);
    fleet.idle.push(sandbox);
}

async fn start(fleet: &Mutex<Fleet>, store: &LoadedStore, load: Load) -> Sandbox {
    let number = {
        let mut fleet = fleet.lock().expect("a fleet");
        fleet.sandboxes += 1;
        fleet.sandboxes
    };
    // Neighbouring seeds give similar pauses, and a sandbox has none like another's.
    let seed = fastrand::Rng::with_seed(load.seed * 1_000_000 + number).fork().u64(..);
    let (tables, rng) = (Tables::of_stage(STAGE), fastrand::Rng::with_seed(seed));
    let ledger = DynamoLedger::with_backoff(&store.sdk_config(), tables, rng, load.backoff);
    Arc::new(function(ledger, Admission::default()).await)
}
