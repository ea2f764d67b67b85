//! Faults: which call of which invocation fails, and how. Each call draws its fault from its own mark.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::instant;
use tokio::sync::Notify;

use crate::mark::Mark;
use crate::trace::{Kind, Trace};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// The request is lost.
    Dropped,
    /// Applied, and the reply is lost.
    Unanswered,
    /// The reply arrives late.
    Delayed,
    /// No reply; applied after the caller has given up.
    AppliedLate,
    Disconnected,
    /// Applied, and the connection breaks before the reply.
    Reset,
    Throttled,
    /// Another writer is first.
    Conflicted,
    /// The same request is in progress.
    InProgress,
    ServerError,
    /// Applied, and the reply is an error.
    ServerErrorApplied,
    /// Applied, and the reply cannot be read.
    Garbage,
    /// The sandbox dies before the request is sent.
    Killed,
    /// The sandbox dies after the call is applied.
    KilledApplied,
    /// The sandbox dies some time after the call, wherever it waits.
    KilledLater,
    /// The other side is down for hours.
    Down,
    /// The account is hot: its transactions are refused for hours, and all else is answered.
    Hot,
}

impl FaultKind {
    /// What is drawn for a single call. An outage is no draw.
    const DRAWN: [Self; 15] = [
        Self::Dropped,
        Self::Unanswered,
        Self::Delayed,
        Self::AppliedLate,
        Self::Disconnected,
        Self::Reset,
        Self::Throttled,
        Self::Conflicted,
        Self::InProgress,
        Self::ServerError,
        Self::ServerErrorApplied,
        Self::Garbage,
        Self::Killed,
        Self::KilledApplied,
        Self::KilledLater,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Unanswered => "applied, not answered",
            Self::Delayed => "delayed",
            Self::AppliedLate => "applied late",
            Self::Disconnected => "disconnected",
            Self::Reset => "reset",
            Self::Throttled => "throttled",
            Self::Conflicted => "conflicted",
            Self::InProgress => "in progress",
            Self::ServerError => "server error",
            Self::ServerErrorApplied => "applied, server error",
            Self::Garbage => "garbage",
            Self::Killed => "killed before",
            Self::KilledApplied => "killed after",
            Self::KilledLater => "killed later",
            Self::Down => "down",
            Self::Hot => "hot",
        }
    }
}

/// The other side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Store,
    Stripe,
    Epay,
    Wechat,
    Fireblocks,
    Operator,
    /// An LLM gateway, whose log is read.
    Gateway,
    /// Those that answer chats.
    Upstreams,
    /// The store of secrets.
    Secrets,
}

impl Side {
    pub(crate) const ALL: [Self; 9] = [
        Self::Store,
        Self::Stripe,
        Self::Epay,
        Self::Wechat,
        Self::Fireblocks,
        Self::Operator,
        Self::Gateway,
        Self::Upstreams,
        Self::Secrets,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Stripe => "Stripe",
            Self::Epay => "epay",
            Self::Wechat => "WeChat Pay",
            Self::Fireblocks => "Fireblocks",
            Self::Operator => "operator",
            Self::Gateway => "LLM gateway",
            Self::Upstreams => "LLM upstreams",
            Self::Secrets => "secrets",
        }
    }
}

/// One side is down for this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outage {
    pub side: Side,
    pub from: Duration,
    pub until: Duration,
}

/// What the store writes in a transaction with an account: the operations in memory, and DynamoDB's.
const TRANSACTIONS: [&str; 3] = ["commit", "amend", "TransactWriteItems"];

/// The faults of one world.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultPlan {
    /// How many of a hundred calls fail.
    pub percent: u8,
    pub outages: Vec<Outage>,
    /// When the accounts are hot: the store refuses every transaction, as one that writes an account too often.
    pub hot: Option<(Duration, Duration)>,
    /// From then on nothing fails.
    pub calm_at: Duration,
    /// Calls that do not fail although their mark draws a fault.
    pub spared: BTreeSet<Mark>,
}

