//! Runs the function's binary as Lambda does: this test serves the runtime API and DynamoDB over HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ledger::{
    Asset, CallerKey, Decision, Effect, Entry, EventKey, Fingerprint, Guard, House, JournalHeader, Ledger as _,
    MoneyKey, Movement, Owner, Posting, Writer,
};
use serde_json::Value;
use testkit::{STAGE, Sent, Shape, World, context, usage};

const SECRET: &str = "the-secret-of-the-tests-0123456789abcdef";
const AWS_SECRET: &str = "the-aws-secret-of-the-tests-0123456789";
const TIMEOUT: Duration = Duration::from_secs(30);

/// The environment variables that Lambda sets.
const SANDBOX: [(&str, &str); 8] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "hookledger-local-usage"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKIDOFTHETESTS"),
    ("AWS_SECRET_ACCESS_KEY", AWS_SECRET),
];

/// Serves Lambda's runtime API and DynamoDB.
struct Served {
    world: World,
    events: Mutex<Vec<String>>,
    replies: Mutex<Sender<String>>,
}

impl Served {
    fn start(world: &World, events: Vec<String>) -> (String, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (replies, received) = channel();
        let served = Arc::new(Self { world: world.clone(), events: Mutex::new(events), replies: Mutex::new(replies) });
        thread::spawn(move || {
            for stream in listener.incoming() {
                let served = Arc::clone(&served);
                thread::spawn(move || served.serve(&stream.unwrap()));
            }
        });
        (address, received)
    }

    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let mut first = String::new();
            reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
            let (mut length, mut target) = (0, None);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).ok()?;
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "x-amz-target" => target = Some(value.to_owned()),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            let body = String::from_utf8(body).unwrap();
            let (status, headers, answer) = self.answer(&first, target.as_deref(), body);
            let head = format!("HTTP/1.1 {status} OK\r\ncontent-length: {}\r\n{headers}\r\n{answer}", answer.len());
            (&mut &*stream).write_all(head.as_bytes()).ok()?;
        }
    }

    fn answer(&self, first: &str, target: Option<&str>, body: String) -> (u16, &'static str, String) {
        if target.is_some() {
            let (status, answer) = self.world.engine.answer(target, &body);
            return (status, "", answer);
        }
        if first.contains("/invocation/next") {
            let next = self.events.lock().unwrap().pop();
            let Some(event) = next else {
                // No event is left: Lambda freezes the sandbox.
                thread::sleep(TIMEOUT);
                return (500, "", String::new());
            };
            let headers = "lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                lambda-runtime-deadline-ms: 4102444800000\r\n\
                lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:usage\r\n";
            return (200, headers, event);
        }
        self.replies.lock().unwrap().send(body).unwrap();
        (202, "", String::new())
    }
}

fn command(address: &str, stage: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usage"));
    command.env_clear().envs(SANDBOX).env("AWS_LAMBDA_RUNTIME_API", address).env("STAGE", stage);
    for variable in idempotency::Tables::VARIABLES {
        let table = variable.trim_end_matches("_TABLE").to_ascii_lowercase();
        command.env(variable, format!("hookledger-{STAGE}-{table}"));
    }
    command.env("WEBHOOK_SECRET", SECRET).envs(settings.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Grants ten credits to the owner of the key `k1`.
async fn open_account(world: &World) {
    let (owner, receipt) = (Owner::new("alice").unwrap(), EventKey::new(Writer::Manual, "1").unwrap());
    let posting =
        Posting::to_customer(owner.account(Asset::CREDITS), House::Manual, Asset::CREDITS.parse("10").unwrap());
    let key = MoneyKey::of_event(&receipt);
    let effects = vec![
        Effect::Bind { key: CallerKey::remote("k1").unwrap(), owner },
        Effect::Move(Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() }),
    ];
    let fingerprints = Fingerprint::of(1, &[]).into();
    let header =
        JournalHeader { receipt, writer: Writer::Manual, kind: "manual", facts: vec![], fingerprints, order: None };
    let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
    world.ledger(1).commit(&decision, &context(1)).await.unwrap();
}

/// Kills the process, if it still runs, and returns its output.
fn killed(mut child: Child) -> Output {
    let _ = child.kill();
    child.wait_with_output().unwrap()
}

/// One event of each kind: accepted, repeated, forged.
#[tokio::test]
async fn log_at_trace_has_no_body_key_or_authorization() {
    let world = World::new();
    open_account(&world).await;
    let body = usage("e1", "k1", "3").to_string();
    let keys = signing::hmac_hex::Keys::parse(SECRET, signing::Strength::Local).unwrap();
    let signature = signing::hmac_hex::sign(&keys, body.as_bytes());
    let sent = |signature: &str| {
        let sent =
            Sent::post("/api/webhooks/events", body.as_bytes()).with("x-webhook-signature", signature.to_owned());
        sent.event(Shape::HttpApi)
    };
    // `pop` takes the last one first.
    let events = vec![sent(&"0".repeat(64)), sent(&signature), sent(&signature)];
    let (address, answers) = Served::start(&world, events);
    let endpoint = format!("http://{address}");
    let everything = [("LOG_LEVEL", "trace"), ("RUST_LOG", "trace"), ("AWS_ENDPOINT_URL_DYNAMODB", &endpoint)];
    let child = command(&address, STAGE, &everything).spawn().unwrap();
    let replies: Vec<String> = (0..3).map_while(|_| answers.recv_timeout(TIMEOUT).ok()).collect();
    let log = text(&killed(child));
    let status = |reply: &String| serde_json::from_str::<Value>(reply).expect("JSON")["statusCode"].clone();
    let statuses: Vec<Value> = replies.iter().map(status).collect();
    assert_eq!(statuses, [200, 200, 401], "{log}");
    for line in [r#""outcome":"booked""#, r#""outcome":"repeat""#, r#""outcome":"unverified""#] {
        assert!(log.contains(line), "{line} is not in the log: {log}");
    }
    let lower = log.to_ascii_lowercase();
    for secret in
        [SECRET, AWS_SECRET, &signature, "authorization", "aws4-hmac", "gpt-4o", "remotekeyid", "prompttokens"]
    {
        assert!(!lower.contains(secret), "{secret} is in the log: {log}");
    }
}

#[test]
fn endpoint_url_outside_local_stage_stops_start() {
    let (address, _replied) = Served::start(&World::new(), Vec::new());
    let endpoint = format!("http://{address}");
    for name in edge::Config::ENDPOINT_URLS {
        let output = command(&address, "prod", &[(name, &endpoint)]).output().unwrap();
        let log = text(&output);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains(&format!("{name} is set: outside the stage `local`")), "{log}");
    }
}
