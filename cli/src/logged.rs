//! The newest deliveries from the log lines: those that this machine keeps, or Logs Insights of a deployed stage.

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there is null")]

use std::path::Path;
use std::time::Duration;

use insight::{ACCEPTED, LogLines, LogQuery, LoggedEvent, LoggedWhich};
use ledger::{Source, Timestamp};
use local::{Home, LocalMetrics, now};
use serde_json::Value;

use crate::aws_cli::AwsCli;
use crate::books::Books;
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::print::Form;
use crate::progress::Progress;

/// A query usually ends within some seconds.
const POLLS_MAX: u32 = 120;
const POLL_EVERY: Duration = Duration::from_millis(500);

/// Those of the same stage as the books.
pub(crate) async fn logged(
    books: &Books,
    dir: &Path,
    variable: impl Fn(&str) -> Option<String>,
    query: &LogQuery,
    form: Form,
) -> Result<Vec<LoggedEvent>, Error> {
    if let Some(stage) = books.stage() {
        let _waiting = Progress::waiting("Logs Insights searches the log", form);
        return AwsLogs { aws: AwsCli::new(variable), stage: stage.to_owned() }.logged(query).await;
    }
    let lines = LocalMetrics::open(&Home::at(dir).metrics_of_stack()?).map_err(ToolError::from)?;
    Ok(lines.logged(query).await.map_err(ToolError::from)?)
}

/// CloudWatch Logs Insights, through the AWS CLI.
struct AwsLogs {
    aws: AwsCli,
    stage: String,
}

impl LogLines for AwsLogs {
    type Error = Error;

    async fn logged(&self, query: &LogQuery) -> Result<Vec<LoggedEvent>, Error> {
        let is_wanted = |source: &&str| query.source.as_deref().is_none_or(|wanted| wanted == *source);
        let sources = Source::ALL.map(Source::as_str);
        let groups: Vec<String> = sources
            .iter()
            .filter(|source| is_wanted(source))
            .map(|source| format!("/aws/lambda/hookledger-{}-{source}", self.stage))
            .collect();
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let filter = match query.which {
            LoggedWhich::All => "ispresent(outcome)".to_owned(),
            LoggedWhich::Booked => "outcome = \"booked\"".to_owned(),
            LoggedWhich::Failed => {
                format!("ispresent(outcome) and outcome not in [\"{}\"]", ACCEPTED.join("\", \""))
            }
        };
        let query_text =
            format!("fields @timestamp, source, event_id, outcome, reason | filter {filter} | sort @timestamp desc");
        let numbers = [query.since.unix_s().to_string(), now().unix_s().to_string(), query.lines_max.to_string()];
        let [since, until, lines_max] = &numbers;
        let mut words = vec!["logs", "start-query", "--query-string", &query_text, "--limit", lines_max];
        words.extend(["--start-time", since, "--end-time", until, "--log-group-names"]);
        words.extend(groups.iter().map(String::as_str));
        let started = self.aws.json(&words).await?;
        let id = started["queryId"].as_str().unwrap_or_default().to_owned();
        for _ in 0..POLLS_MAX {
            let answer = self.aws.json(&["logs", "get-query-results", "--query-id", &id]).await?;
            match answer["status"].as_str().unwrap_or_default() {
                "Complete" => {
                    return Ok(answer["results"].as_array().into_iter().flatten().filter_map(event).collect());
                }
                "Scheduled" | "Running" => tokio::time::sleep(POLL_EVERY).await,
                status => return Err(failed(format!("the query ended as {status}: run the same command again"))),
            }
        }
        Err(failed("the query takes longer than a minute: name a later --since".to_owned()))
    }
}

fn failed(said: String) -> Error {
    ToolError::AwsCli { command: "logs get-query-results".to_owned(), said }.into()
}

