//! `pause` and `resume`: stop a source, fulfilment or a sweep, and let it go on. Each is a journal entry.

use std::path::Path;

use clap::Args;
use ledger::{Backlog as _, Committed, Ledger as _, Pausable, Pause, PauseError, Pauses};
use local::{What, context, now};
use serde::Serialize;

use crate::account::{PATIENCE, committed};
use crate::authorship::{self, Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::print::{self, Facts, Form};

/// A function reads what is paused beside its events.
const STILL_RUNNING: &str =
    "  A function that has just run books events for up to ten seconds more, and one more event when it wakes.";

/// No comment of the option, in which a word with an underscore would need backticks.
const PAUSABLE: &str = "A source (usage, litellm, openrouter, stripe, wechat, epay, fireblocks), fulfil, or a sweep (refused, \
                        stripe_backfill, gateway_log, unpaid, unfulfilled, pending_external, expiring, holds, audit)";

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    which: BooksArgs,
    #[arg(value_parser = pausable, required_unless_present = "list", conflicts_with = "list", help = PAUSABLE)]
    what: Option<Pausable>,
    /// List what is paused, since when, by whom and why
    #[arg(long)]
    list: bool,
    /// Pause a source whose sender does not send again what is turned away
    #[arg(long)]
    accept_loss: bool,
    /// Why; the journal keeps it
    #[arg(long, value_parser = authorship::reason, required_unless_present = "list", conflicts_with = "list")]
    reason: Option<String>,
    /// Who; the journal keeps it [default: $USER]
    #[arg(long, value_parser = authorship::author)]
    author: Option<String>,
    /// An id for this change; the same id is booked once [default: a new one, which is printed first]
    #[arg(long)]
    id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    which: BooksArgs,
    /// What is paused
    #[arg(value_parser = pausable)]
    what: Pausable,
    #[command(flatten)]
    by: ChangeArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PauseFacts {
    what: String,
    since: String,
    author: String,
    reason: String,
    receipt: String,
}

#[derive(Serialize)]
struct PauseList {
    paused: Vec<PauseFacts>,
}

#[derive(Serialize)]
struct PauseChange {
    #[serde(flatten)]
    changed: ChangeResult,
    #[serde(flatten)]
    list: PauseList,
    #[serde(skip)]
    note: Option<&'static str>,
}

pub(crate) async fn pause(
    args: PauseArgs,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let (Some(what), Some(reason)) = (args.what, args.reason) else {
        let books = args.which.open(dir).await?;
        form.show(&PauseList::of(&books.ledger.pauses(&context(PATIENCE)).await?));
        return Ok(());
    };
    if let Some(loses) = what.lost_by().filter(|_| !args.accept_loss) {
        return Err(Error::PauseLoses { what: what.as_str(), loses });
    }
    let by = ChangeArgs::of(reason, args.author, args.id).authorship(variable)?;
    let (books, receipt) = (args.which.open(dir).await?, by.receipt()?);
    let (author, reason) = (by.author.clone(), by.reason.clone());
    let after = |pauses: &Pauses| pauses.pause(what, Pause { since: now(), author, reason, receipt });
    change(&books, &by, after, |pauses| What::Pause { what, pauses }, Some(STILL_RUNNING), form).await
}

pub(crate) async fn resume(
    args: ResumeArgs,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let (what, by) = (args.what, args.by.authorship(variable)?);
    let books = args.which.open(dir).await?;
    let after = |pauses: &Pauses| pauses.resume(what);
    change(&books, &by, after, |pauses| What::Pause { what, pauses }, None, form).await
}

/// A change that the pauses refuse may be a repeat: then the commit compares it with what is booked under the id.
async fn change(
    books: &Books,
    by: &Authorship,
    after: impl FnOnce(&Pauses) -> Result<Pauses, PauseError>,
    what: impl Fn(Pauses) -> What,
    note: Option<&'static str>,
    form: Form,
) -> Result<(), Error> {
    let before = books.ledger.pauses(&context(PATIENCE)).await?;
    let (changed, pauses) = match after(&before) {
        Ok(pauses) => (ChangeResult::of(&committed(books, by, what(pauses.clone())).await?), pauses),
        Err(refused) => {
            let journaled = books.ledger.already_journaled(&[by.receipt()?].into(), &context(PATIENCE)).await?;
            if journaled.is_empty() {
                return Err(refused.into());
            }
            match committed(books, by, what(before.clone())).await? {
                earlier @ Committed::Earlier(_) => (ChangeResult::of(&earlier), before.clone()),
                Committed::Now(_) | Committed::Ignored { .. } => return Err(refused.into()),
            }
        }
    };
    // A repeat changes nothing.
    let shown = if changed.is_done_now() { pauses } else { before };
    form.show(&PauseChange { changed, list: PauseList::of(&shown), note });
    Ok(())
}

fn pausable(text: &str) -> Result<Pausable, String> {
    Pausable::named(text).ok_or_else(|| "give a source, fulfil or a sweep, as --help lists them".to_owned())
}

impl PauseList {
    fn of(pauses: &Pauses) -> Self {
        let facts = pauses.by_word.iter().map(|(what, pause)| PauseFacts {
            what: what.clone(),
            since: pause.since.to_string(),
            author: pause.author.clone(),
            reason: pause.reason.clone(),
            receipt: pause.receipt.to_string(),
        });
        Self { paused: facts.collect() }
    }
}

impl Facts for PauseList {
    fn print(&self) {
        if self.paused.is_empty() {
            print::line("nothing is paused");
            return;
        }
        let head = ["paused", "since", "by", "reason"].map(str::to_owned);
        let row =
            |facts: &PauseFacts| [facts.what.clone(), facts.since.clone(), facts.author.clone(), facts.reason.clone()];
        print::columns(&std::iter::once(head).chain(self.paused.iter().map(row)).collect::<Vec<_>>());
    }
}

impl Facts for PauseChange {
    fn print(&self) {
        self.changed.print();
        self.list.print();
        self.note.iter().for_each(print::line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new source or sweep is named there, too.
    #[test]
    fn help_lists_all_that_can_be_paused() {
        let program = <PauseArgs as Args>::augment_args(clap::Command::new("pause"));
        let what = program.get_arguments().find(|arg| arg.get_id() == "what").expect("an argument");
        let help = what.get_help().expect("a text").to_string();
        assert!(!help.contains('`'), "each word is one: {help}");
        let mut listed: Vec<&str> = help.split(|end: char| !(end.is_ascii_lowercase() || end == '_')).collect();
        listed.retain(|word| Pausable::named(word).is_some());
        assert_eq!(listed, Pausable::all().map(Pausable::as_str).collect::<Vec<_>>());
    }
}
