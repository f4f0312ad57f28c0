//! Crowds, and those who speak slowly, at the door.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use lockjar_testing::free_port;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use super::support::{Place, Server, eventually};

const ASK: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A connection from 127.0.0.`last`.
fn from(last: u8, server: &Server) -> TcpStream {
    connected(last, server.port())
}

fn connected(last: u8, port: u16) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let source = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0);
    bind(&socket, &source).unwrap();
    let target = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    connect(&socket, &target).unwrap();
    let stream = TcpStream::from(socket);
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream
}

fn answer(mut stream: TcpStream, request: &[u8]) -> String {
    // It may have been closed already.
    let _ = stream.write_all(request);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8(text).unwrap()
}

fn is_served(last: u8, server: &Server) -> bool {
    answer(from(last, server), ASK.as_bytes()).starts_with("HTTP/1.1 200")
}

/// A connection that has a place: it was answered once, and keeps it.
fn held(last: u8, server: &Server) -> TcpStream {
    answered(from(last, server))
}

fn answered(mut stream: TcpStream) -> TcpStream {
    let request = ASK.replace("Connection: close\r\n", "");
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    stream
}

#[test]
fn one_address_cannot_keep_the_others_out() {
    let place = Place::new();
    let server = place.serve(&["--max-connections", "16"]);
    let held: Vec<_> = (0..4).map(|_| held(2, &server)).collect();
    let refused = answer(from(2, &server), ASK.as_bytes());
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(is_served(3, &server));
    drop(held);
    eventually("its places are free again", || is_served(2, &server));
}

/// A log-in that never sends what it said it would. It has a turn, once the server asks for the rest.
fn slow_body(last: u8, server: &Server) -> TcpStream {
    let mut stream = from(last, server);
    let request = "POST /login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
                   Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 100");
    stream
}

fn status_of_log_in(last: u8, server: &Server) -> String {
    let request = "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                   Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\n\
                   username=nobody&password=none";
    let answered = answer(from(last, server), request.as_bytes());
    answered.chars().take(12).collect()
}

/// Sixteen turns, of which an address has four.
#[test]
fn slow_bodies_of_one_address_leave_the_others_their_turns() {
    let place = Place::new();
    let server = place.serve(&["--max-connections", "64"]);
    let slow: Vec<_> = (0..4).map(|_| slow_body(2, &server)).collect();
    assert!(!is_served(2, &server));
    assert_eq!(status_of_log_in(2, &server), "HTTP/1.1 503");
    assert!(is_served(3, &server));
    assert_eq!(status_of_log_in(3, &server), "HTTP/1.1 401");
    drop(slow);
    eventually("its turns are free again", || is_served(2, &server));
}

/// Twelve of sixteen turns are for requests with a body.
#[test]
fn slow_bodies_of_many_addresses_leave_turns_to_requests_without_a_body() {
    let place = Place::new();
    let server = place.serve(&["--max-connections", "64"]);
    let addresses = (2..5).flat_map(|last| [last; 4]);
    let _slow: Vec<_> = addresses.map(|last| slow_body(last, &server)).collect();
    assert_eq!(status_of_log_in(9, &server), "HTTP/1.1 503");
    assert!(is_served(9, &server));
}

/// Otherwise those who were let in once would keep their places by a request now and then.
#[test]
fn a_house_that_is_more_than_half_full_keeps_nobody_between_two_requests() {
    let place = Place::new();
    let server = place.serve(&["--max-connections", "8"]);
    let request = ASK.replace("Connection: close\r\n", "");
    let mut first = held(2, &server);
    let _others: Vec<_> = (3..7).map(|last| from(last, &server)).collect();
    eventually("the connections have their places", || {
        answer(from(9, &server), request.as_bytes()).contains("\r\nconnection: close\r\n")
    });
    let mut rest = Vec::new();
    first.write_all(request.as_bytes()).unwrap();
    first.read_to_end(&mut rest).unwrap();
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.contains("connection: close"), "{rest}");
}

#[test]
fn an_operator_may_have_every_place_of_the_operations_and_keeps_it() {
    let place = Place::new();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let _server = place.serve(&["--operations-listen", &address]);
    let all: Vec<_> = (0..32).map(|_| answered(connected(2, port))).collect();
    let refused = answer(connected(2, port), ASK.as_bytes());
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    for stream in all {
        // What is left of the first answer, and the second.
        let rest = answer(stream, ASK.as_bytes());
        assert!(rest.contains("HTTP/1.1 200"), "{rest}");
    }
}

