//! Which rows a text may name. Pure: the store says which of them exist.

use std::collections::BTreeSet;

use ledger::{
    AccountId, CallerKey, CodeHash, EventKey, HoldId, KeyId, Lane, MoneyKey, OrderNumber, Owner, Pointer, Provider,
    Reference, ServiceKeyHash, Source,
};

/// The longest id of any sender, and no key of the store is longer than this with what we put before it.
const CHARS_MAX: usize = 128;
/// Our own keys begin with a prefix and their source; ids of conflicts and corrections have several parts.
const KEY_CHARS_MAX: usize = 512;

const WECHAT_REFUND_DIGITS_MIN: usize = 28;
/// The receipts of a refund at WeChat Pay, which end in its state: those of APIv3 and of APIv2.
const WECHAT_REFUNDS: [&str; 7] = [
    "v3.refund.ID.PROCESSING",
    "v3.refund.ID.SUCCESS",
    "v3.refund.ID.CLOSED",
    "v3.refund.ID.ABNORMAL",
    "v2.refund.ID.SUCCESS",
    "v2.refund.ID.CHANGE",
    "v2.refund.ID.REFUNDCLOSE",
];

/// What a person has typed.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'t> {
    pub text: &'t str,
    /// Its hash, if it may be a redeem code and the pepper is at hand.
    pub code: Option<&'t CodeHash>,
    /// The merchants of epay gateways whose trade numbers are unique only with the merchant.
    pub merchants: &'t [String],
}

/// The keys of all rows that the text may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) orders: BTreeSet<OrderNumber>,
    pub(crate) pointers: BTreeSet<Pointer>,
    pub(crate) subscriptions: BTreeSet<Reference>,
    pub(crate) events: BTreeSet<EventKey>,
    pub(crate) holds: Vec<HoldId>,
    pub(crate) keys: Vec<KeyId>,
    pub(crate) codes: Vec<CodeHash>,
    pub(crate) owners: Vec<Owner>,
    pub(crate) lanes: Vec<Lane>,
}

/// Other spellings of a text: an order's number as it was read out on the phone, and any text in small letters, in which names
/// of owners and hexadecimal ids usually are.
pub(crate) fn spellings(text: &str) -> Vec<String> {
    let text = text.trim();
    let is_of_order = text.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("HL"));
    let of_order = is_of_order.then(|| {
        let digit = |letter: char| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        format!("HL{}", text.chars().skip(2).map(digit).collect::<String>())
    });
    let mut all: Vec<String> = of_order.into_iter().chain([text.to_ascii_lowercase()]).collect();
    all.retain(|spelling| spelling != text);
    all
}

