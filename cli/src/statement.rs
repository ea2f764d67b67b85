//! `statement`: an account's lines over the API, page by page. It holds one page in memory, whatever the length. With `--all`
//! the newest lines of all owners, from the books.

mod everyone;

use std::path::Path;

use clap::Args;
use client::{Client, Format, Line, StatementQuery};
use ledger::Owner;
use local::Home;

use crate::books::BooksArgs;
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::parse;
use crate::print::{self, Form};

/// The most that a page can have: the fewest requests.
const LINES: u16 = 1_000;
/// The most lines of all owners: more are read from the log page by page.
const LINES_OF_ALL_MAX: u16 = 500;
const API_KEY: &str = "HOOKLEDGER_API_KEY";

#[derive(Debug, Args)]
pub(crate) struct Statement {
    #[command(flatten)]
    which: BooksArgs,
    /// alice for credits, or alice/POSX, bob/commission-usd
    #[arg(value_name = "OWNER[/ASSET]", required_unless_present = "all")]
    account: Option<String>,
    /// The newest lines of all owners, from the books: payments, changes, and booked usage by its log lines
    #[arg(long, conflicts_with_all = ["account", "from", "to", "kind", "csv", "api"])]
    all: bool,
    /// With --all: since when, 1h, 7d, or a date or time as 2026-01-01T00:00:00Z [default: 24h]
    #[arg(long, value_name = "24h|TIME")]
    since: Option<String>,
    /// With --all: how many at most [default: 50]
    #[arg(long, value_name = "N", value_parser = parse::number(1..=LINES_OF_ALL_MAX))]
    limit: Option<u16>,
    /// Lines from this time on, as 2026-01-01T00:00:00Z; a date is its start in UTC
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Lines before this time, or before this date
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Lines of one kind: usage, credit, expiry
    #[arg(long)]
    kind: Option<String>,
    /// Print a file of comma-separated values
    #[arg(long)]
    csv: bool,
    /// The address of the API, the output `ApiUrl` of a deployed stage [default: the running stack]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
}

/// The key comes from the environment: what stands on a command line can be read by others on the machine.
pub(crate) async fn run(
    args: &Statement,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    if args.csv && form == Form::Json {
        return Err(Error::TwoForms);
    }
    let Some(account) = args.account.as_deref().filter(|_| !args.all) else {
        return everyone::show(args, dir, form, variable).await;
    };
    if args.since.is_some() || args.limit.is_some() {
        return Err(ToolError::OfAllAlone.into());
    }
    let account = parse::account(account)?;
    let [from, to] = [&args.from, &args.to].map(|time| time.as_deref().map(parse::time).transpose());
    let [from, to] = [from?, to?].map(|time| time.map(|time| time.to_string()));
    let client = client(args.api.as_deref(), account.owner(), dir, variable)?;
    let asset = account.asset().to_string();
    let query = StatementQuery {
        asset: Some(&asset),
        from: from.as_deref(),
        to: to.as_deref(),
        kind: args.kind.as_deref(),
        limit: Some(LINES),
    };
    let format = if args.csv { Format::Csv } else { Format::Json };
    let mut pages = client.statement(account.owner().as_str(), &query, format);
    let mut out = Out { account: account.to_string(), lines: 0 };
    let mut is_open = true;
    while is_open {
        is_open = if args.csv {
            let Some(text) = pages.next_text().await? else { break };
            print::text(&text)
        } else {
            let Some(page) = pages.next().await? else { break };
            out.page(&page.lines, form)
        };
    }
    if is_open {
        out.end(args.csv, form);
    }
    Ok(())
}

/// A client of the named API, or of the stack that runs here, which names the key of its demo account in its file.
pub(crate) fn client(
    api: Option<&str>,
    owner: &Owner,
    dir: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Client, Error> {
    let running = if api.is_none() { Home::at(dir).running()? } else { None };
    let url = api.or_else(|| running.as_ref().map(|running| running.base_url.as_str()));
    let url = url.ok_or_else(|| Error::NoApi(dir.to_owned()))?;
    let of_stack = || running.as_ref().and_then(|running| running.api_keys.get(owner.as_str()).cloned());
    let key = variable(API_KEY).or_else(of_stack).ok_or(Error::NoApiKey(API_KEY))?;
    Ok(Client::new(url, &key)?)
}

/// The output. Each method says whether it is still read: after `head` has what it wants, no page is fetched any more.
struct Out {
    account: String,
    lines: u64,
}

impl Out {
    fn page(&mut self, lines: &[Line], form: Form) -> bool {
        let mut text = String::new();
        for line in lines {
            let written = match form {
                Form::Lines => format!("{}  {:<12}  {:>20}  {}\n", line.time, line.kind, line.amount, line.id),
                Form::Json => format!("{}\n    {}", self.before_json(), json(line)),
            };
            text.push_str(&written);
            self.lines = self.lines.saturating_add(1);
        }
        print::text(&text)
    }

    /// What stands before the next line of the document.
    fn before_json(&self) -> String {
        if self.lines > 0 {
            return ",".to_owned();
        }
        format!("{{\n  \"account\": {},\n  \"lines\": [", serde_json::Value::from(self.account.as_str()))
    }

    fn end(&self, is_csv: bool, form: Form) {
        let text = match form {
            Form::Json if self.lines == 0 => format!("{}]\n}}\n", self.before_json()),
            Form::Json => "\n  ]\n}\n".to_owned(),
            Form::Lines if self.lines == 0 && !is_csv => format!("{} has no such lines\n", self.account),
            Form::Lines => return,
        };
        print::text(&text);
    }
}

fn json(line: &Line) -> String {
    let Line { id, kind, amount, time } = line;
    serde_json::json!({ "id": id, "kind": kind, "amount": amount, "time": time }).to_string()
}
