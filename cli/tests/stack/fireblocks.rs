//! Tokens that are sent on chain: what `send` sends of a transfer, and a transfer at the stand-in, which goes on by itself and says so.

use serde_json::{Value, json};
use signing::fireblocks::token;
use signing::rsa::PrivateKey;

use crate::buying::demo_key;
use crate::fulfilling::TICK;
use crate::harness::{Folder, Stack, shown};

/// A step takes a second, and this is a minute.
const TICKS_MAX: u32 = 12_000;

/// A paid order of tokens that are sent to this wallet.
fn paid(folder: &Folder, stack: &Stack<'_>, wallet: &str) -> String {
    let bought = stack.buy(&demo_key(folder), &json!({ "product": "posx-10", "quantity": 2, "wallet": wallet }));
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    bought.number
}

/// The order as it is shown once its transfer stands so.
fn shown_at(folder: &Folder, stack: &Stack<'_>, number: &str, status: &str) -> String {
    for _ in 0..TICKS_MAX {
        if stack.order(number)["transfer"]["M"]["status"]["S"] == status {
            return folder.told(&["order", "show", number]);
        }
        std::thread::sleep(TICK);
    }
    panic!("{number} is not {status}: {}", stack.order(number));
}

#[test]
fn a_sample_is_sent_in_either_version() {
    let folder = Folder::new();
    let stack = folder.start();
    // One that stays at its signature, so that what is sent here alone takes it further.
    let number = paid(&folder, &stack, "0x5290840009852788600f7030069857d2e4160005");
    let pending = shown_at(&folder, &stack, &number, "PENDING_SIGNATURE");
    let id = shown(&pending, "transfer").split([' ', ',']).nth(2).expect("an id").to_owned();
    let sent = |sample: &str, more: &[&str]| {
        let sent = folder.run(&[&["send", sample, "--order", &number], more].concat()).stdout;
        assert!(sent.starts_with("200  "), "{sample}: {sent}");
        folder.told(&["order", "show", &number])
    };
    let told = sent("fireblocks/v2_submitted", &[]);
    assert_eq!(told.lines().filter(|line| line.contains("transfer")).count(), 1, "nothing is wrong: {told}");
    assert_eq!(shown(&told, "transfer"), shown(&pending, "transfer"), "no status goes back");
    let theirs = ["--set", "workspaceId=5e2c6a30-0000-4000-8000-00000000000f", "--set", "data.id=another"];
    assert_eq!(sent("fireblocks/v2_failed", &theirs), told, "of another workspace");
    assert!(sent("fireblocks/v2_failed", &[]).contains(&format!("transfer_failed: transfer {id} is FAILED")));
    assert!(sent("fireblocks", &["--set", "data.assetId=ETH"]).contains("asset_mismatch: "), "kept, and flagged");
    assert!(!sent("fireblocks/v1_completed", &[]).contains("transfer_failed"), "it has arrived after all");
    assert_eq!(stack.journal("fireblocks#").len(), 6, "four that were sent, and two steps");

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
    let number = paid(&folder, &stack, wallet);
    let told = shown_at(&folder, &stack, &number, "FAILED");
    assert!(told.contains("transfer_failed: ") && told.contains(" is FAILED"), "{told}");
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
    let asked = |nonce: &str| {
        let path = "/v1/transactions";
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        let token = token(&key, &secret("FIREBLOCKS_API_KEY"), path, body.as_bytes(), nonce, now);
        let bearer = format!("Bearer {token}");
        stack.ask("POST", &format!("/mock/fireblocks{path}"), &[("authorization", bearer.as_str())], body.as_bytes())
    };
    assert_eq!((asked("2").status, asked("2").status), (400, 401), "one transfer, and one request for each token");
}