#[test]
fn a_full_house_says_at_once_when_to_come_back() {
    let place = Place::new();
    let server = place.serve(&["--max-connections", "4"]);
    let held: Vec<_> = (2..6).map(|last| from(last, &server)).collect();
    let refused = answer(from(9, &server), ASK.as_bytes());
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
    let body = refused.split("\r\n\r\n").nth(1).unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["code"], "overloaded");
    drop(held);
    eventually("there is a place again", || is_served(9, &server));
}

/// Nobody keeps a place for long by sending nothing, or one byte of a header after the other.
#[test]
fn a_full_house_empties_itself_of_those_who_say_nothing() {
    let place = Place::new();
    let server = place.serve(&["--max-connections", "4"]);
    let mut slow: Vec<_> = (2..6).map(|last| from(last, &server)).collect();
    eventually("there is a place again", || {
        for stream in &mut slow {
            let _ = stream.write_all(b"X");
        }
        is_served(9, &server)
    });
}

fn proxy_header(source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(source);
    header.extend([127, 0, 0, 1, 0x9c, 0x40, 0x1f, 0x40]);
    header
}

/// With a header that the client may have written itself.
fn wrong_log_in() -> Vec<u8> {
    let body = "username=nobody&password=wrong";
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    request.into_bytes()
}

#[test]
fn a_proxy_says_by_its_protocol_where_a_connection_comes_from() {
    let place = Place::new();
    let trust = ["--proxy-protocol", "--trusted-proxies", "127.0.0.7"];
    let server = place.serve(&trust);
    let asked = [proxy_header([192, 0, 2, 7]), wrong_log_in()].concat();
    let refused = answer(from(7, &server), &asked);
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    assert_eq!(
        answer(from(7, &server), ASK.as_bytes()),
        "",
        "without a header"
    );
    let forged = [proxy_header([192, 0, 2, 8]), ASK.as_bytes().to_vec()].concat();
    assert_eq!(
        answer(from(8, &server), &forged),
        "",
        "from nobody who is trusted"
    );
    eventually("the address is in the audit log", || {
        let told = place.run(&["audit", "--address", "192.0.2.7"]);
        String::from_utf8(told.stdout)
            .unwrap()
            .contains("log_in_refused")
    });
}

/// A client behind such a proxy can write any header, and none of them is the proxy's word.
#[test]
fn with_the_proxy_protocol_no_header_says_where_a_request_comes_from() {
    let place = Place::new();
    let trust = [
        "--proxy-protocol",
        "--trusted-proxies",
        "127.0.0.7,10.0.0.0/8",
    ];
    let server = place.serve(&trust);
    let asked = [proxy_header([10, 0, 0, 9]), wrong_log_in()].concat();
    let refused = answer(from(7, &server), &asked);
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    let audit = |address: &str| {
        let told = place.run(&["audit", "--address", address]);
        String::from_utf8(told.stdout).unwrap()
    };
    eventually("the address is in the audit log", || {
        audit("10.0.0.9").contains("log_in_refused")
    });
    assert!(!audit("198.51.100.1").contains("log_in_refused"));
}

#[test]
fn whom_the_proxy_names_has_a_quarter_of_the_places() {
    let place = Place::new();
    let trust = ["--proxy-protocol", "--trusted-proxies", "127.0.0.7"];
    let server = place.serve(&[&trust[..], &["--max-connections", "16"]].concat());
    let held = || {
        let mut stream = from(7, &server);
        let request = ASK.replace("Connection: close\r\n", "");
        let asked = [proxy_header([192, 0, 2, 7]), request.into_bytes()].concat();
        stream.write_all(&asked).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).map(|()| stream)
    };
    let _held: Vec<_> = (0..4).map(|_| held().unwrap()).collect();
    assert!(held().is_err(), "it is closed");
    let other = [proxy_header([192, 0, 2, 8]), ASK.as_bytes().to_vec()].concat();
    assert!(answer(from(7, &server), &other).starts_with("HTTP/1.1 200"));
}

#[test]
fn the_proxy_protocol_without_a_trusted_proxy_is_refused_at_the_start() {
    let output = Place::new().run(&["serve", "--proxy-protocol"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--trusted-proxies"), "{said}");
}

#[test]
fn http_2_is_not_spoken() {
    let place = Place::new();
    let server = place.serve(&[]);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let answered = answer(from(2, &server), preface);
    assert!(
        answered.is_empty() || answered.starts_with("HTTP/1.1 4"),
        "{answered}"
    );
    assert!(is_served(2, &server));
}
