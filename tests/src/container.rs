//! `sam local invoke` has a template of its own, which must have the same variables.

use embedded::APP_YAML;

const SAM_YAML: &str = include_str!("../../infra/sam-local.yaml");

#[test]
fn sam_template_has_every_common_variable() {
    let local = common_variables(SAM_YAML);
    let deployed = common_variables(APP_YAML);
    assert!(deployed.len() >= 7, "{deployed:?}");
    // `app.yaml`'s parameters are missing in it: such a variable has a fixed value.
    let is_local = |line: &str| match line.split_once(": !Ref ") {
        Some((name, parameter)) if parameter != "Stage" => {
            local.iter().any(|line| line.split(':').next() == Some(name))
        }
        _ => local.contains(&line),
    };
    let missing: Vec<_> = deployed.iter().filter(|line| !is_local(line)).collect();
    assert!(missing.is_empty(), "infra/sam-local.yaml lacks {missing:?}");
}

/// The lines under `Variables` of `Globals`.
fn common_variables(template: &str) -> Vec<&str> {
    let (_, globals) = template.split_once("\nGlobals:\n").expect("globals");
    let (_, variables) = globals.split_once("      Variables:\n").expect("variables");
    let lines = variables.lines().take_while(|line| line.starts_with("        "));
    lines.filter(|line| !line.trim_start().starts_with('#')).collect()
}
