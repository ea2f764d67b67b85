//! The Fireblocks adapter: idempotent transfers, response parsing, public keys, settings and redaction.

use ledger::{Amount, Timestamp, TransferDetails};
use testkit::{
    FIREBLOCKS_API_KEY, FIREBLOCKS_BASE, FIREBLOCKS_JWKS, FireblocksNet, NetFault, fireblocks_settings, now, rsa_pair,
};

use super::*;

const WALLET: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
const POST: &str = "POST /v1/transactions";
const GET: &str = "GET /v1/transactions/external_tx_id/grant%23HL1%231";

fn keys() -> Arc<FireblocksKeys> {
    let [(_, api_key), (_, secret)] = fireblocks_settings();
    Arc::new(FireblocksKeys::parse(Some(&api_key), Some(&secret)).expect("keys"))
}

fn client(net: &FireblocksNet) -> Fireblocks {
    let config = FireblocksConfig { base: FIREBLOCKS_BASE.to_owned(), vault: "0".to_owned() };
    // Each client has its own random seed, as each sandbox does.
    let seed = u64::try_from(net.transfers().len().saturating_add(net.calls().len())).expect("few");
    Fireblocks::new(Http::over(net.clone(), fastrand::Rng::with_seed(seed)), config, keys())
}

fn new_transfer() -> NewTransfer {
    NewTransfer {
        external_id: "grant#HL1#1".to_owned(),
        asset: "POSX_TEST".to_owned(),
        amount: "1.5".to_owned(),
        wallet: WALLET.to_owned(),
    }
}

/// The response to the call that creates the transfer.
fn sent(status: &str) -> SentTransfer {
    let id = "00000007-0000-4000-8000-000000000001".to_owned();
    SentTransfer { id, status: status.to_owned(), details: None }
}

/// The response to a query by external id.
fn found(status: &str) -> SentTransfer {
    found_as(status, &new_transfer())
}

fn found_as(status: &str, details_of: &NewTransfer) -> SentTransfer {
    let amount = Amount::parse(&details_of.amount, Amount::SCALE_MAX).expect("an amount");
    let details = TransferDetails { asset: details_of.asset.clone(), wallet: Some(details_of.wallet.clone()), amount };
    SentTransfer { details: Some(details), ..sent(status) }
}

#[tokio::test(start_paused = true)]
async fn transfer_is_created_once_and_found() {
    let net = FireblocksNet::default();
    let client = client(&net);
    assert_eq!(client.find("grant#HL1#1", now(), call_deadline()).await, Ok(None));
    assert_eq!(client.create(&new_transfer(), now(), call_deadline()).await, Ok(sent("SUBMITTED")));
    net.go_on();
    assert_eq!(client.find("grant#HL1#1", now(), call_deadline()).await, Ok(Some(found("PENDING_SIGNATURE"))));
    assert_eq!(
        client.create(&new_transfer(), now(), call_deadline()).await,
        Ok(found("PENDING_SIGNATURE")),
        "the same again"
    );
    assert_eq!(net.endpoints(), [GET, POST, GET, POST, GET]);
    let transfers = net.transfers();
    let [transfer] = transfers.as_slice() else { panic!("{transfers:?}") };
    let written = (&*transfer.external_id, &*transfer.asset, &*transfer.amount, &*transfer.wallet, &*transfer.vault);
    assert_eq!(written, ("grant#HL1#1", "POSX_TEST", "1.5", WALLET, "0"));
}

