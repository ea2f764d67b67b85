//! Each call, as the document describes it, and the document itself.

mod codes;
mod keys;
mod owners;

use api::openapi::{Access, Described, IdempotencyKey, Operation, Parameter};
use edge::Reply;
use ledger::Scope;

use crate::account::AccountJson;
use crate::changes::{DebitBody, GrantBody, ReceiptJson, TransferBody};
use crate::hold_json::HoldJson;
use crate::holds::{OpenBody, ReleaseBody, SettleBody};
use crate::orders::OrdersJson;
use crate::reversals::{ReversalBody, ReversalJson};
use crate::sold::CatalogJson;
use crate::statement::StatementJson;
use crate::{Call, Credits, account, orders, sold, statement};

/// `docs/openapi.json` on one line. `cargo xtask openapi` writes both.
const DOCUMENT: &str = include_str!("../openapi.min.json");
const OWNER: Parameter =
    Parameter::path("owner", "^[A-Za-z0-9._@-]{1,64}$", "The owner of the account.").example("alice");
const NEXT: &str = "`<…>; rel=\"next\"`: the address of the next page, if there is one.";
const HOLD: Parameter = Parameter::path("id", "^[A-Za-z0-9_.-]{1,64}$", "The id of the hold.").example("api-5d0c");

pub(crate) fn document() -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply { status: 200, headers, body: DOCUMENT.to_owned() }
}

impl Described for Credits {
    const TAG: &'static str = "credits";
    const ABOUT: &'static str = "Accounts, statements, changes and holds.";

    fn operation(call: Call) -> Operation {
        match call {
            Call::OwnAccount => Operation::new("showOwnAccount", "Shows the account of the key's owner", Access::Owner)
                .about("An owner without an account gets one of nothing.")
                .query(&account::PARAMETERS)
                .answer::<AccountJson<'_>>(200, "The account.")
                .error(400, &["unknown_asset", "include_invalid"])
                .error(403, &["owner_key_needed"]),
            Call::Account => Operation::new("showAccount", "Shows an account", Access::OwnerOr(Scope::Read))
                .parameter(OWNER)
                .query(&account::PARAMETERS)
                .answer::<AccountJson<'_>>(200, "The account.")
                .error(400, &["unknown_asset", "include_invalid"])
                .error(404, &["account_not_found"]),
            Call::Statement => statement_page(),
            Call::Grant => change("grantCredits", "Gives credits, or another asset", Scope::Grant)
                .parameter(OWNER)
                .body::<GrantBody>()
                .error(400, &["expires_invalid", "priority_invalid", "kind_invalid", "fields_conflict"])
                .error(404, &["account_not_found"]),
            Call::Debit => change("debitCredits", "Takes credits, or another asset", Scope::Spend)
                .about("The request that is refused for want of credits is booked once its owner has enough.")
                .parameter(OWNER)
                .body::<DebitBody>()
                .error(402, &["insufficient_credits"])
                .error(404, &["account_not_found"]),
            Call::Transfer => change("transferCredits", "Moves credits from one owner to another", Scope::Spend)
                .body::<TransferBody>()
                .error(400, &["owner_missing", "owner_invalid", "transfer_invalid"])
                .error(402, &["insufficient_credits"]),
            Call::Reverse => {
                Operation::new("reverseUsage", "Gives the charge of a usage event back", Access::Service(Scope::Grant))
                    .about("A usage event is reversed once, whole or in part.")
                    .idempotent(IdempotencyKey::Required)
                    .body::<ReversalBody>()
                    .answer::<ReversalJson<'_>>(201, "The receipt, which is the id of its line.")
                    .error(400, &["use_missing", "use_invalid", "amount_invalid", "reason_missing", "reason_invalid"])
                    .error(404, &["usage_not_found"])
                    .error(
                        409,
                        &["idempotency_key_reused", "nothing_charged", "amount_above_charge", "already_reversed"],
                    )
            }
            Call::OpenHold | Call::Hold | Call::SettleHold | Call::ReleaseHold => hold(call),
            Call::Redeem => codes::redeemed(),
            Call::MakeCodes => codes::made(),
            Call::Campaigns => codes::listed(),
            Call::Codes => codes::shown(),
            Call::RevokeCodes => codes::revoked(),
            Call::Catalog => Operation::new("showCatalog", "Shows what is sold", Access::Any)
                .query(&sold::PARAMETERS)
                .answer::<CatalogJson<'_>>(200, "The products."),
            Call::MakeKey => keys::made(),
            Call::Keys => keys::listed(),
            Call::Key => keys::shown(),
            Call::SetKey => keys::set(),
            Call::RevokeKey => keys::revoked(),
            Call::RotateKey => keys::rotated(),
            Call::Orders => {
                Operation::new("listOrders", "Shows a page of an owner's orders", Access::OwnerOr(Scope::Read))
                    .query(&orders::PARAMETERS)
                    .answer::<OrdersJson<'_>>(200, "The page, the newest order first.")
                    .header("Link", NEXT)
                    .error(400, &["owner_missing", "cursor_invalid", "limit_invalid"])
                    .error(404, &["account_not_found"])
            }
            Call::Export => owners::exported(),
            Call::Erase => owners::erased(),
            Call::Document => Operation::new("showDocument", "Shows this document", Access::Public)
                .answer::<serde_json::Value>(200, "An OpenAPI 3.1 document."),
            Call::BuyersPage => {
                Operation::new("showBuyersPage", "Shows the page on which a buyer sees it all", Access::Public)
                    .about("The buyer's key is behind the `#` of its address, and is sent to this API alone.")
                    .text(200, "text/html", "The page.")
            }
            Call::BuyersStyle => Operation::new(
                "showBuyersStyle",
                "Shows the style of the buyer's page",
                Access::Public,
            )
            .text(200, "text/css", "A stylesheet."),
            Call::BuyersScript => Operation::new(
                "showBuyersScript",
                "Shows the script of the buyer's page",
                Access::Public,
            )
            .text(200, "text/javascript", "A script."),
        }
    }
}

