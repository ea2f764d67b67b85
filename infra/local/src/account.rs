//! `account`: what an owner has, and what a person may do about it. Every change is a row of the journal.

mod keys;
mod repair;

use std::path::Path;
use std::time::Duration;

use catalog::{Catalog, SHIPPED};
use clap::{Args, Subcommand};
use idempotency::{AccountRow, Line};
use ledger::{
    AccountId, Amount, Asset, Balance, CallerKey, CommitError, Committed, EventKey, Lane, Lanes as _, Ledger as _,
    Owed, Owner, Policy, Reason, Receipt, SpendingTerms,
};
use usage::Usage;
use webhook::Webhook as _;

use crate::books::{Books, Which};
use crate::by::By;
use crate::error::Error;
use crate::manual::{self, Change, What, credits_of};
use crate::seed::delivery;
use crate::{print, random};

/// A screen of it.
const STATEMENT_LINES: i32 = 20;
/// Who led whom here: a chain that is longer is no real one, and to look for a circle in it would not end.
const REFERRERS_MAX: usize = 64;
/// What more than this wait for is not counted: their number says enough.
const WAITING_MAX: u32 = 10_000;
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
    /// The balance and the last lines of the statement, of credits or of what is named after the owner: alice/POSX, bob/commission-usd
    Show {
        #[arg(value_name = "OWNER[/ASSET]")]
        account: String,
    },
    /// Give credits, or what is named after the owner
    Credit(Sum),
    /// Take them, down to the overdraft line and not below it
    Debit(Sum),
    /// Set how far below zero the account may be spent
    Overdraft(Sum),
    /// Say how far usage is booked: prepaid, or owed down to a limit (postpaid). What waits is booked within ten minutes
    Policy {
        owner: String,
        #[arg(value_parser = ["prepaid", "postpaid"])]
        policy: String,
        /// How far below zero a postpaid account may be, as 15 or 0.00234
        #[arg(long, required_if_eq("policy", "postpaid"))]
        limit: Option<String>,
        #[command(flatten)]
        by: Named,
    },
    /// Make an account and its lines agree, as `audit` says
    Repair(repair::Repair),
    /// Say whose an LLM gateway's key is. A key never changes hands
    Key {
        owner: String,
        remote_key_id: String,
        #[command(flatten)]
        by: Named,
    },
    /// Say who led the owner here, and so earns by what they buy from now on
    Referrer {
        owner: String,
        #[arg(required_unless_present = "none")]
        referrer: Option<String>,
        /// Nobody, from now on
        #[arg(long, conflicts_with = "referrer")]
        none: bool,
        #[command(flatten)]
        by: Named,
    },
    /// Make an API key for the owner. It is shown once and never stored
    ApiKey {
        owner: String,
        #[command(flatten)]
        by: Named,
    },
    /// The keys that name the owner: each with a short name that is no secret, since when, and whether it is revoked
    Keys { owner: String },
    /// End a key of the owner's. It cannot be given to another, nor back
    Revoke {
        owner: String,
        /// Its name in `account keys`: api-3f9c0a12be45, gateway-tok_42
        key: String,
        #[command(flatten)]
        by: Named,
    },
    /// Make an API key in place of another, which works until it is revoked
    Rotate {
        owner: String,
        /// The other's name in `account keys`: api-3f9c0a12be45
        key: String,
        #[command(flatten)]
        by: Named,
    },
}

#[derive(Debug, Args)]
struct Sum {
    /// alice for credits, or alice/POSX, bob/commission-usd
    #[arg(value_name = "OWNER[/ASSET]")]
    account: String,
    /// As 15 or 0.00234
    #[arg(allow_negative_numbers = true)]
    amount: String,
    #[command(flatten)]
    by: Named,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    #[command(flatten)]
    by: By,
    /// A name for this change, so that doing it again does nothing [default: a new one, which is printed first]
    #[arg(long)]
    id: Option<String>,
}

