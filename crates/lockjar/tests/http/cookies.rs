use super::support::{Site, request, secret, session_id};

#[tokio::test]
async fn only_the_whole_cookie_opens_the_door() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let (name, value) = cookie.split_once('=').unwrap();
    let (id, secret) = (session_id(&cookie), secret(&cookie));
    let other = site.register("bob").await;
    let variants = [
        format!("{name}={value}x"),
        format!("{name}=x{value}"),
        format!("{name}={}", &value[1..]),
        format!("{name}={id}"),
        format!("{name}={id}."),
        format!("{name}=.{secret}"),
        format!("{name}={secret}.{id}"),
        format!("{name}={id}..{secret}"),
        format!("{name}={id}.{}", super::support::secret(&other)),
        format!("{name}={}.{secret}", session_id(&other)),
        format!("{name}={id}.{}", secret.to_lowercase()),
        format!("{name}={id}.{secret}="),
        format!("{name}=\"{value}\""),
        format!("{name}={}", value.replace('.', "%2E")),
        format!("{name}=%{value}"),
        format!("{}={value}", name.to_uppercase()),
        format!("{}={value}", name.replace('_', "%5F")),
        format!("x{name}={value}"),
        format!("{name}x={value}"),
        format!("{name} ={value}"),
        format!("{name}=\u{e9}"),
        format!("{name}={}", "x".repeat(5000)),
        name.to_owned(),
        ";;=;".into(),
        format!("{name}={id}\u{0}.{secret}").replace('\0', "\t"),
    ];
    for variant in variants {
        let answer = site.get("/protected", &variant).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "not_authenticated"),
            "{variant:?}"
        );
        assert!(
            answer.header("www-authenticate").starts_with("Cookie")
                && answer.set_cookies().is_empty()
                && answer.is_private()
        );
    }
    assert!(site.is_in(&cookie).await && site.is_in(&format!("a=b; {cookie}; c=d")).await);
}

#[tokio::test]
async fn the_same_cookie_twice_is_believed_only_if_it_is_the_same() {
    let site = Site::new().await;
    let (alice, bob) = (site.register("alice").await, site.register("bob").await);
    assert!(site.is_in(&format!("{alice}; {alice}")).await);
    for planted in [
        format!("{alice}; {bob}"),
        format!("{bob}; {alice}"),
        format!("lockjar_8000=; {alice}"),
        format!("{alice}; lockjar_8000=x"),
    ] {
        let answer = site.get("/protected", &planted).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "duplicate_cookie")
        );
        assert_eq!(answer.set_cookies().len(), 2, "both are cleared");
    }
    let two_headers = site
        .ask(request(
            "GET",
            "/me",
            &[("cookie", &alice), ("cookie", &bob)],
            "",
        ))
        .await;
    assert_eq!(two_headers.code(), "duplicate_cookie");
}

#[tokio::test]
async fn a_thousand_requests_without_a_session_write_nothing() {
    let site = Site::new().await;
    for _ in 0..1000 {
        assert_eq!(site.get("/protected", "").await.status, 401);
    }
    assert_eq!(site.written().await, (0, 0));
}

#[tokio::test]
async fn the_token_is_taken_from_the_cookie_and_nowhere_else() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let value = cookie.split_once('=').unwrap().1;
    let bearer = format!("Bearer {value}");
    assert_eq!(
        site.ask(request(
            "GET",
            "/protected",
            &[("authorization", &bearer)],
            ""
        ))
        .await
        .status,
        401
    );
    assert_eq!(
        site.get(&format!("/protected?lockjar_8000={value}"), "")
            .await
            .status,
        401
    );
}
