//! Delivers the webhooks of the providers, each on its sender's own retry schedule: late, twice, out of order, or never.

use std::time::Duration;

use edge::Service;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use signing::hmac_hex;
use testkit::{Sent, Shape};
use tokio::time::sleep;

use crate::assemble::LITELLM_KEY;
use crate::custodian;
use crate::mark::Mark;
use crate::outbox::Sender;
use crate::sandbox::{Deployed, Pool};
use crate::secrets::WECHAT;
use crate::wechat_merchant::wechat_sender;
use crate::world::World;

/// Stripe retries for three days, and publishes no exact schedule.
const STRIPE_PAUSES_S: [u64; 11] = [60, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 36_000, 36_000, 36_000, 36_000];
const HOUR_S: u64 = 3_600;
/// A common gateway gives up after about two hours.
const EPAY_PAUSES_S: [u64; 6] = [1, 60, 120, 960, 2_160, 3_600];
const GATEWAY_PATH: &str = "/api/webhooks/events";
const EPAY_PATH: &str = "/payment/notify";
/// In every event of Stripe.
const PENDING: &str = "\"pending_webhooks\":1";
const STRIPE_PATH: &str = "/api/v1/webhooks/stripe/";

/// WeChat Pay retries for a day.
const WECHAT_PAUSES_S: [u64; 15] =
    [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600];
const WECHAT_PATH: &str = "/payment/wechat/notify";
/// Fireblocks retries after what is no 4xx.
const FIREBLOCKS_PAUSES_S: [u64; 6] = [15, 60, 300, 1_800, 7_200, 21_600];
const FIREBLOCKS_PATH: &str = "/api/v1/webhooks/fireblocks/";

/// Runs as long as the world.
pub(crate) async fn deliver_all(world: &World) {
    let mut deliveries = FuturesUnordered::new();
    loop {
        while let Some((number, sender, body)) = world.outbox.take() {
            deliveries.push(deliver(world, number, sender, body));
        }
        tokio::select! {
            biased;
            Some(()) = deliveries.next(), if !deliveries.is_empty() => {}
            () = world.outbox.arrived() => {}
        }
    }
}

async fn deliver(world: &World, number: u64, sender: Sender, body: String) {
    match sender {
        Sender::Stripe => {
            let event: Value = serde_json::from_str(&body).expect("JSON");
            let name = event["type"].as_str().unwrap_or_default();
            of_stripe(world, name, &body, world.mark_of(&format!("{name} {number}"))).await;
        }
        Sender::Epay => of_epay(world, &body, false, world.mark_of(&format!("epay {number}"))).await,
        Sender::EpayAgain => of_epay(world, &body, true, world.mark_of(&format!("epay {number}"))).await,
        Sender::Wechat => {
            // A report of a refund is never lost: no query finds one.
            let is_refund = body.contains("refund_id");
            of_wechat(world, &body, is_refund, world.mark_of(&format!("wechat {number}"))).await;
        }
        Sender::WechatAgain => of_wechat(world, &body, true, world.mark_of(&format!("wechat {number}"))).await,
        Sender::Fireblocks => of_fireblocks(world, &body, world.mark_of(&format!("fireblocks {number}"))).await,
    }
    world.outbox.end_one();
}

async fn of_stripe(world: &World, name: &str, body: &str, mark: Mark) {
    let mut rng = mark.child(100).rng();
    let is_disabled = world.disabled.is_some_and(|(from, until)| (from..until).contains(&world.elapsed()));
    let first = match if is_disabled { 0 } else { rng.u8(0..24) } {
        // The endpoint is disabled: only the backfill finds the event.
        0 => {
            world.step(|| format!("Stripe never delivers {name}"));
            return;
        }
        1..=3 => Duration::from_secs(rng.u64(60..48 * HOUR_S)),
        // Events of one cause arrive together.
        4..=13 => Duration::from_millis(rng.u64(20..30)),
        _ => Duration::from_millis(rng.u64(20..4_000)),
    };
    sleep(first).await;
    for (attempt, pause_s) in (0_u64..).zip(STRIPE_PAUSES_S) {
        // Each delivery counts the endpoints that have not answered yet.
        let body = &body.replacen(PENDING, &format!("\"pending_webhooks\":{}", attempt + 2), 1);
        let status = stripe_once(world, body, mark.child(attempt)).await;
        world.detail(|| format!("{name}: {status:?}"));
        if status.is_some_and(|status| (200..300).contains(&status)) {
            world.fakes.stripe.delivered(body);
            acknowledged(world, name, body).await;
            if rng.u8(0..6) == 0 {
                sleep(Duration::from_secs(rng.u64(0..6 * HOUR_S))).await;
                let again = body.replacen("\"pending_webhooks\":", "\"pending_webhooks\":1", 1);
                let status = stripe_once(world, &again, mark.child(50)).await;
                world.detail(|| format!("{name} again: {status:?}"));
            }
            return;
        }
        sleep(Duration::from_secs(pause_s) + Duration::from_millis(rng.u64(0..5_000))).await;
    }
    world.step(|| format!("Stripe gives up {name}"));
}

