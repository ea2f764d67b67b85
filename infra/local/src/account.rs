//! `account`: what an owner has, and what a person may do about it. Every change is a row of the journal.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use idempotency::{AccountRow, Line};
use ledger::{
    AccountId, Amount, Asset, Balance, CallerKey, CommitError, Committed, EventKey, Ledger as _, Owner, Reason, Receipt,
};

use crate::books::{Books, Which};
use crate::error::Error;
use crate::manual::{self, Change, What, credits_of};
use crate::seed::delivery;
use crate::{print, random};

/// A screen of it.
const STATEMENT_LINES: i32 = 20;
/// Two lines of a terminal; the row stays within the 1 KB that a write is billed by.
const REASON_CHARS_MAX: usize = 160;
const AUTHOR_CHARS_MAX: usize = 64;
/// A person waits longer than a sender does.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Account {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The balance and the last lines of the statement
    Show { owner: String },
    /// Give credits
    Credit(Sum),
    /// Take credits, down to the overdraft line and not below it
    Debit(Sum),
    /// Set how far below zero the account may be spent
    Overdraft(Sum),
    /// Say whose an LLM gateway's key is. A key never changes hands
    Key {
        owner: String,
        remote_key_id: String,
        #[command(flatten)]
        by: By,
    },
    /// Make an API key for the owner. It is shown once and never stored
    ApiKey {
        owner: String,
        #[command(flatten)]
        by: By,
    },
}

