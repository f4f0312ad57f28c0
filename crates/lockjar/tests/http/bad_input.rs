use super::support::{FORM, PASSWORD, Site, encoded, raw, request, session_id};
use super::wire;

#[tokio::test]
async fn a_body_over_64_kib_is_refused_before_it_is_read_whole() {
    let site = Site::new().await;
    let large = format!("username=alice&password={}", "x".repeat(64 * 1024));
    for path in ["/login", "/register"] {
        let answer = site
            .ask(request("POST", path, &[("content-type", FORM)], &large))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (413, "body_too_large")
        );
        let page = site
            .ask(request(
                "POST",
                path,
                &[("content-type", FORM), ("accept", "text/html")],
                &large,
            ))
            .await;
        assert!(page.status == 413 && page.text.contains("64 KiB"));
    }
    assert_eq!(site.written().await, (0, 0));
}

#[tokio::test]
async fn bad_utf_8_is_refused_on_its_field() {
    let site = Site::new().await;
    for (field, body) in [
        ("username", "username=%ff&password=x"),
        ("password", "username=a&password=%c3%28"),
    ] {
        let answer = site
            .ask(request("POST", "/login", &[("content-type", FORM)], body))
            .await;
        assert_eq!(
            answer.issues(),
            [(field.to_owned(), "string_unicode".to_owned())]
        );
    }
    let json = site
        .ask(raw(
            "POST",
            "/login",
            &[("content-type", "application/json")],
            b"{\"username\": \"\xff\"}".to_vec(),
        ))
        .await;
    assert_eq!(json.issues()[0].1, "json_invalid");
}

