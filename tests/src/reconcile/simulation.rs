//! Ten thousand abandoned orders a day, on a virtual clock: the delay of their first queries stays within its limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use edge::{Keyring, Settings, Vault};
use epay::{Epay, Gateway};
use ledger::{Order, Owner, Provider, Terms, Writer};
use providers::{Http, StripeConfig};
use reconcile::{Reconcile, StripeApi};
use testkit::{EPAY_BASE, MemoryLedger, epay_settings, instant};
use webhook::Webhook as _;

use super::unpaid::UNPAID;
use super::*;

const ORDERS_A_DAY: i64 = 10_000;
const LATE_SECONDS_MAX: i64 = 600;
const ANSWERS_AFTER: Duration = Duration::from_millis(200);
/// When the hanging provider starts and stops hanging, and when the flood of orders begins.
const HANGS: std::ops::Range<i64> = 6 * HOUR..7 * HOUR;
const FLOOD: i64 = 3 * HOUR;

struct Row {
    name: &'static str,
    hours: i64,
    hangs: Option<Provider>,
    /// The number of orders that one owner creates at once, beside the others.
    flood: i64,
}

const ROWS: [Row; 3] = [
    Row { name: "one after the other", hours: 24, hangs: None, flood: 0 },
    Row { name: "beside 10,000 of one owner's at once", hours: 6, hangs: None, flood: 10_000 },
    Row { name: "while a provider hangs for an hour", hours: 9, hangs: Some(Provider::Stripe), flood: 0 },
];

/// Stripe and a gateway: both have no payment, and answer slowly.
#[derive(Debug, Clone)]
struct Slow {
    began: Instant,
    hangs: Option<Provider>,
    /// The time of each order's first answer, in seconds since the start.
    first_queries: Arc<Mutex<BTreeMap<String, i64>>>,
    in_flight: Arc<Mutex<BTreeSet<String>>>,
}

impl Slow {
    fn new(hangs: Option<Provider>) -> Self {
        Self { began: instant(), hangs, first_queries: Arc::default(), in_flight: Arc::default() }
    }

    fn seconds(&self) -> i64 {
        i64::try_from(instant().duration_since(self.began).as_secs()).expect("a day")
    }

    async fn answer(self, provider: Provider, order: String) -> HttpResponse {
        if self.hangs == Some(provider) && HANGS.contains(&self.seconds()) {
            std::future::pending::<()>().await;
        }
        assert!(self.in_flight.lock().expect("one thread").insert(order.clone()), "{order} is queried twice at once");
        tokio::time::sleep(ANSWERS_AFTER).await;
        self.in_flight.lock().expect("one thread").remove(&order);
        let seconds = self.seconds();
        self.first_queries.lock().expect("one thread").entry(order).or_insert(seconds);
        let body = match provider {
            Provider::Epay => r#"{"code":-1,"msg":"none"}"#,
            Provider::Stripe | Provider::Wechat => r#"{"object":"search_result","data":[]}"#,
        };
        HttpResponse::new(StatusCode::try_from(200).expect("a status"), SdkBody::from(body))
    }
}

impl HttpConnector for Slow {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri();
        let provider = if uri.starts_with(EPAY_BASE) { Provider::Epay } else { Provider::Stripe };
        let (_, order) = uri.split_once("HL").expect("an order's number");
        let order = order.chars().take_while(char::is_ascii_alphanumeric).collect();
        let answer = self.clone().answer(provider, order);
        HttpConnectorFuture::new(async move { Ok(answer.await) })
    }
}

