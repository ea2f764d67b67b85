//! The stories, each made by the handlers that make it in a deployed stage.

use idempotency::DynamoLedger;
use ledger::{
    Asset, Audit as _, AuditProgress, Balance, CallerKey, Difference, DifferenceKind, Draws, Effect, HoldClosing,
    Holds as _, Ledger as _, Open, OrderNumber, Owner, Pausable, Provider, Source, Subject, Suspect, Writer,
};
use manual::{By, Change, What};
use serde_json::{Value, json};
use testkit::{NetFault, UnitelNet, World, context, now, usage};

use crate::codes;
use crate::fulfil::{airtime, paid, run_at, tokens, work, worker};
use crate::holds::hold_of;
use crate::sandbox::{Sandbox, SandboxOf, Sender, amount, by_hand, invocation, open_account, take, top_up};
use crate::stripe::{self as of_stripe, orders_of_samples, with};
use crate::suite::sample;
use crate::{budgets, pauses};

/// A story, and what a person asks afterwards.
pub(crate) struct Story {
    pub(crate) name: &'static str,
    pub(crate) asks: &'static str,
    /// So many seconds after it began.
    pub(crate) after_s: i64,
    pub(crate) is_well: bool,
}

const fn story(name: &'static str, asks: &'static str, is_well: bool) -> Story {
    Story { name, asks, after_s: 60, is_well }
}

const ORDER: &str = "hk_sample_order";
const PAID: &str = "payment_intent_succeeded";

pub(crate) const STORIES: &[Story] = &[
    story("a payment", ORDER, true),
    story("a payment", "evt_payment_intent_succeeded", true),
    story("a payment", "pi_3Sample0000000000000001", true),
    story("nothing", "grant#hk_sample_order#1", false),
    story("an unpaid order", ORDER, false),
    story("a payment before its order", "evt_payment_intent_succeeded", false),
    story("a payment before its order", ORDER, false),
    story("a wrong amount", ORDER, false),
    story("a wrong amount", "stripe#evt_payment_intent_succeeded", false),
    story("a wrong amount that a person has accepted", ORDER, true),
    story("a wrong currency", ORDER, false),
    story("a wrong provider", ORDER, false),
    story("a payment in live mode", "evt_payment_intent_succeeded", false),
    story("a dispute", ORDER, false),
    story("a dispute that was lost", ORDER, true),
    story("a refund of a part", ORDER, true),
    story("a refund before its payment", "evt_refund_updated", false),
    story("a second payment", ORDER, false),
    story("a canceled order", ORDER, false),
    story("a canceled order that was paid late", ORDER, true),
    story("a subscription that has ended", "sub_1Sample0000000000000001", false),
    story("a body that cannot be read", "unparsed#stripe#", false),
    story("an event that contradicts another", "evt_payment_intent_succeeded", true),
    story("an event that contradicts another", "stripe#evt_payment_intent_succeeded#conflict#", false),
    story("a finding of the audit", ORDER, false),
    story("an unknown top-up", "HL1", false),
    story("a failed top-up", "HL1", false),
    story("tokens that are not delivered", "HL1", false),
    story("tokens that are not delivered", "grant#HL1#1", false),
    story("too few credits", "usage#e1", false),
    story("too few credits", "alice", false),
    story("too few credits", "lane#usage#owner#alice", false),
    story("enough credits by now", "usage#e1", false),
    story("enough credits by now", "alice", false),
    story("an account in debt", "alice", false),
    story("a debit that was refused", "manual#cli-1", false),
    story("an unknown key", "e1", false),
    story("an unknown key", "gateway-k9", false),
    story("a model without a price", "e1", false),
    story("a hold that has expired", "call-1", false),
    story("a revoked key", "key#remote#k1", false),
    story("a code that is used up", "0000-0000-0000-0007", false),
    story("two things of one name", "alice", false),
    story("a payment by WeChat", ORDER, true),
    story("a refund by WeChat", "50000000000202601010000000001", true),
    story("a payment by epay", ORDER, true),
    story("a transfer on chain", ORDER, true),
    story("a transfer on chain that failed", ORDER, false),
    story("a failed transfer that was settled elsewhere", ORDER, true),
    story("a failed transfer beside an unpaid order", "alice", false),
    story("a charge above the budget", "c1", false),
    story("a key whose budget is used up", "gateway-k1", false),
    story("an unproven payment", "HL1", false),
    story("a delivery while fulfilment is paused", "HL1", false),
    story("a payment while its source is paused", ORDER, false),
    story("an audited payment", ORDER, true),
    story("a payment after the audit began", ORDER, true),
    story("a difference beyond the list", ORDER, false),
    story("nothing", "evt_never_seen", false),
    story("nothing", "4200000000202601010000000009", false),
    story("nothing", "who-knows", false),
];

