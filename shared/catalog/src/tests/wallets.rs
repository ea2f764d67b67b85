//! Wallet addresses: the published examples of EIP-55, and mutations of them.

use super::*;
use ChoiceError::{WalletChecksum, WalletInvalid};

fn checked(wallet: &str) -> Result<String, ChoiceError> {
    let catalog = shipped();
    let product = catalog.product("posx-10").expect("listed");
    let terms = product.terms(&Choice { quantity: 1, wallet: Some(wallet), ..Choice::default() }, Some(&rate()))?;
    match terms.grants.as_slice() {
        [Grant::Token { on_chain: Some(on_chain), .. }] => Ok(on_chain.wallet.clone().expect("a wallet")),
        other => panic!("{other:?}"),
    }
}

/// The examples of EIP-55: upper case, lower case and mixed.
const PUBLISHED: [&str; 8] = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
];

/// The address with the case of its n-th letter changed; `None` if there is no such letter.
fn flipped(wallet: &str, n: usize) -> Option<String> {
    let (place, _) = wallet.char_indices().skip(2).filter(|(_, digit)| digit.is_ascii_alphabetic()).nth(n)?;
    let other = |digit: char| {
        if digit.is_ascii_lowercase() { digit.to_ascii_uppercase() } else { digit.to_ascii_lowercase() }
    };
    Some(wallet.char_indices().map(|(at, digit)| if at == place { other(digit) } else { digit }).collect())
}

#[test]
fn changed_letter_case_is_refused() {
    for wallet in PUBLISHED {
        assert_eq!(checked(wallet), Ok(wallet.to_owned()));
        for n in 0.. {
            let Some(wrong) = flipped(wallet, n) else { break };
            assert_eq!(checked(&wrong), Err(WalletChecksum), "{wrong}");
        }
        let (lower, upper) = (wallet.to_ascii_lowercase(), wallet.to_ascii_uppercase().replacen("0X", "0x", 1));
        for unchecked in [lower, upper] {
            assert_eq!(checked(&unchecked), Ok(unchecked.clone()), "a single case has no checksum");
        }
    }
}

#[test]
fn invalid_address_is_refused() {
    let good = PUBLISHED[4];
    let rows = [
        (good.replacen("0x", "0X", 1), WalletInvalid),
        (format!("{good}0"), WalletInvalid),
        (good.strip_suffix('d').expect("its last digit").to_owned(), WalletInvalid),
        (good.replace('5', "g"), WalletInvalid),
        (format!(" {good}"), WalletInvalid),
        (format!("{good}\n"), WalletInvalid),
        ("0x".to_owned(), WalletInvalid),
        // Two digits swapped.
        (good.replacen("5a", "a5", 1), WalletChecksum),
        // The checksum that SHA3-256 would give.
        ("0x5aAeB6053F3E94C9b9A09f33669435E7Ef1BeAEd".to_owned(), WalletChecksum),
    ];
    for (wallet, expected) in rows {
        assert_eq!(checked(&wallet), Err(expected), "{wallet:?}");
    }
    assert_eq!(WalletChecksum.code(), "wallet_checksum");
    assert_eq!(
        WalletChecksum.to_string(),
        "this address does not match its checksum (EIP-55): copy it again, or write it in lower case"
    );
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,60}|0x[0-9a-fA-F]{38,42}") {
        let _ = checked(&text);
    }

    /// Of all mixed-case spellings of an address, exactly one is valid.
    #[test]
    fn only_one_mixed_case_spelling_is_valid(digits in "[0-9a-f]{40}", cases: u64) {
        let mixed: String = (0..).zip(digits.chars()).map(|(place, digit)| {
            if cases.rotate_right(place) & 1 == 1 { digit.to_ascii_uppercase() } else { digit }
        }).collect();
        let wallet = format!("0x{mixed}");
        if checked(&wallet).is_ok() {
            let neighbours: Vec<String> = (0..).map_while(|n| flipped(&wallet, n)).collect();
            let is_mixed = |text: &str| {
                text.bytes().skip(2).any(|b| b.is_ascii_lowercase()) && text.bytes().skip(2).any(|b| b.is_ascii_uppercase())
            };
            if is_mixed(&wallet) {
                for wrong in neighbours.iter().filter(|wrong| is_mixed(wrong)) {
                    prop_assert_eq!(checked(wrong), Err(WalletChecksum));
                }
            }
        }
    }
}
