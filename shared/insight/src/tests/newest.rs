//! The newest rows of many days and parts, whatever page they are on.

use ledger::{
    CallContext, Decision, EventKey, Fingerprint, JournalHeader, Ledger as _, Reason, Refusal, Source, Timestamp,
};
use testkit::{MemoryLedger, context, now};

use crate::{ListFilter, newest};

const HOUR: i64 = 3_600;

async fn refuse(ledger: &MemoryLedger, id: &str, source: Source, at: Timestamp) {
    let header = JournalHeader {
        receipt: EventKey::new(source, id).unwrap(),
        writer: source.into(),
        kind: "usage",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: None,
    };
    let refusal = Refusal { header, reason: Reason::InsufficientCredits, effects: Vec::new() };
    let at = CallContext { received_at: at, first_received_at: at, ..context(1) };
    assert!(ledger.commit(&Decision::Refuse(refusal), &at).await.is_err());
}

/// The numbers of the rows, which are in order of time.
async fn numbers(ledger: &MemoryLedger, hours: i64, rows_max: usize, writer: Option<&str>) -> (Vec<u32>, bool) {
    let filter = ListFilter {
        since: now().plus_seconds(hours.saturating_mul(HOUR).saturating_neg()),
        is_failed: Some(true),
        writer: writer.map(str::to_owned),
        kind: None,
        after: None,
        rows_max,
    };
    let found = newest(ledger, &filter, &context(1)).await.unwrap();
    let number = |key: &str| key.rsplit('-').next().unwrap().parse().unwrap();
    (found.rows.iter().map(|row| number(&row.key)).collect(), found.has_more)
}

#[tokio::test(start_paused = true)]
async fn newest_rows_come_first_over_days_and_pages() {
    let ledger = MemoryLedger::default();
    // One each six minutes: 240 a day, so that a part of a day has several reads, and every tenth of another writer.
    for number in 0..1_200_u32 {
        let source = if number % 10 == 0 { Source::Stripe } else { Source::Usage };
        let at = now().plus_seconds(i64::from(number).saturating_mul(-360));
        refuse(&ledger, &format!("e-{number}"), source, at).await;
    }
    let expected = |until: u32| (0..until).collect::<Vec<_>>();
    assert_eq!(numbers(&ledger, 1, 100, None).await, (expected(11), false));
    assert_eq!(numbers(&ledger, 1, 11, None).await, (expected(11), false));
    assert_eq!(numbers(&ledger, 1, 10, None).await, (expected(10), true));
    assert_eq!(numbers(&ledger, 72, 10_000, None).await, (expected(721), false));
    assert_eq!(numbers(&ledger, 24 * 400, 500, None).await, (expected(500), true));
    let of_stripe = |until: u32| (0..until).map(|number| number * 10).collect::<Vec<_>>();
    assert_eq!(numbers(&ledger, 72, 10_000, Some("stripe")).await, (of_stripe(73), false));
    // Page by page, each row once.
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let filter = ListFilter {
            since: now().plus_seconds(-72 * HOUR),
            is_failed: Some(true),
            writer: None,
            kind: None,
            after: after.clone(),
            rows_max: 100,
        };
        let page = newest(&ledger, &filter, &context(1)).await.unwrap();
        all.extend(page.rows.iter().map(|row| row.key.rsplit('-').next().unwrap().parse::<u32>().unwrap()));
        after = page.rows.last().map(|row| ledger::LinePosition { key: row.key.clone(), at: row.at.clone() });
        if !page.has_more {
            break;
        }
    }
    assert_eq!(all, expected(721));
    // Bounded, however far back it is to look.
    assert_eq!(numbers(&ledger, 24 * 400, 10_000, Some("manual")).await, (Vec::new(), true));
}
