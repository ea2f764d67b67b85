//! `hold`: sets credits aside for a use whose cost is not known yet, and settles or releases them.

mod change;

use std::path::Path;

use clap::{Args, Subcommand};
use ledger::{
    Asset, AtExpiry, Audit as _, EventKey, Fact, Hold, HoldBudget, HoldClosing, HoldId, HoldTerms, HoldTermsError,
    Holds as _, Source,
};
use local::{context, credits_of, now};

use self::change::{close, open};

use crate::account::{PATIENCE, key_of};
use crate::authorship::{AuthorArgs, Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::error::Error;
use crate::error::hold::{HoldRefused, HoldStep, HoldTermsRefused};
use crate::hold_facts::{HoldFacts, OpenHolds};
use crate::parse;
use crate::print::Form;

#[derive(Debug, Args)]
pub(crate) struct HoldCommand {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set an amount of the owner's credits aside. What is held cannot be spent by others
    Open(OpenArgs),
    /// Charge what the use has cost, which may be more than is held, and free the rest
    Settle {
        /// Its id, as `hold list` prints it
        id: String,
        /// What the use has cost, as 15 or 0.00234
        #[arg(allow_negative_numbers = true)]
        cost: String,
        #[command(flatten)]
        by: AuthorArgs,
    },
    /// Free the amount without a charge
    Release {
        /// Its id, as `hold list` prints it
        id: String,
        #[command(flatten)]
        by: AuthorArgs,
    },
    /// Show a hold, and what has become of it
    Show { id: String },
    /// List the open holds of an owner, the first to expire first
    List { owner: String },
}

#[derive(Debug, Args)]
struct OpenArgs {
    owner: String,
    /// The most that the use is expected to cost, as 15 or 0.00234
    #[arg(allow_negative_numbers = true)]
    amount: String,
    /// When it expires, unless it is settled or released before: from 1s to 24h
    #[arg(long, value_name = "30s|10m|24h", default_value = "10m")]
    ttl: String,
    /// The id of the usage event that reports the same use, so that it is charged once [default: no event reports it]
    #[arg(long = "use", value_name = "EVENT_ID")]
    usage: Option<String>,
    /// The owner's key that it is for, by its name in `account keys`: it counts in the key's budget
    #[arg(long)]
    key: Option<String>,
    /// With --key: open it though the key was last used more than a month ago, by this machine's clock
    #[arg(long, requires = "key")]
    clock_checked: bool,
    /// What its expiry charges [default: nothing, until it is settled]
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    charge: Option<String>,
    #[command(flatten)]
    by: ChangeArgs,
}

pub(crate) async fn run(
    args: HoldCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match args.action {
        Action::Open(wish) => {
            let (key, is_clock_checked) = (wish.key.clone(), wish.clock_checked);
            let (mut hold, by) = wish.hold(variable)?;
            let books = args.which.open(dir).await?;
            if let Some(key) = key {
                let (name, (key, bound)) = (key.clone(), key_of(&books, hold.account.owner(), &key).await?);
                let (id, usage) = (hold.id.clone(), hold.usage.clone());
                let refused = |cause| HoldRefused { id, usage, step: HoldStep::Open, cause };
                hold = hold.for_key(&key, bound).map_err(refused)?;
                if let Some(budget) = hold.budget.as_ref().filter(|_| !is_clock_checked) {
                    refuse_clock_ahead(&books, budget, name).await?;
                }
            }
            open(&books, &hold, &by, form).await
        }
        Action::Settle { id, cost, by } => {
            let (id, cost, author) = (hold_id(&id)?, parse::amount(Asset::CREDITS, &cost)?, by.author(variable)?);
            let facts = vec![("author", Fact::Text(author)), ("reason", Fact::Text(by.reason))];
            let closing = HoldClosing::Settle { cost, facts, reported: None };
            close(&args.which.open(dir).await?, &id, &closing, HoldStep::Settle, form).await
        }
        Action::Release { id, by } => {
            let (id, author) = (hold_id(&id)?, by.author(variable)?);
            let closing = HoldClosing::ReleaseByHand { note: note(&author, &by.reason) };
            close(&args.which.open(dir).await?, &id, &closing, HoldStep::Release, form).await
        }
        Action::Show { id } => {
            let id = hold_id(&id)?;
            form.show(&HoldFacts::of(&stored(&args.which.open(dir).await?, &id).await?));
            Ok(())
        }
        Action::List { owner } => {
            let account = credits_of(&parse::owner(&owner)?);
            let open = args.which.open(dir).await?.ledger.open_holds(&account, &context(PATIENCE)).await?.all()?;
            form.show(&OpenHolds { account: account.to_string(), holds: open.iter().map(HoldFacts::of).collect() });
            Ok(())
        }
    }
}

impl OpenArgs {
    /// Validates all values before the books are opened.
    fn hold(self, variable: impl Fn(&str) -> Option<String>) -> Result<(Hold, Authorship), Error> {
        let Self { owner, amount: amount_text, ttl, usage, key: _, clock_checked: _, charge, by } = self;
        let account = credits_of(&parse::owner(&owner)?);
        let amount = parse::amount(Asset::CREDITS, &amount_text)?;
        let to_charge = charge.as_deref().map(|text| parse::positive_amount(Asset::CREDITS, text)).transpose()?;
        let usage = usage.as_deref().map(use_key).transpose()?;
        let by = by.of_any_id(variable)?;
        let id = hold_id(&by.id)?;
        let terms = HoldTerms {
            account: account.clone(),
            amount,
            usage,
            ttl_seconds: seconds(&ttl).unwrap_or_default(),
            at_expiry: to_charge.map_or(AtExpiry::Release, AtExpiry::Charge),
            note: Some(note(&by.author, &by.reason)),
        };
        let hold = Hold::new(id, terms, now()).map_err(|cause| {
            let value = match cause {
                HoldTermsError::NotCredits => account.to_string(),
                HoldTermsError::Nothing => amount_text,
                HoldTermsError::Ttl => ttl,
                HoldTermsError::ChargeAboveHold => charge.unwrap_or_default(),
            };
            HoldTermsRefused { value, cause }
        })?;
        Ok((hold, by))
    }
}

/// A hold whose clock is years ahead would begin a window that pushes real ones out of the key's row.
async fn refuse_clock_ahead(books: &Books, budget: &HoldBudget, key: String) -> Result<(), Error> {
    let stored = books.ledger.stored_spent(&budget.key, &context(PATIENCE)).await?;
    let spent = stored.and_then(|stored| stored.spent).filter(|spent| budget.is_long_after(spent));
    match spent.and_then(|spent| spent.days.current) {
        None => Ok(()),
        Some(newest) => Err(Error::ClockAhead { key, newest: newest.window, today: budget.windows.day.clone() }),
    }
}

async fn stored(books: &Books, id: &HoldId) -> Result<Hold, Error> {
    books.ledger.hold(id, &context(PATIENCE)).await?.ok_or_else(|| Error::NoHold(id.clone()))
}

/// The author and the reason, as the hold keeps them.
fn note(author: &str, reason: &str) -> String {
    format!("{author}: {reason}")
}

fn hold_id(text: &str) -> Result<HoldId, Error> {
    HoldId::new(text).map_err(|cause| Error::HoldId { text: text.to_owned(), cause })
}

fn use_key(text: &str) -> Result<EventKey, Error> {
    EventKey::new(Source::Usage, text).map_err(|cause| Error::Use { text: text.to_owned(), cause })
}

/// `30s`, `10m` or `24h`. `None` is refused as a time that is out of range is.
fn seconds(text: &str) -> Option<u32> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        _ => return None,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u32>().ok().filter(|_| is_number)?.checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn time_is_a_whole_number_with_its_unit() {
        let rows = [
            ("1s", Some(1)),
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("24h", Some(86_400)),
            ("0s", Some(0)),
            ("", None),
            ("s", None),
            ("10", None),
            ("+1s", None),
            ("-1s", None),
            ("1.5h", None),
            ("1d", None),
            ("1 m", None),
            ("1H", None),
            ("1h30m", None),
            ("1小", None),
            ("4294967296s", None),
            ("4294967295h", None),
        ];
        for (text, expected) in rows {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
