//! A hold as it is printed: by `hold show`, `hold list` and `account show`.

use ledger::{Asset, AtExpiry, CallerKey, Hold, HoldState};
use serde::Serialize;

use crate::print::{self, Facts};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HoldFacts {
    id: String,
    account: String,
    /// The short id of the key that it is for, and whose that is, if the account is not theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    amount: String,
    /// The journal key of the usage event that charges its use.
    #[serde(rename = "use")]
    usage: String,
    state: &'static str,
    opened_at: String,
    expires_at: String,
    /// What its expiry charges.
    at_expiry: Option<String>,
    closed_at: Option<String>,
    /// What the use has cost, as its settlement reported it.
    cost: Option<String>,
    /// What the hold has charged.
    charged: Option<String>,
    /// Whether the use was charged before the settlement, by its own event.
    charged_before: bool,
    note: Option<String>,
}

#[derive(Serialize)]
pub(super) struct OpenHolds {
    pub(super) account: String,
    /// The first to expire first.
    pub(super) holds: Vec<HoldFacts>,
}

impl HoldFacts {
    pub(crate) fn of(hold: &Hold) -> Self {
        let (cost, charged, charged_before) = match hold.state {
            HoldState::Open | HoldState::Released { .. } => (None, None, false),
            HoldState::Settled { cost, is_charged_before, .. } => {
                (Some(cost), (!is_charged_before).then_some(cost), is_charged_before)
            }
            HoldState::Expired { charged, .. } => (None, charged, false),
        };
        let at_expiry = match hold.at_expiry {
            AtExpiry::Release => None,
            AtExpiry::Charge(charge) => Some(charge),
        };
        let amount = |amount| Asset::CREDITS.format(amount);
        Self {
            id: hold.id.to_string(),
            account: hold.account.to_string(),
            member: hold.member.as_ref().map(|member| member.owner.to_string()),
            key: hold.key.as_ref().map(CallerKey::short_id),
            amount: amount(hold.amount),
            usage: hold.usage.to_string(),
            state: hold.state.as_str(),
            opened_at: hold.opened_at.to_string(),
            expires_at: hold.expires_at.to_string(),
            at_expiry: at_expiry.map(amount),
            closed_at: hold.state.closed_at().map(|at| at.to_string()),
            cost: cost.map(amount),
            charged: charged.map(amount),
            charged_before,
            note: hold.note.clone(),
        }
    }

    /// The journal row of its charge.
    pub(super) fn receipt(&self) -> Option<String> {
        self.charged.as_ref().map(|_| self.usage.clone())
    }

    fn expiry(&self) -> String {
        self.at_expiry.as_ref().map_or_else(|| "release".to_owned(), |charge| format!("charge {charge}"))
    }
}

/// Prints open holds as a table.
pub(crate) fn print_open<'h>(holds: impl Iterator<Item = &'h HoldFacts>) {
    let head = ["hold", "amount", "expires", "at expiry", "use"].map(str::to_owned);
    let row = |hold: &HoldFacts| {
        [hold.id.clone(), hold.amount.clone(), hold.expires_at.clone(), hold.expiry(), hold.usage.clone()]
    };
    print::columns(&std::iter::once(head).chain(holds.map(row)).collect::<Vec<_>>());
}

impl Facts for HoldFacts {
    fn print(&self) {
        print::line(&self.id);
        let charged = self.charged_before.then(|| format!("before, by {}", self.usage));
        let rows = [
            ("state", Some(self.state.to_owned())),
            ("account", Some(self.account.clone())),
            ("key", self.key.clone()),
            ("member", self.member.clone()),
            ("amount", Some(self.amount.clone())),
            ("use", Some(self.usage.clone())),
            ("opened", Some(self.opened_at.clone())),
            ("expires", Some(self.expires_at.clone())),
            ("at expiry", Some(self.expiry())),
            ("closed", self.closed_at.clone()),
            ("cost", self.cost.clone()),
            ("charged", self.charged.clone().or(charged)),
            ("note", self.note.clone()),
        ];
        let row = |(name, value): (&str, Option<String>)| value.map(|value| [format!("  {name}"), value]);
        print::columns(&rows.into_iter().filter_map(row).collect::<Vec<_>>());
    }
}

impl Facts for OpenHolds {
    fn print(&self) {
        if self.holds.is_empty() {
            print::line(format_args!("{} has no open holds", self.account));
        } else {
            print_open(self.holds.iter());
        }
    }
}
