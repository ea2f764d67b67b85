//! A reply in parts: status and headers first, then the body as the function makes it.
//!
//! Between the function and the gateway at most [`PARTS_IN_FLIGHT`] parts wait, so that a slow reader slows the function
//! down instead of filling its memory.

use std::fmt;

use bytes::Bytes;
use ledger::Deadline;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::Reply;

/// Enough to let the function make the next part while the gateway sends the last one.
const PARTS_IN_FLIGHT: usize = 4;

/// Status and headers of a reply whose body follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyHead {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
}

/// Takes the reply to one request.
pub struct Responder {
    head: oneshot::Sender<ReplyHead>,
    body: BodyWriter,
    is_streamed: bool,
}

/// Takes the parts of a body, which ends when this is dropped.
pub struct BodyWriter {
    parts: mpsc::Sender<Bytes>,
    deadline: Deadline,
}

/// The gateway's end of a [`Responder`]. If it is dropped, the caller has left.
pub struct ReplyReader {
    head: oneshot::Receiver<ReplyHead>,
    pub(crate) parts: mpsc::Receiver<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the caller has left, or reads too slowly")]
pub struct CallerLeft;

/// Both ends of a reply. A reader that has not taken a part by the deadline counts as gone.
pub fn responder(is_streamed: bool, deadline: Deadline) -> (Responder, ReplyReader) {
    let (head_sender, head) = oneshot::channel();
    let (parts_sender, parts) = mpsc::channel(PARTS_IN_FLIGHT);
    let body = BodyWriter { parts: parts_sender, deadline };
    (Responder { head: head_sender, body, is_streamed }, ReplyReader { head, parts })
}

impl Responder {
    /// Whether parts reach the caller as they are sent. If not, they are collected into one body.
    pub fn is_streamed(&self) -> bool {
        self.is_streamed
    }

    /// The whole reply at once.
    pub fn whole(self, Reply { status, headers, body }: Reply) {
        let writer = self.begin(status, headers);
        // Nothing waits in the channel yet, and a caller that has left gets no reply.
        if !body.is_empty() {
            let _ = writer.parts.try_send(Bytes::from(body));
        }
    }

    /// Status and headers; the body's parts follow.
    pub fn begin(self, status: u16, headers: Vec<(&'static str, String)>) -> BodyWriter {
        // A caller that has left is noticed at the first part.
        let _ = self.head.send(ReplyHead { status, headers });
        self.body
    }

    /// Completes when the caller has left.
    pub async fn left(&self) {
        self.body.left().await;
    }
}

impl BodyWriter {
    /// Waits for a slow reader until the deadline.
    pub async fn send(&mut self, part: Bytes) -> Result<(), CallerLeft> {
        // In a chunked body an empty chunk is the end.
        if part.is_empty() {
            return Ok(());
        }
        let sent = timeout_at(Instant::from_std(self.deadline.0), self.parts.send(part)).await;
        sent.map_err(|_| CallerLeft)?.map_err(|_| CallerLeft)
    }

    /// Completes when the caller has left.
    pub async fn left(&self) {
        self.parts.closed().await;
    }
}

impl ReplyReader {
    /// Waits for status and headers. `None` if the function has ended without a reply.
    pub async fn head(&mut self) -> Option<ReplyHead> {
        (&mut self.head).await.ok()
    }

    /// Waits for a part. `None` at the end of the body.
    pub async fn part(&mut self) -> Option<Bytes> {
        self.parts.recv().await
    }

    /// The reply as one body, for a caller that drives the function itself.
    pub async fn collect(mut self) -> Option<Reply> {
        let ReplyHead { status, headers } = self.head().await?;
        let mut body = Vec::new();
        while let Some(part) = self.part().await {
            body.extend_from_slice(&part);
        }
        Some(Reply { status, headers, body: text(body) })
    }
}

/// Every function here replies in UTF-8, of which a part can end within a character.
pub(crate) fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_else(|not_text| String::from_utf8_lossy(not_text.as_bytes()).into_owned())
}

// Written by hand, so that answers stay out of logs.

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("is_streamed", &self.is_streamed).finish_non_exhaustive()
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyWriter")
    }
}

impl fmt::Debug for ReplyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyReader")
    }
}

#[cfg(test)]
mod tests;
