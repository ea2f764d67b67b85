//! Names of orders, references and pointers, and the words of every stored state.

use std::collections::BTreeSet;

use super::*;

fn owner(name: &str) -> Owner {
    Owner::new(name).expect("valid")
}

#[test]
fn idempotency_key_of_an_owner_gives_one_order_number() {
    let rows = [
        ("alice", "cart-1", "HL56T1K72BXJ65XT61MQV6BJDEZ0"),
        ("bob", "cart-1", "HL447KN42EBH9QZS4RVNNMN8M5A0"),
        ("alice", "cart-2", "HL5MMH6CV055Z2GK0M08JFF1F3K4"),
        ("alice", "", "HL2X2G7Y234SGCKD3T6BM07QXE6A"),
    ];
    for (name, key, expected) in rows {
        assert_eq!(OrderNumber::from_key(&owner(name), key).as_str(), expected, "{name} {key}");
    }
}

#[test]
fn random_order_number_has_unambiguous_letters() {
    let rows = [
        (0, "HL00000000000000000000000000"),
        (1, "HL00000000000000000000000001"),
        (31, "HL0000000000000000000000000Z"),
        (32, "HL00000000000000000000000010"),
        (0x0123_4567_89ab_cdef_0123_4567_89ab_cdef, "HL014D2PF2DBSQQG28T5CY4TQKFF"),
        (u128::MAX, "HL7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
    ];
    for (bits, expected) in rows {
        assert_eq!(OrderNumber::from_random(bits).as_str(), expected);
    }
}

#[test]
fn invalid_order_numbers_and_references_are_refused() {
    let chars = |count: usize| "x".repeat(count);
    for number in ["1", "HL-1_a", &chars(32)] {
        assert_eq!(OrderNumber::new(number).map(|number| number.to_string()), Ok(number.to_owned()));
    }
    for number in ["", "a b", "a#b", "a.b", "a/b", "é", "a\n", &chars(33)] {
        assert_eq!(OrderNumber::new(number), Err(OrderNumberError), "{number:?}");
    }
    for id in ["pi_1", "4200/01", &chars(128)] {
        let written = Reference::new(Provider::Wechat, id).map(|reference| reference.to_string());
        assert_eq!(written, Ok(format!("wechat#{id}")));
    }
    for id in ["", "pi 1", "pi#1", "é", "pi\n", &chars(129)] {
        assert_eq!(Reference::new(Provider::Stripe, id), Err(ReferenceError), "{id:?}");
    }
}

#[test]
fn pointer_has_its_own_key() {
    let pending = |name: &str, product: &str| Pointer::Pending { owner: owner(name), product: product.to_owned() };
    let subscription =
        |name: &str, product: &str| Pointer::Subscription { owner: owner(name), product: product.to_owned() };
    let rows = [
        (Pointer::Provider(reference(Provider::Stripe, "cs_1")), "stripe#cs_1"),
        (Pointer::Provider(reference(Provider::Epay, "2026010100001")), "epay#2026010100001"),
        (pending("alice", "pro-monthly"), "pending#alice#pro-monthly"),
        (subscription("alice", "pro-monthly"), "subscription#alice#pro-monthly"),
        (pending("bob@example.com", "pro-monthly"), "pending#bob@example.com#pro-monthly"),
    ];
    for (pointer, expected) in rows {
        assert_eq!(pointer.to_string(), expected);
    }
}

#[test]
fn money_key_names_the_payment() {
    let (payment, invoice) = (reference(Provider::Stripe, "pi_1"), reference(Provider::Stripe, "in_1"));
    assert_eq!(MoneyKey::of_payment(&payment).as_str(), "payment#stripe#pi_1");
    assert_eq!(MoneyKey::of_invoice(&invoice).as_str(), "invoice#in_1");
    assert_eq!(MoneyKey::of_reversal(&number(), 2).as_str(), "reversal#HL1#2");
}

#[test]
fn every_stored_word_reads_back() {
    fn check<T: Copy + PartialEq + std::fmt::Debug>(
        all: &[T],
        word: fn(T) -> &'static str,
        named: fn(&str) -> Option<T>,
    ) {
        for one in all {
            assert_eq!(named(word(*one)), Some(*one), "{one:?}");
        }
        let words: BTreeSet<&str> = all.iter().map(|one| word(*one)).collect();
        assert_eq!(words.len(), all.len(), "{words:?}");
        for unknown in ["", "PAID", "paid ", "nothing"] {
            assert_eq!(named(unknown), None, "{unknown:?}");
        }
    }
    check(&Provider::ALL, Provider::as_str, Provider::named);
    check(&PaymentState::ALL, PaymentState::as_str, PaymentState::named);
    check(&Fulfilment::ALL, Fulfilment::as_str, Fulfilment::named);
    check(&TransferStatus::ALL, TransferStatus::as_str, TransferStatus::named);
    check(&TopUpState::ALL, TopUpState::as_str, TopUpState::named);
    check(&Operator::ALL, Operator::as_str, Operator::named);
    check(&TopUpKind::ALL, TopUpKind::as_str, TopUpKind::named);
    check(&RefundState::ALL, RefundState::as_str, RefundState::named);
    check(&DisputeStage::ALL, DisputeStage::as_str, DisputeStage::named);
    check(&SubscriptionStatus::ALL, SubscriptionStatus::as_str, SubscriptionStatus::named);
}

#[test]
fn only_credits_are_posted_by_the_payment() {
    let top_up = TopUp {
        operator: Operator::Unitel,
        kind: TopUpKind::Voice,
        code: "SD5000".to_owned(),
        phone: Some("88000000".to_owned()),
        price: Money { amount: cents(500_000), currency: Currency::parse("MNT").expect("valid") },
    };
    let rows = [
        (Grant::Credits(credits("1")), true, ("1", "0")),
        (Grant::CreditsEachPeriod(credits("2")), true, ("0", "2")),
        (Grant::Token { code: word("POSX"), scale: 18, amount: cents(3), on_chain: None }, false, ("0", "0")),
        (Grant::Report(word("full")), false, ("0", "0")),
        (Grant::TopUp(top_up), false, ("0", "0")),
    ];
    for (grant, posted, expected) in &rows {
        assert_eq!(grant.is_posted(), *posted, "{grant:?}");
        let order = order(usd(1), vec![grant.clone()]);
        assert_eq!((order.credits(), order.credits_each_period()), (credits(expected.0), credits(expected.1)));
    }
    let all = order(usd(1), rows.iter().chain(&rows).map(|(grant, _, _)| grant.clone()).collect());
    assert_eq!((all.credits(), all.credits_each_period()), (credits("2"), credits("4")), "each grant counts");
}

proptest! {
    #[test]
    fn generated_numbers_are_valid_and_distinct(bits in any::<u128>(), a in ".{0,40}", b in ".{0,40}") {
        let number = OrderNumber::from_random(bits);
        prop_assert_eq!(number.as_str().len(), 28);
        prop_assert_eq!(OrderNumber::new(number.as_str()), Ok(number));
        let (of_a, of_b) = (OrderNumber::from_key(&alice(), &a), OrderNumber::from_key(&alice(), &b));
        prop_assert_eq!(a == b, of_a == of_b);
        prop_assert_ne!(&of_a, &OrderNumber::from_key(&owner("bob"), &a));
        prop_assert_eq!(OrderNumber::new(of_a.as_str()), Ok(of_a));
    }

    #[test]
    fn pointer_is_never_an_order_number(id in "[!-~]{1,40}", product in ".{0,40}") {
        let pending = Pointer::Pending { owner: alice(), product: product.clone() };
        let subscription = Pointer::Subscription { owner: alice(), product };
        prop_assert!(OrderNumber::new(&pending.to_string()).is_err());
        prop_assert!(OrderNumber::new(&subscription.to_string()).is_err());
        prop_assert_ne!(subscription.to_string(), pending.to_string());
        for provider in Provider::ALL {
            if let Ok(reference) = Reference::new(provider, &id) {
                let pointer = Pointer::Provider(reference);
                prop_assert!(OrderNumber::new(&pointer.to_string()).is_err());
                prop_assert_ne!(pointer.to_string(), pending.to_string());
            }
        }
    }
}
