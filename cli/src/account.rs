//! `account`: what an owner has, and what a person may do about it. Every change is a row of the journal.

mod change;
mod facts;
mod keys;
mod repair;

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use ledger::{AccountId, Amount, Asset, Lane, Lanes as _, Ledger as _, Owed, Policy, SpendingTerms};
use local::{USAGE, What, context, credits_of};

use self::change::change;
use self::facts::AccountFacts;
use crate::books::{Books, Which};
use crate::by::{Named, Signed};
use crate::error::Error;
use crate::given;
use crate::print::Form;

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
        /// Make the account, where it is not there yet
        #[arg(long)]
        new: bool,
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
    /// Make the account, where it is not there yet
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    by: Named,
}

pub(crate) async fn run(
    args: Account,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let books = || args.which.open(dir);
    match args.action {
        Action::Show { account } => {
            let account = given::account(&account)?;
            show(&books().await?, &account, form).await
        }
        Action::Credit(sum) => {
            let Read { account, amount, is_new, by } = sum.read(given::moved, variable)?;
            let books = books().await?;
            change::terms(&books, &account, is_new).await?;
            change(&books, &by, What::Credit { account, amount }, form).await
        }
        Action::Debit(sum) => {
            let Read { account, amount, is_new, by } = sum.read(given::moved, variable)?;
            let books = books().await?;
            change::terms(&books, &account, is_new).await?;
            change(&books, &by, What::Debit { account, amount }, form).await
        }
        Action::Overdraft(sum) => {
            let Read { account, amount: to, is_new, by } = sum.read(given::amount, variable)?;
            let books = books().await?;
            let from = change::terms(&books, &account, is_new).await?;
            if from.policy == Policy::Postpaid {
                return Err(Error::Postpaid(account));
            }
            change(&books, &by, What::Overdraft { account, from, to: SpendingTerms::prepaid(to) }, form).await
        }
        Action::Policy { owner, policy, limit, new, by } => {
            let (account, by) = (credits_of(&given::owner(&owner)?), by.signed(variable)?);
            let to = match (Policy::named(&policy), limit) {
                (Some(Policy::Postpaid), Some(limit)) => {
                    SpendingTerms::postpaid(given::amount(account.asset(), &limit)?)
                }
                (_, None) => SpendingTerms::default(),
                (_, Some(_)) => return Err(Error::LimitOfPrepaid),
            };
            let books = books().await?;
            let from = change::terms(&books, &account, new).await?;
            change(&books, &by, What::Policy { account, from, to }, form).await
        }
        Action::Repair(repair) => {
            let (account, what) = repair.read()?;
            let by = repair.by.signed(variable)?;
            repair::write(&books().await?, &account, &what, &by, form).await
        }
        Action::Key { owner, remote_key_id: name, by } => {
            let (owner, key, by) = (given::owner(&owner)?, given::remote_key(&name)?, by.signed(variable)?);
            change(&books().await?, &by, What::RemoteKey { owner, key, name }, form).await
        }
        Action::Referrer { owner, referrer, none: _, by } => {
            let (owner, by) = (given::owner(&owner)?, by.signed(variable)?);
            let to = referrer.as_deref().map(given::owner).transpose()?;
            change::refer(&books().await?, &by, owner, to, form).await
        }
        Action::ApiKey { owner, by } => {
            let (owner, by) = (given::owner(&owner)?, by.signed(variable)?);
            change::api_key(&books().await?, &by, owner, None, form).await
        }
        Action::Keys { owner } => keys::list(&books().await?, &given::owner(&owner)?, form).await,
        Action::Revoke { owner, key, by } => {
            let (owner, by) = (given::owner(&owner)?, by.signed(variable)?);
            keys::revoke(&books().await?, &by, owner, &key, form).await
        }
        Action::Rotate { owner, key, by } => {
            let (owner, by) = (given::owner(&owner)?, by.signed(variable)?);
            keys::rotate(&books().await?, &by, owner, &key, form).await
        }
    }
}

/// A sum as it was given, read before any books are opened.
struct Read {
    account: AccountId,
    amount: Amount,
    is_new: bool,
    by: Signed,
}

impl Sum {
    fn read(
        self,
        amount: impl Fn(Asset, &str) -> Result<Amount, Error>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Read, Error> {
        let account = given::account(&self.account)?;
        let amount = amount(account.asset(), &self.amount)?;
        Ok(Read { account, amount, is_new: self.new, by: self.by.signed(variable)? })
    }
}

async fn show(books: &Books, account: &AccountId, form: Form) -> Result<(), Error> {
    let (row, waiting) = (books.ledger.account(account).await?, waiting(books, account).await?);
    if row.is_none() && waiting.is_empty() {
        return Err(Error::NoAccount(account.clone()));
    }
    let referrer = books.ledger.referrer(account.owner(), &context(PATIENCE)).await?;
    let lines = books.ledger.statement(account, STATEMENT_LINES).await?;
    form.show(&AccountFacts::of(account, row.as_ref(), &waiting, referrer.as_ref(), &lines)?);
    Ok(())
}

/// What was used and refused, and waits until its owner can pay.
async fn waiting(books: &Books, account: &AccountId) -> Result<Vec<Owed>, Error> {
    if account.asset() != Asset::CREDITS {
        return Ok(Vec::new());
    }
    let lane = Lane::Owner(account.owner().clone());
    Ok(books.ledger.refused_in_lane(USAGE.name, &lane, WAITING_MAX, &context(PATIENCE)).await?)
}
