//! Tests of the fake upstreams behind the network: parts arrive one by one, and end as the fault says.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::instant;

const PATIENCE: Duration = Duration::from_mins(1);

/// The parts of a stream, how it ended, and the milliseconds that it took.
async fn streamed(net: &OpenAiNet, base: &str, text: &str) -> (usize, &'static str, u128) {
    let message = json!({ "role": "user", "content": text });
    let body = json!({ "model": "gpt-4o", "messages": [message], "stream": true });
    let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
    request.set_method("POST").expect("a method");
    request.set_uri(format!("{base}/chat/completions")).expect("a URL");
    request.headers_mut().insert("authorization", format!("Bearer {OPENAI_KEY}"));
    let begun = instant();
    let Ok(response) = timeout(PATIENCE, net.call(request)).await else { return (0, "no reply", 60_000) };
    let mut stream = ByteStream::new(response.expect("a reply").into_body());
    let mut parts: usize = 0;
    let end = loop {
        match timeout(PATIENCE, stream.next()).await {
            Ok(Some(Ok(_))) => parts = parts.saturating_add(1),
            Ok(Some(Err(_))) => break "broken",
            Ok(None) => break "whole",
            Err(_) => break "stalled",
        }
    };
    (parts, end, instant().duration_since(begun).as_millis())
}

#[tokio::test(start_paused = true)]
async fn parts_arrive_one_by_one_and_end_as_the_fault_says() {
    let rows = [
        // The role, four tokens, the reason, and `[DONE]`.
        ("a b", NetFault::None, (7, "whole", 0)),
        ("trickle b", NetFault::None, (7, "whole", 300)),
        ("slow b", NetFault::None, (7, "whole", 3_000)),
        ("breaks b", NetFault::None, (4, "broken", 0)),
        ("stalls b", NetFault::None, (4, "stalled", 60_000)),
        ("hangs b", NetFault::None, (0, "no reply", 60_000)),
        ("a b", NetFault::Own(OpenAiFault::BreaksAfter(2)), (2, "broken", 0)),
        ("a b", NetFault::Own(OpenAiFault::StallsAfter(1)), (1, "stalled", 60_000)),
        ("a b", NetFault::Truncated, (3, "broken", 0)),
        ("a b", NetFault::Garbage, (1, "whole", 0)),
        ("a b", NetFault::Altered("[DONE]", "[END]"), (7, "whole", 0)),
        ("a b", NetFault::Status(500), (1, "whole", 0)),
    ];
    for (text, fault, expected) in rows {
        let net = OpenAiNet::default();
        net.fail(move |_, _| fault);
        assert_eq!(streamed(&net, OPENAI_BASE, text).await, expected, "{text} {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn url_names_the_upstream() {
    let net = OpenAiNet::default();
    net.fail(|_, endpoint| if endpoint.contains("second") { NetFault::Status(503) } else { NetFault::None });
    assert_eq!(streamed(&net, OPENAI_BASE, "a b").await.0, 7);
    assert_eq!(streamed(&net, OPENAI_SECOND_BASE, "a b").await.0, 1);
    net.recover();
    assert_eq!(streamed(&net, OPENAI_SECOND_BASE, "fail-500@second").await.0, 1);
    assert_eq!(streamed(&net, OPENAI_SECOND_BASE, "a b").await.0, 7);
    let Upstreams { first, second } = net.provider();
    assert_eq!((first.totals().completions, second.totals().completions), (1, 1));
    assert_eq!(net.endpoints(), ["POST https://second.invalid/v1/chat/completions"; 2]);
}
