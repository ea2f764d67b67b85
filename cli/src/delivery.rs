//! The outcome of one webhook delivery that `send` made.

use std::fmt;
use std::time::Duration;

use local::{OUTCOME_HEADER, Source};
use sending::{NoReply, Reply};
use serde::Serialize;
use serde_json::Value;

use crate::exit::Exit;

/// A delivery with its reply, if any.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    event_id: String,
    pub(crate) status: Option<u16>,
    pub(crate) outcome: Outcome,
    /// The reason why it was not booked, as the log has it: `order_unknown`.
    pub(crate) reason: Option<String>,
    body: String,
    milliseconds: Option<String>,
    #[serde(skip)]
    pub(crate) took: Option<Duration>,
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// The receiver sent an outcome header, and not only a status and a message.
    #[serde(skip)]
    is_named: bool,
}

/// The outcome of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Booked,
    /// Booked before.
    Repeat,
    /// The receiver replied and did not book it.
    Refused,
    /// The event does not concern the books.
    Ignored,
    /// A success status without an outcome.
    Accepted,
    NoReply,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Repeat => "repeat",
            Self::Refused => "refused",
            Self::Ignored => "ignored",
            Self::Accepted => "accepted",
            Self::NoReply => "no reply",
        }
    }
}

impl Delivery {
    pub(crate) fn of(id: &str, source: &Source, reply: Result<Reply, NoReply>, took: Duration) -> Self {
        match reply {
            Ok(reply) => {
                // The header of a local stack: `refused order_unknown`. Or what a reply has of the one event sent.
                let of_event =
                    || event_of_batch(serde_json::from_str::<Value>(&reply.body).ok()?.get("results")?.get(0)?);
                let named =
                    reply.header(OUTCOME_HEADER).map(str::to_owned).or_else(|| of_event().map(|(_, named)| named));
                Self::answered(id, source, (reply.status, &reply.body, named.as_deref()), took)
            }
            Err(no_reply) => Self::unanswered(id, no_reply),
        }
    }

    /// The events of one request, with the outcome that the reply has of each. A reply without them is that of all.
    pub(crate) fn of_batch(
        ids: &[String],
        source: &Source,
        reply: &Result<Reply, NoReply>,
        took: Duration,
    ) -> Vec<Self> {
        let reply = match reply {
            Ok(reply) => reply,
            Err(no_reply) => return ids.iter().map(|id| Self::unanswered(id, no_reply.clone())).collect(),
        };
        let body: Option<Value> = serde_json::from_str(&reply.body).ok();
        let results = body.as_ref().and_then(|body| body.get("results")?.as_array());
        let one = |(n, id): (usize, &String)| match results.and_then(|results| event_of_batch(results.get(n)?)) {
            Some((status, outcome)) => Self::answered(id, source, (status, "", Some(outcome.as_str())), took),
            None => Self::answered(id, source, (reply.status, &reply.body, None), took),
        };
        ids.iter().enumerate().map(one).collect()
    }

    fn unanswered(id: &str, NoReply { why, is_late }: NoReply) -> Self {
        Self {
            event_id: id.to_owned(),
            status: None,
            outcome: Outcome::NoReply,
            reason: Some(why),
            body: String::new(),
            milliseconds: None,
            took: None,
            exit: if is_late { Exit::TryAgain } else { Exit::Unavailable },
            is_named: false,
        }
    }

    fn answered(id: &str, source: &Source, (status, body, named): (u16, &str, Option<&str>), took: Duration) -> Self {
        let is_named = named.is_some();
        let (outcome, reason) = outcome(source, status, body, named);
        let exit = match (outcome, status) {
            (Outcome::Booked | Outcome::Repeat | Outcome::Accepted, _) => Exit::Done,
            (_, 429 | 500..) => Exit::TryAgain,
            _ => Exit::Refused,
        };
        let milliseconds = Some(milliseconds(took));
        let (event_id, status, took) = (id.to_owned(), Some(status), Some(took));
        Self { event_id, status, outcome, reason, body: body.to_owned(), milliseconds, took, exit, is_named }
    }

    /// The reason if there is one; otherwise the message of a JSON reply, or the first line of another.
    pub(crate) fn message(&self) -> String {
        self.reason.clone().unwrap_or_else(|| message(&self.body))
    }

    /// `refused order_unknown`
    fn outcome_and_reason(&self) -> String {
        let outcome = self.outcome.as_str();
        self.reason.as_ref().map_or_else(|| outcome.to_owned(), |reason| format!("{outcome} {reason}"))
    }
}

/// Reads the outcome header if there is one, then the known reply messages, then the status.
fn outcome(source: &Source, status: u16, body: &str, named: Option<&str>) -> (Outcome, Option<String>) {
    let is_success = (200..300).contains(&status);
    match named {
        Some("booked") => (Outcome::Booked, None),
        Some("repeat") => (Outcome::Repeat, None),
        Some(words) => {
            let mut known = [Outcome::Refused, Outcome::Ignored].into_iter();
            let found = known.find_map(|known| Some((known, words.strip_prefix(known.as_str())?.trim_start())));
            // Any other outcome is its own reason: `unverified no_match`, `conflict`.
            let (outcome, reason) = found.unwrap_or((Outcome::Refused, words));
            (outcome, (!reason.is_empty()).then(|| reason.to_owned()))
        }
        None if !is_success => (Outcome::Refused, None),
        None => {
            let message = message(body);
            let known =
                source.reply_messages.and_then(|messages| messages.iter().position(|known| **known == *message));
            let outcome = match known {
                Some(0) => Outcome::Booked,
                Some(_) => Outcome::Repeat,
                None => Outcome::Accepted,
            };
            (outcome, None)
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.event_id;
        let (Some(status), Some(took)) = (self.status, &self.milliseconds) else {
            return write!(f, "no reply  {id}  {}", self.reason.as_deref().unwrap_or_default());
        };
        write!(f, "{status}  {took} ms  {id}")?;
        if self.is_named {
            write!(f, "  {}", self.outcome_and_reason())?;
        }
        if self.body.is_empty() { Ok(()) } else { write!(f, "  {}", self.body) }
    }
}

/// Status and outcome of one of several events, in the words of the header.
fn event_of_batch(result: &Value) -> Option<(u16, String)> {
    let word = |name: &str| result.get(name)?.as_str();
    let outcome = match word("outcome")? {
        "duplicate" => Outcome::Repeat.as_str(),
        outcome => outcome,
    };
    let why = word("reason").or_else(|| word("field")).map_or_else(String::new, |why| format!(" {why}"));
    Some((u16::try_from(result.get("status")?.as_u64()?).ok()?, format!("{outcome}{why}")))
}

fn message(body: &str) -> String {
    let json = serde_json::from_str::<Value>(body).ok();
    let message = json.as_ref().and_then(|json| json.get("message")?.as_str());
    message.or_else(|| body.lines().next()).unwrap_or_default().to_owned()
}

/// One decimal, computed without a float.
pub(crate) fn milliseconds(time: Duration) -> String {
    let tenths = time.as_micros().div_euclid(100);
    format!("{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
}
