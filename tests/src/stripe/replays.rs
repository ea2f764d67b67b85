//! Replay of events that only Stripe's API can prove: signed with a retired secret, or listed by a backfill.

use testkit::StripeNet;

use super::*;
use crate::reconcile::unpaid::api;
use crate::suite::Replayed;
use crate::suite::replay::retired::{replaced, replayed};
use crate::suite::replay::{HOUR, Providers, deliver, kept, keys, read_kept, row, run, write_kept};

/// An event that was signed with a retired secret, or that Stripe only lists, is read from Stripe.
#[tokio::test(start_paused = true)]
async fn event_of_a_retired_secret_is_read_from_stripe() {
    for (name, is_known) in [("known to Stripe", true), ("unknown to Stripe", false)] {
        let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        let form = kept::<Stripe>("an event");
        if is_known {
            net.add_event(&form.body);
        }
        let providers = Providers { stripe_api: Some(api(&net).await), ..Providers::paid() };
        let got = replayed::<Stripe>(&form, replaced(1), providers).await;
        assert_eq!(got, if is_known { Replayed::Booked } else { Replayed::Closed }, "{name}");
        let calls =
            net.calls().into_iter().map(|request| request.endpoint.split('?').next().expect("a path").to_owned());
        let calls: Vec<String> = calls.collect();
        // If Stripe no longer has the event, the payment is queried.
        let expected = ["GET /v1/events/evt_payment_intent_succeeded", "GET /v1/payment_intents/search"];
        assert_eq!(calls, expected[..if is_known { 1 } else { 2 }], "{name}");
    }
}

/// Any role that writes rows can write the path of listed events, so the stored body of such an event proves nothing.
#[tokio::test(start_paused = true)]
async fn listed_event_is_read_from_stripe_again() {
    let form = kept::<Stripe>("an event");
    for (name, known_body, is_booked) in [("genuine", Some(&form.body), true), ("invented", None, false)] {
        let world = World::new();
        let id = deliver::<Stripe>(&world, &form, 0).await;
        let mut listed = read_kept(&world, &id).await;
        listed.path = stripe::LISTED_AT.to_owned();
        listed.headers.clear();
        write_kept(&world, &id, &listed);
        orders_of_samples(&world).await;
        let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        if let Some(body) = known_body {
            net.add_event(body);
        }
        let providers = Providers { stripe_api: Some(api(&net).await), ..Providers::paid() };
        let (report, alarms) = run(&world, keys(), providers, HOUR).await;
        let got = (report.resolved, report.given_up, alarms);
        let expected = if is_booked { (1, 0, vec![]) } else { (0, 1, vec!["replay_unverified".to_owned()]) };
        assert_eq!(got, expected, "{name}");
        assert_eq!(row(&world, &id), if is_booked { "processed" } else { "order_unknown" }, "{name}");
    }
}
