//! Convergence of transfer statuses: any order or concurrency gives the same ledger, and a final status stays final.

use std::sync::Arc;

use ledger::TransferStatus;
use serde_json::json;
use testkit::{Books, FireblocksNet};

use super::*;

/// The tokens of the samples' order, in the smallest unit.
const SOLD: i128 = 10_000_000_000_000_000_000;

/// A webhook that reports this status of the samples' transfer.
fn reporting(status: TransferStatus) -> String {
    let name = status.as_str();
    with("v2_completed", &[("/id", json!(format!("0198-{name}"))), ("/data/status", json!(name))])
}

fn statuses() -> impl Iterator<Item = TransferStatus> + Clone {
    TransferStatus::ALL.into_iter().filter(|status| TransferStatus::of_custodian(status.as_str()).is_some())
}

/// The state that does not depend on the number of writes to the order.
async fn ending(world: &World) -> (Books, Option<(Option<String>, TransferStatus)>) {
    let mut books = world.books();
    books.check();
    for order in books.orders.values_mut() {
        order.version = 0;
    }
    // Only a status that changes the order keeps its body.
    books.bodies.clear();
    let transfer = order_now(world, ORDER).await.transfer;
    (books, transfer.map(|transfer| (transfer.id, transfer.status)))
}

#[tokio::test(start_paused = true)]
async fn status_pair_in_either_order_gives_the_same_ledger() {
    for (this, that) in statuses().flat_map(|this| statuses().map(move |that| (this, that))) {
        let mut endings = Vec::new();
        for [first, second] in [[this, that], [that, this]] {
            let world = shop().await;
            for status in [first, second, first] {
                let reply = answered(&world, &Fireblocks::signed(&reporting(status), now())).await;
                assert_eq!(status_and_body(&reply), BOOKED, "{this:?} {that:?}");
            }
            endings.push(ending(&world).await);
        }
        assert_eq!(endings[0], endings[1], "{this:?} {that:?}");
        let (books, transfer) = &endings[0];
        let highest = this.max(that);
        assert_eq!(*transfer, Some((Some(TRANSFER.to_owned()), highest)), "{this:?} {that:?}");
        let order = books.order(ORDER);
        let flag = highest.has_failed().then_some("TRANSFER_FAILED");
        assert_eq!(order.anomaly.as_deref(), flag, "{this:?} {that:?}");
        let fulfilment = match (highest == TransferStatus::Completed, highest.has_failed()) {
            (true, _) => "done",
            (false, true) => "failed",
            (false, false) => "pending",
        };
        assert_eq!(order.fulfilment, fulfilment, "{this:?} {that:?}");
        let tokens = if highest == TransferStatus::Completed { 0 } else { SOLD };
        assert_eq!(books.balance("alice/POSX"), tokens, "{this:?} {that:?}");
        let events = if this == that { 1 } else { 2 };
        assert_eq!(books.processed().filter(|id| id.starts_with("fireblocks#")).count(), events, "{this:?} {that:?}");
    }
}

/// A failed transfer raises an alarm. A late failure of a completed transfer raises none.
#[tokio::test(start_paused = true)]
async fn failed_transfer_raises_an_alarm() {
    let parsed = |body: &str| {
        let sent = second(body).event(Shape::HttpApi);
        let request = edge::read(&sent).expect("a request").open(1 << 20).expect("a body");
        let settings =
            Settings::new([("FIREBLOCKS_JWKS".to_owned(), fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)]))]);
        let keys = Fireblocks::keys(&settings, signing::Strength::Deployed).expect("keys");
        let verified = source().verify(&keys, &request, now()).expect("verified");
        source().parse(&webhook::Received::new(verified, &request, &[])).expect("an event")
    };
    for status in statuses() {
        let world = shop().await;
        let alarm = |order: Order| {
            let event = parsed(&reporting(status));
            let decision = source().decide(&event, source().header(&event), Some(order));
            let Decision::Record(entry) = decision else { panic!("{decision:?}") };
            entry.alarm
        };
        let has_failed = ["FAILED", "CANCELLED", "REJECTED", "BLOCKED", "TIMEOUT", "PARTIALLY_COMPLETED"];
        let expected = has_failed.contains(&status.as_str()).then_some("transfer_failed");
        assert_eq!(alarm(order_now(&world, ORDER).await), expected, "{status:?}");
        answered(&world, &Fireblocks::signed(&reporting(TransferStatus::Completed), now())).await;
        assert_eq!(alarm(order_now(&world, ORDER).await), None, "{status:?} after COMPLETED");
    }
}

