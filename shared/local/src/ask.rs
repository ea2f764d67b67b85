//! A person's question to a provider, about an order of this machine or an id that it lacks: to the fake, or to the one that
//! the environment names.

use std::net::SocketAddr;
use std::time::Duration;

use edge::Invocation;
use embedded::{APP_YAML, Template};
use idempotency::DynamoLedger;
use insight::{ProviderAnswer, Sighting};
use ledger::Order;
use reconcile::Reconcile;

use crate::error::Error;
use crate::functions;
use crate::home::{Home, Running};
use crate::mocks::Mocks;
use crate::secrets::Secrets;
use crate::store::STAGE;

/// An operator waits longer than a buyer.
const PATIENCE: Duration = Duration::from_secs(20);
const FUNCTION: &str = "reconcile";

/// Queries as `reconcile` does, with its settings and the secrets of the data folder. Nothing is booked.
pub async fn ask(
    home: &Home,
    running: &Running,
    ledger: DynamoLedger,
    order: &Order,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<ProviderAnswer, Error> {
    let worker = worker(home, running, ledger, variable).await?;
    Ok(worker.ask(order, &Invocation::now(PATIENCE)).await)
}

/// What those say who name things like this, each with its word.
pub async fn locate(
    home: &Home,
    running: &Running,
    ledger: DynamoLedger,
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(&'static str, Sighting)>, Error> {
    let worker = worker(home, running, ledger, variable).await?;
    Ok(worker.locate(text, &Invocation::now(PATIENCE)).await)
}

async fn worker(
    home: &Home,
    running: &Running,
    ledger: DynamoLedger,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Reconcile<DynamoLedger>, Error> {
    let template = Template::parse(APP_YAML, &[("Stage", STAGE)]).map_err(Error::Template)?;
    let function = template.functions().iter().find(|function| function.binary == FUNCTION);
    let function = function.ok_or_else(|| Error::UnknownFunction(FUNCTION.to_owned()))?;
    let secrets = Secrets::open(home, &variable)?;
    let address = running.base_url.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
    let address = address.ok_or_else(|| Error::Unreadable(home.dir().to_owned()))?;
    let mocks = Mocks::open(address, &secrets, &variable)?;
    functions::reconcile_of(function, &secrets, |name| mocks.setting(name, &variable), ledger).await
}
