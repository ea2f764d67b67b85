//! Sends a stream on as it arrives, and learns from it what it costs. Its end is held back: what the answer costs is
//! charged before its caller sees `[DONE]`.

use std::time::{Duration, Instant as StdInstant};

use bytes::Bytes;
use edge::{BodyWriter, Responder};
use ledger::Deadline;
use providers::{AnswerParts, ChatAnswer, SseChunk, SseEvent, SseReader, Tokens, UpstreamError};
use tokio::time::{Instant, timeout, timeout_at};

use crate::price;

/// An upstream that sends nothing for so long when its time is over has stalled. One that sends until then is slow at most.
const STALLED_AFTER: Duration = Duration::from_secs(5);
/// The usage comes right behind the last word. A caller that leaves between them has had the whole answer.
const USAGE_WITHIN: Duration = Duration::from_secs(2);

/// A stream whose first part has arrived.
pub(crate) struct Begun {
    answer: ChatAnswer,
    reader: SseReader,
    tally: Tally,
    /// What has arrived and is not sent yet.
    unsent: Vec<u8>,
}

/// What has been read of a stream.
#[derive(Debug, Default)]
struct Tally {
    wants_usage: bool,
    /// As the upstream names the answer.
    id: Option<String>,
    counted: Option<Counted>,
    text_bytes: u64,
    has_begun: bool,
    /// Whether a part has said why the answer ends.
    is_finished: bool,
    /// The last event, `[DONE]`, as the upstream spells it.
    done: Option<Vec<u8>>,
    /// What the upstream reports in its middle.
    error: Option<UpstreamError>,
}

/// The last tokens that the upstream has reported, and the text before their part and with it. Some upstreams begin with
/// those of the prompt.
#[derive(Debug, Clone, Copy)]
struct Counted {
    tokens: Tokens,
    bytes_before: u64,
    bytes: u64,
}

/// What a stream was, when nothing more of it is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Streamed {
    pub(crate) id: Option<String>,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) text_bytes: u64,
    pub(crate) end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All of it is sent, but for this.
    Whole { last: Vec<u8> },
    /// Its caller has left, or reads too slowly.
    Left,
    /// The time of the call is over, although the upstream goes on.
    OutOfTime,
    /// The upstream has failed in its middle, and its caller knows nothing of it yet.
    Failed(UpstreamError),
}

impl Begun {
    /// Waits for the first part. A stream that ends before, or begins with an error, is no answer.
    pub(crate) async fn of(answer: ChatAnswer, wants_usage: bool) -> Result<Self, UpstreamError> {
        let tally = Tally { wants_usage, ..Tally::default() };
        let mut begun = Self { answer, reader: SseReader::default(), tally, unsent: Vec::new() };
        while !begun.tally.has_begun {
            let is_more = begun.read().await?;
            if let Some(error) = begun.tally.error.take() {
                return Err(error);
            }
            if !is_more && !begun.tally.has_begun {
                return Err(UpstreamError::Unreadable);
            }
        }
        Ok(begun)
    }

    /// Sends all that arrives, but for the end, while its caller reads until then.
    pub(crate) async fn send_on(mut self, writer: &mut BodyWriter, until: Deadline, started: StdInstant) -> Streamed {
        let clock = Instant::from_std(started);
        let end = loop {
            let unsent = std::mem::take(&mut self.unsent);
            if !matches!(timeout_at(Instant::from_std(until.0), writer.send(Bytes::from(unsent))).await, Ok(Ok(()))) {
                break End::Left;
            }
            if let Some(error) = self.tally.error.take() {
                break End::Failed(error);
            }
            if let Some(last) = self.tally.done.take() {
                break End::Whole { last };
            }
            let before = clock.elapsed();
            // However fast its caller reads: its hold does not stay open for longer.
            if before >= until.0.saturating_duration_since(started) {
                break End::OutOfTime;
            }
            let read = tokio::select! {
                biased;
                read = self.read() => read,
                () = writer.left() => break End::Left,
            };
            match read {
                // Some upstreams end without `[DONE]`.
                Ok(false) if self.unsent.is_empty() && self.tally.done.is_none() && self.tally.error.is_none() => {
                    let is_whole = self.tally.is_finished;
                    break if is_whole { End::Whole { last: Vec::new() } } else { End::Failed(UpstreamError::Broken) };
                }
                Ok(_) => {}
                Err(UpstreamError::TimedOut) if clock.elapsed().saturating_sub(before) < STALLED_AFTER => {
                    break End::OutOfTime;
                }
                Err(error) => break End::Failed(error),
            }
        };
        if end == End::Left && self.tally.is_finished {
            self.await_usage().await;
        }
        let tokens = self.tally.tokens(matches!(end, End::Whole { .. }));
        let Tally { id, text_bytes, .. } = self.tally;
        Streamed { id, tokens, text_bytes, end }
    }

