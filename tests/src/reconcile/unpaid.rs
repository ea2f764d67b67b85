//! Unpaid orders: the sweep queries their provider and books a payment whose webhook was not delivered, once.

use std::time::Duration;

use edge::{Keyring, KeyringError, Settings, Vault};
use idempotency::DynamoLedger;
use ledger::{Deadline, Order, OrderNumber, Provider, Writer};
use providers::{Http, Item, NewSession, Price, StripeConfig};
use reconcile::{Reconcile, StripeApi, UnpaidReport};
use testkit::{NetFault, StripeNet, deadline};

use super::*;

pub(super) const UNPAID: &str = r#"{"sweep":"unpaid"}"#;
pub(super) const NUMBER: &str = "HLorder";

/// An unpaid order with a page at Stripe.
pub(super) struct Shop {
    pub(super) world: World,
    pub(super) net: StripeNet,
    pub(super) session: String,
}

impl Shop {
    pub(super) async fn new() -> Self {
        Self::on(None).await
    }

    /// The same, with its page on this connected account.
    pub(super) async fn on(account: Option<&str>) -> Self {
        let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        let mut order = of_stripe::order(NUMBER);
        let session = page(&net, &order, None, account).await;
        order.session = Some(session.clone());
        let world = World::new();
        of_stripe::made(&world, order).await;
        Self { world, net, session: session.id }
    }

    /// One run, this long after the order was created.
    pub(super) async fn run(&self, after_s: i64) -> UnpaidReport {
        self.run_over(self.world.ledger(0), after_s).await.expect("a run")
    }

    async fn run_over(&self, ledger: DynamoLedger, after_s: i64) -> Option<UnpaidReport> {
        self.net.set_now(testkit::now().plus_seconds(after_s));
        let attempt = 1_000 + u64::try_from(after_s).expect("later");
        let stripe_api = Some(api(&self.net).await);
        let outcome =
            Reconcile { stripe_api, ..of_stripe::reconcile(ledger, &[]) }.work(UNPAID, &run_at(attempt, after_s)).await;
        outcome.ok().map(|report| {
            let Report::Unpaid(report) = report else { panic!("{report:?}") };
            report
        })
    }

    pub(super) fn order(&self) -> testkit::OrderRow {
        self.world.books().orders[NUMBER].clone()
    }
}

/// Opens a page as checkout does; it replaces the expired one, if there is one.
async fn page(net: &StripeNet, order: &Order, replaced: Option<&str>, account: Option<&str>) -> ledger::Session {
    let item = Item { price: Price::Inline { name: "100 credits".to_owned(), unit: order.terms.price }, quantity: 1 };
    let url = || "https://shop.invalid/".to_owned();
    let new = NewSession {
        order: order.number.clone(),
        replaces: replaced.map(str::to_owned),
        stage: testkit::STAGE.to_owned(),
        item,
        every: None,
        success_url: url(),
        cancel_url: url(),
    };
    let api = api_of(net, account).await;
    let stripe = providers::Stripe::new(api.http, &api.config, api.keys.current());
    let session = stripe.create_session(&new, soon()).await.expect("a session");
    ledger::Session { id: session.id, url: session.url.expect("a page") }
}

pub(crate) async fn api(net: &StripeNet) -> StripeApi {
    api_of(net, None).await
}

/// The API of this connected account.
pub(super) async fn api_of(net: &StripeNet, account: Option<&str>) -> StripeApi {
    let mut api = api_with(net, "sk_test_51localkeyofthetests").await.expect("a key");
    api.config.account = account.map(str::to_owned);
    api
}

/// The API with this secret.
pub(super) async fn api_with(net: &StripeNet, secret: &str) -> Result<StripeApi, KeyringError> {
    let setting = (checkout::SETTING.to_owned(), secret.to_owned());
    let keys = Keyring::open(Vault::Here(Settings::new([setting])), checkout::keys(false), testkit::now()).await?;
    let set = |name: &str| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned());
    let config = StripeConfig::read(set, "dev").expect("settings");
    Ok(StripeApi { http: Http::over(net.clone(), fastrand::Rng::with_seed(1)), config, keys })
}

fn soon() -> Deadline {
    deadline(Duration::from_secs(5))
}

pub(super) fn queried(queried: u32) -> UnpaidReport {
    UnpaidReport { queried, ..UnpaidReport::default() }
}

