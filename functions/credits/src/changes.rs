//! Changes of accounts: grants, debits and transfers.

use api::openapi::{AmountText, AssetCode, LotKindWord, OwnerName, ReasonText, TimeText};
use api::{ApiCall, ApiOutcome, Caller, Failure, object};
use edge::Reply;
use ledger::{
    AccountId, AccountTransfer, Amount, Asset, Effect, EventKey, Guard, House, Ledger, LotShare, LotTerms, MoneyKey,
    Movement, Posting, Scope, ServiceKey,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::commit::{Booked, Signature, commit};
use crate::fields;
use crate::parse::{asset, owner};
use crate::{Call, Credits};

type ChangeCall<'r> = ApiCall<'r, Call, Caller>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GrantRequest)]
pub(crate) struct GrantBody {
    /// Above 0.
    #[schema(value_type = AmountText, required)]
    amount: Option<Value>,
    /// `credits` by default.
    #[schema(value_type = Option<AssetCode>)]
    asset: Option<Value>,
    /// When the credits expire: a number of days, or a date or time to come. Never by default.
    #[schema(value_type = Option<String>, max_length = 40, examples("90d"))]
    expires: Option<Value>,
    /// Credits of a lower priority are spent first. 5 by default; only with `expires`.
    #[schema(value_type = Option<u8>, minimum = 0, maximum = 9)]
    priority: Option<Value>,
    /// `paid` by default; only with `expires`.
    #[schema(value_type = Option<LotKindWord>)]
    kind: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DebitRequest)]
pub(crate) struct DebitBody {
    /// Above 0.
    #[schema(value_type = AmountText, required)]
    amount: Option<Value>,
    /// `credits` by default.
    #[schema(value_type = Option<AssetCode>)]
    asset: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TransferRequest)]
pub(crate) struct TransferBody {
    #[schema(value_type = OwnerName, required)]
    from: Option<Value>,
    #[schema(value_type = OwnerName, required)]
    to: Option<Value>,
    /// Above 0.
    #[schema(value_type = AmountText, required)]
    amount: Option<Value>,
    /// `credits` by default.
    #[schema(value_type = Option<AssetCode>)]
    asset: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

/// What a change is, without who makes it and why: the same request has the same fingerprint.
struct Change {
    kind: &'static str,
    facts: Vec<(&'static str, String)>,
    effects: Effects,
    account: AccountId,
    amount: Amount,
}

/// The effects of a change, once its receipt is known.
enum Effects {
    Movement { posting: Posting, guard: Guard, lots: Vec<LotShare> },
    Transfer(AccountTransfer),
}

impl Effects {
    fn of(&self, receipt: &EventKey) -> Vec<Effect> {
        match self {
            Self::Movement { posting, guard, lots } => vec![Effect::Move(Movement {
                key: MoneyKey::of_event(receipt),
                posting: posting.clone(),
                guard: *guard,
                reverses: None,
                lots: lots.clone(),
            })],
            Self::Transfer(transfer) => transfer.effects(receipt),
        }
    }
}

impl Credits {
    pub(crate) async fn grant<L: Ledger>(&self, call: &ChangeCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
        let key = call.caller.service(Scope::Grant)?;
        let body: GrantBody = object(call.request.body())?;
        let (account, amount) = self.sum(call, body.asset.as_ref(), body.amount.as_ref())?;
        let expiry = expiry(&body, account.asset(), call)?;
        let dated = expiry.iter().flat_map(|(text, terms)| {
            [
                ("expires", text.clone()),
                ("priority", terms.priority.to_string()),
                ("lot_kind", terms.kind.as_str().to_owned()),
            ]
        });
        let lots = expiry.iter().map(|(_, terms)| LotShare { terms: *terms, units: amount.units() }).collect();
        let posting = Posting::to_customer(account.clone(), House::Manual, amount);
        let change = Change {
            kind: "grant",
            facts: sum_facts(&account, amount).into_iter().chain(dated).collect(),
            effects: Effects::Movement { posting, guard: Guard::Always, lots },
            account,
            amount,
        };
        book(call, ledger, key, change, body.reason.as_ref()).await
    }

    pub(crate) async fn debit<L: Ledger>(&self, call: &ChangeCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
        let key = call.caller.service(Scope::Spend)?;
        let body: DebitBody = object(call.request.body())?;
        let (account, amount) = self.sum(call, body.asset.as_ref(), body.amount.as_ref())?;
        let posting = Posting::from_customer(account.clone(), House::Manual, amount);
        let change = Change {
            kind: "debit",
            facts: sum_facts(&account, amount),
            effects: Effects::Movement { posting, guard: Guard::SufficientFunds, lots: Vec::new() },
            account,
            amount,
        };
        book(call, ledger, key, change, body.reason.as_ref()).await
    }

