//! Planted rows: a kept request that its own signature does not verify is never booked, and is closed with an alarm.

use super::*;

const CLOSED: [&str; 1] = ["replay_unverified"];

/// The row that replaces a genuine delivery.
#[derive(Debug, Clone, Copy)]
enum Planted {
    Genuine,
    Unsigned,
    /// Another event under this event's signature.
    OtherBody,
    /// The event under another event's id.
    OtherName,
    InFuture,
    TooOld,
    /// Signed at its delivery, with a stored time of an hour later.
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
        let genuine = read_kept(world, id).await;
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
                write_kept(world, &other, &planted);
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
        write_kept(world, id, &planted);
        id.to_owned()
    }
}

/// An epay form without its signature.
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
            let (report, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
            let name = format!("{form:?} {planted:?} {report:?} {alarms:?} {}", row(&world, &id));
            let books = world.books();
            if planted.is_booked(form) {
                assert_eq!(
                    (report.resolved, row(&world, &id).as_str(), alarms),
                    (1, "processed", Vec::new()),
                    "{name}"
                );
            } else {
                assert_eq!((report.given_up, alarms.as_slice()), (1, &CLOSED.map(str::to_owned)[..]), "{name}");
                assert!(!row(&world, &id).ends_with('!') && row(&world, &id) != "processed", "{name}");
                let [was, is] = [&before, &books].map(|books| (&books.accounts, &books.orders));
                assert_eq!(was, is, "{name}: nothing is booked");
            }
            let (again, alarms) = run(&world, keys(), Providers::paid(), 3 * DAY).await;
            assert_eq!((again, alarms), (ReplayReport::default(), Vec::new()), "{name}: it is done with");
        }
    }
}

/// A signature that was fresh at the delivery is valid on the ninetieth day, too.
#[tokio::test(start_paused = true)]
async fn old_delivery_is_verified_by_the_clock_of_its_bytes() {
    for form in Form::ALL {
        let world = World::new();
        let id = form.deliver(&world, 0).await;
        form.make_order(&world).await;
        let (report, alarms) = run(&world, keys(), Providers::paid(), 89 * DAY).await;
        assert!(report.resolved == 1 && !alarms.contains(&CLOSED[0].to_owned()), "{form:?} {report:?} {alarms:?}");
        assert_eq!(row(&world, &id), "processed", "{form:?}");
    }
}

/// The second attempt has another signature; its bytes replace the first ones, with their clock.
#[tokio::test(start_paused = true)]
async fn repeated_delivery_is_verified_by_the_clock_of_the_second() {
    for form in Form::ALL {
        let world = World::new();
        form.deliver(&world, 0).await;
        let id = form.deliver(&world, HOUR).await;
        assert_eq!(read_kept(&world, &id).await.bytes_at, now().plus_seconds(HOUR));
        form.make_order(&world).await;
        let (report, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
        assert_eq!((report.resolved, alarms), (1, Vec::new()), "{form:?}");
        assert_eq!(row(&world, &id), "processed", "{form:?}");
    }
}

/// Stored headers that the release does not read, planted or of a later release, are ignored.
#[tokio::test(start_paused = true)]
async fn unknown_stored_header_is_ignored() {
    for form in Form::ALL {
        let world = World::new();
        let id = form.deliver(&world, 0).await;
        let mut later = read_kept(&world, &id).await;
        later.headers.push(("x-of-a-later-release".to_owned(), "1".to_owned()));
        write_kept(&world, &id, &later);
        form.make_order(&world).await;
        let (report, _) = run(&world, keys(), Providers::paid(), HOUR).await;
        assert_eq!((report.resolved, row(&world, &id).as_str()), (1, "processed"), "{form:?}");
    }
}

/// A setting also applies to requests that were kept before: the proof that it forbids does not count, until it is allowed
/// again.
#[tokio::test(start_paused = true)]
async fn body_only_delivery_waits_while_it_is_forbidden() {
    for form in Form::ALL {
        let is_body_only = matches!(form, Form::Usage | Form::CloudRun);
        for forbids_body_only_hmac in [false, true] {
            let world = World::new();
            let id = form.deliver(&world, 0).await;
            form.make_order(&world).await;
            let before = world.books();
            let with_setting = |forbids_body_only_hmac| ReplayKeys { forbids_body_only_hmac, ..keys() };
            let keys = with_setting(forbids_body_only_hmac);
            let (report, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
            let name = format!("{form:?} {forbids_body_only_hmac} {report:?}");
            if is_body_only && forbids_body_only_hmac {
                assert_eq!((report.failed, report.given_up, alarms), (1, 0, vec![]), "{name}");
                let [was, is] = [&before, &world.books()].map(|books| (books.accounts.clone(), books.orders.clone()));
                assert_eq!(was, is, "{name}: nothing is booked");
                let (report, _) = run(&world, with_setting(false), Providers::paid(), 24 * HOUR).await;
                assert_eq!((report.resolved, row(&world, &id).as_str()), (1, "processed"), "{name}");
            } else {
                assert_eq!((report.resolved, row(&world, &id).as_str()), (1, "processed"), "{name}");
            }
        }
    }
}

/// The JWKS cache is for the function that answers Fireblocks. A replay fetches the keys, whatever a role has written
/// there.
#[tokio::test(start_paused = true)]
async fn planted_jwks_cache_verifies_nothing() {
    let form = Form::FireblocksV2;
    let world = World::new();
    let id = form.deliver(&world, 0).await;
    form.make_order(&world).await;
    // The keys that signed, published by the cache row alone.
    let copy = json!({
        "id": { "S": "jwks#fireblocks" },
        "body": { "S": fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)]) },
        "updated_at": { "S": now().plus_seconds(HOUR).to_string() },
    });
    put(&world, "accounts", &copy);
    let before = world.books();
    let keys = ReplayKeys { fireblocks: Some(published("another-kid", testkit::MERCHANT_PAIR)), ..keys() };
    let (report, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
    let name = format!("{form:?} {report:?} {alarms:?}");
    assert_eq!(report.resolved, 0, "{name}");
    assert_ne!(row(&world, &id), "processed", "{name}");
    assert_eq!(world.books().orders, before.orders, "{name}");
    let (report, _) = run(&world, self::keys(), Providers::paid(), DAY).await;
    assert_eq!((report.resolved, row(&world, &id).as_str()), (1, "processed"), "{name}: once its key is published");
}
