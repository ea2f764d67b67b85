//! `send` and `event`: signatures, secrets, outcomes and counts.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;
use signing::{Strength, hmac_hex, standard_webhooks};

use crate::harness::{Folder, field, output_of};

#[test]
fn samples_are_booked_under_both_schemes() {
    let folder = Folder::new();
    let stack = folder.start();
    for sample in ["usage", "usage/cloud_event", "usage/free", "usage/priced", "usage/whole_credits"] {
        for scheme in [&[][..], &["--standard"]] {
            let reply = folder.stdout_of(&[&["send", sample], scheme].concat());
            assert!(reply.contains("Event processed successfully"), "{sample}: {reply}");
        }
    }
    let spent = stack.account("demo/credits");
    assert_eq!(spent["balance_units"]["N"], "968850640000");
}

#[test]
fn samples_of_litellm_are_booked() {
    let folder = Folder::new();
    let stack = folder.start();
    let samples = [
        ("litellm", "  booked  "),
        ("litellm/priced", "  booked  "),
        ("litellm/cache_hit", "  booked  "),
        ("litellm/failure", "  ignored failure  "),
    ];
    for (sample, outcome) in samples {
        let reply = folder.run(&["send", sample, "--id", "chatcmpl-1"]);
        assert!(reply.stdout.starts_with("200") && reply.stdout.contains(outcome), "{sample}: {}", reply.stdout);
    }
    assert!(folder.run(&["send", "litellm", "--id", "chatcmpl-1"]).stdout.contains("  repeat  "));
    let forged = folder.run(&["send", "litellm", "--secret", "another-key-of-32-characters-or-more"]);
    assert!(forged.stdout.starts_with("401"), "{}", forged.stdout);
    assert_eq!(stack.journal("usage#litellm.").len(), 3);
    // 0.000225 dollars, and 200 tokens at 2.50, 1000 at 1.25, and 300 at 10 dollars a million.
    assert_eq!(stack.account("demo/credits")["balance_units"]["N"], "999403000000");
}

#[test]
fn samples_of_openrouter_are_booked() {
    let folder = Folder::new();
    let stack = folder.start();
    for (sample, outcome) in [
        ("openrouter", "  booked  "),
        ("openrouter/attempt", "  ignored no_generation  "),
        ("openrouter", "  repeat  "),
    ] {
        let reply = folder.run(&["send", sample, "--id", "gen-of-the-test"]);
        assert!(reply.stdout.starts_with("200") && reply.stdout.contains(outcome), "{sample}: {}", reply.stdout);
    }
    let reply = folder.run(&["send", "openrouter/own_key", "--id", "gen-of-a-caller"]);
    assert!(reply.stdout.contains("  booked  "), "{}", reply.stdout);
    let forged = folder.run(&["send", "openrouter", "--secret", "another-key-of-32-characters-or-more"]);
    assert!(forged.stdout.starts_with("401"), "{}", forged.stdout);
    assert_eq!(stack.journal("usage#openrouter.").len(), 2);
    // 0.000225 dollars, and 200 tokens at 2.50, 1000 at 1.25, and 300 at 10 dollars a million.
    assert_eq!(stack.account("demo/credits")["balance_units"]["N"], "999403000000");
}

#[test]
fn refused_event_fails_the_command() {
    let folder = Folder::new();
    let stack = folder.start();
    let rows: [(&[&str], &str); 6] = [
        (&["--secret", "another"], "401"),
        (&["--set", "data.creditCost=1e12"], "400"),
        (&["--set", "data.remoteKeyId=2"], "404"),
        (&["--set", "data.creditCost=1000.1"], "402"),
        (&["--set", "data.creditCost=0.10", "--id", "evt_1"], "200"),
        (&["--set", "data.creditCost=0.2", "--id", "evt_1"], "409"),
    ];
    for (args, status) in rows {
        let reply = folder.run(&[&["send", "usage"], args].concat());
        assert!(reply.stdout.starts_with(status), "{args:?}: {}", reply.stdout);
        assert_eq!(reply.code, Some(i32::from(status != "200")), "{args:?}");
    }
    assert_eq!(stack.account("demo/credits")["balance_units"]["N"], "999900000000");
}

#[test]
fn many_events_are_counted() {
    let folder = Folder::new();
    let stack = folder.start();
    let output = folder.stdout_of(&["send", "usage", "--count", "50", "--concurrency", "16", "--duplicate"]);
    assert!(output.contains("booked 50, repeats 50, refused 0, no reply 0; 100 in "), "{output}");
    assert!(output.contains("latency ms: p50 "), "{output}");
    assert_eq!(stack.journal("usage#").len(), 50);
}

