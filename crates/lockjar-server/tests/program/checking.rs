//! `lockjar check --url`, against our own server and sites that are naive or hostile.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::sites::{Request, raw, says, site};
use super::support::{PASSWORD, Place, trusting};

const FORM: &str = "<form method=post action=/login><input name=username><input type=password name=password></form>";
/// Of a page without a fault.
const GOOD: &str = "Content-Type: text/html\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\
                    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";

/// Checks without settings of its own.
fn check(arguments: &[&str]) -> (Option<i32>, Value) {
    let place = Place::new();
    read(&place.run(&[&["check", "--json"], arguments].concat()))
}

/// The same, logged in as alice.
fn check_logged_in(place: &Place, arguments: &[&str]) -> (Option<i32>, Value) {
    with_account(place.command(), arguments)
}

fn with_account(mut command: Command, arguments: &[&str]) -> (Option<i32>, Value) {
    let account = ["check", "--json", "--username", "alice", "--password-stdin"];
    let mut child = command
        .args([&account, arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    read(&child.wait_with_output().unwrap())
}

fn read(output: &Output) -> (Option<i32>, Value) {
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), report)
}

fn numbers(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["number"].as_str().unwrap())
        .collect()
}

fn is_unseen(report: &Value, what: &str) -> bool {
    let unseen = report["not_seen"].as_array().unwrap().iter();
    unseen
        .map(|it| it.as_str().unwrap())
        .any(|it| it.contains(what))
}

#[test]
fn our_own_server_has_no_findings_and_no_session_is_left_behind() {
    for strategy in ["session", "jwt"] {
        let place = Place::new();
        let server = place.serve(&["--token", strategy]);
        server.register("alice");
        let (code, report) = check_logged_in(&place, &["--url", &server.url]);
        assert_eq!((numbers(&report), code), (vec![], Some(0)), "{strategy}");
        assert_eq!(report["not_seen"].as_array().unwrap().len(), 0, "{report}");
        assert!(report["asked"].as_array().unwrap().len() < 25, "{report}");
        let sessions = String::from_utf8(place.run(&["session", "list", "alice"]).stdout).unwrap();
        assert_eq!(
            sessions.lines().count(),
            1,
            "the one of the sign-up: {sessions}"
        );
    }
}

/// What the tutorial of a framework leaves to its reader: no page, no flag, no guard, and the name as the session.
fn tutorial(request: &Request) -> String {
    match (&*request.method, &*request.path) {
        ("POST", "/login") if request.is_alice() => {
            says("200 OK", "Set-Cookie: session=alice\r\n", "{}")
        }
        ("POST", "/login") => says("401 Unauthorized", "", "{}"),
        (_, "/login") => says("405 Method Not Allowed", "Allow: POST\r\n", "{}"),
        _ => says("404 Not Found", "", "{}"),
    }
}

#[test]
fn a_tutorials_log_in_without_flags_and_guard_is_found() {
    let url = site(tutorial);
    let (code, report) = check(&["--url", &url]);
    let found = numbers(&report);
    assert_eq!(code, Some(1));
    assert!(found.contains(&"L055"), "{report}");
    assert!(!found.contains(&"L071"), "nobody logged in: {report}");
    assert!(is_unseen(&report, "the session's cookie"), "{report}");
    let (_, report) = check_logged_in(&Place::new(), &["--url", &url]);
    let found = numbers(&report);
    for number in ["L055", "L071", "L073", "L079"] {
        assert!(found.contains(&number), "{number}: {report}");
    }
    assert!(!found.contains(&"L056"), "that is Lockjar's own: {report}");
    assert!(!report.to_string().contains(PASSWORD), "{report}");
}

/// A form with a token that has to fit the cookie, as Django and many others make it.
fn with_token(request: &Request) -> String {
    let form = FORM.replace(
        "<input name",
        "<input type=hidden name=csrfmiddlewaretoken value=abc><input name",
    );
    let own = request.header("cookie").contains("csrftoken=abc")
        && request.body.contains("csrfmiddlewaretoken=abc");
    match (&*request.method, own) {
        ("GET", _) => says(
            "200 OK",
            &format!("{GOOD}Set-Cookie: csrftoken=abc; SameSite=Lax\r\n"),
            &form,
        ),
        (_, true) => says("200 OK", GOOD, &form),
        (_, false) => says("403 Forbidden", "", ""),
    }
}

