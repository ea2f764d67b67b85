//! The local stack under load: signed usage events over connections that stay open, with the rate, the CPU and the memory
//! of each ten thousand, and its start over a large store.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use embedded::Engine;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use signing::{Strength, hmac_hex};
use testkit::usage;
use tokio::net::TcpStream;

use crate::clock::{instant, now};
use crate::engine::{self, Taken};
use crate::error::Error;
use crate::install::build;
use crate::progress::print;
use crate::report;

pub(crate) const EVENTS: u64 = 300_000;
const SENDERS: u64 = 32;
/// Of one sample.
const SAMPLE: u64 = 10_000;
/// Transactions of the engine alone.
const ALONE: u64 = 50_000;
const ROWS_AT_START: usize = 1_000_000;
const ROWS_PER_LOAD: usize = 20_000;
/// Of the demo account, which each event charges.
const KEY: &str = "1";
const COST: &str = "0.00001";
const START_MAX: Duration = Duration::from_mins(1);
const CLOCK_TICKS_PER_S: u64 = 100;

/// A running stack.
struct Stack {
    child: Child,
    /// From the start of the process to the file that names its address.
    started_in: Duration,
    running: Value,
}

struct Sample {
    events: u64,
    took: Duration,
    cpu: Duration,
    resident_kib: u64,
}

pub(crate) async fn run(root: &Path, target: &Path, events: u64) -> Result<(), Error> {
    build(root, &["-p", "cli"])?;
    let data = target.join("bench/local");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data)?;
    let program = target.join("release/hookledger");
    let mut stack = Stack::start(&program, &data).await?;
    let samples = stack.load(events).await?;
    let load = report::load();
    stack.stop()?;
    let rows = fill(&data)?;
    let mut large = Stack::start(&program, &data).await?;
    let resident_kib = large.resident_kib()?;
    large.stop()?;
    let start = Start { rows, took: large.started_in, resident_kib };
    fs::remove_dir_all(&data)?;
    let alone = engine::run(root, &data, events.min(ALONE)).await?;
    write(root, &samples, &load, &start, &alone)
}

/// A start over a store with so many rows.
struct Start {
    rows: usize,
    took: Duration,
    resident_kib: u64,
}

impl Stack {
    async fn start(program: &Path, data: &Path) -> Result<Self, Error> {
        let log = File::options().create(true).append(true).open(data.join("stderr.log"))?;
        let mut command = Command::new(program);
        command.arg("--port").arg("0").arg("--data").arg(data).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let began = instant();
        let child = command.spawn()?;
        let mut stack = Self { child, started_in: Duration::ZERO, running: Value::Null };
        let file: PathBuf = data.join("local.json");
        while began.elapsed() < START_MAX {
            if let Some(running) = fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok()) {
                (stack.started_in, stack.running) = (began.elapsed(), running);
                return Ok(stack);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(Error::failed("the stack does not start"))
    }

    /// Sends the events from all senders at once.
    async fn load(&mut self, events: u64) -> Result<Vec<Sample>, Error> {
        let secret = self.running["sources"]["usage"]["secret"].as_str().unwrap_or_default();
        let keys = hmac_hex::Keys::parse(secret, Strength::Local).map_err(|error| Error::failed(error.to_string()))?;
        let address = self.running["base_url"].as_str().unwrap_or_default().trim_start_matches("http://").to_owned();
        let (keys, next, done) = (Arc::new(keys), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut senders = Vec::new();
        for _ in 0..SENDERS {
            let mut sender = Sender::connect(&address, Arc::clone(&keys)).await?;
            let (next, done) = (Arc::clone(&next), Arc::clone(&done));
            senders.push(tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= events {
                        return Ok::<_, Error>(());
                    }
                    sender.send(number).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        let mut samples = Vec::new();
        let (mut cpu, mut since, mut counted) = (self.cpu()?, instant(), 0);
        while counted < events {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let so_far = done.load(Ordering::Relaxed);
            if so_far - counted >= SAMPLE.min(events - counted) {
                let (now, spent) = (instant(), self.cpu()?);
                let sample = Sample {
                    events: so_far - counted,
                    took: now.saturating_duration_since(since),
                    cpu: spent.saturating_sub(cpu),
                    resident_kib: self.resident_kib()?,
                };
                print(&format!("{so_far} events: {} a second, {} KiB", sample.rate(), sample.resident_kib));
                samples.push(sample);
                (cpu, since, counted) = (spent, now, so_far);
            }
            if senders.iter().all(tokio::task::JoinHandle::is_finished) && done.load(Ordering::Relaxed) < events {
                break;
            }
        }
        for sender in senders {
            sender.await.map_err(|error| Error::failed(error.to_string()))??;
        }
        Ok(samples)
    }

    fn cpu(&self) -> Result<Duration, Error> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field is the name in parentheses; user and system time are the 14th and 15th.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1_000 / CLOCK_TICKS_PER_S))
    }

    fn resident_kib(&self) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.ok_or_else(|| Error::failed("the system does not say how much memory a process has"))
    }

    fn stop(&mut self) -> Result<(), Error> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection that stays open.
struct Sender {
    connection: SendRequest<Full<Bytes>>,
    address: String,
    keys: Arc<hmac_hex::Keys>,
}

impl Sender {
    async fn connect(address: &str, keys: Arc<hmac_hex::Keys>) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let failed = |error: hyper::Error| Error::failed(error.to_string());
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(driver);
        Ok(Self { connection, address: address.to_owned(), keys })
    }

