//! HTTPS, through the connector that the AWS SDK links already: a second client would be a second TLS stack.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Ten times what any object here has. A sandbox has 128 MB.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// The way out, and the dice for the pauses between two attempts. Clones share the connections.
#[derive(Clone)]
pub struct Http {
    connector: SharedHttpConnector,
    dice: Arc<Mutex<fastrand::Rng>>,
    answer_bytes_max: usize,
}

impl Http {
    pub fn new(dice: fastrand::Rng) -> Self {
        // It keeps connections open by itself. Only the time to connect is bounded here: that of a whole attempt is in `retry.rs`,
        // since a time-out for reading would begin anew with every part of an answer.
        let connector = Connector::builder()
            .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .sleep_impl(TokioSleep::new())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        Self::over(connector, dice)
    }

    /// Over something in the network's place.
    pub fn over(connector: impl HttpConnector + 'static, dice: fastrand::Rng) -> Self {
        let (connector, dice) = (SharedHttpConnector::new(connector), Arc::new(Mutex::new(dice)));
        Self { connector, dice, answer_bytes_max: ANSWER_BYTES_MAX }
    }

    /// For what is longer than an object.
    pub(crate) fn reading(&self, answer_bytes_max: usize) -> Self {
        Self { answer_bytes_max, ..self.clone() }
    }

    /// Anything between nothing and the bound, so that those who met once do not meet again.
    pub(crate) fn pause(&self, bound: Duration) -> Duration {
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.dice.lock().unwrap_or_else(PoisonError::into_inner).u64(0..=micros))
    }

    /// A text that was not sent before: no secret, and nothing is the safer for nobody guessing it.
    pub(crate) fn nonce(&self) -> String {
        format!("{:032x}", self.dice.lock().unwrap_or_else(PoisonError::into_inner).u128(..))
    }

    pub(crate) async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Answer, SendError> {
        let request = outgoing.request().ok_or(SendError::Unsendable)?;
        let response = self.connector.call(request).await.map_err(|_| SendError::NoAnswer)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut stream = ByteStream::new(response.into_body());
        let mut body = Vec::new();
        while let Some(part) = stream.next().await {
            body.extend_from_slice(&part.map_err(|_| SendError::NoAnswer)?);
            if body.len() > self.answer_bytes_max {
                return Err(SendError::TooLarge);
            }
        }
        Ok(Answer { status, headers, body })
    }
}

/// One request, which may be sent several times.
pub(crate) struct Outgoing<'o> {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, &'o str)>,
    pub(crate) body: String,
}

impl Outgoing<'_> {
    fn request(&self) -> Option<HttpRequest> {
        let mut request = HttpRequest::new(SdkBody::from(self.body.as_str()));
        request.set_method(self.method).ok()?;
        request.set_uri(self.url.as_str()).ok()?;
        for (name, value) in &self.headers {
            request.headers_mut().try_insert(*name, (*value).to_owned()).ok()?;
        }
        Some(request)
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header that stands once. Of two it is not known which one is meant.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name);
        values.next().filter(|_| values.next().is_none())
    }
}

/// Without the connector's own error, which may name what was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendError {
    NoAnswer,
    TooLarge,
    /// What was to be sent is no request.
    Unsendable,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}
