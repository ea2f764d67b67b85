//! Keys for requests that are made again, each of one account: the first answer is kept, and a repeat gets that. Here no key is ever
//! forgotten.

use std::collections::BTreeMap;

use serde_json::Value;

use super::form::Params;
use super::refusal::Refusal;

pub(crate) const KEY_CHARS_MAX: usize = 255;

#[derive(Default)]
pub(crate) struct Kept(BTreeMap<(Option<String>, String), First>);

/// The first request under a key.
struct First {
    path: String,
    params: Params,
    status: u16,
    body: Value,
}

impl Kept {
    /// What was answered to the same request, if it was made before.
    pub(crate) fn answer(
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

    pub(crate) fn keep(
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
            First { path: path.to_owned(), params, status, body },
        );
    }
}
