//! An account: its balance, what is held and owed, and its lots.

use api::openapi::{
    AmountText, AssetCode, Kind, LotKindWord, OwnerName, Parameter, PolicyWord, SignedAmountText, TimeText,
};
use api::{ApiCall, ApiOutcome, Caller, Failure, Query};
use catalog::Catalog;
use edge::Reply;
use ledger::{
    AccountId, AccountRow, Amount, Asset, Balance, Budgets, Lot, LotsSnapshot, Owner, Policy, Scope, SpendingTerms,
    Statements, Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::budget_json::BudgetJson;
use crate::parse::{account_not_found, asset, owner};
use crate::{Call, shown};

/// What costs reads of its own.
const BUDGETS: &str = "budgets";
pub(crate) const ASSET: Parameter =
    Parameter::query("asset", Kind::Text("^[A-Za-z0-9_-]{1,32}$"), "The code of another asset than `credits`.");
pub(crate) const PARAMETERS: [Parameter; 2] =
    [ASSET, Parameter::query("include", Kind::Text("^budgets$"), "`budgets`: also the budgets of the owner's keys.")];

/// An account of an owner.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Account)]
pub(crate) struct AccountJson<'b> {
    #[schema(examples("alice/credits"))]
    account: String,
    #[schema(value_type = OwnerName)]
    owner: &'b str,
    #[schema(value_type = AssetCode)]
    asset: String,
    /// The sum of the statement, without what is past its date.
    #[schema(value_type = SignedAmountText)]
    balance: String,
    /// What can be spent: balance and overdraft, less what is held.
    #[schema(value_type = SignedAmountText)]
    available: String,
    /// What open holds set aside.
    #[schema(value_type = SignedAmountText)]
    held: String,
    /// How far the balance is below zero.
    #[schema(value_type = AmountText)]
    owed: String,
    #[schema(value_type = PolicyWord)]
    policy: &'static str,
    /// How far below zero the account may spend.
    #[schema(value_type = AmountText)]
    overdraft: String,
    /// In the order in which they are spent. Empty if no grant of the account ever expired.
    lots: Vec<LotJson>,
    /// Of the owner's keys that have any; only with `include`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<BudgetJson>)]
    budgets: Option<Vec<BudgetJson>>,
}

/// What remains of credits with one date.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Lot)]
struct LotJson {
    #[schema(value_type = AmountText)]
    remaining: String,
    #[schema(value_type = LotKindWord)]
    kind: &'static str,
    /// A lower one is spent first.
    priority: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    expires_at: Option<String>,
}

/// The account of the key's owner. A key names its owner, so an owner without a row has nothing yet.
pub(crate) async fn show_own<L: Budgets + Statements>(
    catalog: &Catalog,
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    match &call.caller {
        Caller::Owner(owner) => of(catalog, call, owner, ledger).await,
        Caller::Service(_) => {
            let message = "A service key has no account of its own: name an owner, /v1/accounts/{owner}.";
            Err(Failure::new(403, "owner_key_needed", message))
        }
    }
}

pub(crate) async fn show<L: Budgets + Statements>(
    catalog: &Catalog,
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let owner = owner(call.found)?;
    call.caller.may_see(&owner, Scope::Read, account_not_found)?;
    of(catalog, call, &owner, ledger).await
}

async fn of<L: Budgets + Statements>(
    catalog: &Catalog,
    call: &ApiCall<'_, Call, Caller>,
    owner: &Owner,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let query = Query::parse(&call.request.query, &PARAMETERS)?;
    let account = owner.account(asset(query.parameter("asset"), catalog)?);
    let has_budgets = includes_budgets(query.parameter("include"))?;
    let read = ledger.account_with_lots(&account, &call.context()).await?;
    let is_own = matches!(&call.caller, Caller::Owner(own) if own == owner);
    let mut json = match &read {
        Some((row, lots)) => AccountJson::of(&account, row, Some(lots), call.invocation.now),
        None if is_own => AccountJson::of(&account, &nothing(), None, call.invocation.now),
        None => return Err(account_not_found()),
    };
    if has_budgets {
        let budgets = ledger.budgets(owner, &call.context()).await?;
        json.budgets = Some(budgets.iter().map(|budget| BudgetJson::of(budget, call.invocation.now)).collect());
    }
    Ok(shown(Reply::json(200, &json)))
}

fn includes_budgets(include: Option<&str>) -> Result<bool, Failure> {
    match include {
        None => Ok(false),
        Some(BUDGETS) => Ok(true),
        Some(_) => Err(Failure::new(400, "include_invalid", format!("include takes {BUDGETS}."))),
    }
}

fn nothing() -> AccountRow {
    let terms = SpendingTerms { policy: Policy::default(), overdraft: Amount::ZERO };
    AccountRow { balance: Balance::ZERO, available: Balance::ZERO, terms, held: Balance::ZERO, version: 0 }
}

impl<'b> AccountJson<'b> {
    /// What is past its date can no longer be spent: it is shown without it.
    pub(crate) fn of(account: &'b AccountId, row: &AccountRow, lots: Option<&LotsSnapshot>, now: Timestamp) -> Self {
        let (id, asset) = (account.to_string(), account.asset());
        let dated = lots.filter(|lots| lots.account.version > 0);
        let overdue = dated.map_or(0, |lots| i128::try_from(lots.overdue(&id, now)).unwrap_or(i128::MAX));
        let left = |balance: Balance| Balance::from_units(balance.units().saturating_sub(overdue));
        let (balance, available) = (left(row.balance), left(row.available));
        let SpendingTerms { policy, overdraft } = row.terms;
        let spendable = dated.map(|lots| lots.spendable(&id, now)).unwrap_or_default();
        Self {
            owner: account.owner().as_str(),
            asset: asset.to_string(),
            balance: asset.format_balance(balance),
            available: asset.format_balance(available),
            held: asset.format_balance(row.held),
            owed: asset.format(Amount::owed(balance).unwrap_or_default()),
            policy: policy.as_str(),
            overdraft: asset.format(overdraft),
            lots: spendable.iter().map(|lot| LotJson::of(asset, lot)).collect(),
            budgets: None,
            account: id,
        }
    }
}

impl LotJson {
    fn of(asset: Asset, lot: &Lot) -> Self {
        Self {
            remaining: asset.format_balance(Balance::from_units(i128::try_from(lot.units).unwrap_or(i128::MAX))),
            kind: lot.terms.kind.as_str(),
            priority: lot.terms.priority,
            expires_at: lot.terms.expires_at.map(|at| at.to_string()),
        }
    }
}
