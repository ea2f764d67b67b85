//! `cargo run`: start, routes, access control and stop.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Folder, failure, field, output_of, request_at};

#[test]
fn books_survive_a_restart() {
    let folder = Folder::new();
    let stack = folder.start();
    let health = stack.get("/api/webhooks/health");
    assert_eq!((health.status, &health.body["message"]), (200, &"Webhook service is healthy".into()));

    let reply = folder.stdout_of(&["send", "usage", "--id", "evt_1"]);
    assert!(
        reply.contains(r#"{"success":true,"message":"Event processed successfully","eventId":"evt_1"}"#),
        "{reply}"
    );
    let reply = folder.stdout_of(&["send", "usage", "--id", "evt_1"]);
    assert!(reply.contains("Event already processed (idempotent)"), "{reply}");
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "999.99766");

    assert!(stack.stop("INT").success());
    assert!(!folder.file("local.json").exists(), "the stack has stopped");
    assert!(!folder.file("store.db-wal").exists(), "the store was closed");

    let stack = folder.start();
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "999.99766");
    let reply = folder.stdout_of(&["send", "usage", "--id", "evt_1"]);
    assert!(reply.contains("Event already processed (idempotent)"), "{reply}");
    assert!(stack.stop("TERM").success());
}

#[test]
fn local_json_has_urls_secrets_and_keys() {
    let folder = Folder::new();
    let stack = folder.start();
    let local = folder.json("local.json");
    let base = format!("http://{}", stack.address());
    assert_eq!(local["pid"], stack.pid());
    assert_eq!(local["dynamodb_url"], base);
    assert_eq!(local["sources"]["usage"]["url"], format!("{base}/api/webhooks/events"));
    assert_eq!(local["sources"]["usage"]["secret"], local["secrets"]["WEBHOOK_SECRET"]);
    assert!(local["secrets"]["STANDARD_WEBHOOK_SECRET"].as_str().unwrap().starts_with("whsec_"));
    assert!(local["api_keys"]["demo"].as_str().unwrap().starts_with("hk_"));
    assert_eq!(local["tables"]["journal"], "hookledger-local-journal");
    for (path, mode) in [("", 0o700), ("local.json", 0o600), ("secrets.json", 0o600), ("store.db", 0o600)] {
        let found = fs::metadata(folder.file(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
}

#[test]
fn failed_start_gives_a_one_line_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Folder::new();
    let line = folder.fails(69, &["--port", &port]);
    assert!(line.contains(&format!("port {port} is in use")), "{line}");
    assert!(!folder.file("local.json").exists());

    // An address of a documentation block, which no machine has.
    let folder = Folder::new();
    let line = folder.fails(69, &["--port", "0", "--also", "192.0.2.1"]);
    assert!(line.contains("cannot listen on 192.0.2.1:"), "{line}");
    assert!(!folder.file("local.json").exists());

    let folder = Folder::new();
    fs::write(folder.data(), "a file").unwrap();
    let line = folder.fails(69, &["--port", "0"]);
    assert!(line.contains("as the data folder"), "{line}");

    let folder = Folder::new();
    fs::create_dir(folder.data()).unwrap();
    fs::write(folder.file("store.db"), "garbage ".repeat(1000)).unwrap();
    let line = folder.fails(69, &["--port", "0"]);
    assert!(line.contains("store.db is damaged"), "{line}");

    let folder = Folder::new();
    fs::create_dir(folder.data()).unwrap();
    fs::write(folder.file("secrets.json"), "{").unwrap();
    let line = folder.fails(69, &["--port", "0"]);
    assert!(line.contains("secrets.json cannot be read"), "{line}");

    let folder = Folder::new();
    let mut command = folder.command(&["--port", "0"]);
    let line = failure(2, output_of(command.env("WEBHOOK_SECRET", "changeme")));
    assert!(line.contains("WEBHOOK_SECRET must be a real secret"), "{line}");
}

#[test]
fn damaged_store_fails_the_start() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    let mut store = fs::read(folder.file("store.db")).unwrap();
    store[8 * 4096..9 * 4096].fill(0xa5);
    fs::write(folder.file("store.db"), store).unwrap();
    let line = folder.fails(69, &["--port", "0"]);
    assert!(line.contains("store.db is damaged"), "{line}");
}

#[test]
fn unreadable_folder_fails_the_start() {
    let folder = Folder::new();
    fs::create_dir(folder.data()).unwrap();
    fs::set_permissions(folder.data(), Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if fs::read_dir(folder.data()).is_err() {
        let line = folder.fails(69, &["--port", "0"]);
        assert!(line.contains("as the data folder: Permission denied"), "{line}");
    }
    fs::set_permissions(folder.data(), Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn second_stack_of_a_folder_is_refused() {
    let folder = Folder::new();
    let stack = folder.start();
    let line = folder.fails(69, &["--port", "0"]);
    assert!(line.contains(&format!("is served already, at http://{}", stack.address())), "{line}");
    assert_eq!(stack.get("/api/webhooks/health").status, 200, "the first stack still runs");
}

#[test]
fn secret_of_the_environment_overrides_the_folder() {
    let folder = Folder::new();
    let secret = "of the environment".replace(' ', "-");
    let stack = folder.start_with(&[], &[("WEBHOOK_SECRET", &secret)]);
    assert_eq!(folder.json("local.json")["secrets"]["WEBHOOK_SECRET"], *secret);
    assert_ne!(folder.json("secrets.json")["WEBHOOK_SECRET"], *secret);
    folder.stdout_of(&["send", "usage"]);
    folder.stdout_of(&["send", "usage", "--secret", &secret]);
    assert!(stack.stop("INT").success());

    let _stack = folder.start();
    let reply = folder.run(&["send", "usage", "--secret", &secret]);
    assert_eq!(reply.code, Some(1));
    assert!(reply.stdout.contains("Invalid webhook signature"), "{}", reply.stdout);
    assert_eq!(folder.json("local.json")["secrets"]["WEBHOOK_SECRET"], folder.json("secrets.json")["WEBHOOK_SECRET"]);
}

#[test]
fn setting_of_the_environment_reaches_the_function() {
    let folder = Folder::new();
    let _stack = folder.start_with(&[], &[("ALLOWED_IPS", "10.0.0.0/8")]);
    let reply = folder.run(&["send", "usage"]);
    assert!(reply.stdout.starts_with("403"), "{}", reply.stdout);
}

#[test]
fn books_in_memory_end_with_the_stack() {
    let folder = Folder::new();
    for _ in 0..2 {
        let stack = folder.start_with(&["--memory"], &[]);
        folder.stdout_of(&["send", "usage", "--id", "evt_1"]);
        assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "999.99766");
        assert!(stack.stop("INT").success());
    }
    assert!(!folder.file("store.db").exists());
}

#[test]
fn unknown_route_gives_the_gateway_error() {
    let folder = Folder::new();
    let stack = folder.start();
    let too_long = vec![b'x'; 10 * 1024 * 1024 + 1];
    let rows: [(&str, &str, &[u8], u16, &str); 6] = [
        ("DELETE", "/", b"", 404, "Not Found"),
        ("POST", "/", b"{}", 404, "Not Found"),
        ("DELETE", "/api/webhooks/events", b"", 404, "Not Found"),
        ("POST", "/api/webhooks/events/x", b"", 404, "Not Found"),
        ("POST", "/api/webhooks/events//", b"", 404, "Not Found"),
        ("POST", "/api/webhooks/events", &too_long, 413, "Request Too Long"),
    ];
    for (method, path, body, status, message) in rows {
        let answer = stack.request(method, path, &[], body);
        assert_eq!((answer.status, &answer.body["message"]), (status, &message.into()), "{method} {path}");
    }
}

#[test]
fn web_page_cannot_reach_the_store() {
    let folder = Folder::new();
    let stack = folder.start();
    let target = ("x-amz-target", "DynamoDB_20120810.ListTables");
    let address = stack.address();
    let (by_name, own) = (address.replace("127.0.0.1", "localhost"), format!("http://{address}"));
    let rows = [
        (vec![target], 200),
        (vec![target, ("host", &by_name)], 200),
        (vec![target, ("host", "books.evil.example")], 403),
        (vec![target, ("origin", "http://evil.example")], 403),
        (vec![target, ("origin", &own)], 403),
        (vec![("x-amz-target", "DynamoDB_20120810.Nonsense")], 501),
    ];
    for (headers, status) in rows {
        assert_eq!(stack.request("POST", "/", &headers, b"{}").status, status, "{headers:?}");
    }
}

/// Webhooks, APIs, the buyer's page, the fakes and an unknown path: each with our own origin, without one, and with a foreign one.
#[test]
fn request_of_a_foreign_page_is_refused_on_every_route() {
    let folder = Folder::new();
    let stack = folder.start();
    let address = stack.address();
    let port = address.rsplit_once(':').unwrap().1;
    let (rebound, neighbour) = (format!("books.evil.example:{port}"), "localhost:1".to_owned());
    let own = [format!("http://{address}"), format!("http://localhost:{port}")];
    let routes = [
        ("POST", "/api/webhooks/events", 401),
        ("GET", "/api/webhooks/health", 200),
        ("POST", "/orders", 401),
        ("GET", "/payment/return", 400),
        ("GET", "/", 200),
        ("GET", "/local/send", 405),
        ("GET", "/mock/stripe/nothing", 404),
        ("GET", "/mock/epay/nothing", 404),
        ("GET", "/mock/fireblocks/v1/nothing", 401),
        ("GET", "/nothing", 404),
    ];
    for (method, path, status) in routes {
        let status_with = |headers: &[(&str, &str)]| stack.request(method, path, headers, b"{}").status;
        let without_origin = status_with(&[]);
        assert_ne!(without_origin, 403, "{method} {path}");
        for own in &own {
            assert_eq!(status_with(&[("origin", own)]), without_origin, "{method} {path} {own}");
        }
        for foreign in ["http://evil.example", "http://localhost:3000", "https://127.0.0.1", "null"] {
            assert_eq!(status_with(&[("origin", foreign)]), 403, "{method} {path} {foreign}");
        }
        for host in [&rebound, &neighbour] {
            assert_eq!(status_with(&[("host", host)]), 403, "{method} {path} {host}");
        }
        assert_eq!(without_origin, status, "{method} {path}");
    }
}

/// On Linux every address of 127/8 is local.
#[test]
#[cfg(target_os = "linux")]
fn also_listens_on_a_second_address() {
    let target = ("x-amz-target", "DynamoDB_20120810.ListTables");
    let status = |address: &str, headers: &[(&str, &str)]| {
        request_at(address, "POST", "/", &[&[target], headers].concat(), b"{}").map(|answer| answer.status)
    };
    let folder = Folder::new();
    for (args, open) in [(vec!["--memory", "--also", "127.0.0.2"], true), (vec!["--memory"], false)] {
        let stack = folder.start_with(&args, &[]);
        let other = stack.address().replace("127.0.0.1", "127.0.0.2");
        assert_eq!(status(&stack.address(), &[]), Some(200));
        assert_eq!(status(&stack.address(), &[("host", &other)]), Some(if open { 200 } else { 403 }));
        assert_eq!(status(&other, &[]), open.then_some(200));
        assert_eq!(status(&other, &[("host", "127.0.0.2:1")]), open.then_some(403));
        assert_eq!(status(&other, &[("host", "books.evil.example")]), open.then_some(403));
        assert_eq!(status(&other, &[("origin", "http://evil.example")]), open.then_some(403));
        assert!(stack.stop("INT").success());
    }
}
