//! The commit of a change: one journal entry, whose key follows from the request's idempotency key.

use api::{Api as _, ApiCall, ApiOutcome, Caller, Failure, required_idempotency_key};
use edge::Reply;
use ledger::{
    CommitError, Committed, Decision, Effect, Entry, EventKey, Fact, Fingerprint, JournalHeader, Ledger, Owner, Reason,
    Receipt, RequestId, ServiceKey, Writer,
};
use serde_json::Value;

use crate::fields;
use crate::reply::{author, replayed};
use crate::{Call, Credits};

/// Under which receipt a change is booked, who makes it, and why.
pub(crate) struct Signature {
    pub receipt: EventKey,
    author: String,
    reason: String,
    /// What the change has made. It is no part of the request, so that a repeat is the same one.
    pub made: Vec<(&'static str, String)>,
}

impl Signature {
    pub(crate) fn read(
        call: &ApiCall<'_, Call, Caller>,
        key: &ServiceKey,
        reason: Option<&Value>,
    ) -> Result<Self, Failure> {
        let request = RequestId::from_key(&required_idempotency_key(call.request)?);
        let receipt = EventKey::new(Writer::Credits, request.as_str()).map_err(|_| Failure::unavailable())?;
        Ok(Self { receipt, author: author(key), reason: fields::reason(reason)?, made: Vec::new() })
    }
}

impl Signature {
    /// Of an owner, which signs with the short id of its key. Its idempotency keys are its own: no other owner can take one.
    pub(crate) fn of_owner(
        call: &ApiCall<'_, Call, Caller>,
        owner: &Owner,
        key: &str,
        reason: Option<&Value>,
    ) -> Result<Self, Failure> {
        let request = RequestId::of_owner(owner, &required_idempotency_key(call.request)?);
        let receipt = EventKey::new(Writer::Credits, request.as_str()).map_err(|_| Failure::unavailable())?;
        Ok(Self { receipt, author: format!("{owner} ({key})"), reason: fields::reason(reason)?, made: Vec::new() })
    }

    pub(crate) fn author(&self) -> &str {
        &self.author
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

/// A change that is booked: by this request, or by the one that it repeats.
pub(crate) struct Booked {
    pub receipt: Receipt,
    pub is_replay: bool,
}

impl Booked {
    pub(crate) fn outcome(&self, kind: &'static str, reply: Reply) -> ApiOutcome {
        let outcome = if self.is_replay { "repeat" } else { kind };
        ApiOutcome { reply: replayed(reply, self.is_replay), outcome, subject: Some(self.receipt.key.to_string()) }
    }
}

/// Commits the change once under its receipt; a repeat gets the receipt of the first. `None` if a row that it depends on
/// has changed since it was read. The facts are what the request asks for: the same request has the same fingerprint.
pub(crate) async fn commit<L: Ledger>(
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
    signature: &Signature,
    kind: &'static str,
    facts: &[(&'static str, String)],
    effects: Vec<Effect>,
) -> Result<Option<Booked>, Failure> {
    // Author and reason stay out of the fingerprint: another reason is no other request.
    let named = facts.iter().map(|(name, value)| (*name, value.as_str()));
    let fingerprint = Fingerprint::of(1, &std::iter::once(("kind", kind)).chain(named).collect::<Vec<_>>());
    let signed = [("author", signature.author.clone()), ("reason", signature.reason.clone())];
    let facts = signed.into_iter().chain(facts.iter().cloned()).chain(signature.made.iter().cloned());
    let header = JournalHeader {
        receipt: signature.receipt.clone(),
        writer: Writer::Credits,
        kind,
        facts: facts.map(|(name, value)| (name, Fact::Text(value))).collect(),
        fingerprints: fingerprint.into(),
        order: None,
    };
    let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
    let committed = ledger.commit(&decision, &call.context()).await;
    edge::record_commit(Credits::NAME, &decision, &committed);
    match committed {
        Ok(Committed::Now(receipt)) => Ok(Some(Booked { receipt, is_replay: false })),
        Ok(Committed::Earlier(receipt)) => Ok(Some(Booked { receipt, is_replay: true })),
        Err(CommitError::Stale) => Ok(None),
        Ok(Committed::Ignored { .. }) => Err(Failure::unavailable().about(&signature.receipt)),
        Err(CommitError::Conflict) => {
            let message = "This Idempotency-Key was used for another change.";
            Err(Failure::new(409, "idempotency_key_reused", message).about(&signature.receipt))
        }
        Err(CommitError::Rejected(Reason::InsufficientCredits)) => {
            let message = "The account has less than this available.";
            Err(Failure::new(402, "insufficient_credits", message).about(&signature.receipt))
        }
        Err(CommitError::Rejected(Reason::KeyTaken)) => {
            let message = "This key of the gateway is another owner's, or was revoked.";
            Err(Failure::new(409, "key_taken", message).about(&signature.receipt))
        }
        Err(CommitError::Rejected(Reason::UnknownKey)) => {
            Err(Failure::new(409, "key_revoked", "The key is revoked already.").about(&signature.receipt))
        }
        Err(error) => Err(Failure::from(error).about(&signature.receipt)),
    }
}
