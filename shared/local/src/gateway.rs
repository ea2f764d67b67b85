//! The HTTP gateway on one port: the template's API routes, the fakes of the providers, and the store's DynamoDB API.

mod buttons;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use edge::{PartedReply, Reply, ReplyHead};
use embedded::{Engine, InvokeMode};
use http::header::{CONNECTION, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::api_gateway::{Call, Route, event};
use crate::body::{self, HttpBody};
use crate::front::{self, Front};
use crate::function_url;
use crate::functions::{Answer, AnswerInParts};
use crate::host_check::Addresses;
use crate::mock_epay;
use crate::mock_fireblocks::{self, STEP};
use crate::mock_new_api;
use crate::mock_stripe::{self, MockStripe};
use crate::mock_unitel;
use crate::mock_wechat;
use crate::mocks::Mocks;
use crate::now::now;
use crate::outcome::{self, with_outcome};
use crate::sources::{EPAY, FIREBLOCKS, Headers, STRIPE, WECHAT};

/// API Gateway's own limit. Each function has a far lower one.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// API Gateway's own limit for the request line and the header values together.
const HEAD_BYTES_MAX: usize = 10_240;
/// The gateway stops reading a body here and answers 413.
const READ_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;
/// How often a fake sends an event before it gives up.
const DELIVERIES_MAX: u32 = 5;
const DYNAMODB_TARGET: &str = "x-amz-target";

pub(crate) struct Gateway {
    pub(crate) engine: Engine,
    pub(crate) functions: Vec<RoutedFunction>,
    pub(crate) addresses: Addresses,
    /// The read timeout of a request.
    pub(crate) patience: Duration,
    pub(crate) mocks: Mocks,
    pub(crate) front: Front,
}

/// A function with the routes that lead to it.
pub(crate) struct RoutedFunction {
    pub(crate) name: String,
    pub(crate) routes: Vec<Route>,
    /// How its function URL sends replies on, if it has one.
    pub(crate) url: Option<InvokeMode>,
    pub(crate) answering: Answering,
}

/// How a function answers.
pub(crate) enum Answering {
    Whole(Answer),
    InParts(AnswerInParts),
}

type HttpResponse = Response<HttpBody>;

impl Gateway {
    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<HttpResponse, Infallible> {
        let (head, body) = request.into_parts();
        let body = match tokio::time::timeout(self.patience, read_body(body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(refusal)) => return Ok(refusal),
            Err(_) => return Ok(timed_out()),
        };
        if !self.addresses.allows(&head.headers) {
            return Ok(message(StatusCode::FORBIDDEN, "Forbidden"));
        }
        if head.method == Method::POST && head.uri.path() == "/" && head.headers.contains_key(DYNAMODB_TARGET) {
            return Ok(self.store(&head.headers, &body).await);
        }
        if front::is_front(&head.method, head.uri.path()) {
            return Ok(response(self.front_reply(&head, peer).await, "local"));
        }
        if let Some(response) = self.fake_reply(&head, &body, peer).await {
            return Ok(response);
        }
        Ok(self.api(&head, &body, peer).await)
    }

    /// The reply of a fake. Stripe's fake delivers its events to our webhook before it replies.
    async fn fake_reply(&self, head: &http::request::Parts, body: &[u8], peer: SocketAddr) -> Option<HttpResponse> {
        let (path, body) = (head.uri.path_and_query()?.as_str(), String::from_utf8_lossy(body));
        if let Some(order) = path.strip_prefix(mock_wechat::PAY) {
            return Some(response(self.wechat_page(head.method.as_str(), order, peer).await, "mock"));
        }
        if let Some(path) = path.strip_prefix(mock_wechat::PATH) {
            let reply = self.mocks.wechat.answer(head.method.as_str(), path, &head.headers, &body, now());
            return Some(response(reply, "mock"));
        }
        if let Some(path) = path.strip_prefix(mock_new_api::PATH) {
            let reply = self.mocks.new_api.answer(head.method.as_str(), path, &head.headers, &body, now());
            return Some(response(reply, "mock"));
        }
        if let Some(path) = path.strip_prefix(mock_unitel::PATH) {
            let reply = self.mocks.unitel.answer(head.method.as_str(), path, &head.headers, &body, now()).await;
            return Some(response(reply, "mock"));
        }
        let method = head.method.as_str();
        if let Some(response) = self.mocks.openai.answer(method, path, &head.headers, &body, now()).await {
            return Some(response);
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

    /// WeChat's page of an order. A buyer who pays there comes back to the front page, after the notification.
    async fn wechat_page(&self, method: &str, order: &str, peer: SocketAddr) -> Reply {
        if method != Method::POST.as_str() {
            return self.mocks.wechat.page(order);
        }
        if let Some(signed) = self.mocks.wechat.pay(order, now()) {
            let headers = signed.headers;
            self.post(WECHAT.path(), &signed.body, || headers.clone(), peer).await;
        }
        Reply::empty(StatusCode::SEE_OTHER.as_u16()).with_header("location", front::PATH)
    }

    /// Advances the transfers at Fireblocks' fake, and delivers a webhook for each step.
    pub(crate) async fn advance_transfers(&self, address: SocketAddr) {
        loop {
            tokio::time::sleep(STEP).await;
            for body in self.mocks.fireblocks.advance(now()) {
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

    /// Retries until the webhook accepts the event, as Stripe and Fireblocks do, and returns whether it did.
    async fn post(&self, path: &str, body: &str, signed: impl Fn() -> Headers, peer: SocketAddr) -> bool {
        for _ in 0..DELIVERIES_MAX {
            let mut request = Request::post(path);
            for (name, value) in signed() {
                request = request.header(name, value);
            }
            if let Some(headers) = request.headers_mut() {
                headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            }
            let Ok((head, ())) = request.body(()).map(Request::into_parts) else { return false };
            if self.api(&head, body.as_bytes(), peer).await.status().is_success() {
                return true;
            }
        }
        tracing::warn!(path, "the webhook did not accept an event of a fake");
        false
    }

    /// Retries until the reply is a success, as an epay gateway does.
    async fn notify(&self, form: &str, peer: SocketAddr) {
        for _ in 0..DELIVERIES_MAX {
            let request = Request::get(format!("{}?{form}", EPAY.path())).body(());
            let Ok((head, ())) = request.map(Request::into_parts) else { return };
            if self.api(&head, b"", peer).await.status().is_success() {
                return;
            }
        }
        tracing::warn!("the webhook did not accept a notification of the epay fake");
    }

    async fn api(&self, head: &http::request::Parts, body: &[u8], peer: SocketAddr) -> HttpResponse {
        let (method, path) = (head.method.as_str(), head.uri.path());
        if head_bytes(head) > HEAD_BYTES_MAX {
            return message(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
        }
        let request_id = format!("{:016x}", fastrand::u64(..));
        let headers = self.forwarded(&head.headers, peer);
        let mut call = Call {
            method,
            path,
            query: head.uri.query().unwrap_or_default(),
            protocol: "HTTP/1.1",
            headers: &headers,
            body,
            source_ip: peer.ip(),
            request_id: &request_id,
            now: now(),
        };
        if let Some((name, path)) = function_url::split(path) {
            let mut of_name = self.functions.iter().filter(|function| function.name == name);
            let Some((function, mode)) = of_name.find_map(|function| Some((function, function.url?))) else {
                return message(StatusCode::NOT_FOUND, "Not Found");
            };
            call.path = path;
            let event = function_url::event(&call, name).to_string();
            return function.answer(event, mode == InvokeMode::ResponseStream, &request_id).await;
        }
        let matching = self.functions.iter().flat_map(|function| {
            let of_function = function.routes.iter();
            of_function.filter_map(move |route| Some((function, route, route.matches(method, path)?)))
        });
        let Some((function, route, parameters)) = matching.min_by_key(|(_, route, _)| route.vagueness()) else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        function.answer(event(&call, route, &parameters).to_string(), false, &request_id).await
    }

    /// The headers, with those that API Gateway adds. It keeps an earlier proxy's values before its own.
    fn forwarded(&self, headers: &HeaderMap, peer: SocketAddr) -> Vec<(String, String)> {
        let received = headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let added = [
            ("x-forwarded-for", peer.ip().to_string()),
            ("x-forwarded-port", self.addresses.port.to_string()),
            ("x-forwarded-proto", "http".to_owned()),
        ];
        received.chain(added.map(|(name, value)| (name.to_owned(), value))).collect()
    }

    /// The store's DynamoDB API, for `cargo lambda watch`, the AWS CLI and our own commands. It checks no signature, so it refuses
    /// every web page, including our own.
    async fn store(&self, headers: &HeaderMap, body: &[u8]) -> HttpResponse {
        if headers.contains_key(ORIGIN) {
            return message(StatusCode::FORBIDDEN, "Forbidden");
        }
        let target = headers.get(DYNAMODB_TARGET).and_then(|target| target.to_str().ok());
        let (status, answer) = self.engine.durable_answer(target, &String::from_utf8_lossy(body)).await;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(body::whole(answer));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/x-amz-json-1.0");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

impl RoutedFunction {
    async fn answer(&self, event: String, is_streamed: bool, request_id: &str) -> HttpResponse {
        let (mut response, outcome) = match &self.answering {
            Answering::Whole(answer) => {
                let (reply, outcome) = with_outcome(answer(event)).await;
                (response(reply, request_id), outcome)
            }
            Answering::InParts(answer) if is_streamed => (in_parts(answer(event, true).await, request_id), None),
            Answering::InParts(answer) => (response(answer(event, false).await.collect().await, request_id), None),
        };
        if let Some(outcome) = outcome.and_then(|outcome| HeaderValue::from_str(&outcome).ok()) {
            response.headers_mut().insert(outcome::HEADER, outcome);
        }
        response
    }
}

/// The size that API Gateway counts: `GET /path?query HTTP/1.1` and the header values.
fn head_bytes(head: &http::request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = [head.method.as_str().len(), " ".len(), target, " HTTP/1.1".len()];
    line.into_iter().chain(head.headers.values().map(HeaderValue::len)).fold(0, usize::saturating_add)
}

/// Reads on after the limit: a sender that is still sending would see a closed connection and no 413.
async fn read_body(mut body: Incoming) -> Result<Vec<u8>, HttpResponse> {
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

fn response(reply: Reply, request_id: &str) -> HttpResponse {
    let Reply { status, headers, body } = reply;
    with_head(status, headers, ("apigw-requestid", request_id), body::whole(body))
}

fn in_parts(reply: PartedReply, request_id: &str) -> HttpResponse {
    let ReplyHead { status, headers } = reply.head.clone();
    with_head(status, headers, ("x-amzn-requestid", request_id), body::of_function(reply))
}

fn with_head(
    status: u16,
    headers: Vec<(&'static str, String)>,
    (id_header, id): (&'static str, &str),
    body: HttpBody,
) -> HttpResponse {
    let mut response = Response::builder().status(status).header(id_header, id);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    // A header that cannot be encoded is the function's fault: API Gateway answers only this.
    response.body(body).unwrap_or_else(|_| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
}

/// Closes the connection, since the rest of the request may still arrive on it.
fn timed_out() -> HttpResponse {
    let mut response = message(StatusCode::REQUEST_TIMEOUT, "Request Timeout");
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// An error response of API Gateway itself.
fn message(status: StatusCode, message: &str) -> HttpResponse {
    let body = serde_json::json!({ "message": message }).to_string();
    let mut response = Response::new(body::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