#[tokio::test(start_paused = true)]
async fn payment_without_its_webhook_is_booked_once() {
    let shop = Shop::new().await;
    let events = shop.net.pay(&shop.session).events;
    assert_eq!(shop.run(299).await, queried(0), "the webhook may be on its way");
    assert_eq!(shop.run(300).await, UnpaidReport { paid: 1, ..queried(1) });
    let books = shop.world.books();
    books.check();
    assert_eq!((shop.order().payment.as_str(), books.balance("alice/credits")), ("paid", 100_000_000_000));
    assert!(books.pointers.keys().any(|pointer| pointer.starts_with("stripe#pi_")), "a refund can find the order");

    let (order, balance) = (shop.order(), books.balance("alice/credits"));
    for (attempt, event) in (1..).zip(&events) {
        let sandbox = SandboxOf::<stripe::Stripe>::faultless(&shop.world).await;
        assert_eq!(sandbox.deliver(event, &invocation(attempt)).await.expect("the sandbox survives").status, 200);
    }
    let row = |order: testkit::OrderRow| testkit::OrderRow { version: 0, ..order };
    assert_eq!((row(shop.order()), shop.world.books().balance("alice/credits")), (row(order), balance));
    shop.world.books().check();
    assert_eq!(shop.run(DAY).await, queried(0));
}

/// A bank debit: queried until the bank answers, booked if it pays, and closed if it refuses.
#[tokio::test(start_paused = true)]
async fn failed_debit_is_queried_no_more() {
    let unpaid = UnpaidReport { unpaid: 1, ..queried(1) };
    for (account, is_delivered, expected, payment) in [
        ("000123456789", false, UnpaidReport { paid: 1, ..queried(1) }, "paid"),
        ("000222222227", false, UnpaidReport { closed: 1, ..queried(1) }, "failed"),
        ("000222222227", true, UnpaidReport { closed: 1, ..queried(1) }, "failed"),
    ] {
        let row = format!("{account}, delivered: {is_delivered}");
        let shop = Shop::new().await;
        shop.net.pay_with(&shop.session, account);
        assert_eq!(shop.run(300).await, unpaid, "{row}");
        let events = shop.net.bank_answers(&shop.session).events;
        for event in events.iter().filter(|_| is_delivered) {
            SandboxOf::<stripe::Stripe>::faultless(&shop.world)
                .await
                .deliver(event, &invocation(1))
                .await
                .expect("the sandbox survives");
        }
        assert_eq!(shop.run(600).await, expected, "{row}");
        assert_eq!(shop.order().payment, payment, "{row}");
        let before = shop.net.calls().len();
        for days in 1..=90 {
            assert_eq!(shop.run(days * DAY).await, queried(0), "{row}: after {days} days");
        }
        assert_eq!(shop.net.calls().len(), before, "{row}");
        shop.world.books().check();
    }
}

/// A new page of a failed order is queried as the first one was.
#[tokio::test(start_paused = true)]
async fn failed_order_with_a_new_page_is_queried_again() {
    let shop = Shop::new().await;
    shop.net.pay_with(&shop.session, "000222222227");
    shop.net.bank_answers(&shop.session);
    assert_eq!(shop.run(300).await, UnpaidReport { closed: 1, ..queried(1) });
    let (ledger, context) = (shop.world.ledger(7), context(7));
    let number = OrderNumber::new(NUMBER).expect("a number");
    let order = ledger.order(&number, &context).await.expect("books").expect("an order");
    let session = page(&shop.net, &order, Some(&shop.session), None).await;
    let effects = order.open(session.clone());
    let fingerprints = Fingerprint::of(1, &[]).into();
    let receipt = EventKey::new(Writer::Checkout, &session.id).expect("a key");
    let header = JournalHeader {
        receipt,
        writer: Writer::Checkout,
        kind: "opened",
        facts: Vec::new(),
        fingerprints,
        order: Some(number),
    };
    let entry = ledger::Entry { header, effects, keeps_body: false, alarm: None };
    ledger.commit(&Decision::Record(entry), &context).await.expect("booked");
    shop.net.pay(&session.id);
    assert_eq!(shop.run(600).await, UnpaidReport { paid: 1, ..queried(1) });
    assert_eq!(shop.world.books().balance("alice/credits"), 100_000_000_000);
    shop.world.books().check();
}

