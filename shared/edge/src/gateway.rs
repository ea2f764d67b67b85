//! HTTP request ↔ Lambda event and reply: payload format 2.0 (HTTP APIs, function URLs) and 1.0 (REST APIs).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Incoming, MalformedEvent, Reply};

/// The fields of an event that are read, of both versions. Any of them may be null.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Event<'e> {
    #[serde(borrow)]
    raw_path: Option<Text<'e>>,
    #[serde(borrow)]
    raw_query_string: Option<Text<'e>>,
    /// Of 1.0, as is `httpMethod`.
    #[serde(borrow)]
    path: Option<Text<'e>>,
    #[serde(borrow)]
    http_method: Option<Text<'e>>,
    #[serde(borrow)]
    headers: Option<BTreeMap<Text<'e>, Text<'e>>>,
    #[serde(borrow)]
    multi_value_headers: Option<BTreeMap<Text<'e>, Vec<Text<'e>>>>,
    #[serde(borrow)]
    body: Option<Text<'e>>,
    is_base64_encoded: Option<bool>,
    #[serde(borrow)]
    request_context: Context<'e>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context<'e> {
    #[serde(borrow)]
    stage: Option<Text<'e>>,
    /// Only in 2.0.
    #[serde(borrow)]
    http: Option<Http<'e>>,
    #[serde(borrow)]
    identity: Option<Identity<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http<'e> {
    #[serde(borrow)]
    method: Text<'e>,
    #[serde(borrow, default)]
    source_ip: Option<Text<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'e> {
    #[serde(borrow, default)]
    source_ip: Option<Text<'e>>,
}

/// A part of the event, borrowed unless it has escapes.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'e>(#[serde(borrow)] Cow<'e, str>);

impl From<Text<'_>> for String {
    fn from(Text(text): Text<'_>) -> Self {
        text.into_owned()
    }
}

/// Reads a request from an event of either version.
///
/// No signature scheme here uses a list in a header. A repeated signature header is therefore refused in both versions:
/// 2.0 joins equal headers with a comma, 1.0 lists them in `multiValueHeaders`.
pub fn read(event: &str) -> Result<Incoming, MalformedEvent> {
    let mut event: Event<'_> = serde_json::from_str(event).map_err(|_| MalformedEvent)?;
    match event.request_context.http.take() {
        Some(http) => version_2(event, http),
        None => version_1(event),
    }
}

fn version_2(event: Event<'_>, http: Http<'_>) -> Result<Incoming, MalformedEvent> {
    let Text(path) = event.raw_path.ok_or(MalformedEvent)?;
    // `rawPath` begins with the stage's name, unless the stage is `$default`.
    let stage = event.request_context.stage.filter(|Text(stage)| stage != "$default");
    let stage = stage.map(|Text(stage)| format!("/{stage}")).unwrap_or_default();
    let path = path.strip_prefix(&stage).filter(|rest| rest.starts_with('/')).unwrap_or(&path).to_owned();
    Ok(Incoming {
        method: http.method.into(),
        path,
        query: event.raw_query_string.map(String::from).unwrap_or_default(),
        headers: event.headers.unwrap_or_default().into_iter().map(header).collect::<Result<_, _>>()?,
        body: event.body.map(String::from).unwrap_or_default(),
        is_base64: event.is_base64_encoded.unwrap_or_default(),
        source_ip: http.source_ip.and_then(|Text(ip)| ip.parse().ok()),
    })
}

fn version_1(event: Event<'_>) -> Result<Incoming, MalformedEvent> {
    // `headers` has only the last of several equal headers.
    let all = event.multi_value_headers.unwrap_or_default().into_iter();
    let all = all.flat_map(|(Text(name), values)| values.into_iter().map(move |value| (Text(name.clone()), value)));
    let mut headers = all.map(header).collect::<Result<Vec<_>, _>>()?;
    if headers.is_empty() {
        headers = event.headers.unwrap_or_default().into_iter().map(header).collect::<Result<_, _>>()?;
    }
    let source_ip = event.request_context.identity.and_then(|identity| identity.source_ip);
    Ok(Incoming {
        method: event.http_method.ok_or(MalformedEvent)?.into(),
        path: event.path.ok_or(MalformedEvent)?.into(),
        // A 1.0 event has no raw query, so the bytes that the sender signed cannot be restored.
        query: String::new(),
        headers,
        body: event.body.map(String::from).unwrap_or_default(),
        is_base64: event.is_base64_encoded.unwrap_or_default(),
        source_ip: source_ip.and_then(|Text(ip)| ip.parse().ok()),
    })
}

