//! Client request tokens: the idempotency of a transaction, for ten minutes of the tests' clock.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::replies::error;

/// After this time a token names a new transaction.
const VALID: Duration = Duration::from_mins(10);

#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: HashMap<String, Use>,
    completed: VecDeque<(Instant, String)>,
}

#[derive(Debug)]
struct Use {
    request: u64,
    is_complete: bool,
}

impl Tokens {
    /// Registers the token of a transaction that begins. An earlier use of it decides the reply: a repeat of a completed
    /// transaction succeeds without an effect.
    pub(super) fn begin(&mut self, token: &str, request: &Value, now: Instant) -> Result<(), (u16, Value)> {
        while let Some((at, token)) = self.completed.front()
            && now.saturating_duration_since(*at) > VALID
        {
            self.known.remove(token);
            self.completed.pop_front();
        }
        let request = fingerprint(request);
        match self.known.get(token) {
            None => {
                self.known.insert(token.to_owned(), Use { request, is_complete: false });
                Ok(())
            }
            Some(earlier) if !earlier.is_complete => {
                let message = "The transaction with the given request token is already in progress.";
                Err((400, error("TransactionInProgressException", message)))
            }
            Some(earlier) if earlier.request == request => Err((200, json!({}))),
            Some(_) => {
                let message = "The request was retried with another payload under a token that was already used.";
                Err((400, error("IdempotentParameterMismatchException", message)))
            }
        }
    }

    /// Only a transaction that succeeded is remembered.
    pub(super) fn end(&mut self, token: &str, succeeded: bool, now: Instant) {
        if succeeded && let Some(known) = self.known.get_mut(token) {
            known.is_complete = true;
            self.completed.push_back((now, token.to_owned()));
        } else {
            self.known.remove(token);
        }
    }
}

fn fingerprint(request: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.to_string().hash(&mut hasher);
    hasher.finish()
}
