//! Reversals: an owner gets the charge of a usage event back, whole or in part, once.

use api::openapi::{AmountText, AssetCode, OwnerName, ReasonText, TimeText};
use api::{ApiCall, ApiOutcome, Caller, Failure, object};
use edge::Reply;
use ledger::{Asset, Balance, JournalLine, MoneyKey, Scope, Statements, UsageReversal, UsageReversalError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Call;
use crate::commit::{Booked, Signature, commit};
use crate::fields::{amount, usage};

const KIND: &str = "reverse";
/// Each round means that the charge has changed since it was read: another reversal was faster.
const ROUNDS_MAX: u32 = 3;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReversalRequest)]
pub(crate) struct ReversalBody {
    /// The `eventId` of the usage event.
    #[serde(rename = "use")]
    #[schema(value_type = String, required, pattern = "^[!-~]{1,255}$", examples("evt_1"))]
    usage: Option<Value>,
    /// How many of the credits are given back. All of them by default.
    #[schema(value_type = Option<AmountText>)]
    amount: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

/// The receipt of a reversal.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReversalReceipt)]
pub(crate) struct ReversalJson<'b> {
    /// The id of its line in the statement.
    #[schema(examples("credits#5d0c"))]
    receipt: &'b str,
    #[schema(value_type = TimeText)]
    processed_at: String,
    #[schema(examples("reverse"))]
    kind: &'static str,
    /// The owner who gets the credits.
    #[schema(value_type = OwnerName)]
    owner: &'b str,
    #[schema(value_type = AssetCode)]
    asset: String,
    #[schema(value_type = AmountText)]
    amount: String,
    /// The journal key of the usage event.
    #[schema(examples("usage#evt_1"))]
    #[serde(rename = "use")]
    usage: String,
}

pub(crate) async fn reverse<L: Statements>(
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let key = call.caller.service(Scope::Grant)?;
    let body: ReversalBody = object(call.request.body())?;
    let missing = || Failure::new(400, "use_missing", "use is missing.");
    let usage = MoneyKey::of_event(&usage(body.usage.as_ref())?.ok_or_else(missing)?);
    let amount = amount(body.amount.as_ref(), "amount")?;
    let signature = Signature::read(call, key, body.reason.as_ref())?;
    for _ in 0..ROUNDS_MAX {
        let (charge, first) = ledger.line_with_reversal(&usage, &call.context()).await?;
        // Without its mark, a charge that is reversed shows what the request asked for: only then is a repeat the same.
        let unmarked = JournalLine { reversed_by: None, ..charge.ok_or_else(usage_not_found)? };
        let reversal = UsageReversal::of(&unmarked, amount).map_err(refused)?;
        let facts = [("usage", usage.to_string()), ("amount", Asset::CREDITS.format(reversal.amount()))];
        match commit(call, ledger, &signature, KIND, &facts, reversal.effects()).await? {
            Some(booked) => return Ok(done(&reversal, &booked)),
            None => first.map_or(Ok(()), |first| Err(reversed(first.change).about(&signature.receipt)))?,
        }
    }
    Err(Failure::unavailable().about(&signature.receipt))
}

fn done(reversal: &UsageReversal, booked: &Booked) -> ApiOutcome {
    let account = reversal.account();
    let json = ReversalJson {
        receipt: booked.receipt.key.as_str(),
        processed_at: booked.receipt.processed_at.to_string(),
        kind: KIND,
        owner: account.owner().as_str(),
        asset: account.asset().to_string(),
        amount: account.asset().format(reversal.amount()),
        usage: reversal.usage().to_string(),
    };
    booked.outcome(KIND, Reply::json(201, &json))
}

/// Also of an event that was refused: it has charged nothing.
fn usage_not_found() -> Failure {
    Failure::new(404, "usage_not_found", "No usage event of this id is booked.")
}

fn refused(error: UsageReversalError) -> Failure {
    match error {
        UsageReversalError::NotUsage => usage_not_found(),
        UsageReversalError::Nothing => Failure::new(400, "amount_invalid", "amount must be above 0."),
        UsageReversalError::Free => Failure::new(409, "nothing_charged", "The usage event has cost nothing."),
        UsageReversalError::TooMuch { charged } => {
            let message = "The usage event was charged with less than this.";
            Failure::new(409, "amount_above_charge", message).with_detail("charged", Asset::CREDITS.format(charged))
        }
        // The mark is left out of what it decides on.
        UsageReversalError::Reversed => Failure::unavailable(),
    }
}

fn reversed(first: Balance) -> Failure {
    let message = "The usage event is reversed already, and only once.";
    Failure::new(409, "already_reversed", message).with_detail("amount", Asset::CREDITS.format_balance(first))
}
