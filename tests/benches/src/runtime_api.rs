//! Lambda's runtime API for one sandbox: hands it one event after the other, and times each answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::clock::{deadline_ms, instant};
use crate::error::Error;

/// Between the head of a reply in parts and its body.
const DELIMITER: [u8; 8] = [0; 8];

const PREFIX: &str = "/2018-06-01/runtime/";

/// What a function made of an event.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The function returned; a function that raised an exception did not.
    pub(crate) returned: bool,
    pub(crate) body: String,
    pub(crate) took: Duration,
    /// Of a reply in parts: when the first one arrived, after status and headers.
    pub(crate) first_part: Option<Duration>,
}

struct Invocation {
    event: String,
    /// The function's timeout.
    patience: Duration,
    answer: oneshot::Sender<Answer>,
}

pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    events: mpsc::Sender<Invocation>,
    polls: watch::Receiver<Polls>,
}

/// The number of polls, and the time of the first.
#[derive(Debug, Default, Clone, Copy)]
struct Polls {
    count: u64,
    first: Option<Instant>,
}

struct Shared {
    events: Mutex<mpsc::Receiver<Invocation>>,
    polls: watch::Sender<Polls>,
    open: Mutex<Option<(Instant, oneshot::Sender<Answer>)>>,
}

impl RuntimeApi {
    pub(crate) async fn serve() -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (events, receiver) = mpsc::channel(1);
        let (polls, seen) = watch::channel(Polls::default());
        let shared = Arc::new(Shared { events: Mutex::new(receiver), polls, open: Mutex::default() });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(|request| shared.answer(request));
                    // An end of the connection is an end of the sandbox.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, events, polls: seen })
    }

    /// The time of the sandbox's first poll.
    pub(crate) async fn first_poll(&self) -> Result<Instant, Error> {
        self.polled(1).await?;
        self.polls.borrow().first.ok_or_else(|| Error::failed("no poll"))
    }

    /// Returns after this many polls: the sandbox has done what it does after an answer.
    pub(crate) async fn polled(&self, count: u64) -> Result<(), Error> {
        let mut polls = self.polls.clone();
        let polled = polls.wait_for(|polls| polls.count >= count).await;
        polled.map(drop).map_err(|_| Error::failed("the runtime API has stopped"))
    }

    /// The function's answer; `None` if the sandbox died before it.
    pub(crate) async fn invoke(&self, event: String, patience: Duration) -> Option<Answer> {
        let (answer, answered) = oneshot::channel();
        self.events.send(Invocation { event, patience, answer }).await.ok()?;
        answered.await.ok()
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
        if path == "invocation/next" {
            return Ok(self.next().await);
        }
        let (mut body, mut received, mut first_part) = (request.into_body(), Vec::new(), None);
        while let Some(Ok(frame)) = body.frame().await {
            received.extend_from_slice(frame.data_ref().map_or(&[], Bytes::as_ref));
            if first_part.is_none() && part_of(&received).is_some_and(|part| !part.is_empty()) {
                first_part = Some(instant());
            }
        }
        let arrived = instant();
        if let Some((sent, answer)) = self.open.lock().await.take() {
            let body = String::from_utf8_lossy(&received).into_owned();
            let took = arrived.saturating_duration_since(sent);
            let first_part = first_part.map(|at| at.saturating_duration_since(sent));
            let _ = answer.send(Answer { returned: path.ends_with("/response"), body, took, first_part });
        }
        Ok(response(202, "{}"))
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let at = instant();
        self.polls.send_modify(|polls| {
            polls.count = polls.count.saturating_add(1);
            polls.first.get_or_insert(at);
        });
        let Some(Invocation { event, patience, answer }) = self.events.lock().await.recv().await else {
            return response(500, "{}");
        };
        let mut response = response(200, &event);
        let deadline = deadline_ms(patience).to_string();
        for (name, value) in [
            ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
            ("lambda-runtime-deadline-ms", deadline.as_str()),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:bench"),
            ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
        ] {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        *self.open.lock().await = Some((instant(), answer));
        response
    }
}

/// What follows the status and the headers of a reply in parts.
fn part_of(received: &[u8]) -> Option<&[u8]> {
    let at = received.windows(DELIMITER.len()).position(|window| window == DELIMITER)?;
    received.get(at + DELIMITER.len()..)
}

fn response(status: u16, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = status.try_into().unwrap_or_default();
    if let Ok(value) = "application/json".parse() {
        response.headers_mut().insert("content-type", value);
    }
    response
}
