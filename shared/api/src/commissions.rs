//! What referrers earn by an order: commissions of the buyer's referrer, that referrer's own, for as many levels as the
//! product pays, and the credits for a first purchase.

use ledger::{CallContext, Commission, CommitError, Ledger, Owner, Referral, ReferralCredits};

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

/// The credits for a first purchase, if the buyer was referred; the order keeps them. Whether it is the first is decided
/// when it is paid.
pub async fn referral<L: Ledger>(
    credits: Option<ReferralCredits>,
    buyer: &Owner,
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Option<Referral>, CommitError> {
    let Some(ReferralCredits { to_buyer, to_referrer }) = credits else { return Ok(None) };
    let by = ledger.referrer(buyer, context).await?.filter(|by| by != buyer);
    Ok(by.map(|by| Referral { by, to_buyer, to_referrer }))
}
