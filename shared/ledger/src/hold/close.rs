//! The one table of how a hold is closed: by its settlement, its release or its expiry, whichever comes first, beside
//! what the journal has of its use.

use super::{AtExpiry, Hold, HoldRefusal, HoldState, ReportedUse};
use crate::{
    Amount, Asset, Balance, BudgetCount, CallerKey, Effect, Entry, EventKey, Fact, Facts, Fingerprint, Guard, House,
    JournalHeader, Member, MoneyKey, Movement, Net, Posting, Timestamp, Writer,
};

/// Among the facts of a charge: the gateway's key that a report of the use names, in its short form.
pub const REPORTED_KEY: &str = "reported_key";

/// What closes a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldClosing {
    /// The use has this cost, which may be more than is held.
    Settle {
        cost: Amount,
        facts: Facts,
        /// How an LLM gateway reports the use, if that was not known when the hold was opened.
        reported: Option<ReportedUse>,
    },
    Release,
    /// As a person releases it, whom its note then names.
    ReleaseByHand {
        note: String,
    },
    /// Its time is over.
    Expire,
}

impl HoldClosing {
    /// `None` if the use is the one that the hold has named.
    pub const fn reported(&self) -> Option<&ReportedUse> {
        match self {
            Self::Settle { reported, .. } => reported.as_ref(),
            Self::Release | Self::ReleaseByHand { .. } | Self::Expire => None,
        }
    }

    /// The journal key of the use that it closes.
    pub fn usage<'h>(&'h self, hold: &'h Hold) -> &'h EventKey {
        self.reported().map_or(&hold.usage, |reported| &reported.usage)
    }
}

/// What the journal has of a hold's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseRow {
    /// Nothing, or a refused event of the same key, or one that waits for nothing or for the same owner's credits: the charge
    /// of the hold ends it.
    Absent,
    /// It is charged by another channel, on the same account or for the same key: with this cost, if its row says one.
    Charged(Option<Amount>),
    /// The row is of another account and another key, or its event waits for something else.
    Elsewhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldStep {
    Write(Box<HoldChange>),
    /// It is closed as asked.
    Done,
    Refused(HoldRefusal),
}

/// What one transaction writes: the hold over the state that was read, the account, and the usage event if it is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldChange {
    pub before: Hold,
    pub after: HoldState,
    /// The journal key of its use from now on.
    pub usage: EventKey,
    /// The gateway's key, if its report names the use.
    pub reported_key: Option<CallerKey>,
    pub entry: Option<Entry>,
    /// What its note becomes, if it changes.
    pub note: Option<String>,
}

impl Hold {
    pub fn close(&self, closing: &HoldClosing, use_row: UseRow, now: Timestamp) -> HoldStep {
        match closing {
            HoldClosing::Settle { cost, facts, reported } => self.settle(*cost, facts, reported.as_ref(), use_row, now),
            HoldClosing::Release => self.release(None, now),
            HoldClosing::ReleaseByHand { note } => self.release(Some(note), now),
            HoldClosing::Expire => match self.state {
                HoldState::Open => self.expire(use_row, now),
                HoldState::Settled { .. } | HoldState::Released { .. } | HoldState::Expired { .. } => HoldStep::Done,
            },
        }
    }

    fn settle(
        &self,
        cost: Amount,
        facts: &Facts,
        reported: Option<&ReportedUse>,
        use_row: UseRow,
        now: Timestamp,
    ) -> HoldStep {
        match self.state {
            // The work was done, so a settlement after the expiry charges it.
            HoldState::Open | HoldState::Expired { charged: None, .. } => {
                let settled = |is_charged_before| HoldState::Settled { cost, is_charged_before, at: now };
                match use_row {
                    UseRow::Absent => self.write(settled(false), reported, Some(self.charge(cost, facts, reported))),
                    UseRow::Charged(_) => self.write(settled(true), reported, None),
                    UseRow::Elsewhere => HoldStep::Refused(HoldRefusal::UsedElsewhere),
                }
            }
            HoldState::Settled { cost: first, .. } if first == cost => HoldStep::Done,
            HoldState::Settled { cost: first, .. } => HoldStep::Refused(HoldRefusal::SettledOtherwise { first }),
            // The first booked cost of a use stands.
            HoldState::Expired { charged: Some(_), .. } => HoldStep::Done,
            HoldState::Released { .. } => HoldStep::Refused(HoldRefusal::Closed(self.state)),
        }
    }