/// The details let the caller compare the transfer with the grant.
#[tokio::test(start_paused = true)]
async fn existing_transfer_is_returned_with_its_details() {
    let rows = [
        ("the same", new_transfer()),
        ("the same amount in another format", NewTransfer { amount: "1.50".to_owned(), ..new_transfer() }),
        ("a smaller amount", NewTransfer { amount: "1.4".to_owned(), ..new_transfer() }),
        ("another token", NewTransfer { asset: "ETH".to_owned(), ..new_transfer() }),
        ("another wallet", NewTransfer { wallet: "0xother".to_owned(), ..new_transfer() }),
    ];
    for (name, before) in rows {
        let net = FireblocksNet::default();
        let client = client(&net);
        client.create(&before, now(), call_deadline()).await.expect("created");
        let expected = found_as("SUBMITTED", &before);
        assert_eq!(client.create(&new_transfer(), now(), call_deadline()).await, Ok(expected), "{name}");
        assert_eq!(net.transfers().len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_failure_leaves_one_transfer() {
    use NetFault::{DelayReply, Disconnect, DropRequest, DropResponse, Garbage, Reply, Status};
    let rows = [
        (DropRequest, false, Ok(sent("SUBMITTED")), 2),
        (DropResponse, false, Ok(found("SUBMITTED")), 3),
        (Disconnect, false, Ok(sent("SUBMITTED")), 2),
        (Status(429), false, Ok(sent("SUBMITTED")), 2),
        (Status(502), false, Ok(sent("SUBMITTED")), 2),
        (DelayReply(Duration::from_millis(2_400)), false, Ok(sent("SUBMITTED")), 1),
        (DelayReply(Duration::from_millis(2_600)), false, Ok(found("SUBMITTED")), 3),
        (Garbage, false, Err(CallError::Unreadable), 1),
        (DropRequest, true, Err(CallError::NoAnswer), 4),
        (DropResponse, true, Err(CallError::NoAnswer), 4),
        (Disconnect, true, Err(CallError::NoAnswer), 4),
        (Status(503), true, Err(CallError::Failed { status: 503 }), 4),
        (Status(401), true, Err(CallError::Refused { status: 401, kind: None, code: None }), 1),
        (Status(302), true, Err(CallError::Unreadable), 1),
        (Reply(200, "[]"), true, Err(CallError::Unreadable), 1),
        (Reply(200, r#"{"id":"a b","status":"SUBMITTED"}"#), true, Err(CallError::Unreadable), 1),
        (Reply(200, r#"{"id":"1","status":""}"#), true, Err(CallError::Unreadable), 1),
        (Reply(200, r#"{"status":"SUBMITTED"}"#), true, Err(CallError::Unreadable), 1),
    ];
    for (fault, always, expected, times) in rows {
        let (net, row) = (FireblocksNet::default(), format!("{fault:?} {always}"));
        net.fail(move |call, _| if always || call == 0 { fault } else { NetFault::None });
        let client = client(&net);
        let result = client.create(&new_transfer(), now(), deadline(Duration::from_secs(20))).await;
        assert_eq!(result, expected, "{row}");
        assert_eq!(net.calls().len(), times, "{row}: {:?}", net.endpoints());
        // A later call finds the transfer, or creates it.
        net.recover();
        let later = client.create(&new_transfer(), now(), call_deadline()).await.expect("created or found");
        assert_eq!(SentTransfer { details: None, ..later }, sent("SUBMITTED"), "{row}");
        assert_eq!(net.transfers().len(), 1, "{row}");
    }
}

/// A token is valid for one request, so each attempt signs a new one with the current time.
#[tokio::test(start_paused = true)]
async fn each_attempt_signs_a_new_token() {
    let net = FireblocksNet::default();
    net.fail(|call, _| if call < 3 { NetFault::DropResponse } else { NetFault::None });
    let result = client(&net).create(&new_transfer(), now(), deadline(Duration::from_secs(20))).await;
    assert_eq!(result, Ok(found("SUBMITTED")), "the fake rejects a repeated token");
    let late = |now: Timestamp| async move {
        let net = FireblocksNet::default();
        client(&net).create(&new_transfer(), now, call_deadline()).await
    };
    assert_eq!(late(now().plus_seconds(9)).await, Ok(sent("SUBMITTED")));
    let refused = Err(CallError::Refused { status: 401, kind: None, code: Some("4010".to_owned()) });
    assert_eq!(late(now().plus_seconds(60)).await, refused);
    assert_eq!(late(now().plus_seconds(-60)).await, refused);
}

#[tokio::test(start_paused = true)]
async fn malformed_or_foreign_transfer_is_unreadable() {
    use NetFault::{Altered, Reply, Status};
    let unreadable = || Err(CallError::Unreadable);
    let mut without_wallet = found("SUBMITTED");
    without_wallet.details.as_mut().expect("details").wallet = None;
    let rows = [
        (NetFault::None, Ok(Some(found("SUBMITTED")))),
        // Fireblocks fills in the address later.
        (
            Altered(
                "\"destinationAddress\":\"0x52908400098527886E0F7030069857D2E4169EE7\"",
                "\"destinationAddress\":\"\"",
            ),
            Ok(Some(without_wallet.clone())),
        ),
        (Altered("\"destinationAddress\"", "\"destinationAddresses\""), Ok(Some(without_wallet))),
        (Altered("\"requestedAmount\":\"1.5\"", "\"requestedAmount\":null"), Ok(Some(found("SUBMITTED")))),
        (Altered("\"requestedAmount\":\"1.5\"", "\"requestedAmount\":\"1.5e0\""), unreadable()),
        (Altered("\"requestedAmount\":\"1.5\"", "\"requestedAmount\":1.5"), unreadable()),
        (Altered("\"amountInfo\"", "\"amounts\""), unreadable()),
        (Altered("\"assetId\"", "\"asset\""), unreadable()),
        (Altered("\"grant#HL1#1\"", "\"grant#HL1#2\""), unreadable()),
        (Altered("\"grant#HL1#1\"", "null"), unreadable()),
        (Altered("\"status\":\"SUBMITTED\"", "\"status\":\"A NEW ONE\""), unreadable()),
        (Altered("\"status\":\"SUBMITTED\"", "\"status\":\"A_NEW_ONE\""), Ok(Some(found("A_NEW_ONE")))),
        (Reply(200, "{}"), unreadable()),
        (Reply(200, "null"), unreadable()),
        (Status(404), Ok(None)),
        (Status(403), Err(CallError::Refused { status: 403, kind: None, code: None })),
    ];
    for (fault, expected) in rows {
        let (net, row) = (FireblocksNet::default(), format!("{fault:?}"));
        let client = client(&net);
        client.create(&new_transfer(), now(), call_deadline()).await.expect("created");
        net.fail(move |_, _| fault);
        assert_eq!(client.find("grant#HL1#1", now(), call_deadline()).await, expected, "{row}");
    }
    // A transfer that exists at the create call and is missing in the query: the outcome is unknown.
    let net = FireblocksNet::default();
    let client = client(&net);
    client.create(&new_transfer(), now(), call_deadline()).await.expect("created");
    net.fail(|call, _| if call == 1 { Status(404) } else { NetFault::None });
    assert_eq!(client.create(&new_transfer(), now(), call_deadline()).await, Err(CallError::NoAnswer));
}

#[tokio::test(start_paused = true)]
async fn public_keys_are_fetched_without_a_key() {
    use NetFault::{Disconnect, Status};
    let rows = [
        (NetFault::None, Ok("{\"keys\":[]}".to_owned()), 1),
        (Status(404), Err(CallError::Refused { status: 404, kind: None, code: None }), 1),
        (Status(302), Err(CallError::Unreadable), 1),
        (Status(204), Err(CallError::Unreadable), 1),
        (Status(503), Err(CallError::Failed { status: 503 }), 4),
        (Disconnect, Err(CallError::NoAnswer), 4),
    ];
    for (fault, expected, times) in rows {
        let (net, row) = (FireblocksNet::default(), format!("{fault:?}"));
        net.publish("{\"keys\":[]}");
        net.fail(move |_, _| fault);
        let http = Http::over(net.clone(), fastrand::Rng::with_seed(1));
        assert_eq!(published(&http, FIREBLOCKS_JWKS, call_deadline()).await, expected, "{row}");
        assert_eq!(net.endpoints(), vec![format!("GET {FIREBLOCKS_JWKS}"); times], "{row}");
    }
}

#[test]
fn vault_and_base_url_are_validated() {
    use FireblocksConfigError::{Base, Vault};
    const OFFICIAL: &str = "https://api.fireblocks.io";
    let rows = [
        ("", "", "prod", Ok(None)),
        ("", "  ", "prod", Ok(None)),
        ("https://f.invalid", "", "prod", Ok(None)),
        ("", "0", "prod", Ok(Some((OFFICIAL, "0")))),
        ("", " 12 ", "prod", Ok(Some((OFFICIAL, "12")))),
        ("https://f.invalid/", "0", "prod", Ok(Some(("https://f.invalid", "0")))),
        (
            "http://127.0.0.1:9000/mock/fireblocks",
            "0",
            "local",
            Ok(Some(("http://127.0.0.1:9000/mock/fireblocks", "0"))),
        ),
        ("http://f.invalid", "0", "prod", Err(Base)),
        ("https://f.invalid?a=1", "0", "prod", Err(Base)),
        ("https://user@f.invalid", "0", "prod", Err(Base)),
        ("", "treasury", "prod", Err(Vault)),
        ("", "-1", "prod", Err(Vault)),
        ("", "1234567890123", "prod", Err(Vault)),
    ];
    for (base, vault, stage, expected) in rows {
        let variable = |name: &str| Some(if name == "FIREBLOCKS_VAULT" { vault } else { base }.to_owned());
        let read = FireblocksConfig::read(variable, stage);
        let fields = |config: FireblocksConfig| (config.base, config.vault);
        let expected = expected.map(|config| config.map(|(base, vault)| (base.to_owned(), vault.to_owned())));
        assert_eq!(read.map(|config| config.map(fields)), expected, "{base} {vault}");
    }
}

#[test]
fn placeholder_and_malformed_keys_are_rejected() {
    use signing::SecretError::{Empty, NotAKey, Placeholder};
    let pem = rsa_pair(1).private;
    let [of_key, of_secret] = FireblocksKeys::SETTINGS;
    let user = || NotAKey { expected: "the id of an API user" };
    let rows = [
        (Some(FIREBLOCKS_API_KEY), Some(pem.as_str()), Ok(())),
        (None, Some(&pem), Err((of_key, Empty))),
        (Some("   "), Some(&pem), Err((of_key, Empty))),
        (Some("changeme"), Some(&pem), Err((of_key, Placeholder))),
        (Some("00000000-0000-0000-0000-000000000000"), Some(&pem), Err((of_key, Placeholder))),
        (Some("too-short"), Some(&pem), Err((of_key, user()))),
        (Some("0c2d1c5e 0000 4000 8000"), Some(&pem), Err((of_key, user()))),
        (Some(FIREBLOCKS_API_KEY), None, Err((of_secret, Empty))),
        (Some(FIREBLOCKS_API_KEY), Some("your-key"), Err((of_secret, Placeholder))),
        (
            Some(FIREBLOCKS_API_KEY),
            Some("AAAA no key"),
            Err((of_secret, NotAKey { expected: "an RSA private key of at least 2048 bits" })),
        ),
    ];
    for (api_key, secret, expected) in rows {
        assert_eq!(FireblocksKeys::parse(api_key, secret).map(drop), expected, "{api_key:?}");
    }
    let text = format!("{:?}", client(&FireblocksNet::default()));
    assert!(text.contains("FireblocksKeys(redacted)") && !text.contains(FIREBLOCKS_API_KEY), "{text}");
}
