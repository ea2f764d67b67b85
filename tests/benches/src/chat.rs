//! The chat function as Lambda runs it, beside the same call to its upstream with nothing between: when the first part of a stream
//! arrives and the last, and what a hundred streams at once take.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use testkit::{Sent, Shape};

use crate::books::{API_KEY, Books};
use crate::clock::now;
use crate::error::Error;
use crate::install::{Installed, build};
use crate::progress::print;
use crate::report::{commit, machine, profile, save, thousandths};
use crate::sandbox::Sandbox;
use crate::store::Store;
use crate::subject::{Job, Program, Subject, Way};
use crate::upstream::{Arrival, UpstreamServer};

/// The function's timeout in the template is longer.
const TIMEOUT: Duration = Duration::from_secs(20);
const WARMING: usize = 50;
const STREAMS: usize = 300;
const AT_ONCE: usize = 100;
const TOKENS: usize = 100;
/// The pauses between tokens: none shows what a part costs, and the other is that of a fast model.
const PACES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(10)];
/// A binary beyond this starts slower than it has to.
const BINARY_BYTES_MAX: u64 = 6_500_000;

const TEXT: [&str; 4] = [
    "The release binary of `chat` runs as Lambda runs it: a process that polls a runtime API on this machine for events of a \
     function URL, and sends each reply in parts. It calls DynamoDB over TLS, which is the embedded one, and a fake upstream over \
     HTTP, which answers with a hundred tokens, an event each.",
    "Directly: the same request to the same upstream over a connection that stays open. Through chat: from the moment at which the \
     function gets its event. Between them are the two round trips to the store, the check of the key, the limits and the hold.",
    "Without pauses the whole stream waits 40 ms, and not with them: `lambda_runtime` sends small parts without TCP_NODELAY, so \
     that one that follows at once waits for the late acknowledgement of the one before.",
    "A hundred at once are a hundred sandboxes, since Lambda gives one request at a time to each. Their memory is read while all \
     of them stream.",
];

/// One of the times of an arrival.
type Time = fn(&Arrival) -> Duration;

struct Compared {
    pace: Duration,
    directly: Vec<Arrival>,
    through: Vec<Arrival>,
    cpu: Duration,
    resident_kib: u64,
}

pub(crate) async fn run(root: &Path, target: &Path) -> Result<(), Error> {
    build(root, &["-p", "chat"])?;
    let binary = target.join("release/chat");
    let bytes = Installed::bytes(&binary)?;
    if bytes > BINARY_BYTES_MAX {
        return Err(Error::failed(format!("the binary has {bytes} bytes, more than {BINARY_BYTES_MAX}")));
    }
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    let log = folder.join("chat.log");
    let _ = fs::remove_file(&log);
    let store = Store::serve(&folder).await?;
    let books = Books::open(&store).await?;
    books.api_key().await?;

    print(&format!("{AT_ONCE} at once"));
    let upstream = UpstreamServer::serve(Duration::from_millis(40)).await?;
    let at_once = at_once(&program(root, &binary, &store, &upstream), &store, &log).await?;
    let mut compared = Vec::new();
    for pace in PACES {
        print(&format!("{} ms between tokens", pace.as_millis()));
        let upstream = UpstreamServer::serve(pace).await?;
        compared.push(compare(&program(root, &binary, &store, &upstream), &store, &upstream, pace, &log).await?);
    }
    let result = json!({
        "title": "Chat beside a direct call to its upstream",
        "commit": commit(root),
        "date": now()?.to_string().get(..10),
        "machine": machine(root),
        "command": format!("{}cargo run --release -p benches -- chat", profile()),
        "text": TEXT,
        "tables": [table(&compared), at_once, binary_table(bytes)],
    });
    save(root, "chat", &result)
}

fn program(root: &Path, binary: &Path, store: &Store, upstream: &UpstreamServer) -> Program {
    let mut settings = Subject { job: Job::Usage, way: Way::Ours }.settings(store);
    // Only the stage `local` calls an upstream without TLS.
    settings.retain(|(name, _)| name != "STAGE");
    let more = [
        ("STAGE", "local".to_owned()),
        ("LLM_BASE_URL", upstream.base_url()),
        ("LLM_MODELS", "gpt-4o-mini".to_owned()),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "60".to_owned()),
        // They are all of one key.
        ("CHAT_OPEN_CALLS_MAX", AT_ONCE.to_string()),
    ];
    settings.extend(more.map(|(name, value)| (name.to_owned(), value)));
    let (path, deployed): (PathBuf, PathBuf) = (binary.to_owned(), binary.to_owned());
    Program { path, arguments: Vec::new(), folder: root.to_owned(), settings, deployed }
}

/// Of so many tokens: the fake answers with its prompt, and two words of its own.
fn body() -> String {
    let words = vec!["word"; TOKENS.saturating_sub(2)].join(" ");
    json!({
        "model": "gpt-4o-mini",
        "messages": [{ "role": "user", "content": words }],
        "max_tokens": 1_000,
        "stream": true,
        "stream_options": { "include_usage": true },
    })
    .to_string()
}

fn event(body: &str) -> String {
    let sent = Sent::post("/v1/chat/completions", body.as_bytes());
    let sent = sent.with("authorization", format!("Bearer {API_KEY}")).with("content-type", "application/json");
    sent.event(Shape::FunctionUrl)
}

