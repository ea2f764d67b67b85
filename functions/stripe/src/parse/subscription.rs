//! Parses subscriptions: status, plan and end of the current period.

use ledger::{Plan, Standing, SubscriptionStatus, Timestamp};

use super::fields::{id, items, one_of, seconds};
use super::{Leads, Report, Snapshot};
use webhook::{JsonObject, ParseError};

const STATUSES: [(&str, SubscriptionStatus); 8] = [
    ("incomplete", SubscriptionStatus::Incomplete),
    ("paused", SubscriptionStatus::Paused),
    ("unpaid", SubscriptionStatus::Unpaid),
    ("past_due", SubscriptionStatus::PastDue),
    ("trialing", SubscriptionStatus::Trialing),
    ("active", SubscriptionStatus::Active),
    ("incomplete_expired", SubscriptionStatus::Ended),
    ("canceled", SubscriptionStatus::Ended),
];

pub(super) fn changed(subscription: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let status = one_of(&subscription.object.required("status")?, &STATUSES)?;
    standing(subscription, status)
}

/// Ended, regardless of the status in the object.
pub(super) fn deleted(subscription: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    standing(subscription, SubscriptionStatus::Ended)
}

fn standing(subscription: &Snapshot<'_>, status: SubscriptionStatus) -> Result<(Leads, Report), ParseError> {
    let reference = subscription.id.clone();
    let standing = Standing { as_of: subscription.at, status };
    let plan = plan(subscription)?;
    Ok((subscription.leads([reference.clone()])?, Report::Subscription { reference, standing, plan }))
}

/// Since 2025-03-31 each item has a period of its own; before, the subscription had one.
fn plan(subscription: &Snapshot<'_>) -> Result<Option<Plan>, ParseError> {
    let object = &subscription.object;
    let items = items(object, "items")?;
    let mut period_end = None;
    for item in &items {
        period_end = period_end.max(end(item)?);
    }
    let Some(period_end) = period_end.map_or_else(|| end(object), |end| Ok(Some(end)))? else {
        return Ok(None);
    };
    let item = items.first().ok_or_else(|| object.problem("items.data[0]", "is missing"))?;
    let name = id(&item.required("price")?)?.id().to_owned();
    Ok(Some(Plan { as_of: subscription.at, period_end, name }))
}

fn end(object: &JsonObject<'_>) -> Result<Option<Timestamp>, ParseError> {
    object.field("current_period_end")?.map(|end| seconds(&end)).transpose()
}
