//! The two stores under one set of worlds: ports in memory, which are fast, and the SDK over the embedded engine, which
//! is true.

use std::sync::Arc;
use std::time::Duration;

use testkit::{Fault, LoadedStore, MemoryLedger, Rules};

use crate::faults::{Calls, FaultKind, Side};
use crate::port::{Books, PortLedger};
use crate::retries::Retries;
use crate::stream::OrderStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    Memory,
    Engine,
}

impl StoreKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Engine => "engine",
        }
    }
}

#[derive(Debug)]
pub(crate) enum Store {
    Memory(Arc<MemoryLedger>, OrderStream),
    /// The engine behind DynamoDB's own limits and latencies.
    Engine(testkit::World, LoadedStore, OrderStream),
}

impl Store {
    pub(crate) fn new(seed: u64, kind: StoreKind) -> Self {
        match kind {
            StoreKind::Memory => Self::Memory(Arc::default(), OrderStream::of_memory()),
            StoreKind::Engine => {
                let world = testkit::World::new();
                let stream = OrderStream::of_engine(&world.engine);
                let loaded = world.under_load(seed, Rules::default());
                Self::Engine(world, loaded, stream)
            }
        }
    }

    /// The ledger of a new sandbox. `seed` seeds the jitter of its retries.
    pub(crate) fn ledger(&self, seed: u64, calls: &Calls, retries: &Arc<Retries>) -> PortLedger {
        let books = match self {
            Self::Memory(memory, stream) => Books::Memory(Arc::clone(memory), stream.clone()),
            Self::Engine(_, loaded, _) => {
                let of_network = calls.clone();
                let plan = move |_: usize, operation: &str| fault(&of_network, operation);
                Books::Engine(Arc::new(loaded.faulty(seed, plan).0.minding_pauses()))
            }
        };
        PortLedger::new(books, calls.clone(), Arc::clone(retries))
    }

    /// Whether a process knows at once what is paused. On the engine it reads that now and then.
    pub(crate) fn knows_pauses_at_once(&self) -> bool {
        matches!(self, Self::Memory(..))
    }

    pub(crate) fn books(&self) -> testkit::Books {
        match self {
            Self::Memory(memory, _) => memory.books(),
            Self::Engine(world, _, _) => world.books(),
        }
    }

    pub(crate) fn stream(&self) -> OrderStream {
        match self {
            Self::Memory(_, stream) | Self::Engine(_, _, stream) => stream.clone(),
        }
    }
}

/// The engine's fault for a call. The sandbox that is killed applies the call first, if it is to be applied.
fn fault(calls: &Calls, operation: &str) -> Fault {
    let (mark, kind) = calls.next(Side::Store, operation);
    let mut rng = mark.child(0).rng();
    let mut millis = |range: std::ops::RangeInclusive<u64>| Duration::from_millis(rng.u64(range));
    match kind {
        None | Some(FaultKind::KilledLater) => Fault::None,
        Some(FaultKind::Dropped | FaultKind::Down) => Fault::DropRequest,
        Some(FaultKind::Unanswered) => Fault::DropResponse,
        Some(FaultKind::Delayed) => Fault::Delay(millis(50..=1_500)),
        Some(FaultKind::AppliedLate) => Fault::ApplyLate(millis(500..=5_000)),
        Some(FaultKind::Disconnected) => Fault::Disconnect,
        Some(FaultKind::Reset) => Fault::Reset,
        Some(FaultKind::Throttled | FaultKind::Hot) => Fault::Throttle,
        Some(FaultKind::Conflicted) => Fault::Conflict,
        Some(FaultKind::InProgress) => Fault::InProgress,
        Some(FaultKind::ServerError) => Fault::ServerError,
        Some(FaultKind::ServerErrorApplied) => Fault::ServerErrorApplied,
        Some(FaultKind::Garbage) => Fault::Garbage,
        Some(FaultKind::Killed) => {
            calls.kill();
            Fault::DropRequest
        }
        Some(FaultKind::KilledApplied) => {
            calls.kill();
            Fault::DropResponse
        }
    }
}
