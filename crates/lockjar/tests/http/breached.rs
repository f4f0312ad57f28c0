//! Passwords that were stolen elsewhere: refused wherever one is set, never where somebody logs in.

use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lockjar::password::{Blocklist, BlocklistWriter, BreachedPasswords, Password};
use lockjar::{Builder, Error};
use sha1::{Digest, Sha1};
use tokio::sync::Semaphore;

use super::log::Log;
use super::support::{Answer, FORM, PASSWORD, Site, encoded, request};

const STOLEN: &str = "horses cannot read maps";
const NEW: &str = "another fine long one";

fn sha1(password: &str) -> [u8; 20] {
    Sha1::digest(password.as_bytes()).into()
}

fn hex(password: &str) -> String {
    sha1(password)
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

/// The file's bytes, with this one password in it.
fn list_of(password: &str) -> Vec<u8> {
    let mut writer = BlocklistWriter::new(Cursor::new(Vec::new()), 1 << 20).unwrap();
    writer.add(&sha1(password)).unwrap();
    writer.finish().unwrap().into_inner()
}

fn with_list(builder: Builder) -> Builder {
    builder.password_blocklist(Blocklist::read(Cursor::new(list_of(STOLEN))).unwrap())
}

/// Knows one stolen password, or fails, and remembers what it was asked.
struct Service {
    fails: bool,
    asked: Mutex<Vec<String>>,
}

impl Service {
    fn new(fails: bool) -> Arc<Self> {
        Arc::new(Self {
            fails,
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl BreachedPasswords for Service {
    async fn range(
        &self,
        prefix: &str,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        self.asked.lock().unwrap().push(prefix.to_owned());
        let (told, kept) = (&hex(STOLEN)[..5], &hex(STOLEN)[5..]);
        let padding = format!("{}:0\r\n", "A".repeat(35));
        match (self.fails, prefix == told) {
            (true, _) => Err(format!("GET /range/{prefix}: connection refused").into()),
            (false, true) => Ok(format!("{padding}{kept}:7\r\n")),
            (false, false) => Ok(padding),
        }
    }
}

async fn with_service(service: &Arc<Service>) -> Site {
    let source: Arc<dyn BreachedPasswords> = service.clone();
    Site::with("http://localhost:8000", |it| it.breached_passwords(source)).await
}

async fn sign_up(site: &Site, name: &str, password: &str) -> Answer {
    let form = [("username", name), ("password", password)];
    site.post("/register", "", &form).await
}

async fn change(site: &Site, cookie: &str, password: &str) -> Answer {
    let form = [("current_password", PASSWORD), ("new_password", password)];
    site.post("/password", cookie, &form).await
}

async fn recover(site: &Site, password: &str) -> Answer {
    let hour = Duration::from_secs(3600);
    let token = site.auth.operator().issue_recovery("alice", hour).await;
    let token = token.unwrap().reveal().to_string();
    let form = [("token", token.as_str()), ("new_password", password)];
    site.post("/recover", "", &form).await
}

fn is_refused(answer: &Answer, field: &str) {
    let issue = (field.to_owned(), "password_breached".to_owned());
    assert_eq!(answer.issues(), [issue], "{}", answer.text);
    assert!(answer.text.contains("stolen from other sites"));
    assert!(!answer.text.contains(STOLEN));
}

async fn is_refused_wherever_it_is_set(site: &Site) {
    let cookie = site.register("alice").await;
    is_refused(&sign_up(site, "bob", STOLEN).await, "password");
    is_refused(&change(site, &cookie, STOLEN).await, "new_password");
    is_refused(&recover(site, STOLEN).await, "new_password");
    let operator = site.auth.operator();
    let alice = operator.user("alice").await.unwrap();
    for refused in [
        operator.set_password(&alice, Password::new(STOLEN)).await,
        operator
            .add_user("bob", Password::new(STOLEN), None)
            .await
            .map(drop),
    ] {
        let Err(Error::Invalid(problems)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(problems[0].code, "password_breached");
    }
    assert_eq!(site.written().await, (1, 1), "nothing was changed");
    assert!(site.is_in(&cookie).await);
    let page = [("username", "bob"), ("password", STOLEN)];
    let page = site.submit("/register", "", &page).await;
    assert!(page.status == 422 && page.text.contains("stolen from other sites"));
    assert_eq!(change(site, &cookie, NEW).await.status, 200);
}

#[tokio::test]
async fn a_password_in_the_blocklist_is_refused_wherever_one_is_set() {
    let site = Site::with("http://localhost:8000", with_list).await;
    is_refused_wherever_it_is_set(&site).await;
}

#[tokio::test]
async fn a_password_that_a_service_knows_is_refused_wherever_one_is_set() {
    let service = Service::new(false);
    is_refused_wherever_it_is_set(&with_service(&service).await).await;
    let asked = service.asked();
    assert!(asked.contains(&hex(STOLEN)[..5].to_owned()));
    assert!(asked.iter().all(|told| told.len() == 5), "{asked:?}");
}

#[tokio::test]
async fn a_log_in_with_a_password_that_was_stolen_since_still_works() {
    let service = Service::new(false);
    let source: Arc<dyn BreachedPasswords> = service.clone();
    let list = Blocklist::read(Cursor::new(list_of(PASSWORD))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("a.db").display());
    let site = Site::over("http://localhost:8000", folder, |it| it.open(&database)).await;
    site.register("alice").await;
    site.auth.close().await;
    let again = tempfile::tempdir().unwrap();
    let site = Site::over("http://localhost:8000", again, |it| {
        let it = it.password_blocklist(list).breached_passwords(source);
        async move { it.open(&database).await }
    })
    .await;
    let cookie = site.log_in("alice").await;
    assert!(site.is_in(&cookie).await);
    assert_eq!(service.asked(), [""; 0], "nobody is asked at log-in");
    assert_eq!(
        change(&site, &cookie, NEW).await.status,
        200,
        "it proves who one is"
    );
}

/// An attacker who signs up with other people's names learns that they are taken, as anybody does, and no more from whom
/// this server talks to meanwhile.
#[tokio::test]
async fn a_taken_name_asks_the_service_as_a_free_one_does() {
    let service = Service::new(false);
    let site = with_service(&service).await;
    site.register("alice").await;
    let told = [&hex(PASSWORD)[..5]];
    assert_eq!(service.asked(), told);
    assert_eq!(
        sign_up(&site, "alice", PASSWORD).await.code(),
        "username_taken"
    );
    assert_eq!(service.asked(), told);
    is_refused(&sign_up(&site, "alice", STOLEN).await, "password");
}

#[tokio::test]
async fn the_service_is_asked_only_about_what_all_other_rules_let_pass() {
    let service = Service::new(false);
    let source: Arc<dyn BreachedPasswords> = service.clone();
    let site = Site::with("http://localhost:8000", |it| {
        with_list(it).breached_passwords(source)
    })
    .await;
    for (name, password) in [
        ("bob", "short"),
        ("bob", "passwordpassword"),
        ("bob", "lockjar lockjar"),
        ("bob", STOLEN),
        ("not a name", NEW),
    ] {
        assert_eq!(
            sign_up(&site, name, password).await.status,
            422,
            "{password}"
        );
    }
    let cookie = {
        let cookie = site.register("alice").await;
        service.asked();
        cookie
    };
    let wrong = [("current_password", "wrong"), ("new_password", NEW)];
    assert_eq!(site.post("/password", &cookie, &wrong).await.status, 422);
    let form = [("token", "A"), ("new_password", NEW)];
    assert_eq!(site.post("/recover", "", &form).await.status, 422);
    assert_eq!(service.asked(), [""; 0]);
}

#[tokio::test]
async fn a_service_that_is_down_keeps_nobody_out_and_the_log_says_so_without_secrets() {
    let service = Service::new(true);
    let site = with_service(&service).await;
    let (log, _guard) = Log::of_this_thread();
    assert_eq!(sign_up(&site, "alice", STOLEN).await.status, 201);
    let text = log.take();
    let warning = text.lines().find(|line| line.contains("WARN")).unwrap();
    assert!(
        warning.contains("breached_passwords_unknown") && warning.contains("connection refused"),
        "{warning}"
    );
    let (hash, upper) = (hex(STOLEN), text.to_uppercase());
    for secret in [STOLEN.to_uppercase().as_str(), &hash[..5], &hash[5..]] {
        assert!(!upper.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn a_blocklist_that_breaks_while_it_serves_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, list_of(STOLEN)).unwrap();
    let list = Blocklist::open(&path).unwrap();
    let site = Site::with("http://localhost:8000", |it| it.password_blocklist(list)).await;
    is_refused(&sign_up(&site, "alice", STOLEN).await, "password");
    std::fs::write(&path, "").unwrap();
    assert_eq!(sign_up(&site, "alice", STOLEN).await.status, 201);
}

/// Answers nobody until it is let go.
struct Slow {
    asked: AtomicUsize,
    go: Semaphore,
}

#[async_trait]
impl BreachedPasswords for Slow {
    async fn range(&self, _: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        drop(self.go.acquire().await?);
        Ok(format!("{}:7\r\n", "A".repeat(35)))
    }
}

#[tokio::test]
async fn those_who_wait_for_a_service_keep_no_thread_from_hashing() {
    let go = Semaphore::new(1);
    let asked = AtomicUsize::new(0);
    let slow = Arc::new(Slow { asked, go });
    let source: Arc<dyn BreachedPasswords> = slow.clone();
    let site = Site::with("http://localhost:8000", |it| it.breached_passwords(source)).await;
    site.register("alice").await;
    slow.go.forget_permits(1);
    let waiting: Vec<_> = (0..8)
        .map(|number| {
            let name = format!("user-{number}");
            let form = encoded(&[("username", &name), ("password", PASSWORD)]);
            let form = request("POST", "/register", &[("content-type", FORM)], &form);
            tokio::spawn(Answer::from_router(site.router.clone(), form))
        })
        .collect();
    while slow.asked.load(Ordering::SeqCst) < 1 + waiting.len() {
        tokio::task::yield_now().await;
    }
    // More than there are threads, and none of them is taken.
    site.log_in("alice").await;
    assert!(waiting.iter().all(|one| !one.is_finished()));
    slow.go.add_permits(waiting.len());
    for one in waiting {
        assert_eq!(one.await.unwrap().status, 201);
    }
}