#[test]
fn url_works_with_and_without_its_path() {
    let folder = Folder::new();
    let stack = folder.start();
    let base = format!("http://{}", stack.address());
    for url in [base.clone(), format!("{base}/"), format!("{base}/api/webhooks/events")] {
        folder.stdout_of(&["send", "usage", "--url", &url]);
    }
    drop(stack);
    let reply = folder.run(&["send", "usage", "--url", &base]);
    assert_eq!(reply.code, Some(69));
    assert!(reply.stderr.contains("is `cargo run` running?"), "{}", reply.stderr);
}

#[test]
fn unsendable_event_gives_a_one_line_error() {
    let folder = Folder::new();
    let rows: [(i32, &[&str], &str); 7] = [
        (69, &["send", "usage"], "no stack is running in"),
        (2, &["send", "usage", "--url", "http://127.0.0.1:1"], "set WEBHOOK_SECRET, or give one with --secret"),
        (2, &["send", "usage", "--url", "ftp://x", "--secret", "s3"], "is not an http or https URL"),
        (2, &["send", "paypal"], "there is no source paypal, only: usage, litellm, openrouter, stripe"),
        (
            2,
            &["send", "usage/none"],
            "only: usage/basic, usage/cloud_event, usage/free, usage/priced, usage/refund, usage/whole_credits",
        ),
        (
            2,
            &["event", "usage/none"],
            "only: usage/basic, usage/cloud_event, usage/free, usage/priced, usage/refund, usage/whole_credits",
        ),
        (2, &["event", "usage", "--secret", "changeme"], "WEBHOOK_SECRET must be a real secret"),
    ];
    for (code, args, expected) in rows {
        let line = folder.fails(code, args);
        assert!(line.contains(expected), "{args:?}: {line}");
    }
}

