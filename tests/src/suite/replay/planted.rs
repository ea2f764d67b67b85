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

    fn is_booked(self, form: &KeptForm) -> bool {
        match self {
            Self::Genuine => true,
            Self::OtherClock => !form.has_clock,
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

pub(crate) async fn only_genuine_is_booked<W: Suite>() {
    for form in W::kept_forms() {
        for planted in Planted::ALL {
            let world = World::new();
            let id = deliver::<W>(&world, &form, 0).await;
            let id = planted.write(&world, &id).await;
            W::prepare(&world, form.state).await;
            let before = world.books();
            let (report, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
            let name = format!("{form} {planted:?} {report:?} {alarms:?} {}", row(&world, &id));
            let books = world.books();
            if planted.is_booked(&form) {
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
pub(crate) async fn old_is_verified_by_its_clock<W: Suite>() {
    for form in W::kept_forms() {
        let world = World::new();
        let id = deliver::<W>(&world, &form, 0).await;
        W::prepare(&world, form.state).await;
        let (report, alarms) = run(&world, keys(), Providers::paid(), 89 * DAY).await;
        assert!(report.resolved == 1 && !alarms.contains(&CLOSED[0].to_owned()), "{form} {report:?} {alarms:?}");
        assert_eq!(row(&world, &id), "processed", "{form}");
    }
}

/// The second attempt has another signature; its bytes replace the first ones, with their clock.
pub(crate) async fn second_clock_counts<W: Suite>() {
    for form in W::kept_forms() {
        let world = World::new();
        deliver::<W>(&world, &form, 0).await;
        let id = deliver::<W>(&world, &form, HOUR).await;
        assert_eq!(read_kept(&world, &id).await.bytes_at, now().plus_seconds(HOUR));
        W::prepare(&world, form.state).await;
        let (report, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
        assert_eq!((report.resolved, alarms), (1, Vec::new()), "{form}");
        assert_eq!(row(&world, &id), "processed", "{form}");
    }
}

/// Stored headers that the release does not read, planted or of a later release, are ignored.
pub(crate) async fn unknown_header_is_ignored<W: Suite>() {
    for form in W::kept_forms() {
        let world = World::new();
        let id = deliver::<W>(&world, &form, 0).await;
        let mut later = read_kept(&world, &id).await;
        later.headers.push(("x-of-a-later-release".to_owned(), "1".to_owned()));
        write_kept(&world, &id, &later);
        W::prepare(&world, form.state).await;
        let (report, _) = run(&world, keys(), Providers::paid(), HOUR).await;
        assert_eq!((report.resolved, row(&world, &id).as_str()), (1, "processed"), "{form}");
    }
}

/// A setting also applies to requests that were kept before: the proof that it forbids does not count, until it is allowed
/// again.
pub(crate) async fn body_only_waits<W: Suite>() {
    for form in W::kept_forms() {
        for forbids_body_only_hmac in [false, true] {
            let world = World::new();
            let id = deliver::<W>(&world, &form, 0).await;
            W::prepare(&world, form.state).await;
            let before = world.books();
            let with_setting = |forbids_body_only_hmac| ReplayKeys { forbids_body_only_hmac, ..keys() };
            let keys = with_setting(forbids_body_only_hmac);
            let (report, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
            let name = format!("{form} {forbids_body_only_hmac} {report:?}");
            if form.is_body_only && forbids_body_only_hmac {
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