/// From the acknowledgement of a refund on, no top-up of its order is called; a call on its way gets a minute.
async fn acknowledged(world: &World, name: &str, body: &str) {
    let event: Value = serde_json::from_str(body).expect("JSON");
    let object = &event["data"]["object"];
    let field = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
    match name {
        "payment_intent.succeeded" => _ = world.seen().paid.insert(field("id")),
        "refund.updated" if world.seen().paid.contains(&field("payment_intent")) => {
            sleep(Duration::from_mins(1)).await;
            let calls = world.fakes.unitel.calls().into_iter().map(|(order, calls)| (order, calls.calls)).collect();
            world.seen().refunded.insert(field("payment_intent"), calls);
        }
        _ => {}
    }
}

/// One attempt, signed at the time at which it is sent.
async fn stripe_once(world: &World, body: &str, mark: Mark) -> Option<u16> {
    let header = signing::stripe::sign(world.secrets.of_stripe(), body.as_bytes(), world.now().unix_s());
    let sent = Sent::post(STRIPE_PATH, body.as_bytes()).with(signing::stripe::HEADER, header);
    let request = sent.event(Shape::HttpApi);
    let answer = world
        .invoke(&world.pools.stripe, mark, async |stripe, invocation| stripe.answer(&request, invocation).await.status);
    answer.await
}

/// The gateway looks for `success` in the body, and at nothing else.
async fn of_epay(world: &World, form: &str, is_reliable: bool, mark: Mark) {
    let mut rng = mark.child(100).rng();
    if !is_reliable && rng.u8(0..12) == 0 {
        world.step(|| "the gateway never notifies".to_owned());
        return;
    }
    sleep(Duration::from_millis(rng.u64(20..3_000))).await;
    for (attempt, pause_s) in (0_u64..).zip(EPAY_PAUSES_S) {
        let request = Sent::get(EPAY_PATH, form).event(Shape::HttpApi);
        let answer = world.invoke(&world.pools.epay, mark.child(attempt), async |epay, invocation| {
            epay.answer(&request, invocation).await.body
        });
        let answer = answer.await;
        world.detail(|| format!("the gateway notifies: {answer:?}"));
        if answer.is_some_and(|body| body.contains("success")) && rng.u8(0..6) > 0 {
            return;
        }
        sleep(Duration::from_secs(pause_s) + Duration::from_millis(rng.u64(0..2_000))).await;
    }
    world.step(|| "the gateway gives up".to_owned());
}

