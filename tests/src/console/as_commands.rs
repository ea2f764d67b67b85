//! The console does nothing that a command cannot: each form of an operator has its command, and leaves the books as the
//! change of that command does.

use std::collections::BTreeSet;

use console::{Access, PAGES};
use ledger::{
    Asset, CallerKey, Clearing, Codes as _, CommitError, Decision, KeyError, KeyId, Keys as _, Ledger as _, MoneyKey,
    OrderNumber, Owner, Reason, Statements as _, StoredKey, Verdict, Word, Writer,
};
use manual::{By, Change, OrderChange, ReversalStep, What, reversal_of};
use operators::Role;
use testkit::{Books, World, now};

use super::changing::{CHANGES, form_of, send, world_for};
use super::{Browser, console_over, signed_in};
use crate::sandbox::amount;

/// The command of each form, as docs/cli.md writes it.
const COMMANDS: [(&str, &str); 11] = [
    ("/console/event/body", "`event show ID [--body"),
    ("/console/replay", "`replay "),
    ("/console/pause", "`pause "),
    ("/console/accept", "`order accept "),
    ("/console/clear", "`order clear "),
    ("/console/resolve", "`order resolve "),
    ("/console/grant", "`account credit\\|debit"),
    ("/console/debit", "`account credit\\|debit"),
    ("/console/reverse", "`reverse "),
    ("/console/revoke-key", "`account revoke "),
    ("/console/revoke-codes", "`code revoke "),
];

#[test]
fn each_form_of_an_operator_has_its_command() {
    let forms = PAGES.iter().filter(|route| route.endpoint.access() == Access::Operator && route.endpoint.is_form());
    let forms: BTreeSet<&str> = forms.map(|route| route.path).collect();
    assert_eq!(forms, COMMANDS.iter().map(|(path, _)| *path).collect());
    let documented = std::fs::read_to_string("../docs/cli.md").expect("the page of commands");
    for (path, command) in COMMANDS {
        assert!(documented.contains(command), "{path}: {command}");
    }
}

/// What the command of this action commits.
async fn by_command(world: &World, path: &str) -> Decision {
    let ledger = world.ledger(9);
    let context = testkit::context(9);
    let by = By { writer: Writer::Manual, id: "c1", author: "amy", reason: "a test" };
    let order = async |number: &str| {
        let number = OrderNumber::new(number).expect("a number");
        ledger.order(&number, &context).await.expect("read").expect("an order")
    };
    let alice = Owner::new("alice").expect("an owner");
    let account = alice.account(Asset::CREDITS);
    let decision: Result<Decision, KeyError> = match path {
        "/console/accept" => {
            let order = order("hk_sample_order").await;
            OrderChange::accept(&order, "stripe#pi_3Sample0000000000000001", false, None, now()).0.decision(&by)
        }
        "/console/clear" => {
            let clearing = Clearing { reason: Some(Reason::AmountMismatch), payment: None };
            OrderChange::clear(&order("hk_sample_order").await, clearing).decision(&by)
        }
        "/console/resolve" => {
            OrderChange::resolve(&order("HL1").await, Verdict::Done, Some("op-77"), now()).decision(&by)
        }
        "/console/grant" => Change { by, what: What::Credit { account, amount: amount("5"), expiry: None } }.decision(),
        "/console/debit" => Change { by, what: What::Debit { account, amount: amount("5") } }.decision(),
        "/console/reverse" => {
            let usage = MoneyKey::of_row("usage#e1");
            let (charge, reversal) = ledger.line_with_reversal(&usage, &context).await.expect("read");
            let step = reversal_of(charge.expect("a charge"), reversal, Some(amount("2"))).expect("it can be reversed");
            let ReversalStep::Book(reversal) = step else { panic!("{step:?}") };
            Change { by, what: What::ReverseUsage(reversal) }.decision()
        }
        "/console/revoke-key" => {
            let id = KeyId::Owner(CallerKey::remote("k1").expect("a key"));
            let key = ledger.key_as_stored(&id, &context).await.expect("read").expect("a key");
            let StoredKey::Owner(of) = key else { panic!("{key:?}") };
            Change { by, what: What::RevokeKey { owner: of.owner, key: of.key, draws: of.draws } }.decision()
        }
        "/console/revoke-codes" => {
            let campaign = Word::new("spring").expect("a word");
            let codes = ledger.codes(campaign, &context).await.expect("read").into_iter().map(|code| code.hash);
            Change { by, what: What::RevokeCodes { campaign, name: None, codes: codes.collect() } }.decision()
        }
        other => panic!("{other} has no command here: add it"),
    };
    decision.expect("an id")
}

/// The books without the id under which a person has changed them.
fn nameless(mut books: Books) -> Books {
    let own = |key: &str| ["console#", "manual#c1"].iter().any(|head| key.starts_with(head));
    books.journal =
        books.journal.into_iter().map(|(key, row)| (if own(&key) { "by hand".to_owned() } else { key }, row)).collect();
    books
}

#[tokio::test(start_paused = true)]
async fn each_action_leaves_the_books_as_its_command_does() {
    for change in &CHANGES {
        let (in_console, by_hand) = (world_for(change.path).await, world_for(change.path).await);
        let cookie = signed_in(&in_console, "amy", Role::Operator).await;
        let console = console_over(in_console.ledger(7));
        let mut browser = Browser::new(&console, &cookie);
        let form = form_of(&mut browser, change).await;
        let done = send(&mut browser, change.path, &form).await;
        assert_eq!(done.status, 303, "{}: {}", change.path, done.body);
        let decision = by_command(&by_hand, change.path).await;
        let booked: Result<_, CommitError> = by_hand.ledger(9).commit(&decision, &testkit::context(9)).await;
        booked.unwrap_or_else(|error| panic!("{}: {error}", change.path));
        assert_eq!(nameless(in_console.books()), nameless(by_hand.books()), "{}", change.path);
    }
}
