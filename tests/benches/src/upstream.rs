//! The fake upstream over HTTP, and a call to it with nothing between.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fakes::openai::{Answered, Call, OpenAi};
use futures_util::stream;
use http::Request;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::clock::instant;
use crate::error::Error;

pub(crate) const UPSTREAM_KEY: &str = "sk-of-the-upstream-of-the-bench";
const PATH: &str = "/v1/chat/completions";

type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(crate) struct UpstreamServer {
    pub(crate) address: SocketAddr,
}

/// When a stream had its first part, and its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    pub(crate) first: Duration,
    pub(crate) last: Duration,
}

impl UpstreamServer {
    /// Serves the fake, with a pause before each part but the first.
    pub(crate) async fn serve(pace: Duration) -> Result<Self, Error> {
        let upstream = Arc::new(OpenAi::new(UPSTREAM_KEY, "bench"));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let upstream = Arc::clone(&upstream);
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(Arc::clone(&upstream), request, pace));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// A connection that stays open, as a client of the upstream has one.
    pub(crate) async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            client::handshake(TokioIo::new(stream)).await.map_err(|error| Error::failed(error.to_string()))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// One call, and when its parts arrived.
    pub(crate) async fn call(&self, sender: &mut SendRequest<Full<Bytes>>, body: &str) -> Result<Arrival, Error> {
        let wrong = |error: &dyn std::error::Error| Error::failed(error.to_string());
        let request = Request::post(PATH)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {UPSTREAM_KEY}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_owned())));
        let began = instant();
        let response = sender.send_request(request.map_err(|error| wrong(&error))?).await;
        let response = response.map_err(|error| wrong(&error))?;
        let status = response.status();
        let (mut body, mut first): (_, Option<Instant>) = (response.into_body(), None);
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| wrong(&error))?;
            first.get_or_insert_with(instant);
        }
        let last = instant();
        if status != 200 {
            return Err(Error::failed(format!("the upstream answered {status}")));
        }
        let since = |at: Instant| at.saturating_duration_since(began);
        Ok(Arrival { first: since(first.unwrap_or(last)), last: since(last) })
    }
}

async fn answer(
    upstream: Arc<OpenAi>,
    request: Request<Incoming>,
    pace: Duration,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let (method, path) = (head.method.as_str(), head.uri.path());
    let body = String::from_utf8_lossy(&body);
    let Answered { status, headers, parts, .. } =
        upstream.answer(&Call { method, path, authorization, body: &body, now_s: 1_767_225_600 });
    let parts = stream::unfold((parts.into_iter(), true), move |(mut parts, is_first)| async move {
        let part = parts.next()?;
        if !is_first && !pace.is_zero() {
            tokio::time::sleep(pace).await;
        }
        Some((Ok(Frame::data(Bytes::from(part))), (parts, false)))
    });
    let mut response = Response::new(StreamBody::new(parts).boxed_unsync());
    *response.status_mut() = status.try_into().unwrap_or_default();
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
