//! The embedded engine alone: the transaction of a usage event, again and again, without HTTP, signature, SDK or log. What it
//! takes is what the local stack cannot go below.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use embedded::{DATA_YAML, Engine, Template};

use crate::clock::instant;
use crate::error::Error;
use crate::stages::{EVENT, usage_transaction};
use crate::store::STAGE;

const TARGET: &str = "DynamoDB_20120810.TransactWriteItems";
const TASKS: u64 = 32;

/// What a kind of store took for one transaction.
pub(crate) struct Taken {
    pub(crate) name: &'static str,
    pub(crate) rate: u64,
    pub(crate) cpu: Duration,
}

pub(crate) async fn run(root: &Path, folder: &Path, transactions: u64) -> Result<Vec<Taken>, Error> {
    let body: Arc<str> = usage_transaction(root).await?.into();
    let mut taken = Vec::new();
    for (name, on_disk, tasks) in [
        ("in memory, one after the other", false, 1),
        ("on disk, one after the other", true, 1),
        ("on disk, 32 at once", true, TASKS),
    ] {
        fs::create_dir_all(folder)?;
        let engine = if on_disk { Engine::open(&folder.join("engine.db"))? } else { Engine::memory()? };
        engine.create_tables(&Template::parse(DATA_YAML, &[("Stage", STAGE)])?)?;
        let account = serde_json::json!({
            "TableName": format!("hookledger-{STAGE}-accounts"),
            "Item": {
                "id": { "S": "alice/credits" }, "v": { "N": "1" }, "version": { "N": "1" },
                "balance_units": { "N": "1000000000000000000" }, "available_units": { "N": "1000000000000000000" },
            },
        });
        engine.request("PutItem", &account)?;
        let (next, cpu, began) = (Arc::new(AtomicU64::new(0)), own_cpu()?, instant());
        let run_one = |engine: Engine, body: Arc<str>, next: Arc<AtomicU64>| async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= transactions {
                    return Ok(());
                }
                let body = body.replace(EVENT, &format!("engine-{number}"));
                let (status, answer) = engine.durable_answer(Some(TARGET), &body).await;
                if status != 200 {
                    return Err(Error::failed(answer));
                }
            }
        };
        let all: Vec<_> =
            (0..tasks).map(|_| tokio::spawn(run_one(engine.clone(), Arc::clone(&body), Arc::clone(&next)))).collect();
        for one in all {
            one.await.map_err(|error| Error::failed(error.to_string()))??;
        }
        let took = began.elapsed().as_micros().max(1);
        let rate = u64::try_from(u128::from(transactions) * 1_000_000 / took).unwrap_or_default();
        let cpu = own_cpu()?.saturating_sub(cpu) / u32::try_from(transactions.max(1)).unwrap_or(u32::MAX);
        taken.push(Taken { name, rate, cpu });
        drop(engine);
        let _ = fs::remove_dir_all(folder);
    }
    Ok(taken)
}

/// The processor's time of all threads of this process so far.
fn own_cpu() -> Result<Duration, Error> {
    let mut spent = Duration::ZERO;
    for thread in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        spent += Duration::from_nanos(text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or_default());
    }
    Ok(spent)
}
