//! Decides a usage event: its cost is taken from the credits of the key's owner, or of the team on which the key draws,
//! within the available balance, and counted in the key's budget.

use ledger::{
    Asset, BudgetCount, Decision, Effect, Entry, Fact, Fingerprint, Guard, House, JournalHeader, Lane, Member,
    MoneyKey, Movement, Posting, Reason, Refusal, Source, UsedKey,
};

use crate::UsageEvent;

pub(crate) fn decide(event: &UsageEvent, mut header: JournalHeader, used: Option<UsedKey>) -> Decision {
    let Some(UsedKey { payer, member, budget, used_at }) = used else {
        let wait = Effect::Wait { lane: Lane::Key(event.key.clone()), owed: event.cost };
        return Decision::Refuse(Refusal { header, reason: Reason::UnknownKey, effects: vec![wait] });
    };
    header.facts.extend(member.as_ref().map(Member::fact).map(|(name, member)| (name, member.into())));
    let spend = Movement {
        key: MoneyKey::of_event(&event.receipt),
        posting: Posting::from_customer(payer.account(Asset::CREDITS), House::Usage, event.cost),
        guard: Guard::SufficientFunds,
        reverses: None,
        lots: Vec::new(),
    };
    // Reported after the fact, so no limit refuses it, nor one that cannot be read. What costs nothing writes no row.
    let counted = budget
        .ok()
        .flatten()
        .filter(|_| !event.cost.is_zero())
        .map(|budget| Effect::CountInBudget(BudgetCount::of_usage(&event.key, &budget, event.cost, used_at)));
    let effects = std::iter::once(Effect::Move(spend)).chain(counted).collect();
    // The body is not stored: the facts have its content, with the cost as booked.
    Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
}

pub(crate) fn header(event: &UsageEvent) -> JournalHeader {
    let key = event.key.as_str();
    let cost = Asset::CREDITS.format(event.cost);
    JournalHeader {
        receipt: event.receipt.clone(),
        writer: Source::Usage.into(),
        kind: "usage",
        fingerprints: Fingerprint::of(1, &[("event", &event.id), ("key", key), ("cost", &cost)]).into(),
        order: None,
        facts: vec![
            ("key", key.into()),
            ("model", event.model.as_str().into()),
            ("prompt_tokens", Fact::Count(event.prompt_tokens)),
            ("completion_tokens", Fact::Count(event.completion_tokens)),
            ("total_tokens", Fact::Count(event.total_tokens)),
            ("cost", Fact::Text(cost)),
            ("sent_at", Fact::Text(event.sent_at.to_string())),
        ],
    }
}
