use super::support::{PASSWORD, Site, encoded, request};

#[tokio::test]
async fn the_journey_needs_no_script() {
    let site = Site::new().await;
    assert!(site.page("/", "").await.text.contains("/login"));
    let cookie = site
        .submit(
            "/register",
            "",
            &[("username", "alice"), ("password", PASSWORD)],
        )
        .await
        .cookie();
    let account = site.page("/account?notice=welcome", &cookie).await;
    assert!(account.text.contains("alice") && account.text.contains("This device"));
    assert!(site.page("/", &cookie).await.text.contains("alice"));
    for path in ["/", "/login", "/register", "/account"] {
        let page = site.page(path, &cookie).await;
        assert!(
            page.status == 200 && !page.text.contains("<script") && !page.text.contains("style="),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_account_page_leads_strangers_to_the_log_in_and_back() {
    let site = Site::new().await;
    let answer = site.page("/account", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/login?next=%2Faccount")
    );
    let form = site.page("/login?next=%2Faccount", "").await;
    assert!(
        form.text.contains("name=\"next\"") && form.text.contains("value=\"/account\""),
        "{}",
        form.text
    );
}

#[tokio::test]
async fn a_link_cannot_put_words_into_our_mouth() {
    let site = Site::new().await;
    let hostile = "/login?notice=Call+0800+now&next=%22%3E%3Cscript%3E&username=x&error=%3Cimg%3E";
    let page = site.page(hostile, "").await.text;
    assert!(
        !page.contains("0800") && !page.contains("<script") && !page.contains("<img%"),
        "{page}"
    );
    assert!(
        site.page("/?notice=logged-out", "")
            .await
            .text
            .contains("logged out")
    );
}

#[tokio::test]
async fn password_fields_are_made_for_managers() {
    for page in pages_with_passwords().await {
        assert!(page.contains("autocomplete=\"username\""), "{page}");
        for field in password_fields(&page) {
            let of_managers = ["current-password", "new-password"]
                .map(|kind| field.contains(&format!("autocomplete=\"{kind}\"")));
            assert!(of_managers.contains(&true), "{field}");
        }
    }
}

/// Whatever field's name speaks of a password hides what is typed, and nothing stands in the way of pasting.
#[tokio::test]
async fn every_password_field_hides_what_is_typed_and_takes_what_is_pasted() {
    let mut fields = 0;
    for page in pages_with_passwords().await {
        for field in password_fields(&page) {
            fields += 1;
            assert!(field.contains("type=\"password\""), "{field}");
            for hindrance in ["onpaste", "readonly", "maxlength", "pattern", "value="] {
                assert!(!field.contains(hindrance), "{hindrance}: {field}");
            }
        }
    }
    assert_eq!(fields, 5, "log-in, sign-up, change (two) and recovery");
}

async fn pages_with_passwords() -> [String; 4] {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let hour = std::time::Duration::from_secs(3600);
    let token = site.auth.operator().issue_recovery("alice", hour).await;
    let link = site.auth.recovery_url(&token.unwrap());
    let recover = link.strip_prefix("http://localhost:8000").unwrap();
    [
        site.page("/login", "").await.text,
        site.page("/register", "").await.text,
        site.page("/account", &cookie).await.text,
        site.page(recover, "").await.text,
    ]
}

fn password_fields(page: &str) -> impl Iterator<Item = &str> {
    let inputs = page.split("<input").skip(1);
    inputs
        .map(|rest| rest.split('>').next().unwrap())
        .filter(|input| input.contains("password\""))
        .filter(|input| input.contains("name=\""))
}

#[tokio::test]
async fn programs_get_json_and_people_a_page_where_nothing_is() {
    let site = Site::new().await;
    let json = site.get("/nowhere", "").await;
    assert_eq!(
        (json.status.as_u16(), json.text.as_str()),
        (404, r#"{"detail":"Not Found","code":"not_found"}"#)
    );
    let page = site.page("/nowhere", "").await;
    assert!(page.status == 404 && page.text.contains("<h1"));
    let method = site.ask(request("PUT", "/protected", &[], "")).await;
    assert_eq!(
        (
            method.status.as_u16(),
            method.header("allow"),
            method.code().as_str()
        ),
        (405, "GET,HEAD", "method_not_allowed")
    );
    assert_eq!(site.ask(request("TRACE", "/me", &[], "")).await.status, 405);
    for path in [
        "/protected/",
        "//protected",
        "/PROTECTED",
        "/%70rotected",
        "/me.css",
        "/me/x",
    ] {
        assert_eq!(site.get(path, "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_app_may_have_pages_of_its_own() {
    let site = Site::with("http://localhost:8000", lockjar::Builder::without_pages).await;
    assert_eq!(site.page("/login", "").await.status, 405);
    let body = encoded(&[("username", "alice"), ("password", PASSWORD)]);
    let headers = [
        ("content-type", super::support::FORM),
        ("accept", "text/html"),
    ];
    for (path, status) in [("/register", 201), ("/login", 200), ("/logout/all", 401)] {
        let answer = site.ask(request("POST", path, &headers, &body)).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
    }
}
