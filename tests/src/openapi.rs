//! The OpenAPI document: the codes in it are those in the code, and the function serves what is checked in.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use testkit::{Sent, World};

use crate::house::{files, root};
use crate::policies::runs;
use crate::sandbox::invocation;
use edge::Service as _;

const SHARED: &str = "shared/api";
/// How a product can be chosen wrongly: orders and checkout answer with its codes.
const CHOICES: &str = "shared/catalog";
/// Codes that no call documents, since they do not depend on it.
const OF_ANY_PATH: [&str; 2] = ["not_found", "method_not_allowed"];
/// Refusals of the sweep alone: no call ends a hold because it has expired.
const OF_SWEEPS: [&str; 1] = ["hold_open"];
/// What Stripe calls it.
const OF_PROVIDERS: [&str; 1] = ["resource_missing"];
/// The tag of each API is the name of its function.
const APIS: [&str; 4] = ["orders", "checkout", "credits", "chat"];

fn document() -> Value {
    let text = fs::read_to_string(root().join("docs/openapi.json")).expect("the document");
    serde_json::from_str(&text).expect("JSON")
}

/// Status and code of each refusal of an API.
fn documented(api: &str) -> BTreeSet<(u16, String)> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|path| path.as_object().expect("operations").values());
    let responses = operations
        .filter(|operation| operation["tags"][0] == api)
        .flat_map(|operation| operation["responses"].as_object().expect("responses"));
    let mut found = BTreeSet::new();
    for (status, response) in responses {
        let response = match response["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a response"),
            None => response,
        };
        let codes = response["x-error-codes"].as_array().into_iter().flatten();
        let status = status.parse().expect("a status");
        found.extend(codes.map(|code| (status, code.as_str().expect("a code").to_owned())));
    }
    found
}

/// The sources of a crate, without its tests and its part of the document.
fn sources(krate: &str) -> String {
    let folder = root().join(krate).join("src");
    let is_code = |path: &std::path::Path| {
        let path = path.strip_prefix(&folder).expect("below").to_string_lossy().into_owned();
        !path.starts_with("tests") && !path.starts_with("openapi")
    };
    let texts = files(&folder, ".rs").into_iter().filter(|path| is_code(path));
    texts.map(|path| fs::read_to_string(path).expect("a file")).collect()
}

/// The texts between quotes that look like a code.
fn words(source: &str) -> BTreeSet<&str> {
    let is_code = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    source.split('"').filter(is_code).collect()
}

/// `Failure::new(400, "code"`, over as many lines as it takes.
fn refusals(source: &str) -> BTreeSet<(u16, String)> {
    let read = |call: &str| {
        let (status, rest) = call.split_once(',')?;
        let code = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        Some((status.trim().parse().ok()?, code.to_owned()))
    };
    source.split("Failure::new(").skip(1).chain(source.split("Self::new(").skip(1)).filter_map(read).collect()
}

#[test]
fn each_documented_code_stands_in_the_code() {
    for api in APIS {
        let source = [&*format!("functions/{api}"), SHARED, CHOICES].map(sources).join("\n");
        let known = words(&source);
        let unknown: Vec<_> = documented(api).into_iter().filter(|(_, code)| !known.contains(code.as_str())).collect();
        assert!(unknown.is_empty(), "functions/{api} cannot answer {unknown:?}");
    }
}

#[test]
fn each_code_of_the_code_is_documented() {
    let mut of_any = BTreeSet::new();
    for api in APIS {
        let (documented, source) = (documented(api), sources(&format!("functions/{api}")));
        let of_calls = refusals(&source).into_iter().filter(|(_, code)| !OF_SWEEPS.contains(&code.as_str()));
        let missing: Vec<_> = of_calls.filter(|refusal| !documented.contains(refusal)).collect();
        assert!(missing.is_empty(), "no operation of {api} documents {missing:?}");
        let of_fields = words(&source)
            .into_iter()
            .filter(|word| (word.ends_with("_missing") || word.ends_with("_invalid")) && !OF_PROVIDERS.contains(word));
        let missing: Vec<_> = of_fields.filter(|word| !documented.iter().any(|(_, code)| code == word)).collect();
        assert!(missing.is_empty(), "no operation of {api} documents {missing:?}");
        of_any.extend(documented);
    }
    let shared = refusals(&sources(SHARED)).into_iter().filter(|(_, code)| !OF_ANY_PATH.contains(&code.as_str()));
    let missing: Vec<_> = shared.filter(|refusal| !of_any.contains(refusal)).collect();
    assert!(missing.is_empty(), "no operation documents {missing:?}");
}

#[tokio::test(start_paused = true)]
async fn document_is_served_to_anybody_without_a_read() {
    let world = World::new();
    let function = api::Function { api: runs::credits(), ledger: world.ledger(1) };
    let sent = Sent::get("/v1/openapi.json", "");
    let reply = function.answer(&sent.event(testkit::Shape::HttpApi), &invocation(1)).await;
    assert_eq!(reply.status, 200);
    assert!(reply.headers.contains(&("content-type", "application/json".to_owned())), "{:?}", reply.headers);
    let served: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert!(served == document(), "the function serves another document than docs/openapi.json");
}
