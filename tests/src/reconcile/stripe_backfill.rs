//! Backfill: events that Stripe lists as undelivered are booked as their deliveries would be, once.

use std::time::Duration;

use edge::Service as _;
use idempotency::DynamoLedger;
use ledger::{Backlog as _, Source, Sweep};
use reconcile::{BackfillReport, Reconcile};
use testkit::{NetFault, StripeFault, StripeNet, deadline};

use super::unpaid::{Shop, api, api_of};
use super::*;
use crate::sandbox::Sender as _;

const STRIPE_BACKFILL: &str = r#"{"sweep":"stripe_backfill"}"#;
const OF_A_PAYMENT: u32 = 3;
const LISTED_FOR: i64 = 30 * DAY;

impl Shop {
    /// An order whose buyer has paid, without any delivery from Stripe.
    async fn paid() -> Self {
        let shop = Self::new().await;
        shop.net.pay(&shop.session);
        shop
    }

    async fn sweep(&self, after_s: i64) -> BackfillReport {
        self.sweep_over(self.world.ledger(0), after_s, &[]).await.expect("a run")
    }

    async fn sweep_over(
        &self,
        ledger: DynamoLedger,
        after_s: i64,
        settings: &[(&str, &str)],
    ) -> Option<BackfillReport> {
        self.sweep_within(ledger, after_s, settings, 50).await
    }

    async fn sweep_within(
        &self,
        ledger: DynamoLedger,
        after_s: i64,
        settings: &[(&str, &str)],
        within_s: u64,
    ) -> Option<BackfillReport> {
        self.net.set_now(testkit::now().plus_seconds(after_s));
        let mut run = run_at(2_000 + u64::try_from(after_s).expect("later"), after_s);
        run.deadline = deadline(Duration::from_secs(within_s));
        let account = settings.iter().find(|(name, _)| *name == "STRIPE_ACCOUNT").map(|(_, account)| *account);
        let stripe_api = Some(api_of(&self.net, account).await);
        let sweeper = Reconcile { stripe_api, ..of_stripe::reconcile(ledger, settings) };
        sweeper.work(STRIPE_BACKFILL, &run).await.ok().map(|report| {
            let Report::StripeBackfill(listed) = report else { panic!("{report:?}") };
            listed
        })
    }

    /// The ids of all events that Stripe lists, the newest first.
    async fn listed_ids(&self) -> Vec<String> {
        let api = api(&self.net).await;
        let stripe = providers::Stripe::new(api.http, &api.config, api.keys.current());
        let page = stripe.list_undelivered_events(testkit::now(), None, 100, deadline(Duration::from_secs(5))).await;
        page.expect("a list").events.into_iter().map(|event| event.id).collect()
    }

    /// The order's payment state and its buyer's balance.
    fn standing(&self) -> (String, i128) {
        let books = self.world.books();
        books.check();
        (self.order().payment, books.balance("alice/credits"))
    }

    /// Creates this many events at Stripe that belong to no order of ours.
    fn add_foreign_events(&self, count: usize) {
        const SESSION: &str = "mode=payment&success_url=https://other.invalid&line_items[0][quantity]=1\
            &line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=100\
            &line_items[0][price_data][product_data][name]=Other";
        for _ in 0..count {
            let made = self.net.answer("/v1/checkout/sessions", SESSION);
            let id = made["id"].as_str().expect("a session").to_owned();
            self.net.answer(&format!("/v1/checkout/sessions/{id}/expire"), "");
        }
    }
}

fn listed(listed: u32) -> BackfillReport {
    BackfillReport { listed, ..BackfillReport::default() }
}

fn paid() -> (String, i128) {
    ("paid".to_owned(), 100_000_000_000)
}

fn unpaid() -> (String, i128) {
    ("unpaid".to_owned(), 0)
}

