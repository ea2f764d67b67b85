//! `explain`: what became of anything that a person can name, why, and the command that corrects it.

mod facts;

use std::path::Path;
use std::time::Duration;

use catalog::{Catalog, SHIPPED};
use clap::Args;
use edge::Settings;
use insight::{Commands, Explained, Headline, Lang, ProviderAnswer, Sighting, Typed, explain};
use ledger::{CodeHash, CodeText, Ledger as _, Provider};
use local::{Asker, Home, context};

use crate::aws_cli::AwsCli;
use crate::books::{Books, BooksArgs};
use crate::code::pepper;
use crate::error::Error;
use crate::error::replay::AskRefused;
use crate::exit::Exit;
use crate::parse;
use crate::print::{self, Form, Tone};
use crate::progress::Progress;
use crate::prompt;

use facts::ExplainFacts;

/// It reads some batches and queries, one after another.
const PATIENCE: Duration = Duration::from_secs(20);
/// The text `-`: one line of stdin, so that a code or a key is in no list of processes.
const STDIN: &str = "-";
const PROGRAM: &str = "hookledger";

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An order, event, payment, journal id, owner, key, hold or redeem code; with - one from stdin
    #[arg(value_name = "ANYTHING")]
    text: String,
    #[command(flatten)]
    which: BooksArgs,
    /// The language of the answer: en or zh
    #[arg(long, default_value = "en", value_parser = lang)]
    lang: Lang,
    /// Query the provider of the order or payment too
    #[arg(long)]
    ask: bool,
}

pub(crate) async fn run(
    args: Explain,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Exit, Error> {
    let text = if args.text == STDIN { prompt::line_of_stdin() } else { args.text };
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::NoName);
    }
    let books = args.which.open(dir).await?;
    let code = code_hash(&books, dir, text, &variable).await;
    let merchants = merchants(&variable);
    let typed = Typed { text, code: code.as_ref(), merchants: &merchants };
    let assets = Catalog::parse(SHIPPED).map(|catalog| catalog.assets()).unwrap_or_default();
    let mut explained = explain(&books.ledger, &typed, &context(PATIENCE)).await?;
    explained.know(&assets);
    let options = args.which.written(dir);
    let commands = Commands { program: PROGRAM, books: &options };
    let asked =
        if args.ask { asked(&explained, text, &books, dir, form, variable).await } else { Ok(Asked::default()) };
    let (asked, not_asked) = match asked {
        Ok(answers) => (answers, None),
        Err(error) => (Asked::default(), Some(error)),
    };
    // What its provider calls so may lead to what we do know.
    let leads_to = asked.sightings.iter().find_map(|(_, sighting)| sighting.leads_to());
    let led = match leads_to {
        Some(other) => {
            let typed = Typed { text: other, code: None, merchants: &merchants };
            let mut explained = explain(&books.ledger, &typed, &context(PATIENCE)).await?;
            explained.know(&assets);
            Some((other.to_owned(), explained))
        }
        None => None,
    };
    let facts = ExplainFacts {
        explained: &explained,
        asked: &asked,
        led: led.as_ref().map(|(other, explained)| (other.as_str(), explained)),
        text: shown(text),
        lang: args.lang,
        commands,
    };
    form.show(&facts);
    // The books have answered, whatever the provider does.
    if let Some(error) = not_asked {
        return Err(error);
    }
    Ok(if explained.is_well() { Exit::Done } else { Exit::Refused })
}

