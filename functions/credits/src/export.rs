//! All of one owner by page: keys, open holds, accounts with their lines, and orders with their phones and wallets.
//!
//! A page is one part of it, so that an owner of any size takes the memory of one page, here and at the caller.

use api::openapi::{Kind, Parameter};
use api::{ApiCall, ApiOutcome, Caller, Failure, Query};
use catalog::Catalog;
use edge::Reply;
use ledger::{
    Asset, CallerKey, Hold, KeyId, KeyQuery, LinePosition, Order, Owner, Scope, StatementQuery, StoredKey,
    UnreadableRow,
};

use crate::account::AccountJson;
use crate::budget_json::BudgetJson;
use crate::export_json::{ExportJson, ExportedKeyJson, ExportedOrderJson, Part};
use crate::hold_json::HoldJson;
use crate::parse::{account_not_found, asset, owner};
use crate::statement::LineJson;
use crate::{Books, Call, cursor, shown};

/// What one batch read returns.
const KEYS_MAX: u16 = 100;
const ORDERS_MAX: u16 = 100;
const HOLDS_MAX: usize = 200;
/// As in a statement.
const LINES_MAX: u16 = 1_000;
pub(crate) const PARAMETERS: [Parameter; 1] =
    [Parameter::query("cursor", Kind::Text(cursor::PATTERN), "`next` of the page before.")];

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Owner,
    Keys(Option<LinePosition>),
    Holds(Option<LinePosition>),
    /// The account and its newest lines. An asset of which the owner has none leads to the next one.
    Account(Asset),
    Lines(Asset, LinePosition),
    Orders(Option<LinePosition>),
}

impl Place {
    fn written(&self) -> String {
        let after = |after: &Option<LinePosition>| {
            after.as_ref().map(|place| format!(" {}", cursor::text_of(place))).unwrap_or_default()
        };
        cursor::encoded(&match self {
            Self::Owner => "owner".to_owned(),
            Self::Keys(place) => format!("keys{}", after(place)),
            Self::Holds(place) => format!("holds{}", after(place)),
            Self::Account(asset) => format!("account {asset}"),
            Self::Lines(asset, place) => format!("lines {asset} {}", cursor::text_of(place)),
            Self::Orders(place) => format!("orders{}", after(place)),
        })
    }

    fn read(text: &str, catalog: &Catalog) -> Option<Self> {
        let text = cursor::decoded(text)?;
        let (part, rest) = text.split_once(' ').map_or((text.as_str(), None), |(part, rest)| (part, Some(rest)));
        let position = |rest: &str| cursor::position(rest).map(|(place, _)| place);
        Some(match (part, rest) {
            ("keys", None) => Self::Keys(None),
            ("keys", Some(rest)) => {
                Self::Keys(position(rest).filter(|place| KeyId::of_row(&place.key).is_some()).map(Some)?)
            }
            ("holds", None) => Self::Holds(None),
            ("holds", Some(rest)) => Self::Holds(Some(position(rest)?)),
            ("orders", None) => Self::Orders(None),
            ("orders", Some(rest)) => Self::Orders(Some(position(rest)?)),
            ("account", Some(code)) => Self::Account(asset(Some(code), catalog).ok()?),
            ("lines", Some(rest)) => {
                let (code, place) = rest.split_once(' ')?;
                Self::Lines(asset(Some(code), catalog).ok()?, position(place)?)
            }
            _ => return None,
        })
    }
}

/// An owner's own key, or a service key with the scope `admin`: a page has what names a person.
pub(crate) async fn export<L: Books>(
    catalog: &Catalog,
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let owner = owner(call.found)?;
    call.caller.may_see(&owner, Scope::Admin, account_not_found)?;
    let parameters = Query::parse(&call.request.query, &PARAMETERS)?;
    let place = match parameters.parameter("cursor") {
        None => Place::Owner,
        Some(text) => Place::read(text, catalog).ok_or_else(cursor::invalid)?,
    };
    let export = Export { catalog, call, ledger, owner: &owner };
    Ok(shown(match place {
        Place::Owner => export.owner().await?,
        Place::Keys(after) => export.keys(after).await?,
        Place::Holds(after) => export.holds(after.as_ref()).await?,
        Place::Account(from) => export.account(from).await?,
        Place::Lines(asset, after) => export.lines(asset, after).await?,
        Place::Orders(after) => export.orders(after.as_ref()).await?,
    }))
}

struct Export<'e, L> {
    catalog: &'e Catalog,
    call: &'e ApiCall<'e, Call, Caller>,
    ledger: &'e L,
    owner: &'e Owner,
}

