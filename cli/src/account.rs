//! `account`: shows an account, and changes its balance, limits, keys and referrer. Every change is a journal entry.

mod budget;
mod budget_facts;
mod change;
mod facts;
pub(crate) mod key_facts;
mod keys;
pub(crate) mod rate;
mod repair;
mod ties;

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use ledger::{
    AccountId, Amount, Asset, Budgets as _, Expiring as _, Hold, Holds as _, Lane, Lanes as _, Ledger as _, LotKind,
    LotTerms, Owed, PRIORITY_DEFAULT, PRIORITY_MAX, Policy, Source, SpendingTerms,
};
use local::{Expiry, What, context, credits_of};

pub(crate) use self::budget::{LimitArgs, NamedLimits, key_of};
pub(crate) use self::budget_facts::BudgetFacts;
use self::change::change;
pub(crate) use self::change::{AccountAfter, after, change_of, committed, insufficient, terms, unless_unread};
use self::facts::AccountFacts;
pub(crate) use self::ties::{Ties, budget_of};
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::error::Error;
use crate::parse;
use crate::print::Form;

/// One screen of the statement.
const STATEMENT_LINES: i32 = 20;
/// The longest chain of referrers that is searched for a circle, so that the search ends.
const REFERRERS_MAX: usize = 64;
/// The most refused events that are counted.
const WAITING_MAX: u32 = 10_000;
/// As over the API.
const GRACE_SECONDS_MAX: u32 = 30 * 24 * 60 * 60;
/// The timeout of a store call; an operator can wait longer than a webhook sender.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Account {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the balance and the last statement lines of credits, or of another asset: alice/POSX, bob/commission-usd
    Show {
        #[arg(value_name = "OWNER[/ASSET]")]
        account: String,
    },
    /// Add credits, or an amount of the named asset. Credits can expire
    Credit(CreditArgs),
    /// Subtract an amount, down to the overdraft limit
    Debit(Sum),
    /// Set how far below zero spending may go
    Overdraft(Sum),
    /// Set prepaid, or postpaid down to a limit. Refused usage that fits is booked within ten minutes
    Policy {
        owner: String,
        #[arg(value_parser = ["prepaid", "postpaid"])]
        policy: String,
        /// How far below zero a postpaid account may go, as 15 or 0.00234
        #[arg(long, required_if_eq("policy", "postpaid"))]
        limit: Option<String>,
        /// Create the account if it does not exist
        #[arg(long)]
        new: bool,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Make an account and its lines agree, with the command that `audit` prints
    Repair(repair::Repair),
    /// Bind a key of an LLM gateway to the owner. A key never gets another owner
    Key {
        owner: String,
        remote_key_id: String,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Set the owner's referrer, who earns a commission on later purchases
    Referrer {
        owner: String,
        #[arg(required_unless_present = "none")]
        referrer: Option<String>,
        /// Remove the referrer
        #[arg(long, conflicts_with = "referrer")]
        none: bool,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Create an API key for the owner. It is printed once; only its hash is stored
    ApiKey {
        owner: String,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// List the owner's keys: short name, creation time and state
    Keys { owner: String },
    /// Revoke a key of the owner. It cannot be bound again
    Revoke {
        owner: String,
        /// Its name in `account keys`: api-3f9c0a12be45, gateway-tok_42
        key: String,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Limit what a key may spend in a day, in a month, and altogether
    Budget(budget::BudgetArgs),
    /// Limit how many calls an API key may make in a minute
    Rate(rate::RateArgs),
    /// Create an API key that replaces another, which works until it is revoked, or for its grace
    Rotate {
        owner: String,
        /// The old key's name in `account keys`: api-3f9c0a12be45
        key: String,
        /// How many seconds the old key still works [default: until it is revoked]
        #[arg(long, value_name = "SECONDS", value_parser = parse::number(1..=GRACE_SECONDS_MAX))]
        grace: Option<u32>,
        #[command(flatten)]
        by: ChangeArgs,
    },
}

/// An account, an amount and the options of a change.
#[derive(Debug, Args)]
struct Sum {
    /// alice for credits, or alice/POSX, bob/commission-usd
    #[arg(value_name = "OWNER[/ASSET]")]
    account: String,
    /// As 15 or 0.00234
    #[arg(allow_negative_numbers = true)]
    amount: String,
    /// Create the account if it does not exist
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    by: ChangeArgs,
}

/// A sum, and when it expires.
#[derive(Debug, Args)]
struct CreditArgs {
    #[command(flatten)]
    sum: Sum,
    /// Expire what is left then: a number of days or the last day (UTC), as 90d or 2027-03-31
    #[arg(long, value_name = "90d|DATE")]
    expires: Option<String>,
    /// From 0, spent first, to 9 [default: 5, that of credits that never expire]
    #[arg(long, requires = "expires", value_parser = parse::number(0..=PRIORITY_MAX))]
    priority: Option<u8>,
    /// Free credits are spent before paid ones of the same priority [default: paid]
    #[arg(long, requires = "expires", value_parser = ["free", "paid"])]
    kind: Option<String>,
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
            let account = parse::account(&account)?;
            show(&books().await?, &account, form).await
        }
        Action::Credit(CreditArgs { sum, expires, priority, kind }) => {
            let expiry = expires.map(|text| expiry(text, priority, kind.as_deref())).transpose()?;
            let ParsedSum { account, amount, is_new, by } = sum.parsed(parse::positive_amount, variable)?;
            if expiry.is_some() && account.asset() != Asset::CREDITS {
                return Err(Error::OnlyCreditsExpire(account));
            }
            let books = books().await?;
            terms(&books, &account, is_new).await?;
            change(&books, &by, What::Credit { account, amount, expiry }, form).await
        }
        Action::Debit(sum) => {
            let ParsedSum { account, amount, is_new, by } = sum.parsed(parse::positive_amount, variable)?;
            let books = books().await?;
            terms(&books, &account, is_new).await?;
            change(&books, &by, What::Debit { account, amount }, form).await
        }
        Action::Overdraft(sum) => {
            let ParsedSum { account, amount: to, is_new, by } = sum.parsed(parse::amount, variable)?;
            let books = books().await?;
            let from = terms(&books, &account, is_new).await?;
            if from.policy == Policy::Postpaid {
                return Err(Error::Postpaid(account));
            }
            change(&books, &by, What::Overdraft { account, from, to: SpendingTerms::prepaid(to) }, form).await
        }
        Action::Policy { owner, policy, limit, new, by } => {
            let (account, by) = (credits_of(&parse::owner(&owner)?), by.authorship(variable)?);
            let to = match (Policy::named(&policy), limit) {
                (Some(Policy::Postpaid), Some(limit)) => {
                    SpendingTerms::postpaid(parse::amount(account.asset(), &limit)?)
                }
                (_, None) => SpendingTerms::default(),
                (_, Some(_)) => return Err(Error::LimitOfPrepaid),
            };
            let books = books().await?;
            let from = terms(&books, &account, new).await?;
            change(&books, &by, What::Policy { account, from, to }, form).await
        }
        Action::Repair(repair) => {
            let (account, what) = repair.read()?;
            let key = repair.budget.clone();
            let by = repair.by.authorship(variable)?;
            if let Some(key) = key {
                return repair::write_budget(&books().await?, account.owner(), &key, &by, form).await;
            }
            repair::write(&books().await?, &account, &what, &by, form).await
        }
        Action::Key { owner, remote_key_id: name, by } => {
            let (owner, key, by) = (parse::owner(&owner)?, parse::remote_key(&name)?, by.authorship(variable)?);
            change(&books().await?, &by, What::RemoteKey { owner, key, name }, form).await
        }
        Action::Referrer { owner, referrer, none: _, by } => {
            let (owner, by) = (parse::owner(&owner)?, by.authorship(variable)?);
            let to = referrer.as_deref().map(parse::owner).transpose()?;
            change::refer(&books().await?, &by, owner, to, form).await
        }
        Action::ApiKey { owner, by } => {
            let (owner, by) = (parse::owner(&owner)?, by.authorship(variable)?);
            change::api_key(&books().await?, &by, owner, None, form).await
        }
        Action::Budget(args) => {
            let terms = args.read(variable)?;
            budget::set(&books().await?, terms, form).await
        }
        Action::Rate(args) => {
            let terms = args.read(variable)?;
            rate::set(&books().await?, terms, form).await
        }
        Action::Keys { owner } => keys::list(&books().await?, &parse::owner(&owner)?, form).await,
        Action::Revoke { owner, key, by } => {
            let (owner, by) = (parse::owner(&owner)?, by.authorship(variable)?);
            keys::revoke(&books().await?, &by, owner, &key, form).await
        }
        Action::Rotate { owner, key, grace, by } => {
            let (owner, by) = (parse::owner(&owner)?, by.authorship(variable)?);
            keys::rotate(&books().await?, &by, owner, (&key, grace), form).await
        }
    }
}

fn expiry(text: String, priority: Option<u8>, kind: Option<&str>) -> Result<Expiry, Error> {
    let kind = kind.and_then(LotKind::named).unwrap_or(LotKind::Paid);
    let now = context(PATIENCE).received_at;
    match LotTerms::read(&text, priority.unwrap_or(PRIORITY_DEFAULT), kind, now) {
        Ok(terms) => Ok(Expiry { text, terms }),
        Err(cause) => Err(Error::Expires { text, cause }),
    }
}

/// A parsed [`Sum`], validated before the books are opened.
struct ParsedSum {
    account: AccountId,
    amount: Amount,
    is_new: bool,
    by: Authorship,
}

impl Sum {
    fn parsed(
        self,
        amount: impl Fn(Asset, &str) -> Result<Amount, Error>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<ParsedSum, Error> {
        let account = parse::account(&self.account)?;
        let amount = amount(account.asset(), &self.amount)?;
        Ok(ParsedSum { account, amount, is_new: self.new, by: self.by.authorship(variable)? })
    }
}

async fn show(books: &Books, account: &AccountId, form: Form) -> Result<(), Error> {
    let (row, waiting) = (books.ledger.account(account).await?, waiting(books, account).await?);
    if row.is_none() && waiting.is_empty() {
        return Err(Error::NoAccount(account.clone()));
    }
    let referrer = books.ledger.referrer(account.owner(), &context(PATIENCE)).await?;
    let lines = books.ledger.statement(account, STATEMENT_LINES).await?;
    let lots = books.ledger.lots(account, &context(PATIENCE)).await?;
    let mut facts = AccountFacts::of(account, row.as_ref(), &waiting, referrer.as_ref(), &lines)?;
    facts.set_lots(account, &lots, context(PATIENCE).received_at);
    facts.set_holds(&open_holds(books, account).await?);
    if account.asset() == Asset::CREDITS {
        let budgets = books.ledger.budgets(account.owner(), &context(PATIENCE)).await?;
        facts.set_budgets(&budgets, context(PATIENCE).received_at);
        facts.set_keys(keys::all(books, account.owner()).await?);
        facts.set_members(&books.ledger.member_rows(account.owner(), &context(PATIENCE)).await?);
        facts.set_users(&books.ledger.users_of(&lines, &context(PATIENCE)).await?);
    }
    form.show(&facts);
    Ok(())
}

/// Only credits are held.
async fn open_holds(books: &Books, account: &AccountId) -> Result<Vec<Hold>, Error> {
    if account.asset() != Asset::CREDITS {
        return Ok(Vec::new());
    }
    Ok(books.ledger.open_holds(account, &context(PATIENCE)).await?.all()?)
}

/// The refused usage of the account, which is retried when its owner can pay.
async fn waiting(books: &Books, account: &AccountId) -> Result<Vec<Owed>, Error> {
    if account.asset() != Asset::CREDITS {
        return Ok(Vec::new());
    }
    let lane = Lane::Owner(account.owner().clone());
    Ok(books.ledger.refused_in_lane(Source::Usage, &lane, WAITING_MAX, &context(PATIENCE)).await?)
}
