//! A telephone's top-up: claimed, called once, and written down whatever came of it.

use std::sync::{Arc, Mutex, PoisonError};

use edge::{Invocation, Keyring, Settings};
use ledger::{Deadline, Fact, Ledger, Order, OrderNumber, TopUp, TopUpReport, TopUpState};
use providers::{CallError, Http, Ready, TopUpResult, Unitel, UnitelConfig, UnitelKeys};
use signing::{SecretError, Strength};

use crate::{FOR_THE_BOOKS, Fulfil, FulfilError, ONE_WITHIN, ROUNDS_MAX, SOURCE, Written};

/// The one that is known here, with what it knows us by.
#[derive(Debug)]
pub struct Operator {
    http: Http,
    config: UnitelConfig,
    keys: Keyring<UnitelKeys>,
    /// With the token that it has given.
    unitel: Mutex<Unitel>,
}

/// Its live keys.
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

    /// Whether it can say what has become of a call.
    pub(crate) fn can_be_asked(&self) -> bool {
        self.config.check_path.is_some()
    }

    /// A token; where the operator does not know us, once more as whoever we may be by now.
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
    /// The token comes before the claim, so that what is claimed has nothing before it but the call; and whoever finds it claimed does
    /// not call.
    pub(crate) async fn top_up(
        &self,
        order: &Order,
        top_up: &TopUp,
        invocation: &Invocation,
    ) -> Result<(), FulfilError> {
        let operator = self.operator.as_ref().ok_or(FulfilError::NoOperator)?;
        if invocation.is_short_of(ONE_WITHIN.saturating_sub(FOR_THE_BOOKS)) {
            return Err(FulfilError::NoTime);
        }
        let until = invocation.but_for(FOR_THE_BOOKS).deadline;
        let (unitel, ready) = operator.ready(invocation, until).await.map_err(FulfilError::Operator)?;
        let Some(claim) = order.step(SOURCE, "claimed", Vec::new(), order.claim(invocation.now)) else {
            return Ok(());
        };
        if self.write(&claim, invocation).await? != Written::Now {
            return Ok(());
        }
        let heard = heard(unitel.top_up(&ready, top_up, order.number.as_str(), until).await);
        self.apply_top_up_report(&order.number, &heard, invocation).await.inspect_err(|_| {
            // It is kept nowhere else: from here a person can take it.
            tracing::error!(
                state = heard.state.as_str(),
                seq = heard.seq,
                "what the operator said was not written down"
            );
            edge::alarm(SOURCE, "top_up_not_recorded", order.number.as_str());
        })
    }

    /// Over whatever has been written in the meantime, until the order says it.
    pub(crate) async fn apply_top_up_report(
        &self,
        number: &OrderNumber,
        heard: &TopUpReport,
        invocation: &Invocation,
    ) -> Result<(), FulfilError> {
        for _ in 0..ROUNDS_MAX {
            let Some(order) = self.ledger.order(number, &invocation.context()).await? else {
                return Ok(());
            };
            let mut facts = vec![("state", heard.state.as_str().into()), ("details", heard.details.as_str().into())];
            facts.extend(heard.seq.iter().map(|seq| ("seq", Fact::from(seq.as_str()))));
            let effects = order.apply_top_up_report(heard.clone());
            let Some(decision) = order.step(SOURCE, "top_up", facts, effects) else {
                return Ok(());
            };
            if self.write_because(&decision, Some(heard.state.as_str()), invocation).await? == Written::Now {
                call_somebody(heard.state, number);
            }
        }
        Err(FulfilError::TooManyConflicts)
    }
}

fn call_somebody(state: TopUpState, number: &OrderNumber) {
    match state {
        TopUpState::Unknown => edge::alarm(SOURCE, "top_up_unknown", number.as_str()),
        TopUpState::Failed => edge::alarm(SOURCE, "top_up_failed", number.as_str()),
        TopUpState::Claimed | TopUpState::Pending | TopUpState::Done => {}
    }
}

/// Whoever has claimed the call has not come back from it.
pub(crate) fn abandoned() -> TopUpReport {
    let details = "claimed, and nothing was heard of the call".to_owned();
    TopUpReport { state: TopUpState::Unknown, seq: None, receipt: None, details }
}

pub(crate) fn heard(top_up_result: TopUpResult) -> TopUpReport {
    let (state, seq, receipt, details) = match top_up_result {
        TopUpResult::Done { seq, receipt } => (TopUpState::Done, seq, receipt, String::new()),
        TopUpResult::Failed { why } => (TopUpState::Failed, None, None, why),
        TopUpResult::Pending { seq } => (TopUpState::Pending, seq, None, String::new()),
        TopUpResult::Unknown { why } => (TopUpState::Unknown, None, None, why),
    };
    TopUpReport { state, seq, receipt, details }
}
