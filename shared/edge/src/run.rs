//! The Lambda runtime, with the only accesses to environment, clock, randomness and the network.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::sdk_config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use lambda_http::lambda_runtime;
use lambda_http::{Error, LambdaEvent, service_fn};
use ledger::{AttemptMark, CallContext, Deadline, Origin, Timestamp};
use serde_json::value::RawValue;

use crate::gateway::{GatewayReply, read, read_with_form};
use crate::log::chain;
use crate::stdout::write_waiting;
use crate::{Config, ConfigError, Incoming, MalformedEvent, Reply, Settings, roots};

/// The part of the invocation that is reserved for sending the reply.
const REPLY_MARGIN: Duration = Duration::from_millis(300);

/// The time limit of AWS calls other than the store's, which has its own: a caller waits while new keys are fetched.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// As the store's: one connector serves both, so that a start reads the roots once.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(600);

/// Logs why a function ended, as a line of its structured log.
pub fn ended(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(error.as_ref()), "the function does not run");
            ExitCode::FAILURE
        }
    }
}

/// A function that answers requests, as the runtime sees it.
pub trait Service: Send + Sync {
    /// The reply deadline: how long the caller waits, less a margin for the network.
    const REPLY_WITHIN: Duration;

    /// Answers a request; `Err` is an event that is none. Infallible, so that the gateway never chooses the status.
    fn answer_request(
        &self,
        request: Result<Incoming, MalformedEvent>,
        invocation: &Invocation,
    ) -> impl Future<Output = Reply> + Send;

    /// Answers a gateway event.
    fn answer(&self, event: &str, invocation: &Invocation) -> impl Future<Output = Reply> + Send {
        self.answer_request(read(event), invocation)
    }
}

/// Serves invocations for as long as the sandbox lives.
pub async fn run<S: Service>(service: S) -> Result<(), Error> {
    let service = &service;
    // On the heap: the runtime moves the future seven times before it runs, and it has 10 KB.
    let serve = |event: LambdaEvent<Box<RawValue>>| {
        Box::pin(async move {
            let invocation = Invocation::now(remaining(event.context.deadline).min(S::REPLY_WITHIN));
            let (request, form) = read_with_form(event.payload.get());
            let reply = service.answer_request(request, &invocation).await;
            write_waiting();
            Ok::<_, Error>(GatewayReply::new(form, reply))
        })
    };
    lambda_runtime::run(service_fn(serve)).await
}

/// The time, deadline and random mark of one request.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub now: Timestamp,
    pub started: Instant,
    pub deadline: Deadline,
    pub attempt: AttemptMark,
}

impl Invocation {
    /// Starts now, with a deadline after `patience`.
    #[expect(clippy::disallowed_methods, reason = "this is the edge: time enters here")]
    pub fn now(patience: Duration) -> Self {
        let started = Instant::now();
        let deadline = Deadline(started.checked_add(patience).unwrap_or(started));
        Self { now: now(), started, deadline, attempt: AttemptMark::from_random(fastrand::u64(..)) }
    }

    /// The context of a call to the ledger, without a body.
    pub fn context(&self) -> CallContext<'static> {
        CallContext {
            attempt: self.attempt.clone(),
            received_at: self.now,
            received: self.started,
            first_received_at: self.now,
            deadline: self.deadline,
            origin: Origin::Call,
            body: None,
        }
    }
}

/// Lambda passes region and credentials in the environment. The default provider chain would also link and try profile
/// files, instance metadata and STS: a megabyte of code, and time at every start.
pub(crate) fn sdk_config(config: &Config) -> Result<SdkConfig, ConfigError> {
    // AWS-LC, the other provider, spends 21 ms of CPU on entropy at the first handshake: 300 ms at 128 MB.
    let tls = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let http = tls.tls_context(roots::trusted(config.ca_bundle.as_deref())?).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build();
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(variable("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(Endpoints { allowed: config.allows_endpoint_url })
        .timeout_config(timeouts)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .http_client(Trusting(http))
        .build();
    Ok(sdk)
}

/// The client without its validation, which makes a connector for each service only to see that the roots can be read:
/// [`roots::trusted`] has seen it. To read them four times in a start was an eighth of its instructions.
#[derive(Debug)]
struct Trusting(SharedHttpClient);

impl HttpClient for Trusting {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

/// `AWS_ENDPOINT_URL_DYNAMODB`, and `AWS_ENDPOINT_URL` for every service: they direct a function to the local stack or
/// an emulator. If they are not allowed, none of them is followed, not even that of a service that [`Config`] does not
/// list.
#[derive(Debug)]
struct Endpoints {
    allowed: bool,
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let of_service = key.service_id().to_uppercase().replace(' ', "_");
        let set = |name: &str| variable(name).filter(|value| self.allowed && !value.trim().is_empty());
        set(&format!("{}_{of_service}", key.env())).or_else(|| set(key.env()))
    }
}

/// The remaining time of the invocation. The deadline is a wall-clock time; one in the past is ignored, because `cargo
/// lambda watch` sends a wrong number. Then only the reply deadline applies.
pub(crate) fn remaining(deadline_unix_ms: u64) -> Duration {
    let now_ms = u64::try_from(now().unix_ms()).unwrap_or_default();
    deadline_unix_ms.checked_sub(now_ms).map_or(Duration::MAX, Duration::from_millis).saturating_sub(REPLY_MARGIN)
}

#[expect(clippy::disallowed_methods, reason = "this is the edge: time enters here")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = i64::try_from(since.as_millis()).unwrap_or_default();
    // A clock beyond the year 9999 is wrong in any case.
    Timestamp::from_unix_ms(ms).unwrap_or(Timestamp::EPOCH)
}

#[expect(clippy::disallowed_methods, reason = "this is the edge: the environment enters here")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "this is the edge: the environment enters here")]
pub(crate) fn environment() -> Settings {
    Settings::new(std::env::vars())
}
