//! Errors of the local stack: each names the fault, the value and the remedy.

use std::io;
use std::path::PathBuf;

use embedded::{EngineError, TemplateError};
use ledger::{AccountIdError, CallerKeyError, CommitError, KeyError};
use signing::SecretError;
use thiserror::Error as ThisError;

use crate::json::PathError;

#[derive(Debug, ThisError)]
pub enum Error {
    #[error("cannot use {} as the data folder: choose another with --data", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    #[error("cannot read or write {}: check that its folder exists and that you may write there", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{} cannot be read: delete it, and the next start writes a new one", .0.display())]
    Unreadable(PathBuf),
    #[error("{} is in use by another command: run this one again after it ends", .0.display())]
    Busy(PathBuf),
    #[error("{} is damaged ({what}): restore it from a copy, or move it away to start with an empty one", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("cannot open the store {}", .0.display())]
    Store(PathBuf, #[source] Box<EngineError>),
    #[error("cannot open the store in memory")]
    Memory(#[source] Box<EngineError>),
    #[error("cannot read the stream")]
    Stream(#[source] Box<EngineError>),
    #[error("the operating system returns no random bytes")]
    Random(#[source] getrandom::Error),
    #[error("cannot generate a key pair: run the same command again")]
    KeyPair,
    #[error("the template does not match the code")]
    Template(#[from] TemplateError),
    #[error("the template names the function {0}, which this program does not have: build it from the same commit")]
    UnknownFunction(String),
    #[error(transparent)]
    Setting(#[from] edge::ConfigError),
    #[error(transparent)]
    Start(#[from] edge::StartError),
    #[error("there is no source {0}, only: {1}")]
    UnknownSource(String, String),
    #[error("there is no sample {0}, only: {1}")]
    UnknownSample(String, String),
    #[error("{0} has no Standard Webhooks signature: leave --standard out")]
    NoScheme(&'static str),
    #[error("{0} has no batches: leave --batch out")]
    NoBatches(&'static str),
    #[error("--set")]
    Path(#[source] PathError),
    #[error("--set {path}: the sample has no such field, only {known}: correct the path, or add it with --add")]
    NoSuchField { path: String, known: String },
    #[error("{0} {1}")]
    Secret(&'static str, SecretError),
    #[error("the events of {0} name no order: leave --order out")]
    NotAboutOrders(&'static str),
    #[error("the demo's owner")]
    DemoOwner(#[from] AccountIdError),
    #[error("the demo's key")]
    DemoKey(#[from] CallerKeyError),
    #[error("the id of a demo change")]
    DemoId(#[from] KeyError),
    #[error("{}", advice(.0))]
    Commit(#[from] CommitError),
}

/// The remedy for a call that the store did not carry out.
pub fn advice(error: &CommitError) -> &'static str {
    match error {
        CommitError::Unavailable(_) => "no answer from the store: run the same command again",
        CommitError::Refused(_) => {
            "these books cannot be used: check AWS_REGION, --stage, and what the credentials allow"
        }
        CommitError::Stale => "the rows changed at the same moment: run the same command again",
        CommitError::Conflict => "the same id already names another change: choose another --id",
        CommitError::Rejected(_) => "the books refuse the change: look at it with `account show` or `order show`",
    }
}

impl Error {
    pub fn line(&self) -> String {
        line(self)
    }
}

/// An error with all its causes, on one line.
pub fn line(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut line = error.to_string();
    for cause in causes {
        let cause = cause.to_string();
        // Some errors quote their cause in their own text.
        if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
