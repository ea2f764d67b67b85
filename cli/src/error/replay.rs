//! Why an event is not tried again, its delivery not shown, or a provider not queried.

use insight::NotReplayable;
use thiserror::Error as ThisError;

use crate::exit::Exit;

/// Nothing was made due.
#[derive(Debug, ThisError)]
pub(crate) enum ReplayRefused {
    #[error("no refused event has this name: `explain` shows what has it")]
    Nothing,
    #[error("{0} is booked already, and no event is booked twice: `explain {0}` shows it")]
    Booked(String),
    #[error("{0} contradicts the event that has its key, and a retry does not help: `explain {0}` shows both")]
    Conflict(String),
    #[error("{0} has no delivery that is still kept: have its sender send it again")]
    NoDelivery(String),
    #[error("nothing was changed: confirm at the terminal, or with --yes")]
    NotConfirmed,
    #[error("several events have this name: give one of {0}")]
    Several(String),
}

impl From<NotReplayable> for ReplayRefused {
    fn from(why: NotReplayable) -> Self {
        match why {
            NotReplayable::Nothing => Self::Nothing,
            NotReplayable::Booked(key) => Self::Booked(key),
            NotReplayable::Conflict(key) => Self::Conflict(key),
            NotReplayable::NoDelivery(key) => Self::NoDelivery(key),
        }
    }
}

/// No provider was queried.
#[derive(Debug, ThisError)]
pub(crate) enum AskRefused {
    #[error(
        "--ask queries the provider of an order, or of an id that a provider may have, and this is neither: give one of them"
    )]
    NoOrder,
}

impl AskRefused {
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::NoOrder => Exit::Refused,
        }
    }
}
