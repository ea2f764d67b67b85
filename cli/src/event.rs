//! `event`: prints a freshly signed sample as an API Gateway event, for `cargo lambda invoke` and `sam local invoke`, or
//! shows a stored event.

mod show;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use clap::{Args, Subcommand};
use local::{Call, Home, Route, Sample, Secrets, event, new_id, now};

use crate::error::Error;
use crate::print::{self, Form};
use crate::sample_args::SampleArgs;

#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Event {
    /// A sample in events/: `usage` is `usage/basic`, `stripe` is `stripe/payment_intent_succeeded`, `epay` is `epay/notify_v1_get`
    #[arg(required = true)]
    sample: Option<String>,
    #[command(flatten)]
    sample_args: SampleArgs,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a stored event: what it said and what became of it
    Show(show::ShowEvent),
}

pub(crate) async fn run(
    args: Event,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let Event { sample, sample_args, action } = args;
    match action {
        Some(Action::Show(shown)) => show::run(shown, &sample_args.which, dir, form, variable).await,
        None => print_sample(&sample.unwrap_or_default(), &sample_args, dir, variable).await,
    }
}

async fn print_sample(
    name: &str,
    sample_args: &SampleArgs,
    dir: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let sample = sample_args.read(name, dir).await?;
    let secret = secret(sample_args, &sample, dir, variable)?;
    let id = sample_args.id.clone().unwrap_or_else(new_id);
    let now = now();
    let signed = sample.signed(&id, &secret, now)?;

    let path = sample.source.path();
    let mut headers = vec![
        ("host".to_owned(), "localhost".to_owned()),
        ("user-agent".to_owned(), "hookledger".to_owned()),
        ("content-length".to_owned(), signed.body.len().to_string()),
    ];
    headers.extend(signed.headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let call = Call {
        method: signed.method,
        path,
        query: &signed.query,
        protocol: "HTTP/1.1",
        headers: &headers,
        body: signed.body.as_bytes(),
        source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        request_id: "local",
        now,
    };
    let route = Route { method: signed.method.to_owned(), path: path.to_owned() };
    print::line(format_args!("{:#}", event(&call, &route, &BTreeMap::new())));
    Ok(())
}

/// A secret of the environment overrides that of the data folder, as it does in the local stack.
fn secret(
    sample_args: &SampleArgs,
    sample: &Sample,
    dir: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, Error> {
    let setting = sample.setting.name;
    if let Some(secret) = sample_args.secret.clone().or_else(|| variable(setting)) {
        return Ok(secret);
    }
    let home = Home::open(dir)?;
    let running = home.running()?.and_then(|mut running| running.secrets.remove(setting));
    match running {
        Some(secret) => Ok(secret),
        None => Ok(Secrets::open(&home, variable)?.named(setting).to_owned()),
    }
}
