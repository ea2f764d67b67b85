//! Serialization of an account's lots: a row of their own, and three attributes of the account's row.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use ledger::{
    AccountLots, Balance, CallContext, ExpiredShare, Lot, LotChange, LotKind, LotShare, LotTerms, LotsRow, MoneyKey,
    TakenShares, Timestamp,
};

use crate::image::{Image, Read, Unreadable, flag, known_form, maybe, number, parsed, time, word};
use crate::role::PlanError;
use crate::rows::{ROW_FORMAT, Row, map, number as n, text};
use crate::{Tables, names};

/// The index of the accounts that have lots that expire has so many partitions, so that no write waits for another.
pub(crate) const EXPIRING_SHARDS: u8 = 4;

/// No account id contains a `#`.
pub(crate) const PREFIX: &str = "lots#";

pub(crate) fn id(account: &str) -> String {
    format!("{PREFIX}{account}")
}

/// The partition of an account in the index of those that have lots that expire.
pub(crate) fn shard(account: &str) -> String {
    shard_named(hash(account).checked_rem(EXPIRING_SHARDS).unwrap_or_default())
}

/// Spreads accounts over the partitions of an index.
pub(crate) fn hash(account: &str) -> u8 {
    account.bytes().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))
}

pub(crate) fn shard_named(shard: u8) -> String {
    format!("expiring#{shard}")
}

/// The account's row says which version is right, so this one has no condition on it.
pub(crate) fn write(
    tables: &Tables,
    account: &str,
    lots: &LotsRow,
    context: &CallContext<'_>,
) -> Result<TransactWriteItem, PlanError> {
    let LotsRow { version, lots, changes, expired, taken } = lots;
    let mut row = Row::default();
    row.set(names::FORMAT, n(&ROW_FORMAT));
    row.set(names::LOTS_VERSION, n(version));
    row.set(names::LOTS, AttributeValue::L(lots.iter().map(lot).collect()));
    row.set(names::CHANGES, AttributeValue::L(changes.iter().map(change).collect()));
    row.set(names::EXPIRED, AttributeValue::L(expired.iter().map(expired_share).collect()));
    row.set(names::TAKEN, AttributeValue::L(taken.iter().map(taken_shares).collect()));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row.require_known_form();
    Ok(row.update(&tables.accounts, &id(account))?)
}

fn keys(keys: &[MoneyKey]) -> AttributeValue {
    AttributeValue::L(keys.iter().map(text).collect())
}

fn terms(terms: LotTerms) -> impl Iterator<Item = (&'static str, AttributeValue)> {
    let LotTerms { priority, kind, expires_at } = terms;
    let fields = [(names::PRIORITY, n(&priority)), (names::KIND, text(kind.as_str()))];
    fields.into_iter().chain(expires_at.map(|at| (names::EXPIRES_AT, text(&at))))
}

fn lot(lot: &Lot) -> AttributeValue {
    let fields = [(names::GRANTS, keys(&lot.grants)), (names::AMOUNT_UNITS, n(&lot.units))];
    map(fields.into_iter().chain(terms(lot.terms)))
}

fn share(share: &LotShare) -> AttributeValue {
    map([(names::AMOUNT_UNITS, n(&share.units))].into_iter().chain(terms(share.terms)))
}

fn shares(shares: &[LotShare]) -> AttributeValue {
    AttributeValue::L(shares.iter().map(share).collect())
}

fn change(change: &LotChange) -> AttributeValue {
    match change {
        LotChange::Give { grant, shares: given } => {
            let grant = grant.iter().map(|grant| (names::GRANT, text(grant)));
            map([(names::SHARES, shares(given))].into_iter().chain(grant))
        }
        LotChange::Take { key, grant, is_undated, units } => map([
            (names::ID, text(key)),
            (names::GRANT, text(grant)),
            (names::UNDATED, AttributeValue::Bool(*is_undated)),
            (names::AMOUNT_UNITS, n(units)),
        ]),
    }
}

fn expired_share(expired: &ExpiredShare) -> AttributeValue {
    let ExpiredShare { grants, share: of, at } = expired;
    map([(names::GRANTS, keys(grants)), (names::SHARES, shares(&[*of])), (names::SINCE, text(at))])
}

fn taken_shares(taken: &TakenShares) -> AttributeValue {
    let TakenShares { key, grant, at, units, shares: of } = taken;
    map([
        (names::ID, text(key)),
        (names::GRANT, text(grant)),
        (names::SINCE, text(at)),
        (names::AMOUNT_UNITS, n(units)),
        (names::SHARES, shares(of)),
    ])
}

