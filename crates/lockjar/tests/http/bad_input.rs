use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{FORM, PASSWORD, Site, raw, request};

const ROUTES: [(&str, &str); 14] = [
    ("POST", "/login"),
    ("POST", "/register"),
    ("POST", "/password"),
    ("POST", "/logout"),
    ("POST", "/logout/all"),
    ("POST", "/logout/others"),
    ("GET", "/me"),
    ("GET", "/sessions"),
    ("DELETE", "/sessions/x"),
    ("POST", "/sessions/x/revoke"),
    ("GET", "/protected"),
    ("GET", "/account"),
    ("GET", "/login"),
    ("GET", "/"),
];

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

/// Over a real connection: what hyper refuses, what never arrives whole.
#[tokio::test]
async fn broken_requests_on_the_wire_harm_nobody() {
    let site = Site::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = site.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let head = format!(
        "POST /register HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {FORM}\r\n"
    );
    let form = "username=alice&password=gravel+umbrella+seventeen";
    for (bytes, start) in [
        (
            format!("{head}Content-Length: 500\r\n\r\n{form}"),
            "HTTP/1.1 400",
        ),
        (
            format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nuser"),
            "HTTP/1.1 400",
        ),
        (
            "GET /protected HTTP/1.1\r\nHost: x\r\nCookie: lockjar_8000=\u{0}\r\n\r\n".to_owned(),
            "HTTP/1.1 400",
        ),
        ("\u{0}\u{1}nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (
            format!("{head}Content-Length: {}\r\n\r\n{form}", form.len()),
            "HTTP/1.1 201",
        ),
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        if start == "HTTP/1.1 400" {
            stream.shutdown().await.unwrap();
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            answer.is_empty() || answer.starts_with(start),
            "{bytes:.60}: {answer}"
        );
        assert!(start != "HTTP/1.1 201" || !answer.is_empty());
    }
    assert_eq!(
        site.written().await,
        (1, 1),
        "only the whole request did anything"
    );
}

#[test]
fn nothing_that_can_be_sent_is_a_fault_or_writes_unasked() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (site, cookie) = runtime.block_on(async {
        let site = Site::new().await;
        let cookie = site.register("alice").await;
        (site, cookie)
    });
    let kinds = prop_oneof![
        Just(FORM.to_owned()),
        Just("application/json".to_owned()),
        Just("multipart/form-data; boundary=b".to_owned()),
        "[ -~]{0,30}",
    ];
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "(username|password|remember|next|current_password|new_password|x)=[^&]{0,20}(&[a-z_]{0,10}=[%&=a-z0-9]{0,30}){0,4}".prop_map(String::into_bytes),
        r#"\{("username"|"password"|"x"):("[^"\\]{0,9}"|[0-9]{1,3}|null|\[\]|\{\})(,"[a-z]{1,5}":true)?\}"#.prop_map(String::into_bytes),
        "(--b\r\n)?(Content-Disposition: form-data; name=\"[a-z]{0,8}\"\r\n\r\n)?[ -~]{0,30}(\r\n--b--)?".prop_map(String::into_bytes),
    ];
    let cookies = prop_oneof![
        Just(String::new()),
        Just(cookie.clone()),
        "lockjar_8000=[!-~]{0,80}",
        "[ -~]{0,60}"
    ];
    let accept = prop_oneof![Just("*/*"), Just("text/html")];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(
            &(0..ROUTES.len(), kinds, body, cookies, accept),
            |(route, kind, body, cookie, accept)| {
                let (method, path) = ROUTES[route];
                let headers = [
                    ("content-type", kind.as_str()),
                    ("cookie", &cookie),
                    ("accept", accept),
                ];
                let status = runtime
                    .block_on(site.ask(raw(method, path, &headers, body)))
                    .status;
                prop_assert!(status.as_u16() < 500, "{method} {path}: {status}");
                Ok(())
            },
        )
        .unwrap();
    assert_eq!(
        runtime.block_on(site.written()).0,
        1,
        "nobody signed up by accident"
    );
}
