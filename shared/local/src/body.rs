//! Bodies of responses: whole, or in parts as a function or a fake makes them.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use edge::PartedReply;
use fakes::openai::End;
use futures_util::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

/// An error of it ends the connection within the body.
pub(crate) type HttpBody = UnsyncBoxBody<Bytes, io::Error>;

pub(crate) fn whole(body: impl Into<Bytes>) -> HttpBody {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// The rest of a function's reply. If the caller leaves, hyper drops it, and the function notices.
pub(crate) fn of_function(reply: PartedReply) -> HttpBody {
    StreamBody::new(reply.map(|part| part.map(Frame::data).map_err(|never| match never {}))).boxed_unsync()
}

/// The parts of a fake's reply, with a pause before each but the first.
pub(crate) fn of_fake(parts: Vec<String>, pace: Duration, end: End) -> HttpBody {
    let parts = stream::iter(parts.into_iter().enumerate()).then(move |(number, part)| async move {
        if number > 0 && !pace.is_zero() {
            tokio::time::sleep(pace).await;
        }
        Ok(Frame::data(Bytes::from(part)))
    });
    let end = stream::once(async move {
        match end {
            End::Whole => None,
            End::Breaks => Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))),
            End::Stalls => std::future::pending().await,
        }
    });
    StreamBody::new(parts.chain(end.filter_map(std::future::ready))).boxed_unsync()
}
