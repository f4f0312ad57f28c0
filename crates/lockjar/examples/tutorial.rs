//! FastAPI's tutorial on HttpOnly cookies, in Rust: `POST /login` with the OAuth2 password form sets the cookie
//! `access_token`, and `GET /protected` greets whoever sends it.
//!
//! ```sh
//! cargo run -p lockjar --example tutorial -- --listen 127.0.0.1:8000
//! curl -i -c jar -d 'username=user1&password=password1' http://127.0.0.1:8000/login
//! curl -b jar http://127.0.0.1:8000/protected
//! ```
//!
//! A client written for the original needs no change: statuses, JSON, cookie attributes and every 422 are the same. A
//! test holds both against each other, request by request. Where this one differs it is safer:
//!
//! - the token is random and expires on the server, where the original's is made of the user's name and lasts for ever;
//! - `/protected` greets with the session's public id and never echoes the secret, and refuses a cookie nobody issued;
//! - a password is never echoed in a 422's `input`;
//! - a request from another site is refused, log-in included;
//! - guesses are counted, so that after a while they are answered 429; a log-in leaves a second cookie, `lockjar_device_PORT`, by
//!   which others' guesses lock nobody out;
//! - each error has a stable `code` beside its `detail`.

use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use lockjar::cookie::CookieSettings;
use lockjar::password::PasswordPolicy;
use lockjar::session::SessionLimits;
use lockjar::{Auth, CurrentUser, Error, SignUp, web};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = listen_address();
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| {
            format!("cannot listen on {address}: {error}; choose another with --listen")
        })?;
    let port = listener.local_addr()?.port();
    let database = std::env::temp_dir().join(format!("lockjar-tutorial-{port}.db"));

    let auth = Auth::builder(&format!("http://localhost:{port}"))
        .cookie(CookieSettings {
            name: Some("access_token".into()),
            max_age: Some(HOUR),
            ..Default::default()
        })
        .limits(SessionLimits {
            absolute: HOUR,
            ..Default::default()
        })
        // The tutorial's password is one of the first that attackers try.
        .password_policy(PasswordPolicy::dangerously_accept_anything())
        .without_pages()
        .open(&format!("sqlite://{}", database.display()))
        .await?;
    match auth.sign_up(SignUp::new("user1", "password1")).await {
        Ok(_) | Err(Error::UsernameTaken) => {}
        Err(error) => return Err(error.into()),
    }

    let app = Router::new()
        .route("/protected", get(protected))
        .method_not_allowed_fallback(web::method_not_allowed)
        .fallback(web::not_found);
    println!("http://localhost:{port}");
    let app = auth.mount(app);
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await?;
    Ok(())
}

async fn protected(user: CurrentUser) -> Json<Value> {
    Json(json!({ "message": format!("Hello, your token is {}", user.session()) }))
}

/// The value of `--listen`; `127.0.0.1:8000` without one.
fn listen_address() -> String {
    let mut arguments = std::env::args()
        .skip_while(|argument| argument != "--listen")
        .skip(1);
    arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:8000".to_owned())
}
