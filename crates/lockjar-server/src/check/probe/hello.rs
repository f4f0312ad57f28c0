//! A greeting that asks for TLS 1.0 or 1.1 ([RFC 5246], 7.4.1.2), which rustls cannot send any longer, and what is said to it.
//!
//! [RFC 5246]: https://www.rfc-editor.org/rfc/rfc5246

use std::io::{self, Read, Write};
use std::time::Duration;

use url::{Host, Url};

use super::trust::Bounded;

/// The last byte of a version.
#[derive(Clone, Copy)]
pub(super) enum Old {
    Tls10 = 1,
    Tls11 = 2,
}

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const SERVER_HELLO: u8 = 2;
/// What servers of that age choose from: ECDHE and RSA with AES in CBC.
const SUITES: [u16; 7] = [0xc013, 0xc014, 0xc009, 0xc00a, 0x002f, 0x0035, 0x000a];

/// Whether the site agrees; `None` where it is not clear what it said.
pub(super) fn is_accepted(url: &Url, old: Old, patience: Duration) -> Option<bool> {
    let mut stream = Bounded::connect(url, patience).ok()?;
    stream.write_all(&greeting(url, old)).ok()?;
    let mut answer = Vec::new();
    match stream.take(16).read_to_end(&mut answer) {
        // Who says nothing at all has not refused.
        Err(error) if answer.is_empty() && is_late(&error) => None,
        _ => read(&answer, old),
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

fn greeting(url: &Url, old: Old) -> Vec<u8> {
    let mut hello = vec![3, old as u8];
    // Nothing is made secret by it, so it need not be random.
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend(prefixed(
        &SUITES
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect::<Vec<_>>(),
    ));
    hello.extend([1, 0]);
    hello.extend(prefixed(&extensions(url)));
    let mut message = vec![1, 0];
    message.extend(prefixed(&hello));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(prefixed(&message));
    record
}

/// The server's name, the curves and how their points are written.
fn extensions(url: &Url) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(Host::Domain(host)) = url.host() {
        let mut name = vec![0];
        name.extend(prefixed(host.as_bytes()));
        all.extend([0, 0]);
        all.extend(prefixed(&prefixed(&name)));
    }
    all.extend([0, 10, 0, 6, 0, 4, 0, 23, 0, 24]);
    all.extend([0, 11, 0, 2, 1, 0]);
    all
}

/// Behind its length. A host that is too long for a length has no certificate either.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

/// A server hello of that version, or an alert.
fn read(answer: &[u8], old: Old) -> Option<bool> {
    match answer {
        [HANDSHAKE, 3, _, _, _, SERVER_HELLO, _, _, _, 3, version, ..] => {
            Some(*version == old as u8)
        }
        [ALERT, 3, ..] | [] => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_of_the_old_version_accepts_and_an_alert_refuses() {
        let hello = |version| [22, 3, 1, 0, 80, 2, 0, 0, 76, 3, version, 9, 9];
        assert_eq!(read(&hello(1), Old::Tls10), Some(true));
        assert_eq!(read(&hello(2), Old::Tls11), Some(true));
        assert_eq!(read(&hello(3), Old::Tls11), Some(false));
        assert_eq!(read(&[21, 3, 1, 0, 2, 2, 70], Old::Tls10), Some(false));
        assert_eq!(read(&[], Old::Tls10), Some(false), "hung up");
        assert_eq!(read(b"HTTP/1.1 400", Old::Tls10), None);
    }

    #[test]
    fn every_length_of_the_greeting_is_that_of_what_follows() {
        let record = greeting(&Url::parse("https://a.example").unwrap(), Old::Tls10);
        let number = |at: usize| usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
        assert_eq!(number(3), record.len() - 5);
        assert_eq!(number(7), record.len() - 9);
        let suites = number(44);
        assert_eq!(suites, 14);
        let extensions = 46 + suites + 2;
        assert_eq!(number(extensions), record.len() - extensions - 2);
    }

    /// Our own TLS has no older version than 1.2.
    #[test]
    fn a_server_of_today_refuses() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der())
            .unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        std::thread::spawn(move || {
            let config = std::sync::Arc::new(config);
            for stream in listener.incoming() {
                let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut stream = stream.unwrap();
                let _ = connection.complete_io(&mut stream);
                let _ = connection.write_tls(&mut stream);
            }
        });
        let url = Url::parse(&url).unwrap();
        for old in [Old::Tls10, Old::Tls11] {
            assert_eq!(is_accepted(&url, old, Duration::from_secs(10)), Some(false));
        }
    }
}
