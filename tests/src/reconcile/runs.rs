//! That the clock goes: every sweep that a schedule asks for says that it has run, and none that it has where it failed.

use reconcile::Reconcile;
use serde_json::Value;
use testkit::StripeNet;

use super::unpaid::api;
use super::*;
use crate::deployed::app;

/// Of each line about a run: which sweep, how often, and as which metric.
fn ran() -> Vec<(Value, Value, Value)> {
    let lines = heard().into_iter().filter(|line| line.get("runs").is_some());
    let metric = |line: &Value| line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone();
    lines.map(|line| (line["sweep"].clone(), line["runs"].clone(), metric(&line))).collect()
}

#[tokio::test(start_paused = true)]
async fn each_sweep_says_that_it_has_run() {
    let app = app();
    let reconcile = app.functions().iter().find(|function| function.binary == "reconcile").expect("deployed");
    assert_eq!(reconcile.schedules.len(), 6);
    for schedule in &reconcile.schedules {
        let input: Value = serde_json::from_str(&schedule.input).expect("JSON");
        for is_there in [true, false] {
            let (ledger, _) =
                World::new().faulty(1, move |_, _| if is_there { Fault::None } else { Fault::Disconnect });
            let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
            let stripe_api = Some(api(&net).await);
            let reconcile = Reconcile { stripe_api, ..of_stripe::reconcile(ledger, &[]) };
            listen();
            let report = reconcile.work(&schedule.input, &run_at(1, HOUR)).await;
            let said = (input["sweep"].clone(), json!(1), json!([["sweep"]]));
            let expected: Vec<_> = is_there.then_some(said).into_iter().collect();
            assert_eq!((report.is_ok(), ran()), (is_there, expected), "{input}");
        }
    }
}
