//! Why a hold is not opened or not closed, for a person.

use ledger::{Asset, EventKey, HoldId, HoldRefusal, HoldTermsError};
use thiserror::Error as ThisError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldStep {
    Open,
    Settle,
    Release,
}

/// Nothing was written.
#[derive(Debug, ThisError)]
#[error("{}", self.sentence())]
pub(crate) struct HoldRefused {
    pub(crate) id: HoldId,
    pub(crate) usage: EventKey,
    pub(crate) step: HoldStep,
    pub(crate) cause: HoldRefusal,
}

/// Terms with which no hold is opened, and the value that is wrong.
#[derive(Debug, ThisError)]
#[error("{}", self.sentence())]
pub(crate) struct HoldTermsRefused {
    pub(crate) value: String,
    pub(crate) cause: HoldTermsError,
}

impl HoldRefused {
    fn sentence(&self) -> String {
        let Self { id, usage, step, cause } = self;
        match cause {
            HoldRefusal::InsufficientCredits => {
                format!("insufficient credits for the hold {id}: credit the account first, or hold less")
            }
            HoldRefusal::BudgetExceeded(window) => format!(
                "the hold {id} would exceed the {} limit of its key: hold less, or raise the limit with `account budget`",
                window.as_str()
            ),
            HoldRefusal::BudgetUnreadable => format!(
                "the budget of the key of the hold {id} cannot be read: set its limits with `account budget`, or repair what it has spent with `account repair OWNER --budget KEY`"
            ),
            HoldRefusal::TooManyCalls => {
                format!("the key of the hold {id} has as many open calls as it may have: wait until one ends")
            }
            HoldRefusal::Taken => format!(
                "the hold {id} exists with other terms: repeat it unchanged, or choose another --id; `hold show {id}` has them"
            ),
            HoldRefusal::Closed(state) => match (state.as_str(), step) {
                (state, HoldStep::Open) => format!("the hold {id} is {state} already: choose another --id"),
                (state, HoldStep::Settle) => {
                    format!("the hold {id} is {state}, so nothing is charged: charge its use with `account debit`")
                }
                (state, HoldStep::Release) => {
                    format!("the hold {id} is {state}, and its use is charged: give that back with `reverse {usage}`")
                }
            },
            HoldRefusal::SettledOtherwise { first } => format!(
                "the hold {id} is settled with {}, and the first cost stands: correct it with `account debit` or `reverse {usage}`",
                Asset::CREDITS.format(*first)
            ),
            HoldRefusal::UsedElsewhere => format!(
                "{usage}, the use of the hold {id}, is of another owner, or waits for its key: look at its row, and end the hold with `hold release {id}`"
            ),
            HoldRefusal::NotDue => {
                format!("the hold {id} has not expired yet: end it with `hold release {id}`")
            }
        }
    }
}

impl HoldTermsRefused {
    fn sentence(&self) -> String {
        let Self { value, cause } = self;
        match cause {
            HoldTermsError::NotCredits => format!("{value} cannot be held, only credits can: name an owner"),
            HoldTermsError::Nothing => format!("the amount {value} holds nothing: give one above 0"),
            HoldTermsError::Ttl => format!("--ttl {value} is wrong: give 1s to 24h, as 30s, 10m or 24h"),
            HoldTermsError::ChargeAboveHold => {
                format!("--charge {value} is more than is held: hold more, or charge less")
            }
        }
    }
}
