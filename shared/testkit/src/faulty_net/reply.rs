//! The reply of a fake provider, and its body as it arrives: at once, or in parts.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use fakes::openai::End;
use fakes::unitel::Wait;
use fakes::{Answered, openai};
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::time::sleep;

/// The reply to a call.
#[derive(Debug, Clone)]
pub struct ProviderReply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// The body, or its first part.
    pub body: String,
    /// The other parts of a body, and the pause before each.
    pub later: Vec<String>,
    pub pace: Duration,
    pub end: End,
    /// The webhooks that the provider sends now: bodies, unsigned, in order.
    pub webhooks: Vec<String>,
    /// The provider's own delay before the reply.
    pub wait: Wait,
}

impl ProviderReply {
    pub(crate) fn of(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            later: Vec::new(),
            pace: Duration::ZERO,
            end: End::Whole,
            webhooks: Vec::new(),
            wait: Wait::None,
        }
    }

    /// The same reply, which ends so after this many parts.
    pub(crate) fn ended(mut self, parts: usize, end: End) -> Self {
        self.later.truncate(parts.saturating_sub(1));
        Self { end, ..self }
    }

    /// A success whose body is not JSON.
    pub(super) fn unreadable(self) -> Self {
        Self { status: 200, body: "<html>".to_owned(), later: Vec::new(), end: End::Whole, ..self }
    }

    /// The same reply with all occurrences of `this` replaced, of which there must be one.
    pub(super) fn altered(mut self, this: &str, that: &str) -> Self {
        assert!(self.parts().any(|part| part.contains(this)), "{this} is in no part of the body");
        self.parts().for_each(|part| *part = part.replace(this, that));
        self
    }

    fn parts(&mut self) -> impl Iterator<Item = &mut String> {
        std::iter::once(&mut self.body).chain(&mut self.later)
    }

    /// Half of the body. If it is in parts, the connection breaks then.
    pub(super) fn cut(mut self) -> Self {
        if self.later.is_empty() {
            self.body.truncate(self.body.floor_char_boundary(self.body.len().div_euclid(2)));
            return self;
        }
        let half = self.later.len().div_euclid(2);
        self.ended(half.max(1), End::Breaks)
    }

    pub(super) fn response(self) -> HttpResponse {
        let status = StatusCode::from(http::StatusCode::from_u16(self.status).unwrap());
        let body = match (self.later.as_slice(), self.end) {
            ([], End::Whole) => SdkBody::from(self.body),
            _ => in_parts(self.body, self.later, self.pace, self.end),
        };
        let mut response = HttpResponse::new(status, body);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Answered> for ProviderReply {
    fn from(Answered { status, headers, body, events }: Answered) -> Self {
        Self { headers, webhooks: events, ..Self::of(status, body) }
    }
}

impl From<openai::Answered> for ProviderReply {
    fn from(openai::Answered { wait, status, headers, parts, pace_ms, end }: openai::Answered) -> Self {
        let mut parts = parts.into_iter();
        let first = Self::of(status, parts.next().unwrap_or_default());
        Self { headers, later: parts.collect(), pace: Duration::from_millis(pace_ms), end, wait, ..first }
    }
}

fn in_parts(first: String, later: Vec<String>, pace: Duration, end: End) -> SdkBody {
    let parts = later.into_iter().map(move |part| (pace, part));
    let mut parts = std::iter::once((Duration::ZERO, first)).chain(parts);
    let next = move |()| {
        let part = parts.next();
        async move {
            match (part, end) {
                (Some((pause, part)), _) => {
                    // Timers round up: no pause must be none.
                    if !pause.is_zero() {
                        sleep(pause).await;
                    }
                    Some((Ok(Frame::data(Bytes::from(part))), ()))
                }
                (None, End::Whole) => None,
                (None, End::Breaks) => Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), ())),
                (None, End::Stalls) => std::future::pending().await,
            }
        }
    };
    SdkBody::from_body_1_x(StreamBody::new(stream::unfold((), next)))
}
