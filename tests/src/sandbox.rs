//! Fixture: a usage function as one Lambda sandbox runs it, its sender, and events.

use std::time::Duration;

use edge::{Invocation, Keyring, Reply, Service as _, Settings, Vault};
use idempotency::DynamoLedger;
use ledger::{
    Amount, Asset, CallerKey, Committed, Currency, Decision, Effect, Entry, EventKey, Fingerprint, Grant, Guard, House,
    JournalHeader, Ledger, Money, MoneyKey, Movement, Order, OrderNumber, Owner, Posting, Provider, Terms, Timestamp,
    Writer,
};
use serde_json::Value;
use signing::{Strength, hmac_hex};
use testkit::{Books, Fault, Faults, Row, Sent, Shape, World, context, deadline, instant, mark, now};
use usage::Usage;
use webhook::{Admission, Function, Webhook};

pub(crate) const SECRET: &str = "a-local-secret-of-the-tests-0123456789";
pub(crate) const EVENTS: &str = "/api/webhooks/events";
pub(crate) const BATCH: &str = "/api/webhooks/events/batch";

pub(crate) fn settings() -> Settings {
    Settings::new([("WEBHOOK_SECRET".to_owned(), SECRET.to_owned())])
}

/// The function over any ledger.
pub(crate) async fn function<L: Ledger>(ledger: L, admission: Admission) -> Function<Usage, L> {
    let keys = Keyring::open(Vault::Here(settings()), Usage::keys, now()).await.expect("keys");
    Function::new(Usage::shipped().expect("a card"), keys, admission, ledger)
}

pub(crate) fn invocation(attempt: u64) -> Invocation {
    moment_at(attempt, now())
}

pub(crate) fn moment_at(attempt: u64, now: Timestamp) -> Invocation {
    Invocation { now, started: instant(), deadline: deadline(Usage::REPLY_WITHIN), attempt: mark(attempt) }
}

/// An invocation with this source's reply deadline.
pub(crate) fn moment_within<W: Webhook>(attempt: u64) -> Invocation {
    Invocation { now: now(), started: instant(), deadline: deadline(W::REPLY_WITHIN), attempt: mark(attempt) }
}

pub(crate) fn signature(body: &[u8]) -> String {
    hmac_hex::sign(&hmac_hex::Keys::parse(SECRET, Strength::Deployed).expect("a secret"), body)
}

/// The gateway's event for a signed body. Several events are a batch.
pub(crate) fn signed(body: &str) -> String {
    let path = if body.starts_with("[{") { BATCH } else { EVENTS };
    signed_to(path, body)
}

pub(crate) fn signed_to(path: &str, body: &str) -> String {
    let sent = Sent::post(path, body.as_bytes()).with("x-webhook-signature", signature(body.as_bytes()));
    sent.with("content-type", "application/json").event(Shape::HttpApi)
}

/// A source, as a test assembles it and as its sender signs.
pub(crate) trait Sender: Webhook + Sized {
    async fn function<L: Ledger>(ledger: L) -> Function<Self, L>;

    /// The gateway's event for a body, signed at this time.
    fn signed(body: &str, now: Timestamp) -> String;
}

impl Sender for Usage {
    async fn function<L: Ledger>(ledger: L) -> Function<Self, L> {
        function(ledger, Admission::default()).await
    }

    fn signed(body: &str, _: Timestamp) -> String {
        signed(body)
    }
}

/// A sandbox whose network fails as planned.
pub(crate) struct SandboxOf<W: Webhook> {
    pub(crate) function: Function<W, DynamoLedger>,
    pub(crate) faults: Faults,
}

pub(crate) type Sandbox = SandboxOf<Usage>;

impl<W: Sender> SandboxOf<W> {
    pub(crate) async fn new(world: &World, seed: u64, plan: impl FnMut(usize, &str) -> Fault + Send + 'static) -> Self {
        let (ledger, faults) = world.faulty(seed, plan);
        Self { function: W::function(ledger).await, faults }
    }

    pub(crate) async fn faultless(world: &World) -> Self {
        Self::new(world, 1, |_, _| Fault::None).await
    }

    /// Up to six in ten of its calls end in a fault.
    pub(crate) async fn unlucky(world: &World, rng: &mut fastrand::Rng) -> Self {
        let (ledger, faults) = Self::unlucky_ledger(world, rng);
        Self { function: W::function(ledger).await, faults }
    }

