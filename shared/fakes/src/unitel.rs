//! A fake of the Unitel top-up API. The phone number selects the outcome, as a test card does at Stripe: [`PHONES`]
//! lists them.
//!
//! It tops up again on every repeated call, since Unitel documents no idempotency, and counts the calls for tests. It
//! returns the delay of a response instead of waiting.

mod answer;
mod phones;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

pub use phones::{PHONES, Phone};

use phones::Answer;

/// Half a minute longer than clients cache a token.
const TOKEN_SECONDS: i64 = 120;
const CHECK: &str = "/service/check_transaction_result";

pub struct Unitel {
    /// The expected header `Basic …`.
    basic: String,
    state: Mutex<State>,
}

/// One request.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    pub path: &'c str,
    pub authorization: Option<&'c str>,
    pub body: &'c str,
    pub now_s: i64,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    pub body: String,
    pub wait: Wait,
}

/// The delay before the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    None,
    Seconds(u64),
    /// The response never arrives.
    ForEver,
}

/// Counts of one order: accepted calls, and actual top-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    pub calls: u64,
    pub given: u64,
}

struct State {
    seed: String,
    /// The expiry of each token, in Unix seconds.
    tokens: BTreeMap<String, i64>,
    /// Counts by the caller's order number.
    orders: BTreeMap<String, Calls>,
    pending: BTreeMap<String, &'static Phone>,
    /// Orders whose first call was rejected with an expired token.
    rejected: BTreeSet<String>,
}

impl Unitel {
    /// `basic` is the `Authorization` header of the one client. The letters and digits of `seed` become part of every
    /// token.
    pub fn new(basic: &str, seed: &str) -> Self {
        let seed = seed.chars().filter(char::is_ascii_alphanumeric).collect();
        let state = State {
            seed,
            tokens: BTreeMap::new(),
            orders: BTreeMap::new(),
            pending: BTreeMap::new(),
            rejected: BTreeSet::new(),
        };
        Self { basic: basic.to_owned(), state: Mutex::new(state) }
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        let mut state = self.state();
        match (call.method, call.path) {
            ("GET", "/calls") => answer::json(200, &calls(&state.orders)),
            ("POST", "/auth") if call.authorization == Some(&self.basic) => state.authenticate(call.now_s),
            ("POST", "/service/recharge" | "/service/datapackage" | "/service/payment" | CHECK)
                if state.has_valid_token(call) =>
            {
                state.serve(call)
            }
            ("POST", path) if path == "/auth" || path.starts_with("/service/") => answer::unauthorized(401),
            _ => answer::json(404, &json!({ "result": "404", "msg": "Not Found" })),
        }
    }

    /// The counts by the caller's order number.
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        self.state().orders.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn authenticate(&mut self, now_s: i64) -> Answered {
        let token = format!("{}{:016}", self.seed, self.tokens.len().saturating_add(1));
        self.tokens.insert(token.clone(), now_s.saturating_add(TOKEN_SECONDS));
        // Unitel itself returns `0`, with unknown meaning.
        let granted = json!({ "access_token": token, "token_type": "Bearer", "expires_in": "0", "scope": "" });
        answer::json(200, &granted)
    }

    fn has_valid_token(&self, call: &Call<'_>) -> bool {
        let token = call.authorization.and_then(|authorization| authorization.strip_prefix("Bearer "));
        token.and_then(|token| self.tokens.get(token)).is_some_and(|ends| call.now_s < *ends)
    }

    fn serve(&mut self, call: &Call<'_>) -> Answered {
        let Ok(request) = serde_json::from_str::<Value>(call.body) else { return answer::failed("102") };
        if call.path == CHECK {
            return self.check(&request);
        }
        match answer::parse_request(call.path, &request) {
            Some((phone, order)) => self.top_up(phones::of(phone), order),
            None => answer::failed("102"),
        }
    }

    fn top_up(&mut self, phone: &'static Phone, order: &str) -> Answered {
        if phone.answer == Answer::TokenExpired && self.rejected.insert(order.to_owned()) {
            self.tokens.clear();
            // The form of a 401 that has a success status.
            return answer::unauthorized(200);
        }
        let calls = self.orders.entry(order.to_owned()).or_default();
        calls.calls = calls.calls.saturating_add(1);
        let given = calls.given.saturating_add(1);
        let seq = format!("{}{:08}", self.seed, self.orders.len());
        match phone.answer {
            Answer::Failed => return answer::failed("301"),
            Answer::Pending | Answer::PendingForEver => {
                self.pending.insert(order.to_owned(), phone);
                return answer::pending(&seq);
            }
            Answer::Done
            | Answer::Unavailable
            | Answer::Hangs
            | Answer::Late(_)
            | Answer::Garbage
            | Answer::TokenExpired => {}
        }
        self.orders.entry(order.to_owned()).or_default().given = given;
        let done = answer::done(&seq);
        match phone.answer {
            Answer::Unavailable => Answered { status: 503, body: "<html>503</html>".to_owned(), ..done },
            Answer::Hangs => Answered { wait: Wait::ForEver, ..done },
            Answer::Late(seconds) => Answered { wait: Wait::Seconds(seconds), ..done },
            Answer::Garbage => Answered { body: "<html>".to_owned(), ..done },
            Answer::Done | Answer::TokenExpired | Answer::Failed | Answer::Pending | Answer::PendingForEver => done,
        }
    }

    /// Queries an order. The first query completes a pending top-up.
    fn check(&mut self, request: &Value) -> Answered {
        let order = request.get("journal_id").and_then(Value::as_str).unwrap_or_default();
        let (Some(calls), phone) = (self.orders.get_mut(order), self.pending.get(order)) else {
            return answer::json(200, &json!({ "result": "notfound", "code": "404", "msg": "No such transaction" }));
        };
        match phone.map(|phone| phone.answer) {
            Some(Answer::PendingForEver) => return answer::pending(order),
            Some(_) => {
                self.pending.remove(order);
                calls.given = calls.given.saturating_add(1);
            }
            None if calls.given == 0 => return answer::failed("301"),
            None => {}
        }
        answer::done(order)
    }
}

fn calls(orders: &BTreeMap<String, Calls>) -> Value {
    let of =
        |(order, Calls { calls, given }): (&String, &Calls)| (order.clone(), json!({ "calls": calls, "given": given }));
    Value::Object(orders.iter().map(of).collect())
}

// Written by hand, so that keys and phone numbers stay out of logs.

impl fmt::Debug for Unitel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unitel").finish_non_exhaustive()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").field("status", &self.status).field("wait", &self.wait).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
