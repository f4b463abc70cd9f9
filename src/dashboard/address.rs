//! Where the dashboard listens: `127.0.0.1:8787`, `8787`, `[::1]:8787`, `nas.lan:8787`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The port where none is named.
const PORT: u16 = 8787;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or a number, without brackets.
    pub host: String,
    /// 0 for any that is free.
    pub port: u16,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no address to listen at: write HOST:PORT such as 127.0.0.1:8787, or a port; currencies come before it")]
pub struct AddressError(String);

impl Address {
    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Where a browser on this machine finds it.
    pub fn url(&self, port: u16) -> String {
        let host = match self.host.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => self.host.clone(),
        };
        format!("http://{host}:{port}/")
    }
}

/// Whether a host is this machine, whoever asks.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host of `host:port` as a client writes it, without brackets; `None` where it is none.
pub fn host_of(text: &str) -> Option<&str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let fits = !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok());
    fits.then_some(host)
}

impl Default for Address {
    fn default() -> Address {
        Address { host: "127.0.0.1".into(), port: PORT }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let wrong = || AddressError(text.escape_debug().to_string());
        if let Ok(port) = text.parse() {
            return Ok(Address { port, ..Address::default() });
        }
        let host = host_of(text).ok_or_else(wrong)?;
        let rest = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
        let port = rest.map_or(Ok(PORT), str::parse).map_err(|_| wrong())?;
        let is_name = host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let is_plain = host.parse::<IpAddr>().is_ok() || (is_name && (host.contains('.') || rest.is_some()));
        if is_plain || host == "localhost" { Ok(Address { host: host.to_owned(), port }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_every_form_and_a_currency_is_none() {
        let read = |text: &str| text.parse::<Address>().map(|address| (address.to_string(), address.is_loopback()));
        for (text, shown, loopback) in [
            ("8787", "127.0.0.1:8787", true),
            ("localhost", "localhost:8787", true),
            ("127.0.0.9:1", "127.0.0.9:1", true),
            ("[::1]:90", "[::1]:90", true),
            ("[::1]", "[::1]:8787", true),
            ("0.0.0.0:8787", "0.0.0.0:8787", false),
            ("nas.lan", "nas.lan:8787", false),
            ("nas:1", "nas:1", false),
        ] {
            assert_eq!(read(text), Ok((shown.to_owned(), loopback)), "{text}");
        }
        for text in ["", "BTC", "a:b", "1:99999", "[::1", "[::1]x", "a b.c:1", "http://x.y", ":80"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!("0.0.0.0:1".parse::<Address>().unwrap().url(8), "http://127.0.0.1:8/");
    }

    #[test]
    fn only_this_machine_is_loopback_in_a_host() {
        // F-W1
        for (text, host) in
            [("localhost:1", "localhost"), ("[::1]", "::1"), ("[::1]:8", "::1"), ("127.1.2.3", "127.1.2.3")]
        {
            assert_eq!(host_of(text), Some(host));
            assert!(is_loopback(host), "{host}");
        }
        for text in ["", ":80", "a:b", "[::1]:", "[::1]80"] {
            assert_eq!(host_of(text), None, "{text}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
