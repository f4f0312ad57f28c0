//! Over a whole journey no answer and no log line holds a secret.

use super::log::Log;
use super::support::{Answer, FORM, PASSWORD, Site, encoded, request, secret, session_id};

const NEW: &str = "another fine long one";
const WRONG: &str = "a wrong password";
const SHORT: &str = "sh0rt-one";

/// What was told to anybody, Set-Cookie apart, and the secrets that came by.
struct Journey {
    site: Site,
    told: String,
    secrets: Vec<String>,
}

impl Journey {
    async fn begin() -> Self {
        Self {
            site: Site::new().await,
            told: String::new(),
            secrets: Vec::new(),
        }
    }

    fn note(&mut self, mut answer: Answer) -> String {
        let cookies: Vec<String> = answer
            .set_cookies()
            .into_iter()
            .map(str::to_owned)
            .collect();
        answer.headers.remove("set-cookie");
        self.told += &format!("{} {:?} {}\n", answer.status, answer.headers, answer.text);
        let issued = cookies.iter().find(|cookie| cookie.contains('.'));
        let cookie = issued.map_or("", |cookie| cookie.split(';').next().unwrap());
        if !cookie.is_empty() {
            self.secrets.push(secret(cookie).to_owned());
        }
        cookie.to_owned()
    }

    async fn post(&mut self, path: &str, cookie: &str, form: &[(&str, &str)]) -> String {
        let answer = self.site.post(path, cookie, form).await;
        self.note(answer)
    }

    async fn submit(&mut self, path: &str, cookie: &str, form: &[(&str, &str)]) -> String {
        let answer = self.site.submit(path, cookie, form).await;
        self.note(answer)
    }

    async fn send(&mut self, headers: &[(&str, &str)], method: &str, path: &str, body: &str) {
        let answer = self.site.ask(request(method, path, headers, body)).await;
        self.note(answer);
    }

    async fn look_around(&mut self, cookie: &str) {
        for path in [
            "/",
            "/protected",
            "/me",
            "/sessions",
            "/account",
            "/login",
            "/register",
            "/openapi.json",
            "/nowhere",
            "/health/ready",
        ] {
            let answer = self.site.get(path, cookie).await;
            self.note(answer);
            let page = self.site.page(path, cookie).await;
            self.note(page);
        }
    }
}

/// Everything an account goes through when nothing goes wrong.
async fn all_goes_well(journey: &mut Journey) -> String {
    let first = [("username", "alice"), ("password", PASSWORD)];
    let here = journey.post("/register", "", &first).await;
    journey.look_around(&here).await;
    let there = journey.submit("/login", "", &first).await;
    let revoke = format!("/sessions/{}/revoke", session_id(&there));
    journey.post(&revoke, &here, &[]).await;
    let change = [("current_password", PASSWORD), ("new_password", NEW)];
    let here = journey.post("/password", &here, &change).await;
    let again = [
        ("username", "alice"),
        ("password", NEW),
        ("remember", "true"),
    ];
    let there = journey.post("/login", "", &again).await;
    journey.post("/logout/others", &here, &[]).await;
    journey.look_around(&there).await;
    journey.post("/logout", &here, &[]).await;
    journey.post("/login", "", &again).await
}

/// And when it does.
async fn much_goes_wrong(journey: &mut Journey, cookie: &str) {
    let wrong = [("username", "alice"), ("password", WRONG)];
    let short = [("username", "bob"), ("password", SHORT)];
    let taken = [("username", "alice"), ("password", NEW)];
    let change = [("current_password", WRONG), ("new_password", SHORT)];
    for (path, form) in [
        ("/login", &wrong[..]),
        ("/login", &wrong[1..]),
        ("/register", &short),
        ("/register", &taken),
        ("/password", &change),
    ] {
        journey.post(path, cookie, form).await;
        journey.submit(path, cookie, form).await;
    }
    let elsewhere = [("origin", "https://evil.example"), ("cookie", cookie)];
    journey
        .send(&elsewhere, "POST", "/login", &encoded(&wrong))
        .await;
    for (kind, body) in [
        ("application/json", format!(r#"{{"password": "{WRONG}"#)),
        (
            "application/json",
            format!(r#"{{"password": ["{WRONG}"], "client_secret": {{"x": "{WRONG}"}}}}"#),
        ),
        (
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{WRONG}"),
        ),
        (FORM, format!("username=alice&password={WRONG}%ff")),
    ] {
        let headers = [("content-type", kind), ("cookie", cookie)];
        journey.send(&headers, "POST", "/login", &body).await;
    }
    let twice = format!("{cookie}; {cookie}x");
    journey.look_around(&twice).await;
    journey.look_around(&format!("{cookie}x")).await;
    // A faulty store's words are logged; its arguments must not be.
    std::fs::remove_file(journey.site.database()).unwrap();
    journey.look_around(cookie).await;
    journey.site.auth.close().await;
    journey.look_around(cookie).await;
    journey.submit("/login", cookie, &wrong).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_and_no_log_line_holds_a_secret() {
    let log = Log::of_the_process();
    let mut journey = Journey::begin().await;
    let cookie = all_goes_well(&mut journey).await;
    much_goes_wrong(&mut journey, &cookie).await;
    std::thread::spawn(|| tracing::trace!("on another thread"))
        .join()
        .unwrap();
    let (told, logged) = (journey.told, log.text());
    assert!(
        told.contains(session_id(&cookie)) && logged.contains(session_id(&cookie)),
        "there is something to look at"
    );
    for said in [
        "a user logged in",
        "cross_origin_refused",
        "on another thread",
        "password_changed",
    ] {
        assert!(logged.contains(said), "{said} is logged");
    }
    assert_eq!(journey.secrets.len(), 5, "each session had a secret");
    journey
        .secrets
        .extend([PASSWORD, NEW, WRONG, SHORT, "$argon2"].map(str::to_owned));
    for secret in journey.secrets {
        let spelt = [
            secret.clone(),
            secret.replace(' ', "+"),
            secret.replace(' ', "%20"),
        ];
        for spelt in spelt {
            assert!(!told.contains(&spelt), "{spelt} was told");
            // Other tests run beside this one and log too, with the same passwords.
            assert!(!logged.contains(&spelt), "{spelt} was logged");
        }
    }
}