#[test]
fn event_prints_only_the_gateway_event() {
    let folder = Folder::new();
    let args = ["event", "usage/basic", "--id", "evt_9", "--set", "data.creditCost=1.50", "--set", "data.model=a b"];
    let event: Value = serde_json::from_str(&folder.stdout_of(&args)).expect("only the event is printed");
    let body = event["body"].as_str().unwrap();
    assert!(body.contains(r#""eventId": "evt_9""#), "{body}");
    assert!(body.contains(r#""creditCost": 1.50"#), "{body}");
    assert!(body.contains(r#""model": "a b""#), "{body}");
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "POST /api/webhooks/events");

    let secrets = folder.json("secrets.json");
    let keys = hmac_hex::Keys::parse(secrets["WEBHOOK_SECRET"].as_str().unwrap(), Strength::Deployed).unwrap();
    let signature = event["headers"]["x-webhook-signature"].as_str().unwrap();
    let verified = hmac_hex::verify(&keys, body.as_bytes(), signature);
    assert!(verified.is_ok(), "signed with the generated secret");

    let again: Value = serde_json::from_str(&folder.stdout_of(&["event", "usage/basic"])).unwrap();
    assert_ne!(again["body"], event["body"], "another id");

    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let mut command = folder.command(&["event", "usage", "--standard"]);
    let standard: Value =
        serde_json::from_str(&output_of(command.env("STANDARD_WEBHOOK_SECRET", secret)).stdout).unwrap();
    let header = |name: &str| standard["headers"][name].as_str().unwrap();
    let headers = standard_webhooks::Headers {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let keys = standard_webhooks::Keys::parse(secret).unwrap();
    let sent_at = headers.timestamp.parse().unwrap();
    let body = standard["body"].as_str().unwrap().as_bytes();
    let verified = standard_webhooks::verify(&keys, headers, body, sent_at, 0);
    assert!(verified.is_ok(), "signed with the secret of the environment");
}

#[test]
fn rotated_secrets_verify_and_the_first_signs() {
    let folder = Folder::new();
    let (new, old) = ("n".repeat(31) + "1", "o".repeat(31) + "1");
    let _stack = folder.start_with(&[], &[("WEBHOOK_SECRET", &format!("{new} {old}"))]);
    assert_eq!(folder.json("local.json")["sources"]["usage"]["secret"], *new);
    folder.stdout_of(&["send", "usage"]);
    folder.stdout_of(&["send", "usage", "--secret", &old]);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "version"), "3");
}

/// A source answers 200 to an event that it keeps without booking, since a retry of the sender would not help.
#[test]
fn event_kept_with_200_fails_with_its_reason() {
    let folder = Folder::new();
    let stack = folder.start_with(&[], &[("LOG_LEVEL", "error")]);
    let base = format!("http://{}", stack.address());
    let rows: [(&[&str], i32, &str); 7] = [
        (&["usage", "--id", "evt_1"], 0, "booked  {"),
        (&["usage", "--id", "evt_1"], 0, "repeat  {"),
        (&["stripe"], 1, "refused order_unknown"),
        (&["stripe/customer_created"], 1, "ignored other_kind"),
        (&["wechat", "--url", &base], 1, "refused order_unknown"),
        (&["fireblocks"], 1, "refused order_unknown"),
        (&["usage", "--set", "data.creditCost=5000"], 1, "refused insufficient_credits"),
    ];
    for (args, code, expected) in rows {
        let mut command = folder.command(&[&["send"], args].concat());
        let secret =
            if args[0] == "wechat" { folder.json("secrets.json")["WECHAT_LOCAL"].clone() } else { Value::Null };
        let ended = output_of(command.envs(secret.as_str().map(|secret| ("WECHAT_LOCAL", secret))));
        assert_eq!(ended.code, Some(code), "{args:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(&format!("  {expected}")), "{args:?}: {}", ended.stdout);
        assert_eq!(ended.stderr, "", "{args:?}");
    }
    let sent = folder.run(&["send", "stripe", "--count", "30"]);
    assert_eq!(sent.code, Some(1));
    assert!(sent.stdout.contains("     30  200  refused  order_unknown\n"), "{}", sent.stdout);
    assert!(sent.stdout.contains("booked 0, repeats 0, refused 30, no reply 0; 30 in "), "{}", sent.stdout);
}

/// A deployed stack sends no outcome header, so only its status is known.
#[test]
fn receiver_without_outcome_gives_only_its_status() {
    let folder = Folder::new();
    let booked = r#"{"success":true,"message":"Event processed successfully"}"#;
    let rows = [
        ("stripe", "200 OK", "", 0, "the receiver confirmed the event, but not whether it is booked"),
        ("usage", "200 OK", booked, 0, ""),
        ("stripe", "400 Bad Request", "", 1, ""),
        ("usage", "503 Service Unavailable", "", 75, ""),
        ("usage", "429 Too Many Requests", "", 75, ""),
    ];
    for (sample, status, body, code, expected) in rows {
        let url = receiver(status, body);
        let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        let ended = folder.run(&["send", sample, "--url", &url, "--secret", secret, "--id", "evt_1"]);
        assert_eq!(ended.code, Some(code), "{sample} {status}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.starts_with(&status[..3]), "{}", ended.stdout);
        assert!(
            ended.stderr.contains(expected) && (ended.stderr.is_empty() || !expected.is_empty()),
            "{}",
            ended.stderr
        );
    }
}

/// Answers one request.
fn receiver(status: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        // The body ends with the sample's own last brace.
        while !received.ends_with(b"}\n") {
            let length = stream.read(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..length]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
    });
    url
}

#[test]
fn unknown_field_is_set_only_with_add() {
    let folder = Folder::new();
    let _stack = folder.start();
    let rows = [
        (
            "data.remoteKeyID=2",
            "--set data.remoteKeyID: the sample has no such field, only data.remoteKeyId, data.model,",
        ),
        ("dta.creditCost=2", "only eventId, eventType, timestamp, data:"),
    ];
    for (set, expected) in rows {
        let line = folder.fails(2, &["send", "usage", "--set", set]);
        assert!(line.contains(expected) && line.contains("add it with --add"), "{line}");
        let event = folder.stdout_of(&["event", "usage", "--set", set, "--add"]);
        let event: Value = serde_json::from_str(&event).unwrap();
        let name = set.split(['.', '=']).nth(1).unwrap();
        assert!(event["body"].as_str().unwrap().contains(&format!("\"{name}\":2")), "{event}");
    }
    assert_eq!(folder.run(&["send", "usage", "--add"]).code, Some(2), "--add needs --set");
}

/// A receiver that is overloaded for two requests. Then it says that it has booked the event.
#[test]
fn event_is_repeated_under_its_id_if_asked_to() {
    const UNAVAILABLE: &str =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const BOOKED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 42\r\nconnection: close\r\n\r\n{\"message\":\"Event processed successfully\"}";
    let folder = Folder::new();
    let secret = "7c1e5b0a94d2f386b1e07a5d3c98f246";
    for (retry, requests, code) in [(None, 1, 75), (Some("--retry"), 3, 0)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let receiver = thread::spawn(move || {
            let answers = [UNAVAILABLE, UNAVAILABLE, BOOKED].into_iter().take(requests);
            answers.map(|answer| answered(&listener, answer)).collect::<Vec<_>>()
        });
        let args = ["send", "usage", "--url", &url, "--secret", secret, "--id", "evt_1"];
        let ended = folder.run(&args.into_iter().chain(retry).collect::<Vec<_>>());
        assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
        let bodies = receiver.join().unwrap();
        assert!(bodies.iter().all(|body| body.contains("\"eventId\": \"evt_1\"")), "{bodies:?}");
    }
}

/// Reads one request, answers it and closes.
fn answered(listener: &TcpListener, answer: &str) -> String {
    let (mut client, _) = listener.accept().unwrap();
    let mut request = String::new();
    while !request.trim_end().ends_with("}\n}") && !request.contains("}}") {
        let mut part = [0; 4096];
        let length = client.read(&mut part).unwrap();
        assert_ne!(length, 0, "the request ends early: {request}");
        request.push_str(&String::from_utf8_lossy(&part[..length]));
    }
    client.write_all(answer.as_bytes()).unwrap();
    request
}
