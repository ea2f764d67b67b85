//! The JWKS cache under whole requests: replies while the keys cannot be fetched, the cached copy, rotation and expiry.

use edge::Invocation;
use fireblocks::{Config, Published};
use idempotency::DynamoLedger;
use providers::Http;
use serde_json::json;
use signing::jws;
use testkit::{FIREBLOCKS_JWKS, Fault, FireblocksNet, NetFault};

use super::*;
use crate::log_capture::{captured_lines, start_capture};

pub(crate) type Deployed = Function<Fireblocks, DynamoLedger, Published<DynamoLedger>>;

/// The function as `main` assembles it.
pub(crate) async fn deployed(ledger: DynamoLedger, net: &FireblocksNet, at: &Invocation) -> Deployed {
    let set = |name: &str| (name == "FIREBLOCKS_JWKS_URL").then(|| FIREBLOCKS_JWKS.to_owned());
    let config = Config::read(set, "prod").expect("a configuration");
    let http = Http::over(net.clone(), fastrand::Rng::with_seed(1));
    let keys = Published::open(config, http, ledger.clone(), at).await;
    Function::new(source(), keys, Admission::default(), ledger)
}

fn at(seconds: i64) -> Invocation {
    Invocation { now: now().plus_seconds(seconds), ..moment_within::<Fireblocks>(1) }
}

fn down() -> FireblocksNet {
    let net = FireblocksNet::default();
    net.fail(|_, _| NetFault::Disconnect);
    net
}

