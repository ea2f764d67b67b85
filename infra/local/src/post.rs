//! One signed request over the wire, and what came back.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use edge::Moment;
use http::Request;
use http_body_util::{BodyExt as _, Limited};

use crate::sources::Signed;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What API Gateway gives a function.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// A reply is a line; whatever sends more than this is not one of ours.
const REPLY_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct Post {
    connector: Connector,
    url: String,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) took: Duration,
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

    /// The error is why there is no reply, innermost cause last: it is shown, and nothing else is done with it.
    pub(crate) async fn send(&self, signed: Signed) -> Result<Reply, String> {
        let request = self.request(signed)?;
        let moment = Moment::now(REPLY_TIMEOUT);
        let response = self.connector.call(request).await.map_err(|error| causes(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), REPLY_BYTES_MAX);
        let body = body.collect().await.map_err(|error| causes(error.as_ref()))?.to_bytes();
        Ok(Reply { status, body: String::from_utf8_lossy(&body).into_owned(), took: moment.started.elapsed() })
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
