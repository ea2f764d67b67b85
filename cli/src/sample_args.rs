//! The options of `send` and `event` that select, change and sign a sample.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use ledger::Ledger as _;
use local::{Assignment, Sample, Scheme, context};

use crate::books::BooksArgs;
use crate::error::Error;
use crate::parse;

/// The timeout of the order's read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Selects, changes and signs a sample.
#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// The order that the event is about: sets its number, price, currency and payment ids
    #[arg(long, value_name = "ORDER_NUMBER")]
    pub(crate) order: Option<String>,
    /// The books of that order
    #[command(flatten)]
    pub(crate) which: BooksArgs,
    /// The event id [default: a new one]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Set a field of the body by its path: data.creditCost=3. A value that is not JSON is a string
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<Assignment>,
    /// Let --set add a field that the sample does not have
    #[arg(long, requires = "set")]
    add: bool,
    /// The secret that signs [default: that of the running stack, or of the environment]
    #[arg(long, value_name = "SECRET")]
    pub(crate) secret: Option<String>,
    /// Sign by the Standard Webhooks scheme
    #[arg(long)]
    pub(crate) standard: bool,
}

impl SampleArgs {
    pub(crate) async fn read(&self, sample: &str, dir: &Path) -> Result<Sample, Error> {
        let scheme = if self.standard { Scheme::Standard } else { Scheme::Own };
        let sample = Sample::named(sample, scheme)?.with(self.set.clone(), self.add);
        let Some(number) = &self.order else {
            return Ok(sample);
        };
        let number = parse::order_number(number)?;
        let order = self.which.open(dir).await?.ledger.order(&number, &context(PATIENCE)).await?;
        let order = order.ok_or_else(|| Error::UnknownOrder(number.to_string()))?;
        Ok(sample.about(&order)?)
    }
}
