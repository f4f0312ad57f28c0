//! HttpOnly-cookie authentication for axum: people sign up and log in, a cookie that no script can read carries the
//! session, protected routes know who is there, and logging out is final.
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use axum::{Router, routing::get};
//! use lockjar::{Auth, CurrentUser};
//!
//! # #[cfg(all(feature = "web", feature = "sqlite"))]
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = Auth::open("sqlite://app.db", "http://localhost:8000").await?;
//!     let app = auth.mount(Router::new().route("/hello", get(hello)));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
//!     axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
//!     Ok(())
//! }
//!
//! async fn hello(user: CurrentUser) -> String {
//!     format!("Hello, {}", user.username)
//! }
//! # #[cfg(not(all(feature = "web", feature = "sqlite")))] fn main() {}
//! ```
//!
//! [`Auth`] is the handle: its verbs ([`sign_up`](Auth::sign_up), [`sign_in`](Auth::sign_in),
//! [`authenticate`](Auth::authenticate), [`sign_out`](Auth::sign_out), …) work on plain data, and
//! [`mount`](Auth::mount) puts them on the web. Everything else is a noun, one to a file: [`cookie`], [`csrf`],
//! [`password`], [`session`], the token and the user. [`store`] is what a database has to do.
//!
//! # Features
//! - `web` (default): router, extractors, pages, the OpenAPI document.
//! - `sqlite` (default): the store on an embedded SQLite file.
//! - `postgres`: the store on PostgreSQL, for more nodes than one.
//! - `redis`: sessions in Redis or Valkey beside it.
//! - `docs`: Swagger UI at `/docs` in [`Auth::router`].
//! - `conformance`: the suite that any store can run on itself.
//!
//! Without features the nouns, the verbs and the store traits are left, with neither axum nor sqlx in the tree.

pub mod address;
pub mod audit;
mod auth;
pub mod clock;
pub mod cookie;
pub mod csrf;
mod current;
mod error;
mod id;
pub mod jwt;
mod mac;
mod opaque;
mod origin;
pub mod password;
pub mod refresh;
pub mod session;
pub mod store;
pub mod throttle;
mod token;
mod user;
#[cfg(feature = "web")]
pub mod web;

pub use auth::{
    AccessToken, Auth, Builder, Client, Health, ImportUser, Imported, Introspection,
    IntrospectionSecret, Introspector, JwtSettings, KeyInfo, OnOutage, Operator, SignIn, SignUp,
    SignedIn, Strategy, Tokens,
};
pub use current::CurrentUser;
pub use error::{ConfigError, Error, OpenError, Problem, StoreError};
pub use id::{ParseIdError, SessionId, TokenId, UserId};
pub use opaque::{DeviceToken, RecoveryToken};
pub use origin::PublicUrl;
pub use token::{HashedSecret, PlainToken, PresentedSession};
pub use user::{EMAIL_MAX, USERNAME_MAX, User, Username, check_email};

/// The README's snippets, compiled.
#[cfg(all(doctest, feature = "web", feature = "sqlite"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