#[tokio::test]
async fn json_that_is_no_object_of_strings_is_refused() {
    let site = Site::new().await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for (body, kind) in [
        ("", "json_invalid"),
        ("{", "json_invalid"),
        ("[]", "model_type"),
        ("\"x\"", "model_type"),
        ("null", "model_type"),
        (&deep, "json_invalid"),
        (r#"{"username": 5, "password": "x"}"#, "string_type"),
        (r#"{"username": {"a": 1}, "password": "x"}"#, "string_type"),
        (r#"{"username": null, "password": "x"}"#, "missing"),
        (
            r#"{"username": "a", "password": "x", "remember": "perhaps", "x": 1}"#,
            "extra_forbidden",
        ),
        (
            r#"{"username": "a", "password": "x", "remember": 7}"#,
            "bool_parsing",
        ),
    ] {
        assert_eq!(
            site.json("/login", body).await.issues()[0].1,
            kind,
            "{body:.60}"
        );
    }
}

#[tokio::test]
async fn a_multipart_form_that_is_cut_off_or_malformed_is_refused() {
    let site = Site::new().await;
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let whole = format!(
        "{}{}--b--\r\n",
        part("username", "alice"),
        part("password", PASSWORD)
    );
    for (kind, body) in [
        ("multipart/form-data", whole.as_str()),
        ("multipart/form-data; boundary=", &whole),
        ("multipart/form-data; boundary=c", &whole),
        ("multipart/form-data; boundary=b", &whole[..whole.len() - 6]),
        ("multipart/form-data; boundary=b", &whole[..whole.len() / 2]),
        ("multipart/form-data; boundary=b", "garbage"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        ),
    ] {
        let answer = site
            .ask(request(
                "POST",
                "/register",
                &[("content-type", kind)],
                body,
            ))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "multipart_invalid"),
            "{kind} {body:.40}"
        );
    }
    assert_eq!(site.written().await, (0, 0));
    let file = "--b\r\nContent-Disposition: form-data; name=\"username\"; filename=\"x\"\r\n\r\nalice\r\n--b--\r\n";
    let answer = site
        .ask(request(
            "POST",
            "/login",
            &[("content-type", "multipart/form-data; boundary=b")],
            file,
        ))
        .await;
    assert_eq!(
        answer.issues()[0],
        ("username".to_owned(), "string_type".to_owned())
    );
}

#[tokio::test]
async fn another_content_type_has_none_of_the_fields() {
    let site = Site::new().await;
    for kind in [
        "text/plain",
        "",
        "nonsense",
        "application/xml",
        "multipart/mixed; boundary=b",
        "application/jsonx",
    ] {
        let answer = site
            .ask(request(
                "POST",
                "/login",
                &[("content-type", kind)],
                "username=a&password=b",
            ))
            .await;
        assert_eq!(answer.issues().len(), 2, "{kind}");
    }
}

#[tokio::test]
async fn a_body_of_exactly_64_kib_is_read_and_one_byte_more_is_not() {
    let site = Site::new().await;
    let start = "username=alice&password=x&padding=";
    for (length, status) in [(64 * 1024, 401), (64 * 1024 + 1, 413)] {
        let body = format!("{start}{}", "x".repeat(length - start.len()));
        let answer = site
            .ask(request("POST", "/login", &[("content-type", FORM)], &body))
            .await;
        assert_eq!(answer.status, status, "{length}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_form_that_is_cut_off_has_the_fields_that_came() {
    let site = Site::new().await;
    site.register("alice").await;
    let missing = |field: &str| vec![(field.to_owned(), "missing".to_owned())];
    for (body, issues) in [
        ("username=alice", missing("password")),
        ("username=alice&", missing("password")),
        ("username=alice&pass", missing("password")),
        ("username=alice&password", missing("password")),
        ("username=alice&password=", missing("password")),
        ("&&=&=x&password=x&", missing("username")),
    ] {
        let answer = site
            .ask(request("POST", "/login", &[("content-type", FORM)], body))
            .await;
        assert_eq!(answer.issues(), issues, "{body}");
    }
    for body in [
        "username=alice&password=gravel%",
        "username=alice&password=gravel%2",
        "username=alice%&password=%zz",
    ] {
        let answer = site
            .ask(request("POST", "/login", &[("content-type", FORM)], body))
            .await;
        assert_eq!(answer.code(), "invalid_credentials", "{body}");
    }
}

#[tokio::test]
async fn of_a_field_that_comes_twice_the_last_counts_in_every_kind_of_body() {
    let site = Site::new().await;
    site.register("alice").await;
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let form = [
        ("username", "mallory"),
        ("username", "alice"),
        ("password", "x"),
        ("password", PASSWORD),
    ];
    let parts: String = form.iter().map(|(name, value)| part(name, value)).collect();
    let json: Vec<_> = form
        .iter()
        .map(|(name, value)| format!(r#""{name}": "{value}""#))
        .collect();
    for (kind, body) in [
        (FORM, encoded(&form)),
        (
            "multipart/form-data; boundary=b",
            format!("{parts}--b--\r\n"),
        ),
        ("application/json", format!("{{{}}}", json.join(", "))),
    ] {
        let answer = site
            .ask(request("POST", "/login", &[("content-type", kind)], &body))
            .await;
        let cookie = answer.cookie();
        let me = site.get("/me", &cookie).await.json();
        assert_eq!(me["username"], "alice", "{kind}");
    }
}

#[tokio::test]
async fn an_empty_body_lacks_its_fields_on_every_route_that_wants_some() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    for path in ["/login", "/register", "/password"] {
        for kind in ["", FORM, "text/plain"] {
            let headers = [("content-type", kind), ("cookie", &cookie)];
            let answer = site.ask(request("POST", path, &headers, "")).await;
            let issues = answer.issues();
            assert_eq!(issues.len(), 2, "{path} {kind}: {issues:?}");
            assert!(issues.iter().all(|(_, issue)| issue == "missing"), "{path}");
        }
    }
}

#[tokio::test]
async fn json_with_a_field_nobody_asked_for_is_refused_on_every_route() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let before = site.written().await;
    for (path, fields) in [
        (
            "/login",
            r#""username": "alice", "password": "gravel umbrella seventeen""#,
        ),
        (
            "/register",
            r#""username": "bob", "password": "gravel umbrella seventeen""#,
        ),
        (
            "/password",
            r#""current_password": "gravel umbrella seventeen", "new_password": "another fine long one""#,
        ),
    ] {
        for extra in ["user_id", "Password", "constructor", "__proto__", ""] {
            let body = format!(r#"{{{fields}, "{extra}": "x"}}"#);
            let headers = [("content-type", "application/json"), ("cookie", &cookie)];
            let answer = site.ask(request("POST", path, &headers, &body)).await;
            assert_eq!(
                answer.issues(),
                [(extra.to_owned(), "extra_forbidden".to_owned())],
                "{path}"
            );
            assert!(answer.set_cookies().is_empty());
        }
    }
    assert_eq!(site.written().await, before);
    site.log_in("alice").await;
}

#[tokio::test]
async fn an_object_nested_ten_thousand_deep_is_refused_and_overflows_nothing() {
    let site = Site::new().await;
    let deep = format!(
        r#"{{"username": "a", "password": {}1{}}}"#,
        r#"{"a":"#.repeat(10_000),
        "}".repeat(10_000)
    );
    assert_eq!(
        site.json("/login", &deep).await.issues()[0].1,
        "json_invalid"
    );
}

/// Header values may hold any byte from 0x80 up, in any header. Negative test 4.
#[tokio::test]
async fn header_values_that_are_no_text_are_no_fault() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let form = encoded(&[("username", "alice"), ("password", PASSWORD)]);
    for (name, status) in [
        ("user-agent", 200),
        ("accept", 200),
        ("accept-language", 200),
        ("cookie", 200),
        ("authorization", 200),
        ("x-request-id", 200),
        ("x-forwarded-for", 200),
        ("content-type", 422),
        ("origin", 403),
        ("sec-fetch-site", 403),
    ] {
        let mut login = request("POST", "/login", &[("content-type", FORM)], &form);
        let garbage = http::HeaderValue::from_bytes(b"\xff\xfe\t; \"=%").unwrap();
        let header = http::HeaderName::from_static(name);
        login.headers_mut().insert(header, garbage);
        assert_eq!(site.ask(login).await.status, status, "{name}");
    }
    let sessions = site.get("/sessions", &cookie).await;
    assert_eq!(sessions.status, 200, "what was stored can be shown again");
    assert_eq!(site.page("/account", &cookie).await.status, 200);
}

#[tokio::test]
async fn a_path_that_is_no_text_is_404_in_the_one_shape() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let too_long = format!("/sessions/{}", "x".repeat(5000));
    for (method, path) in [
        ("DELETE", "/sessions/%ff"),
        ("POST", "/sessions/%ff/revoke"),
        ("DELETE", "/sessions/%00"),
        ("DELETE", "/sessions/%"),
        ("DELETE", "/sessions/%zz"),
        ("DELETE", &too_long),
        ("GET", "/%ff"),
        ("GET", "/docs/%ff"),
        ("GET", "/docs/..%2f..%2fetc%2fpasswd"),
        ("GET", "/assets/%2e%2e/lockjar.css"),
    ] {
        let answer = site
            .ask(request(method, path, &[("cookie", &cookie)], ""))
            .await;
        assert_eq!(answer.status, 404, "{method} {path:.60}: {}", answer.text);
        assert_eq!(answer.code(), "not_found", "{method} {path:.60}");
    }
    assert!(site.is_in(&cookie).await);
}

/// Hyper answers what is no HTTP; of what never arrives whole nothing is done.
#[tokio::test]
async fn broken_requests_on_the_wire_harm_nobody() {
    let site = Site::new().await;
    let address = wire::serve(&site).await;
    let head = format!("POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n");
    let form = "username=alice&password=gravel+umbrella+seventeen";
    for refused in [
        "\u{0}\u{1}nonsense\r\n\r\n".to_owned(),
        "GET /protected HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(),
        "GET /protected HTTP/1.1\r\nHost: x\r\nCookie: lockjar_8000=\u{0}\r\n\r\n".to_owned(),
        "GET /protected HTTP/1.1\r\nHost: x\r\nA header: x\r\n\r\n".to_owned(),
        format!("{head}Content-Length: -1\r\n\r\n{form}"),
        format!("{head}Content-Length: 5\r\nContent-Length: 49\r\n\r\n{form}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{form}"),
    ] {
        let answer = wire::send(address, refused.as_bytes()).await;
        assert_eq!(wire::statuses(&answer), [400], "{refused:?}: {answer}");
    }
    for unfinished in [
        format!("{head}Content-Length: 500\r\n\r\n{form}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n31\r\n{form}\r\n"),
        format!("{head}Content-Length: 49"),
    ] {
        let answer = wire::send_and_hang_up(address, unfinished.as_bytes()).await;
        let statuses = wire::statuses(&answer);
        assert!(
            statuses.is_empty() || statuses == [400],
            "{unfinished:?}: {answer}"
        );
    }
    assert_eq!(site.written().await, (0, 0));
    let whole = format!(
        "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = wire::send(address, whole.as_bytes()).await;
    assert_eq!(wire::statuses(&answer), [201], "the control: {answer}");
    assert_eq!(site.written().await, (1, 1));
}

/// The body has no end, so whoever read it whole would never answer.
#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let address = wire::serve(&site).await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for path in ["/login", "/register", "/password"] {
        for length in ["Transfer-Encoding: chunked", "Content-Length: 99999999999"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nCookie: {cookie}\r\n{length}\r\n\r\n"
            );
            let answer = wire::send(address, (head + &chunk.repeat(17)).as_bytes()).await;
            assert!(
                answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"),
                "{path} {length}: {answer}"
            );
        }
    }
    assert!(site.is_in(&cookie).await);
}

