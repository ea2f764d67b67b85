//! `explain --ask` about what no row has: each provider knows it, does not know it, or does not answer.

use std::fs;

use serde_json::json;

use crate::buying::demo_key;
use crate::epay::path;
use crate::explaining::{checkout, document, explain};
use crate::fireblocks::{order_at_status, paid};
use crate::harness::{CommandOutput, Folder, Stack, output_of};
use crate::on_aws::Aws;
use crate::wechat::ordered;

/// No one listens there.
const DOWN: &str = "http://127.0.0.1:9";
const MERCHANT: &str = "WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\"";
const TRANSACTION: &str = "4200000000202601010000000077";
const REFUND_OF_THEIRS: &str = "50000000002026010100000000077";

fn asked(folder: &Folder, text: &str) -> CommandOutput {
    explain(folder, &[text, "--ask"])
}

/// The same with a provider that does not answer.
fn asked_while_down(folder: &Folder, text: &str, settings: &[(&str, &str)]) -> CommandOutput {
    output_of(folder.command(&["explain", text, "--ask"]).envs(settings.iter().copied()))
}

#[track_caller]
fn says(ended: &CommandOutput, expected: &str) {
    assert!(ended.stdout.contains(expected), "{expected}: {}{}", ended.stdout, ended.stderr);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{expected}: nothing of this name is booked");
}

#[test]
fn epay_is_queried_by_its_trade_number() {
    let folder = Folder::new();
    let stack = folder.start();
    let made = stack.pay_by_epay(&folder);
    let number = made.body["orderNumber"].as_str().unwrap();
    let page = stack.get(&path(&made.body["url"])).body;
    let action = page.as_str().unwrap().split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let trade = action.rsplit('/').next().unwrap().to_owned();
    let known = asked(&folder, &format!("epay#1001.{trade}"));
    says(&known, &format!("epay: it has it: 648 CNY, not paid; it leads to {number}\norder {number} of demo"));
    let unknown = asked(&folder, "1001.2026010100000000001");
    says(&unknown, "epay: it has none of this name either");
    let gateway = [("MOCK_EPAY", "false"), ("EPAY_API_BASE", DOWN), ("EPAY_MERCHANTS", "1001:md5")];
    let down = asked_while_down(&folder, &format!("epay#1001.{trade}"), &gateway);
    says(&down, "epay: it did not answer");
}

#[test]
fn fireblocks_is_queried_by_its_id_of_a_transfer() {
    let folder = Folder::new();
    let stack = folder.start();
    let number = paid(&folder, &stack, "0x5290840009852788600f7030069857d2e4160005");
    order_at_status(&folder, &stack, &number, "PENDING_SIGNATURE");
    let id = stack.order(&number)["transfer"]["M"]["id"]["S"].as_str().unwrap().to_owned();
    let known = asked(&folder, &id);
    let leads = format!("it leads to grant#{number}#1\norder {number} of demo: 2 × posx-10");
    says(&known, &format!("fireblocks: it has it: PENDING_SIGNATURE; {leads}"));
    assert!(known.stdout.contains("+20 to demo/POSX"), "in whole tokens: {}", known.stdout);
    says(&asked(&folder, "00000000-0000-4000-8000-000000000000"), "fireblocks: it has none of this name either");
    says(&asked_while_down(&folder, &id, &[("FIREBLOCKS_API_BASE", DOWN)]), "fireblocks: it did not answer");
}

/// An order that is paid, and of which a part is refunded, at WeChat Pay alone: no notification came.
fn at_wechat(folder: &Folder, stack: &Stack<'_>) -> String {
    let number = ordered(folder, stack);
    let paid = json!({
        "trade_state": "SUCCESS", "out_trade_no": number, "transaction_id": TRANSACTION, "amount": { "total": 64_800 },
    });
    assert_eq!(stack.request("POST", "/mock/wechat/events", &[], paid.to_string().as_bytes()).status, 204);
    let refund = json!({ "out_refund_no": "R-2026-1", "out_trade_no": number, "amount": { "refund": 150 } });
    let signed = [("authorization", MERCHANT)];
    let path = "/mock/wechat/v3/refund/domestic/refunds";
    let made = stack.request("POST", path, &signed, refund.to_string().as_bytes());
    assert_eq!((made.status, &made.body["status"]), (200, &json!("SUCCESS")));
    number
}

