//! The lines of the contract about redeem codes.

use ledger::{
    CallContext, Code, CodeChange, CodeHash, CodeUses, Codes, Decision, Effect, EventKey, GrantTerms, LotKind, OncePer,
    Owner, Source, Word,
};

use super::event::{amount, record};

/// `code NAME OWNER`: the uses left and the wrong codes of the owner. `codes CAMPAIGN` lists,
/// `code-pages CAMPAIGN CODES` by page, and `campaigns MAX` all campaigns. `wrong OWNER` counts one.
pub(super) async fn result_of<L: Codes>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let context = crate::context(number);
    Some(match words {
        ["code", name, owner] => {
            let (code, wrong) = ledger.code(&hash(name), &named(owner), &context).await.unwrap();
            let code = code.map_or("none".to_owned(), |code| state(&code));
            format!("{code}, {} wrong", wrong.count)
        }
        ["codes", campaign] => {
            let mut codes = ledger.codes(Word::new(campaign).unwrap(), &context).await.unwrap();
            codes.sort_by(|one, other| one.hash.cmp(&other.hash));
            codes.iter().map(state).collect::<Vec<_>>().join(", ")
        }
        ["code-pages", campaign, codes_max] => {
            let (mut pages, mut after) = (Vec::new(), None);
            loop {
                let campaign = Word::new(campaign).unwrap();
                let page =
                    ledger.code_page(campaign, after.as_ref(), codes_max.parse().unwrap(), &context).await.unwrap();
                assert!(page.codes.len() <= codes_max.parse().unwrap(), "{page:?}");
                pages.extend(page.codes);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            pages.sort_by(|one, other| one.hash.cmp(&other.hash));
            if pages.is_empty() { "nothing".to_owned() } else { pages.iter().map(state).collect::<Vec<_>>().join(", ") }
        }
        ["campaigns", campaigns_max] => {
            let (mut names, mut after) = (Vec::new(), None);
            loop {
                let page = ledger.campaigns(after.as_ref(), campaigns_max.parse().unwrap(), &context).await.unwrap();
                assert!(page.campaigns.len() <= campaigns_max.parse().unwrap(), "{page:?}");
                names.extend(page.campaigns.iter().map(|campaign| campaign.name.to_string()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            // Those of one moment have no order.
            names.sort();
            names.join(" ")
        }
        ["wrong", owner] => {
            ledger.count_wrong_code(&named(owner), &context).await.unwrap();
            "counted".to_owned()
        }
        ["redeemed", name, owner] => {
            let (code, _) = ledger.code(&hash(name), &named(owner), &context).await.unwrap();
            let receipt = code.unwrap().receipt(&named(owner));
            ledger.redemption(&receipt, &context).await.unwrap().map_or("no", |_| "yes").to_owned()
        }
        _ => return None,
    })
}

/// `make EVENT NAME CAMPAIGN CREDITS USES PER`, with `for DAYS PRIORITY KIND` if its credits expire, `redeem NAME OWNER`
/// `revoke-code EVENT NAME`, and `recount EVENT NAME LEFT of USES to LEFT of USES`.
pub(super) async fn decision<L: Codes>(ledger: &L, words: &[&str], context: &CallContext<'_>) -> Option<Decision> {
    Some(match *words {
        ["make", event, name, campaign, credits, uses, once_per, ref lasting @ ..] => {
            let uses = uses.parse().unwrap();
            let code = Code {
                hash: hash(name),
                campaign: Word::new(campaign).unwrap(),
                credits: amount(credits),
                terms: terms(lasting),
                uses,
                uses_left: uses,
                once_per: OncePer::named(once_per).unwrap(),
                until: None,
                made_by: EventKey::new(Source::Usage, event).unwrap(),
                revoked_at: None,
            };
            record(event, words.get(2..).unwrap(), vec![Effect::Code(CodeChange::Make(Box::new(code)))])
        }
        ["redeem", name, owner] => {
            let (code, _) = ledger.code(&hash(name), &named(owner), context).await.unwrap();
            code.unwrap().redemption(&named(owner), context.received_at)
        }
        ["revoke-code", event, name] => {
            record(event, words.get(2..).unwrap(), vec![Effect::Code(CodeChange::Revoke(hash(name)))])
        }
        ["recount", event, name, left, "of", uses, "to", left_then, "of", uses_then] => {
            let of = |left: &str, uses: &str| CodeUses { uses: uses.parse().unwrap(), left: left.parse().unwrap() };
            let (from, to) = (of(left, uses), of(left_then, uses_then));
            let change = CodeChange::Repair { hash: hash(name), from, to };
            record(event, words.get(2..).unwrap(), vec![Effect::Code(change)])
        }
        _ => return None,
    })
}

fn terms(lasting: &[&str]) -> Option<GrantTerms> {
    let ["for", days, priority, kind] = *lasting else { return None };
    let kind = LotKind::named(kind).unwrap();
    Some(GrantTerms::new(days.parse().unwrap(), priority.parse().unwrap(), kind).unwrap())
}

fn hash(name: &str) -> CodeHash {
    CodeHash::new(&format!("{name:0>32}")).unwrap()
}

fn named(owner: &str) -> Owner {
    Owner::new(owner).unwrap()
}

fn state(code: &Code) -> String {
    let revoked = if code.revoked_at.is_some() { " revoked" } else { "" };
    let lasting = code
        .terms
        .map_or(String::new(), |terms| format!(" for {} {} {}", terms.days, terms.priority, terms.kind.as_str()));
    format!("{} of {}{revoked}{lasting}", code.uses_left, code.uses)
}
