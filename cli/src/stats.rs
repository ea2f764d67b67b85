//! `stats`: what happened in a time, in numbers, and what waits now.

mod facts;
mod lines;
mod on_aws;

use std::path::Path;

use clap::Args;
use futures_util::future::try_join3;
use insight::{AnomalyDays, By, Metrics, Stats, TopUps, Waiting, Window, anomaly_days, top_ups, waiting};
use local::{Home, LocalMetrics, context, now};

use self::facts::StatsFacts;
use self::on_aws::AwsMetrics;
use crate::account::PATIENCE;
use crate::aws_cli::AwsCli;
use crate::books::{Books, BooksArgs};
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::parse;
use crate::print::Form;

/// Both keep their hours for longer than that.
const DAYS_MAX: u64 = 31;
const DAY_SECONDS: u64 = 86_400;

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    which: BooksArgs,
    /// Since when: 1h, 24h, 7d, or a date or time as 2026-01-01T00:00:00Z; at most 31 days
    #[arg(long, value_name = "1h|24h|7d|TIME", default_value = "1h")]
    since: String,
    /// Count events by these, with commas between them: source, status, reason
    #[arg(long, value_delimiter = ',', value_parser = by)]
    by: Vec<By>,
}

fn by(word: &str) -> Result<By, String> {
    By::named(word).ok_or_else(|| format!("give {}", By::ALL.map(By::as_str).join(", or ")))
}

/// All numbers of a time.
struct Numbers {
    stats: Stats,
    by: Vec<By>,
    waiting: Vec<Waiting>,
    anomalies: AnomalyDays,
    top_ups: TopUps,
}

pub(crate) async fn run(
    args: &StatsArgs,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let until = now();
    let window = Window { from: parse::since(&args.since, until)?, until };
    if window.seconds() > DAYS_MAX.saturating_mul(DAY_SECONDS) {
        return Err(ToolError::TooLongAgo(args.since.clone()).into());
    }
    let books = args.which.open_to_read(dir).await?;
    let series = if let Some(stage) = books.stage() {
        AwsMetrics::new(AwsCli::new(variable), stage).series(window).await?
    } else {
        let metrics = LocalMetrics::open(&Home::at(dir).metrics_of_stack()?).map_err(ToolError::from)?;
        metrics.series(window).await.map_err(ToolError::from)?
    };
    let stats = Stats::of(window, &series);
    form.show(&StatsFacts::of(&numbers(&books, stats, &args.by).await?));
    Ok(())
}

async fn numbers(books: &Books, stats: Stats, by: &[By]) -> Result<Numbers, Error> {
    let (ledger, context, since) = (&books.ledger, context(PATIENCE), stats.window.from);
    let found = try_join3(waiting(ledger, &context), anomaly_days(ledger, &context), top_ups(ledger, since, &context));
    let (waiting, anomalies, top_ups) = found.await?;
    Ok(Numbers { stats, by: by.to_vec(), waiting, anomalies, top_ups })
}