async fn sweeper(ledger: MemoryLedger, net: &Slow) -> Reconcile<MemoryLedger> {
    let http = || Http::over(net.clone(), fastrand::Rng::with_seed(1));
    let setting = (checkout::SETTING.to_owned(), "sk_test_51localkeyofthetests".to_owned());
    let keys = Keyring::open(Vault::Here(Settings::new([setting])), checkout::keys(false), testkit::now()).await;
    let config = StripeConfig::read(|name| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned()), "dev");
    let stripe_api = StripeApi { http: http(), config: config.expect("settings"), keys: keys.expect("a key") };
    let set = |name: &str| match name {
        "EPAY_API_BASE" => Some(EPAY_BASE.to_owned()),
        "EPAY_MERCHANTS" => Some("1001:md5".to_owned()),
        _ => None,
    };
    let config = epay::Config::read(set, "dev").expect("settings");
    let keys = Keyring::open(Vault::Here(Settings::new(epay_settings())), Epay::keys, testkit::now()).await;
    let gateway = Some(Gateway { http: http(), keys: keys.expect("keys") });
    let fulfil = ::fulfil::Fulfil { ledger: ledger.clone(), operator: None, custodian: None };
    let Reconcile { usage, stripe, keys, .. } = of_stripe::reconcile(MemoryLedger::default(), &[]);
    Reconcile {
        ledger,
        usage,
        litellm: litellm::Litellm::default(),
        openrouter: openrouter::Openrouter::default(),
        stripe,
        wechat: None,
        epay: Some(Epay { config, gateway }),
        fireblocks: None,
        stripe_api: Some(stripe_api),
        gateway: None,
        fulfil,
        keys,
        missing_credentials: [].into(),
    }
}

