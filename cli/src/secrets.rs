//! `secrets`: rotates the key with which a sender signs, so that no event is refused meanwhile. Both keys verify until the
//! old one is retired; a retired key verifies refused events of before for 90 days. Each change leaves a row with who and why.

mod api_user;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeMap;
use std::io::Read as _;

use clap::{Args, Subcommand};
use edge::Settings;
use ledger::{KeyUse, Source};
use local::{check_keys, now, random_bits};
use serde::Serialize;
use signing::Strength;

use crate::authorship::{Authorship, ChangeArgs};
use crate::aws_cli::AwsCli;
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::note::note;
use crate::print::{self, Facts, Form};

use written::{Written, write};

const RETIRED: &str = "retired";
const DONE_BEFORE: &str = "  This id was used before: nothing is written. Another id rotates again.";

#[derive(Debug, Args)]
pub(crate) struct SecretsCommand {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put a new key behind the old one: both verify. Then change the sender
    Rotate {
        /// usage, litellm, openrouter, stripe, wechat, epay or fireblocks
        #[arg(value_parser = source)]
        source: Source,
        /// Which of its settings [default: the first that docs/operate.md lists]
        #[arg(long, value_name = "NAME")]
        setting: Option<String>,
        /// Read the new key from stdin, as its provider shows it [default: make one, where we choose it]
        #[arg(long)]
        stdin: bool,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// End the old key, once the sender signs with the new one
    Retire {
        /// usage, litellm, openrouter, stripe, wechat or epay
        #[arg(value_parser = source)]
        source: Source,
        /// Which of its settings [default: the first that docs/operate.md lists]
        #[arg(long, value_name = "NAME")]
        setting: Option<String>,
        /// It has leaked: it verifies nothing any more, not even refused events of before
        #[arg(long)]
        leaked: bool,
        #[command(flatten)]
        by: ChangeArgs,
    },
}

/// A setting that lists keys, and the secret that has it, without the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    secret: &'static str,
    setting: &'static str,
    chosen_by: Chooser,
}

/// Who chooses a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chooser {
    /// We do: so many hexadecimal digits.
    Us { digits: usize },
    /// The other side does: it comes from stdin.
    Them,
}

const fn place(secret: &'static str, setting: &'static str, chosen_by: Chooser) -> Place {
    Place { secret, setting, chosen_by }
}

const OURS: Chooser = Chooser::Us { digits: 64 };
/// The merchant enters it at WeChat Pay, which takes exactly 32 characters.
const OF_MERCHANT: Chooser = Chooser::Us { digits: 32 };

