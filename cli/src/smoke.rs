//! `smoke`: a signed usage event and a purchase in test mode, from end to end and back, through the API of a stage. It
//! leaves an owner without credits and without live keys, and what the journal says of it.

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there is null")]

use std::path::Path;
use std::time::Duration;

use clap::Args;
use edge::Settings;
use ledger::{
    Asset, Audit as _, CallerKey, Draws, Ledger as _, Order, OrderNumber, Owner, PaymentState, UsageReversal,
};
use local::{Assignment, Sample, Scheme, What, context, credits_of, new_api_key, now};
use sending::{Post, Signed};
use serde::Serialize;
use serde_json::Value;

use crate::account::{PATIENCE, committed};
use crate::authorship::Authorship;
use crate::aws_cli::AwsCli;
use crate::books::{Books, BooksArgs};
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::exit::Exit;
use crate::print::{self, Facts, Form, Tone};

/// API Gateway's own timeout for a function.
const REPLY_WITHIN: Duration = Duration::from_secs(30);
const GIVEN: &str = "1";
const COST: &str = "0.25";
const PRODUCT: &str = "credits-100";
const REASON: &str = "smoke test";
const LIVE: &str = "StripeLivemode is true: a live stage refuses a payment in test mode, which raises alarms and leaves \
                    an order; buy the cheapest product with a card of your own, and refund it in Stripe's dashboard";

#[derive(Debug, Args)]
pub(crate) struct Smoke {
    #[command(flatten)]
    which: BooksArgs,
    /// The API's URL [default: the running stack, or what the deployment printed]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Who; the journal keeps it [default: $USER]
    #[arg(long)]
    author: Option<String>,
}

#[derive(Serialize)]
struct Report {
    owner: String,
    steps: Vec<Step>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the name of the JSON member")]
struct Step {
    step: &'static str,
    is_done: bool,
    /// A live stage is spared this step.
    is_left_out: bool,
    /// What was found, what went wrong, or why it is left out.
    says: String,
}

/// A stage, and who tries it.
struct Trial<'b> {
    books: &'b Books,
    url: String,
    settings: Settings,
    owner: Owner,
    run: String,
    author: String,
}

