//! Size limits: the longest delivery that a source accepts fits the four rows of a kept body.

use std::collections::BTreeSet;

use embedded::{APP_YAML, Template};
use epay::Epay;
use fireblocks::Fireblocks;
use ledger::{
    Backlog as _, CallContext, Decision, EventKey, Fingerprint, JournalHeader, Ledger as _, RawBody, Reason, Refusal,
};
use litellm::Litellm;
use openrouter::Openrouter;
use stripe::Stripe;
use testkit::{STAGE, World, context, now};
use usage::Usage;
use webhook::Webhook;
use wechat::Wechat;

const DAY: i64 = 24 * 60 * 60;

/// The number of rows of a source's longest body, filled with bytes that gzip cannot compress.
async fn rows_of_longest<W: Webhook>() -> (&'static str, usize) {
    let world = World::new();
    let mut bytes = vec![0; W::BODY_BYTES_MAX];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    let receipt = EventKey::unparsed(W::SOURCE, &bytes);
    let header = JournalHeader {
        receipt: receipt.clone(),
        writer: W::SOURCE.into(),
        kind: "unparsed",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("body", receipt.as_str())]).into(),
        order: None,
    };
    // The first row also has the query and headers, at the gateway's size limit.
    let long = "q".repeat(8 * 1024);
    let headers = [("user-agent", long.clone())];
    let body = RawBody {
        method: "POST",
        path: "/",
        query: &long,
        headers: &headers,
        bytes: &bytes,
        bytes_at: now(),
        batch: None,
    };
    let refusal = Refusal { header, reason: Reason::Unparsed, effects: Vec::new() };
    let refused = Decision::Refuse(refusal);
    world.ledger(0).commit(&refused, &CallContext { body: Some(body), ..context(1) }).await.expect_err("refused");
    let late = CallContext { received_at: now().plus_seconds(DAY), ..context(2) };
    let waiting = world.ledger(1).refused_event(&receipt, &late).await.expect("the books").expect("it waits");
    assert_eq!(waiting.body.expect("a body").bytes, bytes, "{}", W::SOURCE.as_str());
    (W::SOURCE.as_str(), world.books().bodies.len())
}

/// A larger body limit needs more rows: a refused event that cannot be kept could not be acknowledged.
#[tokio::test(start_paused = true)]
async fn longest_body_of_every_source_fits_its_rows() {
    let rows = [
        rows_of_longest::<Usage>().await,
        rows_of_longest::<Litellm>().await,
        rows_of_longest::<Openrouter>().await,
        rows_of_longest::<Stripe>().await,
        rows_of_longest::<Wechat>().await,
        rows_of_longest::<Epay>().await,
        rows_of_longest::<Fireblocks>().await,
    ];
    assert_eq!(
        rows,
        [("usage", 1), ("litellm", 4), ("openrouter", 4), ("stripe", 4), ("wechat", 1), ("epay", 1), ("fireblocks", 4)]
    );
    // The functions that keep bodies are the sources.
    let app = Template::parse(APP_YAML, &[("Stage", STAGE)]).expect("a template");
    let names = app.functions().iter().map(|function| function.binary.clone());
    let keeps = |name: &String| crate::policies::evaluated::writers("bodies", &format!("{name}#1")).contains(name);
    let sources: BTreeSet<String> = names.filter(keeps).filter(|name| name != "reconcile").collect();
    assert_eq!(sources, rows.iter().map(|(name, _)| (*name).to_owned()).collect());
}
