//! The settings that each role can read: the keys that an attacker gets with a function.

use super::*;

/// The settings of a secret in the template, whether empty, generated or both.
fn settings_of(properties: &Value) -> BTreeSet<String> {
    let generated = &properties["GenerateSecretString"];
    let text = properties["SecretString"].as_str().or_else(|| generated["SecretStringTemplate"].as_str());
    let fields: BTreeMap<String, String> = serde_json::from_str(text.expect("a text")).expect("an object of texts");
    let generated = generated["GenerateStringKey"].as_str().map(str::to_owned);
    fields.into_keys().chain(generated).collect()
}

/// Every setting in the secrets that the function's role may read.
fn readable(app: &Template, function: &str) -> BTreeSet<String> {
    let functions = app.functions();
    let found = functions.iter().find(|found| found.binary == function).expect("a function");
    let mut readable = BTreeSet::new();
    for statement in statements(app, &found.logical_id.replace("Function", "Role")) {
        if each(&statement["Action"]).iter().all(|action| **action != "secretsmanager:GetSecretValue") {
            continue;
        }
        for resource in each(&statement["Resource"]) {
            let arn = resource["Fn::GetAtt"].as_str().expect("a secret of this template");
            readable.extend(settings_of(&resources(app)[arn.trim_end_matches(".Id")]["Properties"]));
        }
    }
    readable
}

/// `checkout` signs payments for WeChat Pay and epay, and verifies no notification. Two keys are symmetric and serve
/// both purposes: an epay gateway's MD5 key and the forwarder's secret.
#[test]
fn role_reads_the_keys_of_its_own_work_alone() {
    let epay = ["EPAY_MD5_KEYS", "EPAY_RSA_PRIVATE_KEYS", "EPAY_RSA_PUBLIC_KEYS"];
    let signing = ["WECHAT_FORWARDER_SECRET", "WECHAT_PLATFORM_KEYS", "WECHAT_PRIVATE_KEY"];
    let verifying = ["WECHAT_API_V2_KEY", "WECHAT_API_V3_KEY", "WECHAT_FORWARDER_STANDARD_SECRET"];
    let operator = ["FIREBLOCKS_API_KEY", "FIREBLOCKS_API_SECRET", "UNITEL_PASSWORD", "UNITEL_USERNAME"];
    let rows: [(&str, Vec<&[&str]>); 13] = [
        ("usage", vec![&["WEBHOOK_SECRET"]]),
        ("litellm", vec![&["LITELLM_KEY"]]),
        ("openrouter", vec![&["OPENROUTER_KEY"]]),
        ("stripe", vec![&["STRIPE_WEBHOOK_SECRET"]]),
        ("wechat", vec![&verifying, &signing]),
        ("epay", vec![&epay]),
        ("fireblocks", vec![]),
        ("orders", vec![]),
        ("credits", vec![&["CODE_PEPPER"]]),
        ("chat", vec![&["OPENAI_API_KEY"]]),
        ("console", vec![&["CODE_PEPPER"]]),
        ("checkout", vec![&["STRIPE_SECRET_KEY"], &signing, &epay]),
        ("fulfil", vec![&operator]),
    ];
    let app = app();
    let mut all = BTreeSet::new();
    for (function, settings) in &rows {
        let expected: BTreeSet<String> = settings.iter().copied().flatten().map(|name| (*name).to_owned()).collect();
        assert_eq!(readable(&app, function), expected, "{function}");
        // A code is redeemed by its owner, and a model called for one: neither by a replay.
        all.extend(expected.into_iter().filter(|_| !["credits", "chat", "console"].contains(function)));
    }
    // The gateway's log is read by the sweep alone.
    all.insert("NEW_API_ADMIN_TOKEN".to_owned());
    assert_eq!(readable(&app, "reconcile"), all, "it verifies and queries for every source");
    assert_eq!(rows.len() + 1, app.functions().len());
}

/// With a copy in another secret, a rotation could miss one of the two.
#[test]
fn each_setting_is_in_one_secret() {
    let app = app();
    let secrets = of_type(&app, "AWS::SecretsManager::Secret");
    let each: Vec<String> = secrets.iter().flat_map(|(_, secret)| settings_of(secret)).collect();
    assert_eq!(each.len(), each.iter().collect::<BTreeSet<_>>().len(), "{each:?}");
}
