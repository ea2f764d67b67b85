//! Sends one signed request over HTTP and returns the reply.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use edge::Invocation;
use http::Request;
use http_body_util::{BodyExt as _, Limited};
use local::{OUTCOME_HEADER, Signed};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// API Gateway's own timeout for a function.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// Our replies are one line each: a longer one comes from another server.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// The client of one receiver.
pub(crate) struct Post {
    connector: Connector,
    url: String,
}

/// A reply of the receiver.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The outcome header of a local stack: `refused order_unknown`.
    pub(crate) outcome: Option<String>,
    pub(crate) took: Duration,
}

/// The reason why there is no reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoReply {
    pub(crate) why: String,
    /// The request was sent, so the receiver may have handled it.
    pub(crate) is_late: bool,
}

impl Post {
    pub(crate) fn to(url: String) -> Self {
        let settings =
            HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(REPLY_TIMEOUT).build();
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .connector_settings(settings)
            .sleep_impl(TokioSleep::new())
            .build();
        Self { connector, url }
    }

    pub(crate) async fn send(&self, signed: Signed) -> Result<Reply, NoReply> {
        let request = self.request(signed).map_err(|why| NoReply { why, is_late: false })?;
        let invocation = Invocation::now(REPLY_TIMEOUT);
        let no_reply = |error: ConnectorError| NoReply { why: causes(&error), is_late: error.is_timeout() };
        let response = self.connector.call(request).await.map_err(no_reply)?;
        let status = response.status().as_u16();
        let outcome = response.headers().get(OUTCOME_HEADER).map(str::to_owned);
        let body = Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| NoReply { why: causes(error.as_ref()), is_late: true })?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Reply { status, body, outcome, took: invocation.started.elapsed() })
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