/// No gateway passes a value on that could not stand in a request.
fn header((Text(name), Text(value)): (Text<'_>, Text<'_>)) -> Result<(String, String), MalformedEvent> {
    if value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(MalformedEvent);
    }
    let mut name = name.into_owned();
    name.make_ascii_lowercase();
    Ok((name, value.into_owned()))
}

/// The fields of an event, in both versions, that decide the form of its reply.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplyTarget<'e> {
    #[serde(borrow)]
    version: Option<Text<'e>>,
    #[serde(borrow)]
    http_method: Option<Text<'e>>,
    #[serde(borrow)]
    request_context: ReplyContext<'e>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReplyContext<'e> {
    #[serde(borrow)]
    http: Option<Http<'e>>,
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
        let method = request_context.http.map(|http| http.method).or(http_method);
        let is_head = method.is_some_and(|Text(method)| method == "HEAD");
        Self {
            status_code: reply.status,
            headers: reply.headers.into_iter().collect(),
            body: if is_head { String::new() } else { reply.body },
            is_base64_encoded: false,
            cookies: version.filter(|Text(version)| version == "2.0").map(|_| []),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_of_either_version_is_read_and_any_other_is_refused() {
        let rows = [
            (
                r#"{"version":"2.0","rawPath":"/a","rawQueryString":"b=%20","headers":{"X-One":"1,2","two":"é"},
                    "requestContext":{"http":{"method":"POST","sourceIp":"192.0.2.1"},"stage":"$default"},
                    "body":"{\"c\":\"\\u00e9\"}","isBase64Encoded":false,"cookies":null}"#,
                Some(("POST", "/a", "b=%20", r#"{"c":"\u00e9"}"#, "two=é x-one=1,2")),
            ),
            (
                r#"{"rawPath":"/dev/a","headers":null,"requestContext":{"http":{"method":"GET"},"stage":"dev"},"body":null}"#,
                Some(("GET", "/a", "", "", "")),
            ),
            (
                r#"{"path":"/a","httpMethod":"POST","headers":{"X-One":"2"},"multiValueHeaders":{"X-One":["1","2"],"x-one":["3"]},
                    "queryStringParameters":{"b":"c"},"requestContext":{"stage":"dev","identity":{"sourceIp":null}},
                    "body":"d","isBase64Encoded":null}"#,
                Some(("POST", "/a", "", "d", "x-one=1 x-one=2 x-one=3")),
            ),
            (
                r#"{"path":"/a","httpMethod":"GET","headers":{"One":"1"},"multiValueHeaders":null,"requestContext":{}}"#,
                Some(("GET", "/a", "", "", "one=1")),
            ),
            // Of a load balancer, which gives no address but in a header that any sender can write.
            (
                r#"{"requestContext":{"elb":{"targetGroupArn":"arn"}},"httpMethod":"POST","path":"/a","queryStringParameters":{},
                    "headers":{"x-forwarded-for":"192.0.2.1"},"body":"d","isBase64Encoded":false}"#,
                Some(("POST", "/a", "", "d", "x-forwarded-for=192.0.2.1")),
            ),
            (r#"{"path":"/a","httpMethod":"GET","requestContext":null}"#, None),
            (r#"{"rawPath":"/a","requestContext":{"http":null}}"#, None),
            (r#"{"rawPath":"/a","headers":{"one":"1\n2"},"requestContext":{"http":{"method":"GET"}}}"#, None),
            (r#"{"rawPath":"/a","headers":{"one":1},"requestContext":{"http":{"method":"GET"}}}"#, None),
            (r#"{"headers":{},"requestContext":{"http":{"method":"GET"}}}"#, None),
            (r#"{"rawPath":"/a","requestContext":{"http":{}}}"#, None),
            (r#"{"httpMethod":"GET","requestContext":{}}"#, None),
            (r#"{"path":"/a","requestContext":{}}"#, None),
            (r#"{"Records":[]}"#, None),
            ("", None),
        ];
        for (event, expected) in rows {
            let read = read(event).map(|read| {
                let mut headers: Vec<String> =
                    read.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
                headers.sort();
                (read.method, read.path, read.query, read.body, headers.join(" "))
            });
            let read = read.as_ref().ok();
            let read = read.map(|(method, path, query, body, headers)| {
                (method.as_str(), path.as_str(), query.as_str(), body.as_str(), headers.as_str())
            });
            assert_eq!(read, expected, "{event}");
        }
    }

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
