//! Calls of AWS that no function makes: they go through the AWS CLI, which the guide to deployment needs anyway. So the
//! program has no client of its own for eight more services, and the person's profiles and sign-on work.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use aws_config::Region;
use serde_json::Value;

use crate::error::Error;
use crate::error::of_tools::ToolError;

const PROGRAM: &str = "aws";

/// Runs one command of the AWS CLI, without its first word.
type Run = dyn Fn(&[String], Option<&str>) -> io::Result<Output> + Send + Sync;

/// The AWS CLI, in the region of the environment.
#[derive(Clone)]
pub(crate) struct AwsCli {
    run: Arc<Run>,
    region: Option<String>,
}

impl AwsCli {
    pub(crate) fn new(variable: impl Fn(&str) -> Option<String>) -> Self {
        let run = |words: &[String], input: Option<&str>| {
            let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
            let mut command = Command::new(PROGRAM);
            let started = command.args(words).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
            let mut child = started?;
            if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
                pipe.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        };
        Self { run: Arc::new(run), region: variable("AWS_REGION") }
    }

    /// In the region that the SDK has found.
    pub(crate) fn in_region(region: Option<&Region>) -> Self {
        Self { region: region.map(ToString::to_string), ..Self::new(|_| None) }
    }

    /// A fake of it.
    #[cfg(test)]
    pub(crate) fn over(run: impl Fn(&[String], Option<&str>) -> io::Result<Output> + Send + Sync + 'static) -> Self {
        Self { run: Arc::new(run), region: None }
    }

    /// The parameters of the app, as the stage is deployed.
    pub(crate) async fn parameters(&self, stage: &str) -> Result<BTreeMap<String, String>, Error> {
        let stack = format!("hookledger-{stage}");
        let found = self.json(&["cloudformation", "describe-stacks", "--stack-name", &stack]).await?;
        Ok(pairs(found.pointer("/Stacks/0"), "Parameters", "ParameterKey", "ParameterValue"))
    }

    /// What a command answers.
    pub(crate) async fn json(&self, words: &[&str]) -> Result<Value, Error> {
        self.json_with(words, None).await
    }

    /// The same, with a document on its stdin, where no other process sees it: `file:///dev/stdin`.
    pub(crate) async fn json_with(&self, words: &[&str], input: Option<String>) -> Result<Value, Error> {
        Ok(self.all_with(words, input).await?.pop().unwrap_or_default())
    }

    /// All documents of an answer: `lambda invoke` writes that of the function before its own.
    #[expect(clippy::disallowed_methods, reason = "it waits for another program")]
    pub(crate) async fn all_with(&self, words: &[&str], input: Option<String>) -> Result<Vec<Value>, Error> {
        let mut all: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        all.extend(["--output", "json"].map(str::to_owned));
        all.extend(self.region.iter().flat_map(|region| ["--region".to_owned(), region.clone()]));
        let (run, command) = (Arc::clone(&self.run), words.iter().take(2).copied().collect::<Vec<_>>().join(" "));
        let ended = tokio::task::spawn_blocking(move || run(&all, input.as_deref())).await;
        let output = ended.map_err(|_| ToolError::NoAwsCli)?.map_err(|_| ToolError::NoAwsCli)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason is given");
            return Err(ToolError::AwsCli { command, said: line.to_owned() }.into());
        }
        let documents = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
        let documents: Result<Vec<Value>, _> = documents.collect();
        Ok(documents.map_err(|_| ToolError::AwsCli { command, said: "its answer is not JSON".to_owned() })?)
    }
}

/// A list of a stack's description, by the name of each.
pub(crate) fn pairs(stack: Option<&Value>, list: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    let all = stack.and_then(|stack| stack.get(list)?.as_array()).into_iter().flatten();
    let text = |pair: &Value, name: &str| pair.get(name)?.as_str().map(str::to_owned);
    all.filter_map(|pair| Some((text(pair, key)?, text(pair, value)?))).collect()
}
