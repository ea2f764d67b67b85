//! Stripe's webhook function: the decision of each event, in every order and under faults, and every refusal.

mod accepted;
mod attacks;
mod disputes;
mod fingerprints;
mod invoices;
mod loads;
mod orders;
mod refusals;
mod replays;
mod schedules;
mod stages;
mod subscriptions;
mod suite;

use std::collections::{BTreeMap, BTreeSet};

use edge::{Invocation, Keyring, Settings, Vault, Worker};
use fulfil::Fulfil;
use idempotency::DynamoLedger;
use ledger::{
    Amount, Audit, Backlog, Decision, Entry, EventKey, Fingerprint, Grant, JournalHeader, Ledger, Order, OrderNumber,
    Owner, Provider, Timestamp, Writer,
};
use litellm::Litellm;
use openrouter::Openrouter;
use reconcile::Reconcile;
use serde_json::{Value, json};
use signing::Strength;
use stripe::{Config, Stripe};
use testkit::{Books, OrderRow, Sent, Shape, World, context, deadline, now};
use usage::Usage;
use webhook::{Admission, Function, Webhook as _};

use crate::sandbox::{SandboxOf, Sender, invocation, moment_at, order_of};

pub(crate) use accepted::accept;

pub(crate) const SECRET: &str = "whsec_a_local_secret_of_the_tests_0123456789";
pub(crate) const PATH: &str = "/api/v1/webhooks/stripe/";

/// The order that the payment samples name, and the one that the subscription samples name.
const ORDER: &str = "hk_sample_order";
const SUBSCRIPTION_ORDER: &str = "hk_sample_subscription";

type Sandbox = SandboxOf<Stripe>;

impl Sender for Stripe {
    async fn function<L: Ledger>(ledger: L) -> Function<Self, L> {
        function(ledger, &[]).await
    }

    fn signed(body: &str, now: Timestamp) -> String {
        let header = signature(body, now);
        Sent::post(PATH, body.as_bytes()).with(signing::stripe::HEADER, header).event(Shape::HttpApi)
    }
}

/// The function with these settings; in test mode by default.
pub(crate) async fn function<L: Ledger>(ledger: L, settings: &[(&str, &str)]) -> Function<Stripe, L> {
    let secret = ("STRIPE_WEBHOOK_SECRET".to_owned(), SECRET.to_owned());
    let keys = Keyring::open(Vault::Here(Settings::new([secret])), Stripe::keys, now()).await.expect("keys");
    Function::new(source(settings), keys, Admission::default(), ledger)
}

fn source(settings: &[(&str, &str)]) -> Stripe {
    let set = |name: &str| {
        let of_test = [("STRIPE_LIVEMODE", "false")];
        let found = settings.iter().chain(&of_test).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Stripe { config: Config::read(set, testkit::STAGE).expect("a configuration") }
}

pub(crate) fn signature(body: &str, now: Timestamp) -> String {
    let keys = signing::stripe::Keys::parse(SECRET, Strength::Local).expect("a secret");
    signing::stripe::sign(&keys, body.as_bytes(), now.unix_s())
}

fn sample(name: &str) -> Value {
    serde_json::from_str(&crate::suite::sample(Stripe::SOURCE, name)).expect("JSON")
}

fn samples() -> Vec<String> {
    crate::suite::samples(Stripe::SOURCE)
}

/// A sample with some of its values replaced, by JSON pointer.
pub(crate) fn with(name: &str, changes: &[(&str, Value)]) -> String {
    crate::suite::altered(Stripe::SOURCE, name, changes)
}

/// An order at Stripe, owned by alice, for 100 credits at USD 19.99.
pub(crate) fn order(number: &str) -> Order {
    let credits = Grant::Credits(crate::sandbox::amount("100"));
    order_of(Provider::Stripe, number, "credits-100", (1_999, "USD"), credits)
}

/// A subscription order for 500 credits a month at USD 9.99.
pub(crate) fn subscription_order(number: &str) -> Order {
    let mut order = order(number);
    order.terms.price.amount = Amount::from_units(999);
    order.terms.grants = vec![Grant::CreditsEachPeriod(crate::sandbox::amount("500"))];
    order
}

pub(crate) async fn made(world: &World, order: Order) {
    let number = order.number.clone();
    let header = JournalHeader {
        receipt: EventKey::of_order(&number),
        writer: Writer::Orders,
        kind: "order",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("number", number.as_str())]).into(),
        order: Some(number),
    };
    let entry = Entry { header, effects: vec![order.created()], keeps_body: false, alarm: None };
    world.ledger(0).commit(&Decision::Record(entry), &context(0)).await.expect("an order");
}

