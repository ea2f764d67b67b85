//! `code`: makes, redeems, lists and revokes redeem codes. Every change is a journal entry; a code is printed once.

mod facts;

use std::path::Path;

use api::{CodePepper, RedeemError, Redeemed};
use clap::{Args, Subcommand};
use edge::{Keyring, Vault};
use ledger::{
    Amount, Asset, CODE_USES_MAX, CODES_MAX, Code, CodeText, Codes as _, GrantTerms, LotKind, OncePer, Owner,
    PRIORITY_DEFAULT, PRIORITY_MAX, Timestamp, Word,
};
use local::{CODE_PEPPER, Home, Secrets, What, context, credits_of, now};

use self::facts::{CodeList, MadeCode, MadeCodes, Revocation};
use crate::account::{PATIENCE, change_of, committed, terms};
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::Form;
use crate::prompt;
use crate::repair_result::{signature, written};

/// In place of a code.
const STDIN: &str = "-";

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
        #[arg(long, default_value = "1", value_parser = parse::number(1..=CODE_USES_MAX))]
        uses: u32,
        /// Until when, as 2026-01-01T00:00:00+08:00; a date is its start in UTC [default: for ever]
        #[arg(long)]
        until: Option<String>,
        /// Expire what is left so many days after the redemption, as 90d [default: never]
        #[arg(long, value_name = "90d")]
        expires: Option<String>,
        /// From 0, spent first, to 9 [default: 5, that of credits that never expire]
        #[arg(long, requires = "expires", value_parser = parse::number(0..=PRIORITY_MAX))]
        priority: Option<u8>,
        /// Free credits are spent before paid ones of the same priority [default: paid]
        #[arg(long, requires = "expires", value_parser = ["free", "paid"])]
        kind: Option<String>,
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
    /// Set how often a code was redeemed, with the number that `audit` prints. Owners keep their credits
    Repair {
        campaign: String,
        /// Its name in `code list`
        name: String,
        /// How many redemptions of it are in the journal
        #[arg(long, value_name = "N", value_parser = parse::number(0..=CODE_USES_MAX))]
        used: u32,
        #[command(flatten)]
        by: ChangeArgs,
    },
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

pub(crate) async fn run(
    args: CodeCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match args.action {
        Action::Make { campaign, credits, count, uses, until, expires, priority, kind, once_per_campaign, by } => {
            let campaign = parse::campaign(&campaign)?;
            let credits = parse::positive_amount(Asset::CREDITS, &credits)?;
            let until = until.as_deref().map(until_time).transpose()?;
            let terms = expires.map(|days| lasting(days, priority, kind.as_deref())).transpose()?;
            let once_per = if once_per_campaign { OncePer::Campaign } else { OncePer::Code };
            let by = by.authorship(&variable)?;
            let books = args.which.open(dir).await?;
            let pepper = pepper(&books, dir, &variable).await?;
            let wish = Wish { campaign, credits, terms, uses, until, once_per };
            make(&books, &pepper, &by, &wish, count, form).await
        }
        Action::Redeem { owner, code, new } => {
            let owner = parse::owner(&owner)?;
            let code = if code == STDIN { prompt::line_of_stdin() } else { code };
            let books = args.which.open(dir).await?;
            terms(&books, &credits_of(&owner), new).await?;
            let pepper = pepper(&books, dir, &variable).await?;
            redeem(&books, &pepper, &owner, &code, form).await
        }
        Action::List { campaign } => {
            let campaign = parse::campaign(&campaign)?;
            let books = args.which.open(dir).await?;
            let codes = listed(&books, campaign).await?;
            form.show(&CodeList { campaign: campaign.to_string(), codes: codes.iter().map(Into::into).collect() });
            Ok(())
        }
        Action::Repair { campaign, name, used, by } => {
            let (campaign, by) = (parse::campaign(&campaign)?, by.authorship(&variable)?);
            repair(&args.which.open(dir).await?, &by, campaign, &name, used, form).await
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
    terms: Option<GrantTerms>,
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
            terms: wish.terms,
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

async fn repair(
    books: &Books,
    by: &Authorship,
    campaign: Word,
    name: &str,
    used: u32,
    form: Form,
) -> Result<(), Error> {
    let codes = listed(books, campaign).await?;
    let code = codes.iter().find(|code| code.hash.short() == name);
    let code = code.ok_or_else(|| Error::NoCode { campaign: campaign.to_string(), name: name.to_owned() })?;
    by.print_id("repair");
    let decision = audit::code_repair(code, used, &signature(by));
    form.show(&written(books, decision, None, by).await?);
    Ok(())
}

async fn listed(books: &Books, campaign: Word) -> Result<Vec<Code>, Error> {
    let mut codes = books.ledger.codes(campaign, &context(PATIENCE)).await?;
    codes.sort_by(|one, other| one.hash.cmp(&other.hash));
    Ok(codes)
}

/// The terms of `--expires` and what goes with it, with the catalog's defaults.
fn lasting(text: String, priority: Option<u8>, kind: Option<&str>) -> Result<GrantTerms, Error> {
    let kind = kind.and_then(LotKind::named).unwrap_or(LotKind::Paid);
    let days = GrantTerms::parse_days(&text);
    let terms = days.and_then(|days| GrantTerms::new(days, priority.unwrap_or(PRIORITY_DEFAULT), kind));
    terms.map_err(|cause| Error::Expires { text, cause })
}

fn until_time(text: &str) -> Result<Timestamp, Error> {
    let (until, now) = (parse::time(text)?, now());
    if Code::may_end(until, now) { Ok(until) } else { Err(Error::Until(until)) }
}

/// The pepper of these books: generated with the data folder's secrets, or the stage's own secret.
pub(crate) async fn pepper(
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
