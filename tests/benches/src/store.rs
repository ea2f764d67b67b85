//! The store that the functions call: the embedded DynamoDB and their secrets, over TLS, counted, delayed and made to fail.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use embedded::{DATA_YAML, Engine, Template};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::authority::{self, SECRETS_IP, STORE_IP, Trusted};
use crate::error::Error;
use crate::upstream::UPSTREAM_KEY;
use crate::usual;

/// The stage whose tables and settings the functions have.
pub(crate) const STAGE: &str = "dev";

/// The secrets of the functions, by id.
pub(crate) const USAGE_SECRET: &str = "the-usage-secret-of-the-bench-0123456789abcdef";
pub(crate) const STRIPE_SECRET: &str = "whsec_the_secret_of_the_bench_0123456789abcdef";

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The first write of money is applied; the answer is an error that no SDK retries.
    CreditedThenError,
    /// The first write of money is applied, and the sandbox dies before the answer.
    CreditedThenKilled,
    /// The write that records the event as handled fails, and each retry of it.
    CompletionFails,
}

/// What the calls of one sandbox came to.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) operations: Vec<String>,
    pub(crate) write_units: f64,
    pub(crate) connections: u64,
    /// Within TLS: request lines, headers and bodies.
    pub(crate) bytes: u64,
}

#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) engine: Engine,
    pub(crate) template: Arc<Template>,
    pub(crate) address: SocketAddr,
    /// Of the secrets: a host of its own, as in AWS, so that a function connects to both.
    pub(crate) secrets: SocketAddr,
    pub(crate) trusted: Trusted,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    counts: Mutex<Counts>,
    bytes: Arc<AtomicU64>,
    latency: Mutex<Duration>,
    fault: Mutex<Option<Fault>>,
    killing: Notify,
}

impl Store {
    /// A store in this process, which no one else can call.
    pub(crate) fn prepare() -> Result<Self, Error> {
        let engine = Engine::memory()?;
        let template = Template::parse(DATA_YAML, &[("Stage", STAGE)])?;
        engine.create_tables(&template)?;
        usual::create_tables(&engine)?;
        Ok(Self {
            engine,
            template: Arc::new(template),
            address: SocketAddr::from((STORE_IP, 0)),
            secrets: SocketAddr::from((SECRETS_IP, 0)),
            trusted: Trusted::default(),
            shared: Arc::default(),
        })
    }

    pub(crate) async fn serve(folder: &Path) -> Result<Self, Error> {
        let (acceptor, trusted) = authority::acceptor(folder)?;
        let listener = TcpListener::bind((STORE_IP, 0)).await?;
        let address = listener.local_addr()?;
        let secrets = SocketAddr::from((SECRETS_IP, address.port()));
        let store = Self { address, secrets, trusted, ..Self::prepare()? };
        for listener in [listener, TcpListener::bind(secrets).await?] {
            tokio::spawn(store.clone().accept(listener, acceptor.clone()));
        }
        Ok(store)
    }

