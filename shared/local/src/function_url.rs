//! Function URLs: in AWS each has a host of its own, and here a prefix of the path.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api_gateway::{Call, Route, event as api_event};

const PREFIX: &str = "/lambda-url/";

/// The path of the function's URL, below which its own paths begin.
pub(crate) fn path(function: &str) -> String {
    format!("{PREFIX}{function}")
}

/// The function, and the path that it gets: `/lambda-url/chat/v1/models`.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(PREFIX)?;
    Some(rest.find('/').map_or((rest, "/"), |at| rest.split_at(at)))
}

/// The event of a function URL: that of an HTTP API, under the host of the URL and without a route.
pub(crate) fn event(call: &Call<'_>, function: &str) -> Value {
    let route = Route { method: String::new(), path: String::new() };
    let mut event = api_event(call, &route, &BTreeMap::new());
    let host = format!("{function}.lambda-url.us-east-1.on.aws");
    let changes = [
        ("/routeKey", "$default"),
        ("/requestContext/routeKey", "$default"),
        ("/requestContext/domainName", &host),
        ("/requestContext/domainPrefix", function),
        ("/requestContext/apiId", function),
    ];
    for (pointer, value) in changes {
        if let Some(member) = event.pointer_mut(pointer) {
            *member = value.into();
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use ledger::Timestamp;

    use super::*;

    #[test]
    fn path_names_the_function() {
        let rows = [
            ("/lambda-url/chat/v1/models", Some(("chat", "/v1/models"))),
            ("/lambda-url/chat/", Some(("chat", "/"))),
            ("/lambda-url/chat", Some(("chat", "/"))),
            ("/lambda-url/", Some(("", "/"))),
            ("/lambda-url", None),
            ("/v1/models", None),
        ];
        for (path, expected) in rows {
            assert_eq!(split(path), expected, "{path}");
        }
    }

    #[test]
    fn event_has_the_host_of_a_function_url() {
        let headers = [("host".to_owned(), "127.0.0.1:9000".to_owned())];
        let call = Call {
            method: "POST",
            path: "/v1/chat/completions",
            query: "",
            protocol: "HTTP/1.1",
            headers: &headers,
            body: b"{}",
            source_ip: std::net::Ipv4Addr::LOCALHOST.into(),
            request_id: "test",
            now: Timestamp::EPOCH,
        };
        let event = event(&call, "chat");
        let context = event.get("requestContext").expect("a context");
        assert_eq!(event.get("routeKey").expect("a key"), "$default");
        assert_eq!(event.get("rawPath").expect("a path"), "/v1/chat/completions");
        assert_eq!(context.get("domainName").expect("a name"), "chat.lambda-url.us-east-1.on.aws");
        assert_eq!(context.pointer("/http/method").expect("a method"), "POST");
    }
}
