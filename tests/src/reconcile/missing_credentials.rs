//! Missing credentials: the sweep raises an alarm for the provider, closes none of its orders, and queries it once
//! the secret is filled.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use edge::{KeyringError, Worker};
use idempotency::DynamoLedger;
use reconcile::{Assemble, Assembled, BackfillReport, Delivered, Reconcile, UnpaidReport};
use testkit::{FireblocksNet, NetFault, UnitelNet};

use super::unpaid::{Shop, UNPAID, api_with, queried};
use super::*;
use crate::fulfil;

const STRIPE_BACKFILL: &str = r#"{"sweep":"stripe_backfill"}"#;
const UNFULFILLED: &str = r#"{"sweep":"unfulfilled"}"#;
const PENDING_EXTERNAL: &str = r#"{"sweep":"pending_external"}"#;

/// A sandbox whose secret is filled while it runs, and how often it read the secret.
struct Deployed {
    secret: Arc<Mutex<(Option<&'static str>, usize)>>,
    process: Assembled<DynamoLedger>,
}

impl Deployed {
    async fn new(shop: &Shop) -> Self {
        let secret = Arc::new(Mutex::new((None, 0)));
        let (stored, net, engine) = (Arc::clone(&secret), shop.net.clone(), shop.world.engine.clone());
        let assemble: Assemble<DynamoLedger> = Box::new(move || {
            let (stored, net, world) = (Arc::clone(&stored), net.clone(), World { engine: engine.clone() });
            Box::pin(async move {
                let filled = {
                    let mut secret = stored.lock().expect("one thread");
                    secret.1 += 1;
                    secret.0
                };
                let (stripe_api, missing_credentials) = match api_with(&net, filled.unwrap_or_default()).await {
                    Ok(api) => (Some(api), BTreeSet::new()),
                    Err(KeyringError::Key { .. }) => (None, ["stripe"].into()),
                    Err(error) => return Err(error.into()),
                };
                Ok(Reconcile { stripe_api, missing_credentials, ..of_stripe::reconcile(world.ledger(0), &[]) })
            })
        });
        Self { secret, process: Assembled::new(assemble, testkit::now()).await.expect("it starts") }
    }

    fn fill(&self) {
        self.secret.lock().expect("one thread").0 = Some("sk_test_51localkeyofthetests");
    }

    fn reads(&self) -> usize {
        self.secret.lock().expect("one thread").1
    }

