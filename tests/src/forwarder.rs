//! The forwarder in the documentation is the code that `cli/tests/stack/forwarder.rs` runs.

use std::fs;

use crate::house::root;

#[test]
fn documentation_shows_the_forwarder_that_is_tested() {
    let program = fs::read_to_string(root().join("examples/forwarder/forwarder.py")).expect("a file");
    let lines = program.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 45, "a page of code, and not {lines} lines");
    for file in ["docs/providers/wechat.md", "docs/providers/wechat.zh.md"] {
        let doc = fs::read_to_string(root().join(file)).expect("a file");
        assert!(doc.contains(&format!("```python\n{program}```\n")), "{file} shows another one");
    }
}
