//! Where the books of a command are: in the stack that runs, in the file that none has open, or on AWS.

use std::path::Path;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use clap::Args;
use idempotency::{DynamoLedger, Tables};
use local::{Claim, Home, Lock, STAGE, store};

use crate::error::Error;

/// Which books a command is about.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The books of a deployed stage, with the AWS credentials and region of the environment
    #[arg(long, global = true)]
    pub(crate) aws: bool,
    /// Which deployed stage
    #[arg(long, global = true, default_value = "dev", requires = "aws")]
    stage: String,
}

impl Which {
    /// No command makes books: a folder without any is mostly one that was mistyped.
    pub(crate) async fn open(&self, dir: &Path) -> Result<Books, Error> {
        if self.aws { Books::on_aws(&self.stage).await } else { Books::here(dir).await }
    }
}

pub(crate) struct Books {
    pub(crate) ledger: DynamoLedger,
    /// For how long an index may be behind its table: on one machine it is not.
    pub(crate) index_lag: Duration,
    /// Let go of after the ledger, and with it the store.
    _lock: Option<Lock>,
}

impl Books {
    async fn here(dir: &Path) -> Result<Self, Error> {
        // A stack that keeps its books in memory has said where it is, and has no store.
        if !Home::at(dir).is_used() {
            return Err(Error::NoBooks(dir.to_owned()));
        }
        let home = Home::open(dir)?;
        let (sdk, lock) = match home.claim().await? {
            Claim::Ours(_) if !home.store().exists() => return Err(Error::NoBooks(dir.to_owned())),
            Claim::Ours(lock) => (store(&home)?.sdk_config(), Some(lock)),
            Claim::Theirs(running) => {
                let sdk = embedded::sdk_config(http_client()).into_builder();
                (sdk.endpoint_url(running.dynamodb_url).build(), None)
            }
        };
        Ok(Self::of(&sdk, STAGE, Duration::ZERO, lock))
    }

    /// With whatever credentials and region are around.
    async fn on_aws(stage: &str) -> Result<Self, Error> {
        let sdk = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client()).load().await;
        if sdk.region().is_none() {
            return Err(Error::NoRegion);
        }
        // Without this, the first call to the store would fail in a way that looks like a time-out.
        let credentials = sdk.credentials_provider().ok_or(Error::NoCredentials)?;
        credentials.provide_credentials().await.map_err(|_| Error::NoCredentials)?;
        Ok(Self::of(&sdk, stage, reconcile::INDEX_LAG_MAX, None))
    }

    fn of(sdk: &SdkConfig, stage: &str, index_lag: Duration, lock: Option<Lock>) -> Self {
        Self { ledger: DynamoLedger::new(sdk, Tables::of_stage(stage), fastrand::Rng::new()), index_lag, _lock: lock }
    }
}

/// The only HTTP client here: as in the functions, without a second TLS library.
fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
