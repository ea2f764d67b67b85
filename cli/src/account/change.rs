//! Commits a change of an account under its idempotency key, and prints the account after it.

use ledger::{
    AccountId, Amount, Balance, CallerKey, CommitError, Committed, KeySettings, Ledger as _, Owner, Reason,
    SpendingTerms, Timestamp,
};
use local::{What, context, new_api_key};
use manual::Change;
use serde::Serialize;

use super::facts::{State, print_missing};
use super::{PATIENCE, REFERRERS_MAX};
use crate::authorship::Authorship;
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::new_secret::NewSecret;
use crate::print::{self, Facts, Form};
use crate::prompt;

/// The change, and the account after it.
#[derive(Serialize)]
struct AccountChange {
    #[serde(flatten)]
    changed: ChangeResult,
    #[serde(flatten)]
    after: AccountAfter,
}

/// An account after a change.
#[derive(Serialize)]
pub(crate) struct AccountAfter {
    account: String,
    /// `None` if the account has no row, or could not be read.
    state: Option<State>,
    #[serde(skip)]
    is_read: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReferrerChange {
    #[serde(flatten)]
    changed: ChangeResult,
    owner: String,
    referrer: Option<String>,
    #[serde(skip)]
    is_read: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewKey {
    #[serde(flatten)]
    changed: ChangeResult,
    /// Both present only in the output of the command that creates it.
    key: Option<String>,
    api_key: Option<String>,
    /// The key that the new one replaces, while it is live.
    replaces: Option<String>,
    /// When that key stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    works_until: Option<String>,
    /// Whether it has the limits of the key that it replaces.
    #[serde(skip)]
    is_limited: bool,
    /// The team of that key, of which this one is no member.
    #[serde(skip)]
    team: Option<String>,
    #[serde(skip)]
    owner: String,
}

/// The account's current terms. An account without a row needs `--new` or a confirmation, since its name is usually mistyped.
pub(crate) async fn terms(books: &Books, account: &AccountId, is_new: bool) -> Result<SpendingTerms, Error> {
    if let Some(row) = books.ledger.account(account).await? {
        return Ok(row.terms);
    }
    if is_new || prompt::is_confirmed(&format!("There is no account {account}. Create it?")) {
        Ok(SpendingTerms::default())
    } else {
        Err(Error::NotNew(account.clone()))
    }
}

pub(super) async fn change(books: &Books, by: &Authorship, what: What, form: Form) -> Result<(), Error> {
    let account = what.account();
    let changed = ChangeResult::of(&committed(books, by, what).await?);
    if let Some(account) = account {
        return change_of(books, changed, &account, form).await;
    }
    form.show(&changed);
    Ok(())
}

/// Shows a change, and the account after it.
pub(crate) async fn change_of(
    books: &Books,
    changed: ChangeResult,
    account: &AccountId,
    form: Form,
) -> Result<(), Error> {
    form.show(&AccountChange { changed, after: after(books, account).await });
    Ok(())
}

/// A failed read is no failed command: the change is made, and an error would invite a second one.
pub(crate) async fn after(books: &Books, account: &AccountId) -> AccountAfter {
    let row = books.ledger.account(account).await.map_err(Error::from);
    let is_read = row.is_ok();
    let state = unless_unread(row, account).flatten().map(|row| State::of(account.asset(), &row));
    AccountAfter { account: account.to_string(), state, is_read }
}

/// Prints a failed read after a change, which stays a success.
pub(crate) fn unless_unread<T>(read: Result<T, Error>, what: &dyn std::fmt::Display) -> Option<T> {
    read.map_err(|error| print::error(format_args!("cannot show {what}: {}", error.line()))).ok()
}

/// Creates an API key for the owner, which replaces `replaces` if given.
pub(super) async fn api_key(
    books: &Books,
    by: &Authorship,
    owner: Owner,
    replaces: Option<ReplacedKey>,
    form: Form,
) -> Result<(), Error> {
    let (secret, name) = (new_api_key()?, owner.to_string());
    let (key, other) = (CallerKey::api(&secret), replaces.as_ref().map(|replaced| replaced.id.clone()));
    let ends = replaces.as_ref().and_then(|replaced| replaced.ends.clone());
    let settings = replaces.as_ref().map(|replaced| replaced.settings).unwrap_or_default();
    let team = replaces.as_ref().and_then(|replaced| replaced.team.clone());
    let id = key.short_id();
    let what = What::ApiKey { owner, key, replaces: other, settings, ends };
    let changed = ChangeResult::of(&committed(books, by, what).await?);
    let (key, api_key) = changed.is_done_now().then_some((id, secret)).unzip();
    let works_until = replaces.as_ref().and_then(|replaced| replaced.ends.as_ref()).map(|(_, _, at)| at.to_string());
    let works_until = works_until.filter(|_| changed.is_done_now());
    let replaces = replaces.filter(|replaced| replaced.is_live).map(|replaced| replaced.id);
    let is_limited = settings.budget.is_some();
    form.show(&NewKey { changed, key, api_key, replaces, works_until, is_limited, team, owner: name });
    Ok(())
}

/// The key that a new one replaces.
pub(super) struct ReplacedKey {
    pub(super) id: String,
    pub(super) is_live: bool,
    /// The key, if it ends, the seconds until then, and when that is.
    pub(super) ends: Option<(CallerKey, u32, Timestamp)>,
    pub(super) settings: KeySettings,
    pub(super) team: Option<String>,
}

/// Sets the referrer, and refuses a circle of referrers.
pub(super) async fn refer(
    books: &Books,
    by: &Authorship,
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
    let changed = ChangeResult::of(&committed(books, by, What::Referrer { owner: owner.clone(), from, to }).await?);
    let referrer = books.ledger.referrer(&owner, &context(PATIENCE)).await.map_err(Error::from);
    let is_read = referrer.is_ok();
    let referrer = unless_unread(referrer, &format_args!("the referrer of {owner}")).flatten();
    let referrer = referrer.map(|referrer| referrer.to_string());
    form.show(&ReferrerChange { changed, owner: owner.to_string(), referrer, is_read });
    Ok(())
}

pub(crate) async fn committed(books: &Books, by: &Authorship, what: What) -> Result<Committed, Error> {
    let change = Change { by: by.by(), what };
    by.print_id("change");
    let decision = change.decision().map_err(|cause| Error::Id { text: by.id.clone(), cause })?;
    let context = context(PATIENCE);
    let refused = match books.commit(&decision, &context).await {
        Ok(done) => return Ok(done),
        Err(CommitError::Rejected(reason)) => reason,
        Err(CommitError::Stale) => {
            if let What::RevokeServiceKey(key) = change.what {
                return Err(Error::ServiceKeyRevoked(key.short_id()));
            }
            // Its end is set already.
            if let What::ApiKey { owner, ends: Some((key, ..)), .. } = change.what {
                return Err(Error::NoKey { owner, id: key.short_id() });
            }
            return Err(CommitError::Stale.into());
        }
        Err(CommitError::Conflict) => return Err(Error::IdTaken(by.id.clone())),
        Err(cause @ CommitError::Unavailable(_)) => {
            return Err(Error::Unanswered { retry_option: by.retry_option(), cause });
        }
        Err(error) => return Err(error.into()),
    };
    match (refused, change.what) {
        (Reason::InsufficientCredits, What::Debit { account, amount }) => {
            Err(insufficient(books, account, amount).await)
        }
        (Reason::InsufficientCredits, What::Transfer(transfer)) => {
            Err(insufficient(books, transfer.from().clone(), transfer.amount()).await)
        }
        (Reason::KeyTaken, What::RemoteKey { key, name, .. }) => {
            let bound = books.ledger.key(&key, &context).await.ok().flatten();
            let holder = bound.map_or_else(|| "revoked".to_owned(), |bound| format!("{}'s", bound.owner));
            Err(Error::KeyTaken(name, holder))
        }
        (
            Reason::UnknownKey,
            What::ApiKey { owner, ends: Some((key, ..)), .. }
            | What::RevokeKey { owner, key, .. }
            | What::KeyRate { owner, key, .. },
        ) => Err(Error::NoKey { owner, id: key.short_id() }),
        (Reason::UnknownKey, What::Budget { change, .. }) => {
            Err(Error::NoKey { owner: change.owner, id: change.key.short_id() })
        }
        (Reason::Overtaken, What::Budget { .. }) => Err(Error::BudgetOvertaken),
        (Reason::Overtaken, _) => Err(Error::Overtaken),
        (reason, _) => Err(CommitError::Rejected(reason).into()),
    }
}

pub(crate) async fn insufficient(books: &Books, account: AccountId, amount: Amount) -> Error {
    let asset = account.asset();
    let Ok(row) = books.ledger.account(&account).await else {
        return CommitError::Rejected(Reason::InsufficientCredits).into();
    };
    Error::Insufficient {
        available: asset.format_balance(row.map_or(Balance::ZERO, |row| row.available)),
        amount: asset.format(amount),
        account,
    }
}

impl Facts for AccountChange {
    fn print(&self) {
        self.changed.print();
        self.after.print();
    }
}

impl AccountAfter {
    pub(crate) fn account(&self) -> &str {
        &self.account
    }
}

impl Facts for AccountAfter {
    fn print(&self) {
        match &self.state {
            Some(state) => state.print(),
            None if self.is_read => print_missing(&self.account),
            None => {}
        }
    }
}

impl Facts for ReferrerChange {
    fn print(&self) {
        self.changed.print();
        if self.is_read {
            match &self.referrer {
                Some(referrer) => print::line(format_args!("  {} has the referrer {referrer}", self.owner)),
                None => print::line(format_args!("  {} has no referrer", self.owner)),
            }
        }
    }
}

impl Facts for NewKey {
    fn print(&self) {
        self.changed.print();
        print::line(match self.key.as_ref().zip(self.api_key.as_ref()) {
            Some((id, key)) => {
                format!("  {key}\n  This key is printed only once: only its hash is stored. Its name is {id}.")
            }
            None => "  The key cannot be printed again. If you do not have it, create another and revoke this one."
                .to_owned(),
        });
        if self.is_limited {
            print::line("  It has the limits of the key that it replaces, and has spent nothing of them yet.");
        }
        if let Some(team) = &self.team {
            print::line(format_args!("  It is no member of {team}: member add {team} {} …", self.owner));
        }
        match (&self.replaces, &self.works_until) {
            (Some(id), Some(at)) => print::line(format_args!("  {id} works until {at}.")),
            (Some(id), None) => print::line(format_args!(
                "  {id} works until it is revoked: account revoke {} {id} --reason …",
                self.owner
            )),
            (None, _) => {}
        }
    }

    fn secret(&self) -> Option<NewSecret> {
        let (id, _) = self.key.as_ref().zip(self.api_key.as_ref())?;
        Some(NewSecret {
            made: format!("the API key {id} of {} is made", self.owner),
            if_lost: format!("`account revoke {} {id} --reason R` ends it", self.owner),
        })
    }
}