    async fn send(&mut self, number: u64) -> Result<(), Error> {
        let mut body = usage(&format!("load-{number}"), KEY, COST);
        body["timestamp"] = json!(now()?.unix_s());
        let body = body.to_string();
        let failed = |error: &dyn std::error::Error| Error::failed(error.to_string());
        let request = Request::post("/api/webhooks/events")
            .header("host", &self.address)
            .header("content-type", "application/json")
            .header("x-webhook-signature", hmac_hex::sign(&self.keys, body.as_bytes()))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| failed(&error))?;
        let response = self.connection.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
        if status.is_success() { Ok(()) } else { Err(Error::failed(String::from_utf8_lossy(&body))) }
    }
}

/// Fills the journal up to a million rows, each like those of the events.
fn fill(data: &Path) -> Result<usize, Error> {
    let engine = Engine::open(&data.join("store.db"))?;
    for from in (0..ROWS_AT_START).step_by(ROWS_PER_LOAD) {
        let row = |number: usize| {
            json!({
                "id": { "S": format!("usage#row-{number}") }, "v": { "N": "1" }, "source": { "S": "usage" },
                "kind": { "S": "usage" }, "status": { "S": "processed" }, "attempts": { "N": "1" },
                "account": { "S": format!("owner-{}/credits", number % 1_000) }, "amount_units": { "N": "-10000" },
                "processed_at": { "S": "2026-01-01T00:00:00.000Z" }, "received_at": { "S": "2026-01-01T00:00:00.000Z" },
                "written_by": { "S": "0123456789abcdef" },
                "fingerprint": { "S": "1:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
            })
        };
        let rows: Vec<Value> = (from..from + ROWS_PER_LOAD).map(row).collect();
        engine.load("hookledger-local-journal", &Value::from(rows).to_string())?;
    }
    Ok(ROWS_AT_START)
}

impl Sample {
    fn rate(&self) -> u64 {
        u64::try_from(u128::from(self.events) * 1_000_000 / self.took.as_micros().max(1)).unwrap_or_default()
    }

    fn cpu_us(&self) -> u64 {
        u64::try_from(self.cpu.as_micros()).unwrap_or_default().checked_div(self.events).unwrap_or_default()
    }
}

fn write(root: &Path, samples: &[Sample], load: &str, start: &Start, alone: &[Taken]) -> Result<(), Error> {
    let mb = |kib: u64| format!("{}.{}", kib * 1_024 / 1_000_000, kib * 1_024 / 100_000 % 10);
    let mut sent = 0;
    let rows: Vec<[String; 4]> = samples
        .iter()
        .map(|sample| {
            sent += sample.events;
            [
                report::grouped(sent),
                report::grouped(sample.rate()),
                report::grouped(sample.cpu_us()),
                mb(sample.resident_kib),
            ]
        })
        .collect();
    let shown = rows.len().div_ceil(10).max(1);
    let rows: Vec<_> = rows.into_iter().enumerate().filter(|(at, _)| *at == 0 || (at + 1) % shown == 0).collect();
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    let of = |sample: Option<&Sample>, value: fn(&Sample) -> u64| sample.map_or(0, value);
    let percent = |value: fn(&Sample) -> u64| {
        (of(samples.last(), value) * 100).checked_div(of(samples.first(), value)).unwrap_or_default()
    };
    let took: Duration = samples.iter().map(|sample| sample.took).sum();
    let whole = Sample { events: sent, took, cpu: samples.iter().map(|sample| sample.cpu).sum(), resident_kib: 0 };
    let text = format!(
        "{} signed usage events of one account from {SENDERS} senders, each over a connection of its own that stays open: \
         {} a second and {} µs of CPU each. The last {} had {} % of the rate of the first, and took {} % of their CPU. \
         Each event is on the disk before its answer. Sender and stack share the processors.",
        report::grouped(sent),
        report::grouped(whole.rate()),
        report::grouped(whole.cpu_us()),
        report::grouped(SAMPLE),
        percent(Sample::rate),
        percent(Sample::cpu_us),
    );
    let start = [
        report::grouped(u64::try_from(start.rows).unwrap_or_default() + sent),
        format!("{} ms", start.took.as_millis()),
        mb(start.resident_kib),
    ];
    let alone: Vec<_> = alone
        .iter()
        .map(|taken| [taken.name.to_owned(), report::grouped(taken.rate), format!("{}", taken.cpu.as_micros())])
        .collect();
    let result = json!({
        "title": "The local stack under load",
        "commit": report::commit(root),
        "date": now()?.to_string().get(..10),
        "machine": report::machine(root),
        "command": format!("{}cargo run --release -p benches -- local", report::profile()),
        "text": [text, format!("The load average of the machine was {load} at the end of the events. With other work at the same time, \
            compare CPU and ratios rather than rates.")],
        "tables": [
            {
                "caption": "Of the ten thousand events up to each number:",
                "columns": ["events", "events/s", "CPU µs an event", "RSS MB"],
                "rows": rows,
            },
            {
                "caption": "A start over a large store:",
                "columns": ["journal rows", "until it serves", "RSS MB"],
                "rows": [start],
            },
            {
                "caption": "The transaction of the same event without HTTP, signature, SDK and log (docs/local-engine.md):",
                "columns": ["store", "transactions/s", "CPU µs"],
                "rows": alone,
            },
        ],
    });
    report::save(root, "local", &result)
}
