//! Service keys: rows among the accounts, under their hash.

use ledger::{CallContext, CommitError, EventKey, Scopes, ServiceKey, ServiceKeyChange, ServiceKeyHash, ServiceKeys};

use crate::batch::Read;
use crate::image::{self, Image, known_form, maybe, short, time, word};
use crate::rows::{ROW_FORMAT, Row, number, text};
use crate::store::{DynamoLedger, unreadable};
use crate::{call_rate, names};

/// The partition of all service keys in the index of keys. No owner's name contains a `#`.
pub(crate) const ALL: &str = "#service";
const ATTRIBUTES: [&str; 10] = [
    names::ID,
    names::FORMAT,
    names::KEY_NAME,
    names::SCOPES,
    names::KEY_OWNER,
    names::RECEIPT,
    names::RECEIVED_AT,
    names::REVOKED_AT,
    names::CALLS_A_MINUTE,
    names::WRITTEN_BY,
];

/// The row of a change, in the transaction of its cause.
pub(crate) fn change(change: &ServiceKeyChange, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    match change {
        ServiceKeyChange::Make(key) => {
            let ServiceKey { hash: _, name, scopes, made_by, since, revoked_at: _, rate } = &**key;
            row.set(names::FORMAT, number(&ROW_FORMAT));
            row.set(names::KEY_NAME, text(name));
            row.set(names::SCOPES, text(scopes));
            row.set(names::KEY_OWNER, text(ALL));
            row.set(names::RECEIPT, text(made_by));
            row.set(names::RECEIVED_AT, text(since));
            if let Some(rate) = rate {
                row.set(names::CALLS_A_MINUTE, number(rate));
            }
            let absent = row.absent();
            row.conditions.push(absent);
        }
        ServiceKeyChange::Revoke(_) => {
            require_live(&mut row, context);
            row.set(names::REVOKED_AT, text(&context.received_at));
        }
        ServiceKeyChange::Set { hash: _, from, to } => {
            require_live(&mut row, context);
            row.set_over(names::KEY_NAME, Some(text(&from.name)), Some(text(&to.name)));
            call_rate::set_over(&mut row, from.rate, to.rate);
        }
        ServiceKeyChange::End { hash: _, at } => {
            require_live(&mut row, context);
            row.require(names::REVOKED_AT, None);
            row.set(names::REVOKED_AT, text(at));
        }
    }
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

/// A key that was rotated may still work.
fn require_live(row: &mut Row, context: &CallContext<'_>) {
    let (id, revoked) = (row.name(names::ID), row.name(names::REVOKED_AT));
    let now = row.value(text(&context.received_at));
    row.conditions.push(format!("attribute_exists({id}) AND (attribute_not_exists({revoked}) OR {revoked} > {now})"));
    row.require_known_form();
}

pub(crate) fn read(row: &Image) -> image::Read<ServiceKey> {
    known_form(row)?;
    Ok(ServiceKey {
        hash: word(row, names::ID, ServiceKeyHash::of_row)?,
        name: word(row, names::KEY_NAME, short)?,
        scopes: word(row, names::SCOPES, |scopes| Scopes::parse(scopes).ok())?,
        made_by: word(row, names::RECEIPT, |receipt| Some(EventKey::of_row(receipt)))?,
        since: word(row, names::RECEIVED_AT, time)?,
        revoked_at: maybe(row, names::REVOKED_AT, time)?,
        rate: call_rate::read(row)?,
    })
}

impl ServiceKeys for DynamoLedger {
    async fn service_key(
        &self,
        hash: &ServiceKeyHash,
        context: &CallContext<'_>,
    ) -> Result<Option<ServiceKey>, CommitError> {
        let is_live = |key: &ServiceKey| key.is_live(context.received_at);
        if let Some(key) = self.remembered_service_keys().recall(hash, context.received_at) {
            return Ok(Some(key).filter(is_live));
        }
        let row = self.row(&self.tables().accounts, hash.to_string(), context).await?;
        let key = row.as_ref().map(read).transpose().map_err(unreadable)?.filter(is_live);
        if let Some(key) = &key {
            self.remembered_service_keys().remember(key, context.received_at);
        }
        Ok(key)
    }

    async fn service_keys(&self, context: &CallContext<'_>) -> Result<Vec<ServiceKey>, CommitError> {
        let ids = self.ids_of_keys(ALL).await?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let attributes = Read { table: &self.tables().accounts, attributes: &ATTRIBUTES, is_strong: true };
        let rows = self.rows(&attributes, &ids, context).await?;
        let mut keys: Vec<ServiceKey> = rows.iter().map(read).collect::<Result<_, _>>().map_err(unreadable)?;
        keys.sort_by(|one, other| (one.since, &one.hash).cmp(&(other.since, &other.hash)));
        Ok(keys)
    }
}
