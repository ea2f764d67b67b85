//! One call as a client makes it: over the function URL, whose parts it reads as it likes, or over the API.

use std::time::{Duration, Instant};

use edge::{Invocation, ReplyReader, StreamService as _};
use fastrand::Rng;
use futures_util::future::join;
use ledger::Timestamp;
use testkit::{Sent, Shape, deadline, instant};
use tokio::time::sleep;

use super::Request;
use crate::assemble::ChatFunction;
use crate::mark::Mark;
use crate::world::World;

/// The first, and two retries.
pub(super) const ATTEMPTS: u64 = 3;
const PATH: &str = "/v1/chat/completions";

/// How it reads a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    AsItComes,
    /// A pause before each part.
    Slowly(Duration),
    LeavesAfter(usize),
}

impl Reading {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        match rng.u8(0..6) {
            0 => Self::Slowly(Duration::from_millis(rng.u64(1..=1_500))),
            1 => Self::LeavesAfter(rng.usize(0..=6)),
            _ => Self::AsItComes,
        }
    }
}

/// What has arrived at a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// When its hold is opened, by the clock of the sandbox.
    pub(super) opened_at: Option<Timestamp>,
    pub(super) status: Option<u16>,
    pub(super) body: String,
    /// When the first part arrived.
    pub(super) first_at: Option<Instant>,
    pub(super) is_whole: bool,
    /// What the answer says that it cost.
    pub(super) cost: Option<String>,
    has_left: bool,
}

impl Received {
    pub(super) fn is_fallback(&self) -> bool {
        self.body.contains("\"fallback\":true")
    }

    pub(super) fn is_worth_a_retry(&self) -> bool {
        let is_retried = self.status.is_none_or(|status| matches!(status, 408 | 409 | 429 | 500..));
        is_retried && !self.has_left
    }
}

/// `note`: what the client has so far, which it has even if the sandbox dies.
pub(super) async fn call(
    world: &World,
    key: &str,
    body: &str,
    request: &Request,
    mark: Mark,
    note: impl Fn(&Received),
) {
    let shape = if mark.rng().bool() { Shape::FunctionUrl } else { Shape::HttpApi };
    let sent = Sent::post(PATH, body.as_bytes()).with("authorization", format!("Bearer {key}"));
    let event = sent.with("content-type", "application/json").event(shape);
    let is_streamed = shape == Shape::FunctionUrl;
    let answer = world.invoke(&world.pools.chat, mark, async |chat: &ChatFunction, invocation| {
        let within = if is_streamed { ChatFunction::STREAM_WITHIN } else { ChatFunction::REPLY_WITHIN };
        let invocation = Invocation { deadline: deadline(within), ..invocation.clone() };
        let received = Received { opened_at: Some(invocation.now), ..Received::default() };
        note(&received);
        let (responder, reader) = edge::responder(is_streamed, invocation.deadline);
        let reading = if is_streamed { request.reading } else { Reading::AsItComes };
        let answered = Box::pin(chat.answer(&event, &invocation, responder));
        join(answered, read(reader, reading, request.is_stream, received, &note)).await;
    });
    let _ = answer.await;
}

async fn read(
    mut reader: ReplyReader,
    reading: Reading,
    is_stream: bool,
    mut received: Received,
    note: &impl Fn(&Received),
) {
    let Some(head) = reader.head().await else { return };
    received.status = Some(head.status);
    let cost = head.headers.iter().find(|(name, _)| *name == "x-hookledger-cost");
    received.cost = cost.map(|(_, cost)| cost.clone());
    note(&received);
    let mut parts = 0;
    loop {
        match reading {
            Reading::Slowly(pause) => sleep(pause).await,
            Reading::LeavesAfter(count) if parts >= count => {
                received.has_left = true;
                note(&received);
                return;
            }
            Reading::AsItComes | Reading::LeavesAfter(_) => {}
        }
        let Some(part) = reader.part().await else { break };
        parts += 1;
        received.first_at.get_or_insert_with(instant);
        received.body.push_str(&String::from_utf8_lossy(&part));
        note(&received);
    }
    received.is_whole = head.status == 200 && (!is_stream || received.body.contains("data: [DONE]"));
    note(&received);
}
