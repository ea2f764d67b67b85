//! The least that a function could do: the SDK calls of one event, with the rows that ours writes, and nothing around them.
//! No signature is verified, nothing is decided, and nothing is logged. `FLOOR` names the function: `usage` or `payment`.

mod event;
mod rows;

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::sdk_config::SharedCredentialsProvider;
use event::{Payment, Usage, variable};
use lambda_http::lambda_runtime;
use lambda_http::{Error, LambdaEvent, service_fn};
use rows::{Tables, text};
use serde::{Deserialize, Serialize};

/// Of ours. One time to connect, so that one connector serves both services.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(600);

#[derive(Deserialize)]
struct Event {
    body: String,
}

#[derive(Serialize)]
struct Reply {
    #[serde(rename = "statusCode")]
    status: u16,
    body: &'static str,
}

struct Floor {
    client: Client,
    tables: Tables,
    owner: OnceLock<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sdk = sdk_config();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(CALL_TIMEOUT).build();
    let config = aws_sdk_dynamodb::config::Builder::from(&sdk)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    let floor = Floor { client: Client::from_conf(config), tables: Tables::read(), owner: OnceLock::new() };
    let secrets = aws_sdk_secretsmanager::config::Builder::from(&sdk)
        .endpoint_url(variable("AWS_ENDPOINT_URL_SECRETS_MANAGER"))
        .build();
    let secrets = aws_sdk_secretsmanager::Client::from_conf(secrets);
    let secret = secrets.get_secret_value().secret_id(variable("SECRET_ID")).send();
    let warm = floor.client.get_item().table_name(&floor.tables.accounts).key("id", text("warm")).send();
    let (secret, _) = tokio::join!(secret, warm);
    secret?.secret_string().ok_or("no secret")?;
    let is_usage = variable("FLOOR") == "usage";
    let floor = &floor;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        let body = event.payload.body;
        if is_usage {
            floor.usage(&body).await?;
        } else {
            floor.payment(&body).await?;
        }
        Ok::<_, Error>(Reply { status: 200, body: "{}" })
    }))
    .await
}

impl Floor {
    async fn usage(&self, body: &str) -> Result<(), Error> {
        let usage: Usage = serde_json::from_str(body)?;
        let owner = match self.owner.get() {
            Some(owner) => owner,
            None => self.read_owner(&usage.data.remote_key_id).await?,
        };
        let rows = rows::usage(&self.tables, &usage, owner)?;
        self.client.transact_write_items().set_transact_items(Some(rows)).send().await?;
        Ok(())
    }

    async fn read_owner(&self, key: &str) -> Result<&str, Error> {
        let id = text(format!("key#remote#{key}"));
        let read = self.client.get_item().table_name(&self.tables.accounts).key("id", id).consistent_read(true);
        let row = read.send().await?.item.ok_or("no key")?;
        let owner = row.get("owner").and_then(|owner| owner.as_s().ok()).ok_or("no owner")?;
        Ok(self.owner.get_or_init(|| owner.clone()))
    }

    /// Order and pointers in one read, then the commit.
    async fn payment(&self, body: &str) -> Result<(), Error> {
        let payment: Payment = serde_json::from_str(body)?;
        let mut keys = KeysAndAttributes::builder().consistent_read(true);
        for id in rows::read_by(&payment) {
            keys = keys.keys([("id".to_owned(), text(id))].into());
        }
        let read = self.client.batch_get_item().request_items(&self.tables.orders, keys.build()?).send().await?;
        let found = read.responses.and_then(|mut tables| tables.remove(&self.tables.orders)).unwrap_or_default();
        let order = found.into_iter().find(|row| row.contains_key("payment")).ok_or("no order")?;
        let rows = rows::payment(&self.tables, &payment, &order, body)?;
        self.client.transact_write_items().set_transact_items(Some(rows)).send().await?;
        Ok(())
    }
}

/// The features and the TLS of the functions.
fn sdk_config() -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")))
        .endpoint_url(variable("AWS_ENDPOINT_URL"))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
        .http_client(http)
        .build()
}
