//! A site on a real SQLite file, asked through its router.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use lockjar::clock::{Clock, ManualClock, Timestamp};
use lockjar::password::Argon2Params;
use lockjar::session::Session;
use lockjar::{Auth, Builder};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "gravel umbrella seventeen";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Hashing that costs next to nothing; what it costs is not what is tested here.
pub(crate) const CHEAP: Argon2Params = Argon2Params {
    memory_kib: 64,
    passes: 1,
};

pub(crate) struct Site {
    pub(crate) auth: Auth,
    pub(crate) router: Router,
    pub(crate) clock: Arc<ManualClock>,
    folder: TempDir,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with("http://localhost:8000", |builder| builder).await
    }

    pub(crate) async fn with(url: &str, change: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("sqlite://{}", folder.path().join("a.db").display());
        Self::over(url, folder, |builder| async move {
            change(builder).open(&path).await
        })
        .await
    }

    /// On whatever store `open` opens, with its files in `folder`.
    pub(crate) async fn over<Opening>(
        url: &str,
        folder: TempDir,
        open: impl FnOnce(Builder) -> Opening,
    ) -> Self
    where
        Opening: Future<Output = Result<Auth, lockjar::OpenError>>,
    {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let builder = Auth::builder(url).argon2(CHEAP).clock(clock.clone());
        let auth = open(builder).await.unwrap();
        Self {
            router: auth.router(),
            auth,
            clock,
            folder,
        }
    }

    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("a.db")
    }

    /// Lets time pass; the change feed is read by the real clock, so the cache is not believed right after.
    pub(crate) fn pass(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        Answer::from_router(self.router.clone(), request).await
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.ask(request("GET", path, &[("cookie", cookie)], ""))
            .await
    }

    /// As a browser opens a page.
    pub(crate) async fn page(&self, path: &str, cookie: &str) -> Answer {
        self.ask(request(
            "GET",
            path,
            &[("cookie", cookie), ("accept", "text/html,*/*")],
            "",
        ))
        .await
    }

    pub(crate) async fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Answer {
        self.ask(request(
            "POST",
            path,
            &[("cookie", cookie), ("content-type", FORM)],
            &encoded(form),
        ))
        .await
    }

    /// As a browser sends a form.
    pub(crate) async fn submit(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Answer {
        let headers = [
            ("cookie", cookie),
            ("content-type", FORM),
            ("accept", "text/html,*/*"),
        ];
        self.ask(request("POST", path, &headers, &encoded(form)))
            .await
    }

    pub(crate) async fn json(&self, path: &str, body: &str) -> Answer {
        self.ask(request(
            "POST",
            path,
            &[("content-type", "application/json")],
            body,
        ))
        .await
    }

    /// Signs up and answers the cookie as the browser will send it.
    pub(crate) async fn register(&self, name: &str) -> String {
        let answer = self
            .post(
                "/register",
                "",
                &[("username", name), ("password", PASSWORD)],
            )
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.cookie()
    }

    pub(crate) async fn log_in(&self, name: &str) -> String {
        let answer = self
            .post("/login", "", &[("username", name), ("password", PASSWORD)])
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.cookie()
    }

    pub(crate) async fn is_in(&self, cookie: &str) -> bool {
        match self.get("/protected", cookie).await.status.as_u16() {
            200 => true,
            401 => false,
            other => panic!("neither in nor out: {other}"),
        }
    }

    /// Waits until the store knows that the session was used now; uses are written down in batches.
    pub(crate) async fn until_seen(&self, cookie: &str) {
        let now = self.clock.now();
        let user = self.get("/me", cookie).await.json()["username"].clone();
        let user = self
            .auth
            .operator()
            .user(user.as_str().unwrap())
            .await
            .unwrap();
        for _ in 0..200 {
            let sessions = self.auth.operator().sessions(user.id).await.unwrap();
            let of_cookie = |session: &&Session| session.id.to_string() == session_id(cookie);
            if sessions.iter().find(of_cookie).unwrap().last_seen_at == now {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the use was not written down within ten seconds");
    }

    /// Accounts and their live sessions: what there is to be written.
    pub(crate) async fn written(&self) -> (usize, usize) {
        let users = self.auth.operator().users().await.unwrap();
        let mut sessions = 0;
        for user in &users {
            sessions += self.auth.operator().sessions(user.id).await.unwrap().len();
        }
        (users.len(), sessions)
    }
}

pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Body> {
    raw(method, path, headers, body.as_bytes().to_vec())
}

pub(crate) fn raw(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        builder = builder.header(*name, value.as_bytes());
    }
    builder.body(Body::from(body)).unwrap()
}

pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    form.iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect::<Vec<_>>()
        .join("&")
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn from_router(router: Router, request: Request<Body>) -> Self {
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The cookies that were set, without the device's where that came beside a session's.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter();
        let mut cookies: Vec<_> = cookies.map(|value| value.to_str().unwrap()).collect();
        if cookies.len() > 1 {
            cookies.retain(|cookie| !is_of_device(cookie));
        }
        cookies
    }

    /// The device's cookie, as it was set.
    pub(crate) fn device(&self) -> Option<&str> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter();
        cookies
            .map(|value| value.to_str().unwrap())
            .find(|cookie| is_of_device(cookie))
    }

    /// The cookie that was set, as `name=value`.
    pub(crate) fn cookie(&self) -> String {
        let cookies = self.set_cookies();
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        cookies[0].split(';').next().unwrap().to_owned()
    }

    /// The fields and kinds of a 422.
    pub(crate) fn issues(&self) -> Vec<(String, String)> {
        assert_eq!(self.status, 422, "{}", self.text);
        let json = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let issues = json["detail"].as_array().unwrap();
        issues
            .iter()
            .map(|issue| {
                (
                    text(issue["loc"].as_array().unwrap().last().unwrap()),
                    text(&issue["type"]),
                )
            })
            .collect()
    }

    pub(crate) fn is_private(&self) -> bool {
        self.header("cache-control") == "private, no-store"
    }
}

fn is_of_device(cookie: &str) -> bool {
    let name = cookie.split('=').next().unwrap();
    name.contains("device")
}

/// The public half of a cookie.
pub(crate) fn session_id(cookie: &str) -> &str {
    cookie.split(['=', '.']).nth(1).unwrap()
}

/// The half that nobody may see.
pub(crate) fn secret(cookie: &str) -> &str {
    cookie.split('.').nth(1).unwrap()
}
