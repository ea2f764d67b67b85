//! A buyer at Stripe: clicks twice, pays late, by card or from a bank account, in an old tab; spends; pays
//! twice; gets refunds; disputes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ledger::{Effect, Owner};
use serde_json::{Value, json};

use super::calls::{erase, open_server};
use super::claims::{self, Claim, Claims, Paid, send, spend};
use super::click::{click, register};
use super::quoted::Quotes;
use super::{Actor, times};
use crate::mark::Mark;
use crate::outbox::Sender;
use crate::truth::{Grant, OrderTruth, PaymentTruth, Truth};
use crate::world::World;

const STEPS_MAX: usize = 9;
const CHECKOUT: &str = "/api/pay/checkout";
/// What a buyer of credits spends at once: all that a payment brings, or more.
const CREDITS: u32 = 100;
const PAYMENT: &str = include_str!("../../../../events/stripe/payment_intent_succeeded.json");
/// A card, one that is declined, a bank account that pays, and one that does not.
const CARDS: [&str; 4] = ["4242424242424242", "4000000000000002", "000123456789", "000222222227"];

/// What a buyer demands while the phone is not topped up.
const WHOLE_REFUND: Claim = Claim::Refund { percent: 100, fails: false };

/// What is bought: the request, and what a whole payment brings to an account of the owner.
struct Product {
    request: &'static str,
    grants: &'static [(&'static str, Grant)],
    /// Commissions of the referrers, in cents.
    commissions: &'static [i128],
    /// What the first purchase of a referred buyer brings to the referrer.
    referral: Option<Grant>,
    is_top_up: bool,
}

const fn divisible(whole: i128) -> Grant {
    Grant { whole, is_indivisible: false }
}

static PRODUCTS: [Product; 4] = [
    Product {
        request: r#"{"product":"credits-100"}"#,
        grants: &[("credits", divisible(100_000_000_000))],
        commissions: &[],
        referral: None,
        is_top_up: false,
    },
    // Of the catalog of the worlds: its credits expire within a day or two.
    Product {
        request: r#"{"product":"credits-10"}"#,
        grants: &[("credits", divisible(10_000_000_000))],
        commissions: &[],
        referral: Some(divisible(3_000_000_000)),
        is_top_up: false,
    },
    Product {
        request: r#"{"product":"full-report"}"#,
        grants: &[("report-full", Grant { whole: 1, is_indivisible: true })],
        // A tenth and a fiftieth of 19.99, rounded down.
        commissions: &[199, 39],
        referral: None,
        is_top_up: false,
    },
    Product {
        request: r#"{"product":"unitel-sd5000","phoneNumber":"88000000"}"#,
        grants: &[],
        commissions: &[],
        referral: None,
        is_top_up: true,
    },
];

#[derive(Debug, Clone, Copy)]
enum Act {
    Click,
    /// With one of the cards, in the newest tab or in the oldest.
    Pay {
        card: usize,
        is_old_tab: bool,
    },
    /// The bank decides about every debit.
    BankAnswers,
    /// Pays an order that is paid a second time, such as over a link that the support has sent.
    PayAgain,
    Claim(Claim),
    /// Spends what a payment brings. What is taken back later is then owed. A buyer of airtime has nothing to spend, and what
    /// names them is to be erased.
    Spend,
}

struct Buyer {
    number: usize,
    product: &'static Product,
    /// How many referrers stand behind the buyer.
    referrers: usize,
    steps: Vec<(Duration, Act)>,
    known: Mutex<Known>,
}

