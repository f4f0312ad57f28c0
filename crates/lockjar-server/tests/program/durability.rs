//! What was acknowledged is there afterwards, however the process ended.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::support::{PASSWORD, Place, Server};

/// What the clients were told.
#[derive(Default)]
struct Told {
    registered: Mutex<Vec<String>>,
    logged_in: Mutex<Vec<String>>,
    logged_out: Mutex<Vec<String>>,
}

/// Signs up, logs in and logs out until the server is gone, and notes only what was acknowledged.
fn live(server: &Server, told: &Told, next: &AtomicU32, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let name = format!("user{}", next.fetch_add(1, Ordering::SeqCst));
        let form = [("username", name.as_str()), ("password", PASSWORD)];
        let Some(registered) = server.try_post("/register", "", &form) else {
            return;
        };
        assert_eq!(registered.status, 201, "{}", registered.body);
        told.registered.lock().unwrap().push(name.clone());
        let Some(logged_in) = server.try_post("/login", "", &form) else {
            return;
        };
        assert_eq!(logged_in.status, 200, "{}", logged_in.body);
        told.logged_in
            .lock()
            .unwrap()
            .push(logged_in.cookie.unwrap());
        let cookie = registered.cookie.unwrap();
        let Some(logged_out) = server.try_post("/logout", &cookie, &[]) else {
            return;
        };
        assert_eq!(logged_out.status, 200, "{}", logged_out.body);
        told.logged_out.lock().unwrap().push(cookie);
    }
}

#[test]
fn everything_acknowledged_holds_after_kill_9_under_load() {
    let place = Place::new();
    let settings = ["--cookie-name", "session", "--throttle-sign-ups", "1000000"];
    let (told, next) = (Told::default(), AtomicU32::new(0));
    for round in 0..3 {
        let mut server = place.serve(&settings);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| live(&server, &told, &next, &stop));
            }
            std::thread::sleep(Duration::from_millis(1500 + round * 137));
            server.signal("-KILL");
            stop.store(true, Ordering::SeqCst);
        });
        server.wait();
    }
    let server = place.serve(&settings);
    let (registered, logged_in, logged_out) = (
        told.registered.into_inner().unwrap(),
        told.logged_in.into_inner().unwrap(),
        told.logged_out.into_inner().unwrap(),
    );
    assert!(
        logged_out.len() > 3,
        "there was a load: {} log-outs",
        logged_out.len()
    );
    let users = String::from_utf8(place.run(&["user", "list"]).stdout).unwrap();
    for name in &registered {
        assert!(
            users
                .lines()
                .any(|line| line.split('\t').next() == Some(name)),
            "{name} was acknowledged and is gone"
        );
    }
    assert!(
        logged_in.iter().all(|cookie| server.is_in(cookie)),
        "a log-in was acknowledged and is gone"
    );
    assert!(
        logged_out.iter().all(|cookie| !server.is_in(cookie)),
        "a log-out was acknowledged and is undone"
    );
}

/// `strace` shows the order in which the kernel was asked: the log is synced, and only then the answer is sent.
#[test]
fn the_sync_comes_before_the_answer() {
    let place = Place::new();
    let calls = "trace=fsync,fdatasync,sendto,write,writev,sendmsg";
    let wrapper = ["strace", "-f", "-y", "-s", "64", "-e", calls, "-o", "calls"];
    let server = place.start(place.wrapped(&wrapper), &[]);
    let cookie = server.register("alice");
    assert_eq!(server.log_in("alice").status, 200);
    assert_eq!(server.post("/logout", &cookie, &[]).status, 200);
    let pid =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.pid())).unwrap();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", pid.trim()])
            .status()
            .unwrap()
            .success()
    );
    let mut server = server;
    server.wait();
    let calls = std::fs::read_to_string(place.path().join("calls")).unwrap();
    for answer in ["HTTP/1.1 201", "HTTP/1.1 200"] {
        let mut synced = false;
        let mut answers = 0;
        for line in calls.lines() {
            if line.contains("sync(") && line.contains("lockjar.db-wal") {
                synced = true;
            } else if line.contains("HTTP/1.1 20") {
                if line.contains(answer) {
                    assert!(synced, "answered before the sync: {line}");
                    answers += 1;
                }
                synced = false;
            }
        }
        assert_eq!(
            answers,
            if answer.ends_with("201") { 1 } else { 2 },
            "{calls}"
        );
    }
}
