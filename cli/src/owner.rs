//! `owner`: prints all of one owner over the API, and erases what names a person.

mod facts;

use std::path::Path;

use api::{ErasedOrders, Signed, erase_orders, unnamed};
use clap::{Args, Subcommand};
use ledger::{CallerKey, Committed, KeyId, KeyQuery, Keys as _, LinePosition, Owner, Writer};
use local::{What, context};

use self::facts::Erasure;
use crate::account::{PATIENCE, committed};
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Form};
use crate::statement::client;

/// As many names of keys as one transaction removes.
const NAMES_MAX: usize = 50;
/// What one batch read takes.
const KEYS_MAX: u16 = 100;

#[derive(Debug, Args)]
pub(crate) struct OwnerCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print all of one owner over the API, a page in each line as JSON
    Export {
        owner: String,
        /// The address of the API, the output `ApiUrl` of a deployed stage [default: the running stack]
        #[arg(long, value_name = "URL")]
        api: Option<String>,
    },
    /// Remove phones and wallets from orders whose delivery has ended, and the names of keys. The journal keeps author and
    /// reason, and no line of it changes
    Erase {
        #[command(flatten)]
        which: BooksArgs,
        owner: String,
        #[command(flatten)]
        by: ChangeArgs,
    },
}

pub(crate) async fn run(
    args: OwnerCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match args.action {
        Action::Export { owner, api } => {
            let owner = parse::owner(&owner)?;
            let client = client(api.as_deref(), &owner, dir, variable)?;
            export(&client, &owner).await
        }
        Action::Erase { which, owner, by } => {
            let (owner, by) = (parse::owner(&owner)?, by.authorship(variable)?);
            form.show(&erase(&which.open(dir).await?, &owner, &by).await?);
            Ok(())
        }
    }
}

/// A page at a time, so that an owner of any size takes the memory of one.
async fn export(client: &client::Client, owner: &Owner) -> Result<(), Error> {
    let mut pages = client.export(owner.as_str());
    while let Some(page) = pages.next_text().await? {
        // After `head` has what it wants, no page is fetched any more.
        if !print::text(&format!("{page}\n")) {
            break;
        }
    }
    Ok(())
}

/// Each order has a receipt of its own. That of the command has the names of keys, and comes last: after a failure the same
/// command goes on where it ended.
async fn erase(books: &Books, owner: &Owner, by: &Authorship) -> Result<Erasure, Error> {
    let signed = Signed { writer: Writer::Manual, author: &by.author, reason: &by.reason };
    let (mut all, mut after) = (ErasedOrders::default(), None);
    loop {
        let context = context(PATIENCE);
        let page = erase_orders(&books.ledger, owner, after.as_ref(), &signed, &context, &|_, _| ()).await?;
        all.erased.extend(page.erased);
        all.kept.extend(page.kept);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let keys = named_keys(books, owner).await?;
    let changed = unname(books, owner, &keys, by).await?;
    Ok(Erasure::of(ChangeResult::of(&changed), owner, &all, &keys))
}

async fn named_keys(books: &Books, owner: &Owner) -> Result<Vec<CallerKey>, Error> {
    let (mut named, mut after): (Vec<CallerKey>, Option<LinePosition>) = (Vec::new(), None);
    loop {
        let query = KeyQuery { owner: Some(owner.clone()), after, keys_max: KEYS_MAX };
        let page = books.ledger.key_page(&query, &context(PATIENCE)).await?;
        named.extend(unnamed(&page.keys).into_iter().filter_map(|(id, _)| match id {
            KeyId::Owner(key) => Some(key),
            KeyId::Service(_) => None,
        }));
        after = page.next;
        if after.is_none() {
            return Ok(named);
        }
    }
}

/// One entry, and another one for each further fifty names. Without any name there is one entry all the same.
async fn unname(books: &Books, owner: &Owner, keys: &[CallerKey], by: &Authorship) -> Result<Committed, Error> {
    let (first, rest) = keys.split_at(keys.len().min(NAMES_MAX));
    for (number, names) in (2..).zip(rest.chunks(NAMES_MAX)) {
        let part = by.part(number);
        committed(books, &part, What::Erase { owner: owner.clone(), keys: names.to_vec() }).await?;
    }
    committed(books, by, What::Erase { owner: owner.clone(), keys: first.to_vec() }).await
}
