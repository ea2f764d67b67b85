//! What a pull needs to be set, and what it does without it.

use super::*;

fn alarms() -> Vec<(String, String)> {
    let lines = captured_lines().into_iter().filter(|line| line["alarm"].is_string());
    let word = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    lines.map(|line| (word(&line, "alarm"), word(&line, "subject"))).collect()
}

fn of(alarm: &str, subject: &str) -> Vec<(String, String)> {
    vec![(alarm.to_owned(), subject.to_owned())]
}

/// Without an address nothing is read, of the store neither.
#[tokio::test(start_paused = true)]
async fn pull_is_off_without_an_address() {
    let world = World::new();
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let report = of_stripe::reconcile(ledger, &[]).work(GATEWAY_LOG, &run_at(1, EVERY)).await.expect("a run");
    assert_eq!((report, faults.calls().len()), (Report::GatewayLog(PullReport::default()), 0));
}

/// A gateway that logs nothing has nothing to pull. Only its root can read that.
#[tokio::test(start_paused = true)]
async fn gateway_without_logs_is_an_alarm() {
    for (writes_logs, is_root, expected) in [(true, true, vec![]), (false, true, of("gateway_log_off", "new-api"))] {
        let gateway = Gateway::new(Dialect::NewApi).await;
        gateway.net.provider().set_writes_logs(writes_logs);
        gateway.net.provider().set_root(is_root);
        start_capture();
        gateway.run(EVERY).await;
        assert_eq!(alarms(), expected, "{writes_logs} {is_root}");
    }
}

#[tokio::test(start_paused = true)]
async fn token_that_the_gateway_refuses_is_an_alarm() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.log(logged("r1", at(0)));
    let sweeper =
        Reconcile { gateway: Some(gateway.api("another").await), ..gateway.sweeper(gateway.world.ledger(0)).await };
    start_capture();
    let Report::GatewayLog(report) = sweeper.work(GATEWAY_LOG, &run_at(1, EVERY)).await.expect("a run") else {
        panic!()
    };
    assert_eq!((report.failed, report.is_cut_short), (1, true));
    assert_eq!(alarms(), of("provider_key_unusable", "new-api"));
    gateway.run(2 * EVERY).await;
    gateway.check("with the right one");
}

/// The price of quota is the gateway's of this run; what is booked keeps its cost, and the difference is a conflict.
#[tokio::test(start_paused = true)]
async fn quota_is_worth_what_the_gateway_says() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.log(logged("r1", at(0)));
    gateway.run(EVERY).await;
    gateway.net.provider().set_quota_per_unit("250000.0");
    gateway.log(logged("r2", at(EVERY)));
    assert_eq!(gateway.run(2 * EVERY).await, PullReport { booked: 1, refused: 1, ..read(2) });
    assert_eq!(gateway.world.books().balance("alice/credits"), CREDITS - 3 * COST);
}
