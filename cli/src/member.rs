//! `member`: lets a key of one owner draw on the account of another, their team, and ends or lists that.

use std::path::Path;

use clap::{Args, Subcommand};
use idempotency::MemberRows;
use ledger::{
    Backlog as _, BoundKey, Budget, CallerKey, CommitError, Committed, MemberChange, MemberError, Owner, StoredBudget,
};
use local::{What, context, credits_of, now};
use serde::Serialize;

use crate::account::{
    BudgetFacts, LimitArgs, NamedLimits, PATIENCE, Ties, budget_of, committed, key_of, unless_unread,
};
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Facts, Form};

/// Attempts to change a key or a team that another change is faster to write.
const ROUNDS_MAX: u32 = 8;
/// The fact of a member without a limit.
const UNLIMITED: (&str, &str) = ("limits", "none");

#[derive(Debug, Args)]
pub(crate) struct MemberCommand {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let a key of an owner draw on the account of a team, up to the limits of the key
    Add {
        #[command(flatten)]
        of: KeyArgs,
        #[command(flatten)]
        limits: LimitArgs,
        /// Without a limit: all that the team has
        #[arg(long, conflicts_with_all = ["day", "month", "total", "zone"])]
        unlimited: bool,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// End that: the key's own owner pays for its uses from now on
    Remove {
        #[command(flatten)]
        of: KeyArgs,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// List whose keys draw on an owner, and on whom the owner's keys draw
    List { owner: String },
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// The owner whose account pays
    team: String,
    /// The owner of the key
    owner: String,
    /// The key's name in `account keys`: api-3f9c0a12be45, gateway-tok_42
    key: String,
}

/// A key of an owner, and a team.
struct TeamKey {
    team: Owner,
    owner: Owner,
    key: String,
}

/// What becomes of the key's limits.
enum Limits {
    Named(NamedLimits),
    Unlimited,
    /// None is named: those of the key stay.
    Kept,
}

pub(crate) async fn run(
    args: MemberCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match args.action {
        Action::Add { of, limits, unlimited, by } => {
            let (of, named, by) = (of.read()?, limits.read()?, by.authorship(variable)?);
            let limits = match (unlimited, named.is_empty()) {
                (true, _) => Limits::Unlimited,
                (false, true) => Limits::Kept,
                (false, false) => Limits::Named(named),
            };
            add(&args.which.open(dir).await?, &of, &limits, &by, form).await
        }
        Action::Remove { of, by } => {
            let (of, by) = (of.read()?, by.authorship(variable)?);
            remove(&args.which.open(dir).await?, &of, &by, form).await
        }
        Action::List { owner } => {
            let owner = parse::owner(&owner)?;
            let rows = args.which.open(dir).await?.ledger.member_rows(&owner, &context(PATIENCE)).await?;
            form.show(&MemberList { owner: owner.to_string(), ties: Ties::of(&rows) });
            Ok(())
        }
    }
}

impl KeyArgs {
    /// Validates all values before the books are opened.
    fn read(self) -> Result<TeamKey, Error> {
        let Self { team, owner, key } = self;
        Ok(TeamKey { team: parse::owner(&team)?, owner: parse::owner(&owner)?, key })
    }
}

impl TeamKey {
    fn refused(&self, cause: MemberError) -> Error {
        Error::Member { key: self.key.clone(), team: self.team.clone(), cause }
    }
}

impl Limits {
    fn over(&self, key: &str, from: StoredBudget) -> Result<Option<Budget>, Error> {
        match self {
            Self::Unlimited => Ok(None),
            Self::Kept => from.unwrap_or_default().map(Some).ok_or_else(|| Error::NoLimitOfMember(key.to_owned())),
            Self::Named(named) => match named.over(from)? {
                None => Err(Error::NoLimitOfMember(key.to_owned())),
                budget => Ok(budget),
            },
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Named(named) => named.named(),
            Self::Unlimited => vec![(UNLIMITED.0, UNLIMITED.1.to_owned())],
            Self::Kept => Vec::new(),
        }
    }
}

async fn add(books: &Books, of: &TeamKey, limits: &Limits, by: &Authorship, form: Form) -> Result<(), Error> {
    let TeamKey { team, owner, key: id } = of;
    // An owner without an account is usually mistyped.
    if books.ledger.account(&credits_of(team)).await?.is_none() {
        return Err(Error::NoAccount(credits_of(team)));
    }
    let what = |change| What::JoinTeam { team: team.clone(), change, named: limits.facts() };
    for _ in 0..ROUNDS_MAX {
        let (key, bound) = key_of(books, owner, id).await?;
        let change = match joined(books, of, &key, &bound, limits).await {
            Ok(change) => change,
            Err(refused) => {
                let unchanged = MemberChange::unchanged(&key, &bound);
                return repeated(books, of, by, what(unchanged), refused, form).await;
            }
        };
        match committed(books, by, what(change)).await {
            // The key, or the row of an owner's members, has changed since it was read.
            Err(Error::Commit(CommitError::Stale)) => {}
            committed => return show(books, of, &key, ChangeResult::of(&committed?), form).await,
        }
    }
    Err(Error::Overtaken)
}

async fn joined(
    books: &Books,
    of: &TeamKey,
    key: &CallerKey,
    bound: &BoundKey,
    limits: &Limits,
) -> Result<MemberChange, Error> {
    let TeamKey { team, owner, key: id } = of;
    let budget = limits.over(id, bound.budget)?;
    let change = MemberChange::join(key, bound, team, budget, now()).map_err(|cause| of.refused(cause))?;
    let (own, of_team) =
        (books.ledger.members(owner, &context(PATIENCE)).await?, books.ledger.members(team, &context(PATIENCE)).await?);
    own.may_join(&of_team).map_err(|cause| of.refused(cause))?;
    Ok(change)
}

async fn remove(books: &Books, of: &TeamKey, by: &Authorship, form: Form) -> Result<(), Error> {
    let TeamKey { team, owner, key: id } = of;
    let what = |change| What::LeaveTeam { team: team.clone(), change };
    for _ in 0..ROUNDS_MAX {
        let (key, bound) = key_of(books, owner, id).await?;
        let change = match MemberChange::leave(&key, &bound, team, now()) {
            Ok(change) => change,
            Err(cause) => {
                let unchanged = MemberChange::unchanged(&key, &bound);
                return repeated(books, of, by, what(unchanged), of.refused(cause), form).await;
            }
        };
        match committed(books, by, what(change)).await {
            Err(Error::Commit(CommitError::Stale)) => {}
            committed => return show(books, of, &key, ChangeResult::of(&committed?), form).await,
        }
    }
    Err(Error::Overtaken)
}

/// A change that is refused may be a repeat, which is refused because it is done: only then is it looked up by its id.
async fn repeated(
    books: &Books,
    of: &TeamKey,
    by: &Authorship,
    what: What,
    refused: Error,
    form: Form,
) -> Result<(), Error> {
    let journaled = books.ledger.already_journaled(&[by.receipt()?].into(), &context(PATIENCE)).await?;
    if journaled.is_empty() {
        return Err(refused);
    }
    let (key, _) = key_of(books, &of.owner, &of.key).await?;
    match committed(books, by, what).await? {
        earlier @ Committed::Earlier(_) => show(books, of, &key, ChangeResult::of(&earlier), form).await,
        Committed::Now(_) | Committed::Ignored { .. } => Err(refused),
    }
}

/// The members of the team after a change.
#[derive(Serialize)]
struct MemberChanged {
    #[serde(flatten)]
    changed: ChangeResult,
    team: String,
    owner: String,
    key: String,
    /// Whether the key draws on the team now. `None` if that could not be read.
    #[serde(rename = "member")]
    is_member: Option<bool>,
    budget: Option<BudgetFacts>,
}

async fn show(books: &Books, of: &TeamKey, key: &CallerKey, changed: ChangeResult, form: Form) -> Result<(), Error> {
    let TeamKey { team, owner, key: id } = of;
    let rows = books.ledger.member_rows(team, &context(PATIENCE)).await.map_err(Error::from);
    let rows = unless_unread(rows, &format_args!("the members of {team}"));
    let row = |rows: &MemberRows| rows.drawn_by.iter().find(|row| row.key == *key).cloned();
    form.show(&MemberChanged {
        changed,
        team: team.to_string(),
        owner: owner.to_string(),
        key: id.clone(),
        is_member: rows.as_ref().map(|rows| row(rows).is_some()),
        budget: rows.as_ref().and_then(row).and_then(|row| budget_of(&row, now())),
    });
    Ok(())
}

#[derive(Serialize)]
struct MemberList {
    owner: String,
    #[serde(flatten)]
    ties: Ties,
}

impl Facts for MemberList {
    fn print(&self) {
        if self.ties.is_empty() {
            print::line(format_args!("{} has no members, and is a member of no team", self.owner));
        }
        self.ties.print(true);
    }
}

impl Facts for MemberChanged {
    fn print(&self) {
        let Self { changed, team, owner, key, is_member, budget } = self;
        changed.print();
        match is_member {
            Some(true) => print::line(format_args!("  {key} of {owner} draws on {team}/credits")),
            Some(false) => print::line(format_args!("  {key} is no member of {team}: {owner} pays for its uses")),
            None => return,
        }
        match budget {
            Some(budget) => BudgetFacts::print_all([budget]),
            None if *is_member == Some(true) => print::line("  It has no limit."),
            None => {}
        }
        print::line("  A function that used the key in the last minute may charge the former payer until that ends.");
    }
}
