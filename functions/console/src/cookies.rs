//! The cookies of a request.

use edge::Request;

/// The first cookie of this name.
pub(crate) fn cookie<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let header = request.header("cookie").ok().flatten()?;
    header.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}
