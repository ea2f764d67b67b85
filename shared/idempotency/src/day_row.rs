//! Serialization of the trial balance of a day, and of what a pass has counted so far.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{AccountSides, AssetBalance, Balance, CallContext, House, Timestamp, TrialBalance};

use crate::image::{Image, Read, Unreadable, by_id, inner, known_form, number, time, word};
use crate::names;
use crate::rows::{ROW_FORMAT, Row, map, number as n, text};

/// One row for each day, in the accounts table. A role that may write the audit's progress may write it.
pub(crate) fn id(day: &TrialBalance) -> String {
    format!("check#day.{}", day.day())
}

/// Written together with the progress of the pass, whose condition it has.
pub(crate) fn write(day: &TrialBalance, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    row.set(names::FORMAT, n(&ROW_FORMAT));
    row.set(names::UNTIL, text(&day.until));
    row.set(names::ASSETS, assets(day));
    row.set(names::UPDATED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row.require_known_form();
    row
}

pub(crate) fn read_row(row: &Image) -> Read<TrialBalance> {
    known_form(row)?;
    read(row)
}

/// The trial balance that a pass adds up.
pub(crate) fn counted(day: &TrialBalance) -> AttributeValue {
    map([(names::UNTIL, text(&day.until)), (names::ASSETS, assets(day))])
}

pub(crate) fn read(row: &Image) -> Read<TrialBalance> {
    Ok(TrialBalance { until: word(row, names::UNTIL, time)?, assets: by_id(row, names::ASSETS, asset)? })
}

/// What is counted of one account.
pub(crate) fn sides(sides: &AccountSides) -> AttributeValue {
    let AccountSides { until, houses, later } = sides;
    map([
        (names::UNTIL, text(until)),
        (names::HOUSES_UNITS, house_units(houses)),
        (names::LATER_UNITS, n(&later.units())),
    ])
}

pub(crate) fn read_sides(row: &Image) -> Read<AccountSides> {
    let until: Timestamp = word(row, names::UNTIL, time)?;
    Ok(AccountSides { until, houses: read_houses(row)?, later: units(row, names::LATER_UNITS)? })
}

fn assets(day: &TrialBalance) -> AttributeValue {
    let asset = |totals: &AssetBalance| {
        let AssetBalance { customers, houses, accounts, unsettled } = totals;
        map([
            (names::CUSTOMERS_UNITS, n(&customers.units())),
            (names::HOUSES_UNITS, house_units(houses)),
            (names::ACCOUNTS, n(accounts)),
            (names::UNSETTLED, n(unsettled)),
        ])
    };
    map(day.assets.iter().map(|(name, totals)| (name.as_str(), asset(totals))))
}

fn asset(row: &Image) -> Read<AssetBalance> {
    Ok(AssetBalance {
        customers: units(row, names::CUSTOMERS_UNITS)?,
        houses: read_houses(row)?,
        accounts: number(row, names::ACCOUNTS)?,
        unsettled: number(row, names::UNSETTLED)?,
    })
}

fn house_units(houses: &BTreeMap<House, Balance>) -> AttributeValue {
    map(houses.iter().map(|(house, side)| (house.as_str(), n(&side.units()))))
}

fn read_houses(row: &Image) -> Read<BTreeMap<House, Balance>> {
    let houses = inner(row, names::HOUSES_UNITS)?.ok_or(Unreadable(names::HOUSES_UNITS))?;
    let side = |(name, side): (&String, &AttributeValue)| {
        let units = side.as_n().ok()?.parse().ok()?;
        Some((House::named(name)?, Balance::from_units(units)))
    };
    houses.iter().map(side).collect::<Option<_>>().ok_or(Unreadable(names::HOUSES_UNITS))
}

fn units(row: &Image, name: &'static str) -> Read<Balance> {
    number(row, name).map(Balance::from_units)
}
