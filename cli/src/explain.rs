//! `explain`: what became of anything that a person can name, why, and the command that corrects it.

mod facts;

use std::path::Path;
use std::time::Duration;

use clap::Args;
use insight::{Commands, Explained, Headline, Lang, ProviderAnswer, Sighting, Typed, explain};
use ledger::{CodeHash, CodeText, Ledger as _, Provider};
use local::{Home, context};

use crate::books::{Books, BooksArgs};
use crate::code::pepper;
use crate::error::Error;
use crate::error::replay::AskRefused;
use crate::exit::Exit;
use crate::parse;
use crate::print::{self, Form, Tone};
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
    let books = args.which.open(dir).await?;
    let code = code_hash(&books, dir, text, &variable).await;
    let merchants = merchants(&variable);
    let typed = Typed { text, code: code.as_ref(), merchants: &merchants };
    let explained = explain(&books.ledger, &typed, &context(PATIENCE)).await?;
    let options = args.which.written(dir);
    let commands = Commands { program: PROGRAM, books: &options };
    let (asked, not_asked) = match asked(args.ask, &explained, text, &books, (&args.which, dir), variable).await {
        Ok(answers) => (answers, None),
        Err(error) => (Asked::default(), Some(error)),
    };
    // What its provider calls so may lead to what we do know.
    let leads_to = asked.sightings.iter().find_map(|(_, sighting)| sighting.leads_to());
    let led = match leads_to {
        Some(other) => {
            let typed = Typed { text: other, code: None, merchants: &merchants };
            Some((other.to_owned(), explain(&books.ledger, &typed, &context(PATIENCE)).await?))
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

async fn asked(
    asks: bool,
    explained: &Explained,
    text: &str,
    books: &Books,
    (which, dir): (&BooksArgs, &Path),
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Asked, Error> {
    if !asks {
        return Ok(Asked::default());
    }
    if !matches!(explained, Explained::Missing) {
        let answer = ask(explained, books, which, dir, variable).await?;
        return Ok(Asked { about_order: Some(answer), ..Asked::default() });
    }
    if which.aws {
        return Err(AskRefused::Deployed.into());
    }
    let home = Home::open(dir)?;
    let running = home.running()?.ok_or_else(|| Error::NotRunning(dir.to_owned()))?;
    let sightings = local::locate(&home, &running, books.ledger.clone(), text, variable).await?;
    if sightings.is_empty() { Err(AskRefused::NoOrder.into()) } else { Ok(Asked { sightings, ..Asked::default() }) }
}

/// What the provider of the order says, with the secrets of this machine. Those of a deployed stage stay there.
async fn ask(
    explained: &Explained,
    books: &Books,
    which: &BooksArgs,
    dir: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Provider, ProviderAnswer), Error> {
    if which.aws {
        return Err(AskRefused::Deployed.into());
    }
    let Explained::One(explanation) = explained else { return Err(AskRefused::NoOrder.into()) };
    let Headline::Order { number, provider, .. } = &explanation.headline else {
        return Err(AskRefused::NoOrder.into());
    };
    let home = Home::open(dir)?;
    let running = home.running()?.ok_or_else(|| Error::NotRunning(dir.to_owned()))?;
    let number = parse::order_number(number)?;
    let order = books.ledger.order(&number, &context(PATIENCE)).await?;
    let order = order.ok_or_else(|| Error::UnknownOrder(number.to_string()))?;
    Ok((*provider, local::ask(&home, &running, books.ledger.clone(), &order, variable).await?))
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
