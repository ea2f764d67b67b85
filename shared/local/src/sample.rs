//! Builds signed webhook deliveries from a sample fixture in `events/`.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use ledger::{Order, Timestamp};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::json::{quoted, siblings, value_at, with_value};
use crate::sources::{Scheme, Setting, Signed, Source};

/// In the checkout that this was compiled from.
const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");

/// A new value for a field of the body: `PATH=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    path: String,
    json: String,
}

impl FromStr for Assignment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, value) = text.split_once('=').ok_or("give PATH=VALUE")?;
        // Keeps the text of the value: `1.50` keeps its zero.
        let json =
            serde_json::from_str::<&RawValue>(value).map_or_else(|_| quoted(value), |json| json.get().to_owned());
        Ok(Self { path: path.to_owned(), json })
    }
}

/// A sample of a source, with the changes to make to it.
#[derive(Debug)]
pub struct Sample {
    pub source: &'static Source,
    text: String,
    set: Vec<Assignment>,
    /// Whether an assignment may add a field.
    adds: bool,
    /// The setting whose secret signs it.
    pub setting: &'static Setting,
}

impl Sample {
    /// Reads `SOURCE/NAME`; `usage` alone is the source's default sample, `usage/basic`.
    pub fn named(sample: &str, scheme: Scheme) -> Result<Self, Error> {
        let (source, name) = sample.split_once('/').unwrap_or((sample, ""));
        let source = Source::named(source)?;
        let name = if name.is_empty() { source.sample } else { name };
        let folder = Path::new(EVENTS).join(source.name);
        let names = names_in(&folder)?;
        if !names.iter().any(|known| known == name) {
            let names: Vec<String> = names.iter().map(|name| format!("{}/{name}", source.name)).collect();
            return Err(Error::UnknownSample(sample.to_owned(), names.join(", ")));
        }
        let file = folder.join(name).with_extension("json");
        let text = fs::read_to_string(&file).map_err(|error| Error::File(file, error))?;
        let setting = source.setting(scheme)?;
        Ok(Self { source, text, set: Vec::new(), adds: false, setting })
    }

    /// Sets these values. With `adds`, an assignment may add a field that the sample does not have.
    #[must_use]
    pub fn with(self, set: Vec<Assignment>, adds: bool) -> Self {
        Self { set, adds, ..self }
    }

    /// Rewrites the sample to be about this order.
    pub fn about(self, order: &Order) -> Result<Self, Error> {
        let text = self.source.of_order(&self.text, order).ok_or(Error::NotAboutOrders(self.source.name))?;
        Ok(Self { text: text.map_err(Error::Path)?, ..self })
    }

    /// A new event with this id and the current time, signed.
    pub fn signed(&self, id: &str, secret: &str, now: Timestamp) -> Result<Signed, Error> {
        let body = self.plain(id, now)?;
        if let Some(signed) = self.source.wire(secret, now, &body) {
            return signed.map_err(|error| Error::Secret(self.setting.name, error));
        }
        let mut headers = self.setting.sign(secret, now, body.as_bytes())?;
        headers.push(("content-type", "application/json".to_owned()));
        Ok(Signed::post(body, headers))
    }

    /// New events with these ids and the current time, in one signed request.
    pub fn signed_batch(&self, ids: &[String], secret: &str, now: Timestamp) -> Result<Signed, Error> {
        let events = ids.iter().map(|id| self.plain(id, now)).collect::<Result<Vec<_>, _>>()?;
        let body = format!("[{}]", events.join(","));
        let mut headers = self.setting.sign(secret, now, body.as_bytes())?;
        headers.push(("content-type", "application/json".to_owned()));
        Ok(Signed::post(body, headers))
    }

    /// The body of such an event, unsigned.
    pub fn plain(&self, id: &str, now: Timestamp) -> Result<String, Error> {
        let mut body = self.source.fresh(&self.text, id, now).map_err(Error::Path)?;
        for Assignment { path, json } in &self.set {
            if !self.adds && value_at(&body, path).is_none() {
                let known = siblings(&body, path).join(", ");
                return Err(Error::NoSuchField { path: path.clone(), known });
            }
            body = with_value(&body, path, json).map_err(Error::Path)?;
        }
        Ok(body)
    }
}

/// A random event id.
pub fn new_id() -> String {
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
