//! Test fixture: the stack's empty tables in the embedded DynamoDB, and ledgers that write to them.

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use embedded::{DATA_YAML, Engine, Template};
use idempotency::{DynamoLedger, Tables};
use ledger::{AttemptMark, CallContext, Deadline, Origin, Timestamp};
use tempfile::TempDir;

use crate::faults::Store;
use crate::{Books, Fault, Faults, LoadedStore, Rules};

pub const STAGE: &str = "local";
const SNAPSHOT: &str = "store";

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| Template::parse(DATA_YAML, &[("Stage", STAGE)]).unwrap());

/// 2026-01-01T00:00:00Z, the time of every test.
const NOW_MS: i64 = 1_767_225_600_000;

#[derive(Debug, Clone)]
pub struct World {
    pub engine: Engine,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    pub fn new() -> Self {
        let engine = Engine::memory().unwrap();
        engine.create_tables(&TEMPLATE).unwrap();
        Self { engine }
    }

    /// The ledger of a warm process, without faults. `seed` seeds the jitter of its retries.
    pub fn ledger(&self, seed: u64) -> DynamoLedger {
        DynamoLedger::new(&self.engine.sdk_config(), Tables::of_stage(STAGE), fastrand::Rng::with_seed(seed))
    }

    /// The ledger of a process whose calls fail by `plan`, which gets the number of the call, from 0, and the
    /// operation.
    pub fn faulty(&self, seed: u64, plan: impl FnMut(usize, &str) -> Fault + Send + 'static) -> (DynamoLedger, Faults) {
        let faults = Faults::new(Store::Engine(self.engine.clone()), plan);
        let sdk = embedded::sdk_config(faults.client());
        (DynamoLedger::new(&sdk, Tables::of_stage(STAGE), fastrand::Rng::with_seed(seed)), faults)
    }

    /// The same tables behind DynamoDB's limits and latencies. `seed` seeds the latencies.
    pub fn under_load(&self, seed: u64, rules: Rules) -> LoadedStore {
        LoadedStore::new(self.engine.clone(), &TEMPLATE, seed, rules)
    }

    pub fn books(&self) -> Books {
        Books::read(&self.engine)
    }

    /// To start any number of worlds from what this one holds now.
    pub fn snapshot(&self) -> Snapshot {
        let folder = TempDir::new().unwrap();
        self.engine.save(&folder.path().join(SNAPSHOT)).unwrap();
        Snapshot(folder)
    }
}

/// What a world held at a moment.
#[derive(Debug)]
pub struct Snapshot(TempDir);

impl Snapshot {
    /// A world that holds the same, and shares nothing with another.
    pub fn world(&self) -> World {
        World { engine: Engine::restored(&self.0.path().join(SNAPSHOT)).unwrap() }
    }
}

impl LoadedStore {
    /// As [`World::ledger`].
    pub fn ledger(&self, seed: u64) -> DynamoLedger {
        DynamoLedger::new(&self.sdk_config(), Tables::of_stage(STAGE), fastrand::Rng::with_seed(seed))
    }

    /// As [`World::faulty`]: faults between a process and this store.
    pub fn faulty(&self, seed: u64, plan: impl FnMut(usize, &str) -> Fault + Send + 'static) -> (DynamoLedger, Faults) {
        let faults = Faults::new(Store::Loaded(self.clone()), plan);
        let sdk = embedded::sdk_config(faults.client());
        (DynamoLedger::new(&sdk, Tables::of_stage(STAGE), fastrand::Rng::with_seed(seed)), faults)
    }
}

pub fn now() -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS).unwrap()
}

/// Randomness for order numbers, the same for the same seed.
pub fn seeded_bits(seed: u64) -> impl Fn() -> Option<u128> + Send + Sync {
    let rng = Mutex::new(fastrand::Rng::with_seed(seed));
    move || Some(rng.lock().unwrap().u128(..))
}

pub fn mark(number: u64) -> AttemptMark {
    AttemptMark::from_random(number)
}

/// The context of a call with four seconds, without a body.
pub fn context(attempt: u64) -> CallContext<'static> {
    CallContext {
        attempt: mark(attempt),
        received_at: now(),
        received: instant(),
        first_received_at: now(),
        deadline: deadline(Duration::from_secs(4)),
        origin: Origin::Call,
        body: None,
    }
}

/// A deadline by tokio's clock, which a test can pause.
pub fn deadline(patience: Duration) -> Deadline {
    Deadline(instant().checked_add(patience).unwrap())
}

/// Now, by the same clock.
#[expect(clippy::disallowed_methods, reason = "this is the tests' edge")]
pub fn instant() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