    async fn run(&self, shop: &Shop, sweep: &str, after_s: i64) -> (Report, Vec<(String, String)>) {
        shop.net.set_now(testkit::now().plus_seconds(after_s));
        start_capture();
        let attempt = 1_000 + u64::try_from(after_s).expect("later");
        let report = self.process.work(sweep, &run_at(attempt, after_s)).await.expect("a run");
        (report, alarms())
    }
}

/// The alarms, each with its subject.
fn alarms() -> Vec<(String, String)> {
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().map(str::to_owned);
    captured_lines().iter().filter_map(|line| Some((text(line, "alarm")?, text(line, "subject")?))).collect()
}

fn missing(provider: &str) -> Vec<(String, String)> {
    vec![("provider_key_unusable".to_owned(), provider.to_owned())]
}

/// A function starts minutes before its secret is filled.
#[tokio::test(start_paused = true)]
async fn key_that_is_filled_later_is_used_within_a_minute() {
    let shop = Shop::new().await;
    of_stripe::made(&shop.world, of_stripe::order("HLanother")).await;
    shop.net.pay(&shop.session);
    let deployed = Deployed::new(&shop).await;
    let failed = Report::Unpaid(UnpaidReport { failed: 2, ..queried(2) });
    assert_eq!(deployed.run(&shop, UNPAID, 300).await, (failed, missing("stripe")), "one alarm for both orders");
    assert_eq!(deployed.reads(), 2, "at the start, and now");
    for after_s in [301, 330, 359] {
        assert_eq!(deployed.run(&shop, UNPAID, after_s).await, (Report::Unpaid(queried(0)), vec![]), "{after_s}");
    }
    assert_eq!(deployed.reads(), 2, "at most once a minute");
    let failed = Report::Unpaid(UnpaidReport { failed: 2, ..queried(2) });
    assert_eq!(deployed.run(&shop, UNPAID, DAY).await, (failed, missing("stripe")), "as long as an order waits");
    deployed.fill();
    // The retry comes after five minutes, without the backoff of old orders; by then the function has the key.
    let retry_at = DAY + 300;
    assert_eq!(
        deployed.run(&shop, UNPAID, retry_at).await,
        (Report::Unpaid(UnpaidReport { paid: 1, unpaid: 1, ..queried(2) }), vec![])
    );
    let reads = deployed.reads();
    deployed.run(&shop, UNPAID, retry_at + HOUR).await;
    assert_eq!(deployed.reads(), reads, "and does not read it again");
}

/// A backfill reads the secret again within a minute, too.
#[tokio::test(start_paused = true)]
async fn events_are_listed_once_the_key_is_filled() {
    let shop = Shop::new().await;
    let deployed = Deployed::new(&shop).await;
    assert_eq!(deployed.run(&shop, STRIPE_BACKFILL, 0).await.0, Report::StripeBackfill(BackfillReport::default()));
    let before = shop.net.calls().len();
    deployed.fill();
    deployed.run(&shop, STRIPE_BACKFILL, 59).await;
    assert_eq!(shop.net.calls().len(), before, "it has only just read the secret");
    deployed.run(&shop, STRIPE_BACKFILL, 60).await;
    assert_eq!(shop.net.calls().len(), before + 1, "Stripe is queried");
}

#[tokio::test(start_paused = true)]
async fn rejected_key_raises_an_alarm() {
    let rows = [(401, true), (403, true), (500, false), (429, false)];
    for (status, is_alarm) in rows {
        let shop = Shop::new().await;
        let deployed = Deployed::new(&shop).await;
        deployed.fill();
        shop.net.fail(move |_, _| NetFault::Status(status));
        let expected = if is_alarm { missing("stripe") } else { vec![] };
        let (report, raised) = deployed.run(&shop, UNPAID, 300).await;
        assert_eq!(
            (report, raised),
            (Report::Unpaid(UnpaidReport { failed: 1, ..queried(1) }), expected.clone()),
            "{status}"
        );
        let (report, raised) = deployed.run(&shop, STRIPE_BACKFILL, 300).await;
        let failed =
            Report::StripeBackfill(BackfillReport { failed: 1, is_cut_short: true, ..BackfillReport::default() });
        assert_eq!((report, raised), (failed, expected), "{status}");
    }
}

/// A provider that is not configured raises no alarm.
#[tokio::test(start_paused = true)]
async fn unconfigured_provider_raises_no_alarm() {
    let shop = Shop::new().await;
    start_capture();
    let reconcile = of_stripe::reconcile(shop.world.ledger(0), &[]);
    let report = reconcile.work(UNPAID, &run_at(1, 300)).await.expect("a run");
    assert_eq!((report, alarms()), (Report::Unpaid(UnpaidReport { unpaid: 1, ..queried(1) }), vec![]));
}

/// Without the custodian's key an order would end with tokens that are never sent; without the operator's it would be
/// given up.
#[tokio::test(start_paused = true)]
async fn order_waits_for_missing_credentials() {
    let (unitel, fireblocks) = (UnitelNet::default(), FireblocksNet::default());
    let check = [("UNITEL_CHECK_PATH", "/service/check_transaction_result")];
    let operator = Some((&unitel, check.as_slice()));
    let rows = [
        ("fireblocks", UNFULFILLED, fulfil::tokens(true), MINUTE, ("pending", "pending")),
        ("unitel", UNFULFILLED, fulfil::airtime(fulfil::PHONE), MINUTE, ("pending", "done")),
        ("unitel", PENDING_EXTERNAL, fulfil::airtime("88000003"), 5 * MINUTE, ("pending", "pending")),
    ];
    for (provider, sweep, grant, after_s, (before, after)) in rows {
        let world = fulfil::paid(vec![grant]).await;
        let ledger = world.ledger(0);
        if sweep == PENDING_EXTERNAL {
            let worker = fulfil::worker(ledger.clone(), operator, None).await;
            assert!(fulfil::work(&worker, &fulfil::run_at(1, 0)).await, "the operator is called");
        }
        let mut reconcile =
            Reconcile { missing_credentials: [provider].into(), ..of_stripe::reconcile(world.ledger(0), &[]) };
        start_capture();
        let report = reconcile.work(sweep, &run_at(2, after_s)).await.expect("a run");
        let failed = Delivered { tried: 1, failed: 1, ..Delivered::default() };
        assert!(
            matches!(report, Report::Unfulfilled(outcome) | Report::PendingExternal(outcome) if outcome == failed),
            "{report:?}"
        );
        assert_eq!(alarms(), missing(provider), "{provider} {sweep}");
        let order = world.books().order(fulfil::ORDER).clone();
        assert_eq!((order.fulfilment.as_str(), order.anomaly), (before, None), "{provider} {sweep}");

        reconcile.missing_credentials.clear();
        reconcile.fulfil = fulfil::worker(world.ledger(0), operator, Some(&fireblocks)).await;
        unitel.set_now(testkit::now().plus_seconds(2 * after_s));
        fireblocks.set_now(testkit::now().plus_seconds(2 * after_s));
        reconcile.work(sweep, &run_at(3, 2 * after_s)).await.expect("a run");
        let order = world.books().order(fulfil::ORDER).clone();
        assert_eq!((order.fulfilment.as_str(), order.anomaly), (after, None), "{provider} {sweep}");
    }
    assert_eq!(fireblocks.transfers().len(), 1, "its tokens were sent");
}