/// A ledger with the orders that the samples name.
pub(crate) async fn shop() -> World {
    let world = World::new();
    orders_of_samples(&world).await;
    world
}

pub(crate) async fn orders_of_samples(world: &World) {
    made(world, order(ORDER)).await;
    made(world, subscription_order(SUBSCRIPTION_ORDER)).await;
}

/// Delivers the bodies in turn, each to a cold sandbox, and expects the reply 200.
async fn accepted(world: &World, bodies: &[String]) {
    for (attempt, body) in (1..).zip(bodies) {
        let reply = Sandbox::faultless(world).await.deliver(body, &invocation(attempt)).await.expect("no fault");
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{body}");
    }
}

/// Runs the sweep of refused events until chains of dependent events are booked: an event may wait for one that waits itself.
async fn reconciled(world: &World) {
    for minutes in [1, 2, 4] {
        let run = run_at(900, minutes * 60);
        reconcile(world.ledger(0), &[]).work(REFUSED, &run).await.expect("a run");
    }
}

pub(crate) const REFUSED: &str = r#"{"sweep":"refused"}"#;

/// A scheduled run, this long after the deliveries.
pub(crate) fn run_at(attempt: u64, after_s: i64) -> Invocation {
    let deadline = deadline(<Reconcile<DynamoLedger> as Worker>::DONE_WITHIN);
    Invocation { deadline, ..moment_at(attempt, now().plus_seconds(after_s)) }
}

/// The reconcile function with these settings; in test mode by default.
pub(crate) fn reconcile<L: Backlog + Audit + Clone>(ledger: L, settings: &[(&str, &str)]) -> Reconcile<L> {
    let fulfil = Fulfil { ledger: ledger.clone(), operator: None, custodian: None };
    Reconcile {
        ledger,
        usage: Usage::shipped().expect("a card"),
        litellm: Litellm::shipped(litellm::Config::default()).expect("a card"),
        openrouter: Openrouter::shipped(openrouter::Config::default()).expect("a card"),
        stripe: source(settings),
        wechat: None,
        epay: None,
        fireblocks: None,
        stripe_api: None,
        gateway: None,
        fulfil,
        keys: crate::suite::replay::keys(),
        missing_credentials: [].into(),
    }
}

/// The state that must not depend on the schedule. Row versions and the number of postings do depend on it, and are left out.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    balances: BTreeMap<String, i128>,
    orders: BTreeMap<String, OrderRow>,
    subscriptions: BTreeMap<String, testkit::SubscriptionRow>,
    events: BTreeMap<String, (String, Option<String>)>,
}

impl Ending {
    fn of(books: &Books) -> Self {
        books.check();
        let order = |order: &OrderRow| OrderRow { version: 0, postings: 0, ..order.clone() };
        let subscription = |row: &testkit::SubscriptionRow| testkit::SubscriptionRow { version: 0, ..row.clone() };
        let events = books.journal.iter().filter(|(id, _)| id.starts_with("stripe#"));
        let balances = books.accounts.iter().filter(|(_, account)| account.balance != 0);
        Self {
            balances: balances.map(|(id, account)| (id.clone(), account.balance)).collect(),
            orders: books.orders.iter().map(|(number, row)| (number.clone(), order(row))).collect(),
            subscriptions: books.subscriptions.iter().map(|(id, row)| (id.clone(), subscription(row))).collect(),
            events: events.map(|(id, row)| (id.clone(), (row.status.clone(), row.reason.clone()))).collect(),
        }
    }
}

/// The samples that name one payment and its order.
const OF_ONE_PAYMENT: [&str; 17] = [
    "payment_intent_succeeded",
    "payment_intent_payment_failed",
    "payment_intent_canceled",
    "charge_succeeded",
    "charge_failed",
    "charge_refunded",
    "charge_dispute_created",
    "charge_dispute_closed",
    "charge_dispute_closed_won",
    "refund_created",
    "refund_updated",
    "refund_failed",
    "checkout_session_completed",
    "checkout_session_completed_unpaid",
    "checkout_session_async_payment_succeeded",
    "checkout_session_async_payment_failed",
    "checkout_session_expired",
];

fn at(second: i64) -> (&'static str, Value) {
    ("/created", json!(1_767_225_600 + second))
}
