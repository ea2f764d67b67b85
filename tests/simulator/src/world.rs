//! One world: the store, the sandboxes of every function, the clock, and what has happened so far.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use edge::{Invocation, Worker as _};
use ledger::{
    AttemptMark, CallContext, CommitError, Committed, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader,
    Ledger as _, Sweep, Timestamp, Writer,
};
use testkit::{context, deadline, instant, now};
use tokio::time::sleep;

use crate::assemble::{
    ChatFunction, CheckoutFunction, CreditsFunction, EpayFunction, FireblocksFunction, FulfilFunction, LitellmFunction,
    OrdersFunction, ReconcileFunction, StripeFunction, UsageFunction, WechatFunction,
};
use crate::faults::{Calls, FaultPlan, Faults};
use crate::mark::Mark;
use crate::net::{Fakes, Nets};
use crate::outbox::Outbox;
use crate::port::PortLedger;
use crate::retries::Retries;
use crate::sandbox::{Deployed, Optional, Parts, Pool, Sandbox, WechatInterface};
use crate::secrets::Secrets;
use crate::store::{Store, StoreKind};
use crate::stream::OrderStream;
use crate::trace::{Kind, Lines, Trace};

/// How long Lambda lets an invocation run beyond the function's own deadline.
const LAMBDA_MARGIN: Duration = Duration::from_secs(2);
/// Lambda ends a sandbox that takes longer to start.
const INIT_MAX: Duration = Duration::from_secs(10);
/// A person gives a command up after this.
const COMMAND_MAX: Duration = Duration::from_mins(1);
/// Wall clocks of sandboxes are off by up to this, mostly by much less.
const SKEW_MS_MAX: i64 = 20_000;

/// The warm sandboxes of each function.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pub(crate) usage: Pool<UsageFunction>,
    pub(crate) litellm: Pool<LitellmFunction>,
    pub(crate) stripe: Pool<StripeFunction>,
    pub(crate) epay: Pool<EpayFunction>,
    pub(crate) wechat: Pool<WechatFunction>,
    pub(crate) fireblocks: Pool<FireblocksFunction>,
    pub(crate) checkout: Pool<CheckoutFunction>,
    pub(crate) orders: Pool<OrdersFunction>,
    pub(crate) credits: Pool<CreditsFunction>,
    pub(crate) chat: Pool<ChatFunction>,
    pub(crate) fulfil: Pool<FulfilFunction>,
    pub(crate) reconcile: Pool<ReconcileFunction>,
}

/// What senders have seen of our answers.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Payments at Stripe, by payment intent, whose success we have acknowledged.
    pub(crate) paid: BTreeSet<String>,
    /// Payments whose refund we have acknowledged after their success, each with the operator's calls by order a minute
    /// later.
    pub(crate) refunded: BTreeMap<String, BTreeMap<String, u64>>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) pools: Pools,
    pub(crate) fakes: Fakes,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) retries: Arc<Retries>,
    pub(crate) stream: OrderStream,
    pub(crate) faults: Arc<Faults>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) secrets: Secrets,
    /// While Stripe's endpoint is disabled, it delivers nothing, and only the backfill finds what happened.
    pub(crate) disabled: Option<(Duration, Duration)>,
    /// What senders have seen of our answers.
    seen: Mutex<Seen>,
    optional: Optional,
    /// How far the rotation of Fireblocks' keys is.
    pub(crate) custodian_step: Cell<usize>,
    mark: Mark,
    began: std::time::Instant,
    /// The ledger of the people who keep the books. Its calls do not fail.
    by_hand: PortLedger,
}

/// What a world has beside its actors.
pub(crate) struct Setting {
    pub(crate) faults: FaultPlan,
    /// When Stripe's endpoint is disabled.
    pub(crate) disabled: Option<(Duration, Duration)>,
    pub(crate) has_rotation: bool,
    pub(crate) optional: Optional,
}

