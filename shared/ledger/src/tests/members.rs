//! The audit of members: what the rows of keys say, against the lists of both owners.

use crate::{CallerKey, DifferenceKind, MemberKey, Members, Owner, Row, Timestamp, WholeAudit};

fn owner(name: &str) -> Owner {
    Owner::new(name).expect("an owner")
}

fn key(name: &str) -> CallerKey {
    CallerKey::remote(name).expect("a key")
}

/// Each owner's list: what the owner's keys draw on others, and whose keys draw on the owner.
type Lists<'l> = &'l [(&'l str, &'l [&'l str], &'l [&'l str])];

fn audited(drawing: &[(&str, &str, &str)], lists: Lists<'_>) -> WholeAudit {
    let mut whole = WholeAudit::default();
    for (name, of, team) in drawing {
        whole.add(Row::Member(key(name), MemberKey { owner: owner(of), team: owner(team) }));
    }
    let keys = |names: &[&str]| names.iter().map(|name| key(name)).collect();
    for (of, own, others) in lists {
        whole.add(Row::Members(owner(of), Members { drawing: keys(own), drawn_by: keys(others) }));
    }
    whole
}

fn found(whole: WholeAudit) -> Vec<String> {
    let differences = whole.differences(Timestamp::from_unix(0).expect("a time")).into_iter();
    let of_members = differences.filter(|found| found.difference_kind == DifferenceKind::Members);
    let line = |found: crate::Difference| {
        let key = found.line.clone().unwrap_or_default();
        format!("{} {key}: {}", found.account, found.remedy())
    };
    of_members.map(line).collect()
}

#[test]
fn lists_of_both_owners_agree_with_the_keys() {
    let member = [("k1", "alice", "team")];
    let both: Lists<'_> = &[("alice", &["k1"], &[]), ("team", &[], &["k1"])];
    let lacks = |of: &str| format!("members#{of} key#remote#k1: member remove TEAM OWNER gateway-k1, then member add");
    let extra = |of: &str| format!("members#{of} key#remote#k1: member add TEAM OWNER gateway-k1, then member remove");
    assert_eq!(found(audited(&member, both)), [""; 0]);
    assert_eq!(found(audited(&member, &[])), [lacks("alice"), lacks("team")]);
    assert_eq!(found(audited(&member, &both[..1])), [lacks("team")]);
    assert_eq!(found(audited(&member, &both[1..])), [lacks("alice")]);
    assert_eq!(found(audited(&[], both)), [extra("alice"), extra("team")]);
    let circle: Lists<'_> = &[("alice", &["k1"], &["k2"]), ("team", &["k2"], &["k1"])];
    let drawing = [("k1", "alice", "team"), ("k2", "team", "alice")];
    assert_eq!(found(audited(&drawing, circle)).len(), 2, "both draw and are drawn on");
}
