//! Opens the books of a command: those of the running stack, of the data folder without a stack, or of a deployed stage on AWS.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use clap::Args;
use edge::{Keyring, Settings, Vault};
use idempotency::{DynamoLedger, Tables};
use ledger::{CallContext, CommitError, Committed, Decision, Ledger as _};
use local::{Claim, CommandMetrics, Home, Lock, STAGE, now, store, unchecked};
use signing::{SecretError, Strength};

use crate::aws_cli::AwsCli;
use crate::counted::put_metrics;
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::print;

/// The folder of the books of this machine, unless another is named.
pub(crate) const DATA_DIR: &str = ".hookledger";

/// Selects the books of a command.
#[derive(Debug, Args)]
pub(crate) struct BooksArgs {
    /// Use the books of a deployed stage, with the AWS credentials and region of the environment
    #[arg(long, global = true)]
    pub(crate) aws: bool,
    /// The deployed stage
    #[arg(long, global = true, default_value = "dev", requires = "aws")]
    stage: String,
}

impl BooksArgs {
    /// The options that name the same books, after a space: nothing for those of the default folder.
    pub(crate) fn written(&self, dir: &Path) -> String {
        let default = Path::new(DATA_DIR);
        match (self.aws, dir == default) {
            (true, _) => format!(" --aws --stage {}", self.stage),
            (false, true) => String::new(),
            (false, false) => format!(" --data {}", dir.display()),
        }
    }

    /// Creates no books: a folder without any is usually mistyped.
    pub(crate) async fn open(&self, dir: &Path) -> Result<Books, Error> {
        if self.aws { Books::on_aws(&self.stage).await } else { Books::here(dir, true).await }
    }

    /// The same, for a command that writes nothing. It does not check the store's file, which would read all of it.
    pub(crate) async fn open_to_read(&self, dir: &Path) -> Result<Books, Error> {
        if self.aws { Books::on_aws(&self.stage).await } else { Books::here(dir, false).await }
    }
}

/// Open books.
pub(crate) struct Books {
    pub(crate) ledger: DynamoLedger,
    /// How long an index may lag behind its table: zero on one machine.
    pub(crate) index_lag: Duration,
    /// Only of a deployed stage: its name, and the way to its secrets.
    deployed: Option<(SdkConfig, String)>,
    /// Only of this machine.
    home: Option<Home>,
    /// Declared last, so that it is released after the ledger closes the store.
    _lock: Option<Lock>,
}

impl Books {
    async fn here(dir: &Path, is_checked: bool) -> Result<Self, Error> {
        // A stack with books in memory has no store and is found by its `local.json`.
        if !Home::at(dir).is_used() {
            return Err(Error::NoBooks(dir.to_owned()));
        }
        let home = Home::open(dir)?;
        let (sdk, lock) = match home.claim().await? {
            Claim::Ours(_) if !home.store().exists() => return Err(Error::NoBooks(dir.to_owned())),
            Claim::Ours(lock) => {
                let engine = if is_checked { store(&home).await? } else { unchecked(&home)? };
                (engine.sdk_config(), Some(lock))
            }
            Claim::Theirs(running) => {
                let sdk = embedded::sdk_config(http_client()).into_builder();
                (sdk.endpoint_url(running.dynamodb_url).build(), None)
            }
        };
        Ok(Self { home: Some(home), ..Self::of(&sdk, STAGE, Duration::ZERO, None, lock) })
    }

    /// Uses the credentials and region of the environment.
    async fn on_aws(stage: &str) -> Result<Self, Error> {
        let sdk = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client()).load().await;
        if sdk.region().is_none() {
            return Err(Error::NoRegion);
        }
        // Fail here: without credentials the first store call fails with an error that looks like a timeout.
        let credentials = sdk.credentials_provider().ok_or(Error::NoCredentials)?;
        credentials.provide_credentials().await.map_err(|_| Error::NoCredentials)?;
        let deployed = Some((sdk.clone(), stage.to_owned()));
        Ok(Self::of(&sdk, stage, audit::INDEX_LAG_MAX, deployed, None))
    }

    fn of(
        sdk: &SdkConfig,
        stage: &str,
        index_lag: Duration,
        deployed: Option<(SdkConfig, String)>,
        lock: Option<Lock>,
    ) -> Self {
        let ledger = DynamoLedger::new(sdk, Tables::of_stage(stage), fastrand::Rng::new()).minding_pauses();
        Self { ledger, index_lag, deployed, home: None, _lock: lock }
    }

    /// Commits what a person does, and counts it in the metrics as a function counts its own commits. What is booked stays
    /// so if it cannot be counted.
    pub(crate) async fn commit(
        &self,
        decision: &Decision,
        context: &CallContext<'_>,
    ) -> Result<Committed, CommitError> {
        let committed = self.ledger.commit(decision, context).await;
        if let Some(metrics) = CommandMetrics::of(decision, &committed) {
            let counted = match (&self.deployed, &self.home) {
                (Some((sdk, stage)), _) => put_metrics(&AwsCli::in_region(sdk.region()), stage, &metrics).await,
                (None, Some(home)) => metrics.keep_in(home).map_err(|error| error.to_string()),
                (None, None) => Ok(()),
            };
            if let Err(why) = counted {
                print::error(format_args!("it is booked, and not counted in the metrics: {why}"));
            }
        }
        committed
    }

    /// The deployed stage; `None` for the books of this machine.
    pub(crate) fn stage(&self) -> Option<&str> {
        self.deployed.as_ref().map(|(_, stage)| stage.as_str())
    }

    /// All settings of a secret of the deployed stage, set or empty.
    pub(crate) async fn settings_of_stage(&self, name: &str) -> Result<BTreeMap<String, String>, ToolError> {
        #[expect(clippy::unnecessary_wraps, reason = "a reader of keys like the others")]
        fn as_they_are(settings: &Settings, _: Strength) -> Result<Settings, (&'static str, SecretError)> {
            Ok(settings.clone())
        }
        let (sdk, id) = self.secret_of_stage(name).ok_or(ToolError::NotHere)?;
        let keys = Keyring::open(Vault::of_secret(sdk, id), as_they_are, now()).await.map_err(ToolError::Secret)?;
        let keys = keys.current();
        Ok(keys.names().map(|name| (name.to_owned(), keys.setting(name).unwrap_or_default().to_owned())).collect())
    }

    /// The id of a secret of the deployed stage, and the way to it. `None` for the books of this machine.
    pub(crate) fn secret_of_stage(&self, name: &str) -> Option<(&SdkConfig, String)> {
        self.deployed.as_ref().map(|(sdk, stage)| (sdk, format!("hookledger/{stage}/{name}")))
    }
}

/// The HTTP client of the functions, so that the program has one TLS library.
fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
