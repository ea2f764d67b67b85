//! Fixture: gateway events in payload formats 2.0 and 1.0.

use serde_json::{Map, Value, json};

/// The gateway that makes the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    HttpApi,
    FunctionUrl,
    RestApi,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Sent<'r> {
    pub method: &'r str,
    pub path: &'r str,
    /// Not decoded.
    pub query: &'r str,
    pub headers: Vec<(&'r str, String)>,
    pub body: &'r [u8],
    /// The body is base64, as a gateway encodes bodies that it takes for binary.
    pub base64: bool,
    pub source_ip: &'r str,
}

impl<'r> Sent<'r> {
    pub fn post(path: &'r str, body: &'r [u8]) -> Self {
        Self { method: "POST", path, query: "", headers: Vec::new(), body, base64: false, source_ip: "203.0.113.7" }
    }

    pub fn get(path: &'r str, query: &'r str) -> Self {
        Self { method: "GET", query, ..Self::post(path, b"") }
    }

    #[must_use]
    pub fn with(mut self, name: &'r str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn event(&self, shape: Shape) -> String {
        match shape {
            Shape::HttpApi => self.version_2("$default", "example.execute-api.us-east-1.amazonaws.com"),
            Shape::FunctionUrl => self.version_2("$default", "example.lambda-url.us-east-1.on.aws"),
            Shape::RestApi => self.version_1(),
        }
        .to_string()
    }

    fn body(&self) -> String {
        if self.base64 { base64(self.body) } else { String::from_utf8(self.body.to_vec()).unwrap() }
    }

    /// Format 2.0 joins equal headers with a comma.
    fn version_2(&self, stage: &str, domain: &str) -> Value {
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            let joined =
                headers.get(*name).and_then(Value::as_str).map_or(value.clone(), |before| format!("{before},{value}"));
            headers.insert(name.to_ascii_lowercase(), joined.into());
        }
        // API Gateway takes cookies out of the headers.
        let cookies = headers.remove("cookie").map(|all| {
            let all = all.as_str().unwrap_or_default().to_owned();
            all.split(';').map(|cookie| Value::from(cookie.trim())).collect::<Vec<Value>>()
        });
        json!({
            "cookies": cookies,
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": headers,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "example",
                "domainName": domain,
                "domainPrefix": "example",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip,
                    "userAgent": "test",
                },
                "requestId": "request",
                "routeKey": "$default",
                "stage": stage,
                "time": "01/Jan/2026:00:00:00 +0000",
                "timeEpoch": 1_767_225_600_000_u64,
            },
            "body": self.body(),
            "isBase64Encoded": self.base64,
        })
    }

    /// In format 1.0 `headers` has the last of equal headers and `multiValueHeaders` all; names keep their case.
    fn version_1(&self) -> Value {
        let (mut last, mut all) = (Map::new(), Map::new());
        for (name, value) in &self.headers {
            last.insert((*name).to_owned(), value.clone().into());
            let values = all.entry((*name).to_owned()).or_insert_with(|| json!([]));
            values.as_array_mut().unwrap().push(value.clone().into());
        }
        json!({
            "version": "1.0",
            "resource": self.path,
            "path": self.path,
            "httpMethod": self.method,
            "headers": last,
            "multiValueHeaders": all,
            "queryStringParameters": null,
            "multiValueQueryStringParameters": null,
            "pathParameters": null,
            "stageVariables": null,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "example",
                "httpMethod": self.method,
                "identity": { "sourceIp": self.source_ip, "userAgent": "test" },
                "path": self.path,
                "protocol": "HTTP/1.1",
                "requestId": "request",
                "requestTimeEpoch": 1_767_225_600_000_u64,
                "resourceId": "resource",
                "resourcePath": self.path,
                "stage": "prod",
            },
            "body": self.body(),
            "isBase64Encoded": self.base64,
        })
    }
}

fn base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}
