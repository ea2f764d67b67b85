//! Tests of events of each version, and of replies to them.

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
        // The browser's cookies are a header again.
        (
            r#"{"version":"2.0","rawPath":"/a","headers":{"cookie":"x=0"},"cookies":["a=1","b=2"],
                "requestContext":{"http":{"method":"GET"}}}"#,
            Some(("GET", "/a", "", "", "cookie=a=1; b=2")),
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
        // A signature in a repeated header is refused later.
        (
            r#"{"rawPath":"/a","headers":{"one":"1","One":"2","one":"3"},"requestContext":{"http":{"method":"GET"}}}"#,
            Some(("GET", "/a", "", "", "one=1 one=2 one=3")),
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
            let mut headers: Vec<String> = read.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
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
        let reply = serde_json::to_string(&GatewayReply::new(ReplyForm::default(), reply)).expect("JSON");
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
        let reply = GatewayReply::new(read_with_form(event).1, Reply::json(503, &true).with_header("retry-after", "5"));
        let expected = [("content-type", "application/json"), ("retry-after", "5")];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!((reply.status_code, reply.headers, reply.body.as_str()), (503, expected.into(), body), "{event}");
    }
}

#[test]
fn event_version_gives_reply_fields() {
    let reply = || Reply::json(200, &true).with_header("retry-after", "5");
    let common = r#"{"statusCode":200,"headers":{"content-type":"application/json","retry-after":"5"},"body":"true","isBase64Encoded":false"#;
    for (event, rest) in
        [(r#"{"version":"2.0"}"#, r#","cookies":[]}"#), (r#"{"version":"1.0"}"#, "}"), ("{}", "}"), ("no JSON", "}")]
    {
        let json = serde_json::to_string(&GatewayReply::new(read_with_form(event).1, reply())).expect("JSON");
        assert_eq!(json, format!("{common}{rest}"), "{event}");
    }
}

#[test]
fn cookie_is_set_where_the_version_has_it() {
    let reply = || Reply::empty(303).with_header("set-cookie", "a=1").with_header("set-cookie", "b=2");
    let json =
        serde_json::to_string(&GatewayReply::new(read_with_form(r#"{"version":"2.0"}"#).1, reply())).expect("JSON");
    let cookies = r#"{"statusCode":303,"headers":{},"body":"","isBase64Encoded":false,"cookies":["a=1","b=2"]}"#;
    assert_eq!(json, cookies);
    let json = serde_json::to_string(&GatewayReply::new(ReplyForm::default(), reply())).expect("JSON");
    assert!(json.contains(r#""headers":{"set-cookie":"b=2"}"#), "1.0 sets one: {json}");
}

#[test]
fn domain_of_a_function_url_is_recognized() {
    let rows = [
        (r#"{"requestContext":{"domainName":"abc.lambda-url.eu-central-1.on.aws","http":{"method":"POST"}}}"#, true),
        (r#"{"requestContext":{"domainName":"abc.lambda-url.cn-north-1.on.amazonwebservices.com.cn"}}"#, true),
        (r#"{"requestContext":{"domainName":"abc.execute-api.eu-central-1.amazonaws.com"}}"#, false),
        (r#"{"requestContext":{"domainName":"shop.example"},"headers":{"host":"abc.lambda-url.x.on.aws"}}"#, false),
        (r#"{"requestContext":{"domainName":null}}"#, false),
        ("{}", false),
        ("no JSON", false),
    ];
    for (event, expected) in rows {
        assert_eq!(read_with_form(event).1.is_of_function_url, expected, "{event}");
    }
}
