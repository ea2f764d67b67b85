//! Reads a stream of server-sent events, whose bytes pass as they are.

use super::{AnswerParts, UpstreamError};

/// A hundred times the size of a chunk. What is no event by then is no stream of chunks.
const EVENT_BYTES_MAX: usize = 512 * 1024;

/// Splits bytes into events, however they were cut on their way.
#[derive(Default)]
pub struct SseReader {
    unread: Vec<u8>,
    /// Before this, `unread` has no end of an event.
    searched: usize,
}

/// One event, or a comment, with the blank line that ends it.
#[derive(PartialEq, Eq)]
pub struct SseEvent {
    pub bytes: Vec<u8>,
    pub chunk: SseChunk,
}

/// What an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseChunk {
    /// `[DONE]`
    Done,
    Parts(AnswerParts),
    /// A comment, or data that is no chunk of an answer.
    Other,
}

impl SseReader {
    /// The events that are complete with these bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, UpstreamError> {
        self.unread.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.end_of_event() {
            let rest = self.unread.split_off(end);
            let bytes = std::mem::replace(&mut self.unread, rest);
            self.searched = 0;
            events.push(SseEvent { chunk: SseChunk::of(&bytes), bytes });
        }
        if self.unread.len() > EVENT_BYTES_MAX { Err(UpstreamError::Unreadable) } else { Ok(events) }
    }

    /// The event at the end of a stream that no blank line ends.
    pub fn end(self) -> Option<SseEvent> {
        let is_blank = self.unread.iter().all(u8::is_ascii_whitespace);
        (!is_blank).then(|| SseEvent { chunk: SseChunk::of(&self.unread), bytes: self.unread })
    }

    /// Behind the first blank line. Lines end in LF, CR LF or CR.
    fn end_of_event(&mut self) -> Option<usize> {
        let from = self.searched.saturating_sub(3);
        let unread = self.unread.get(from..).unwrap_or_default();
        let ends = [&b"\n\n"[..], b"\n\r\n", b"\r\r"];
        let found = ends.iter().filter_map(|end| {
            let at = unread.windows(end.len()).position(|window| window == *end)?;
            Some(from.saturating_add(at).saturating_add(end.len()))
        });
        let end = found.min();
        self.searched = self.unread.len();
        end
    }
}

impl SseEvent {
    /// The error that it reports.
    pub fn error(&self) -> UpstreamError {
        UpstreamError::of_body(&data(&self.bytes))
    }
}

fn data(event: &[u8]) -> Vec<u8> {
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    let data = lines.filter_map(|line| line.strip_prefix(b"data:"));
    let data: Vec<&[u8]> = data.map(|data| data.strip_prefix(b" ").unwrap_or(data)).collect();
    data.join(&b'\n')
}

impl SseChunk {
    fn of(event: &[u8]) -> Self {
        match data(event).trim_ascii() {
            b"" => Self::Other,
            b"[DONE]" => Self::Done,
            data => AnswerParts::read(data).map_or(Self::Other, Self::Parts),
        }
    }
}

/// The text is the model's answer.
impl std::fmt::Debug for SseEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SseEvent({} bytes, {:?})", self.bytes.len(), self.chunk)
    }
}

impl std::fmt::Debug for SseReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SseReader({} bytes)", self.unread.len())
    }
}
