//! Counts the calls of a path: to the store with the units that DynamoDB bills, and to providers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use idempotency::DynamoLedger;
use serde_json::Value;
use testkit::{Call, Fault, Faults, NetFault, World, instant};

/// The duration of each call to the store, by the paused clock. A path's duration gives its round trips: concurrent
/// calls are one.
const LATENCY: Duration = Duration::from_millis(10);

/// What a path costs.
#[derive(Debug, Clone, Default)]
pub(super) struct Cost {
    pub(super) steps: Vec<Step>,
    pub(super) round_trips: u64,
}

/// One call of a path.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Store(Stored),
    /// A call to a provider, which costs nothing here.
    Provider(String),
}

/// One call to the store.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    operation: String,
    /// By table, or by table and index.
    units: BTreeMap<String, HalfUnits>,
    is_write: bool,
    /// A condition failed: an event that is booked already, or a row that has changed.
    is_cancelled: bool,
    /// The length of the request's body.
    bytes: u64,
}

/// Capacity in halves: an eventually consistent read costs half a unit.
pub(super) type HalfUnits = u64;

/// The sums of a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) round_trips: u64,
    pub(super) read: HalfUnits,
    pub(super) written: HalfUnits,
    pub(super) bytes: u64,
}

/// The calls of one sandbox.
#[derive(Debug)]
pub(super) struct Meter {
    faults: Faults,
    /// The calls in their order: to a provider, or `None` to the store.
    timeline: Timeline,
}

type Timeline = Arc<Mutex<Vec<Option<String>>>>;

impl Meter {
    /// A new sandbox's ledger, with the meter that counts its calls.
    pub(super) fn new(world: &World) -> (DynamoLedger, Self) {
        let timeline = Timeline::default();
        let calls = Arc::clone(&timeline);
        let (ledger, faults) = world.faulty(1, move |_, _| {
            calls.lock().unwrap_or_else(PoisonError::into_inner).push(None);
            Fault::Delay(LATENCY)
        });
        (ledger, Self { faults, timeline })
    }

    /// Counts the calls to this provider: the plan of its network, which then adds no fault.
    pub(super) fn of_provider<Own>(
        &self,
        name: &'static str,
    ) -> impl FnMut(usize, &str) -> NetFault<Own> + Send + 'static + use<Own> {
        let timeline = Arc::clone(&self.timeline);
        move |_, what| {
            // Without the query, which may have a key.
            let call = Some(format!("{name}: {}", what.split('?').next().unwrap_or_default()));
            timeline.lock().unwrap_or_else(PoisonError::into_inner).push(call);
            NetFault::None
        }
    }

    /// Runs a path. Returns its result and its cost.
    pub(super) async fn count<T>(&self, path: impl Future<Output = T>) -> (T, Cost) {
        let seen = (self.faults.calls().len(), self.timeline.lock().unwrap_or_else(PoisonError::into_inner).len());
        let began = instant();
        let result = path.await;
        let took = instant().duration_since(began);
        let mut calls = self.faults.calls().split_off(seen.0).into_iter();
        let timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner).split_off(seen.1);
        let step = |entry: Option<String>| match entry {
            Some(call) => Step::Provider(call),
            None => Step::Store(stored(&calls.next().expect("a call"))),
        };
        let steps = timeline.into_iter().map(step).collect();
        let round_trips = u64::try_from(took.as_millis() / LATENCY.as_millis()).expect("few");
        (result, Cost { steps, round_trips })
    }
}

fn stored(call: &Call) -> Stored {
    let answer = call.answer.as_ref().unwrap_or_else(|| panic!("{call:?} has no answer"));
    let is_write = ["TransactWriteItems", "UpdateItem"].contains(&call.operation.as_str());
    let bytes = u64::try_from(call.request.to_string().len()).expect("a length");
    let operation = call.operation.clone();
    let is_refused = answer["__type"].as_str().is_some_and(|error| error.ends_with("ConditionalCheckFailedException"));
    if is_refused {
        let table = call.request["TableName"].as_str().expect("a table").trim_start_matches("hookledger-local-");
        let units = BTreeMap::from([(table.to_owned(), 2)]);
        return Stored { operation, units, is_write, is_cancelled: true, bytes };
    }
    if answer["CancellationReasons"].is_array() {
        return Stored { operation, units: units_of_cancelled(call), is_write, is_cancelled: true, bytes };
    }
    let consumed = &answer["ConsumedCapacity"];
    let tables = consumed.as_array().map_or_else(|| std::slice::from_ref(consumed), Vec::as_slice);
    let mut units = BTreeMap::new();
    for table in tables {
        let name = table["TableName"].as_str().unwrap_or_else(|| panic!("{call:?} has no capacity"));
        let name = name.trim_start_matches("hookledger-local-");
        let indexes = table["GlobalSecondaryIndexes"].as_object().into_iter().flatten();
        let of_indexes = indexes.map(|(index, units)| (format!("{name}/{index}"), half_units(&units["CapacityUnits"])));
        units.extend(of_indexes.chain([(name.to_owned(), half_units(&table["Table"]["CapacityUnits"]))]));
    }
    units.retain(|_, units| *units > 0);
    Stored { operation, units, is_write, is_cancelled: false, bytes }
}

