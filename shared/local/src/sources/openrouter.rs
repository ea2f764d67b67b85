//! OpenRouter as a sender: builds its traces from samples, and sends its static key.

use ledger::Timestamp;
use openrouter::Openrouter;
use signing::{SecretError, Strength, bearer};
use webhook::Webhook as _;

use crate::json::{PathError, quoted, with_value};
use crate::random;
use crate::sources::{Headers, Scheme, Setting, Source};

pub(crate) const OPENROUTER: Source = Source {
    name: Openrouter::SOURCE.as_str(),
    routes: Openrouter::ROUTES,
    settings: &[Setting { name: openrouter::SETTINGS[0], scheme: Scheme::Own, generate: random::hex, sign }],
    sample: "generation",
    fresh,
    of_order: None,
    wire: None,
    fake_path: None,
    reply_messages: None,
};

fn fresh(sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
    // Its trace has the id, too.
    let sample = sample.replace("gen-1", id);
    let ended = "resourceSpans.0.scopeSpans.0.spans.0.endTimeUnixNano";
    with_value(&sample, ended, &quoted(&format!("{}000000000", now.unix_s())))
}

fn sign(secret: &str, _: Timestamp, _: &[u8]) -> Result<Headers, SecretError> {
    bearer::Keys::parse(secret, Strength::Local)?;
    Ok(vec![(webhook::AUTHORIZATION, bearer::authorization(secret))])
}
