//! The lines of the contract about operators of the console.

use ledger::CallContext;
use operators::{
    Attempts, Counted, Credentials, Link, Operator, OperatorName, Operators, Role, Session, SignIn, TokenHash,
};

use super::lots::later;

/// `operator NAME` shows one; `operator-add`, `operator-link`, `operator-enrol` and `operator-revoke` change it, `sign-in NAME
/// STEP` uses a code up and begins the session `NAME.STEP`, `session NAME STEP` has its state, `seen` and `sign-out` write
/// it, `sign-ins NAME` lists the records, and `attempt NAME` counts one, twice at once. `attempts NAME` has their number.
pub(super) async fn result_of<L: Operators>(ledger: &L, words: &[&str], number: u64, seconds: &str) -> Option<String> {
    let context = later(&crate::context(number), seconds);
    let now = context.received_at;
    let name = |name: &str| OperatorName::new(name).unwrap();
    let link = |token: &str| Link::new(TokenHash::of(token), now);
    Some(match *words {
        ["operator", of] => ledger.operator(&name(of), &context).await.unwrap().map_or("none".to_owned(), shown),
        ["operator-add", of, role] => {
            let operator = Operator::new(name(of), Role::named(role).unwrap(), link(of), now);
            ledger.write_operator(&operator, &context).await.unwrap().to_string()
        }
        ["operator-link", of, token] => {
            let operator = known(ledger, of, &context).await;
            ledger.write_operator(&operator.with_link(operator.role, link(token)), &context).await.unwrap().to_string()
        }
        ["operator-enrol", of, token] => {
            let credentials = Credentials { password: "hash".to_owned(), totp: vec![7; 20], last_step: 1, since: now };
            let operator = known(ledger, of, &context).await;
            let Some(enrolled) = operator.enrolled(&TokenHash::of(token), credentials, now) else {
                return Some("refused".to_owned());
            };
            // Of two at once, one is written.
            let first = ledger.write_operator(&enrolled, &context).await.unwrap();
            let second = ledger.write_operator(&enrolled, &context).await.unwrap();
            format!("{first}, then {second}")
        }
        ["operator-revoke", of] => {
            let operator = known(ledger, of, &context).await;
            ledger.write_operator(&operator.revoked(now), &context).await.unwrap().to_string()
        }
        ["sign-in", of, step] => {
            let operator = known(ledger, of, &context).await;
            let Some(signed_in) = operator.signed_in(step.parse().unwrap()) else {
                return Some("refused".to_owned());
            };
            let first = ledger.write_operator(&signed_in, &context).await.unwrap();
            let second = ledger.write_operator(&signed_in, &context).await.unwrap();
            let session = Session::new(hash(of, step), name(of), "203.0.113.7".to_owned(), now);
            let address = session.address.clone();
            let sign_in = SignIn { operator: name(of), number: signed_in.sign_ins, at: now, address };
            ledger.begin_session(&session, &sign_in, &context).await.unwrap();
            format!("{first}, then {second}")
        }
        ["session", of, step] => match ledger.session(&hash(of, step), &name(of), &context).await.unwrap() {
            Some((session, operator)) if operator.admits(&session, now) => "open".to_owned(),
            Some(_) => "over".to_owned(),
            None => "none".to_owned(),
        },
        ["seen" | "sign-out", of, step] => {
            let found = ledger.session(&hash(of, step), &name(of), &context).await.unwrap();
            let session = found.map(|(session, _)| session).unwrap();
            let changed = if words.first() == Some(&"seen") { session.noted(now) } else { Some(session.ended(now)) };
            let Some(changed) = changed else { return Some("not yet".to_owned()) };
            ledger.note_session(&changed, &context).await.unwrap();
            "written".to_owned()
        }
        ["sign-ins", of] => {
            let sign_ins = ledger.sign_ins(&known(ledger, of, &context).await, &context).await.unwrap();
            let numbers: Vec<String> = sign_ins.iter().map(|one| format!("{} {}", one.number, one.address)).collect();
            numbers.join(", ")
        }
        ["attempt", of] => {
            let [read, _] = ledger.attempts(&counted(of), &context).await.unwrap();
            if read.is_locked(now) {
                return Some("locked".to_owned());
            }
            let [by_name, _] = counted(of);
            let first = ledger.write_attempts(&by_name, read, read.one_more(now), &context).await.unwrap();
            let second = ledger.write_attempts(&by_name, read, read.one_more(now), &context).await.unwrap();
            format!("{first}, then {second}")
        }
        ["attempts", of] => {
            let [by_name, by_address] = ledger.attempts(&counted(of), &context).await.unwrap();
            assert_eq!(by_address, Attempts::default());
            by_name.count.to_string()
        }
        ["forget-attempts", of] => {
            let [read, _] = ledger.attempts(&counted(of), &context).await.unwrap();
            let [by_name, _] = counted(of);
            ledger.write_attempts(&by_name, read, Attempts::default(), &context).await.unwrap().to_string()
        }
        _ => return None,
    })
}

fn hash(of: &str, step: &str) -> TokenHash {
    TokenHash::of(&format!("{of}.{step}"))
}

fn counted(of: &str) -> [Counted; 2] {
    [Counted::name(of), Counted::address("203.0.113.7".parse().ok())]
}

async fn known<L: Operators>(ledger: &L, of: &str, context: &CallContext<'_>) -> Operator {
    ledger.operator(&OperatorName::new(of).unwrap(), context).await.unwrap().unwrap()
}

fn shown(operator: Operator) -> String {
    let Operator { name: _, role, credentials, link, sign_ins, since: _, revoked_at, version } = operator;
    let step = credentials.map_or("none".to_owned(), |known| format!("step {}", known.last_step));
    let link = if link.is_some() { ", link" } else { "" };
    let revoked = if revoked_at.is_some() { ", revoked" } else { "" };
    format!("{} v{version}, {step}, {sign_ins} sign-ins{link}{revoked}", role.as_str())
}
