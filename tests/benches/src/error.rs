//! Reasons why the bench cannot go on.

use std::io;

use embedded::{EngineError, TemplateError};
use ledger::CommitError;
use thiserror::Error;

#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("no certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("no TLS")]
    Tls(#[from] tokio_rustls::rustls::Error),
    #[error("the store")]
    Engine(#[from] EngineError),
    #[error("the embedded engine")]
    Database(#[from] dynoxide::DynoxideError),
    #[error("the template")]
    Template(#[from] TemplateError),
    #[error("the books were not prepared")]
    Commit(#[from] CommitError),
    #[error("{0} is not JSON")]
    Json(String, #[source] serde_json::Error),
    #[error("{0}")]
    Failed(String),
}

impl Error {
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}
