//! Errors of the tools for operators: `doctor`, `smoke`, `secrets`, `dlq` and what is generated.

use std::io;
use std::path::PathBuf;

use edge::KeyringError;
use local::MetricsError;
use signing::SecretError;
use thiserror::Error as ThisError;

use crate::exit::Exit;
use crate::new_secret::NewSecret;

#[derive(Debug, ThisError)]
pub(crate) enum ToolError {
    #[error("cannot write {}: name a place that you may write to", .0.display())]
    Output(PathBuf, #[source] io::Error),
    #[error("the output cannot be written: send it to a file or a pipe that takes it")]
    Stdout(#[source] io::Error),
    #[error("{}, and lost, since the output cannot be written: {}", .0.made, .0.if_lost)]
    SecretLost(NewSecret, #[source] io::Error),
    #[error("this needs the AWS CLI, as docs/deploy.md does: install it, and put `aws` on the path")]
    NoAwsCli,
    #[error("`aws {command}`: {said}")]
    AwsCli { command: String, said: String },
    #[error("this works on a deployed stage: add --aws --stage STAGE")]
    NotHere,
    #[error("the templates of this program cannot be read: build it from a commit")]
    Template,
    #[error("a secret cannot be read: check the credentials, and that the app is deployed")]
    Secret(#[source] KeyringError),
    #[error("the stack {0} has no output ApiUrl: is the app deployed? Or give --url")]
    NoApiUrl(String),
    #[error("the function would refuse {setting}: it {cause}")]
    KeyRefused { setting: &'static str, cause: SecretError },
    #[error("{0} is rotated by hand: docs/operate.md has the steps under \"Rotating a key that verifies\"")]
    NotRotated(String),
    #[error("{of} has no such setting: give one of {known} with --setting")]
    UnknownSetting { of: &'static str, known: String },
    #[error("{said}; {secret} {state}: see {row}; correct that, and run it again with another --id")]
    NotWritten { secret: &'static str, state: &'static str, row: String, said: String },
    #[error("{0} has one key: rotate it first, and change its sender")]
    OneKey(&'static str),
    #[error("there is no message {0}: `dlq list` has them")]
    NoMessage(String),
    #[error("--since {0} is too long ago: give at most 31d")]
    TooLongAgo(String),
    #[error(
        "--since and --limit are for --all: leave them out, and bound the lines of one account with --from and --to"
    )]
    OfAllAlone,
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

impl ToolError {
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Stdout(_)
            | Self::SecretLost(..)
            | Self::NoAwsCli
            | Self::AwsCli { .. }
            | Self::Template
            | Self::Secret(_)
            | Self::NoApiUrl(_)
            | Self::NotWritten { .. }
            | Self::Metrics(_) => Exit::Unavailable,
            Self::Output(..)
            | Self::NotHere
            | Self::KeyRefused { .. }
            | Self::NotRotated(_)
            | Self::UnknownSetting { .. }
            | Self::OfAllAlone
            | Self::TooLongAgo(_) => Exit::Usage,
            Self::OneKey(_) | Self::NoMessage(_) => Exit::Refused,
        }
    }
}

/// One of each, for the table of messages.
#[cfg(test)]
pub(crate) fn samples() -> Vec<ToolError> {
    vec![
        ToolError::Output("man1".into(), io::ErrorKind::PermissionDenied.into()),
        ToolError::Stdout(io::ErrorKind::StorageFull.into()),
        ToolError::SecretLost(
            NewSecret {
                made: String::from("the service key service-3f9c0a12be45 is made"),
                if_lost: String::from("`key revoke service-3f9c0a12be45 --reason R` ends it"),
            },
            io::ErrorKind::StorageFull.into(),
        ),
        ToolError::NoAwsCli,
        ToolError::AwsCli {
            command: String::from("sqs get-queue-url"),
            said: String::from("An error occurred (AccessDenied)"),
        },
        ToolError::NotHere,
        ToolError::Template,
        ToolError::Secret(KeyringError::NotAnObject),
        ToolError::NoApiUrl(String::from("hookledger-dev")),
        ToolError::KeyRefused { setting: "WEBHOOK_SECRET", cause: SecretError::Placeholder },
        ToolError::NotRotated(String::from("epay")),
        ToolError::UnknownSetting { of: "epay", known: String::from("EPAY_MD5_KEYS, EPAY_RSA_PUBLIC_KEYS") },
        ToolError::NotWritten {
            secret: "usage",
            state: "is as it was",
            row: String::from("manual#c1.1"),
            said: String::from("`aws secretsmanager put-secret-value`: (AccessDenied)"),
        },
        ToolError::OneKey("WEBHOOK_SECRET"),
        ToolError::NoMessage(String::from("m1")),
        ToolError::OfAllAlone,
        ToolError::TooLongAgo(String::from("90d")),
        ToolError::Metrics(local::LocalMetrics::open(std::path::Path::new("/")).expect_err("a folder")),
    ]
}