    fn release(&self, note: Option<&String>, now: Timestamp) -> HoldStep {
        match self.state {
            HoldState::Open => {
                let note = note.map(|by| match &self.note {
                    None => format!("released by {by}"),
                    Some(opened) => format!("{opened}; released by {by}"),
                });
                let (before, after) = (self.clone(), HoldState::Released { at: now });
                let (usage, reported_key) = (self.usage.clone(), None);
                HoldStep::Write(Box::new(HoldChange { before, after, usage, reported_key, entry: None, note }))
            }
            HoldState::Released { .. } | HoldState::Expired { charged: None, .. } => HoldStep::Done,
            HoldState::Settled { .. } | HoldState::Expired { .. } => HoldStep::Refused(HoldRefusal::Closed(self.state)),
        }
    }

    fn expire(&self, use_row: UseRow, now: Timestamp) -> HoldStep {
        if now < self.expires_at {
            return HoldStep::Refused(HoldRefusal::NotDue);
        }
        match (self.at_expiry, use_row) {
            (AtExpiry::Charge(charge), UseRow::Absent) => {
                let expired = HoldState::Expired { charged: Some(charge), at: now };
                self.write(expired, None, Some(self.charge(charge, &Facts::new(), None)))
            }
            (AtExpiry::Charge(_) | AtExpiry::Release, _) => {
                self.write(HoldState::Expired { charged: None, at: now }, None, None)
            }
        }
    }

    fn write(&self, after: HoldState, reported: Option<&ReportedUse>, entry: Option<Entry>) -> HoldStep {
        let usage = reported.map_or(&self.usage, |reported| &reported.usage).clone();
        let reported_key = reported.map(|reported| reported.key.clone());
        HoldStep::Write(Box::new(HoldChange { before: self.clone(), after, usage, reported_key, entry, note: None }))
    }

    /// The usage event. It has no guard: the use has taken place.
    fn charge(&self, cost: Amount, facts: &Facts, reported: Option<&ReportedUse>) -> Entry {
        let usage = reported.map_or(&self.usage, |reported| &reported.usage);
        let text = Asset::CREDITS.format(cost);
        let fingerprint = Fingerprint::of(1, &[("hold", self.id.as_str()), ("cost", &text)]);
        let own = [("hold", Fact::Text(self.id.to_string())), ("cost", Fact::Text(text))];
        let of_key = self.key.iter().map(|key| ("key", Fact::Text(key.short_id())));
        let of_report = reported.iter().map(|reported| (REPORTED_KEY, Fact::Text(reported.key.short_id())));
        // When it counts in the budget of the key: for the repair of what that has spent.
        let counted = self.budget.iter().map(|_| ("opened_at", Fact::Text(self.opened_at.to_string())));
        let of_member = self.member.iter().map(Member::fact).map(|(name, owner)| (name, owner.into()));
        let header = JournalHeader {
            receipt: usage.clone(),
            writer: Writer::Hold,
            kind: "usage",
            facts: own
                .into_iter()
                .chain(of_key)
                .chain(of_report)
                .chain(of_member)
                .chain(counted)
                .chain(facts.iter().cloned())
                .collect(),
            fingerprints: fingerprint.into(),
            order: None,
        };
        let movement = Movement {
            key: MoneyKey::of_event(usage),
            posting: Posting::from_customer(self.account.clone(), House::Usage, cost),
            guard: Guard::Always,
            reverses: None,
            lots: Vec::new(),
        };
        Entry { header, effects: vec![Effect::Move(movement)], keeps_body: false, alarm: None }
    }
}

impl HoldChange {
    /// The movement of its usage event.
    pub fn movement(&self) -> Option<&Movement> {
        self.entry
            .iter()
            .flat_map(|entry| &entry.effects)
            .find_map(|effect| if let Effect::Move(movement) = effect { Some(movement) } else { None })
    }

    /// What was held and is free afterwards. An expired hold is free already.
    pub fn freed(&self) -> Amount {
        if self.before.is_open() { self.before.amount } else { Amount::ZERO }
    }

    /// The change of the account.
    pub fn net(&self) -> Net {
        let charged = self.movement().map(|movement| movement.posting.change());
        let freed = Balance::from(self.freed()).units().saturating_neg();
        Net {
            change: charged.unwrap_or_default(),
            movements: u64::from(charged.is_some()),
            held: Balance::from_units(freed),
            ..Net::default()
        }
    }

    /// What it corrects in the budget of its key: the use counts with its cost, and not with what was held.
    pub fn budget_count(&self) -> Option<BudgetCount> {
        let net = self.net();
        let charged = net.change.checked_neg()?;
        self.before.budget.as_ref()?.closing(charged.checked_add(net.held)?)
    }

    pub fn closed(&self) -> Hold {
        let note = self.note.clone().or_else(|| self.before.note.clone());
        Hold { state: self.after, usage: self.usage.clone(), note, ..self.before.clone() }
    }
}
