//! `operator`: who may sign in to the console. Each change is a row of the journal, with who and why.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use ledger::Timestamp;
use local::{Home, context, now};
use operators::{Link, Operator, OperatorName, Operators as _, Role, SignIn, TokenHash};
use serde::Serialize;

use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::error::operator::OperatorRefused;
use crate::new_secret::NewSecret;
use crate::note::note;
use crate::print::{self, Facts, Form};

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct OperatorCommand {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let a person sign in to the console: prints a link that works once, within a day
    Add {
        /// 1 to 32 of a-z, 0-9, dot, hyphen and underscore
        #[arg(value_parser = name)]
        name: OperatorName,
        /// reader: sees everything but bodies and personal data. operator: also acts
        #[arg(long, value_parser = role)]
        role: Role,
        #[command(flatten)]
        to: Console,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Make another link, for a lost password or phone. What the operator has works until the link is used
    Link {
        #[arg(value_parser = name)]
        name: OperatorName,
        /// Another role, from now on
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        #[command(flatten)]
        to: Console,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// End an operator's sessions at once; it signs in no more until it gets another link
    Revoke {
        #[arg(value_parser = name)]
        name: OperatorName,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Show an operator, and when and from where it has signed in
    Show {
        #[arg(value_parser = name)]
        name: OperatorName,
    },
}

#[derive(Debug, Args)]
struct Console {
    /// The address of the console, which the stack of a stage prints as `ConsoleUrl` [default: that of the running stack]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperatorFacts {
    name: String,
    role: &'static str,
    since: String,
    /// Whether it has chosen a password and a second factor.
    enrolled: bool,
    /// Until when its link may be used.
    link_until: Option<String>,
    revoked_at: Option<String>,
    sign_ins: u64,
    newest: Vec<SignInFacts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignInFacts {
    at: String,
    address: String,
}

#[derive(Serialize)]
struct OperatorChange {
    #[serde(flatten)]
    changed: ChangeResult,
    operator: OperatorFacts,
    /// Only here: the books keep its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

pub(crate) async fn run(
    args: OperatorCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match args.action {
        Action::Add { name, role, to, by } => {
            let by = by.authorship(variable)?;
            let (books, console) = (args.which.open(dir).await?, to.address(&args.which, dir)?);
            if books.ledger.operator(&name, &context(PATIENCE)).await?.is_some() {
                return Err(OperatorRefused::Exists(name.to_string()).into());
            }
            let (token, now) = (token()?, now());
            let operator = Operator::new(name, role, Link::new(TokenHash::of(&token), now), now);
            write(&books, &by, "operator_add", &operator, Some(link(&console, &operator, &token)), form).await
        }
        Action::Link { name, role, to, by } => {
            let by = by.authorship(variable)?;
            let (books, console) = (args.which.open(dir).await?, to.address(&args.which, dir)?);
            let (known, token) = (known(&books, &name).await?, token()?);
            let operator = known.with_link(role.unwrap_or(known.role), Link::new(TokenHash::of(&token), now()));
            write(&books, &by, "operator_link", &operator, Some(link(&console, &operator, &token)), form).await
        }
        Action::Revoke { name, by } => {
            let by = by.authorship(variable)?;
            let books = args.which.open(dir).await?;
            let operator = known(&books, &name).await?.revoked(now());
            write(&books, &by, "operator_revoke", &operator, None, form).await
        }
        Action::Show { name } => {
            let books = args.which.open(dir).await?;
            let operator = known(&books, &name).await?;
            let sign_ins = books.ledger.sign_ins(&operator, &context(PATIENCE)).await?;
            form.show(&OperatorFacts::of(&operator, &sign_ins));
            Ok(())
        }
    }
}

/// First who and why, then the operator.
async fn write(
    books: &Books,
    by: &Authorship,
    kind: &'static str,
    operator: &Operator,
    link: Option<String>,
    form: Form,
) -> Result<(), Error> {
    let what = vec![("operator", operator.name.to_string()), ("role", operator.role.as_str().to_owned())];
    let changed = note(books, by, kind, what).await?;
    if !books.ledger.write_operator(operator, &context(PATIENCE)).await? {
        return Err(OperatorRefused::Overtaken.into());
    }
    form.show(&OperatorChange { changed, operator: OperatorFacts::of(operator, &[]), link });
    Ok(())
}

async fn known(books: &Books, name: &OperatorName) -> Result<Operator, Error> {
    let known = books.ledger.operator(name, &context(PATIENCE)).await?;
    known.ok_or_else(|| OperatorRefused::Unknown(name.to_string()).into())
}

fn token() -> Result<String, Error> {
    Ok(format!("{:032x}{:032x}", local::random_bits()?, local::random_bits()?))
}

fn link(console: &str, operator: &Operator, token: &str) -> String {
    format!("{console}/first?name={}&link={token}", operator.name)
}

impl Console {
    /// Without a slash at its end.
    fn address(&self, which: &BooksArgs, dir: &Path) -> Result<String, Error> {
        if let Some(url) = &self.url {
            let url = url.trim_end_matches('/');
            let is_console = url.starts_with("http") && url.ends_with("/console");
            return if is_console { Ok(url.to_owned()) } else { Err(OperatorRefused::Url(url.to_owned()).into()) };
        }
        if which.aws {
            return Err(OperatorRefused::NoUrl.into());
        }
        let running = Home::at(dir).running()?;
        Ok(running.map_or_else(|| "/console".to_owned(), |running| format!("{}/console", running.base_url)))
    }
}

fn name(text: &str) -> Result<OperatorName, String> {
    OperatorName::new(text).map_err(|error| error.to_string())
}

fn role(word: &str) -> Result<Role, &'static str> {
    Role::named(word).ok_or("give reader or operator")
}

impl OperatorFacts {
    fn of(operator: &Operator, sign_ins: &[SignIn]) -> Self {
        let text = |at: &Timestamp| at.to_string();
        let facts = |one: &SignIn| SignInFacts { at: one.at.to_string(), address: one.address.clone() };
        Self {
            name: operator.name.to_string(),
            role: operator.role.as_str(),
            since: text(&operator.since),
            enrolled: operator.credentials.is_some(),
            link_until: operator.link.as_ref().map(|link| text(&link.until)),
            revoked_at: operator.revoked_at.as_ref().map(text),
            sign_ins: operator.sign_ins,
            newest: sign_ins.iter().map(facts).collect(),
        }
    }
}

impl Facts for OperatorFacts {
    fn print(&self) {
        let state = match (&self.revoked_at, self.enrolled) {
            (Some(at), _) => format!("revoked at {at}"),
            (None, true) => format!("{} sign-ins", self.sign_ins),
            (None, false) => "has not signed in yet".to_owned(),
        };
        print::line(format_args!("{}, {}: {state}", self.name, self.role));
        if let Some(until) = &self.link_until {
            print::line(format_args!("  a link may be used until {until}"));
        }
        let row = |one: &SignInFacts| [one.at.clone(), one.address.clone()];
        if !self.newest.is_empty() {
            print::columns(&self.newest.iter().map(row).collect::<Vec<_>>());
        }
    }
}

impl Facts for OperatorChange {
    fn print(&self) {
        self.changed.print();
        self.operator.print();
        if let Some(link) = &self.link {
            print::line(link);
        }
    }

    fn secret(&self) -> Option<NewSecret> {
        self.link.as_ref()?;
        Some(NewSecret {
            made: format!("a link of {} is made", self.operator.name),
            if_lost: format!("`operator link {} --reason R` makes another", self.operator.name),
        })
    }
}
