//! The full audit: a scan reads every row once, in any number of segments.

use idempotency::{BookTable, Segment};
use ledger::WholeAudit;
use testkit::now;

use super::*;

pub(crate) async fn whole_of(world: &World, of: i32) -> WholeAudit {
    let mut whole = WholeAudit::default();
    for table in BookTable::ALL {
        scan(world, &mut whole, table, of).await;
    }
    whole
}

/// Adds a table, read in so many segments.
pub(super) async fn scan(world: &World, whole: &mut WholeAudit, table: BookTable, of: i32) {
    let ledger = world.ledger(0);
    for number in 0..of {
        let mut after = None;
        loop {
            let segment = Segment { number, of };
            let page = ledger.scanned(table, segment, after.as_deref(), &context(0)).await.expect("a page");
            for row in page.rows {
                whole.add(row);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_row_is_read_once_in_any_number_of_segments() {
    let shop = Shop::new().await;
    for of in [1, 3, 8] {
        let whole = whole_of(&shop.world, of).await;
        let counts = (whole.accounts(), whole.lines(), whole.orders());
        assert_eq!(counts, (usize::try_from(ACCOUNTS).expect("a few"), LINES, 3), "{of} segments");
        assert_eq!(whole.differences(now()), [], "{of} segments");
    }
}

/// The cost of a scan is estimated from the table sizes that DynamoDB reports.
#[tokio::test(start_paused = true)]
async fn read_units_follow_from_the_size_of_a_table() {
    let shop = Shop::new().await;
    for table in BookTable::ALL {
        let size = shop.world.ledger(0).size(table, &context(0)).await.expect("a size");
        let name = format!("hookledger-local-{}", table.as_str());
        let rows = shop.world.engine.request("Scan", &json!({ "TableName": name })).expect("rows")["Count"].as_u64();
        assert_eq!(Some(size.rows), rows, "{table:?}");
        assert_eq!((size.bytes > 0, size.read_units()), (size.rows > 0, size.bytes.div_ceil(8_192)), "{table:?}");
    }
}

/// A missing account, an order marked as unpaid, an order marked as paid by a payment without a row, and a pointer that
/// leads nowhere: no account leads to any of them.
#[tokio::test(start_paused = true)]
async fn whole_audit_finds_rows_that_no_account_leads_to() {
    let shop = Shop::new().await;
    let order = |number: &str| Subject::Order(ledger::OrderNumber::new(number).expect("a number"));
    let account = Subject::Account("alice/credits".to_owned());
    shop.remove("accounts", "alice/credits");
    shop.change("orders", "hk_sample_order", "SET payment = :s", &json!({ ":s": { "S": "unpaid" } }));
    let values = json!({ ":paid": { "S": "paid" }, ":by": { "S": "stripe#pi_planted" }, ":at": { "S": testkit::now().to_string() } });
    shop.change("orders", "hk_sample_subscription", "SET payment = :paid, paid_by = :by, paid_at = :at", &values);
    shop.put("orders", &json!({ "id": { "S": "stripe#pi_lost" }, "order": { "S": "HLlost" } }));
    let first = whole_of(&shop.world, 2).await.differences(now());
    let run = run_at(1, 0);
    let (open, unsettled_accounts) =
        audit::verify(&shop.world.ledger(0), &run, &first, Duration::ZERO).await.expect("an audit");
    let mut found: Vec<_> =
        open.iter().map(|open| (open.difference.difference_kind, open.difference.subject())).collect();
    found.sort();
    let expected = [
        (DifferenceKind::Lines, account),
        (DifferenceKind::OrderMissing, order("HLlost")),
        (DifferenceKind::Payment, order("hk_sample_order")),
        (DifferenceKind::Pointer, order("hk_sample_subscription")),
        (DifferenceKind::Unproven, order("hk_sample_subscription")),
    ];
    assert_eq!((found, unsettled_accounts), (expected.to_vec(), 0));
}
