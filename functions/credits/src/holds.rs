//! Holds: credits set aside for a use whose cost is not known yet, settled or released when it is.
//!
//! The id of a hold follows from the idempotency key under which it is opened, and a hold is closed once. So a repeat of
//! any of these requests finds what the first has done, and no journal row is needed for it.

use api::openapi::{AmountText, OwnerName, ReasonText};
use api::{ApiCall, ApiOutcome, Caller, Failure, object, required_idempotency_key};
use edge::Reply;
use ledger::{
    Amount, Asset, AtExpiry, Budgets, EventKey, Fact, Hold, HoldClosing, HoldError, HoldId, HoldRefusal, HoldState,
    HoldTerms, HoldTermsError, Holds, Owner, RequestId, Scope, ServiceKey, Timestamp,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Call;
use crate::fields::{amount, reason, required_amount, usage};
use crate::held_key::{Found, HeldFor, key_not_found};
use crate::hold_json::HoldJson;
use crate::reply::{author, replayed};

const TTL_SECONDS: u32 = 10 * 60;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = HoldRequest)]
pub(crate) struct OpenBody {
    /// Whose credits are held. The key of a gateway names its owner.
    #[schema(value_type = Option<OwnerName>)]
    owner: Option<Value>,
    /// The key that the use is for, by its id and never the key itself. The hold counts in its budget.
    #[schema(value_type = Option<String>, examples("gateway-42"))]
    key: Option<Value>,
    /// Credits, above 0.
    #[schema(value_type = AmountText, required)]
    amount: Option<Value>,
    /// How long it is open. 600 by default.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 86_400)]
    ttl_seconds: Option<Value>,
    /// The `eventId` of a usage event that reports the same use, which is then charged once.
    #[serde(rename = "use")]
    #[schema(value_type = Option<String>, pattern = "^[!-~]{1,255}$")]
    usage: Option<Value>,
    /// What its expiry charges, at most what is held. Nothing by default.
    #[schema(value_type = Option<AmountText>)]
    charge: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SettleRequest)]
pub(crate) struct SettleBody {
    /// What the use has cost, in credits. It may be more than is held.
    #[schema(value_type = AmountText, required)]
    cost: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReleaseRequest)]
