//! What a key has used in the month that runs, by the journal and the open holds: for the repair of its budget.

use ledger::{
    Amount, Asset, Balance, BoundKey, CallContext, CallerKey, CommitError, Holds as _, Source, StatementQuery,
    Statements as _, Timestamp, Windows, Writer, Zone,
};

use crate::batch::Read;
use crate::image::{Image, known_form, parsed, time, word};
use crate::names;
use crate::store::DynamoLedger;

/// Lines in one page of a statement.
const LINES_MAX: u16 = 1_000;
/// A month of any zone begins within so many seconds of that of UTC.
const ZONE_SECONDS: i64 = 14 * 60 * 60;
const ATTRIBUTES: [&str; 6] =
    [names::ID, names::FORMAT, names::SOURCE, names::FACTS, names::AMOUNT_UNITS, names::RECEIVED_AT];

impl DynamoLedger {
    /// Each use with the windows that it counts in. It reads the usage of this month of each account that has paid for the
    /// key, and no more.
    pub async fn uses_of(
        &self,
        key: &CallerKey,
        bound: &BoundKey,
        zone: Zone,
        context: &CallContext<'_>,
    ) -> Result<Vec<(Windows, Balance)>, CommitError> {
        let now = zone.windows_at(context.received_at);
        let first = Timestamp::parse_rfc3339(&format!("{}-01T00:00:00.000Z", now.month));
        let from = first.map_err(|error| CommitError::Refused(Box::new(error)))?.plus_seconds(-ZONE_SECONDS);
        let mut uses = Vec::new();
        for payer in bound.payers() {
            let account = payer.account(Asset::CREDITS);
            let open = self.open_holds(&account, context).await?.holds;
            let budgets = open.into_iter().filter_map(|hold| Some((hold.budget?, hold.amount)));
            let of_key = budgets.filter(|(budget, _)| budget.key == *key);
            uses.extend(of_key.map(|(budget, amount): (_, Amount)| (budget.windows, amount.into())));
            let mut query = StatementQuery {
                account,
                from: Some(from),
                until: None,
                kind: Some("usage".to_owned()),
                after: None,
                lines_max: LINES_MAX,
            };
            loop {
                let page = self.statement_page(&query, context).await?;
                let ids: Vec<&str> = page.lines.iter().map(|line| line.key.as_str()).collect();
                let read = Read { table: &self.tables().journal, attributes: &ATTRIBUTES, is_strong: true };
                let rows = self.rows(&read, &ids, context).await?;
                uses.extend(rows.iter().filter_map(|row| use_of(row, key, zone)));
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
        }
        uses.retain(|(windows, _)| windows.month == now.month);
        Ok(uses)
    }
}

/// A gateway names the key itself, and when it was used; the charge of a hold has its short id, and when that was opened.
fn use_of(row: &Image, key: &CallerKey, zone: Zone) -> Option<(Windows, Balance)> {
    known_form(row).ok()?;
    let facts = row.get(names::FACTS)?.as_m().ok()?;
    let fact = |name: &'static str| word(facts, name, |text| Some(text.to_owned())).ok();
    let fact_time = |name: &'static str| word(facts, name, time).ok();
    let source = row.get(names::SOURCE)?.as_s().ok()?;
    let used_at = if *source == Source::Usage.as_str() && fact("key")? == key.as_str() {
        fact_time("sent_at")?.min(word(row, names::RECEIVED_AT, time).ok()?)
    } else if *source == Writer::Hold.as_str() && fact("key")? == key.short_id() {
        fact_time("opened_at")?
    } else {
        return None;
    };
    let change = Balance::from_units(parsed(row, names::AMOUNT_UNITS));
    Some((zone.windows_at(used_at), change.checked_neg()?))
}
