//! Between our code and a second DynamoDB: what is asked of it is asked of the embedded one as well, and the two answers are compared.

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

/// A real index follows its table within a moment.
const LAG_TRIES_MAX: u32 = 20;
const LAG_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Who is asked the same, and must say the same.
    pub(crate) beside: Option<Engine>,
    /// Status and body of the last answer.
    pub(crate) answered: Option<(u16, Value)>,
    /// How many answers were found to be the same.
    pub(crate) compared: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Net {
    network: SharedHttpClient,
    asked: Arc<Mutex<Asked>>,
}

impl Net {
    pub(crate) fn new(network: SharedHttpClient, asked: Arc<Mutex<Asked>>) -> Self {
        Self { network, asked }
    }
}

impl HttpClient for Net {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let network = self.network.http_connector(settings, components);
        SharedHttpConnector::new(Compared { network, asked: Arc::clone(&self.asked) })
    }
}

#[derive(Debug, Clone)]
struct Compared {
    network: SharedHttpConnector,
    asked: Arc<Mutex<Asked>>,
}

impl HttpConnector for Compared {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.ask(request).await })
    }
}

impl Compared {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
        let beside = self.asked.lock().unwrap().beside.clone();
        let here = beside.map(|engine| engine.answer(Some(&target), &body));
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
                assert!(agree, "{target}\n{body}\nembedded: {here_status} {here:#}\nthe other: {status} {there:#}");
            }
            let mut asked = self.asked.lock().unwrap();
            asked.answered = Some((status, there));
            asked.compared = asked.compared.checked_add(here.is_some().into()).unwrap();
            return Ok(response);
        }
    }

    async fn network(&self, request: HttpRequest) -> Result<(HttpResponse, Value), ConnectorError> {
        let mut response = self.network.call(request).await?;
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let bytes = ByteStream::new(body).collect().await.unwrap().into_bytes();
        let said = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&bytes)));
        *response.body_mut() = SdkBody::from(bytes);
        Ok((response, said))
    }
}

/// Whether two answers say the same: the words of an error are each engine's own, and so is the order of what has none.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    told(one) == told(other)
}

/// What an answer says, in one form.
fn told(answer: &Value) -> Value {
    match answer {
        Value::Object(fields) => {
            let said = fields.iter().filter_map(|(name, value)| match (name.as_str(), value) {
                ("message" | "Message", _) | (_, Value::Null) => None,
                // With the service's name before it or without.
                ("__type", Value::String(code)) => {
                    Some((name.clone(), Value::from(code.rsplit('#').next().unwrap_or_default())))
                }
                (_, value) => Some((name.clone(), told(value))),
            });
            said.collect()
        }
        Value::Array(values) => values.iter().map(told).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => answer.clone(),
    }
}
