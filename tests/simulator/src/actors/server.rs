//! A shop's own server over the credits API: it grants and debits, gives charges back, redeems codes for its owners, and
//! rotates and revokes their keys. It sends a request again, under its idempotency key, until there is an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use edge::Reply;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ledger::{
    Asset, CallerKey, Code, CodeChange, CodeText, Effect, EventKey, Guard, House, KeyId, MoneyKey, Movement, OncePer,
    Owner, Posting, RequestId, Source, Word, Writer,
};
use serde_json::{Value, json};
use testkit::Sent;
use tokio::time::sleep;

use super::calls::{call, open_server};
use super::{Actor, credits, times, units};
use crate::mark::Mark;
use crate::truth::{Expected, Truth};
use crate::world::World;

const OWNERS: usize = 2;
const STEPS_MAX: usize = 10;
/// Steps share names, so that some repeat another request, and some are another one under its name.
const NAMES: u8 = 5;
const CODE_CREDITS: u64 = 2;
const CHARGE: u64 = 3;
const FUNDS: u64 = 10;
/// A function remembers a key for a minute, and two clocks may be off.
const SURE_BY: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy)]
enum Act {
    Grant {
        owner: usize,
        credits: u64,
        name: u8,
    },
    Debit {
        owner: usize,
        credits: u64,
        name: u8,
    },
    /// A part of the charge that each owner has, or all of it.
    Reverse {
        owner: usize,
        part: Option<u64>,
    },
    /// By an owner's own key, for itself or for the other one.
    Redeem {
        by: usize,
        of: usize,
    },
    Rotate {
        owner: usize,
        grace_s: u32,
    },
    Revoke {
        owner: usize,
    },
}

struct Server {
    number: usize,
    uses: u32,
    steps: Vec<(Duration, Act)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The keys of the postings that were tried.
    tried: BTreeMap<String, Expected>,
    /// The secret of each owner's live key. `None`: it is revoked, or its answer was lost.
    secrets: [Option<String>; OWNERS],
    broken: Vec<String>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let act = |rng: &mut Rng| {
        let owner = rng.usize(0..OWNERS);
        match rng.u8(0..10) {
            0..=2 => Act::Grant { owner, credits: rng.u64(1..=9), name: rng.u8(0..NAMES) },
            3 | 4 => Act::Debit { owner, credits: rng.u64(1..=9), name: rng.u8(0..NAMES) },
            5 => Act::Reverse { owner, part: rng.bool().then(|| rng.u64(1..=CHARGE)) },
            6 | 7 => Act::Redeem { by: owner, of: rng.usize(0..OWNERS) },
            8 => Act::Rotate { owner, grace_s: [0, 60, 600][rng.usize(0..3)] },
            _ => Act::Revoke { owner },
        }
    };
    let steps = times.into_iter().map(|at| (at, act(rng))).collect();
    Box::new(Server { number, uses: rng.u32(1..=2), steps, state: Mutex::default() })
}

impl Server {
    fn name(&self) -> String {
        format!("server-{}", self.number)
    }

    fn secret(&self) -> String {
        format!("hs_{}", self.name())
    }

    fn owner(&self, owner: usize) -> Owner {
        Owner::new(&format!("customer-{}-{owner}", self.number)).expect("an owner")
    }

    fn account(&self, owner: usize) -> String {
        self.owner(owner).account(Asset::CREDITS).to_string()
    }

    fn use_of(&self, owner: usize) -> String {
        format!("charge-{}-{owner}", self.number)
    }

    fn text(&self) -> CodeText {
        CodeText::from_random(u128::try_from(self.number).expect("few") * 7_919 + 1)
    }

    fn code(&self) -> Code {
        Code {
            hash: api::code_hash(&testkit::code_pepper(), &self.text()).expect("a hash"),
            campaign: Word::new("autumn").expect("a word"),
            credits: credits(CODE_CREDITS),
            terms: None,
            uses: self.uses,
            uses_left: self.uses,
            once_per: OncePer::Code,
            until: None,
            made_by: EventKey::of_row("manual#make"),
            revoked_at: None,
        }
    }

