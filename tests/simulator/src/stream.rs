//! The stream of orders: the records of either store, read in batches, and from the start when it is replayed.

use std::sync::{Arc, LazyLock, Mutex};

use embedded::{Cursor, DATA_YAML, Engine, Template};
use tokio::sync::Notify;

/// A batch, as the template declares it.
const BATCH_SIZE: usize = 10;
const RECORDS_MAX: usize = 1_000;

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
        let table = format!("hookledger-{}-orders", testkit::STAGE);
        let cursor = engine.cursor(&table, None).expect("a stream");
        let changed = Arc::<Notify>::default();
        let of_engine = Arc::clone(&changed);
        engine.notify_on_write(vec![table], move |_| of_engine.notify_one());
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

    /// Returns after the next change, or at once if one was not waited for yet.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// The next batch. The stream is busy until there is none.
    pub(crate) fn take(&self) -> Vec<(String, String)> {
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
