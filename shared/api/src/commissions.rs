//! Referral commissions of an order: the buyer's referrer, that referrer's own, for as many levels as the product pays.

use ledger::{CallContext, Commission, CommitError, Ledger, Owner};

/// The commissions as of now; the order keeps them. No owner earns twice by one order, and no buyer by their own.
pub async fn commissions<L: Ledger>(
    rates: &[u16],
    buyer: &Owner,
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Vec<Commission>, CommitError> {
    let mut commissions: Vec<Commission> = Vec::new();
    let mut referred = buyer.clone();
    for basis_points in rates.iter().copied() {
        let Some(to) = ledger.referrer(&referred, context).await? else {
            break;
        };
        if to == *buyer || commissions.iter().any(|nearer| nearer.to == to) {
            break;
        }
        referred = to.clone();
        commissions.push(Commission { to, basis_points });
    }
    Ok(commissions)
}
