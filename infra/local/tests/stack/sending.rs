//! The sender's side: `send` and `event`.

use serde_json::Value;
use signing::{Strength, hmac_hex, standard_webhooks};

use crate::harness::{Folder, ended, shown};

#[test]
fn every_sample_is_booked_under_either_scheme() {
    let folder = Folder::new();
    let stack = folder.start();
    for sample in ["usage", "usage/free", "usage/whole_credits"] {
        for scheme in [&[][..], &["--standard"]] {
            let reply = folder.told(&[&["send", sample], scheme].concat());
            assert!(reply.contains("Event processed successfully"), "{sample}: {reply}");
        }
    }
    let spent = stack.account("demo/credits");
    assert_eq!(spent["balance_units"]["N"], "969995320000");
}

#[test]
fn a_reply_that_is_not_a_success_is_a_failure_of_the_command() {
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
fn many_are_counted() {
    let folder = Folder::new();
    let stack = folder.start();
    let told = folder.told(&["send", "usage", "--count", "50", "--concurrency", "16", "--duplicate"]);
    assert!(told.contains("booked 50, repeats 50, refused 0, no reply 0; 100 in "), "{told}");
    assert!(told.contains("latency ms: p50 "), "{told}");
    assert_eq!(stack.journal("usage#").len(), 50);
}

#[test]
fn a_url_is_taken_with_and_without_its_path() {
    let folder = Folder::new();
    let stack = folder.start();
    let base = format!("http://{}", stack.address());
    for url in [base.clone(), format!("{base}/"), format!("{base}/api/webhooks/events")] {
        folder.told(&["send", "usage", "--url", &url]);
    }
    drop(stack);
    let reply = folder.run(&["send", "usage", "--url", &base]);
    assert_eq!(reply.code, Some(1));
    assert!(reply.stderr.contains("is `cargo run` running?"), "{}", reply.stderr);
}

#[test]
fn what_cannot_be_sent_is_said_in_one_line() {
    let folder = Folder::new();
    let rows: [(&[&str], &str); 7] = [
        (&["send", "usage"], "no stack is running in"),
        (&["send", "usage", "--url", "http://127.0.0.1:1"], "set WEBHOOK_SECRET, or give one with --secret"),
        (&["send", "usage", "--url", "ftp://x", "--secret", "s3"], "is not an http or https URL"),
        (&["send", "nobody"], "there is no source nobody, only: usage, stripe"),
        (&["send", "usage/none"], "only: usage/basic, usage/free, usage/whole_credits"),
        (&["event", "usage/none"], "only: usage/basic, usage/free, usage/whole_credits"),
        (&["event", "usage", "--secret", "changeme"], "WEBHOOK_SECRET must be a real secret"),
    ];
    for (args, expected) in rows {
        let line = folder.refused(args);
        assert!(line.contains(expected), "{args:?}: {line}");
    }
}

#[test]
fn an_event_is_what_the_gateway_hands_over_and_nothing_else() {
    let folder = Folder::new();
    let args = ["event", "usage/basic", "--id", "evt_9", "--set", "data.creditCost=1.50", "--set", "data.model=a b"];
    let event: Value = serde_json::from_str(&folder.told(&args)).expect("only the event is printed");
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

    let again: Value = serde_json::from_str(&folder.told(&["event", "usage/basic"])).unwrap();
    assert_ne!(again["body"], event["body"], "another id");

    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let mut command = folder.command(&["event", "usage", "--standard"]);
    let standard: Value = serde_json::from_str(&ended(command.env("STANDARD_WEBHOOK_SECRET", secret)).stdout).unwrap();
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
    folder.told(&["send", "usage"]);
    folder.told(&["send", "usage", "--secret", &old]);
    assert_eq!(shown(&folder.told(&["account", "show", "demo"]), "version"), "3");
}
