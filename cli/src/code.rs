//! `code`: makes, redeems, lists and revokes redeem codes. Every change is a journal entry; a code is printed once.

use std::path::Path;

use api::{CodePepper, RedeemError, Redeemed};
use clap::{Args, Subcommand};
use edge::{Keyring, Vault};
use ledger::{Amount, Asset, Code, CodeText, Codes as _, OncePer, Owner, Timestamp, Word};
use local::{CODE_PEPPER, Home, Secrets, What, context, credits_of, now};
use serde::Serialize;

use crate::account::{PATIENCE, change_of, committed, terms};
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Facts, Form};

/// DynamoDB's limit is 100 rows in one transaction: either all codes of a command exist or none.
const CODES_MAX: u32 = 90;
/// In place of a code.
const STDIN: &str = "-";
const USES_MAX: u32 = 1_000_000;
/// A code that lasts longer is a mistyped year.
const AHEAD_SECONDS_MAX: u64 = 10 * 366 * 24 * 60 * 60;

#[derive(Debug, Args)]
pub(crate) struct CodeCommand {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make codes and print them. They are printed once; only their hashes are stored
    Make {
        campaign: String,
        /// The credits of one use, as 15 or 0.00234
        #[arg(allow_negative_numbers = true)]
        credits: String,
        /// How many codes
        #[arg(long, default_value = "1", value_parser = parse::number(1..=CODES_MAX))]
        count: u32,
        /// How many owners can redeem each
        #[arg(long, default_value = "1", value_parser = parse::number(1..=USES_MAX))]
        uses: u32,
        /// Until when, as 2026-01-01T00:00:00+08:00 [default: for ever]
        #[arg(long)]
        until: Option<String>,
        /// An owner redeems one code of the campaign, and not each
        #[arg(long)]
        once_per_campaign: bool,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Redeem a code for an owner
    Redeem {
        owner: String,
        /// The code, or - to read it from stdin: an argument stays in the list of processes and in the shell's history
        code: String,
        /// Create the account if it does not exist
        #[arg(long)]
        new: bool,
    },
    /// List the codes of a campaign by their names
    List { campaign: String },
    /// Revoke a code of a campaign, or all of them. What was redeemed stays
    Revoke {
        campaign: String,
        /// Its name in `code list`
        #[arg(required_unless_present = "all")]
        name: Option<String>,
        #[arg(long, conflicts_with = "name")]
        all: bool,
        #[command(flatten)]
        by: ChangeArgs,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeCodes {
    #[serde(flatten)]
    changed: ChangeResult,
    campaign: String,
    /// Only from the command that makes them.
    codes: Option<Vec<MadeCode>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeCode {
    code: String,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeFacts {
    name: String,
    credits: String,
    uses: u32,
    uses_left: u32,
    once_per: &'static str,
    state: &'static str,
    until: Option<String>,
    revoked_at: Option<String>,
    receipt: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeList {
    campaign: String,
    codes: Vec<CodeFacts>,
}

#[derive(Serialize)]
struct Revocation {
    #[serde(flatten)]
    changed: ChangeResult,
    revoked: usize,
    /// How many live codes of the campaign are left for another command.
    left: usize,
    /// Whether all codes that the index has are meant. It may lack the newest.
    #[serde(skip)]
    is_all: bool,
}

pub(crate) async fn run(
    args: CodeCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match args.action {
        Action::Make { campaign, credits, count, uses, until, once_per_campaign, by } => {
            let campaign = parse::campaign(&campaign)?;
            let credits = parse::positive_amount(Asset::CREDITS, &credits)?;
            let until = until.as_deref().map(until_time).transpose()?;
            let once_per = if once_per_campaign { OncePer::Campaign } else { OncePer::Code };
            let by = by.authorship(&variable)?;
            let books = args.which.open(dir).await?;
            let pepper = pepper(&books, dir, &variable).await?;
            let wish = Wish { campaign, credits, uses, until, once_per };
            make(&books, &pepper, &by, &wish, count, form).await
        }
        Action::Redeem { owner, code, new } => {
            let owner = parse::owner(&owner)?;
            let code = if code == STDIN { line_of_stdin() } else { code };
            let books = args.which.open(dir).await?;
            terms(&books, &credits_of(&owner), new).await?;
            let pepper = pepper(&books, dir, &variable).await?;
            redeem(&books, &pepper, &owner, &code, form).await
        }
        Action::List { campaign } => {
            let campaign = parse::campaign(&campaign)?;
            let books = args.which.open(dir).await?;
            let codes = listed(&books, campaign).await?;
            form.show(&CodeList { campaign: campaign.to_string(), codes: codes.iter().map(facts).collect() });
            Ok(())
        }
        Action::Revoke { campaign, name, all: _, by } => {
            let (campaign, by) = (parse::campaign(&campaign)?, by.authorship(&variable)?);
            revoke(&args.which.open(dir).await?, &by, campaign, name.as_deref(), form).await
        }
    }
}

/// What a person wants of each code.
struct Wish {
    campaign: Word,
    credits: Amount,
    uses: u32,
    until: Option<Timestamp>,
    once_per: OncePer,
}

async fn make(
    books: &Books,
    pepper: &CodePepper,
    by: &Authorship,
    wish: &Wish,
    count: u32,
    form: Form,
) -> Result<(), Error> {
    let (mut codes, mut made) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let text = CodeText::from_random(local::random_bits()?);
        let hash = api::code_hash(pepper, &text).ok_or(Error::Overtaken)?;
        made.push(MadeCode { code: text.printed(), name: hash.short().to_owned() });
        codes.push(Code {
            hash,
            campaign: wish.campaign,
            credits: wish.credits,
            uses: wish.uses,
            uses_left: wish.uses,
            once_per: wish.once_per,
            until: wish.until,
            made_by: by.receipt()?,
            revoked_at: None,
        });
    }
    let changed = ChangeResult::of(&committed(books, by, What::MakeCodes(codes)).await?);
    let codes = changed.is_done_now().then_some(made);
    form.show(&MadeCodes { changed, campaign: wish.campaign.to_string(), codes });
    Ok(())
}

async fn redeem(books: &Books, pepper: &CodePepper, owner: &Owner, code: &str, form: Form) -> Result<(), Error> {
    let redeemed = api::redeem(&books.ledger, pepper, owner, code, &context(PATIENCE)).await;
    let changed = match redeemed.map_err(|error| match error {
        RedeemError::Commit(error) => Error::Commit(error),
        refused @ (RedeemError::Invalid | RedeemError::TooManyWrong) => Error::NotRedeemed(refused),
    })? {
        Redeemed::Now { receipt, .. } => ChangeResult::of(&ledger::Committed::Now(receipt)),
        Redeemed::Earlier(receipt) => ChangeResult::of(&ledger::Committed::Earlier(receipt)),
    };
    change_of(books, changed, &credits_of(owner), form).await
}

async fn revoke(books: &Books, by: &Authorship, campaign: Word, name: Option<&str>, form: Form) -> Result<(), Error> {
    let codes = listed(books, campaign).await?;
    let is_named = |code: &&Code| name.is_none_or(|name| code.hash.short() == name);
    if let Some(name) = name.filter(|_| !codes.iter().any(|code| is_named(&code))) {
        return Err(Error::NoCode { campaign: campaign.to_string(), name: name.to_owned() });
    }
    let mut live: Vec<_> =
        codes.iter().filter(is_named).filter(|code| code.revoked_at.is_none()).map(|code| code.hash.clone()).collect();
    let most = usize::try_from(CODES_MAX).unwrap_or_default();
    let left = live.len().saturating_sub(most);
    live.truncate(most);
    let revoked = live.len();
    let what = What::RevokeCodes { campaign, name: name.map(str::to_owned), codes: live };
    let changed = ChangeResult::of(&committed(books, by, what).await?);
    let (revoked, left) = if changed.is_done_now() { (revoked, left) } else { (0, left.saturating_add(revoked)) };
    form.show(&Revocation { changed, revoked, left, is_all: name.is_none() });
    Ok(())
}

async fn listed(books: &Books, campaign: Word) -> Result<Vec<Code>, Error> {
    let mut codes = books.ledger.codes(campaign, &context(PATIENCE)).await?;
    codes.sort_by(|one, other| one.hash.cmp(&other.hash));
    Ok(codes)
}

/// What cannot be read is no code, and refused as any other.
fn line_of_stdin() -> String {
    std::io::stdin().lines().next().and_then(Result::ok).unwrap_or_default()
}

fn until_time(text: &str) -> Result<Timestamp, Error> {
    let (until, now) = (parse::time(text)?, now());
    if until <= now || until.seconds_apart(now) > AHEAD_SECONDS_MAX { Err(Error::Until(until)) } else { Ok(until) }
}

/// The pepper of these books: generated with the data folder's secrets, or the stage's own secret.
async fn pepper(
    books: &Books,
    dir: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<std::sync::Arc<CodePepper>, Error> {
    let vault = if let Some((sdk, id)) = books.secret_of_stage("codes") {
        Vault::of_secret(sdk, id)
    } else {
        let secrets = Secrets::open(&Home::open(dir)?, variable)?;
        Vault::Here(edge::Settings::new([(CODE_PEPPER.to_owned(), secrets.named(CODE_PEPPER).to_owned())]))
    };
    Ok(Keyring::open(vault, api::code_pepper, now()).await.map_err(Error::Pepper)?.current())
}

fn facts(code: &Code) -> CodeFacts {
    let state = if code.revoked_at.is_some() {
        "revoked"
    } else if code.uses_left == 0 {
        "used_up"
    } else if code.is_redeemable(now()) {
        "live"
    } else {
        "over"
    };
    CodeFacts {
        name: code.hash.short().to_owned(),
        credits: Asset::CREDITS.format(code.credits),
        uses: code.uses,
        uses_left: code.uses_left,
        once_per: code.once_per.as_str(),
        state,
        until: code.until.map(|at| at.to_string()),
        revoked_at: code.revoked_at.map(|at| at.to_string()),
        receipt: code.made_by.to_string(),
    }
}

impl Facts for MadeCodes {
    fn print(&self) {
        self.changed.print();
        let Some(codes) = &self.codes else {
            print::line(format_args!(
                "  The codes cannot be printed again. If you do not have them, revoke them: code list {}",
                self.campaign
            ));
            return;
        };
        let head = ["code", "name"].map(str::to_owned);
        let rows = codes.iter().map(|made| [made.code.clone(), made.name.clone()]);
        print::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
        print::line("  The codes are printed only once: only their hashes are stored.");
    }
}

impl Facts for CodeList {
    fn print(&self) {
        if self.codes.is_empty() {
            print::line(format_args!("the campaign {} has no codes", self.campaign));
            return;
        }
        let head = ["name", "credits", "left", "state", "until"].map(str::to_owned);
        let row = |code: &CodeFacts| {
            let left = format!("{} of {}", code.uses_left, code.uses);
            let until = code.until.clone().unwrap_or_default();
            [code.name.clone(), code.credits.clone(), left, code.state.replace('_', " "), until]
        };
        print::columns(&std::iter::once(head).chain(self.codes.iter().map(row)).collect::<Vec<_>>());
    }
}

impl Facts for Revocation {
    fn print(&self) {
        self.changed.print();
        print::line(format_args!("  {} codes are revoked by this command", self.revoked));
        if self.is_all {
            print::line("  A code of the last seconds may be missing in the index: look once more with `code list`.");
        }
        if self.left > 0 {
            print::line(format_args!("  {} codes are left: run the command again with another --id", self.left));
        }
    }
}