async fn stripe(world: &World, body: &str) {
    let sandbox = SandboxOf::<stripe::Stripe>::faultless(world).await;
    sandbox.deliver(body, &invocation(1)).await.expect("the sandbox survives");
}

/// A sample, delivered by its sender.
async fn delivered<W: Sender>(world: &World, name: &str) {
    let sandbox = SandboxOf::<W>::faultless(world).await;
    sandbox.deliver(&sample(W::SOURCE, name), &invocation(1)).await.expect("the sandbox survives");
}

async fn used(world: &World, body: &Value) {
    Sandbox::faultless(world).await.deliver(&body.to_string(), &invocation(1)).await.expect("the sandbox survives");
}

/// The unpaid orders of the samples, and these events.
pub(super) async fn shop(bodies: &[String]) -> World {
    let world = World::new();
    orders_of_samples(&world).await;
    for body in bodies {
        stripe(&world, body).await;
    }
    world
}

/// The same with numbers as the shop gives them.
pub(crate) async fn numbered(bodies: &[String]) -> World {
    let world = World::new();
    of_stripe::made(&world, of_stripe::order("HL1")).await;
    of_stripe::made(&world, of_stripe::subscription_order("HL2")).await;
    for body in bodies {
        stripe(&world, &body.replace(ORDER, "HL1").replace("hk_sample_subscription", "HL2")).await;
    }
    world
}

async fn operator_fails(fault: NetFault, phone: &str) -> World {
    let (world, net) = (paid(vec![airtime(phone)]).await, UnitelNet::default());
    net.fail(move |_, what| if what == "POST /service/recharge" { fault } else { NetFault::None });
    net.set_now(now().plus_seconds(1));
    assert!(work(&worker(world.ledger(1), Some((&net, &[])), None).await, &run_at(1, 1)).await, "it ran");
    world
}

/// The books at the end of a story.
pub(crate) async fn world_of(name: &str) -> World {
    // On the heap, since each has the stories of all.
    match Box::pin(of_payments(name)).await {
        Some(world) => world,
        None => Box::pin(of_others(name)).await,
    }
}

/// The stories of Stripe's events.
async fn of_payments(name: &str) -> Option<World> {
    let event = |name: &str| with(name, &[]);
    Some(match name {
        "an unpaid order" => shop(&[]).await,
        "a payment" => shop(&[event(PAID)]).await,
        "a payment before its order" => {
            let world = World::new();
            stripe(&world, &event(PAID)).await;
            world
        }
        "a wrong amount" => shop(&[with(PAID, &[("/data/object/amount_received", json!(1_998))])]).await,
        "a wrong amount that a person has accepted" => {
            let world = shop(&[with(PAID, &[("/data/object/amount_received", json!(1_998))])]).await;
            of_stripe::accept(&world, ORDER, "pi_3Sample0000000000000001", Some(amount("99.9"))).await;
            world
        }
        "a wrong currency" => shop(&[with(PAID, &[("/data/object/currency", json!("eur"))])]).await,
        "a wrong provider" => {
            let world = World::new();
            let mut order = of_stripe::order(ORDER);
            order.terms.provider = Provider::Wechat;
            of_stripe::made(&world, order).await;
            stripe(&world, &event(PAID)).await;
            world
        }
        "a payment in live mode" => shop(&[with(PAID, &[("/livemode", json!(true))])]).await,
        "a dispute" => shop(&[event(PAID), event("charge_dispute_created")]).await,
        "a dispute that was lost" => shop(&[event(PAID), event("charge_dispute_closed")]).await,
        "a refund of a part" => shop(&[event(PAID), event("charge_refunded")]).await,
        "a refund before its payment" => shop(&[event("refund_updated")]).await,
        "a second payment" => {
            let second = [("/id", json!("evt_second")), ("/data/object/id", json!("pi_3Sample0000000000000002"))];
            shop(&[event(PAID), with(PAID, &second)]).await
        }
        "a canceled order" => shop(&[event("payment_intent_canceled")]).await,
        "a canceled order that was paid late" => shop(&[event("payment_intent_canceled"), event(PAID)]).await,
        "a subscription that has ended" => {
            shop(&[event("customer_subscription_created"), event("customer_subscription_deleted")]).await
        }
        "a body that cannot be read" => shop(&["not JSON".to_owned()]).await,
        "an event that contradicts another" => {
            shop(&[event(PAID), with(PAID, &[("/data/object/amount_received", json!(1))])]).await
        }
        "a finding of the audit" => {
            let world = shop(&[event(PAID)]).await;
            found(&world.ledger(0)).await;
            world
        }
        "a payment while its source is paused" => {
            let world = shop(&[]).await;
            pauses::pause(&world, Pausable::Source(Source::Stripe)).await;
            world
        }
        "an audited payment" => audited(60, AuditProgress::default()).await,
        "a payment after the audit began" => audited(-60, AuditProgress::default()).await,
        "a difference beyond the list" => {
            let unlisted = [Subject::Order(OrderNumber::new(ORDER).expect("a number"))].into();
            audited(60, AuditProgress { unlisted, ..AuditProgress::default() }).await
        }
        _ => return None,
    })
}