    pub(crate) async fn transfer<L: Ledger>(&self, call: &ChangeCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
        let key = call.caller.service(Scope::Spend)?;
        let body: TransferBody = object(call.request.body())?;
        let from = fields::owner(body.from.as_ref(), "from")?;
        let to = fields::owner(body.to.as_ref(), "to")?;
        let asset = self.asset(body.asset.as_ref())?;
        let amount = fields::positive_amount(body.amount.as_ref(), "amount", asset)?;
        let account = from.account(asset);
        let transfer = AccountTransfer::new(account.clone(), to.account(asset), amount);
        let transfer =
            transfer.map_err(|error| Failure::new(400, "transfer_invalid", format!("No transfer: {error}.")))?;
        let facts = sum_facts(&account, amount).into_iter().chain([("to", transfer.to().to_string())]).collect();
        let change = Change { kind: "transfer", facts, effects: Effects::Transfer(transfer), account, amount };
        book(call, ledger, key, change, body.reason.as_ref()).await
    }

    /// The account in the path, and an amount above nothing.
    fn sum(
        &self,
        call: &ChangeCall<'_>,
        asset: Option<&Value>,
        amount: Option<&Value>,
    ) -> Result<(AccountId, Amount), Failure> {
        let (owner, asset) = (owner(call.found)?, self.asset(asset)?);
        Ok((owner.account(asset), fields::positive_amount(amount, "amount", asset)?))
    }

    fn asset(&self, value: Option<&Value>) -> Result<Asset, Failure> {
        let wrong = || Failure::new(400, "unknown_asset", "asset must be a text.");
        let code: Option<String> = api::read(value, wrong)?;
        asset(code.as_deref(), &self.catalog)
    }
}

/// When a grant expires, as the request says it, and the terms that follow.
fn expiry(body: &GrantBody, asset: Asset, call: &ChangeCall<'_>) -> Result<Option<(String, LotTerms)>, Failure> {
    let lot = fields::lot(body.expires.as_ref(), body.priority.as_ref(), body.kind.as_ref())?;
    let Some((text, priority, kind)) = lot else { return Ok(None) };
    if asset != Asset::CREDITS {
        return Err(fields::expires_invalid("is for credits alone"));
    }
    let terms = LotTerms::read(&text, priority, kind, call.invocation.now);
    terms.map(|terms| Some((text, terms))).map_err(|error| fields::expires_invalid(&error.to_string()))
}

fn sum_facts(account: &AccountId, amount: Amount) -> Vec<(&'static str, String)> {
    vec![("account", account.to_string()), ("amount", account.asset().format(amount))]
}

/// Books the change, and answers with its receipt.
async fn book<L: Ledger>(
    call: &ChangeCall<'_>,
    ledger: &L,
    key: &ServiceKey,
    change: Change,
    reason: Option<&Value>,
) -> Result<ApiOutcome, Failure> {
    let signature = Signature::read(call, key, reason)?;
    let effects = change.effects.of(&signature.receipt);
    let booked = commit(call, ledger, &signature, change.kind, &change.facts, effects).await?;
    let booked = booked.ok_or_else(|| Failure::unavailable().about(&signature.receipt))?;
    Ok(done(&change, &booked))
}

/// The receipt of a change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Receipt)]
pub(crate) struct ReceiptJson<'b> {
    /// The id of its line in the statement.
    #[schema(examples("credits#5d0c"))]
    receipt: &'b str,
    #[schema(value_type = TimeText)]
    processed_at: String,
    #[schema(examples("grant"))]
    kind: &'static str,
    /// The owner of the account that is credited or debited; of a transfer, the one that pays.
    #[schema(value_type = OwnerName)]
    owner: &'b str,
    #[schema(value_type = AssetCode)]
    asset: String,
    #[schema(value_type = AmountText)]
    amount: String,
}

fn done(change: &Change, booked: &Booked) -> ApiOutcome {
    let Change { kind, account, amount, .. } = change;
    let json = ReceiptJson {
        receipt: booked.receipt.key.as_str(),
        processed_at: booked.receipt.processed_at.to_string(),
        kind,
        owner: account.owner().as_str(),
        asset: account.asset().to_string(),
        amount: account.asset().format(*amount),
    };
    booked.outcome(kind, Reply::json(201, &json))
}
