//! Lists, rotates and revokes the keys of an owner.

use idempotency::KeyRow;
use ledger::{
    CallCounts as _, CallerKey, CommitError, KeyId, KeyQuery, KeySettings, Keys as _, Owner, OwnerKey, StoredKey,
};
use local::{What, context};
use serde::Serialize;

use super::PATIENCE;
use super::change::{ReplacedKey, api_key, committed};
use super::key_facts::{KeyFacts, dated};
use crate::authorship::Authorship;
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::print::{self, Facts, Form};

/// Attempts to revoke a key that joins or leaves a team at the same moment.
const ROUNDS_MAX: u32 = 8;
/// What one batch read takes.
const KEYS_MAX: u16 = 100;
/// A warm function caches the owner of a key for a minute.
const STILL_WORKS: &str = "  A function that used it in the last minute may accept it until that minute ends.";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyList {
    owner: String,
    keys: Vec<KeyFacts>,
}

#[derive(Serialize)]
struct KeyRevocation {
    #[serde(flatten)]
    changed: ChangeResult,
    key: String,
    /// The team that it was a member of.
    left: Option<String>,
}

pub(super) async fn list(books: &Books, owner: &Owner, form: Form) -> Result<(), Error> {
    form.show(&KeyList { owner: owner.to_string(), keys: all(books, owner).await? });
    Ok(())
}

/// The keys of an owner, the oldest first.
pub(super) async fn all(books: &Books, owner: &Owner) -> Result<Vec<KeyFacts>, Error> {
    let (mut keys, mut after, now) = (Vec::new(), None, context(PATIENCE));
    loop {
        let query = KeyQuery { owner: Some(owner.clone()), after, keys_max: KEYS_MAX };
        let page = books.ledger.key_page(&query, &now).await?;
        let ids: Vec<KeyId> = page.keys.iter().map(StoredKey::id).collect();
        let used = books.ledger.last_used(&ids, &now).await?;
        let facts = |stored: &StoredKey| KeyFacts::of(stored, used.get(&stored.id()), now.received_at);
        keys.extend(page.keys.iter().filter_map(facts));
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}

pub(super) async fn revoke(books: &Books, by: &Authorship, owner: Owner, id: &str, form: Form) -> Result<(), Error> {
    let key = find(books, &owner, id).await?.key;
    for _ in 0..ROUNDS_MAX {
        let draws = books.ledger.stored_key(&key, &context(PATIENCE)).await?.map(|bound| bound.draws);
        let draws = draws.unwrap_or_default();
        let draws_on = draws.open().map(|open| open.payer.to_string());
        match committed(books, by, What::RevokeKey { owner: owner.clone(), key: key.clone(), draws }).await {
            // It has joined a team, or left one, since it was read.
            Err(Error::Commit(CommitError::Stale)) => {}
            committed => {
                let changed = ChangeResult::of(&committed?);
                form.show(&KeyRevocation { changed, key: id.to_owned(), left: draws_on });
                return Ok(());
            }
        }
    }
    Err(Error::Overtaken)
}

/// The old key works too for its grace, or until an operator revokes it, so that clients can switch without an outage.
pub(super) async fn rotate(
    books: &Books,
    by: &Authorship,
    owner: Owner,
    (id, grace): (&str, Option<u32>),
    form: Form,
) -> Result<(), Error> {
    let row = find(books, &owner, id).await?;
    if !matches!(row.key, CallerKey::ApiHash(_)) {
        return Err(Error::NotAnApiKey(id.to_owned()));
    }
    let until = |seconds: u32| context(PATIENCE).received_at.plus_seconds(seconds.into());
    let ends = grace.map(|seconds| (row.key.clone(), seconds, until(seconds)));
    let stored = books.ledger.key_as_stored(&KeyId::Owner(row.key.clone()), &context(PATIENCE)).await?;
    let (settings, team) = match stored {
        Some(StoredKey::Owner(OwnerKey { settings, draws, .. })) => {
            (settings, draws.open().map(|open| open.payer.to_string()))
        }
        Some(StoredKey::Service(_)) | None => (KeySettings::default(), None),
    };
    let (id, is_live) = (row.key.short_id(), row.revoked_at.is_none());
    let replaced = ReplacedKey { id, is_live, ends, settings, team };
    api_key(books, by, owner, Some(replaced), form).await
}

/// Searches revoked keys too, so that a repeated `revoke` finds the key that it revoked.
pub(super) async fn find(books: &Books, owner: &Owner, id: &str) -> Result<KeyRow, Error> {
    let keys = books.ledger.keys(owner, &context(PATIENCE)).await?;
    let mut found = keys.into_iter().filter(|row| row.key.short_id() == id);
    let unknown = || Error::NoKey { owner: owner.clone(), id: id.to_owned() };
    let row = found.next().ok_or_else(unknown)?;
    if found.next().is_some() { Err(Error::KeysAlike(id.to_owned())) } else { Ok(row) }
}

impl Facts for KeyList {
    fn print(&self) {
        if self.keys.is_empty() {
            print::line(format_args!("{} has no keys", self.owner));
            return;
        }
        let head = ["key", "name", "calls a minute", "last used", "since", "state"].map(str::to_owned);
        let row = |facts: &KeyFacts| {
            let name = facts.name.clone().unwrap_or_default();
            let rate = facts.rate.map(|rate| rate.to_string()).unwrap_or_default();
            let last_used = facts.last_used.clone().unwrap_or_default();
            let state = dated(facts.state, facts.revoked_at.as_ref());
            [facts.key.clone(), name, rate, last_used, facts.since.clone(), state]
        };
        print::columns(&std::iter::once(head).chain(self.keys.iter().map(row)).collect::<Vec<_>>());
    }
}

impl Facts for KeyRevocation {
    fn print(&self) {
        self.changed.print();
        if let Some(team) = &self.left {
            print::line(format_args!("  It was a member of {team}, and is none any more."));
        }
        print::line(STILL_WORKS);
    }
}