async fn of_others(name: &str) -> World {
    match name {
        "an unknown top-up" => operator_fails(NetFault::DropResponse, crate::fulfil::PHONE).await,
        "a failed top-up" => operator_fails(NetFault::None, "88000001").await,
        "tokens that are not delivered" => paid(vec![tokens(false)]).await,
        "a debit that was refused" => refused_debit().await,
        "too few credits" | "enough credits by now" | "an account in debt" => Box::pin(of_few_credits(name)).await,
        "an unknown key" => {
            let world = World::new();
            used(&world, &usage("e1", "k9", "3")).await;
            world
        }
        "a model without a price" => {
            let world = World::new();
            open_account(&world, "alice", "k1", "2").await;
            let mut body = usage("e1", "k1", "3");
            body["data"]["model"] = json!("gpt-without-a-price");
            body["data"].as_object_mut().expect("fields").remove("creditCost");
            used(&world, &body).await;
            world
        }
        "a hold that has expired" => {
            let world = World::new();
            open_account(&world, "alice", "k1", "10").await;
            let (hold, ledger) = (hold_of("alice", "call-1", "2", None, None), world.ledger(0));
            let open = ledger.open_hold(&hold, &context(1)).await.expect("open");
            let later = crate::lots::later(2, 600);
            ledger.close_hold(&open, &HoldClosing::Expire, &later).await.expect("closed");
            world
        }
        "a revoked key" => {
            let world = World::new();
            open_account(&world, "alice", "k1", "10").await;
            let (key, owner) = (CallerKey::remote("k1").expect("a key"), Owner::new("alice").expect("an owner"));
            by_hand(&world, "revoke-k1", vec![Effect::Revoke { key, owner, draws: Draws::default() }]).await;
            used(&world, &usage("e1", "k1", "3")).await;
            world
        }
        "a code that is used up" => {
            let world = World::new();
            let code = codes::make(&world, 7, 1, None).await;
            let owner = Owner::new("alice").expect("an owner");
            top_up(&world, "first", "alice", "1").await;
            api::redeem(&world.ledger(0), &codes::pepper(), &owner, code.as_str(), &context(1))
                .await
                .expect("redeemed");
            world
        }
        "two things of one name" => {
            let world = World::new();
            open_account(&world, "alice", "k1", "10").await;
            of_stripe::made(&world, of_stripe::order("alice")).await;
            world
        }
        "a payment by WeChat" => {
            let world = crate::wechat::shop().await;
            delivered::<wechat::Wechat>(&world, "v3_payment").await;
            world
        }
        "a refund by WeChat" => {
            let world = crate::wechat::shop().await;
            for name in ["v3_payment", "v3_refund"] {
                delivered::<wechat::Wechat>(&world, name).await;
            }
            world
        }
        "a payment by epay" => {
            let world = crate::epay::shop().await;
            delivered::<epay::Epay>(&world, "notify_v1_get").await;
            world
        }
        "a transfer on chain" => on_chain("v2_completed").await,
        "a transfer on chain that failed"
        | "a failed transfer that was settled elsewhere"
        | "a failed transfer beside an unpaid order" => of_failed_transfer(name).await,
        "a charge above the budget" => {
            let world = budgets::world().await;
            let refused = world.ledger(1).commit(&budgets::charge("c1", "6", 0), &context(1)).await;
            assert!(refused.is_err(), "{refused:?}");
            world
        }
        "a key whose budget is used up" => used_up().await,
        "an unproven payment" => {
            let world = crate::fulfil::planted::planted(vec![tokens(false)]).await;
            assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await, "it ran");
            world
        }
        "a delivery while fulfilment is paused" => {
            let world = paid(vec![tokens(false)]).await;
            pauses::pause(&world, Pausable::Fulfil).await;
            world
        }
        "nothing" => World::new(),
        other => panic!("no story {other}"),
    }
}

