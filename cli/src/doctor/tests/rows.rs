//! Each fault with its finding: one row for each red, and for each yellow.

use super::*;

/// What is changed, the worst grade that follows, and a part of the finding and of what to do.
pub(super) type Row = (fn(&mut Facts), Grade, &'static str, &'static str);

#[expect(clippy::too_many_lines, reason = "one row for each finding")]
pub(super) fn rows() -> Vec<Row> {
    use Grade::{Red, Yellow};
    vec![
        (
            |f| drop(f.stacks.insert("hookledger-prod".into(), None)),
            Red,
            "hookledger-prod is not deployed",
            "sam deploy",
        ),
        (
            |f| drop(f.stacks.insert("hookledger-prod-watch".into(), None)),
            Red,
            "hookledger-prod-watch is not deployed",
            "--config-env prod-watch",
        ),
        (
            |f| drop(f.stacks.insert("hookledger-prod".into(), Some("UPDATE_ROLLBACK_FAILED".into()))),
            Red,
            "UPDATE_ROLLBACK_FAILED",
            "describe-stack-events",
        ),
        (
            |f| drop(f.stacks.insert("hookledger-prod".into(), Some("UPDATE_IN_PROGRESS".into()))),
            Yellow,
            "UPDATE_IN_PROGRESS",
            "wait",
        ),
        (|f| f.tables[0].status = None, Red, "hookledger-prod-journal is missing", "restore it"),
        (|f| f.tables[0].missing_indexes = vec!["by_account".into()], Red, "lacks the index by_account", "prod-data"),
        (|f| f.tables[0].lacks_stream = true, Red, "has no stream", "prod-data"),
        (|f| f.tables[0].is_protected = false, Yellow, "not protected from deletion", "update-table"),
        (|f| f.tables[0].status = Some("UPDATING".into()), Yellow, "UPDATING", "wait"),
        (|f| key(f, "usage", SecretError::Empty), Red, "usage: A_SETTING must not be empty", "hookledger/prod/usage"),
        (|f| key(f, "redeem codes", SecretError::Empty), Red, "redeem codes: A_SETTING", "hookledger/prod/codes"),
        (|f| key(f, "wechat", SecretError::Empty), Red, "wechat: A_SETTING", "hookledger/prod/wechat"),
        (|f| key(f, "epay", SecretError::Empty), Red, "epay: A_SETTING", "hookledger/prod/epay"),
        (|f| key(f, "Fireblocks", SecretError::Empty), Red, "Fireblocks: A_SETTING", "hookledger/prod/fulfil"),
        (|f| key(f, "chat", SecretError::Empty), Red, "chat: A_SETTING", "hookledger/prod/chat"),
        (|f| key(f, "stripe", SecretError::Empty), Yellow, "stripe does not start", "hookledger/prod/stripe"),
        (|f| key(f, "stripe", SecretError::Placeholder), Red, "holds a placeholder", "hookledger/prod/stripe"),
        (
            |f| key(f, "checkout", SecretError::OtherMode { expected: "live" }),
            Red,
            "must be a key of live mode",
            "or correct StripeLivemode",
        ),
        (|f| set(f, "CheckoutSuccessUrl", ""), Red, "CheckoutSuccessUrl is empty", "set CheckoutSuccessUrl"),
        (|f| set(f, "CheckoutCancelUrl", "http://shop.example/"), Red, "CheckoutCancelUrl is http", "samconfig.toml"),
        (|f| set(f, "WechatNotifyUrl", ""), Red, "WechatNotifyUrl is empty", "set WechatNotifyUrl"),
        (
            |f| set(f, "EpayNotifyUrl", "https://other.example/x"),
            Yellow,
            "EpayNotifyUrl is https://other",
            "leads here",
        ),
        (|f| f.api.as_mut().expect("an API").status = Some(503), Red, "answers 503", "aws logs tail"),
        (|f| f.api.as_mut().expect("an API").status = None, Red, "does not answer", "aws logs tail"),
        (
            |f| {
                f.stage = "local".into();
                f.api.as_mut().expect("an API").status = None;
            },
            Red,
            "does not answer",
            "start the stack",
        ),
        (
            |f| {
                f.options = " --data elsewhere".into();
                f.not_running = Some("elsewhere".into());
            },
            Red,
            "no stack runs on elsewhere",
            "start the stack: cargo run -- --data elsewhere",
        ),
        (|f| f.api.as_mut().expect("an API").seconds_apart = Some(60), Yellow, "60 s apart", "synchronize"),
        (|f| f.api.as_mut().expect("an API").seconds_apart = Some(600), Red, "600 s apart", "synchronize"),
        (|f| stripe(f).endpoints.clear(), Red, "Stripe has no endpoint that leads here", "add https://a1"),
        (
            |f| stripe(f).endpoints[0].url = "https://pay.example/api/stripe/webhook".into(),
            Yellow,
            "Stripe's endpoint is https://pay.example",
            "domain of your own",
        ),
        (|f| stripe(f).endpoints[0].is_enabled = false, Red, "Stripe has disabled the endpoint", "enable it"),
        (|f| stripe(f).endpoints[0].is_live = false, Red, "of test mode, and StripeLivemode says live", "other mode"),
        (
            |f| stripe(f).endpoints[0].events.retain(|event| event != "charge.dispute.created"),
            Red,
            "lacks events that move money: charge.dispute.created",
            "docs/providers/stripe.md",
        ),
        (
            |f| stripe(f).endpoints[0].events.retain(|event| event != "charge.failed"),
            Yellow,
            "lacks events: charge.failed",
            "choose them",
        ),
        (
            |f| stripe(f).endpoints[0].api_version = Some("2099-01-01.later".into()),
            Yellow,
            "sends API version 2099",
            "later ones are not tested",
        ),
        (|f| stripe(f).undelivered = 3, Yellow, "could not deliver 3 events", "stripe_backfill"),
        (
            |f| stripe(f).prices[0].at_stripe = AtStripe::Active("19.99 USD".into()),
            Red,
            "price_1 is 19.99 USD at Stripe and 9.99 USD in the catalog",
            "make both prices equal",
        ),
        (
            |f| stripe(f).prices[0].at_stripe = AtStripe::Inactive,
            Red,
            "Stripe has no active price price_1",
            "samconfig.toml",
        ),
        (
            |f| {
                let why = "https://api.stripe.com/v1/prices/1 answers 500";
                stripe(f).prices[0].at_stripe = AtStripe::Unread(why.into());
            },
            Yellow,
            "could not be queried about price_1: https://api.stripe.com/v1/prices/1 answers 500",
            "run it again",
        ),
        (
            |f| stripe(f).unpriced.push("pro-monthly".into()),
            Yellow,
            "no price id is set for pro-monthly",
            "samconfig.toml",
        ),
        (|f| stripe(f).addresses.clear(), Yellow, "list of Stripe's addresses could not be read", "run it again"),
        (|f| f.stripe = None, Yellow, "STRIPE_SECRET_KEY is not set", "hookledger/prod/checkout"),
        (
            |f| stripe(f).addresses.push("54.187.174.169".parse().expect("an address")),
            Red,
            "turns 1 of Stripe's addresses away: 54.187.174.169",
            "add them",
        ),
        (
            |f| {
                f.schedules.insert("hookledger-prod-refused".into(), Some("DISABLED".into()));
            },
            Red,
            "hookledger-prod-refused is DISABLED",
            "pause it",
        ),
        (
            |f| {
                f.schedules.insert("hookledger-prod-unpaid".into(), None);
            },
            Red,
            "hookledger-prod-unpaid is missing",
            "sam deploy",
        ),
        (|f| f.idle.push("audit".into()), Red, "the last half hour: audit", "hookledger-prod-reconcile"),
        (
            |f| f.streams[0] = fulfil_reads(&["Disabled"]),
            Red,
            "the event source mapping of hookledger-prod-fulfil is Disabled",
            "update-event-source-mapping --enabled",
        ),
        (|f| f.streams[0] = fulfil_reads(&[]), Red, "hookledger-prod-fulfil reads 0 of its 1 streams", "sam deploy"),
        (
            |f| {
                f.dead_letters.insert("hookledger-prod-fulfil-failures".into(), Some(2));
            },
            Red,
            "2 in hookledger-prod-fulfil-failures",
            "`hookledger dlq list --aws --stage prod`",
        ),
        (
            |f| {
                f.dead_letters.insert("hookledger-prod-fulfil-failures".into(), None);
            },
            Red,
            "the queue hookledger-prod-fulfil-failures is missing",
            "sam deploy",
        ),
        (|f| alarms(f).missing.push("drift".into()), Red, "1 alarms are missing: drift", "prod-watch"),
        (|f| alarms(f).confirmed = Some(0), Red, "no one is subscribed to the alarms", "AlarmEmail"),
        (
            |f| *alarms(f) = AlarmFacts { pending: 1, confirmed: Some(0), ..AlarmFacts::default() },
            Red,
            "is confirmed",
            "confirm",
        ),
        (
            |f| alarms(f).silent.push("drift".into()),
            Red,
            "have no action, so that they reach no one: drift",
            "prod-watch",
        ),
        (|f| alarms(f).muted.push("drift".into()), Yellow, "are disabled: drift", "enable-alarm-actions"),
        (|f| alarms(f).raised.push("drift".into()), Yellow, "raised: drift", "docs/operate.md"),
        (|f| f.concurrency = Some(10), Red, "10 functions of the account", "request more"),
        (|f| f.concurrency = Some(50), Yellow, "50 functions of the account", "request more"),
        (
            |f| f.paused.push(("stripe".into(), "forged".into())),
            Yellow,
            "stripe is paused: forged",
            "`hookledger resume stripe --reason R --aws --stage prod`",
        ),
        (|f| f.unread.push(("quotas", "no answer".into())), Yellow, "could not be checked: no answer", "again"),
        (
            |f| f.unread.push(("tables", "`aws dynamodb describe-table`: (AccessDeniedException)".into())),
            Yellow,
            "could not be read, for want of a permission",
            "permit this call",
        ),
        (|f| unkeyed(f, "the operator", "UnitelApiUrl"), Red, "the operator: A_SETTING", "hookledger/prod/unused"),
        (
            |f| unkeyed(f, "the log of the gateway", "NewApiBaseUrl"),
            Red,
            "the log of the gateway",
            "hookledger/prod/unused",
        ),
        (|f| key(f, "calls to WeChat Pay", SecretError::Empty), Red, "calls to WeChat Pay: A_S", "prod/wechat-signing"),
        (|f| set(f, "CheckoutCancelUrl", ""), Red, "CheckoutCancelUrl is empty", "set CheckoutCancelUrl"),
        (|f| set(f, "CheckoutSuccessUrl", "http://shop.example/"), Red, "CheckoutSuccessUrl is http", "samconfig.toml"),
        (
            |f| {
                set(f, "CheckoutHttpUrls", "true");
                set(f, "CheckoutSuccessUrl", "http://shop.example/");
            },
            Red,
            "CheckoutSuccessUrl is http",
            "samconfig.toml",
        ),
        (
            |f| {
                set(f, "StripeLivemode", "false");
            },
            Red,
            "of live mode, and StripeLivemode says test",
            "other mode",
        ),
        (|f| set(f, "EpayNotifyUrl", ""), Red, "EpayNotifyUrl is empty", "set EpayNotifyUrl"),
        (|f| set(f, "EpayReturnUrl", ""), Red, "EpayReturnUrl is empty", "set EpayReturnUrl"),
    ]
}
