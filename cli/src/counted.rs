//! Counts what a command books in the metrics of a deployed stage, beside what its functions count of their own.

use local::CommandMetrics;
use serde_json::{Value, json};

use crate::aws_cli::AwsCli;

/// Adds to the series that the log lines of the functions make. The reason why not is for a person.
pub(crate) async fn put_metrics(aws: &AwsCli, stage: &str, metrics: &CommandMetrics) -> Result<(), String> {
    let data = metrics.values().into_iter().map(|(series, value)| {
        let dimensions = series.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
        let dimensions: Vec<Value> = dimensions.collect();
        json!({ "MetricName": series.metric, "Dimensions": dimensions, "Value": value, "Unit": "Count" })
    });
    let data = Value::from(data.collect::<Vec<_>>()).to_string();
    let namespace = format!("hookledger-{stage}");
    let words = ["cloudwatch", "put-metric-data", "--namespace", &namespace, "--metric-data", "file:///dev/stdin"];
    aws.json_with(&words, Some(data)).await.map(drop).map_err(|error| error.line())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{ExitStatus, Output};
    use std::sync::{Arc, Mutex};

    use ledger::{Asset, Committed, Owner, Receipt, Writer};
    use local::{What, now};
    use manual::{By, Change};

    use super::*;

    fn metrics(credits: &str) -> CommandMetrics {
        let account = Owner::new("alice").expect("an owner").account(Asset::CREDITS);
        let amount = Asset::CREDITS.parse(credits).expect("an amount");
        let by = By { writer: Writer::Manual, id: "c1", author: "amy", reason: "a gift" };
        let what = What::Credit { account, amount, expiry: None };
        let decision = Change { by, what }.decision().expect("a decision");
        let receipt = Receipt { key: by.receipt().expect("a key"), processed_at: now(), is_over_budget: false };
        let earlier = Ok(Committed::Earlier(receipt.clone()));
        assert!(CommandMetrics::of(&decision, &earlier).is_none(), "a repeat is counted before");
        CommandMetrics::of(&decision, &Ok(Committed::Now(receipt))).expect("it moves credits")
    }

    fn aws(answer: Result<&'static str, &'static str>) -> (AwsCli, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let aws = AwsCli::over(move |words, input| -> io::Result<Output> {
            let mut seen = seen.lock().expect("no panic");
            seen.extend(words.iter().cloned());
            seen.extend(input.map(str::to_owned));
            let (status, stdout, stderr) = match answer {
                Ok(answer) => (0, answer, ""),
                Err(said) => (256, "", said),
            };
            Ok(Output { status: ExitStatus::from_raw(status), stdout: stdout.into(), stderr: stderr.into() })
        });
        (aws, asked)
    }

    #[tokio::test]
    async fn change_is_put_into_the_series_of_the_functions() {
        // The service answers nothing.
        let (aws, asked) = aws(Ok(""));
        assert_eq!(put_metrics(&aws, "prod", &metrics("7")).await, Ok(()));
        let asked = asked.lock().expect("no panic");
        assert_eq!(asked[..4], ["cloudwatch", "put-metric-data", "--namespace", "hookledger-prod"]);
        let data: Value = serde_json::from_str(asked.last().expect("a document")).expect("JSON");
        let expected = json!([{
            "MetricName": "nanocredits_in", "Dimensions": [], "Value": 7_000_000_000_u64, "Unit": "Count"
        }]);
        assert_eq!(data, expected, "none by source, which would be one more metric");
    }

    #[tokio::test]
    async fn refusal_says_why() {
        let (aws, _) = aws(Err("An error occurred (AccessDenied)"));
        let refused = put_metrics(&aws, "prod", &metrics("7")).await.expect_err("no right");
        assert!(refused.contains("AccessDenied"), "{refused}");
    }
}
