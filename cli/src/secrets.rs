//! `secrets`: rotates the key with which a sender signs, so that no event is refused meanwhile. Both keys verify until the
//! old one is retired; a retired key verifies refused events of before for 90 days.

use std::collections::BTreeMap;
use std::io::Read as _;

use clap::{Args, Subcommand};
use edge::Settings;
use ledger::{KeyUse, Source};
use local::{check_keys, now, random_bits};
use serde::Serialize;
use signing::Strength;

use crate::aws_cli::AwsCli;
use crate::books::{Books, BooksArgs};
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::print::{self, Facts, Form};

const RETIRED: &str = "retired";

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
        /// usage, litellm, openrouter or stripe
        #[arg(value_parser = source)]
        source: Source,
        /// Read the new key from stdin, as Stripe's dashboard shows it [default for the others: make one]
        #[arg(long)]
        stdin: bool,
    },
    /// End the old key, once the sender signs with the new one
    Retire {
        /// usage, litellm, openrouter or stripe
        #[arg(value_parser = source)]
        source: Source,
        /// It has leaked: it verifies nothing any more, not even refused events of before
        #[arg(long)]
        leaked: bool,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotated {
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
    let (name, setting) = match &args.action {
        Action::Rotate { source, .. } | Action::Retire { source, .. } => place(*source)?,
    };
    if !args.which.aws {
        return Err(ToolError::NotHere.into());
    }
    let (books, aws) = (args.which.open(dir).await?, AwsCli::new(variable));
    let mut pairs = books.settings_of_stage(name).await?;
    let live: Vec<String> =
        pairs.get(setting).map(|keys| keys.split_whitespace().map(str::to_owned).collect()).unwrap_or_default();
    let rotated = match args.action {
        Action::Rotate { source, stdin } => {
            let (new, is_made) = new_key(source, stdin)?;
            let keys: Vec<String> = live.into_iter().chain([new.clone()]).collect();
            pairs.insert(setting.to_owned(), keys.join(" "));
            accepted(name, setting, &pairs)?;
            write(&books, &aws, name, &pairs).await?;
            let next = format!(
                "  Functions read it within a minute. Change the sender, see events booked, then: secrets retire {} …",
                source.as_str()
            );
            Rotated { secret: name.to_owned(), setting, keys: keys.len(), new_key: is_made.then_some(new), next }
        }
        Action::Retire { source: _, leaked } => {
            let [old, kept @ ..] = live.as_slice() else { return Err(ToolError::OneKey(setting).into()) };
            if kept.is_empty() {
                return Err(ToolError::OneKey(setting).into());
            }
            if !leaked {
                // First, so that at no moment a refused event has no key.
                let mut retired = books.settings_of_stage(RETIRED).await?;
                let dated = format!("{setting}@{}", KeyUse::day_of(now()));
                let before = retired.get(&dated).map(|keys| format!("{keys} ")).unwrap_or_default();
                retired.insert(dated, format!("{before}{old}"));
                write(&books, &aws, RETIRED, &retired).await?;
            }
            pairs.insert(setting.to_owned(), kept.join(" "));
            write(&books, &aws, name, &pairs).await?;
            let next = if leaked {
                "  Events that only the old key verifies are closed with an alarm: have the sender send them again."
            } else {
                "  The old key verifies refused events of before for 90 days; remove it from `retired` then."
            };
            Rotated { secret: name.to_owned(), setting, keys: kept.len(), new_key: None, next: next.to_owned() }
        }
    };
    form.show(&rotated);
    Ok(())
}

/// The secret without the stage, and the setting that is a list of keys.
fn place(source: Source) -> Result<(&'static str, &'static str), ToolError> {
    match source {
        Source::Usage => Ok(("usage", "WEBHOOK_SECRET")),
        Source::Litellm => Ok(("litellm", "LITELLM_KEY")),
        Source::Openrouter => Ok(("openrouter", "OPENROUTER_KEY")),
        Source::Stripe => Ok(("stripe", "STRIPE_WEBHOOK_SECRET")),
        // Platform keys have serial numbers, merchants have a key each, and Fireblocks publishes its own.
        Source::Wechat | Source::Epay | Source::Fireblocks => Err(ToolError::NotRotated(source.as_str().to_owned())),
    }
}

fn source(text: &str) -> Result<Source, String> {
    Source::named(text).ok_or_else(|| "give usage, litellm, openrouter or stripe".to_owned())
}

/// The new key, and whether it was made here.
fn new_key(source: Source, stdin: bool) -> Result<(String, bool), Error> {
    if !stdin && source != Source::Stripe {
        let text = format!("{:032x}{:032x}", random_bits()?, random_bits()?);
        return Ok((text, true));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|cause| Error::Input("-".into(), cause))?;
    Ok((text.trim().to_owned(), false))
}

/// Refuses what the function would refuse: it would not start any more.
fn accepted(name: &str, setting: &'static str, pairs: &BTreeMap<String, String>) -> Result<(), ToolError> {
    let settings = Settings::new(pairs.clone());
    let checks = check_keys(&settings, false, Strength::Deployed);
    let refused = checks.into_iter().find(|check| check.secret == name).and_then(|check| check.result.err());
    refused.map_or(Ok(()), |(_, cause)| Err(ToolError::KeyRefused { setting, cause }))
}

/// Through a pipe: an argument would be in the list of processes.
async fn write(books: &Books, aws: &AwsCli, name: &str, pairs: &BTreeMap<String, String>) -> Result<(), Error> {
    let (_, id) = books.secret_of_stage(name).ok_or(ToolError::NotHere)?;
    let words = ["secretsmanager", "put-secret-value", "--secret-id", &id, "--secret-string", "file:///dev/stdin"];
    let document = serde_json::json!(pairs).to_string();
    aws.json_with(&words, Some(document)).await.map(|_| ())
}

impl Facts for Rotated {
    fn print(&self) {
        let Self { secret, setting, keys, new_key, next } = self;
        print::line(format_args!("{secret}: {keys} keys of {setting} verify"));
        if let Some(key) = new_key {
            print::line(format_args!("the new key: {key}"));
        }
        print::line(next);
    }
}

#[cfg(test)]
mod tests {
    use signing::SecretError;

    use super::*;

    fn refused(source: Source, keys: &str) -> Option<SecretError> {
        let (name, setting) = place(source).expect("it is rotated here");
        let result = accepted(name, setting, &[(setting.to_owned(), keys.to_owned())].into());
        result.err().map(|error| {
            let ToolError::KeyRefused { cause, .. } = error else { panic!("{error}") };
            cause
        })
    }

    #[test]
    fn made_key_is_accepted_beside_the_old_one() {
        for source in [Source::Usage, Source::Litellm, Source::Openrouter] {
            let [old, new] = [(), ()].map(|()| new_key(source, false).expect("a key"));
            assert!(old.1 && new.1 && old.0 != new.0 && new.0.len() == 64);
            assert_eq!(refused(source, &format!("{} {}", old.0, new.0)), None, "{}", source.as_str());
        }
    }

    /// Its function would not start any more, and every event would be refused.
    #[test]
    fn key_that_the_function_would_refuse_is_not_written() {
        let old = "0123456789abcdef0123456789abcdef";
        let rows = [
            (Source::Usage, format!("{old} changeme"), Some(SecretError::Placeholder)),
            (Source::Usage, format!("{old} short"), Some(SecretError::TooShort { chars: 5, min: 32 })),
            (Source::Usage, [old; 9].join(" "), Some(SecretError::TooMany { max: 8 })),
            (Source::Stripe, format!("whsec_{old} {old}"), Some(SecretError::NoPrefix)),
            (Source::Stripe, format!("whsec_{old} whsec_{old}"), None),
        ];
        for (source, keys, expected) in rows {
            assert_eq!(refused(source, &keys), expected, "{keys}");
        }
    }

    #[test]
    fn source_with_other_keys_names_its_page() {
        for source in [Source::Wechat, Source::Epay, Source::Fireblocks] {
            assert!(matches!(place(source), Err(ToolError::NotRotated(_))), "{}", source.as_str());
        }
    }
}
