//! Routing of requests to endpoints, by method and path.

use thiserror::Error;

/// A path segment such as `{number}` matches any one non-empty segment, which is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<E: 'static> {
    pub method: &'static str,
    pub path: &'static str,
    pub endpoint: E,
}

/// The matched endpoint and its path parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMatch<E> {
    pub endpoint: E,
    parameters: Vec<(&'static str, String)>,
}

impl<E> RouteMatch<E> {
    /// The segment at `{name}`, not decoded.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoRoute {
    #[error("no such path")]
    NotFound,
    /// `allowed`: the methods of this path, for the `allow` header: `GET, POST`.
    #[error("no such method at this path, only {allowed}")]
    MethodNotAllowed { allowed: String },
}

/// Selects a route as API Gateway does: path and method must match; of several routes, the one with the fewest
/// parameters; of equals, the first.
pub fn find<E: Copy>(routes: &[Route<E>], method: &str, path: &str) -> Result<RouteMatch<E>, NoRoute> {
    let at_path = || routes.iter().filter_map(|route| Some((route, parameters(route.path, path)?)));
    let of_method = at_path().filter(|(route, _)| route.method == method);
    match of_method.min_by_key(|(_, parameters)| parameters.len()) {
        Some((route, parameters)) => Ok(RouteMatch { endpoint: route.endpoint, parameters }),
        None => Err(no_route(at_path().map(|(route, _)| route.method))),
    }
}

fn no_route(methods: impl Iterator<Item = &'static str>) -> NoRoute {
    let mut allowed: Vec<&str> = methods.collect();
    allowed.sort_unstable();
    allowed.dedup();
    if allowed.is_empty() { NoRoute::NotFound } else { NoRoute::MethodNotAllowed { allowed: allowed.join(", ") } }
}

/// The path's parameters, if the route matches it.
fn parameters(route: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let (mut wanted, mut given) = (route.split('/'), path.split('/'));
    let mut parameters = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(segment), Some(text)) => match name(segment) {
                Some(name) if !text.is_empty() => parameters.push((name, text.to_owned())),
                None if segment == text => {}
                Some(_) | None => return None,
            },
            (Some(_), None) | (None, Some(_)) => return None,
        }
    }
}

fn name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: [Route<&str>; 11] = [
        Route { method: "GET", path: "/", endpoint: "root" },
        Route { method: "POST", path: "/orders", endpoint: "open" },
        Route { method: "GET", path: "/orders", endpoint: "list" },
        Route { method: "GET", path: "/orders/", endpoint: "slash" },
        Route { method: "GET", path: "/orders/{number}", endpoint: "show" },
        Route { method: "DELETE", path: "/orders/{number}", endpoint: "cancel" },
        Route { method: "GET", path: "/orders/latest", endpoint: "latest" },
        Route { method: "POST", path: "/orders/{number}/lines/{line}", endpoint: "line" },
        Route { method: "POST", path: "/orders/{number}/lines/first", endpoint: "first" },
        Route { method: "GET", path: "/{kind}/of/{number}", endpoint: "kind" },
        Route { method: "GET", path: "/{kind}/of", endpoint: "of" },
    ];

    #[test]
    fn path_gives_route_with_fewest_parameters() {
        let rows = [
            ("GET", "/", "root", ""),
            ("POST", "/orders", "open", ""),
            ("GET", "/orders", "list", ""),
            ("GET", "/orders/", "slash", ""),
            ("GET", "/orders/42", "show", "number=42"),
            ("GET", "/orders/a%2Fb+c", "show", "number=a%2Fb+c"),
            ("GET", "/orders/{number}", "show", "number={number}"),
            ("GET", "/orders/latest", "latest", ""),
            ("GET", "/orders/Latest", "show", "number=Latest"),
            ("DELETE", "/orders/42", "cancel", "number=42"),
            ("DELETE", "/orders/latest", "cancel", "number=latest"),
            ("POST", "/orders/42/lines/7", "line", "number=42 line=7"),
            ("POST", "/orders/42/lines/first", "first", "number=42"),
            ("GET", "/orders/of/42", "kind", "number=42 kind=orders"),
            ("GET", "/lines/of", "of", "kind=lines"),
            ("GET", "/orders/of", "show", "number=of"),
            ("GET", "/lines/of/of", "kind", "number=of kind=lines"),
        ];
        for (method, path, endpoint, parameters) in rows {
            let matched = find(&ROUTES, method, path).expect(path);
            assert_eq!(matched.endpoint, endpoint, "{method} {path}");
            let parameter = |name| Some(format!("{name}={}", matched.parameter(name)?));
            let found: Vec<String> = ["number", "line", "kind"].into_iter().filter_map(parameter).collect();
            assert_eq!(found.join(" "), parameters, "{method} {path}");
        }
    }

    #[test]
    fn unknown_path_or_method_gives_no_route() {
        let rows = [
            ("GET", "", None),
            ("GET", "orders", None),
            ("GET", "//", None),
            ("GET", "/Orders", None),
            ("GET", "/orders/42/", None),
            ("GET", "/orders//lines/7", None),
            ("POST", "/orders/42/lines/", None),
            ("GET", "/orders/42/lines", None),
            ("PUT", "/", Some("GET")),
            ("PUT", "/orders", Some("GET, POST")),
            ("POST", "/orders/", Some("GET")),
            ("PUT", "/orders/42", Some("DELETE, GET")),
            ("POST", "/orders/latest", Some("DELETE, GET")),
            ("GET", "/orders/42/lines/first", Some("POST")),
            ("get", "/orders/of/42", Some("GET")),
        ];
        for (method, path, allowed) in rows {
            let found = find(&ROUTES, method, path).map(|found| found.endpoint);
            let expected = match allowed {
                None => Err(NoRoute::NotFound),
                Some(allowed) => Err(NoRoute::MethodNotAllowed { allowed: allowed.to_owned() }),
            };
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
