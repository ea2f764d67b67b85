//! Payments at Stripe, and what buyers and their banks demand back of them: refunds and disputes, with Stripe's events.

use std::collections::BTreeMap;

use ledger::{Asset, Effect, EventKey, Guard, House, MoneyKey, Movement, Owner, Posting, Writer};
use serde_json::{Value, json};

use crate::outbox::Sender;
use crate::truth::PaymentTruth;
use crate::world::World;

const REFUND: &str = include_str!("../../../../events/stripe/refund_updated.json");
const REFUNDED: &str = include_str!("../../../../events/stripe/charge_refunded.json");
const DISPUTED: &str = include_str!("../../../../events/stripe/charge_dispute_created.json");
const DECIDED: &str = include_str!("../../../../events/stripe/charge_dispute_closed.json");

/// A payment that Stripe has.
#[derive(Debug, Clone)]
pub(super) struct Paid {
    pub(super) order: String,
    pub(super) currency: String,
    pub(super) truth: PaymentTruth,
}

/// The payments of one buyer, by payment intent.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) payments: BTreeMap<String, Paid>,
    /// The open dispute, with its payment and amount.
    dispute: Option<(String, String, i128)>,
    count: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
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

/// A refund that succeeds, or a dispute.
pub(super) fn draw_demand(rng: &mut fastrand::Rng) -> Claim {
    match rng.u8(0..3) {
        0 | 1 => Claim::Refund { percent: [30, 50, 100][rng.usize(0..3)], fails: false },
        _ => Claim::Dispute { percent: [40, 100][rng.usize(0..2)] },
    }
}

pub(super) fn draw(rng: &mut fastrand::Rng) -> Claim {
    match rng.u8(0..5) {
        0 | 1 => Claim::Refund { percent: [30, 50, 100][rng.usize(0..3)], fails: rng.u8(0..5) == 0 },
        2 => Claim::Dispute { percent: [40, 100][rng.usize(0..2)] },
        _ => Claim::DisputeEnds { is_won: rng.bool() },
    }
}

impl Claims {
    /// `number`: of the buyer, for ids of its own.
    pub(super) fn make(&mut self, world: &World, number: usize, claim: Claim) {
        match claim {
            Claim::Refund { percent, fails } => self.refund(world, number, percent, fails),
            Claim::Dispute { percent } => self.dispute(world, number, percent),
            Claim::DisputeEnds { is_won } => self.dispute_ends(world, is_won),
        }
    }

    /// A payment that is not disputed, and this share of what is left of it.
    fn claimable(&mut self, percent: u8) -> Option<(&String, &mut Paid, i128)> {
        let is_free = self.dispute.is_none();
        let (intent, paid) = self.payments.iter_mut().find(|(_, paid)| is_free && paid.truth.disputed == 0)?;
        let amount = (paid.truth.paid - paid.truth.refunded) * i128::from(percent) / 100;
        (amount > 0).then_some((intent, paid, amount))
    }

    fn refund(&mut self, world: &World, number: usize, percent: u8, fails: bool) {
        let count = self.count + 1;
        let Some((intent, paid, amount)) = self.claimable(percent) else { return };
        let id = format!("re_{number}n{count}");
        let object = |status: &str| {
            let mut object = of_payment(&id, intent, amount, status);
            object.push(("currency", json!(paid.currency)));
            object
        };
        send(world, REFUND, "refund.created", &id, &object("pending"));
        if fails {
            send(world, REFUND, "refund.failed", &id, &object("failed"));
        } else {
            send(world, REFUND, "refund.updated", &id, &object("succeeded"));
            paid.truth.refunded += amount;
            let charge = [
                ("id", json!(charge_of(intent))),
                ("payment_intent", json!(intent)),
                ("amount", json!(cents(paid.truth.paid))),
                ("amount_captured", json!(cents(paid.truth.paid))),
                ("amount_refunded", json!(cents(paid.truth.refunded))),
                ("currency", json!(paid.currency)),
                ("metadata", json!({})),
            ];
            send(world, REFUNDED, "charge.refunded", &id, &charge);
        }
        self.count = count;
    }

    fn dispute(&mut self, world: &World, number: usize, percent: u8) {
        let count = self.count + 1;
        let Some((intent, paid, amount)) = self.claimable(percent) else { return };
        let id = format!("dp_{number}n{count}");
        paid.truth.disputed = amount;
        send(world, DISPUTED, "charge.dispute.created", &id, &of_payment(&id, intent, amount, "needs_response"));
        self.dispute = Some((id, intent.clone(), amount));
        self.count = count;
    }

    pub(super) fn dispute_ends(&mut self, world: &World, is_won: bool) {
        let Some((id, intent, amount)) = self.dispute.take() else { return };
        let status = if is_won { "won" } else { "lost" };
        send(world, DECIDED, "charge.dispute.closed", &id, &of_payment(&id, &intent, amount, status));
        if is_won && let Some(paid) = self.payments.get_mut(&intent) {
            paid.truth.disputed = 0;
        }
    }
}

fn of_payment(id: &str, intent: &str, amount: i128, status: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("id", json!(id)),
        ("amount", json!(cents(amount))),
        ("payment_intent", json!(intent)),
        ("charge", json!(charge_of(intent))),
        ("status", json!(status)),
    ]
}

fn charge_of(intent: &str) -> String {
    intent.replace("pi_", "ch_")
}

fn cents(amount: i128) -> i64 {
    i64::try_from(amount).expect("cents")
}

/// An event that is not caused on Stripe's page: a sample with these members. `cause` makes its id unique.
pub(super) fn send(world: &World, sample: &str, kind: &str, cause: &str, object: &[(&str, Value)]) {
    let mut event: Value = serde_json::from_str(sample).expect("JSON");
    event["id"] = format!("evt_{cause}_{}", kind.replace('.', "_")).into();
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

/// The owner spends this, whether or not it is there: what is taken back later is then owed.
pub(super) async fn spend(world: &World, id: &str, owner: &str, credits: u32) {
    let account = Owner::new(owner).expect("an owner").account(Asset::CREDITS);
    let amount = Asset::CREDITS.parse(&credits.to_string()).expect("an amount");
    let posting = Posting::from_customer(account, House::Manual, amount);
    let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, id).expect("an id"));
    world
        .by_hand(
            id,
            vec![Effect::Move(Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() })],
        )
        .await;
}