impl World {
    pub(crate) fn new(seed: u64, kind: StoreKind, setting: &Setting, lines: Lines) -> Self {
        let trace = Arc::new(Trace::new(lines));
        let store = Store::new(seed, kind);
        let calm = Calls::new(Arc::new(Faults::new(FaultPlan::default(), Arc::clone(&trace))));
        let retries = Arc::default();
        let by_hand = store.ledger(seed, &calm, &retries);
        let faults = Arc::new(Faults::new(setting.faults.clone(), Arc::clone(&trace)));
        Self {
            stream: store.stream(),
            store,
            pools: Pools::default(),
            fakes: Fakes::new(),
            outbox: Arc::default(),
            retries,
            faults,
            trace,
            secrets: Secrets::new(setting.has_rotation),
            disabled: setting.disabled,
            seen: Mutex::default(),
            custodian_step: Cell::new(0),
            optional: setting.optional,
            mark: Mark::of_seed(seed),
            began: instant(),
            by_hand,
        }
    }

    /// The time since the world began.
    pub(crate) fn elapsed(&self) -> Duration {
        instant().duration_since(self.began)
    }

    pub(crate) fn now(&self) -> Timestamp {
        now().plus(self.elapsed())
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.now().unix_s()
    }

    /// The mark of something that has a name of its own.
    pub(crate) fn mark_of(&self, name: &str) -> Mark {
        name.bytes().fold(self.mark, |mark, byte| mark.child(byte.into()))
    }