/// A fault that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    pub call: Mark,
    pub kind: FaultKind,
}

/// Draws the faults of a world and remembers them.
#[derive(Debug)]
pub(crate) struct Faults {
    plan: FaultPlan,
    began: std::time::Instant,
    fired: Mutex<Vec<Fired>>,
    trace: Arc<Trace>,
}

impl Faults {
    pub(crate) fn new(plan: FaultPlan, trace: Arc<Trace>) -> Self {
        Self { plan, began: instant(), fired: Mutex::default(), trace }
    }

    pub(crate) fn fired(&self) -> Vec<Fired> {
        self.fired.lock().expect("one thread").clone()
    }

    fn draw(&self, call: Mark, side: Side, operation: &str) -> Option<FaultKind> {
        let at = instant().duration_since(self.began);
        if at >= self.plan.calm_at || self.plan.spared.contains(&call) {
            return None;
        }
        let is_down = |outage: &Outage| outage.side == side && (outage.from..outage.until).contains(&at);
        let is_transaction = side == Side::Store && TRANSACTIONS.contains(&operation);
        let is_hot = |(from, until): (Duration, Duration)| is_transaction && (from..until).contains(&at);
        let kind = if self.plan.outages.iter().any(is_down) {
            FaultKind::Down
        } else if self.plan.hot.is_some_and(is_hot) {
            FaultKind::Hot
        } else {
            let mut rng = call.rng();
            let fails = rng.u8(0..100) < self.plan.percent;
            fails.then(|| FaultKind::DRAWN[rng.usize(0..FaultKind::DRAWN.len())])?
        };
        self.fired.lock().expect("one thread").push(Fired { call, kind });
        self.trace.add(at, Kind::Fault, || format!("{}: {} {operation}", kind.as_str(), side.as_str()));
        Some(kind)
    }
}

/// The calls of one sandbox, which handles one invocation at a time.
#[derive(Debug, Clone)]
pub(crate) struct Calls(Arc<OfSandbox>);

#[derive(Debug)]
struct OfSandbox {
    faults: Arc<Faults>,
    /// The invocation, and the number of its calls so far.
    current: Mutex<(Mark, u64)>,
    killed: Notify,
    dies_after: Mutex<Option<Duration>>,
    changed: Notify,
}

impl Calls {
    pub(crate) fn new(faults: Arc<Faults>) -> Self {
        let current = Mutex::new((Mark::of_seed(0), 0));
        let (killed, changed) = (Notify::new(), Notify::new());
        Self(Arc::new(OfSandbox { faults, current, killed, dies_after: Mutex::default(), changed }))
    }

    pub(crate) fn begin(&self, invocation: Mark) {
        *self.0.current.lock().expect("one thread") = (invocation, 0);
    }

    /// The invocation that it handles.
    pub(crate) fn invocation(&self) -> Mark {
        self.0.current.lock().expect("one thread").0
    }

    /// The mark of the next call, and its fault.
    pub(crate) fn next(&self, side: Side, operation: &str) -> (Mark, Option<FaultKind>) {
        let call = {
            let mut current = self.0.current.lock().expect("one thread");
            current.1 += 1;
            current.0.child(current.1)
        };
        let kind = self.0.faults.draw(call, side, operation);
        if kind == Some(FaultKind::KilledLater) {
            let pause = Duration::from_millis(call.child(1).rng().u64(1..3_000));
            *self.0.dies_after.lock().expect("one thread") = Some(pause);
            self.0.changed.notify_one();
            return (call, None);
        }
        (call, kind)
    }

    pub(crate) fn kill(&self) {
        self.0.killed.notify_one();
    }

    /// Returns when the sandbox dies: its futures must then be dropped.
    pub(crate) async fn killed(&self) {
        tokio::select! {
            biased;
            () = self.0.killed.notified() => {}
            () = self.dies_later() => {}
        }
    }

    async fn dies_later(&self) {
        loop {
            self.0.changed.notified().await;
            let pause = self.0.dies_after.lock().expect("one thread").take();
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
                return;
            }
        }
    }
}
