//! The HTTPS client. It uses the connector that the AWS SDK links already, because a second client would add a second
//! TLS stack.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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
/// Ten times the size of any object that we read. A sandbox has 128 MB.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// The HTTPS connector and the randomness for backoff jitter. Clones share the connections.
#[derive(Clone)]
pub struct Http {
    /// Made for the first call, since it parses the system's certificates and many a process makes none.
    connector: Arc<OnceLock<SharedHttpConnector>>,
    rng: Arc<Mutex<fastrand::Rng>>,
    answer_bytes_max: usize,
}

impl Http {
    pub fn new(rng: fastrand::Rng) -> Self {
        Self::with(OnceLock::new(), rng)
    }

    /// A client over another connector; tests pass a fake network.
    pub fn over(connector: impl HttpConnector + 'static, rng: fastrand::Rng) -> Self {
        Self::with(SharedHttpConnector::new(connector).into(), rng)
    }

    fn with(connector: OnceLock<SharedHttpConnector>, rng: fastrand::Rng) -> Self {
        let (connector, rng) = (Arc::new(connector), Arc::new(Mutex::new(rng)));
        Self { connector, rng, answer_bytes_max: ANSWER_BYTES_MAX }
    }

    /// The same client with a higher limit for the size of a response.
    pub(crate) fn with_answer_limit(&self, answer_bytes_max: usize) -> Self {
        Self { answer_bytes_max, ..self.clone() }
    }

    /// Full jitter: a random pause up to `bound`, so that clients that collided once do not collide again.
    pub(crate) fn jitter(&self, bound: Duration) -> Duration {
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.lock().unwrap_or_else(PoisonError::into_inner).u64(0..=micros))
    }

    /// A unique nonce. It is no secret: nothing depends on its being unpredictable.
    pub(crate) fn nonce(&self) -> String {
        format!("{:032x}", self.rng.lock().unwrap_or_else(PoisonError::into_inner).u128(..))
    }

    /// The status and the headers of the response, whose body is read as it arrives.
    pub(crate) async fn open(&self, outgoing: &Outgoing<'_>) -> Result<Opened, SendError> {
        let request = outgoing.request().ok_or(SendError::Unsendable)?;
        let response = self.connector.get_or_init(network).call(request).await.map_err(|_| SendError::NoAnswer)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Opened { status, headers, body: ByteStream::new(response.into_body()) })
    }

    pub(crate) async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Answer, SendError> {
        let Opened { status, headers, body: mut stream } = self.open(outgoing).await?;
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

/// The connector pools connections. Only the time to connect is bounded here: `retry.rs` bounds a whole attempt, since a
/// read timeout would start over with every part of a response.
fn network() -> SharedHttpConnector {
    let connector = Connector::builder()
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
        .sleep_impl(TokioSleep::new())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    SharedHttpConnector::new(connector)
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
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        only(&self.headers, name)
    }
}

/// A response whose body has not been read.
pub(crate) struct Opened {
    pub(crate) status: u16,
    headers: Headers,
    body: ByteStream,
}

impl Opened {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        only(&self.headers, name)
    }

    pub(crate) fn into_body(self) -> ByteStream {
        self.body
    }
}

/// A header that occurs exactly once. A repeated header is ambiguous and counts as absent.
fn only<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none())
}

/// Omits the connector's own error, which may contain the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendError {
    NoAnswer,
    TooLarge,
    /// The method, the URL or a header is invalid.
    Unsendable,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}
