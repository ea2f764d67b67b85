//! A buyer at Stripe: clicks twice, pays late, by card or from a bank account, in an old tab; gets refunds; disputes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use edge::Service as _;
use fakes::Paid;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ledger::{Effect, Owner};
use serde_json::{Value, json};
use testkit::{Sent, Shape};
use tokio::time::sleep;

use super::{Actor, times};
use crate::mark::Mark;
use crate::outbox::Sender;
use crate::truth::{Grant, OrderTruth, PaymentTruth, Truth};
use crate::world::World;

const STEPS_MAX: usize = 9;
const CHECKOUT: &str = "/api/pay/checkout";
const REFUND: &str = include_str!("../../../../events/stripe/refund_updated.json");
const DISPUTED: &str = include_str!("../../../../events/stripe/charge_dispute_created.json");
const DECIDED: &str = include_str!("../../../../events/stripe/charge_dispute_closed.json");
/// A card, one that is declined, a bank account that pays, and one that does not.
const CARDS: [&str; 4] = ["4242424242424242", "4000000000000002", "000123456789", "000222222227"];

/// What is bought: the request, and what a whole payment brings to an account of the owner.
struct Product {
    request: &'static str,
    grants: &'static [(&'static str, Grant)],
    /// Commissions of the referrers, in cents.
    commissions: &'static [i128],
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
        is_top_up: false,
    },
    Product {
        request: r#"{"product":"full-report"}"#,
        grants: &[("report-full", Grant { whole: 1, is_indivisible: true })],
        // A tenth and a fiftieth of 19.99, rounded down.
        commissions: &[199, 39],
        is_top_up: false,
    },
    Product {
        request: r#"{"product":"posx-10"}"#,
        grants: &[("POSX", divisible(10_000_000_000_000_000_000))],
        commissions: &[],
        is_top_up: false,
    },
    Product {
        request: r#"{"product":"unitel-sd5000","phoneNumber":"88000000"}"#,
        grants: &[],
        commissions: &[],
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
    /// This share of what is left, in percent.
    Refund {
        percent: u8,
        fails: bool,
    },
    Dispute {
        percent: u8,
    },
    DisputeEnds {
        is_won: bool,
    },
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
    /// Payments by the provider's id, each with its order.
    payments: BTreeMap<String, (String, PaymentTruth)>,
    /// The open dispute, with its payment and amount.
    dispute: Option<(String, String, i128)>,
    claims: usize,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let act = |rng: &mut Rng| match rng.u8(0..16) {
        0..=3 => Act::Click,
        4..=8 => Act::Pay { card: [0, 0, 0, 1, 2, 3][rng.usize(0..6)], is_old_tab: rng.bool() },
        9 | 10 => Act::BankAnswers,
        11 | 12 => Act::Refund { percent: [30, 50, 100][rng.usize(0..3)], fails: rng.u8(0..5) == 0 },
        13 => Act::Dispute { percent: [40, 100][rng.usize(0..2)] },
        _ => Act::DisputeEnds { is_won: rng.bool() },
    };
    let count = rng.usize(2..=STEPS_MAX);
    let mut times = times(rng, count, horizon);
    times.sort();
    let begins = [Act::Click, Act::Pay { card: 0, is_old_tab: false }];
    let acts: Vec<Act> = (0..count).map(|n| if n < 2 && rng.u8(0..4) > 0 { begins[n] } else { act(rng) }).collect();
    Box::new(Buyer {
        number,
        product: &PRODUCTS[rng.usize(0..PRODUCTS.len())],
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

    /// A click; again until the shop answers, a few times.
    async fn click(&self, world: &World, mark: Mark) {
        for attempt in 0..4 {
            let mark = mark.child(attempt);
            let sent = Sent::post(CHECKOUT, self.product.request.as_bytes());
            let request = sent.with("authorization", format!("Bearer key-of-{}", self.name())).event(Shape::HttpApi);
            sleep(Duration::from_millis(mark.rng().u64(0..200))).await;
            let reply = world.invoke(&world.pools.checkout, mark, async |checkout, invocation| {
                checkout.answer(&request, invocation).await
            });
            let reply = reply.await;
            world.detail(format!("{} clicks: {:?}", self.name(), reply.as_ref().map(|reply| reply.status)));
            let body: Value =
                reply.as_ref().and_then(|reply| serde_json::from_str(&reply.body).ok()).unwrap_or_default();
            if let Some(session) = body["sessionId"].as_str() {
                let known = &mut self.known();
                if !known.sessions.iter().any(|known| known == session) {
                    known.sessions.push(session.to_owned());
                }
            }
            if reply.is_some_and(|reply| reply.status < 500) {
                return;
            }
            sleep(Duration::from_secs(mark.rng().u64(1..20))).await;
        }
    }

    fn pay(&self, world: &World, card: usize, is_old_tab: bool) {
        let sessions = self.known().sessions.clone();
        let Some(session) = (if is_old_tab { sessions.first() } else { sessions.last() }) else { return };
        let paid = world.fakes.stripe.pay(session, CARDS[card], world.now_s());
        world.detail(format!("Stripe's page: {:?}", paid.error));
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
    fn take(&self, world: &World, paid: Paid) {
        for text in paid.events {
            let event: Value = serde_json::from_str(&text).expect("JSON");
            let (kind, object) = (event["type"].as_str().unwrap_or_default(), &event["data"]["object"]);
            let ends = ["checkout.session.completed", "checkout.session.async_payment_succeeded"];
            if ends.contains(&kind) && object["payment_status"] == "paid" {
                let field = |name: &str| object[name].as_str().expect("a text").to_owned();
                let payment = PaymentTruth {
                    paid: object["amount_total"].as_i64().expect("an amount").into(),
                    ..PaymentTruth::default()
                };
                self.known().payments.insert(field("payment_intent"), (field("client_reference_id"), payment));
            }
            world.outbox.add(Sender::Stripe, text);
        }
    }

    /// An event that has another cause than the buyer.
    fn send(world: &World, sample: &str, kind: &str, object: &[(&str, Value)]) {
        let mut event: Value = serde_json::from_str(sample).expect("JSON");
        let id = object.iter().find(|(name, _)| *name == "id").and_then(|(_, id)| id.as_str()).unwrap_or_default();
        event["id"] = format!("evt_{id}_{}", kind.replace('.', "_")).into();
        event["type"] = kind.into();
        event["created"] = world.now_s().into();
        event["data"]["object"]["created"] = world.now_s().into();
        for (name, value) in object {
            event["data"]["object"][*name] = value.clone();
        }
        let text = event.to_string();
        world.fakes.stripe.tell(&text);
        world.outbox.add(Sender::Stripe, text);
    }

    fn refund(&self, world: &World, percent: u8, fails: bool) {
        let known = &mut *self.known();
        let is_free = known.dispute.is_none();
        let found = known.payments.iter_mut().find(|(_, (_, payment))| is_free && payment.disputed == 0);
        let Some((intent, (_, payment))) = found else { return };
        let amount = (payment.paid - payment.refunded) * i128::from(percent) / 100;
        if amount == 0 {
            return;
        }
        known.claims += 1;
        let id = format!("re_{}n{}", self.number, known.claims);
        let object = |status: &str| {
            [
                ("id", json!(id)),
                ("amount", json!(i64::try_from(amount).expect("cents"))),
                ("payment_intent", json!(intent)),
                ("charge", json!(intent.replace("pi_", "ch_"))),
                ("status", json!(status)),
            ]
        };
        Self::send(world, REFUND, "refund.created", &object("pending"));
        if fails {
            Self::send(world, REFUND, "refund.failed", &object("failed"));
        } else {
            Self::send(world, REFUND, "refund.updated", &object("succeeded"));
            payment.refunded += amount;
        }
    }

    fn dispute(&self, world: &World, percent: u8) {
        let known = &mut *self.known();
        let is_free = known.dispute.is_none();
        let found = known.payments.iter_mut().find(|(_, (_, payment))| is_free && payment.disputed == 0);
        let Some((intent, (_, payment))) = found else { return };
        let amount = (payment.paid - payment.refunded) * i128::from(percent) / 100;
        if amount == 0 {
            return;
        }
        known.claims += 1;
        let id = format!("dp_{}n{}", self.number, known.claims);
        payment.disputed = amount;
        Self::send(world, DISPUTED, "charge.dispute.created", &of_dispute(&id, intent, amount, "needs_response"));
        known.dispute = Some((id, intent.clone(), amount));
    }

    fn dispute_ends(&self, world: &World, is_won: bool) {
        let known = &mut *self.known();
        let Some((id, intent, amount)) = known.dispute.take() else { return };
        let status = if is_won { "won" } else { "lost" };
        Self::send(world, DECIDED, "charge.dispute.closed", &of_dispute(&id, &intent, amount, status));
        if is_won && let Some((_, payment)) = known.payments.get_mut(&intent) {
            payment.disputed = 0;
        }
    }
}

fn of_dispute(id: &str, intent: &str, amount: i128, status: &str) -> [(&'static str, Value); 5] {
    [
        ("id", json!(id)),
        ("amount", json!(i64::try_from(amount).expect("cents"))),
        ("payment_intent", json!(intent)),
        ("charge", json!(intent.replace("pi_", "ch_"))),
        ("status", json!(status)),
    ]
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
            testkit::api_key(world.ledger(), &name, &format!("key-of-{name}")).await;
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
                Act::Refund { percent, fails } => self.refund(world, percent, fails),
                Act::Dispute { percent } => self.dispute(world, percent),
                Act::DisputeEnds { is_won } => self.dispute_ends(world, is_won),
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            self.bank_answers(world);
            self.dispute_ends(world, self.number.is_multiple_of(2));
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let (known, mut truth) = (self.known(), Truth::default());
        for (intent, (order, payment)) in &known.payments {
            let own = self.product.grants.iter().map(|(asset, grant)| (format!("{}/{asset}", self.name()), *grant));
            let commissions = self.product.commissions.iter().take(self.referrers).enumerate();
            let commissions = commissions
                .map(|(level, cents)| (format!("{}/commission-usd", self.referrer(level)), divisible(*cents)));
            let of_order = truth.orders.entry(order.clone()).or_insert_with(|| OrderTruth {
                owner: self.name(),
                payments: BTreeMap::new(),
                grants: own.chain(commissions).collect(),
                is_top_up: self.product.is_top_up,
            });
            of_order.payments.insert(intent.clone(), *payment);
        }
        truth
    }
}
