//! What `sam local invoke` runs has a template of its own, which must not fall behind.

use embedded::APP_YAML;

const SAM_YAML: &str = include_str!("../../infra/local/sam.yaml");

#[test]
fn a_container_has_every_variable_that_all_functions_have() {
    let here = of_all(SAM_YAML);
    let deployed = of_all(APP_YAML);
    assert!(deployed.len() >= 7, "{deployed:?}");
    let missing: Vec<_> = deployed.iter().filter(|line| !here.contains(line)).collect();
    assert!(missing.is_empty(), "infra/local/sam.yaml has not {missing:?}");
}

/// The lines under `Variables` of `Globals`.
fn of_all(template: &str) -> Vec<&str> {
    let (_, globals) = template.split_once("\nGlobals:\n").expect("globals");
    let (_, variables) = globals.split_once("      Variables:\n").expect("variables");
    let lines = variables.lines().take_while(|line| line.starts_with("        "));
    lines.filter(|line| !line.trim_start().starts_with('#')).collect()
}
