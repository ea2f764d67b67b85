//! The front page of the local stack: its buttons, its languages, and the requests that it refuses.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::buying::demo_key;
use crate::harness::{Folder, Stack, field};

/// A reply with its headers, as a browser gets it.
struct PageReply {
    status: u16,
    head: String,
    html: String,
}

impl PageReply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn browse(stack: &Stack<'_>, method: &str, path: &str, headers: &[(&str, &str)]) -> PageReply {
    let address = stack.address();
    let always = [("host", address.as_str()), ("connection", "close"), ("content-length", "0")];
    let lines: String = always.iter().chain(headers).flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(format!("{method} {path} HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, html) = answer.split_once("\r\n\r\n").unwrap();
    PageReply { status: head[9..12].parse().unwrap(), head: head.to_owned(), html: html.to_owned() }
}

/// Clicks a button, and returns where it leads.
fn click(stack: &Stack<'_>, path: &str) -> String {
    let origin = format!("http://{}", stack.address());
    let reply = browse(stack, "POST", path, &[("origin", &origin), ("sec-fetch-site", "same-origin")]);
    assert_eq!(reply.status, 303, "{path}: {}", reply.html);
    reply.header("location").unwrap().to_owned()
}

fn front(stack: &Stack<'_>) -> String {
    let page = browse(stack, "GET", "/?lang=en", &[]);
    assert_eq!(page.status, 200);
    page.html
}

fn balance(folder: &Folder) -> String {
    field(&folder.stdout_of(&["account", "show", "demo"]), "balance").to_owned()
}

#[test]
fn page_shows_what_runs_in_the_language_of_the_browser() {
    let folder = Folder::new();
    let stack = folder.start();
    for (language, text) in [("en-US,en;q=0.9", "The local stack"), ("zh-CN,zh;q=0.9,en;q=0.8", "本地环境")] {
        let page = browse(&stack, "GET", "/", &[("accept-language", language)]);
        assert_eq!(page.status, 200);
        for part in [text, "demo/credits", "1000", "POST /api/webhooks/events", "hookledger-local-journal", "Stripe"] {
            assert!(page.html.contains(part), "{language}, {part}: {}", page.html);
        }
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'; style-src 'sha256-"));
        assert_eq!((page.header("vary"), page.header("cache-control")), (Some("accept-language"), Some("no-store")));
        assert!(!page.html.contains(&demo_key(&folder)), "no key stands on the page");
    }
    let head = browse(&stack, "HEAD", "/", &[]);
    assert_eq!((head.status, head.html.as_str()), (200, ""));
}

#[test]
fn event_is_booked_once_by_two_clicks() {
    let folder = Folder::new();
    let stack = folder.start();
    assert!(!front(&stack).contains("/local/send-again"));
    assert_eq!(click(&stack, "/local/send?lang=zh"), "/?lang=zh#clicks");
    assert!(front(&stack).contains("<td>booked</td><td>event"));
    click(&stack, "/local/send-again");
    let page = front(&stack);
    assert!(
        page.contains("<td>repeat: not booked again</td><td>event") && page.contains("<td>booked</td><td>event"),
        "{page}"
    );
    assert!(page.contains("<td class=\"n\">-0.00234</td><td><code>usage#evt_"), "{page}");
    assert_eq!(balance(&folder), "999.99766");
}

#[test]
fn purchase_leads_to_the_page_of_the_fake_and_back() {
    let folder = Folder::new();
    let stack = folder.start();
    let own = format!("http://{}", stack.address());
    let page = click(&stack, "/local/buy/stripe?lang=en");
    assert!(page.starts_with("/mock/stripe/pay/cs_test_"), "{page}");
    let shown = browse(&stack, "GET", &page, &[]);
    assert!(shown.html.contains("<p class=\"sum\">9.99 USD</p>"), "{}", shown.html);
    assert!(shown.header("content-security-policy").unwrap().starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(front(&stack).contains(&format!("unpaid · <a href=\"{page}\">pay</a>")), "an open order can be paid later");
    assert_eq!(click(&stack, "/local/buy/stripe"), page, "a second click leads to the same page");

    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", own.as_str())];
    stack.request("POST", &page, &form, b"card=4242424242424242");
    assert_eq!(balance(&folder), "1100");
    let session = page.rsplit('/').next().unwrap();
    let back = browse(&stack, "GET", &format!("/?session={session}&lang=en"), &[]).html;
    assert!(back.contains("You are back from the payment page. paid") && back.contains("credits-100"), "{back}");

    let page = click(&stack, "/local/buy/wechat");
    let shown = browse(&stack, "GET", &page, &[]);
    assert!(shown.html.contains("648.00 CNY") && shown.html.contains("weixin://wxpay/"), "{}", shown.html);
    assert_eq!(click(&stack, &page), "/");
    assert_eq!(balance(&folder), "2100");
    assert_eq!(click(&stack, &page), "/", "a second payment");
    assert_eq!(balance(&folder), "2100");

    let page = click(&stack, "/local/buy/epay");
    assert!(page.starts_with("/mock/epay/submit.php?"), "{page}");
    let shown = browse(&stack, "GET", &page, &[]).html;
    assert!(shown.contains("648.00 CNY"), "{shown}");
    let action = shown.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let back = click(&stack, action.strip_prefix(&own).unwrap());
    let back = browse(&stack, "GET", back.strip_prefix(&own).unwrap(), &[]);
    assert!(back.html.contains("<h1 class=\"good\">已支付。</h1>"), "{}", back.html);
    assert_eq!(balance(&folder), "3100");
}

#[test]
fn shop_of_the_environment_gets_its_buyers_back() {
    let folder = Folder::new();
    let shop = "http://127.0.0.1:1/paid?session={CHECKOUT_SESSION_ID}";
    let stack = folder.start_with(&[], &[("CHECKOUT_SUCCESS_URL", shop)]);
    let page = click(&stack, "/local/buy/stripe");
    let form = [("content-type", "application/x-www-form-urlencoded"), ("content-length", "21")];
    let address = stack.address();
    let mut stream = TcpStream::connect(&address).unwrap();
    let lines: String = form.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect();
    let request =
        format!("POST {page} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{lines}\r\ncard=4242424242424242");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("location: http://127.0.0.1:1/paid?session=cs_test_"), "{answer}");
}

/// Another site, a page of another port, a sandboxed frame, and a request without an origin.
#[test]
fn only_buttons_of_the_page_are_obeyed() {
    let folder = Folder::new();
    let stack = folder.start();
    let own = format!("http://{}", stack.address());
    let other_name = own.replace("127.0.0.1", "localhost");
    for path in ["/local/send", "/local/send-again", "/local/buy/stripe", "/local/buy/epay", "/local/buy/wechat"] {
        let rows: [&[(&str, &str)]; 7] = [
            &[],
            &[("origin", "http://evil.example")],
            &[("origin", "http://localhost:3000")],
            &[("origin", "null")],
            &[("origin", &other_name)],
            &[("origin", &own), ("sec-fetch-site", "cross-site")],
            &[("origin", &own), ("host", "books.evil.example")],
        ];
        for headers in rows {
            let status = stack.request("POST", path, headers, b"").status;
            assert_eq!(status, 403, "{path} {headers:?}");
        }
        assert_eq!(browse(&stack, "GET", path, &[]).header("allow"), Some("POST"));
    }
    assert_eq!(stack.request("POST", "/local/other", &[("origin", &own)], b"").status, 404);
    assert_eq!(balance(&folder), "1000");
    assert!(!front(&stack).contains("id=\"clicks\""), "nothing was clicked");
}
