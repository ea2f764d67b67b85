//! The stream of orders, and the event source mapping that calls `fulfil` with its records: in batches, again after a
//! failure, and from the start when it is replayed.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use edge::Worker as _;
use embedded::{Cursor, DATA_YAML, Engine, Template};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::mark::Mark;
use crate::world::World;

/// A batch, and the attempts before its records are given up, as the template declares them.
const BATCH_SIZE: usize = 10;
const ATTEMPTS_MAX: u64 = 9;
const RECORDS_MAX: usize = 1_000;
/// The stream's own delay.
const LAG: Duration = Duration::from_millis(200);

static TEMPLATE: LazyLock<Template> =
    LazyLock::new(|| Template::parse(DATA_YAML, &[("Stage", testkit::STAGE)]).expect("a template"));

/// The changed orders. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct OrderStream(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// Every record so far, each with its sequence number.
    records: Vec<(String, String)>,
    /// The next record to deliver.
    next: usize,
    is_busy: bool,
    engine: Option<(Engine, Cursor)>,
}

impl OrderStream {
    pub(crate) fn of_memory() -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), changed: Arc::default() }))
    }

    /// The engine's own stream.
    pub(crate) fn of_engine(engine: &Engine) -> Self {
        engine.enable_streams(&TEMPLATE).expect("streams");
        let cursor = engine.cursor(&format!("hookledger-{}-orders", testkit::STAGE), None).expect("a stream");
        let changed = Arc::<Notify>::default();
        let of_engine = Arc::clone(&changed);
        engine.notify_on_write(move || of_engine.notify_one());
        let state = State { engine: Some((engine.clone(), cursor)), ..State::default() };
        Self(Arc::new(Shared { state: Mutex::new(state), changed }))
    }

    /// In memory: this order has changed.
    pub(crate) fn add(&self, order: &str) {
        let mut state = self.0.state.lock().expect("one thread");
        let number = (state.records.len() + 1).to_string();
        let record = format!(
            r#"{{"eventName":"MODIFY","dynamodb":{{"Keys":{{"id":{{"S":"{order}"}}}},"SequenceNumber":"{number}"}}}}"#
        );
        state.records.push((number, record));
        drop(state);
        self.0.changed.notify_one();
    }

    /// Delivers every record again.
    pub(crate) fn replay(&self) {
        self.0.state.lock().expect("one thread").next = 0;
        self.0.changed.notify_one();
    }

    pub(crate) fn is_idle(&self) -> bool {
        let state = &mut *self.0.state.lock().expect("one thread");
        state.pull();
        !state.is_busy && state.next == state.records.len()
    }

    /// The next batch. The stream is busy until there is none.
    fn take(&self) -> Vec<(String, String)> {
        let state = &mut *self.0.state.lock().expect("one thread");
        state.pull();
        let batch: Vec<_> = state.records.iter().skip(state.next).take(BATCH_SIZE).cloned().collect();
        state.next += batch.len();
        state.is_busy = !batch.is_empty();
        batch
    }
}

impl State {
    fn pull(&mut self) {
        let Some((engine, cursor)) = &mut self.engine else { return };
        let records = engine.read(cursor, RECORDS_MAX).expect("records");
        self.records.extend(records.iter().map(|record| {
            let sequence = record.pointer("/dynamodb/SequenceNumber").and_then(|number| number.as_str());
            (sequence.expect("a sequence number").to_owned(), record.to_string())
        }));
    }
}

/// Runs as long as the world.
pub(crate) async fn follow(world: &World) {
    let mark = world.mark_of("stream");
    let mut batches = 0;
    loop {
        let batch = world.stream.take();
        if batch.is_empty() {
            world.stream.0.changed.notified().await;
            sleep(LAG).await;
            continue;
        }
        batches += 1;
        deliver(world, batch, mark.child(batches)).await;
    }
}

async fn deliver(world: &World, mut batch: Vec<(String, String)>, mark: Mark) {
    for attempt in 0..ATTEMPTS_MAX {
        let records: Vec<&str> = batch.iter().map(|(_, record)| record.as_str()).collect();
        let event = format!(r#"{{"Records":[{}]}}"#, records.join(","));
        let run = world.invoke(&world.pools.fulfil, mark.child(attempt), async |fulfil, invocation| {
            fulfil.work(&event, invocation).await.ok()
        });
        match run.await.flatten() {
            Some(failures) => {
                let failed: Vec<String> =
                    failures.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
                let Some(first) = batch.iter().position(|(number, _)| failed.contains(number)) else { return };
                batch.drain(..first);
                world.detail(format!("fulfil fails on {} records", failed.len()));
            }
            None => world.detail("fulfil fails on a batch".to_owned()),
        }
        sleep(Duration::from_millis(100 << attempt)).await;
    }
    world.step(format!("the stream gives up {} records", batch.len()));
}
