//! The lines of the contract about the journal by day.

use std::collections::BTreeSet;

use ledger::{DayShard, FlaggedQuery, ListedRow, Listing, ListingQuery, Provider, Reason, Work};

use crate::now;

/// `working MAX` lists the unpaid orders by their next retry time, and `flagged REASON MAX [since S] [until S]` those that need a
/// person.
/// `listed ROWS [failed|processed] [from WRITER] [kind KIND] [since S]` reads each part of the day page by page, so many rows at a
/// time: all rows in the order of their keys.
pub(super) async fn result_of<L: Listing>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let (rows_max, rest) = match *words {
        ["listed", rows_max, ref rest @ ..] => (rows_max, rest),
        ["working", orders_max] => {
            let orders_max = orders_max.parse().unwrap();
            let context = crate::context(number);
            let found = ledger.orders_with_work(Work::Payment(Provider::Stripe), orders_max, &context).await.unwrap();
            assert!(found.iter().all(|order| order.created_at.is_some() && !order.owner.is_empty()), "{found:?}");
            return Some(numbers(found.iter().map(|order| order.row.id.as_str())));
        }
        ["flagged", reason, orders_max, ref rest @ ..] => {
            let reason = Reason::ALL.into_iter().find(|known| known.as_str() == reason).unwrap();
            let at = |word: &str| {
                let seconds = rest.iter().skip_while(|other| **other != word).nth(1)?;
                Some(now().plus_seconds(seconds.parse().unwrap()))
            };
            let from = at("since").unwrap_or_else(|| now().plus_seconds(-60));
            let query = FlaggedQuery { reason, from, until: at("until"), orders_max: orders_max.parse().unwrap() };
            let found = ledger.flagged_orders(&query, &crate::context(number)).await.unwrap();
            return Some(numbers(found.iter().map(|place| place.key.as_str())));
        }
        _ => return None,
    };
    let after = |word: &str| rest.iter().skip_while(|other| **other != word).nth(1).copied();
    let is_failed = rest
        .first()
        .and_then(|word| [("failed", true), ("processed", false)].into_iter().find(|(known, _)| known == word));
    let rows_max = rows_max.parse().unwrap();
    let mut rows: Vec<ListedRow> = Vec::new();
    for shard in DayShard::of_day(now()) {
        let mut query = ListingQuery {
            shard,
            from: now().plus_seconds(after("since").map_or(-60, |seconds| seconds.parse().unwrap())),
            is_failed: is_failed.map(|(_, is_failed)| is_failed),
            writer: after("from").map(str::to_owned),
            kind: after("kind").map(str::to_owned),
            after: None,
            rows_max,
        };
        let mut of_shard: Vec<ListedRow> = Vec::new();
        loop {
            let page = ledger.listed(&query, &crate::context(number)).await.unwrap();
            assert!(page.rows.len() <= usize::from(rows_max), "{page:?}");
            of_shard.extend(page.rows);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert!(of_shard.windows(2).all(|pair| matches!(pair, [one, other] if one.at >= other.at)), "the newest first");
        rows.extend(of_shard);
    }
    let keys: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys.len(), rows.len(), "each row once");
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    let row = |row: &ListedRow| {
        let reason = row.reason.as_ref().map(|reason| format!(" {reason}")).unwrap_or_default();
        let order = row.order.as_ref().map(|order| format!(" of {order}")).unwrap_or_default();
        // Without the fingerprint of a conflict.
        let key = row.key.split_once("#1.").map_or(row.key.as_str(), |(key, _)| key);
        format!("{key} {}{reason}{order}", if row.is_failed { "failed" } else { "processed" })
    };
    Some(if rows.is_empty() { "nothing".to_owned() } else { rows.iter().map(row).collect::<Vec<_>>().join(", ") })
}

fn numbers<'n>(numbers: impl Iterator<Item = &'n str>) -> String {
    let numbers: Vec<&str> = numbers.collect();
    if numbers.is_empty() { "nothing".to_owned() } else { numbers.join(" ") }
}
