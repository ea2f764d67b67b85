//! `key`: makes, lists and revokes service keys, with which a shop's own server calls the API for any owner. The keys of
//! owners are under `account`.

mod facts;

use std::path::Path;

use clap::{Args, Subcommand};
use ledger::{
    CallCounts as _, CallRate, CommitError, KeyId, Keys as _, Scopes, ServiceKey, ServiceKeyHash, ServiceKeySettings,
    ServiceKeys as _, StoredKey,
};
use local::{What, context, new_service_key, now};

use self::facts::{KeyFacts, KeyList, KeyRevocation, MadeKey};
use crate::account::rate::RateResult;
use crate::account::{PATIENCE, committed};
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::Form;

/// Attempts to set a key that changes at the same moment.
const ROUNDS_MAX: u32 = 8;

#[derive(Debug, Args)]
pub(crate) struct KeyCommand {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a service key. It is printed once; only its hash is stored
    Make {
        /// What you call it, such as shop or nightly-job
        name: String,
        /// What it may do: words between commas, of read, grant, spend, orders, keys and admin
        #[arg(long)]
        scopes: String,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// List the service keys: short name, scopes, creation time and state
    List,
    /// Limit how many calls a service key may make in a minute
    Rate {
        /// Its short name in `key list`: service-3f9c0a12be45
        key: String,
        /// The calls of the APIs that it may make in a minute, or none
        #[arg(value_name = "CALLS|none")]
        rate: String,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Revoke a service key. It cannot be made again
    Revoke {
        /// Its short name in `key list`: service-3f9c0a12be45
        key: String,
        #[command(flatten)]
        by: ChangeArgs,
    },
}

pub(crate) async fn run(
    args: KeyCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match args.action {
        Action::Make { name, scopes, by } => {
            let name = parse::key_name(&name)?;
            let scopes = Scopes::parse(&scopes).map_err(|cause| Error::Scopes { text: scopes, cause })?;
            let by = by.authorship(variable)?;
            let secret = new_service_key()?;
            let hash = ServiceKeyHash::of(&secret);
            let key =
                ServiceKey { hash, name, scopes, made_by: by.receipt()?, since: now(), revoked_at: None, rate: None };
            make(&args.which.open(dir).await?, &by, key, secret, form).await
        }
        Action::List => {
            let (books, now) = (args.which.open(dir).await?, context(PATIENCE));
            let keys = books.ledger.service_keys(&now).await?;
            let id = |key: &ServiceKey| KeyId::Service(key.hash.clone());
            let used = books.ledger.last_used(&keys.iter().map(id).collect::<Vec<_>>(), &now).await?;
            form.show(&KeyList { keys: keys.iter().map(|key| KeyFacts::of(key, used.get(&id(key)))).collect() });
            Ok(())
        }
        Action::Rate { key, rate, by } => {
            let (rate, by) = (parse::call_rate(&rate)?, by.authorship(variable)?);
            set_rate(&args.which.open(dir).await?, &by, key, rate, form).await
        }
        Action::Revoke { key, by } => {
            let by = by.authorship(variable)?;
            let books = args.which.open(dir).await?;
            let hash = find(&books, &key).await?;
            let changed = ChangeResult::of(&committed(&books, &by, What::RevokeServiceKey(hash)).await?);
            form.show(&KeyRevocation { changed, key });
            Ok(())
        }
    }
}

async fn make(books: &Books, by: &Authorship, key: ServiceKey, secret: String, form: Form) -> Result<(), Error> {
    let id = key.hash.short_id();
    let changed = ChangeResult::of(&committed(books, by, What::MakeServiceKey(Box::new(key))).await?);
    let (service_key, key) = changed.is_done_now().then_some((secret, id)).unzip();
    form.show(&MadeKey { changed, key, service_key });
    Ok(())
}

async fn set_rate(books: &Books, by: &Authorship, id: String, rate: Option<CallRate>, form: Form) -> Result<(), Error> {
    let hash = find(books, &id).await?;
    for _ in 0..ROUNDS_MAX {
        let now = context(PATIENCE);
        let stored = books.ledger.key_as_stored(&KeyId::Service(hash.clone()), &now).await?;
        let Some(StoredKey::Service(key)) = stored else { return Err(Error::NoServiceKey(id)) };
        let (from, to) = (key.settings(), ServiceKeySettings { rate, ..key.settings() });
        match committed(books, by, What::ServiceKeyRate { hash: hash.clone(), from, to }).await {
            // It has changed since it was read, or it is revoked.
            Err(Error::Commit(CommitError::Stale)) if key.is_live(now.received_at) => {}
            Err(Error::Commit(CommitError::Stale)) => return Err(Error::ServiceKeyRevoked(id)),
            committed => {
                let changed = ChangeResult::of(&committed?);
                form.show(&RateResult { changed, key: id, rate: rate.map(CallRate::calls_a_minute) });
                return Ok(());
            }
        }
    }
    Err(Error::Overtaken)
}

/// Searches revoked keys too, so that a repeated `revoke` finds the key that it revoked.
async fn find(books: &Books, id: &str) -> Result<ServiceKeyHash, Error> {
    let keys = books.ledger.service_keys(&context(PATIENCE)).await?;
    let mut found = keys.into_iter().filter(|key| key.hash.short_id() == id);
    let key = found.next().ok_or_else(|| Error::NoServiceKey(id.to_owned()))?;
    if found.next().is_some() { Err(Error::ServiceKeysAlike(id.to_owned())) } else { Ok(key.hash) }
}
