//! Where a request comes from: the other end of its connection or, across proxies that are trusted by name, what they say.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::error::ConfigError;
use crate::throttle::Rule;

/// Which header the trusted proxies write. Any other is ignored, since they let it pass as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy, …`
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy, …` ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239)).
    Forwarded,
}

impl ForwardedHeader {
    const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => header::FORWARDED,
        }
    }
}

/// Whose word is taken for where a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    /// Proxies at these addresses or in these networks (`10.0.0.0/8`), which write this header. By default nobody's word is
    /// taken.
    ///
    /// # Errors
    /// For what is neither an address nor a network.
    pub fn new<T: AsRef<str>>(
        networks: impl IntoIterator<Item = T>,
        header: ForwardedHeader,
    ) -> Result<Self, ConfigError> {
        let networks = networks
            .into_iter()
            .map(|text| network(text.as_ref().trim()));
        Ok(Self {
            networks: networks.collect::<Result<_, _>>()?,
            header,
        })
    }

    /// Whether the word of this address is taken.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// The nearest address on the request's way that no trusted proxy has; the connection's own where a proxy has written
    /// what cannot be read. What stands left of it anybody may have made up.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        let mut client = peer;
        for hop in self.hops(headers).iter().rev() {
            if !self.trusts(client) {
                break;
            }
            match hop {
                Some(hop) => client = hop.to_canonical(),
                None => return peer,
            }
        }
        client
    }

    /// From the farthest to the nearest, as the header has them.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        if self.networks.is_empty() {
            return Vec::new();
        }
        let mut hops = Vec::new();
        for line in headers.get_all(self.header.name()) {
            match (line.to_str(), self.header) {
                (Err(_), _) => hops.push(None),
                (Ok(line), ForwardedHeader::XForwardedFor) => {
                    hops.extend(line.split(',').map(|hop| node(hop.trim())));
                }
                (Ok(line), ForwardedHeader::Forwarded) => match split_outside_quotes(line, ',') {
                    Some(elements) => hops.extend(elements.into_iter().map(forwarded_for)),
                    None => hops.push(None),
                },
            }
        }
        hops
    }
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address).ok_or_else(|| {
        ConfigError::new(format!(
            "the trusted proxy {text:?} is neither an address nor a network: write it like 10.0.0.7 or 10.0.0.0/8"
        ))
    })
}

/// The one `for=` of an element.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut values = split_outside_quotes(element, ';')?
        .into_iter()
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| name.eq_ignore_ascii_case("for"))
        .map(|(_, value)| value);
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let unquoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    node(unquoted.unwrap_or(value))
}

/// None where a quotation does not end: whoever left it open wanted to swallow what a proxy wrote behind it.
fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(&text[start..index]);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!quoted).then_some(parts)
}

/// An address, with or without a port, in or out of brackets. A name or a mark is none.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    text.parse()
        .ok()
        .or_else(|| bare?.parse().ok())
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// A network that attempts are counted by, in one form for each however its address is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
    V6Site([u8; 6]),
    Unknown,
}

impl Network {
    /// Those of an address, the largest first.
    pub(crate) fn of(address: Option<IpAddr>) -> Vec<Self> {
        match address.map(|address| address.to_canonical()) {
            None => vec![Self::Unknown],
            Some(IpAddr::V4(address)) => vec![Self::V4(address.octets())],
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                vec![
                    Self::V6Site([a, b, c, d, e, f]),
                    Self::V6([a, b, c, d, e, f, g, h]),
                ]
            }
        }
    }

    /// The smallest of them.
    pub(crate) fn nearest(address: Option<IpAddr>) -> Self {
        Self::of(address).pop().unwrap_or(Self::Unknown)
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::V4(_) => "IPv4",
            Self::V6(_) => "IPv6 /64",
            Self::V6Site(_) => "IPv6 /48",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
            Self::V6Site(bytes) => bytes,
            Self::Unknown => &[],
        }
    }

    /// So many an hour for one IPv4 address, or one IPv6 network of 64 bits. A site's network of 48 bits has 65,536 of those;
    /// and all together whose address is not known are counted as one.
    pub(crate) fn rule(self, per_hour: u32) -> Rule {
        let factor = match self {
            Self::V4(_) | Self::V6(_) => 1,
            Self::V6Site(_) => 5,
            Self::Unknown => 10,
        };
        let burst = per_hour * factor;
        Rule::Rate {
            burst,
            refill: Duration::from_millis(3_600_000 / u64::from(burst))
                .max(Duration::from_millis(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ForwardedHeader, peer: &str, lines: &[&str]) -> String {
        let proxies = TrustedProxies::new(["10.0.0.0/8", "fd00::/8"], header).unwrap();
        let headers = lines
            .iter()
            .map(|line| (header.name(), line.parse().unwrap()))
            .collect();
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    /// Negative test 11.
    #[test]
    fn the_rightmost_hop_that_no_trusted_proxy_has_is_the_client() {
        let ask = |peer, lines: &[&str]| client(ForwardedHeader::XForwardedFor, peer, lines);
        assert_eq!(
            ask("203.0.113.9", &["198.51.100.1"]),
            "203.0.113.9",
            "a stranger's word"
        );
        assert_eq!(ask("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            ask("10.0.0.1", &["1.2.3.4, 198.51.100.1"]),
            "198.51.100.1",
            "made up on the left"
        );
        assert_eq!(
            ask("10.0.0.1", &["1.2.3.4", "198.51.100.1, 10.9.9.9"]),
            "198.51.100.1"
        );
        assert_eq!(
            ask("10.0.0.1", &["junk, 198.51.100.1"]),
            "198.51.100.1",
            "nobody looks there"
        );
        assert_eq!(
            ask("10.0.0.1", &["10.0.0.7"]),
            "10.0.0.7",
            "all of them are ours"
        );
        assert_eq!(ask("10.0.0.1", &[]), "10.0.0.1");
        for junk in [
            "junk",
            "",
            "198.51.100.1, ",
            "unknown",
            "198.51.100.300",
            "198.51.100.1\u{e9}",
        ] {
            assert_eq!(ask("10.0.0.1", &[junk]), "10.0.0.1", "{junk:?}");
        }
        assert_eq!(ask("10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(ask("::ffff:10.0.0.1", &["[2001:db8::7]:80"]), "2001:db8::7");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let ask = |lines: &[&str]| client(ForwardedHeader::Forwarded, "10.0.0.1", lines);
        assert_eq!(
            ask(&["for=198.51.100.1;proto=https;by=10.0.0.1"]),
            "198.51.100.1"
        );
        assert_eq!(
            ask(&["For=\"[2001:db8:cafe::17]:4711\""]),
            "2001:db8:cafe::17"
        );
        assert_eq!(ask(&["for=1.2.3.4, for=198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            ask(&["for=1.2.3.4;host=\"a,for=5.6.7.8\", for=198.51.100.1"]),
            "198.51.100.1"
        );
        for junk in [
            "for=unknown",
            "for=_hidden",
            "proto=https",
            "for=1.2.3.4;for=5.6.7.8",
            "for=\"198.51.100.1",
            "for=1.2.3.4;x=\", for=\"[2001:db8::1]\"",
            "for=1.2.3.4;x=\"\\, for=\"[2001:db8::1]\"",
            "",
        ] {
            assert_eq!(ask(&[junk]), "10.0.0.1", "{junk:?}");
        }
    }

    #[test]
    fn the_header_that_the_proxies_do_not_write_is_nobodys_word() {
        let mut headers = HeaderMap::new();
        headers.insert("forwarded", "for=198.51.100.1".parse().unwrap());
        let proxies = TrustedProxies::new(["10.0.0.1"], ForwardedHeader::XForwardedFor).unwrap();
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(proxies.client(peer, &headers), peer);
    }

    /// Negative test 9.
    #[test]
    fn one_network_is_one_however_its_address_is_written() {
        let of = |text: &str| Network::of(Some(text.parse().unwrap()));
        assert_eq!(of("198.51.100.7"), of("::ffff:198.51.100.7"));
        assert_eq!(
            of("2001:db8:1:2::1"),
            of("2001:db8:1:2:ffff:ffff:ffff:ffff")
        );
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(
            of("2001:db8:1:2::1")[0],
            of("2001:db8:1:3::1")[0],
            "one site"
        );
    }
}