#[tokio::test(start_paused = true)]
async fn paid_order_is_not_queried() {
    let shop = Shop::new().await;
    for event in &shop.net.pay(&shop.session).events {
        SandboxOf::<stripe::Stripe>::faultless(&shop.world)
            .await
            .deliver(event, &invocation(1))
            .await
            .expect("the sandbox survives");
    }
    let before = shop.net.calls().len();
    assert_eq!(shop.run(300).await, queried(0));
    assert_eq!(shop.net.calls().len(), before);
}

/// Queries back off until Stripe reports the page as expired; an order that never had a page is closed after two days.
#[tokio::test(start_paused = true)]
async fn abandoned_order_is_queried_with_backoff_and_then_closed() {
    let with_page = Shop::new().await;
    let without = Shop::new().await;
    let mut order = of_stripe::order("HLwithout");
    order.session = None;
    let without = Shop { world: World::new(), ..without };
    of_stripe::made(&without.world, order).await;
    let rows = [
        (&with_page, NUMBER, [5, 10, 20, 40, 80, 160, 320, 640, 1_280].as_slice(), 2_560),
        (&without, "HLwithout", [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560].as_slice(), 2_880),
    ];
    for (shop, number, unpaid_at, closed_at) in rows {
        let (mut unpaid, mut closed) = (Vec::new(), Vec::new());
        for minute in (5..=5_000).step_by(5) {
            let report = shop.run(minute * MINUTE).await;
            unpaid.extend((report.unpaid > 0).then_some(minute));
            closed.extend((report.closed > 0).then_some(minute));
        }
        assert_eq!(unpaid, unpaid_at, "{number}");
        assert_eq!(closed, [closed_at], "{number}");
        assert_eq!(shop.world.books().orders[number].payment, "expired", "{number}");
    }
}

/// Stripe's answer must be about this order, and of its price.
#[tokio::test(start_paused = true)]
async fn payment_that_does_not_fit_the_order_does_not_pay_it() {
    let amount = NetFault::Altered("\"amount_total\":1999", "\"amount_total\":1998");
    let currency = NetFault::Altered("\"currency\":\"usd\"", "\"currency\":\"eur\"");
    let order = NetFault::Altered("\"hookledger_order\":\"HLorder\"", "\"hookledger_order\":\"HLother\"");
    let rows = [
        (amount, UnpaidReport { flagged: 1, ..queried(1) }, Some("AMOUNT_MISMATCH")),
        (currency, UnpaidReport { flagged: 1, ..queried(1) }, Some("CURRENCY_MISMATCH")),
        (order, UnpaidReport { failed: 1, ..queried(1) }, None),
        (NetFault::Garbage, UnpaidReport { failed: 1, ..queried(1) }, None),
        (NetFault::Status(400), UnpaidReport { failed: 1, ..queried(1) }, None),
        (NetFault::Status(401), UnpaidReport { failed: 1, ..queried(1) }, None),
    ];
    for (fault, expected, anomaly) in rows {
        let shop = Shop::new().await;
        shop.net.pay(&shop.session);
        let name = format!("{fault:?}");
        shop.net.fail(move |_, _| fault);
        assert_eq!(shop.run(300).await, expected, "{name}");
        let books = shop.world.books();
        books.check();
        assert_eq!((shop.order().payment.as_str(), books.balance("alice/credits")), ("unpaid", 0), "{name}");
        assert_eq!(shop.order().anomaly.as_deref(), anomaly, "{name}");
        assert_eq!(shop.run(301).await, queried(0), "{name}: the next query is later");
        // A wrong payment is for a person; an answer that cannot be parsed is queried again.
        let again = if anomaly.is_some() { queried(0) } else { expected };
        assert_eq!(shop.run(10 * DAY).await, again, "{name}");
    }
}

