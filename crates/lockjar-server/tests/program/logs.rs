//! What the log says, and what it never says.

use super::support::{PASSWORD, Place};

#[test]
fn no_password_and_no_token_is_ever_logged() {
    let place = Place::new();
    for format in ["json", "text"] {
        let mut server = place.serve(&["--log-level", "trace", "--log-format", format]);
        let name = format!("user-{format}");
        let (first, second) = (server.register(&name), server.log_in(&name).cookie.unwrap());
        assert_eq!(
            server
                .post(
                    "/login",
                    "",
                    &[("username", &name), ("password", "not the right secret")]
                )
                .status,
            401
        );
        assert!(server.is_in(&first));
        let form = [
            ("current_password", PASSWORD),
            ("new_password", "another fine long one"),
        ];
        let third = server.post("/password", &first, &form).cookie.unwrap();
        assert_eq!(server.post("/logout", &third, &[]).status, 200);
        server.signal("-TERM");
        server.wait();
        let log = place.log();
        assert!(
            log.contains("log_in") && log.contains("password_changed"),
            "the log is there: {log}"
        );
        for secret in [&first, &second, &third].map(|cookie| cookie.split('.').nth(1).unwrap()) {
            assert!(!log.contains(secret), "a token was logged");
        }
        for password in [PASSWORD, "not the right secret", "another fine long one"] {
            let spellings = [
                password.to_owned(),
                password.replace(' ', "+"),
                password.replace(' ', "%20"),
            ];
            assert!(
                !spellings.iter().any(|text| log.contains(text)),
                "a password was logged"
            );
        }
    }
}

/// A full disk often has the log on it, too.
#[test]
fn a_log_that_cannot_be_written_keeps_no_answer_back() {
    let place = Place::new();
    let full = ["bash", "-c", "exec \"$0\" \"$@\" 2>/dev/full"];
    for format in ["text", "json"] {
        let server = place.start(place.wrapped(&full), &["--log-format", format]);
        let cookie = server.register(&format!("user-{format}"));
        assert!(server.is_in(&cookie));
        assert_eq!(server.post("/logout", &cookie, &[]).status, 200);
    }
}

#[test]
fn json_lines_parse_and_carry_the_requests_id() {
    let place = Place::new();
    let mut server = place.serve(&["--log-format", "json"]);
    server.register("alice");
    server.signal("-TERM");
    server.wait();
    let log = place.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sign_up = lines
        .iter()
        .find(|line| line["event"] == "sign_up")
        .expect("a sign-up is logged");
    assert_eq!(
        sign_up["span"]["id"].as_str().unwrap().len(),
        16,
        "{sign_up}"
    );
    assert!(sign_up["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(sign_up["address"], "127.0.0.1", "{sign_up}");
    assert_eq!(sign_up["target"], "lockjar::audit", "{sign_up}");
}

#[test]
fn what_a_client_sends_cannot_forge_a_line() {
    let place = Place::new();
    let mut server = place.serve(&["--log-level", "debug"]);
    server.post(
        "/login",
        "",
        &[
            ("username", "a\nINFO forged=1\u{1b}[31m\u{2028}"),
            ("password", "x"),
        ],
    );
    server.get("/%0aINFO%20forged=1", "");
    server.signal("-TERM");
    server.wait();
    assert!(
        !place
            .log()
            .lines()
            .any(|line| line.starts_with("INFO forged") || line.contains('\u{1b}'))
    );
}
