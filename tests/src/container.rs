//! What `sam local invoke` runs has a template of its own, which must not fall behind.

use embedded::APP_YAML;

const SAM_YAML: &str = include_str!("../../infra/sam-local.yaml");

#[test]
fn a_container_has_every_variable_that_all_functions_have() {
    let here = of_all(SAM_YAML);
    let deployed = of_all(APP_YAML);
    assert!(deployed.len() >= 7, "{deployed:?}");
    // A parameter of app.yaml is none here: its variable has a value of its own.
    let is_here = |line: &str| match line.split_once(": !Ref ") {
        Some((name, parameter)) if parameter != "Stage" => here.iter().any(|line| line.split(':').next() == Some(name)),
        _ => here.contains(&line),
    };
    let missing: Vec<_> = deployed.iter().filter(|line| !is_here(line)).collect();
    assert!(missing.is_empty(), "infra/sam-local.yaml has not {missing:?}");
}

/// The lines under `Variables` of `Globals`.
fn of_all(template: &str) -> Vec<&str> {
    let (_, globals) = template.split_once("\nGlobals:\n").expect("globals");
    let (_, variables) = globals.split_once("      Variables:\n").expect("variables");
    let lines = variables.lines().take_while(|line| line.starts_with("        "));
    lines.filter(|line| !line.trim_start().starts_with('#')).collect()
}
