//! The text output of `order show`.

use ledger::{Accepted, Asset, Grant, Money, Order, PaymentReversals, Share, TopUpCall, Transfer};

use super::flags;
use crate::print;

pub(super) fn print(order: &Order) {
    let terms = &order.terms;
    let price = match &terms.exchange {
        None => terms.price.to_string(),
        Some(exchange) => format!("{}, for {} at {}", terms.price, exchange.price, exchange.rate),
    };
    let mut rows = vec![
        ["owner".to_owned(), order.owner.to_string()],
        ["made".to_owned(), order.created_at.to_string()],
        ["product".to_owned(), format!("{} × {}", terms.quantity, terms.product)],
        ["price".to_owned(), format!("{price}, by {}", terms.provider.as_str())],
        ["grants".to_owned(), terms.grants.iter().map(granted).collect::<Vec<_>>().join(", ")],
        ["payment".to_owned(), order.payment.as_str().to_owned()],
    ];
    let money = |amount| Money { amount, ..order.paid_money() };
    if let Some(paid) = &order.paid {
        rows.push(["paid by".to_owned(), format!("{} at {}", paid.by, paid.at)]);
        rows.push(["refunded".to_owned(), money(order.refunded()).to_string()]);
        rows.push(["credits".to_owned(), Asset::CREDITS.format(order.posted)]);
    }
    rows.extend(order.accepted.values().map(accepted));
    if order.is_disputed() {
        rows.push(["disputed".to_owned(), format!("{}, frozen until it is decided", money(order.disputed()))]);
    }
    if !order.lost().is_zero() {
        rows.push(["lost".to_owned(), format!("{} to a dispute", money(order.lost()))]);
    }
    rows.push(["fulfilment".to_owned(), order.fulfilment.as_str().to_owned()]);
    rows.extend(order.shares().iter().map(|share| delivered(order, share)));
    rows.extend(order.transfer.iter().map(|transfer| ["transfer".to_owned(), transferred(transfer)]));
    rows.extend(order.top_up_call.iter().flat_map(top_up_result));
    rows.push(["version".to_owned(), order.version.to_string()]);
    print::line(&order.number);
    let rows: Vec<[String; 2]> = rows.into_iter().map(|[name, value]| [format!("  {name}"), value]).collect();
    print::columns(&rows);
    let claims = order.claims.iter().flat_map(|(payment, claims)| claimed(payment, claims, terms.price));
    for line in claims.chain(flags::lines(order)) {
        print::line(format_args!("  {line}"));
    }
}

/// `accepted  stripe#pi_2, 10 USD: 100 credits stand`
fn accepted(accepted: &Accepted) -> [String; 2] {
    let Accepted { by, money, credits, posted, postings, pays_for: _ } = accepted;
    let stands = match (credits, postings) {
        (None, _) => "as ordered".to_owned(),
        (Some(credits), 0) => format!("{} credits in place of what was ordered", Asset::CREDITS.format(*credits)),
        (Some(credits), _) => {
            format!("{} of {} credits stand", Asset::CREDITS.format(*posted), Asset::CREDITS.format(*credits))
        }
    };
    ["accepted".to_owned(), format!("{by}, {money}: {stands}")]
}

/// `grant#1  10 of 10 POSX, to alice`
fn delivered(order: &Order, share: &Share) -> [String; 2] {
    let asset = share.account.asset();
    let [stands, due] = [order.standing(share.line), order.due(share)].map(|amount| asset.format(amount));
    [share.line.to_string(), format!("{stands} of {due}, on {}", share.account)]
}

fn transferred(transfer: &Transfer) -> String {
    let id = transfer.id.as_deref().map(|id| format!(" as {id}")).unwrap_or_default();
    format!("{}{id}, since {}", transfer.status.as_str(), transfer.at)
}

fn top_up_result(top_up_call: &TopUpCall) -> Vec<[String; 2]> {
    let state = format!("{}, claimed at {}", top_up_call.state.as_str(), top_up_call.at);
    let more = [("seq", &top_up_call.seq), ("receipt", &top_up_call.receipt)];
    let more = more.into_iter().filter_map(|(name, text)| Some([name.to_owned(), text.clone()?]));
    std::iter::once(["top-up".to_owned(), state]).chain(more).collect()
}

fn claimed(payment: &str, claims: &PaymentReversals, price: Money) -> Vec<String> {
    let money = |amount| Money { amount, ..price };
    let refunds =
        claims.refunds.by_id.iter().map(|(id, refund)| {
            format!("refund {id} of {payment}: {}, {}", money(refund.amount), refund.state.as_str())
        });
    let sum =
        claims.refunds.reported.iter().map(|reported| {
            format!("refunds of {payment}: {} in all, as of {}", money(reported.amount), reported.as_of)
        });
    let disputes = claims.disputes.0.iter().map(|(id, dispute)| {
        let amount = dispute.amount.map_or_else(|| "all of it".to_owned(), |amount| money(amount).to_string());
        format!("dispute {id} of {payment}: {amount}, {}, as of {}", dispute.stage.as_str(), dispute.as_of)
    });
    refunds.chain(sum).chain(disputes).collect()
}

pub(super) fn granted(grant: &Grant) -> String {
    match grant {
        Grant::Credits(amount) => format!("{} credits", Asset::CREDITS.format(*amount)),
        Grant::CreditsEachPeriod(amount) => format!("{} credits each period", Asset::CREDITS.format(*amount)),
        Grant::Expiring { amount, terms, each_period } => {
            let each = if *each_period { " each period" } else { "" };
            format!("{} credits{each}, for {} days", Asset::CREDITS.format(*amount), terms.days)
        }
        Grant::Token { code, scale, amount, on_chain: _ } => format!("{} {code}", amount.decimal(*scale)),
        Grant::Report(name) => format!("report {name}"),
        Grant::TopUp(top_up) => {
            let phone = top_up.phone.as_deref().unwrap_or("an erased phone");
            format!("{} {} {} for {phone}", top_up.operator.as_str(), top_up.kind.as_str(), top_up.code)
        }
    }
}
