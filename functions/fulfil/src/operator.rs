//! A telephone's top-up: claimed, called once, and written down whatever came of it.

use std::sync::{Arc, Mutex, PoisonError};

use edge::{Keyring, Moment, Settings};
use ledger::{Deadline, Fact, Heard, Ledger, Order, OrderNumber, RechargeState, TopUp};
use providers::{CallError, Http, Ready, Recharged, Unitel, UnitelConfig, UnitelKeys};
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
    pub(crate) async fn ready(&self, moment: &Moment, until: Deadline) -> Result<(Unitel, Ready), CallError> {
        let unitel = self.unitel();
        let refused = match unitel.ready(moment.now, until).await {
            Err(error @ CallError::Refused { status: 401 | 403, .. }) => error,
            answer => return answer.map(|ready| (unitel, ready)),
        };
        let Ok(Some(keys)) = self.keys.refreshed(moment.now).await else {
            return Err(refused);
        };
        let unitel = Unitel::new(self.http.clone(), self.config.clone(), Arc::clone(&keys));
        *self.unitel.lock().unwrap_or_else(PoisonError::into_inner) = unitel.clone();
        let ready = unitel.ready(moment.now, until).await?;
        Ok((unitel, ready))
    }
}

impl<L: Ledger> Fulfil<L> {
    /// The token comes before the claim, so that what is claimed has nothing before it but the call; and whoever finds it claimed does
    /// not call.
    pub(crate) async fn recharge(&self, order: &Order, top_up: &TopUp, moment: &Moment) -> Result<(), FulfilError> {
        let operator = self.operator.as_ref().ok_or(FulfilError::NoOperator)?;
        if moment.is_short_of(ONE_WITHIN.saturating_sub(FOR_THE_BOOKS)) {
            return Err(FulfilError::NoTime);
        }
        let until = moment.but_for(FOR_THE_BOOKS).deadline;
        let (unitel, ready) = operator.ready(moment, until).await.map_err(FulfilError::Operator)?;
        let Some(claim) = order.step(SOURCE, "claimed", Vec::new(), order.claim(moment.now)) else {
            return Ok(());
        };
        if self.write(&claim, moment).await? != Written::Now {
            return Ok(());
        }
        let heard = heard(unitel.recharge(&ready, top_up, order.number.as_str(), until).await);
        self.learn_recharge(&order.number, &heard, moment).await.inspect_err(|_| {
            // It is kept nowhere else: from here a person can take it.
            tracing::error!(
                state = heard.state.as_str(),
                seq = heard.seq,
                "what the operator said was not written down"
            );
            edge::alarm(SOURCE, "recharge_not_written", order.number.as_str());
        })
    }

    /// Over whatever has been written in the meantime, until the order says it.
    pub(crate) async fn learn_recharge(
        &self,
        number: &OrderNumber,
        heard: &Heard,
        moment: &Moment,
    ) -> Result<(), FulfilError> {
        for _ in 0..ROUNDS_MAX {
            let Some(order) = self.ledger.order(number, &moment.delivery()).await? else {
                return Ok(());
            };
            let mut facts = vec![("state", heard.state.as_str().into()), ("details", heard.details.as_str().into())];
            facts.extend(heard.seq.iter().map(|seq| ("seq", Fact::from(seq.as_str()))));
            let effects = order.learn_recharge(heard.clone());
            let Some(decision) = order.step(SOURCE, "recharged", facts, effects) else {
                return Ok(());
            };
            if self.write_because(&decision, Some(heard.state.as_str()), moment).await? == Written::Now {
                call_somebody(heard.state, number);
            }
        }
        Err(FulfilError::Restless)
    }
}

fn call_somebody(state: RechargeState, number: &OrderNumber) {
    match state {
        RechargeState::Unknown => edge::alarm(SOURCE, "recharge_unknown", number.as_str()),
        RechargeState::Failed => edge::alarm(SOURCE, "recharge_failed", number.as_str()),
        RechargeState::Claimed | RechargeState::Pending | RechargeState::Done => {}
    }
}

/// Whoever has claimed the call has not come back from it.
pub(crate) fn abandoned() -> Heard {
    let details = "claimed, and nothing was heard of the call".to_owned();
    Heard { state: RechargeState::Unknown, seq: None, receipt: None, details }
}

pub(crate) fn heard(recharged: Recharged) -> Heard {
    let (state, seq, receipt, details) = match recharged {
        Recharged::Done { seq, receipt } => (RechargeState::Done, seq, receipt, String::new()),
        Recharged::Failed { why } => (RechargeState::Failed, None, None, why),
        Recharged::Pending { seq } => (RechargeState::Pending, seq, None, String::new()),
        Recharged::Unknown { why } => (RechargeState::Unknown, None, None, why),
    };
    Heard { state, seq, receipt, details }
}