pub(crate) struct ReleaseBody {
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

type HoldCall<'r> = ApiCall<'r, Call, Caller>;

pub(crate) async fn open<L: Holds + Budgets>(call: &HoldCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let key = call.caller.service(Scope::Spend)?;
    let id = HoldId::of_request(&RequestId::from_key(&required_idempotency_key(call.request)?));
    let body: OpenBody = object(call.request.body())?;
    let held_for = HeldFor::parse(body.owner.as_ref(), body.key.as_ref())?;
    let opening = Opening::parse(id, &body, key, call.invocation.now)?;
    let Some(Found { owner, key }) = held_for.find(ledger, &call.context()).await? else {
        return opened_before(&opening, &held_for, key_not_found(), call, ledger).await;
    };
    let on_account = opening.hold(&owner)?;
    let hold = match key.into_iter().try_fold(on_account.clone(), |hold, (key, bound)| hold.for_key(&key, bound)) {
        Ok(hold) => hold,
        Err(refusal) => {
            return opened_before(&opening, &held_for, refused(&on_account, refusal), call, ledger).await;
        }
    };
    match ledger.open_hold(&hold, &call.context()).await {
        // Nothing but this call has this time and this note.
        Ok(opened) => Ok(opened_reply(&opened, opened != hold)),
        // It was opened by this request before, and is closed by now.
        Err(HoldError::Refused(HoldRefusal::Closed(_))) => {
            let existing = ledger.hold(&hold.id, &call.context()).await?;
            existing.map(|existing| opened_reply(&existing, true)).ok_or_else(Failure::unavailable)
        }
        Err(HoldError::Refused(refusal)) => Err(refused(&hold, refusal)),
        Err(HoldError::Store(error)) => Err(error.into()),
    }
}

/// The same request as before gets its first answer, though its key is no one's by now, or its limits cannot be read.
async fn opened_before<L: Holds>(
    opening: &Opening,
    held_for: &HeldFor,
    otherwise: Failure,
    call: &HoldCall<'_>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let existing = ledger.hold(&opening.id, &call.context()).await?.filter(|existing| held_for.is_of(existing));
    let Some(existing) = existing else { return Err(otherwise) };
    let hold = Hold { key: existing.key.clone(), ..opening.hold(existing.account.owner())? };
    if !existing.has_terms_of(&hold) {
        return Err(refused(&hold, HoldRefusal::Taken));
    }
    match ledger.expire_if_over(existing, &call.context()).await {
        Ok(existing) => Ok(opened_reply(&existing, true)),
        Err(HoldError::Refused(refusal)) => Err(refused(&hold, refusal)),
        Err(HoldError::Store(error)) => Err(error.into()),
    }
}

/// What the body says of the hold, except whose it is.
struct Opening {
    id: HoldId,
    amount: Amount,
    usage: Option<EventKey>,
    ttl_seconds: u32,
    at_expiry: AtExpiry,
    note: String,
    now: Timestamp,
}

impl Opening {
    fn parse(id: HoldId, body: &OpenBody, by: &ServiceKey, now: Timestamp) -> Result<Self, Failure> {
        Ok(Self {
            id,
            amount: required_amount(body.amount.as_ref(), "amount")?,
            usage: usage(body.usage.as_ref())?,
            ttl_seconds: ttl(body.ttl_seconds.as_ref())?,
            at_expiry: amount(body.charge.as_ref(), "charge")?.map_or(AtExpiry::Release, AtExpiry::Charge),
            note: note(by, &reason(body.reason.as_ref())?),
            now,
        })
    }

