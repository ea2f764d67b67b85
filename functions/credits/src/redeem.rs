//! The redemption of a code: by an owner for itself, and by a shop's own server for the owner that it names.
//!
//! An owner redeems a code once, so a repeat finds the first redemption under any idempotency key, or none.

use api::openapi::{AmountText, AssetCode, OwnerName, TimeText};
use api::{Api as _, ApiCall, ApiOutcome, Caller, CodePepper, Failure, RedeemError, Redeemed, object, redeem_recorded};
use edge::Reply;
use ledger::{Asset, Codes, MoneyKey, Owner, Receipt, Scope, Statements, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::parse::account_not_found;
use crate::reply::replayed;
use crate::{Call, Credits, fields};

const KIND: &str = "redeem";
const HOUR_SECONDS: i64 = 60 * 60;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RedeemRequest)]
pub(crate) struct RedeemBody {
    #[schema(value_type = String, required)]
    code: Option<Value>,
    /// A service key names an owner; of an owner's key it is its own.
    #[schema(value_type = Option<OwnerName>)]
    owner: Option<Value>,
}

/// The receipt of a redemption.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Redemption)]
pub(crate) struct RedemptionJson<'b> {
    receipt: &'b str,
    #[schema(value_type = TimeText)]
    processed_at: String,
    kind: &'static str,
    #[schema(value_type = OwnerName)]
    owner: &'b str,
    #[schema(value_type = AssetCode)]
    asset: String,
    #[schema(value_type = AmountText)]
    amount: String,
}

pub(crate) async fn redeem<L: Codes + Statements>(
    pepper: &CodePepper,
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    if let Caller::Service(_) = &call.caller {
        call.caller.service(Scope::Grant)?;
    }
    let body: RedeemBody = object(call.request.body())?;
    let owner = owner(&call.caller, body.owner.as_ref())?;
    let code = fields::text(body.code.as_ref(), "code", "code_missing", "code_invalid")?;
    let record = |decision: &_, committed: &_| edge::record_commit(Credits::NAME, decision, committed);
    let redeemed = redeem_recorded(ledger, pepper, &owner, &code, &call.context(), &record).await;
    let (receipt, amount, is_replay) = match redeemed.map_err(|error| refused(error, call.invocation.now))? {
        Redeemed::Now { receipt, credits } => (receipt, Asset::CREDITS.format(credits), false),
        Redeemed::Earlier(receipt) => {
            let amount = earlier_amount(&receipt, call, ledger).await?;
            (receipt, amount, true)
        }
    };
    let json = RedemptionJson {
        receipt: receipt.key.as_str(),
        processed_at: receipt.processed_at.to_string(),
        kind: KIND,
        owner: owner.as_str(),
        asset: Asset::CREDITS.to_string(),
        amount,
    };
    let reply = replayed(Reply::json(201, &json), is_replay);
    Ok(ApiOutcome { reply, outcome: if is_replay { "repeat" } else { KIND }, subject: Some(receipt.key.to_string()) })
}

/// An owner's key redeems for its owner alone.
fn owner(caller: &Caller, named: Option<&Value>) -> Result<Owner, Failure> {
    match (caller, named) {
        (Caller::Owner(own), None | Some(Value::Null)) => Ok(own.clone()),
        (Caller::Owner(own), Some(_)) => {
            let named = fields::owner(named, "owner")?;
            if named == *own { Ok(named) } else { Err(account_not_found()) }
        }
        (Caller::Service(_), _) => fields::owner(named, "owner"),
    }
}

/// What the first redemption gave: of a campaign that is redeemed once, it may be that of another code.
async fn earlier_amount<L: Statements>(
    receipt: &Receipt,
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<String, Failure> {
    let (line, _) = ledger.line_with_reversal(&MoneyKey::of_event(&receipt.key), &call.context()).await?;
    let line = line.ok_or_else(|| Failure::unavailable().about(&receipt.key))?;
    Ok(Asset::CREDITS.format_balance(line.change))
}

/// Unknown, revoked, over, used up and mistyped codes get one answer, so that a guess does not show which codes exist.
fn refused(error: RedeemError, now: Timestamp) -> Failure {
    match error {
        RedeemError::Invalid => Failure::new(404, "code_not_found", "No such code, or it can no longer be redeemed."),
        RedeemError::TooManyWrong => {
            let seconds = HOUR_SECONDS.saturating_sub(now.unix_s().rem_euclid(HOUR_SECONDS));
            let message = "Too many wrong codes were tried: wait for the next hour.";
            Failure::new(429, "too_many_wrong_codes", message).with_header("retry-after", seconds.to_string())
        }
        RedeemError::Commit(error) => error.into(),
    }
}
