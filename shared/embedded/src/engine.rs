//! An embedded DynamoDB that answers where the SDK's HTTP client would.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError, ImportOptions};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{Table, Template};

/// Of the tables, and of their streams.
const TARGET_PREFIXES: [&str; 2] = ["DynamoDB_20120810.", "DynamoDBStreams_20120810."];

/// One store. Clones are the same store.
#[derive(Clone)]
pub struct Engine {
    pub(crate) database: Arc<Database>,
    written: Arc<OnceLock<Listener>>,
}

type Listener = Box<dyn Fn() + Send + Sync>;

impl Engine {
    /// Gone with the last clone.
    pub fn memory() -> Result<Self, EngineError> {
        Database::memory().map(Self::of).map_err(EngineError::Open)
    }

    /// Kept in a file, which is made if it is not there.
    pub fn open(file: &Path) -> Result<Self, EngineError> {
        let path = file.to_str().ok_or(EngineError::Path)?;
        Database::new(path).map(Self::of).map_err(EngineError::Open)
    }

    fn of(database: Database) -> Self {
        Self { database: Arc::new(database), written: Arc::default() }
    }

    /// Who is told of every write once it is done: of the first who asks, nobody else is.
    pub fn tell_of_writes(&self, listener: impl Fn() + Send + Sync + 'static) {
        let _ = self.written.set(Box::new(listener));
    }

    /// Makes the template's tables that are not there yet.
    pub fn create_tables(&self, template: &Template) -> Result<(), EngineError> {
        for table in template.tables() {
            if self.request("DescribeTable", &json!({ "TableName": table.name })).is_ok() {
                continue;
            }
            self.create_table(table)?;
        }
        Ok(())
    }

    fn create_table(&self, table: &Table) -> Result<(), EngineError> {
        self.request("CreateTable", &table.definition)?;
        if let Some(attribute) = &table.expires_by {
            let request = json!({
                "TableName": table.name,
                "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
            });
            self.request("UpdateTimeToLive", &request)?;
        }
        Ok(())
    }

    /// One call of the DynamoDB API, for what is not worth an SDK client.
    pub fn request(&self, operation: &str, body: &Value) -> Result<Value, EngineError> {
        let answer =
            self.run(operation, &body.to_string()).map_err(|error| EngineError::Call(operation.to_owned(), error))?;
        serde_json::from_str(&answer).map_err(EngineError::Answer)
    }

    /// Many rows of one table at once, as a JSON array, and nothing in its stream: for whoever needs a large store soon.
    pub fn load(&self, table: &str, rows: &str) -> Result<(), EngineError> {
        let rows = serde_json::from_str(rows).map_err(EngineError::Rows)?;
        let loaded = self.database.import_items(table, rows, ImportOptions::default());
        loaded.map(drop).map_err(|error| EngineError::Call("load".to_owned(), error))
    }

    /// Drops what has outlived its TTL attribute.
    pub fn sweep_expired(&self) -> Result<usize, EngineError> {
        self.database.sweep_ttl().map_err(|error| EngineError::Call("sweep".to_owned(), error))
    }

    /// One request of the DynamoDB JSON protocol: its status and body.
    pub fn answer<'t>(&self, target: Option<&'t str>, body: &str) -> (u16, String) {
        let operation = |target: &'t str| TARGET_PREFIXES.iter().find_map(|prefix| target.strip_prefix(prefix));
        let result = match target.and_then(operation) {
            Some(operation) => self.run(operation, body),
            None => {
                return (400, r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#.to_owned());
            }
        };
        match result {
            Ok(answer) => (200, answer),
            Err(error) => (error.status_code(), error.to_json()),
        }
    }

    /// The operations that the stack uses. An unknown one is answered as DynamoDB answers it.
    fn run(&self, operation: &str, body: &str) -> Result<String, DynoxideError> {
        macro_rules! run {
            ($method:ident) => {{
                let request = serde_json::from_str(body)
                    .map_err(|error| DynoxideError::ValidationException(error.to_string()))?;
                let answer = self.database.$method(request)?;
                serde_json::to_string(&answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
            }};
        }
        macro_rules! write {
            ($method:ident) => {{
                let answer = run!($method);
                if let Some(listener) = self.written.get() {
                    listener();
                }
                answer
            }};
        }
        match operation {
            "BatchGetItem" => run!(batch_get_item),
            "CreateTable" => run!(create_table),
            "DeleteItem" => write!(delete_item),
            "DescribeStream" => run!(describe_stream),
            "DescribeTable" => run!(describe_table),
            "GetItem" => run!(get_item),
            "GetRecords" => run!(get_records),
            "GetShardIterator" => run!(get_shard_iterator),
            "ListStreams" => run!(list_streams),
            "ListTables" => run!(list_tables),
            "PutItem" => write!(put_item),
            "Query" => run!(query),
            "Scan" => run!(scan),
            "TransactGetItems" => run!(transact_get_items),
            "TransactWriteItems" => write!(transact_write_items),
            "UpdateItem" => write!(update_item),
            "UpdateTable" => run!(update_table),
            "UpdateTimeToLive" => run!(update_time_to_live),
            _ => Err(DynoxideError::UnsupportedCapability(format!("{operation} is not served by the embedded store"))),
        }
    }

    /// A configuration with which every SDK client speaks to this store.
    pub fn sdk_config(&self) -> SdkConfig {
        sdk_config(SharedHttpClient::new(self.clone()))
    }
}

/// A configuration that sends everything through `client`; nothing of it leaves the process or needs an account.
pub fn sdk_config(client: SharedHttpClient) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "local", "local", None, None, "embedded",
        )))
        .endpoint_url("http://embedded.invalid")
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .http_client(client)
        .build()
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl HttpClient for Engine {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Engine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let (status, answer) = self.answer(request.headers().get("x-amz-target"), &body);
        let status = StatusCode::try_from(status).unwrap_or(StatusCode::from(http::StatusCode::INTERNAL_SERVER_ERROR));
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer))))
    }
}

#[derive(Debug, Error)]
pub enum EngineError {
    #[error("cannot open the store")]
    Open(#[source] DynoxideError),
    #[error("the store's path is not UTF-8")]
    Path,
    #[error("the store refused {0}")]
    Call(String, #[source] DynoxideError),
    #[error("what is to be loaded is not rows")]
    Rows(#[source] serde_json::Error),
    #[error("the store's answer is not JSON")]
    Answer(#[source] serde_json::Error),
    #[error("{0} has no stream")]
    NoStream(String),
    #[error("what was read of a stream could not be dropped")]
    Prune(#[source] rusqlite::Error),
}
