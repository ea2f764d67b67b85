//! An embedded DynamoDB in place of the SDK's HTTP client.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

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
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError, ImportOptions};
use rusqlite::Connection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;

use crate::group_sync::GroupSync;
use crate::{Table, Template};

/// The APIs of the tables and of their streams.
const TARGET_PREFIXES: [&str; 2] = ["DynamoDB_20120810.", "DynamoDBStreams_20120810."];

const NOT_DURABLE: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"the disk did not confirm the write"}"#;

/// A DynamoDB store. Clones share it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) database: Arc<Database>,
    listener: Arc<OnceLock<Listener>>,
    /// The number of writes so far, of which the first are those in the file. It is held during each call, so that no call
    /// sees a write that is not counted yet.
    written: Arc<Mutex<u64>>,
    /// `None` for a store in memory.
    disk: Option<Arc<GroupSync>>,
    /// A second connection, for the stream records, opened at its first use.
    pub(crate) records: Arc<Mutex<Option<Connection>>>,
}

/// What to call after a write of one of these tables.
struct Listener {
    tables: Vec<String>,
    call: Box<dyn Fn(&str) + Send + Sync>,
}

impl Engine {
    /// A store in memory, dropped with its last clone.
    pub fn memory() -> Result<Self, EngineError> {
        Database::memory().map(|database| Self::with(database, None)).map_err(EngineError::Open)
    }

    /// A store in a file, which is created if necessary.
    pub fn open(file: &Path) -> Result<Self, EngineError> {
        let path = file.to_str().ok_or(EngineError::Path)?;
        let database = Database::new(path).map_err(EngineError::Open)?;
        // Its commits no longer sync the log each (`synchronous = NORMAL`): the group does.
        database.disable_bulk_loading().map_err(EngineError::Open)?;
        Ok(Self::with(database, Some(GroupSync::of(file))))
    }

    /// Writes everything of this store to a new file. For tests that need many stores with the same rows.
    pub fn save(&self, file: &Path) -> Result<(), EngineError> {
        let path = file.to_str().ok_or(EngineError::Path)?;
        let _turn = self.turn();
        self.database.vacuum_into(path).map_err(|error| EngineError::Call("save".to_owned(), error))
    }

    /// A store in memory, with what was saved.
    pub fn restored(file: &Path) -> Result<Self, EngineError> {
        let path = file.to_str().ok_or(EngineError::Path)?;
        let engine = Self::memory()?;
        engine.database.restore_from(path).map_err(EngineError::Open)?;
        Ok(engine)
    }

    fn with(database: Database, disk: Option<GroupSync>) -> Self {
        let (listener, records) = (Arc::default(), Arc::default());
        // The log may hold writes of a process that ended before it synced them: the first answer waits for them too.
        let written = Arc::new(Mutex::new(1));
        Self { database: Arc::new(database), listener, written, disk: disk.map(Arc::new), records }
    }

    /// Sets the function that is called with the table after each write of one of these. Only the first listener is registered.
    pub fn notify_on_write(&self, tables: Vec<String>, listener: impl Fn(&str) + Send + Sync + 'static) {
        let _ = self.listener.set(Listener { tables, call: Box::new(listener) });
    }

