//! Tokens that are sent on chain: what `send` sends of a transfer, and a transfer at the stand-in, which goes on by itself and says so.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use signing::fireblocks::token;
use signing::rsa::PrivateKey;

use crate::harness::{Folder, Stack, shown};

/// A step takes a second, and this has five of them.
const PATIENCE_S: u64 = 30;

/// An order of tokens that are to be sent to this wallet.
fn order(folder: &Folder, stack: &Stack<'_>, wallet: &str) -> String {
    let key = folder.json("local.json")["api_keys"]["demo"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({ "product": "posx-10", "quantity": 2, "provider": "stripe", "wallet": wallet });
    let made = stack.ask("POST", "/orders", &headers, body.to_string().as_bytes());
    assert_eq!(made.status, 201, "{:?}", made.body);
    made.body["orderNumber"].as_str().unwrap().to_owned()
}

#[test]
fn a_sample_is_sent_in_either_version() {
    let folder = Folder::new();
    let stack = folder.start();
    let number = order(&folder, &stack, "0x52908400098527886E0F7030069857D2E4169EE7");
    let sent = |sample: &str, more: &[&str]| {
        let said = folder.told(&[&["send", sample, "--order", &number], more].concat());
        assert!(said.starts_with("200  "), "{sample}: {said}");
        folder.told(&["order", "show", &number])
    };
    let told = sent("fireblocks/v2_submitted", &[]);
    assert_eq!(told.lines().filter(|line| line.contains("transfer")).count(), 1, "nothing is wrong: {told}");
    assert!(
        shown(&told, "transfer").starts_with("SUBMITTED as 7b3e5d1c-8f42-4a6b-9e0d-1c2f3a4b5c6d, since "),
        "{told}"
    );
    assert!(
        sent("fireblocks/v2_failed", &[])
            .contains("transfer_failed: transfer 7b3e5d1c-8f42-4a6b-9e0d-1c2f3a4b5c6d is FAILED")
    );
    assert!(sent("fireblocks", &["--set", "data.assetId=ETH"]).contains("asset_mismatch: "), "kept, and flagged");
    assert!(!sent("fireblocks/v1_completed", &[]).contains("transfer_failed"), "it has arrived after all");
    assert_eq!(stack.journal("fireblocks#").len(), 4);

    for (sample, header) in
        [("fireblocks", "fireblocks-webhook-signature"), ("fireblocks/v1_completed", "fireblocks-signature")]
    {
        let event: Value = serde_json::from_str(&folder.told(&["event", sample])).unwrap();
        assert!(event["headers"][header].is_string(), "{event}");
    }
}

#[test]
fn a_transfer_goes_on_by_itself() {
    let folder = Folder::new();
    let stack = folder.start();
    let wallet = "0x5290840009852788600f7030069857d2e4160001";
    let number = order(&folder, &stack, wallet);
    let secrets = folder.json("local.json")["secrets"].clone();
    let secret = |name: &str| secrets[name].as_str().unwrap().to_owned();
    let key = PrivateKey::parse(&secret("FIREBLOCKS_API_SECRET")).unwrap();
    let body = json!({
        "operation": "TRANSFER",
        "externalTxId": format!("grant#{number}#1"),
        "assetId": "POSX_ETH",
        "amount": "20",
        "source": { "type": "VAULT_ACCOUNT", "id": "0" },
        "destination": { "type": "ONE_TIME_ADDRESS", "oneTimeAddress": { "address": wallet } },
    })
    .to_string();
    let asked = |nonce: &str| {
        let path = "/v1/transactions";
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        let token = token(&key, &secret("FIREBLOCKS_API_KEY"), path, body.as_bytes(), nonce, now);
        let bearer = format!("Bearer {token}");
        stack.ask("POST", &format!("/mock/fireblocks{path}"), &[("authorization", bearer.as_str())], body.as_bytes())
    };
    let made = asked("1");
    assert_eq!((made.status, &made.body["status"]), (200, &json!("SUBMITTED")));
    assert_eq!((asked("2").status, asked("2").status), (400, 401), "one transfer, and one request for each token");
    for _ in 0..PATIENCE_S {
        let shown = folder.told(&["order", "show", &number]);
        if shown.contains("transfer_failed: ") {
            assert!(shown.contains(" is FAILED"), "{shown}");
            assert_eq!(stack.journal("fireblocks#").len(), 4, "one for each step");
            return;
        }
        sleep(Duration::from_secs(1));
    }
    panic!("the order heard nothing: {}", folder.told(&["order", "show", &number]));
}
