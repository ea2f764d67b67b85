//! Faults of WeChat's API while a payment is queried: after WeChat's retry the books equal those of a run without faults.

use testkit::{NetFault, WechatFault};

use super::*;
use crate::sandbox::comparable;

/// More than any fault needs, and few enough that a test without an end fails.
const TRIES_MAX: u64 = 20;

#[tokio::test(start_paused = true)]
async fn single_fault_of_wechat_gives_the_same_ledger() {
    use NetFault::{Delay, Disconnect, DropRequest, Garbage, Own, Status};
    let expected = {
        let world = shop().await;
        let got = deliver_sample(&world, &paid(), &[], NOTIFY, &sample("cloudrun_payment")).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
        comparable(world.books())
    };
    for fault in [
        DropRequest,
        Disconnect,
        Delay(std::time::Duration::from_secs(9)),
        Status(429),
        Status(500),
        Garbage,
        Own(WechatFault::Unsigned),
    ] {
        let (world, net) = (shop().await, paid());
        net.fail(move |call, _| if call == 0 { fault } else { NetFault::None });
        for attempt in 1..=TRIES_MAX {
            let function = function(world.ledger(attempt), &net, &[]).await;
            let invocation =
                edge::Invocation { deadline: testkit::deadline(Wechat::REPLY_WITHIN), ..invocation(attempt) };
            let got =
                status_and_body(function.answer(&event(NOTIFY, &sent(&sample("cloudrun_payment"))), &invocation).await);
            if is(&got, CLOUDRUN_SUCCESS) {
                break;
            }
            assert_eq!(got.0, 503, "{fault:?}");
        }
        assert_eq!(comparable(world.books()), expected, "{fault:?}");
    }
}
