//! How connections are taken, kept and let go.

use super::support::{PASSWORD, Place, Server, trusting};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// Everything up to the end of the connection.
fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn a_stop_finishes_what_is_under_way() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let body = format!("username=alice&password={}", PASSWORD.replace(' ', "+"));
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let kind = "application/x-www-form-urlencoded";
    write!(
        stream,
        "POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    // The request has begun; its body comes after the signal.
    std::thread::sleep(Duration::from_millis(200));
    server.signal("-TERM");
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        TcpStream::connect(("127.0.0.1", server.port())).is_err(),
        "nobody new is let in"
    );
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(server.wait().success());
}

#[test]
fn a_stop_waits_no_longer_than_the_grace_period() {
    let place = Place::new();
    let mut server = place.serve(&["--shutdown-grace", "300ms"]);
    let mut stream = connect(&server);
    write!(
        stream,
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let asked = Instant::now();
    server.signal("-TERM");
    assert!(server.wait().success());
    let took = asked.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(5),
        "{took:?}"
    );
}

#[test]
fn a_second_signal_stops_at_once() {
    let place = Place::new();
    let mut server = place.serve(&["--shutdown-grace", "1h"]);
    let mut stream = connect(&server);
    write!(
        stream,
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    server.signal("-INT");
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        server.is_running(),
        "the first signal waits for the request"
    );
    server.signal("-INT");
    assert!(server.wait().success());
}

#[test]
fn a_client_that_does_not_finish_its_headers_is_cut_off() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut stream = connect(&server);
    // The time begins anew with each request, and a trickle does not lengthen it.
    write!(stream, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = [0; 512];
    let read = stream.read(&mut answer).unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    let began = Instant::now();
    write!(stream, "GET / HTTP/1.1\r\nX: ").unwrap();
    let mut dripping = stream.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        while dripping.write_all(b"x").is_ok() && began.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    rest(&mut stream);
    let took = began.elapsed().as_secs();
    assert!((9..20).contains(&took), "cut off after {took} s");
    drip.join().unwrap();
    assert_eq!(server.get("/health/live", "").status, 200);
}

/// Otherwise one host could hold every connection by asking for much and reading nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_does_not_read_its_answers_is_cut_off() {
    let place = Place::new();
    let server = place.serve(&[]);
    let idle = sockets(&server);
    let mut stream = connect(&server);
    let request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(&request.repeat(40)).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(sockets(&server), idle + 1, "it is still being served");
    let began = Instant::now();
    while sockets(&server) > idle {
        assert!(began.elapsed() < Duration::from_secs(60), "it holds on");
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(stream);
}

#[cfg(target_os = "linux")]
fn sockets(server: &Server) -> usize {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let target = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.path().read_link().ok();
    descriptors
        .filter_map(target)
        .filter(|path| path.to_string_lossy().starts_with("socket:"))
        .count()
}

#[test]
fn headers_beyond_16_kib_are_refused() {
    let place = Place::new();
    let server = place.serve(&[]);
    for (length, status) in [(8_000, "200"), (40_000, "431")] {
        let mut stream = connect(&server);
        let value = "x".repeat(length);
        // The server may hang up before it has read all of it.
        let _ = write!(
            stream,
            "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {value}\r\n\r\n"
        );
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer[9..], status.as_bytes(), "{length} bytes");
    }
}

#[test]
fn localhost_is_listened_on_by_both_protocols() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        // Without IPv6 there is one protocol, and the program serves that.
        let place = Place::new();
        let server = place.start_on("localhost:0", &[]);
        assert_eq!(server.get("/health/live", "").status, 200);
        return;
    }
    let place = Place::new();
    let server = place.start_on("localhost:0", &[]);
    for address in ["127.0.0.1", "::1"] {
        let mut stream = TcpStream::connect((address, server.port())).unwrap();
        write!(
            stream,
            "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        assert!(rest(&mut stream).starts_with("HTTP/1.1 200"), "{address}");
    }
    // Whoever holds the port on [::1] would be given what browsers send to localhost.
    let squatter = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let taken = format!("localhost:{}", squatter.local_addr().unwrap().port());
    let output = place.run(&["--listen", &taken]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot listen on [::1]"), "{text}");
}

#[test]
fn https_is_served_by_the_program_itself() {
    let place = Place::new();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| std::fs::write(place.path().join(name), text).unwrap();
    write("cert.pem", certified.cert.pem());
    write("key.pem", certified.signing_key.serialize_pem());
    let server = place.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    assert!(
        server.url.starts_with("https://localhost:"),
        "{}",
        server.url
    );
    let agent = trusting(&certified);
    let form = [("username", "alice"), ("password", PASSWORD)];
    let answer = agent
        .post(format!("{}/register", server.url))
        .send_form(form)
        .unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap();
    let cookie = header("set-cookie");
    assert!(cookie.starts_with("__Host-Http-session="), "{cookie}");
    for attribute in ["; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(header("strict-transport-security").starts_with("max-age="));
    // A client that says nothing holds up nobody else.
    let _silent = connect(&server);
    let cookie = cookie.split(';').next().unwrap();
    let protected = agent
        .get(format!("{}/protected", server.url))
        .header("Cookie", cookie);
    assert_eq!(protected.call().unwrap().status(), 200);
}

/// Whoever is on the way could read the cookie.
#[test]
fn plain_http_to_other_machines_has_to_be_allowed_by_name() {
    let place = Place::new();
    let refused = place.run(&["serve", "--listen", "0.0.0.0:0"]);
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{sentence}");
    assert!(sentence.contains("--insecure-plain-http"), "{sentence}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("0.0.0.0:{}", port.local_addr().unwrap().port());
    drop(port);
    let proxied = ["--public-url", "https://example.com"];
    let server = place.launch(place.command(), &address, &proxied);
    assert_eq!(server.url, "https://example.com");
}
