//! Which versions of TLS and which ciphers the program speaks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore};

use super::support::{Place, Server};

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

/// A server with a certificate of its own, and whom its clients have to trust.
fn serve(place: &Place) -> (Server, RootCertStore) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| std::fs::write(place.path().join(name), text).unwrap();
    write("cert.pem", certified.cert.pem());
    write("key.pem", certified.signing_key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let server = place.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    (server, roots)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// A ClientHello of this version at the most (RFC 5246, 7.4.1.2), for which no library of today can be had.
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let suites: Vec<u8> = suites
        .iter()
        .flat_map(|suite| suite.to_be_bytes())
        .collect();
    // Groups x25519 and P-256; signatures by ECDSA with P-256, RSA-PSS and PKCS#1, all with SHA-256.
    let extensions = [
        &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23][..],
        &[0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1],
        &[0, 11, 0, 2, 1, 0],
    ]
    .concat();
    let body = [
        &version.to_be_bytes()[..],
        &[7; 32],
        &[0],
        &length(&suites),
        &suites,
        &[1, 0],
        &length(&extensions),
        &extensions,
    ]
    .concat();
    let message = [&[1, 0][..], &length(&body), &body].concat();
    [&[HANDSHAKE, 3, 1][..], &length(&message), &message].concat()
}

/// The kind of the first record that comes back, and its content.
fn answer_to(server: &Server, hello: &[u8]) -> (u8, Vec<u8>) {
    let mut stream = connect(server);
    stream.write_all(hello).unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let mut content = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut content).unwrap();
    (head[0], content)
}

/// ECDHE-ECDSA-AES128-GCM-SHA256, which this certificate goes with.
const GOOD: u16 = 0xc02b;

#[test]
fn versions_before_1_2_are_refused() {
    let place = Place::new();
    let (server, _) = serve(&place);
    for version in [0x0300, 0x0301, 0x0302] {
        let (kind, content) = answer_to(&server, &hello(version, &[GOOD, 0xc009, 0x002f]));
        assert_eq!(
            (kind, content[1]),
            (ALERT, PROTOCOL_VERSION),
            "{version:#x}"
        );
    }
    let (kind, content) = answer_to(&server, &hello(0x0303, &[GOOD]));
    assert_eq!(
        (kind, content[0]),
        (HANDSHAKE, 2),
        "the control: a ServerHello"
    );
}

#[test]
fn weak_ciphers_are_refused() {
    let place = Place::new();
    let (server, _) = serve(&place);
    for (suite, name) in [
        (0x0000, "no cipher at all"),
        (0x0005, "RC4"),
        (0x000a, "3DES"),
        (0x002f, "CBC with RSA's key exchange"),
        (0x009c, "GCM with RSA's key exchange"),
        (0xc009, "CBC with SHA-1"),
        (0xc023, "CBC with SHA-256"),
        (0xc006, "ECDHE without a cipher"),
        (0xc018, "nobody's certificate"),
    ] {
        let (kind, content) = answer_to(&server, &hello(0x0303, &[suite]));
        assert_eq!((kind, content[1]), (ALERT, HANDSHAKE_FAILURE), "{name}");
    }
}

#[test]
fn versions_1_2_and_1_3_are_spoken_and_1_3_is_preferred() {
    let place = Place::new();
    let (server, roots) = serve(&place);
    for (offered, spoken) in [
        (&[&TLS12][..], ProtocolVersion::TLSv1_2),
        (&[&TLS13], ProtocolVersion::TLSv1_3),
        (&[&TLS12, &TLS13], ProtocolVersion::TLSv1_3),
    ] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(offered)
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = connect(&server);
        let mut tls = rustls::Stream::new(&mut client, &mut stream);
        tls.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(client.protocol_version(), Some(spoken));
    }
}
