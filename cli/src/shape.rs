//! Which sample `send` and `event` take, and how they change and sign it.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use ledger::Ledger as _;
use local::{Assignment, Sample, Scheme, context};

use crate::books::Which;
use crate::error::Error;
use crate::given;

/// For the order to be read.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a sample is changed and signed.
#[derive(Debug, Args)]
pub(crate) struct Shape {
    /// A sample in events/: `usage` is `usage/basic`, `stripe` is `stripe/payment_intent_succeeded`, `epay` is `epay/notify_v1_get`
    pub(crate) sample: String,
    /// The order that it is about, by its number: its price, its currency and the ids of its payment
    #[arg(long, value_name = "ORDER_NUMBER")]
    pub(crate) order: Option<String>,
    /// Where that order is
    #[command(flatten)]
    which: Which,
    /// The event's id, in place of a new one
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// A value of the body, by its path: data.creditCost=3. What is not JSON is taken as a text
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<Assignment>,
    /// Let --set add a field that the sample does not have
    #[arg(long, requires = "set")]
    add: bool,
    /// What to sign with, in place of the secret of the running stack or of the environment
    #[arg(long, value_name = "SECRET")]
    pub(crate) secret: Option<String>,
    /// Sign as Standard Webhooks do
    #[arg(long)]
    pub(crate) standard: bool,
}

impl Shape {
    pub(crate) async fn read(&self, dir: &Path) -> Result<Sample, Error> {
        let scheme = if self.standard { Scheme::Standard } else { Scheme::Own };
        let sample = Sample::named(&self.sample, scheme)?.with(self.set.clone(), self.add);
        let Some(number) = &self.order else {
            return Ok(sample);
        };
        let number = given::order_number(number)?;
        let order = self.which.open(dir).await?.ledger.order(&number, &context(PATIENCE)).await?;
        let order = order.ok_or_else(|| Error::UnknownOrder(number.to_string()))?;
        Ok(sample.about(&order)?)
    }
}
