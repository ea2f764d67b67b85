//! Who cannot be asked while somebody waits for him: it is said, and the process asks as soon as it can.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use edge::{KeyringError, Worker};
use idempotency::DynamoLedger;
use reconcile::{Asked, Assemble, Assembled, BackfillReport, Delivered, Reconcile};
use testkit::{FireblocksNet, StripeFault, UnitelNet};

use super::unpaid::{Shop, UNPAID, api_with, asked};
use super::*;
use crate::fulfil;

const STRIPE_BACKFILL: &str = r#"{"sweep":"stripe_backfill"}"#;
const UNFULFILLED: &str = r#"{"sweep":"unfulfilled"}"#;
const PENDING_EXTERNAL: &str = r#"{"sweep":"pending_external"}"#;

/// What a sandbox starts from, whose secret a person fills while it runs; and how often it was looked for.
struct Deployed {
    secret: Arc<Mutex<(Option<&'static str>, usize)>>,
    process: Assembled<Arc<DynamoLedger>>,
}

impl Deployed {
    async fn new(shop: &Shop) -> Self {
        let secret = Arc::new(Mutex::new((None, 0)));
        let (looked_for, net, engine) = (Arc::clone(&secret), shop.net.clone(), shop.world.engine.clone());
        let assemble: Assemble<Arc<DynamoLedger>> = Box::new(move || {
            let (looked_for, net, world) = (Arc::clone(&looked_for), net.clone(), World { engine: engine.clone() });
            Box::pin(async move {
                let filled = {
                    let mut stored = looked_for.lock().expect("one thread");
                    stored.1 += 1;
                    stored.0
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

    fn looked(&self) -> usize {
        self.secret.lock().expect("one thread").1
    }

    async fn run(&self, shop: &Shop, sweep: &str, after_s: i64) -> (Report, Vec<(String, String)>) {
        shop.net.set_now(testkit::now().plus_seconds(after_s));
        listen();
        let attempt = 1_000 + u64::try_from(after_s).expect("later");
        let report = self.process.work(sweep, &run_at(attempt, after_s)).await.expect("a run");
        (report, said())
    }
}

/// Whom somebody was called for, and why.
fn said() -> Vec<(String, String)> {
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().map(str::to_owned);
    heard().iter().filter_map(|line| Some((text(line, "alarm")?, text(line, "subject")?))).collect()
}

fn nobody(who: &str) -> Vec<(String, String)> {
    vec![("nobody_can_be_asked".to_owned(), who.to_owned())]
}

/// A function starts minutes before its secret is filled.
#[tokio::test(start_paused = true)]
async fn a_key_that_comes_later_is_found_within_a_minute() {
    let shop = Shop::new().await;
    of_stripe::made(&shop.world, of_stripe::order("HLanother")).await;
    shop.net.pay(&shop.session);
    let deployed = Deployed::new(&shop).await;
    let failed = Report::Unpaid(Asked { failed: 2, ..asked(2) });
    assert_eq!(deployed.run(&shop, UNPAID, 300).await, (failed, nobody("stripe")), "of both orders once");
    assert_eq!(deployed.looked(), 2, "at the start, and now");
    for after_s in [301, 330, 359] {
        assert_eq!(deployed.run(&shop, UNPAID, after_s).await, (Report::Unpaid(asked(0)), vec![]), "{after_s}");
    }
    assert_eq!(deployed.looked(), 2, "at most once a minute");
    let failed = Report::Unpaid(Asked { failed: 2, ..asked(2) });
    assert_eq!(deployed.run(&shop, UNPAID, DAY).await, (failed, nobody("stripe")), "as long as somebody waits");
    deployed.fill();
    // After five minutes, not after as long as the orders are old; by then it has found the key.
    let soon = DAY + 300;
    assert_eq!(
        deployed.run(&shop, UNPAID, soon).await,
        (Report::Unpaid(Asked { paid: 1, unpaid: 1, ..asked(2) }), vec![])
    );
    let looked = deployed.looked();
    deployed.run(&shop, UNPAID, soon + HOUR).await;
    assert_eq!(deployed.looked(), looked, "and does not look for it again");
}

/// Within a minute, whatever the clock calls it for.
#[tokio::test(start_paused = true)]
async fn events_are_listed_as_soon_as_there_is_a_key() {
    let shop = Shop::new().await;
    let deployed = Deployed::new(&shop).await;
    assert_eq!(deployed.run(&shop, STRIPE_BACKFILL, 0).await.0, Report::StripeBackfill(BackfillReport::default()));
    let before = shop.net.asked().len();
    deployed.fill();
    deployed.run(&shop, STRIPE_BACKFILL, 59).await;
    assert_eq!(shop.net.asked().len(), before, "it has only just looked");
    deployed.run(&shop, STRIPE_BACKFILL, 60).await;
    assert_eq!(shop.net.asked().len(), before + 1, "asked");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_is_said() {
    let rows = [(401, true), (403, true), (500, false), (429, false)];
    for (status, is_said) in rows {
        let shop = Shop::new().await;
        let deployed = Deployed::new(&shop).await;
        deployed.fill();
        shop.net.fail(move |_, _| StripeFault::Status(status));
        let expected = if is_said { nobody("stripe") } else { vec![] };
        let (report, told) = deployed.run(&shop, UNPAID, 300).await;
        assert_eq!((report, told), (Report::Unpaid(Asked { failed: 1, ..asked(1) }), expected.clone()), "{status}");
        let (report, told) = deployed.run(&shop, STRIPE_BACKFILL, 300).await;
        let failed =
            Report::StripeBackfill(BackfillReport { failed: 1, is_cut_short: true, ..BackfillReport::default() });
        assert_eq!((report, told), (failed, expected), "{status}");
    }
}

/// Who is not configured at all is nobody's worry.
#[tokio::test(start_paused = true)]
async fn who_is_not_configured_is_not_missed() {
    let shop = Shop::new().await;
    listen();
    let reconcile = of_stripe::reconcile(shop.world.ledger(0), &[]);
    let report = reconcile.work(UNPAID, &run_at(1, 300)).await.expect("a run");
    assert_eq!((report, said()), (Report::Unpaid(Asked { unpaid: 1, ..asked(1) }), vec![]));
}

/// Without its custodian's key an order would end with tokens that are never sent; without the operator's it would be given up.
#[tokio::test(start_paused = true)]
async fn what_needs_a_key_that_is_missing_waits_for_it() {
    let (unitel, fireblocks) = (UnitelNet::default(), FireblocksNet::default());
    let check = [("UNITEL_CHECK_PATH", "/service/check_transaction_result")];
    let operator = Some((&unitel, check.as_slice()));
    let rows = [
        ("fireblocks", UNFULFILLED, fulfil::tokens(true), MINUTE, ("pending", "pending")),
        ("unitel", UNFULFILLED, fulfil::airtime(fulfil::PHONE), MINUTE, ("pending", "done")),
        ("unitel", PENDING_EXTERNAL, fulfil::airtime("88000003"), 5 * MINUTE, ("pending", "pending")),
    ];
    for (who, sweep, grant, after_s, (before, after)) in rows {
        let world = fulfil::paid(vec![grant]).await;
        let ledger = Arc::new(world.ledger(0));
        if sweep == PENDING_EXTERNAL {
            let worker = fulfil::worker(Arc::clone(&ledger), operator, None).await;
            assert!(fulfil::work(&worker, &fulfil::run_at(1, 0)).await, "called");
        }
        let mut reconcile =
            Reconcile { missing_credentials: [who].into(), ..of_stripe::reconcile(world.ledger(0), &[]) };
        listen();
        let report = reconcile.work(sweep, &run_at(2, after_s)).await.expect("a run");
        let failed = Delivered { tried: 1, failed: 1, ..Delivered::default() };
        assert!(
            matches!(report, Report::Unfulfilled(came) | Report::PendingExternal(came) if came == failed),
            "{report:?}"
        );
        assert_eq!(said(), nobody(who), "{who} {sweep}");
        let order = world.books().order(fulfil::ORDER).clone();
        assert_eq!((order.fulfilment.as_str(), order.anomaly), (before, None), "{who} {sweep}");

        reconcile.missing_credentials.clear();
        reconcile.fulfil = fulfil::worker(Arc::new(world.ledger(0)), operator, Some(&fireblocks)).await;
        unitel.set_now(testkit::now().plus_seconds(2 * after_s));
        fireblocks.set_now(testkit::now().plus_seconds(2 * after_s));
        reconcile.work(sweep, &run_at(3, 2 * after_s)).await.expect("a run");
        let order = world.books().order(fulfil::ORDER).clone();
        assert_eq!((order.fulfilment.as_str(), order.anomaly), (after, None), "{who} {sweep}");
    }
    assert_eq!(fireblocks.transfers().len(), 1, "its tokens were sent");
}
