//! Tabs of one browser that refresh at once, each on a connection of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::support::{PASSWORD, Place, Server};

const TABS: usize = 50;

/// The two cookies that an answer has set.
#[derive(Debug)]
struct Pair {
    access: String,
    refresh: String,
}

impl Pair {
    fn of(mut cookies: Vec<String>) -> Self {
        cookies.retain(|cookie| !cookie.starts_with("lockjar_device"));
        let [access, refresh] = <[String; 2]>::try_from(cookies).unwrap();
        assert!(access.starts_with("access_token=") && refresh.starts_with("refresh_token="));
        Self { access, refresh }
    }

    fn both(&self) -> String {
        format!("{}; {}", self.access, self.refresh)
    }
}

#[test]
fn fifty_tabs_that_refresh_at_once_get_one_successor_until_a_log_out_ends_it() {
    let place = Place::new();
    let server = place.serve(&["--token", "jwt"]);
    let form = [("username", "alice"), ("password", PASSWORD)];
    let first = Pair::of(server.post("/register", "", &form).cookies);
    let tabs = at_once(&server, &first.refresh);
    assert_ne!(tabs[0].refresh, first.refresh);
    for tab in &tabs {
        assert_eq!(tab.refresh, tabs[0].refresh, "one successor");
        assert!(server.is_in(&tab.access));
    }
    let answer = server.post("/refresh", &tabs[0].refresh, &[]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let last = Pair::of(answer.cookies);
    assert_ne!(last.refresh, tabs[0].refresh, "the successor moves on");
    assert_eq!(server.post("/logout", &last.both(), &[]).status, 200);
    for pair in tabs.iter().chain([&first, &last]) {
        assert!(!server.is_in(&pair.access));
        assert_eq!(server.post("/refresh", &pair.refresh, &[]).status, 401);
    }
}

/// Refreshes by the same token on every connection; none begins before all are open.
fn at_once(server: &Server, refresh: &str) -> Vec<Pair> {
    let ready = Barrier::new(TABS);
    thread::scope(|scope| {
        let tab = || {
            let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
            ready.wait();
            Pair::of(refresh_on(stream, refresh))
        };
        let tabs: Vec<_> = (0..TABS).map(|_| scope.spawn(tab)).collect();
        tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
    })
}

/// The cookies of the answer, which must be 200.
fn refresh_on(mut stream: TcpStream, refresh: &str) -> Vec<String> {
    let wait = Some(Duration::from_secs(30));
    stream.set_read_timeout(wait).unwrap();
    let head = "POST /refresh HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0";
    write!(stream, "{head}\r\nCookie: {refresh}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let lines = answer.lines();
    let cookies = lines.filter_map(|line| line.strip_prefix("set-cookie: "));
    cookies
        .map(|cookie| cookie.split(';').next().unwrap().to_owned())
        .collect()
}
