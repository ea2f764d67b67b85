//! Calls upstreams that speak OpenAI's chat API. A request's bytes pass as they are, and so do an answer's; what is read
//! of an answer is what it costs.
//!
//! A call here is one attempt: whether another one is made, and where, depends on what the caller has sent on already.

mod config;
mod error;
mod json;
mod reports;
mod sse;

use std::time::Duration;

use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use ledger::Deadline;
use tokio::time::{Instant, timeout, timeout_at};

use crate::http::{Http, Outgoing, SendError};

pub use config::{LlmConfig, LlmConfigError, OpenAiKeys, Upstream};
pub use error::{UpstreamError, UpstreamMessage};
pub use json::{AnswerParts, Tokens, WholeAnswer};
pub use reports::{AnswerIds, LlmGateway};
pub use sse::{SseChunk, SseEvent, SseReader};

/// Thousands of times the size of an answer. A sandbox has 256 MB.
const ANSWER_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Of an error that is read.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// For all parts of which the bytes are there when the time is over.
const ARRIVED_WITHIN: Duration = Duration::from_millis(100);
/// The first pause before an upstream is called again, which doubles.
const BACKOFF_FIRST: Duration = Duration::from_millis(250);

/// A client of one upstream.
#[derive(Debug, Clone, Copy)]
pub struct OpenAi<'u> {
    pub http: &'u Http,
    pub upstream: &'u Upstream,
    pub keys: &'u OpenAiKeys,
}

impl OpenAi<'_> {
    /// Sends a request for a chat completion. The answer is a success, whose body has not been read.
    pub async fn chat(&self, body: &str, is_stream: bool, deadline: Deadline) -> Result<ChatAnswer, UpstreamError> {
        let authorization = self.keys.authorization(&self.upstream.name).ok_or(UpstreamError::KeyRefused)?;
        let headers = vec![
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("accept", if is_stream { "text/event-stream" } else { "application/json" }),
            ("user-agent", "hookledger"),
        ];
        let url = format!("{}/chat/completions", self.upstream.base);
        let outgoing = Outgoing { method: "POST", url, headers, body: body.to_owned() };
        // On the heap: the future of a call is large.
        let opened = timeout_at(Instant::from_std(deadline.0), Box::pin(self.http.open(&outgoing))).await;
        let opened = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(SendError::NoAnswer)) => return Err(UpstreamError::NoAnswer),
            Ok(Err(SendError::TooLarge | SendError::Unsendable)) => return Err(UpstreamError::Unreadable),
            Err(_) => return Err(UpstreamError::TimedOut),
        };
        let is_events =
            opened.header("content-type").is_some_and(|of| of.trim_start().starts_with("text/event-stream"));
        let request_id = self.upstream.id_header().and_then(|name| opened.header(name)).map(str::to_owned);
        let (status, retry_after) = (opened.status, opened.header("retry-after").map(str::to_owned));
        let mut answer =
            ChatAnswer { request_id, body: opened.into_body(), read_bytes: 0, deadline, late: Duration::ZERO };
        match status {
            // What is no stream may be an error with a status of success.
            200..300 if is_events == is_stream => Ok(answer),
            200..300 => Err(UpstreamError::Unreadable),
            _ => {
                let body = answer.read(ERROR_BYTES_MAX).await.unwrap_or_default();
                Err(UpstreamError::of_status(status, retry_after.as_deref(), &body))
            }
        }
    }

    /// A random pause before the next call, longer after each.
    pub fn pause(&self, retries: u32) -> Duration {
        self.http.jitter(BACKOFF_FIRST.saturating_mul(2_u32.saturating_pow(retries)))
    }
}

/// The body of a success.
#[derive(Debug)]
pub struct ChatAnswer {
    /// The id that a gateway has given the request, by which it reports the use.
    pub request_id: Option<String>,
    body: ByteStream,
    read_bytes: usize,
    deadline: Deadline,
    /// How long parts were waited for after it.
    late: Duration,
}

impl ChatAnswer {
    /// The next bytes of a stream; `None` at its end. What has arrived when its time is over is read all the same: it may be
    /// a slow caller who took the time. An upstream that goes on gets no more of it.
    pub async fn part(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        match self.next(ANSWER_BYTES_MAX).await {
            Err(UpstreamError::TimedOut) => {
                let clock = Instant::from_std(self.deadline.0);
                let before = clock.elapsed();
                let arrived = timeout(ARRIVED_WITHIN.saturating_sub(self.late), self.body.next()).await;
                self.late = self.late.saturating_add(clock.elapsed().saturating_sub(before));
                self.read_part(arrived.map_err(|_| UpstreamError::TimedOut)?, ANSWER_BYTES_MAX)
            }
            part => part,
        }
    }

    /// All of it.
    pub async fn whole(mut self) -> Result<Vec<u8>, UpstreamError> {
        self.read(ANSWER_BYTES_MAX).await
    }

    async fn read(&mut self, bytes_max: usize) -> Result<Vec<u8>, UpstreamError> {
        let mut whole = Vec::new();
        while let Some(part) = self.next(bytes_max).await? {
            whole.extend_from_slice(&part);
        }
        Ok(whole)
    }

    async fn next(&mut self, bytes_max: usize) -> Result<Option<Bytes>, UpstreamError> {
        let next = timeout_at(Instant::from_std(self.deadline.0), self.body.next()).await;
        self.read_part(next.map_err(|_| UpstreamError::TimedOut)?, bytes_max)
    }

    fn read_part<E>(
        &mut self,
        part: Option<Result<Bytes, E>>,
        bytes_max: usize,
    ) -> Result<Option<Bytes>, UpstreamError> {
        let Some(part) = part else { return Ok(None) };
        let part = part.map_err(|_| UpstreamError::Broken)?;
        self.read_bytes = self.read_bytes.saturating_add(part.len());
        if self.read_bytes > bytes_max { Err(UpstreamError::TooLong) } else { Ok(Some(part)) }
    }
}