/// A line of the result: its fields in any order, without those that the log line lacks.
fn event(line: &Value) -> Option<LoggedEvent> {
    let field = |name: &str| {
        let mut fields = line.as_array().into_iter().flatten();
        fields.find(|field| field["field"] == name)?["value"]
            .as_str()
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    // `2026-06-01 11:59:00.000`, in UTC.
    let at = format!("{}Z", field("@timestamp")?.replace(' ', "T"));
    Some(LoggedEvent {
        at: Timestamp::parse_rfc3339(&at).ok()?,
        source: field("source")?,
        event: field("event_id"),
        outcome: field("outcome")?,
        reason: field("reason"),
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{ExitStatus, Output};
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    type Words = Arc<Mutex<Vec<String>>>;

    /// Answers as Logs Insights has them, the last one again and again. The emulator of `tests/deploy` answers the same
    /// calls, and finds no fields in a line.
    fn logs(answers: Vec<Value>) -> (AwsLogs, Words) {
        let asked = Words::default();
        let (seen, answers) = (Arc::clone(&asked), Mutex::new(answers));
        let aws = AwsCli::over(move |words, _| -> io::Result<Output> {
            let answer = if words[1] == "start-query" {
                seen.lock().expect("no panic").clone_from(&words.to_vec());
                json!({ "queryId": "q-1" })
            } else {
                assert_eq!(words[2..4], ["--query-id", "q-1"]);
                let mut answers = answers.lock().expect("no panic");
                if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
            };
            Ok(Output { status: ExitStatus::from_raw(0), stdout: answer.to_string().into_bytes(), stderr: Vec::new() })
        });
        (AwsLogs { aws, stage: "prod".to_owned() }, asked)
    }

    fn query(source: Option<&str>) -> LogQuery {
        let since = Timestamp::parse_rfc3339("2026-06-01T00:00:00Z").expect("a time");
        LogQuery { since, source: source.map(str::to_owned), which: LoggedWhich::Booked, lines_max: 50 }
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_those_that_the_query_finds() {
        let field = |name: &str, value: &str| json!({ "field": name, "value": value });
        let line = json!([
            field("@timestamp", "2026-06-01 11:59:00.250"),
            field("source", "usage"),
            field("event_id", "evt_1"),
            field("outcome", "booked"),
            field("@ptr", "x"),
        ]);
        let done = json!({ "status": "Complete", "results": [line, [field("@timestamp", "not a time")]] });
        let (logs, words) = logs(vec![json!({ "status": "Scheduled" }), json!({ "status": "Running" }), done]);
        let found = logs.logged(&query(Some("usage"))).await.expect("lines");
        let [LoggedEvent { at, source, event, outcome, reason }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(at.to_string(), "2026-06-01T11:59:00.250Z");
        assert_eq!((source.as_str(), event.as_deref(), outcome.as_str()), ("usage", Some("evt_1"), "booked"));
        assert_eq!(*reason, None);
        let words = words.lock().expect("no panic").join(" ");
        assert!(words.contains("filter outcome = \"booked\""), "{words}");
        assert!(words.contains("--limit 50 --start-time 1780272000 --end-time"), "{words}");
        assert!(words.contains("--log-group-names /aws/lambda/hookledger-prod-usage --output"), "{words}");
    }

    #[tokio::test(start_paused = true)]
    async fn query_that_ends_otherwise_is_an_error() {
        for (status, expected) in [("Failed", "Failed"), ("Timeout", "Timeout"), ("Running", "longer than a minute")] {
            let (logs, _) = logs(vec![json!({ "status": status })]);
            let error = logs.logged(&query(None)).await.expect_err("no lines");
            assert!(error.line().contains(expected), "{}", error.line());
        }
        let (logs, words) = logs(vec![json!({ "status": "Complete", "results": [] })]);
        assert_eq!(logs.logged(&query(Some("credits"))).await.expect("no source of webhooks"), []);
        assert!(words.lock().expect("no panic").is_empty());
        assert_eq!(logs.logged(&query(None)).await.expect("lines"), []);
        let groups = words.lock().expect("no panic").iter().filter(|word| word.starts_with("/aws/lambda/")).count();
        assert_eq!(groups, Source::ALL.len());
        // The service picks failed ones: behind thousands of booked ones, none would be among the newest lines.
        let failed = LogQuery { which: LoggedWhich::Failed, ..query(None) };
        assert_eq!(logs.logged(&failed).await.expect("lines"), []);
        let words = words.lock().expect("no panic").join(" ");
        assert!(words.contains("outcome not in [\"booked\", \"repeat\", \"ignored\"]"), "{words}");
    }
}