pub(crate) async fn run(
    args: Smoke,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Exit, Error> {
    let author = args.author.clone().or_else(|| variable("USER")).ok_or(Error::NoAuthor)?;
    let books = args.which.open(dir).await?;
    let (url, is_live, settings) = match books.stage() {
        None => {
            let running = local::Home::at(dir).running()?.ok_or_else(|| Error::NotRunning(dir.to_owned()))?;
            let is_live = variable("STRIPE_LIVEMODE").is_some_and(|mode| mode == "true");
            (running.base_url, is_live, Settings::new(running.secrets))
        }
        Some(stage) => {
            let (url, is_live) = deployed(stage, &AwsCli::new(&variable)).await?;
            (url, is_live, secrets(&books).await?)
        }
    };
    let run = format!("smoke-{:08x}", fastrand::u32(..));
    let owner = Owner::new(&run).map_err(|cause| Error::Owner { text: run.clone(), cause })?;
    let trial = Trial { books: &books, url: args.url.unwrap_or(url), settings, owner, run, author };
    let mut steps = Vec::new();
    let mut keys = Vec::new();
    if let Some(key) = trial.prepare(&mut steps).await {
        trial.usage(&key, &mut steps).await;
        if is_live {
            let says = LIVE.to_owned();
            steps.push(Step { step: "a purchase in test mode", is_done: false, is_left_out: true, says });
        } else {
            keys.extend(trial.purchase(&mut steps).await);
        }
        keys.push(key);
    }
    trial.leave(keys, &mut steps).await;
    let is_good = steps.iter().all(|step| step.is_done || step.is_left_out);
    form.show(&Report { owner: trial.owner.to_string(), steps });
    Ok(if is_good { Exit::Done } else { Exit::Refused })
}

/// The URL of the API, and whether Stripe is used in live mode.
async fn deployed(stage: &str, aws: &AwsCli) -> Result<(String, bool), Error> {
    let stack = format!("hookledger-{stage}");
    let found = aws.json(&["cloudformation", "describe-stacks", "--stack-name", &stack]).await?;
    let mut outputs = found["Stacks"][0]["Outputs"].as_array().into_iter().flatten();
    let url = outputs.find(|output| output["OutputKey"] == "ApiUrl").and_then(|output| output["OutputValue"].as_str());
    let url = url.map(str::to_owned).ok_or(ToolError::NoApiUrl(stack))?;
    let mut parameters = found["Stacks"][0]["Parameters"].as_array().into_iter().flatten();
    let mode = parameters.find(|parameter| parameter["ParameterKey"] == "StripeLivemode");
    // The default of the template is test mode.
    Ok((url, mode.is_some_and(|mode| mode["ParameterValue"] == "true")))
}

/// The keys with which the gateway and Stripe sign.
async fn secrets(books: &Books) -> Result<Settings, Error> {
    let mut all = Vec::new();
    for name in ["usage", "stripe"] {
        // Of several live keys the first signs.
        let first = |(name, keys): (String, String)| Some((name, keys.split_whitespace().next()?.to_owned()));
        all.extend(books.settings_of_stage(name).await?.into_iter().filter_map(first));
    }
    Ok(Settings::new(all))
}

/// Notes what became of a step, and returns what it has made.
fn note<T>(steps: &mut Vec<Step>, step: &'static str, result: Result<(T, String), String>) -> Option<T> {
    let (made, is_done, says) = match result {
        Ok((made, says)) => (Some(made), true, says),
        Err(why) => (None, false, why),
    };
    steps.push(Step { step, is_done, is_left_out: false, says });
    made
}

impl Trial<'_> {
    fn by(&self, part: &str) -> Authorship {
        Authorship::of(format!("{}.{part}", self.run), self.author.clone(), REASON)
    }

    async fn change(&self, part: &str, what: What) -> Result<(), String> {
        committed(self.books, &self.by(part), what).await.map(|_| ()).map_err(|error| error.line())
    }

    async fn balance(&self) -> Result<String, String> {
        let account = credits_of(&self.owner);
        let found = self.books.ledger.account(&account).await.map_err(|error| Error::from(error).line())?;
        Ok(found.map_or_else(|| "0".to_owned(), |row| Asset::CREDITS.format_balance(row.balance)))
    }

    async fn expect_balance(&self, expected: &str) -> Result<((), String), String> {
        let balance = self.balance().await?;
        if balance == expected {
            Ok(((), format!("{} has {balance} credits", self.owner)))
        } else {
            Err(format!("{} has {balance} credits, and should have {expected}", self.owner))
        }
    }

    /// An owner with a credit and a key of the gateway.
    async fn prepare(&self, steps: &mut Vec<Step>) -> Option<CallerKey> {
        let made = async {
            let key = CallerKey::remote(&self.run).map_err(|error| error.to_string())?;
            let amount = Asset::CREDITS.parse(GIVEN).map_err(|error| error.to_string())?;
            let account = credits_of(&self.owner);
            let bind = What::RemoteKey { owner: self.owner.clone(), key: key.clone(), name: self.run.clone() };
            self.change("key", bind).await?;
            self.change("credit", What::Credit { account, amount, expiry: None }).await?;
            Ok((key, format!("{} has a key and {GIVEN} credit", self.owner)))
        };
        note(steps, "an owner is made", made.await)
    }

    async fn usage(&self, key: &CallerKey, steps: &mut Vec<Step>) {
        let id = format!("{}-use", self.run);
        let fields = [("data.remoteKeyId", key.as_str()), ("data.creditCost", COST)];
        let sent = async {
            let reply = self.deliver("usage", "WEBHOOK_SECRET", &id, &fields, None).await?;
            self.expect_balance("0.75").await.map(|(done, says)| (done, format!("{reply}; {says}")))
        };
        if note(steps, "a signed usage event is booked", sent.await).is_none() {
            return;
        }
        let again = async {
            let reply = self.deliver("usage", "WEBHOOK_SECRET", &id, &fields, None).await?;
            self.expect_balance("0.75").await.map(|(done, says)| (done, format!("{reply}; {says}")))
        };
        note(steps, "the same event again changes nothing", again.await);
        let back = async {
            let reversal = self.reversal(&id).await?;
            self.change("reverse", What::ReverseUsage(reversal)).await?;
            self.expect_balance(GIVEN).await
        };
        note(steps, "its charge is given back", back.await);
    }

    async fn reversal(&self, id: &str) -> Result<UsageReversal, String> {
        let key = format!("usage#{id}");
        let lines = self.books.ledger.journal_lines(&[&key], &context(PATIENCE)).await;
        let lines = lines.map_err(|error| Error::from(error).line())?;
        let line = lines.first().ok_or_else(|| format!("{key} is not in the journal"))?;
        UsageReversal::of(line, None).map_err(|error| error.to_string())
    }

    /// An order over the API, a payment that Stripe's secret signs, and its refund.
    async fn purchase(&self, steps: &mut Vec<Step>) -> Option<CallerKey> {
        let api_key = note(steps, "an API key is made", self.api_key().await)?;
        let key = Some(CallerKey::api(&api_key));
        let Some(number) = note(steps, "an order is made over the API", self.order(&api_key).await) else { return key };
        let paid = async {
            let order = self.read(&number).await?;
            self.deliver(
                "stripe/payment_intent_succeeded",
                "STRIPE_WEBHOOK_SECRET",
                &self.event("paid"),
                &[],
                Some(&order),
            )
            .await?;
            let order = self.read(&number).await?;
            if order.payment != PaymentState::Paid {
                let fix = format!("`explain {number}` says why");
                return Err(format!("the order is {}, not paid: {fix}", order.payment.as_str()));
            }
            self.expect_balance("101").await
        };
        if note(steps, "a signed payment pays it, and posts its credits", paid.await).is_none() {
            return key;
        }
        let back = async {
            let order = self.read(&number).await?;
            let (amount, currency) = (order.terms.price.amount.units().to_string(), order.terms.price.currency);
            let currency = currency.as_str().to_ascii_lowercase();
            let set = [
                ("data.object.amount", amount.as_str()),
                ("data.object.currency", currency.as_str()),
                ("data.object.id", &format!("re_{}", self.run.replace('-', ""))),
            ];
            self.deliver("stripe/refund_updated", "STRIPE_WEBHOOK_SECRET", &self.event("refund"), &set, Some(&order))
                .await?;
            self.expect_balance(GIVEN).await
        };
        note(steps, "its refund takes them back", back.await);
        key
    }

    fn event(&self, part: &str) -> String {
        format!("evt_{}{part}", self.run.replace('-', ""))
    }

    async fn api_key(&self) -> Result<(String, String), String> {
        let text = new_api_key().map_err(|error| error.line())?;
        let what = What::ApiKey {
            owner: self.owner.clone(),
            key: CallerKey::api(&text),
            replaces: None,
            settings: ledger::KeySettings::default(),
            ends: None,
        };
        self.change("api-key", what).await?;
        Ok((text, "it is revoked at the end".to_owned()))
    }

    async fn order(&self, api_key: &str) -> Result<(OrderNumber, String), String> {
        let headers = vec![
            ("authorization", format!("Bearer {api_key}")),
            ("idempotency-key", self.run.clone()),
            ("content-type", "application/json".to_owned()),
        ];
        let body = format!(r#"{{"product":"{PRODUCT}","provider":"stripe"}}"#);
        let reply = self.post("/orders", Signed::post(body, headers)).await?;
        let made: Value = serde_json::from_str(&reply).map_err(|_| "the reply is no JSON".to_owned())?;
        let number = made["orderNumber"].as_str().and_then(|number| OrderNumber::new(number).ok());
        number.map(|number| (number.clone(), number.to_string())).ok_or_else(|| format!("no order: {reply}"))
    }

    async fn read(&self, number: &OrderNumber) -> Result<Order, String> {
        let found = self.books.ledger.order(number, &context(PATIENCE)).await;
        found.map_err(|error| Error::from(error).line())?.ok_or_else(|| format!("there is no order {number}"))
    }

    /// Signs a sample and posts it, as its sender does. Fails unless it is answered 200.
    async fn deliver(
        &self,
        sample: &str,
        setting: &'static str,
        id: &str,
        set: &[(&str, &str)],
        order: Option<&Order>,
    ) -> Result<String, String> {
        let secret = self.settings.setting(setting).ok_or_else(|| Error::NoSecret(setting).line())?;
        let set = set.iter().map(|(path, value)| format!("{path}={value}").parse::<Assignment>());
        let set = set.collect::<Result<Vec<_>, _>>().map_err(ToString::to_string)?;
        let sample = Sample::named(sample, Scheme::Own).map_err(|error| error.line())?.with(set, false);
        let sample = match order {
            Some(order) => sample.about(order).map_err(|error| error.line())?,
            None => sample,
        };
        let signed = sample.signed(id, secret, now()).map_err(|error| error.line())?;
        self.post(sample.source.path(), signed).await.map(|_| format!("200 for {id}"))
    }

    async fn post(&self, path: &str, signed: Signed) -> Result<String, String> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let reply = Post::to(url.clone(), REPLY_WITHIN).send(signed).await;
        let reply = reply.map_err(|no_reply| format!("{url} does not answer: {}", no_reply.why))?;
        match reply.status {
            200..300 => Ok(reply.body),
            status => Err(format!("{url} answers {status}: {}", reply.body.chars().take(200).collect::<String>())),
        }
    }

    /// Revokes the keys and takes what is left: nothing of the trial can be spent.
    async fn leave(&self, keys: Vec<CallerKey>, steps: &mut Vec<Step>) {
        let left = async {
            for (n, key) in keys.into_iter().enumerate() {
                let revoke = What::RevokeKey { owner: self.owner.clone(), key, draws: Draws::default() };
                self.change(&format!("revoke-{n}"), revoke).await?;
            }
            let balance = self.balance().await?;
            if balance != "0" && !balance.starts_with('-') {
                let amount = Asset::CREDITS.parse(&balance).map_err(|error| error.to_string())?;
                self.change("debit", What::Debit { account: credits_of(&self.owner), amount }).await?;
            }
            self.expect_balance("0").await
        };
        note(steps, "its keys are revoked and its credits taken", left.await);
    }
}

