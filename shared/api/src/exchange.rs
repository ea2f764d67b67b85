//! The exchange rate of an order.

use ledger::{CallContext, CommitError, CurrencyPair, Ledger, Rate, Timestamp};

/// The rate in force now, for a product that needs one.
pub async fn rate_in_force<L: Ledger>(
    pair: Option<CurrencyPair>,
    ledger: &L,
    now: Timestamp,
    context: &CallContext<'_>,
) -> Result<Option<Rate>, CommitError> {
    let Some(pair) = pair else { return Ok(None) };
    Ok(ledger.rates(pair, context).await?.in_force(now).cloned())
}