    fn hold(&self, owner: &Owner) -> Result<Hold, Failure> {
        let terms = HoldTerms {
            account: owner.account(Asset::CREDITS),
            amount: self.amount,
            usage: self.usage.clone(),
            ttl_seconds: self.ttl_seconds,
            at_expiry: self.at_expiry,
            note: Some(self.note.clone()),
        };
        Hold::new(self.id.clone(), terms, self.now).map_err(terms_refused)
    }
}

pub(crate) async fn settle<L: Holds>(call: &HoldCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let key = call.caller.service(Scope::Spend)?;
    required_idempotency_key(call.request)?;
    let body: SettleBody = object(call.request.body())?;
    let cost = required_amount(body.cost.as_ref(), "cost")?;
    let facts = vec![("author", Fact::Text(author(key))), ("reason", Fact::Text(reason(body.reason.as_ref())?))];
    close(call, ledger, &HoldClosing::Settle { cost, facts, reported: None }).await
}

pub(crate) async fn release<L: Holds>(call: &HoldCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let key = call.caller.service(Scope::Spend)?;
    required_idempotency_key(call.request)?;
    let body: ReleaseBody = object(call.request.body())?;
    let note = note(key, &reason(body.reason.as_ref())?);
    close(call, ledger, &HoldClosing::ReleaseByHand { note }).await
}

/// A hold of another owner gets the same reply as one that is not there.
pub(crate) async fn show<L: Holds>(call: &HoldCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    if let Caller::Service(_) = &call.caller {
        call.caller.service(Scope::Read)?;
    }
    let hold = stored(call, ledger).await?;
    call.caller.may_see(hold.account.owner(), Scope::Read, hold_not_found)?;
    Ok(outcome_of("shown", &hold, Reply::json(200, &HoldJson::of(&hold))))
}

async fn close<L: Holds>(call: &HoldCall<'_>, ledger: &L, closing: &HoldClosing) -> Result<ApiOutcome, Failure> {
    let before = stored(call, ledger).await?;
    match ledger.close_hold(&before, closing, &call.context()).await {
        Ok(closed) => {
            let is_replay = closed.state == before.state;
            let reply = replayed(Reply::json(200, &HoldJson::of(&closed)), is_replay);
            Ok(outcome_of(if is_replay { "repeat" } else { closed.state.as_str() }, &closed, reply))
        }
        Err(HoldError::Refused(refusal)) => Err(refused(&before, refusal)),
        Err(HoldError::Store(error)) => Err(Failure::from(error).about(&before.id)),
    }
}

async fn stored<L: Holds>(call: &HoldCall<'_>, ledger: &L) -> Result<Hold, Failure> {
    let id = call.found.parameter("id").and_then(|id| HoldId::new(id).ok()).ok_or_else(hold_not_found)?;
    ledger.hold(&id, &call.context()).await?.ok_or_else(hold_not_found)
}

/// The hold as it was opened: a retry gets the reply of the first request, whatever has happened since.
fn opened_reply(hold: &Hold, is_replay: bool) -> ApiOutcome {
    let reply = Reply::json(201, &HoldJson::of(&Hold { state: HoldState::Open, ..hold.clone() }));
    outcome_of(if is_replay { "repeat" } else { "opened" }, hold, replayed(reply, is_replay))
}

fn outcome_of(outcome: &'static str, hold: &Hold, reply: Reply) -> ApiOutcome {
    ApiOutcome { reply, outcome, subject: Some(hold.id.to_string()) }
}

fn hold_not_found() -> Failure {
    Failure::new(404, "hold_not_found", "No such hold.")
}

fn ttl(value: Option<&Value>) -> Result<u32, Failure> {
    let whole = || Failure::new(400, "ttl_invalid", "ttlSeconds must be a whole number from 1 to 86400.");
    Ok(api::read(value, whole)?.unwrap_or(TTL_SECONDS))
}

fn terms_refused(error: HoldTermsError) -> Failure {
    let code = match error {
        HoldTermsError::NotCredits => "owner_invalid",
        HoldTermsError::Nothing | HoldTermsError::ChargeAboveHold => "amount_invalid",
        HoldTermsError::Ttl => "ttl_invalid",
    };
    Failure::new(400, code, format!("The hold cannot be opened: {error}."))
}

fn refused(hold: &Hold, refusal: HoldRefusal) -> Failure {
    let failure = match refusal {
        HoldRefusal::InsufficientCredits => {
            Failure::new(402, "insufficient_credits", "The account has less than this available.")
        }
        HoldRefusal::BudgetExceeded(window) => {
            let message = format!("The key has less than this left of its budget: {}.", window.as_str());
            Failure::new(402, "budget_exceeded", message)
        }
        HoldRefusal::BudgetUnreadable => {
            let message = "The budget of the key cannot be read: an operator repairs it.";
            Failure::new(409, "budget_unreadable", message)
        }
        // Only chat's holds are calls.
        HoldRefusal::TooManyCalls => Failure::unavailable(),
        HoldRefusal::Taken => {
            Failure::new(409, "idempotency_key_reused", "This Idempotency-Key was used for another hold.")
        }
        HoldRefusal::Closed(state) => {
            let message = format!("The hold is {} already.", state.as_str());
            Failure::new(409, "hold_closed", message).with_detail("state", state.as_str())
        }
        HoldRefusal::SettledOtherwise { first } => {
            let message = "The hold is settled with another cost, and the first one stands.";
            Failure::new(409, "settled_otherwise", message).with_detail("cost", Asset::CREDITS.format(first))
        }
        HoldRefusal::UsedElsewhere => {
            let message = "Its use is booked on another account, or waits for its key: release the hold.";
            Failure::new(409, "used_elsewhere", message)
        }
        HoldRefusal::NotDue => Failure::new(409, "hold_open", "The hold has not expired yet."),
    };
    failure.about(&hold.id)
}

/// The author and the reason, as the hold keeps them.
fn note(key: &ServiceKey, reason: &str) -> String {
    format!("{}: {reason}", author(key))
}
