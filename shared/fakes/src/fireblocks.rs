//! A fake of Fireblocks: one transfer per external id, which advances to an outcome that the last characters of the
//! wallet select. The local stack serves it; tests call it in place of the network.

mod fate;
mod object;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use signing::fireblocks::verify_token;
use signing::rsa::PublicKey;

use crate::{Answered, Call};

pub use fate::{FireblocksFate, WALLETS};

/// The workspace in its webhooks, as in the samples of `events/fireblocks`.
pub const FIREBLOCKS_WORKSPACE: &str = "5e2c6a30-0000-4000-8000-000000000001";

const TRANSACTIONS: &str = "/v1/transactions";
const BY_EXTERNAL_ID: &str = "/v1/transactions/external_tx_id/";
const BY_ID: &str = "/v1/transactions/";

/// The error codes of Fireblocks' own libraries.
const DUPLICATE: u64 = 1438;
const NOT_FOUND: u64 = 1404;
const UNAUTHORIZED: u64 = 4010;
const INVALID: u64 = 1400;

pub struct Fireblocks {
    api_key: String,
    /// The client's public key.
    key: PublicKey,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seed: u32,
    transfers: BTreeMap<String, FireblocksTransfer>,
    nonces: BTreeSet<String>,
    webhooks: u64,
}

/// The current state of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireblocksTransfer {
    pub id: String,
    pub external_id: String,
    pub asset: String,
    /// The amount as requested.
    pub amount: String,
    pub wallet: String,
    pub vault: String,
    /// The number of status changes so far.
    pub steps: usize,
    pub created_s: i64,
}

impl FireblocksTransfer {
    pub fn fate(&self) -> FireblocksFate {
        FireblocksFate::of(&self.wallet)
    }

    pub fn status(&self) -> &'static str {
        let path = self.fate().path();
        path.get(self.steps).or(path.last()).copied().unwrap_or_default()
    }
}

impl Fireblocks {
    /// `seed` becomes part of every id: with a new seed at each start, a store that outlives the process never receives
    /// an id twice.
    pub fn new(api_key: &str, key: PublicKey, seed: u32) -> Self {
        let state = State { seed, ..State::default() };
        Self { api_key: api_key.to_owned(), key, state: Mutex::new(state) }
    }

    /// Returns the response. `events` are the webhooks that it would send now: JSON bodies, unsigned, in order.
    pub fn answer(&self, call: &Call<'_>) -> Answered {
        let token = call.authorization.and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
        let body = call.body.as_bytes();
        let Ok(nonce) = verify_token(&self.key, &self.api_key, token, call.path, body, call.now_s) else {
            return refused(401, UNAUTHORIZED, "Unauthorized: the token is invalid");
        };
        let state = &mut self.state();
        if !state.nonces.insert(nonce) {
            return refused(401, UNAUTHORIZED, "Unauthorized: the token was used before");
        }
        match (call.method, call.path) {
            ("POST", TRANSACTIONS) => state.create(call.body, call.now_s),
            ("GET", path) => {
                let found = match path.strip_prefix(BY_EXTERNAL_ID) {
                    Some(id) => state.find(&unescaped(id)),
                    None => path.strip_prefix(BY_ID).and_then(|id| state.transfers.get(id)),
                };
                match found {
                    Some(transfer) => ok(&object::transaction(transfer, transfer.created_s)),
                    None => refused(404, NOT_FOUND, "The transaction was not found"),
                }
            }
            _ => refused(404, NOT_FOUND, "There is no such path"),
        }
    }

    /// Advances a transfer by one status and returns its webhooks, including duplicates. `None`: the transfer is final,
    /// or stays as it is.
    pub fn go_on(&self, id: &str, now_s: i64) -> Option<Vec<String>> {
        let mut state = self.state();
        let transfer = state.transfers.get_mut(id)?;
        let next = transfer.steps.saturating_add(1);
        if next >= transfer.fate().path().len() {
            return None;
        }
        transfer.steps = next;
        let transfer = transfer.clone();
        Some(state.webhook("transaction.status.updated", &transfer, now_s))
    }

    pub fn transfers(&self) -> Vec<FireblocksTransfer> {
        self.state().transfers.values().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn create(&mut self, body: &str, now_s: i64) -> Answered {
        let request: Value = serde_json::from_str(body).unwrap_or_default();
        let Some(mut transfer) = object::parse_request(&request) else {
            return refused(400, INVALID, "The request is not a transfer to a one-time address");
        };
        if self.find(&transfer.external_id).is_some() {
            return refused(400, DUPLICATE, "The external tx id that was provided in the request, already exists");
        }
        let number = self.transfers.len().saturating_add(1);
        transfer.id = format!("{:08x}-0000-4000-8000-{number:012x}", self.seed);
        transfer.created_s = now_s;
        self.transfers.insert(transfer.id.clone(), transfer.clone());
        let events = self.webhook("transaction.created", &transfer, now_s);
        Answered { events, ..ok(&json!({ "id": transfer.id, "status": transfer.status() })) }
    }

    fn find(&self, external_id: &str) -> Option<&FireblocksTransfer> {
        self.transfers.values().find(|transfer| transfer.external_id == external_id)
    }

    /// All copies have the same body, since they are one event.
    fn webhook(&mut self, kind: &str, transfer: &FireblocksTransfer, now_s: i64) -> Vec<String> {
        self.webhooks = self.webhooks.saturating_add(1);
        let id = format!("{:08x}-0000-4000-9000-{:012x}", self.seed, self.webhooks);
        let body = object::webhook(&id, kind, transfer, now_s).to_string();
        let times = if transfer.fate() == FireblocksFate::Twice { 2 } else { 1 };
        vec![body; times]
    }
}

fn ok(body: &Value) -> Answered {
    let headers = vec![("content-type", "application/json".to_owned())];
    Answered { status: 200, headers, body: body.to_string(), events: Vec::new() }
}

fn refused(status: u16, code: u64, message: &str) -> Answered {
    Answered { status, ..ok(&json!({ "message": message, "code": code })) }
}

/// Decodes a percent-encoded external id from a path.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = after.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Debug for Fireblocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fireblocks").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
