//! Several nodes on one PostgreSQL.

use lockjar_testing::{Postgres, Redis, free_port};

use super::support::{PASSWORD, Place, Server, eventually};

fn node(place: &Place, database: &str, more: &[&str]) -> Server {
    let common = [
        "--database",
        database,
        "--cookie-name",
        "session",
        "--public-url",
        "http://localhost:8000",
    ];
    // The program says what people open; here each node is asked by itself.
    let address = format!("127.0.0.1:{}", free_port());
    let mut server = place.start_on(&address, &[&common, more].concat());
    server.url = format!("http://{address}");
    server
}

#[test]
fn what_ends_on_one_node_or_by_command_ends_on_all() {
    let postgres = Postgres::start();
    let (place, url) = (Place::new(), postgres.url());
    let nodes = [
        node(&place, &url, &[]),
        node(&place, &url, &[]),
        node(&place, &url, &[]),
    ];
    let cookie = nodes[0].register("alice");
    assert!(
        nodes.iter().all(|node| node.is_in(&cookie)),
        "a session is good everywhere"
    );
    assert_eq!(nodes[1].post("/logout", &cookie, &[]).status, 200);
    assert!(!nodes[1].is_in(&cookie), "here from now on");
    for node in &nodes {
        eventually("it has ended on every node", || !node.is_in(&cookie));
    }
    let cookie = nodes[2].log_in("alice").cookie.unwrap();
    assert!(nodes.iter().all(|node| node.is_in(&cookie)));
    let ended = place.run(&["--database", &url, "user", "disable", "alice"]);
    assert!(ended.status.success(), "{ended:?}");
    for node in &nodes {
        eventually("it has ended on every node", || !node.is_in(&cookie));
    }
    let refused = nodes[0].post(
        "/login",
        "",
        &[("username", "alice"), ("password", PASSWORD)],
    );
    assert_eq!(refused.status, 401);
}

/// A database grows by Redis while people are logged in.
#[test]
fn going_on_with_sessions_in_redis_logs_nobody_out() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let (place, url) = (Place::new(), postgres.url());
    let before = node(&place, &url, &[]);
    let old = before.register("alice");
    let sessions = redis.url();
    let with_redis = ["--sessions", sessions.as_str()];
    let nodes = [
        node(&place, &url, &with_redis),
        node(&place, &url, &with_redis),
    ];
    let new = nodes[0].log_in("alice").cookie.unwrap();
    assert!(
        nodes
            .iter()
            .all(|node| node.is_in(&old) && node.is_in(&new))
    );
    redis.kill_9();
    assert!(
        nodes.iter().all(|node| node.is_in(&new)),
        "it is remembered"
    );
    assert_eq!(nodes[0].post("/logout", &new, &[]).status, 200);
    redis.restart();
    for node in &nodes {
        eventually("it has ended on every node", || !node.is_in(&new));
        assert!(node.is_in(&old));
    }
}

#[test]
fn the_databases_password_is_in_no_log() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let place = Place::new();
    let server = node(&place, &format!("{scheme}://postgres:hunter22@{rest}"), &[]);
    server.register("alice");
    postgres.kill_9();
    eventually("it is noticed", || {
        server.get("/health/ready", "").status == 503
    });
    let log = place.log();
    assert!(log.contains("postgres://127.0.0.1"), "{log}");
    assert!(!log.contains("hunter22"), "{log}");
}

/// The database is gone, and those who are known are let in all the same, as the operator chose; nobody is logged out.
#[test]
fn an_operator_may_choose_to_serve_stale() {
    let postgres = Postgres::start();
    let (place, url) = (Place::new(), postgres.url());
    let strict = node(&place, &url, &[]);
    let stale = node(&place, &url, &["--on-outage", "serve-stale:5m"]);
    let cookie = strict.register("alice");
    assert!(strict.is_in(&cookie) && stale.is_in(&cookie));
    postgres.kill_9();
    eventually("the cache is no longer believed", || {
        strict.get("/protected", &cookie).status == 503
    });
    assert!(stale.is_in(&cookie));
    assert_eq!(
        stale.get("/health/ready", "").status,
        200,
        "it wants requests"
    );
    let checked = place.run(&["--database", &url, "check"]);
    let told = String::from_utf8_lossy(&checked.stdout);
    assert!(
        told.contains("L060") && checked.status.code() == Some(1),
        "{told}"
    );
    postgres.restart();
    eventually("all is as before", || {
        strict.get("/protected", &cookie).status == 200
    });
    assert!(stale.is_in(&cookie));
}