impl<L: Books> Export<'_, L> {
    fn page(&self, part: Part) -> ExportJson<'_> {
        ExportJson::of(self.owner, part, self.call.invocation.now)
    }

    async fn owner(&self) -> Result<Reply, Failure> {
        let context = self.call.context();
        let referrer = self.ledger.referrer(self.owner, &context).await?;
        let ties = self.ledger.ties(self.owner, &context).await?;
        let budgets = self.ledger.budgets(self.owner, &context).await?;
        let now = self.call.invocation.now;
        Ok(reply(&ExportJson {
            referrer: referrer.as_ref().map(Owner::as_str),
            drawn_by: Some(ties.drawn_by.iter().map(CallerKey::short_id).collect()),
            budgets: Some(budgets.iter().map(|budget| BudgetJson::of(budget, now)).collect()),
            next: Some(Place::Keys(None).written()),
            ..self.page(Part::Owner)
        }))
    }

    async fn keys(&self, after: Option<LinePosition>) -> Result<Reply, Failure> {
        let query = KeyQuery { owner: Some(self.owner.clone()), after, keys_max: KEYS_MAX };
        let page = self.ledger.key_page(&query, &self.call.context()).await?;
        let ids: Vec<KeyId> = page.keys.iter().map(StoredKey::id).collect();
        let used = self.ledger.last_used(&ids, &self.call.context()).await?;
        let now = self.call.invocation.now;
        let keys = page.keys.iter().map(|key| ExportedKeyJson::of(key, used.get(&key.id()), now));
        let next = page.next.map_or(Place::Holds(None), |next| Place::Keys(Some(next)));
        Ok(reply(&ExportJson { keys: Some(keys.collect()), next: Some(next.written()), ..self.page(Part::Keys) }))
    }

    /// The index has no page of one account, so all open holds are read for each page of them.
    async fn holds(&self, after: Option<&LinePosition>) -> Result<Reply, Failure> {
        let found = self.ledger.open_holds(&self.owner.account(Asset::CREDITS), &self.call.context()).await?;
        let place = |hold: &Hold| LinePosition { key: hold.id.to_string(), at: hold.expires_at.to_string() };
        let is_later = |hold: &&Hold| {
            after.is_none_or(|after| {
                let LinePosition { key, at } = place(hold);
                (at, key) > (after.at.clone(), after.key.clone())
            })
        };
        let left: Vec<&Hold> = found.holds.iter().filter(is_later).collect();
        let page = left.get(..HOLDS_MAX).unwrap_or(&left);
        let next = page.last().filter(|_| left.len() > page.len()).map(|hold| Place::Holds(Some(place(hold))));
        let next = next.unwrap_or(Place::Account(Asset::CREDITS));
        Ok(reply(&ExportJson {
            holds: Some(page.iter().map(|hold| HoldJson::of(hold)).collect()),
            unreadable: found.unreadable.iter().map(String::as_str).collect(),
            next: Some(next.written()),
            ..self.page(Part::Holds)
        }))
    }

    /// The first account from this asset on. Without any, the orders follow at once.
    async fn account(&self, from: Asset) -> Result<Reply, Failure> {
        for asset in self.catalog.assets().range(from..) {
            let account = self.owner.account(*asset);
            let read = self.ledger.account_with_lots(&account, &self.call.context()).await?;
            if let Some((row, lots)) = read {
                let json = AccountJson::of(&account, &row, Some(&lots), self.call.invocation.now);
                return self.lines_of(*asset, None, Some(json)).await;
            }
        }
        self.orders(None).await
    }

    async fn lines(&self, asset: Asset, after: LinePosition) -> Result<Reply, Failure> {
        self.lines_of(asset, Some(after), None).await
    }

    async fn lines_of(
        &self,
        asset: Asset,
        after: Option<LinePosition>,
        account: Option<AccountJson<'_>>,
    ) -> Result<Reply, Failure> {
        let query = StatementQuery {
            account: self.owner.account(asset),
            from: None,
            until: None,
            kind: None,
            after,
            lines_max: LINES_MAX,
        };
        let page = self.ledger.statement_page(&query, &self.call.context()).await?;
        let next = page.next.map_or_else(|| self.after(asset), |next| Place::Lines(asset, next));
        Ok(reply(&ExportJson {
            asset: Some(asset.to_string()),
            account,
            lines: Some(page.lines.iter().map(|line| LineJson::of(line, asset)).collect()),
            next: Some(next.written()),
            ..self.page(Part::Account)
        }))
    }

    /// Where the pages go on after the last line of this asset.
    fn after(&self, asset: Asset) -> Place {
        let assets = self.catalog.assets();
        let next = assets.range(asset..).find(|other| **other != asset);
        next.map_or(Place::Orders(None), |next| Place::Account(*next))
    }

    async fn orders(&self, after: Option<&LinePosition>) -> Result<Reply, Failure> {
        let page = self.ledger.orders_of(self.owner, after, ORDERS_MAX, &self.call.context()).await?;
        let readable = page.orders.iter().filter_map(|order: &Result<Order, UnreadableRow>| order.as_ref().ok());
        let unreadable = page.orders.iter().filter_map(|order| order.as_ref().err()).map(|row| row.id.as_str());
        Ok(reply(&ExportJson {
            orders: Some(readable.map(ExportedOrderJson::of).collect()),
            unreadable: unreadable.collect(),
            next: page.next.map(|next| Place::Orders(Some(next)).written()),
            ..self.page(Part::Orders)
        }))
    }
}

fn reply(page: &ExportJson<'_>) -> Reply {
    Reply::json(200, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_the_place_that_was_written() {
        let catalog = Catalog::parse(catalog::SHIPPED).expect("a valid catalog");
        let posx = catalog.token("POSX").expect("a token");
        let place = |key: &str| LinePosition { key: key.to_owned(), at: "2026-01-01T00:00:00.000Z".to_owned() };
        for written in [
            Place::Keys(None),
            Place::Keys(Some(place("key#remote#1"))),
            Place::Holds(None),
            Place::Holds(Some(place("api-1"))),
            Place::Account(posx),
            Place::Lines(Asset::CREDITS, place("usage#evt_1")),
            Place::Orders(None),
            Place::Orders(Some(place("HL1"))),
        ] {
            assert_eq!(Place::read(&written.written(), &catalog), Some(written));
        }
        let texts = ["", "bodies", "account", "account x", "lines POSX", "lines POSX x", "keys x", "orders 2026 x"];
        for text in texts {
            assert_eq!(Place::read(&cursor::encoded(text), &catalog), None, "{text}");
        }
    }
}
