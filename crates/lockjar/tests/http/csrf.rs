use super::support::{FORM, PASSWORD, Site, encoded, request, session_id};

/// What a page elsewhere can make a browser send.
const ATTACKS: [&[(&str, &str)]; 7] = [
    &[
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ],
    &[
        ("origin", "http://localhost:9999"),
        ("sec-fetch-site", "same-site"),
    ],
    &[("origin", "null"), ("sec-fetch-site", "cross-site")],
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "http://localhost:8000.evil.example")],
];

async fn attack(
    site: &Site,
    method: &str,
    path: &str,
    cookie: &str,
    from: &[(&str, &str)],
) -> super::support::Answer {
    let form = encoded(&[
        ("username", "mallory"),
        ("password", PASSWORD),
        ("current_password", PASSWORD),
        ("new_password", "another fine long one"),
    ]);
    let headers = [&[("cookie", cookie), ("content-type", FORM)], from].concat();
    site.ask(request(method, path, &headers, &form)).await
}

#[tokio::test]
async fn a_request_from_elsewhere_changes_nothing_on_any_route() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    site.register("mallory").await;
    let before = site.written().await;
    let (revoke, delete) = (
        format!("/sessions/{}/revoke", session_id(&there)),
        format!("/sessions/{}", session_id(&there)),
    );
    for (method, path) in [
        ("POST", "/login"),
        ("POST", "/register"),
        ("POST", "/logout"),
        ("POST", "/logout/all"),
        ("POST", "/logout/others"),
        ("POST", "/password"),
        ("POST", &revoke),
        ("DELETE", &delete),
        ("PUT", "/me"),
        ("POST", "/nowhere"),
    ] {
        for from in ATTACKS {
            let answer = attack(&site, method, path, &here, from).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "cross_origin"),
                "{method} {path} {from:?}"
            );
            assert!(answer.set_cookies().is_empty());
            assert_eq!(answer.header("vary"), "Sec-Fetch-Site, Origin");
        }
    }
    assert_eq!(site.written().await, before);
    assert!(site.is_in(&here).await && site.is_in(&there).await);
}

#[tokio::test]
async fn without_the_guard_the_attack_works() {
    let site = Site::with(
        "http://localhost:8000",
        lockjar::Builder::dangerously_without_csrf_guard,
    )
    .await;
    let here = site.register("alice").await;
    assert_eq!(
        attack(&site, "POST", "/register", "", ATTACKS[0])
            .await
            .status,
        201
    );
    assert_eq!(
        attack(&site, "POST", "/login", "", ATTACKS[1]).await.status,
        200
    );
    assert_eq!(
        attack(&site, "POST", "/logout", &here, ATTACKS[0])
            .await
            .status,
        200
    );
    assert!(!site.is_in(&here).await);
}

#[tokio::test]
async fn this_origin_in_all_its_spellings_and_programs_may() {
    let site = Site::new().await;
    for (number, from) in [
        &[
            ("origin", "http://localhost:8000"),
            ("sec-fetch-site", "same-origin"),
        ][..],
        &[
            ("origin", "http://127.0.0.1:8000"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("origin", "http://[::1]:8000")],
        &[("sec-fetch-site", "none")],
        &[],
    ]
    .into_iter()
    .enumerate()
    {
        let form = encoded(&[("username", &format!("u{number}")), ("password", PASSWORD)]);
        let headers = [&[("content-type", FORM)], from].concat();
        assert_eq!(
            site.ask(request("POST", "/register", &headers, &form))
                .await
                .status,
            201,
            "{from:?}"
        );
    }
}

#[tokio::test]
async fn a_forged_host_does_not_make_an_origin_ours() {
    let site = Site::with("https://app.example", |builder| builder).await;
    let from = [
        ("host", "evil.example"),
        ("origin", "https://evil.example"),
        ("x-forwarded-host", "evil.example"),
    ];
    assert_eq!(
        attack(&site, "POST", "/register", "", &from).await.status,
        403
    );
}

#[tokio::test]
async fn the_refusal_says_what_came_and_what_was_expected_and_to_people_in_plain_text() {
    let site = Site::new().await;
    let detail = attack(&site, "POST", "/login", "", ATTACKS[0]).await.json()["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        detail.contains("https://evil.example") && detail.contains("http://localhost:8000"),
        "{detail}"
    );
    let from = [ATTACKS[0], &[("accept", "text/html")]].concat();
    let page = attack(&site, "POST", "/login", "", &from).await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (403, "text/plain; charset=utf-8")
    );
}
