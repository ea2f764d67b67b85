//! Idempotency keys per account: the first response is stored and replayed. Keys never expire here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::form::Params;
use super::refusal::Refusal;

pub(crate) const KEY_CHARS_MAX: usize = 255;

#[derive(Default)]
pub(crate) struct IdempotencyStore(BTreeMap<(Option<String>, String), StoredResponse>);

/// The first request under a key, with its response.
struct StoredResponse {
    path: String,
    params: Params,
    status: u16,
    body: Value,
}

impl IdempotencyStore {
    /// The stored response if the same request came before; an idempotency error if another did.
    pub(crate) fn replay(
        &self,
        account: Option<&str>,
        key: &str,
        path: &str,
        params: &Params,
    ) -> Result<Option<(u16, Value)>, Refusal> {
        if key.chars().count() > KEY_CHARS_MAX {
            return Err(Refusal::invalid(format!("Idempotency keys can have up to {KEY_CHARS_MAX} characters.")));
        }
        let Some(first) = self.0.get(&(account.map(str::to_owned), key.to_owned())) else {
            return Ok(None);
        };
        let differs = if first.path != path {
            format!("for the same endpoint they were first used for ('{}')", first.path)
        } else if first.params != *params {
            "with the same parameters they were first used with".to_owned()
        } else {
            return Ok(Some((first.status, first.body.clone())));
        };
        Err(Refusal::idempotency(format!(
            "Keys for idempotent requests can only be used {differs}. Try using a key other than '{key}' if you meant to execute \
             a different request."
        )))
    }

    pub(crate) fn store(
        &mut self,
        account: Option<&str>,
        key: &str,
        path: &str,
        params: Params,
        status: u16,
        body: Value,
    ) {
        self.0.insert(
            (account.map(str::to_owned), key.to_owned()),
            StoredResponse { path: path.to_owned(), params, status, body },
        );
    }
}
