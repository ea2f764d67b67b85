//! The cost of each webhook: of every source, first, again, and with a query to its provider.

use std::fs;

use edge::Service as _;
use fireblocks::Fireblocks;
use idempotency::DynamoLedger;
use litellm::Litellm;
use openrouter::Openrouter;
use serde_json::Value;
use signing::epay::Params;
use stripe::Stripe;
use testkit::{EpayNet, WechatNet, World, now, usage};
use usage::Usage;
use webhook::Function;
use wechat::Wechat;

use super::meter::{Cost, Meter};
use super::{Path, path};
use crate::house::root;
use crate::sandbox::{Sender, moment_within, open_account};
use crate::stripe as of_stripe;

/// The sender's body of a sample.
fn sample(source: &str, name: &str) -> String {
    let path = root().join("events").join(source).join(name).with_extension("json");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A source's sandbox, and the meter of its calls.
pub(super) struct Source<W: Sender> {
    function: Function<W, DynamoLedger>,
    meter: Meter,
    deliveries: u64,
}

impl<W: Sender> Source<W> {
    pub(super) async fn cold(world: &World) -> Self {
        let (ledger, meter) = Meter::new(world);
        Self::of(W::function(ledger).await, meter)
    }

    fn of(function: Function<W, DynamoLedger>, meter: Meter) -> Self {
        Self { function, meter, deliveries: 0 }
    }

    /// The cost of this delivery, which must get this status.
    pub(super) async fn delivered(&mut self, body: &str, status: u16) -> Cost {
        self.deliveries += 1;
        let (event, invocation) = (W::signed(body, now()), moment_within::<W>(self.deliveries));
        let (reply, cost) = self.meter.count(Box::pin(self.function.answer(&event, &invocation))).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        cost
    }
}

pub(super) async fn of_usage() -> Vec<Path> {
    let world = World::new();
    open_account(&world, "alice", "k1", "1000").await;
    let mut warm = Source::<Usage>::cold(&world).await;
    let mut other = Source::<Usage>::cold(&world).await;
    let event = |id: &str, cost: &str| usage(id, "k1", cost).to_string();
    let unpriced = |id: &str, model: &str| {
        let mut body = usage(id, "k1", "1");
        body["data"]["model"] = model.into();
        body["data"].as_object_mut().expect("an object").remove("creditCost");
        body.to_string()
    };
    let refund = event("e7", "1").replace("\"usage\"", "\"refund\"");
    let refusal = "usage: more than the owner has";
    let paths = vec![
        path("usage: the first event of a key", warm.delivered(&event("e1", "1"), 200).await),
        path("usage: the next one", warm.delivered(&event("e2", "1"), 200).await),
        path("usage: a repeat", warm.delivered(&event("e2", "1"), 200).await),
        path(refusal, warm.delivered(&event("e3", "2000"), 402).await),
        path("usage: refused again", warm.delivered(&event("e3", "2000"), 402).await),
        path("usage: priced by the rate card", warm.delivered(&unpriced("e5", "gpt-4o"), 200).await),
        path("usage: a refund", warm.delivered(&refund, 200).await),
        path("usage: without a price", warm.delivered(&unpriced("e6", "unheard-of"), 404).await),
    ];
    other.delivered(&event("e4", "1"), 200).await;
    let repeat = path("usage: a repeat at another sandbox", other.delivered(&event("e2", "1"), 200).await);
    let batches = Box::pin(of_batches()).await;
    paths.into_iter().chain([repeat]).chain(batches).collect()
}

/// Events of LiteLLM, alone and a hundred in a request.
pub(super) async fn of_litellm() -> Vec<Path> {
    let world = World::new();
    open_account(&world, "alice", "k1", "1000").await;
    let mut warm = Source::<Litellm>::cold(&world).await;
    let event = |id: &str| crate::litellm::event(id, "k1", 1).to_string();
    let batch = format!("[{}]", (0..100).map(|n| event(&format!("of-batch-{n}"))).collect::<Vec<_>>().join(","));
    warm.delivered(&event("e1"), 200).await;
    vec![
        path("litellm: a use that comes alone", warm.delivered(&event("e2"), 200).await),
        path("litellm: a repeat", warm.delivered(&event("e2"), 200).await),
        path("litellm: 100 events of one owner", warm.delivered(&batch, 200).await),
        path("litellm: their repeat", warm.delivered(&batch, 200).await),
    ]
}

/// Spans of OpenRouter, alone and a hundred in a request.
pub(super) async fn of_openrouter() -> Vec<Path> {
    let world = World::new();
    open_account(&world, "alice", "k1", "1000").await;
    let mut warm = Source::<Openrouter>::cold(&world).await;
    let one = |id: &str| crate::openrouter::body(&[crate::openrouter::span(id, "k1", 1)]);
    let spans: Vec<Value> = (0..100).map(|n| crate::openrouter::span(&format!("gen-b{n}"), "k1", 1)).collect();
    let batch = crate::openrouter::body(&spans);
    warm.delivered(&one("gen-1"), 200).await;
    vec![
        path("openrouter: a use that comes alone", warm.delivered(&one("gen-2"), 200).await),
        path("openrouter: 100 events of one owner", warm.delivered(&batch, 200).await),
        path("openrouter: their repeat", warm.delivered(&batch, 200).await),
    ]
}

/// A hundred events in one request, of one owner and of many.
async fn of_batches() -> Vec<Path> {
    let world = World::new();
    for key in 0..10 {
        open_account(&world, &format!("owner-{key}"), &format!("k{key}"), "1000").await;
    }
    let mut warm = Source::<Usage>::cold(&world).await;
    let batch = |name: &str, keys: u32, cost: &str| {
        let event = |n: u32| usage(&format!("{name}-{n}"), &format!("k{}", n % keys), cost);
        Value::from((0..100).map(event).collect::<Vec<_>>()).to_string()
    };
    warm.delivered(&batch("first", 10, "1"), 200).await;
    let mut paths = vec![
        path("usage: a batch of 100 events of one owner", warm.delivered(&batch("one", 1, "1"), 200).await),
        path("usage: its repeat", warm.delivered(&batch("one", 1, "1"), 200).await),
        path("usage: a batch of 100 events of ten owners", warm.delivered(&batch("ten", 10, "1"), 200).await),
    ];
    let short = warm.delivered(&batch("short", 1, "20"), 200).await;
    paths.push(path("usage: a batch of which the owner can pay a half", short));
    let same = ["1", "2", "3"].map(|cost| usage("same", "k1", cost));
    let same = warm.delivered(&Value::from(same.to_vec()).to_string(), 200).await;
    paths.push(path("usage: a batch of three events under one id", same));
    let mut other = Source::<Usage>::cold(&world).await;
    other.delivered(&batch("other", 10, "1"), 200).await;
    paths.push(path(
        "usage: a repeat of a batch at another sandbox",
        other.delivered(&batch("ten", 10, "1"), 200).await,
    ));
    paths
}

/// The events of one payment in their usual order, and what a bank or a person takes back.
pub(super) async fn of_stripe() -> Vec<Path> {
    let event = |name: &str| of_stripe::with(name, &[]);
    let paid = async || {
        let world = of_stripe::shop().await;
        Source::<Stripe>::cold(&world).await.delivered(&event("payment_intent_succeeded"), 200).await;
        world
    };
    let world = of_stripe::shop().await;
    let mut warm = Source::<Stripe>::cold(&world).await;
    let mut paths = Vec::new();
    for (name, sample) in [
        ("stripe: a payment", "payment_intent_succeeded"),
        ("stripe: its repeat", "payment_intent_succeeded"),
        ("stripe: its session, completed", "checkout_session_completed"),
        ("stripe: its charge", "charge_succeeded"),
        ("stripe: an event of no interest", "customer_created"),
    ] {
        paths.push(path(name, warm.delivered(&event(sample), 200).await));
    }
    let mut other = Source::<Stripe>::cold(&world).await;
    let repeat = other.delivered(&event("payment_intent_succeeded"), 200).await;
    paths.push(path("stripe: a repeat of the payment at another sandbox", repeat));
    for (name, earlier, sample) in [
        ("stripe: a refund", None, "refund_updated"),
        ("stripe: a charge's refunded sum", None, "charge_refunded"),
        ("stripe: a dispute opened", None, "charge_dispute_created"),
        ("stripe: the dispute won", Some("charge_dispute_created"), "charge_dispute_closed_won"),
        ("stripe: the dispute lost", Some("charge_dispute_created"), "charge_dispute_closed"),
    ] {
        let mut source = Source::<Stripe>::cold(&paid().await).await;
        if let Some(earlier) = earlier {
            source.delivered(&event(earlier), 200).await;
        }
        paths.push(path(name, source.delivered(&event(sample), 200).await));
    }
    let early = World::new();
    let refused = Source::<Stripe>::cold(&early).await.delivered(&event("payment_intent_succeeded"), 200).await;
    paths.push(path("stripe: a payment before its order", refused));
    paths.extend(of_subscriptions().await);
    paths
}

async fn of_subscriptions() -> Vec<Path> {
    let world = of_stripe::shop().await;
    let mut source = Source::<Stripe>::cold(&world).await;
    let mut paths = Vec::new();
    for (name, sample) in [
        ("stripe: a subscription begins", "customer_subscription_created"),
        ("stripe: its first invoice is paid", "invoice_paid"),
        ("stripe: its payment is linked to the invoice", "invoice_payment_paid"),
        ("stripe: an invoice renews it", "invoice_paid_2024"),
        ("stripe: the subscription changes", "customer_subscription_updated"),
    ] {
        paths.push(path(name, source.delivered(&of_stripe::with(sample, &[]), 200).await));
    }
    paths
}

pub(super) async fn of_wechat() -> Vec<Path> {
    let mut paths = Vec::new();
    for (name, event) in [
        ("wechat: a payment over APIv3", "v3_payment"),
        ("wechat: a payment over APIv2", "v2_payment"),
        ("wechat: a payment over CloudRun, with its query", "cloudrun_payment"),
    ] {
        let mut source = wechat_of(&crate::wechat::shop().await, &crate::wechat::paid()).await;
        paths.push(path(name, source.delivered(&sample("wechat", event), 200).await));
    }
    let mut source = wechat_of(&crate::wechat::shop().await, &crate::wechat::paid()).await;
    source.delivered(&sample("wechat", "v3_payment"), 200).await;
    paths.push(path("wechat: a refund over APIv3", source.delivered(&sample("wechat", "v3_refund"), 200).await));
    paths
}

async fn wechat_of(world: &World, net: &WechatNet) -> Source<Wechat> {
    let (ledger, meter) = Meter::new(world);
    net.fail(meter.of_provider("WeChat Pay"));
    Source::of(crate::wechat::function(ledger, net, &[]).await, meter)
}

pub(super) async fn of_epay() -> Vec<Path> {
    let alone: &[(&str, &str)] = &[];
    let queried: &[(&str, &str)] = &[("EPAY_MD5_KEY_ALONE_PAYS", "")];
    let mut paths = Vec::new();
    for (name, event, settings) in [
        ("epay: a payment over V1, without a query", "notify_v1_get", alone),
        ("epay: a payment over V1, with its query", "notify_v1_get", queried),
        ("epay: a payment over V2", "notify_v2", queried),
    ] {
        let (ledger, meter) = Meter::new(&crate::epay::shop().await);
        let (body, net) = (sample("epay", event), EpayNet::default());
        net.add_paid(&params(&body));
        net.fail(meter.of_provider("epay"));
        let function = crate::epay::asking(ledger, &net, settings).await;
        let mut source = Source::of(function, meter);
        paths.push(path(name, source.delivered(&body, 200).await));
        if event == "notify_v2" {
            paths.push(path("epay: its repeat", source.delivered(&body, 200).await));
        }
    }
    paths
}

fn params(sample: &str) -> Params {
    let sample: Value = serde_json::from_str(sample).expect("JSON");
    let params = sample["params"].as_object().expect("parameters").iter();
    params.fold(Params::default(), |params, (name, value)| params.with(name, value.as_str().expect("a text")))
}

pub(super) async fn of_fireblocks() -> Vec<Path> {
    let world = crate::fireblocks::shop().await;
    let mut source = Source::<Fireblocks>::cold(&world).await;
    let mut paths = Vec::new();
    for (name, event) in [
        ("fireblocks: a transfer completes", "v2_completed"),
        ("fireblocks: its repeat", "v2_completed"),
        ("fireblocks: an older status", "v2_submitted"),
        ("fireblocks: a deposit", "v2_deposit"),
    ] {
        paths.push(path(name, source.delivered(&sample("fireblocks", event), 200).await));
    }
    paths
}
