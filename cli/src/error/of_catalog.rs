//! Why a catalog is not valid, or prices no use.

use catalog::{CatalogError, CountsError};
use ledger::{AmountError, Timestamp};
use thiserror::Error as ThisError;

use crate::exit::Exit;

#[derive(Debug, ThisError)]
pub(crate) enum CatalogRefused {
    #[error("the catalog is not valid: {0}")]
    Invalid(CatalogError),
    #[error("the rate card has no price for this use of {model} at {at}: add a row to rate_card in infra/catalog.json")]
    NoPrice { model: String, at: Timestamp },
    #[error("the counts make no sense: {0}")]
    Counts(CountsError),
    #[error("--seconds {text} {cause}: give a number such as 12.5")]
    Seconds { text: String, cause: AmountError },
}

impl CatalogRefused {
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::NoPrice { .. } => Exit::Refused,
            Self::Invalid(_) | Self::Counts(_) | Self::Seconds { .. } => Exit::Usage,
        }
    }
}
