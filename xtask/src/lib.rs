//! Generator of checked-in files: `cargo xtask watch` writes `infra/watch.yaml` and the alarms table in the
//! documentation from [`alarms`]; `cargo xtask proof` writes `PROOF.md` from the results in `proof/`; `cargo xtask openapi`
//! writes the description of the HTTP APIs. A test fails if one of them is stale.
//!
//! ```
//! let alarms = xtask::alarms::all();
//! assert!(alarms.iter().any(|alarm| alarm.name == "not-fulfilled"));
//! ```

pub mod alarm;
pub mod alarms;
pub mod bugs;
mod openapi;
mod operations;
mod proof;
mod template;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A generated file of the repository.
#[derive(Debug)]
pub struct Generated {
    /// Relative to the root of the repository.
    pub path: &'static str,
    pub text: String,
}

impl Generated {
    fn path(&self) -> PathBuf {
        root().join(self.path)
    }

    pub fn is_stale(&self) -> bool {
        fs::read_to_string(self.path()).ok().as_ref() != Some(&self.text)
    }

    pub fn write(&self) -> io::Result<()> {
        fs::write(self.path(), &self.text)
    }
}

/// The files of `cargo xtask watch`.
pub fn watch() -> io::Result<Vec<Generated>> {
    let template = Generated { path: "infra/watch.yaml", text: template::watch_yaml(&alarms::groups()) };
    let documents = operations::Language::ALL.map(|language| {
        let text = operations::with_table(&fs::read_to_string(root().join(language.path()))?, language)?;
        Ok(Generated { path: language.path(), text })
    });
    [Ok(template)].into_iter().chain(documents).collect()
}

/// The files of `cargo xtask openapi`.
pub fn openapi() -> io::Result<Vec<Generated>> {
    openapi::files()
}

/// The file of `cargo xtask proof`.
pub fn proof() -> io::Result<Generated> {
    Ok(Generated { path: "PROOF.md", text: proof::page(&proof::results(&root().join("proof"))?) })
}

fn root() -> &'static Path {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap_or(crate_folder)
}