/// WeChat looks for its form's own success, and at the status.
async fn of_wechat(world: &World, sample: &str, is_reliable: bool, mark: Mark) {
    let mut rng = mark.child(100).rng();
    if !is_reliable && rng.u8(0..6) == 0 {
        world.step(|| "WeChat never notifies".to_owned());
        return;
    }
    sleep(Duration::from_millis(rng.u64(20..3_000))).await;
    for (attempt, pause_s) in (0_u64..).zip(WECHAT_PAUSES_S) {
        let mark = mark.child(attempt);
        let random = u128::from(mark.number()) << 64 | u128::from(mark.child(1).number());
        let sender = wechat_sender(world.secrets.are_switched(WECHAT));
        let sent = sender.sent(sample, world.now_s(), random).expect("a sample of a form");
        let post = Sent::post(WECHAT_PATH, sent.body.as_bytes());
        let post = sent.headers.iter().fold(post, |post, (name, value)| post.with(name, value.clone()));
        let request = post.event(Shape::HttpApi);
        let answer = world.invoke(&world.pools.wechat, mark, async |wechat, invocation| {
            let reply = wechat.answer(&request, invocation).await;
            (reply.status, reply.body)
        });
        let answer = answer.await;
        world.detail(|| format!("WeChat notifies: {answer:?}"));
        let is_success = |(status, body): &(u16, String)| {
            *status == 200 && (body.contains("SUCCESS") || body.contains(r#""errcode":0"#))
        };
        // It may also overlook an answer.
        if answer.as_ref().is_some_and(is_success) && rng.u8(0..6) > 0 {
            return;
        }
        sleep(Duration::from_secs(pause_s) + Duration::from_millis(rng.u64(0..2_000))).await;
    }
    world.step(|| "WeChat gives up".to_owned());
}

async fn of_fireblocks(world: &World, body: &str, mark: Mark) {
    let mut rng = mark.child(100).rng();
    let first = match rng.u8(0..12) {
        0 => {
            world.step(|| "Fireblocks never notifies".to_owned());
            return;
        }
        1 | 2 => Duration::from_secs(rng.u64(60..6 * HOUR_S)),
        _ => Duration::from_millis(rng.u64(20..4_000)),
    };
    sleep(first).await;
    for (attempt, pause_s) in (0_u64..).zip(FIREBLOCKS_PAUSES_S) {
        let signature = custodian::signature(world, body.as_bytes());
        let sent = Sent::post(FIREBLOCKS_PATH, body.as_bytes()).with(signing::fireblocks::SIGNATURE, signature);
        let request = sent.event(Shape::HttpApi);
        let answer = world.invoke(&world.pools.fireblocks, mark.child(attempt), async |fireblocks, invocation| {
            fireblocks.answer(&request, invocation).await.status
        });
        let answer = answer.await;
        world.detail(|| format!("Fireblocks notifies: {answer:?}"));
        if answer.is_some_and(|status| (200..500).contains(&status)) {
            return;
        }
        sleep(Duration::from_secs(pause_s) + Duration::from_millis(rng.u64(0..5_000))).await;
    }
    world.step(|| "Fireblocks gives up".to_owned());
}

/// A gateway reports a use again and again, until its pauses end or it gets a final answer, whose status this returns: 402
/// and 404 are final, since the event is kept.
pub(crate) async fn report_use(world: &World, name: &str, body: &str, pauses_s: &[u64], mark: Mark) -> Option<u16> {
    let signature = hmac_hex::sign(world.secrets.of_gateway(), body.as_bytes());
    let sent = Sent::post(GATEWAY_PATH, body.as_bytes()).with("x-webhook-signature", signature);
    send_until_final(world, &world.pools.usage, name, sent, pauses_s, mark).await
}

/// The same of LiteLLM.
pub(crate) async fn report_to_litellm(
    world: &World,
    name: &str,
    body: &str,
    pauses_s: &[u64],
    mark: Mark,
) -> Option<u16> {
    let sent = Sent::post(litellm::PATH, body.as_bytes());
    let sent = sent.with(webhook::AUTHORIZATION, litellm::authorization(LITELLM_KEY));
    send_until_final(world, &world.pools.litellm, name, sent, pauses_s, mark).await
}

async fn send_until_final<F: Deployed + Service>(
    world: &World,
    pool: &Pool<F>,
    name: &str,
    sent: Sent<'_>,
    pauses_s: &[u64],
    mark: Mark,
) -> Option<u16> {
    let request = sent.with("content-type", "application/json").event(Shape::HttpApi);
    for (attempt, pause_s) in (0_u64..).zip(pauses_s) {
        let mark = mark.child(attempt);
        let answer = world.invoke(pool, mark.child(0), async |function, invocation| {
            function.answer(&request, invocation).await.status
        });
        let status = answer.await;
        world.detail(|| format!("{name}: {status:?}"));
        if let Some(status) = status.filter(|status| matches!(status, 200 | 400 | 402 | 404 | 409)) {
            return Some(status);
        }
        sleep(Duration::from_millis(pause_s * 1_000 + mark.rng().u64(0..1_000))).await;
    }
    None
}
