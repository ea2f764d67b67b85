//! Parses what several calls read: the owner in the path, and the asset.

use api::{Failure, percent_decoded};
use catalog::Catalog;
use edge::RouteMatch;
use ledger::{Asset, Owner};

/// The answer to an account that is not there, or not the caller's.
pub(crate) fn account_not_found() -> Failure {
    Failure::new(404, "account_not_found", "No such account.")
}

/// No owner has another name, so such an account is not there.
pub(crate) fn owner<E>(found: &RouteMatch<E>) -> Result<Owner, Failure> {
    let name = found.parameter("owner").and_then(percent_decoded);
    name.and_then(|name| Owner::new(&name).ok()).ok_or_else(account_not_found)
}

/// Credits, unless another asset is named.
pub(crate) fn asset(code: Option<&str>, catalog: &Catalog) -> Result<Asset, Failure> {
    let Some(code) = code else { return Ok(Asset::CREDITS) };
    let asset = Asset::named(code).or_else(|| catalog.token(code));
    asset.ok_or_else(|| {
        let message = "No such asset: name credits, a token of the catalog, report-<name> or commission-<currency>.";
        Failure::new(400, "unknown_asset", message)
    })
}