#[tokio::test(start_paused = true)]
async fn undelivered_event_is_booked_and_its_later_delivery_is_a_repeat() {
    let shop = Shop::new().await;
    let events = shop.net.pay(&shop.session).events;
    assert_eq!(shop.sweep(60).await, BackfillReport { booked: OF_A_PAYMENT, ..listed(OF_A_PAYMENT) });
    assert_eq!(shop.standing(), paid());
    let receipts = |world: &World| world.books().processed().filter(|id| id.starts_with("stripe#evt_")).count();
    assert_eq!(receipts(&shop.world), events.len());

    let before = shop.world.books();
    for (attempt, event) in (1..).zip(&events) {
        let sandbox = SandboxOf::<stripe::Stripe>::faultless(&shop.world).await;
        assert_eq!(sandbox.deliver(event, &invocation(attempt)).await.expect("the sandbox survives").status, 200);
    }
    assert_eq!(shop.world.books(), before);
}

/// A booked event costs one read of its key and no write.
#[tokio::test(start_paused = true)]
async fn known_event_is_not_written_again() {
    let shop = Shop::paid().await;
    shop.sweep(60).await;
    let (ledger, faults) = shop.world.faulty(1, |_, _| Fault::None);
    let report = shop.sweep_over(ledger, 360, &[]).await;
    assert_eq!(report, Some(BackfillReport { known: OF_A_PAYMENT, ..listed(OF_A_PAYMENT) }));
    let calls: Vec<String> = faults.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(calls, ["GetItem", "BatchGetItem"]);
}

#[tokio::test(start_paused = true)]
async fn only_undelivered_events_of_the_last_days_are_listed() {
    let shop = Shop::new().await;
    let events = shop.net.pay(&shop.session).events;
    events.iter().skip(1).for_each(|event| shop.net.delivered(event));
    assert_eq!(shop.sweep(LISTED_FOR + 1).await, listed(0));
    assert_eq!(shop.sweep(LISTED_FOR).await, BackfillReport { booked: 1, ..listed(1) }, "long after the last retry");
    shop.net.delivered(&events[0]);
    let before = shop.net.calls().len();
    let (ledger, faults) = shop.world.faulty(1, |_, _| Fault::None);
    assert_eq!(shop.sweep_over(ledger, LISTED_FOR, &[]).await, Some(listed(0)));
    assert_eq!((faults.calls().len(), shop.net.calls().len() - before), (1, 1), "nothing to do");
}

/// The event is kept byte for byte, as a delivery's would be; from then on the sweep of refused events retries it.
#[tokio::test(start_paused = true)]
async fn refused_event_is_kept_and_retried_by_one_sweep() {
    let shop = Shop { world: World::new(), ..Shop::new().await };
    let events = shop.net.pay(&shop.session).events;
    assert_eq!(shop.sweep(0).await, BackfillReport { refused: OF_A_PAYMENT, ..listed(OF_A_PAYMENT) });
    assert_eq!(shop.sweep(300).await, BackfillReport { known: OF_A_PAYMENT, ..listed(OF_A_PAYMENT) });
    let id = serde_json::from_str::<serde_json::Value>(&events[0]).expect("JSON")["id"].clone();
    let receipt = EventKey::new(Source::Stripe, id.as_str().expect("an id")).expect("a key");
    assert_eq!(row(&shop.world, receipt.as_str()), "order_unknown!");
    let later = ledger::CallContext { received_at: testkit::now().plus_seconds(60), ..context(1) };
    let waiting = shop.world.ledger(0).refused_event(&receipt, &later).await.expect("a read").expect("it waits");
    let kept = waiting.body.expect("a body");
    assert_eq!((String::from_utf8(kept.bytes).expect("text"), kept.path.as_str()), (events[0].clone(), "/v1/events"));

    of_stripe::made(&shop.world, of_stripe::order(super::unpaid::NUMBER)).await;
    assert_eq!(
        run(&shop.world, MINUTE).await,
        ReplayReport { tried: 3, failed: 3, ..ReplayReport::default() },
        "without Stripe's API"
    );
    let stripe_api = Some(api(&shop.net).await);
    let sweeper = Reconcile { stripe_api, ..of_stripe::reconcile(shop.world.ledger(0), &[]) };
    let replayed = sweeper.work(REFUSED, &run_at(9, 2 * MINUTE)).await.map(replay_report).expect("a run");
    assert_eq!(replayed, report(OF_A_PAYMENT, OF_A_PAYMENT, 0, 0), "Stripe is queried for each again");
    assert_eq!(shop.standing(), paid());
}