/// Ten seconds, which pass as fast as the test's clock finds nothing else to do.
#[tokio::test]
async fn a_body_that_does_not_arrive_is_408_and_nothing_is_done() {
    let site = Site::new().await;
    let address = wire::serve(&site).await;
    let slow = format!(
        "POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 500\r\n\r\nusername=alice"
    );
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let answer = wire::send(address, slow.as_bytes()).await;
    let waited = began.elapsed().as_secs();
    tokio::time::resume();
    assert!((10..20).contains(&waited), "{waited}");
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_timeout"),
        "{answer}"
    );
    assert_eq!(site.written().await, (0, 0));
}

#[tokio::test]
async fn requests_in_one_go_are_each_answered_for_their_own_cookie() {
    let site = Site::new().await;
    let (alice, bob) = (site.register("alice").await, site.register("bob").await);
    let address = wire::serve(&site).await;
    let get = |cookie: &str, more: &str| {
        format!("GET /protected HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n{more}\r\n")
    };
    let requests = [
        get(&alice, ""),
        get("a=b", ""),
        get(&bob, ""),
        get("", "Connection: close\r\n"),
    ];
    let answers = wire::send(address, requests.concat().as_bytes()).await;
    assert_eq!(wire::statuses(&answers), [200, 401, 200, 401], "{answers}");
    let place = |cookie: &str| answers.find(session_id(cookie)).unwrap();
    assert!(place(&alice) < place(&bob));
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_431_and_the_site_lives() {
    let site = Site::new().await;
    let address = wire::serve(&site).await;
    let many = "X-A: b\r\n".repeat(2000);
    let large = format!("Cookie: lockjar_8000={}\r\n", "x".repeat(1 << 20));
    for headers in [many, large] {
        let request = format!("GET /protected HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let answer = wire::send(address, request.as_bytes()).await;
        // What hyper has not read when it closes may take its answer along.
        let statuses = wire::statuses(&answer);
        assert!(statuses.is_empty() || statuses == [431], "{answer}");
    }
    let answer = wire::send(
        address,
        b"GET /protected HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(wire::statuses(&answer), [401]);
}
