//! Owners who become members of each other at the same moment: exactly one does.

use idempotency::DynamoLedger;
use tokio::task::JoinSet;

use super::*;

/// The two halves of a person's command: it reads and decides, and then commits.
struct Command {
    name: &'static str,
    of: &'static str,
    team: &'static str,
    change: Option<Result<MemberChange, MemberError>>,
}

impl Command {
    fn new((name, of, team): (&'static str, &'static str, &'static str)) -> Self {
        Self { name, of, team, change: None }
    }

    async fn step(&mut self, ledger: &DynamoLedger, attempt: u64) -> Option<bool> {
        let Some(change) = self.change.take() else {
            self.change = Some(decided(ledger, self.name, self.of, self.team, attempt).await);
            return None;
        };
        let Ok(change) = change else { return Some(false) };
        let decision = entry(&format!("{}-{}", self.name, self.team), Effect::Member(Box::new(change)));
        match ledger.commit(&decision, &later(attempt, 0)).await {
            Ok(_) => Some(true),
            Err(CommitError::Stale) => Some(false),
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn decided(
    ledger: &DynamoLedger,
    name: &str,
    of: &str,
    team: &str,
    attempt: u64,
) -> Result<MemberChange, MemberError> {
    let context = later(attempt, 0);
    let bound = ledger.stored_key(&key(name), &context).await.expect("a row").expect("bound");
    let own = ledger.members(&owner(of), &context).await.expect("a row");
    let of_team = ledger.members(&owner(team), &context).await.expect("a row");
    own.may_join(&of_team)?;
    MemberChange::join(&key(name), &bound, &owner(team), None, context.received_at)
}

/// Each order of the four halves of two commands, by which of both takes the next step.
#[tokio::test(start_paused = true)]
async fn of_two_owners_who_join_each_other_exactly_one_does_in_every_order() {
    let pairs = [
        // A circle of two, a chain, and the same with another key of one of them.
        [("k1", "alice", "team"), ("k9", "team", "alice")],
        [("k1", "alice", "team"), ("k9", "team", "bob")],
        [("k2", "bob", "alice"), ("k1", "alice", "team")],
    ];
    for pair in pairs {
        for order in 0..16_u32 {
            let turns: Vec<usize> = (0..4).map(|turn| usize::from(order >> turn & 1 == 1)).collect();
            if turns.iter().sum::<usize>() != 2 {
                continue;
            }
            let world = world().await;
            let mut commands = pair.map(Command::new);
            let mut done = Vec::new();
            for (attempt, turn) in (1..).zip(&turns) {
                done.extend(commands[*turn].step(&world.ledger(attempt), attempt).await);
            }
            let joined = done.iter().filter(|is_done| **is_done).count();
            assert_eq!((done.len(), joined), (2, 1), "{pair:?} {turns:?}");
            world.books().check();
        }
    }
}

/// Nine owners, each with a key for each of the others, all at once on real threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn owners_who_all_join_each_other_at_once_make_no_circle() {
    let world = World::new();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let pairs: Vec<(&str, &str)> = names
        .iter()
        .flat_map(|of| names.iter().map(move |team| (*of, *team)))
        .filter(|(of, team)| of != team)
        .collect();
    let binds = pairs.iter().map(|(of, team)| Effect::Bind { key: key(&format!("{of}{team}")), owner: owner(of) });
    for (number, bind) in binds.enumerate() {
        by_hand(&world, &format!("key-{number}"), vec![bind]).await;
    }
    let mut joining = JoinSet::new();
    for (attempt, (of, team)) in (1..).zip(pairs) {
        let ledger = world.ledger(attempt);
        joining.spawn(async move {
            let name = format!("{of}{team}");
            for _ in 0..50 {
                let Ok(change) = decided(&ledger, &name, of, team, attempt).await else { return false };
                match ledger.commit(&entry(&name, Effect::Member(Box::new(change))), &later(attempt, 0)).await {
                    Ok(_) => return true,
                    Err(CommitError::Stale) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            panic!("{name} is neither a member nor refused")
        });
    }
    let joined = joining.join_all().await.into_iter().filter(|is_done| *is_done).count();
    let books = world.books();
    books.check();
    assert!(joined > 0, "the first is not refused");
    assert_eq!(books.draws.len(), joined);
}
