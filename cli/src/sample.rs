//! From a sample in `events/` to signed requests, as many as are asked for.

use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use ledger::{Ledger as _, Timestamp};
use serde_json::value::RawValue;

use crate::books::Which;
use crate::error::Error;
use crate::given;
use crate::json::{beside, quoted, value_at, with_value};
use crate::seed::delivery;
use crate::sources::{Scheme, Setting, Signed, Source};

/// Beside the sources that this was compiled from: any checkout has them.
const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    path: String,
    json: String,
}

impl FromStr for Assignment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, value) = text.split_once('=').ok_or("must be PATH=VALUE")?;
        // Taken as it is written: `1.50` keeps its zero.
        let json =
            serde_json::from_str::<&RawValue>(value).map_or_else(|_| quoted(value), |json| json.get().to_owned());
        Ok(Self { path: path.to_owned(), json })
    }
}

pub(crate) struct Sample {
    pub(crate) source: &'static Source,
    text: String,
    set: Vec<Assignment>,
    /// Whether fields may be set that the sample does not have.
    adds: bool,
    /// What it is signed under.
    pub(crate) setting: &'static Setting,
}

impl Shape {
    pub(crate) async fn read(&self, dir: &Path) -> Result<Sample, Error> {
        let sample = self.of_folder()?;
        let Some(number) = &self.order else {
            return Ok(sample);
        };
        let number = given::order_number(number)?;
        let order = self.which.open(dir).await?.ledger.order(&number, &delivery(PATIENCE)).await?;
        let order = order.ok_or_else(|| Error::UnknownOrder(number.to_string()))?;
        let text = sample.source.of_order(&sample.text, &order).ok_or(Error::NotAboutOrders(sample.source.name))?;
        Ok(Sample { text: text.map_err(Error::Path)?, ..sample })
    }

    fn of_folder(&self) -> Result<Sample, Error> {
        let (source, name) = self.sample.split_once('/').unwrap_or((&self.sample, ""));
        let source = Source::named(source)?;
        let name = if name.is_empty() { source.sample } else { name };
        let folder = Path::new(EVENTS).join(source.name);
        let names = names_in(&folder)?;
        if !names.iter().any(|known| known == name) {
            let names: Vec<String> = names.iter().map(|name| format!("{}/{name}", source.name)).collect();
            return Err(Error::UnknownSample(self.sample.clone(), names.join(", ")));
        }
        let file = folder.join(name).with_extension("json");
        let text = fs::read_to_string(&file).map_err(|error| Error::File(file, error))?;
        let setting = source.setting(if self.standard { Scheme::Standard } else { Scheme::Own })?;
        Ok(Sample { source, text, set: self.set.clone(), adds: self.add, setting })
    }
}

impl Sample {
    /// An event with this id that happens now, signed.
    pub(crate) fn signed(&self, id: &str, secret: &str, now: Timestamp) -> Result<Signed, Error> {
        let body = self.plain(id, now)?;
        if let Some(signed) = self.source.wire(secret, now, &body) {
            return signed.map_err(|error| Error::Secret(self.setting.name, error));
        }
        let mut headers = self.setting.sign(secret, now, body.as_bytes())?;
        headers.push(("content-type", "application/json".to_owned()));
        Ok(Signed::post(body, headers))
    }

    /// The same, unsigned.
    pub(crate) fn plain(&self, id: &str, now: Timestamp) -> Result<String, Error> {
        let mut body = self.source.fresh(&self.text, id, now).map_err(Error::Path)?;
        for Assignment { path, json } in &self.set {
            if !self.adds && value_at(&body, path).is_none() {
                let known = beside(&body, path).join(", ");
                return Err(Error::NoSuchField { path: path.clone(), known });
            }
            body = with_value(&body, path, json).map_err(Error::Path)?;
        }
        Ok(body)
    }
}

/// An id that nobody has used.
pub(crate) fn new_id() -> String {
    format!("evt_{:016x}", fastrand::u64(..))
}

fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    let of_folder = |error| Error::File(folder.to_owned(), error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(of_folder)? {
        let path = entry.map_err(of_folder)?.path();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        names.extend(path.file_stem().filter(|_| is_json).and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
