//! The test harness: runs the binary with its own data folder and port.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Another build of the program, in the place of the one that was built with the tests: what measures takes a release.
pub(crate) const OTHER_PROGRAM: &str = "HOOKLEDGER_PROGRAM";

fn program() -> String {
    std::env::var(OTHER_PROGRAM).unwrap_or_else(|_| env!("CARGO_BIN_EXE_hookledger").to_owned())
}
const TICK: Duration = Duration::from_millis(10);
/// Half a minute, since a start is slow on a busy machine.
const TICKS_MAX: u32 = 3_000;

const SECRETS: &str = "secrets.json";
/// The secrets with RSA key pairs.
const OF_PAIRS: [&str; 3] = ["EPAY_LOCAL", "FIREBLOCKS_LOCAL", "WECHAT_LOCAL"];
/// Those of the first stack, which the others share: making them takes longer than most tests.
static PAIRS: OnceLock<Value> = OnceLock::new();

/// A temporary data folder.
pub(crate) struct Folder(TempDir);

pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The path of the data folder, which does not exist yet.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.file(name)).unwrap()).unwrap()
    }

    /// A command of the program without settings of the surrounding environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = without_settings(&program());
        command.args(args).arg("--data").arg(self.data());
        command
    }

    /// Runs a script of the docs with this binary and the data folder of the test.
    pub(crate) fn shell(&self, script: &str) -> CommandOutput {
        let data = self.data().display().to_string();
        let program = format!("{} --data {data}", program());
        let script = script.replace("cargo run -q --", &program).replace("cargo run -- ", &format!("{program} "));
        output_of(without_settings("sh").arg("-c").arg(script.replace(".hookledger/", &format!("{data}/"))))
    }

    pub(crate) fn run(&self, args: &[&str]) -> CommandOutput {
        output_of(&mut self.command(args))
    }

    /// The output of a command that must succeed.
    pub(crate) fn stdout_of(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    /// The error line of a command that must be refused.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        refusal(self.run(args))
    }

    /// The error line of a command that must fail with this code.
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        failure(code, self.run(args))
    }

    pub(crate) fn start(&self) -> Stack<'_> {
        self.start_with(&[], &[])
    }

    pub(crate) fn start_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Stack<'_> {
        if let Some(pairs) = PAIRS.get().filter(|_| !self.data().exists()) {
            DirBuilder::new().mode(0o700).create(self.data()).unwrap();
            let mut file =
                OpenOptions::new().create_new(true).write(true).mode(0o600).open(self.file(SECRETS)).unwrap();
            file.write_all(pairs.to_string().as_bytes()).unwrap();
        }
        let mut command = self.command(&[&["--port", "0"], args].concat());
        let mut child =
            command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..TICKS_MAX {
            // A killed process leaves its file behind.
            let pid = self.file("local.json").exists().then(|| self.json("local.json")["pid"].as_u64()).flatten();
            if pid == Some(u64::from(child.id())) {
                PAIRS.get_or_init(|| {
                    let mut secrets = self.json(SECRETS);
                    secrets.as_object_mut().unwrap().retain(|name, _| OF_PAIRS.contains(&name.as_str()));
                    secrets
                });
                return Stack { folder: self, child };
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the stack did not start: {status}");
            }
            sleep(TICK);
        }
        panic!("the stack did not start in time");
    }
}

/// A command without settings of the surrounding environment.
fn without_settings(program: &str) -> Command {
    let mut command = Command::new(program);
    let settings = [
        "WEBHOOK_SECRET",
        "STANDARD_WEBHOOK_SECRET",
        "DEMO_API_KEY",
        "ALLOWED_IPS",
        "MAX_SKEW_SECONDS",
        "FORBID_BODY_ONLY_HMAC",
        "MOCK_STRIPE",
        "STRIPE_WEBHOOK_SECRET",
        "STRIPE_SECRET_KEY",
        "UNITEL_API_URL",
        "UNITEL_USERNAME",
        "UNITEL_PASSWORD",
        "NEW_API_BASE_URL",
        "NEW_API_ADMIN_TOKEN",
    ];
    for setting in settings {
        command.env_remove(setting);
    }
    command.env_remove("LOG_LEVEL").env("USER", "tester");
    command
}

pub(crate) fn output_of(command: &mut Command) -> CommandOutput {
    let output = command.output().unwrap();
    CommandOutput {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn refusal(ended: CommandOutput) -> String {
    failure(1, ended)
}

pub(crate) fn failure(code: i32, ended: CommandOutput) -> String {
    assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with("hookledger: "), "{}", ended.stderr);
    ended.stderr
}

/// A running stack, killed when it is dropped.
pub(crate) struct Stack<'f> {
    folder: &'f Folder,
    child: Child,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// A string if the body is not JSON.
    pub(crate) body: Value,
}

impl Stack<'_> {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> String {
        let url = self.folder.json("local.json")["base_url"].as_str().unwrap().to_owned();
        url.strip_prefix("http://").unwrap().to_owned()
    }

    /// Sends a signal by `kill`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
    }

    pub(crate) fn stop(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.child.wait().unwrap()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    /// Sends a raw request, so that a test can send what no HTTP client would.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_request(method, path, headers, body).unwrap()
    }

    /// `None` if there is no complete answer.
    pub(crate) fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        request_at(&self.address(), method, path, headers, body)
    }

    /// One call of the DynamoDB API.
    pub(crate) fn store(&self, operation: &str, request: &Value) -> Value {
        let target = format!("DynamoDB_20120810.{operation}");
        let answer = self.request("POST", "/", &[("x-amz-target", &target)], request.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub(crate) fn account(&self, id: &str) -> Value {
        let request = json!({ "TableName": "hookledger-local-accounts", "Key": { "id": { "S": id } } });
        self.store("GetItem", &request)["Item"].clone()
    }

    /// The rows of the journal whose key has this prefix.
    pub(crate) fn journal(&self, prefix: &str) -> Vec<Value> {
        let request = json!({
            "TableName": "hookledger-local-journal",
            "FilterExpression": "begins_with(id, :prefix)",
            "ExpressionAttributeValues": { ":prefix": { "S": prefix } },
        });
        let page = self.store("Scan", &request);
        assert_eq!(page.get("LastEvaluatedKey"), None, "more than one page");
        page["Items"].as_array().unwrap().clone()
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn request_at(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    let length = body.len().to_string();
    let always = [("host", address), ("connection", "close"), ("content-length", &length)];
    let own = always.iter().filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
    let lines: String = own.chain(headers).flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    let head = format!("{method} {path} HTTP/1.1\r\n{lines}\r\n");
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(head.as_bytes()).ok()?;
    // A server may answer and close before it has read the whole body.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head[9..12].parse().unwrap(),
        body: serde_json::from_str(body).unwrap_or_else(|_| body.into()),
    })
}

/// The value in the output line that begins with `name`.
pub(crate) fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let line =
        text.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {text}"));
    line.trim()
}
