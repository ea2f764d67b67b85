//! The documented forwarder, run by Python between the stack and the fake of WeChat's cloud.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use signing::{Strength, forwarder};

use crate::harness::{Folder, Stack, field, request_at};
use crate::wechat::ordered;

const FORWARDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/forwarder/forwarder.py");
const JSON: (&str, &str) = ("content-type", "application/json");

/// The forwarder's process, killed when the test ends.
struct Running(Child, String);

impl Running {
    fn start(address: &str, stack: &Stack<'_>, secret: &str) -> Self {
        let base = format!("http://{}", stack.address());
        let (_, port) = address.split_once(':').unwrap();
        let mut python = Command::new("python3");
        python.arg(FORWARDER).env("PORT", port).env("WECHAT_FORWARDER_SECRET", secret);
        python.env("HOOKLEDGER_URL", &base).env("WECHAT_URL", format!("{base}/mock/wechat/in-cloud"));
        let quiet = python.stdout(Stdio::null()).stderr(Stdio::null());
        let running = Self(quiet.spawn().unwrap(), address.to_owned());
        for _ in 0..1_000 {
            if TcpStream::connect(address).is_ok() {
                return running;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("python3 {FORWARDER} does not listen");
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let headers = [&[JSON], headers].concat();
        let answer = request_at(&self.1, "POST", path, &headers, body.to_string().as_bytes()).unwrap();
        (answer.status, answer.body)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn secret(folder: &Folder) -> String {
    let local = folder.json("local.json");
    let keys: Value = serde_json::from_str(local["secrets"]["WECHAT_LOCAL"].as_str().unwrap()).unwrap();
    keys["forwarder"].as_str().unwrap().to_owned()
}

fn begin(folder: &Folder, stack: &Stack<'_>, number: &str) -> (u16, Value) {
    let key = folder.json("local.json")["api_keys"]["demo"].as_str().unwrap().to_owned();
    let answer = stack.call("POST", "/payment/create", &key, &json!({ "orderNumber": number }));
    (answer.status, answer.body)
}

#[test]
fn documented_forwarder_carries_orders_callbacks_and_answers() {
    let folder = Folder::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let base = format!("http://{address}");
    let settings = [("WECHAT_API", "cloudrun"), ("WECHAT_API_BASE", &base), ("FORBID_BODY_ONLY_HMAC", "true")];
    let stack = folder.start_with(&[], &settings);
    let secret = secret(&folder);
    let running = Running::start(&address, &stack, &format!("{secret} another-one-of-a-rotation-0123456789"));

    let number = ordered(&folder, &stack);
    let (status, payment) = begin(&folder, &stack, &number);
    assert!(status == 200 && payment["codeUrl"].is_string(), "{payment}");
    let paid = || field(&folder.stdout_of(&["order", "show", &number]), "payment").to_owned();
    // Anyone who reaches the container can make it forward this; the function still queries WeChat.
    let callback = json!({ "returnCode": "SUCCESS", "resultCode": "SUCCESS", "outTradeNo": number });
    let path = format!("/payment/callback/{number}");
    let accepted = (200, json!({ "errcode": 0, "errmsg": "OK" }));
    assert_eq!(running.post(&path, &[], &callback), accepted);
    assert_eq!(paid(), "unpaid");
    let registered = stack.request("POST", "/mock/wechat/events", &[JSON], callback.to_string().as_bytes());
    assert_eq!(registered.status, 204);
    assert_eq!(running.post(&path, &[], &callback), accepted);
    assert_eq!(paid(), "paid");

    // It refuses a call without a fresh signature over this path and body, and a replay.
    let query = json!({ "out_trade_no": number, "sub_mch_id": "1900000001" });
    let body = query.to_string();
    let (path, nonce) = ("/_/pay/queryorder", "0123456789abcdef0123456789abcdef");
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let signed = |secret: &str, path: &str, nonce: &str, at: i64| {
        let call = forwarder::Call { method: "POST", path, body: body.as_bytes() };
        forwarder::sign_call(&forwarder::Keys::parse(secret, Strength::Local).unwrap(), call, nonce, at)
    };
    let other = "a-secret-of-another-party-0123456789";
    let refused = [
        ("not signed", String::new()),
        ("another scheme", signed(&secret, path, nonce, now).replace("Forwarder", "Bearer")),
        ("another secret", signed(other, path, nonce, now)),
        ("another path", signed(&secret, "/_/pay/refund", nonce, now)),
        ("stale", signed(&secret, path, nonce, now - 400)),
        ("of tomorrow", signed(&secret, path, nonce, now + 400)),
        ("no token", "Forwarder ü".to_owned()),
    ];
    for (name, authorization) in &refused {
        let (status, _) = running.post(path, &[("authorization", authorization)], &query);
        assert_eq!(status, 401, "{name}");
    }
    let good = signed(&secret, path, nonce, now);
    let (status, answer) = running.post(path, &[("authorization", &good)], &query);
    assert_eq!((status, &answer["respdata"]["trade_state"]), (200, &json!("SUCCESS")));
    assert_eq!(running.post(path, &[("authorization", &good)], &query).0, 401, "a replay");

    // An answer that is signed with another secret counts as none.
    drop(running);
    let number = ordered(&folder, &stack);
    let _stranger = Running::start(&address, &stack, other);
    let (status, answer) = begin(&folder, &stack, &number);
    assert_eq!((status, &answer["error"]), (504, &json!("wechat_timeout")), "{answer}");
}
