//! Decides a usage event: its cost is taken from the credits of the key's owner, or of the team on which the key draws,
//! within the available balance, and counted in the key's budget. A use that is reported without a cost has that of the
//! rate card. A refund gives its cost back, to the payer of the key.

use catalog::RateCard;
use ledger::{
    Amount, Asset, BudgetCount, CallerKey, Decision, Effect, Entry, Fact, Facts, Fingerprint, Guard, House,
    JournalHeader, Lane, Member, MoneyKey, Movement, Posting, Reason, Refusal, Source, UsedKey,
};

use crate::{EventType, LoadedUse, UsageEvent};

/// Alarm: the reported cost differs from the card's by more than the card tolerates. It is booked as reported.
const PRICE_DIFFERS: &str = "price_differs";

/// What an event costs, and by which row of the card if not by its own word.
struct Cost {
    amount: Amount,
    priced_by: Option<String>,
    differs: bool,
}

/// Also of an event that another gateway reports in a form of its own.
pub fn decide(event: &UsageEvent, mut header: JournalHeader, used: LoadedUse, card: Option<&RateCard>) -> Decision {
    let Some(cost) = cost(event, &used, card) else {
        // What it will cost is not known.
        let wait = Effect::Wait { lane: Lane::Model(event.model.clone()), owed: Amount::ZERO };
        return Decision::Refuse(Refusal { header, reason: Reason::NoPrice, effects: vec![wait] });
    };
    header.facts.extend(cost.facts());
    let Some(UsedKey { payer, member, budget, used_at }) = used.key else {
        let wait = Effect::Wait { lane: Lane::Key(event.key.clone()), owed: event.owed(cost.amount) };
        return Decision::Refuse(Refusal { header, reason: Reason::UnknownKey, effects: vec![wait] });
    };
    header.facts.extend(member.as_ref().map(Member::fact).map(|(name, member)| (name, member.into())));
    let account = payer.account(Asset::CREDITS);
    let (posting, guard) = match event.event_type {
        EventType::Usage => (Posting::from_customer(account, House::Usage, cost.amount), Guard::SufficientFunds),
        EventType::Refund => (Posting::to_customer(account, House::Usage, cost.amount), Guard::Always),
    };
    let key = MoneyKey::of_event(&event.receipt);
    let movement = Movement { key, posting, guard, reverses: None, lots: Vec::new() };
    // Reported after the fact, so no limit refuses it, nor one that cannot be read. What costs nothing writes no row, and
    // a refund gives no room: the use has taken place.
    let counted = budget
        .ok()
        .flatten()
        .filter(|_| event.event_type == EventType::Usage && !cost.amount.is_zero())
        .map(|budget| Effect::CountInBudget(BudgetCount::of_usage(&event.key, &budget, cost.amount, used_at)));
    let effects = std::iter::once(Effect::Move(movement)).chain(counted).collect();
    // The body is not stored: the facts have its content, with the cost as booked.
    Decision::Record(Entry { header, effects, keeps_body: false, alarm: cost.differs.then_some(PRICE_DIFFERS) })
}

/// `None` if the event has no cost and the card has no price for it.
fn cost(event: &UsageEvent, used: &LoadedUse, card: Option<&RateCard>) -> Option<Cost> {
    let priced = || card?.price(&event.model, event.consumption.as_ref()?, used.used_at);
    let Some(amount) = event.cost else {
        let priced = priced()?;
        return Some(Cost { amount: priced.cost, priced_by: Some(priced.row.short_name()), differs: false });
    };
    // A part may be given back, so that a refund is compared with nothing.
    let checked = card.filter(|card| event.event_type == EventType::Usage && card.checks());
    let differs = checked.is_some_and(|card| priced().is_some_and(|priced| card.differs(amount, priced.cost)));
    Some(Cost { amount, priced_by: None, differs })
}

impl UsageEvent {
    /// Of what it costs. Nothing is owed for a refund.
    fn owed(&self, cost: Amount) -> Amount {
        match self.event_type {
            EventType::Usage => cost,
            EventType::Refund => Amount::ZERO,
        }
    }
}

impl Cost {
    fn facts(&self) -> impl Iterator<Item = (&'static str, Fact)> {
        let price = self.priced_by.as_ref().map(|price| ("price", Fact::Text(price.clone())));
        [("cost", Fact::Text(Asset::CREDITS.format(self.amount)))].into_iter().chain(price)
    }
}

/// The facts of a use. Another gateway has a fingerprint of its own, over what it reports.
pub fn header(event: &UsageEvent) -> JournalHeader {
    let counts = &event.counts;
    let mut facts: Facts = vec![
        ("key", event.key.as_str().into()),
        ("model", event.model.as_str().into()),
        ("prompt_tokens", Fact::Count(counts.input)),
        ("completion_tokens", Fact::Count(counts.output)),
        ("total_tokens", Fact::Count(event.total_tokens)),
        ("sent_at", Fact::Text(event.sent_at.to_string())),
    ];
    // A row of an event without them is as small as ever.
    let parts = [
        ("cached", counts.cached_input),
        ("cache_write", counts.cache_write),
        ("reasoning", counts.reasoning),
        ("images", counts.images),
        ("milliseconds", counts.milliseconds),
    ];
    facts.extend(parts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Fact::Count(count))));
    JournalHeader {
        receipt: event.receipt.clone(),
        writer: Source::Usage.into(),
        kind: match event.event_type {
            EventType::Usage => "usage",
            EventType::Refund => "refund",
        },
        fingerprints: fingerprint(event).into(),
        order: None,
        facts,
    }
}

/// The fingerprint of an event with a cost: that of its delivery, and of the gateway's log.
pub fn fingerprint_of(event_type: EventType, id: &str, key: &CallerKey, cost: Amount) -> Fingerprint {
    let name = match event_type {
        EventType::Usage => "cost",
        EventType::Refund => "refund",
    };
    Fingerprint::of(1, &[("event", id), ("key", key.as_str()), (name, &Asset::CREDITS.format(cost))])
}

/// An event without a cost is what it was priced by: a later card does not make it another event.
fn fingerprint(event: &UsageEvent) -> Fingerprint {
    if let Some(cost) = event.cost {
        return fingerprint_of(event.event_type, &event.id, &event.key, cost);
    }
    let (event_id, key) = (("event", event.id.as_str()), ("key", event.key.as_str()));
    let counts = &event.counts;
    let numbers = [
        counts.input,
        counts.cached_input,
        counts.cache_write,
        counts.output,
        counts.reasoning,
        counts.images,
        counts.milliseconds,
    ];
    let [input, cached_input, cache_write, output, reasoning, images, milliseconds] =
        numbers.map(|number| number.to_string());
    Fingerprint::of(
        1,
        &[
            event_id,
            key,
            ("model", &event.model),
            ("input", &input),
            ("cached_input", &cached_input),
            ("cache_write", &cache_write),
            ("output", &output),
            ("reasoning", &reasoning),
            ("images", &images),
            ("milliseconds", &milliseconds),
        ],
    )
}