    async fn await_usage(&mut self) {
        let read = async { while !self.tally.is_counted() && matches!(self.read().await, Ok(true)) {} };
        // Without it, the answer has its estimate.
        let _ = timeout(USAGE_WITHIN, read).await;
    }

    /// Reads the next bytes. Returns whether there may be more.
    async fn read(&mut self) -> Result<bool, UpstreamError> {
        if self.tally.done.is_some() {
            return Ok(false);
        }
        let Some(bytes) = self.answer.part().await? else {
            if let Some(event) = std::mem::take(&mut self.reader).end() {
                self.tally.take(event, &mut self.unsent);
            }
            return Ok(false);
        };
        for event in self.reader.push(&bytes)? {
            self.tally.take(event, &mut self.unsent);
        }
        Ok(true)
    }
}

impl Tally {
    /// Whether the tokens are those of all text.
    fn is_counted(&self) -> bool {
        self.counted.is_some_and(|counted| counted.bytes_before == self.text_bytes)
    }

    /// Those of all text. The last ones of a whole answer that has text behind them count no less than all text.
    fn tokens(&self, is_whole: bool) -> Option<Tokens> {
        let Counted { tokens, bytes, .. } = self.counted.filter(|_| is_whole || self.is_counted())?;
        let least = if bytes < self.text_bytes { price::tokens_of(self.text_bytes) } else { 0 };
        Some(Tokens { completion: tokens.completion.max(least), ..tokens })
    }

    fn take(&mut self, event: SseEvent, unsent: &mut Vec<u8>) {
        // Nothing follows the end.
        if self.done.is_some() || self.error.is_some() {
            return;
        }
        match &event.chunk {
            SseChunk::Done => {
                self.done = Some(event.bytes);
                return;
            }
            SseChunk::Parts(parts) => {
                let AnswerParts { ref id, tokens, text_bytes, has_choices, is_finished, is_error } = *parts;
                if self.id.is_none() {
                    self.id.clone_from(id);
                }
                // Its words are for us: a caller gets the error that follows from it.
                if is_error {
                    self.error = Some(event.error());
                    return;
                }
                let bytes_before = self.text_bytes;
                self.text_bytes = bytes_before.saturating_add(text_bytes);
                // What was generated grows: a report that says no more than one before is not of what came between.
                let is_news = |tokens: &Tokens| self.counted.is_none_or(|counted| tokens.all() > counted.tokens.all());
                if let Some(tokens) = tokens.filter(is_news) {
                    self.counted = Some(Counted { tokens, bytes_before, bytes: self.text_bytes });
                }
                self.has_begun |= has_choices;
                self.is_finished |= is_finished;
                if !has_choices && tokens.is_some() && !self.wants_usage {
                    return;
                }
            }
            SseChunk::Other => {}
        }
        unsent.extend_from_slice(&event.bytes);
    }
}

/// The head of a stream.
pub(crate) fn begin(responder: Responder, request_id: &str) -> BodyWriter {
    let headers = vec![
        ("content-type", "text/event-stream; charset=utf-8".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-request-id", request_id.to_owned()),
    ];
    responder.begin(200, headers)
}
