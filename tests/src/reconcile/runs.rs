//! The heartbeat metric of the schedules: every sweep counts a run that ended well, and counts none that failed.

use fakes::new_api::Dialect;
use reconcile::Reconcile;
use serde_json::Value;
use testkit::StripeNet;

use super::gateway_log::Gateway;
use super::unpaid::api;
use super::*;
use crate::deployed::app;

/// For each line about a run: its sweep, its count, and the metric's dimensions.
fn run_lines() -> Vec<(Value, Value, Value)> {
    let lines = captured_lines().into_iter().filter(|line| line.get("runs").is_some());
    let metric = |line: &Value| line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone();
    lines.map(|line| (line["sweep"].clone(), line["runs"].clone(), metric(&line))).collect()
}

#[tokio::test(start_paused = true)]
async fn each_sweep_counts_its_runs() {
    let app = app();
    let reconcile = app.functions().iter().find(|function| function.binary == "reconcile").expect("deployed");
    assert_eq!(reconcile.schedules.len(), ledger::Sweep::ALL.len());
    for schedule in &reconcile.schedules {
        let input: Value = serde_json::from_str(&schedule.input).expect("JSON");
        for is_store_up in [true, false] {
            let (ledger, _) =
                World::new().faulty(1, move |_, _| if is_store_up { Fault::None } else { Fault::Disconnect });
            let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
            let stripe_api = Some(api(&net).await);
            let gateway = Gateway::new(Dialect::NewApi).await;
            let reconcile = Reconcile { stripe_api, ..gateway.sweeper(ledger).await };
            start_capture();
            let report = reconcile.work(&schedule.input, &run_at(1, HOUR)).await;
            let counted = (input["sweep"].clone(), json!(1), json!([["sweep"]]));
            let expected: Vec<_> = is_store_up.then_some(counted).into_iter().collect();
            assert_eq!((report.is_ok(), run_lines()), (is_store_up, expected), "{input}");
        }
    }
}