    /// A posting may be there from now on, and must be if it was acknowledged.
    fn may_post(&self, key: String, owner: usize, change: i128) {
        let account = self.account(owner);
        let mut state = self.state.lock().expect("one thread");
        let expected = state.tried.entry(key).or_insert(Expected { account, any_of: BTreeSet::new(), is_due: false });
        expected.any_of.insert(change);
    }

    fn must_post(&self, key: &str) {
        self.state.lock().expect("one thread").tried.entry(key.to_owned()).and_modify(|of| of.is_due = true);
    }

    fn broken(&self, text: String) {
        self.state.lock().expect("one thread").broken.push(text);
    }

    /// A grant or a debit. One name is that of several requests: only the first of them is booked.
    async fn change(&self, world: &World, (path, owner, count): (&str, usize, u64), name: u8, mark: Mark) {
        let sign: i128 = if path == "grants" { 1 } else { -1 };
        let name = format!("change-{}-{name}-{path}-{owner}-{count}", self.number);
        let key = format!("credits#{}", RequestId::from_key(&name).as_str());
        self.may_post(key.clone(), owner, sign * units(count));
        let path = format!("/v1/accounts/{}/{path}", self.owner(owner));
        let body = json!({ "amount": count.to_string(), "reason": "a test" }).to_string();
        let reply = call(world, &self.secret(), &name, Sent::post(&path, body.as_bytes()), mark).await;
        match reply.map(|reply| reply.status) {
            Some(201) => self.must_post(&key),
            // Its owner has too little.
            Some(402) if sign < 0 => {}
            None => {}
            Some(status) => self.broken(format!("{name} gets {status}")),
        }
    }

    async fn reverse(&self, world: &World, owner: usize, part: Option<u64>, mark: Mark) {
        let key = format!("reversed#usage#{}", self.use_of(owner));
        let count = part.unwrap_or(CHARGE);
        self.may_post(key.clone(), owner, units(count));
        let name = format!("reverse-{}-{owner}-{part:?}", self.number);
        let mut body = json!({ "use": self.use_of(owner), "reason": "a test" });
        if let Some(part) = part {
            body["amount"] = json!(part.to_string());
        }
        let body = body.to_string();
        let reply = call(world, &self.secret(), &name, Sent::post("/v1/reversals", body.as_bytes()), mark).await;
        match reply.map(|reply| reply.status) {
            Some(201) => self.must_post(&key),
            // Another part of it was given back before.
            Some(409) | None => {}
            Some(status) => self.broken(format!("{name} gets {status}")),
        }
    }

    async fn redeem(&self, world: &World, by: usize, of: usize, mark: Mark) {
        let Some(secret) = self.state.lock().expect("one thread").secrets[by].clone() else { return };
        let key = self.code().receipt(&self.owner(of)).to_string();
        if by == of {
            self.may_post(key.clone(), of, units(CODE_CREDITS));
        }
        let body = json!({ "code": self.text().as_str(), "owner": self.owner(of).as_str() }).to_string();
        let reply = call(world, &secret, "", Sent::post("/v1/redeem", body.as_bytes()), mark).await;
        match reply.map(|reply| reply.status) {
            Some(201) if by == of => self.must_post(&key),
            // It is used up, the owner is another one, or the key was revoked meanwhile.
            Some(404 | 401) | None => {}
            Some(status) => self.broken(format!("{} redeems for {}: {status}", self.owner(by), self.owner(of))),
        }
    }

    /// The key of an owner by its id, as its secret says.
    fn key_path(secret: &str) -> String {
        format!("/v1/keys/{}", KeyId::Owner(CallerKey::api(secret)))
    }