/// Every second order is at Stripe.
async fn abandoned(ledger: &MemoryLedger, n: i64, owner: &str, created_s: i64) {
    let Order { terms, .. } = of_stripe::order("HL");
    let (letter, provider) = if n % 2 == 0 { ("S", Provider::Stripe) } else { ("E", Provider::Epay) };
    let number = ledger::OrderNumber::new(&format!("HL{letter}{owner}{n}")).expect("a number");
    let terms = Terms { provider, ..terms };
    let created_at = testkit::now().plus_seconds(created_s);
    let session = ledger::Session { id: format!("1001.{number}"), url: EPAY_BASE.to_owned() };
    let session = (provider == Provider::Epay).then_some(session);
    let order = Order { session, ..Order::new(number, Owner::new(owner).expect("an owner"), terms, created_at) };
    let header = JournalHeader {
        receipt: EventKey::of_order(&order.number),
        writer: Writer::Orders,
        kind: "order",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let entry = ledger::Entry { header, effects: vec![order.created()], keeps_body: false, alarm: None };
    ledger.commit(&Decision::Record(entry), &context(1)).await.expect("made");
}

/// The delay of the first query of this order, without the time in which its provider hung.
fn late(row: &Row, provider: Provider, created_s: i64, queried_s: i64) -> i64 {
    let due_s = created_s + ledger::FIRST_QUERY_AFTER_SECONDS;
    let hanging_s = queried_s.min(HANGS.end) - due_s.max(HANGS.start);
    queried_s - due_s - if row.hangs == Some(provider) { hanging_s.max(0) } else { 0 }
}

/// The largest delay of the ordinary buyers, and of the flood's owner, in seconds; and the largest backlog.
async fn simulated(row: &Row) -> (i64, i64, u64) {
    let (ledger, net) = (MemoryLedger::default(), Slow::new(row.hangs));
    let sweeper = sweeper(ledger.clone(), &net).await;
    let (mut orders, mut made, mut backlog_max) = (Vec::new(), 0, 0);
    for minute in 0..row.hours * 60 {
        let second = minute * MINUTE;
        tokio::time::sleep_until((net.began + Duration::from_secs(second.unsigned_abs())).into()).await;
        while made * DAY / ORDERS_A_DAY <= second {
            let created_s = made * DAY / ORDERS_A_DAY;
            abandoned(&ledger, made, "buyer", created_s).await;
            orders.push(("buyer", made, created_s));
            made += 1;
        }
        if second == FLOOD {
            for n in 0..row.flood {
                abandoned(&ledger, n, "mallory", second).await;
                orders.push(("mallory", n, second));
            }
        }
        start_capture();
        sweeper.work(UNPAID, &run_at(minute.unsigned_abs(), second)).await.expect("a run");
        backlog_max = captured_lines().iter().filter_map(|line| line["waiting"].as_u64()).fold(backlog_max, u64::max);
    }
    let first_queries = net.first_queries.lock().expect("one thread");
    let until_s = row.hours * HOUR - 20 * MINUTE;
    let latest = |buyer: &str| {
        let of = orders.iter().filter(|(owner, _, created_s)| *owner == buyer && *created_s < until_s);
        of.map(|(owner, n, created_s)| {
            let (letter, provider) = if n % 2 == 0 { ("S", Provider::Stripe) } else { ("E", Provider::Epay) };
            let queried_s = first_queries.get(&format!("{letter}{owner}{n}")).copied().unwrap_or(i64::MAX / 2);
            late(row, provider, *created_s, queried_s)
        })
        .max()
        .unwrap_or_default()
    };
    (latest("buyer"), latest("mallory"), backlog_max)
}

/// A provider that hangs costs a run few calls: those queries fail, and the other provider's orders are all queried.
#[tokio::test(start_paused = true)]
async fn provider_that_hangs_is_queried_little_and_delays_no_other() {
    let (ledger, net) = (MemoryLedger::default(), Slow::new(Some(Provider::Stripe)));
    let sweeper = sweeper(ledger.clone(), &net).await;
    for n in 0..200 {
        abandoned(&ledger, n, "buyer", HANGS.start).await;
    }
    let due = HANGS.start + ledger::FIRST_QUERY_AFTER_SECONDS;
    let run = async |second: i64| {
        tokio::time::sleep_until((net.began + Duration::from_secs(second.unsigned_abs())).into()).await;
        start_capture();
        let began = instant();
        let report = sweeper.work(UNPAID, &run_at(second.unsigned_abs(), second)).await.expect("a run");
        let Report::Unpaid(report) = report else { panic!("{report:?}") };
        let line = captured_lines().into_iter().find(|line| line["backlog"] == "unpaid").expect("a backlog");
        (report, line["waiting"].as_u64().expect("a number"), line["oldest_s"].as_u64(), instant() - began)
    };
    let (report, backlog, oldest_s, took) = run(due).await;
    assert_eq!((report.unpaid, report.is_cut_short, oldest_s), (100, true, Some(0)), "all orders of the gateway");
    assert!(
        (10..=20).contains(&report.failed) && backlog == u64::from(100 - report.failed),
        "{report:?}, {backlog} left"
    );
    assert!(took < Duration::from_secs(25), "{took:?}");
    let (report, backlog, oldest_s, _) = run(HANGS.end).await;
    assert_eq!((report.failed, backlog, oldest_s), (0, 0, Some((HANGS.end - due).unsigned_abs())));
    let (report, backlog, oldest_s, _) = run(HANGS.end + MINUTE).await;
    assert_eq!((report.queried, backlog, oldest_s), (0, 0, Some(0)), "nothing is due, and the log has the zero");
}

/// A run holds the sweep's lease: of two concurrent runs one queries, and the other leaves.
#[tokio::test(start_paused = true)]
async fn concurrent_runs_query_no_order_twice() {
    let (ledger, net) = (MemoryLedger::default(), Slow::new(None));
    let sweeper = sweeper(ledger.clone(), &net).await;
    for n in 0..50 {
        abandoned(&ledger, n, "buyer", 0).await;
    }
    let [first, second, third] = [(1, 300), (2, 301), (3, 302)].map(|(attempt, at)| run_at(attempt, at));
    let (first, second) = tokio::join!(sweeper.work(UNPAID, &first), sweeper.work(UNPAID, &second));
    let report = |report: Result<Report, _>| match report {
        Ok(Report::Unpaid(report)) => (report.queried, report.is_held),
        other => panic!("{other:?}"),
    };
    assert_eq!((report(first), report(second)), ((50, false), (0, true)));
    for n in 50..60 {
        abandoned(&ledger, n, "buyer", 0).await;
    }
    assert_eq!(report(sweeper.work(UNPAID, &third).await), (10, false), "the lease was released");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_abandoned_orders_a_day_are_queried_in_time() {
    for row in ROWS {
        let (late_s, flood_late_s, backlog_max) = simulated(&row).await;
        println!(
            "{}: first queries at most {late_s} s late (the flood's {flood_late_s} s), backlog at most {backlog_max}",
            row.name
        );
        assert!(late_s < LATE_SECONDS_MAX, "{}: {late_s} s", row.name);
    }
}
