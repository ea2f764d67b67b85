//! The demo account: an owner with credits and keys, so that the first command has an account to charge. And the exchange rate
//! that the catalog needs.

use std::time::Duration;

use idempotency::DynamoLedger;
use ledger::{Amount, CallerKey, CommitError, CurrencyPair, EventKey, KeySettings, Ledger as _, Owner, Rate, Writer};
use manual::{By, Change, What, credits_of};

use crate::error::Error;
use crate::now::context;
use crate::secrets::{DEMO_API_KEY, Secrets};

pub const OWNER: &str = "demo";
pub const REMOTE_KEY: &str = "1";
pub const CREDITS: &str = "1000";
const CREDITS_UNITS: u64 = 1_000_000_000_000;

const DEMO_PAIR: &str = "MNT/CNY";
const DEMO_RATE: &str = "0.00204";
const DEMO_RATE_ID: &str = "demo-rate";

const AUTHOR: &str = "hookledger";
const REASON: &str = "demo of the local stack";
const PATIENCE: Duration = Duration::from_secs(5);

/// Each change has a fixed idempotency key: a restart repeats none of them, and spent credits stay spent.
pub(crate) async fn plant(ledger: &DynamoLedger, secrets: &Secrets) -> Result<(), Error> {
    let owner = Owner::new(OWNER)?;
    let api_key = CallerKey::api(secrets.named(DEMO_API_KEY));
    // The id depends on the key, so that an API key from the environment is bound too.
    let api_key_id: String = api_key.to_string().replace('#', "-").chars().take(24).collect();
    let changes = [
        (
            "demo-credits",
            What::Credit { account: credits_of(&owner), amount: Amount::from_units(CREDITS_UNITS), expiry: None },
        ),
        (
            "demo-key",
            What::RemoteKey { owner: owner.clone(), key: CallerKey::remote(REMOTE_KEY)?, name: REMOTE_KEY.to_owned() },
        ),
        (
            api_key_id.as_str(),
            What::ApiKey { owner, key: api_key, replaces: None, settings: KeySettings::default(), ends: None },
        ),
    ];
    let rate = demo_rate(ledger).await?.map(|what| (DEMO_RATE_ID, what));
    for (id, what) in changes.into_iter().chain(rate) {
        let change = Change { by: By { writer: Writer::Manual, id, author: AUTHOR, reason: REASON }, what };
        match ledger.commit(&change.decision()?, &context(PATIENCE)).await {
            Ok(_) => {}
            // An operator has bound the key to another owner: that binding stays.
            Err(error @ CommitError::Rejected(_)) => tracing::warn!(id, %error, "the demo is not complete"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The rate of the currency pair that the catalog needs, unless a person has set one.
async fn demo_rate(ledger: &DynamoLedger) -> Result<Option<What>, Error> {
    let context = context(PATIENCE);
    let Some((pair, rate)) = CurrencyPair::parse(DEMO_PAIR).ok().zip(Rate::parse(DEMO_RATE).ok()) else {
        return Ok(None);
    };
    let rates = ledger.rates(pair, &context).await?;
    if !rates.by_start.is_empty() {
        return Ok(None);
    }
    let (now, receipt) = (context.received_at, EventKey::new(Writer::Manual, DEMO_RATE_ID)?);
    Ok(rates.set(rate.clone(), now, now, receipt).ok().map(|rates| What::SetRate { rates, rate, from: None }))
}