#[derive(Debug, Args)]
struct Sum {
    owner: String,
    /// Credits, as 15 or 0.00234
    #[arg(allow_negative_numbers = true)]
    amount: String,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
struct By {
    /// Why: it stands in the journal
    #[arg(long, value_parser = reason)]
    reason: String,
    /// Who: it stands in the journal [default: $USER]
    #[arg(long, value_parser = author)]
    author: Option<String>,
    /// A name for this change, so that doing it again does nothing [default: a new one]
    #[arg(long)]
    id: Option<String>,
}

pub(crate) async fn run(args: Account, dir: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<(), Error> {
    let books = || args.which.open(dir);
    let user = || variable("USER").ok_or(Error::NoAuthor);
    match args.action {
        Action::Show { owner } => show(&args.which.read(dir).await?, &credits_of(&Owner::new(&owner)?)).await,
        Action::Credit(sum) => {
            let (account, amount, by) = sum.read(user)?;
            change(&books().await?, by, What::Credit { account, amount }).await
        }
        Action::Debit(sum) => {
            let (account, amount, by) = sum.read(user)?;
            change(&books().await?, by, What::Debit { account, amount }).await
        }
        Action::Overdraft(sum) => {
            let (account, to, by) = sum.read(user)?;
            let books = books().await?;
            let row = books.ledger.account(&account).await?;
            let from = row.map_or(Amount::ZERO, |row| row.overdraft);
            change(&books, by, What::Overdraft { account, from, to }).await
        }
        Action::Key { owner, remote_key_id: name, by } => {
            let (owner, key, by) = (Owner::new(&owner)?, CallerKey::remote(&name)?, by.signed(user)?);
            change(&books().await?, by, What::RemoteKey { owner, key, name }).await
        }
        Action::ApiKey { owner, by } => {
            let (owner, by, secret) = (Owner::new(&owner)?, by.signed(user)?, random::api_key()?);
            let key = CallerKey::api(&secret);
            api_key(&books().await?, by, What::ApiKey { owner, key }, &secret).await
        }
    }
}

impl Sum {
    fn read(self, user: impl Fn() -> Result<String, Error>) -> Result<(AccountId, Amount, Signed), Error> {
        let account = credits_of(&Owner::new(&self.owner)?);
        let amount = account.asset().parse(&self.amount)?;
        Ok((account, amount, self.by.signed(user)?))
    }
}

/// Who made a change, why, and under which name.
struct Signed {
    id: String,
    author: String,
    reason: String,
}

impl By {
    fn signed(self, user: impl Fn() -> Result<String, Error>) -> Result<Signed, Error> {
        let id = self.id.unwrap_or_else(|| format!("{:016x}", fastrand::u64(..)));
        // Before any books are opened: a change that cannot be made makes no folder either.
        EventKey::new(manual::SOURCE, &id)?;
        Ok(Signed { id, author: self.author.map_or_else(user, Ok)?, reason: self.reason })
    }
}

async fn show(books: &Books, account: &AccountId) -> Result<(), Error> {
    let row = books.ledger.account(account).await?;
    let row = row.ok_or_else(|| Error::NoAccount(account.clone()))?;
    print::line(account);
    state(account, &row);
    let lines = books.ledger.statement(account, STATEMENT_LINES).await?;
    if !lines.is_empty() {
        print::line("");
        print::columns(&statement(account.asset(), &lines));
    }
    Ok(())
}

fn state(account: &AccountId, row: &AccountRow) {
    let asset = account.asset();
    print::columns(&[
        ["  balance".to_owned(), asset.format_balance(row.balance)],
        ["  available".to_owned(), asset.format_balance(row.available)],
        ["  overdraft".to_owned(), asset.format(row.overdraft)],
        ["  version".to_owned(), row.version.to_string()],
    ]);
}

fn statement(asset: Asset, lines: &[Line]) -> Vec<[String; 4]> {
    let head = ["time", "kind", "change", "receipt"].map(str::to_owned);
    let line = |line: &Line| {
        [line.processed_at.clone(), line.kind.clone(), asset.format_balance(line.change), line.id.clone()]
    };
    std::iter::once(head).chain(lines.iter().map(line)).collect()
}

async fn change(books: &Books, by: Signed, what: What) -> Result<(), Error> {
    let account = what.account();
    told(&committed(books, &by, what).await?);
    match books.ledger.account(&account).await? {
        Some(row) => state(&account, &row),
        None => print::line(format_args!("  {account} is not there yet: credit it before it can spend")),
    }
    Ok(())
}

async fn api_key(books: &Books, by: Signed, what: What, secret: &str) -> Result<(), Error> {
    let done = committed(books, &by, what).await?;
    told(&done);
    print::line(match done {
        Committed::Now(_) => format!("  {secret}\n  It is shown this once: only its hash is stored."),
        Committed::Earlier(_) | Committed::Ignored { .. } => {
            "  The key was shown then, and cannot be shown again.".to_owned()
        }
    });
    Ok(())
}

fn told(done: &Committed) {
    match done {
        Committed::Now(Receipt { key, .. }) => print::line(format_args!("done: {key}")),
        Committed::Earlier(Receipt { key, processed_at }) => {
            print::line(format_args!("already done: {key}, at {processed_at}"));
        }
        Committed::Ignored { reason } => print::line(format_args!("nothing to do: {reason}")),
    }
}

async fn committed(books: &Books, by: &Signed, what: What) -> Result<Committed, Error> {
    let change = Change { id: &by.id, author: &by.author, reason: &by.reason, what };
    let delivery = delivery(PATIENCE);
    let refused = match books.ledger.commit(&change.decision()?, &delivery).await {
        Ok(done) => return Ok(done),
        Err(CommitError::Rejected(reason)) => reason,
        Err(CommitError::Conflict) => return Err(Error::IdTaken(by.id.clone())),
        Err(error) => return Err(error.into()),
    };
    match (refused, change.what) {
        (Reason::InsufficientCredits, What::Debit { account, amount }) => {
            let asset = account.asset();
            let row = books.ledger.account(&account).await?;
            Err(Error::Insufficient {
                available: asset.format_balance(row.map_or(Balance::ZERO, |row| row.available)),
                amount: asset.format(amount),
                account,
            })
        }
        (Reason::KeyTaken, What::RemoteKey { key, name, .. }) => {
            let holder = books.ledger.owner(&key, &delivery).await?;
            let holder = holder.map_or_else(|| "somebody else".to_owned(), |owner| owner.to_string());
            Err(Error::KeyTaken(name, holder))
        }
        (Reason::Overtaken, _) => Err(Error::Overtaken),
        (reason, _) => Err(CommitError::Rejected(reason).into()),
    }
}

fn reason(text: &str) -> Result<String, String> {
    bounded(text, REASON_CHARS_MAX)
}

fn author(text: &str) -> Result<String, String> {
    bounded(text, AUTHOR_CHARS_MAX)
}

fn bounded(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > chars_max || text.chars().any(char::is_control) {
        return Err(format!("must be one line of 1 to {chars_max} characters"));
    }
    Ok(text.to_owned())
}
