//! HTTP client between our code and a second DynamoDB: it sends each call to the embedded engine, too, and compares the
//! replies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use embedded::Engine;
use serde_json::Value;
use tokio::time::sleep;

/// A real index lags behind its table (eventual consistency).
const LAG_TRIES_MAX: u32 = 20;
const LAG_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// The embedded engine, if it gets the same calls; its replies must be equal.
    pub(crate) embedded: Option<Engine>,
    /// Status and body of the last reply.
    pub(crate) last_reply: Option<(u16, Value)>,
    /// The number of replies that were equal.
    pub(crate) compared: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Net {
    network: SharedHttpClient,
    exchange: Arc<Mutex<Exchange>>,
}

impl Net {
    pub(crate) fn new(network: SharedHttpClient, exchange: Arc<Mutex<Exchange>>) -> Self {
        Self { network, exchange }
    }
}

impl HttpClient for Net {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let network = self.network.http_connector(settings, components);
        SharedHttpConnector::new(Compared { network, exchange: Arc::clone(&self.exchange) })
    }
}

#[derive(Debug, Clone)]
struct Compared {
    network: SharedHttpConnector,
    exchange: Arc<Mutex<Exchange>>,
}

impl HttpConnector for Compared {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.call_both(request).await })
    }
}

impl Compared {
    async fn call_both(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
        let embedded = self.exchange.lock().unwrap().embedded.clone();
        let here = embedded.map(|engine| engine.answer(Some(&target), &body));
        let mut tries: u32 = 0;
        loop {
            let (response, there) = self.network(request.try_clone().unwrap()).await?;
            let status = response.status().as_u16();
            if let Some((here_status, here)) = &here {
                let here: Value = serde_json::from_str(here).unwrap();
                let agree = *here_status == status && same(&here, &there);
                if !agree && target.ends_with(".Query") && tries < LAG_TRIES_MAX {
                    tries = tries.checked_add(1).unwrap();
                    sleep(LAG_PAUSE).await;
                    continue;
                }
                assert!(agree, "{target}\n{body}\nembedded: {here_status} {here:#}\nsecond: {status} {there:#}");
            }
            let mut exchange = self.exchange.lock().unwrap();
            exchange.last_reply = Some((status, there));
            exchange.compared = exchange.compared.checked_add(here.is_some().into()).unwrap();
            return Ok(response);
        }
    }

    async fn network(&self, request: HttpRequest) -> Result<(HttpResponse, Value), ConnectorError> {
        let mut response = self.network.call(request).await?;
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let bytes = ByteStream::new(body).collect().await.unwrap().into_bytes();
        let reply = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&bytes)));
        *response.body_mut() = SdkBody::from(bytes);
        Ok((response, reply))
    }
}

/// Whether two replies are equal, apart from error messages, which each engine words itself.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    normalized(one) == normalized(other)
}

/// A reply without error messages, null fields and the prefixes of error codes.
fn normalized(answer: &Value) -> Value {
    match answer {
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(name, value)| match (name.as_str(), value) {
                ("message" | "Message", _) | (_, Value::Null) => None,
                // The service's name may precede the code.
                ("__type", Value::String(code)) => {
                    Some((name.clone(), Value::from(code.rsplit('#').next().unwrap_or_default())))
                }
                (_, value) => Some((name.clone(), normalized(value))),
            });
            kept.collect()
        }
        Value::Array(values) => values.iter().map(normalized).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => answer.clone(),
    }
}