/// What providers have answered.
#[derive(Debug, Default)]
struct Asked {
    about_order: Option<(Provider, ProviderAnswer)>,
    /// Of a name that no row has.
    sightings: Vec<(&'static str, Sighting)>,
}

/// Of an order its payment, of what no row has whether a provider has it.
async fn asked(
    explained: &Explained,
    text: &str,
    books: &Books,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Asked, Error> {
    let order = match explained {
        Explained::Missing => None,
        Explained::Several(_) => return Err(AskRefused::NoOrder.into()),
        Explained::One(explanation) => {
            let Headline::Order { number, provider, .. } = &explanation.headline else {
                return Err(AskRefused::NoOrder.into());
            };
            Some((parse::order_number(number)?, *provider))
        }
    };
    let _waiting = Progress::waiting("the provider is queried", form);
    let asker = asker(books, dir, variable).await?;
    let Some((number, provider)) = order else {
        let sightings = asker.locate(text).await;
        return if sightings.is_empty() {
            Err(AskRefused::NoOrder.into())
        } else {
            Ok(Asked { sightings, ..Asked::default() })
        };
    };
    let order = books.ledger.order(&number, &context(PATIENCE)).await?;
    let order = order.ok_or_else(|| Error::UnknownOrder(number.to_string()))?;
    Ok(Asked { about_order: Some((provider, asker.ask(&order).await)), ..Asked::default() })
}

/// With the secrets of the data folder, or those of the deployed stage that this person may read.
async fn asker(books: &Books, dir: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Asker, Error> {
    let ledger = books.ledger.clone();
    if let Some(stage) = books.stage() {
        let parameters = AwsCli::new(variable).parameters(stage).await?;
        let read = async |name: &str| books.settings_of_stage(name).await.ok().map(Settings::new);
        return Ok(Asker::of_stage(stage, &parameters, read, ledger).await?);
    }
    let home = Home::open(dir)?;
    let running = home.running()?.ok_or_else(|| Error::NotRunning(dir.to_owned()))?;
    Ok(Asker::here(&home, &running, ledger, variable).await?)
}

/// The hash of a redeem code. Without the pepper, only the text is no code: everything else is found.
async fn code_hash(
    books: &Books,
    dir: &Path,
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<CodeHash> {
    let code = CodeText::parse(text)?;
    let pepper = pepper(books, dir, variable).await.ok()?;
    api::code_hash(&pepper, &code)
}

/// Those of the setting of the function, as `1001:md5,1002:rsa`, or of the local stack's fake.
fn merchants(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let list = variable("EPAY_MERCHANTS").unwrap_or_else(|| local::FAKE_EPAY_MERCHANTS.to_owned());
    list.split(',').filter_map(|merchant| merchant.split(':').next()).map(|pid| pid.trim().to_owned()).collect()
}

/// A key or a code that has no row is not repeated on the screen.
fn shown(text: &str) -> &str {
    let is_secret = text.starts_with(ledger::ServiceKey::PREFIX) || text.starts_with("hk_");
    if is_secret || CodeText::parse(text).is_some() { "of this key or code" } else { text }
}

fn lang(word: &str) -> Result<Lang, &'static str> {
    Lang::named(word).ok_or("give en or zh")
}

impl print::Facts for ExplainFacts<'_> {
    fn print(&self) {
        let tone = if self.explained.is_well() { Tone::Good } else { Tone::Bad };
        for (number, line) in self.explained.lines(self.text, self.lang, &self.commands).into_iter().enumerate() {
            // After the heading, what does not stand under it is the verdict.
            let is_verdict = number > 0 && !line.starts_with(' ');
            print::line(if is_verdict { print::toned(&line, tone) } else { line });
        }
        if let Some((provider, answer)) = &self.asked.about_order {
            print::line(format_args!("{}: {}", provider.as_str(), answer.text(self.lang)));
        }
        for (provider, sighting) in &self.asked.sightings {
            print::line(format_args!("{provider}: {}", sighting.text(self.lang)));
        }
        if let Some((other, explained)) = &self.led {
            explained.lines(other, self.lang, &self.commands).into_iter().for_each(print::line);
        }
    }
}

impl ExplainFacts<'_> {
    const fn kind_of(explained: &Explained) -> &'static str {
        match explained {
            Explained::Missing => "missing",
            Explained::Several(_) => "several",
            Explained::One(_) => "one",
        }
    }
}
