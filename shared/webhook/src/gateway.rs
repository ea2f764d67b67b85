//! The shapes in which AWS hands over a request and takes a reply: HTTP APIs and function URLs (2.0), REST APIs (1.0).

use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
use lambda_http::request::LambdaRequest;
use serde::Serialize;

use crate::{Incoming, MalformedEvent, Reply};

/// The headers that prove something are never a list in any scheme here, so a 2.0 event, which joins equal headers with a comma,
/// and a 1.0 event, which has them all in a map of its own, end in the same refusal.
pub(crate) fn read(event: &str) -> Result<Incoming, MalformedEvent> {
    match serde_json::from_str(event).map_err(|_| MalformedEvent)? {
        LambdaRequest::ApiGatewayV2(event) => version_2(event),
        LambdaRequest::ApiGatewayV1(event) => version_1(event),
        _ => Err(MalformedEvent),
    }
}

fn version_2(event: ApiGatewayV2httpRequest) -> Result<Incoming, MalformedEvent> {
    let context = event.request_context;
    let path = event.raw_path.ok_or(MalformedEvent)?;
    // A named stage stands before the path; `$default` does not.
    let stage = context.stage.filter(|stage| stage != "$default").map(|stage| format!("/{stage}")).unwrap_or_default();
    let path = path.strip_prefix(&stage).filter(|rest| rest.starts_with('/')).unwrap_or(&path).to_owned();
    Ok(Incoming {
        method: context.http.method.to_string(),
        path,
        query: event.raw_query_string.unwrap_or_default(),
        headers: pairs(&event.headers)?,
        body: event.body.unwrap_or_default(),
        is_base64: event.is_base64_encoded,
        source_ip: context.http.source_ip.and_then(|ip| ip.parse().ok()),
    })
}

fn version_1(event: ApiGatewayProxyRequest) -> Result<Incoming, MalformedEvent> {
    // `headers` has only the last of equal headers.
    let headers = if event.multi_value_headers.is_empty() { &event.headers } else { &event.multi_value_headers };
    Ok(Incoming {
        method: event.http_method.to_string(),
        path: event.path.ok_or(MalformedEvent)?,
        // A 1.0 event has no raw query: what the sender signed cannot be told from it.
        query: String::new(),
        headers: pairs(headers)?,
        body: event.body.unwrap_or_default(),
        is_base64: event.is_base64_encoded,
        source_ip: event.request_context.identity.source_ip.and_then(|ip| ip.parse().ok()),
    })
}

fn pairs(headers: &http::HeaderMap) -> Result<Vec<(String, String)>, MalformedEvent> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| MalformedEvent)?;
        Ok((name.as_str().to_owned(), value.to_owned()))
    };
    headers.iter().map(pair).collect()
}

/// The reply, in the shape that both versions take.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GatewayReply {
    status_code: u16,
    headers: std::collections::BTreeMap<&'static str, String>,
    body: String,
    is_base64_encoded: bool,
}

impl From<Reply> for GatewayReply {
    fn from(reply: Reply) -> Self {
        Self {
            status_code: reply.status,
            headers: reply.headers.into_iter().collect(),
            body: reply.body,
            is_base64_encoded: false,
        }
    }
}
