//! The console over HTTP, as the page `docs/console.md` says: the link of a first sign-in, and what it needs.

use serde_json::Value;

use crate::documented::done::{commands, done};
use crate::harness::{Folder, Stack};

const PAGE: &str = "docs/console.md";

fn text(stack: &Stack<'_>, path: &str) -> String {
    stack.get(path).body.as_str().unwrap().to_owned()
}

fn link_of(stdout: &str) -> String {
    stdout.lines().find(|line| line.contains("/console/first?")).unwrap().trim().to_owned()
}

#[test]
fn operator_of_the_page_signs_in() {
    let folder = Folder::new();
    let stack = folder.start();
    let [command] = &*commands(PAGE, "operator add amy", &[]) else { panic!("one command") };
    let made = done(&folder, command);
    let link = link_of(&made);
    assert!(link.contains("/console/first?name=amy&link="), "{link}");
    let path = link.split_once(&stack.address()).unwrap().1.to_owned();
    let page = text(&stack, &path);
    assert!(page.contains("value=\"amy\"") && page.contains("name=\"password\""), "{page}");
    // The link of the start, which the data folder has, is one of another operator.
    let shown: Value = serde_json::from_str(&folder.stdout_of(&["operator", "show", "amy", "--json"])).unwrap();
    assert_eq!((&shown["role"], &shown["enrolled"], &shown["signIns"]), (&"operator".into(), &false.into(), &0.into()));
    folder.stdout_of(&["operator", "revoke", "amy", "--reason", "left"]);
    assert!(!text(&stack, &path).contains("name=\"password\""), "a revoked link is none");
    let again = folder.stdout_of(&["operator", "link", "amy", "--role", "reader", "--reason", "back"]);
    assert_ne!(link_of(&again), link);
    let exists = folder.refused(&["operator", "add", "amy", "--role", "reader", "--reason", "twice"]);
    assert!(exists.contains("there is an operator amy already"), "{exists}");
    let unknown = folder.refused(&["operator", "show", "bob"]);
    assert!(unknown.contains("there is no operator bob"), "{unknown}");
}

#[test]
fn page_without_a_session_leads_to_the_sign_in() {
    let folder = Folder::new();
    let stack = folder.start();
    let sign_in = text(&stack, "/console/sign-in");
    assert!(sign_in.contains("name=\"code\""), "{sign_in}");
    let style = sign_in.split("href=\"").find(|part| part.contains(".css")).and_then(|part| part.split('"').next());
    assert!(text(&stack, style.unwrap()).contains("--bg"), "the style is served");
    for path in ["/console", "/console/events", "/console/explain?q=demo"] {
        assert_eq!(stack.get(path).status, 303, "{path}");
    }
    assert_eq!(stack.get("/console/none").status, 404);
}
