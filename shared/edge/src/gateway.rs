//! HTTP request ↔ Lambda event and reply: payload format 2.0 (HTTP APIs, function URLs) and 1.0 (REST APIs).

use std::collections::BTreeMap;

use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
use lambda_http::request::LambdaRequest;
use serde::{Deserialize, Serialize};

use crate::{Incoming, MalformedEvent, Reply};

/// Reads a request from an event of either version.
///
/// No signature scheme here uses a list in a header. A repeated signature header is therefore refused in both versions:
/// 2.0 joins equal headers with a comma, 1.0 lists them in `multiValueHeaders`.
pub fn read(event: &str) -> Result<Incoming, MalformedEvent> {
    match serde_json::from_str(event).map_err(|_| MalformedEvent)? {
        LambdaRequest::ApiGatewayV2(event) => version_2(event),
        LambdaRequest::ApiGatewayV1(event) => version_1(event),
        _ => Err(MalformedEvent),
    }
}

fn version_2(event: ApiGatewayV2httpRequest) -> Result<Incoming, MalformedEvent> {
    let context = event.request_context;
    let path = event.raw_path.ok_or(MalformedEvent)?;
    // `rawPath` begins with the stage's name, unless the stage is `$default`.
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
    // `headers` has only the last of several equal headers.
    let headers = if event.multi_value_headers.is_empty() { &event.headers } else { &event.multi_value_headers };
    Ok(Incoming {
        method: event.http_method.to_string(),
        path: event.path.ok_or(MalformedEvent)?,
        // A 1.0 event has no raw query, so the bytes that the sender signed cannot be restored.
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

/// The fields of an event, in both versions, that decide the form of its reply.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplyTarget {
    version: Option<String>,
    http_method: Option<String>,
    request_context: Context,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Context {
    http: Http,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Http {
    method: Option<String>,
}

/// A reply in the format of its event's version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GatewayReply {
    status_code: u16,
    headers: BTreeMap<&'static str, String>,
    body: String,
    is_base64_encoded: bool,
    /// Only in 2.0. AWS does not need it, `cargo lambda watch` does.
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<[&'static str; 0]>,
}

impl GatewayReply {
    /// The reply to a HEAD request is that of GET, without the body.
    pub(crate) fn to(event: &str, reply: Reply) -> Self {
        let ReplyTarget { version, http_method, request_context } = serde_json::from_str(event).unwrap_or_default();
        let is_head = request_context.http.method.or(http_method).is_some_and(|method| method == "HEAD");
        Self {
            status_code: reply.status,
            headers: reply.headers.into_iter().collect(),
            body: if is_head { String::new() } else { reply.body },
            is_base64_encoded: false,
            cookies: version.filter(|version| version == "2.0").map(|_| []),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_kind_gives_content_type_and_body() {
        let rows = [
            (Reply::json(201, &[1]), r#"{"statusCode":201,"headers":{"content-type":"application/json"},"body":"[1]""#),
            (
                Reply::html(200, "<p>é".to_owned()),
                r#"{"statusCode":200,"headers":{"content-type":"text/html; charset=utf-8"},"body":"<p>é""#,
            ),
            (Reply::empty(204), r#"{"statusCode":204,"headers":{},"body":"""#),
        ];
        for (reply, expected) in rows {
            let reply = serde_json::to_string(&GatewayReply::to("{}", reply)).expect("JSON");
            assert_eq!(reply, format!("{expected},\"isBase64Encoded\":false}}"));
        }
    }

    #[test]
    fn head_request_gives_reply_without_body() {
        let rows = [
            (r#"{"version":"2.0","requestContext":{"http":{"method":"HEAD"}}}"#, ""),
            (r#"{"version":"2.0","requestContext":{"http":{"method":"GET"}}}"#, "true"),
            (r#"{"version":"1.0","httpMethod":"HEAD","requestContext":{"stage":"prod"}}"#, ""),
            (r#"{"version":"1.0","httpMethod":"GET","requestContext":{"stage":"prod"}}"#, "true"),
            (r#"{"version":"2.0","body":"HEAD","requestContext":{"http":{"method":"POST"}}}"#, "true"),
        ];
        for (event, body) in rows {
            let reply = GatewayReply::to(event, Reply::json(503, &true).with_header("retry-after", "5"));
            let expected = [("content-type", "application/json"), ("retry-after", "5")];
            let expected = expected.map(|(name, value)| (name, value.to_owned()));
            assert_eq!(
                (reply.status_code, reply.headers, reply.body.as_str()),
                (503, expected.into(), body),
                "{event}"
            );
        }
    }

    #[test]
    fn event_version_gives_reply_fields() {
        let reply = || Reply::json(200, &true).with_header("retry-after", "5");
        let common = r#"{"statusCode":200,"headers":{"content-type":"application/json","retry-after":"5"},"body":"true","isBase64Encoded":false"#;
        for (event, rest) in [
            (r#"{"version":"2.0"}"#, r#","cookies":[]}"#),
            (r#"{"version":"1.0"}"#, "}"),
            ("{}", "}"),
            ("no JSON", "}"),
        ] {
            let json = serde_json::to_string(&GatewayReply::to(event, reply())).expect("JSON");
            assert_eq!(json, format!("{common}{rest}"), "{event}");
        }
    }
}
