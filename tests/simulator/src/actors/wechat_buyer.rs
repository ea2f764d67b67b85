//! A buyer at WeChat Pay: orders, clicks, scans and pays. WeChat reports payments and refunds in one of its three forms,
//! twice, late, out of order or never; refunds succeed, are closed, or are stuck first.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use edge::Service as _;
use fakes::WechatRefund;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use testkit::{Sent, Shape};
use tokio::time::sleep;

use super::click::{click, register};
use super::{Actor, WECHAT_BUYER, times};
use crate::mark::Mark;
use crate::outbox::Sender;
use crate::truth::{Grant, OrderTruth, PaymentTruth, Truth};
use crate::world::World;

const STEPS_MAX: usize = 9;
const ORDERS: &str = "/orders";
const ORDER: &str = r#"{"product":"credits-1000","provider":"wechat"}"#;
const PAY: &str = "/payment/create";
const ATTEMPTS_MAX: u64 = 5;
/// For 648 yuan.
const GRANT: Grant = Grant { whole: 1_000_000_000_000, is_indivisible: false };
const V2: usize = 1;
const CLOUDRUN: usize = 2;
/// Payments and refunds in each form. CloudRun reports no refunds: those come over APIv3.
const FORMS: [[&str; 2]; 3] = [
    [
        include_str!("../../../../events/wechat/v3_payment.json"),
        include_str!("../../../../events/wechat/v3_refund.json"),
    ],
    [
        include_str!("../../../../events/wechat/v2_payment.json"),
        include_str!("../../../../events/wechat/v2_refund.json"),
    ],
    [
        include_str!("../../../../events/wechat/cloudrun_payment.json"),
        include_str!("../../../../events/wechat/v3_refund.json"),
    ],
];
const FAILED: [Option<&str>; 3] = [
    None,
    Some(include_str!("../../../../events/wechat/v2_payment_failed.json")),
    Some(include_str!("../../../../events/wechat/cloudrun_payment_failed.json")),
];
/// A callback that names only the order.
const ORDER_ONLY: &str = include_str!("../../../../events/wechat/cloudrun_order_only.json");

