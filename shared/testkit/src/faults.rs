//! Fault injection between our code and the store, in place of the SDK's HTTP client: network faults, throttling,
//! transaction conflicts and killed sandboxes.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use embedded::Engine;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::loaded_store::LoadedStore;
use crate::replies::{cancelled, conflict_reason, error, no_reason, response};

/// The fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The request is lost: not applied, no reply.
    DropRequest,
    /// The reply is lost: applied, no reply.
    DropResponse,
    /// The connection cannot be made.
    Disconnect,
    /// The connection breaks after the call is applied.
    Reset,
    /// The reply arrives after this delay.
    Delay(Duration),
    /// No reply, and applied after this delay: after the caller's retry.
    ApplyLate(Duration),
    Throttle,
    /// A transaction conflict with another writer of a row.
    Conflict,
    /// A transaction with the same client token is in progress.
    InProgress,
    /// Replies 500; not applied.
    ServerError,
    /// Replies 500, although it is applied.
    ServerErrorApplied,
    /// Carried out; the reply is not valid JSON.
    Garbage,
    /// A batch read answers only the first key of each table, and names the others as unprocessed.
    Unprocessed,
    /// The sandbox dies before it sends the request.
    Kill,
    /// The sandbox dies after the call is applied, before the reply arrives.
    KillApplied,
}

impl Fault {
    /// Every fault of every call, for tests that try them all; [`Self::Unprocessed`] is one of batch reads alone.
    pub const ALL: [Self; 14] = [
        Self::DropRequest,
        Self::DropResponse,
        Self::Disconnect,
        Self::Reset,
        Self::Delay(Duration::from_millis(700)),
        Self::ApplyLate(Duration::from_millis(2_500)),
        Self::Throttle,
        Self::Conflict,
        Self::InProgress,
        Self::ServerError,
        Self::ServerErrorApplied,
        Self::Garbage,
        Self::Kill,
        Self::KillApplied,
    ];
}

/// One call of our code.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub operation: String,
    pub request: Value,
    /// The store's reply, if the call was applied at once.
    pub answer: Option<Value>,
}

/// The store behind the network.
pub(crate) enum Store {
    /// Answers at once.
    Engine(Engine),
    Loaded(LoadedStore),
}

type Plan = Box<dyn FnMut(usize, &str) -> Fault + Send>;

/// The faulty network of one sandbox.
#[derive(Clone)]
pub struct Faults(Arc<Shared>);

struct Shared {
    store: Store,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<Call>>,
    killed: Notify,
}

impl Faults {
    pub(crate) fn new(store: Store, plan: impl FnMut(usize, &str) -> Fault + Send + 'static) -> Self {
        let plan = Mutex::new(Box::new(plan) as Plan);
        Self(Arc::new(Shared { store, plan, calls: Mutex::default(), killed: Notify::new() }))
    }

    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.0.calls.lock().unwrap().clone()
    }

    /// Returns when the sandbox dies: the caller must then drop the futures that run in it.
    pub async fn killed(&self) {
        self.0.killed.notified().await;
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}

impl HttpClient for Faults {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Faults {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let number = {
            let mut calls = self.0.calls.lock().unwrap();
            calls.push(Call {
                operation: operation.clone(),
                request: serde_json::from_str(&body).unwrap(),
                answer: None,
            });
            calls.len().checked_sub(1).unwrap()
        };
        let fault = (self.0.plan.lock().unwrap())(number, &operation);
        let shared = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move { shared.play(fault, number, &target, &body).await })
    }
}

