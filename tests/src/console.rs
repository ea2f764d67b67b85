//! The console at the edge: who gets in, who may act, what a form of another site changes, and a person's way from a
//! failed event to its reason. `functions/console/src/tests` has the pages themselves.

mod acting;
mod as_commands;
pub(crate) mod changing;
mod deciding;
mod finding;
mod refusing;
mod signing_in;

use std::sync::Arc;

use api::RandomBits;
use console::{Config, Console};
use edge::{Reply, Service as _};
use idempotency::DynamoLedger;
use ledger::Timestamp;
use operators::{Credentials, Link, Operator, OperatorName, Operators as _, Role, Session, SignIn, TokenHash};
use testkit::{Sent, Shape, World, code_pepper, context, now, seeded_bits};

use crate::sandbox::moment_at;

const HOST: &str = "books.example";
const ORIGIN: &str = "https://books.example";
pub(crate) const PASSWORD: &str = "correct horse battery";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) fn console_over(ledger: DynamoLedger) -> Console<DynamoLedger> {
    let config = Config { stage: "prod".to_owned(), merchants: vec!["1001".to_owned()] };
    Console::of(config, Arc::new(code_pepper()), RandomBits::new(seeded_bits(7)), ledger)
}

fn name(text: &str) -> OperatorName {
    OperatorName::new(text).expect("a name")
}

/// An operator with a link, as `operator add` writes it. Returns the link's token.
pub(crate) async fn invited(world: &World, who: &str, role: Role) -> String {
    let token = format!("link-of-{who}");
    let operator = Operator::new(name(who), role, Link::new(TokenHash::of(&token), now()), now());
    assert!(world.ledger(0).write_operator(&operator, &context(0)).await.expect("written"));
    token
}

/// The cookie of an operator who has signed in, by the rows that a sign-in writes.
pub(crate) async fn signed_in(world: &World, who: &str, role: Role) -> String {
    let link = invited(world, who, role).await;
    let ledger = world.ledger(0);
    let credentials = Credentials { password: "none".to_owned(), totp: vec![7; 20], last_step: 1, since: now() };
    let invited = ledger.operator(&name(who), &context(0)).await.expect("read").expect("invited");
    let enrolled = invited.enrolled(&TokenHash::of(&link), credentials, now()).expect("the link");
    assert!(ledger.write_operator(&enrolled, &context(0)).await.expect("written"));
    let token = TokenHash::of(who).to_string();
    let session = Session::new(TokenHash::of(&token), name(who), "203.0.113.7".to_owned(), now());
    let sign_in = SignIn { operator: name(who), number: 1, at: now(), address: session.address.clone() };
    ledger.begin_session(&session, &sign_in, &context(0)).await.expect("written");
    format!("__Host-console={who}.{token}")
}

/// What a browser sends, as far as the console reads it.
pub(crate) struct Browser<'c> {
    console: &'c Console<DynamoLedger>,
    pub(crate) cookie: String,
    pub(crate) now: Timestamp,
    pub(crate) origin: &'static str,
    pub(crate) address: &'static str,
    attempt: u64,
}

impl<'c> Browser<'c> {
    pub(crate) fn new(console: &'c Console<DynamoLedger>, cookie: &str) -> Self {
        Self { console, cookie: cookie.to_owned(), now: now(), origin: ORIGIN, address: "203.0.113.7", attempt: 1_000 }
    }

    pub(crate) async fn get(&mut self, address: &str) -> Reply {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        self.send(Sent::get(path, query)).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", api::percent_encoded(value))).collect();
        let body = pairs.join("&");
        let origin = self.origin;
        self.send(Sent::post(path, body.as_bytes()).with("content-type", FORM).with("origin", origin)).await
    }

    async fn send(&mut self, sent: Sent<'_>) -> Reply {
        self.attempt += 1;
        let sent = Sent { source_ip: self.address, ..sent.with("host", HOST).with("cookie", self.cookie.clone()) };
        let reply = self.console.answer(&sent.event(Shape::HttpApi), &moment_at(self.attempt, self.now)).await;
        if let Some(cookie) = header(&reply, "set-cookie") {
            cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        }
        reply
    }

    /// The token of the forms on a page.
    pub(crate) async fn csrf(&mut self) -> String {
        field(&self.get("/console").await, "csrf")
    }
}

pub(crate) fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

/// The value of a hidden field.
pub(crate) fn field(reply: &Reply, name: &str) -> String {
    let (_, rest) = reply.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| {
        panic!("{} has no field {name}: {}", reply.status, reply.body);
    });
    rest.split('"').next().expect("its end").to_owned()
}

/// Every reply of the console, to any visitor.
fn assert_is_secured(reply: &Reply) {
    let policy = header(reply, "content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(header(reply, name), Some(value));
    }
    for part in [" style=", " onclick=", "<script>", "javascript:", "http://", "https://"] {
        assert!(!reply.body.contains(part), "{part} in {}", reply.body);
    }
}
