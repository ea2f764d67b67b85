//! API Gateway's HTTP API: matches a request to a route, and builds the Lambda event in payload format 2.0.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::Timestamp;
use serde_json::{Map, Value, json};

/// A received request.
pub struct Call<'c> {
    pub method: &'c str,
    /// Still encoded.
    pub path: &'c str,
    pub query: &'c str,
    pub protocol: &'c str,
    /// In the order of the request.
    pub headers: &'c [(String, String)],
    pub body: &'c [u8],
    pub source_ip: IpAddr,
    pub request_id: &'c str,
    pub now: Timestamp,
}

/// Headers and body stay out of logs.
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

/// A route of the template: `POST /orders/{id}`.
#[derive(Debug, Clone)]
pub struct Route {
    pub method: String,
    pub path: String,
}

impl Route {
    /// The path parameters if the route matches, otherwise `None`.
    pub(crate) fn matches(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        if self.method != method && self.method != "ANY" {
            return None;
        }
        // `/orders/` matches the route `/orders`; the function's event keeps the slash.
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
        let mut parameters = BTreeMap::new();
        let mut given = path.split('/');
        let mut wanted = self.path.split('/');
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return Some(parameters),
                (Some(segment), Some(text)) if is_greedy(segment) => {
                    let rest: Vec<&str> = std::iter::once(text).chain(given).collect();
                    let rest = rest.join("/");
                    let name = parameter(segment)?.trim_end_matches('+').to_owned();
                    return (!text.is_empty()).then(|| {
                        parameters.insert(name, rest);
                        parameters
                    });
                }
                (Some(segment), Some(text)) => match parameter(segment) {
                    None if segment == text => {}
                    Some(name) if !text.is_empty() => {
                        parameters.insert(name.to_owned(), text.to_owned());
                    }
                    None | Some(_) => return None,
                },
                (None, Some(_)) | (Some(_), None) => return None,
            }
        }
    }

    /// The sort key of matching routes: API Gateway prefers one that is not greedy, then fewer parameters, then a method over
    /// `ANY`.
    pub(crate) fn vagueness(&self) -> (bool, usize, bool) {
        let parameters = self.path.split('/').filter(|segment| parameter(segment).is_some());
        (self.path.split('/').any(is_greedy), parameters.count(), self.method == "ANY")
    }
}

/// `{path+}` takes one segment or more, and is the last.
fn is_greedy(segment: &str) -> bool {
    segment.ends_with("+}")
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The event for the route's function.
pub fn event(call: &Call<'_>, route: &Route, parameters: &BTreeMap<String, String>) -> Value {
    let (headers, cookies) = headers(call);
    let route_key = format!("{} {}", route.method, route.path);
    let host = headers.get("host").cloned().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": call.path,
        "rawQueryString": call.query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.split(['.', ':']).next(),
            "http": {
                "method": call.method,
                "path": call.path,
                "protocol": call.protocol,
                "sourceIp": call.source_ip.to_string(),
                "userAgent": headers.get("user-agent").map_or("", String::as_str),
            },
            "requestId": call.request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": log_time(call.now),
            "timeEpoch": call.now.unix_ms(),
        },
        "isBase64Encoded": false,
    });
    // API Gateway omits empty members.
    let mut add = |name: &str, value: Value| {
        if let Some(event) = event.as_object_mut() {
            event.insert(name.to_owned(), value);
        }
    };
    if !cookies.is_empty() {
        add("cookies", cookies.into());
    }
    if !call.query.is_empty() {
        add("queryStringParameters", query(call.query).into());
    }
    if !parameters.is_empty() {
        add("pathParameters", json!(parameters));
    }
    if !call.body.is_empty() {
        let text = std::str::from_utf8(call.body).ok();
        let content_type = headers.get("content-type").map_or("", String::as_str);
        if let Some(text) = text.filter(|_| is_text(content_type)) {
            add("body", text.into());
        } else {
            add("body", STANDARD.encode(call.body).into());
            add("isBase64Encoded", true.into());
        }
    }
    event
}

/// Names in lower case, values of equal names joined by a comma, and cookies apart from the others.
fn headers(call: &Call<'_>) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut headers, mut cookies) = (BTreeMap::<String, String>::new(), Vec::new());
    for (name, value) in call.headers {
        let name = name.to_ascii_lowercase();
        if name == "cookie" {
            cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned()));
            continue;
        }
        headers
            .entry(name)
            .and_modify(|earlier| {
                earlier.push(',');
                earlier.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    (headers, cookies)
}

/// Every other body is base64 in the event, including forms and requests without a content type.
fn is_text(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media.starts_with("text/")
        || matches!(media.as_str(), "application/json" | "application/javascript" | "application/xml")
}

fn query(query: &str) -> Map<String, Value> {
    let mut parameters = BTreeMap::<String, String>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        parameters
            .entry(decoded(name))
            .and_modify(|earlier| {
                earlier.push(',');
                earlier.push_str(&value);
            })
            .or_insert(value);
    }
    parameters.into_iter().map(|(name, value)| (name, value.into())).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = || {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            let byte = u8::from_str_radix(digits, 16).ok()?;
            // `from_str_radix` accepts a sign, which is no hex digit.
            (!digits.starts_with('+')).then_some((byte, after.get(2..)?))
        };
        let (byte, after) = match first {
            b'+' => (b' ', after),
            b'%' => escaped().unwrap_or((b'%', after)),
            byte => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `12/Mar/2020:19:03:58 +0000`, from `2020-03-12T19:03:58.000Z`.
fn log_time(time: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = time.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month: usize = part(5, 7).parse().unwrap_or_default();
    let month = month.checked_sub(1).and_then(|month| MONTHS.get(month)).unwrap_or(&"Jan");
    format!("{}/{month}/{}:{} +0000", part(8, 10), part(0, 4), part(11, 19))
}

#[cfg(test)]
mod tests;