    /// Whether no webhook and no record of the stream is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.stream.is_idle()
    }

    /// The context of a person's call.
    pub(crate) fn context(&self) -> CallContext<'static> {
        CallContext { received_at: self.now(), ..context(self.mark.number()) }
    }

    /// A command of a person, with time enough.
    pub(crate) fn by_hand_invocation(&self) -> Invocation {
        let context = self.context();
        Invocation { now: self.now(), started: instant(), deadline: deadline(COMMAND_MAX), attempt: context.attempt }
    }

    /// The ledger without faults, for what people do.
    pub(crate) fn ledger(&self) -> &PortLedger {
        &self.by_hand
    }

    pub(crate) fn step(&self, text: impl FnOnce() -> String) {
        self.trace.add(self.elapsed(), Kind::Step, text);
    }

    pub(crate) fn detail(&self, text: impl FnOnce() -> String) {
        self.trace.add(self.elapsed(), Kind::Detail, text);
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("one thread")
    }

    pub(crate) fn has_custodian(&self) -> bool {
        self.optional.fireblocks
    }

    pub(crate) fn is_in_wechats_cloud(&self) -> bool {
        self.optional.wechat == Some(WechatInterface::CloudRun)
    }

    /// Runs one invocation in a warm or cold sandbox. `None`: the sandbox died, or Lambda ended it.
    pub(crate) async fn invoke<F: Deployed, T>(
        &self,
        pool: &Pool<F>,
        mark: Mark,
        work: impl AsyncFnOnce(&F, &Invocation) -> T,
    ) -> Option<T> {
        let mut rng = mark.child(u64::MAX - 1).rng();
        let sandbox = match pool.take(&mut rng) {
            Some(warm) => warm,
            None => self.start(mark, &mut rng).await?,
        };
        sandbox.calls.begin(mark);
        let invocation = self.invocation::<F>(mark, sandbox.skew_ms);
        let answer = tokio::select! {
            biased;
            // Boxed, since the future of a whole function is large.
            answer = Box::pin(work(&sandbox.function, &invocation)) => Some(answer),
            () = sandbox.calls.killed() => None,
            () = sleep(F::PATIENCE + LAMBDA_MARGIN) => None,
        };
        if answer.is_some() {
            pool.put(sandbox);
        } else {
            self.detail(|| format!("a sandbox of {} dies", F::FUNCTION));
        }
        answer
    }

    fn invocation<F: Deployed>(&self, mark: Mark, skew_ms: i64) -> Invocation {
        Invocation {
            now: skewed(self.now(), skew_ms),
            started: instant(),
            deadline: deadline(F::PATIENCE),
            attempt: AttemptMark::from_random(mark.number()),
        }
    }

    /// A cold sandbox. `None`: it does not start.
    async fn start<F: Deployed>(&self, mark: Mark, rng: &mut fastrand::Rng) -> Option<Sandbox<F>> {
        let calls = Calls::new(Arc::clone(&self.faults));
        calls.begin(mark.child(u64::MAX - 2));
        let bound = if rng.u8(0..4) == 0 { SKEW_MS_MAX } else { 300 };
        let skew_ms = rng.i64(-bound..=bound);
        let ledger = self.store.ledger(rng.u64(..), &calls, &self.retries);
        let parts = Parts {
            ledger,
            nets: Nets::new(&self.fakes, &self.outbox, &calls, self.began),
            rng: rng.fork(),
            secrets: self.secrets.clone(),
            calls: calls.clone(),
            optional: self.optional,
            invocation: self.invocation::<F>(mark, skew_ms),
        };
        let function = tokio::select! {
            biased;
            function = Box::pin(F::open(parts)) => function,
            () = calls.killed() => None,
            () = sleep(INIT_MAX) => None,
        };
        if function.is_none() {
            self.detail(|| format!("a sandbox of {} does not start", F::FUNCTION));
        }
        Some(Sandbox { function: function?, calls, skew_ms })
    }

    /// One run of a sweep, as its schedule starts it. Whether it has ended without an error.
    pub(crate) async fn sweep(&self, sweep: Sweep, mark: Mark) -> bool {
        let run = self.invoke(&self.pools.reconcile, mark, async |reconcile, invocation| {
            reconcile.work(&sweep.input(), invocation).await
        });
        let run = run.await;
        match &run {
            None => {}
            Some(Ok(report)) => self.detail(|| format!("{} reports {report:?}", sweep.as_str())),
            Some(Err(error)) => self.detail(|| format!("{} fails: {error}", sweep.as_str())),
        }
        matches!(run, Some(Ok(_)))
    }

    /// One run of a person's command, whose calls fail as those of a function do. `None`: it died, or has no answer.
    pub(crate) async fn command(&self, decision: &Decision, mark: Mark) -> Option<Result<Committed, CommitError>> {
        let commit =
            |ledger: PortLedger, context: CallContext<'static>| async move { ledger.commit(decision, &context).await };
        self.call(mark, commit).await
    }

    /// One call of the ledger by a process of its own, which may die in it.
    pub(crate) async fn call<T, F: Future<Output = T>>(
        &self,
        mark: Mark,
        call: impl FnOnce(PortLedger, CallContext<'static>) -> F,
    ) -> Option<T> {
        let calls = Calls::new(Arc::clone(&self.faults));
        calls.begin(mark);
        let ledger = self.store.ledger(mark.number(), &calls, &self.retries);
        let context = CallContext { received_at: self.now(), ..context(mark.number()) };
        tokio::select! {
            biased;
            answer = Box::pin(call(ledger, context)) => Some(answer),
            () = calls.killed() => None,
            () = sleep(COMMAND_MAX) => None,
        }
    }

    /// Books what a person books with the command line, once per id.
    pub(crate) async fn by_hand(&self, id: &str, effects: Vec<Effect>) {
        let committed = self.try_by_hand(id, effects).await;
        assert!(matches!(committed, Ok(Committed::Now(_))), "{id}: {committed:?}");
    }

    pub(crate) async fn try_by_hand(&self, id: &str, effects: Vec<Effect>) -> Result<Committed, CommitError> {
        let header = JournalHeader {
            receipt: EventKey::new(Writer::Manual, id).expect("an id"),
            writer: Writer::Manual,
            kind: "manual",
            facts: Vec::new(),
            fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
            order: None,
        };
        let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
        self.by_hand.commit(&decision, &self.context()).await
    }
}

fn skewed(time: Timestamp, skew_ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(time.unix_ms() + skew_ms).expect("a time of this century")
}
