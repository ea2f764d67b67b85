//! Settings that every function has: stage, secret, log level and AWS endpoint.

use thiserror::Error;

use crate::LogLevel;

pub(crate) const LOCAL: &str = "local";

#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `STAGE`: the name of the deployment. Only `local` may keep its secrets in the environment.
    pub stage: String,
    /// `SECRET_ID`: the Secrets Manager secret with the function's keys, a JSON object of settings. Not set for a
    /// function without keys.
    pub secret_id: Option<String>,
    /// `LOG_LEVEL`: `error`, `warn`, `info`, `debug` or `trace`, for our own crates only. Empty: `info`.
    pub log_level: LogLevel,
    /// `ALLOW_ENDPOINT_URL`: `true` if `AWS_ENDPOINT_URL` may name another AWS, as functions in an emulator need it.
    /// Empty: `true` in the stage `local`, else `false`.
    pub allows_endpoint_url: bool,
    /// `AWS_CA_BUNDLE`: a file with the certificate authorities that calls to AWS trust. Empty: Amazon's roots, which are in
    /// the binary.
    pub ca_bundle: Option<String>,
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 5] = ["STAGE", "SECRET_ID", "LOG_LEVEL", "ALLOW_ENDPOINT_URL", "AWS_CA_BUNDLE"];

    /// Variables that redirect the SDK: the endpoint receives the function's requests, signatures and written data.
    pub const ENDPOINT_URLS: [&str; 3] =
        ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SECRETS_MANAGER"];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let [stage, secret_id, log_level, endpoint_setting, ca_bundle] = Self::VARIABLES;
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let stage = set(stage).ok_or(ConfigError::NoStage)?;
        let log_level = match set(log_level) {
            None => LogLevel::default(),
            Some(name) => LogLevel::named(&name).ok_or(ConfigError::LogLevel)?,
        };
        let allows_endpoint_url = match set(endpoint_setting).as_deref() {
            None | Some("false") => stage == LOCAL,
            Some("true") => true,
            Some(_) => return Err(ConfigError::AllowEndpointUrl),
        };
        match Self::ENDPOINT_URLS.into_iter().find(|name| set(name).is_some()) {
            Some(name) if !allows_endpoint_url => Err(ConfigError::EndpointUrl(name)),
            Some(_) | None => {
                let (secret_id, ca_bundle) = (set(secret_id), set(ca_bundle));
                Ok(Self { stage, secret_id, log_level, allows_endpoint_url, ca_bundle })
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("STAGE is not set")]
    NoStage,
    #[error("LOG_LEVEL must be error, warn, info, debug or trace")]
    LogLevel,
    #[error("ALLOW_ENDPOINT_URL must be true or false")]
    AllowEndpointUrl,
    #[error("{0} is set: outside the stage `local` only ALLOW_ENDPOINT_URL=true permits another AWS")]
    EndpointUrl(&'static str),
    #[error("AWS_CA_BUNDLE must name a file with certificates in PEM")]
    CaBundle,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let value =
            |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::read(value)
    }

    #[test]
    fn endpoint_url_outside_local_is_refused_unless_allowed() {
        for name in Config::ENDPOINT_URLS {
            let rows = [
                ("local", "", Ok(true)),
                ("local", "false", Ok(true)),
                ("dev", "true", Ok(true)),
                ("dev", "", Err(ConfigError::EndpointUrl(name))),
                ("prod", "false", Err(ConfigError::EndpointUrl(name))),
                ("Local", "", Err(ConfigError::EndpointUrl(name))),
                ("prod", "yes", Err(ConfigError::AllowEndpointUrl)),
            ];
            for (stage, allow, expected) in rows {
                let settings = [("STAGE", stage), ("ALLOW_ENDPOINT_URL", allow), (name, "http://127.0.0.1:9000")];
                let config = read(&settings).map(|config| config.allows_endpoint_url);
                assert_eq!(config, expected, "{name} {stage} {allow}");
            }
        }
        assert!(!read(&[("STAGE", "prod"), ("AWS_ENDPOINT_URL", " ")]).expect("no endpoint").allows_endpoint_url);
    }

    #[test]
    fn log_level_outside_five_words_is_refused() {
        let rows = [
            ("", Ok(LogLevel::Info)),
            ("error", Ok(LogLevel::Error)),
            ("warn", Ok(LogLevel::Warn)),
            ("info", Ok(LogLevel::Info)),
            ("debug", Ok(LogLevel::Debug)),
            ("trace", Ok(LogLevel::Trace)),
            ("TRACE", Err(ConfigError::LogLevel)),
            ("hyper=trace", Err(ConfigError::LogLevel)),
            ("info,hyper=trace", Err(ConfigError::LogLevel)),
        ];
        for (text, expected) in rows {
            let config = read(&[("STAGE", "prod"), ("LOG_LEVEL", text)]);
            assert_eq!(config.map(|config| config.log_level), expected, "{text}");
        }
    }
}