    async fn rotate(&self, world: &World, owner: usize, grace_s: u32, mark: Mark) {
        let Some(old) = self.state.lock().expect("one thread").secrets[owner].take() else { return };
        let path = format!("{}/rotate", Self::key_path(&old));
        let body = json!({ "graceSeconds": grace_s, "reason": "a test" }).to_string();
        let name = format!("rotate-{}-{}", self.number, mark.number());
        let reply = call(world, &self.secret(), &name, Sent::post(&path, body.as_bytes()), mark.child(100)).await;
        let Some(reply) = reply else { return };
        if reply.status != 201 {
            self.broken(format!("{name} gets {}: {}", reply.status, reply.body));
            return;
        }
        // The answer with the secret may be lost. A repeat has none, and the shop would rotate once more.
        let secret = body_of(&reply)["secret"].as_str().map(str::to_owned);
        self.state.lock().expect("one thread").secrets[owner].clone_from(&secret);
        sleep(Duration::from_secs(grace_s.into()) + SURE_BY).await;
        self.refused(world, owner, &old, mark.child(200)).await;
    }

    async fn revoke(&self, world: &World, owner: usize, mark: Mark) {
        let Some(old) = self.state.lock().expect("one thread").secrets[owner].take() else { return };
        let (path, name) = (Self::key_path(&old), format!("revoke-{}-{owner}", self.number));
        let sent = Sent { method: "DELETE", ..Sent::post(&path, br#"{"reason":"a test"}"#) };
        let Some(reply) = call(world, &self.secret(), &name, sent, mark.child(100)).await else { return };
        if reply.status != 200 {
            self.broken(format!("{name} gets {}: {}", reply.status, reply.body));
            return;
        }
        sleep(SURE_BY).await;
        self.refused(world, owner, &old, mark.child(200)).await;
    }

    /// By now no function accepts the key.
    async fn refused(&self, world: &World, owner: usize, secret: &str, mark: Mark) {
        let reply = call(world, secret, "", Sent::get("/v1/account", ""), mark).await;
        if let Some(status) = reply.map(|reply| reply.status).filter(|status| *status != 401) {
            self.broken(format!("an ended key of {} gets {status}", self.owner(owner)));
        }
    }
}

fn body_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).expect("JSON")
}

impl Actor for Server {
    fn kind(&self) -> &'static str {
        "server of a shop"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("{}: {:?}", self.name(), self.steps[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            open_server(world, &self.name(), "admin").await;
            for owner in 0..OWNERS {
                let secret = format!("first-key-of-{}", self.owner(owner));
                testkit::api_key(world.ledger(), self.owner(owner).as_str(), &secret).await;
                self.state.lock().expect("one thread").secrets[owner] = Some(secret);
                let account = self.owner(owner).account(Asset::CREDITS);
                let id = format!("funds-{}-{owner}", self.number);
                let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, &id).expect("an id"));
                let posting = Posting::to_customer(account.clone(), House::Manual, credits(FUNDS));
                let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
                world.by_hand(&id, vec![Effect::Move(movement)]).await;
                let key = MoneyKey::of_event(&EventKey::new(Source::Usage, &self.use_of(owner)).expect("an id"));
                self.may_post(key.to_string(), owner, -units(CHARGE));
                self.must_post(key.as_str());
                let posting = Posting::from_customer(account, House::Usage, credits(CHARGE));
                let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
                world.by_hand(&format!("charge-{}-{owner}", self.number), vec![Effect::Move(movement)]).await;
            }
            let make = Effect::Code(CodeChange::Make(Box::new(self.code())));
            world.by_hand(&format!("make-of-server-{}", self.number), vec![make]).await;
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Grant { owner, credits, name } => {
                    self.change(world, ("grants", owner, credits), name, mark).await;
                }
                Act::Debit { owner, credits, name } => {
                    self.change(world, ("debits", owner, credits), name, mark).await;
                }
                Act::Reverse { owner, part } => self.reverse(world, owner, part, mark).await,
                Act::Redeem { by, of } => self.redeem(world, by, of, mark).await,
                Act::Rotate { owner, grace_s } => self.rotate(world, owner, grace_s, mark).await,
                Act::Revoke { owner } => self.revoke(world, owner, mark).await,
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        async {}.boxed_local()
    }

    fn truth(&self) -> Truth {
        let state = self.state.lock().expect("one thread");
        let mut truth = Truth { postings: state.tried.clone(), broken: state.broken.clone(), ..Truth::default() };
        for owner in 0..OWNERS {
            truth.by_hand.insert(self.account(owner), units(FUNDS));
            truth.solvent.insert(self.account(owner));
        }
        truth
    }
}
