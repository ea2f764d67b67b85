//! Subscriptions: which of several reports wins.

use super::*;
use SubscriptionStatus::{Active, Ended, Incomplete, PastDue, Paused, Trialing, Unpaid};

type StatusReport = (Option<Standing>, Option<Plan>);

fn subscription() -> Subscription {
    Subscription::new(reference(Provider::Stripe, "sub_1"), alice(), number())
}

fn standing(second: i64, status: SubscriptionStatus) -> Standing {
    Standing { as_of: at(second), status }
}

fn plan(second: i64, period_end: i64, name: &str) -> Plan {
    Plan { as_of: at(second), period_end: at(period_end), name: name.to_owned() }
}

fn learned(reports: &[StatusReport]) -> Subscription {
    reports.iter().fold(subscription(), |known, (standing, plan)| match known.apply(*standing, plan.clone()) {
        None => known,
        Some(Effect::Subscription(after)) => {
            assert_eq!(after.version, known.version.saturating_add(1));
            after
        }
        Some(effect) => panic!("{effect:?}"),
    })
}

#[test]
fn later_status_wins() {
    let rows = [
        (standing(1, Active), standing(2, PastDue), PastDue),
        (standing(1, Ended), standing(2, Active), Active),
        (standing(1, Incomplete), standing(1, Paused), Paused),
        (standing(1, Paused), standing(1, Unpaid), Unpaid),
        (standing(1, Unpaid), standing(1, PastDue), PastDue),
        (standing(1, PastDue), standing(1, Trialing), Trialing),
        (standing(1, Trialing), standing(1, Active), Active),
        (standing(1, Active), standing(1, Ended), Ended),
    ];
    for (one, other, expected) in rows {
        for reports in [[one, other], [other, one]] {
            let status = learned(&reports.map(|standing| (Some(standing), None))).standing.map(|known| known.status);
            assert_eq!(status, Some(expected), "{reports:?}");
        }
    }
}

#[test]
fn later_plan_wins() {
    let rows = [
        (plan(1, 90, "a"), plan(2, 60, "b"), plan(2, 60, "b")),
        (plan(1, 60, "b"), plan(1, 90, "a"), plan(1, 90, "a")),
        (plan(1, 60, "a"), plan(1, 60, "b"), plan(1, 60, "b")),
    ];
    for (one, other, expected) in rows {
        for reports in [[&one, &other], [&other, &one]] {
            assert_eq!(learned(&reports.map(|plan| (None, Some(plan.clone())))).plan, Some(expected.clone()));
        }
    }
}

#[test]
fn report_without_news_has_no_effect() {
    let known = learned(&[(Some(standing(5, Active)), Some(plan(5, 60, "pro")))]);
    let rows: &[(&str, StatusReport)] = &[
        ("empty", (None, None)),
        ("repeated", (Some(standing(5, Active)), Some(plan(5, 60, "pro")))),
        ("half of it repeated", (None, Some(plan(5, 60, "pro")))),
        ("an older status", (Some(standing(4, Ended)), None)),
        ("an older plan, though it ends later", (None, Some(plan(4, 90, "pro")))),
        ("a lower status of the same second", (Some(standing(5, Incomplete)), None)),
        ("an earlier end of the same second", (None, Some(plan(5, 59, "pro")))),
    ];
    for (name, (standing, plan)) in rows {
        assert_eq!(known.apply(*standing, plan.clone()), None, "{name}");
    }
    let news = known.apply(Some(standing(4, Ended)), Some(plan(6, 90, "pro")));
    let expected = Subscription { version: 2, plan: Some(plan(6, 90, "pro")), ..known };
    assert_eq!(news, Some(Effect::Subscription(expected)), "the two registers are independent");
}

fn report() -> impl Strategy<Value = StatusReport> {
    let status = (0_i64..4, proptest::sample::select(&SubscriptionStatus::ALL[..]));
    let period = (0_i64..4, 0_i64..4, proptest::sample::select(&["basic", "pro"][..]));
    (
        proptest::option::of(status.prop_map(|(second, status)| standing(second, status))),
        proptest::option::of(period.prop_map(|(second, end, name)| plan(second, end, name))),
    )
}

proptest! {
    #[test]
    fn reports_converge_in_any_order(
        (one, other) in proptest::collection::vec(report(), 0..8).prop_flat_map(|reports| {
            let twice = [reports.clone(), reports.clone()].concat();
            (Just(reports).prop_shuffle(), Just(twice).prop_shuffle())
        }),
    ) {
        let (one, other) = (learned(&one), learned(&other));
        prop_assert_eq!(Subscription { version: 0, ..one }, Subscription { version: 0, ..other });
    }
}
