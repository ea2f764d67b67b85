//! Missing or refused credentials of a provider: raises an alarm, and looks for new keys every minute.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use edge::{Invocation, StartError, WorkError, Worker};
use fulfil::FulfilError;
use futures_util::future::BoxFuture;
use ledger::{Audit, Backlog, Order, Timestamp};
use providers::CallError;
use thiserror::Error;

use crate::{Reconcile, Report, SOURCE};

/// A person fills a secret, usually a few minutes after the deployment.
const REFRESH_SECONDS: u64 = 60;

/// Log names of the providers that do not take payments.
pub(crate) const OPERATOR: &str = "unitel";
pub(crate) const CUSTODIAN: &str = "fireblocks";
pub(crate) const GATEWAY: &str = "new-api";

/// The worker of a sandbox: assembled at its start, and again while a key is missing.
pub struct Assembled<L> {
    assemble: Assemble<L>,
    kept: Mutex<(Arc<Reconcile<L>>, Timestamp)>,
}

/// Assembles the worker with the currently stored keys.
pub type Assemble<L> = Box<dyn Fn() -> BoxFuture<'static, Result<Reconcile<L>, StartError>> + Send + Sync>;

impl<L: Backlog + Audit> Assembled<L> {
    pub async fn new(assemble: Assemble<L>, now: Timestamp) -> Result<Self, StartError> {
        let first = Arc::new(assemble().await?);
        Ok(Self { assemble, kept: Mutex::new((first, now)) })
    }

    async fn current(&self, now: Timestamp) -> Arc<Reconcile<L>> {
        if self.may_refresh(now) {
            match (self.assemble)().await {
                Ok(assembled) => self.kept.lock().unwrap_or_else(PoisonError::into_inner).0 = Arc::new(assembled),
                Err(error) => tracing::error!(error = %edge::chain(&error), "the keys could not be fetched again"),
            }
        }
        Arc::clone(&self.kept.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn may_refresh(&self, now: Timestamp) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let has_all = kept.0.missing_credentials.is_empty() && !kept.0.keys.is_incomplete;
        let may = !has_all && now.seconds_apart(kept.1) >= REFRESH_SECONDS;
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

/// Reasons why a query to a provider has no result.
#[derive(Debug, Error)]
pub(crate) enum QueryError {
    #[error("the provider's key is missing: fill its secret")]
    NoKey,
    #[error(transparent)]
    Call(#[from] CallError),
}

impl QueryError {
    /// Whether a person has to replace the key.
    pub(crate) fn is_of_the_key(&self) -> bool {
        match self {
            Self::NoKey => true,
            Self::Call(error) => error.is_of_the_key(),
        }
    }
}

impl QueryError {
    /// Whether a query for any other order would fail, too: no reply, or a refused key.
    pub(crate) fn is_of_the_provider(&self) -> bool {
        match self {
            Self::NoKey => true,
            Self::Call(error) => error.is_of_the_provider(),
        }
    }
}

/// The provider whose key is missing or refused.
pub(crate) fn provider_without_key(error: &FulfilError) -> Option<&'static str> {
    match error {
        FulfilError::NoOperator => Some(OPERATOR),
        FulfilError::NoCustodian => Some(CUSTODIAN),
        FulfilError::Operator(error) if error.is_of_the_key() => Some(OPERATOR),
        FulfilError::Custodian(error) if error.is_of_the_key() => Some(CUSTODIAN),
        FulfilError::Operator(_)
        | FulfilError::Custodian(_)
        | FulfilError::Books(_)
        | FulfilError::Erased
        | FulfilError::NoTime
        | FulfilError::TooManyConflicts => None,
    }
}

/// Providers for which this run has raised the alarm: once per run, however many orders wait.
#[derive(Debug, Default)]
pub(crate) struct KeyAlarms(Mutex<BTreeSet<&'static str>>);

impl KeyAlarms {
    pub(crate) fn report_unusable_key(&self, who: &'static str) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(who) {
            edge::alarm(SOURCE, "provider_key_unusable", who);
        }
    }

    /// A query about an unpaid order that has no result.
    pub(crate) fn report_failure(&self, order: &Order, error: &QueryError, invocation: &Invocation) {
        let provider = order.terms.provider.as_str();
        tracing::warn!(%error, provider, "a query to a provider failed");
        if error.is_of_the_key() {
            self.report_unusable_key(provider);
        }
        edge::line(SOURCE, Some(order.number.as_str()), "not_answered", Some(provider), invocation);
    }
}