#[tokio::test(start_paused = true)]
async fn unavailable_keys_give_503_and_no_401() {
    let world = shop().await;
    let (net, body) = (down(), sample("v2_completed"));
    let function = deployed(world.ledger(1), &net, &at(0)).await;
    let good = second(&body).event(Shape::HttpApi);
    let before = world.books();
    for seconds in [0, 30, 60] {
        assert_eq!(status_and_body(&function.answer(&good, &at(seconds)).await), UNAVAILABLE, "{seconds}");
        // A webhook that no key could verify gives 401 at once.
        let unsigned = Sent::post(PATH, body.as_bytes()).event(Shape::HttpApi);
        assert_eq!(status_and_body(&function.answer(&unsigned, &at(seconds)).await), UNVERIFIED, "{seconds}");
    }
    assert_eq!(world.books(), before);
    net.recover();
    assert_eq!(status_and_body(&function.answer(&good, &at(119)).await), UNAVAILABLE, "not within a minute");
    assert_eq!(status_and_body(&function.answer(&good, &at(120)).await), BOOKED);
    assert_eq!(order_now(&world, ORDER).await.transfer.expect("a transfer").status.as_str(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn cold_sandbox_verifies_with_the_cached_keys() {
    let world = shop().await;
    deployed(world.ledger(1), &FireblocksNet::default(), &at(0)).await;
    for hours in [0, 1, 23] {
        let (net, seconds) = (down(), hours * 3_600);
        let function = deployed(world.ledger(2), &net, &at(seconds)).await;
        let body = sample("v2_completed");
        let reply = function.answer(&second(&body).event(Shape::HttpApi), &at(seconds)).await;
        assert_eq!(status_and_body(&reply), BOOKED, "{hours}");
        // A key id that is not in the copy may have been published since: 503.
        let key = PrivateKey::parse(&rsa_pair(FIREBLOCKS_HOOK_PAIR).private).expect("a key");
        let signature = jws::sign(&key, "2026-02", body.as_bytes());
        let newer = Sent::post(PATH, body.as_bytes()).with(SIGNATURE, signature).event(Shape::HttpApi);
        assert_eq!(status_and_body(&function.answer(&newer, &at(seconds + 60)).await), UNAVAILABLE, "{hours}");
        // A key id that is in the copy, with a signature that does not verify: 401.
        let forged =
            jws::sign(&PrivateKey::parse(&rsa_pair(3).private).expect("a key"), FIREBLOCKS_KID, body.as_bytes());
        let forged = Sent::post(PATH, body.as_bytes()).with(SIGNATURE, forged).event(Shape::HttpApi);
        assert_eq!(status_and_body(&function.answer(&forged, &at(seconds + 61)).await), UNVERIFIED, "{hours}");
    }
}

#[tokio::test(start_paused = true)]
async fn rotated_key_is_fetched_on_its_first_webhook() {
    let world = shop().await;
    let net = FireblocksNet::default();
    let function = deployed(world.ledger(1), &net, &at(0)).await;
    net.publish(&fireblocks_jwks(&[("2026-02", 3)]));
    let body = sample("v2_completed");
    let key = PrivateKey::parse(&rsa_pair(3).private).expect("a key");
    let newer = Sent::post(PATH, body.as_bytes()).with(SIGNATURE, jws::sign(&key, "2026-02", body.as_bytes()));
    assert_eq!(
        status_and_body(&function.answer(&newer.event(Shape::HttpApi), &at(59)).await),
        UNAVAILABLE,
        "retried later"
    );
    assert_eq!(status_and_body(&function.answer(&newer.event(Shape::HttpApi), &at(60)).await), BOOKED);
    let older = second(&body).event(Shape::HttpApi);
    assert_eq!(
        status_and_body(&function.answer(&older, &at(61)).await),
        UNAVAILABLE,
        "the keys were fetched a second ago"
    );
    assert_eq!(status_and_body(&function.answer(&older, &at(120)).await), UNVERIFIED, "no longer published");
    // Another sandbox reads the new key from the cached copy.
    let function = deployed(world.ledger(2), &down(), &at(122)).await;
    assert_eq!(status_and_body(&function.answer(&newer.event(Shape::HttpApi), &at(122)).await), BOOKED);
}

/// Fireblocks retries after 5xx and not after 4xx, and a key may have been published since the last fetch. Anyone can name a key id, so
/// the keys are fetched at most once a minute.
#[tokio::test(start_paused = true)]
async fn unknown_key_gives_503_and_at_most_one_fetch_a_minute() {
    let world = shop().await;
    let net = FireblocksNet::default();
    let function = deployed(world.ledger(1), &net, &at(0)).await;
    let (before, body) = (world.books(), sample("v2_completed"));
    let stranger = PrivateKey::parse(&rsa_pair(3).private).expect("a key");
    let mut seconds_by_status = std::collections::BTreeMap::new();
    start_capture();
    for seconds in 1..=180 {
        let signature = jws::sign(&stranger, &format!("kid-{seconds}"), body.as_bytes());
        let forged = Sent::post(PATH, body.as_bytes()).with(SIGNATURE, signature).event(Shape::HttpApi);
        let reply = function.answer(&forged, &at(seconds)).await;
        let status = if status_and_body(&reply) == UNAVAILABLE { "503" } else { "401" };
        assert!([UNAVAILABLE, UNVERIFIED].contains(&status_and_body(&reply)), "{reply:?}");
        seconds_by_status.entry(status).or_insert_with(Vec::new).push(seconds);
    }
    assert_eq!(seconds_by_status["401"], [60, 120, 180], "after a fetch for that key id");
    assert_eq!((net.calls().len(), world.books()), (4, before), "one fetch at the start, and one a minute");
    // Counted apart from `unavailable`, which raises an alarm.
    let outcomes: Vec<Value> = captured_lines().into_iter().filter_map(|line| line.get("outcome").cloned()).collect();
    let of = |wanted: &str| outcomes.iter().filter(|outcome| **outcome == *wanted).count();
    assert_eq!((of("unverifiable"), of("unverified"), of("unavailable")), (177, 3, 0));
    // A genuine event is booked meanwhile.
    assert_eq!(status_and_body(&function.answer(&second(&body).event(Shape::HttpApi), &at(181)).await), BOOKED);
}

/// Fireblocks may have withdrawn a key. Cached keys therefore expire after a day without a fetch.
#[tokio::test(start_paused = true)]
async fn keys_older_than_a_day_verify_nothing_and_raise_an_alarm() {
    const DAY: i64 = 24 * 3_600;
    let world = shop().await;
    let net = FireblocksNet::default();
    let old = deployed(world.ledger(1), &net, &at(0)).await;
    net.fail(|_, _| NetFault::Disconnect);
    let alarms = || captured_lines().into_iter().filter(|line| line["alarm"] == "no_recent_keys").count();
    let (first, last) = (sample("v2_submitted"), sample("v2_completed"));
    start_capture();
    let reply = old.answer(&second(&first).event(Shape::HttpApi), &at(DAY - 1)).await;
    assert_eq!((status_and_body(&reply), alarms()), (BOOKED, 0), "a second before");
    let before = world.books();
    start_capture();
    let new = deployed(world.ledger(2), &net, &at(DAY)).await;
    assert_eq!(alarms(), 1, "of the sandbox that starts with a copy too old");
    for (name, function) in [("lives on", &old), ("starts", &new)] {
        start_capture();
        for seconds in [DAY + 60, DAY + 61, DAY + 90, DAY + 120] {
            let reply = function.answer(&second(&last).event(Shape::HttpApi), &at(seconds)).await;
            assert_eq!(status_and_body(&reply), UNAVAILABLE, "{name} {seconds}");
        }
        assert_eq!((alarms(), world.books()), (2, before.clone()), "{name}: once a minute");
    }
    // One sandbox fetches the keys, the other reads its copy.
    net.recover();
    assert_eq!(status_and_body(&old.answer(&second(&last).event(Shape::HttpApi), &at(DAY + 180)).await), BOOKED);
    net.fail(|_, _| NetFault::Disconnect);
    let failed = with("v2_failed", &[("/id", json!("0198-other"))]);
    assert_eq!(status_and_body(&new.answer(&second(&failed).event(Shape::HttpApi), &at(DAY + 181)).await), BOOKED);
}

/// Faults of the store and of the network prevent neither the start nor the booking.
#[tokio::test(start_paused = true)]
async fn function_starts_under_any_fault() {
    for fault in [Fault::DropRequest, Fault::Disconnect, Fault::ServerError, Fault::Garbage] {
        let world = shop().await;
        let (ledger, _) = world.faulty(1, move |call, _| if call < 4 { fault } else { Fault::None });
        let function = deployed(ledger, &FireblocksNet::default(), &at(0)).await;
        let event = second(&sample("v2_completed")).event(Shape::HttpApi);
        let mut reply = function.answer(&event, &at(1)).await;
        if reply.status == 503 {
            reply = function.answer(&event, &at(2)).await;
        }
        assert_eq!(status_and_body(&reply), BOOKED, "{fault:?}");
        world.books().check();
    }
}
