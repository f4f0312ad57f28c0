//! When the disk or the file will not do what it should: the caller is told no, and the process lives on.

use std::process::Command;
use std::time::Duration;

use super::support::{PASSWORD, Place, eventually};

#[test]
fn a_full_disk_refuses_changes_and_loses_nothing() {
    let place = Place::new();
    // Files may not grow beyond 400 KiB, and the signal that would kill the process for trying is ignored.
    let limited = "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\"";
    let server = place.start(
        place.wrapped(&["bash", "-c", limited]),
        &["--cookie-name", "session", "--throttle-sign-ups", "1000000"],
    );
    let cookie = server.register("alice");
    let mut registered = vec!["alice".to_owned()];
    let refused = (0..400).find_map(|number| {
        let name = format!("user{number}");
        let answer = server.post(
            "/register",
            "",
            &[("username", &name), ("password", PASSWORD)],
        );
        match answer.status {
            201 => {
                registered.push(name);
                None
            }
            _ => Some((name, answer)),
        }
    });
    let (name, answer) = refused.expect("the disk was never full");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(
        answer.cookie.is_none() && answer.body.contains("\"unavailable\""),
        "{}",
        answer.body
    );
    assert!(server.is_in(&cookie), "who is logged in stays logged in");
    assert_eq!(server.get("/health/live", "").status, 200);
    drop(server);
    let server = place.serve(&["--cookie-name", "session"]);
    assert!(server.is_in(&cookie));
    let users = String::from_utf8(place.run(&["user", "list"]).stdout).unwrap();
    let known = |name: &str| {
        users
            .lines()
            .any(|line| line.split('\t').next() == Some(name))
    };
    assert!(
        registered.iter().all(|name| known(name)),
        "what was acknowledged is there"
    );
    assert!(!known(&name), "what was refused is not");
    assert_eq!(
        server
            .post(
                "/register",
                "",
                &[("username", &name), ("password", PASSWORD)]
            )
            .status,
        201
    );
}

#[test]
fn a_locked_file_refuses_changes_until_it_is_free() {
    let place = Place::new();
    let server = place.serve(&[]);
    let cookie = server.register("alice");
    assert!(server.is_in(&cookie));
    let script = "import sqlite3,sys\nc=sqlite3.connect('lockjar.db',isolation_level=None)\n\
                  c.execute('BEGIN IMMEDIATE')\nprint('locked',flush=True)\nsys.stdin.read()";
    let mut locker = Command::new("python3")
        .args(["-c", script])
        .current_dir(place.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(locker.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    assert_eq!(line.trim(), "locked");
    let answer = server.log_in("alice");
    assert_eq!(
        (answer.status, answer.cookie),
        (503, None),
        "{}",
        answer.body
    );
    let answer = server.post("/logout", &cookie, &[]);
    assert_eq!(
        (answer.status, answer.cookie),
        (503, None),
        "a log-out that did not happen is not claimed"
    );
    assert!(server.is_in(&cookie), "readers do not wait for a writer");
    drop(locker.stdin.take());
    locker.wait().unwrap();
    assert_eq!(server.log_in("alice").status, 200);
    assert_eq!(server.post("/logout", &cookie, &[]).status, 200);
    assert!(!server.is_in(&cookie));
}

#[test]
fn a_store_that_cannot_be_read_is_503_and_never_401() {
    let place = Place::new();
    let server = place.serve(&["--cookie-name", "session"]);
    let (cached, uncached) = (
        server.register("alice"),
        server.log_in("alice").cookie.unwrap(),
    );
    assert!(server.is_in(&cached));
    std::fs::rename(
        place.path().join("lockjar.db"),
        place.path().join("moved.db"),
    )
    .unwrap();
    eventually("the cache is no longer believed", || {
        server.get("/health/ready", "").status == 503
    });
    std::thread::sleep(Duration::from_secs(1));
    // What the process still has open it may still read; what it cannot know it does not claim.
    for cookie in [&cached, &uncached] {
        assert_ne!(server.get("/protected", cookie).status, 401);
    }
    std::fs::rename(
        place.path().join("moved.db"),
        place.path().join("lockjar.db"),
    )
    .unwrap();
    eventually("the store is back", || {
        server.get("/health/ready", "").status == 200
    });
    assert!(server.is_in(&cached) && server.is_in(&uncached));
}
