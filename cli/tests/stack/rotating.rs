//! `secrets rotate` and `secrets retire` of a deployed stage: which version is written, and what the rows say of it.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Folder, Stack, failure};
use crate::on_aws::Aws;

const SETTING: &str = "WEBHOOK_SECRET";

fn keys(aws: &Aws<'_>) -> Vec<String> {
    aws.secret("usage")[SETTING].as_str().unwrap().split(' ').map(str::to_owned).collect()
}

/// The kind of each row, with its secret, who and why.
fn rows(stack: &Stack<'_>, id: &str) -> Vec<(String, Value)> {
    let mut rows: Vec<(String, Value)> = stack
        .journal(&format!("manual#{id}"))
        .into_iter()
        .map(|row| {
            let fact = |name: &str| row["facts"]["M"][name]["S"].clone();
            let said = json!([fact("secret"), fact("setting"), fact("author"), fact("reason")]);
            (row["kind"]["S"].as_str().unwrap().to_owned(), said)
        })
        .collect();
    rows.sort_by(|(one, _), (other, _)| other.cmp(one));
    rows
}

#[test]
fn key_is_rotated_and_retired_with_a_row_for_each() {
    let folder = Folder::new();
    let stack = folder.start();
    let aws = Aws::new(&folder, &stack, &["usage", "retired"]);
    let old = keys(&aws);
    let by = ["--reason", "yearly", "--author", "ada", "--id"];
    let rotate = ["secrets", "rotate", "usage"];
    let said = |kind: &str| (kind.to_owned(), json!(["usage", SETTING, "ada", "yearly"]));

    let rotated = aws.run(&folder, &[&rotate, by.as_slice(), &["c1", "--json"]].concat());
    assert_eq!(rotated.code, Some(0), "{}", rotated.stderr);
    let document: Value = serde_json::from_str(&rotated.stdout).unwrap();
    let new = document["newKey"].as_str().unwrap().to_owned();
    assert_eq!((&document["status"], &document["keys"]), (&json!("done"), &json!(2)));
    assert_eq!(keys(&aws), [old[0].clone(), new.clone()], "both verify");
    assert_eq!(rows(&stack, "c1"), [said("rotate_key")]);
    let put = "secretsmanager put-secret-value --secret-id hookledger/local/usage --version-stages AWSCURRENT \
               --secret-string file:///dev/stdin";
    assert_eq!(aws.calls().len(), 1);
    assert!(aws.calls()[0].starts_with(put) && !aws.calls()[0].contains(&new), "no key is an argument");

    let again = aws.run(&folder, &[&rotate, by.as_slice(), &["c1"]].concat());
    assert!(again.code == Some(0) && again.stdout.starts_with("already done: manual#c1"), "{}", again.stdout);
    assert_eq!((aws.calls().len(), keys(&aws).len()), (1, 2), "nothing is written");

    let retired = aws.run(&folder, &[&["secrets", "retire", "usage"], by.as_slice(), &["c2"]].concat());
    assert_eq!(retired.code, Some(0), "{}", retired.stderr);
    assert_eq!((keys(&aws), rows(&stack, "c2")), (vec![new], vec![said("retire_key")]));
    let kept = aws.secret("retired");
    let dated = kept.as_object().unwrap().iter().find(|(name, _)| name.starts_with("WEBHOOK_SECRET@")).unwrap();
    assert_eq!(dated.1, &json!(old[0]), "it verifies refused events of before");
    assert!(aws.calls()[1].contains("local/retired") && aws.calls()[2].contains("local/usage"), "in this order");
    let one = aws.run(&folder, &[&["secrets", "retire", "usage"], by.as_slice(), &["c3"]].concat());
    assert!(failure(1, one).contains("rotate it first"));
    assert_eq!(rows(&stack, "c3"), [], "nothing was done");
}

/// The row that says who and why stands first; whatever happens to the secret then, the rows say what it is.
#[test]
fn secret_that_is_not_written_has_a_row_that_says_so() {
    let folder = Folder::new();
    let stack = folder.start();
    let aws = Aws::new(&folder, &stack, &["usage", "retired"]);
    let old = keys(&aws);
    let run = |what: &str, id: &str| {
        aws.run(&folder, &["secrets", what, "usage", "--reason", "r", "--author", "ada", "--id", id])
    };
    let kinds = |id: &str| rows(&stack, id).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();

    fs::write(aws.file("before-usage"), "").unwrap();
    let refused = failure(69, run("rotate", "c1"));
    assert!(refused.contains("AccessDenied") && refused.contains("usage is as it was: see manual#c1.1"), "{refused}");
    assert_eq!((keys(&aws), kinds("c1")), (old.clone(), vec!["rotate_key".to_owned(), "key_not_written".to_owned()]));
    // The same id stays what it was: another one rotates.
    assert!(run("rotate", "c1").stdout.contains("Another id rotates again"));
    fs::remove_file(aws.file("before-usage")).unwrap();
    assert_eq!((run("rotate", "c2").code, keys(&aws).len(), kinds("c2")), (Some(0), 2, vec!["rotate_key".to_owned()]));

    // The answer is lost, and the secret is written.
    fs::write(aws.file("after"), "").unwrap();
    let lost = run("rotate", "c3");
    assert_eq!(
        (lost.code, keys(&aws).len(), kinds("c3")),
        (Some(0), 3, vec!["rotate_key".to_owned()]),
        "{}",
        lost.stderr
    );
    fs::remove_file(aws.file("after")).unwrap();

    // A key that is retired by half verifies all the same, and the next try does the rest.
    fs::write(aws.file("before-usage"), "").unwrap();
    failure(69, run("retire", "c4"));
    assert_eq!((keys(&aws).len(), kinds("c4")), (3, vec!["retire_key".to_owned(), "key_not_written".to_owned()]));
    fs::remove_file(aws.file("before-usage")).unwrap();
    assert_eq!((run("retire", "c5").code, keys(&aws).len()), (Some(0), 2));
    let kept = aws.secret("retired");
    let dated: Vec<&Value> = kept
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.starts_with("WEBHOOK_SECRET@"))
        .map(|(_, key)| key)
        .collect();
    assert_eq!(dated, [&json!(old[0])], "once");

    // Without a row nothing is written: the store has no such table.
    let calls = aws.calls().len();
    let mut command = folder.command(&["secrets", "rotate", "usage", "--reason", "r", "--aws", "--stage", "local"]);
    command
        .env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
        .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.secrets_url());
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
    let ended = crate::harness::output_of(&mut command);
    assert_eq!((ended.code, aws.calls().len(), keys(&aws).len()), (Some(75), calls, 2), "{}", ended.stderr);
}
