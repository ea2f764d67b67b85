//! `doctor`: looks for what is wrong with a deployment, or with the stack of this machine, before a buyer finds it.

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there is null")]

mod at_stripe;
mod checks;
mod facts;
mod finding;
mod on_aws;
mod stripe_checks;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use clap::Args;
use edge::Settings;
use ledger::{Ledger as _, Pauses, Timestamp};
use local::{Home, STAGE, check_keys, context, now};
use sending::{Post, Signed};
use serde::Serialize;
use signing::Strength;

use self::facts::{ApiFacts, Facts};
use self::finding::{Finding, Grade};
use crate::account::PATIENCE;
use crate::aws_cli::AwsCli;
use crate::books::BooksArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::print::{self, Form, Tone};
use crate::progress::Progress;

const REPLY_WITHIN: Duration = Duration::from_secs(10);
/// Its answer has the time of the function's clock.
const HEALTH: &str = "/api/webhooks/health";

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    which: BooksArgs,
}

#[derive(Serialize)]
struct Report {
    stage: String,
    /// The worst of the findings.
    grade: Grade,
    findings: Vec<Finding>,
}

pub(crate) async fn run(
    args: Doctor,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Exit, Error> {
    let books = args.which.open(dir).await?;
    let waiting = Progress::waiting("the stage is examined", form);
    let mut facts = if let Some(stage) = books.stage() {
        Box::pin(on_aws::facts(&books, stage, &AwsCli::new(&variable))).await?
    } else {
        let pauses = books.ledger.pauses(&context(PATIENCE)).await?;
        here(dir, &pauses, variable).await?
    };
    drop(waiting);
    facts.options = args.which.written(dir);
    let findings = checks::findings(&facts);
    let grade = findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Green);
    form.show(&Report { stage: facts.stage, grade, findings });
    Ok(if grade == Grade::Red { Exit::Refused } else { Exit::Done })
}

/// The stack of this machine: its tables and routes are the templates' by construction.
async fn here(dir: &Path, pauses: &Pauses, variable: impl Fn(&str) -> Option<String>) -> Result<Facts, Error> {
    let home = Home::open(dir)?;
    let mut facts = Facts { stage: STAGE.to_owned(), paused: paused(pauses), ..Facts::default() };
    let secrets = local::Secrets::open(&home, &variable)?;
    let settings = Settings::new(secrets.pairs());
    let is_live = variable("STRIPE_LIVEMODE").is_some_and(|mode| mode == "true");
    facts.keys = check_keys(&settings, is_live, Strength::Local);
    let Some(running) = home.running()? else {
        facts.not_running = Some(dir.display().to_string());
        return Ok(facts);
    };
    let (status, seconds_apart) = health(&running.base_url).await;
    facts.api = Some(ApiFacts { url: running.base_url, status, seconds_apart });
    Ok(facts)
}

/// The status of the health check, and how far the function's clock is from this one.
async fn health(url: &str) -> (Option<u16>, Option<u64>) {
    let post = Post::to(format!("{}{HEALTH}", url.trim_end_matches('/')), REPLY_WITHIN);
    let Ok(reply) = post.send(Signed::get(String::new())).await else { return (None, None) };
    let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let at = body["timestamp"].as_str().and_then(|at| Timestamp::parse_rfc3339(at).ok());
    (Some(reply.status), at.map(|at| now().seconds_apart(at)))
}

fn paused(pauses: &Pauses) -> Vec<(String, String)> {
    let why = |pause: &ledger::Pause| format!("{} (by {}, since {})", pause.reason, pause.author, pause.since);
    pauses.by_word.iter().map(|(word, pause)| (word.clone(), why(pause))).collect()
}

impl print::Facts for Report {
    fn print(&self) {
        for Finding { check, grade, says, fix, .. } in &self.findings {
            let word = match grade {
                Grade::Green => print::toned("ok    ", Tone::Good),
                Grade::Yellow => print::toned("yellow", Tone::Doubtful),
                Grade::Red => print::toned("RED   ", Tone::Bad),
            };
            print::line(format_args!("{word}  {check:<12}  {says}"));
            if let Some(fix) = fix {
                print::line(format_args!("        {:<12}  -> {fix}", ""));
            }
        }
    }
}
