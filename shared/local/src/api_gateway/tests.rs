//! The event equals the one that API Gateway builds for the same request.

use std::net::Ipv4Addr;

use super::*;

fn call<'c>(headers: &'c [(String, String)], query: &'c str, body: &'c [u8]) -> Call<'c> {
    Call {
        method: "POST",
        path: "/orders/7",
        query,
        protocol: "HTTP/1.1",
        headers,
        body,
        source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        request_id: "r",
        now: Timestamp::from_unix_ms(1_584_039_838_000).unwrap(),
    }
}

fn route(method: &str, path: &str) -> Route {
    Route { method: method.to_owned(), path: path.to_owned() }
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn route_matches_method_and_path() {
    let rows = [
        ("GET", "/a/b", "GET", "/a/b", Some("")),
        ("POST", "/a/b", "GET", "/a/b", None),
        ("ANY", "/a/b", "GET", "/a/b", Some("")),
        ("GET", "/a/{id}", "GET", "/a/7", Some("id=7")),
        ("GET", "/a/{id}/c", "GET", "/a/7/c", Some("id=7")),
        ("GET", "/a/{id}", "GET", "/a/", None),
        ("GET", "/a/{id}", "GET", "/a/7/8", None),
        ("GET", "/a/b", "GET", "/a/b/", Some("")),
        ("GET", "/a/{id}", "GET", "/a/7/", Some("id=7")),
        ("GET", "/a/b", "GET", "/a/b//", None),
        ("GET", "/", "GET", "/", Some("")),
        ("GET", "/a/b", "GET", "/a", None),
        ("GET", "/a/{path+}", "GET", "/a/b", Some("path=b")),
        ("GET", "/a/{path+}", "GET", "/a/b/c", Some("path=b/c")),
        ("GET", "/a/{path+}", "GET", "/a", None),
        ("GET", "/a/{path+}", "GET", "/b/c", None),
    ];
    for (method, path, request_method, request_path, expected) in rows {
        let parameters = route(method, path).matches(request_method, request_path);
        let found = parameters.map(|found| {
            let pairs: Vec<String> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.join("&")
        });
        assert_eq!(found.as_deref(), expected, "{method} {path} {request_path}");
    }
    assert!(route("ANY", "/a/b").vagueness() < route("GET", "/a/{id}").vagueness());
    assert!(route("ANY", "/{a}/{b}").vagueness() < route("GET", "/a/{path+}").vagueness());
}

#[test]
fn headers_and_parameters_are_as_in_payload_format_2() {
    let headers = owned(&[
        ("Host", "localhost:9000"),
        ("X-Twice", "1"),
        ("x-twice", "2"),
        ("Cookie", "a=1; b=2"),
        ("User-Agent", "curl"),
    ]);
    let parameters = BTreeMap::from([("id".to_owned(), "7".to_owned())]);
    let event = event(&call(&headers, "q=a%20b&q=c+d&e&bad=%zz", b""), &route("ANY", "/orders/{id}"), &parameters);
    assert_eq!(event["headers"]["x-twice"], "1,2");
    assert_eq!(event["headers"].get("cookie"), None);
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["rawQueryString"], "q=a%20b&q=c+d&e&bad=%zz");
    assert_eq!(event["queryStringParameters"], json!({ "q": "a b,c d", "e": "", "bad": "%zz" }));
    assert_eq!(event["pathParameters"], json!({ "id": "7" }));
    assert_eq!(event["routeKey"], "ANY /orders/{id}");
    assert_eq!(event["requestContext"]["time"], "12/Mar/2020:19:03:58 +0000");
    assert_eq!(event["requestContext"]["timeEpoch"], 1_584_039_838_000_i64);
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(event["requestContext"]["http"]["userAgent"], "curl");
    assert_eq!(event.get("body"), None);
}

#[test]
fn body_without_a_text_content_type_is_base64() {
    let rows: [(&str, &[u8], &str, bool); 6] = [
        ("application/json; charset=utf-8", b"{}", "{}", false),
        ("text/plain", "é".as_bytes(), "é", false),
        ("application/xml", b"<a/>", "<a/>", false),
        ("application/x-www-form-urlencoded", b"a=1", "YT0x", true),
        ("", b"{}", "e30=", true),
        ("application/json", b"\xff", "/w==", true),
    ];
    for (content_type, body, expected, is_base64) in rows {
        let headers = owned(&[("content-type", content_type)]);
        let event = event(&call(&headers, "", body), &route("POST", "/orders/7"), &BTreeMap::new());
        assert_eq!(event["body"], expected, "{content_type}");
        assert_eq!(event["isBase64Encoded"], is_base64, "{content_type}");
    }
}
