//! One port: the API's routes as the template has them, and the store for whoever speaks DynamoDB.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use edge::Reply;
use embedded::Engine;
use http::header::{CONNECTION, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::api_gateway::{Call, Route, event};
use crate::functions::Answer;
use crate::mock_epay;
use crate::mock_fireblocks::{self, STEP};
use crate::mock_stripe::{self, MockStripe};
use crate::mock_unitel;
use crate::mock_wechat;
use crate::mocks::Mocks;
use crate::now::now;
use crate::outcome::{self, with_outcome};
use crate::sources::{EPAY, FIREBLOCKS, Headers, STRIPE};
use crate::visitor::Addresses;

/// API Gateway's own limit. What a function accepts is far less.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// API Gateway's own limit, of the request line and the values of the headers together.
const HEAD_BYTES_MAX: usize = 10_240;
/// Beyond this nobody is owed an answer.
const READ_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;
/// How often a stand-in sends an event.
const DELIVERIES_MAX: u32 = 5;
const DYNAMODB_TARGET: &str = "x-amz-target";

pub(crate) struct Gateway {
    pub(crate) engine: Engine,
    pub(crate) functions: Vec<Served>,
    pub(crate) addresses: Addresses,
    /// How long a request may take to arrive.
    pub(crate) patience: Duration,
    pub(crate) mocks: Mocks,
}

pub(crate) struct Served {
    pub(crate) routes: Vec<Route>,
    pub(crate) answer: Answer,
}

type Answered = Response<Full<Bytes>>;

impl Gateway {
    pub(crate) async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Result<Answered, Infallible> {
        let (head, body) = request.into_parts();
        let body = match tokio::time::timeout(self.patience, whole(body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(refusal)) => return Ok(refusal),
            Err(_) => return Ok(timed_out()),
        };
        if !self.addresses.admit(&head.headers) {
            return Ok(message(StatusCode::FORBIDDEN, "Forbidden"));
        }
        if head.method == Method::POST && head.uri.path() == "/" && head.headers.contains_key(DYNAMODB_TARGET) {
            return Ok(self.store(&head.headers, &body));
        }
        if let Some(answered) = self.mocked(&head, &body, peer).await {
            return Ok(answered);
        }
        Ok(self.api(&head, &body, peer).await)
    }

    /// What a stand-in answers: that for Stripe once the events that it sends have been told to our webhook.
    async fn mocked(&self, head: &http::request::Parts, body: &[u8], peer: SocketAddr) -> Option<Answered> {
        let (path, body) = (head.uri.path_and_query()?.as_str(), String::from_utf8_lossy(body));
        if let Some(path) = path.strip_prefix(mock_wechat::PATH) {
            let reply = self.mocks.wechat.answer(head.method.as_str(), path, &head.headers, &body, now());
            return Some(response(reply, "mock"));
        }
        if let Some(path) = path.strip_prefix(mock_unitel::PATH) {
            let reply = self.mocks.unitel.answer(head.method.as_str(), path, &head.headers, &body, now()).await;
            return Some(response(reply, "mock"));
        }
        if let (Some(path), Some(mock)) = (path.strip_prefix(mock_epay::PATH), &self.mocks.epay) {
            let mocked = mock.answer(head.method.as_str(), path, &body, now());
            if let Some(form) = mocked.notifies {
                self.notify(&form, peer).await;
            }
            return Some(response(mocked.reply, "mock"));
        }
        if let Some(path) = path.strip_prefix(mock_fireblocks::PATH) {
            let (reply, after) = self.mocks.fireblocks.answer(head.method.as_str(), path, &head.headers, &body, now());
            tokio::time::sleep(after).await;
            return Some(response(reply, "mock"));
        }
        let mock = self.mocks.stripe.as_ref()?;
        let path = path.strip_prefix(mock_stripe::PATH)?;
        let mocked = mock.answer(head.method.as_str(), path, &head.headers, &body, now())?;
        for event in &mocked.events {
            self.deliver(mock, event, peer).await;
        }
        Some(response(mocked.reply, "mock"))
    }

    /// Transfers at the stand-in for Fireblocks go on by themselves, and our webhook is told of every step.
    pub(crate) async fn go_on(&self, address: SocketAddr) {
        loop {
            tokio::time::sleep(STEP).await;
            for body in self.mocks.fireblocks.go_on(now()) {
                let signed = || self.mocks.fireblocks.signed(&body, now());
                self.post(FIREBLOCKS.path(), &body, signed, address).await;
            }
        }
    }

    async fn deliver(&self, mock: &MockStripe, event: &str, peer: SocketAddr) {
        if self.post(STRIPE.path(), event, || mock.signed(event, now()).unwrap_or_default(), peer).await {
            mock.delivered(event);
        }
    }

    /// As Stripe and Fireblocks do: until it is accepted, though here not for days. Whether it was.
    async fn post(&self, path: &str, body: &str, signed: impl Fn() -> Headers, peer: SocketAddr) -> bool {
        for _ in 0..DELIVERIES_MAX {
            let mut request = Request::post(path).header(CONTENT_TYPE, "application/json");
            for (name, value) in signed() {
                request = request.header(name, value);
            }
            let Ok((head, ())) = request.body(()).map(Request::into_parts) else { return false };
            if self.api(&head, body.as_bytes(), peer).await.status().is_success() {
                return true;
            }
        }
        tracing::warn!(path, "an event of a stand-in was not accepted");
        false
    }

    /// As a gateway does: until it reads that it was a success.
    async fn notify(&self, form: &str, peer: SocketAddr) {
        for _ in 0..DELIVERIES_MAX {
            let request = Request::get(format!("{}?{form}", EPAY.path())).body(());
            let Ok((head, ())) = request.map(Request::into_parts) else { return };
            if self.api(&head, b"", peer).await.status().is_success() {
                return;
            }
        }
        tracing::warn!("a notification of the stand-in for an epay gateway was not accepted");
    }

    async fn api(&self, head: &http::request::Parts, body: &[u8], peer: SocketAddr) -> Answered {
        let (method, path) = (head.method.as_str(), head.uri.path());
        if head_bytes(head) > HEAD_BYTES_MAX {
            return message(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
        }
        let matching = self.functions.iter().flat_map(|function| {
            let of_function = function.routes.iter();
            of_function.filter_map(move |route| Some((function, route, route.matches(method, path)?)))
        });
        let Some((function, route, parameters)) = matching.min_by_key(|(_, route, _)| route.vagueness()) else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let request_id = format!("{:016x}", fastrand::u64(..));
        let call = Call {
            method,
            path,
            query: head.uri.query().unwrap_or_default(),
            protocol: "HTTP/1.1",
            headers: &self.forwarded(&head.headers, peer),
            body,
            source_ip: peer.ip(),
            request_id: &request_id,
            now: now(),
        };
        let event = event(&call, route, &parameters).to_string();
        let (reply, outcome) = with_outcome((function.answer)(event)).await;
        let mut response = response(reply, &request_id);
        if let Some(outcome) = outcome.and_then(|outcome| HeaderValue::from_str(&outcome).ok()) {
            response.headers_mut().insert(outcome::HEADER, outcome);
        }
        response
    }

    /// The headers, with those that API Gateway adds. Of an earlier proxy's it keeps the values, before its own.
    fn forwarded(&self, headers: &HeaderMap, peer: SocketAddr) -> Vec<(String, String)> {
        let sent = headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let added = [
            ("x-forwarded-for", peer.ip().to_string()),
            ("x-forwarded-port", self.addresses.port.to_string()),
            ("x-forwarded-proto", "http".to_owned()),
        ];
        sent.chain(added.map(|(name, value)| (name.to_owned(), value))).collect()
    }

    /// The store's own API, for `cargo lambda watch`, the AWS CLI and our own commands. Nobody signs here, so no web page may call it,
    /// not even one of ours.
    fn store(&self, headers: &HeaderMap, body: &[u8]) -> Answered {
        if headers.contains_key(ORIGIN) {
            return message(StatusCode::FORBIDDEN, "Forbidden");
        }
        let target = headers.get(DYNAMODB_TARGET).and_then(|target| target.to_str().ok());
        let (status, answer) = self.engine.answer(target, &String::from_utf8_lossy(body));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Full::new(Bytes::from(answer)));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/x-amz-json-1.0");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

/// As API Gateway counts them: `GET /path?query HTTP/1.1`, and what stands in the headers.
fn head_bytes(head: &http::request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = [head.method.as_str().len(), " ".len(), target, " HTTP/1.1".len()];
    line.into_iter().chain(head.headers.values().map(HeaderValue::len)).fold(0, usize::saturating_add)
}

/// A body that is too long is read on all the same: a sender that is still sending would meet a closed connection, and no answer.
async fn whole(mut body: Incoming) -> Result<Vec<u8>, Answered> {
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| message(StatusCode::BAD_REQUEST, "Bad Request"))?;
        let data = frame.into_data().unwrap_or_default();
        length = length.saturating_add(data.len());
        if length <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&data);
        } else if length > READ_BYTES_MAX {
            break;
        }
    }
    if length <= BODY_BYTES_MAX { Ok(bytes) } else { Err(message(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long")) }
}

fn response(reply: Reply, request_id: &str) -> Answered {
    let mut response = Response::builder().status(reply.status).header("apigw-requestid", request_id);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    // A header that cannot be written would be a function's fault: to its sender, a gateway says no more than this.
    response
        .body(Full::new(Bytes::from(reply.body)))
        .unwrap_or_else(|_| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
}

/// The rest of the request may still be on its way: nothing else can be read from this connection.
fn timed_out() -> Answered {
    let mut response = message(StatusCode::REQUEST_TIMEOUT, "Request Timeout");
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What API Gateway says itself.
fn message(status: StatusCode, message: &str) -> Answered {
    let body = serde_json::json!({ "message": message }).to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
