//! Each state and each reason has its sentence in both languages, and a text names the rows that it should.

mod newest;
mod stats;

use std::collections::BTreeSet;

use ledger::{
    DifferenceKind, DisputeStage, Fulfilment, PaymentState, Reason, Resolution, SubscriptionStatus, Suspect,
    TopUpState, TransferStatus,
};

use crate::names::Names;
use crate::sentence::{self, Sentence};
use crate::{Fix, Lang, Sender, Typed, sender_of};

fn sentences() -> Vec<Sentence> {
    let reasons = Reason::ALL.map(sentence::reason);
    let orders = PaymentState::ALL.map(sentence::payment_state);
    let fulfilments = Fulfilment::ALL.map(sentence::fulfilment);
    let top_ups = TopUpState::ALL.map(sentence::top_up_state);
    let transfers = TransferStatus::ALL.map(sentence::transfer_status);
    let disputes = DisputeStage::ALL.map(sentence::dispute_stage);
    let resolutions = Resolution::ALL.map(sentence::resolution);
    let subscriptions = SubscriptionStatus::ALL.map(sentence::subscription_status);
    let findings = DifferenceKind::ALL.map(sentence::finding);
    let suspects = Suspect::ALL.map(sentence::suspect);
    let senders = Sender::ALL.map(Sender::shows);
    let of_orders = reasons.into_iter().chain(orders).chain(fulfilments).chain(top_ups).chain(transfers);
    let all = of_orders.chain(disputes).chain(resolutions).chain(subscriptions).chain(findings).chain(suspects);
    all.chain(senders).collect()
}

#[test]
fn each_sentence_is_one_in_each_language() {
    let all = sentences();
    for Sentence { en, zh } in &all {
        assert!(!en.is_empty() && en.is_ascii(), "{en}");
        assert!(zh.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter)), "{en}: {zh}");
    }
    let places = Sender::ALL.map(Sender::shows);
    for Sentence { en, zh } in all.iter().filter(|sentence| !places.contains(sentence)) {
        assert!(!zh.ends_with('。') && !en.ends_with('.'), "a part of a line: {en}");
    }
    for lang in Lang::ALL {
        let texts: BTreeSet<&str> = all.iter().map(|sentence| sentence.in_lang(lang)).collect();
        assert!(texts.len() + 6 >= all.len(), "few say the same: {} of {}", texts.len(), all.len());
        assert_eq!(Lang::named(lang.as_str()), Some(lang));
    }
}

/// What a text may name, by the keys of rows.
#[test]
fn text_names_the_rows_that_may_have_it() {
    let rows = [
        ("evt_1", "stripe#evt_1"),
        ("evt_1", "usage#evt_1"),
        ("pi_1", "payment#stripe#pi_1"),
        ("pi_1", "query#stripe#pi_1"),
        ("in_1", "invoice#in_1"),
        ("4200000000202601010000000001", "wechat#v3.4200000000202601010000000001"),
        ("4200000000202601010000000001", "payment#wechat#4200000000202601010000000001"),
        ("50000000000202601010000000001", "wechat#v3.refund.50000000000202601010000000001.SUCCESS"),
        ("50000000000202601010000000001", "wechat#v2.refund.50000000000202601010000000001.REFUNDCLOSE"),
        ("2026010100000012345", "epay#1001.2026010100000012345"),
        ("1001.2026010100000012345", "epay#1001.2026010100000012345"),
        ("gen-1", "usage#openrouter.gen-1"),
        ("usage#evt_1#conflict#1.ab", "usage#evt_1#conflict#1.ab"),
        ("unparsed#stripe#00", "unparsed#stripe#00"),
        ("grant#HL1#1", "grant#HL1#1"),
    ];
    let merchants = ["1001".to_owned()];
    for (text, key) in rows {
        let names = Names::of(&Typed { text, code: None, merchants: &merchants });
        assert!(names.events.iter().any(|event| event.as_str() == key), "{text}: {key}");
        // One batch of the store has a hundred keys.
        assert!(names.events.len() <= 40, "{text}: {}", names.events.len());
    }
    for text in ["HL1", "order#HL1", "grant#HL1#1", "sent#HL1#1", "commission#HL1#2"] {
        let names = Names::of(&Typed { text, code: None, merchants: &[] });
        assert_eq!(names.orders.first().map(ledger::OrderNumber::as_str), Some("HL1"), "{text}");
    }
    for (text, found) in [("hold#call-1", "call-1"), ("call-1", "call-1")] {
        let names = Names::of(&Typed { text, code: None, merchants: &[] });
        assert_eq!(names.holds.first().map(ledger::HoldId::as_str), Some(found));
    }
    for text in ["", " ", "two words", "名", &"x".repeat(600)] {
        assert_eq!(Names::of(&Typed { text, code: None, merchants: &[] }), Names::default(), "{text}");
    }
}

#[test]
fn text_shows_who_sends_such_ids() {
    let rows = [
        ("evt_1", Some(Sender::Stripe)),
        ("payment#stripe#pi_1", Some(Sender::Stripe)),
        ("4200000000202601010000000001", Some(Sender::Wechat)),
        ("50000000000202601010000000001", Some(Sender::Wechat)),
        ("2026010100000012345", Some(Sender::Epay)),
        ("1001.2026010100000012345", Some(Sender::Epay)),
        ("7b3e5d1c-8f42-4a6b-9e0d-1c2f3a4b5c6d", Some(Sender::Fireblocks)),
        ("usage#e1", Some(Sender::Gateway)),
        ("gen-1", Some(Sender::Gateway)),
        ("HL0123", Some(Sender::Shop)),
        ("alice", None),
    ];
    for (text, sender) in rows {
        assert_eq!(sender_of(text), sender, "{text}");
    }
}

/// A sender chooses the ids of its events.
#[test]
fn printed_command_quotes_what_a_shell_would_read() {
    let rows = [
        ("usage#e1", "explain usage#e1"),
        ("a;b", "explain 'a;b'"),
        ("a'b", r"explain 'a'\''b'"),
        ("#a", "explain '#a'"),
    ];
    for (text, command) in rows {
        assert_eq!(Fix::Explain(text.to_owned()).command(), command);
    }
}
