//! Tops up a phone at the operator: an at-most-once call that is claimed first, and whose result is always recorded.

use std::sync::{Arc, Mutex, PoisonError};

use edge::{Invocation, Keyring, Settings};
use ledger::{Deadline, Fact, Ledger, Order, OrderNumber, TopUp, TopUpReport, TopUpState};
use providers::{CallError, Http, Ready, TopUpResult, Unitel, UnitelConfig, UnitelKeys};
use signing::{SecretError, Strength};

use crate::{COMMIT_WITHIN, CommitStatus, Fulfil, FulfilError, ONE_WITHIN, ROUNDS_MAX, SOURCE, WRITER};

/// The operator's client, with our login.
#[derive(Debug)]
pub struct Operator {
    http: Http,
    config: UnitelConfig,
    keys: Keyring<UnitelKeys>,
    /// The client with its current token.
    unitel: Mutex<Unitel>,
}

/// The operator's live keys.
pub fn keys(settings: &Settings, _: Strength) -> Result<UnitelKeys, (&'static str, SecretError)> {
    let [username, password] = UnitelKeys::SETTINGS;
    UnitelKeys::parse(settings.setting(username), settings.setting(password))
}

impl Operator {
    pub fn new(http: Http, config: UnitelConfig, keys: Keyring<UnitelKeys>) -> Self {
        let unitel = Mutex::new(Unitel::new(http.clone(), config.clone(), keys.current()));
        Self { http, config, keys, unitel }
    }

    fn unitel(&self) -> Unitel {
        self.unitel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the operator has an endpoint to query a call's result.
    pub(crate) fn can_be_queried(&self) -> bool {
        self.config.check_path.is_some()
    }

    /// Gets a token; after a rejected login, once more with the refreshed keys.
    pub(crate) async fn ready(&self, invocation: &Invocation, until: Deadline) -> Result<(Unitel, Ready), CallError> {
        let unitel = self.unitel();
        let refused = match unitel.ready(invocation.now, until).await {
            Err(error @ CallError::Refused { status: 401 | 403, .. }) => error,
            answer => return answer.map(|ready| (unitel, ready)),
        };
        let Ok(Some(keys)) = self.keys.refreshed(invocation.now).await else {
            return Err(refused);
        };
        let unitel = Unitel::new(self.http.clone(), self.config.clone(), Arc::clone(&keys));
        *self.unitel.lock().unwrap_or_else(PoisonError::into_inner) = unitel.clone();
        let ready = unitel.ready(invocation.now, until).await?;
        Ok((unitel, ready))
    }
}

impl<L: Ledger> Fulfil<L> {
    /// The token comes before the claim, so that only the call follows the claim. A worker that finds the claim of
    /// another does not call.
    pub(crate) async fn top_up(
        &self,
        order: &Order,
        top_up: &TopUp,
        invocation: &Invocation,
    ) -> Result<(), FulfilError> {
        let operator = self.operator.as_ref().ok_or(FulfilError::NoOperator)?;
        if invocation.is_short_of(ONE_WITHIN.saturating_sub(COMMIT_WITHIN)) {
            return Err(FulfilError::NoTime);
        }
        let until = invocation.but_for(COMMIT_WITHIN).deadline;
        let (unitel, ready) = operator.ready(invocation, until).await.map_err(FulfilError::Operator)?;
        let Some(claim) = order.step(WRITER, "claimed", Vec::new(), order.claim(invocation.now)) else {
            return Ok(());
        };
        if self.write(&claim, invocation).await? != CommitStatus::Now {
            return Ok(());
        }
        let report = report_of(unitel.top_up(&ready, top_up, order.number.as_str(), until).await);
        self.apply_top_up_report(&order.number, &report, invocation).await.inspect_err(|_| {
            // The result is stored nowhere else; this log line lets a person record it.
            tracing::error!(state = report.state.as_str(), seq = report.seq, "the operator's result was not recorded");
            edge::alarm(SOURCE, "top_up_not_recorded", order.number.as_str());
        })
    }

    /// Records the operator's report, with a retry after each concurrent commit.
    pub(crate) async fn apply_top_up_report(
        &self,
        number: &OrderNumber,
        report: &TopUpReport,
        invocation: &Invocation,
    ) -> Result<(), FulfilError> {
        for _ in 0..ROUNDS_MAX {
            let Some(order) = self.ledger.order(number, &invocation.context()).await? else {
                return Ok(());
            };
            let mut facts = vec![("state", report.state.as_str().into()), ("details", report.details.as_str().into())];
            facts.extend(report.seq.iter().map(|seq| ("seq", Fact::from(seq.as_str()))));
            let effects = order.apply_top_up_report(report.clone());
            let Some(decision) = order.step(WRITER, "top_up", facts, effects) else {
                return Ok(());
            };
            if self.write_because(&decision, Some(report.state.as_str()), invocation).await? == CommitStatus::Now {
                raise_alarm(report.state, number);
            }
        }
        Err(FulfilError::TooManyConflicts)
    }
}

fn raise_alarm(state: TopUpState, number: &OrderNumber) {
    match state {
        TopUpState::Unknown => edge::alarm(SOURCE, "top_up_unknown", number.as_str()),
        TopUpState::Failed => edge::alarm(SOURCE, "top_up_failed", number.as_str()),
        TopUpState::Claimed | TopUpState::Pending | TopUpState::Done => {}
    }
}

/// The report of a claim whose worker never returned from the call.
pub(crate) fn abandoned() -> TopUpReport {
    let details = "the operator was called, and the result is unknown".to_owned();
    TopUpReport { state: TopUpState::Unknown, seq: None, receipt: None, details }
}

pub(crate) fn report_of(top_up_result: TopUpResult) -> TopUpReport {
    let (state, seq, receipt, details) = match top_up_result {
        TopUpResult::Done { seq, receipt } => (TopUpState::Done, seq, receipt, String::new()),
        TopUpResult::Failed { why } => (TopUpState::Failed, None, None, why),
        TopUpResult::Pending { seq } => (TopUpState::Pending, seq, None, String::new()),
        TopUpResult::Unknown { why } => (TopUpState::Unknown, None, None, why),
    };
    TopUpReport { state, seq, receipt, details }
}