    /// Creates the tables of the template that do not exist yet.
    pub fn create_tables(&self, template: &Template) -> Result<(), EngineError> {
        for table in template.tables() {
            // Not by `DescribeTable`, which counts the rows of the table and of its indexes.
            let known = self.database.get_table_metadata(&table.name);
            if known.map_err(|error| EngineError::Call("CreateTable".to_owned(), error))?.is_none() {
                self.create_table(table)?;
            }
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

    /// Makes one call of the DynamoDB API without an SDK client.
    pub fn request(&self, operation: &str, body: &Value) -> Result<Value, EngineError> {
        let answer =
            self.run(operation, &body.to_string()).map_err(|error| EngineError::Call(operation.to_owned(), error))?;
        serde_json::from_str(&answer).map_err(EngineError::Answer)
    }

    /// Imports many rows of a table from a JSON array, without stream records. For tests that need a large store quickly.
    pub fn load(&self, table: &str, rows: &str) -> Result<(), EngineError> {
        let rows = serde_json::from_str(rows).map_err(EngineError::Rows)?;
        let loaded = self.database.import_items(table, rows, ImportOptions::default());
        loaded.map(drop).map_err(|error| EngineError::Call("load".to_owned(), error))
    }

    /// Deletes the rows whose TTL attribute has passed.
    pub fn sweep_expired(&self) -> Result<usize, EngineError> {
        self.database.sweep_ttl().map_err(|error| EngineError::Call("sweep".to_owned(), error))
    }

    /// Answers a request of the DynamoDB JSON protocol with a status and a body, once all writes that the answer may show are
    /// on the disk.
    pub async fn durable_answer(&self, target: Option<&str>, body: &str) -> (u16, String) {
        let answer = self.answer(target, body);
        let Some(disk) = &self.disk else { return answer };
        let written = *self.turn();
        if disk.wait(written).await { answer } else { (500, NOT_DURABLE.to_owned()) }
    }

    /// The same, before it is on the disk.
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

    /// Runs an operation. Supports those that the stack uses; any other gives an error response.
    fn run(&self, operation: &str, body: &str) -> Result<String, DynoxideError> {
        macro_rules! run {
            ($method:ident) => {{
                let request = parsed(body)?;
                let answer = {
                    let _turn = self.turn();
                    self.database.$method(request)?
                };
                text(&answer)
            }};
        }
        macro_rules! write {
            ($method:ident) => {{
                let request = parsed(body)?;
                self.write(body, || self.database.$method(request))
            }};
        }
        match operation {
            "BatchGetItem" => run!(batch_get_item),
            "CreateTable" => write!(create_table),
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
            "TransactWriteItems" => self.transact_write(body),
            "UpdateItem" => write!(update_item),
            "UpdateTable" => write!(update_table),
            "UpdateTimeToLive" => write!(update_time_to_live),
            _ => Err(DynoxideError::UnsupportedCapability(format!("{operation} is not served by the embedded store"))),
        }
    }

    /// Runs a transaction without its `ClientRequestToken`, which differs in each call of the SDK. The store would keep every
    /// token for ten minutes and walk all of them in each transaction, and nothing here repeats a call under its token.
    fn transact_write(&self, body: &str) -> Result<String, DynoxideError> {
        let mut request: TransactWriteItemsRequest = parsed(body)?;
        request.client_request_token = None;
        self.write(body, || self.database.transact_write_items(request))
    }

    fn write<T: Serialize>(
        &self,
        body: &str,
        write: impl FnOnce() -> Result<T, DynoxideError>,
    ) -> Result<String, DynoxideError> {
        let answer = {
            let mut written = self.turn();
            let answer = write()?;
            *written = written.saturating_add(1);
            answer
        };
        // A call too many, for a row that names a table, does no harm.
        if let Some(Listener { tables, call }) = self.listener.get() {
            tables.iter().filter(|table| body.contains(*table)).for_each(|table| call(table));
        }
        text(&answer)
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, u64> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A configuration that connects SDK clients to this store.
    pub fn sdk_config(&self) -> SdkConfig {
        sdk_config(SharedHttpClient::new(self.clone()))
    }
}

/// A configuration that sends all requests through `client`. No request leaves the process or needs an AWS account.
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

fn parsed<T: DeserializeOwned>(body: &str) -> Result<T, DynoxideError> {
    serde_json::from_str(body).map_err(|error| DynoxideError::ValidationException(error.to_string()))
}

fn text(answer: &impl Serialize) -> Result<String, DynoxideError> {
    serde_json::to_string(answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
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
        let engine = self.clone();
        HttpConnectorFuture::new(async move {
            let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
            let (status, answer) = engine.durable_answer(request.headers().get("x-amz-target"), &body).await;
            let failed = StatusCode::from(http::StatusCode::INTERNAL_SERVER_ERROR);
            Ok(HttpResponse::new(StatusCode::try_from(status).unwrap_or(failed), SdkBody::from(answer)))
        })
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
    #[error("the rows to import are not a JSON array of items")]
    Rows(#[source] serde_json::Error),
    #[error("the store's answer is not JSON")]
    Answer(#[source] serde_json::Error),
    #[error("{0} has no stream")]
    NoStream(String),
    #[error("the stream records could not be indexed or deleted")]
    Records(#[source] rusqlite::Error),
}
