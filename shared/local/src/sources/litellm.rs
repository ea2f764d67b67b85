//! LiteLLM as a sender: builds the events of its callback from samples, and sends its static key.

use ledger::Timestamp;
use litellm::Litellm;
use signing::{SecretError, Strength, bearer};
use webhook::Webhook as _;

use crate::json::{PathError, quoted, with_value};
use crate::random;
use crate::sources::{Headers, Scheme, Setting, Source};

pub(crate) const LITELLM: Source = Source {
    name: Litellm::SOURCE.as_str(),
    routes: Litellm::ROUTES,
    settings: &[Setting { name: litellm::SETTINGS[0], scheme: Scheme::Own, generate: random::hex, sign }],
    sample: "success",
    fresh,
    of_order: None,
    wire: None,
    fake_path: None,
    reply_messages: None,
};

fn fresh(sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
    let sample = with_value(sample, "id", &quoted(id))?;
    with_value(&sample, "endTime", &now.unix_s().to_string())
}

fn sign(secret: &str, _: Timestamp, _: &[u8]) -> Result<Headers, SecretError> {
    bearer::Keys::parse(secret, Strength::Local)?;
    Ok(vec![(webhook::AUTHORIZATION, bearer::authorization(secret))])
}
