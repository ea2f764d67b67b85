//! Rows as another function may have written them: what does not prove itself is booked in no case, and closed with an alarm.

use super::*;

const CLOSED: [&str; 1] = ["replay_unverified"];

/// What is written in the place of a genuine delivery.
#[derive(Debug, Clone, Copy)]
enum Planted {
    Genuine,
    Unsigned,
    /// Another event under the signature of this one.
    OtherBody,
    /// Under the name of another event.
    OtherName,
    InFuture,
    TooOld,
    /// Signed when it came, and said to have come an hour later.
    OtherClock,
}

impl Planted {
    const ALL: [Self; 7] = [
        Self::Genuine,
        Self::Unsigned,
        Self::OtherBody,
        Self::OtherName,
        Self::InFuture,
        Self::TooOld,
        Self::OtherClock,
    ];

    fn is_booked(self, form: Form) -> bool {
        match self {
            Self::Genuine => true,
            Self::OtherClock => !form.has_clock(),
            Self::Unsigned | Self::OtherBody | Self::OtherName | Self::InFuture | Self::TooOld => false,
        }
    }

    async fn write(self, world: &World, id: &str) -> String {
        let genuine = kept(world, id).await;
        let mut planted = genuine.clone();
        match self {
            Self::Genuine => {}
            Self::Unsigned => {
                planted.headers.clear();
                planted.query = unsigned(&planted.query);
                planted.bytes = unsigned_xml(planted.bytes);
            }
            Self::OtherBody => {
                planted.query = planted.query.replace("money=", "money=1");
                let text = String::from_utf8(planted.bytes).expect("text");
                planted.bytes = text.replacen(|c: char| c.is_ascii_digit(), "9", 3).into();
            }
            Self::OtherName => {
                let mut journal = item(world, "journal", id);
                let other = format!("{id}.other");
                journal["id"] = json!({ "S": other });
                put(world, "journal", &journal);
                write(world, &other, &planted);
                for table in ["journal", "bodies"] {
                    let gone =
                        json!({ "TableName": format!("hookledger-local-{table}"), "Key": { "id": { "S": id } } });
                    world.engine.request("DeleteItem", &gone).expect("deleted");
                }
                return other;
            }
            Self::InFuture => planted.bytes_at = now().plus_seconds(3 * HOUR),
            Self::TooOld => planted.bytes_at = now().plus_seconds(-101 * DAY),
            Self::OtherClock => planted.bytes_at = planted.bytes_at.plus_seconds(HOUR),
        }
        let is_changed = planted != genuine;
        assert_eq!(is_changed, !matches!(self, Self::Genuine), "{id} {self:?}");
        write(world, id, &planted);
        id.to_owned()
    }
}

/// A form without its signature.
fn unsigned(query: &str) -> String {
    query.split('&').filter(|pair| !pair.starts_with("sign=")).collect::<Vec<_>>().join("&")
}

/// APIv2 has its signature in the body.
fn unsigned_xml(body: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(body).expect("text");
    let Some((before, rest)) = text.split_once("<sign>") else { return text.into() };
    let (_, after) = rest.split_once("</sign>").expect("its end");
    format!("{before}{after}").into()
}

