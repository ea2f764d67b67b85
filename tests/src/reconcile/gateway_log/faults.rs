//! Faults of the store and of the gateway during a pull, and runs whose time ends.

use super::*;

/// Every fault of the store at every call of a run, and every one of the gateway's: the next run makes up for it.
#[tokio::test(start_paused = true)]
async fn each_fault_costs_a_run_and_no_row() {
    let begun = async || {
        let gateway = Gateway::new(Dialect::NewApi).await;
        for number in 0..3 {
            gateway.log(logged(&format!("r{number}"), at(number)));
        }
        gateway.log(given_back("task_1", at(3)));
        gateway
    };
    for fault in Fault::ALL {
        for nth in 0..12 {
            let gateway = begun().await;
            let (ledger, faults) =
                gateway.world.faulty(1, move |call, _| if call == nth { fault } else { Fault::None });
            gateway.run_over(ledger, EVERY).await;
            let is_all = faults.calls().len() <= nth;
            tokio::time::sleep(crate::sandbox::SETTLED).await;
            gateway.run(2 * EVERY).await;
            gateway.check(&format!("{fault:?} at {nth}"));
            if is_all {
                break;
            }
        }
    }
    for fault in NewApiNet::transient_faults().into_iter().chain([NetFault::Status(401), NetFault::Status(404)]) {
        for nth in 0..4 {
            let gateway = begun().await;
            gateway.net.fail(move |call, _| if call >= nth { fault } else { NetFault::None });
            gateway.run_over(gateway.world.ledger(0), EVERY).await;
            gateway.net.recover();
            gateway.run(2 * EVERY).await;
            gateway.check(&format!("{fault:?} at {nth}"));
        }
    }
}

/// The run's time ends in the middle of a window: the next one goes on at its page, and repeats none of the others.
#[tokio::test(start_paused = true)]
async fn window_that_a_run_does_not_end_is_ended_by_the_next() {
    for (dialect, word) in DIALECTS {
        let gateway = Gateway::new(dialect).await;
        gateway.net.provider().set_page_size_max(10);
        for number in 0..195 {
            gateway.log(logged(&format!("r{number:03}"), at(number)));
        }
        // Ten pages fit a run.
        gateway.net.fail(|_, _| NetFault::DelayReply(Duration::from_secs(2)));
        let mut runs = 0;
        let mut after_s = EVERY;
        loop {
            runs += 1;
            let (ledger, _) = gateway.world.faulty(runs, |_, _| Fault::Delay(Duration::from_millis(400)));
            let report = gateway.run_over(ledger, after_s).await.expect("a run");
            after_s += EVERY;
            if !report.is_cut_short {
                break;
            }
            assert!(runs < 20, "{word}");
        }
        assert!(runs > 1, "{word} needs more than one run");
        gateway.check(word);
    }
}

/// The watermark does not move while the gateway lists one page for ever.
#[tokio::test(start_paused = true)]
async fn gateway_that_repeats_a_page_ends_the_run() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.net.provider().set_page_size_max(1);
    gateway.log(logged("r1", at(0)));
    gateway.log(logged("r2", at(1)));
    gateway.net.fail(|_, endpoint| {
        let is_second = endpoint.contains("p=2&");
        if is_second { NetFault::Altered("r1", "r2") } else { NetFault::None }
    });
    let report = gateway.run(EVERY).await;
    assert!(report.is_cut_short, "{report:?}");
    let cursor = gateway.world.ledger(0).sweep_cursor(Sweep::GatewayLog, &context(1)).await.expect("a read");
    assert!(cursor.is_some_and(|cursor| cursor.contains(" 0 1")), "it begins the window again");
}