/// An event of the other mode, another account or another amount, or one that cannot be parsed, is refused as its
/// delivery would be.
#[tokio::test(start_paused = true)]
async fn event_that_is_not_ours_is_refused_as_a_delivery_is() {
    use NetFault::Altered;
    let all = BackfillReport { refused: OF_A_PAYMENT, ..listed(OF_A_PAYMENT) };
    let one_of = |refused| BackfillReport { refused, booked: OF_A_PAYMENT - refused, ..listed(OF_A_PAYMENT) };
    let rows = [
        (Altered("\"livemode\":false", "\"livemode\":true"), all, "wrong_mode", unpaid()),
        (Altered("\"api_version\":", "\"account\":\"acct_1\",\"api_version\":"), all, "wrong_account", unpaid()),
        (Altered("\"currency\":\"usd\"", "\"currency\":\"eur\""), all, "currency_mismatch", unpaid()),
        (Altered("\"amount_received\":1999", "\"amount_received\":1998"), one_of(1), "amount_mismatch", paid()),
        (Altered("\"amount_received\":1999", "\"amount_received\":\"1999\""), one_of(1), "unparsed", paid()),
        (Altered("\"object\":\"event\"", "\"object\":\"occurrence\""), all, "unparsed", unpaid()),
    ];
    for (fault, expected, reason, standing) in rows {
        let shop = Shop::paid().await;
        let name = format!("{fault:?}");
        shop.net.fail(move |_, _| fault);
        assert_eq!(shop.sweep(60).await, expected, "{name}");
        let refused = |row: &testkit::Row| row.reason.as_deref() == Some(reason);
        let kept = shop.world.books().journal.values().filter(|row| refused(row)).count();
        assert_eq!(u32::try_from(kept), Ok(expected.refused), "{name}");
        // An unparsed event is not kept twice either.
        assert_eq!(shop.sweep(360).await, BackfillReport { known: OF_A_PAYMENT, ..listed(OF_A_PAYMENT) }, "{name}");
        let (payment, credits) = shop.standing();
        assert_eq!((payment, credits), standing, "{name}");
    }
}

