//! A person's question to a provider, about an order or an id that no row has: to the fakes of this machine, to the provider
//! that the environment names, or to that of a deployed stage.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use edge::{Invocation, Settings, Start};
use embedded::{APP_YAML, Function, Template};
use idempotency::DynamoLedger;
use insight::{ProviderAnswer, Sighting};
use ledger::Order;
use reconcile::{ASKED_SECRETS, Reconcile};

use crate::error::Error;
use crate::functions::{secrets_of, settings};
use crate::home::{Home, Running};
use crate::mocks::Mocks;
use crate::secrets::Secrets;
use crate::store::STAGE;

/// An operator waits longer than a buyer.
const PATIENCE: Duration = Duration::from_secs(20);
const FUNCTION: &str = "reconcile";

/// Queries as `reconcile` does, with its settings. Nothing is booked.
#[derive(Debug)]
pub struct Asker(Reconcile<DynamoLedger>);

impl Asker {
    /// With the secrets of the data folder.
    pub async fn here(
        home: &Home,
        running: &Running,
        ledger: DynamoLedger,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let template = Template::parse(APP_YAML, &[("Stage", STAGE)]).map_err(Error::Template)?;
        let function = function(&template)?;
        let secrets = Secrets::open(home, &variable)?;
        let address = running.base_url.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
        let address = address.ok_or_else(|| Error::Unreadable(home.dir().to_owned()))?;
        let mocks = Mocks::open(address, &secrets, &variable)?;
        let settings = settings(function, |name| mocks.setting(name, &variable));
        Self::open(settings, secrets_of(function, &secrets), ledger).await
    }

    /// With the parameters of a deployed stage, and what `read` returns of its secrets by their names. A provider whose secret
    /// it does not return is not queried.
    pub async fn of_stage(
        stage: &str,
        parameters: &BTreeMap<String, String>,
        read: impl AsyncFn(&str) -> Option<Settings>,
        ledger: DynamoLedger,
    ) -> Result<Self, Error> {
        let all = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<(&str, &str)> = all.filter(|(name, _)| *name != "Stage").chain([("Stage", stage)]).collect();
        let template = Template::parse(APP_YAML, &all).map_err(Error::Template)?;
        let function = function(&template)?;
        let mut secrets = BTreeMap::new();
        for variable in ASKED_SECRETS {
            let Some(name) = secret_named(&template, function, variable) else { continue };
            secrets.extend(read(&name).await.map(|settings| (variable.to_owned(), settings)));
        }
        Self::open(settings(function, |_| None), secrets, ledger).await
    }

    async fn open(
        settings: Settings,
        secrets: BTreeMap<String, Settings>,
        ledger: DynamoLedger,
    ) -> Result<Self, Error> {
        // The ledger is given, and so are the secrets: nothing calls AWS.
        let start = Start::on_machine(crate::store::in_memory()?.sdk_config(), settings, secrets)?;
        Ok(Self(Box::pin(reconcile::assemble_to_ask(&start, ledger)).await?))
    }

    pub async fn ask(&self, order: &Order) -> ProviderAnswer {
        self.0.ask(order, &Invocation::now(PATIENCE)).await
    }

    /// What those say who name things like this, each with its word.
    pub async fn locate(&self, text: &str) -> Vec<(&'static str, Sighting)> {
        self.0.locate(text, &Invocation::now(PATIENCE)).await
    }
}

fn function(template: &Template) -> Result<&Function, Error> {
    let function = template.functions().iter().find(|function| function.binary == FUNCTION);
    function.ok_or_else(|| Error::UnknownFunction(FUNCTION.to_owned()))
}

/// The last part of the name of a secret, to which a variable of the function refers: `checkout`.
fn secret_named(template: &Template, function: &Function, variable: &str) -> Option<String> {
    let resource = function.environment.get(variable)?.get("Ref")?.as_str()?;
    let name = template.document().pointer(&format!("/Resources/{resource}/Properties/Name"))?.as_str()?;
    name.rsplit_once('/').map(|(_, last)| last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_questions_are_in_the_template() {
        let template = Template::parse(APP_YAML, &[("Stage", "prod")]).expect("a template");
        let function = function(&template).expect("the function");
        let names = ASKED_SECRETS.map(|variable| secret_named(&template, function, variable));
        assert_eq!(names.map(Option::unwrap_or_default), ["checkout", "wechat-signing", "epay", "fulfil"]);
    }
}