/// The settings of a source, the one that is rotated most often first.
const fn places(source: Source) -> &'static [Place] {
    match source {
        Source::Usage => {
            const { &[place("usage", "WEBHOOK_SECRET", OURS), place("usage", "STANDARD_WEBHOOK_SECRET", Chooser::Them)] }
        }
        Source::Litellm => const { &[place("litellm", "LITELLM_KEY", OURS)] },
        Source::Openrouter => const { &[place("openrouter", "OPENROUTER_KEY", OURS)] },
        Source::Stripe => const { &[place("stripe", "STRIPE_WEBHOOK_SECRET", Chooser::Them)] },
        Source::Wechat => {
            const {
                &[
                    place("wechat-signing", "WECHAT_PLATFORM_KEYS", Chooser::Them),
                    place("wechat", "WECHAT_API_V3_KEY", OF_MERCHANT),
                    place("wechat", "WECHAT_API_V2_KEY", OF_MERCHANT),
                    place("wechat-signing", "WECHAT_FORWARDER_SECRET", OURS),
                    place("wechat", "WECHAT_FORWARDER_STANDARD_SECRET", Chooser::Them),
                ]
            }
        }
        Source::Epay => {
            const { &[place("epay", "EPAY_MD5_KEYS", Chooser::Them), place("epay", "EPAY_RSA_PUBLIC_KEYS", Chooser::Them)] }
        }
        // It publishes the keys of its webhooks. Ours is the key of an API user, which is replaced.
        Source::Fireblocks => &[],
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotated {
    #[serde(flatten)]
    changed: ChangeResult,
    secret: String,
    setting: &'static str,
    /// How many keys verify now.
    keys: usize,
    /// Only of a key that this command has made.
    new_key: Option<String>,
    #[serde(skip)]
    next: String,
}

pub(crate) async fn run(
    args: SecretsCommand,
    dir: &std::path::Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let (source, setting) = match &args.action {
        Action::Rotate { source, setting, .. } | Action::Retire { source, setting, .. } => (*source, setting.clone()),
    };
    let setting = setting.as_deref();
    if !args.which.aws {
        return Err(ToolError::NotHere.into());
    }
    let aws = AwsCli::new(&variable);
    let rotated = match args.action {
        Action::Rotate { by, .. } if source == Source::Fireblocks => {
            let by = by.authorship(variable)?;
            api_user::replace(&args.which.open(dir).await?, &aws, &by).await?
        }
        Action::Rotate { stdin, by, .. } => {
            let (at, by) = (chosen(source, setting)?, by.authorship(variable)?);
            rotate(&args.which.open(dir).await?, &aws, (source, at), stdin, &by).await?
        }
        Action::Retire { leaked, by, .. } => {
            let (at, by) = (chosen(source, setting)?, by.authorship(variable)?);
            retire(&args.which.open(dir).await?, &aws, at, leaked, &by).await?
        }
    };
    form.show(&rotated);
    Ok(())
}

/// First the row with who and why, then the secret: no key changes without a row, and a row says so if the secret was not
/// written after all. Under the same id a second run finds the row, and adds no key.
async fn rotate(
    books: &Books,
    aws: &AwsCli,
    (source, at): (Source, Place),
    stdin: bool,
    by: &Authorship,
) -> Result<Rotated, Error> {
    let Place { secret, setting, chosen_by } = at;
    let (mut pairs, beside) = (books.settings_of_stage(secret).await?, beside(books, secret).await?);
    let live = listed(&pairs, setting);
    let (new, is_made) = new_key(chosen_by, stdin)?;
    let before = pairs.clone();
    let keys: Vec<String> = live.iter().cloned().chain((!live.contains(&new)).then(|| new.clone())).collect();
    pairs.insert(setting.to_owned(), keys.join(" "));
    accepted(&before, &pairs, &beside)?;
    let changed =
        note(books, by, "rotate_key", vec![("secret", secret.to_owned()), ("setting", setting.to_owned())]).await?;
    let secret = secret.to_owned();
    if !changed.is_done_now() {
        return Ok(Rotated { changed, secret, setting, keys: live.len(), new_key: None, next: DONE_BEFORE.to_owned() });
    }
    write(books, aws, by, 1, Written { secret: at.secret, setting, pairs: &pairs }).await?;
    let next = format!(
        "  Functions read it within a minute. Change the sender, see events booked, then: secrets retire {} --setting {setting} …",
        source.as_str()
    );
    Ok(Rotated { changed, secret, setting, keys: keys.len(), new_key: is_made.then_some(new), next })
}

async fn retire(books: &Books, aws: &AwsCli, at: Place, leaked: bool, by: &Authorship) -> Result<Rotated, Error> {
    let Place { secret, setting, .. } = at;
    let mut pairs = books.settings_of_stage(secret).await?;
    let live = listed(&pairs, setting);
    let (old, kept) = replaced(&live).ok_or(ToolError::OneKey(setting))?;
    let mut retired = if leaked { BTreeMap::new() } else { books.settings_of_stage(RETIRED).await? };
    let kind = if leaked { "end_key" } else { "retire_key" };
    let changed = note(books, by, kind, vec![("secret", secret.to_owned()), ("setting", setting.to_owned())]).await?;
    let name = secret.to_owned();
    if !changed.is_done_now() {
        let next = DONE_BEFORE.to_owned();
        return Ok(Rotated { changed, secret: name, setting, keys: live.len(), new_key: None, next });
    }
    if !leaked {
        // First, so that at no moment a refused event has no key.
        let dated = format!("{setting}@{}", KeyUse::day_of(now()));
        // A try before this one may have come so far, and no further.
        let mut keys = listed(&retired, &dated);
        if !keys.contains(&old) {
            keys.push(old);
        }
        retired.insert(dated, keys.join(" "));
        write(books, aws, by, 1, Written { secret: RETIRED, setting, pairs: &retired }).await?;
    }
    pairs.insert(setting.to_owned(), kept.join(" "));
    write(books, aws, by, 2, Written { secret, setting, pairs: &pairs }).await?;
    let next = if leaked {
        "  Events that only the old key verifies are closed with an alarm: have the sender send them again."
    } else {
        "  The old key verifies refused events of before for 90 days; remove it from `retired` then."
    };
    Ok(Rotated { changed, secret: name, setting, keys: kept.len(), new_key: None, next: next.to_owned() })
}

fn listed(pairs: &BTreeMap<String, String>, setting: &str) -> Vec<String> {
    pairs.get(setting).map(|keys| keys.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}

/// The oldest key that another one of the same merchant replaces, and those that stay. Keys of an epay gateway begin with
/// their merchant; a platform key has a serial of its own, so any later one replaces it.
fn replaced(live: &[String]) -> Option<(String, Vec<String>)> {
    let merchant = |key: &str| key.split_once(':').map(|(head, _)| head.to_owned()).filter(|head| is_number(head));
    let is_replaced =
        |at: usize, key: &String| live.iter().skip(at.saturating_add(1)).any(|other| merchant(other) == merchant(key));
    let (at, old) = live.iter().enumerate().find(|(at, key)| is_replaced(*at, key))?;
    let kept = live.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, key)| key.clone());
    Some((old.clone(), kept.collect()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn chosen(source: Source, setting: Option<&str>) -> Result<Place, ToolError> {
    let found = places(source).iter().find(|place| setting.is_none_or(|setting| place.setting == setting)).copied();
    found.ok_or_else(|| {
        let known: Vec<&str> = places(source).iter().map(|place| place.setting).collect();
        if known.is_empty() || setting.is_none() {
            ToolError::NotRotated(source.as_str().to_owned())
        } else {
            ToolError::UnknownSetting { of: source.as_str(), known: known.join(", ") }
        }
    })
}

fn source(text: &str) -> Result<Source, String> {
    Source::named(text).ok_or_else(|| {
        let names = Source::ALL.map(Source::as_str);
        format!("give one of {}", names.join(", "))
    })
}

/// The new key, and whether it was made here.
fn new_key(chosen_by: Chooser, stdin: bool) -> Result<(String, bool), Error> {
    if let Chooser::Us { digits } = chosen_by
        && !stdin
    {
        let text = format!("{:032x}{:032x}", random_bits()?, random_bits()?);
        return Ok((text.get(..digits).unwrap_or(&text).to_owned(), true));
    }
    Ok((of_stdin()?.trim().to_owned(), false))
}

fn of_stdin() -> Result<String, Error> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|cause| Error::Input("-".into(), cause))?;
    Ok(text)
}

/// The settings of the other secret that the same function reads.
async fn beside(books: &Books, secret: &str) -> Result<BTreeMap<String, String>, ToolError> {
    match secret {
        "wechat" => books.settings_of_stage("wechat-signing").await,
        "wechat-signing" => books.settings_of_stage("wechat").await,
        _ => Ok(BTreeMap::new()),
    }
}

/// Refuses what a function would refuse and did not before: it would not start any more.
fn accepted(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    beside: &BTreeMap<String, String>,
) -> Result<(), ToolError> {
    let checked = |pairs: &BTreeMap<String, String>| {
        let all = beside.iter().chain(pairs).map(|(name, value)| (name.clone(), value.clone()));
        check_keys(&Settings::new(all.collect::<BTreeMap<_, _>>()), false, Strength::Deployed)
    };
    let refused = checked(before).into_iter().zip(checked(after)).find_map(|(before, after)| {
        let refused = after.result.err()?;
        (before.result.err() != Some(refused)).then_some(refused)
    });
    refused.map_or(Ok(()), |(setting, cause)| Err(ToolError::KeyRefused { setting, cause }))
}

impl Facts for Rotated {
    fn print(&self) {
        let Self { changed, secret, setting, keys, new_key, next } = self;
        changed.print();
        print::line(format_args!("{secret}: {keys} keys of {setting} verify"));
        if let Some(key) = new_key {
            print::line(format_args!("the new key: {key}"));
        }
        print::line(next);
    }
}
