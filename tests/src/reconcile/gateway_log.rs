//! The pull: what an LLM gateway has logged is booked, whether its webhook reports it, does not, or comes late.

use std::time::Duration;

use catalog::Catalog;
use edge::{Keyring, Vault};
use fakes::new_api::{Dialect, Logged};
use idempotency::DynamoLedger;
use ledger::{Backlog as _, Sweep, Timestamp};
use providers::{Http, LogWindow, LoggedUse, NewApi, NewApiConfig, NewApiKey};
use reconcile::{GatewayApi, PullReport, Reconcile};
use testkit::{NEW_API_BASE, NEW_API_TOKEN, NetFault, NewApiNet, deadline, given_back, logged, now};
use usage::Usage;

use super::*;

mod faults;
mod many;
mod settings;

pub(super) const GATEWAY_LOG: &str = r#"{"sweep":"gateway_log"}"#;
const EVERY: i64 = 5 * MINUTE;
const DIALECTS: [(Dialect, &str); 3] =
    [(Dialect::NewApi, "new-api"), (Dialect::OneApi, "one-api"), (Dialect::Sub2Api, "sub2api")];
/// Of 1,170 quota, at 500,000 for a dollar and a hundred credits for a dollar.
const COST: i128 = 234_000_000;
const CREDITS: i128 = 1_000_000_000_000;

/// A gateway, and the books of the owner of its one token.
pub(crate) struct Gateway {
    pub(crate) world: World,
    pub(crate) net: NewApiNet,
    dialect: &'static str,
}

impl Gateway {
    pub(crate) async fn new(dialect: Dialect) -> Self {
        let world = World::new();
        open_account(&world, "alice", if dialect == Dialect::OneApi { "7/default" } else { "1" }, "1000").await;
        Self { world, net: NewApiNet::of(dialect), dialect: word_of(dialect) }
    }

    /// A gateway beside books in which its token is no owner's.
    pub(crate) fn beside(world: World, dialect: Dialect) -> Self {
        Self { world, net: NewApiNet::of(dialect), dialect: word_of(dialect) }
    }

    pub(crate) fn log(&self, row: Logged) {
        self.net.provider().log(row);
    }

    pub(super) fn config(&self) -> NewApiConfig {
        let set = |name: &str| match name {
            "NEW_API_BASE_URL" => Some(NEW_API_BASE.to_owned()),
            "NEW_API_DIALECT" => Some(self.dialect.to_owned()),
            _ => None,
        };
        NewApiConfig::read(set, "dev").expect("settings").expect("an address")
    }

    pub(super) async fn api(&self, token: &str) -> GatewayApi {
        let setting = (NewApiKey::SETTINGS[0].to_owned(), token.to_owned());
        let vault = Vault::Here(edge::Settings::new([setting]));
        let keys = Keyring::open(vault, GatewayApi::key, now()).await.expect("a token");
        GatewayApi { http: Http::over(self.net.clone(), fastrand::Rng::with_seed(1)), config: self.config(), keys }
    }

    pub(super) async fn sweeper(&self, ledger: DynamoLedger) -> Reconcile<DynamoLedger> {
        let gateway = Some(self.api(NEW_API_TOKEN).await);
        Reconcile { gateway, usage: source(), ..of_stripe::reconcile(ledger, &[]) }
    }

    /// A run, this long after the start of the tests; `None` if the store fails it, or the sandbox dies.
    pub(crate) async fn run_over(&self, ledger: DynamoLedger, after_s: i64) -> Option<PullReport> {
        let run = run_at(5_000 + u64::try_from(after_s).expect("later"), after_s);
        let sweeper = self.sweeper(ledger).await;
        // A sandbox that dies never answers.
        let ended = tokio::time::timeout(Duration::from_mins(1), sweeper.work(GATEWAY_LOG, &run)).await;
        ended.ok()?.ok().map(|report| {
            let Report::GatewayLog(report) = report else { panic!("{report:?}") };
            report
        })
    }

    pub(super) async fn run(&self, after_s: i64) -> PullReport {
        self.run_over(self.world.ledger(0), after_s).await.expect("a run")
    }

    /// The uses of these seconds, as the gateway's own webhook reports them.
    async fn reported(&self, from_s: i64, to_s: i64) -> Vec<LoggedUse> {
        let key = NewApiKey::parse(Some(NEW_API_TOKEN)).expect("a token");
        let http = Http::over(self.copied(), fastrand::Rng::with_seed(1));
        let api = NewApi::new(&http, &self.config(), key.into());
        let in_time = || deadline(Duration::from_secs(5));
        let status = api.status(in_time()).await.expect("a status");
        let window = LogWindow { start: at(from_s), end: at(to_s) };
        let mut uses = Vec::new();
        for kind in api.kinds() {
            for number in 1.. {
                let page = api.page(window, *kind, number, &status, "100", in_time()).await.expect("a page");
                uses.extend(page.uses);
                if page.is_last {
                    break;
                }
            }
        }
        uses
    }