#[derive(Debug, Clone, Copy)]
enum Act {
    Order,
    Click,
    /// The newest order or the oldest. An attempt may fail before.
    Pay {
        is_newest: bool,
        fails_first: bool,
    },
    /// This share of what is left, in percent. The end is reported after the bank's first answer.
    Refund {
        percent: u8,
        end: RefundEnd,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RefundEnd {
    Succeeds,
    IsClosed,
    /// The bank rejects it first, and it succeeds later.
    IsStuckFirst,
}

struct WechatBuyer {
    number: usize,
    form: usize,
    steps: Vec<(Duration, Act)>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    orders: Vec<String>,
    /// Payments by WeChat's number, each with its order.
    payments: BTreeMap<String, (String, PaymentTruth)>,
    refunds: usize,
    /// The notifications of refunds. No query finds a refund, so that people have lost ones sent again.
    reports: Vec<String>,
    /// Refunds that are stuck at the bank.
    stuck: Vec<(String, WechatRefund)>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let ends = [RefundEnd::Succeeds, RefundEnd::Succeeds, RefundEnd::IsClosed, RefundEnd::IsStuckFirst];
    let act = |rng: &mut Rng| match rng.u8(0..12) {
        0 => Act::Order,
        1 | 2 => Act::Click,
        3..=6 => Act::Pay { is_newest: rng.bool(), fails_first: rng.u8(0..4) == 0 },
        _ => Act::Refund { percent: [30, 50, 100][rng.usize(0..3)], end: ends[rng.usize(0..ends.len())] },
    };
    let count = rng.usize(3..=STEPS_MAX);
    let mut times = times(rng, count, horizon);
    times.sort();
    let begins = [Act::Order, Act::Click, Act::Pay { is_newest: true, fails_first: rng.u8(0..4) == 0 }];
    let acts: Vec<Act> = (0..count).map(|n| if n < 3 { begins[n] } else { act(rng) }).collect();
    let form = rng.usize(0..FORMS.len());
    Box::new(WechatBuyer { number, form, steps: times.into_iter().zip(acts).collect(), known: Mutex::default() })
}

impl WechatBuyer {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("one thread")
    }

    fn name(&self) -> String {
        format!("wechat-buyer-{}", self.number)
    }

    /// The interface in WeChat's cloud cannot be queried for refunds, so that a merchant of it does without APIv2,
    /// whose refunds need a query.
    fn form(&self, world: &World) -> usize {
        if self.form == V2 && world.is_in_wechats_cloud() { CLOUDRUN } else { self.form }
    }

    async fn order(&self, world: &World, step: usize, mark: Mark) {
        let sent = Sent::post(ORDERS, ORDER.as_bytes()).with("idempotency-key", format!("step-{step}"));
        let request = sent.with("authorization", format!("Bearer key-of-{}", self.name())).event(Shape::HttpApi);
        for attempt in 0..ATTEMPTS_MAX {
            let mark = mark.child(attempt);
            let reply = world.invoke(&world.pools.orders, mark, async |orders, invocation| {
                orders.answer(&request, invocation).await
            });
            let reply = reply.await;
            world.detail(|| format!("{} orders: {:?}", self.name(), reply.as_ref().map(|reply| reply.status)));
            if let Some(reply) = reply.filter(|reply| reply.status < 500) {
                let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
                self.known().orders.extend(body["orderNumber"].as_str().map(str::to_owned));
                return;
            }
            sleep(Duration::from_millis(mark.rng().u64(200..4_000))).await;
        }
    }

    async fn click(&self, world: &World, mark: Mark) {
        let Some(order) = self.known().orders.last().cloned() else { return };
        let body = json!({ "orderNumber": order }).to_string();
        click(world, &self.name(), (PAY, &body), mark).await;
    }

    fn pay(&self, world: &World, is_newest: bool, fails_first: bool) {
        let known = &mut self.known();
        let Some(order) = (if is_newest { known.orders.last() } else { known.orders.first() }).cloned() else { return };
        let attach = json!({ "orderNumber": order }).to_string();
        let Some(paid) = world.fakes.wechat.api().pay_open(&order) else { return };
        if let Some(sample) = FAILED[self.form(world)].filter(|_| fails_first) {
            world
                .outbox
                .add(Sender::Wechat, with_fields(sample, &[("order", order.clone()), ("attach", attach.clone())]));
        }
        let fields = [
            ("order", order.clone()),
            ("attach", attach),
            ("transaction", paid.transaction.clone()),
            ("fen", paid.fen.to_string()),
        ];
        let is_hint = self.form(world) == CLOUDRUN && self.number.is_multiple_of(2);
        let sample = if is_hint { ORDER_ONLY } else { FORMS[self.form(world)][0] };
        world.outbox.add(Sender::Wechat, with_fields(sample, &fields));
        let truth = PaymentTruth { paid: paid.fen.into(), ..PaymentTruth::default() };
        known.payments.insert(paid.transaction, (order, truth));
    }

    fn refund(&self, world: &World, percent: u8, end: RefundEnd) {
        let known = &mut *self.known();
        let Some((transaction, (order, paid))) = known.payments.iter_mut().next_back() else { return };
        let fen = (paid.paid - paid.refunded) * i128::from(percent) / 100;
        // What is stuck may still succeed.
        if fen == 0 || !known.stuck.is_empty() {
            return;
        }
        known.refunds += 1;
        let status = match end {
            RefundEnd::Succeeds => "SUCCESS",
            RefundEnd::IsClosed => "CLOSED",
            RefundEnd::IsStuckFirst => "ABNORMAL",
        };
        let number = format!("refund-{}-{}", self.number, known.refunds);
        let refund = WechatRefund {
            id: format!("50-{number}"),
            order: order.clone(),
            transaction: transaction.clone(),
            fen: u64::try_from(fen).expect("fen"),
            status,
        };
        let total = paid.paid;
        if end == RefundEnd::Succeeds {
            paid.refunded += fen;
        }
        let report = self.report(world, &number, &refund, total);
        known.reports.push(report);
        if end == RefundEnd::IsStuckFirst {
            known.stuck.push((number, refund));
        }
    }

    /// WeChat has a refund in this state, and reports it.
    fn report(&self, world: &World, number: &str, refund: &WechatRefund, total: i128) -> String {
        world.fakes.wechat.api().refund(number, refund.clone());
        let fields = [
            ("order", refund.order.clone()),
            ("transaction", refund.transaction.clone()),
            ("number", number.to_owned()),
            ("refund", refund.id.clone()),
            ("refunded", refund.fen.to_string()),
            ("fen", total.to_string()),
            ("status", refund.status.to_owned()),
        ];
        let report = with_fields(FORMS[self.form(world)][1], &fields);
        world.outbox.add(Sender::Wechat, report.clone());
        report
    }

    fn unstick(&self, world: &World) {
        let stuck = std::mem::take(&mut self.known().stuck);
        for (number, refund) in stuck {
            let known = &mut *self.known();
            let Some((_, paid)) = known.payments.get_mut(&refund.transaction) else { continue };
            paid.refunded += i128::from(refund.fen);
            let report = self.report(world, &number, &WechatRefund { status: "SUCCESS", ..refund }, paid.paid);
            known.reports.push(report);
        }
    }
}

/// A sample whose members are replaced, under the names that they have in each form. Numbers stay numbers.
fn with_fields(sample: &str, fields: &[(&str, String)]) -> String {
    let mut notification: Value = serde_json::from_str(sample).expect("JSON");
    for (field, value) in fields {
        let names: &[&str] = match *field {
            "order" => &["out_trade_no", "outTradeNo"],
            "attach" => &["attach"],
            "transaction" => &["transaction_id", "transactionId"],
            "fen" => &["total_fee", "totalFee", "total", "settlement_total_fee"],
            "number" => &["out_refund_no"],
            "refund" => &["refund_id"],
            "refunded" => &["refund_fee", "refund", "settlement_refund_fee"],
            _ => &["refund_status"],
        };
        replace(&mut notification, names, value);
    }
    if let Some((_, status)) = fields.iter().find(|(field, _)| *field == "status") {
        let (v3, v2) = match status.as_str() {
            "CLOSED" => ("REFUND.CLOSED", "REFUNDCLOSE"),
            "ABNORMAL" => ("REFUND.ABNORMAL", "CHANGE"),
            _ => ("REFUND.SUCCESS", "SUCCESS"),
        };
        replace(&mut notification, &["event_type"], v3);
        if let Some(info) = notification.get_mut("req_info") {
            replace(info, &["refund_status"], v2);
        }
    }
    if notification.get("id").is_some() {
        let id: Vec<&str> = fields.iter().map(|(_, value)| value.as_str()).collect();
        notification["id"] = format!("EV-{:016x}", hash(&id.join("|"))).into();
    }
    notification.to_string()
}

fn replace(value: &mut Value, names: &[&str], with: &str) {
    let Some(members) = value.as_object_mut() else { return };
    for (name, member) in members {
        if !names.contains(&name.as_str()) || member.is_object() {
            replace(member, names, with);
        } else if member.is_number() {
            *member = with.parse::<u64>().expect("a number").into();
        } else {
            *member = with.into();
        }
    }
}

/// FNV-1a: an id of the notification that its content decides.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Actor for WechatBuyer {
    fn kind(&self) -> &'static str {
        WECHAT_BUYER
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("{} (form {}): {:?}", self.name(), self.form, self.steps[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async { register(world, &self.name()).await }.boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Order => self.order(world, step, mark).await,
                Act::Click => self.click(world, mark).await,
                Act::Pay { is_newest, fails_first } => self.pay(world, is_newest, fails_first),
                Act::Refund { percent, end } => self.refund(world, percent, end),
            }
        }
        .boxed_local()
    }

    /// The bank answers about what is stuck, and people have every report of a refund sent again.
    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            self.unstick(world);
            let reports = self.known().reports.clone();
            for report in reports {
                world.outbox.add(Sender::WechatAgain, report);
            }
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let (known, mut truth) = (self.known(), Truth::default());
        for (transaction, (order, payment)) in &known.payments {
            let of_order = OrderTruth {
                owner: self.name(),
                payments: [(transaction.clone(), *payment)].into(),
                grants: [(format!("{}/credits", self.name()), GRANT)].into(),
                ..OrderTruth::default()
            };
            truth.orders.insert(order.clone(), of_order);
        }
        truth
    }
}