impl Shared {
    async fn play(
        self: Arc<Self>,
        fault: Fault,
        number: usize,
        target: &str,
        body: &str,
    ) -> Result<HttpResponse, ConnectorError> {
        match fault {
            Fault::None => Ok(self.apply(number, target, body).await),
            Fault::DropRequest => std::future::pending().await,
            Fault::DropResponse => {
                self.apply(number, target, body).await;
                std::future::pending().await
            }
            Fault::Disconnect => Err(broken()),
            Fault::Reset => {
                self.apply(number, target, body).await;
                Err(broken())
            }
            Fault::Delay(delay) => {
                sleep(delay).await;
                Ok(self.apply(number, target, body).await)
            }
            Fault::ApplyLate(delay) => {
                let (late, target, body) = (Arc::clone(&self), target.to_owned(), body.to_owned());
                tokio::spawn(async move {
                    sleep(delay).await;
                    late.apply(number, &target, &body).await;
                });
                std::future::pending().await
            }
            Fault::Throttle => Ok(injected(400, "ThrottlingException")),
            Fault::Conflict if target.ends_with("TransactWriteItems") => Ok(conflict(body)),
            Fault::Conflict => Ok(injected(400, "TransactionConflictException")),
            Fault::InProgress => Ok(injected(400, "TransactionInProgressException")),
            Fault::ServerError => Ok(injected(500, "InternalServerError")),
            Fault::ServerErrorApplied => {
                self.apply(number, target, body).await;
                Ok(injected(500, "InternalServerError"))
            }
            Fault::Garbage => {
                self.apply(number, target, body).await;
                Ok(response(200, "<html>".to_owned()))
            }
            Fault::Unprocessed => Ok(self.apply_in_part(number, target, body).await),
            Fault::Kill => {
                self.killed.notify_one();
                std::future::pending().await
            }
            Fault::KillApplied => {
                self.apply(number, target, body).await;
                self.killed.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn apply_in_part(&self, number: usize, target: &str, body: &str) -> HttpResponse {
        let mut request: Value = serde_json::from_str(body).unwrap();
        let left = leave_one_key(&mut request);
        let answered = self.apply(number, target, &request.to_string()).await;
        let mut answer: Value = serde_json::from_slice(answered.body().bytes().unwrap_or_default()).unwrap();
        answer.as_object_mut().unwrap().insert("UnprocessedKeys".to_owned(), left);
        response(200, answer.to_string())
    }

    async fn apply(&self, number: usize, target: &str, body: &str) -> HttpResponse {
        let mut request: Value = serde_json::from_str(body).unwrap();
        request.as_object_mut().unwrap().insert("ReturnConsumedCapacity".to_owned(), json!("INDEXES"));
        let request = request.to_string();
        let (status, answer) = match &self.store {
            Store::Engine(engine) => engine.answer(Some(target), &request),
            Store::Loaded(store) => store.answer(target, &request).await,
        };
        if let Some(call) = self.calls.lock().unwrap().get_mut(number) {
            call.answer = serde_json::from_str(&answer).ok();
        }
        response(status, answer)
    }
}

/// Leaves the first key of each table in the request, and returns the others in the same form.
fn leave_one_key(request: &mut Value) -> Value {
    let mut left = serde_json::Map::new();
    for (table, wanted) in request.get_mut("RequestItems").and_then(Value::as_object_mut).unwrap() {
        let mut others = wanted.clone();
        let keys = wanted.get_mut("Keys").and_then(Value::as_array_mut).unwrap();
        let rest = keys.split_off(keys.len().min(1));
        if !rest.is_empty() {
            others.as_object_mut().unwrap().insert("Keys".to_owned(), rest.into());
            left.insert(table.clone(), others);
        }
    }
    left.into()
}

fn broken() -> ConnectorError {
    ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

fn injected(status: u16, code: &str) -> HttpResponse {
    response(status, error(code, "injected").to_string())
}

/// DynamoDB's error for a conflict: one reason per item, here with the last item in conflict.
fn conflict(body: &str) -> HttpResponse {
    let request: Value = serde_json::from_str(body).unwrap();
    let items = request.get("TransactItems").and_then(Value::as_array).unwrap().len();
    let mut reasons = vec![no_reason(); items.checked_sub(1).unwrap()];
    reasons.push(conflict_reason());
    response(400, cancelled(&reasons).to_string())
}