impl Facts for Report {
    fn print(&self) {
        for Step { step, is_done, is_left_out, says } in &self.steps {
            let word = match (is_done, is_left_out) {
                (true, _) => print::toned("ok    ", Tone::Good),
                (false, true) => print::toned("left  ", Tone::Doubtful),
                (false, false) => print::toned("FAILED", Tone::Bad),
            };
            print::line(format_args!("{word}  {step}: {says}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{ExitStatus, Output};

    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn mode_of_a_stage_is_that_of_its_parameters() {
        for (parameters, is_live) in [
            (json!([{ "ParameterKey": "StripeLivemode", "ParameterValue": "true" }]), true),
            (json!([{ "ParameterKey": "StripeLivemode", "ParameterValue": "false" }]), false),
            (json!([{ "ParameterKey": "Other", "ParameterValue": "true" }]), false),
        ] {
            let outputs = json!([{ "OutputKey": "ApiUrl", "OutputValue": "https://a1.example" }]);
            let stdout = json!({ "Stacks": [{ "Outputs": outputs, "Parameters": parameters }] }).to_string();
            let aws = AwsCli::over(move |_, _| {
                let stdout = stdout.clone().into_bytes();
                Ok(Output { status: ExitStatus::from_raw(0), stdout, stderr: Vec::new() })
            });
            let found = deployed("prod", &aws).await.expect("a stage");
            assert_eq!(found, ("https://a1.example".to_owned(), is_live), "{parameters}");
        }
    }
}
