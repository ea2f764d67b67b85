//! The fake of a telephone operator, which the test serves itself so that it outlives a killed stack and counts every call.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fakes::unitel::{Call, Calls, Unitel, Wait};

/// A fixed clock: tokens live for two minutes, and so never expire in a test.
const NOW_S: i64 = 1_767_225_600;

pub(crate) struct Operator {
    unitel: Arc<Unitel>,
    url: String,
}

impl Operator {
    pub(crate) fn new() -> Self {
        // shop:one-of-ours
        let unitel = Arc::new(Unitel::new("Basic c2hvcDpvbmUtb2Ytb3Vycw==", "t"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = Arc::clone(&unitel);
        // The threads end with the test process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let unitel = Arc::clone(&serving);
                thread::spawn(move || answer(&unitel, stream.unwrap()));
            }
        });
        Self { unitel, url }
    }

    /// The settings of the stack. There is no `UNITEL_CHECK_PATH`, so a call's result cannot be queried.
    pub(crate) fn environment(&self) -> [(&str, &str); 3] {
        [("UNITEL_API_URL", &self.url), ("UNITEL_USERNAME", "shop"), ("UNITEL_PASSWORD", "one-of-ours")]
    }

    pub(crate) fn calls(&self, order: &str) -> Calls {
        self.unitel.calls().get(order).copied().unwrap_or_default()
    }
}

/// Answers one request and closes the connection.
fn answer(unitel: &Unitel, stream: TcpStream) {
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
    let (mut line, mut length, mut authorization) = (String::new(), 0, None);
    // A killed stack may leave half a request.
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.trim_end().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let body = String::from_utf8(body).unwrap();
    let authorization = authorization.as_deref();
    let reply = unitel.answer(&Call { method, path, authorization, body: &body, now_s: NOW_S });
    match reply.wait {
        Wait::None => {}
        Wait::Seconds(seconds) => thread::sleep(Duration::from_secs(seconds)),
        Wait::ForEver => thread::park(),
    }
    let (status, length) = (reply.status, reply.body.len());
    let head = format!("HTTP/1.1 {status} Fake\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = writer.write_all(format!("{head}{}", reply.body).as_bytes());
}
