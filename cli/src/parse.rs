//! Parses values of the command line. An error names the value, since a command may have several.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use catalog::{Catalog, SHIPPED};
use ledger::{
    AccountId, Amount, Asset, Balance, CallRate, CallerKey, CurrencyPair, OrderNumber, Owner, Rate, Timestamp, Word,
};
use local::credits_of;

use crate::error::Error;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Reads a whole number in this range.
pub(crate) fn number<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("give a whole number from {} to {}", range.start(), range.end()))
    }
}

pub(crate) fn version(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "give a whole number, as `order show` prints it")
}

pub(crate) fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "give an IP address, such as 172.17.0.1")
}

pub(crate) fn owner(text: &str) -> Result<Owner, Error> {
    Owner::new(text).map_err(|cause| Error::Owner { text: text.to_owned(), cause })
}

/// `alice` for credits, or `alice/POSX`.
pub(crate) fn account(text: &str) -> Result<AccountId, Error> {
    let Some((name, code)) = text.split_once('/') else {
        return Ok(credits_of(&owner(text)?));
    };
    let asset = asset(code)?;
    Ok(owner(name)?.account(asset))
}

/// The catalog has the decimals of a token.
pub(crate) fn asset(code: &str) -> Result<Asset, Error> {
    let asset = Asset::named(code).or_else(|| Catalog::parse(SHIPPED).ok()?.token(code));
    asset.ok_or_else(|| Error::UnknownAsset(code.to_owned()))
}

/// The end of a day, UTC.
pub(crate) fn end_of_day(text: &str) -> Result<Timestamp, Error> {
    let begins = start_of_day(text).ok_or_else(|| Error::Day(text.to_owned()))?;
    Ok(begins.plus_seconds(DAY_SECONDS))
}

pub(crate) fn amount(asset: Asset, text: &str) -> Result<Amount, Error> {
    asset.parse(text).map_err(|cause| Error::Amount { text: text.to_owned(), cause })
}

/// An amount above zero: a change of zero is a typing mistake.
pub(crate) fn positive_amount(asset: Asset, text: &str) -> Result<Amount, Error> {
    let amount = amount(asset, text)?;
    if amount.is_zero() { Err(Error::Nothing(text.to_owned())) } else { Ok(amount) }
}

/// An amount that may be negative.
pub(crate) fn signed_amount(asset: Asset, text: &str) -> Result<Balance, Error> {
    let (digits, is_negative) = text.strip_prefix('-').map_or((text, false), |digits| (digits, true));
    let amount = asset.parse(digits).map_err(|cause| Error::Amount { text: text.to_owned(), cause })?;
    let amount = Balance::from(amount);
    Ok(if is_negative { Balance::from_units(amount.units().saturating_neg()) } else { amount })
}

pub(crate) fn order_number(text: &str) -> Result<OrderNumber, Error> {
    OrderNumber::new(text).map_err(|cause| Error::OrderNumber { text: text.to_owned(), cause })
}

pub(crate) fn campaign(text: &str) -> Result<Word, Error> {
    Word::new(text).map_err(|cause| Error::Campaign { text: text.to_owned(), cause })
}

pub(crate) fn key_name(text: &str) -> Result<Word, Error> {
    Word::new(text).map_err(|cause| Error::KeyName { text: text.to_owned(), cause })
}

pub(crate) fn pair(text: &str) -> Result<CurrencyPair, Error> {
    CurrencyPair::parse(text).map_err(|cause| Error::CurrencyPair { text: text.to_owned(), cause })
}

pub(crate) fn rate(text: &str) -> Result<Rate, Error> {
    Rate::parse(text).map_err(|cause| Error::RateText { text: text.to_owned(), cause })
}

pub(crate) fn time(text: &str) -> Result<Timestamp, Error> {
    moment(text).ok_or_else(|| Error::Time(text.to_owned()))
}

/// A time, or a date for its start in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).ok().or_else(|| start_of_day(text))
}

fn start_of_day(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).ok()
}

/// A time or date, or how long before now: `90m`, `24h`, `7d`.
pub(crate) fn since(text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let unit = |seconds: i64, unit: char| Some((text.strip_suffix(unit)?.parse::<u32>().ok()?, seconds));
    let ago = [(DAY_SECONDS, 'd'), (3_600, 'h'), (60, 'm')].into_iter().find_map(|(seconds, word)| unit(seconds, word));
    match ago {
        Some((count, seconds)) => Ok(now.plus_seconds(i64::from(count).saturating_mul(seconds).saturating_neg())),
        None => moment(text).ok_or_else(|| Error::Since(text.to_owned())),
    }
}

/// Calls a minute, or `none`.
pub(crate) fn call_rate(text: &str) -> Result<Option<CallRate>, Error> {
    let rate = |calls: &str| CallRate::a_minute(calls.parse().unwrap_or_default());
    let invalid = |cause| Error::CallRate { text: text.to_owned(), cause };
    if text == "none" { Ok(None) } else { rate(text).map(Some).map_err(invalid) }
}

pub(crate) fn remote_key(text: &str) -> Result<CallerKey, Error> {
    CallerKey::remote(text).map_err(|cause| Error::CallerKey { text: text.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_is_its_start_in_utc_and_a_wrong_one_is_refused() {
        let at = |text| Timestamp::parse_rfc3339(text).expect("a time");
        for (text, expected) in [
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2028-02-29", "2028-02-29T00:00:00Z"),
            ("2026-11-01T08:00:00+08:00", "2026-11-01T00:00:00Z"),
        ] {
            assert_eq!(time(text).expect(text), at(expected));
            assert_eq!(since(text, at("2026-12-01T00:00:00Z")).expect(text), at(expected));
        }
        for wrong in ["", "2026-11", "2026-11-31", "2027-02-29", "2026-13-01", "2026-1-1", "26-11-01", "01.11.2026"] {
            assert!(time(wrong).is_err() && since(wrong, Timestamp::EPOCH).is_err(), "{wrong}");
        }
        for wrong in ["2026-11-01Z", "2026-11-01 ", " 2026-11-01", "2026-11-01T", "2026-11-01T08:00", "2026/11/01"] {
            assert!(time(wrong).is_err() && since(wrong, Timestamp::EPOCH).is_err(), "{wrong}");
        }
    }
}
