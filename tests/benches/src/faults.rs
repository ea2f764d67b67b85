//! The five classic faults of a webhook that moves money: how often each function credits one payment in the end.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::books::Books;
use crate::error::Error;
use crate::install::Installed;
use crate::runtime_api::Answer;
use crate::sandbox::Sandbox;
use crate::store::{Fault, Store};
use crate::subject::{Job, Program, Subject};

/// The function's timeout here: an idempotency record in progress ends with it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The pause before a redelivery, and the number of redeliveries.
const PAUSE: Duration = Duration::from_secs(1);
const DELIVERIES_MAX: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    Fails(Fault),
    /// Delivered again after every record with an end has ended.
    Expired,
    /// Another event about the same payment.
    ReportedTwice,
}

impl Story {
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Fails(Fault::CreditedThenError), "exception after the credit"),
        (Self::Fails(Fault::CreditedThenKilled), "sandbox killed after the credit"),
        (Self::Fails(Fault::CompletionFails), "completion write fails"),
        (Self::Expired, "replay after the lock's TTL"),
        (Self::ReportedTwice, "two events for one payment"),
    ];

    /// A usage event reports no payment that another event could report, too.
    pub(crate) fn applies_to(self, job: Job) -> bool {
        self != Self::ReportedTwice || job == Job::Payment
    }
}

/// What a story came to.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How often the amount of the event was moved.
    pub(crate) times: i128,
    /// How many deliveries it took until one was acknowledged; `None` if none was.
    pub(crate) deliveries: Option<usize>,
}

pub(crate) struct Stage<'s> {
    pub(crate) store: &'s Store,
    pub(crate) books: &'s Books<'s>,
    pub(crate) installed: &'s Installed,
    pub(crate) log: &'s Path,
}

impl Stage<'_> {
    pub(crate) async fn play(&self, subject: Subject, story: Story, id: &str) -> Result<Ended, Error> {
        let root = &self.installed.root;
        let mut sender = Sender { stage: self, program: subject.program(self.installed, self.store), sandbox: None };
        let before = subject.moved(self.books)?;
        let event = subject.event(self.books, root, id).await?;
        if let Story::Fails(fault) = story {
            self.store.set_fault(Some(fault));
        }
        let mut is_acknowledged = sender.deliver(event).await?;
        self.store.set_fault(None);
        let mut deliveries = 1;
        while !is_acknowledged && deliveries < DELIVERIES_MAX {
            tokio::time::sleep(PAUSE).await;
            is_acknowledged = sender.deliver(subject.redelivered(root, id)?).await?;
            deliveries += 1;
        }
        let again = match story {
            Story::Fails(_) => None,
            Story::Expired => {
                self.books.expire()?;
                // A new sandbox, which remembers nothing.
                sender.sandbox = None;
                Some(subject.redelivered(root, id)?)
            }
            Story::ReportedTwice => Some(subject.reported_again(root, id, &format!("{id}-again"))?),
        };
        if let Some(again) = again {
            is_acknowledged &= sender.deliver(again).await?;
            deliveries += 1;
        }
        let moved = subject.moved(self.books)? - before;
        let amount = subject.amount();
        if moved % amount != 0 {
            return Err(Error::failed(format!("{moved} is no multiple of {amount}")));
        }
        Ok(Ended { times: moved / amount, deliveries: is_acknowledged.then_some(deliveries) })
    }
}

/// Delivers to one sandbox at a time.
struct Sender<'s> {
    stage: &'s Stage<'s>,
    program: Program,
    sandbox: Option<Sandbox>,
}

impl Sender<'_> {
    /// Whether the function acknowledged the event.
    async fn deliver(&mut self, event: String) -> Result<bool, Error> {
        let mut sandbox = match self.sandbox.take() {
            Some(sandbox) => sandbox,
            None => Sandbox::start(&self.program, self.stage.log).await?,
        };
        let Some(answer) = sandbox.invoke(event, TIMEOUT, self.stage.store).await else { return Ok(false) };
        self.sandbox = Some(sandbox);
        Ok(is_acknowledged(&answer))
    }
}

pub(crate) fn is_acknowledged(answer: &Answer) -> bool {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    answer.returned && body["statusCode"].as_u64().is_some_and(|status| (200..300).contains(&status))
}
