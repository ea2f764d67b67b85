//! Redeem codes, and the wrong codes of an owner: rows among the accounts, beside the balance that a redemption changes.

use std::collections::BTreeMap;

use ledger::{
    CallContext, Campaign, CampaignPage, Code, CodeChange, CodeHash, CodePage, Codes, CommitError, EventKey,
    GrantTerms, LinePosition, LotKind, OncePer, Owner, Receipt, Timestamp, Word, WrongCodes,
};

use crate::audit::word as text_of;
use crate::batch::Read;
use crate::image::{self, Image, Unreadable, amount, known_form, maybe, number, short, time, word};
use crate::names;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::{ROW_FORMAT, Row, number as units, text};
use crate::store::{DynamoLedger, unreadable};

const ATTRIBUTES: [&str; 17] = [
    names::ID,
    names::FORMAT,
    names::CAMPAIGN,
    names::CREDITS_UNITS,
    names::DAYS,
    names::PRIORITY,
    names::LOT_KIND,
    names::USES,
    names::USES_LEFT,
    names::ONCE_PER,
    names::UNTIL,
    names::RECEIPT,
    names::REVOKED_AT,
    names::HOUR,
    names::WRONG_CODES,
    names::RECEIVED_AT,
    names::WRITTEN_BY,
];
/// Each round means that another call has begun the hour.
const ROUNDS_MAX: u32 = 3;

/// No account's id contains a `#`.
pub(crate) fn id(hash: &CodeHash) -> String {
    format!("code#{hash}")
}

fn wrong_id(owner: &Owner) -> String {
    format!("wrong_codes#{owner}")
}

/// All campaigns are in one partition of the index, under a name that no campaign can have.
const ALL: &str = "#campaigns";
const CAMPAIGN_PREFIX: &str = "campaign#";

pub(crate) fn campaign_id(name: Word) -> String {
    format!("{CAMPAIGN_PREFIX}{name}")
}