    pub(crate) fn unlucky_ledger(world: &World, rng: &mut fastrand::Rng) -> (DynamoLedger, Faults) {
        let (seed, mut faults, faults_percent) = (rng.u64(..), rng.fork(), rng.u8(0..=60));
        let plan = move |_: usize, _: &str| {
            if faults.u8(0..100) < faults_percent { Fault::ALL[faults.usize(0..Fault::ALL.len())] } else { Fault::None }
        };
        world.faulty(seed, plan)
    }

    /// `None` if the sandbox died.
    pub(crate) async fn deliver(&self, body: &str, invocation: &Invocation) -> Option<Reply> {
        let event = W::signed(body, invocation.now);
        tokio::select! {
            biased;
            reply = self.function.answer(&event, invocation) => Some(reply),
            () = self.faults.killed() => None,
        }
    }
}

/// Prints the seed when a random schedule fails.
pub(crate) struct Named {
    pub(crate) seed: u64,
    pub(crate) tests: &'static str,
}

impl Drop for Named {
    #[expect(clippy::print_stderr, reason = "beside the panic's own message")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, tests } = self;
            eprintln!("the schedule that failed: HOOKLEDGER_SEED={seed} cargo test -p tests {tests}");
        }
    }
}

/// Longer than any fault delays a call: lost requests have arrived by then.
pub(crate) const SETTLED: Duration = Duration::from_secs(10);

/// The books without the number of attempts of each event.
pub(crate) fn comparable(mut books: Books) -> Books {
    books.check();
    for row in books.journal.values_mut() {
        *row = Row { attempts: 0, ..row.clone() };
    }
    books
}

/// Alice's order for one of a product, at this price in the currency's smallest unit.
pub(crate) fn order_of(
    provider: Provider,
    number: &str,
    product: &str,
    (units, currency): (u64, &str),
    grant: Grant,
) -> Order {
    let terms = Terms {
        provider,
        product: product.to_owned(),
        quantity: 1,
        price: Money { amount: Amount::from_units(units), currency: Currency::parse(currency).expect("a currency") },
        exchange: None,
        grants: vec![grant],
        commissions: Vec::new(),
        referral: None,
        site: None,
    };
    let number = OrderNumber::new(number).expect("a number");
    Order::new(number, Owner::new("alice").expect("an owner"), terms, now())
}

/// Gives an owner a key and credits, as a person does with the command line.
pub(crate) async fn open_account(world: &World, owner: &str, key: &str, credits: &str) {
    let owner = Owner::new(owner).expect("an owner");
    let bind = Effect::Bind { key: CallerKey::remote(key).expect("a key"), owner: owner.clone() };
    by_hand(world, &format!("key-{key}"), vec![bind]).await;
    top_up(world, &format!("credits-{key}"), owner.as_str(), credits).await;
}

pub(crate) async fn top_up(world: &World, id: &str, owner: &str, credits: &str) {
    let account = Owner::new(owner).expect("an owner").account(Asset::CREDITS);
    moved(world, id, Posting::to_customer(account, House::Manual, amount(credits))).await;
}

/// Also what the owner does not have, as a clawback does.
pub(crate) async fn take(world: &World, id: &str, owner: &str, credits: &str) {
    let account = Owner::new(owner).expect("an owner").account(Asset::CREDITS);
    moved(world, id, Posting::from_customer(account, House::Manual, amount(credits))).await;
}

async fn moved(world: &World, id: &str, posting: Posting) {
    let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, id).expect("an id"));
    by_hand(
        world,
        id,
        vec![Effect::Move(Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() })],
    )
    .await;
}

pub(crate) async fn by_hand(world: &World, id: &str, effects: Vec<Effect>) {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, id).expect("an id"),
        writer: Writer::Manual,
        kind: "manual",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: None,
    };
    let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
    let committed = world.ledger(0).commit(&decision, &context(0)).await;
    assert!(matches!(committed, Ok(Committed::Now(_))), "{committed:?}");
}

pub(crate) fn amount(text: &str) -> Amount {
    Asset::CREDITS.parse(text).expect("an amount")
}

pub(crate) fn message(reply: &Reply) -> String {
    let body: Value = serde_json::from_str(&reply.body).expect("a JSON body");
    body["message"].as_str().expect("a message").to_owned()
}