/// What the account's row says about its lots. Of an account without lots everything but the balance is nothing.
pub(crate) fn account(row: &Image) -> Read<AccountLots> {
    known_form(row)?;
    let is_there = |name| row.contains_key(name);
    Ok(AccountLots {
        balance: Balance::from_units(parsed(row, names::BALANCE_UNITS)),
        held: if is_there(names::HELD_UNITS) { number(row, names::HELD_UNITS)? } else { 0 },
        mark: Balance::from_units(if is_there(names::MARK_UNITS) { number(row, names::MARK_UNITS)? } else { 0 }),
        version: version(row)?.unwrap_or_default(),
        next_expiry: next_expiry(row)?,
    })
}

pub(crate) fn version(row: &Image) -> Read<Option<u64>> {
    if row.contains_key(names::LOTS_VERSION) { number(row, names::LOTS_VERSION).map(Some) } else { Ok(None) }
}

pub(crate) fn next_expiry(row: &Image) -> Read<Option<Timestamp>> {
    maybe(row, names::NEXT_EXPIRY, time)
}

pub(crate) fn read(row: &Image) -> Read<LotsRow> {
    known_form(row)?;
    Ok(LotsRow {
        version: number(row, names::LOTS_VERSION)?,
        lots: list(row, names::LOTS, read_lot)?,
        changes: list(row, names::CHANGES, read_change)?,
        expired: list(row, names::EXPIRED, read_expired)?,
        taken: list(row, names::TAKEN, read_taken)?,
    })
}

fn list<T>(row: &Image, name: &'static str, read: impl Fn(&Image) -> Read<T>) -> Read<Vec<T>> {
    let values = row.get(name).and_then(|values| values.as_l().ok()).ok_or(Unreadable(name))?;
    values.iter().map(|value| read(value.as_m().map_err(|_| Unreadable(name))?)).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "a reader like the others")]
fn key(text: &str) -> Option<MoneyKey> {
    Some(MoneyKey::of_row(text))
}

fn read_keys(row: &Image) -> Read<Vec<MoneyKey>> {
    let values = row.get(names::GRANTS).and_then(|keys| keys.as_l().ok()).ok_or(Unreadable(names::GRANTS))?;
    let keys = values.iter().map(|value| value.as_s().ok().and_then(|text| key(text)));
    keys.collect::<Option<_>>().ok_or(Unreadable(names::GRANTS))
}

fn read_terms(row: &Image) -> Read<LotTerms> {
    Ok(LotTerms {
        priority: number(row, names::PRIORITY)?,
        kind: word(row, names::KIND, LotKind::named)?,
        expires_at: maybe(row, names::EXPIRES_AT, time)?,
    })
}

fn read_lot(row: &Image) -> Read<Lot> {
    Ok(Lot { grants: read_keys(row)?, terms: read_terms(row)?, units: number(row, names::AMOUNT_UNITS)? })
}

fn read_share(row: &Image) -> Read<LotShare> {
    Ok(LotShare { terms: read_terms(row)?, units: number(row, names::AMOUNT_UNITS)? })
}

fn read_change(row: &Image) -> Read<LotChange> {
    if row.contains_key(names::SHARES) {
        let grant = maybe(row, names::GRANT, key)?;
        return Ok(LotChange::Give { grant, shares: list(row, names::SHARES, read_share)? });
    }
    Ok(LotChange::Take {
        key: word(row, names::ID, key)?,
        grant: word(row, names::GRANT, key)?,
        is_undated: flag(row, names::UNDATED)?,
        units: number(row, names::AMOUNT_UNITS)?,
    })
}

fn read_expired(row: &Image) -> Read<ExpiredShare> {
    let shares = list(row, names::SHARES, read_share)?;
    let share = shares.first().copied().ok_or(Unreadable(names::SHARES))?;
    Ok(ExpiredShare { grants: read_keys(row)?, share, at: word(row, names::SINCE, time)? })
}

fn read_taken(row: &Image) -> Read<TakenShares> {
    Ok(TakenShares {
        key: word(row, names::ID, key)?,
        grant: word(row, names::GRANT, key)?,
        at: word(row, names::SINCE, time)?,
        units: number(row, names::AMOUNT_UNITS)?,
        shares: list(row, names::SHARES, read_share)?,
    })
}
