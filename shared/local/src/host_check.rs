//! Checks `Host` and `Origin` against cross-site requests and DNS rebinding.
//!
//! A web page in a local browser can send requests to this port, and a domain that resolves to 127.0.0.1 lets it read the replies. The
//! first shows in `Origin`, the second in `Host`.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// The addresses of the stack.
pub(crate) struct Addresses {
    pub(crate) port: u16,
    /// A second address, for containers.
    pub(crate) also: Option<IpAddr>,
}

impl Addresses {
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let is_ours = |authority: &str| self.are_ours(authority);
        let is_own_page = |origin: &http::HeaderValue| {
            origin.to_str().ok().and_then(|text| text.strip_prefix("http://")).is_some_and(is_ours)
        };
        host.to_str().is_ok_and(is_ours) && headers.get_all(ORIGIN).iter().all(is_own_page)
    }

    /// A local name with our port. A client omits port 80.
    fn are_ours(&self, authority: &str) -> bool {
        let named = |name: &str| authority == format!("{name}:{}", self.port) || (self.port == 80 && authority == name);
        LOCAL_NAMES.into_iter().any(named)
            || self.also.is_some_and(|also| authority == SocketAddr::new(also, self.port).to_string())
    }
}

const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Whether a host, with or without a port, is a name of this machine.
pub fn is_local(host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
    LOCAL_NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_names_are_local() {
        let rows = [
            ("127.0.0.1:9000", true),
            ("localhost:9000", true),
            ("localhost", true),
            ("[::1]:9000", true),
            ("evil.example:9000", false),
            ("127.0.0.1.evil.example", false),
            ("localhost:evil", false),
            ("", false),
        ];
        for (host, local) in rows {
            assert_eq!(is_local(host), local, "{host}");
        }
    }

    #[test]
    fn foreign_host_or_origin_is_refused() {
        let rows: [(&[&str], &[&str], u16, bool); 24] = [
            (&["127.0.0.1:9000"], &[], 9000, true),
            (&["localhost:9000"], &[], 9000, true),
            (&["[::1]:9000"], &[], 9000, true),
            (&["172.17.0.1:9000"], &[], 9000, true),
            (&["localhost"], &[], 80, true),
            (&["172.17.0.2:9000"], &[], 9000, false),
            (&["172.17.0.1:9001"], &[], 9000, false),
            (&["localhost:9001"], &[], 9000, false),
            (&["localhost"], &[], 9000, false),
            (&["books.evil.example:9000"], &[], 9000, false),
            (&["localhost.evil.example:9000"], &[], 9000, false),
            (&["evil@localhost:9000"], &[], 9000, false),
            (&[""], &[], 9000, false),
            (&[], &[], 9000, false),
            (&["localhost:9000", "evil.example"], &[], 9000, false),
            (&["localhost:9000"], &["http://localhost:9000"], 9000, true),
            (&["localhost:9000"], &["http://127.0.0.1:9000"], 9000, true),
            (&["localhost:9000"], &["http://localhost:3000"], 9000, false),
            (&["localhost:9000"], &["https://localhost:9000"], 9000, false),
            (&["localhost:9000"], &["http://evil.example"], 9000, false),
            (&["localhost:9000"], &["http://localhost:9000.evil.example"], 9000, false),
            (&["localhost:9000"], &["null"], 9000, false),
            (&["localhost:9000"], &[""], 9000, false),
            (&["localhost:9000"], &["http://localhost:9000", "http://evil.example"], 9000, false),
        ];
        for (hosts, origins, port, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, values) in [(HOST, hosts), (ORIGIN, origins)] {
                for value in values {
                    headers.append(name.clone(), value.parse().expect("a value"));
                }
            }
            let addresses = Addresses { port, also: Some([172, 17, 0, 1].into()) };
            assert_eq!(addresses.allows(&headers), expected, "{hosts:?} {origins:?}");
        }
    }
}
