//! The settings and secrets that a function is assembled from.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use thiserror::Error;

use crate::config::LOCAL;
use crate::run::{environment, now, sdk_config, variable};
use crate::secrets::MakeKeys;
use crate::stdout::log_to_stdout;
use crate::{Config, ConfigError, Keyring, KeyringError, Settings, Vault, log};

/// `SECRET_ID`: the function's own secret.
pub const OWN_SECRET: &str = "SECRET_ID";

/// Maps a setting's name to its value. One boxed type for all readers, so that each reader is compiled once.
pub type Variables<'s> = Box<dyn Fn(&str) -> Option<String> + 's>;

/// The argument of every function's `assemble`, so that the same code assembles it in Lambda and in the local stack.
#[derive(Debug, Clone)]
pub struct Start {
    pub sdk: SdkConfig,
    pub config: Config,
    /// `None`: settings are environment variables, and secrets are in Secrets Manager.
    machine: Option<Machine>,
}

/// Settings and secrets of one function in the local stack.
#[derive(Debug, Clone)]
struct Machine {
    settings: Settings,
    /// The key is the variable that holds the secret's id in a deployment.
    secrets: BTreeMap<String, Settings>,
}

impl Start {
    /// Initializes logging first, so that every later error is logged.
    pub fn new() -> Result<Self, ConfigError> {
        let config = Config::read(variable);
        let level = config.as_ref().map(|config| config.log_level).unwrap_or_default();
        log_to_stdout(level, &variable("STAGE").unwrap_or_default());
        log::panics_without_message();
        let config = config?;
        Ok(Self::of_environment(sdk_config(&config)?, config))
    }

    /// With the settings of the environment.
    pub fn of_environment(sdk: SdkConfig, config: Config) -> Self {
        Self { sdk, config, machine: None }
    }

    /// With these settings only. `secrets` maps the variable that names a secret to the secret's content: a function
    /// that opens another secret fails here as it does in AWS.
    pub fn on_machine(
        sdk: SdkConfig,
        settings: Settings,
        secrets: BTreeMap<String, Settings>,
    ) -> Result<Self, ConfigError> {
        let config = Config::read(|name| settings.setting(name).map(str::to_owned))?;
        Ok(Self { sdk, config, machine: Some(Machine { settings, secrets }) })
    }

    /// A setting of the function.
    pub fn variable(&self, name: &str) -> Option<String> {
        match &self.machine {
            Some(machine) => machine.settings.setting(name).map(str::to_owned),
            None => variable(name),
        }
    }

    /// Reads settings with a reader that has their names.
    pub fn read<'s, T, E: StdError + Send + Sync + 'static>(
        &'s self,
        read: impl FnOnce(Variables<'s>) -> Result<T, E>,
    ) -> Result<T, StartError> {
        read(Box::new(|name| self.variable(name))).map_err(StartError::setting)
    }

    /// The keys in the function's own secret.
    pub async fn keys<K>(&self, make: MakeKeys<K>) -> Result<Keyring<K>, KeyringError> {
        self.keys_of(&[OWN_SECRET], make).await
    }

    /// The keys in the secrets whose ids these variables hold. They are fetched at once: a function that cannot verify
    /// does not start.
    pub async fn keys_of<K>(&self, secrets: &[&str], make: MakeKeys<K>) -> Result<Keyring<K>, KeyringError> {
        Keyring::open(self.vault(secrets)?, make, now()).await
    }

    /// The place of these secrets in this deployment; several are merged into one set of settings.
    pub fn vault(&self, secrets: &[&str]) -> Result<Vault, KeyringError> {
        if let Some(machine) = &self.machine {
            let mut settings = Settings::default();
            for secret in secrets {
                settings.extend(machine.secrets.get(*secret).cloned().ok_or(KeyringError::NoSecret)?);
            }
            return Ok(Vault::Here(settings));
        }
        let id = |secret: &&str| {
            let id = if *secret == OWN_SECRET { self.config.secret_id.clone() } else { variable(secret) };
            id.filter(|id| !id.trim().is_empty())
        };
        match secrets.iter().map(id).collect() {
            Some(ids) => Ok(Vault::SecretsManager { client: Client::new(&self.sdk), ids }),
            None if self.config.stage == LOCAL => Ok(Vault::Here(environment())),
            None => Err(KeyringError::NoSecret),
        }
    }
}

/// Reasons why a function does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Keys(#[from] KeyringError),
    #[error(transparent)]
    Setting(Box<dyn StdError + Send + Sync>),
}

impl StartError {
    pub fn setting(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Setting(Box::new(error))
    }
}