#[test]
fn wechat_is_queried_by_its_number_of_a_payment_and_ours_of_a_refund() {
    let folder = Folder::new();
    let stack = folder.start();
    let number = at_wechat(&folder, &stack);
    let leads = format!("it leads to {number}\norder {number} of demo");
    says(&asked(&folder, TRANSACTION), &format!("wechat: it has it: payment, SUCCESS, 648 CNY; {leads}"));
    for text in ["R-2026-1", "wechat#R-2026-1"] {
        says(&asked(&folder, text), &format!("wechat: it has it: refund, succeeded, 1.5 CNY; {leads}"));
    }
    let led = document(&folder, &[TRANSACTION, "--ask"]);
    assert_eq!((&led["found"], &led["leadsTo"]), (&json!("missing"), &json!(number)), "{led}");
    for text in ["4200000000202601010000000078", "R-2026-2"] {
        says(&asked(&folder, text), "wechat: it has none of this name either");
        says(&asked_while_down(&folder, text, &[("WECHAT_API_BASE", DOWN)]), "wechat: it did not answer");
    }
    // It may have a refund that it calls so: only the merchant's number is queried.
    says(&asked(&folder, REFUND_OF_THEIRS), "wechat: it has no query by this number");
    // No provider is sent a key or a code.
    for secret in ["hs_0123456789abcdef0123456789abcdef", "hk_0123456789abcdef", "0000-0000-0000-0007"] {
        let ended = asked(&folder, secret);
        assert!(ended.code == Some(1) && ended.stderr.contains("this is neither"), "{}{}", ended.stdout, ended.stderr);
    }
}

/// The operator's credentials read the stage's settings and secrets.
#[test]
fn providers_of_a_deployed_stage_are_queried_with_its_secrets() {
    let folder = Folder::new();
    let stack = folder.start();
    let aws = Aws::new(&folder, &stack, &["checkout", "wechat-signing", "epay", "fulfil"]);
    let base = format!("http://{}", stack.address());
    let wechat = [
        ("WechatMchId", "1900000001".to_owned()),
        ("WechatAppId", "wx0123456789abcdef".to_owned()),
        ("WechatApi", "v3".to_owned()),
        ("WechatApiBase", format!("{base}/mock/wechat")),
        ("WechatMerchantSerial", "0000000000000000000000000000000000000001".to_owned()),
        ("WechatNotifyUrl", format!("{base}/payment/callback")),
    ];
    let stripe = [("StripeApiBase", format!("{base}/mock/stripe"))];
    aws.set_parameters(&[stripe.as_slice(), &wechat].concat());
    let (number, url) = checkout(&stack, &demo_key(&folder));
    let page = url.as_str().unwrap().split(['/', '?', '#']).find(|part| part.starts_with("cs_")).unwrap();
    let ask = |text: &str| aws.run(&folder, &["explain", text, "--ask"]);

    says(&ask(page), &format!("stripe: it has it: checkout.session, open; it leads to {number}\n"));
    let order = ask(&number);
    says(&order, "stripe: a payment is in progress, or none is reported");
    assert!(order.stdout.contains("--aws --stage local"), "the commands are of the same stage: {}", order.stdout);
    let at_wechat = at_wechat(&folder, &stack);
    says(&ask(TRANSACTION), &format!("wechat: it has it: payment, SUCCESS, 648 CNY; it leads to {at_wechat}\n"));
    says(&ask("1001.2026010100000000001"), "epay: not queried: it is not set up here");

    // A secret that this person may not read leaves its provider out, and no other one.
    fs::remove_file(aws.file("secrets/checkout.json")).unwrap();
    says(&ask(page), "stripe: not queried: its key is missing");
    says(&ask(TRANSACTION), "wechat: it has it");
    // The books have answered by then.
    fs::write(aws.file("denied"), "").unwrap();
    let denied = ask(&number);
    assert!(denied.stdout.contains("unpaid: no payment has been reported"), "{}", denied.stdout);
    assert!(denied.stderr.contains("AccessDenied"), "{}", denied.stderr);
    assert_eq!(denied.code, Some(69));
}
