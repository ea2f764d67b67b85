//! Sets how many calls a key may make in a minute.

use clap::Args;
use ledger::{CallRate, CallerKey, CommitError, KeyId, KeySettings, Keys as _, Owner, StoredKey};
use local::{What, context};
use serde::Serialize;

use super::PATIENCE;
use super::change::committed;
use super::keys::find;
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Facts, Form};

/// Attempts to set a key that changes at the same moment.
const ROUNDS_MAX: u32 = 8;

#[derive(Debug, Args)]
pub(super) struct RateArgs {
    owner: String,
    /// Its name in `account keys`: api-3f9c0a12be45
    key: String,
    /// The calls of the APIs that it may make in a minute, or none
    #[arg(value_name = "CALLS|none")]
    rate: String,
    #[command(flatten)]
    by: ChangeArgs,
}

pub(super) struct RateTerms {
    owner: Owner,
    key: String,
    rate: Option<CallRate>,
    by: Authorship,
}

#[derive(Serialize)]
pub(crate) struct RateResult {
    #[serde(flatten)]
    pub(crate) changed: ChangeResult,
    pub(crate) key: String,
    /// Calls a minute. `None`: as many as it likes.
    pub(crate) rate: Option<u32>,
}

impl RateArgs {
    /// Validates all values before the books are opened.
    pub(super) fn read(self, variable: impl Fn(&str) -> Option<String>) -> Result<RateTerms, Error> {
        let Self { owner, key, rate, by } = self;
        let rate = parse::call_rate(&rate)?;
        Ok(RateTerms { owner: parse::owner(&owner)?, key, rate, by: by.authorship(variable)? })
    }
}

pub(super) async fn set(books: &Books, terms: RateTerms, form: Form) -> Result<(), Error> {
    let RateTerms { owner, key: id, rate, by } = terms;
    let key = find(books, &owner, &id).await?.key;
    if !matches!(key, CallerKey::ApiHash(_)) {
        return Err(Error::NoRateOfGateway(id));
    }
    for _ in 0..ROUNDS_MAX {
        let now = context(PATIENCE);
        let stored = books.ledger.key_as_stored(&KeyId::Owner(key.clone()), &now).await?;
        let Some(StoredKey::Owner(stored)) = stored else { return Err(Error::NoKey { owner, id }) };
        let from = stored.settings;
        let what = What::KeyRate { owner: owner.clone(), key: key.clone(), from, to: KeySettings { rate, ..from } };
        match committed(books, &by, what).await {
            // It has changed since it was read, or it has ended.
            Err(Error::Commit(CommitError::Stale)) => {
                if stored.revoked_at.is_some_and(|at| at <= now.received_at) {
                    return Err(Error::NoKey { owner, id });
                }
            }
            committed => {
                let changed = ChangeResult::of(&committed?);
                form.show(&RateResult { changed, key: id, rate: rate.map(CallRate::calls_a_minute) });
                return Ok(());
            }
        }
    }
    Err(Error::Overtaken)
}

impl Facts for RateResult {
    fn print(&self) {
        self.changed.print();
        match self.rate {
            Some(rate) => print::line(format_args!("  {} may make {rate} calls a minute", self.key)),
            None => print::line(format_args!("  {} has no rate", self.key)),
        }
        print::line("  A function that used the key in the last minute may count by its former rate until then.");
    }
}