/// What the buyer and the provider know.
#[derive(Debug, Default)]
struct Known {
    sessions: Vec<String>,
    claims: Claims,
    quotes: Quotes,
    broken: Vec<String>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let act = |rng: &mut Rng| match rng.u8(0..17) {
        0..=3 => Act::Click,
        4..=7 => Act::Pay { card: [0, 0, 0, 1, 2, 3][rng.usize(0..6)], is_old_tab: rng.bool() },
        8 => Act::PayAgain,
        9 | 10 => Act::BankAnswers,
        11 => Act::Spend,
        _ => Act::Claim(claims::draw(rng)),
    };
    let count = rng.usize(2..=STEPS_MAX);
    let mut times = times(rng, count, horizon);
    times.sort();
    let product = &PRODUCTS[rng.usize(0..PRODUCTS.len())];
    // Only of two purchases can one be the first.
    let purchases = if product.referral.is_some() { 2 } else { 1 };
    let purchase = |n: usize| match n {
        n if n >= 2 * purchases => None,
        n if n.is_multiple_of(2) => Some(Act::Click),
        _ => Some(Act::Pay { card: 0, is_old_tab: false }),
    };
    let acts: Vec<Act> =
        (0..count).map(|n| purchase(n).filter(|_| rng.u8(0..4) > 0).unwrap_or_else(|| act(rng))).collect();
    Box::new(Buyer {
        number,
        product,
        referrers: rng.usize(0..=2),
        steps: times.into_iter().zip(acts).collect(),
        known: Mutex::default(),
    })
}

impl Buyer {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("one thread")
    }

    fn name(&self) -> String {
        format!("buyer-{}", self.number)
    }

    fn referrer(&self, level: usize) -> String {
        format!("referrer-{}-{level}", self.number)
    }

    async fn click(&self, world: &World, mark: Mark) {
        self.known().quotes.click(world);
        let Some(body) = click(world, &self.name(), (CHECKOUT, self.product.request), mark).await else { return };
        let known = &mut self.known();
        if let Some(order) = body["orderNumber"].as_str() {
            known.quotes.answered(world, order);
        }
        if let Some(session) =
            body["sessionId"].as_str().filter(|session| !known.sessions.iter().any(|one| one == session))
        {
            known.sessions.push(session.to_owned());
        }
    }

    fn pay(&self, world: &World, card: usize, is_old_tab: bool) {
        let sessions = self.known().sessions.clone();
        let Some(session) = (if is_old_tab { sessions.first() } else { sessions.last() }) else { return };
        let paid = world.fakes.stripe.pay(session, CARDS[card], world.now_s());
        world.detail(|| format!("Stripe's page: {:?}", paid.error));
        self.take(world, paid);
    }

    fn bank_answers(&self, world: &World) {
        // Not in the loop's head, which would hold the lock.
        let sessions = self.known().sessions.clone();
        for session in sessions {
            self.take(world, world.fakes.stripe.bank_answers(&session, world.now_s()));
        }
    }

    /// Sends the events of a payment. A completed and paid session is a payment.
    fn take(&self, world: &World, paid: fakes::Paid) {
        for text in paid.events {
            let event: Value = serde_json::from_str(&text).expect("JSON");
            let (kind, object) = (event["type"].as_str().unwrap_or_default(), &event["data"]["object"]);
            let ends = ["checkout.session.completed", "checkout.session.async_payment_succeeded"];
            if ends.contains(&kind) && object["payment_status"] == "paid" {
                let field = |name: &str| object[name].as_str().expect("a text").to_owned();
                let amount = object["amount_total"].as_i64().expect("an amount").into();
                let truth = PaymentTruth { paid: amount, ..PaymentTruth::default() };
                let paid = Paid { order: field("client_reference_id"), currency: field("currency"), truth };
                let known = &mut *self.known();
                let is_quoted = self.product.is_top_up;
                known.broken.extend(known.quotes.wrong(world, &paid.order, amount).filter(|_| is_quoted));
                known.claims.payments.insert(field("payment_intent"), paid);
            }
            world.outbox.add(Sender::Stripe, text);
        }
    }

    fn pay_again(&self, world: &World) {
        let payments = &mut self.known().claims.payments;
        let Some(first) = payments.values().next().cloned() else { return };
        let id = format!("pi_again{}n{}", self.number, payments.len());
        let amount = i64::try_from(first.truth.paid).expect("cents");
        let metadata = json!({ "hookledger_order": first.order, "hookledger_stage": testkit::STAGE });
        let object = [
            ("id", json!(id)),
            ("amount", json!(amount)),
            ("amount_received", json!(amount)),
            ("currency", json!(first.currency)),
            ("metadata", metadata),
        ];
        send(world, PAYMENT, "payment_intent.succeeded", &id, &object);
        let truth = PaymentTruth { paid: first.truth.paid, ..PaymentTruth::default() };
        payments.insert(id, Paid { truth, ..first });
    }

    fn waits_for_top_up(&self, world: &World) -> bool {
        let calls = world.fakes.unitel.calls();
        let is_called = |paid: &Paid| calls.contains_key(&paid.order);
        self.product.is_top_up && !self.known().claims.payments.values().any(is_called)
    }

    async fn spend(&self, world: &World, step: usize) {
        if self.product.grants.iter().any(|(asset, _)| *asset == "credits") {
            spend(world, &format!("spends-{}-{step}", self.number), &self.name(), CREDITS).await;
        }
    }
}