async fn compare(
    program: &Program,
    store: &Store,
    upstream: &UpstreamServer,
    pace: Duration,
    log: &Path,
) -> Result<Compared, Error> {
    let (body, mut connection) = (body(), upstream.connect().await?);
    let mut sandbox = Sandbox::start(program, log).await?;
    for _ in 0..WARMING {
        upstream.call(&mut connection, &body).await?;
        stream(&mut sandbox, store, &body).await?;
    }
    let cpu = sandbox.cpu()?;
    let (mut directly, mut through) = (Vec::with_capacity(STREAMS), Vec::with_capacity(STREAMS));
    for _ in 0..STREAMS {
        directly.push(upstream.call(&mut connection, &body).await?);
        through.push(stream(&mut sandbox, store, &body).await?);
    }
    let streams = u32::try_from(STREAMS).unwrap_or(1);
    let cpu = sandbox.cpu()?.saturating_sub(cpu) / streams;
    Ok(Compared { pace, directly, through, cpu, resident_kib: sandbox.resident_kib()? })
}

/// One stream through the function, which must end as a whole one does.
async fn stream(sandbox: &mut Sandbox, store: &Store, body: &str) -> Result<Arrival, Error> {
    let answer =
        sandbox.invoke(event(body), TIMEOUT, store).await.ok_or_else(|| Error::failed("chat does not answer"))?;
    if !answer.returned || !answer.body.ends_with("data: [DONE]\n\n") {
        return Err(Error::failed(format!("chat answered {}", answer.body)));
    }
    Ok(Arrival { first: answer.first_part.unwrap_or(answer.took), last: answer.took })
}

/// A stream in each of a hundred sandboxes, at the same time.
async fn at_once(program: &Program, store: &Store, log: &Path) -> Result<Value, Error> {
    let mut sandboxes = Vec::with_capacity(AT_ONCE);
    for _ in 0..AT_ONCE {
        sandboxes.push(Sandbox::start(program, log).await?);
    }
    let body = body();
    let cpu = sandboxes.iter().map(Sandbox::cpu).sum::<Result<Duration, Error>>()?;
    let resident = resident_while(&sandboxes);
    let streams = try_join_all(sandboxes.iter_mut().map(|sandbox| stream(sandbox, store, &body)));
    let (arrivals, resident_kib) = tokio::join!(streams, resident);
    let (arrivals, mut resident_kib) = (arrivals?, resident_kib);
    let cpu = sandboxes.iter().map(Sandbox::cpu).sum::<Result<Duration, Error>>()?.saturating_sub(cpu);
    resident_kib.sort_unstable();
    let first = percentiles(arrivals.iter().map(|arrival| arrival.first).collect());
    let whole = percentiles(arrivals.iter().map(|arrival| arrival.last).collect());
    let of = |place: Option<&u64>| megabytes(place.copied().unwrap_or_default());
    let each = cpu / u32::try_from(AT_ONCE).unwrap_or(1);
    Ok(json!({
        "caption": format!("{AT_ONCE} streams at once, {TOKENS} tokens with 40 ms between them, the first request of each sandbox:"),
        "columns": [
            "first part, p50", "first part, p99", "whole stream, p50", "whole stream, p99", "CPU a stream",
            "RSS of a sandbox, median", "largest", "all",
        ],
        "rows": [[
            milliseconds(first.0),
            milliseconds(first.1),
            milliseconds(whole.0),
            milliseconds(whole.1),
            milliseconds(each),
            of(resident_kib.get(AT_ONCE.div_euclid(2))),
            of(resident_kib.last()),
            megabytes(resident_kib.iter().sum()),
        ]],
    }))
}

/// The memory of each sandbox after two seconds, in the middle of its stream.
fn resident_while(sandboxes: &[Sandbox]) -> impl Future<Output = Vec<u64>> + use<> {
    let processes: Vec<_> = sandboxes.iter().map(Sandbox::process).collect();
    async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        processes.into_iter().filter_map(|process| process.resident_kib().ok()).collect()
    }
}

fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

fn table(compared: &[Compared]) -> Value {
    let mut rows = Vec::new();
    for Compared { pace, directly, through, cpu, resident_kib } in compared {
        let of = |arrivals: &[Arrival], time: Time| percentiles(arrivals.iter().map(time).collect());
        let times: [(&str, Time); 2] =
            [("first part", |arrival| arrival.first), ("whole stream", |arrival| arrival.last)];
        for (what, time) in times {
            let (directly, through) = (of(directly, time), of(through, time));
            rows.push(json!([
                format!("{} ms", pace.as_millis()),
                what,
                milliseconds(directly.0),
                milliseconds(through.0),
                milliseconds(through.0.saturating_sub(directly.0)),
                milliseconds(directly.1),
                milliseconds(through.1),
                milliseconds(through.1.saturating_sub(directly.1)),
                milliseconds(*cpu),
                megabytes(*resident_kib),
            ]));
        }
    }
    json!({
        "caption": format!("{STREAMS} streams of {TOKENS} tokens one after the other, in turn with direct calls:"),
        "columns": [
            "between tokens", "", "directly, p50", "through chat, p50", "overhead, p50", "directly, p99", "through chat, p99",
            "overhead, p99", "CPU a stream", "RSS",
        ],
        "rows": rows,
    })
}

fn binary_table(bytes: u64) -> Value {
    json!({
        "caption": "The binary, which the bench refuses beyond 6.5 MB:",
        "columns": ["MB"],
        "rows": [[format!("{:.2}", thousandths(bytes) / 1_000.0)]],
    })
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}

fn megabytes(kib: u64) -> String {
    format!("{:.1} MB", thousandths(kib * 1_024) / 1_000.0)
}