    /// The same gateway without faults between.
    fn copied(&self) -> NewApiNet {
        let (dialect, _) = DIALECTS.into_iter().find(|(_, name)| *name == self.dialect).expect("a dialect");
        let copy = NewApiNet::of(dialect);
        self.net.provider().rows().into_iter().for_each(|row| copy.provider().log(row));
        copy
    }

    /// Delivers a use over the webhook.
    async fn deliver(&self, of: &LoggedUse, attempt: u64) {
        let reply = Sandbox::faultless(&self.world).await.deliver(&of.body(), &invocation(attempt)).await;
        assert_eq!(reply.map(|reply| reply.status), Some(200), "{}", of.event_id);
    }

    /// Each row is booked once, and no other.
    pub(super) fn check(&self, what: &str) {
        let books = self.world.books();
        books.check();
        let rows = self.net.provider().rows();
        let refunds = i128::try_from(rows.iter().filter(|row| row.is_refund).count()).expect("few");
        let charges = i128::try_from(rows.len()).expect("few") - refunds;
        assert_eq!(books.balance("alice/credits"), CREDITS - (charges - refunds) * COST, "{what}");
        let booked = books.processed().filter(|id| id.starts_with("usage#")).count();
        assert_eq!(booked, rows.len(), "{what}");
    }
}

fn word_of(dialect: Dialect) -> &'static str {
    let (_, word) = DIALECTS.into_iter().find(|(known, _)| *known == dialect).expect("a dialect");
    word
}

fn source() -> Usage {
    let card = r#"{ "products": {}, "rate_card": { "credits_per_usd": "100", "prices": [] } }"#;
    Usage::new(&Catalog::parse(card).expect("a catalog"))
}

/// A whole second, as gateways log it.
pub(super) fn at(after_s: i64) -> Timestamp {
    Timestamp::from_unix(now().unix_s() + after_s).expect("a time")
}

fn read(read: u32) -> PullReport {
    PullReport { read, ..PullReport::default() }
}

/// **The acceptance test.** The webhook reports for an hour, is off for one and on again, while uses go on, tasks fail
/// and are given back, and store and gateway fail in every way: nothing is lost, and nothing is booked twice.
#[tokio::test(start_paused = true)]
async fn webhook_off_for_an_hour_loses_nothing_and_books_nothing_twice() {
    for (dialect, word) in DIALECTS {
        let gateway = Gateway::new(dialect).await;
        let mut of_net = NewApiNet::transient_faults().into_iter().chain([NetFault::Status(500)]).cycle();
        let mut of_store = Fault::ALL.into_iter().cycle();
        for step in 0..36_i64 {
            let (from_s, to_s) = (step * EVERY, (step + 1) * EVERY - 1);
            for number in 0..12 {
                let name = format!("2026112800{step:04}{number:04}");
                let second = at(from_s + number * 25);
                gateway.log(logged(&name, second));
                if dialect == Dialect::NewApi && number % 6 == 5 {
                    gateway.log(given_back(&format!("task_{name}"), second));
                }
            }
            let is_on = !(12..24).contains(&step);
            if is_on {
                for (attempt, of) in (1..).zip(gateway.reported(from_s, to_s).await) {
                    gateway.deliver(&of, attempt).await;
                }
            }
            let (of_call, fault, of_request) =
                (usize::try_from(step % 7).expect("few"), of_store.next(), of_net.next());
            let (ledger, _) = gateway.world.faulty(u64::try_from(step).expect("few"), move |call, _| {
                fault.filter(|_| call == of_call).unwrap_or(Fault::None)
            });
            let nth = usize::try_from(step % 5).expect("few");
            gateway.net.fail(move |call, _| of_request.filter(|_| call == nth).unwrap_or(NetFault::None));
            gateway.run_over(ledger, to_s + 1).await;
        }
        gateway.net.recover();
        for late in 1..=4 {
            gateway.run(36 * EVERY + late * EVERY).await;
        }
        gateway.check(word);
        let before = gateway.world.books();
        for (attempt, of) in (1..).zip(gateway.reported(12 * EVERY, 24 * EVERY - 1).await) {
            gateway.deliver(&of, attempt).await;
        }
        assert_eq!(gateway.world.books(), before, "{word}: what comes late is a repeat");
    }
}

