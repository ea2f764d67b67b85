//! A change of an account by hand: committed under its id, and shown with what it has made of the account.

use ledger::{AccountId, Balance, CallerKey, CommitError, Committed, Ledger as _, Owner, Reason, SpendingTerms};
use local::{Change, What, context, new_api_key};
use serde::Serialize;

use super::facts::{State, print_missing};
use super::{PATIENCE, REFERRERS_MAX};
use crate::ask;
use crate::books::Books;
use crate::by::Signed;
use crate::changed::Changed;
use crate::error::Error;
use crate::print::{self, Facts, Form};

/// The change, and the account after it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountChanged {
    #[serde(flatten)]
    changed: Changed,
    account: String,
    /// `None` where the account has no row, or could not be read.
    state: Option<State>,
    #[serde(skip)]
    is_read: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReferrerChanged {
    #[serde(flatten)]
    changed: Changed,
    owner: String,
    referrer: Option<String>,
    #[serde(skip)]
    is_read: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyMade {
    #[serde(flatten)]
    changed: Changed,
    /// Only from the command that makes it.
    api_key: Option<String>,
    /// The key that the new one replaces, while it is live.
    replaces: Option<String>,
    #[serde(skip)]
    owner: String,
}

/// A change of an account that has no row makes one, and mostly such a name is mistyped.
pub(super) async fn terms(books: &Books, account: &AccountId, is_new: bool) -> Result<SpendingTerms, Error> {
    if let Some(row) = books.ledger.account(account).await? {
        return Ok(row.terms);
    }
    if is_new || ask::is_confirmed(&format!("There is no account {account}. Make it?")) {
        Ok(SpendingTerms::default())
    } else {
        Err(Error::NotNew(account.clone()))
    }
}

pub(super) async fn change(books: &Books, by: &Signed, what: What, form: Form) -> Result<(), Error> {
    let account = what.account();
    let changed = Changed::of(&committed(books, by, what).await?);
    // The change is made, whatever comes of this read: a failure here would have it made again.
    let row = books.ledger.account(&account).await.map_err(Error::from);
    let is_read = row.is_ok();
    let state = unless_unread(row, &account).flatten().map(|row| State::of(account.asset(), &row));
    form.show(&AccountChanged { changed, account: account.to_string(), state, is_read });
    Ok(())
}

/// What follows a change and could not be read: said, and no failure of the change.
fn unless_unread<T>(read: Result<T, Error>, what: &dyn std::fmt::Display) -> Option<T> {
    read.map_err(|error| print::error(format_args!("{what} cannot be shown: {}", error.line()))).ok()
}

/// A new key for the owner, in place of `replaces` where it has a name.
pub(super) async fn api_key(
    books: &Books,
    by: &Signed,
    owner: Owner,
    replaces: Option<Replaced>,
    form: Form,
) -> Result<(), Error> {
    let (secret, name) = (new_api_key()?, owner.to_string());
    let (key, other) = (CallerKey::api(&secret), replaces.as_ref().map(|replaced| replaced.id.clone()));
    let changed = Changed::of(&committed(books, by, What::ApiKey { owner, key, replaces: other }).await?);
    let api_key = changed.is_done_now().then_some(secret);
    let replaces = replaces.filter(|replaced| replaced.is_live).map(|replaced| replaced.id);
    form.show(&KeyMade { changed, api_key, replaces, owner: name });
    Ok(())
}

/// A key that another takes the place of.
pub(super) struct Replaced {
    pub(super) id: String,
    pub(super) is_live: bool,
}

/// No owner is their own referrer, directly or through others.
pub(super) async fn refer(
    books: &Books,
    by: &Signed,
    owner: Owner,
    to: Option<Owner>,
    form: Form,
) -> Result<(), Error> {
    let mut above = to.clone();
    for _ in 0..REFERRERS_MAX {
        let Some(referrer) = above else { break };
        if referrer == owner {
            return Err(Error::Circle(owner));
        }
        above = books.ledger.referrer(&referrer, &context(PATIENCE)).await?;
    }
    let from = books.ledger.referrer(&owner, &context(PATIENCE)).await?;
    let changed = Changed::of(&committed(books, by, What::Referrer { owner: owner.clone(), from, to }).await?);
    let referrer = books.ledger.referrer(&owner, &context(PATIENCE)).await.map_err(Error::from);
    let is_read = referrer.is_ok();
    let referrer = unless_unread(referrer, &format_args!("the referrer of {owner}")).flatten();
    let referrer = referrer.map(|referrer| referrer.to_string());
    form.show(&ReferrerChanged { changed, owner: owner.to_string(), referrer, is_read });
    Ok(())
}

pub(super) async fn committed(books: &Books, by: &Signed, what: What) -> Result<Committed, Error> {
    let change = Change { id: &by.id, author: &by.author, reason: &by.reason, what };
    by.print_id("change");
    let decision = change.decision().map_err(|cause| Error::Id { text: by.id.clone(), cause })?;
    let context = context(PATIENCE);
    let refused = match books.ledger.commit(&decision, &context).await {
        Ok(done) => return Ok(done),
        Err(CommitError::Rejected(reason)) => reason,
        Err(CommitError::Conflict) => return Err(Error::IdTaken(by.id.clone())),
        Err(cause @ CommitError::Unavailable(_)) => return Err(Error::Unanswered { again: by.again(), cause }),
        Err(error) => return Err(error.into()),
    };
    match (refused, change.what) {
        (Reason::InsufficientCredits, What::Debit { account, amount }) => {
            let asset = account.asset();
            let Ok(row) = books.ledger.account(&account).await else {
                return Err(CommitError::Rejected(refused).into());
            };
            Err(Error::Insufficient {
                available: asset.format_balance(row.map_or(Balance::ZERO, |row| row.available)),
                amount: asset.format(amount),
                account,
            })
        }
        (Reason::KeyTaken, What::RemoteKey { key, name, .. }) => {
            let holder = books.ledger.owner(&key, &context).await.ok().flatten();
            let holder = holder.map_or_else(|| "revoked".to_owned(), |owner| format!("{owner}'s"));
            Err(Error::KeyTaken(name, holder))
        }
        (Reason::UnknownKey, What::RevokeKey { owner, key }) => Err(Error::NoKey { owner, id: key.short_id() }),
        (Reason::Overtaken, _) => Err(Error::Overtaken),
        (reason, _) => Err(CommitError::Rejected(reason).into()),
    }
}

impl Facts for AccountChanged {
    fn print(&self) {
        self.changed.print();
        match &self.state {
            Some(state) => state.print(),
            None if self.is_read => print_missing(&self.account),
            None => {}
        }
    }
}

impl Facts for ReferrerChanged {
    fn print(&self) {
        self.changed.print();
        if self.is_read {
            let referrer = self.referrer.as_deref().unwrap_or("nobody");
            print::line(format_args!("  {} was led here by {referrer}", self.owner));
        }
    }
}

impl Facts for KeyMade {
    fn print(&self) {
        self.changed.print();
        print::line(match &self.api_key {
            Some(key) => format!("  {key}\n  It is shown this once: only its hash is stored."),
            None => {
                "  Its key cannot be shown again. If it was never seen, make another and revoke this one.".to_owned()
            }
        });
        if let Some(id) = &self.replaces {
            print::line(format_args!(
                "  {id} works until it is revoked: account revoke {} {id} --reason …",
                self.owner
            ));
        }
    }
}
