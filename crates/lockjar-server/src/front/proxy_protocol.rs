//! The PROXY protocol, version 2 (HAProxy's `doc/proxy-protocol.txt`): a proxy that does not speak HTTP says where a connection
//! comes from before anything else is sent on it.

use std::io;
use std::net::SocketAddr;

use ppp::v2::{Addresses, Command, Header};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Signature, version, family and length.
const FIXED: usize = 16;
/// Addresses and extensions; the longest that proxies send are certificates' names.
const LONGEST: usize = 2_048;

/// Reads the header, and answers where the connection comes from: `proxy` itself where it says that it asks on its own
/// behalf, as for a health check. No byte behind the header is read.
pub(super) async fn read_source<S: AsyncRead + Unpin>(
    stream: &mut S,
    proxy: SocketAddr,
) -> io::Result<SocketAddr> {
    let mut bytes = vec![0; FIXED];
    stream.read_exact(&mut bytes).await?;
    let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    if length > LONGEST {
        return Err(wrong("it is too long"));
    }
    bytes.resize(FIXED + length, 0);
    stream.read_exact(&mut bytes[FIXED..]).await?;
    let header = Header::try_from(bytes.as_slice()).map_err(|error| wrong(&error.to_string()))?;
    match (header.command, header.addresses) {
        (Command::Local, _) => Ok(proxy),
        (Command::Proxy, Addresses::IPv4(four)) => {
            Ok((four.source_address, four.source_port).into())
        }
        (Command::Proxy, Addresses::IPv6(six)) => Ok((six.source_address, six.source_port).into()),
        (Command::Proxy, _) => Err(wrong("it names no internet address")),
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("not a PROXY header of version 2: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
    const PROXY: ([u8; 4], u16) = ([10, 0, 0, 7], 443);

    fn header(version_and_command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        let fixed = [version_and_command, family, length[0], length[1]];
        [&SIGNATURE[..], &fixed, addresses].concat()
    }

    async fn source(bytes: &[u8]) -> io::Result<SocketAddr> {
        let mut stream = bytes;
        read_source(&mut stream, PROXY.into()).await
    }

    const FOUR: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0x9c, 0x40, 0x01, 0xbb];

    #[tokio::test]
    async fn the_source_is_the_one_that_the_proxy_names() {
        assert_eq!(
            source(&header(0x21, 0x11, &FOUR)).await.unwrap(),
            ([192, 0, 2, 7], 40_000).into()
        );
        let mut six = [0; 36];
        six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        let named = source(&header(0x21, 0x21, &six)).await.unwrap();
        assert_eq!(
            named.ip(),
            "2001:db8::".parse::<std::net::IpAddr>().unwrap()
        );
    }

    #[tokio::test]
    async fn a_proxy_that_asks_for_itself_is_itself() {
        let local = source(&header(0x20, 0x00, &[])).await.unwrap();
        assert_eq!(local, PROXY.into());
    }

    #[tokio::test]
    async fn what_comes_after_the_header_is_left_to_be_read() {
        let bytes = [header(0x21, 0x11, &FOUR), b"GET / HTTP/1.1".to_vec()].concat();
        let mut stream = bytes.as_slice();
        read_source(&mut stream, PROXY.into()).await.unwrap();
        assert_eq!(stream, b"GET / HTTP/1.1");
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let mut long = header(0x21, 0x11, &FOUR);
        long[14..16].copy_from_slice(&60_000_u16.to_be_bytes());
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n".to_vec(),
            header(0x11, 0x11, &FOUR),
            header(0x21, 0x11, &FOUR[..4]),
            header(0x21, 0x31, &[0; 216]),
            header(0x21, 0x00, &[]),
            header(0x21, 0x11, &FOUR)[..20].to_vec(),
            long,
        ] {
            assert!(source(&bytes).await.is_err(), "{bytes:?}");
        }
    }
}
