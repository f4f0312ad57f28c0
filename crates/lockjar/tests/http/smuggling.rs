//! Requests that a proxy in front may read otherwise than we do, so that one of them hides another.

use super::support::{FORM, Site, encoded};
use super::wire;

/// A whole request that would sign somebody up.
fn hidden() -> String {
    let form = encoded(&[
        ("username", "mallory"),
        ("password", super::support::PASSWORD),
    ]);
    let length = form.len();
    format!(
        "POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{form}"
    )
}

/// By its length the hidden request is a part of the body, and by its chunks it comes after (RFC 9112, 6.1).
#[tokio::test]
async fn what_follows_a_body_with_two_ends_is_not_answered() {
    let site = Site::new().await;
    let address = wire::serve(&site).await;
    let body = format!("0\r\n\r\n{}", hidden());
    let length = format!("Content-Length: {}\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    for headers in [
        format!("{length}{chunked}"),
        format!("{chunked}{length}"),
        format!("Connection: keep-alive\r\n{length}{chunked}"),
    ] {
        let request = format!("POST /logout HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}");
        let answer = wire::send(address, request.as_bytes()).await;
        assert_eq!(wire::statuses(&answer), [200], "{headers:?}: {answer}");
        let lower = answer.to_ascii_lowercase();
        assert!(lower.contains("connection: close"), "{answer}");
    }
    assert_eq!(site.written().await, (0, 0));
    let one_end = format!("POST /logout HTTP/1.1\r\nHost: x\r\n{chunked}\r\n{body}");
    let answer = wire::send(address, one_end.as_bytes()).await;
    assert_eq!(wire::statuses(&answer), [200, 201], "the control: {answer}");
}

/// Whoever reads them otherwise sees another end of the body, or another header.
#[tokio::test]
async fn headers_that_have_two_readings_are_refused() {
    let site = Site::new().await;
    let address = wire::serve(&site).await;
    let body = format!("0\r\n\r\n{}", hidden());
    for headers in [
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\x0bchunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\0\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: ",
    ] {
        let request = format!("POST /logout HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}");
        let answer = wire::send(address, request.as_bytes()).await;
        assert_eq!(wire::statuses(&answer), [400], "{headers:?}: {answer}");
    }
    let old = format!("POST /logout HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let answer = wire::send(address, old.as_bytes()).await;
    assert!(answer.contains(" 400 "), "{answer}");
    assert_eq!(site.written().await, (0, 0));
}

/// A line may end in a line feed alone (RFC 9112, 2.2). It is the end of the line for us always, so that a header which
/// somebody else takes for a part of another's value says nothing that could hide a request.
#[tokio::test]
async fn a_line_feed_alone_hides_no_request() {
    let site = Site::new().await;
    let address = wire::serve(&site).await;
    let body = format!("0\r\n\r\n{}", hidden());
    let length = body.len();
    for headers in [
        format!("X: y\nTransfer-Encoding: chunked\r\nContent-Length: {length}"),
        format!("Content-Length: {length}\nTransfer-Encoding: chunked"),
    ] {
        let request = format!("POST /logout HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}");
        let answer = wire::send(address, request.as_bytes()).await;
        assert_eq!(wire::statuses(&answer).len(), 1, "{headers:?}: {answer}");
    }
    assert_eq!(site.written().await, (0, 0));
}

/// Without a body that was cut off, and with none where there must not be one.
#[tokio::test]
async fn the_length_that_is_told_is_the_length_that_is_sent() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let address = wire::serve(&site).await;
    for (request, status) in [
        ("GET /", 200),
        ("GET /login", 200),
        ("GET /me", 200),
        ("GET /openapi.json", 200),
        ("GET /assets/lockjar.css", 200),
        ("GET /nowhere", 404),
        ("PUT /me", 405),
        ("POST /login", 422),
        ("HEAD /me", 200),
        ("HEAD /login", 200),
    ] {
        let ask = format!(
            "{request} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        let answer = wire::send(address, ask.as_bytes()).await;
        assert_eq!(wire::statuses(&answer), [status], "{request}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let told = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let told: usize = told
            .unwrap_or_else(|| panic!("{request}: {head}"))
            .parse()
            .unwrap();
        match request.starts_with("HEAD") {
            true => assert!(body.is_empty() && told > 0, "{request}: {answer}"),
            false => assert_eq!(told, body.len(), "{request}: {answer}"),
        }
    }
}
