//! `dlq`: what was given up, in the dead-letter queues of a stage. A message of a run names its sweep; that of a stream has
//! only a place in it, at which the records are read again for a day.

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there is null")]

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use ledger::Sweep;
use serde::Serialize;
use serde_json::{Value, json};

use crate::aws_cli::AwsCli;
use crate::books::BooksArgs;
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::exit::Exit;
use crate::print::{self, Facts, Form};
use crate::progress::Progress;

/// Calls of SQS, ten messages each.
const CALLS_MAX: usize = 20;
/// While it is tried again, no other person receives it.
const HIDDEN_SECONDS: &str = "120";
const SHOWN_SECONDS: &str = "2";
/// Pages of a shard that are read for the records of one message.
const PAGES_MAX: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct DlqCommand {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the messages of both queues
    List,
    /// Print messages as they are: all, or one
    Show {
        queue: Queue,
        /// The message, as `dlq list` names it
        message: Option<String>,
    },
    /// Try messages again, and delete those that succeed: all of a queue, or one
    Redrive {
        queue: Queue,
        /// The message, as `dlq list` names it
        message: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Queue {
    Fulfil,
    Reconcile,
}

impl Queue {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Fulfil => "fulfil",
            Self::Reconcile => "reconcile",
        }
    }
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Letter {
    /// A run of a sweep.
    Run(Sweep),
    /// Records of a stream.
    Records {
        stream: String,
        shard: String,
        first: String,
        last: String,
    },
    Unknown,
}

impl Letter {
    pub(crate) fn of(body: &Value) -> Self {
        let input = if body["requestPayload"].is_object() { &body["requestPayload"] } else { body };
        if let Some(sweep) = input["sweep"].as_str().and_then(Sweep::named) {
            return Self::Run(sweep);
        }
        let batch = &body["DDBStreamBatchInfo"];
        let text = |name: &str| batch[name].as_str().map(str::to_owned);
        let records = || {
            Some(Self::Records {
                stream: text("streamArn")?,
                shard: text("shardId")?,
                first: text("startSequenceNumber")?,
                last: text("endSequenceNumber")?,
            })
        };
        records().unwrap_or(Self::Unknown)
    }

    fn says(&self) -> String {
        match self {
            Self::Run(sweep) => format!("a run of {}", sweep.as_str()),
            Self::Records { stream, .. } => {
                let table = stream.split('/').nth(1).unwrap_or(stream);
                format!("records of the stream of {table}")
            }
            Self::Unknown => "not understood: `dlq show` prints it".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    queue: &'static str,
    #[serde(rename = "message")]
    id: String,
    says: String,
    /// Why it was given up, where AWS says so.
    because: Option<String>,
    sent_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(skip)]
    letter: Option<Letter>,
    #[serde(skip)]
    receipt: String,
}

#[derive(Serialize)]
struct Messages {
    messages: Vec<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Redriven {
    message: String,
    is_done: bool,
    says: String,
}

#[derive(Serialize)]
struct Redrives {
    redriven: Vec<Redriven>,
}

/// The queues of one stage.
struct Queues {
    aws: AwsCli,
    stage: String,
}

pub(crate) async fn run(
    args: DlqCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Exit, Error> {
    let books = args.which.open(dir).await?;
    let stage = books.stage().ok_or(ToolError::NotHere)?.to_owned();
    let queues = Queues { aws: AwsCli::new(variable), stage };
    match args.action {
        Action::List => {
            let mut messages = Vec::new();
            for queue in [Queue::Fulfil, Queue::Reconcile] {
                messages.extend(queues.received(queue, SHOWN_SECONDS).await?);
            }
            form.show(&Messages {
                messages: messages.into_iter().map(|found| Message { body: None, ..found }).collect(),
            });
            Ok(Exit::Done)
        }
        Action::Show { queue, message } => {
            let found = queues.received(queue, SHOWN_SECONDS).await?;
            form.show(&Messages { messages: chosen(found, message)? });
            Ok(Exit::Done)
        }
        Action::Redrive { queue, message } => {
            let found = chosen(queues.received(queue, HIDDEN_SECONDS).await?, message)?;
            let (mut redriven, progress) = (Vec::new(), Progress::of(found.len(), form));
            for message in found {
                redriven.push(queues.redrive(queue, message).await?);
                progress.add(1);
            }
            drop(progress);
            let is_done = redriven.iter().all(|message| message.is_done);
            form.show(&Redrives { redriven });
            Ok(if is_done { Exit::Done } else { Exit::Refused })
        }
    }
}

fn chosen(found: Vec<Message>, message: Option<String>) -> Result<Vec<Message>, Error> {
    let Some(id) = message else { return Ok(found) };
    let one: Vec<Message> = found.into_iter().filter(|found| found.id.starts_with(&id)).collect();
    if one.is_empty() { Err(ToolError::NoMessage(id).into()) } else { Ok(one) }
}

impl Queues {
    async fn url(&self, queue: Queue) -> Result<String, Error> {
        let name = format!("hookledger-{}-{}-failures", self.stage, queue.as_str());
        let found = self.aws.json(&["sqs", "get-queue-url", "--queue-name", &name]).await?;
        Ok(found["QueueUrl"].as_str().unwrap_or_default().to_owned())
    }

    /// The messages of a queue, which others do not receive for so many seconds.
    async fn received(&self, queue: Queue, hidden_s: &str) -> Result<Vec<Message>, Error> {
        let url = self.url(queue).await?;
        let words = ["sqs", "receive-message", "--queue-url", &url, "--max-number-of-messages", "10"];
        let more = ["--visibility-timeout", hidden_s, "--attribute-names", "All", "--message-attribute-names", "All"];
        let mut all: Vec<Message> = Vec::new();
        for _ in 0..CALLS_MAX {
            let found = self.aws.json(&[&words[..], &more[..]].concat()).await?;
            let some: Vec<Message> =
                found["Messages"].as_array().into_iter().flatten().map(|found| read(queue, found)).collect();
            // Those that were seen before are hidden no longer: there are no others.
            let new = some.into_iter().filter(|found| !all.iter().any(|known| known.id == found.id));
            let new: Vec<Message> = new.collect();
            if new.is_empty() {
                break;
            }
            all.extend(new);
        }
        Ok(all)
    }

    async fn redrive(&self, queue: Queue, message: Message) -> Result<Redriven, Error> {
        let Message { id, letter, receipt, .. } = message;
        let tried = match letter.unwrap_or(Letter::Unknown) {
            Letter::Run(sweep) => self.invoke("reconcile", &json!({ "sweep": sweep.as_str() })).await?,
            Letter::Records { stream, shard, first, last } => match self.records(&stream, &shard, &first, &last).await?
            {
                Some(records) => self.invoke(queue.as_str(), &json!({ "Records": records })).await?,
                // A stream keeps its records for a day. Orders that wait are also in the index `work`.
                None if queue == Queue::Fulfil => {
                    self.invoke("reconcile", &json!({ "sweep": Sweep::Unfulfilled.as_str() })).await?
                }
                None => {
                    Err("the stream has the records no longer: run `audit --full`, which compares every row, and then \
                             delete the message"
                        .to_owned())
                }
            },
            Letter::Unknown => Err("it is not understood: `dlq show` prints it".to_owned()),
        };
        let is_done = tried.is_ok();
        if is_done {
            let url = self.url(queue).await?;
            self.aws.json(&["sqs", "delete-message", "--queue-url", &url, "--receipt-handle", &receipt]).await?;
        }
        let says = tried.unwrap_or_else(|why| why);
        Ok(Redriven { message: id, is_done, says })
    }

    /// Invokes a function, as its schedule or stream does. What it refuses is the inner error.
    async fn invoke(&self, function: &str, payload: &Value) -> Result<Result<String, String>, Error> {
        let name = format!("hookledger-{}-{function}", self.stage);
        let words = ["lambda", "invoke", "--function-name", &name, "--payload", "fileb:///dev/stdin", "/dev/stdout"];
        let answers = self.aws.all_with(&words, Some(payload.to_string())).await?;
        let failed = answers.iter().find_map(|answer| answer["FunctionError"].as_str());
        let left =
            answers.iter().filter_map(|answer| answer["batchItemFailures"].as_array()).map(Vec::len).sum::<usize>();
        Ok(match (failed, left) {
            (Some(error), _) => Err(format!("{name} failed ({error}): its log has the cause")),
            (None, 0) => Ok(format!("{name} has done it")),
            (None, left) => Err(format!("{name} leaves {left} records: its log has the cause")),
        })
    }

    /// The records from one place of a stream to another; `None` if the stream has them no longer.
    async fn records(&self, stream: &str, shard: &str, first: &str, last: &str) -> Result<Option<Vec<Value>>, Error> {
        let words = ["dynamodbstreams", "get-shard-iterator", "--stream-arn", stream, "--shard-id", shard];
        let more = ["--shard-iterator-type", "AT_SEQUENCE_NUMBER", "--sequence-number", first];
        let found = match self.aws.json(&[&words[..], &more[..]].concat()).await {
            Err(Error::Tool(ToolError::AwsCli { said, .. }))
                if said.contains("Trimmed") || said.contains("ResourceNotFound") =>
            {
                return Ok(None);
            }
            found => found?,
        };
        let mut iterator = found["ShardIterator"].as_str().map(str::to_owned);
        let mut records = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(at) = iterator.take() else { break };
            let page = match self.aws.json(&["dynamodbstreams", "get-records", "--shard-iterator", &at]).await {
                Err(Error::Tool(ToolError::AwsCli { said, .. })) if said.contains("Trimmed") => return Ok(None),
                page => page?,
            };
            for record in page["Records"].as_array().into_iter().flatten() {
                records.push(record.clone());
                if record["dynamodb"]["SequenceNumber"] == last {
                    return Ok(Some(records));
                }
            }
            iterator = page["NextShardIterator"].as_str().map(str::to_owned);
        }
        Ok(Some(records).filter(|records| !records.is_empty()))
    }
}

fn read(queue: Queue, found: &Value) -> Message {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let body: Value = found["Body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let letter = Letter::of(&body);
    let of_schedule = text(&found["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]);
    let of_function =
        text(&body["responsePayload"]["errorMessage"]).or_else(|| text(&body["requestContext"]["condition"]));
    let sent_at = found["Attributes"]["SentTimestamp"].as_str().and_then(|ms| ms.parse().ok());
    Message {
        queue: queue.as_str(),
        id: text(&found["MessageId"]).unwrap_or_default(),
        says: letter.says(),
        because: of_schedule.or(of_function),
        sent_at: sent_at.and_then(|ms| ledger::Timestamp::from_unix_ms(ms).ok()).map(|at| at.to_string()),
        body: Some(body),
        letter: Some(letter),
        receipt: text(&found["ReceiptHandle"]).unwrap_or_default(),
    }
}

impl Facts for Messages {
    fn print(&self) {
        if self.messages.is_empty() {
            print::line("no dead letters");
            return;
        }
        for Message { queue, id, says, because, sent_at, body, .. } in &self.messages {
            let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            let sent_at = sent_at.as_deref().unwrap_or_default();
            print::line(format_args!("{id}  {queue}  {sent_at}  {says}{because}"));
            if let Some(Ok(body)) = body.as_ref().map(serde_json::to_string_pretty) {
                print::line(body);
            }
        }
    }
}

impl Facts for Redrives {
    fn print(&self) {
        if self.redriven.is_empty() {
            print::line("no dead letters");
        }
        for Redriven { message, is_done, says } in &self.redriven {
            print::line(format_args!("{message}  {}  {says}", if *is_done { "done, deleted" } else { "kept" }));
        }
    }
}

#[cfg(test)]
mod tests;
