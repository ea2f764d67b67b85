//! One request and its answer, over the connector that the AWS SDK links already: a second client would add a second TLS
//! stack.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Client, Error, Refusal};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Ten times the largest page of a statement.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(crate) fn network() -> SharedHttpConnector {
    let connector = Connector::builder()
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
        .sleep_impl(TokioSleep::new())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    SharedHttpConnector::new(connector)
}

/// One request, which may be sent several times.
pub(crate) struct Request<'r> {
    pub(crate) method: &'static str,
    pub(crate) path: &'r str,
    pub(crate) accept: &'static str,
    /// Of a change: its idempotency key and its body.
    pub(crate) change: Option<(&'r str, &'r str)>,
}

/// An answer that no repeat would change.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// The path of the next page.
    pub(crate) next: Option<String>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let unanswered = |why: &dyn std::fmt::Display| Error::Unanswered(why.to_string());
        let (key, body) = request.change.unzip();
        let http = self.http_request(request.method, request.path, request.accept, (body, key))?;
        let sent = self.connector.call(http).await;
        Answer::read(sent.map_err(|error| unanswered(&error))?).await
    }

    /// With a body, and an idempotency key if it is a change that may be repeated.
    pub(crate) fn http_request(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        (body, key): (Option<&str>, Option<&str>),
    ) -> Result<HttpRequest, Error> {
        let mut http = HttpRequest::new(SdkBody::from(body.unwrap_or_default()));
        let headers = [
            ("authorization", Some(self.authorization.as_str())),
            ("accept", Some(accept)),
            ("user-agent", Some("hookledger-client")),
            ("content-type", body.map(|_| "application/json")),
            ("idempotency-key", key),
        ];
        let wrong = |error: &dyn std::fmt::Display| Error::Unsendable(format!("{path}: {error}"));
        http.set_method(method).map_err(|error| wrong(&error))?;
        http.set_uri(self.address.of(path)).map_err(|error| wrong(&error))?;
        for (name, value) in headers {
            if let Some(value) = value {
                http.headers_mut().try_insert(name, value.to_owned()).map_err(|error| wrong(&error))?;
            }
        }
        Ok(http)
    }
}

impl Answer {
    async fn read(response: HttpResponse) -> Result<Self, Error> {
        let header = |name: &str| response.headers().get(name);
        let retry_after = header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let next = header("link").and_then(next_page).map(str::to_owned);
        let status = response.status().as_u16();
        let mut stream = ByteStream::new(response.into_body());
        let mut body = Vec::new();
        while let Some(part) = stream.next().await {
            body.extend_from_slice(&part.map_err(|error| Error::Unanswered(error.to_string()))?);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(Error::Unreadable(format!("it has more than {ANSWER_BYTES_MAX} bytes")));
            }
        }
        let body = String::from_utf8(body).map_err(|error| Error::Unreadable(error.to_string()))?;
        Ok(Self { status, retry_after, next, body })
    }

    pub(crate) fn parsed<A: DeserializeOwned>(&self) -> Result<A, Error> {
        serde_json::from_str(&self.body).map_err(|error| Error::Unreadable(error.to_string()))
    }

    /// The answer, unless it is an error of the API, or of what stands before it.
    pub(crate) fn accepted(self) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Body {
            error: String,
            message: String,
            #[serde(flatten)]
            details: Map<String, Value>,
        }
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        match self.parsed::<Body>() {
            Ok(Body { error: code, message, details }) => {
                Err(Error::Refused(Refusal { status: self.status, code, message, details }))
            }
            Err(_) => Err(Error::Unreadable(format!("status {}", self.status))),
        }
    }
}

/// Of the header `Link`: the path of `rel="next"`. An address on another server is not followed: it would get the key.
fn next_page(link: &str) -> Option<&str> {
    let (address, relation) = link.strip_prefix('<')?.split_once('>')?;
    let is_path = address.starts_with('/') && !address.starts_with("//");
    (is_path && relation.trim() == "; rel=\"next\"").then_some(address)
}