/// A known row costs a read of its key, and no write.
#[tokio::test(start_paused = true)]
async fn known_row_is_not_written_again() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    for number in 0..3 {
        gateway.log(logged(&format!("r{number}"), at(number)));
    }
    assert_eq!(gateway.run(EVERY).await, PullReport { booked: 3, ..read(3) });
    let (ledger, faults) = gateway.world.faulty(1, |_, _| Fault::None);
    let report = gateway.run_over(ledger, 2 * EVERY).await;
    assert_eq!(report, Some(PullReport { known: 3, ..read(3) }));
    let calls: Vec<String> = faults.calls().into_iter().map(|call| call.operation).collect();
    // The cursor, the keys of the rows, and the cursor again.
    assert_eq!(calls, ["GetItem", "BatchGetItem", "TransactWriteItems"]);
}

/// A row that is written late has an earlier second than the watermark, and is found by the overlap.
#[tokio::test(start_paused = true)]
async fn row_that_is_written_late_is_found() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.run(EVERY).await;
    gateway.log(logged("late", at(EVERY - 9 * MINUTE)));
    assert_eq!(gateway.run(2 * EVERY).await, PullReport { booked: 1, ..read(1) });
    // Rows of the last seconds are left for the next run.
    gateway.log(logged("fresh", at(3 * EVERY - 10)));
    assert_eq!(gateway.run(3 * EVERY).await.booked, 0);
    assert_eq!(gateway.run(4 * EVERY).await.booked, 1);
    gateway.check("late");
}

/// The first run begins ten minutes before itself, and so do those after it until the gateway answers.
#[tokio::test(start_paused = true)]
async fn gateway_that_does_not_answer_at_first_loses_nothing() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.log(logged("early", at(-9 * MINUTE)));
    gateway.net.fail(|_, _| NetFault::Status(500));
    for runs in 0..24 {
        gateway.log(logged(&format!("r{runs}"), at(runs * EVERY)));
        assert_eq!(gateway.run(runs * EVERY).await.failed, 1);
    }
    gateway.net.recover();
    assert_eq!(gateway.run(24 * EVERY).await.booked, 25);
    gateway.check("first");
}

/// After an outage of ours, hour by hour.
#[tokio::test(start_paused = true)]
async fn outage_of_a_day_is_caught_up() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.run(EVERY).await;
    for hour in 0..24 {
        gateway.log(logged(&format!("h{hour}"), at(hour * HOUR + 600)));
    }
    assert_eq!(gateway.run(DAY).await.booked, 24);
    gateway.check("a day");
}

/// What an owner cannot pay is kept, and booked once a top-up covers it: the pull has signed what it read.
#[tokio::test(start_paused = true)]
async fn refused_row_is_replayed_like_a_delivery() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    let dear = Logged { quota: 10_000_000, ..logged("dear", at(0)) };
    gateway.log(dear);
    assert_eq!(gateway.run(EVERY).await, PullReport { refused: 1, ..read(1) });
    assert_eq!(row(&gateway.world, "usage#new-api-dear-1"), "insufficient_credits!");
    top_up(&gateway.world, "more", "alice", "1000").await;
    assert_eq!(run(&gateway.world, HOUR).await.resolved, 1);
    assert_eq!(gateway.world.books().balance("alice/credits"), 0);
}

/// Some builds take the id of a request from its caller, who could so hide a use behind another: on one page, or behind
/// one that is booked.
#[tokio::test(start_paused = true)]
async fn second_use_under_one_id_is_a_conflict() {
    let dear = |second| Logged { quota: 500_000, ..logged("mine", at(second)) };
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.log(logged("mine", at(0)));
    gateway.log(dear(1));
    assert_eq!(gateway.run(EVERY).await, PullReport { booked: 1, refused: 1, ..read(2) });
    hides_nothing(&gateway);
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.log(logged("mine", at(0)));
    assert_eq!(gateway.run(EVERY).await, PullReport { booked: 1, ..read(1) });
    gateway.log(dear(EVERY));
    assert_eq!(gateway.run(2 * EVERY).await, PullReport { known: 1, refused: 1, ..read(2) });
    hides_nothing(&gateway);
}

/// Of two uses under one id the first is booked, and the other kept.
fn hides_nothing(gateway: &Gateway) {
    let books = gateway.world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), CREDITS - COST, "the first counts");
    assert!(books.journal.keys().any(|id| id.starts_with("usage#new-api-mine-1#conflict#")), "and the other is kept");
}

/// A row that cannot be read costs no other one, and is an alarm.
#[tokio::test(start_paused = true)]
async fn row_that_cannot_be_read_is_passed_over() {
    let gateway = Gateway::new(Dialect::NewApi).await;
    gateway.log(logged("good", at(0)));
    gateway.log(Logged { quota: -5, ..logged("negative", at(1)) });
    start_capture();
    assert_eq!(gateway.run(EVERY).await, PullReport { booked: 1, passed_over: 1, ..read(1) });
    let alarms = captured_lines().into_iter().filter(|line| line["alarm"] == "passed_over").count();
    assert_eq!(alarms, 1);
}