async fn refused_debit() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "2").await;
    let account = Owner::new("alice").expect("an owner").account(Asset::CREDITS);
    let by = By { writer: Writer::Manual, id: "cli-1", author: "amy", reason: "a test" };
    let decision = Change { by, what: What::Debit { account, amount: amount("3") } }.decision().expect("a decision");
    let refused = world.ledger(1).commit(&decision, &context(1)).await;
    assert!(refused.is_err(), "{refused:?}");
    world
}

async fn of_few_credits(name: &str) -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "2").await;
    used(&world, &usage("e1", "k1", "3")).await;
    match name {
        "enough credits by now" => top_up(&world, "more", "alice", "1").await,
        "an account in debt" => take(&world, "lost", "alice", "2.5").await,
        _ => {}
    }
    world
}

/// The budget of a day, and a hold that is refused for it.
async fn used_up() -> World {
    let world = budgets::world().await;
    let open = world.ledger(1).open_hold(&budgets::hold("call-1", "5"), &context(1)).await;
    assert!(open.is_ok(), "{open:?}");
    let refused = world.ledger(1).open_hold(&budgets::hold("call-2", "1"), &context(2)).await;
    assert!(refused.is_err(), "{refused:?}");
    world
}

async fn of_failed_transfer(name: &str) -> World {
    let world = on_chain("v2_failed").await;
    match name {
        "a transfer on chain that failed" => {}
        "a failed transfer that was settled elsewhere" => {
            crate::fulfil::planted::clear(&world, &OrderNumber::new(ORDER).expect("a number"), 5).await;
        }
        "a failed transfer beside an unpaid order" => of_stripe::made(&world, of_stripe::order("a-basket")).await,
        other => panic!("no story {other}"),
    }
    world
}

async fn on_chain(sample: &str) -> World {
    let world = crate::fireblocks::shop().await;
    delivered::<fireblocks::Fireblocks>(&world, sample).await;
    world
}

/// A payment, and a pass of the audit that began so many seconds after it and ended later.
async fn audited(began_s: i64, progress: AuditProgress) -> World {
    let world = shop(&[with(PAID, &[])]).await;
    let (began_at, ended_at) = (Some(now().plus_seconds(began_s)), Some(now().plus_seconds(120)));
    let progress = AuditProgress { version: 1, began_at, ended_at, ..progress };
    assert!(world.ledger(0).save_audit_progress(&progress, &context(1)).await.expect("saved"), "the first progress");
    world
}

/// The audit has found a line of the order that differs.
async fn found(ledger: &DynamoLedger) {
    let difference = Difference {
        difference_kind: DifferenceKind::Stands,
        suspect: Suspect::Order,
        account: "alice/credits".to_owned(),
        order: Some(OrderNumber::new(ORDER).expect("a number")),
        line: None,
        recorded: Balance::from_units(100_000_000_000),
        found: Balance::from_units(0),
        missing: 0,
    };
    let open = Open { difference, equal_checks: 3, since: now(), checked_at: now(), seen: None };
    let progress = AuditProgress { version: 1, open: vec![open], ..AuditProgress::default() };
    assert!(ledger.save_audit_progress(&progress, &context(1)).await.expect("saved"), "the first progress");
}
