//! The rules of sign-in as rows: names, links, codes, sessions and locks.

use ledger::Timestamp;

use super::*;

const HOUR: i64 = 3_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").expect("a time").plus_seconds(seconds)
}

fn amy() -> Operator {
    let name = OperatorName::new("amy").expect("a name");
    Operator::new(name, Role::Operator, Link::new(TokenHash::of("link"), at(0)), at(0))
}

fn credentials(last_step: u64) -> Credentials {
    Credentials { password: "hash".to_owned(), totp: vec![1; 20], last_step, since: at(0) }
}

#[test]
fn name_is_plain_and_in_lower_case() {
    let longest = "a".repeat(32);
    for good in ["a", "amy", "amy.b-c_9", "0", &longest] {
        assert!(OperatorName::new(good).is_ok(), "{good}");
    }
    let too_long = "a".repeat(33);
    for bad in ["", "Amy", ".amy", "-amy", "a b", "a#b", "é", "a\n", &too_long] {
        assert_eq!(OperatorName::new(bad), Err(OperatorNameError), "{bad}");
    }
}

#[test]
fn link_works_once_and_for_a_day() {
    let (amy, token) = (amy(), TokenHash::of("link"));
    let rows = [("link", 24 * HOUR - 1, true), ("link", 24 * HOUR, false), ("another", 0, false)];
    for (text, seconds, expected) in rows {
        let enrolled = amy.enrolled(&TokenHash::of(text), credentials(1), at(seconds));
        assert_eq!(enrolled.is_some(), expected, "{text} {seconds}");
    }
    let enrolled = amy.enrolled(&token, credentials(1), at(1)).expect("her link");
    assert_eq!((enrolled.version, enrolled.sign_ins), (2, 1));
    assert!(!enrolled.may_enrol(&token, at(1)));
    // A new link, for a lost phone: the old code works until it is used.
    let again = enrolled.with_link(Role::Reader, Link::new(TokenHash::of("second"), at(2)));
    assert!(again.may_enrol(&TokenHash::of("second"), at(3)) && !again.may_enrol(&token, at(3)));
    assert!(again.signed_in(2).is_some() && again.role == Role::Reader);
    let revoked = again.revoked(at(3));
    assert!(!revoked.may_enrol(&TokenHash::of("second"), at(3)) && revoked.signed_in(3).is_none());
}

#[test]
fn code_is_used_up_with_all_before_it() {
    assert_eq!(amy().signed_in(9), None, "without credentials");
    let enrolled = amy().enrolled(&TokenHash::of("link"), credentials(7), at(0)).expect("her link");
    for (step, expected) in [(6, false), (7, false), (8, true), (10, true)] {
        assert_eq!(enrolled.signed_in(step).is_some(), expected, "{step}");
    }
    let signed_in = enrolled.signed_in(8).expect("a code");
    assert_eq!((signed_in.signed_in(8), signed_in.version, signed_in.sign_ins), (None, 3, 2));
}

#[test]
fn session_ends_when_idle_signed_out_or_after_a_day_of_work() {
    let name = OperatorName::new("amy").expect("a name");
    let session = Session::new(TokenHash::of("s"), name, "203.0.113.7".to_owned(), at(0));
    let half = HOUR / 2;
    assert!(session.is_open(at(half - 1)) && !session.is_open(at(half)));
    assert_eq!(session.noted(at(59)), None, "most clicks cost no write");
    let mut seen = session.clone();
    for quarter in 1..48 {
        seen = seen.noted(at(quarter * half / 2)).expect("due");
        assert!(seen.is_open(at(quarter * half / 2)), "{quarter}");
    }
    assert!(!seen.is_open(at(12 * HOUR)), "however busy it is");
    assert!(!session.ended(at(1)).is_open(at(1)));
}

#[test]
fn operator_admits_no_session_from_before_its_credentials() {
    let enrolled = amy().enrolled(&TokenHash::of("link"), credentials(1), at(0)).expect("her link");
    let session = |name: &str, began: i64| {
        Session::new(TokenHash::of("s"), OperatorName::new(name).expect("a name"), String::new(), at(began))
    };
    assert!(enrolled.admits(&session("amy", 5), at(6)));
    assert!(!enrolled.admits(&session("bob", 5), at(6)) && !enrolled.admits(&session("amy", 5), at(HOUR)));
    assert!(!enrolled.revoked(at(6)).admits(&session("amy", 5), at(6)));
    assert!(!amy().admits(&session("amy", 5), at(6)));
    let again = enrolled.with_link(Role::Operator, Link::new(TokenHash::of("second"), at(10)));
    let chosen = Credentials { since: at(20), ..credentials(1) };
    let again = again.enrolled(&TokenHash::of("second"), chosen, at(20)).expect("the second link");
    assert!(!again.admits(&session("amy", 5), at(21)) && again.admits(&session("amy", 20), at(21)));
}

#[test]
fn each_failure_beyond_the_fifth_locks_for_twice_as_long() {
    let mut attempts = Attempts::default();
    let mut locks = Vec::new();
    for _ in 0..11 {
        attempts = attempts.one_more(at(0));
        let until = attempts.locked_until();
        locks.push(until.map(|until| until.seconds_apart(at(0))));
    }
    let some = [60, 120, 240, 480, 900, 900, 900].map(Some);
    assert_eq!(locks, [vec![None; 4], some.to_vec()].concat());
    assert!(attempts.is_locked(at(899)) && !attempts.is_locked(at(900)));
    // A series goes on for a day.
    assert_eq!(attempts.one_more(at(24 * HOUR - 1)).count, 12);
    assert_eq!(attempts.one_more(at(24 * HOUR)).count, 1);
}

#[test]
fn attempts_are_counted_by_the_typed_name_and_the_network() {
    let address = |text: &str| Counted::address(text.parse().ok()).word();
    assert_eq!(address("203.0.113.7"), "address#203.0.113.7");
    assert_eq!(address("2001:db8:1:2:3:4:5:6"), "address#2001:db8:1:2::/64");
    assert_eq!(address("2001:db8:1:2::9"), "address#2001:db8:1:2::/64");
    assert_eq!(address("none"), "address#unknown");
    assert!(!Counted::name("hunter2").word().contains("hunter2"));
}
