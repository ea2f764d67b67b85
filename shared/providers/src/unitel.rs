//! The Unitel adapter: top-ups of airtime, data packages and bills. The API has no public documentation; this code
//! follows the responses that existing clients receive.

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
use crate::retry::send_with_retries;

pub use config::{UnitelConfig, UnitelConfigError, UnitelKeys};

/// The operator documents no lifetime for a token. Clients have observed two minutes.
const TOKEN_SECONDS_MAX: u64 = 90;
/// The timeout of the operator's own clients. A response that is cut off needs a person to resolve it.
const TOP_UP_TIMEOUT: Duration = Duration::from_secs(30);
const UNAUTHORIZED: u16 = 401;

/// Clones share the token.
#[derive(Clone)]
pub struct Unitel {
    http: Http,
    config: UnitelConfig,
    keys: Arc<UnitelKeys>,
    cached: Arc<Mutex<Option<Ready>>>,
}

/// A valid token.
#[derive(Clone)]
pub struct Ready {
    token: Arc<Zeroizing<String>>,
    since: Timestamp,
}

impl Unitel {
    pub fn new(http: Http, config: UnitelConfig, keys: Arc<UnitelKeys>) -> Self {
        Self { http, config, keys, cached: Arc::default() }
    }

    /// Obtains the token for the call. It tops up nothing, so a failure is safe to retry.
    pub async fn ready(&self, now: Timestamp, deadline: Deadline) -> Result<Ready, CallError> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match cached.filter(|cached| now.seconds_apart(cached.since) < TOKEN_SECONDS_MAX) {
            Some(cached) => Ok(cached),
            None => self.authenticate(now, deadline).await,
        }
    }

    /// Makes the call once. It repeats the call with a new token only after a 401, which proves that nothing happened.
    pub async fn top_up(&self, ready: &Ready, top_up: &TopUp, journal_id: &str, deadline: Deadline) -> TopUpResult {
        let Some(phone) = &top_up.phone else {
            return TopUpResult::Failed { why: "its phone is erased".to_owned() };
        };
        let (path, body) = self.top_up_request(top_up, phone, journal_id);
        if let Some(top_up_result) = self.send_once(ready, path, &body, deadline).await {
            return top_up_result;
        }
        let top_up_result = match self.authenticate(ready.since, deadline).await {
            Ok(ready) => self.send_once(&ready, path, &body, deadline).await,
            Err(_) => None,
        };
        top_up_result.unwrap_or_else(|| TopUpResult::unknown("not authorized"))
    }

    /// Queries the outcome of a call; `None` if the operator has no such query.
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
        let answer = send_with_retries(&self.http, &outgoing, deadline).await?;
        let token = match answer.status {
            200..300 => answer::token(&answer.body)?,
            status @ 400..500 => return Err(CallError::Refused { status, kind: None, code: None }),
            status @ 500.. => return Err(CallError::Failed { status }),
            _ => return Err(CallError::Unreadable),
        };
        let ready = Ready { token: Arc::new(token), since: now };
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = Some(ready.clone());
        Ok(ready)
    }

    fn top_up_request(&self, top_up: &TopUp, phone: &str, journal_id: &str) -> (&'static str, String) {
        let TopUp { operator: _, kind, code, phone: _, price } = top_up;
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

    /// Sends the call exactly once. `None` means a 401: the operator did nothing.
    async fn send_once(&self, ready: &Ready, path: &str, body: &str, deadline: Deadline) -> Option<TopUpResult> {
        let authorization = ready.bearer();
        let outgoing = self.outgoing(path, body, &authorization);
        let sending = timeout(TOP_UP_TIMEOUT, self.http.send(&outgoing));
        match timeout_at(Instant::from_std(deadline.0), sending).await {
            Ok(Ok(Ok(Answer { status, body, .. }))) => answer::top_up_result(status, &body),
            Ok(Ok(Err(SendError::NoAnswer)) | Err(_)) | Err(_) => Some(TopUpResult::unknown("no answer")),
            Ok(Ok(Err(SendError::TooLarge | SendError::Unsendable))) => Some(TopUpResult::unknown("unreadable answer")),
        }
    }

    /// Queries have no effect, so they are safe to retry.
    async fn query(
        &self,
        ready: &Ready,
        path: &str,
        body: &str,
        deadline: Deadline,
    ) -> Result<Option<TopUpResult>, CallError> {
        let authorization = ready.bearer();
        let answer = send_with_retries(&self.http, &self.outgoing(path, body, &authorization), deadline).await?;
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
