//! The rows of exchange rates, pauses, redeem codes and their campaigns, and service keys.

use idempotency::DynamoLedger;
use ledger::{
    CallContext, CodeHash, Codes as _, CommitError, CurrencyPair, Ledger as _, Owner, ServiceKeyHash, ServiceKeys as _,
};
use serde_json::{Value, json};

use super::RowKind;

/// The values that the ports read from a row.
pub(crate) async fn read(
    ledger: &DynamoLedger,
    kind: RowKind,
    id: &str,
    later: &CallContext<'_>,
) -> Result<Value, CommitError> {
    let owner = |name: &str| Owner::new(name).expect("an owner");
    let hash = |hex: &str| CodeHash::new(hex).expect("a hash");
    if kind == RowKind::Rates {
        let pair = CurrencyPair::parse(id.trim_start_matches("rate#")).expect("a pair");
        let rates = ledger.rates(pair, later).await?;
        let dated = rates.by_start.iter().map(|(from, dated)| {
            let revoked_at = dated.revoked_at.map(|at| at.to_string());
            json!({
                "from": from.to_string(), "rate": dated.rate.as_str(), "set_by": dated.set_by.as_str(),
                "revoked_at": revoked_at,
            })
        });
        return Ok(json!({ "version": rates.version, "rates": dated.collect::<Vec<_>>() }));
    }
    if kind == RowKind::Paused {
        let all = ledger.pauses(later).await?;
        let paused = all.by_word.iter().map(|(word, pause)| {
            json!({
                "what": word, "since": pause.since.to_string(), "author": pause.author, "reason": pause.reason,
                "receipt": pause.receipt.as_str(),
            })
        });
        return Ok(json!({ "version": all.version, "paused": paused.collect::<Vec<_>>() }));
    }
    if kind == RowKind::ServiceKey {
        let key = ledger.service_key(&ServiceKeyHash::of_row(id).expect("a hash"), later).await?;
        return Ok(key.map_or(Value::Null, |key| {
            json!({
                "name": key.name.as_str(), "scopes": key.scopes.to_string(), "made_by": key.made_by.as_str(),
                "since": key.since.to_string(),
            })
        }));
    }
    if kind == RowKind::Campaign {
        let page = ledger.campaigns(None, 100, later).await?;
        let found = page.campaigns.iter().find(|campaign| id == format!("campaign#{}", campaign.name));
        return Ok(json!({ "since": found.map(|campaign| campaign.since.to_string()) }));
    }
    if kind == RowKind::WrongCodes {
        let owner = owner(id.trim_start_matches("wrong_codes#"));
        let (_, wrong) = ledger.code(&hash(&"f".repeat(32)), &owner, later).await?;
        return Ok(json!({ "hour": wrong.hour, "count": wrong.count }));
    }
    let (code, _) = ledger.code(&hash(id.trim_start_matches("code#")), &owner("none"), later).await?;
    Ok(code.map_or(Value::Null, |code| {
        let mut read = json!({
            "campaign": code.campaign.as_str(), "credits": code.credits.units().to_string(), "uses": code.uses,
            "uses_left": code.uses_left, "once_per": code.once_per.as_str(), "made_by": code.made_by.as_str(),
            "until": code.until.map(|at| at.to_string()), "revoked_at": code.revoked_at.map(|at| at.to_string()),
        });
        if let Some(terms) = code.terms {
            read["terms"] = json!([terms.days, terms.priority, terms.kind.as_str()]);
        }
        read
    }))
}