    async fn accept(self, listener: TcpListener, acceptor: TlsAcceptor) {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            self.counts().connections += 1;
            let (store, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let stream = Counted { stream, bytes: Arc::clone(&store.shared.bytes) };
                let service = service_fn(|request| store.handle(request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    /// The counts since the last call of this function.
    pub(crate) fn take_counts(&self) -> Counts {
        let bytes = self.shared.bytes.swap(0, Ordering::Relaxed);
        Counts { bytes, ..std::mem::take(&mut *self.counts()) }
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        *locked(&self.shared.latency) = latency;
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        *locked(&self.shared.fault) = fault;
    }

    /// Returns when a fault kills the sandbox.
    pub(crate) async fn killing(&self) {
        self.shared.killing.notified().await;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        locked(&self.shared.counts)
    }

    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).map(str::to_owned);
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let target = target.unwrap_or_default();
        let latency = *locked(&self.shared.latency);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let (status, answer) = if target.starts_with("secretsmanager.") {
            (200, secret(&String::from_utf8_lossy(&body)))
        } else {
            self.call(&target, &String::from_utf8_lossy(&body)).await
        };
        let mut response = Response::new(Full::new(Bytes::from(answer)));
        *response.status_mut() = status.try_into().unwrap_or_default();
        for (name, value) in [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amzn-requestid", "00000000-0000-4000-8000-000000000000"),
        ] {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }

    async fn call(&self, target: &str, body: &str) -> (u16, String) {
        let operation = target.rsplit('.').next().unwrap_or_default();
        let Ok(mut request) = serde_json::from_str::<Value>(body) else { return (400, "{}".to_owned()) };
        let fault = self.fault_of(operation, &request);
        if fault == Some(Fault::CompletionFails) {
            self.counts().operations.push(operation.to_owned());
            return (500, json!({ "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError" }).to_string());
        }
        let counts_capacity = request.get("ReturnConsumedCapacity").is_some();
        if let Some(request) = request.as_object_mut() {
            request.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
        }
        let (status, answer) = self.engine.answer(Some(target), &request.to_string());
        let mut answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        {
            let mut counts = self.counts();
            counts.operations.push(operation.to_owned());
            if is_write(operation) {
                counts.write_units += units(answer.get("ConsumedCapacity"));
            }
        }
        if let Some(answer) = answer.as_object_mut().filter(|_| !counts_capacity) {
            answer.remove("ConsumedCapacity");
        }
        match fault {
            Some(Fault::CreditedThenKilled) => {
                self.shared.killing.notify_one();
                std::future::pending().await
            }
            Some(Fault::CreditedThenError) => {
                (400, json!({ "__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException" }).to_string())
            }
            Some(Fault::CompletionFails) | None => (status, answer.to_string()),
        }
    }

    /// A fault after the credit happens once. A completion fails until the fault is removed.
    fn fault_of(&self, operation: &str, request: &Value) -> Option<Fault> {
        let mut planned = locked(&self.shared.fault);
        let hits = match (*planned)? {
            Fault::CreditedThenError | Fault::CreditedThenKilled => is_credit(operation, request),
            Fault::CompletionFails => is_completion(operation, request),
        };
        match *planned {
            _ if !hits => None,
            Some(Fault::CompletionFails) => *planned,
            Some(_) | None => planned.take(),
        }
    }
}

fn is_write(operation: &str) -> bool {
    ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"].contains(&operation)
}

/// A transaction credits and records at once. The usual way has a table for each.
fn is_credit(operation: &str, request: &Value) -> bool {
    operation == "TransactWriteItems" || is_write(operation) && request["TableName"] == usual::BALANCES
}

fn is_completion(operation: &str, request: &Value) -> bool {
    operation == "TransactWriteItems" || operation == "UpdateItem" && request["TableName"] == usual::IDEMPOTENCY
}

/// Of one table, or of several.
fn units(capacity: Option<&Value>) -> f64 {
    let of = |table: &Value| table["CapacityUnits"].as_f64().unwrap_or(0.0);
    match capacity {
        Some(Value::Array(tables)) => tables.iter().map(of).sum(),
        Some(table) => of(table),
        None => 0.0,
    }
}

/// `GetSecretValue` of the secret with the functions' keys.
fn secret(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    let keys = json!({
        "WEBHOOK_SECRET": USAGE_SECRET,
        "STRIPE_WEBHOOK_SECRET": STRIPE_SECRET,
        "OPENAI_API_KEY": UPSTREAM_KEY,
    });
    json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:bench-abcdef",
        "Name": request["SecretId"],
        "SecretString": keys.to_string(),
        "VersionId": "00000000-0000-4000-8000-000000000000",
    })
    .to_string()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream that counts what arrives.
struct Counted<S> {
    stream: S,
    bytes: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().len().saturating_sub(before);
        self.bytes.fetch_add(read.try_into().unwrap_or_default(), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