impl Actor for Buyer {
    fn kind(&self) -> &'static str {
        "buyer at Stripe"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("{} ({}): {:?}", self.name(), self.product.request, self.steps[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            let name = self.name();
            register(world, &name).await;
            open_server(world, &name, "admin").await;
            let mut owner = name;
            for level in 0..self.referrers {
                let to = self.referrer(level);
                let [owner_name, to_name] = [&owner, &to].map(|name| Owner::new(name).expect("an owner"));
                let refer = Effect::Refer { owner: owner_name, from: None, to: Some(to_name) };
                world.by_hand(&format!("refers-{}-{level}", self.number), vec![refer]).await;
                owner = to;
            }
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Click => self.click(world, mark).await,
                Act::Pay { card, is_old_tab } => self.pay(world, card, is_old_tab),
                Act::BankAnswers => self.bank_answers(world),
                Act::PayAgain => self.pay_again(world),
                Act::Claim(claim) => {
                    let claim = if self.waits_for_top_up(world) { WHOLE_REFUND } else { claim };
                    self.known().claims.make(world, self.number, claim);
                }
                Act::Spend if self.product.is_top_up => {
                    let (admin, name) = (format!("hs_{}", self.name()), format!("erase-{}-{step}", self.name()));
                    erase(world, &admin, &self.name(), &name, mark).await;
                }
                Act::Spend => self.spend(world, step).await,
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            self.bank_answers(world);
            self.known().claims.dispute_ends(world, self.number.is_multiple_of(2));
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let (known, mut truth) = (self.known(), Truth::default());
        truth.broken.clone_from(&known.broken);
        let referrer = format!("{}/credits", self.referrer(0));
        if self.product.referral.is_some() {
            truth.expiring.insert(format!("{}/credits", self.name()));
        }
        for (intent, paid) in &known.claims.payments {
            let own = self.product.grants.iter().map(|(asset, grant)| (format!("{}/{asset}", self.name()), *grant));
            let commissions = self.product.commissions.iter().take(self.referrers).enumerate();
            let commissions = commissions
                .map(|(level, cents)| (format!("{}/commission-usd", self.referrer(level)), divisible(*cents)));
            let of_order = truth.orders.entry(paid.order.clone()).or_insert_with(|| OrderTruth {
                owner: self.name(),
                payments: BTreeMap::new(),
                grants: own.chain(commissions).collect(),
                is_top_up: self.product.is_top_up,
                referral: self.product.referral.filter(|_| self.referrers > 0).map(|grant| (referrer.clone(), grant)),
                ..OrderTruth::default()
            });
            of_order.payments.insert(intent.clone(), paid.truth);
        }
        truth
    }
}
