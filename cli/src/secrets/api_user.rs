//! The key of our API user at Fireblocks: another user is made there, and takes the place of the old one, which is deleted there.

use std::collections::BTreeMap;

use super::written::{Written, write};
use super::{DONE_BEFORE, Rotated, accepted, of_stdin};
use crate::authorship::Authorship;
use crate::aws_cli::AwsCli;
use crate::books::Books;
use crate::error::Error;
use crate::note::note;

const SECRET: &str = "fulfil";
const KEY: &str = "FIREBLOCKS_API_KEY";
const PRIVATE: &str = "FIREBLOCKS_API_SECRET";

/// The id of the new user in the first line of stdin, and its private key in PEM after it.
pub(super) async fn replace(books: &Books, aws: &AwsCli, by: &Authorship) -> Result<Rotated, Error> {
    let before = books.settings_of_stage(SECRET).await?;
    let after = with_user(&before, &of_stdin()?);
    accepted(&before, &after, &BTreeMap::new())?;
    let what = vec![("secret", SECRET.to_owned()), ("setting", PRIVATE.to_owned())];
    let changed = note(books, by, "rotate_key", what).await?;
    let is_now = changed.is_done_now();
    if is_now {
        write(books, aws, by, 1, Written { secret: SECRET, setting: PRIVATE, pairs: &after }).await?;
    }
    let next = "  Functions read it within a minute. See a transfer requested, then delete the old API user in Fireblocks' console.";
    let next = if is_now { next } else { DONE_BEFORE }.to_owned();
    Ok(Rotated { changed, secret: SECRET.to_owned(), setting: PRIVATE, keys: 1, new_key: None, next })
}

pub(super) fn with_user(before: &BTreeMap<String, String>, text: &str) -> BTreeMap<String, String> {
    let (user, private) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
    let mut after = before.clone();
    after.insert(KEY.to_owned(), user.trim().to_owned());
    after.insert(PRIVATE.to_owned(), private.trim().to_owned());
    after
}
