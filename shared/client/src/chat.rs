//! A chat completion over the API, whole or in parts. It is never repeated by itself: each answer is charged.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::http::ANSWER_BYTES_MAX;
use crate::{Client, Error, Refusal};

/// Longer than the API takes for a whole call.
const PART_TIMEOUT: Duration = Duration::from_mins(1);
/// A stream that breaks off has the status of a success: its error gets that of a broken upstream.
const BROKEN: u16 = 502;

/// The answer to one message, as far as it is read.
pub struct Chat {
    status: u16,
    body: ByteStream,
    /// What was received and not read yet.
    received: Vec<u8>,
    is_streamed: bool,
    is_whole: bool,
    pub summary: ChatSummary,
}

/// What an answer was, once its text is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatSummary {
    pub request_id: Option<String>,
    pub model: String,
    pub finish_reason: Option<String>,
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    /// In credits. A streamed answer has none: its cost is known after its headers.
    pub cost: Option<String>,
    /// The API itself has answered, since no upstream could.
    pub is_fallback: bool,
}

impl Client {
    /// Sends one message. The address of the client ends in `/v1`, as OpenAI's own clients are given it.
    pub async fn chat(&self, model: &str, message: &str, is_streamed: bool) -> Result<Chat, Error> {
        let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": message }] });
        if let Some(members) = body.as_object_mut().filter(|_| is_streamed) {
            members.insert("stream".to_owned(), true.into());
            members.insert("stream_options".to_owned(), json!({ "include_usage": true }));
        }
        let accept = if is_streamed { "text/event-stream" } else { "application/json" };
        let request = self.http_request("POST", "/chat/completions", accept, (Some(&body.to_string()), None))?;
        let response = timeout(PART_TIMEOUT, self.connector.call(request)).await.map_err(|_| late())?;
        let response = response.map_err(|error| Error::Unanswered(error.to_string()))?;
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let (request_id, cost) = (header("x-request-id"), header("x-hookledger-cost"));
        // An error and a fallback are whole also where parts were wanted.
        let is_streamed = header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let summary = ChatSummary { request_id, cost, ..ChatSummary::default() };
        let (status, body) = (response.status().as_u16(), ByteStream::new(response.into_body()));
        let mut chat = Chat { status, body, received: Vec::new(), is_streamed, is_whole: false, summary };
        if (200..300).contains(&status) {
            return Ok(chat);
        }
        let whole = chat.whole().await?;
        Err(chat.refusal(&whole).unwrap_or_else(|| Error::Unreadable(format!("status {status}"))))
    }
}

impl Chat {
    /// Waits for the next part of the text. `None` at its end.
    pub async fn text(&mut self) -> Result<Option<String>, Error> {
        if self.is_whole {
            return Ok(None);
        }
        if !self.is_streamed {
            let whole = self.whole().await?;
            self.is_whole = true;
            return self.read(&whole, "/choices/0/message/content").map(Some);
        }
        loop {
            let line = self.line().await?;
            // Empty lines end an event, and a colon begins a comment.
            let Some(data) = line.strip_prefix("data:").map(str::trim_start) else { continue };
            if data == "[DONE]" {
                self.is_whole = true;
                return Ok(None);
            }
            let text = self.read(data, "/choices/0/delta/content")?;
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
    }

    /// The text in a completion or a part of one, whose other facts become part of the summary.
    fn read(&mut self, json: &str, pointer: &str) -> Result<String, Error> {
        if let Some(refusal) = self.refusal(json) {
            return Err(refusal);
        }
        let part: Value = serde_json::from_str(json).map_err(|error| Error::Unreadable(error.to_string()))?;
        let text = |pointer: &str| part.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let summary = &mut self.summary;
        summary.model = text("/model").unwrap_or(std::mem::take(&mut summary.model));
        summary.finish_reason = text("/choices/0/finish_reason").or(summary.finish_reason.take());
        summary.is_fallback |= part.get("fallback") == Some(&Value::Bool(true));
        let tokens = |name: &str| part.get("usage")?.get(name)?.as_u64();
        summary.prompt_tokens = tokens("prompt_tokens").or(summary.prompt_tokens);
        summary.completion_tokens = tokens("completion_tokens").or(summary.completion_tokens);
        Ok(text(pointer).unwrap_or_default())
    }

    /// The error in a body or in an event.
    fn refusal(&self, json: &str) -> Option<Error> {
        let body: Value = serde_json::from_str(json).ok()?;
        let error = body.get("error")?;
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = if (200..300).contains(&self.status) { BROKEN } else { self.status };
        let mut details = Map::new();
        details.extend(
            error.get("param").filter(|param| !param.is_null()).map(|param| ("param".to_owned(), param.clone())),
        );
        let (code, message) = (text("code").or_else(|| text("type"))?, text("message").unwrap_or_default());
        Some(Error::Refused(Refusal { status, code, message, details }))
    }

    async fn whole(&mut self) -> Result<String, Error> {
        while self.receive().await? {}
        String::from_utf8(std::mem::take(&mut self.received)).map_err(|error| Error::Unreadable(error.to_string()))
    }

    async fn line(&mut self) -> Result<String, Error> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let rest = self.received.split_off(end.saturating_add(1));
                let line = std::mem::replace(&mut self.received, rest);
                let line = String::from_utf8(line).map_err(|error| Error::Unreadable(error.to_string()))?;
                return Ok(line.trim_end().to_owned());
            }
            if !self.receive().await? {
                return Err(Error::Unanswered("the answer broke off".to_owned()));
            }
        }
    }

    /// Receives more of the body, if there is more.
    async fn receive(&mut self) -> Result<bool, Error> {
        let part = timeout(PART_TIMEOUT, self.body.next()).await.map_err(|_| late())?;
        let Some(part) = part.transpose().map_err(|error| Error::Unanswered(error.to_string()))? else {
            return Ok(false);
        };
        self.received.extend_from_slice(&part);
        if self.received.len() > ANSWER_BYTES_MAX {
            return Err(Error::Unreadable(format!("it has more than {ANSWER_BYTES_MAX} bytes")));
        }
        Ok(true)
    }
}

fn late() -> Error {
    Error::Unanswered(format!("none within {} s", PART_TIMEOUT.as_secs()))
}

/// Without the answer.
impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("status", &self.status).finish_non_exhaustive()
    }
}
