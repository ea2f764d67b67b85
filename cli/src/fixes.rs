//! Each command that `explain` prints is one that this program reads.

use clap::Parser as _;
use insight::{Commands, Fix};
use ledger::{Amount, CallerKey, EventKey, OrderNumber, Owner, Pausable, Reason, Source, Window};

use crate::Cli;

fn fixes() -> Vec<Fix> {
    let order = || OrderNumber::new("HL1").expect("a number");
    let owner = || Owner::new("alice").expect("an owner");
    let key = || CallerKey::remote("k1").expect("a key");
    let event = || EventKey::of_row("usage#evt_1");
    let clear = Reason::ALL.map(|reason| Fix::Clear { order: order(), reason, payment: None });
    let accept = |is_confirmed| Fix::Accept { order: order(), payment: "stripe#pi_1".to_owned(), is_confirmed };
    let mut all = vec![
        accept(true),
        accept(false),
        Fix::Clear { order: order(), reason: Reason::DuplicatePayment, payment: Some("epay#1001.1".to_owned()) },
        Fix::ResolveDone(order()),
        Fix::ResolveFailed(order()),
        Fix::ResolveAgain(order()),
        Fix::RepairPayment(order()),
        Fix::RestoreOrder(order()),
        Fix::Credit { owner: owner(), amount: None },
        Fix::Credit { owner: owner(), amount: Some(Amount::from_units(1_500_000_000)) },
        Fix::Bind(key()),
        Fix::Price("gpt-4o".to_owned()),
        Fix::MakeKey(owner()),
        Fix::MakeCode("spring".to_owned()),
        Fix::Settle("call-1".to_owned()),
        Fix::Replay(event()),
        Fix::ShowBody(event()),
        Fix::Query(order()),
        Fix::Ask("HL1".to_owned()),
        Fix::Explain("usage#evt_1".to_owned()),
        Fix::Audit,
        Fix::RepairOrder(order(), "--to-lines"),
        Fix::RepairOrder(order(), "--pointer"),
        Fix::ShowDisputed(order()),
        Fix::ShowSubscribed(order()),
        Fix::Stuck,
        Fix::ListRefused(Source::Stripe),
        Fix::BindAnother(owner()),
    ];
    let of_account = |option, line: Option<&str>| {
        let account = "alice/credits".to_owned();
        Fix::RepairAccount { account, option, line: line.map(str::to_owned) }
    };
    all.extend(["--to-lines", "--holds", "--lots"].map(|option| of_account(option, None)));
    let of_line = ["--add-line", "--reverse-line", "--restore-line"];
    all.extend(of_line.map(|option| of_account(option, Some("payment#stripe#pi_1"))));
    all.extend(Window::ALL.map(|window| Fix::Budget { owner: owner(), key: key(), window }));
    all.extend(Pausable::all().map(Fix::Resume));
    all.extend(clear);
    all
}

/// Fails to compile for a command without a row above.
const fn has_row(fix: &Fix) -> bool {
    match fix {
        Fix::Accept { .. }
        | Fix::Clear { .. }
        | Fix::ResolveDone(_)
        | Fix::ResolveFailed(_)
        | Fix::ResolveAgain(_)
        | Fix::RepairPayment(_)
        | Fix::RestoreOrder(_)
        | Fix::Credit { .. }
        | Fix::Bind(_)
        | Fix::Budget { .. }
        | Fix::Price(_)
        | Fix::MakeKey(_)
        | Fix::MakeCode(_)
        | Fix::Settle(_)
        | Fix::Replay(_)
        | Fix::ShowBody(_)
        | Fix::Query(_)
        | Fix::Ask(_)
        | Fix::Explain(_)
        | Fix::RepairOrder(..)
        | Fix::RepairAccount { .. }
        | Fix::ShowDisputed(_)
        | Fix::ShowSubscribed(_)
        | Fix::Stuck
        | Fix::ListRefused(_)
        | Fix::BindAnother(_)
        | Fix::Resume(_)
        | Fix::Audit => true,
    }
}

#[test]
fn printed_commands_are_read_by_the_program() {
    for fix in fixes() {
        assert!(has_row(&fix));
        for books in ["", " --aws --stage prod", " --data elsewhere"] {
            let command = Commands { program: "hookledger", books }.written(&fix);
            let read = Cli::try_parse_from(command.split(' '));
            assert!(read.is_ok(), "{command}: {read:?}");
        }
    }
    for wrong in ["hookledger order clear", "hookledger replay", "hookledger event", "hookledger event show e1 --body"]
    {
        assert!(Cli::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
    }
    for sample in
        ["hookledger event usage/basic", "hookledger event stripe --order HL1 --aws", "hookledger event show e1"]
    {
        assert!(Cli::try_parse_from(sample.split(' ')).is_ok(), "{sample}");
    }
}
