//! Guessing: by one or by many, at one account or at all, in turn or at once.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use lockjar::address::{ForwardedHeader, TrustedProxies};
use lockjar::throttle::PerAddress;

use super::support::{Answer, FORM, PASSWORD, Site, encoded, request};

const URL: &str = "https://app.example.com";
const WRONG: &str = "not the one that it is";
const LONG: Duration = Duration::from_secs(3600);

/// A browser somewhere, with its cookies.
#[derive(Clone, Default)]
struct Browser {
    address: String,
    cookies: Vec<(String, String)>,
    forwarded: String,
}

impl Browser {
    fn at(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            ..Self::default()
        }
    }

    async fn post(&mut self, site: &Site, path: &str, form: &[(&str, &str)]) -> Answer {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let headers = [
            ("content-type", FORM),
            ("cookie", &pairs.join("; ")),
            ("x-forwarded-for", &self.forwarded),
        ];
        let mut asked = request("POST", path, &headers, &encoded(form));
        if !self.address.is_empty() {
            let peer = SocketAddr::new(self.address.parse().unwrap(), 40_000);
            asked.extensions_mut().insert(ConnectInfo(peer));
        }
        let answer = site.ask(asked).await;
        for value in answer.headers.get_all("set-cookie") {
            let text = value.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(kept, _)| kept != name);
            if !text.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    async fn log_in(&mut self, site: &Site, name: &str, password: &str) -> Answer {
        self.post(
            site,
            "/login",
            &[("username", name), ("password", password)],
        )
        .await
    }

    async fn register(&mut self, site: &Site, name: &str) -> Answer {
        self.post(
            site,
            "/register",
            &[("username", name), ("password", PASSWORD)],
        )
        .await
    }

    /// The status of a log-in.
    async fn tries(&mut self, site: &Site, name: &str, password: &str) -> u16 {
        self.log_in(site, name, password).await.status.as_u16()
    }
}

/// Another address for each, in networks of their own.
fn stranger(number: u32) -> Browser {
    let [_, a, b, c] = number.to_be_bytes();
    Browser::at(&format!("100.{a}.{b}.{c}"))
}

async fn site() -> Site {
    Site::with(URL, |builder| builder).await
}

/// A site on which alice has logged in from home.
async fn with_alice() -> (Site, Browser) {
    let (site, mut home) = (site().await, Browser::at("198.51.100.1"));
    assert_eq!(home.register(&site, "alice").await.status, 201);
    (site, home)
}

/// A thousand guesses from a thousand places, as soon as each may come: how many were tried.
async fn storm(site: &Site, name: &str) -> u32 {
    let mut tried = 0;
    for number in 0..1_000 {
        let answer = stranger(number).log_in(site, name, WRONG).await;
        match answer.status.as_u16() {
            401 => tried += 1,
            429 => {
                assert!(answer.set_cookies().is_empty() && answer.code() == "too_many_attempts");
                let wait = answer.header("retry-after").parse().unwrap();
                site.pass(Duration::from_secs(wait));
            }
            other => panic!("{other}"),
        }
    }
    tried
}

#[tokio::test]
async fn of_a_thousand_guesses_eighty_are_tried_and_the_owner_still_logs_in_where_they_did_before()
{
    let (site, mut home) = with_alice().await;
    let mut bobs = Browser::at("198.51.100.2");
    assert_eq!(bobs.register(&site, "bob").await.status, 201);
    assert_eq!(home.post(&site, "/logout", &[]).await.status, 200);
    assert_eq!(storm(&site, "alice").await, 80);
    assert_eq!(
        stranger(7).tries(&site, "alice", PASSWORD).await,
        429,
        "strangers may not, whatever they know"
    );
    assert_eq!(
        bobs.tries(&site, "alice", PASSWORD).await,
        429,
        "nor on a device of another account"
    );
    // Ten failures of the owner's own.
    for _ in 0..9 {
        assert_eq!(home.tries(&site, "alice", WRONG).await, 401);
    }
    assert_eq!(home.tries(&site, "alice", PASSWORD).await, 200);
    // That has let strangers try again.
    assert_eq!(stranger(7).tries(&site, "alice", WRONG).await, 401);
}

