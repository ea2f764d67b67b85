//! Who cannot be asked, though something waits for him: for want of a key, or because he does not take ours. It is said, and the key is
//! looked for again.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use edge::{Invocation, StartError, WorkError, Worker};
use fulfil::FulfilError;
use futures_util::future::BoxFuture;
use ledger::{Audit, Backlog, Timestamp};
use providers::CallError;
use thiserror::Error;

use crate::{Reconcile, Report, SOURCE};

/// A secret is mostly filled by a person, a few minutes after the stack was deployed.
const LOOK_AGAIN_SECONDS: u64 = 60;

/// Whoever is called outside, as the log names him, beside the providers of payments.
pub(crate) const OPERATOR: &str = "unitel";
pub(crate) const CUSTODIAN: &str = "fireblocks";

/// What a sandbox works with: put together at its start, and anew for as long as somebody's key is missing.
pub struct Assembled<L> {
    assemble: Assemble<L>,
    kept: Mutex<(Arc<Reconcile<L>>, Timestamp)>,
}

/// With the keys as they are stored now.
pub type Assemble<L> = Box<dyn Fn() -> BoxFuture<'static, Result<Reconcile<L>, StartError>> + Send + Sync>;

impl<L: Backlog + Audit> Assembled<L> {
    pub async fn new(assemble: Assemble<L>, now: Timestamp) -> Result<Self, StartError> {
        let first = Arc::new(assemble().await?);
        Ok(Self { assemble, kept: Mutex::new((first, now)) })
    }

    async fn current(&self, now: Timestamp) -> Arc<Reconcile<L>> {
        if self.may_look(now) {
            match (self.assemble)().await {
                Ok(anew) => self.kept.lock().unwrap_or_else(PoisonError::into_inner).0 = Arc::new(anew),
                Err(error) => tracing::error!(error = %edge::chain(&error), "the keys could not be looked for"),
            }
        }
        Arc::clone(&self.kept.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn may_look(&self, now: Timestamp) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let has_all = kept.0.missing_credentials.is_empty() && !kept.0.keys.is_incomplete;
        let may = !has_all && now.seconds_apart(kept.1) >= LOOK_AGAIN_SECONDS;
        if may {
            kept.1 = now;
        }
        may
    }
}

impl<L> fmt::Debug for Assembled<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assembled")
    }
}

impl<L: Backlog + Audit> Worker for Assembled<L> {
    const DONE_WITHIN: std::time::Duration = <Reconcile<L> as Worker>::DONE_WITHIN;
    type Report = Report;

    async fn work(&self, event: &str, invocation: &Invocation) -> Result<Report, WorkError> {
        let reconcile = self.current(invocation.now).await;
        reconcile.work(event, invocation).await
    }
}

/// Why a provider has said nothing of an order.
#[derive(Debug, Error)]
pub(crate) enum Unheard {
    #[error("there is no key to ask with")]
    NoKey,
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Unheard {
    /// Whether it is a person's to mend, and will be as it is until then.
    pub(crate) fn is_of_the_key(&self) -> bool {
        match self {
            Self::NoKey => true,
            Self::Call(error) => error.is_of_the_key(),
        }
    }
}

impl Unheard {
    /// Whether the provider would say the same of any other order: nothing was answered, or not to us.
    pub(crate) fn is_of_the_provider(&self) -> bool {
        match self {
            Self::NoKey => true,
            Self::Call(error) => error.is_of_the_provider(),
        }
    }
}

/// Who it is that does not take our key, or that we have none for.
pub(crate) fn unheard_of(error: &FulfilError) -> Option<&'static str> {
    match error {
        FulfilError::NoOperator => Some(OPERATOR),
        FulfilError::NoCustodian => Some(CUSTODIAN),
        FulfilError::Operator(error) if error.is_of_the_key() => Some(OPERATOR),
        FulfilError::Custodian(error) if error.is_of_the_key() => Some(CUSTODIAN),
        FulfilError::Operator(_)
        | FulfilError::Custodian(_)
        | FulfilError::Books(_)
        | FulfilError::NoTime
        | FulfilError::TooManyConflicts => None,
    }
}

/// Of whom it was said in this run: once is enough, however many orders wait.
#[derive(Debug, Default)]
pub(crate) struct Called(Mutex<BTreeSet<&'static str>>);

impl Called {
    pub(crate) fn nobody_can_be_asked(&self, who: &'static str) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(who) {
            edge::alarm(SOURCE, "nobody_can_be_asked", who);
        }
    }
}