/// The row by which a campaign is listed. The first codes write it, and later ones leave it as it is.
pub(crate) fn campaign(context: &CallContext<'_>) -> Row {
    let mut row = Row::with_form();
    row.set(names::CAMPAIGN, text(ALL));
    row.set_first(names::RECEIVED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row.require_known_form();
    row
}

/// The row of a change, in the transaction of its cause.
pub(crate) fn change(change: &CodeChange, receipt: &EventKey, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    match change {
        CodeChange::Make(code) => {
            row.set(names::FORMAT, units(&ROW_FORMAT));
            row.set(names::CAMPAIGN, text(&code.campaign));
            row.set(names::CREDITS_UNITS, units(&code.credits.units()));
            if let Some(terms) = code.terms {
                row.set(names::DAYS, units(&terms.days));
                row.set(names::PRIORITY, units(&terms.priority));
                row.set(names::LOT_KIND, text(terms.kind.as_str()));
            }
            row.set(names::USES, units(&code.uses));
            row.set(names::USES_LEFT, units(&code.uses_left));
            row.set(names::ONCE_PER, text(code.once_per.as_str()));
            if let Some(until) = code.until {
                row.set(names::UNTIL, text(&until));
            }
            row.set(names::RECEIPT, text(receipt));
            row.set(names::RECEIVED_AT, text(&context.received_at));
            let absent = row.absent();
            row.conditions.push(absent);
        }
        CodeChange::Redeem(_) => {
            row.add(names::USES_LEFT, units(&-1));
            let (left, one) = (row.name(names::USES_LEFT), row.value(units(&1)));
            let revoked = row.name(names::REVOKED_AT);
            row.conditions.push(format!("{left} >= {one} AND attribute_not_exists({revoked})"));
            row.require_known_form();
        }
        CodeChange::Repair { hash: _, from, to } => {
            row.set(names::USES, units(&to.uses));
            row.set(names::USES_LEFT, units(&to.left));
            let read = [(names::USES, from.uses), (names::USES_LEFT, from.left)];
            let read = read.map(|(name, count)| format!("{} = {}", row.name(name), row.value(units(&count))));
            row.conditions.extend(read);
            row.require_known_form();
        }
        CodeChange::Revoke(_) => {
            row.set(names::REVOKED_AT, text(&context.received_at));
            let (id, revoked) = (row.name(names::ID), row.name(names::REVOKED_AT));
            row.conditions.push(format!("attribute_exists({id}) AND attribute_not_exists({revoked})"));
            row.require_known_form();
        }
    }
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

pub(crate) fn code(row: &Image) -> image::Read<Code> {
    known_form(row)?;
    let hash = |id: &str| CodeHash::new(id.strip_prefix("code#")?).ok();
    Ok(Code {
        hash: word(row, names::ID, hash)?,
        campaign: word(row, names::CAMPAIGN, short)?,
        credits: amount(row, names::CREDITS_UNITS)?,
        terms: terms(row)?,
        uses: number(row, names::USES)?,
        uses_left: number(row, names::USES_LEFT)?,
        once_per: word(row, names::ONCE_PER, OncePer::named)?,
        until: maybe(row, names::UNTIL, time)?,
        made_by: word(row, names::RECEIPT, |receipt| Some(EventKey::of_row(receipt)))?,
        revoked_at: maybe(row, names::REVOKED_AT, time)?,
    })
}

/// Rows without days are of codes whose credits never expire.
fn terms(row: &Image) -> image::Read<Option<GrantTerms>> {
    if !row.contains_key(names::DAYS) {
        return Ok(None);
    }
    let kind = word(row, names::LOT_KIND, LotKind::named)?;
    let terms = GrantTerms::new(number(row, names::DAYS)?, number(row, names::PRIORITY)?, kind);
    terms.map(Some).map_err(|_| Unreadable(names::DAYS))
}

fn wrong_codes(row: &Image) -> image::Read<WrongCodes> {
    known_form(row)?;
    Ok(WrongCodes { hour: number(row, names::HOUR)?, count: number(row, names::WRONG_CODES)? })
}

impl Codes for DynamoLedger {
    async fn code(
        &self,
        hash: &CodeHash,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> Result<(Option<Code>, WrongCodes), CommitError> {
        let ids = [id(hash), wrong_id(owner)];
        let mut rows = self.accounts_rows(&[ids[0].as_str(), ids[1].as_str()], context).await?;
        let found = rows.remove(&ids[0]).as_ref().map(code).transpose().map_err(unreadable)?;
        let wrong = rows.remove(&ids[1]).as_ref().map(wrong_codes).transpose().map_err(unreadable)?;
        Ok((found, wrong.unwrap_or_default()))
    }

    async fn redemption(&self, receipt: &EventKey, context: &CallContext<'_>) -> Result<Option<Receipt>, CommitError> {
        let row = self.row(&self.tables().journal, receipt.to_string(), context).await?;
        let processed_at = row.map_or(Ok(None), |row| {
            known_form(&row)?;
            maybe(&row, names::PROCESSED_AT, time)
        });
        let processed_at: Option<Timestamp> = processed_at.map_err(unreadable)?;
        Ok(processed_at.map(|processed_at| Receipt { key: receipt.clone(), processed_at, is_over_budget: false }))
    }

    async fn count_wrong_code(&self, owner: &Owner, context: &CallContext<'_>) -> Result<(), CommitError> {
        let (table, id) = (&self.tables().accounts, wrong_id(owner));
        for _ in 0..ROUNDS_MAX {
            for row in [one_more(context), first_of_the_hour(context)] {
                if self.write_if_unchanged(row, table, &id, context).await? {
                    return Ok(());
                }
            }
        }
        Err(CommitError::Stale)
    }

    async fn codes(&self, campaign: Word, context: &CallContext<'_>) -> Result<Vec<Code>, CommitError> {
        let ids = self.ids_of_campaign(campaign).await?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let rows = self.accounts_rows(&ids, context).await?;
        rows.values().map(code).collect::<Result<_, _>>().map_err(unreadable)
    }

    async fn campaigns(
        &self,
        after: Option<&LinePosition>,
        campaigns_max: u16,
        context: &CallContext<'_>,
    ) -> Result<CampaignPage, CommitError> {
        let (places, next) = self.places_of_codes(ALL, after, campaigns_max, context).await?;
        Ok(CampaignPage { campaigns: places.iter().filter_map(campaign_at).collect(), next })
    }

    async fn code_page(
        &self,
        campaign: Word,
        after: Option<&LinePosition>,
        codes_max: u16,
        context: &CallContext<'_>,
    ) -> Result<CodePage, CommitError> {
        let (places, next) = self.places_of_codes(campaign.as_str(), after, codes_max, context).await?;
        let ids: Vec<&str> = places.iter().map(|place| place.key.as_str()).collect();
        let rows = self.accounts_rows(&ids, context).await?;
        let codes =
            ids.iter().filter_map(|id| rows.get(*id)).map(code).collect::<Result<_, _>>().map_err(unreadable)?;
        Ok(CodePage { codes, next })
    }
}

impl DynamoLedger {
    /// A page of the index of campaigns, and the place where the next one goes on.
    async fn places_of_codes(
        &self,
        campaign: &str,
        after: Option<&LinePosition>,
        codes_max: u16,
        context: &CallContext<'_>,
    ) -> Result<(Vec<LinePosition>, Option<LinePosition>), CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let query = self
                .client()
                .query()
                .table_name(&self.tables().accounts)
                .index_name(names::CAMPAIGNS)
                .key_condition_expression("#campaign = :campaign")
                .expression_attribute_names("#campaign", names::CAMPAIGN)
                .expression_attribute_values(":campaign", text(campaign))
                .set_exclusive_start_key(after.map(|after| index_key(campaign, after)))
                .limit(i32::from(codes_max));
            match query.send().await {
                Ok(found) => {
                    let places = found.items().iter().filter_map(place).collect();
                    Ok(Answer::Final((places, found.last_evaluated_key().and_then(place))))
                }
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    async fn accounts_rows(
        &self,
        ids: &[&str],
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<String, Image>, CommitError> {
        let read = Read { table: &self.tables().accounts, attributes: &ATTRIBUTES, is_strong: true };
        let rows = self.rows(&read, ids, context).await?;
        let id = |row: &Image| row.get(names::ID).and_then(|id| id.as_s().ok()).cloned();
        Ok(rows.into_iter().filter_map(|row| Some((id(&row)?, row))).collect())
    }
}

fn place(row: &Image) -> Option<LinePosition> {
    Some(LinePosition { key: text_of(row, names::ID)?, at: text_of(row, names::RECEIVED_AT)? })
}

/// The index has all of it.
fn campaign_at(LinePosition { key, at }: &LinePosition) -> Option<Campaign> {
    let name = Word::new(key.strip_prefix(CAMPAIGN_PREFIX)?).ok()?;
    Some(Campaign { name, since: Timestamp::parse_rfc3339(at).ok()? })
}

/// The key of a row in the index, which includes the table's own key.
fn index_key(campaign: &str, place: &LinePosition) -> Image {
    let parts = [(names::CAMPAIGN, campaign), (names::RECEIVED_AT, &place.at), (names::ID, &place.key)];
    parts.map(|(name, part)| (name.to_owned(), text(part))).into()
}

fn one_more(context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    row.add(names::WRONG_CODES, units(&1));
    let (name, hour) = (row.name(names::HOUR), row.value(units(&WrongCodes::hour_of(context.received_at))));
    row.conditions.push(format!("{name} = {hour}"));
    row.require_known_form();
    row
}

fn first_of_the_hour(context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    let hour = units(&WrongCodes::hour_of(context.received_at));
    row.set(names::FORMAT, units(&ROW_FORMAT));
    row.set(names::HOUR, hour.clone());
    row.set(names::WRONG_CODES, units(&1));
    let (absent, name, hour) = (row.absent(), row.name(names::HOUR), row.value(hour));
    row.conditions.push(format!("({absent} OR {name} <> {hour})"));
    row.require_known_form();
    row
}
