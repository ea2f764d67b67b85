//! Which cookies, languages and addresses of a request count.

use edge::Request;
use insight::Lang;

use crate::{cookies, visit};

fn request(headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request::new("GET".to_owned(), "/console".to_owned(), String::new(), headers, Vec::new())
}

#[test]
fn cookie_is_found_by_its_whole_name() {
    let rows = [
        ("lang=zh", Some("zh")),
        ("a=1; lang=zh; b=2", Some("zh")),
        ("a=1;lang=zh", Some("zh")),
        ("xlang=zh", None),
        ("lang2=zh", None),
        ("lang", None),
        ("lang=", Some("")),
        ("lang=en; lang=zh", Some("en")),
        ("", None),
    ];
    for (header, expected) in rows {
        assert_eq!(cookies::cookie(&request(&[("cookie", header)]), "lang"), expected, "{header}");
    }
    assert_eq!(cookies::cookie(&request(&[]), "lang"), None);
}

#[test]
fn browser_is_answered_in_its_first_language_of_ours() {
    let rows = [
        ("", Lang::En),
        ("zh", Lang::Zh),
        ("zh-CN,zh;q=0.9,en;q=0.8", Lang::Zh),
        ("en-US,en;q=0.9,zh;q=0.8", Lang::En),
        ("fr, zh-TW;q=0.5", Lang::Zh),
        ("fr,de", Lang::En),
        ("*", Lang::En),
    ];
    for (header, expected) in rows {
        assert_eq!(visit::accepted_lang(header), expected, "{header}");
    }
}

#[test]
fn form_leads_to_pages_of_the_console_alone() {
    let own = ["/console", "/console/events?failed=1", "/console?x=1", "/console/event?key=a%23b"];
    for path in own {
        assert_eq!(visit::own_path(Some(path)), path);
    }
    let others = [
        "",
        "/",
        "//evil.example",
        "https://evil.example/console",
        "/consoles",
        "/console\\evil",
        "/console/\n",
        "/console/é",
    ];
    for path in others {
        assert_eq!(visit::own_path(Some(path)), "/console", "{path}");
    }
    assert_eq!(visit::own_path(None), "/console");
}
