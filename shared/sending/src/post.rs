//! Sends one signed request over HTTP and returns the reply, over the connector that the AWS SDK links already.

use std::fmt;
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use http::Request;
use http_body_util::{BodyExt as _, Limited};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A reply to a webhook is one line: a longer one comes from another server.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// A webhook as it is sent, with its signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    pub method: &'static str,
    /// Still encoded; empty if there is none.
    pub query: String,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

impl Signed {
    pub fn post(body: String, headers: Vec<(&'static str, String)>) -> Self {
        Self { method: "POST", query: String::new(), body, headers }
    }

    pub fn get(query: String) -> Self {
        Self { method: "GET", query, body: String::new(), headers: Vec::new() }
    }
}

/// Prints the method alone: a body or header may hold a secret.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The client of one receiver. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Post {
    connector: SharedHttpConnector,
    url: String,
}

/// A reply of the receiver.
pub struct Reply {
    pub status: u16,
    pub body: String,
    headers: Headers,
}

/// The status alone: another server's body is anything.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

/// The reason why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoReply {
    pub why: String,
    /// The request was sent, so the receiver may have handled it.
    pub is_late: bool,
}

impl Post {
    /// A reply is waited for as long as this.
    pub fn to(url: String, reply_within: Duration) -> Self {
        let settings =
            HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(reply_within).build();
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .connector_settings(settings)
            .sleep_impl(TokioSleep::new())
            .build();
        Self::over(connector, url)
    }

    /// A client over another connector; tests pass one without a network.
    pub fn over(connector: impl HttpConnector + 'static, url: String) -> Self {
        Self { connector: SharedHttpConnector::new(connector), url }
    }

    pub async fn send(&self, signed: Signed) -> Result<Reply, NoReply> {
        let request = self.request(signed).map_err(|why| NoReply { why, is_late: false })?;
        let no_reply = |error: ConnectorError| NoReply { why: causes(&error), is_late: error.is_timeout() };
        let response = self.connector.call(request).await.map_err(no_reply)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| NoReply { why: causes(error.as_ref()), is_late: true })?.to_bytes();
        Ok(Reply { status, body: String::from_utf8_lossy(&body).into_owned(), headers })
    }

    fn request(&self, signed: Signed) -> Result<HttpRequest, String> {
        let url = if signed.query.is_empty() { self.url.clone() } else { format!("{}?{}", self.url, signed.query) };
        let mut request = Request::builder().method(signed.method).uri(url).header("user-agent", "hookledger");
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        let request = request.body(SdkBody::from(signed.body)).map_err(|error| causes(&error))?;
        HttpRequest::try_from(request).map_err(|error| causes(&error))
    }
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}
