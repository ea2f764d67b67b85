//! Reads for people: whose keys draw on an owner, and on whom the owner's keys draw.

use std::collections::HashMap;

use ledger::{BoundKey, CallContext, CallerKey, CommitError, Draw, MemberKey, Members, Owner, Spent, StoredBudget};

use crate::batch::Read;
use crate::books::Line;
use crate::image::{Image, known_form};
use crate::store::{DynamoLedger, unreadable};
use crate::{budget_row, member_row, names};

/// A key that draws on another owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub key: CallerKey,
    pub owner: Owner,
    pub draw: Draw,
    pub budget: StoredBudget,
    /// `None` if its row cannot be read.
    pub spent: Option<Spent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberRows {
    /// The keys of others that draw on the owner.
    pub drawn_by: Vec<MemberRow>,
    /// The owner's keys that draw on others.
    pub drawing: Vec<MemberRow>,
}

impl DynamoLedger {
    /// The keys that tie an owner to others, as they are now.
    pub async fn members(&self, owner: &Owner, context: &CallContext<'_>) -> Result<Members, CommitError> {
        let row = self.row(&self.tables().accounts, Members::row_of(owner), context).await?;
        row.as_ref().map_or_else(|| Ok(Members::default()), member_row::read).map_err(unreadable)
    }

    /// A key as it is stored now, and not as this process remembers it.
    pub async fn stored_key(
        &self,
        key: &CallerKey,
        context: &CallContext<'_>,
    ) -> Result<Option<BoundKey>, CommitError> {
        let row = self.row(&self.tables().accounts, key.to_string(), context).await?;
        row.as_ref().map_or(Ok(None), budget_row::bound).map_err(unreadable)
    }

    /// The same keys with their rows. One that has left since the list was read is left out.
    pub async fn member_rows(&self, owner: &Owner, context: &CallContext<'_>) -> Result<MemberRows, CommitError> {
        let Members { drawing, drawn_by } = self.members(owner, context).await?;
        let ids: Vec<String> = drawing.union(&drawn_by).flat_map(|key| [key.to_string(), key.budget_id()]).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let read = Read { table: &self.tables().accounts, attributes: &budget_row::ATTRIBUTES, is_strong: true };
        let rows = self.rows(&read, &ids, context).await?;
        let rows: HashMap<String, Image> = rows.into_iter().filter_map(|row| Some((id_of(&row)?, row))).collect();
        let mut found = MemberRows::default();
        for (keys, into) in [(drawn_by, &mut found.drawn_by), (drawing, &mut found.drawing)] {
            for key in keys {
                into.extend(member(key, &rows)?);
            }
            into.sort_by_key(|member| member.draw.since);
        }
        Ok(found)
    }

    /// Who used what the account paid for: the owner and the short id of the key, by entry. From the journal, since an
    /// index of all entries would cost each event.
    pub async fn users_of(
        &self,
        lines: &[Line],
        context: &CallContext<'_>,
    ) -> Result<HashMap<String, (Owner, String)>, CommitError> {
        let ids: Vec<&str> = lines
            .iter()
            .filter(|line| ["usage", "refund"].contains(&line.kind.as_str()))
            .map(|line| line.id.as_str())
            .collect();
        let attributes = [names::ID, names::FORMAT, names::SOURCE, names::FACTS];
        let read = Read { table: &self.tables().journal, attributes: &attributes, is_strong: false };
        Ok(self.rows(&read, &ids, context).await?.iter().filter_map(user).collect())
    }
}

/// The membership that lasts.
pub(crate) fn member_key(BoundKey { owner, draws, .. }: BoundKey) -> Option<MemberKey> {
    let team = draws.open()?.payer.clone();
    Some(MemberKey { owner, team })
}

/// A key that draws on another owner's account. One that cannot be read is as good as none.
pub(crate) fn member_of(row: &Image) -> Option<(CallerKey, MemberKey)> {
    let key = CallerKey::of_row(row.get(names::ID)?.as_s().ok()?)?;
    Some((key, member_key(budget_row::bound(row).ok()??)?))
}

fn member(key: CallerKey, rows: &HashMap<String, Image>) -> Result<Option<MemberRow>, CommitError> {
    let bound = rows.get(&key.to_string()).map_or(Ok(None), budget_row::bound).map_err(unreadable)?;
    let Some(BoundKey { owner, budget, draws, .. }) = bound else { return Ok(None) };
    let Some(draw) = draws.open().cloned() else { return Ok(None) };
    let spent = rows.get(&key.budget_id()).map_or_else(|| Ok(Spent::default()), budget_row::read).ok();
    Ok(Some(MemberRow { key, owner, draw, budget, spent }))
}

/// A gateway names the key itself; a hold has its short id.
fn user(row: &Image) -> Option<(String, (Owner, String))> {
    known_form(row).ok()?;
    let facts = row.get(names::FACTS)?.as_m().ok()?;
    let fact = |name: &str| facts.get(name)?.as_s().ok();
    let (member, key) = (Owner::new(fact("member")?).ok()?, fact("key")?);
    let is_of_gateway = row.get(names::SOURCE)?.as_s().ok()? == ledger::Source::Usage.as_str();
    let key = if is_of_gateway { CallerKey::remote(key).ok()?.short_id() } else { key.clone() };
    Some((id_of(row)?, (member, key)))
}

fn id_of(row: &Image) -> Option<String> {
    row.get(names::ID)?.as_s().ok().cloned()
}
