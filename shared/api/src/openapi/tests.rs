//! What the document refuses to be built from, and what it says of a call.

use std::time::Duration;

use edge::{Reply, Route};

use super::*;

/// An API with one route, or a faulty one.
struct Faulty<const N: usize>;

#[derive(Clone, Copy, PartialEq)]
enum Call {
    Show,
    Other,
}

const OF_CALL: [&[Route<Call>]; 4] = [
    &[Route { method: "GET", path: "/things/{id}", endpoint: Call::Show }],
    &[Route { method: "GET", path: "/things", endpoint: Call::Show }],
    &[
        Route { method: "GET", path: "/things/{id}", endpoint: Call::Show },
        Route { method: "GET", path: "/others/{id}", endpoint: Call::Other },
    ],
    &[
        Route { method: "GET", path: "/things/{id}", endpoint: Call::Show },
        Route { method: "HEAD", path: "/things/{id}", endpoint: Call::Other },
    ],
];

impl<const N: usize> Api for Faulty<N> {
    const NAME: &'static str = "faulty";
    const ROUTES: &'static [Route<Call>] = OF_CALL[N];
    const BODY_BYTES_MAX: usize = 1;
    const REPLY_WITHIN: Duration = Duration::from_secs(1);

    type Call = Call;

    fn public(&self, _: Call) -> Option<Reply> {
        None
    }
}

impl<const N: usize> Described for Faulty<N> {
    const TAG: &'static str = "faulty";
    const ABOUT: &'static str = "";

    fn operation(_: Call) -> Operation {
        Operation::new("show", "Shows it", Access::OwnerOr(ledger::Scope::Read))
            .parameter(Parameter::path("id", "^a$", "Its id."))
            .query(&[Parameter::query("limit", Kind::Whole { min: 1, max: 9, default: 3 }, "How many.")])
            .error(404, &["thing_not_found"])
    }
}

#[test]
fn description_that_differs_from_the_routes_is_refused() {
    let error = |built: Result<Document, DocumentError>| built.err();
    assert_eq!(error(Document::default().with::<Faulty<0>>()), None);
    assert_eq!(error(Document::default().with::<Faulty<1>>()), Some(DocumentError::PathParameters("/things")));
    assert_eq!(error(Document::default().with::<Faulty<2>>()), Some(DocumentError::SameId("show".to_owned())));
    assert_eq!(error(Document::default().with::<Faulty<3>>()), Some(DocumentError::Head("/things/{id}")));
}

#[test]
fn operation_says_who_may_call_it_and_what_it_answers() {
    let document = Document::default().with::<Faulty<0>>().and_then(|document| document.json("1")).expect("a document");
    let operation = &document["paths"]["/things/{id}"]["get"];
    assert_eq!(operation["security"], json!([{ "ownerKey": [] }, { "serviceKey": ["read"] }]));
    let statuses: Vec<&String> = operation["responses"].as_object().expect("responses").keys().collect();
    assert_eq!(statuses, ["400", "401", "403", "404", "413", "429", "500", "503"]);
    let codes = |status: &str| operation["responses"][status]["x-error-codes"].clone();
    assert_eq!(codes("404"), json!(["thing_not_found"]));
    assert_eq!(
        codes("400"),
        json!(["duplicate_header", "duplicate_parameter", "malformed", "query_invalid", "unknown_parameter"])
    );
    assert_eq!(operation["parameters"][1]["schema"]["maximum"], 9);
}
