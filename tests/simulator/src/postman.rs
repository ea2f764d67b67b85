//! Delivers the webhooks of the providers, each on its sender's own retry schedule: late, twice, out of order, or never.

use std::sync::LazyLock;
use std::time::Duration;

use edge::Service as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use signing::Strength;
use testkit::{Sent, Shape};
use tokio::time::sleep;

use crate::assemble::STRIPE_SECRET;
use crate::mark::Mark;
use crate::outbox::Sender;
use crate::world::World;

/// Stripe retries for three days, and publishes no exact schedule.
const STRIPE_PAUSES_S: [u64; 11] = [60, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 36_000, 36_000, 36_000, 36_000];
const HOUR_S: u64 = 3_600;
/// A common gateway gives up after about two hours.
const EPAY_PAUSES_S: [u64; 6] = [1, 60, 120, 960, 2_160, 3_600];
const EPAY_PATH: &str = "/payment/notify";
const STRIPE_PATH: &str = "/api/v1/webhooks/stripe/";

static STRIPE_KEYS: LazyLock<signing::stripe::Keys> =
    LazyLock::new(|| signing::stripe::Keys::parse(STRIPE_SECRET, Strength::Local).expect("a secret"));

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
        Sender::Epay => of_epay(world, &body, world.mark_of(&format!("epay {number}"))).await,
    }
    world.outbox.end_one();
}

async fn of_stripe(world: &World, name: &str, body: &str, mark: Mark) {
    let mut rng = mark.child(100).rng();
    let first = match rng.u8(0..24) {
        // The endpoint was disabled: only the backfill finds the event.
        0 => {
            world.step(format!("Stripe never delivers {name}"));
            return;
        }
        1..=3 => Duration::from_secs(rng.u64(60..48 * HOUR_S)),
        _ => Duration::from_millis(rng.u64(20..4_000)),
    };
    sleep(first).await;
    for (attempt, pause_s) in (0_u64..).zip(STRIPE_PAUSES_S) {
        let status = stripe_once(world, body, mark.child(attempt)).await;
        world.detail(format!("{name}: {status:?}"));
        if status.is_some_and(|status| (200..300).contains(&status)) {
            world.fakes.stripe.delivered(body);
            if rng.u8(0..6) == 0 {
                sleep(Duration::from_secs(rng.u64(0..6 * HOUR_S))).await;
                let status = stripe_once(world, body, mark.child(50)).await;
                world.detail(format!("{name} again: {status:?}"));
            }
            return;
        }
        sleep(Duration::from_secs(pause_s) + Duration::from_millis(rng.u64(0..5_000))).await;
    }
    world.step(format!("Stripe gives up {name}"));
}

/// One attempt, signed at the time at which it is sent.
async fn stripe_once(world: &World, body: &str, mark: Mark) -> Option<u16> {
    let header = signing::stripe::sign(&STRIPE_KEYS, body.as_bytes(), world.now().unix_s());
    let sent = Sent::post(STRIPE_PATH, body.as_bytes()).with(signing::stripe::HEADER, header);
    let request = sent.event(Shape::HttpApi);
    let answer = world
        .invoke(&world.pools.stripe, mark, async |stripe, invocation| stripe.answer(&request, invocation).await.status);
    answer.await
}

/// The gateway looks for `success` in the body, and at nothing else.
async fn of_epay(world: &World, form: &str, mark: Mark) {
    let mut rng = mark.child(100).rng();
    if rng.u8(0..12) == 0 {
        world.step("the gateway never notifies".to_owned());
        return;
    }
    sleep(Duration::from_millis(rng.u64(20..3_000))).await;
    for (attempt, pause_s) in (0_u64..).zip(EPAY_PAUSES_S) {
        let request = Sent::get(EPAY_PATH, form).event(Shape::HttpApi);
        let answer = world.invoke(&world.pools.epay, mark.child(attempt), async |epay, invocation| {
            epay.answer(&request, invocation).await.body
        });
        let answer = answer.await;
        world.detail(format!("the gateway notifies: {answer:?}"));
        if answer.is_some_and(|body| body.contains("success")) && rng.u8(0..6) > 0 {
            return;
        }
        sleep(Duration::from_secs(pause_s) + Duration::from_millis(rng.u64(0..2_000))).await;
    }
    world.step("the gateway gives up".to_owned());
}