#[test]
fn a_token_that_keeps_other_sites_out_is_no_finding() {
    let url = format!("{}/accounts/login/", site(with_token));
    let (code, report) = check(&["--url", &url]);
    assert_eq!((numbers(&report), code), (vec![], Some(0)), "{report}");
    assert!(!is_unseen(&report, "from another origin"), "{report}");
}

/// As a browser would, the check brings the cookie that it was given on the way to the page.
#[test]
fn a_token_that_was_set_on_the_way_comes_along() {
    let url = site(|request| match (&*request.method, &*request.path) {
        ("GET", "/") => {
            let token = "Set-Cookie: csrftoken=abc; SameSite=Lax\r\nLocation: /in\r\n";
            says("302 Found", token, "")
        }
        ("GET", _) => says("200 OK", GOOD, FORM),
        _ if request.header("cookie").contains("csrftoken=abc") => says("401 Unauthorized", "", ""),
        _ => says("403 Forbidden", "", ""),
    });
    let (code, report) = check(&["--url", &url]);
    assert_eq!((numbers(&report), code), (vec![], Some(0)), "{report}");
    assert!(!is_unseen(&report, "from another origin"), "{report}");
}

/// The address that people open is not the one that the server was told.
#[test]
fn a_server_that_refuses_its_own_page_is_found() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    drop(port);
    let place = Place::new();
    let public = ["--public-url", "https://app.example.com"];
    let _server = place.launch(place.command(), &address, &public);
    let (_, report) = check(&["--url", &format!("http://{address}")]);
    assert_eq!(numbers(&report), ["L114"], "{report}");
    assert!(is_unseen(&report, "from another origin"), "{report}");
}

#[test]
fn a_form_that_sends_a_password_astray_is_found_and_gets_none() {
    let url = site(|_| {
        says(
            "200 OK",
            GOOD,
            &FORM.replace("/login", "http://collector.example/"),
        )
    });
    let (_, report) = check_logged_in(&Place::new(), &["--url", &url]);
    assert_eq!(numbers(&report), ["L112", "L113"]);
    assert!(!report["asked"].to_string().contains("POST"), "{report}");
    assert!(is_unseen(&report, "the session's cookie"), "{report}");
}

/// Another port of the host is another program, and perhaps somebody else's.
#[test]
fn a_form_that_leads_to_another_port_is_not_sent() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let action = format!("http://{}/", other.local_addr().unwrap());
    let url = site(move |_| says("200 OK", GOOD, &FORM.replace("/login", &action)));
    let (_, report) = check_logged_in(&Place::new(), &["--url", &url]);
    assert!(!report["asked"].to_string().contains("POST"), "{report}");
    assert!(is_unseen(&report, "nothing is sent"), "{report}");
    assert!(nobody_came(&other));
}

/// A proxy of the environment is on another machine, and would read the password.
#[test]
fn what_is_for_this_machine_alone_goes_through_no_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let place = Place::new();
    let server = place.serve(&[]);
    server.register("alice");
    for name in ["HTTP_PROXY", "ALL_PROXY"] {
        let mut command = place.command();
        command
            .env(name, &address)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy");
        let (code, report) = with_account(command, &["--url", &server.url]);
        assert_eq!((numbers(&report), code), (vec![], Some(0)), "{report}");
    }
    assert!(nobody_came(&proxy));
}

