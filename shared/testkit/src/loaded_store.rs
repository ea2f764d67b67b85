//! A store that behaves like DynamoDB under load: the embedded engine behind DynamoDB's rules for ongoing transactions,
//! capacity and latency, in place of the SDK's HTTP client.
//!
//! Time is tokio's: with its clock paused a minute of load takes seconds. tests/README.md has the rules, each with the
//! page of AWS that states it.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]

mod capacity;
mod counts;
mod item;
mod rules;
mod single;
mod tables;
mod tokens;
mod transact;
mod write;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use embedded::{Engine, Template};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::sleep;

pub use self::counts::{LoadCounts, Units};
pub use self::rules::{Latency, Rules};

use self::capacity::{Capacity, Kind};
use self::item::Item;
use self::tables::{Partition, Table, Tables};
use self::tokens::Tokens;
use crate::instant;
use crate::replies::response;

/// The status and the body.
type Reply = (u16, Value);

/// Clones share the store.
#[derive(Clone)]
pub struct LoadedStore(Arc<Shared>);

struct Shared {
    engine: Engine,
    tables: Tables,
    rules: Rules,
    state: Mutex<State>,
}

struct State {
    rng: fastrand::Rng,
    /// The items of ongoing transactions.
    held: HashSet<String>,
    capacity: Capacity,
    tokens: Tokens,
    counts: LoadCounts,
}

impl LoadedStore {
    /// The same seed gives the same latencies.
    pub(crate) fn new(engine: Engine, template: &Template, seed: u64, rules: Rules) -> Self {
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            held: HashSet::new(),
            capacity: Capacity::new(rules),
            tokens: Tokens::default(),
            counts: LoadCounts::default(),
        };
        Self(Arc::new(Shared { engine, tables: Tables::of(template), rules, state: Mutex::new(state) }))
    }

    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// A configuration that connects SDK clients to this store.
    pub fn sdk_config(&self) -> SdkConfig {
        embedded::sdk_config(self.client())
    }

    pub fn counts(&self) -> LoadCounts {
        self.0.state().counts.clone()
    }

    /// Makes one call of the DynamoDB API without an SDK client. Returns the status and the body.
    pub async fn request(&self, operation: &str, body: &Value) -> (u16, Value) {
        let (status, answer) = self.answer(operation, &body.to_string()).await;
        (status, serde_json::from_str(&answer).unwrap())
    }

    /// Answers a call. A call that has arrived is carried out, although its caller may give up on the answer.
    pub(crate) async fn answer(&self, target: &str, body: &str) -> (u16, String) {
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let request: Value = serde_json::from_str(body).unwrap();
        self.0.state().count_call(&operation, body.len());
        let (sender, answer) = oneshot::channel();
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let (status, body) = shared.serve(&operation, request).await;
            let body = body.to_string();
            shared.state().counts.bytes_sent += u64::try_from(body.len()).unwrap();
            _ = sender.send((status, body));
        });
        match answer.await {
            Ok(answer) => answer,
            // The runtime stops, and the caller with it.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Shared {
    async fn serve(&self, operation: &str, request: Value) -> Reply {
        match operation {
            "TransactWriteItems" => self.transact_write(request).await,
            "TransactGetItems" => self.transact_get(request).await,
            "PutItem" | "UpdateItem" | "DeleteItem" => self.write_one(operation, request).await,
            "GetItem" | "BatchGetItem" | "Query" | "Scan" => self.read(operation, request).await,
            _ => {
                sleep(self.draw(self.rules.single)).await;
                self.carry_out(operation, &request)
            }
        }
    }

    fn carry_out(&self, operation: &str, request: &Value) -> Reply {
        let target = format!("DynamoDB_20120810.{operation}");
        let (status, answer) = self.engine.answer(Some(&target), &request.to_string());
        (status, serde_json::from_str(&answer).unwrap())
    }

    /// The items as they are now, in this order; a missing one is empty.
    fn images<'t>(&self, keys: impl IntoIterator<Item = (&'t Table, Item)>) -> Vec<Item> {
        let get = |(table, key): (&Table, Item)| json!({ "Get": { "TableName": table.name(), "Key": key } });
        let gets: Vec<Value> = keys.into_iter().map(get).collect();
        let (count, request) = (gets.len(), json!({ "TransactItems": gets }));
        let mut items: Vec<Item> = match self.engine.request("TransactGetItems", &request) {
            Ok(found) => {
                let found = found.get("Responses").and_then(Value::as_array).cloned().unwrap_or_default();
                let item = |found: Value| found.get("Item").and_then(Value::as_object).cloned().unwrap_or_default();
                found.into_iter().map(item).collect()
            }
            // The request is not valid either, and the engine reports why.
            Err(_) => Vec::new(),
        };
        items.resize_with(count, Item::new);
        items
    }

    fn draw(&self, latency: Latency) -> Duration {
        latency.draw(&mut self.state().rng)
    }

    fn charge(&self, partition: Partition, kind: Kind, half_units: u64) {
        let mut state = self.state();
        state.count(&partition.place, kind, half_units);
        state.capacity.charge(partition, kind, half_units, instant());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn count(&mut self, place: &str, kind: Kind, half_units: u64) {
        let units = self.counts.units.entry(place.to_owned()).or_default();
        match kind {
            Kind::Read => units.half_reads += half_units,
            Kind::Write => units.writes += half_units / 2,
        }
    }

    fn count_call(&mut self, operation: &str, bytes: usize) {
        *self.counts.calls.entry(operation.to_owned()).or_default() += 1;
        self.counts.bytes_received += u64::try_from(bytes).unwrap();
    }
}

impl fmt::Debug for LoadedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoadedStore")
    }
}

impl HttpClient for LoadedStore {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for LoadedStore {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
        let store = self.clone();
        HttpConnectorFuture::new(async move {
            let (status, body) = store.answer(&target, &body).await;
            Ok(response(status, body))
        })
    }
}
