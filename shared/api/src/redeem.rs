//! The redemption of a code: what the command line does for an owner, and an API for its caller.

use edge::Settings;
use ledger::{Amount, CallContext, Code, CodeHash, CodeText, Codes, CommitError, Committed, Decision, Owner, Receipt};
use signing::{CodePepper, SecretError, Strength};
use thiserror::Error;

/// The setting with the key of the codes' hashes.
pub const CODE_PEPPER: &str = "CODE_PEPPER";
/// Each retry means that another owner has redeemed the code, or that it was revoked, since it was read.
const ROUNDS_MAX: u32 = 3;

/// Reads the pepper from a secret.
pub fn code_pepper(settings: &Settings, strength: Strength) -> Result<CodePepper, (&'static str, SecretError)> {
    CodePepper::parse(settings.setting(CODE_PEPPER).unwrap_or_default(), strength).map_err(|error| (CODE_PEPPER, error))
}

/// A redemption that is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// By this call.
    Now { receipt: Receipt, credits: Amount },
    /// Before: this code by this owner, or another one of a campaign that is redeemed once.
    Earlier(Receipt),
}

#[derive(Debug, Error)]
pub enum RedeemError {
    /// Unknown, revoked, over, used up and mistyped read alike, so that a guess does not show which codes exist.
    #[error("this code is not valid, or it can no longer be redeemed")]
    Invalid,
    #[error("too many wrong codes were tried: wait for the next hour")]
    TooManyWrong,
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// The hash under which a code is stored.
pub fn code_hash(pepper: &CodePepper, text: &CodeText) -> Option<CodeHash> {
    CodeHash::new(&pepper.hash(text.as_str())).ok()
}

/// The code that a request makes under this idempotency key: a repeat makes the same ones, so that none is lost with an
/// answer.
pub fn code_of_request(pepper: &CodePepper, idempotency_key: &str, number: u32) -> CodeText {
    CodeText::from_random(pepper.bits(idempotency_key, number))
}

/// Redeems a code in two round trips: one read, and one transaction. A wrong code leaves a counter of its owner's alone.
pub async fn redeem<L: Codes>(
    ledger: &L,
    pepper: &CodePepper,
    owner: &Owner,
    typed: &str,
    context: &CallContext<'_>,
) -> Result<Redeemed, RedeemError> {
    redeem_recorded(ledger, pepper, owner, typed, context, &|_, _| ()).await
}

/// What records a commit, for the metrics of a function.
pub type RecordCommit<'r> = &'r (dyn Fn(&Decision, &Result<Committed, CommitError>) + Sync);

/// The same for a function, which records what was committed.
pub async fn redeem_recorded<L: Codes>(
    ledger: &L,
    pepper: &CodePepper,
    owner: &Owner,
    typed: &str,
    context: &CallContext<'_>,
    record: RecordCommit<'_>,
) -> Result<Redeemed, RedeemError> {
    // No code can be this, so it is no guess.
    let hash = CodeText::parse(typed).and_then(|text| code_hash(pepper, &text)).ok_or(RedeemError::Invalid)?;
    for _ in 0..ROUNDS_MAX {
        let (code, wrong) = ledger.code(&hash, owner, context).await?;
        let is_limited = wrong.are_too_many(context.received_at);
        let redeemable = code.as_ref().filter(|code| !is_limited && code.is_redeemable(context.received_at));
        let Some(code) = redeemable else { return refused(ledger, code, owner, is_limited, context).await };
        let decision = code.redemption(owner, context.received_at);
        let committed = ledger.commit(&decision, context).await;
        record(&decision, &committed);
        match committed {
            Ok(Committed::Now(receipt)) => return Ok(Redeemed::Now { receipt, credits: code.credits }),
            Ok(Committed::Earlier(receipt)) => return Ok(Redeemed::Earlier(receipt)),
            Ok(Committed::Ignored { .. }) => return Err(RedeemError::Invalid),
            // Its last use is gone, or it is revoked: read it again.
            Err(CommitError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(CommitError::Stale.into())
}

/// A code that cannot be redeemed now: its owner may have redeemed it before, and a repeat is no guess, so it precedes the
/// limit. Otherwise it counts as a wrong one.
async fn refused<L: Codes>(
    ledger: &L,
    code: Option<Code>,
    owner: &Owner,
    is_limited: bool,
    context: &CallContext<'_>,
) -> Result<Redeemed, RedeemError> {
    if let Some(code) = code
        && let Some(receipt) = ledger.redemption(&code.receipt(owner), context).await?
    {
        return Ok(Redeemed::Earlier(receipt));
    }
    if is_limited {
        return Err(RedeemError::TooManyWrong);
    }
    ledger.count_wrong_code(owner, context).await?;
    Err(RedeemError::Invalid)
}
