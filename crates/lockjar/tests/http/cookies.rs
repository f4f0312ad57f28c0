use super::support::{Site, request, secret, session_id};

/// Negative tests 4 and 7.
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

#[tokio::test]
async fn one_among_many_is_found() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let many: String = (0..500).map(|number| format!("c{number}=x; ")).collect();
    assert!(site.is_in(&format!("{many}{cookie}")).await);
    assert!(site.is_in(&format!("{cookie}; {many}")).await);
    assert!(!site.is_in(&many).await);
}

/// Browsers write no spaces but `; ` and no quotes; proxies may join the headers.
#[tokio::test]
async fn cookies_in_several_headers_are_read_as_one_list() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    for (first, second) in [
        ("a=b", cookie.as_str()),
        (&cookie, "a=b"),
        (&cookie, &cookie),
    ] {
        let headers = [("cookie", first), ("cookie", second)];
        let answer = site.ask(request("GET", "/protected", &headers, "")).await;
        assert_eq!(answer.status, 200, "{first} {second}");
    }
}

/// Everything beyond the last bit of the secret is refused too, so no cookie has a second spelling. Negative test 7.
#[tokio::test]
async fn no_bit_of_the_cookie_may_differ() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let start = cookie.find('=').unwrap() + 1;
    for place in start..cookie.len() {
        let mut other = cookie.clone().into_bytes();
        other[place] = if other[place] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(!site.is_in(&other).await, "{place}");
    }
    let last = cookie.as_bytes()[cookie.len() - 1];
    for other in b'0'..=b'z' {
        let mut changed = cookie.clone().into_bytes();
        *changed.last_mut().unwrap() = other;
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(site.is_in(&changed).await, other == last, "{changed}");
    }
}

#[tokio::test]
async fn a_cookie_of_the_other_scheme_opens_nothing() {
    let https = Site::with("https://example.com", |builder| builder).await;
    let cookie = https.register("alice").await;
    let value = cookie.split_once('=').unwrap().1;
    assert!(https.is_in(&format!("__Host-Http-session={value}")).await);
    for name in [
        "__Host-session",
        "__Secure-session",
        "session",
        "__host-http-session",
        "__Host%2DHttp-session",
        "%5f_Host-Http-session",
        "lockjar_443",
    ] {
        let cookie = format!("{name}={value}");
        assert!(!https.is_in(&cookie).await, "{name:?}");
    }
}

#[tokio::test]
async fn a_conflict_clears_the_cookie_as_the_scheme_wants_it() {
    let site = Site::with("https://example.com", |builder| builder).await;
    let cookie = site.register("alice").await;
    let answer = site
        .get("/protected", &format!("{cookie}; __Host-Http-session=x"))
        .await;
    assert_eq!(answer.code(), "duplicate_cookie");
    for clearing in answer.set_cookies() {
        assert!(
            clearing.starts_with("__Host-Http-session=; HttpOnly; SameSite=Lax; Secure; Path=/"),
            "{clearing}"
        );
        assert!(clearing.ends_with("Max-Age=0"));
    }
    assert!(answer.is_private() && !answer.header("www-authenticate").is_empty());
}
