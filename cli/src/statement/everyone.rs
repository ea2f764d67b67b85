//! `statement --all`: the newest lines of all owners.

use std::path::Path;

use insight::{EventRow, LogQuery, LoggedWhich, NewestLines, newest_lines};
use ledger::{AccountId, Balance};
use local::{context, now};
use serde::Serialize;

use super::Statement;
use crate::account::PATIENCE;
use crate::error::Error;
use crate::logged::logged;
use crate::parse;
use crate::print::{self, Facts, Form};

const SINCE: &str = "24h";
const LINES: u16 = 50;

pub(super) async fn show(
    args: &Statement,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let since = parse::since(args.since.as_deref().unwrap_or(SINCE), now())?;
    let lines_max = usize::from(args.limit.unwrap_or(LINES));
    let books = args.which.open_to_read(dir).await?;
    let query = LogQuery { since, source: None, which: LoggedWhich::Booked, lines_max };
    let logged = logged(&books, dir, variable, &query, form).await?;
    let found = newest_lines(&books.ledger, &logged, since, lines_max, &context(PATIENCE)).await?;
    form.show(&LinesFacts::of(&found));
    Ok(())
}

#[derive(Debug, Serialize)]
struct LinesFacts {
    lines: Vec<LineFacts>,
    more: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LineFacts {
    processed_at: Option<String>,
    account: String,
    kind: String,
    change: String,
    receipt: String,
}

impl LinesFacts {
    fn of(NewestLines { lines, has_more }: &NewestLines) -> Self {
        Self { lines: lines.iter().filter_map(LineFacts::of).collect(), more: *has_more }
    }
}

impl LineFacts {
    fn of(row: &EventRow) -> Option<Self> {
        let posting = row.posting.as_ref()?;
        Some(Self {
            processed_at: row.booked_at().map(|at| at.to_string()),
            account: posting.account.clone(),
            kind: row.kind.clone(),
            change: amount(&posting.account, posting.change),
            receipt: row.key.to_string(),
        })
    }
}

/// The catalog has the decimals of a token.
fn amount(account: &str, change: Balance) -> String {
    match parse::account(account) {
        Ok(account) => AccountId::asset(&account).format_balance(change),
        Err(_) => change.units().to_string(),
    }
}

impl Facts for LinesFacts {
    fn print(&self) {
        if self.lines.is_empty() {
            print::line("no such lines");
        }
        let cells = self.lines.iter().map(|line| {
            let at = line.processed_at.clone().unwrap_or_default();
            [at, line.account.clone(), line.kind.clone(), line.change.clone(), line.receipt.clone()]
        });
        print::columns(&cells.collect::<Vec<_>>());
        if self.more {
            print::line("there are more: name a later --since, or a larger --limit");
        }
    }
}
