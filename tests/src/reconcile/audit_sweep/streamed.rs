//! The streams that the audit follows, and books with an order that no line of an account names.

use embedded::{APP_YAML, Cursor, DATA_YAML, Stream, Template};
use ledger::{Provider, Reference};
use testkit::STAGE;

use super::shop::{paid, step};
use super::*;
use crate::fulfil::{PHONE, airtime};

/// A paid top-up: its payment and its delivery post nothing to any account.
pub(super) const PHONE_ORDER: &str = "HLphone";
/// An order that waits to be paid.
pub(super) const OPEN_ORDER: &str = "HLopen";

/// The streams of orders and journal from now on, as the templates configure them for `reconcile`.
pub(super) struct Streamed {
    readers: Vec<(Stream, Cursor)>,
    calls: u64,
}

impl Streamed {
    pub(super) fn of(world: &World) -> Self {
        let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
        world.engine.enable_streams(&data).expect("streams");
        let arn = |table: &str| world.engine.stream_arn(table).expect("a stream");
        let named = data.stream_parameters().into_iter().map(|(name, table)| (format!("ssm:{name}"), arn(&table.name)));
        let named: Vec<(String, String)> = named.chain([("Stage".to_owned(), STAGE.to_owned())]).collect();
        let named: Vec<(&str, &str)> = named.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let app = Template::parse(APP_YAML, &named).expect("a template");
        let reconcile = app.functions().iter().find(|function| function.binary == "reconcile").expect("it is deployed");
        let reader = |stream: &Stream| {
            let table = stream.table.as_deref().expect("a table");
            (stream.clone(), world.engine.cursor(table, None).expect("a stream"))
        };
        Self { readers: reconcile.streams.iter().map(reader).collect(), calls: 0 }
    }

    /// For each stream with records since the last call that its filter admits, their event.
    pub(super) fn events(&mut self, world: &World) -> Vec<String> {
        let mut events = Vec::new();
        for (stream, cursor) in &mut self.readers {
            let records = world.engine.read(cursor, 1_000).expect("records");
            let admitted: Vec<Value> = records.into_iter().filter(|record| stream.filter.admits(record)).collect();
            events.extend((!admitted.is_empty()).then(|| json!({ "Records": admitted }).to_string()));
        }
        events
    }

    /// The event of the only stream with admitted records.
    pub(super) fn event(&mut self, world: &World) -> Option<String> {
        let mut events = self.events(world);
        assert!(events.len() < 2, "{events:?}");
        events.pop()
    }

    /// Calls the function for each stream with admitted records, and returns the sum of the reports.
    pub(super) async fn follow(&mut self, world: &World, after_s: i64) -> AuditReport {
        let events = self.events(world);
        assert_ne!(events, Vec::<String>::new(), "something has changed");
        let mut sum = empty();
        for event in events {
            self.calls += 1;
            let report = deliver(world.ledger(self.calls), &event, self.calls, after_s).await.expect("a run");
            sum = AuditReport {
                accounts: sum.accounts + report.accounts,
                lines: sum.lines + report.lines,
                orders: sum.orders + report.orders,
                ..report
            };
        }
        sum
    }
}

/// Calls the function with a batch; `None` if the run fails, and the stream delivers the batch again.
pub(super) async fn deliver(ledger: DynamoLedger, event: &str, call: u64, after_s: i64) -> Option<AuditReport> {
    let run = run_at(500_000 + call, after_s);
    let report = of_stripe::reconcile(ledger, &[]).work(event, &run).await.ok()?;
    let Report::Changes(report) = report else { panic!("{report:?}") };
    Some(report)
}

/// Books that agree, with the top-up, after today's pass over the accounts.
pub(super) async fn books() -> (Shop, Streamed) {
    let shop = Shop::new().await;
    let mut streamed = Streamed::of(&shop.world);
    of_stripe::made(&shop.world, of_stripe::order(OPEN_ORDER)).await;
    paid_top_up(&shop.world).await;
    assert_eq!(check(&shop.world, 0).await, whole(LINES, ORDERS), "no line leads to the top-up");
    let report = streamed.follow(&shop.world, 0).await;
    assert_eq!(report, AuditReport { orders: 2, ..empty() }, "an order with two writes and a pointer counts once");
    assert_eq!(state(&shop.world).await.open, []);
    (shop, streamed)
}

pub(super) async fn paid_top_up(world: &World) {
    let mut order = of_stripe::order(PHONE_ORDER);
    order.terms.grants = vec![airtime(PHONE)];
    of_stripe::made(world, order.clone()).await;
    let by = Reference::new(Provider::Stripe, "pi_phone").expect("an id");
    step(world, &order, "pay", |order| paid(order, &by)).await;
}