#[tokio::test(start_paused = true)]
async fn only_genuine_delivery_of_its_own_row_is_booked() {
    for form in Form::ALL {
        for planted in Planted::ALL {
            let world = World::new();
            let id = form.deliver(&world, 0).await;
            let id = planted.write(&world, &id).await;
            form.make_order(&world).await;
            let before = world.books();
            let (tried, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
            let name = format!("{form:?} {planted:?} {tried:?} {alarms:?} {}", row(&world, &id));
            let books = world.books();
            if planted.is_booked(form) {
                assert_eq!((tried.cured, row(&world, &id).as_str(), alarms), (1, "processed", Vec::new()), "{name}");
            } else {
                assert_eq!((tried.given_up, alarms.as_slice()), (1, &CLOSED.map(str::to_owned)[..]), "{name}");
                assert!(!row(&world, &id).ends_with('!') && row(&world, &id) != "processed", "{name}");
                let [was, is] = [&before, &books].map(|books| (&books.accounts, &books.orders));
                assert_eq!(was, is, "{name}: nothing is booked");
            }
            let (again, alarms) = run(&world, keys(), Providers::paid(), 3 * DAY).await;
            assert_eq!((again, alarms), (ReplayReport::default(), Vec::new()), "{name}: it is done with");
        }
    }
}

/// A signature that was fresh when it came is as good at the ninetieth day as at the first.
#[tokio::test(start_paused = true)]
async fn old_delivery_is_verified_by_the_clock_of_its_bytes() {
    for form in Form::ALL {
        let world = World::new();
        let id = form.deliver(&world, 0).await;
        form.make_order(&world).await;
        let (tried, alarms) = run(&world, keys(), Providers::paid(), 89 * DAY).await;
        assert!(tried.cured == 1 && !alarms.contains(&CLOSED[0].to_owned()), "{form:?} {tried:?} {alarms:?}");
        assert_eq!(row(&world, &id), "processed", "{form:?}");
    }
}

/// The second attempt is signed anew, and its bytes take the place of the first with their clock.
#[tokio::test(start_paused = true)]
async fn delivery_that_came_twice_is_verified_by_the_clock_of_the_second() {
    for form in Form::ALL {
        let world = World::new();
        form.deliver(&world, 0).await;
        let id = form.deliver(&world, HOUR).await;
        assert_eq!(kept(&world, &id).await.bytes_at, now().plus_seconds(HOUR));
        form.make_order(&world).await;
        let (tried, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
        assert_eq!((tried.cured, alarms), (1, Vec::new()), "{form:?}");
        assert_eq!(row(&world, &id), "processed", "{form:?}");
    }
}

/// Headers of a later release, or of whoever writes rows, are not read.
#[tokio::test(start_paused = true)]
async fn header_that_is_not_known_is_left_out() {
    for form in Form::ALL {
        let world = World::new();
        let id = form.deliver(&world, 0).await;
        let mut later = kept(&world, &id).await;
        later.headers.push(("x-of-a-later-release".to_owned(), "1".to_owned()));
        write(&world, &id, &later);
        form.make_order(&world).await;
        let (tried, _) = run(&world, keys(), Providers::paid(), HOUR).await;
        assert_eq!((tried.cured, row(&world, &id).as_str()), (1, "processed"), "{form:?}");
    }
}

/// A setting holds for what was kept before it was made: what it forbids is no proof any more.
#[tokio::test(start_paused = true)]
async fn body_only_delivery_is_closed_where_it_is_forbidden() {
    for form in Form::ALL {
        let is_body_only = matches!(form, Form::Usage | Form::CloudRun);
        for forbids_body_only_hmac in [false, true] {
            let world = World::new();
            let id = form.deliver(&world, 0).await;
            form.make_order(&world).await;
            let before = world.books();
            let keys = ReplayKeys { forbids_body_only_hmac, ..keys() };
            let (tried, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
            let name = format!("{form:?} {forbids_body_only_hmac} {tried:?}");
            if is_body_only && forbids_body_only_hmac {
                assert_eq!((tried.given_up, alarms.as_slice()), (1, &CLOSED.map(str::to_owned)[..]), "{name}");
                let [was, is] = [&before, &world.books()].map(|books| (books.accounts.clone(), books.orders.clone()));
                assert_eq!(was, is, "{name}: nothing is booked");
            } else {
                assert_eq!((tried.cured, row(&world, &id).as_str()), (1, "processed"), "{name}");
            }
        }
    }
}

/// The copy of published keys is for the function that answers Fireblocks. A replay fetches them, whatever a role has put in their place.
#[tokio::test(start_paused = true)]
async fn planted_copy_of_published_keys_verifies_nothing() {
    let form = Form::FireblocksV2;
    let world = World::new();
    let id = form.deliver(&world, 0).await;
    form.make_order(&world).await;
    // What signed it, as published by the row alone.
    let copy = json!({
        "id": { "S": "jwks#fireblocks" },
        "body": { "S": fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)]) },
        "updated_at": { "S": now().plus_seconds(HOUR).to_string() },
    });
    put(&world, "accounts", &copy);
    let before = world.books();
    let keys = ReplayKeys { fireblocks: Some(published("another-kid", testkit::MERCHANT_PAIR)), ..keys() };
    let (tried, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
    let name = format!("{form:?} {tried:?} {alarms:?}");
    assert_eq!(tried.cured, 0, "{name}");
    assert_ne!(row(&world, &id), "processed", "{name}");
    assert_eq!(world.books().orders, before.orders, "{name}");
    let (tried, _) = run(&world, self::keys(), Providers::paid(), DAY).await;
    assert_eq!((tried.cured, row(&world, &id).as_str()), (1, "processed"), "{name}: once its key is published");
}
