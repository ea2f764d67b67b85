//! A stage on AWS for the program: DynamoDB is the stack's own store, Secrets Manager a small server, and `aws` a script. Both
//! have the same secrets, as files of a folder.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{CommandOutput, Folder, Stack, output_of};

/// Writes what a real `put-secret-value` would, and answers as CloudFormation does. A file in its folder makes a write fail:
/// before it is done, or after it, so that only its answer is lost.
const AWS: &str = r#"#!/bin/sh
cd "$(dirname "$0")/.." || exit 1
echo "$*" >> calls
case "$1 $2" in
"cloudformation describe-stacks")
    [ -e denied ] && { echo "An error occurred (AccessDenied) when calling DescribeStacks" >&2; exit 254; }
    cat stack.json ;;
"secretsmanager put-secret-value")
    name=secrets/$(basename "$4").json
    [ -e "before-$(basename "$4")" ] && { echo "An error occurred (AccessDeniedException): PutSecretValue" >&2; exit 254; }
    cat > "$name"
    [ -e after ] && { echo "Could not connect to the endpoint URL" >&2; exit 255; }
    echo '{"VersionStages":["AWSCURRENT"]}' ;;
*) echo "no such command: $*" >&2; exit 252 ;;
esac
"#;

/// What the program reads and writes of the stage `local`.
pub(crate) struct Aws<'s> {
    stack: &'s Stack<'s>,
    folder: TempDir,
    secrets_url: String,
}

impl<'s> Aws<'s> {
    /// Each of these secrets has all settings of the running stack.
    pub(crate) fn new(data: &Folder, stack: &'s Stack<'s>, secrets: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bin", "secrets"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let script = folder.path().join("bin/aws");
        fs::write(&script, AWS).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
        let all = data.json("local.json")["secrets"].to_string();
        for name in secrets {
            fs::write(folder.path().join(format!("secrets/{name}.json")), &all).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let secrets_url = format!("http://{}", listener.local_addr().unwrap());
        let dir = folder.path().join("secrets");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(&mut stream.unwrap(), &dir);
            }
        });
        let aws = Self { stack, folder, secrets_url };
        aws.set_parameters(&[]);
        aws
    }

    /// Those of the deployed app.
    pub(crate) fn set_parameters(&self, parameters: &[(&str, String)]) {
        let pair = |(name, value): &(&str, String)| json!({ "ParameterKey": name, "ParameterValue": value });
        let stack = json!({ "Stacks": [{ "Parameters": parameters.iter().map(pair).collect::<Vec<_>>() }] });
        fs::write(self.file("stack.json"), stack.to_string()).unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn secrets_url(&self) -> &str {
        &self.secrets_url
    }

    pub(crate) fn secret(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.file(&format!("secrets/{name}.json"))).unwrap()).unwrap()
    }

    /// The commands of the AWS CLI so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.file("calls")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    pub(crate) fn run(&self, data: &Folder, args: &[&str]) -> CommandOutput {
        let mut command = data.command(&[args, &["--aws", "--stage", "local"]].concat());
        let path = format!("{}:{}", self.file("bin").display(), std::env::var("PATH").unwrap());
        command.env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", self.stack.address())).env("PATH", path);
        command.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.secrets_url).stdin(Stdio::null());
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
        output_of(&mut command)
    }
}

/// `GetSecretValue`, and nothing else.
fn answer(stream: &mut TcpStream, dir: &Path) -> std::io::Result<()> {
    let (mut request, mut part) = (Vec::new(), [0_u8; 4_096]);
    let body = loop {
        let length = stream.read(&mut part)?;
        if length == 0 {
            return Ok(());
        }
        request.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if wanted.is_none_or(|wanted| body.len() >= wanted.trim().parse().unwrap_or(0)) {
            break body.to_owned();
        }
    };
    let id =
        serde_json::from_str::<Value>(&body).unwrap_or_default()["SecretId"].as_str().unwrap_or_default().to_owned();
    let name = id.rsplit('/').next().unwrap_or_default();
    let (status, reply) = match fs::read_to_string(dir.join(format!("{name}.json"))) {
        Ok(secret) => ("200 OK", json!({ "Name": id, "SecretString": secret, "VersionStages": ["AWSCURRENT"] })),
        Err(_) => ("400 Bad Request", json!({ "__type": "AccessDeniedException", "Message": "not authorized" })),
    };
    let reply = reply.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{reply}",
        reply.len()
    )
}
