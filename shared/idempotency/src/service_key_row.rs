//! Service keys: rows among the accounts, under their hash.

use ledger::{CallContext, CommitError, EventKey, Scopes, ServiceKey, ServiceKeyChange, ServiceKeyHash, ServiceKeys};

use crate::batch::Read;
use crate::image::{self, Image, known_form, maybe, short, time, word};
use crate::names;
use crate::rows::{ROW_FORMAT, Row, number, text};
use crate::store::{DynamoLedger, unreadable};

/// The partition of all service keys in the index of keys. No owner's name contains a `#`.
const ALL: &str = "#service";
const ATTRIBUTES: [&str; 9] = [
    names::ID,
    names::FORMAT,
    names::KEY_NAME,
    names::SCOPES,
    names::KEY_OWNER,
    names::RECEIPT,
    names::RECEIVED_AT,
    names::REVOKED_AT,
    names::WRITTEN_BY,
];

/// The row of a change, in the transaction of its cause.
pub(crate) fn change(change: &ServiceKeyChange, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    match change {
        ServiceKeyChange::Make(key) => {
            let ServiceKey { hash: _, name, scopes, made_by, since, revoked_at: _ } = &**key;
            row.set(names::FORMAT, number(&ROW_FORMAT));
            row.set(names::KEY_NAME, text(name));
            row.set(names::SCOPES, text(scopes));
            row.set(names::KEY_OWNER, text(ALL));
            row.set(names::RECEIPT, text(made_by));
            row.set(names::RECEIVED_AT, text(since));
            let absent = row.absent();
            row.conditions.push(absent);
        }
        ServiceKeyChange::Revoke(_) => {
            row.set(names::REVOKED_AT, text(&context.received_at));
            let (id, revoked) = (row.name(names::ID), row.name(names::REVOKED_AT));
            row.conditions.push(format!("attribute_exists({id}) AND attribute_not_exists({revoked})"));
            row.require_known_form();
        }
    }
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

fn read(row: &Image) -> image::Read<ServiceKey> {
    known_form(row)?;
    Ok(ServiceKey {
        hash: word(row, names::ID, ServiceKeyHash::of_row)?,
        name: word(row, names::KEY_NAME, short)?,
        scopes: word(row, names::SCOPES, |scopes| Scopes::parse(scopes).ok())?,
        made_by: word(row, names::RECEIPT, |receipt| Some(EventKey::of_row(receipt)))?,
        since: word(row, names::RECEIVED_AT, time)?,
        revoked_at: maybe(row, names::REVOKED_AT, time)?,
    })
}

impl ServiceKeys for DynamoLedger {
    async fn service_key(
        &self,
        hash: &ServiceKeyHash,
        context: &CallContext<'_>,
    ) -> Result<Option<ServiceKey>, CommitError> {
        if let Some(key) = self.remembered_service_keys().recall(hash, context.received_at) {
            return Ok(Some(key));
        }
        let row = self.row(&self.tables().accounts, hash.to_string(), context).await?;
        let key = row.as_ref().map(read).transpose().map_err(unreadable)?.filter(ServiceKey::is_live);
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