#[tokio::test]
async fn eleven_failures_make_a_stranger_of_a_device() {
    let (site, mut home) = with_alice().await;
    assert_eq!(storm(&site, "alice").await, 80);
    for _ in 0..10 {
        assert_eq!(home.tries(&site, "alice", WRONG).await, 401);
    }
    assert_eq!(home.tries(&site, "alice", PASSWORD).await, 429);
    site.pass(LONG * 1000);
    assert_eq!(
        home.tries(&site, "alice", PASSWORD).await,
        429,
        "time gives nothing back"
    );
    site.auth.operator().unlock("ALICE").await.unwrap();
    assert_eq!(home.tries(&site, "alice", PASSWORD).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_are_counted_before_they_are_hashed() {
    let (site, _) = with_alice().await;
    let site = std::sync::Arc::new(site);
    let guesses: Vec<_> = (0..60)
        .map(|number| {
            let site = std::sync::Arc::clone(&site);
            tokio::spawn(async move { stranger(number).tries(&site, "alice", WRONG).await })
        })
        .collect();
    let mut answers = Vec::new();
    for guess in guesses {
        answers.push(guess.await.unwrap());
    }
    let tried = answers.iter().filter(|status| **status == 401).count();
    assert!(tried <= 11, "negative test 13: {tried} of {answers:?}");
    assert!(
        tried > 0
            && answers
                .iter()
                .all(|status| [401, 429, 503].contains(status))
    );
}

#[tokio::test]
async fn a_name_that_nobody_has_is_throttled_as_one_that_somebody_has() {
    let (site, _) = with_alice().await;
    let mut told = Vec::new();
    for name in ["alice", "nobody", "nobody can have this"] {
        let mut answers = Vec::new();
        for number in 0..20 {
            let answer = stranger(number).log_in(&site, name, WRONG).await;
            let wait = answer.header("retry-after").to_owned();
            answers.push((answer.status, wait, answer.text));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    assert_eq!(told[0][19].0, 429);
}

/// Negative test 12.
#[tokio::test]
async fn every_spelling_of_a_name_counts_against_one_account() {
    let (site, _) = with_alice().await;
    let spellings = ["alice", "ALICE", "Alice", "aLICE", "\u{ff41}lice", "alicE"];
    for (number, name) in spellings.iter().cycle().take(11).enumerate() {
        let mut stranger = stranger(u32::try_from(number).unwrap());
        assert_eq!(stranger.tries(&site, name, WRONG).await, 401, "{name}");
    }
    assert_eq!(stranger(99).tries(&site, "AlicE", WRONG).await, 429);
}

/// Negative test 10.
#[tokio::test]
async fn no_other_spelling_of_the_path_leads_past_the_throttle() {
    let (site, _) = with_alice().await;
    for number in 0..11 {
        assert_eq!(stranger(number).tries(&site, "alice", WRONG).await, 401);
    }
    let form = [("username", "alice"), ("password", PASSWORD)];
    for path in [
        "/login",
        "//login",
        "/login/",
        "/LOGIN",
        "/./login",
        "/%6cogin",
        "/login;a=b",
        "/login?a=b",
    ] {
        let answer = stranger(7).post(&site, path, &form).await;
        assert!(
            [404, 429].contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.status
        );
        assert!(answer.device().is_none());
    }
}

#[tokio::test]
async fn an_address_has_a_hundred_failures_an_hour_whatever_the_name_and_successes_give_none_back()
{
    let (site, mut home) = with_alice().await;
    for number in 0..100 {
        let mut here = Browser::at("203.0.113.5");
        assert_eq!(
            here.tries(&site, &format!("somebody{number}"), WRONG).await,
            401
        );
        if number == 50 {
            let mut here = Browser::at("203.0.113.5");
            assert_eq!(here.tries(&site, "alice", PASSWORD).await, 200);
        }
    }
    let mut here = Browser::at("203.0.113.5");
    let answer = here.log_in(&site, "somebody", WRONG).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (429, "36")
    );
    assert_eq!(
        Browser::at("203.0.113.6")
            .tries(&site, "somebody", WRONG)
            .await,
        401
    );
    home.address = "203.0.113.5".to_owned();
    assert_eq!(
        home.tries(&site, "alice", PASSWORD).await,
        200,
        "a known device is asked nothing of its address"
    );
    site.pass(Duration::from_secs(36));
    assert_eq!(here.tries(&site, "somebody", WRONG).await, 401);
    assert_eq!(here.tries(&site, "somebody", WRONG).await, 429);
}

/// Negative test 9.
#[tokio::test]
async fn addresses_of_one_ipv6_network_are_one_however_they_are_written() {
    let site = site().await;
    let network = |number: u32| Browser::at(&format!("2001:db8:1:2:{number:x}::1"));
    for number in 0..100 {
        assert_eq!(
            network(number)
                .tries(&site, &format!("somebody{number}"), WRONG)
                .await,
            401
        );
    }
    assert_eq!(network(5000).tries(&site, "somebody", WRONG).await, 429);
    assert_eq!(
        Browser::at("2001:db8:1:3::1")
            .tries(&site, "somebody", WRONG)
            .await,
        401
    );
    for number in 0..100 {
        let mut mapped = Browser::at(if number % 2 == 0 {
            "::ffff:203.0.113.9"
        } else {
            "203.0.113.9"
        });
        assert_eq!(
            mapped.tries(&site, &format!("other{number}"), WRONG).await,
            401
        );
    }
    assert_eq!(
        Browser::at("203.0.113.9")
            .tries(&site, "somebody", WRONG)
            .await,
        429
    );
}

/// Negative test 11.
#[tokio::test]
async fn nobody_chooses_the_address_that_they_are_counted_by() {
    let proxies = TrustedProxies::new(["10.0.0.0/8"], ForwardedHeader::XForwardedFor).unwrap();
    let few = PerAddress {
        failures: 3,
        ..PerAddress::default()
    };
    let site = Site::with(URL, |builder| {
        builder.trust_proxies(proxies).per_address(few)
    })
    .await;
    let mut number = 0;
    let mut left = async |peer: &str, header: &dyn Fn(u32) -> String| {
        for tried in 0..10 {
            number += 1;
            let mut browser = Browser::at(peer);
            browser.forwarded = header(number);
            if browser
                .tries(&site, &format!("somebody{number}"), WRONG)
                .await
                == 429
            {
                return tried;
            }
        }
        10
    };
    assert_eq!(
        left("203.0.113.1", &|n| format!("198.51.100.{n}")).await,
        3,
        "no proxy of ours"
    );
    assert_eq!(
        left("10.0.0.1", &|n| format!("100.1.1.{n}, 198.51.100.77")).await,
        3,
        "made up on the left"
    );
    assert_eq!(
        left("10.0.0.1", &|n| format!("198.51.100.{n}")).await,
        10,
        "our proxy's word"
    );
    assert_eq!(
        left("10.0.0.2", &|n| format!("unreadable{n}")).await,
        3,
        "the proxy's own"
    );
    assert_eq!(
        left("10.0.0.3", &|_| String::new()).await,
        3,
        "the proxy's own"
    );
    // Where the server does not say where connections come from, all together have a limit.
    let mut tried = 0;
    while Browser::default()
        .tries(&site, &format!("nowhere{tried}"), WRONG)
        .await
        == 401
    {
        tried += 1;
    }
    assert_eq!(tried, 30);
}

#[tokio::test]
async fn the_device_cookie_is_out_of_reach_for_scripts_and_outlives_the_session() {
    let (site, mut home) = (site().await, Browser::at("198.51.100.1"));
    let answer = home.register(&site, "alice").await;
    let (pair, attributes) = answer.device().unwrap().split_once(';').unwrap();
    assert_eq!(
        attributes,
        " HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=34560000"
    );
    assert!(pair.starts_with("__Host-Http-device="), "{pair}");
    let device = home
        .cookies
        .iter()
        .find(|(name, _)| name.ends_with("device"))
        .cloned()
        .unwrap();
    assert_eq!(home.post(&site, "/logout/all", &[]).await.status, 200);
    assert_eq!(home.cookies.len(), 1, "a log-out leaves it");
    assert_eq!(home.cookies[0], device);
    let answer = home.log_in(&site, "alice", PASSWORD).await;
    assert_eq!(answer.status, 200);
    let (again, _) = answer.device().unwrap().split_once(';').unwrap();
    assert_eq!(again, pair, "the same for as long again");
    for name in ["session", "device"] {
        let mut only = Browser::at("198.51.100.1");
        only.cookies = vec![(format!("__Host-Http-{name}"), device.1.clone())];
        let answer = only.post(&site, "/logout/all", &[]).await;
        assert_eq!(answer.status, 401, "it opens nothing");
    }
}

#[tokio::test]
async fn a_new_password_makes_strangers_of_all_devices_but_its_own() {
    let (site, mut home) = with_alice().await;
    let (stolen, mut phone) = (home.clone(), Browser::at("192.0.2.1"));
    assert_eq!(phone.tries(&site, "alice", PASSWORD).await, 200);
    let form = [
        ("current_password", PASSWORD),
        ("new_password", "quite another umbrella"),
    ];
    assert_eq!(home.post(&site, "/password", &form).await.status, 200);
    assert_eq!(storm(&site, "alice").await, 80);
    for mut other in [phone, stolen] {
        let status = other.tries(&site, "alice", "quite another umbrella").await;
        assert_eq!(status, 429, "it was known by the old password");
    }
    let status = home.tries(&site, "alice", "quite another umbrella").await;
    assert_eq!(status, 200, "the one that set the new one is known by it");
}

/// Whoever has found a session that is open has no more guesses at its password than others.
#[tokio::test]
async fn guesses_at_the_current_password_are_counted_too() {
    let (site, mut home) = with_alice().await;
    home.cookies.retain(|(name, _)| name.ends_with("session"));
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let form = [
            ("current_password", WRONG),
            ("new_password", "quite another umbrella"),
        ];
        statuses.push(home.post(&site, "/password", &form).await.status.as_u16());
    }
    assert_eq!(statuses, [&[422; 11][..], &[429]].concat());
}

#[tokio::test]
async fn an_address_has_thirty_sign_ups_an_hour() {
    let site = site().await;
    for number in 0..30 {
        let mut here = Browser::at("203.0.113.5");
        // A taken name counts, since it says who has an account, and what breaks a rule, since it has to be looked at.
        let (name, status) = match number % 3 {
            0 => (format!("user{number}"), 201),
            1 => ("user0".to_owned(), 409),
            _ => ("a b".to_owned(), 422),
        };
        assert_eq!(here.register(&site, &name).await.status, status);
    }
    let answer = Browser::at("203.0.113.5").register(&site, "another").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (429, "120")
    );
    let elsewhere = Browser::at("203.0.113.6").register(&site, "another").await;
    assert_eq!(elsewhere.status, 201);
}

/// Somebody has made a name useless before it was anybody's.
#[tokio::test]
async fn failures_at_a_name_end_when_it_becomes_an_accounts() {
    let site = site().await;
    assert_eq!(storm(&site, "alice").await, 80);
    assert_eq!(
        Browser::at("192.0.2.1")
            .register(&site, "alice")
            .await
            .status,
        201
    );
    assert_eq!(
        Browser::at("192.0.2.2")
            .tries(&site, "alice", PASSWORD)
            .await,
        200
    );
}

#[tokio::test]
async fn who_logs_in_elsewhere_is_remembered_there_too() {
    let (site, mut home) = with_alice().await;
    let mut phone = Browser::at("192.0.2.1");
    site.pass(Duration::from_secs(1));
    assert_eq!(phone.tries(&site, "alice", PASSWORD).await, 200);
    assert_eq!(storm(&site, "alice").await, 80);
    assert_eq!(phone.tries(&site, "alice", WRONG).await, 401);
    assert_eq!(home.tries(&site, "alice", WRONG).await, 401);
    assert_eq!(home.tries(&site, "alice", PASSWORD).await, 200);
}

/// Whoever cannot have an account has no hash made for them, which nobody would have counted.
#[tokio::test]
async fn a_sign_up_that_breaks_a_rule_is_told_all_of_it_and_costs_no_hash() {
    let dear = lockjar::password::Argon2Params {
        memory_kib: 256 * 1024,
        passes: 4,
    };
    let many = PerAddress {
        sign_ups: 1_000,
        ..PerAddress::default()
    };
    let site = Site::with(URL, |builder| builder.argon2(dear).per_address(many)).await;
    let mut here = Browser::at("203.0.113.5");
    // Of a gigabyte to fill each, these would take minutes.
    let asked = tokio::time::timeout(Duration::from_secs(20), async {
        for _ in 0..200 {
            let form = [("username", "a b"), ("password", PASSWORD)];
            assert_eq!(here.post(&site, "/register", &form).await.status, 422);
        }
        let form = [("username", "a b"), ("password", "short")];
        let issues = here.post(&site, "/register", &form).await.issues();
        let fields: Vec<_> = issues.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["username", "password"]);
    });
    asked.await.unwrap();
}

#[tokio::test]
async fn the_operator_unlocks_by_name() {
    let (site, _) = with_alice().await;
    assert_eq!(storm(&site, "alice").await, 80);
    assert_eq!(
        Browser::at("192.0.2.1")
            .tries(&site, "alice", PASSWORD)
            .await,
        429
    );
    site.auth.operator().unlock("alice").await.unwrap();
    assert_eq!(
        Browser::at("192.0.2.1")
            .tries(&site, "alice", PASSWORD)
            .await,
        200
    );
    assert!(site.auth.operator().unlock("nobody").await.is_err());
}
