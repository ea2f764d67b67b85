//! The embedded engine alone: the transaction of a usage event, again and again, without HTTP, signature, SDK or log. What it
//! takes is what the local stack cannot go below.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dynoxide::Database;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use embedded::{DATA_YAML, Engine, Template};
use serde_json::json;

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
    let database = Database::memory()?;
    let mut taken = vec![alone("engine alone, in memory", &database, &body, transactions)?];
    fs::create_dir_all(folder)?;
    let database = Database::new(&folder.join("engine.db").to_string_lossy())?;
    // A commit does not wait for the disk.
    database.disable_bulk_loading()?;
    taken.push(alone("engine alone, on disk", &database, &body, transactions)?);
    drop(database);
    fs::remove_dir_all(folder)?;
    for (name, tasks) in [
        ("with our sync before each answer, one after the other", 1),
        ("with our sync before each answer, 32 at once", TASKS),
    ] {
        fs::create_dir_all(folder)?;
        let engine = Engine::open(&folder.join("engine.db"))?;
        taken.push(durable(name, &engine, &body, tasks, transactions).await?);
        drop(engine);
        fs::remove_dir_all(folder)?;
    }
    Ok(taken)
}

/// The published engine with nothing of ours around it.
fn alone(name: &'static str, database: &Database, body: &str, transactions: u64) -> Result<Taken, Error> {
    let wrong = |error| Error::Json("a request of the engine".to_owned(), error);
    for table in Template::parse(DATA_YAML, &[("Stage", STAGE)])?.tables() {
        database.create_table(serde_json::from_value(table.definition.clone()).map_err(wrong)?)?;
    }
    database.put_item(serde_json::from_value(account()).map_err(wrong)?)?;
    let measured = Measured::begin()?;
    for number in 0..transactions {
        let body = body.replace(EVENT, &format!("engine-{number}"));
        let mut request: TransactWriteItemsRequest = serde_json::from_str(&body).map_err(wrong)?;
        // The store would walk the tokens of the last ten minutes.
        request.client_request_token = None;
        database.transact_write_items(request)?;
    }
    measured.end(name, transactions)
}

async fn durable(
    name: &'static str,
    engine: &Engine,
    body: &Arc<str>,
    tasks: u64,
    transactions: u64,
) -> Result<Taken, Error> {
    engine.create_tables(&Template::parse(DATA_YAML, &[("Stage", STAGE)])?)?;
    engine.request("PutItem", &account())?;
    let (next, measured) = (Arc::new(AtomicU64::new(0)), Measured::begin()?);
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
        (0..tasks).map(|_| tokio::spawn(run_one(engine.clone(), Arc::clone(body), Arc::clone(&next)))).collect();
    for one in all {
        one.await.map_err(|error| Error::failed(error.to_string()))??;
    }
    measured.end(name, transactions)
}

fn account() -> serde_json::Value {
    json!({
        "TableName": format!("hookledger-{STAGE}-accounts"),
        "Item": {
            "id": { "S": "alice/credits" }, "v": { "N": "1" }, "version": { "N": "1" },
            "balance_units": { "N": "1000000000000000000" }, "available_units": { "N": "1000000000000000000" },
        },
    })
}

struct Measured {
    cpu: Duration,
    began: Instant,
}

impl Measured {
    fn begin() -> Result<Self, Error> {
        Ok(Self { cpu: own_cpu()?, began: instant() })
    }

    fn end(self, name: &'static str, transactions: u64) -> Result<Taken, Error> {
        let took = self.began.elapsed().as_micros().max(1);
        let rate = u64::try_from(u128::from(transactions) * 1_000_000 / took).unwrap_or_default();
        let cpu = own_cpu()?.saturating_sub(self.cpu) / u32::try_from(transactions.max(1)).unwrap_or(u32::MAX);
        Ok(Taken { name, rate, cpu })
    }
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
