//! The lines of the contract about what an owner is shown.

use std::collections::BTreeSet;

use ledger::{Asset, JournalLine, Listing, MoneyKey, Owner, ShownLine, StatementQuery, Statements, Timestamp};

use super::account;
use crate::now;

/// `shown OWNER`: balance, available, held, and the number of lots. `statement OWNER LINES [KIND] [from S] [until S]` reads
/// page by page: all lines in the order of their keys. `charge EVENT`: that of a usage event, and its reversal.
/// `orders OWNER MAX` reads page by
/// page: all orders by their numbers.
pub(super) async fn result_of<L: Listing + Statements>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let context = crate::context(number);
    Some(match *words {
        ["shown", owner] => {
            let Some((row, lots)) = ledger.account_with_lots(&account(owner), &context).await.unwrap() else {
                return Some("none".to_owned());
            };
            let [balance, available, held] =
                [row.balance, row.available, row.held].map(|amount| Asset::CREDITS.format_balance(amount));
            format!("{balance} {available} {held} v{} {} lots", row.version, lots.settled().lots.len())
        }
        ["statement", owner, lines_max, ref rest @ ..] => {
            let seconds = |word: &str| {
                let place = rest.iter().position(|other| *other == word)?;
                Some(now().plus_seconds(rest.get(place.checked_add(1)?)?.parse().ok()?))
            };
            let (from, until): (Option<Timestamp>, Option<Timestamp>) = (seconds("from"), seconds("until"));
            let kind = rest.first().filter(|word| !["from", "until"].contains(*word)).map(|word| (*word).to_owned());
            let lines_max = lines_max.parse().unwrap();
            let mut query = StatementQuery { account: account(owner), from, until, kind, after: None, lines_max };
            let mut lines: Vec<ShownLine> = Vec::new();
            loop {
                let page = ledger.statement_page(&query, &context).await.unwrap();
                assert!(page.lines.len() <= usize::from(lines_max), "{page:?}");
                lines.extend(page.lines);
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
            assert!(
                lines.windows(2).all(|pair| matches!(pair, [one, other] if one.at >= other.at)),
                "the newest first"
            );
            let keys: BTreeSet<&str> = lines.iter().map(|line| line.key.as_str()).collect();
            assert_eq!(keys.len(), lines.len(), "each line once");
            lines.sort_by(|one, other| one.key.cmp(&other.key));
            let line = |line: &ShownLine| format!("{} {}", line.key, Asset::CREDITS.format_balance(line.change));
            if lines.is_empty() {
                return Some("nothing".to_owned());
            }
            lines.iter().map(line).collect::<Vec<_>>().join(", ")
        }
        ["orders", owner, orders_max] => {
            let (owner, orders_max) = (Owner::new(owner).unwrap(), orders_max.parse().unwrap());
            let (mut numbers, mut after) = (BTreeSet::new(), None);
            loop {
                let page = ledger.orders_of(&owner, after.as_ref(), orders_max, &context).await.unwrap();
                assert!(page.orders.len() <= usize::from(orders_max), "{page:?}");
                for order in page.orders {
                    assert!(numbers.insert(order.unwrap().number.to_string()), "each order once");
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if numbers.is_empty() { "nothing".to_owned() } else { numbers.into_iter().collect::<Vec<_>>().join(" ") }
        }
        ["charge", event] => {
            let usage = MoneyKey::of_row(&format!("usage#{event}"));
            let (charge, reversal) = ledger.line_with_reversal(&usage, &context).await.unwrap();
            let sum = |line: &JournalLine| Asset::CREDITS.format_balance(line.change);
            let mark = |line: &JournalLine| if line.reversed_by.is_some() { " reversed" } else { "" };
            let shown = charge.map_or("none".to_owned(), |line| sum(&line) + mark(&line));
            reversal.map_or(shown.clone(), |line| format!("{shown} by {}", sum(&line)))
        }
        _ => return super::listing::result_of(ledger, words, number).await,
    })
}
