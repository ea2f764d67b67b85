//! The published keys under whole requests: what Fireblocks is told while they cannot be fetched, and that the copy in the store is enough.

use std::sync::Arc;

use edge::Moment;
use fireblocks::{Config, Published};
use idempotency::DynamoLedger;
use providers::Http;
use signing::jws;
use testkit::{FIREBLOCKS_JWKS, Fault, FireblocksFault, FireblocksNet};

use super::*;

pub(crate) type Deployed = Function<Fireblocks, Arc<DynamoLedger>, Published<Arc<DynamoLedger>>>;

/// As `main` puts it together.
pub(crate) async fn deployed(ledger: DynamoLedger, net: &FireblocksNet, at: &Moment) -> Deployed {
    let set = |name: &str| (name == "FIREBLOCKS_JWKS_URL").then(|| FIREBLOCKS_JWKS.to_owned());
    let config = Config::read(set, "prod").expect("a configuration");
    let (http, ledger) = (Http::over(net.clone(), fastrand::Rng::with_seed(1)), Arc::new(ledger));
    let keys = Published::open(config, http, Arc::clone(&ledger), at).await;
    Function::new(Fireblocks, keys, Admission::default(), ledger)
}

fn at(seconds: i64) -> Moment {
    Moment { now: now().plus_seconds(seconds), ..moment_within::<Fireblocks>(1) }
}

fn down() -> FireblocksNet {
    let net = FireblocksNet::default();
    net.fail(|_, _| FireblocksFault::Disconnect);
    net
}

#[tokio::test(start_paused = true)]
async fn while_the_keys_cannot_be_fetched_nobody_is_turned_away() {
    let world = shop().await;
    let (net, body) = (down(), sample("v2_completed"));
    let function = deployed(world.ledger(1), &net, &at(0)).await;
    let good = second(&body).event(Shape::HttpApi);
    let before = world.books();
    for seconds in [0, 30, 60] {
        assert_eq!(told(&function.answer(&good, &at(seconds)).await), UNAVAILABLE, "{seconds}");
        // What no key could make good is turned away at once.
        let unsigned = Sent::post(PATH, body.as_bytes()).event(Shape::HttpApi);
        assert_eq!(told(&function.answer(&unsigned, &at(seconds)).await), UNVERIFIED, "{seconds}");
    }
    assert_eq!(world.books(), before);
    net.fail(|_, _| FireblocksFault::None);
    assert_eq!(told(&function.answer(&good, &at(119)).await), UNAVAILABLE, "not within a minute");
    assert_eq!(told(&function.answer(&good, &at(120)).await), BOOKED);
    assert_eq!(standing(&world, ORDER).await.transfer.expect("a transfer").status.as_str(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_starts_lives_on_the_copy() {
    let world = shop().await;
    deployed(world.ledger(1), &FireblocksNet::default(), &at(0)).await;
    for hours in [0, 1, 24 * 30] {
        let (net, seconds) = (down(), hours * 3_600);
        let function = deployed(world.ledger(2), &net, &at(seconds)).await;
        let body = sample("v2_completed");
        let reply = function.answer(&second(&body).event(Shape::HttpApi), &at(seconds)).await;
        assert_eq!(told(&reply), BOOKED, "{hours}");
        // Of a name that is not in the copy nobody knows.
        let key = PrivateKey::parse(&rsa_pair(FIREBLOCKS_HOOK_PAIR).private).expect("a key");
        let signature = jws::sign(&key, "2026-02", body.as_bytes());
        let newer = Sent::post(PATH, body.as_bytes()).with(SIGNATURE, signature).event(Shape::HttpApi);
        assert_eq!(told(&function.answer(&newer, &at(seconds + 60)).await), UNAVAILABLE, "{hours}");
        // And of one that is, that it does not fit.
        let forged =
            jws::sign(&PrivateKey::parse(&rsa_pair(3).private).expect("a key"), FIREBLOCKS_KID, body.as_bytes());
        let forged = Sent::post(PATH, body.as_bytes()).with(SIGNATURE, forged).event(Shape::HttpApi);
        assert_eq!(told(&function.answer(&forged, &at(seconds + 61)).await), UNVERIFIED, "{hours}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_believed_with_its_first_webhook() {
    let world = shop().await;
    let net = FireblocksNet::default();
    let function = deployed(world.ledger(1), &net, &at(0)).await;
    net.publish(&fireblocks_jwks(&[("2026-02", 3)]));
    let body = sample("v2_completed");
    let key = PrivateKey::parse(&rsa_pair(3).private).expect("a key");
    let newer = Sent::post(PATH, body.as_bytes()).with(SIGNATURE, jws::sign(&key, "2026-02", body.as_bytes()));
    assert_eq!(told(&function.answer(&newer.event(Shape::HttpApi), &at(59)).await), UNVERIFIED);
    assert_eq!(told(&function.answer(&newer.event(Shape::HttpApi), &at(60)).await), BOOKED);
    let older = second(&body).event(Shape::HttpApi);
    assert_eq!(told(&function.answer(&older, &at(61)).await), UNVERIFIED, "no longer published");
    // Another sandbox has it from the first.
    let function = deployed(world.ledger(2), &down(), &at(62)).await;
    assert_eq!(told(&function.answer(&newer.event(Shape::HttpApi), &at(62)).await), BOOKED);
}

/// Neither the store's faults nor those of the network keep it from starting, and its books are as they would be.
#[tokio::test(start_paused = true)]
async fn it_starts_whatever_fails() {
    for fault in [Fault::DropRequest, Fault::Disconnect, Fault::ServerError, Fault::Garbage] {
        let world = shop().await;
        let (ledger, _) = world.faulty(1, move |call, _| if call < 4 { fault } else { Fault::None });
        let function = deployed(ledger, &FireblocksNet::default(), &at(0)).await;
        let event = second(&sample("v2_completed")).event(Shape::HttpApi);
        let mut reply = function.answer(&event, &at(1)).await;
        if reply.status == 503 {
            reply = function.answer(&event, &at(2)).await;
        }
        assert_eq!(told(&reply), BOOKED, "{fault:?}");
        world.books().check();
    }
}
