//! Functions that answer in parts: over a function URL with response streaming, and in one body over an HTTP API.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lambda_http::lambda_runtime::{self, FunctionResponse, MetadataPrelude, StreamResponse};
use lambda_http::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::gateway::{self, GatewayReply};
use crate::responder::text;
use crate::run::remaining;
use crate::{Invocation, Reply, ReplyHead, Responder, responder};

/// Lambda's own limit for a reply in one body is 6 MB, in which the body is escaped.
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// A function that answers requests in parts, as the runtime sees it.
pub trait StreamService: Send + Sync + 'static {
    /// The reply deadline where the reply is one body.
    const REPLY_WITHIN: Duration;
    /// The reply deadline where it is sent in parts.
    const STREAM_WITHIN: Duration;

    /// Answers a gateway event by the responder. The invocation ends when this has ended, and the body no earlier: what
    /// is done after the last part is done in time.
    fn answer(&self, event: &str, invocation: &Invocation, responder: Responder) -> impl Future<Output = ()> + Send;
}

/// Serves invocations for as long as the sandbox lives.
pub async fn run_stream<S: StreamService>(service: S) -> Result<(), Error> {
    let service = &Arc::new(service);
    let serve = |event: LambdaEvent<Box<RawValue>>| async move {
        let form = gateway::read_with_form(event.payload.get()).1;
        let is_streamed = form.is_of_function_url;
        let within = if is_streamed { S::STREAM_WITHIN } else { S::REPLY_WITHIN };
        let invocation = Invocation::now(remaining(event.context.deadline).min(within));
        let event: Arc<str> = event.payload.get().into();
        let reply = PartedReply::of(service, event, invocation, is_streamed).await;
        Ok::<_, Error>(if is_streamed {
            FunctionResponse::StreamingResponse(reply.into_stream())
        } else {
            FunctionResponse::BufferedResponse(GatewayReply::new(form, reply.collect().await))
        })
    };
    lambda_runtime::run(service_fn(serve)).await
}

/// A reply whose body follows, and the task that makes it.
#[derive(Debug)]
pub struct PartedReply {
    pub head: ReplyHead,
    parts: mpsc::Receiver<Bytes>,
    /// `None` once it has ended.
    task: Option<JoinHandle<()>>,
}

impl PartedReply {
    /// Has the service answer in a task of its own, which goes on if the caller leaves: what it has begun, it completes.
    /// Waits for the head.
    pub async fn of<S: StreamService>(
        service: &Arc<S>,
        event: Arc<str>,
        invocation: Invocation,
        is_streamed: bool,
    ) -> Self {
        let (responder, mut reader) = responder(is_streamed, invocation.deadline);
        let service = Arc::clone(service);
        let answer = async move { service.answer(&event, &invocation, responder).await };
        let task = Some(tokio::spawn(answer));
        // A function that panics, or forgets its caller, has no head.
        let head = reader.head().await.unwrap_or_else(|| ReplyHead { status: 500, headers: Vec::new() });
        Self { head, parts: reader.parts, task }
    }

    /// Waits for a part. `None` when the function has ended.
    pub async fn part(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|context| self.poll_part(context)).await
    }

    /// The reply as one body.
    pub async fn collect(mut self) -> Reply {
        let (mut body, mut is_too_large) = (Vec::new(), false);
        while let Some(part) = self.part().await {
            body.extend_from_slice(&part);
            if body.len() > BODY_BYTES_MAX {
                is_too_large = true;
                body.clear();
                // The function sees a caller that has left.
                self.parts.close();
            }
        }
        if is_too_large {
            return Reply::empty(500);
        }
        let ReplyHead { status, headers } = self.head;
        Reply { status, headers, body: text(body) }
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(part) = std::task::ready!(self.parts.poll_recv(context)) {
            return Poll::Ready(Some(part));
        }
        // The sandbox freezes at the end of the body: the function must have ended by then. Its panic is logged.
        if let Some(task) = &mut self.task {
            let _ = std::task::ready!(task.poll_unpin(context));
            self.task = None;
        }
        Poll::Ready(None)
    }

    fn into_stream(self) -> StreamResponse<Self> {
        let status_code = StatusCode::from_u16(self.head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::new();
        for (name, value) in &self.head.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value)) {
                headers.append(name, value);
            }
        }
        let metadata_prelude = MetadataPrelude { status_code, headers, cookies: Vec::new() };
        StreamResponse { metadata_prelude, stream: self }
    }
}

impl Stream for PartedReply {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_part(context).map(|part| part.map(Ok))
    }
}

#[cfg(test)]
mod tests;