impl Names {
    pub(crate) fn of(typed: &Typed<'_>) -> Self {
        let text = typed.text.trim();
        let mut names = Self::default();
        if text.is_empty() || text.len() > KEY_CHARS_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return names;
        }
        match text.split_once('#') {
            Some((head, rest)) => names.add_key(text, head, rest),
            None if text.len() <= CHARS_MAX => names.add_bare(text, typed),
            None => {}
        }
        names
    }

    /// A key as a row has it, which names one kind of row.
    fn add_key(&mut self, text: &str, head: &str, rest: &str) {
        match head {
            "order" => {
                self.orders.extend(OrderNumber::new(rest));
                self.events.insert(EventKey::of_row(text));
            }
            "hold" => self.holds.extend(HoldId::new(rest)),
            "owner" => self.owners.extend(Owner::new(rest)),
            "code" => self.codes.extend(CodeHash::new(rest)),
            "service_key" => self.keys.extend(ServiceKeyHash::of_row(text).map(KeyId::Service)),
            "key" => {
                let key = CallerKey::of_row(text);
                self.lanes.extend(key.iter().cloned().map(Lane::Key));
                self.keys.extend(key.map(KeyId::Owner));
            }
            "model" => self.lanes.extend(Lane::read(text)),
            "lane" => self.lanes.extend(rest.split_once('#').and_then(|(_, lane)| Lane::read(lane))),
            _ => {
                self.events.insert(EventKey::of_row(text));
                // What a paid order is still to give has no row of its own.
                let line = if head == "sent" { format!("grant#{rest}") } else { text.to_owned() };
                self.orders.extend(MoneyKey::read_line(&line).map(|(order, _)| order));
                let provider = Provider::named(head).filter(|_| !rest.contains('#'));
                if let Some(reference) = provider.and_then(|provider| Reference::new(provider, rest).ok()) {
                    self.add_reference(reference);
                }
            }
        }
    }

    fn add_reference(&mut self, reference: Reference) {
        if reference.provider() == Provider::Stripe {
            self.subscriptions.insert(reference.clone());
        }
        self.pointers.insert(Pointer::Provider(reference));
    }

    fn add_bare(&mut self, text: &str, typed: &Typed<'_>) {
        if let Some((owner, _)) = text.split_once('/') {
            self.owners.extend(AccountId::read(text).map(|account| account.owner().clone()));
            // The account of a token, whose scale only the catalog has.
            self.owners.extend(Owner::new(owner).ok().filter(|_| AccountId::read(text).is_none()));
            return;
        }
        self.orders.extend(OrderNumber::new(text));
        self.holds.extend(HoldId::new(text));
        self.owners.extend(Owner::new(text));
        self.codes.extend(typed.code.cloned());
        self.codes.extend(CodeHash::new(text).ok().filter(|hash| hash.as_str() == text));
        self.add_keys(text);
        self.lanes.push(Lane::Model(text.to_owned()));
        let with_merchant = typed.merchants.iter().map(|merchant| format!("{merchant}.{text}"));
        let ids: Vec<String> = std::iter::once(text.to_owned()).chain(with_merchant).collect();
        for id in &ids {
            self.events.insert(row(Source::Epay.as_str(), id));
            for provider in Provider::ALL {
                let Ok(reference) = Reference::new(provider, id) else { continue };
                self.events.insert(EventKey::query(&reference));
                self.events.insert(EventKey::of_row(&format!("payment#{reference}")));
                self.add_reference(reference);
            }
        }
        for source in Source::ALL {
            self.events.insert(row(source.as_str(), text));
        }
        // Ids of one source that we put together, and the changes of people and of the API.
        for (head, id) in [
            ("usage", format!("hold.{text}")),
            ("usage", format!("litellm.{text}")),
            ("usage", format!("openrouter.{text}")),
            ("wechat", format!("v3.{text}")),
            ("wechat", format!("v2.{text}")),
            ("wechat", format!("cloudrun.{text}")),
            ("invoice", text.to_owned()),
            ("order", text.to_owned()),
            ("credits", text.to_owned()),
            ("manual", text.to_owned()),
            ("console", text.to_owned()),
            ("repair", text.to_owned()),
        ] {
            self.events.insert(row(head, &id));
        }
        if is_wechat_refund(text) {
            self.events.extend(WECHAT_REFUNDS.map(|receipt| row("wechat", &receipt.replace("ID", text))));
        }
    }

    /// Keys by their text, which is hashed, by their id, or by the id that their gateway has for them.
    fn add_keys(&mut self, text: &str) {
        if text.starts_with(ledger::ServiceKey::PREFIX) {
            self.keys.push(KeyId::Service(ServiceKeyHash::of(text)));
            return;
        }
        let remote = CallerKey::remote(text).ok();
        self.lanes.extend(remote.iter().cloned().map(Lane::Key));
        let hash = CallerKey::of_row(&format!("key#api#{text}")).filter(|_| text.len() == 64);
        let named = KeyId::parse(text);
        if let Some(KeyId::Owner(key)) = &named {
            self.lanes.push(Lane::Key(key.clone()));
        }
        let keys = remote.into_iter().chain(hash).chain([CallerKey::api(text)]).map(KeyId::Owner);
        self.keys.extend(keys.chain(named));
    }
}

/// WeChat Pay numbers its refunds with some thirty digits, and begins with these.
fn is_wechat_refund(text: &str) -> bool {
    text.len() >= WECHAT_REFUND_DIGITS_MIN && text.starts_with("50") && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn row(head: &str, id: &str) -> EventKey {
    EventKey::of_row(&format!("{head}#{id}"))
}
