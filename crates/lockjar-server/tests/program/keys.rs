//! `--token jwt` and `lockjar keys`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use super::support::{PASSWORD, Place, Server, eventually};

const JWT: [&str; 2] = ["--token", "jwt"];

fn keys(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(&[&["keys"], arguments, &JWT[..]].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn complaint(output: Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Signs up and answers the access token's cookie.
fn register(server: &Server, name: &str) -> String {
    let form = [("username", name), ("password", PASSWORD)];
    let answer = server.post("/register", "", &form);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let cookie = answer.cookie.unwrap();
    assert!(cookie.starts_with("access_token="), "{cookie}");
    cookie
}

#[test]
fn jwts_are_signed_by_keys_that_the_database_alone_does_not_give_away() {
    let place = Place::new();
    let mut server = place.serve(&JWT);
    let cookie = register(&server, "alice");
    assert!(server.is_in(&cookie));
    let key = place.path().join("lockjar.key");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    server.signal("-TERM");
    assert!(server.wait().success());
    let port = server.port().to_string();
    let again = place.start_on(&format!("127.0.0.1:{port}"), &JWT);
    assert!(again.is_in(&cookie), "the keys survive a restart");
    drop(again);
    fs::remove_file(&key).unwrap();
    let refused = complaint(place.run(&["serve", "--listen", "127.0.0.1:0", "--token", "jwt"]));
    assert!(
        refused.contains("is not there") && refused.contains("--all"),
        "{refused}"
    );
    assert!(!key.exists(), "and no wrong file is left behind");
}

#[test]
fn another_key_file_changes_nothing() {
    let place = Place::new();
    let server = place.serve(&JWT);
    let cookie = register(&server, "alice");
    let before = keys(&place, &["list"]);
    let (kid, _) = before.split_once('\t').unwrap();
    fs::write(place.path().join("other.key"), "A".repeat(43)).unwrap();
    let other = ["--token", "jwt", "--jwt-key-file", "other.key"];
    for command in [&["keys", "rotate"][..], &["keys", "revoke", kid]] {
        let refused = complaint(place.run(&[command, &other].concat()));
        assert!(refused.contains("key"), "{refused}");
    }
    assert_eq!(keys(&place, &["list"]), before);
    assert!(server.is_in(&cookie));
}

#[test]
fn two_first_starts_at_once_leave_one_key_file_that_opens_what_they_stored() {
    for _ in 0..5 {
        let place = Place::new();
        let start = || {
            let mut command = place.command();
            command.args(["serve", "--listen", "127.0.0.1:0", "--token", "jwt"]);
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut both = [start(), start()];
        let listed = || place.run(&["keys", "list", "--token", "jwt"]);
        eventually("one of them has stored a key", || {
            String::from_utf8_lossy(&listed().stdout).contains("\tsigns")
        });
        for server in &mut both {
            let _ = server.kill();
            server.wait().unwrap();
        }
        assert!(String::from_utf8_lossy(&listed().stdout).contains("\tsigns"));
    }
}

#[test]
fn a_lost_key_file_is_got_over_and_everybody_stays_logged_in() {
    let place = Place::new();
    let mut server = place.serve(&JWT);
    let form = [("username", "alice"), ("password", PASSWORD)];
    let cookies = server.post("/register", "", &form).cookies.join("; ");
    let port = server.port().to_string();
    server.signal("-TERM");
    assert!(server.wait().success());
    let key = place.path().join("lockjar.key");
    fs::remove_file(&key).unwrap();
    let refused = complaint(place.run(&["keys", "list", "--token", "jwt"]));
    assert!(
        refused.contains("lockjar.key") && !key.exists(),
        "{refused}"
    );
    assert!(keys(&place, &["revoke", "--all"]).contains("a new one signs"));
    let listed = keys(&place, &["list"]);
    assert!(
        listed.contains("\trevoked ") && listed.contains("\tsigns"),
        "{listed}"
    );
    let again = place.start_on(&format!("127.0.0.1:{port}"), &JWT);
    let access = cookies
        .split("; ")
        .find(|it| it.starts_with("access"))
        .unwrap();
    assert!(!again.is_in(access), "the old key's tokens are refused");
    assert!(
        again.is_in(&cookies),
        "and the refresh token brings new ones"
    );
}

#[test]
fn a_keys_command_makes_no_key_file() {
    let (place, elsewhere) = (Place::new(), Place::new());
    drop(place.serve(&JWT));
    let database = format!("sqlite://{}", place.path().join("lockjar.db").display());
    for command in [&["list"][..], &["rotate"], &["revoke", "x"]] {
        let arguments = [&["keys"], command, &JWT, &["--database", &database]].concat();
        assert!(complaint(elsewhere.run(&arguments)).contains("lockjar.key"));
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}

#[test]
fn keys_are_rotated_and_revoked_while_it_serves() {
    let place = Place::new();
    let server = place.serve(&JWT);
    let cookie = register(&server, "alice");
    let before = keys(&place, &["list"]);
    let (kid, line) = before.trim().split_once('\t').unwrap();
    assert!(
        line.starts_with("EdDSA\t") && line.ends_with("\tsigns"),
        "{line}"
    );
    let after = keys(&place, &["rotate"]);
    assert_eq!(after.lines().count(), 2, "{after}");
    assert!(
        after
            .lines()
            .nth(1)
            .unwrap()
            .contains("published; signs from"),
        "{after}"
    );
    eventually("the running server publishes the new key", || {
        server
            .get("/.well-known/jwks.json", "")
            .body
            .matches("\"kid\"")
            .count()
            == 2
    });
    assert!(server.is_in(&cookie), "rotating logs nobody out");
    keys(&place, &["revoke", kid]);
    eventually("the running server refuses what it signed", || {
        !server.is_in(&cookie)
    });
    assert!(keys(&place, &["list"]).contains("\trevoked "));
    let unknown = complaint(place.run(&["keys", "revoke", "nonsense", "--token", "jwt"]));
    assert!(unknown.contains("keys list"), "{unknown}");
}

#[test]
fn without_jwts_there_are_no_keys() {
    let place = Place::new();
    drop(place.serve(&[]));
    for command in [
        &["list"][..],
        &["rotate"],
        &["revoke", "x"],
        &["revoke", "--all"],
    ] {
        let complaint = complaint(place.run(&[&["keys"], command].concat()));
        assert!(complaint.contains("--token jwt"), "{complaint}");
    }
}
