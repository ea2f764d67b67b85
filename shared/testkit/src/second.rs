//! Differential test against a second DynamoDB behind a URL: every call goes to it and to the embedded engine, and both
//! replies must be equal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::body::SdkBody;
use embedded::{DATA_YAML, Engine, Template};
use idempotency::{DynamoLedger, Tables};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::Books;
use crate::books::scan;
use crate::second_net::{Exchange, Net, same};

/// A real table and its indexes take ten to thirty seconds to create.
const TRIES_MAX: u32 = 120;
const PAUSE: Duration = Duration::from_secs(1);

/// The template's tables, under unique names in the second DynamoDB, until they are dropped.
#[derive(Debug)]
pub struct SecondEngine {
    stage: String,
    template: Template,
    sdk: SdkConfig,
    exchange: Arc<Mutex<Exchange>>,
}

/// Both engines, empty.
#[derive(Debug)]
pub struct Both {
    engine: Engine,
    second: Arc<SecondEngine>,
}

impl SecondEngine {
    /// Creates the tables, with the credentials and the region of the environment.
    pub async fn open(url: &str) -> Arc<Self> {
        let stage = format!("contract-{:08x}", fastrand::u32(..));
        let template = Template::parse(DATA_YAML, &[("Stage", &stage)]).unwrap();
        let exchange = Arc::new(Mutex::new(Exchange::default()));
        let network = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let net = SharedHttpClient::new(Net::new(network, Arc::clone(&exchange)));
        let sdk = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url).http_client(net).load().await;
        let second = Self { stage, template, sdk, exchange };
        for table in second.template.tables() {
            second.request("CreateTable", &table.definition).await;
        }
        for table in second.template.tables() {
            second.active(&table.name).await;
        }
        Arc::new(second)
    }

    /// Deletes all rows of both engines.
    pub async fn emptied(self: &Arc<Self>) -> Both {
        let engine = Engine::memory().unwrap();
        engine.create_tables(&self.template).unwrap();
        self.exchange.lock().unwrap().embedded = None;
        for table in self.template.tables() {
            for row in self.rows(&table.name).await.values() {
                let key = json!({ "id": row.get("id").unwrap() });
                self.request("DeleteItem", &json!({ "TableName": table.name, "Key": key })).await;
            }
        }
        self.exchange.lock().unwrap().embedded = Some(engine.clone());
        Both { engine, second: Arc::clone(self) }
    }

    /// The number of compared replies, all of them equal.
    pub fn compared(&self) -> u64 {
        self.exchange.lock().unwrap().compared
    }

    pub async fn drop_tables(&self) {
        self.exchange.lock().unwrap().embedded = None;
        for table in self.template.tables() {
            self.request("DeleteTable", &json!({ "TableName": table.name })).await;
        }
    }

    async fn active(&self, table: &str) {
        for _ in 0..TRIES_MAX {
            let answer = self.request("DescribeTable", &json!({ "TableName": table })).await;
            let indexes = answer.pointer("/Table/GlobalSecondaryIndexes").and_then(Value::as_array);
            let mut statuses = indexes.into_iter().flatten().map(|index| index.get("IndexStatus"));
            let is_active = |status: Option<&Value>| status.and_then(Value::as_str) == Some("ACTIVE");
            if is_active(answer.pointer("/Table/TableStatus")) && statuses.all(is_active) {
                return;
            }
            sleep(PAUSE).await;
        }
        panic!("{table} is not active");
    }

    /// The rows by id, since each engine scans in an order of its own.
    async fn rows(&self, table: &str) -> BTreeMap<String, Value> {
        let answer = self.request("Scan", &json!({ "TableName": table, "ConsistentRead": true })).await;
        assert!(answer.get("LastEvaluatedKey").is_none_or(Value::is_null), "a block of the contract fills no page");
        by_id(answer.get("Items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Calls an operation and returns the raw reply. The SDK signs the request; its own result is ignored.
    async fn request(&self, operation: &str, body: &Value) -> Value {
        let (target, body) = (format!("DynamoDB_20120810.{operation}"), body.to_string());
        let any = Client::new(&self.sdk).list_tables().customize().mutate_request(move |request| {
            request.headers_mut().insert("x-amz-target", target.clone());
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body.clone());
        });
        let sent = any.send().await;
        let (status, answer) = self.exchange.lock().unwrap().last_reply.take().unwrap_or_else(|| panic!("{sent:?}"));
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }
}

impl Both {
    /// The ledger of a warm process that calls both engines.
    pub fn ledger(&self, seed: u64) -> DynamoLedger {
        let tables = Tables::of_stage(&self.second.stage);
        DynamoLedger::new(&self.second.sdk, tables, fastrand::Rng::with_seed(seed))
    }

    /// The books of both, which must be equal.
    pub async fn books(&self) -> Books {
        self.second.exchange.lock().unwrap().embedded = None;
        for table in self.second.template.tables() {
            let (here, there) = (by_id(scan(&self.engine, &table.name)), self.second.rows(&table.name).await);
            assert_eq!(here.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>(), "the rows of {}", table.name);
            for (row, other) in here.values().zip(there.values()) {
                assert!(same(row, other), "{}: {row} here, {other} there", table.name);
            }
        }
        self.second.exchange.lock().unwrap().embedded = Some(self.engine.clone());
        Books::of_stage(&self.engine, &self.second.stage)
    }
}

fn by_id(rows: Vec<Value>) -> BTreeMap<String, Value> {
    let id = |row: &Value| row.pointer("/id/S").and_then(Value::as_str).unwrap().to_owned();
    rows.into_iter().map(|row| (id(&row), row)).collect()
}
