//! The way into the console of the local stack: an operator of its own, whose first sign-in has a link that works once.

use std::time::Duration;

use idempotency::DynamoLedger;
use operators::{Link, Operator, OperatorName, Operators as _, Role, TokenHash};

use crate::error::Error;
use crate::now::context;
use crate::random;

const OPERATOR: &str = "local";
const PATIENCE: Duration = Duration::from_secs(5);

/// The path of the link, or of the first page once its operator has signed in. A new link with each start, since the one
/// before may be over.
pub(crate) async fn of(ledger: &DynamoLedger) -> Result<String, Error> {
    let context = context(PATIENCE);
    let Ok(name) = OperatorName::new(OPERATOR) else { return Ok("/console".to_owned()) };
    let (token, now) = (random::hex()?, context.received_at);
    let link = Link::new(TokenHash::of(&token), now);
    let operator = match ledger.operator(&name, &context).await? {
        Some(known) if known.credentials.is_some() || known.is_revoked() => return Ok("/console".to_owned()),
        Some(known) => known.with_link(Role::Operator, link),
        None => Operator::new(name, Role::Operator, link, now),
    };
    ledger.write_operator(&operator, &context).await?;
    Ok(format!("/console/first?name={OPERATOR}&link={token}"))
}