fn nobody_came(listener: &TcpListener) -> bool {
    listener.set_nonblocking(true).unwrap();
    let came = listener.accept();
    came.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// One that builds its links from what anybody says the host is, and hands answers to whoever asks.
fn believing(request: &Request) -> String {
    let planted = request.header("x-forwarded-host");
    let host = if planted.is_empty() {
        request.header("host")
    } else {
        planted
    };
    let form = FORM.replace("/login", &format!("http://{host}/login"));
    let cors = format!(
        "{GOOD}Access-Control-Allow-Origin: {}\r\nAccess-Control-Allow-Credentials: true\r\n",
        request.header("origin")
    );
    match &*request.method {
        "GET" => says("200 OK", &cors, &form),
        _ => says("401 Unauthorized", "", ""),
    }
}

#[test]
fn planted_hosts_and_echoed_origins_are_found() {
    let (_, report) = check(&["--url", &site(believing)]);
    assert_eq!(
        numbers(&report),
        ["L055", "L110", "L120", "L122"],
        "{report}"
    );
}

#[test]
fn a_session_that_was_there_before_the_log_in_is_found() {
    let url = site(|request| {
        let has_session = request.header("cookie").contains("sessionid=");
        let cookie = match has_session {
            true => "",
            false => {
                "Set-Cookie: sessionid=0123456789abcdef0123; HttpOnly; SameSite=Lax; Path=/\r\n"
            }
        };
        match &*request.method {
            "POST" if request.is_alice() => {
                says("303 See Other", &format!("{cookie}Location: /home\r\n"), "")
            }
            "POST" => says("403 Forbidden", "", ""),
            _ => says("200 OK", &format!("{GOOD}{cookie}"), FORM),
        }
    });
    let (_, report) = check_logged_in(&Place::new(), &["--url", &url]);
    assert_eq!(numbers(&report), ["L151"], "{report}");
}

#[test]
fn a_hostile_site_writes_nothing_to_the_terminal() {
    let url = site(|_| {
        let headers = "Set-Cookie: __Host-\u{202e}\u{9b}2Jsession=x\r\nLocation: http://evil.example/\u{9b}2J\r\n";
        says(
            "302 Found",
            headers,
            "<form action='javascript:\u{1b}]0;owned\u{7}'>",
        )
    });
    let output = Place::new().run(&["check", "--url", &url]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("L070"), "{text}");
    let safe =
        |character: char| character == '\n' || !character.is_control() && character != '\u{202e}';
    assert!(text.chars().all(safe), "{text:?}");
}

#[test]
fn endless_answers_and_redirects_end() {
    let endless = raw(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n");
        while stream.write_all(&[b'<'; 65536]).is_ok() {}
    });
    let (code, report) = check(&["--url", &endless]);
    assert_eq!(code, Some(1));
    assert!(report["asked"].as_array().unwrap().len() <= 40, "{report}");
    let round = site(|request| says("302 Found", &format!("Location: {}x\r\n", request.path), ""));
    let (_, report) = check(&["--url", &round]);
    assert!(report["asked"].as_array().unwrap().len() <= 40, "{report}");
    assert!(is_unseen(&report, "the redirects have no end"), "{report}");
    let heads = raw(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream
            .write_all(b"X-Filler: 0123456789012345678901234567890123456789\r\n")
            .is_ok()
        {}
    });
    assert_eq!(check(&["--url", &heads]).0, Some(2));
}

#[test]
fn redirects_to_other_hosts_are_told_and_not_followed() {
    let other = site(|_| panic!("nobody is sent here"));
    let url = site(move |_| {
        says(
            "301 Moved Permanently",
            &format!("Location: {other}/login\r\n"),
            "",
        )
    });
    let (_, report) = check(&["--url", &url]);
    assert!(is_unseen(&report, "it is another site"), "{report}");
    let asked = report["asked"].as_array().unwrap().iter();
    assert!(
        asked
            .map(|it| it.as_str().unwrap())
            .all(|it| it.contains(&url)),
        "{report}"
    );
}

#[test]
fn a_site_that_does_not_answer_is_exit_code_2() {
    let (code, report) = check(&["--url", "http://127.0.0.1:9"]);
    assert_eq!((numbers(&report), code), (vec!["L050"], Some(2)));
}

#[test]
fn an_untrusted_certificate_is_told_with_its_reason_and_gets_no_password() {
    let place = Place::new();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| std::fs::write(place.path().join(name), text).unwrap();
    write("cert.pem", certified.cert.pem());
    write("key.pem", certified.signing_key.serialize_pem());
    let server = place.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let form = [("username", "alice"), ("password", PASSWORD)];
    let added = trusting(&certified)
        .post(format!("{}/register", server.url))
        .send_form(form);
    assert_eq!(added.unwrap().status(), 201);
    let (code, report) = check_logged_in(&place, &["--url", &server.url]);
    assert_eq!(
        (numbers(&report), code),
        (vec!["L130"], Some(1)),
        "{report}"
    );
    assert!(report.to_string().contains("no authority"), "{report}");
    let asked = report["asked"].as_array().unwrap().iter();
    let handshakes = asked.filter(|it| it.as_str().unwrap().contains("handshake"));
    assert_eq!(handshakes.count(), 3, "each is told: {report}");
    assert!(is_unseen(&report, "the password was not sent"), "{report}");
    let (code, report) = check_logged_in(&place, &["--url", &server.url, "--ca", "cert.pem"]);
    assert_eq!((numbers(&report), code), (vec![], Some(0)), "{report}");
    assert!(is_unseen(&report, "not on port 443"), "{report}");
}
