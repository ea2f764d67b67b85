//! A hold as JSON.

use api::openapi::{AmountText, HoldStateWord, OwnerName, TimeText};
use ledger::{Asset, AtExpiry, CallerKey, Hold, HoldState};
use serde::Serialize;
use utoipa::ToSchema;

/// An amount set aside for a use whose cost is not known yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Hold)]
pub(crate) struct HoldJson<'b> {
    #[schema(examples("api-5d0c"))]
    id: &'b str,
    /// Whose account it is on.
    #[schema(value_type = OwnerName)]
    owner: &'b str,
    /// The short id of the key that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    key: Option<String>,
    /// Whose key that is, if another's than the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OwnerName)]
    member: Option<&'b str>,
    #[schema(value_type = AmountText)]
    amount: String,
    /// The journal key of the usage event that charges its use.
    #[serde(rename = "use")]
    usage: &'b str,
    #[schema(value_type = HoldStateWord)]
    state: &'static str,
    #[schema(value_type = TimeText)]
    opened_at: String,
    #[schema(value_type = TimeText)]
    expires_at: String,
    /// What its expiry charges.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AmountText)]
    charge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    closed_at: Option<String>,
    /// What the use has cost, as its settlement reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AmountText)]
    cost: Option<String>,
    /// What the hold has charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AmountText)]
    charged: Option<String>,
    /// The journal row of that charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    receipt: Option<&'b str>,
}

impl<'b> HoldJson<'b> {
    pub(crate) fn of(hold: &'b Hold) -> Self {
        let format = |amount| Asset::CREDITS.format(amount);
        let (cost, charged) = match hold.state {
            HoldState::Open | HoldState::Released { .. } => (None, None),
            HoldState::Settled { cost, is_charged_before, .. } => (Some(cost), (!is_charged_before).then_some(cost)),
            HoldState::Expired { charged, .. } => (None, charged),
        };
        let charge = match hold.at_expiry {
            AtExpiry::Release => None,
            AtExpiry::Charge(charge) => Some(format(charge)),
        };
        Self {
            id: hold.id.as_str(),
            owner: hold.account.owner().as_str(),
            key: hold.key.as_ref().map(CallerKey::short_id),
            member: hold.member.as_ref().map(|member| member.owner.as_str()),
            amount: format(hold.amount),
            usage: hold.usage.as_str(),
            state: hold.state.as_str(),
            opened_at: hold.opened_at.to_string(),
            expires_at: hold.expires_at.to_string(),
            charge,
            closed_at: hold.state.closed_at().map(|at| at.to_string()),
            cost: cost.map(format),
            charged: charged.map(format),
            receipt: charged.map(|_| hold.usage.as_str()),
        }
    }
}
