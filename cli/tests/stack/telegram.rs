//! `examples/telegram`, run by Python between the stack and a fake of Telegram's Bot API.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::buying::demo_key;
use crate::harness::{Folder, Stack};

const WORKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/telegram/notify.py");
const TOKEN: &str = "123:bot-token";

/// A bot that has sent these texts. While it is down it answers 502, and while it is busy 429.
#[derive(Clone, Default)]
struct Bot {
    sent: Arc<Mutex<Vec<String>>>,
    /// The statuses of the next answers.
    failures: Arc<Mutex<Vec<u16>>>,
}

impl Bot {
    fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (url, bot) = (format!("http://{}", listener.local_addr().unwrap()), self.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut reader = BufReader::new(client.unwrap());
                let (mut head, mut length) = (String::new(), 0);
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {
                    let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                    length = line.strip_prefix("content-length: ").map_or(length, |bytes| bytes.parse().unwrap());
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                assert!(head.starts_with(&format!("POST /bot{TOKEN}/sendMessage ")), "{head}");
                let answer = match bot.failures.lock().unwrap().pop() {
                    Some(429) => {
                        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n".to_owned()
                    }
                    Some(status) => format!("HTTP/1.1 {status} Bad\r\ncontent-length: 0\r\n\r\n"),
                    None => {
                        let form = form(&String::from_utf8(body).unwrap());
                        assert_eq!(form["chat_id"], "456");
                        bot.sent.lock().unwrap().push(form["text"].clone());
                        "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"ok\":true}".to_owned()
                    }
                };
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        url
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }

    /// Waits until so many texts are sent, and a moment longer for one too many.
    fn wait_for(&self, count: usize) -> Vec<String> {
        for _ in 0..600 {
            if self.sent().len() >= count {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        thread::sleep(Duration::from_millis(600));
        let sent = self.sent();
        assert_eq!(sent.len(), count, "{sent:?}");
        sent
    }
}

fn form(body: &str) -> BTreeMap<String, String> {
    let plain = |text: &str| text.replace('+', " ").replace("%28", "(").replace("%29", ")").replace("%3A", ":");
    body.split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), plain(value)))
        .collect()
}

/// The worker's process, killed when it is dropped.
struct Worker(Child);

impl Worker {
    fn start(folder: &Folder, stack: &Stack<'_>, bot: &str) -> Self {
        let mut python = Command::new("python3");
        python.arg(WORKER).env("HOOKLEDGER_API", format!("http://{}", stack.address())).env("TELEGRAM_API", bot);
        python.env("OWNER_KEY", demo_key(folder)).env("TELEGRAM_TOKEN", TOKEN).env("TELEGRAM_CHAT", "456");
        python.env("STATE_FILE", folder.file("sent.json")).env("POLL_SECONDS", "0.1").stdout(Stdio::piped());
        Self(python.spawn().unwrap())
    }

    /// What it has printed.
    fn kill(mut self) -> String {
        self.0.kill().unwrap();
        let mut printed = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        printed
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The number of an order, and the path of its payment page.
fn order(stack: &Stack<'_>, key: &str) -> (String, serde_json::Value) {
    let made = stack.call("POST", "/api/pay/checkout", key, &json!({ "product": "credits-100" })).body;
    (made["orderNumber"].as_str().unwrap().to_owned(), made["url"].clone())
}

#[test]
fn chat_gets_once_what_became_of_an_order() {
    let folder = Folder::new();
    let stack = folder.start();
    let (key, bot) = (demo_key(&folder), Bot::default());
    let url = bot.serve();
    // Paid before the first start: no news.
    let (_, page) = order(&stack, &key);
    stack.pay(&page, "4242 4242 4242 4242");

    let worker = Worker::start(&folder, &stack, &url);
    while !folder.file("sent.json").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    let (number, page) = order(&stack, &key);
    assert_eq!(bot.wait_for(0), Vec::<String>::new(), "an unpaid order is no news");
    stack.pay(&page, "4242 4242 4242 4242");
    assert_eq!(bot.wait_for(1), [format!("Order {number} (credits-100) is paid: 9.99 USD")]);
    worker.kill();

    // What happens while it does not run, and while the bot does not answer, waits.
    folder.stdout_of(&["send", "stripe/charge_refunded", "--order", &number]);
    *bot.failures.lock().unwrap() = vec![502, 429, 502];
    let worker = Worker::start(&folder, &stack, &url);
    assert_eq!(bot.wait_for(2)[1], format!("Order {number} (credits-100) was refunded in part: 9.99 USD"));
    let printed = worker.kill();
    assert!(printed.contains("refused with 502") && printed.contains("refused with 429"), "{printed}");
    assert!(!printed.contains(TOKEN) && !printed.contains(&key), "{printed}");
}
