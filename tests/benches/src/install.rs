//! Builds the binaries, and installs the packages that the usual way needs, below the target folder.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// The names of what `cargo run` says about this crate begin so.
const OF_CARGO_RUN: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) root: PathBuf,
    pub(crate) binaries: PathBuf,
    /// A virtual environment.
    pub(crate) python: PathBuf,
    /// The packages in it that a deployment needs.
    pub(crate) packages: PathBuf,
    /// The scripts beside their `node_modules`, where Node looks for them.
    pub(crate) node: PathBuf,
}

impl Installed {
    pub(crate) fn new(root: &Path, target: &Path) -> Result<Self, Error> {
        let built = Self::binaries_only(root, target)?;
        let usual = root.join("tests/benches/usual");
        let folder = target.join("bench");
        let (python, packages, node) = (folder.join("python"), folder.join("packages"), folder.join("node"));

        let wanted = usual.join("python/requirements.txt");
        if is_new(&wanted, &folder.join("requirements.txt"))? {
            run("python3", [OsStr::new("-m"), OsStr::new("venv"), OsStr::new("--clear"), python.as_os_str()], root)?;
            let pip = python.join("bin/pip");
            let fixed = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "-r"];
            let arguments = fixed.map(OsStr::new).into_iter().chain([wanted.as_os_str()]);
            run(&pip, arguments.clone(), root)?;
            let only =
                [OsStr::new("--no-compile"), OsStr::new("--upgrade"), OsStr::new("--target"), packages.as_os_str()];
            run(&pip, arguments.chain(only), root)?;
            fs::copy(&wanted, folder.join("requirements.txt"))?;
        }
        fs::create_dir_all(&node)?;
        for script in ["usage.mjs", "payment.mjs", "runtime.mjs", "package.json"] {
            fs::copy(usual.join("node").join(script), node.join(script))?;
        }
        let wanted = usual.join("node/package-lock.json");
        if is_new(&wanted, &node.join("package-lock.json"))? {
            fs::copy(&wanted, node.join("package-lock.json"))?;
            let installed = run("npm", ["ci", "--silent", "--no-audit", "--no-fund"], &node);
            if installed.is_err() {
                fs::remove_file(node.join("package-lock.json"))?;
            }
            installed?;
        }
        Ok(Self { python, packages, node, ..built })
    }

    /// Without what the usual way needs.
    pub(crate) fn binaries_only(root: &Path, target: &Path) -> Result<Self, Error> {
        build(root, &["-p", "usage", "-p", "stripe", "-p", "floor"])?;
        let binaries = target.join("release");
        let [python, packages, node] = [(); 3].map(|()| PathBuf::new());
        Ok(Self { root: root.to_owned(), binaries, python, packages, node })
    }

    /// The bytes of a file, or of all files in a folder.
    pub(crate) fn bytes(path: &Path) -> Result<u64, Error> {
        let is = fs::symlink_metadata(path)?;
        if !is.is_dir() {
            return Ok(is.len());
        }
        let entries: Vec<_> = fs::read_dir(path)?.collect::<Result<_, _>>()?;
        entries.into_iter().map(|entry| Self::bytes(&entry.path())).sum()
    }
}

/// Builds release binaries of these packages.
pub(crate) fn build(root: &Path, packages: &[&str]) -> Result<(), Error> {
    run("cargo", ["build", "--release", "--locked"].iter().chain(packages), root)
}

fn is_new(wanted: &Path, installed: &Path) -> Result<bool, Error> {
    Ok(fs::read(installed).ok() != Some(fs::read(wanted)?))
}

fn run<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
    folder: &Path,
) -> Result<(), Error> {
    let program = program.as_ref();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    // `cargo run` sets them, and a build script that watches them would make cargo build everything above it again.
    for (name, _) in std::env::vars_os() {
        if OF_CARGO_RUN.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(Error::failed(format!("{}: {status}", program.display()))) }
}