/// After any network fault at one call, the next run books the events at the latest.
#[tokio::test(start_paused = true)]
async fn network_fault_delays_events_by_one_run() {
    for fault in StripeNet::transient_faults() {
        let shop = Shop::paid().await;
        let name = format!("{fault:?}");
        shop.net.fail(move |call, _| if call == 0 { fault } else { NetFault::None });
        shop.sweep(60).await;
        shop.sweep(360).await;
        assert_eq!(shop.standing(), paid(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_list_is_requested_again_in_the_next_run() {
    use NetFault::{Altered, DropRequest, Garbage, Status};
    let more = Altered("\"has_more\":", "\"has_more\":true,\"has_more\":");
    // How often the list is requested: in smaller pages if it cannot be parsed, since one event may be at fault; and
    // again after a transient failure.
    let rows = [
        (Garbage, 3),
        (Altered("\"object\":\"list\"", "\"object\":\"lost\""), 3),
        (Altered("\"has_more\":", "\"has_less\":"), 3),
        (more, 3),
        (Altered("\"id\":\"evt_", "\"id\":\"evt_../"), 3),
        (Altered("\"id\":\"evt_", "\"name\":\"evt_"), 3),
        (Status(400), 1),
        (Status(401), 1),
        (Status(403), 1),
        (Status(429), 4),
        (Status(503), 4),
        (DropRequest, 4),
    ];
    for (fault, times) in rows {
        let shop = Shop::paid().await;
        let name = format!("{fault:?}");
        shop.net.fail(move |_, _| fault);
        let expected = BackfillReport { failed: 1, is_cut_short: true, ..listed(0) };
        assert_eq!(shop.sweep(60).await, expected, "{name}");
        assert_eq!((shop.net.calls().len(), shop.standing()), (times, unpaid()), "{name}");
        shop.net.recover();
        assert_eq!(shop.sweep(360).await.booked, OF_A_PAYMENT, "{name}");
    }
}

/// One event that makes a page unreadable does not block the other events on it.
#[tokio::test(start_paused = true)]
async fn unreadable_page_is_requested_in_smaller_pages() {
    let shop = Shop::paid().await;
    shop.net.fail(|_, what| if what.contains("limit=100") { NetFault::Garbage } else { NetFault::None });
    assert_eq!(shop.sweep(60).await, BackfillReport { booked: OF_A_PAYMENT, ..listed(OF_A_PAYMENT) });
    let limits = |what: &str| what.split('&').find_map(|pair| pair.strip_prefix("limit=")).map(str::to_owned);
    let requested: Vec<_> = shop.net.calls().iter().filter_map(|asked| limits(&asked.endpoint)).collect();
    assert_eq!(requested, ["100", "10"]);
}

/// Stripe's list is the queue: an event that cannot be booked stays in it for three days, and every run reports it.
#[tokio::test(start_paused = true)]
async fn bad_event_is_reported_and_passed_over() {
    let shop = Shop::paid().await;
    shop.add_foreign_events(2);
    let newest = shop.listed_ids().await.remove(0);
    let from: &'static str = format!("\"id\":\"{newest}\"").leak();
    shop.net.fail(move |_, _| NetFault::Altered(from, "\"name\":\"lost\""));
    start_capture();
    let expected = BackfillReport { booked: OF_A_PAYMENT, ignored: 1, failed: 1, ..listed(OF_A_PAYMENT + 1) };
    assert_eq!(shop.sweep(60).await, expected);
    let passed_over = || captured_lines().iter().filter(|line| line["alarm"] == "passed_over").count();
    assert_eq!((passed_over(), shop.standing()), (1, paid()));

    let shop = Shop::paid().await;
    shop.add_foreign_events(2);
    let broken = json!({
        "TableName": "hookledger-local-orders",
        "Key": { "id": { "S": super::unpaid::NUMBER } },
        "UpdateExpression": "REMOVE price_units",
    });
    shop.world.engine.request("UpdateItem", &broken).expect("a row that no release can read");
    start_capture();
    let failed = BackfillReport { ignored: 2, failed: OF_A_PAYMENT, ..listed(OF_A_PAYMENT + 2) };
    assert_eq!(shop.sweep(60).await, failed);
    assert_eq!(u32::try_from(passed_over()), Ok(OF_A_PAYMENT));
}

/// A run reads ten pages, starting with the newest; the next run continues where it stopped. So the oldest events are
/// reached, and new ones do not wait for them.
#[tokio::test(start_paused = true)]
async fn run_is_bounded_and_the_next_one_continues() {
    let shop = Shop::paid().await;
    shop.add_foreign_events(1_050);
    let ignored = |ignored, is_cut_short| BackfillReport { ignored, is_cut_short, ..listed(ignored) };
    assert_eq!(shop.sweep(60).await, ignored(1_000, true));
    assert_eq!(shop.standing(), unpaid());
    let second = shop.sweep(360).await;
    assert_eq!(second, BackfillReport { booked: OF_A_PAYMENT, ignored: 150, ..listed(150 + OF_A_PAYMENT) });
    assert_eq!(shop.standing(), paid());
    assert_eq!(shop.sweep(660).await, ignored(1_000, true), "and from the start");
    let sweep_cursor =
        async || shop.world.ledger(0).sweep_cursor(Sweep::StripeBackfill, &context(1)).await.expect("a read");
    assert!(sweep_cursor().await.is_some());

    // A run too short to list anything keeps the cursor.
    let before = sweep_cursor().await;
    let short = shop.sweep_within(shop.world.ledger(0), 960, &[], 7).await;
    assert_eq!((short, sweep_cursor().await), (Some(BackfillReport { is_cut_short: true, ..listed(0) }), before));
}

/// Stripe lists nothing after an event that it no longer has, and may return the same page again: neither causes an
/// endless loop.
#[tokio::test(start_paused = true)]
async fn cursor_that_leads_nowhere_is_dropped() {
    let shop = Shop::paid().await;
    shop.add_foreign_events(150);
    let ledger = shop.world.ledger(0);
    ledger.save_sweep_cursor(Sweep::StripeBackfill, Some("evt_gone"), &context(1)).await.expect("a cursor");
    let report = shop.sweep(60).await;
    assert_eq!(report, BackfillReport { ignored: 100, failed: 1, is_cut_short: true, ..listed(100) });
    assert_eq!(shop.sweep(360).await, BackfillReport { booked: OF_A_PAYMENT, ignored: 150, ..listed(153) });

    let shop = Shop::paid().await;
    shop.add_foreign_events(150);
    shop.net.fail(|_, _| NetFault::Own(StripeFault::FromTheTop));
    assert_eq!(shop.sweep(60).await, BackfillReport { ignored: 200, failed: 1, ..listed(200) });
    shop.net.recover();
    assert_eq!(shop.sweep(360).await.booked, OF_A_PAYMENT);
}

#[tokio::test(start_paused = true)]
async fn store_fault_at_any_call_books_the_payment_once() {
    let calls = {
        let shop = Shop::paid().await;
        let (ledger, faults) = shop.world.faulty(1, |_, _| Fault::None);
        shop.sweep_over(ledger, 60, &[]).await;
        faults.calls().len()
    };
    for (call, fault) in (0..calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        let shop = Shop::paid().await;
        let plan = move |number: usize, _: &str| if number == call { fault } else { Fault::None };
        let (ledger, faults) = shop.world.faulty(1, plan);
        tokio::select! {
            biased;
            _ = shop.sweep_over(ledger, 60, &[]) => {}
            () = faults.killed() => {}
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        shop.world.books().check();
        shop.sweep(360).await;
        run(&shop.world, 420).await;
        assert_eq!(shop.standing(), paid(), "{fault:?} at call {call}");
    }
}

/// Two runs overlap: one payment is booked.
#[tokio::test(start_paused = true)]
async fn overlapping_runs_book_one_payment() {
    let shop = Shop::paid().await;
    let late = |seed| shop.world.faulty(seed, |_, _| Fault::Delay(Duration::from_millis(10))).0;
    let (first, second) = tokio::join!(shop.sweep_over(late(1), 60, &[]), shop.sweep_over(late(2), 60, &[]));
    let events = |report: Option<BackfillReport>| report.map(|report| report.booked + report.known);
    assert_eq!((events(first), events(second)), (Some(OF_A_PAYMENT), Some(OF_A_PAYMENT)));
    assert_eq!(shop.standing(), paid());
}

/// The events of a connected account are listed for it alone, and equal those that its webhook delivers.
#[tokio::test(start_paused = true)]
async fn connected_account_has_its_own_events_booked() {
    const CONNECTED: [(&str, &str); 1] = [("STRIPE_ACCOUNT", "acct_1")];
    let ours = Shop::paid().await;
    assert_eq!(ours.sweep_over(ours.world.ledger(0), 60, &CONNECTED).await, Some(listed(0)), "those of the platform");
    assert_eq!(ours.standing(), unpaid());

    // Stripe's reference does not state whether a listed event names the account that it was listed for.
    for altered in [None, Some(NetFault::Altered("\"account\":\"acct_1\",", ""))] {
        let shop = Shop::on(Some("acct_1")).await;
        let events = shop.net.pay(&shop.session).events;
        assert_eq!(shop.sweep(60).await, listed(0), "those of the platform");
        if let Some(altered) = altered {
            shop.net.fail(move |_, _| altered);
        }
        let report = shop.sweep_over(shop.world.ledger(0), 120, &CONNECTED).await;
        assert_eq!(report, Some(BackfillReport { booked: OF_A_PAYMENT, ..listed(OF_A_PAYMENT) }));
        assert_eq!(shop.standing(), paid());
        let before = shop.world.books();
        for (attempt, event) in (1..).zip(&events) {
            let function = of_stripe::function(shop.world.ledger(attempt), &CONNECTED).await;
            let reply = function.answer(&stripe::Stripe::signed(event, testkit::now()), &invocation(attempt)).await;
            assert_eq!(reply.status, 200);
        }
        assert_eq!(shop.world.books(), before, "a delivery after all is a repeat");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_key_lists_nothing() {
    let shop = Shop::paid().await;
    let without_key = of_stripe::reconcile(shop.world.ledger(0), &[]);
    assert_eq!(
        without_key.work(STRIPE_BACKFILL, &run_at(1, 60)).await.expect("a run"),
        Report::StripeBackfill(listed(0))
    );
}
