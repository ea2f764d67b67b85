//! Replies to the gateway, one for each outcome. A gateway searches the whole body for `success`, so no other reply
//! contains these letters.

use edge::Reply;
use serde::Serialize;
use webhook::{Dependency, Outcome};

const SERVICE: &str = "payment-webhook-v1";

pub(crate) fn reply(outcome: &Outcome) -> Reply {
    let fail = |status: u16| Reply::text(status, "fail");
    match outcome {
        Outcome::Booked | Outcome::Repeat => Reply::text(200, "success"),
        Outcome::Unverified(_) | Outcome::Unparsed(_) | Outcome::Malformed => fail(400),
        Outcome::Forbidden => fail(403),
        Outcome::NotFound => fail(404),
        Outcome::MethodNotAllowed { allowed } => fail(405).with_header("allow", allowed),
        Outcome::Refused(_) | Outcome::Conflict | Outcome::Ignored(_) => fail(409),
        Outcome::TooLarge => fail(413),
        Outcome::Panicked => fail(500),
        Outcome::Paused | Outcome::Unavailable | Outcome::Unverifiable => fail(503),
    }
}

#[derive(Serialize)]
struct Health {
    service: &'static str,
    status: &'static str,
}

pub(crate) fn health(_: ledger::Timestamp) -> Reply {
    Reply::json(200, &Health { service: SERVICE, status: "ok" })
}

#[derive(Serialize)]
struct Running<'s> {
    dependencies: Vec<Answers<'s>>,
    endpoints: Vec<&'static str>,
    service: &'static str,
    status: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Answers<'s> {
    answers: bool,
    name: &'s str,
}

/// The status is always `running`; the dependencies show whether the source can work.
pub(crate) fn status(dependencies: &[Dependency]) -> Reply {
    let answers = |dependency: &Dependency| Answers { answers: dependency.answers, name: dependency.name };
    let mut endpoints: Vec<&str> = crate::ROUTES.iter().map(|route| route.path).collect();
    endpoints.dedup();
    let body = Running {
        dependencies: dependencies.iter().map(answers).collect(),
        endpoints,
        service: SERVICE,
        status: "running",
        version: env!("CARGO_PKG_VERSION"),
    };
    Reply::json(200, &body)
}
