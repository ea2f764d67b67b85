//! Changes of accounts: grants, debits and transfers. Each is one journal entry, whose key follows from the
//! request's idempotency key.

use api::{Api as _, ApiCall, ApiOutcome, Caller, Failure, object, required_idempotency_key};
use edge::Reply;
use ledger::{
    AccountId, AccountTransfer, Amount, Asset, CommitError, Committed, Decision, Effect, Entry, EventKey, Fact,
    Fingerprint, Guard, House, JournalHeader, Ledger, LotKind, LotShare, LotTerms, MoneyKey, Movement,
    PRIORITY_DEFAULT, PRIORITY_MAX, Posting, Reason, Receipt, RequestId, Scope, ServiceKey, Writer,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields;
use crate::parse::{asset, owner};
use crate::reply::{author, replayed};
use crate::{Call, Credits};

type ChangeCall<'r> = ApiCall<'r, Call, Caller>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    amount: Option<Value>,
    asset: Option<Value>,
    expires: Option<Value>,
    priority: Option<Value>,
    kind: Option<Value>,
    reason: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DebitBody {
    amount: Option<Value>,
    asset: Option<Value>,
    reason: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferBody {
    from: Option<Value>,
    to: Option<Value>,
    amount: Option<Value>,
    asset: Option<Value>,
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
        commit(call, ledger, key, change, body.reason.as_ref()).await
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
        commit(call, ledger, key, change, body.reason.as_ref()).await
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
        commit(call, ledger, key, change, body.reason.as_ref()).await
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
    let wrong = |why: String| Failure::new(400, "expires_invalid", format!("expires {why}."));
    let text: Option<String> = api::read(body.expires.as_ref(), || wrong("must be a text".to_owned()))?;
    let priority: Option<u8> = api::read(body.priority.as_ref(), || {
        Failure::new(400, "priority_invalid", format!("priority must be a whole number from 0 to {PRIORITY_MAX}."))
    })?;
    let kind: Option<String> = api::read(body.kind.as_ref(), kind_invalid)?;
    let kind = kind.map(|kind| LotKind::named(&kind).ok_or_else(kind_invalid)).transpose()?;
    let Some(text) = text else {
        if priority.is_some() || kind.is_some() {
            let message = "priority and kind are those of credits that expire: add expires, or leave them out.";
            return Err(Failure::new(400, "fields_conflict", message));
        }
        return Ok(None);
    };
    if asset != Asset::CREDITS {
        return Err(wrong("is for credits alone".to_owned()));
    }
    if priority.is_some_and(|priority| priority > PRIORITY_MAX) {
        let message = format!("priority must be a whole number from 0 to {PRIORITY_MAX}.");
        return Err(Failure::new(400, "priority_invalid", message));
    }
    let kind = kind.unwrap_or(LotKind::Paid);
    let terms = LotTerms::read(&text, priority.unwrap_or(PRIORITY_DEFAULT), kind, call.invocation.now);
    terms.map(|terms| Some((text, terms))).map_err(|error| wrong(error.to_string()))
}

fn kind_invalid() -> Failure {
    Failure::new(400, "kind_invalid", "kind must be free or paid.")
}

fn sum_facts(account: &AccountId, amount: Amount) -> Vec<(&'static str, String)> {
    vec![("account", account.to_string()), ("amount", account.asset().format(amount))]
}

/// Commits the change once under the request's idempotency key. A repeat gets the receipt of the first.
async fn commit<L: Ledger>(
    call: &ChangeCall<'_>,
    ledger: &L,
    key: &ServiceKey,
    change: Change,
    reason: Option<&Value>,
) -> Result<ApiOutcome, Failure> {
    let request = RequestId::from_key(&required_idempotency_key(call.request)?);
    let receipt = EventKey::new(Writer::Credits, request.as_str()).map_err(|_| Failure::unavailable())?;
    let reason = fields::reason(reason)?;
    // Author and reason stay out of the fingerprint: another reason is no other request.
    let named = change.facts.iter().map(|(name, value)| (*name, value.as_str()));
    let fingerprint = Fingerprint::of(1, &std::iter::once(("kind", change.kind)).chain(named).collect::<Vec<_>>());
    let signed = [("author", author(key)), ("reason", reason)];
    let facts = signed.into_iter().chain(change.facts.iter().map(|(name, value)| (*name, value.clone())));
    let header = JournalHeader {
        receipt: receipt.clone(),
        writer: Writer::Credits,
        kind: change.kind,
        facts: facts.map(|(name, value)| (name, Fact::Text(value))).collect(),
        fingerprints: fingerprint.into(),
        order: None,
    };
    let effects = change.effects.of(&receipt);
    let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
    let committed = ledger.commit(&decision, &call.context()).await;
    edge::record_commit(Credits::NAME, &decision, &committed);
    match committed {
        Ok(Committed::Now(receipt)) => Ok(done(&change, &receipt, false)),
        Ok(Committed::Earlier(receipt)) => Ok(done(&change, &receipt, true)),
        Ok(Committed::Ignored { .. }) | Err(CommitError::Stale) => Err(Failure::unavailable().about(&receipt)),
        Err(CommitError::Conflict) => {
            let message = "This Idempotency-Key was used for another change.";
            Err(Failure::new(409, "idempotency_key_reused", message).about(&receipt))
        }
        Err(CommitError::Rejected(Reason::InsufficientCredits)) => {
            let message = "The account has less than this available.";
            Err(Failure::new(402, "insufficient_credits", message).about(&receipt))
        }
        Err(error) => Err(Failure::from(error).about(&receipt)),
    }
}

/// The receipt of a change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptJson<'b> {
    receipt: &'b str,
    processed_at: String,
    kind: &'static str,
    owner: &'b str,
    asset: String,
    amount: String,
}

fn done(change: &Change, receipt: &Receipt, is_replay: bool) -> ApiOutcome {
    let Change { kind, account, amount, .. } = change;
    let json = ReceiptJson {
        receipt: receipt.key.as_str(),
        processed_at: receipt.processed_at.to_string(),
        kind,
        owner: account.owner().as_str(),
        asset: account.asset().to_string(),
        amount: account.asset().format(*amount),
    };
    let reply = replayed(Reply::json(201, &json), is_replay);
    ApiOutcome { reply, outcome: if is_replay { "repeat" } else { kind }, subject: Some(receipt.key.to_string()) }
}
