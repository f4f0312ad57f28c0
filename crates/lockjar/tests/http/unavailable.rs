use axum::Router;
use axum::routing::get;
use lockjar::{Auth, CurrentUser};

use super::support::{CHEAP, PASSWORD, Site};

/// Closing the store is as good as losing it.
#[tokio::test]
async fn a_store_that_is_gone_is_503_and_logs_nobody_out() {
    let mut site = Site::new().await;
    let cookie = site.register("alice").await;
    let maybe = get(async |user: Option<CurrentUser>| {
        user.map_or("nobody".to_owned(), |user| user.username.clone())
    });
    site.router = site
        .auth
        .mount(Router::new().route("/maybe", maybe).merge(Router::new()));
    site.auth.close().await;
    for (path, answer) in [
        ("/me", site.get("/me", &cookie).await),
        ("/maybe", site.get("/maybe", &cookie).await),
        ("/sessions", site.get("/sessions", &cookie).await),
        ("/logout", site.post("/logout", &cookie, &[]).await),
        (
            "/login",
            site.post(
                "/login",
                "",
                &[("username", "alice"), ("password", PASSWORD)],
            )
            .await,
        ),
        (
            "/register",
            site.post(
                "/register",
                "",
                &[("username", "bob"), ("password", PASSWORD)],
            )
            .await,
        ),
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (503, "unavailable"),
            "{path}"
        );
        assert_eq!(
            (answer.header("retry-after"), answer.set_cookies().len()),
            ("1", 0),
            "{path}"
        );
    }
    let page = site.page("/account", &cookie).await;
    assert!(page.status == 503 && page.text.contains("<h1") && page.set_cookies().is_empty());
    let form = site
        .submit(
            "/login",
            "",
            &[("username", "alice"), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(
        (form.status.as_u16(), form.header("retry-after")),
        (503, "1")
    );
    assert_eq!(
        site.get("/maybe", "").await.text,
        "nobody",
        "without a cookie nothing has to be asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_log_ins_is_shed_and_the_logged_in_notice_nothing() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let dear = Auth::builder("http://localhost:8000")
        .open(&format!("sqlite://{}", site.database().display()))
        .await
        .unwrap();
    let storm: Vec<_> = (0..300)
        .map(|_| {
            let auth = dear.clone();
            tokio::spawn(async move {
                auth.sign_in(lockjar::SignIn::new("nobody", PASSWORD))
                    .await
                    .map(drop)
            })
        })
        .collect();
    assert!(site.is_in(&cookie).await);
    let mut shed = 0;
    for log_in in storm {
        match log_in.await.unwrap() {
            Err(lockjar::Error::Overloaded { retry_after }) => {
                assert!(retry_after.as_secs() >= 1);
                shed += 1;
            }
            Err(lockjar::Error::InvalidCredentials) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(
        (1..300).contains(&shed),
        "some are shed and some are answered: {shed}"
    );
    assert_ne!(CHEAP, lockjar::password::Argon2Params::default());
}
