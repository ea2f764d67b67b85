//! Token transfers on chain: the samples of `send`, and a transfer at the fake, which advances by itself and sends webhooks.

use serde_json::{Value, json};
use signing::fireblocks::token;
use signing::rsa::PrivateKey;

use crate::buying::demo_key;
use crate::fulfilling::TICK;
use crate::harness::{Folder, Stack, field};

/// A minute; a step takes a second.
const TICKS_MAX: u32 = 12_000;

/// A paid order of tokens for this wallet.
pub(crate) fn paid(folder: &Folder, stack: &Stack<'_>, wallet: &str) -> String {
    let bought = stack.buy(&demo_key(folder), &json!({ "product": "posx-10", "quantity": 2, "wallet": wallet }));
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    bought.number
}

/// Waits for this status of the order's transfer, then returns the output of `order show`.
pub(crate) fn order_at_status(folder: &Folder, stack: &Stack<'_>, number: &str, status: &str) -> String {
    for _ in 0..TICKS_MAX {
        if stack.order(number)["transfer"]["M"]["status"]["S"] == status {
            return folder.stdout_of(&["order", "show", number]);
        }
        std::thread::sleep(TICK);
    }
    panic!("{number} is not {status}: {}", stack.order(number));
}

#[test]
fn samples_are_sent_in_both_versions() {
    let folder = Folder::new();
    let stack = folder.start();
    // The fake leaves this wallet's transfer at its signature, so only the sent samples advance it.
    let number = paid(&folder, &stack, "0x5290840009852788600f7030069857d2e4160005");
    let pending = order_at_status(&folder, &stack, &number, "PENDING_SIGNATURE");
    let id = field(&pending, "transfer").split([' ', ',']).nth(2).expect("an id").to_owned();
    let sent = |sample: &str, more: &[&str]| {
        let sent = folder.run(&[&["send", sample, "--order", &number], more].concat()).stdout;
        assert!(sent.starts_with("200  "), "{sample}: {sent}");
        folder.stdout_of(&["order", "show", &number])
    };
    let output = sent("fireblocks/v2_submitted", &[]);
    assert_eq!(output.lines().filter(|line| line.contains("transfer")).count(), 1, "no anomaly: {output}");
    assert_eq!(field(&output, "transfer"), field(&pending, "transfer"), "no status goes back");
    let theirs = ["--set", "workspaceId=5e2c6a30-0000-4000-8000-00000000000f", "--set", "data.id=another"];
    assert_eq!(sent("fireblocks/v2_failed", &theirs), output, "of another workspace");
    assert!(sent("fireblocks/v2_failed", &[]).contains(&format!("transfer_failed: transfer {id} is FAILED")));
    assert!(sent("fireblocks", &["--set", "data.assetId=ETH"]).contains("asset_mismatch: "), "kept, and flagged");
    assert!(
        !sent("fireblocks/v1_completed", &[]).contains("transfer_failed"),
        "a completed transfer closes the anomaly"
    );
    assert_eq!(stack.journal("fireblocks#").len(), 6, "four samples and two steps");

    for (sample, header) in
        [("fireblocks", "fireblocks-webhook-signature"), ("fireblocks/v1_completed", "fireblocks-signature")]
    {
        let event: Value = serde_json::from_str(&folder.stdout_of(&["event", sample])).unwrap();
        assert!(event["headers"][header].is_string(), "{event}");
    }
}

#[test]
fn transfer_advances_by_itself() {
    let folder = Folder::new();
    let stack = folder.start();
    let wallet = "0x5290840009852788600f7030069857d2e4160001";
    let number = paid(&folder, &stack, wallet);
    let output = order_at_status(&folder, &stack, &number, "FAILED");
    assert!(output.contains("transfer_failed: ") && output.contains(" is FAILED"), "{output}");
    assert_eq!(stack.journal("fireblocks#").len(), 4, "one for each step");

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
    let create = |nonce: &str| {
        let path = "/v1/transactions";
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        let token = token(&key, &secret("FIREBLOCKS_API_KEY"), path, body.as_bytes(), nonce, now);
        let bearer = format!("Bearer {token}");
        stack.request(
            "POST",
            &format!("/mock/fireblocks{path}"),
            &[("authorization", bearer.as_str())],
            body.as_bytes(),
        )
    };
    assert_eq!((create("2").status, create("2").status), (400, 401), "one transfer, and one request for each token");
}
