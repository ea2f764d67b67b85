//! A subscriber at Stripe: subscribes, is billed for each period at its price or at another amount, cancels, subscribes
//! again; gets refunds of periods; disputes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::claims::{self, Claim, Claims, Paid};
use super::click::{click, register};
use super::{Actor, times};
use crate::mark::Mark;
use crate::outbox::Sender;
use crate::truth::{Grant, OrderTruth, PaymentTruth, Truth};
use crate::world::World;

const STEPS_MAX: usize = 9;
const CHECKOUT: &str = "/api/pay/checkout";
const REQUEST: &str = r#"{"product":"pro-monthly"}"#;
/// What a paid period brings: 500 credits.
const PERIOD: Grant = Grant { whole: 500_000_000_000, is_indivisible: false };
/// A card, and one that is declined.
const CARDS: [&str; 2] = ["4242424242424242", "4000000000000002"];
/// Not the price of any period, in cents.
const OTHER_AMOUNT: u64 = 1_234;

#[derive(Debug, Clone, Copy)]
enum Act {
    Click,
    Pay {
        card: usize,
    },
    /// The next period is billed, of the newest subscription or of the oldest.
    Renew {
        is_of_price: bool,
        is_newest: bool,
    },
    Cancel,
    Claim(Claim),
}

struct Subscriber {
    number: usize,
    steps: Vec<(Duration, Act)>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: Vec<String>,
    /// The orders of subscriptions, and what the first payment of each was.
    subscriptions: Vec<(String, String, i128)>,
    /// The paid periods, by the payment of their invoice.
    claims: Claims,
    /// Orders with an invoice of another amount, which a person must look at.
    mismatched: Vec<String>,
    /// The events that link such an invoice to its payment: they wait for days for an invoice that is never booked.
    unlinked: Vec<String>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let act = |rng: &mut Rng| match rng.u8(0..14) {
        0 | 1 => Act::Click,
        2 | 3 => Act::Pay { card: rng.usize(0..CARDS.len()) },
        4..=7 => Act::Renew { is_of_price: rng.u8(0..5) > 0, is_newest: rng.bool() },
        8 => Act::Cancel,
        _ => Act::Claim(claims::draw(rng)),
    };
    let count = rng.usize(2..=STEPS_MAX);
    let mut times = times(rng, count, horizon);
    times.sort();
    let begins = [Act::Click, Act::Pay { card: 0 }];
    let acts: Vec<Act> = (0..count).map(|n| if n < 2 && rng.u8(0..8) > 0 { begins[n] } else { act(rng) }).collect();
    Box::new(Subscriber { number, steps: times.into_iter().zip(acts).collect(), known: Mutex::default() })
}

impl Subscriber {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("one thread")
    }

    fn name(&self) -> String {
        format!("subscriber-{}", self.number)
    }

    async fn click(&self, world: &World, mark: Mark) {
        let Some(body) = click(world, &self.name(), (CHECKOUT, REQUEST), mark).await else { return };
        if let Some(session) = body["sessionId"].as_str() {
            self.known().sessions.push(session.to_owned());
        }
    }

    fn pay(&self, world: &World, card: usize) {
        let Some(session) = self.known().sessions.last().cloned() else { return };
        let paid = world.fakes.stripe.pay(&session, CARDS[card], world.now_s());
        world.detail(|| format!("Stripe's page: {:?}", paid.error));
        let events: Vec<Value> = paid.events.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
        let completed = events.iter().find(|event| event["type"] == "checkout.session.completed");
        if let Some(session) = completed.map(|event| &event["data"]["object"]) {
            let field = |name: &str| session[name].as_str().expect("a text").to_owned();
            let amount = session["amount_total"].as_i64().expect("an amount").into();
            let subscription = (field("subscription"), field("client_reference_id"), amount);
            self.known().subscriptions.push(subscription);
            self.learn_period(&events, &field("client_reference_id"));
        }
        for text in paid.events {
            world.outbox.add(Sender::Stripe, text);
        }
    }

    /// The payment of an invoice, from the event that names both.
    fn learn_period(&self, events: &[Value], order: &str) {
        for event in events.iter().filter(|event| event["type"] == "invoice_payment.paid") {
            let object = &event["data"]["object"];
            let intent = object["payment"]["payment_intent"].as_str().expect("a payment").to_owned();
            let amount = object["amount_paid"].as_i64().expect("an amount").into();
            let truth = PaymentTruth { paid: amount, ..PaymentTruth::default() };
            let currency = object["currency"].as_str().expect("a currency").to_owned();
            self.known().claims.payments.insert(intent, Paid { order: order.to_owned(), currency, truth });
        }
    }

    fn renew(&self, world: &World, is_of_price: bool, is_newest: bool) {
        let found = {
            let known = self.known();
            let subscriptions = &known.subscriptions;
            if is_newest { subscriptions.last().cloned() } else { subscriptions.first().cloned() }
        };
        let Some((subscription, order, _)) = found else { return };
        let amount = (!is_of_price).then_some(OTHER_AMOUNT);
        let texts = world.fakes.stripe.renew(&subscription, amount, world.now_s());
        let events: Vec<Value> = texts.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
        if is_of_price {
            self.learn_period(&events, &order);
        } else if let Some(link) = events.last() {
            let known = &mut *self.known();
            known.mismatched.push(order);
            known.unlinked.extend(link["id"].as_str().map(str::to_owned));
        }
        for text in texts {
            world.outbox.add(Sender::Stripe, text);
        }
    }

    fn cancel(&self, world: &World) {
        let Some((subscription, ..)) = self.known().subscriptions.last().cloned() else { return };
        let events = world.fakes.stripe.cancel(&subscription, world.now_s());
        for text in events {
            world.outbox.add(Sender::Stripe, text);
        }
    }
}

impl Actor for Subscriber {
    fn kind(&self) -> &'static str {
        "subscriber at Stripe"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("{}: {:?}", self.name(), self.steps[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async { register(world, &self.name()).await }.boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Click => self.click(world, mark).await,
                Act::Pay { card } => self.pay(world, card),
                Act::Renew { is_of_price, is_newest } => self.renew(world, is_of_price, is_newest),
                Act::Cancel => self.cancel(world),
                Act::Claim(claim) => self.known().claims.make(world, self.number, claim),
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async { self.known().claims.dispute_ends(world, self.number.is_multiple_of(2)) }.boxed_local()
    }

    fn truth(&self) -> Truth {
        let (known, mut truth) = (self.known(), Truth::default());
        for (subscription, order, amount) in &known.subscriptions {
            let periods = known.claims.payments.iter().filter(|(_, paid)| paid.order == *order);
            let paid = PaymentTruth { paid: *amount, ..PaymentTruth::default() };
            let of_order = OrderTruth {
                owner: self.name(),
                payments: [(subscription.clone(), paid)].into(),
                periods: periods.map(|(intent, paid)| (intent.clone(), paid.truth)).collect(),
                each_period: BTreeMap::from([(format!("{}/credits", self.name()), PERIOD)]),
                needs_a_person: known.mismatched.contains(order),
                ..OrderTruth::default()
            };
            truth.orders.insert(order.clone(), of_order);
        }
        truth.may_wait.extend(known.unlinked.iter().cloned());
        truth
    }
}