/// DynamoDB names no capacity in a cancellation. It bills what the prepared writes would have cost in the tables: no
/// more than two units for each row, since none of these rows is larger than 1 KB.
fn units_of_cancelled(call: &Call) -> BTreeMap<String, HalfUnits> {
    let mut units = BTreeMap::new();
    for item in call.request["TransactItems"].as_array().into_iter().flatten() {
        let write = item.as_object().and_then(|item| item.values().next()).expect("a write");
        let table = write["TableName"].as_str().expect("a table").trim_start_matches("hookledger-local-");
        *units.entry(table.to_owned()).or_default() += 4;
    }
    units
}

/// `1.5` as 3.
fn half_units(units: &Value) -> HalfUnits {
    let text = units.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let half = match fraction {
        "0" => 0,
        "5" => 1,
        other => panic!("{other} is no half of a unit"),
    };
    whole.parse::<u64>().map_or(0, |whole| 2 * whole + half)
}

impl Cost {
    /// This path, and then another.
    pub(super) fn and(mut self, next: Self) -> Self {
        self.steps.extend(next.steps);
        Self { steps: self.steps, round_trips: self.round_trips + next.round_trips }
    }

    pub(super) fn total(&self) -> Total {
        let mut total = Total { round_trips: self.round_trips, ..Total::default() };
        for step in &self.steps {
            if let Step::Store(Stored { units, is_write, bytes, .. }) = step {
                let of_kind = if *is_write { &mut total.written } else { &mut total.read };
                *of_kind += units.values().sum::<u64>();
                total.bytes += bytes;
            }
        }
        total
    }

    /// A line for each call, and one for the sums.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            match step {
                Step::Provider(call) => writeln!(text, "  {call}").expect("text"),
                Step::Store(Stored { operation, units, is_write, is_cancelled, bytes }) => {
                    let kind = match (is_write, is_cancelled) {
                        (false, _) => "reads",
                        (true, false) => "writes",
                        (true, true) => "is cancelled, at most",
                    };
                    let units = units.iter().map(|(name, units)| format!("{name} {}", decimal(*units)));
                    let units: Vec<_> = units.collect();
                    writeln!(text, "  {operation} {kind} {}; {bytes} bytes", units.join(", ")).expect("text");
                }
            }
        }
        writeln!(text, "{}", self.total()).expect("text");
        text
    }
}

/// `1`, `1.5`.
pub(super) fn decimal(halves: HalfUnits) -> String {
    format!("{}{}", halves / 2, if halves % 2 == 1 { ".5" } else { "" })
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { round_trips, read, written, bytes } = self;
        write!(
            f,
            "= {round_trips} round trips, {} read units, {} write units, {bytes} bytes",
            decimal(*read),
            decimal(*written)
        )
    }
}

impl Total {
    /// Reads [`Self::fmt`]'s line.
    pub(super) fn read_line(line: &str) -> Option<Self> {
        let numbers = line.strip_prefix("= ")?.split(", ").map(|part| part.split(' ').next());
        let numbers: Vec<&str> = numbers.collect::<Option<_>>()?;
        let [round_trips, read, written, bytes] = numbers.as_slice() else { return None };
        let halves = |text: &str| {
            let (whole, half) = text.strip_suffix(".5").map_or((text, 0), |whole| (whole, 1));
            whole.parse::<u64>().ok().map(|whole| 2 * whole + half)
        };
        Some(Self {
            round_trips: round_trips.parse().ok()?,
            read: halves(read)?,
            written: halves(written)?,
            bytes: bytes.parse().ok()?,
        })
    }
}