/// After any network fault at one call, the payment is booked minutes later, and within the hour if the order is old and
/// the reply could not be read: a gateway may answer with a page about its maintenance.
#[tokio::test(start_paused = true)]
async fn network_fault_delays_the_payment_of_any_order_by_an_hour_at_most() {
    let ages = [(5 * MINUTE, 5 * MINUTE), (8 * HOUR, HOUR), (30 * HOUR, HOUR)];
    for (fault, (age, later)) in
        StripeNet::transient_faults().into_iter().flat_map(|fault| ages.map(|age| (fault, age)))
    {
        let shop = Shop::new().await;
        shop.net.pay(&shop.session);
        let name = format!("{fault:?} at {age}");
        shop.net.fail(move |call, _| if call == 0 { fault } else { NetFault::None });
        let report = shop.run(age).await;
        assert_eq!(report.queried, 1, "{name}");
        if report.paid == 0 {
            assert_eq!(shop.run(age + later).await.paid, 1, "{name}");
        }
        assert_eq!(shop.world.books().balance("alice/credits"), 100_000_000_000, "{name}");
        shop.world.books().check();
    }
}

/// A hanging provider's orders are rescheduled too, or they would come first in every run.
#[tokio::test(start_paused = true)]
async fn provider_that_never_answers_delays_no_other() {
    let shop = Shop::new().await;
    shop.net.pay(&shop.session);
    shop.net.fail(|_, _| NetFault::DropRequest);
    // A store that answers at once would still answer after the deadline.
    let (ledger, _) = shop.world.faulty(1, |_, _| Fault::Delay(Duration::from_millis(10)));
    assert_eq!(shop.run_over(ledger, 300).await, Some(UnpaidReport { failed: 1, ..queried(1) }));
    assert_eq!(shop.run(301).await, queried(0));
    shop.net.recover();
    assert_eq!(shop.run(600).await, UnpaidReport { paid: 1, ..queried(1) });
}

#[tokio::test(start_paused = true)]
async fn store_fault_at_any_call_books_the_payment_once() {
    for (call, fault) in (0..6).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        let shop = Shop::new().await;
        shop.net.pay(&shop.session);
        let plan = move |number: usize, _: &str| if number == call { fault } else { Fault::None };
        let (ledger, faults) = shop.world.faulty(1, plan);
        tokio::select! {
            biased;
            _ = shop.run_over(ledger, 300) => {}
            () = faults.killed() => {}
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        shop.world.books().check();
        shop.run(600).await;
        let books = shop.world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{fault:?} at call {call}");
        assert_eq!(shop.order().payment, "paid", "{fault:?} at call {call}");
    }
}

/// Two runs overlap: one payment is booked.
#[tokio::test(start_paused = true)]
async fn overlapping_runs_book_one_payment() {
    let shop = Shop::new().await;
    shop.net.pay(&shop.session);
    let late = |seed| shop.world.faulty(seed, |_, _| Fault::Delay(Duration::from_millis(10))).0;
    let (first, second) = tokio::join!(shop.run_over(late(1), 300), shop.run_over(late(2), 300));
    assert_eq!((first.map(|report| report.paid), second.map(|report| report.paid)), (Some(1), Some(1)));
    let books = shop.world.books();
    books.check();
    assert_eq!((books.balance("alice/credits"), shop.order().version), (100_000_000_000, 2));
}

/// The state of a payment at an unconfigured provider is unknown: the order stays open.
#[tokio::test(start_paused = true)]
async fn order_of_an_unconfigured_provider_stays_unpaid() {
    let shop = Shop::new().await;
    let order: Order = of_stripe::order("HLother");
    let world = World::new();
    let terms = ledger::Terms { provider: Provider::Wechat, ..order.terms.clone() };
    of_stripe::made(&world, Order { terms, ..order }).await;
    let shop = Shop { world, ..shop };
    assert_eq!(shop.run(10 * DAY).await, UnpaidReport { unpaid: 1, ..queried(1) });
    assert_eq!(shop.world.books().orders["HLother"].payment, "unpaid");
}

#[tokio::test(start_paused = true)]
async fn idle_run_makes_one_query_for_each_provider() {
    let shop = Shop::new().await;
    let (ledger, faults) = shop.world.faulty(1, |_, _| Fault::None);
    shop.run_over(ledger, 299).await;
    let calls = faults.calls();
    let read = |call: &Call| call.answer.as_ref().map(|answer| answer["ScannedCount"].clone());
    let calls: Vec<_> = calls.iter().map(|call| (call.operation.as_str(), read(call))).collect();
    assert_eq!(calls, [("Query", Some(json!(0))), ("Query", Some(json!(0))), ("Query", Some(json!(0)))]);
}
