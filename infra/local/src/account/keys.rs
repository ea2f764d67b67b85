//! The keys that name an owner: listed, replaced, revoked.

use idempotency::KeyRow;
use ledger::{CallerKey, Owner};

use super::{Signed, committed, print_outcome};
use crate::books::Books;
use crate::error::Error;
use crate::manual::What;
use crate::{print, random};

/// As long as a warm function remembers which owner a key names.
const STILL_WORKS: &str = "  A function that has used it in the last minute may accept it until that minute is over.";

pub(super) async fn list(books: &Books, owner: &Owner) -> Result<(), Error> {
    let keys = books.ledger.keys(owner).await?;
    if keys.is_empty() {
        print::line(format_args!("{owner} has no keys"));
        return Ok(());
    }
    let head = ["key", "since", "state"].map(str::to_owned);
    let row = |KeyRow { key, since, revoked_at }: &KeyRow| {
        let state = revoked_at.as_ref().map_or_else(|| "live".to_owned(), |at| format!("revoked at {at}"));
        [key.short_id(), since.clone(), state]
    };
    print::columns(&std::iter::once(head).chain(keys.iter().map(row)).collect::<Vec<_>>());
    Ok(())
}

pub(super) async fn revoke(books: &Books, by: Signed, owner: Owner, id: &str) -> Result<(), Error> {
    let key = find(books, &owner, id).await?.key;
    print_outcome(&committed(books, &by, What::RevokeKey { owner, key }).await?);
    print::line(STILL_WORKS);
    Ok(())
}

/// The new key works beside the old one, which a person revokes when nothing uses it any more.
pub(super) async fn rotate(books: &Books, by: Signed, owner: Owner, id: &str) -> Result<(), Error> {
    let row = find(books, &owner, id).await?;
    if !matches!(row.key, CallerKey::ApiHash(_)) {
        return Err(Error::NotAnApiKey(id.to_owned()));
    }
    let secret = random::api_key()?;
    let what = What::ApiKey { owner: owner.clone(), key: CallerKey::api(&secret), replaces: Some(row.key.short_id()) };
    super::api_key(books, by, what, &secret).await?;
    if row.revoked_at.is_none() {
        print::line(format_args!("  {id} works until it is revoked: account revoke {owner} {id} --reason …"));
    }
    Ok(())
}

/// Among all keys of the owner, revoked ones too: a repeated command finds what it has done.
async fn find(books: &Books, owner: &Owner, id: &str) -> Result<KeyRow, Error> {
    let mut found = books.ledger.keys(owner).await?.into_iter().filter(|row| row.key.short_id() == id);
    let unknown = || Error::NoKey { owner: owner.clone(), id: id.to_owned() };
    let row = found.next().ok_or_else(unknown)?;
    if found.next().is_some() { Err(Error::KeysAlike(id.to_owned())) } else { Ok(row) }
}
