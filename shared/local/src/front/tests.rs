//! The front page: languages, escaping, and which requests its buttons obey.

use http::HeaderValue;

use super::*;

const HOSTILE: &str = "\"><script>alert('1')</script>&";

fn order(payment: Option<ledger::PaymentState>) -> OrderLine {
    let [number, product, price] = [HOSTILE; 3].map(str::to_owned);
    OrderLine { number, product, price, payment }
}

/// A page on which everything that could come from elsewhere is hostile.
fn hostile(stack: &Running) -> View<'_> {
    let text = || HOSTILE.to_owned();
    View {
        stack,
        accounts: vec![AccountLine { account: text(), balance: text(), available: text(), held: text() }],
        has_more: true,
        chosen: text(),
        lines: vec![StatementLine { at: text(), kind: text(), amount: text(), id: text() }],
        seen: vec![
            SeenLine::Event { id: text(), outcome: text() },
            SeenLine::Order { order: order(Some(ledger::PaymentState::Unpaid)), page: text() },
            SeenLine::Refused(text()),
        ],
        back: Some(order(Some(ledger::PaymentState::Paid))),
    }
}

fn stack() -> Running {
    let triggers = vec![
        Trigger::Route(HOSTILE.to_owned()),
        Trigger::Every(Duration::from_mins(1)),
        Trigger::Stream(HOSTILE.to_owned()),
    ];
    Running {
        functions: vec![(HOSTILE.to_owned(), triggers)],
        tables: vec![HOSTILE.to_owned()],
        fakes: vec![("Stripe", true), ("epay", false), ("WeChat Pay", true)],
    }
}

#[test]
fn hostile_text_is_escaped_in_both_languages() {
    let stack = stack();
    for language in Language::ALL {
        let html = hostile(&stack).html(language);
        assert!(!html.contains("<script") && !html.contains("alert('"), "{html}");
        assert!(html.matches("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;").count() > 14, "{html}");
        assert!(html.contains("account=%22%3E%3Cscript%3E"), "an address is percent-encoded: {html}");
        assert!(html.contains(&format!("<html lang=\"{}\">", language.as_str())));
    }
}

/// Scripts, assets and styles in attributes: the policy would stop them, and none is there.
#[test]
fn page_loads_nothing_and_runs_nothing() {
    let html = hostile(&stack()).html(Language::English);
    for part in ["<script", "<img", "<link", "src=", " style=", " onclick", "javascript:", "@import"] {
        assert!(!html.contains(part), "{part}");
    }
}

#[test]
fn provider_without_a_fake_has_no_button() {
    let html = hostile(&stack()).html(Language::English);
    let has = |path: &str| html.contains(&format!("action=\"{path}?lang=en\""));
    assert!(has(STRIPE) && has(WECHAT) && has(AGAIN) && !has(EPAY), "{html}");
}

#[test]
fn language_follows_the_switch_and_then_the_browser() {
    let rows = [
        ("", "", "en"),
        ("", "zh", "zh"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "en-US,en;q=0.9,zh;q=0.8", "en"),
        ("", "en;q=0.5, zh-TW;q=0.7", "zh"),
        ("", "fr, de;q=0.9", "en"),
        ("", "fr, zh;q=0.1", "zh"),
        ("", "zh;q=0", "en"),
        ("", "zh;q=nonsense", "en"),
        ("", "*", "en"),
        ("lang=en", "zh", "en"),
        ("lang=zh", "en", "zh"),
        ("account=a&lang=zh", "", "zh"),
        ("lang=fr", "zh", "zh"),
        ("lang=%3Cscript%3E", "", "en"),
    ];
    for (query, accepted, expected) in rows {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
        assert_eq!(language(query, &headers).as_str(), expected, "{query} {accepted}");
    }
}

#[test]
fn only_a_button_of_the_page_is_obeyed() {
    let rows = [
        ("localhost:9000", Some("http://localhost:9000"), None, true),
        ("127.0.0.1:9000", Some("http://127.0.0.1:9000"), Some("same-origin"), true),
        ("127.0.0.1:9000", Some("http://localhost:9000"), Some("cross-site"), false),
        ("127.0.0.1:9000", Some("http://localhost:9000"), None, false),
        ("localhost:9000", Some("http://localhost:9000"), Some("same-site"), false),
        ("localhost:9000", Some("http://localhost:9000"), Some("none"), false),
        ("localhost:9000", Some("https://localhost:9000"), None, false),
        ("localhost:9000", Some("null"), None, false),
        ("localhost:9000", None, Some("same-origin"), false),
        ("localhost:9000", None, None, false),
    ];
    for (host, origin, site, expected) in rows {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        if let Some(site) = site {
            headers.insert("sec-fetch-site", HeaderValue::from_static(site));
        }
        assert_eq!(is_of_own_page(&headers), expected, "{host} {origin:?} {site:?}");
    }
}
