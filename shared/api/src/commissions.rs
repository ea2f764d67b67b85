//! Who earns by an order: whoever led its buyer here, whoever led that one, for as many levels as the product pays.

use ledger::{CallContext, Commission, CommitError, Ledger, Owner};

/// As it is now; on the order it stays so. Nobody earns twice by one order, and no buyer by their own.
pub async fn commissions<L: Ledger>(
    rates: &[u16],
    buyer: &Owner,
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Vec<Commission>, CommitError> {
    let mut commissions: Vec<Commission> = Vec::new();
    let mut led = buyer.clone();
    for basis_points in rates.iter().copied() {
        let Some(to) = ledger.referrer(&led, context).await? else {
            break;
        };
        if to == *buyer || commissions.iter().any(|nearer| nearer.to == to) {
            break;
        }
        led = to.clone();
        commissions.push(Commission { to, basis_points });
    }
    Ok(commissions)
}