pub(crate) async fn run(args: Account, dir: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<(), Error> {
    let books = || args.which.open(dir);
    match args.action {
        Action::Show { account } => {
            let account = named(&account)?;
            show(&args.which.read(dir).await?, &account).await
        }
        Action::Credit(sum) => {
            let (account, amount, by) = sum.read(variable)?;
            change(&books().await?, by, What::Credit { account, amount }).await
        }
        Action::Debit(sum) => {
            let (account, amount, by) = sum.read(variable)?;
            change(&books().await?, by, What::Debit { account, amount }).await
        }
        Action::Overdraft(sum) => {
            let (account, to, by) = sum.read(variable)?;
            let books = books().await?;
            let from = terms(&books, &account).await?;
            if from.policy == Policy::Postpaid {
                return Err(Error::Postpaid(account));
            }
            change(&books, by, What::Overdraft { account, from, to: SpendingTerms::prepaid(to) }).await
        }
        Action::Policy { owner, policy, limit, by } => {
            let (account, by) = (credits_of(&Owner::new(&owner)?), by.signed(variable)?);
            let to = match (Policy::named(&policy), limit) {
                (Some(Policy::Postpaid), Some(limit)) => SpendingTerms::postpaid(account.asset().parse(&limit)?),
                (_, None) => SpendingTerms::default(),
                (_, Some(_)) => return Err(Error::LimitOfPrepaid),
            };
            let books = books().await?;
            let from = terms(&books, &account).await?;
            change(&books, by, What::Policy { account, from, to }).await
        }
        Action::Repair(repair) => {
            let (account, what) = repair.read()?;
            let by = repair.by.signature(variable)?;
            repair::write(&args.which.read(dir).await?, &account, &what, &by).await
        }
        Action::Key { owner, remote_key_id: name, by } => {
            let (owner, key, by) = (Owner::new(&owner)?, CallerKey::remote(&name)?, by.signed(variable)?);
            change(&books().await?, by, What::RemoteKey { owner, key, name }).await
        }
        Action::Referrer { owner, referrer, none: _, by } => {
            let (owner, by) = (Owner::new(&owner)?, by.signed(variable)?);
            let to = referrer.as_deref().map(Owner::new).transpose()?;
            refer(&books().await?, by, owner, to).await
        }
        Action::ApiKey { owner, by } => {
            let (owner, by, secret) = (Owner::new(&owner)?, by.signed(variable)?, random::api_key()?);
            let key = CallerKey::api(&secret);
            api_key(&books().await?, by, What::ApiKey { owner, key, replaces: None }, &secret).await
        }
        Action::Keys { owner } => keys::list(&args.which.read(dir).await?, &Owner::new(&owner)?).await,
        Action::Revoke { owner, key, by } => {
            let (owner, by) = (Owner::new(&owner)?, by.signed(variable)?);
            keys::revoke(&args.which.read(dir).await?, by, owner, &key).await
        }
        Action::Rotate { owner, key, by } => {
            let (owner, by) = (Owner::new(&owner)?, by.signed(variable)?);
            keys::rotate(&args.which.read(dir).await?, by, owner, &key).await
        }
    }
}

async fn terms(books: &Books, account: &AccountId) -> Result<SpendingTerms, Error> {
    Ok(books.ledger.account(account).await?.map_or_else(SpendingTerms::default, |row| row.terms))
}

impl Sum {
    fn read(self, variable: impl Fn(&str) -> Option<String>) -> Result<(AccountId, Amount, Signed), Error> {
        let account = named(&self.account)?;
        let amount = account.asset().parse(&self.amount)?;
        Ok((account, amount, self.by.signed(variable)?))
    }
}

/// Who made a change, why, and under which name.
struct Signed {
    id: String,
    /// The id is of our own making, and only what we print says it.
    is_new: bool,
    author: String,
    reason: String,
}

impl Named {
    fn signed(self, variable: impl Fn(&str) -> Option<String>) -> Result<Signed, Error> {
        let is_new = self.id.is_none();
        let id = self.id.unwrap_or_else(|| format!("{:016x}", fastrand::u64(..)));
        // Before any books are opened: a change that cannot be made makes no folder either.
        EventKey::new(manual::SOURCE, &id)?;
        Ok(Signed { id, is_new, author: self.by.author(variable)?, reason: self.by.reason })
    }
}

/// A token's name says nothing of its decimals: the catalog does.
fn named(text: &str) -> Result<AccountId, Error> {
    let Some((owner, code)) = text.split_once('/') else {
        return Ok(credits_of(&Owner::new(text)?));
    };
    let asset = Asset::named(code).or_else(|| Catalog::parse(SHIPPED).ok()?.token(code));
    Ok(Owner::new(owner)?.account(asset.ok_or_else(|| Error::UnknownAsset(code.to_owned()))?))
}

async fn show(books: &Books, account: &AccountId) -> Result<(), Error> {
    let (row, waiting) = (books.ledger.account(account).await?, waiting(books, account).await?);
    match row {
        Some(row) => {
            print::line(account);
            state(account, &row);
        }
        None if waiting.is_empty() => return Err(Error::NoAccount(account.clone())),
        None => print::line(format_args!("{account} is not there yet: credit it before it can spend")),
    }
    if !waiting.is_empty() {
        print::line(format_args!("  waiting    {}", owed(account.asset(), &waiting)?));
    }
    if let Some(referrer) = books.ledger.referrer(account.owner(), &delivery(PATIENCE)).await? {
        print::line(format_args!("  referrer   {referrer}"));
    }
    let lines = books.ledger.statement(account, STATEMENT_LINES).await?;
    if !lines.is_empty() {
        print::line("");
        print::columns(&statement(account.asset(), &lines));
    }
    Ok(())
}

/// What was used and refused, and waits until its owner can pay.
async fn waiting(books: &Books, account: &AccountId) -> Result<Vec<Owed>, Error> {
    if account.asset() != Asset::CREDITS {
        return Ok(Vec::new());
    }
    let lane = Lane::Owner(account.owner().clone());
    Ok(books.ledger.waiting_in(Usage::SOURCE, &lane, WAITING_MAX, &delivery(PATIENCE)).await?)
}

fn state(account: &AccountId, row: &AccountRow) {
    let (asset, SpendingTerms { policy, overdraft }) = (account.asset(), row.terms);
    let line = if policy == Policy::Postpaid { "  limit" } else { "  overdraft" };
    print::columns(&[
        ["  balance".to_owned(), asset.format_balance(row.balance)],
        ["  available".to_owned(), asset.format_balance(row.available)],
        ["  policy".to_owned(), policy.as_str().to_owned()],
        [line.to_owned(), asset.format(overdraft)],
        ["  version".to_owned(), row.version.to_string()],
    ]);
}

/// What was used and is not paid for, as far as is counted.
fn owed(asset: Asset, waiting: &[Owed]) -> Result<String, Error> {
    let sum = waiting.iter().try_fold(Amount::ZERO, |sum, owed| sum.checked_add(owed.amount));
    let sum = asset.format(sum.ok_or(Error::TooMuchOwed)?);
    let is_all = waiting.len() < usize::try_from(WAITING_MAX).unwrap_or(usize::MAX);
    let (more, events) = (if is_all { "" } else { "more than " }, waiting.len());
    Ok(format!("{more}{sum} for {more}{events} refused events"))
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
    print_outcome(&committed(books, &by, what).await?);
    // The change is made, whatever comes of this read: a failure here would have it made again.
    match books.ledger.account(&account).await {
        Ok(Some(row)) => state(&account, &row),
        Ok(None) => print::line(format_args!("  {account} is not there yet: credit it before it can spend")),
        Err(error) => print::error(format_args!("{account} cannot be shown: {}", Error::from(error).line())),
    }
    Ok(())
}

async fn api_key(books: &Books, by: Signed, what: What, secret: &str) -> Result<(), Error> {
    let done = committed(books, &by, what).await?;
    print_outcome(&done);
    print::line(match done {
        Committed::Now(_) => format!("  {secret}\n  It is shown this once: only its hash is stored."),
        Committed::Earlier(_) | Committed::Ignored { .. } => {
            "  Its key cannot be shown again. If it was never seen, make another and revoke this one.".to_owned()
        }
    });
    Ok(())
}

/// Nobody leads themselves here, be it by way of others.
async fn refer(books: &Books, by: Signed, owner: Owner, to: Option<Owner>) -> Result<(), Error> {
    let mut above = to.clone();
    for _ in 0..REFERRERS_MAX {
        let Some(referrer) = above else { break };
        if referrer == owner {
            return Err(Error::Circle(owner));
        }
        above = books.ledger.referrer(&referrer, &delivery(PATIENCE)).await?;
    }
    let from = books.ledger.referrer(&owner, &delivery(PATIENCE)).await?;
    print_outcome(&committed(books, &by, What::Referrer { owner: owner.clone(), from, to }).await?);
    let referrer = match books.ledger.referrer(&owner, &delivery(PATIENCE)).await {
        Ok(referrer) => referrer,
        Err(error) => {
            print::error(format_args!("who led {owner} here cannot be shown: {}", Error::from(error).line()));
            return Ok(());
        }
    };
    let said = referrer.map_or_else(|| "nobody".to_owned(), |referrer| referrer.to_string());
    print::line(format_args!("  {owner} was led here by {said}"));
    Ok(())
}

fn print_outcome(done: &Committed) {
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
    let again = format!("--id {}", by.id);
    if by.is_new {
        // Before the call: a command that is interrupted must not take the name with it.
        print::error(format_args!("{again} names this change"));
    }
    let delivery = delivery(PATIENCE);
    let refused = match books.ledger.commit(&change.decision()?, &delivery).await {
        Ok(done) => return Ok(done),
        Err(CommitError::Rejected(reason)) => reason,
        Err(CommitError::Conflict) => return Err(Error::IdTaken(by.id.clone())),
        Err(cause @ CommitError::Unavailable(_)) => return Err(Error::Unanswered { again, cause }),
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
            let holder = books.ledger.owner(&key, &delivery).await.ok().flatten();
            let holder = holder.map_or_else(|| "revoked".to_owned(), |owner| format!("{owner}'s"));
            Err(Error::KeyTaken(name, holder))
        }
        (Reason::UnknownKey, What::RevokeKey { owner, key }) => Err(Error::NoKey { owner, id: key.short_id() }),
        (Reason::Overtaken, _) => Err(Error::Overtaken),
        (reason, _) => Err(CommitError::Rejected(reason).into()),
    }
}
