//! Unitel: airtime, data packages and bills. Its interface is not published; what is read here is what its clients are known to get.

mod answer;
mod config;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ledger::{Deadline, Timestamp, TopUp, TopUpKind};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use crate::CallError;
use crate::http::{Answer, Http, Outgoing, SendError};
use crate::operator::TopUpResult;
use crate::retry::until_answered;

pub use config::{UnitelConfig, UnitelConfigError, UnitelKeys};

/// The operator does not say for how long a token is good. Two minutes have been seen.
const TOKEN_SECONDS_MAX: u64 = 90;
/// As long as the operator's own clients wait. An answer that is cut off costs a person's time.
const RECHARGE_TIMEOUT: Duration = Duration::from_secs(30);
const UNAUTHORIZED: u16 = 401;

/// Clones share the token.
#[derive(Clone)]
pub struct Unitel {
    http: Http,
    config: UnitelConfig,
    keys: Arc<UnitelKeys>,
    kept: Arc<Mutex<Option<Ready>>>,
}

/// A token in hand.
#[derive(Clone)]
pub struct Ready {
    token: Arc<Zeroizing<String>>,
    since: Timestamp,
}

impl Unitel {
    pub fn new(http: Http, config: UnitelConfig, keys: Arc<UnitelKeys>) -> Self {
        Self { http, config, keys, kept: Arc::default() }
    }

    /// What the call needs. Nothing is given by it, so that it may fail and be asked for again.
    pub async fn ready(&self, now: Timestamp, deadline: Deadline) -> Result<Ready, CallError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept.filter(|kept| now.seconds_apart(kept.since) < TOKEN_SECONDS_MAX) {
            Some(kept) => Ok(kept),
            None => self.authenticate(now, deadline).await,
        }
    }

    /// The one call. Only where it was turned away at the door, with a token that had ended, is it made with another.
    pub async fn top_up(&self, ready: &Ready, top_up: &TopUp, journal_id: &str, deadline: Deadline) -> TopUpResult {
        let (path, body) = self.asked(top_up, journal_id);
        if let Some(top_up_result) = self.once(ready, path, &body, deadline).await {
            return top_up_result;
        }
        let top_up_result = match self.authenticate(ready.since, deadline).await {
            Ok(ready) => self.once(&ready, path, &body, deadline).await,
            Err(_) => None,
        };
        top_up_result.unwrap_or_else(|| TopUpResult::unknown("not authorized"))
    }

    /// What became of a call, as the operator has it now. `None`: it has no such query.
    pub async fn check(
        &self,
        ready: &Ready,
        phone: &str,
        journal_id: &str,
        seq: Option<&str>,
        deadline: Deadline,
    ) -> Result<Option<TopUpResult>, CallError> {
        let Some(path) = &self.config.check_path else { return Ok(None) };
        let body = json!({ "msisdn": phone, "journal_id": journal_id, "transaction_id": seq.unwrap_or_default() });
        let body = body.to_string();
        if let Some(top_up_result) = self.query(ready, path, &body, deadline).await? {
            return Ok(Some(top_up_result));
        }
        let ready = self.authenticate(ready.since, deadline).await?;
        self.query(&ready, path, &body, deadline).await?.map(Some).ok_or(unauthorized())
    }

    async fn authenticate(&self, now: Timestamp, deadline: Deadline) -> Result<Ready, CallError> {
        let authorization = self.keys.basic();
        let outgoing = Outgoing {
            method: "POST",
            url: format!("{}/auth", self.config.base),
            headers: vec![("authorization", authorization.as_str())],
            body: String::new(),
        };
        let answer = until_answered(&self.http, &outgoing, deadline).await?;
        let token = match answer.status {
            200..300 => answer::token(&answer.body)?,
            status @ 400..500 => return Err(CallError::Refused { status, kind: None, code: None }),
            status @ 500.. => return Err(CallError::Failed { status }),
            _ => return Err(CallError::Unreadable),
        };
        let ready = Ready { token: Arc::new(token), since: now };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(ready.clone());
        Ok(ready)
    }

    fn asked(&self, top_up: &TopUp, journal_id: &str) -> (&'static str, String) {
        let TopUp { operator: _, kind, code, phone, price } = top_up;
        let UnitelConfig { account, vat_register_no, .. } = &self.config;
        let amount = price.priced();
        let transaction =
            json!({ "journal_id": journal_id, "amount": amount, "description": code, "account": account });
        let mut body = json!({
            "msisdn": phone,
            "vatflag": if vat_register_no.is_empty() { "0" } else { "1" },
            "vat_register_no": vat_register_no,
            "transactions": [transaction],
        });
        let (path, own): (_, &[(&str, &str)]) = match kind {
            TopUpKind::Voice => ("/service/recharge", &[("card", code)]),
            TopUpKind::Data => ("/service/datapackage", &[("package", code)]),
            TopUpKind::Postpaid => ("/service/payment", &[("amount", &amount), ("remark", journal_id)]),
        };
        if let Some(body) = body.as_object_mut() {
            body.extend(own.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        }
        (path, body.to_string())
    }

    /// Sent once, whatever becomes of it. `None`: it was turned away, and has done nothing.
    async fn once(&self, ready: &Ready, path: &str, body: &str, deadline: Deadline) -> Option<TopUpResult> {
        let authorization = ready.bearer();
        let outgoing = self.outgoing(path, body, &authorization);
        let sending = timeout(RECHARGE_TIMEOUT, self.http.send(&outgoing));
        match timeout_at(Instant::from_std(deadline.0), sending).await {
            Ok(Ok(Ok(Answer { status, body, .. }))) => answer::top_up_result(status, &body),
            Ok(Ok(Err(SendError::NoAnswer)) | Err(_)) | Err(_) => Some(TopUpResult::unknown("no answer")),
            Ok(Ok(Err(SendError::TooLarge | SendError::Unsendable))) => Some(TopUpResult::unknown("unreadable answer")),
        }
    }

    /// A query does nothing, and may be asked again.
    async fn query(
        &self,
        ready: &Ready,
        path: &str,
        body: &str,
        deadline: Deadline,
    ) -> Result<Option<TopUpResult>, CallError> {
        let authorization = ready.bearer();
        let answer = until_answered(&self.http, &self.outgoing(path, body, &authorization), deadline).await?;
        match answer.status {
            200..300 | UNAUTHORIZED => Ok(answer::top_up_result(answer.status, &answer.body)),
            status @ 400..500 => Err(CallError::Refused { status, kind: None, code: None }),
            status @ 500.. => Err(CallError::Failed { status }),
            _ => Err(CallError::Unreadable),
        }
    }

    fn outgoing<'o>(&self, path: &str, body: &str, authorization: &'o str) -> Outgoing<'o> {
        Outgoing {
            method: "POST",
            url: format!("{}{path}", self.config.base),
            headers: vec![("authorization", authorization), ("content-type", "application/json")],
            body: body.to_owned(),
        }
    }
}

impl Ready {
    fn bearer(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", **self.token))
    }
}

fn unauthorized() -> CallError {
    CallError::Refused { status: UNAUTHORIZED, kind: None, code: None }
}

impl fmt::Debug for Unitel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unitel").field("config", &self.config).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready(redacted)")
    }
}