fn statement_page() -> Operation {
    Operation::new("showStatement", "Shows a page of a statement, the newest line first", Access::OwnerOr(Scope::Read))
        .about("No line is lost or repeated between the pages, however many are written meanwhile.")
        .parameter(OWNER)
        .query(&statement::PARAMETERS)
        .answer::<StatementJson<'_>>(200, "The page.")
        .or_text("text/csv", "The page as part of one file: only the first has the head.")
        .header("Link", NEXT)
        .error(400, &["unknown_asset", "from_invalid", "to_invalid", "kind_invalid", "cursor_invalid", "limit_invalid"])
        .error(404, &["account_not_found"])
}

/// A change of accounts: one journal entry under the caller's idempotency key.
fn change(id: &'static str, summary: &'static str, scope: Scope) -> Operation {
    Operation::new(id, summary, Access::Service(scope))
        .idempotent(IdempotencyKey::Required)
        .answer::<ReceiptJson<'_>>(201, "The receipt, which is the id of its line.")
        .error(400, &["amount_missing", "amount_invalid", "unknown_asset", "reason_missing", "reason_invalid"])
        .error(409, &["idempotency_key_reused"])
}

fn hold(call: Call) -> Operation {
    let shown = |operation: Operation| {
        operation.parameter(HOLD).answer::<HoldJson<'_>>(200, "The hold.").error(404, &["hold_not_found"])
    };
    if call == Call::Hold {
        return shown(Operation::new("showHold", "Shows a hold", Access::OwnerOr(Scope::Read)));
    }
    let of_change = |id, summary| {
        Operation::new(id, summary, Access::Service(Scope::Spend))
            .idempotent(IdempotencyKey::Required)
            .error(400, &["reason_missing", "reason_invalid"])
    };
    let amount = ["amount_missing", "amount_invalid"];
    if call == Call::SettleHold {
        return shown(of_change("settleHold", "Charges what the use has cost, and ends the hold"))
            .about("A hold is settled once. After its expiry it charges late.")
            .body::<SettleBody>()
            .error(400, &amount)
            .error(409, &["hold_closed", "settled_otherwise", "used_elsewhere"]);
    }
    if call == Call::ReleaseHold {
        return shown(of_change("releaseHold", "Ends a hold without a charge"))
            .body::<ReleaseBody>()
            .error(409, &["hold_closed", "used_elsewhere"]);
    }
    of_change("openHold", "Sets credits aside for a use whose cost is not known yet")
        .about("Its id follows from the idempotency key. A repeat shows the hold as it was opened.")
        .body::<OpenBody>()
        .answer::<HoldJson<'_>>(201, "The hold.")
        .error(400, &amount)
        .error(400, &["key_invalid", "owner_missing", "owner_invalid", "ttl_invalid", "use_invalid"])
        .error(402, &["insufficient_credits", "budget_exceeded"])
        .error(404, &["key_not_found"])
        .error(409, &["budget_unreadable", "idempotency_key_reused", "used_elsewhere"])
}
