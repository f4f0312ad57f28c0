//! `lockjar audit`

use serde_json::Value;

use super::support::{Place, eventually};

fn lines(place: &Place, arguments: &[&str]) -> Vec<String> {
    let output = place.run(&[&["audit"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn parsed(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let lines = lines(place, &[&["--json"], arguments].concat());
    let parse = |line: &String| serde_json::from_str(line).unwrap();
    lines.iter().map(parse).collect()
}

#[test]
fn who_did_what_is_told_the_latest_first_and_found_by_account_event_and_time() {
    let place = Place::new();
    let server = place.serve(&[]);
    let cookie = server.register("alice");
    server.register("bob");
    assert_eq!(server.post("/logout", &cookie, &[]).status, 200);
    let wrong = [("username", "alice"), ("password", "wrong")];
    assert_eq!(server.post("/login", "", &wrong).status, 401);
    eventually("the refusal is written down", || {
        lines(&place, &[]).len() == 4
    });
    let told = lines(&place, &["alice"]);
    let events: Vec<_> = told
        .iter()
        .map(|line| line.split('\t').nth(1).unwrap())
        .collect();
    assert_eq!(events, ["log_in_refused", "log_out", "sign_up"]);
    assert!(
        told.iter()
            .all(|line| line.contains("\talice\t127.0.0.1\t")),
        "{told:?}"
    );
    let sign_ups = parsed(&place, &["--event", "sign_up"]);
    assert_eq!(sign_ups.len(), 2);
    assert_eq!(sign_ups[0]["detail"], "bob");
    assert_eq!(sign_ups[1]["address"], "127.0.0.1");
    assert_eq!(
        parsed(&place, &["--limit", "1"])[0]["event"],
        "log_in_refused"
    );
    assert_eq!(lines(&place, &["--until", "1h"]), [""; 0]);
    assert_eq!(lines(&place, &["--since", "1h", "--limit", "0"]).len(), 4);
    assert_eq!(lines(&place, &["--address", "192.0.2.1"]), [""; 0]);
}

#[test]
fn an_account_that_was_deleted_is_found_by_its_id() {
    let place = Place::new();
    let server = place.serve(&[]);
    server.register("alice");
    assert!(place.run(&["user", "delete", "alice"]).status.success());
    let unknown = place.run(&["audit", "alice"]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("--event user_deleted"), "{said}");
    let deleted = &parsed(&place, &["--event", "user_deleted"])[0];
    assert_eq!(
        (&deleted["detail"], &deleted["by_operator"]),
        (&"alice".into(), &true.into())
    );
    let id = deleted["user"].as_str().unwrap();
    assert_eq!(parsed(&place, &["--id", id]).len(), 2);
}

#[test]
fn a_question_that_makes_no_sense_is_answered_with_what_to_write() {
    let place = Place::new();
    drop(place.serve(&[]));
    for (arguments, hint) in [
        (["--event", "log_inn"], "password_changed"),
        (["--since", "yesterday"], "2026-01-31T12:00:00Z"),
        (["--address", "localhost"], "address"),
    ] {
        let output = place.run(&[&["audit"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn what_is_done_to_the_database_as_a_whole_is_written_down() {
    let place = Place::new();
    drop(place.serve(&[]));
    let row = r#"{"username": "alice", "password_hash": "$2b$04$abcdefghijklmnopqrstuu5Lo7BmVSYQvGYbLdbGf7P0JZp8IPXqK"}"#;
    std::fs::write(place.path().join("users.jsonl"), row).unwrap();
    for command in [
        &["import", "users.jsonl"][..],
        &["backup", "b.db"],
        &["restore"],
    ] {
        let output = place.run(command);
        assert!(output.status.success(), "{output:?}");
    }
    let events: Vec<_> = parsed(&place, &[])
        .iter()
        .map(|record| record["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["restored", "backed_up", "users_imported"]);
}
