//! Events of another workspace: Fireblocks signs the webhooks of all its workspaces with the same keys, so the owner of any workspace can
//! send us events that verify.

use edge::Worker as _;
use reconcile::Reconcile;
use serde_json::json;

use super::*;
use crate::log_capture::{captured_lines, start_capture};
use crate::stripe::{REFUSED, reconcile, run_at};

/// An id of the same shape as ours.
const THEIRS: &str = "5e2c6a30-0000-4000-8000-00000000000f";
const SAMPLES: [(&str, &str); 5] = [
    ("v2_submitted", "/workspaceId"),
    ("v2_completed", "/workspaceId"),
    ("v2_failed", "/workspaceId"),
    ("v2_deposit", "/workspaceId"),
    ("v1_completed", "/tenantId"),
];

/// Delivers an event twice. Expects an unchanged ledger, no alarm, and two ignored outcomes in the log.
async fn unchanged_by(world: &World, body: &str, name: &str) {
    let before = world.books();
    start_capture();
    for _ in 0..2 {
        assert_eq!(status_and_body(&answered(world, &Fireblocks::signed(body, now())).await), BOOKED, "{name}");
    }
    let lines = captured_lines();
    assert!(lines.iter().all(|line| line.get("alarm").is_none()), "{name}: {lines:?}");
    let events = lines.iter().filter(|line| line.get("outcome").is_some());
    let outcomes: Vec<_> = events.map(|line| (&line["outcome"], &line["reason"])).collect();
    assert_eq!(outcomes, [(&json!("ignored"), &json!("other_workspace")); 2], "{name}: counted");
    assert_eq!(world.books(), before, "{name}: nothing is booked, flagged or kept");
}

/// With every content: a status of an order of ours, before and after its transfer is known, or an event that cannot be parsed.
#[tokio::test(start_paused = true)]
async fn event_of_another_workspace_books_nothing_and_is_not_kept() {
    let changes = [
        ("as it is", "/data/status", None),
        ("of another amount", "/data/amountInfo/requestedAmount", Some(json!("1"))),
        ("to another wallet", "/data/destinationAddress", Some(json!("0x1111111111111111111111111111111111111111"))),
        ("of an unknown order", "/data/externalTxId", Some(json!("grant#hk_none#1"))),
        ("under no key", "/data/externalTxId", Some(json!("payroll-7"))),
        ("with an unknown status", "/data/status", Some(json!("SHIPPED"))),
        ("with a number for an asset", "/data/assetId", Some(json!(7))),
        ("without data", "/data", Some(Value::Null)),
    ];
    for (name, workspace) in SAMPLES {
        for (change, pointer, value) in &changes {
            let mut values = vec![(workspace, json!(THEIRS)), ("/data/id", json!("their-transaction"))];
            values.extend(value.clone().map(|value| (*pointer, value)));
            let body = with(name, &values);
            let name = format!("{name} {change}");
            unchanged_by(&shop().await, &body, &name).await;
            let world = World::new();
            paid(&world, order(ORDER)).await;
            unchanged_by(&world, &body, &format!("{name}, its transfer not known yet")).await;
            unchanged_by(&World::new(), &body, &format!("{name}, no such order")).await;
        }
    }
}

/// After eight hundred foreign events, our own event gives the same ledger as without them.
#[tokio::test(start_paused = true)]
async fn flood_of_another_workspace_changes_no_ending() {
    let (world, undisturbed) = (shop().await, shop().await);
    for n in 0..200 {
        for (name, workspace) in SAMPLES.into_iter().filter(|(name, _)| *name != "v2_deposit") {
            let id = format!("their-transaction-{n}");
            let body = with(name, &[(workspace, json!(THEIRS)), ("/data/id", json!(id))]);
            assert_eq!(
                status_and_body(&answered(&world, &Fireblocks::signed(&body, now())).await),
                BOOKED,
                "{name} {n}"
            );
        }
    }
    for world in [&world, &undisturbed] {
        let body = sample("v2_completed");
        assert_eq!(status_and_body(&answered(world, &Fireblocks::signed(&body, now())).await), BOOKED);
    }
    assert_eq!(world.books(), undisturbed.books());
    assert_eq!(order_now(&world, ORDER).await.transfer.expect("a transfer").status.as_str(), "COMPLETED");
}

/// Our transaction ids come from Fireblocks' API alone. One under another workspace means that the setting is wrong, and needs an alarm:
/// without it, the deployment would look like one that receives no webhooks.
#[tokio::test(start_paused = true)]
async fn own_transaction_under_another_workspace_is_kept_until_the_setting_is_right() {
    for name in ["v2_completed", "v1_completed"] {
        let world = shop().await;
        let before = order_now(&world, ORDER).await;
        let keys = Fireblocks::function(world.ledger(1)).await.keys;
        let wrong = Function::new(of_workspace(THEIRS), keys, Admission::default(), world.ledger(1));
        let event = Fireblocks::signed(&sample(name), now());
        start_capture();
        assert_eq!(
            status_and_body(&wrong.answer(&event, &moment_within::<Fireblocks>(1)).await),
            BOOKED,
            "{name}: kept"
        );
        let alarms: Vec<_> = captured_lines().into_iter().filter_map(|line| line.get("alarm").cloned()).collect();
        assert_eq!(alarms, ["refused"], "{name}");
        assert_eq!(order_now(&world, ORDER).await, before, "{name}: nothing is applied");
        let waiting = |world: &World| {
            let rows = world.books().journal.into_values().filter(|row| row.needs_attention);
            rows.map(|row| row.reason.expect("a reason")).collect::<Vec<_>>()
        };
        assert_eq!(waiting(&world), ["workspace_mismatch"], "{name}");
        let sweeps = |source| Reconcile { fireblocks: Some(source), ..reconcile(world.ledger(0), &[]) };
        sweeps(of_workspace(THEIRS)).work(REFUSED, &run_at(7, 60)).await.expect("a run");
        assert_eq!((waiting(&world), order_now(&world, ORDER).await), (vec!["workspace_mismatch".to_owned()], before));
        sweeps(source()).work(REFUSED, &run_at(8, 180)).await.expect("a run");
        let transfer = order_now(&world, ORDER).await.transfer.expect("a transfer");
        assert_eq!((transfer.status.as_str(), waiting(&world)), ("COMPLETED", vec![]), "{name}");
        world.books().check();
    }
}