/// All statuses, several times, concurrently to several sandboxes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundred_concurrent_statuses_end_as_sequential_ones() {
    let world = shop().await;
    let mut sandboxes = Vec::new();
    for seed in 0..10 {
        sandboxes.push(Arc::new(Fireblocks::function(world.ledger(seed)).await));
    }
    let all: Vec<TransferStatus> = statuses().collect();
    let mut senders = tokio::task::JoinSet::new();
    for n in 0..100_u64 {
        let function = Arc::clone(&sandboxes[usize::try_from(n % 10).expect("small")]);
        let status = all[usize::try_from(n).expect("small") % all.len()];
        senders.spawn(async move {
            let event = Fireblocks::signed(&reporting(status), now());
            for _ in 0..50 {
                let reply = function.answer(&event, &moment_within::<Fireblocks>(n)).await;
                if reply.status != 503 {
                    return reply.status;
                }
            }
            503
        });
    }
    let replies = senders.join_all().await;
    assert!(replies.iter().all(|status| *status == 200), "{replies:?}");
    let (books, transfer) = ending(&world).await;
    assert_eq!(transfer, Some((Some(TRANSFER.to_owned()), TransferStatus::Completed)));
    assert_eq!(books.order(ORDER).fulfilment, "done");
    assert_eq!(books.order(ORDER).anomaly, None);
    assert_eq!(books.balance("alice/POSX"), 0);
    assert_eq!(books.processed().filter(|id| id.starts_with("fireblocks#")).count(), all.len());
}

/// The fake ends a transfer as its wallet's suffix selects. The ledger agrees, in either order of webhooks.
#[tokio::test(start_paused = true)]
async fn transfer_ends_as_its_wallet_selects() {
    let ends = [
        ("", "COMPLETED", "done"),
        ("0001", "FAILED", "failed"),
        ("0002", "REJECTED", "failed"),
        ("0003", "BLOCKED", "failed"),
        ("0004", "CANCELLED", "failed"),
        ("0005", "PENDING_SIGNATURE", "pending"),
        ("0006", "COMPLETED", "done"),
        ("0007", "COMPLETED", "done"),
    ];
    for (ending, status, fulfilment) in ends {
        for backwards in [false, true] {
            let (world, net) = (World::new(), FireblocksNet::default());
            let wallet = format!("0xwallet{ending}");
            let mut order = order(ORDER);
            let Some(Grant::Token { on_chain: Some(on_chain), .. }) = order.terms.grants.first_mut() else {
                panic!("a token")
            };
            on_chain.wallet = Some(wallet.clone());
            paid(&world, order).await;
            let allocation = order_now(&world, ORDER).await.allocation().expect("an allocation");
            let new = providers::NewTransfer {
                external_id: allocation.key.to_string(),
                asset: allocation.asset,
                amount: allocation.amount.decimal(allocation.scale),
                wallet: allocation.wallet.expect("a wallet"),
            };
            let until = testkit::deadline(std::time::Duration::from_secs(8));
            let made = client(&net).create(&new, now(), until).await.expect("made");
            let order = order_now(&world, ORDER).await;
            write(
                &world,
                &order.number,
                "transferred",
                order.apply_transfer_status(&made.id, TransferStatus::Submitted, now()),
            )
            .await;
            for _ in 0..5 {
                net.go_on();
            }
            let mut bodies = net.webhooks();
            if backwards {
                bodies.reverse();
            }
            for body in bodies {
                assert_eq!(
                    status_and_body(&answered(&world, &second(&body).event(Shape::HttpApi)).await),
                    BOOKED,
                    "{wallet}"
                );
            }
            let transfer = order_now(&world, ORDER).await.transfer.expect("a transfer");
            assert_eq!(transfer.status.as_str(), status, "{wallet} {backwards}");
            let books = world.books();
            assert_eq!(books.order(ORDER).fulfilment, fulfilment, "{wallet} {backwards}");
            let tokens = if status == "COMPLETED" { 0 } else { SOLD };
            assert_eq!(books.balance("alice/POSX"), tokens, "{wallet} {backwards}");
        }
    }
}

fn client(net: &FireblocksNet) -> providers::Fireblocks {
    let [(_, api_key), (_, secret)] = testkit::fireblocks_settings();
    let keys = providers::FireblocksKeys::parse(Some(&api_key), Some(&secret)).expect("keys");
    let config = providers::FireblocksConfig { base: testkit::FIREBLOCKS_BASE.to_owned(), vault: "0".to_owned() };
    let http = providers::Http::over(net.clone(), fastrand::Rng::with_seed(1));
    providers::Fireblocks::new(http, config, Arc::new(keys))
}
