//! One signed call to CloudWatch's JSON protocol. The AWS SDK's client for it would bring a second HTTP stack, a second
//! format and a license that is not allowed here, for two calls.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use ledger::Timestamp;
use serde_json::Value;

use crate::monitor::MonitorError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Some hundred series of a hundred values.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
const SERVICE: &str = "monitoring";
const TARGET: &str = "GraniteServiceVersion20100801";
const JSON: &str = "application/x-amz-json-1.0";

pub(super) struct Client {
    connector: SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    url: String,
}

impl Client {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        let connector = Connector::builder()
            .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .sleep_impl(TokioSleep::new())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        Self::over(connector, sdk)
    }

    /// Over another connector; tests pass one without a network.
    pub(super) fn over(connector: impl HttpConnector + 'static, sdk: &SdkConfig) -> Self {
        let region = sdk.region().map_or("us-east-1", |region| region.as_ref()).to_owned();
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let url = || format!("https://{SERVICE}.{region}.amazonaws.com{suffix}/");
        Self {
            connector: SharedHttpConnector::new(connector),
            credentials: sdk.credentials_provider(),
            url: sdk.endpoint_url().map_or_else(url, str::to_owned),
            region,
        }
    }

    /// What the operation answers. It changes nothing, so a page that is loaded again repeats it.
    pub(super) async fn call(&self, operation: &str, body: &Value, now: Timestamp) -> Result<Value, MonitorError> {
        let (status, body) = self.answer(operation, body.to_string(), now).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status != 200 {
            let kind = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
            return Err(format!("CloudWatch answers {status} {kind}").into());
        }
        Ok(answer)
    }

    async fn answer(&self, operation: &str, body: String, now: Timestamp) -> Result<(u16, Vec<u8>), MonitorError> {
        let request = self.signed(operation, body, now).await?;
        let response = self.connector.call(request).await?;
        let status = response.status().as_u16();
        let (mut stream, mut body) = (ByteStream::new(response.into_body()), Vec::new());
        while let Some(part) = stream.next().await {
            body.extend_from_slice(&part?);
            if body.len() > ANSWER_BYTES_MAX {
                return Err("CloudWatch answers more than a page can show".into());
            }
        }
        Ok((status, body))
    }

    async fn signed(&self, operation: &str, body: String, now: Timestamp) -> Result<HttpRequest, MonitorError> {
        let provider = self.credentials.as_ref().ok_or("there are no credentials")?;
        let identity: Identity = provider.provide_credentials().await?.into();
        let target = format!("{TARGET}.{operation}");
        let headers = [("content-type", JSON), ("x-amz-target", target.as_str())];
        let since = Duration::from_millis(u64::try_from(now.unix_ms())?);
        let time = SystemTime::UNIX_EPOCH.checked_add(since).ok_or("the time is out of range")?;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(time)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signable =
            SignableRequest::new("POST", self.url.as_str(), headers.into_iter(), SignableBody::Bytes(body.as_bytes()))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body.as_str()));
        request.set_method("POST")?;
        request.set_uri(self.url.as_str())?;
        let signature = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (name, value) in headers.chain(signature) {
            request.headers_mut().try_insert(name, value)?;
        }
        Ok(request)
    }
}
